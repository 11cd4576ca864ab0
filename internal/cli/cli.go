// Package cli is the command line: it parses, wires through app, prints. stdout
// is data, stderr is progress and messages. Only this package and app read the
// environment; only cmd exits.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"keepwatch"
	"keepwatch/internal/config"
)

// Global flags, the same on every command.
type Global struct {
	Config  string `short:"c" env:"KEEPWATCH_CONFIG" placeholder:"PATH" help:"Configuration file, or a directory of files."`
	Output  string `enum:"table,json,ndjson,md,html,csv" default:"table" help:"Form of the result on stdout: table, json or ndjson; of a report md, html, csv or json."`
	Quiet   bool   `short:"q" help:"No progress on stderr."`
	NoColor bool   `help:"No colours; NO_COLOR says the same."`
	Timeout limit  `default:"0s" placeholder:"30s" help:"Give up after this long; without it, each command has its own limit."`
	Exit    string `enum:"default,nagios" default:"default" help:"Exit codes: default (0/1/2/10/20) or nagios (0/3/3/1/2)."`
	Verbose bool   `short:"v" help:"Debug messages on stderr."`
}

// limit is a duration that takes days too, like every duration of the program.
type limit time.Duration

// UnmarshalText reads the flag.
func (l *limit) UnmarshalText(text []byte) error {
	d, err := keepwatch.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a duration; write it like 90s, 15m, 2h or 90d", text)
	}
	*l = limit(d)
	return nil
}

type commands struct {
	Global

	Demo      demoCmd      `cmd:"" help:"A sample estate in the simulator with a story that unfolds; nothing to configure."`
	Init      initCmd      `cmd:"" help:"Write a commented keepwatch.yaml."`
	Validate  validateCmd  `cmd:"" help:"Check the configuration; every fault with file, line, key and what is allowed."`
	Serve     serveCmd     `cmd:"" help:"Run the daemon."`
	Check     checkCmd     `cmd:"" help:"Prove credentials now, without daemon or database."`
	Expiring  expiringCmd  `cmd:"" help:"What ends when, by owner."`
	Import    importCmd    `cmd:"" help:"Bring an inventory in: a preview, and with --yes the deed."`
	Export    exportCmd    `cmd:"" help:"Write the inventory out, in a format that import takes."`
	Findings  findingsCmd  `cmd:"" help:"What somebody should know or decide about the estate."`
	Discover  discoverCmd  `cmd:"" help:"Look at one account, read-only, with the credential that may."`
	Feeds     feedsCmd     `cmd:"" help:"Calendar feeds of what ends."`
	Scan      scanCmd      `cmd:"" help:"Look at a tenant, a sending domain or a page from outside, without a credential."`
	Rotate    rotateCmd    `cmd:"" help:"Change a secret without an outage: staged, proven, switched, activated, done."`
	Incidents incidentsCmd `cmd:"" help:"List incidents of the running daemon, or of its store."`
	Effects   effectsCmd   `cmd:"" help:"What is watched in SFMC for the effects of credentials, and how it stands."`
	Ack       ackCmd       `cmd:"" help:"Acknowledge an incident."`
	Note      noteCmd      `cmd:"" help:"Write something down in an incident's timeline."`
	Share     shareCmd     `cmd:"" help:"Links under which one incident can be read without an account."`
	Report    reportCmd    `cmd:"" help:"What an incident, or a month, cost."`
	Backtest  backtestCmd  `cmd:"" help:"What another configuration would have alerted in the past."`
	Explain   explainCmd   `cmd:"" help:"Who would be told of a failure, when, by which rule, and why the others not."`
	Silence   silenceCmd   `cmd:"" help:"Tell nobody of some incidents for a while."`
	Snooze    snoozeCmd    `cmd:"" help:"Tell nobody of one incident until a date."`
	Doctor    doctorCmd    `cmd:"" help:"Look at store, clock, egress address, proxy, secrets and channels."`
	Sim       simCmd       `cmd:"" help:"Run the SFMC simulator alone."`
	Token     tokenCmd     `cmd:"" help:"Create, list and revoke API tokens."`
	User      userCmd      `cmd:"" help:"Create, list and change accounts of people."`
	Backup    backupCmd    `cmd:"" help:"Write a consistent copy of the store while it runs."`
	Restore   restoreCmd   `cmd:"" help:"Put a backup in place of the store."`
	Version   versionCmd   `cmd:"" help:"Print the version."`
}

// env is what a command runs with.
type env struct {
	Global
	ctx    context.Context
	stdout io.Writer
	stderr io.Writer
	log    *slog.Logger
}

