package keepwatch_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"keepwatch"
)

var update = flag.Bool("update", false, "write the generated documents")

// whenOpens says in words when an outcome opens an incident.
func whenOpens(o keepwatch.OutcomeInfo) string {
	switch o.Confirm {
	case keepwatch.ConfirmAtOnce:
		return "at once, and it is never tried again by itself"
	case keepwatch.ConfirmJudged:
		return "when the judge is sure: [detection.md](detection.md)"
	case keepwatch.ConfirmDate:
		return "at once: a date or a comparison is asked nothing twice"
	case keepwatch.ConfirmTwice:
		return "the second time in a row, asked within 60 s"
	case keepwatch.ConfirmBurst:
		return "3 failures over 2 min"
	case keepwatch.ConfirmRuns:
		return "3 failures over 2 min in each of `fail_after` runs"
	}
	if o.Scope != keepwatch.ScopeNone {
		return "at once"
	}
	return "never"
}

func outcomesDocument() string {
	var b strings.Builder
	b.WriteString(`# Outcomes

Generated from the table in outcome.go; write it anew with ` + "`go test . -run Outcomes -update`" + `.

An outcome is the fixed name of what a run found. "Opens" says when an incident follows and "scope" what the
incident is about; exit is the exit code of ` + "`keepwatch check`" + `. A ~ marks outcomes for which the literal answer of
SFMC is not known: messages say "probably". How failures are confirmed stands in [incident-states.md](incident-states.md).

| outcome | category | state | severity | exit | scope | opens | meaning |
|---|---|---|---|---|---|---|---|
`)
	for _, o := range keepwatch.Outcomes {
		assumed := ""
		if o.Assumed {
			assumed = " ~"
		}
		fmt.Fprintf(&b, "| `%s`%s | %s | %s | %s | %d | %s | %s | %s |\n", o.Outcome, assumed, dash(string(o.Category)), o.State,
			o.Severity, o.Exit, dash(string(o.Scope)), whenOpens(o), o.Meaning)
	}
	return b.String()
}

func dash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func TestOutcomesDocumentIsCurrent(t *testing.T) {
	const path = "docs/outcomes.md"
	want := outcomesDocument()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s differs from the table: run go test . -run Outcomes -update", path)
	}
}

// TestOutcomesAreConsistent holds what the rest of the program relies on.
func TestOutcomesAreConsistent(t *testing.T) {
	seen := map[keepwatch.Outcome]bool{}
	for _, o := range keepwatch.Outcomes {
		if seen[o.Outcome] {
			t.Errorf("%s stands twice in the table", o.Outcome)
		}
		seen[o.Outcome] = true
		if o.Meaning == "" || !o.Outcome.Known() || o.Outcome.Info().Outcome != o.Outcome {
			t.Errorf("%s has no meaning or is not found", o.Outcome)
		}
		if o.Outcome.Hard() && o.Outcome.Soft() {
			t.Errorf("%s is hard and soft", o.Outcome)
		}
		if (o.Outcome.Hard() || o.Outcome.Soft()) && o.Scope == keepwatch.ScopeNone {
			t.Errorf("%s is a failure without a scope", o.Outcome)
		}
		if o.Scope == keepwatch.ScopeCredential && !o.Outcome.Hard() && o.Confirm != keepwatch.ConfirmDate && o.Confirm != keepwatch.ConfirmJudged {
			t.Errorf("%s opens a credential incident, yet it is neither a refusal nor a date nor judged", o.Outcome)
		}
		if o.State == keepwatch.StateFailing && o.Exit != keepwatch.ExitCritical {
			t.Errorf("%s fails with exit code %d", o.Outcome, o.Exit)
		}
	}
}

func TestUnknownOutcomeIsNeverHealthy(t *testing.T) {
	for _, o := range []keepwatch.Outcome{"", "OK", "nonsense", keepwatch.Skipped} {
		if o.Known() || o.Info().State == keepwatch.StateHealthy {
			t.Errorf("%q reads as %s", o, o.Info().State)
		}
	}
}
