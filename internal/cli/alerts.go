package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
)

type explainCmd struct {
	Inventory
	Credential string `arg:"" help:"The credential's id."`
	Outcome    string `default:"bad_secret_or_package" help:"What is found."`
	At         string `placeholder:"TIME" help:"When it begins: an instant such as 2026-12-24T22:00:00Z, or a time from now such as 9h; the default is now."`
}

// Run asks the daemon, which decides by the same code; without one, the file and the
// silences of the store, where there is one.
func (c explainCmd) Run(e *env) error {
	at, err := instantOf("--at", c.At, time.Now())
	if err != nil {
		return err
	}
	daemon, end, err := c.openToTry(e)
	if err != nil {
		return err
	}
	defer end()
	x, err := daemon.Explain(e.ctx, c.Credential, c.Outcome, at)
	if err != nil {
		return explained(err)
	}
	if e.Output != "table" {
		return e.printJSON(struct {
			SchemaVersion int `json:"schema_version"`
			client.Explanation
		}{1, x})
	}
	return e.printExplanation(x)
}

func (e *env) printExplanation(x client.Explanation) error {
	if _, err := fmt.Fprintf(e.stdout, "%s, %s (%s), at %s\n\n", x.Credential, x.Outcome, x.Severity, x.At.UTC().Format("2006-01-02 15:04:05Z")); err != nil {
		return err
	}
	if x.Nobody != "" {
		if _, err := fmt.Fprintf(e.stdout, "nobody is told: %s\n\n", x.Nobody); err != nil {
			return err
		}
	}
	var rows [][]string
	for _, t := range x.Told {
		why := t.Why
		if t.Unless != "" {
			why += ", unless " + t.Unless
		}
		rows = append(rows, []string{t.Receiver, cmp.Or(t.Channel, "-"), t.At.UTC().Format("2006-01-02 15:04:05Z"), t.Rule, why})
	}
	if len(rows) > 0 {
		if err := e.printTable([]string{"TOLD", "CHANNEL", "WHEN", "RULE", "WHY"}, rows); err != nil {
			return err
		}
	}
	rows = nil
	for _, o := range x.Others {
		rows = append(rows, []string{o.Name, o.Why})
	}
	if len(rows) == 0 {
		return nil
	}
	if _, err := fmt.Fprintln(e.stdout); err != nil {
		return err
	}
	return e.printTable([]string{"NOT", "WHY"}, rows)
}

// instantOf reads a moment: an instant, a day of this machine's zone, or a time from
// now. Empty is the zero time.
func instantOf(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := keepwatch.ParseDuration(text); err == nil {
		return now.Add(d), nil
	}
	d, err := keepwatch.ParseDate(text)
	if err != nil {
		return time.Time{}, misused("write it like 2026-12-24T22:00:00Z, 2026-12-24 or 2h", "%s %q is neither an instant nor a time from now", flag, text)
	}
	return d.In(time.Local), nil
}

type silenceCmd struct {
	Add  silenceAddCmd  `cmd:"" help:"Tell nobody of some incidents for a while."`
	List silenceListCmd `cmd:"" help:"List silences, maintenance and snoozes."`
	End  silenceEndCmd  `cmd:"" help:"End one before its time; what it held back is told."`
}

type silenceAddCmd struct {
	Inventory
	Match       []string `arg:"" placeholder:"FIELD=VALUE" help:"Which incidents: credential=crm-sync, tenant=emea, owner=crm, outcome=expiring …; several values of a field with commas."`
	Until       string   `required:"" placeholder:"TIME" help:"Its end: an instant, a day, or a time from now such as 4h."`
	From        string   `placeholder:"TIME" help:"Its begin; the default is now."`
	Reason      string   `required:"" help:"Why nobody is told, in a sentence."`
	Owner       string   `placeholder:"TEAM" help:"Who answers for it; the default is who asks."`
	Maintenance bool     `help:"Announced work, and no silence."`
	Hours       string   `placeholder:"HOURS" help:"Of maintenance: only these hours of each week, such as 'sun 02:00-04:00'."`
	Timezone    string   `placeholder:"ZONE" help:"IANA time zone of these hours; the default is UTC."`
}

func (c silenceAddCmd) Run(e *env) error {
	now := time.Now()
	until, err := instantOf("--until", c.Until, now)
	if err != nil {
		return err
	}
	from, err := instantOf("--from", c.From, now)
	if err != nil {
		return err
	}
	n := client.NewSilence{Kind: string(keepwatch.Silenced), Owner: c.Owner, Reason: strings.TrimSpace(c.Reason), Until: until, Hours: c.Hours, Timezone: c.Timezone}
	if n.Match, err = matchOf(c.Match); err != nil {
		return err
	}
	if !from.IsZero() {
		n.From = &from
	}
	if c.Maintenance || c.Hours != "" {
		n.Kind = string(keepwatch.Maintained)
	}
	return c.change(e, func(ctx context.Context, daemon *client.Client) (client.Silence, error) {
		return daemon.CreateSilence(ctx, n)
	})
}

