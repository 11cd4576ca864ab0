package cli

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
)

type findingsCmd struct {
	List     findingsListCmd     `cmd:"" default:"withargs" help:"List what somebody should know or decide about the estate."`
	Accept   findingsAcceptCmd   `cmd:"" help:"Live with a finding until a date."`
	Withdraw findingsWithdrawCmd `cmd:"" help:"Take an acceptance back."`
}

type findingsListCmd struct {
	Inventory
	Status   string `enum:"open,accepted,all" default:"open" help:"open, accepted or all."`
	Kind     string `help:"Only findings of this kind, such as no_date."`
	Severity string `enum:"any,info,warning,critical" default:"any" help:"Only this severity."`
	Owner    string `placeholder:"TEAM" help:"Only what this team answers for."`
}

func (c findingsListCmd) Run(e *env) error {
	daemon, end, err := c.open(e)
	if err != nil {
		return err
	}
	defer end()
	f := client.FindingFilter{Status: c.Status, Kind: c.Kind, Owner: c.Owner, Limit: 200}
	if c.Severity != "any" {
		f.Severity = c.Severity
	}
	list := []client.Finding{}
	for item, err := range daemon.Findings(e.ctx, f) {
		if err != nil {
			return explained(err)
		}
		list = append(list, item)
	}
	if err := printFindings(e, list); err != nil {
		return err
	}
	return findingsExit(list)
}

// findingsExit is a warning at most: a finding is no failure.
func findingsExit(list []client.Finding) error {
	for _, f := range list {
		if f.Accepted == nil && f.Severity != string(keepwatch.SeverityInfo) {
			return exitError(keepwatch.ExitWarning)
		}
	}
	return nil
}

func printFindings(e *env, list []client.Finding) error {
	if e.Output != "table" {
		return printItems(e, list)
	}
	if len(list) == 0 {
		e.progress("no finding")
		return nil
	}
	rows := make([][]string, len(list))
	for i, f := range list {
		what := f.Message
		if a := f.Accepted; a != nil {
			what += fmt.Sprintf(" (accepted by %s until %s: %s)", a.By, a.Until.UTC().Format(time.DateOnly), a.Reason)
		}
		rows[i] = []string{f.ID, f.Severity, f.Kind, f.Subject, cmp.Or(f.Owner, "-"), what}
	}
	return e.printTable([]string{"FINDING", "SEVERITY", "KIND", "SUBJECT", "OWNER", "WHAT"}, rows)
}

type findingsAcceptCmd struct {
	Inventory
	Finding string `arg:"" help:"The finding's id."`
	Reason  string `required:"" help:"Why it may stay, in a sentence."`
	Until   string `required:"" placeholder:"2027-03-01" help:"Until when: a day, or a time from now such as 90d; a year at most."`
}

func (c findingsAcceptCmd) Run(e *env) error {
	if strings.TrimSpace(c.Reason) == "" {
		return misused("say in a sentence why it may stay", "--reason is empty")
	}
	until, err := c.until(time.Now())
	if err != nil {
		return err
	}
	daemon, end, err := c.open(e)
	if err != nil {
		return err
	}
	defer end()
	f, err := daemon.AcceptFinding(e.ctx, c.Finding, strings.TrimSpace(c.Reason), until)
	if err != nil {
		return explained(err)
	}
	if e.Output != "table" {
		return e.printJSON(struct {
			SchemaVersion int `json:"schema_version"`
			client.Finding
		}{1, f})
	}
	_, err = fmt.Fprintf(e.stdout, "accepted %s until %s: %s\n", f.ID, until.UTC().Format(time.DateOnly), f.Message)
	return err
}

func (c findingsAcceptCmd) until(now time.Time) (time.Time, error) {
	if d, err := keepwatch.ParseDuration(c.Until); err == nil {
		return now.Add(d), nil
	}
	d, err := keepwatch.ParseDate(c.Until)
	if err != nil {
		return time.Time{}, misused("write it like 2027-03-01 or 90d", "--until %q is neither a day nor a time from now", c.Until)
	}
	return d.In(time.Local), nil
}

type findingsWithdrawCmd struct {
	Inventory
	Finding string `arg:"" help:"The finding's id."`
}

func (c findingsWithdrawCmd) Run(e *env) error {
	daemon, end, err := c.open(e)
	if err != nil {
		return err
	}
	defer end()
	if err := daemon.WithdrawAcceptance(e.ctx, c.Finding); err != nil {
		return explained(err)
	}
	e.progress("%s is no longer accepted", c.Finding)
	return nil
}
