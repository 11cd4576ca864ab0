package cli

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/view"
)

type expiringCmd struct {
	Inventory
	Within limit  `default:"90d" placeholder:"90d" help:"How far to look ahead; what has ended and what nobody knows is always listed."`
	Owner  string `placeholder:"TEAM" help:"Only what this team, or this contact, answers for."`
}

func (c expiringCmd) Run(e *env) error {
	list, err := c.list(e)
	if err != nil {
		return err
	}
	if err := c.print(e, list); err != nil {
		return err
	}
	return list.exit()
}

// ends is what the command shows. Dates and ages are two lists: they mean
// different things and are never sorted into one.
type ends struct {
	SchemaVersion int             `json:"schema_version"`
	At            time.Time       `json:"at"`
	Within        string          `json:"within"`
	Items         []client.Ending `json:"items"`
	Idle          []client.Ending `json:"idle"`
	Ended         int             `json:"ended"`
	Soon          int             `json:"soon"`
	Undated       int             `json:"undated"`
}

// exit is critical once a date has passed, and a warning while one comes near or
// nobody knows it. What has lain idle for long may still work: a warning at most.
func (l ends) exit() error {
	code := keepwatch.ExitOK
	for _, i := range l.Items {
		code = max(code, keepwatch.ExitWarning)
		if i.Severity == string(keepwatch.SeverityCritical) {
			code = keepwatch.ExitCritical
		}
	}
	for _, i := range l.Idle {
		if i.Clock.EndsAt != nil {
			code = max(code, keepwatch.ExitWarning)
		}
	}
	if code == keepwatch.ExitOK {
		return nil
	}
	return exitError(code)
}

// list asks the daemon or the store. Where neither is, the files say what they
// know: a date needs no daemon.
func (c expiringCmd) list(e *env) (ends, error) {
	daemon, end, err := c.open(e)
	if errors.Is(err, errNoStore) {
		return c.ofFiles(e)
	}
	if err != nil {
		return ends{}, err
	}
	defer end()
	out := ends{SchemaVersion: 1}
	hard, err := c.all(e, daemon, keepwatch.ClockHard)
	if err != nil {
		return ends{}, err
	}
	idle, err := c.all(e, daemon, keepwatch.ClockIdle)
	if err != nil {
		return ends{}, err
	}
	return out.with(hard, idle), nil
}

func (l ends) with(hard, idle client.Expiring) ends {
	l.At, l.Within, l.Items, l.Idle = hard.At, hard.Within, hard.Items, idle.Items
	l.Ended, l.Soon, l.Undated = hard.Ended, hard.Soon, hard.Undated
	return l
}

// all follows the pages of one list.
func (c expiringCmd) all(e *env, daemon *client.Client, clock keepwatch.ClockKind) (client.Expiring, error) {
	f := client.ExpiringFilter{Within: keepwatch.FormatDuration(time.Duration(c.Within)), Owner: c.Owner, Clock: string(clock), Limit: 200}
	whole := client.Expiring{Items: []client.Ending{}}
	for {
		page, err := daemon.Expiring(e.ctx, f)
		if err != nil {
			return client.Expiring{}, explained(err)
		}
		page.Items = append(whole.Items, page.Items...)
		whole = page
		if page.Next == nil || *page.Next == f.Cursor {
			return whole, nil
		}
		f.Cursor = *page.Next
	}
}

func (c expiringCmd) ofFiles(e *env) (ends, error) {
	cfg, err := e.load()
	if err != nil {
		return ends{}, err
	}
	e.progress("no daemon and no store: what the files say")
	snap := view.Snapshot{Tenants: cfg.Tenants, Credentials: cfg.Credentials, Zone: cfg.Zone, Ladder: cfg.Ladder}
	now, out := time.Now(), ends{SchemaVersion: 1}
	var lists [2]client.Expiring
	for i, clock := range []keepwatch.ClockKind{keepwatch.ClockHard, keepwatch.ClockIdle} {
		f := view.ExpiringFilter{Within: time.Duration(c.Within), Owner: c.Owner, Clock: clock}
		if lists[i], err = view.Expiring(snap, nil, now, f, view.Page{Limit: math.MaxInt}); err != nil {
			return ends{}, err
		}
	}
	return out.with(lists[0], lists[1]), nil
}

func (c expiringCmd) print(e *env, l ends) error {
	switch e.Output {
	case "json":
		return e.printJSON(l)
	case "ndjson":
		return printItems(e, append(slices.Clone(l.Items), l.Idle...))
	}
	if len(l.Items)+len(l.Idle) == 0 {
		e.progress("nothing ends within %s", l.Within)
		return nil
	}
	if err := e.printByOwner(l.Items); err != nil || len(l.Idle) == 0 {
		return err
	}
	if _, err := fmt.Fprint(e.stdout, "\nIdle clocks: an age, not a date\n\n"); err != nil {
		return err
	}
	return e.printByOwner(l.Idle)
}

// printByOwner writes one table for each owner, by name; what nobody owns comes
// first, because nobody will look for it.
func (e *env) printByOwner(items []client.Ending) error {
	groups := map[string][][]string{}
	for _, i := range items {
		owner := cmp.Or(i.Owner, i.OwnerContact)
		groups[owner] = append(groups[owner], []string{
			e.colour(severityColour(i.Severity), padded(i.Severity, 8)), cmp.Or(i.Clock.EndsOn, "unknown"), daysOf(i.Clock.DaysLeft),
			i.Credential, i.Clock.Name, i.Clock.Source, plannedOf(i), noteOf(i),
		})
	}
	for n, owner := range slices.Sorted(maps.Keys(groups)) {
		if n > 0 {
			fmt.Fprintln(e.stdout)
		}
		fmt.Fprintln(e.stdout, cmp.Or(owner, "(no owner)"))
		header := []string{e.colour("39", padded("SEVERITY", 8)), "ENDS", "DAYS", "CREDENTIAL", "CLOCK", "KNOWN", "RENEWAL", "NOTE"}
		if err := e.printTable(header, groups[owner]); err != nil {
			return err
		}
	}
	return nil
}

func severityColour(severity string) string {
	switch severity {
	case "critical":
		return "31"
	case "warning", "unknown":
		return "33"
	}
	return "39"
}

func padded(s string, n int) string { return s + strings.Repeat(" ", max(0, n-len(s))) }

func daysOf(left *int) string {
	if left == nil {
		return "?"
	}
	return fmt.Sprint(*left)
}

func plannedOf(i client.Ending) string {
	if i.PlannedRenewal == "" {
		return "-"
	}
	if i.RenewalBy == "" {
		return i.PlannedRenewal
	}
	return i.PlannedRenewal + " by " + i.RenewalBy
}

// noteOf is what a reader should know beside the date, the basis last.
func noteOf(i client.Ending) string {
	var notes []string
	if i.Contradicted {
		notes = append(notes, "proven after this date, so the date is wrong")
	}
	if i.Attention != "" {
		notes = append(notes, strings.TrimSuffix(i.Attention, "."))
	}
	if i.Clock.Basis != "" {
		notes = append(notes, i.Clock.Basis)
	}
	return strings.Join(notes, "; ")
}
