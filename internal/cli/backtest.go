package cli

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"time"

	"keepwatch"
	"keepwatch/client"
)

// expanded finds what a file takes from the environment: from ours, since the daemon's
// may be another.
var expanded = regexp.MustCompile(`\$\{env:([^}]+)\}`)

type backtestCmd struct {
	Remote
	Days int `default:"30" help:"How many days back, at most 90."`
}

func (c backtestCmd) Run(e *env) error {
	if c.Days < 1 || c.Days > 90 {
		return misused("leave it out for 30", "--days %d: 1 to 90 can be tried", c.Days)
	}
	cfg, err := e.load() // with its own faults, before it goes anywhere
	if err != nil {
		return err
	}
	request := client.BacktestRequest{Days: c.Days, Env: map[string]string{}}
	for _, path := range cfg.Files {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, name := range expanded.FindAllSubmatch(text, -1) {
			if value, ok := os.LookupEnv(string(name[1])); ok {
				request.Env[string(name[1])] = value
			}
		}
		request.Files = append(request.Files, client.ConfigFile{Name: path, Text: string(text)})
	}
	daemon, err := c.daemon(e)
	if err != nil {
		return err
	}
	if daemon == nil {
		return keepwatch.WithHint(fmt.Errorf("no daemon answers at %s: %w", cfg.Server.Listen, keepwatch.ErrUnavailable),
			"a backtest compares with the configuration that a running daemon has in force; name it with --server")
	}
	result, err := daemon.Backtest(e.ctx, request)
	if err != nil {
		return explained(err)
	}
	return c.print(e, result)
}

func (c backtestCmd) print(e *env, b client.Backtest) error {
	if e.Output != "table" {
		return e.printJSON(b)
	}
	fmt.Fprintf(e.stdout, "From %s to %s, the new configuration beside the one in force.\n\n", minuteOf(b.From), minuteOf(b.To))
	rows := make([][]string, len(b.Receivers))
	for i, r := range b.Receivers {
		rows[i] = []string{
			cmp.Or(r.Receiver, "-"), fmt.Sprint(r.Before), fmt.Sprint(r.After), fmt.Sprint(r.Added), fmt.Sprint(r.Removed), fmt.Sprint(r.Later), fmt.Sprint(r.Sooner),
			fmt.Sprintf("%d to %d", r.RemindersBefore, r.RemindersAfter),
		}
	}
	if err := e.printTable([]string{"RECEIVER", "NOW", "NEW", "ADDED", "REMOVED", "LATER", "SOONER", "REMINDERS"}, rows); err != nil {
		return err
	}
	if len(b.Incidents) > 0 {
		rows = rows[:0]
		for _, i := range b.Incidents {
			change := i.Change
			if i.BySeconds > 0 {
				change += " by " + keepwatch.FormatDuration(time.Duration(i.BySeconds*float64(time.Second)).Round(time.Second))
			}
			if i.Estimated {
				change += " (estimated)"
			}
			rows = append(rows, []string{minuteOf(i.At), cmp.Or(i.Incident, "-"), change, i.Title, i.Why})
		}
		fmt.Fprintln(e.stdout)
		if err := e.printTable([]string{"DETECTED", "INCIDENT", "CHANGE", "WHAT", "WHY"}, rows); err != nil {
			return err
		}
	}
	fmt.Fprintln(e.stdout, "\nWhat cannot be known:")
	for _, p := range b.Parts {
		differs := "the same in both"
		if p.Differs {
			differs = "differs"
		}
		fmt.Fprintf(e.stdout, "  %s (%s, tried on %d): %s\n", p.Name, differs, p.Looked, p.NotKnown)
	}
	return nil
}

func minuteOf(t time.Time) string { return t.UTC().Format("2006-01-02 15:04Z") }
