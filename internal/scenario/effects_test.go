package scenario

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"keepwatch"
)

const silent = "../../docs/silent-failures.md"

// The table of silent failures: long enough, no two alike, about what lives, and in order.
func TestTheTableOfSilentFailures(t *testing.T) {
	all, shop := EffectStories(), Shop()
	if len(all) < 25 {
		t.Errorf("%d stories, want 25 at least", len(all))
	}
	lives := map[string]bool{}
	for _, c := range shop.Estate.Credentials {
		lives["credential/"+string(c.ID)] = true
	}
	for _, c := range shop.World.Callers {
		lives["caller/"+c.Name] = true
	}
	for _, c := range shop.Estate.Credentials {
		for _, d := range c.Dependents {
			lives[d.Kind+"/"+d.Key] = true
		}
	}
	slugs, met := map[string]bool{}, map[keepwatch.Outcome]bool{}
	for _, s := range all {
		if slug := s.Slug(); slug == "" || slugs[slug] {
			t.Errorf("%q: the name is taken or empty", s.Name)
		}
		slugs[s.Slug()] = true
		if (len(s.Amounts) > 0 || s.Calm) == (s.Unmeasured != "") {
			t.Errorf("%q: it needs figures, or the reason why there are none", s.Name)
		}
		for _, a := range slices.Concat(s.Amounts, s.Absent) {
			if meanings[a.Truth] == "" || !lives[a.Subject] {
				t.Errorf("%q: %+v: no such measure or subject", s.Name, a)
			}
		}
		last := time.Duration(0)
		for _, turn := range s.Turns {
			if turn.At < last || turn.At >= s.For {
				t.Errorf("%q: %s is out of order or after the end", s.Name, turn)
			}
			last = turn.At
			if turn.Deed.Verb != "" && !lives[turn.Deed.Subject] {
				t.Errorf("%q: nothing is called %q", s.Name, turn.Deed.Subject)
			}
		}
		for _, o := range keepwatch.Outcomes {
			for _, line := range s.Incidents {
				met[o.Outcome] = met[o.Outcome] || strings.Contains(line, string(o.Outcome))
			}
		}
	}
	for _, o := range keepwatch.Outcomes {
		if o.Scope == keepwatch.ScopeEffect && !met[o.Outcome] {
			t.Errorf("no story shows %q", o.Outcome)
		}
	}
}

// docs/silent-failures.md is written from the table; -update writes it.
func TestManualOfSilentFailures(t *testing.T) {
	want := renderEffects()
	if *update {
		if err := os.WriteFile(silent, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(silent)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/silent-failures.md is stale: go test ./internal/scenario -update")
	}
}

func renderEffects() string {
	var b strings.Builder
	all := EffectStories()
	fmt.Fprintf(&b, `# Silent failures

What Keepwatch says when something stops in SFMC and no alarm sounds there, as %d stories of days. This page is written from the table in `+"`internal/scenario`"+`
by `+"`go test ./internal/scenario -update`"+`. `+"`internal/app`"+` plays every story with the whole program against a [simulated account](simulator-world.md) that was watched for six
weeks, in virtual time, compares incidents and messages exactly as they stand here, and holds the figures against what the simulator logged.

Every story begins on Monday, 2 November 2026 at 00:00 UTC, in a business unit with a web shop: the holder shop-backend feeds a journey, a data extension and two sends with the credential
shop, middleware drops files for three automations, the loyalty app feeds a journey and a data extension, and watcher reads the counters. An incident is written as key, outcome, severity,
status at the end of the story, its effects, and the likeliest cause where it is about effects alone. [detection.md](detection.md) says how things are judged, [incident-states.md](incident-states.md) what
becomes of a verdict.
`, len(all))
	for _, s := range all {
		s.render(&b)
	}
	return b.String()
}

func (s EffectStory) render(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n- lasts %s\n", strings.ToUpper(s.Name[:1])+s.Name[1:], s.Summary, keepwatch.FormatDuration(s.For))
	if s.Notice > 0 {
		fmt.Fprintf(b, "- the incident opens at most %s after the first event\n", keepwatch.FormatDuration(s.Notice))
	}
	for _, a := range s.Amounts {
		fmt.Fprintf(b, "- `%s` of %s is within 10 %% of what really happened: %s\n", a.Name, a.Subject, meanings[a.Truth])
	}
	for _, a := range s.Absent {
		fmt.Fprintf(b, "- there is no `%s` of %s, and really there is none: %s\n", a.Name, a.Subject, meanings[a.Truth])
	}
	for _, share := range s.Shares {
		fmt.Fprintf(b, "- of `%s` of %s, the incident `%s` carries what `%s` caused, within 10 %%\n", share.Name, share.Subject, share.Incident, share.Cause)
	}
	if s.Calm {
		b.WriteString("- nothing was late or lost, and the month's report counts nothing\n")
	}
	if s.Unmeasured != "" {
		fmt.Fprintf(b, "- no figure is held against the log. %s\n", s.Unmeasured)
	}
	if s.Blind {
		b.WriteString("- that the counters cannot be read is said, and not judged here\n")
	}
	var script []string
	for _, turn := range s.Turns {
		script = append(script, turn.String())
	}
	block(b, "What happens", script)
	block(b, "Incidents", s.Incidents)
	if !s.Blind {
		block(b, "Messages", s.Messages)
	}
}
