package cli

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
)

type rotateCmd struct {
	Inventory
	Credential string   `arg:"" optional:"" help:"The credential's id; without it, the rotations that run are listed."`
	Staged     string   `placeholder:"REF" help:"Begin with this staged secret: env:NAME, file:/path, or - to read it from stdin and seal it."`
	Generated  string   `placeholder:"2026-11-24" help:"The day the staged secret was generated in Setup; its 180 days count from then."`
	Status     bool     `xor:"do" help:"Show how it stands; so does no flag at all."`
	Switched   []string `xor:"do" sep:"none" placeholder:"HOLDER" help:"Note that this holder uses the new secret. May be repeated."`
	Activated  bool     `xor:"do" help:"Say that the staged secret was activated in Setup; Keepwatch proves it."`
	Abort      bool     `xor:"do" help:"End it; the secret in use stays in use."`
	Reason     string   `placeholder:"TEXT" help:"With --abort: why, for the evidence."`
	Resume     bool     `xor:"do" help:"Go on with one that was aborted or waits for a person; with --staged, with another secret."`
	Until      string   `enum:",proven,switched,activated,done" default:"" placeholder:"STATE" help:"Stay and show each step until it is proven, switched, activated or done, or a person has to look."`
}

// followEvery is how often a rotation that somebody watches is read again.
const followEvery = time.Second

// Run is the cockpit in the terminal: it begins a rotation, says what people did,
// and shows how it stands. SFMC is asked by the daemon, when it is time.
func (c rotateCmd) Run(e *env) error {
	if err := c.misused(); err != nil {
		return err
	}
	secret, err := c.secret()
	if err != nil {
		return err
	}
	if c.Until != "" {
		if daemon, err := c.daemon(e); err != nil {
			return err
		} else if daemon == nil {
			return keepwatch.WithHint(fmt.Errorf("no daemon runs, so nothing would happen until then: %w", keepwatch.ErrUnavailable), "keepwatch serve runs one")
		}
	}
	daemon, end, err := c.open(e)
	if err != nil {
		return err
	}
	defer end()
	if c.Credential == "" {
		return c.list(e, daemon)
	}
	r, err := c.act(e, daemon, secret)
	if err != nil {
		return explained(err)
	}
	if c.Until != "" {
		if r, err = c.follow(e, daemon, r); err != nil {
			return explained(err)
		}
	}
	if err := e.printRotation(r); err != nil {
		return err
	}
	return rotationExit(r)
}

func (c rotateCmd) misused() error {
	acts := len(c.Switched) > 0 || c.Activated || c.Abort || c.Status
	switch {
	case c.Credential == "" && (acts || c.Resume || c.Staged != "" || c.Generated != "" || c.Until != ""):
		return misused("write keepwatch rotate ID and what to do", "no credential is named")
	case acts && (c.Staged != "" || c.Generated != ""):
		return misused("--staged and --generated begin a rotation, or go with --resume", "a staged secret is given where none is asked for")
	case c.Staged != "" && c.Generated == "":
		return misused("say with --generated on which day it was generated in Setup; its 180 days count from then", "the staged secret has no date")
	case c.Reason != "" && !c.Abort:
		return misused("--reason goes with --abort", "there is a reason and nothing to end")
	case c.Generated != "" && c.Staged == "" && !c.Resume:
		return misused("say with --staged where it is: env:NAME, file:/path, or - for stdin", "there is a date and no staged secret")
	}
	if _, err := keepwatch.ParseDate(c.Generated); c.Generated != "" && err != nil {
		// Not repeated: it stands beside a secret, and somebody may have swapped the two.
		return misused("write it like 2026-11-24", "--generated is not a day")
	}
	return nil
}

// maxStaged caps what is read from stdin; a client secret has some dozen characters.
const maxStaged = 8 << 10

// secret reads the staged secret from stdin when it is to be sealed. There is no flag
// for it: command lines are read by everybody on the machine.
func (c rotateCmd) secret() (string, error) {
	if c.Staged != "-" {
		return "", nil
	}
	text, err := io.ReadAll(io.LimitReader(os.Stdin, maxStaged+1))
	if err != nil {
		return "", fmt.Errorf("stdin: %w", err)
	}
	text = bytes.TrimRight(text, "\r\n")
	switch {
	case len(text) == 0:
		return "", misused("write it to stdin", "no staged secret came from stdin")
	case len(text) > maxStaged:
		return "", misused("write the secret alone to stdin", "what came from stdin is too long for a secret")
	}
	return string(text), nil
}