// exitError carries an exit code that is not an error of the program: the thing
// that was looked at is in a bad state.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// Main runs one command and returns the exit code of interface: 0 fine, 1 could
// not run, 2 usage or configuration, 10 warning, 20 critical.
func Main(args []string, stdout, stderr io.Writer) int {
	switch {
	case len(args) == 0: // somebody who does not know it yet
		Main([]string{"--help"}, stderr, stderr)
		return keepwatch.ExitUsage
	case len(args) == 1 && args[0] == "--version": // what most tools answer to
		args = []string{"version"}
	}
	var c commands
	code := -1
	parser, err := kong.New(&c,
		kong.Name("keepwatch"),
		kong.Description("Monitors the credentials that integrate with Salesforce Marketing Cloud Engagement."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(n int) { code = n }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		fmt.Fprintln(stderr, "keepwatch:", err)
		return keepwatch.ExitCannot
	}
	parsed, err := parser.Parse(args)
	if code >= 0 { // --help
		return code
	}
	if err != nil {
		fmt.Fprintf(stderr, "keepwatch: %v\nSee keepwatch --help.\n", err)
		return mapExit(exitMode(args), keepwatch.ExitUsage)
	}
	if err := c.Global.takesForm(parsed.Command()); err != nil {
		e := &env{Global: c.Global, stdout: stdout, stderr: stderr}
		return mapExit(c.Global.Exit, e.finish(err))
	}
	// Any value counts, whatever it says (no-color.org); as a flag's variable
	// kong would refuse those that are no bool.
	if os.Getenv("NO_COLOR") != "" {
		c.NoColor = true
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if c.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, time.Duration(c.Timeout), fmt.Errorf("--timeout %s is over", keepwatch.FormatDuration(time.Duration(c.Timeout))))
		defer cancel()
	}
	e := &env{Global: c.Global, ctx: ctx, stdout: stdout, stderr: stderr, log: logger(c.Global, stderr)}
	return mapExit(c.Global.Exit, e.finish(parsed.Run(e)))
}

// logger writes to stderr: text for people, nothing below warnings unless asked.
func logger(g Global, stderr io.Writer) *slog.Logger {
	level := slog.LevelInfo
	switch {
	case g.Quiet:
		level = slog.LevelError
	case g.Verbose:
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level}))
}

// finish prints an error with its hint and turns it into an exit code.
func (e *env) finish(err error) int {
	if err == nil {
		return keepwatch.ExitOK
	}
	var code exitError
	if errors.As(err, &code) {
		return int(code)
	}
	var faults *config.Faults
	if errors.As(err, &faults) {
		fmt.Fprintln(e.stderr, strings.TrimRight(faults.Error(), "\n"))
	} else {
		fmt.Fprintln(e.stderr, "keepwatch:", err)
	}
	if hint := keepwatch.HintOf(err); hint != "" {
		fmt.Fprintln(e.stderr, "hint:", hint)
	}
	if errors.Is(err, keepwatch.ErrInvalid) {
		return keepwatch.ExitUsage
	}
	return keepwatch.ExitCannot
}

// exitMode finds the flag in a command line that could not be parsed: a plug-in
// that is called wrongly must not read as critical.
func exitMode(args []string) string {
	for i, arg := range args {
		if arg == "--exit=nagios" || arg == "--exit" && i+1 < len(args) && args[i+1] == "nagios" {
			return "nagios"
		}
	}
	return "default"
}

// usageError is an error of the caller; it reads as the fact alone.
type usageError string

func (e usageError) Error() string { return string(e) }
func (usageError) Unwrap() error   { return keepwatch.ErrInvalid }

func misused(hint, format string, args ...any) error {
	return keepwatch.WithHint(usageError(fmt.Sprintf(format, args...)), hint)
}

// mapExit translates for Nagios: 3 unknown, 1 warning, 2 critical.
func mapExit(mode string, code int) int {
	if mode != "nagios" {
		return code
	}
	switch code {
	case keepwatch.ExitOK:
		return 0
	case keepwatch.ExitWarning:
		return 1
	case keepwatch.ExitCritical:
		return 2
	default:
		return 3
	}
}

func (e *env) progress(format string, args ...any) {
	if !e.Quiet {
		fmt.Fprintf(e.stderr, format+"\n", args...)
	}
}

// configPath is what -c or KEEPWATCH_CONFIG names.
func (e *env) configPath() (string, error) {
	if e.Config == "" {
		return "", misused("name a file with -c keepwatch.yaml or KEEPWATCH_CONFIG; keepwatch init writes one", "no configuration is named")
	}
	return e.Config, nil
}

// load reads the configuration.
func (e *env) load() (*config.Config, error) {
	path, err := e.configPath()
	if err != nil {
		return nil, err
	}
	return config.Load(path, os.LookupEnv)
}
