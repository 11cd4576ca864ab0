package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/scan"
	"keepwatch/internal/view"
)

type scanCmd struct {
	Targets      []string `arg:"" optional:"" name:"target" help:"A tenant's subdomain, a sending domain, a host (host:port), or the address of a page."`
	File         string   `short:"f" placeholder:"FILE" help:"Read targets from a file, one a line; - is standard input."`
	Since        string   `placeholder:"FILE" help:"Compare with an earlier scan's JSON."`
	WorseOnly    bool     `help:"With --since: the exit code counts only what became worse."`
	HTML         string   `name:"html" placeholder:"FILE" help:"Write the report as one page that needs nothing else."`
	Generated    string   `placeholder:"DATE" help:"The day on which somebody clicked Generate, to see when that secret ends."`
	Resolver     string   `placeholder:"HOST:PORT" help:"Ask this name server in place of the system's."`
	AllowPrivate bool     `help:"Also connect to addresses that are not public: for your own network."`
	All          bool     `help:"In the table, list what is fine, too."`
}

// Run looks from outside. It needs no configuration, no daemon and no credential.
func (c scanCmd) Run(e *env) error {
	request, options, err := c.prepare(e)
	if err != nil {
		return err
	}
	before, err := c.before()
	if err != nil {
		return err
	}
	show := newScanProgress(e, len(request.Targets))
	request.Tell = show.found
	report := scan.Run(e.ctx, options, request)
	show.end(report)
	if errors.Is(e.ctx.Err(), context.Canceled) {
		return errors.New("the scan was stopped before it was done")
	}
	if before != nil {
		at := before.At
		report.Since, report.Changes = &at, scan.Compare(*before, report)
	}
	if err := c.write(e, report); err != nil {
		return err
	}
	if why, blind := report.Blind(); blind {
		return keepwatch.WithHint(errors.New("nothing could be looked at, so this machine seems to have no network: "+lowered(why)),
			"look at name resolution and at the firewall; a scan connects directly and uses no proxy")
	}
	return c.exit(report)
}

func (c scanCmd) prepare(e *env) (scan.Request, scan.Options, error) {
	options := scan.Options{AllowPrivate: c.AllowPrivate, Limit: time.Duration(e.Timeout)}
	texts := slices.Clone(c.Targets)
	if c.File != "" {
		more, err := c.fromFile()
		if err != nil {
			return scan.Request{}, options, err
		}
		texts = append(texts, more...)
	}
	if len(texts) == 0 {
		return scan.Request{}, options, misused("keepwatch scan news.example.com, or a file of targets with -f", "nothing is named to be scanned")
	}
	targets, err := scan.ParseTargets(texts)
	if err != nil {
		return scan.Request{}, options, err
	}
	request := scan.Request{Targets: targets}
	if c.Generated != "" {
		if request.Generated, err = keepwatch.ParseDate(c.Generated); err != nil {
			return scan.Request{}, options, err
		}
	}
	if c.WorseOnly && c.Since == "" {
		return scan.Request{}, options, misused("name the earlier scan with --since FILE", "--worse-only has nothing to compare with")
	}
	options.Resolver, err = scan.ParseResolver(c.Resolver)
	return request, options, err
}

func (c scanCmd) fromFile() ([]string, error) {
	var in io.Reader = os.Stdin
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return nil, misused("name a file with one target a line", "the targets cannot be read: %v", pathFact(err))
		}
		defer f.Close()
		in = f
	}
	list, err := scan.ReadTargets(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.File, err)
	}
	return list, nil
}

func (c scanCmd) before() (*scan.Report, error) {
	if c.Since == "" {
		return nil, nil
	}
	f, err := os.Open(c.Since)
	if err != nil {
		return nil, misused("write one with keepwatch scan … --output json >FILE", "the earlier scan cannot be read: %v", pathFact(err))
	}
	defer f.Close()
	report, err := scan.ReadReport(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Since, err)
	}
	return &report, nil
}

func pathFact(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return fmt.Errorf("%s: %w", path.Path, path.Err)
	}
	return err
}

func (c scanCmd) write(e *env, report scan.Report) error {
	if c.HTML != "" {
		page, err := scan.HTML(report)
		if err == nil {
			err = os.WriteFile(c.HTML, page, 0o600)
		}
		if err != nil {
			return fmt.Errorf("the page of the report: %w", err)
		}
		e.progress("the report is in %s", c.HTML)
	}
	switch e.Output {
	case "json":
		return e.printJSON(view.ScanReportOf(report))
	case "ndjson":
		return printItems(e, view.ScanReportOf(report).Findings)
	}
	return c.printReport(e, report)
}