func (c rotateCmd) ref() string {
	if c.Staged == "-" {
		return ""
	}
	return c.Staged
}

// act does what the flags say and returns the rotation as it is then.
func (c rotateCmd) act(e *env, daemon *client.Client, secret string) (client.Rotation, error) {
	if c.Staged != "" && !c.Resume {
		return daemon.StartRotation(e.ctx, client.NewRotation{Credential: c.Credential, StagedRef: c.ref(), StagedSecret: secret, Generated: c.Generated})
	}
	r, err := c.newest(e, daemon)
	if err != nil {
		return r, err
	}
	switch {
	case c.Resume:
		return daemon.ResumeRotation(e.ctx, r.ID, client.ResumeRotation{StagedRef: c.ref(), StagedSecret: secret, Generated: c.Generated})
	case c.Abort:
		return daemon.AbortRotation(e.ctx, r.ID, c.Reason)
	case c.Activated:
		return daemon.ActivatedRotation(e.ctx, r.ID)
	}
	for _, holder := range c.Switched {
		if r, err = daemon.TickHolder(e.ctx, r.ID, holder); err != nil {
			return r, err
		}
	}
	return r, nil
}

// newest is the rotation that runs, or the one that ran last.
func (c rotateCmd) newest(e *env, daemon *client.Client) (client.Rotation, error) {
	for r, err := range daemon.Rotations(e.ctx, client.RotationFilter{Status: "all", Credential: c.Credential, Limit: 1}) {
		return r, err
	}
	if _, err := daemon.Credential(e.ctx, c.Credential); err != nil {
		return client.Rotation{}, err
	}
	return client.Rotation{}, keepwatch.WithHint(fmt.Errorf("%s was never rotated: %w", c.Credential, keepwatch.ErrNotFound),
		"in Setup, Installed Packages, generate a staged secret, put it where Keepwatch can read it, then: keepwatch rotate "+c.Credential+" --staged env:NAME --generated "+time.Now().Format(time.DateOnly))
}

func (c rotateCmd) list(e *env, daemon *client.Client) error {
	list := []client.Rotation{}
	for r, err := range daemon.Rotations(e.ctx, client.RotationFilter{Limit: 200}) {
		if err != nil {
			return explained(err)
		}
		list = append(list, r)
	}
	if e.Output != "table" {
		return printItems(e, list)
	}
	if len(list) == 0 {
		e.progress("no rotation runs")
		return nil
	}
	rows := make([][]string, len(list))
	for i, r := range list {
		rows[i] = []string{r.Credential, r.State, since(r.StartedAt), ending(r.OldEndsAt), r.Waiting}
	}
	return e.printTable([]string{"CREDENTIAL", "STATE", "BEGUN", "SECRET IN USE ENDS", "WAITS FOR"}, rows)
}

func ending(t *time.Time) string {
	if t == nil {
		return "unknown"
	}
	return since(t)
}

// stages are the states of a rotation in their order, and the steps of the evidence
// that stand for them.
var stages = []struct{ state, title, step string }{
	{"staged", "staged secret named", "staged"},
	{"proven", "staged secret proven", "staged_proven"},
	{"switched", "holders switched", "switched"},
	{"activated", "old secret refused", "old_refused"},
	{"", "new secret proven after it", "new_proven"},
	{"done", "record names the new secret", "recorded"},
}

func reached(r client.Rotation, state string) bool {
	at := func(name string) int {
		return slices.IndexFunc(stages, func(s struct{ state, title, step string }) bool { return s.state == name })
	}
	return at(r.State) >= at(state)
}

// follow shows each new row until the rotation is where it was waited for, or does
// not go on by itself.
func (c rotateCmd) follow(e *env, daemon *client.Client, r client.Rotation) (client.Rotation, error) {
	shown := map[client.RotationEvidence]bool{} // a row may take the place of another, with its time
	for {
		for _, row := range r.Evidence {
			if !shown[row] {
				e.progress("%s  %s", row.At.UTC().Format("2006-01-02 15:04:05Z"), row.Detail)
			}
			shown[row] = true
		}
		if !r.Open || r.Trouble != "" || reached(r, c.Until) {
			return r, nil
		}
		select {
		case <-e.ctx.Done():
			return r, fmt.Errorf("%s is %s, not %s: %w", r.Credential, r.State, c.Until, e.ctx.Err())
		case <-time.After(followEvery):
		}
		next, err := daemon.Rotation(e.ctx, r.ID)
		if err != nil {
			return r, err
		}
		r = next
	}
}

