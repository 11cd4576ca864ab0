package cli

import (
	"fmt"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/app"
	"keepwatch/internal/store"
)

type tokenCmd struct {
	Create tokenCreateCmd `cmd:"" help:"Make an API token; it is shown once."`
	List   tokenListCmd   `cmd:"" help:"List API tokens."`
	Revoke tokenRevokeCmd `cmd:"" help:"End an API token."`
}

type tokenCreateCmd struct {
	Remote
	Name    string `arg:"" help:"What the token is for."`
	Role    string `default:"viewer" help:"pusher only hands evidence in; viewer reads; operator also checks, acknowledges, silences, keeps the inventory and rotates; admin also reloads and manages tokens and accounts. A part of the estate: operator@TENANT, operator@TENANT/TEAM, operator@*/TEAM."`
	Expires string `placeholder:"90d" help:"End after this long; without it the token does not end."`
}

func (c tokenCreateCmd) Run(e *env) error {
	want := client.NewToken{Name: strings.TrimSpace(c.Name), Role: c.Role}
	if want.Name == "" {
		return misused("name what it is for, like keepwatch token create grafana", "a token needs a name")
	}
	if c.Expires != "" {
		d, err := keepwatch.ParseDuration(c.Expires)
		if err != nil || d == 0 {
			return misused("write it like 90d or 12h", "--expires %q is not a time from now", c.Expires)
		}
		at := time.Now().Add(d).UTC()
		want.ExpiresAt = &at
	}
	created, err := c.create(e, want)
	if err != nil {
		return err
	}
	if e.Output != "table" {
		return e.printJSON(struct {
			SchemaVersion int `json:"schema_version"`
			client.CreatedToken
		}{1, created})
	}
	e.progress("token %q (%s), shown once:", created.Name, created.Role)
	_, err = fmt.Fprintln(e.stdout, created.Secret)
	return err
}

func (c tokenCreateCmd) create(e *env, want client.NewToken) (client.CreatedToken, error) {
	daemon, err := c.daemon(e)
	if err != nil {
		return client.CreatedToken{}, err
	}
	if daemon != nil {
		created, err := daemon.CreateToken(e.ctx, want)
		return created, explained(err)
	}
	// The store may be made here: the first token can exist before the first start.
	url, err := e.configuredStore()
	if err != nil {
		return client.CreatedToken{}, err
	}
	db, err := store.Open(e.ctx, url, store.Options{Logger: e.log})
	if err != nil {
		return client.CreatedToken{}, err
	}
	defer func() { _ = db.Close() }()
	return app.Tokens{DB: db}.Create(e.ctx, want, "command line")
}

type tokenListCmd struct{ Remote }

func (c tokenListCmd) Run(e *env) error {
	list, err := c.list(e)
	if err != nil {
		return err
	}
	if e.Output != "table" {
		return printItems(e, list)
	}
	rows := make([][]string, len(list))
	for i, t := range list {
		rows[i] = []string{t.ID, t.Name, t.Role, since(t.CreatedAt), orNever(t.ExpiresAt)}
	}
	return e.printTable([]string{"ID", "NAME", "ROLE", "CREATED", "ENDS"}, rows)
}

func orNever(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return since(t)
}

func (c tokenListCmd) list(e *env) ([]client.Token, error) {
	daemon, err := c.daemon(e)
	if err != nil {
		return nil, err
	}
	if daemon != nil {
		list, err := daemon.Tokens(e.ctx)
		return list, explained(err)
	}
	db, err := e.openStore()
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	return app.Tokens{DB: db}.List(e.ctx)
}

type tokenRevokeCmd struct {
	Remote
	ID string `arg:"" help:"The token's id, as keepwatch token list shows it."`
}

func (c tokenRevokeCmd) Run(e *env) error {
	daemon, err := c.daemon(e)
	if err != nil {
		return err
	}
	if daemon != nil {
		if err := daemon.RevokeToken(e.ctx, c.ID); err != nil {
			return explained(err)
		}
		e.progress("token %s is revoked", c.ID)
		return nil
	}
	db, err := e.openStore()
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if err := (app.Tokens{DB: db}).Revoke(e.ctx, c.ID); err != nil {
		return err
	}
	e.progress("token %s is revoked", c.ID)
	return nil
}