// printReport writes what needs somebody, what to do about it, and the sums.
func (c scanCmd) printReport(e *env, report scan.Report) error {
	var rows [][]string
	for _, f := range report.Findings {
		if f.Severity != scan.OK || c.All {
			rows = append(rows, []string{e.colour(scanColour(f.Severity), padded(f.Severity.Sign()+" "+string(f.Severity), 10)), f.Subject, scan.Title(f.Check), f.Message})
		}
	}
	if len(rows) > 0 {
		if err := e.printTable([]string{e.colour("39", padded("SEVERITY", 10)), "SUBJECT", "CHECK", "FOUND"}, rows); err != nil {
			return err
		}
	}
	printNext(e, report)
	if err := printChanges(e, report); err != nil {
		return err
	}
	s := report.Summary
	_, err := fmt.Fprintf(e.stdout, "\n%s: %d critical, %d warning, %d unknown, %d info, %d ok\nNot to be seen from outside: %s.\n",
		report.Target, s.Critical, s.Warning, s.Unknown, s.Info, s.OK, strings.Join(report.Cannot, ", "))
	return err
}

// printNext says what to do, once for each thing to do.
func printNext(e *env, report scan.Report) {
	said := map[string]bool{}
	for _, f := range report.Findings {
		if f.Hint == "" || said[f.Hint] || f.Severity.Rank() < scan.Unknown.Rank() {
			continue
		}
		said[f.Hint] = true
		fmt.Fprintf(e.stdout, "\n%s: %s\n  next: %s\n", f.Subject, f.Message, f.Hint)
	}
}

func printChanges(e *env, report scan.Report) error {
	if report.Since == nil {
		return nil
	}
	if len(report.Changes) == 0 {
		fmt.Fprintf(e.stdout, "\nNothing changed since %s.\n", report.Since.UTC().Format(time.RFC3339))
		return nil
	}
	fmt.Fprintf(e.stdout, "\nSince %s:\n", report.Since.UTC().Format(time.RFC3339))
	rows := make([][]string, len(report.Changes))
	for i, ch := range report.Changes {
		step := ""
		if ch.Before != "" && ch.After != "" && ch.Before != ch.After {
			step = string(ch.Before) + " -> " + string(ch.After)
		}
		rows[i] = []string{ch.What, ch.Subject, scan.Title(ch.Check), step, ch.Message}
	}
	return e.printTable([]string{"CHANGE", "SUBJECT", "CHECK", "SEVERITY", "FOUND"}, rows)
}

// exit is critical or a warning by the worst finding. What could not be looked at is
// no all-clear.
func (c scanCmd) exit(report scan.Report) error {
	worst := report.Worst()
	if c.WorseOnly {
		worst = scan.OK
		for _, ch := range report.Changes {
			switch {
			case !ch.Bad():
			case ch.After.Rank() > worst.Rank():
				worst = ch.After
			}
			if ch.What == scan.Changed && worst.Rank() < scan.Warning.Rank() {
				worst = scan.Warning
			}
		}
	}
	switch worst {
	case scan.Critical:
		return exitError(keepwatch.ExitCritical)
	case scan.Warning, scan.Unknown:
		return exitError(keepwatch.ExitWarning)
	}
	return nil
}

func scanColour(s scan.Severity) string {
	switch s {
	case scan.Critical:
		return "31"
	case scan.Warning, scan.Unknown:
		return "33"
	case scan.OK:
		return "32"
	}
	return "39"
}

func lowered(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + strings.TrimSuffix(s[1:], ".")
}

// scanProgress tells how far a scan is: one line that is written over on a terminal,
// else a line for each thing that needs somebody.
type scanProgress struct {
	e        *env
	terminal bool
	seen     int
	counts   map[scan.Severity]int
}

func newScanProgress(e *env, targets int) *scanProgress {
	e.progress("scanning %s from outside, without a credential", counted(targets, "target"))
	return &scanProgress{e: e, terminal: isTerminal(e.stderr) && !e.Quiet, counts: map[scan.Severity]int{}}
}

func (p *scanProgress) found(f scan.Finding) {
	p.seen++
	p.counts[f.Severity]++
	switch {
	case p.terminal:
		fmt.Fprintf(p.e.stderr, "\r%d looked at, %d critical, %d to look at, %d unknown", p.seen, p.counts[scan.Critical], p.counts[scan.Warning], p.counts[scan.Unknown])
	case f.Severity.Rank() >= scan.Unknown.Rank():
		p.e.progress("%s %s: %s", f.Severity.Sign(), f.Subject, f.Message)
	}
}

func (p *scanProgress) end(report scan.Report) {
	if p.terminal {
		fmt.Fprint(p.e.stderr, "\r\x1b[K")
	}
	took := time.Duration(report.TookMS * float64(time.Millisecond)).Round(time.Millisecond)
	p.e.progress("%s looked at in %s", counted(len(report.Findings), "thing"), took)
	if report.Partial {
		p.e.progress("time was up before everything had been looked at; what is missing is unknown")
	}
}