// rotationExit is critical when somebody is cut off, and a warning when a person has
// to look.
func rotationExit(r client.Rotation) error {
	switch {
	case r.CutOff:
		return exitError(keepwatch.ExitCritical)
	case r.Trouble != "":
		return exitError(keepwatch.ExitWarning)
	}
	return nil
}

func (e *env) printRotation(r client.Rotation) error {
	if e.Output != "table" {
		return e.printJSON(struct {
			SchemaVersion int `json:"schema_version"`
			client.Rotation
		}{1, r})
	}
	out := e.stdout
	fmt.Fprintf(out, "%s: %s, begun %s by %s (rotation %s)\n", r.Credential, e.colour(toneOf(r), r.State), since(r.StartedAt), r.StartedBy, r.ID)
	fmt.Fprintf(out, "  in use  %s, ends %s\n", r.OldRef, ending(r.OldEndsAt))
	fmt.Fprintf(out, "  staged  %s, generated %s\n\n", r.NewRef, r.Generated)
	for _, s := range stages {
		fmt.Fprintln(out, stageLine(r, s.title, s.step))
	}
	if len(r.Holders) > 0 {
		rows := make([][]string, len(r.Holders))
		for i, h := range r.Holders {
			rows[i] = []string{h.Name, cmp.Or(h.Contact, "-"), "not yet"}
			if h.SwitchedAt != nil {
				rows[i][2] = since(h.SwitchedAt) + " by " + h.SwitchedBy
			}
			rows[i] = append(rows[i], shown(h))
		}
		fmt.Fprintln(out)
		if err := e.printTable([]string{"HOLDER", "CONTACT", "SWITCHED", "ITS CALLS SHOW"}, rows); err != nil {
			return err
		}
	}
	fmt.Fprintln(out)
	rows := make([][]string, len(r.Evidence))
	for i, row := range r.Evidence {
		rows[i] = []string{row.At.UTC().Format("2006-01-02 15:04:05Z"), row.Step, row.By, cmp.Or(row.Outcome, "-"), row.Detail}
	}
	if err := e.printTable([]string{"WHEN", "STEP", "BY", "OUTCOME", "EVIDENCE"}, rows); err != nil {
		return err
	}
	if r.Trouble != "" {
		fmt.Fprintf(out, "\n%s\n", e.colour("31", "trouble: "+r.Trouble))
	}
	_, err := fmt.Fprintf(out, "\nwaits for: %s\n", r.Waiting)
	return err
}

func toneOf(r client.Rotation) string {
	switch {
	case r.Trouble != "":
		return "31"
	case r.State == "done":
		return "32"
	}
	return "1"
}

// stageLine is one line of the list of what is done and what is not.
func stageLine(r client.Rotation, title, step string) string {
	if step == "switched" {
		n := 0
		for _, h := range r.Holders {
			if h.SwitchedAt != nil {
				n++
			}
		}
		if len(r.Holders) == 0 {
			return "  [-] " + title + ": no holder is registered"
		}
		return "  [" + ticked(n == len(r.Holders)) + "] " + fmt.Sprintf("%s: %d of %d", title, n, len(r.Holders))
	}
	at := ""
	for _, row := range r.Evidence {
		switch row.Step {
		case step:
			at = row.At.UTC().Format("2006-01-02 15:04:05Z")
		case "staged": // what was learned of the one before no longer counts
			at = ""
		}
	}
	return strings.TrimRight("  ["+ticked(at != "")+"] "+title+"  "+at, " ")
}

func ticked(done bool) string {
	if done {
		return "x"
	}
	return " "
}

// shown is which secret a holder's own calls show.
func shown(h client.RotationHolder) string {
	switch {
	case h.SeenNewAt == nil && h.SeenOldAt == nil:
		return "-"
	case h.SeenNewAt == nil || h.SeenOldAt != nil && h.SeenOldAt.After(*h.SeenNewAt):
		return "the old secret, " + since(h.SeenOldAt)
	}
	return "the new secret, " + since(h.SeenNewAt)
}
