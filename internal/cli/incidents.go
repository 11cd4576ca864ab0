package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/app"
	"keepwatch/internal/config"
	"keepwatch/internal/store"
	"keepwatch/internal/view"
)

// Remote says where the daemon is. Commands that read or change what it keeps
// speak to it; with no daemon they open the store themselves, under its lock.
type Remote struct {
	Server string `env:"KEEPWATCH_SERVER" placeholder:"URL" help:"The running daemon; default: the address in the configuration."`
}

// tokenVariable holds the API token. There is no flag for it: command lines are
// read by everybody on the machine.
const tokenVariable = "KEEPWATCH_TOKEN"

// asksDirectly helps when the file is broken and the daemon that still runs with
// the old one is to be asked about it.
const asksDirectly = "--server URL asks a running daemon without reading the configuration"

// daemon returns a client when a daemon answers, nil when none is reachable.
func (r Remote) daemon(e *env) (*client.Client, error) {
	base := r.Server
	if base == "" {
		cfg, err := e.load()
		if err != nil {
			return nil, keepwatch.WithHint(err, strings.TrimPrefix(keepwatch.HintOf(err)+"; "+asksDirectly, "; "))
		}
		base = "http://" + reachable(cfg.Server.Listen)
	}
	c, err := client.New(base, os.Getenv(tokenVariable))
	if err != nil {
		return nil, misused("write it like http://127.0.0.1:8484 or https://keepwatch.example.com", "--server: %v", err)
	}
	if _, err := c.Healthy(e.ctx); err != nil {
		if r.Server != "" {
			return nil, keepwatch.WithHint(fmt.Errorf("no daemon answers at %s: %w", base, err), "look at --server and KEEPWATCH_SERVER; keepwatch serve runs one")
		}
		return nil, nil
	}
	return c, nil
}

// reachable turns the address that a daemon binds into one that leads to it.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip, err := netip.ParseAddr(host); host == "" || (err == nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// openStore opens the configured store itself. It makes none: an empty answer
// from a store that was made by the question would mislead.
func (e *env) openStore() (*store.DB, error) {
	url, err := e.configuredStore()
	if err != nil {
		return nil, err
	}
	if path := missingStore(url); path != "" {
		return nil, noStore(path)
	}
	return store.Open(e.ctx, url, store.Options{Logger: e.log})
}

// errNoStore: nothing was ever kept.
var errNoStore = fmt.Errorf("no store: %w", keepwatch.ErrNotFound)

// missingStoreError says where a store was looked for.
type missingStoreError struct{ path string }

func (e missingStoreError) Error() string { return "there is no store at " + e.path }
func (missingStoreError) Unwrap() error   { return errNoStore }

func noStore(path string) error {
	return keepwatch.WithHint(missingStoreError{path},
		"look at store.url, a relative path begins in the working folder; keepwatch serve makes the store")
}

func (e *env) configuredStore() (string, error) {
	cfg, err := e.load()
	if err != nil {
		return "", err
	}
	return e.storeURL(cfg)
}

// missingStore returns the path of a file that is not there; servers have none.
func missingStore(url string) string {
	path, ok := strings.CutPrefix(url, "sqlite:")
	if !ok {
		return ""
	}
	path = strings.TrimPrefix(path, "//")
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	return path
}

type incidentsCmd struct {
	Remote
	Status string `enum:"open,resolved,all" default:"open" help:"open, resolved or all."`
	Limit  int    `default:"100" help:"At most this many, newest first."`
}

func (c incidentsCmd) Run(e *env) error {
	if c.Limit < 1 {
		return misused("leave it out for 100", "--limit %d: at least one incident must be asked for", c.Limit)
	}
	list, err := c.list(e)
	if err != nil {
		return err
	}
	if e.Output != "table" {
		return printItems(e, list)
	}
	rows := make([][]string, len(list))
	for i, in := range list {
		rows[i] = []string{in.ID, in.Severity, in.Status, in.Outcome, since(in.FirstFailedAt), in.Message}
	}
	if err := e.printTable([]string{"INCIDENT", "SEVERITY", "STATUS", "OUTCOME", "SINCE", "MESSAGE"}, rows); err != nil {
		return err
	}
	printEffectsOf(e.stdout, list)
	return nil
}

func since(t *time.Time) string {
	if t == nil {
		return "unknown"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

func (c incidentsCmd) list(e *env) ([]client.Incident, error) {
	daemon, err := c.daemon(e)
	if err != nil {
		return nil, err
	}
	if daemon == nil {
		return c.stored(e)
	}
	list := []client.Incident{}
	for in, err := range daemon.Incidents(e.ctx, client.IncidentFilter{Status: c.Status}) {
		if err != nil {
			return nil, explained(err)
		}
		if list = append(list, in); len(list) == c.Limit {
			break
		}
	}
	return list, nil
}

func (c incidentsCmd) stored(e *env) ([]client.Incident, error) {
	db, err := e.openStore()
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	cfg, err := e.load()
	if err != nil {
		return nil, err
	}
	page, err := readerOf(db, cfg).Incidents(e.ctx, view.IncidentSearch{IncidentFilter: view.IncidentFilter{Status: c.Status}}, view.Page{Limit: c.Limit})
	return page.Items, err
}

// readerOf reads a store without a daemon.
func readerOf(db *store.DB, cfg *config.Config) *view.Reader {
	return view.NewReader(view.From(db), func() view.Snapshot {
		return view.Snapshot{Tenants: cfg.Tenants, Credentials: cfg.Credentials, Zone: cfg.Zone, Ladder: cfg.Ladder, Depends: app.Depends(cfg)}
	})
}

type ackCmd struct {
	Remote
	Incident string `arg:"" help:"The incident's id."`
	By       string `env:"USER" default:"command line" help:"Who acknowledges, when the store is opened without a daemon."`
}

func (c ackCmd) Run(e *env) error {
	daemon, err := c.daemon(e)
	if err != nil {
		return err
	}
	if daemon != nil {
		in, err := daemon.Acknowledge(e.ctx, c.Incident)
		if err != nil {
			return explained(err)
		}
		return e.acknowledged(in.ID, in.Message, struct {
			SchemaVersion int `json:"schema_version"`
			client.Incident
		}{1, in})
	}
	db, err := e.openStore()
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	in, err := db.Acknowledge(e.ctx, keepwatch.IncidentID(c.Incident), strings.TrimSpace(c.By), time.Now())
	if err != nil {
		return err
	}
	return e.acknowledged(string(in.ID), in.Message, map[string]any{"schema_version": 1, "id": in.ID, "acknowledged_at": in.AcknowledgedAt.UTC(), "acknowledged_by": in.AcknowledgedBy})
}

func (e *env) acknowledged(id, message string, whole any) error {
	if e.Output != "table" {
		return e.printJSON(whole)
	}
	_, err := fmt.Fprintf(e.stdout, "acknowledged %s: %s\n", id, message)
	return err
}

// explained turns an answer of the daemon into an error with its hint.
func explained(err error) error {
	var answer *client.Error
	if !errors.As(err, &answer) {
		return err
	}
	hint := answer.Hint
	if answer.Status == 401 {
		hint = "set " + tokenVariable + "; the daemon hands out tokens to administrators only, and keepwatch token create makes the first one while no daemon runs"
	}
	if answer.Code == "invalid" {
		err = refusedError{err}
	}
	return keepwatch.WithHint(err, hint)
}

// refusedError is an argument that the daemon refused. It ends the command as the same
// one does that the command refuses itself.
type refusedError struct{ error }

func (e refusedError) Unwrap() []error { return []error{e.error, keepwatch.ErrInvalid} }