// change makes or ends a silence and shows it.
func (in Inventory) change(e *env, do func(context.Context, *client.Client) (client.Silence, error)) error {
	daemon, end, err := in.open(e)
	if err != nil {
		return err
	}
	defer end()
	s, err := do(e.ctx, daemon)
	if err != nil {
		return explained(err)
	}
	if e.Output != "table" {
		return e.printJSON(struct {
			SchemaVersion int `json:"schema_version"`
			client.Silence
		}{1, s})
	}
	return e.printSilences([]client.Silence{s})
}

// matchOf reads FIELD=VALUE,VALUE pairs.
func matchOf(pairs []string) (client.Match, error) {
	var m client.Match
	fields := map[string]*[]string{
		"criticality": &m.Criticality, "tenant": &m.Tenant, "business_unit": &m.BusinessUnit, "owner": &m.Owner, "kind": &m.Kind,
		"category": &m.Category, "outcome": &m.Outcome, "scope": &m.Scope, "severity": &m.Severity, "credential": &m.Credential,
	}
	for _, p := range pairs {
		name, values, ok := strings.Cut(p, "=")
		field, known := fields[name]
		if !ok || !known || values == "" {
			return m, misused("fields: credential, tenant, business_unit, owner, kind, criticality, category, outcome, scope, severity; write credential=crm-sync", "%q is not FIELD=VALUE", p)
		}
		*field = append(*field, strings.Split(values, ",")...)
	}
	return m, nil
}

type silenceListCmd struct {
	Inventory
	Past bool `help:"Those that are over, in the place of those that lie ahead."`
}

func (c silenceListCmd) Run(e *env) error {
	daemon, end, err := c.open(e)
	if err != nil {
		return err
	}
	defer end()
	list, err := daemon.Silences(e.ctx, c.Past)
	if err != nil {
		return explained(err)
	}
	if e.Output != "table" {
		return printItems(e, list)
	}
	if len(list) == 0 {
		e.progress("no silence")
		return nil
	}
	return e.printSilences(list)
}

func (e *env) printSilences(list []client.Silence) error {
	rows := make([][]string, len(list))
	for i, s := range list {
		when := s.Until.UTC().Format("2006-01-02 15:04Z")
		if s.Hours != "" {
			when += ", " + s.Hours + " " + cmp.Or(s.Timezone, "UTC")
		}
		about := "incident " + s.Incident
		if s.Incident == "" {
			about = matchText(s.Match)
		}
		rows[i] = []string{s.ID, s.Kind, s.Status, about, when, s.Owner, s.Reason}
	}
	return e.printTable([]string{"SILENCE", "KIND", "STATUS", "OF", "UNTIL", "OWNER", "REASON"}, rows)
}

func matchText(m client.Match) string {
	var out []string
	for _, f := range []struct {
		name   string
		values []string
	}{
		{"credential", m.Credential}, {"tenant", m.Tenant}, {"business_unit", m.BusinessUnit}, {"owner", m.Owner}, {"kind", m.Kind},
		{"criticality", m.Criticality}, {"category", m.Category}, {"outcome", m.Outcome}, {"scope", m.Scope}, {"severity", m.Severity},
	} {
		if len(f.values) > 0 {
			out = append(out, f.name+"="+strings.Join(f.values, ","))
		}
	}
	return strings.Join(out, " ")
}

type silenceEndCmd struct {
	Inventory
	Silence string `arg:"" help:"The silence's id."`
}

func (c silenceEndCmd) Run(e *env) error {
	return c.change(e, func(ctx context.Context, daemon *client.Client) (client.Silence, error) {
		return daemon.EndSilence(ctx, c.Silence)
	})
}

type snoozeCmd struct {
	Inventory
	Incident string `arg:"" help:"The incident's id."`
	Until    string `required:"" placeholder:"TIME" help:"An instant, a day, or a time from now such as 7d."`
	Reason   string `required:"" help:"Why, in a sentence."`
}

func (c snoozeCmd) Run(e *env) error {
	until, err := instantOf("--until", c.Until, time.Now())
	if err != nil {
		return err
	}
	return c.change(e, func(ctx context.Context, daemon *client.Client) (client.Silence, error) {
		return daemon.SnoozeIncident(ctx, c.Incident, client.Snooze{Until: until, Reason: strings.TrimSpace(c.Reason)})
	})
}
