package cli

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"keepwatch"
	"keepwatch/client"
)

type effectsCmd struct {
	Inventory
	State      string `enum:"any,healthy,degraded,failing,unknown,maintenance" default:"any" help:"Only what is in this state."`
	Tenant     string `help:"Only this tenant's."`
	Credential string `placeholder:"ID" help:"Only what hangs on this credential."`
	Kind       string `enum:"any,journey,automation,data_extension,triggered_send,transactional_email,transactional_sms" default:"any" help:"Only things of this kind."`
}

// Run lists what is watched in SFMC for the effects of credentials.
func (c effectsCmd) Run(e *env) error {
	daemon, end, err := c.open(e)
	if err != nil {
		return err
	}
	defer end()
	f := client.WatchFilter{Tenant: c.Tenant, Credential: c.Credential, Limit: 200}
	if c.State != "any" {
		f.State = c.State
	}
	if c.Kind != "any" {
		f.Kind = c.Kind
	}
	list := []client.Watch{}
	for w, err := range daemon.Effects(e.ctx, f) {
		if err != nil {
			return explained(err)
		}
		list = append(list, w)
	}
	if err := printEffects(e, list); err != nil {
		return err
	}
	return effectsExit(list)
}

// effectsExit is the worst of what is shown, as for credentials.
func effectsExit(list []client.Watch) error {
	code := keepwatch.ExitOK
	for _, w := range list {
		switch keepwatch.State(w.State) {
		case keepwatch.StateFailing:
			return exitError(keepwatch.ExitCritical)
		case keepwatch.StateDegraded:
			code = keepwatch.ExitWarning
		}
	}
	if code == keepwatch.ExitOK {
		return nil
	}
	return exitError(code)
}

func printEffects(e *env, list []client.Watch) error {
	if e.Output != "table" {
		return printItems(e, list)
	}
	if len(list) == 0 {
		e.progress("nothing is watched that fits")
		return nil
	}
	rows := make([][]string, len(list))
	for i, w := range list {
		what := cmp.Or(w.Evidence, w.Learning)
		rows[i] = []string{
			e.stateWord(keepwatch.State(w.State)), w.Tenant, strings.ReplaceAll(w.Kind, "_", " ") + " " + w.Key, cmp.Or(w.Aspect, "-"),
			cmp.Or(strings.Join(w.Credentials, ", "), "-"), what,
		}
	}
	return e.printTable([]string{e.colour("39", "STATE"), "TENANT", "SUBJECT", "ASPECT", "CREDENTIALS", "WHAT"}, rows)
}

// printEffectsOf lists below the table what stopped because of each incident.
func printEffectsOf(w io.Writer, list []client.Incident) {
	for _, in := range list {
		if len(in.Effects) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%s: %s\n", in.ID, counted(len(in.Effects), "effect"))
		for _, f := range in.Effects {
			line := fmt.Sprintf("  %s %s: %s, last sign of life %s", strings.ReplaceAll(f.Kind, "_", " "), f.Key, f.Outcome, since(f.Since))
			if f.EndedAt != nil {
				line += ", over " + since(f.EndedAt)
			}
			fmt.Fprintln(w, line)
			if f.Evidence != "" {
				fmt.Fprintln(w, "    "+f.Evidence)
			}
		}
	}
}
