package cli

import (
	"cmp"
	"fmt"

	"keepwatch/client"
)

type feedsCmd struct {
	Create feedsCreateCmd `cmd:"" help:"Make a calendar feed; its address is shown once."`
	List   feedsListCmd   `cmd:"" help:"List the calendar feeds."`
	Revoke feedsRevokeCmd `cmd:"" help:"End a calendar feed."`
}

type feedsCreateCmd struct {
	Inventory
	Owner string `placeholder:"TEAM" help:"Only the dates of this team; without it, everybody's."`
}

func (c feedsCreateCmd) Run(e *env) error {
	daemon, end, err := c.open(e)
	if err != nil {
		return err
	}
	defer end()
	f, err := daemon.CreateFeed(e.ctx, client.NewFeed{Owner: c.Owner})
	if err != nil {
		return explained(err)
	}
	if e.Output != "table" {
		return e.printJSON(struct {
			SchemaVersion int `json:"schema_version"`
			client.CreatedFeed
		}{1, f})
	}
	e.progress("feed %s, its address is shown once; whoever knows it reads the dates:", f.ID)
	_, err = fmt.Fprintln(e.stdout, cmp.Or(f.Address, f.Path))
	return err
}

type feedsListCmd struct{ Inventory }

func (c feedsListCmd) Run(e *env) error {
	daemon, end, err := c.open(e)
	if err != nil {
		return err
	}
	defer end()
	list, err := daemon.Feeds(e.ctx)
	if err != nil {
		return explained(err)
	}
	if e.Output != "table" {
		return printItems(e, list)
	}
	rows := make([][]string, len(list))
	for i, f := range list {
		state := "in use"
		if f.RevokedAt != nil {
			state = "revoked " + since(f.RevokedAt)
		}
		rows[i] = []string{f.ID, cmp.Or(f.Owner, "everybody"), since(f.CreatedAt), f.CreatedBy, state}
	}
	return e.printTable([]string{"FEED", "OWNER", "CREATED", "BY", "STATE"}, rows)
}

type feedsRevokeCmd struct {
	Inventory
	Feed string `arg:"" help:"The feed's id, as keepwatch feeds list shows it."`
}

func (c feedsRevokeCmd) Run(e *env) error {
	daemon, end, err := c.open(e)
	if err != nil {
		return err
	}
	defer end()
	if err := daemon.RevokeFeed(e.ctx, c.Feed); err != nil {
		return explained(err)
	}
	e.progress("feed %s is revoked", c.Feed)
	return nil
}
