package scenario

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"keepwatch"
)

var update = flag.Bool("update", false, "rewrite docs/scenarios.md")

const manual = "../../docs/scenarios.md"

// The table itself: long enough, wide enough, and no two alike.
func TestTheTable(t *testing.T) {
	all := Stories()
	if len(all) < 25 {
		t.Errorf("%d stories, want 25 at least", len(all))
	}
	slugs, met := map[string]bool{}, map[keepwatch.Category]bool{}
	for _, s := range all {
		if slug := s.Slug(); slug == "" || slugs[slug] {
			t.Errorf("%q: the file name %q is taken or empty", s.Name, slug)
		}
		slugs[s.Slug()] = true
		if s.Summary == "" || s.For < day || s.For > 3*day {
			t.Errorf("%q lasts %s and is about %q; stories last one to three days and say what they are about", s.Name, s.For, s.Summary)
		}
		for _, line := range s.Incidents {
			fields := strings.Fields(line)
			if len(fields) != 5 {
				t.Fatalf("%q: incident %q", s.Name, line)
			}
			met[keepwatch.Outcome(fields[1]).Info().Category] = true
		}
		checkScript(t, s)
	}
	for _, o := range keepwatch.Outcomes {
		if o.Category != keepwatch.CategoryNone && !met[o.Category] {
			t.Errorf("no story ends in an incident of the category %q", o.Category)
		}
	}
}

// checkScript: events in order, within the story, about credentials that exist.
func checkScript(t *testing.T, s Story) {
	t.Helper()
	last := time.Duration(0)
	for _, e := range s.Events {
		if e.At < last || e.At >= s.For {
			t.Errorf("%q: %s at %s is out of order or after the end", s.Name, e.Do, e.At)
		}
		last = e.At
		known := func(c keepwatch.Credential) bool { return c.ID == e.Credential }
		if e.Credential != "" && !slices.ContainsFunc(s.Estate.Credentials, known) {
			t.Errorf("%q: nobody is called %q", s.Name, e.Credential)
		}
	}
}

// docs/scenarios.md is written from the table; -update writes it.
func TestManual(t *testing.T) {
	want := render()
	if *update {
		if err := os.WriteFile(manual, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/scenarios.md is stale: go test ./internal/scenario -update")
	}
}

func render() string {
	var b strings.Builder
	all := Stories()
	fmt.Fprintf(&b, `# Scenarios

What Keepwatch says to what happens, as %d stories of one to three days. This page is written from the table in
`+"`internal/scenario`"+` by `+"`go test ./internal/scenario -update`"+`. `+"`internal/app`"+` plays every story with the whole
program against the simulator, in virtual time, and compares incidents and messages exactly as they stand here. The
exact course of each, second by second, is in `+"`internal/app/testdata/stories`"+`.

Unless a story says otherwise it begins on Monday, 2 November 2026 at 00:00 UTC, office hours are mon-fri 08:00-18:00 UTC,
and the intervals are those of the default tiers. An incident is written as key, outcome, severity, status at the end of
the story, and the number of members it ever had; a message as status, outcome and the key of its incident.
`, len(all))
	for _, s := range all {
		s.render(&b)
	}
	return b.String()
}

func (s Story) render(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n", strings.ToUpper(s.Name[:1])+s.Name[1:], s.Summary)
	fmt.Fprintf(b, "- lasts %s, %s\n", keepwatch.FormatDuration(s.For), crew(s.Estate))
	if !s.Start.Equal(monday) {
		fmt.Fprintf(b, "- begins %s\n", s.Start.Format("2006-01-02 15:04 UTC"))
	}
	if s.Zone != "" {
		fmt.Fprintf(b, "- office hours in %s\n", s.Zone)
	}
	if s.Detect > 0 {
		fmt.Fprintf(b, "- the incident opens at most %s after the first event\n", keepwatch.FormatDuration(s.Detect))
	}
	if s.Confirm > 0 {
		fmt.Fprintf(b, "- and at most %s after the first failed test\n", keepwatch.FormatDuration(s.Confirm))
	}
	block(b, "What happens", script(s.Events))
	block(b, "Incidents", s.Incidents)
	block(b, "Messages", s.Messages)
}

func crew(e Estate) string {
	if len(e.Credentials) == 1 {
		return "one credential"
	}
	if len(e.Tenants) == 1 {
		return fmt.Sprintf("%d credentials of one tenant", len(e.Credentials))
	}
	return fmt.Sprintf("%d credentials of %d tenants", len(e.Credentials), len(e.Tenants))
}

func block(b *strings.Builder, title string, lines []string) {
	if len(lines) == 0 {
		lines = []string{"none"}
	}
	fmt.Fprintf(b, "\n%s:\n\n```\n%s\n```\n", title, strings.Join(lines, "\n"))
}

// shown is how many events of a long script are listed.
const shown = 12

func script(events []Event) []string {
	var out []string
	for i, e := range events {
		if i == shown {
			return append(out, fmt.Sprintf("… and so on, %d more", len(events)-shown))
		}
		out = append(out, e.String())
	}
	return out
}
