package rotation

import (
	"errors"
	"strings"
	"testing"
	"time"

	"keepwatch"
)

var (
	start = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	ends  = time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC)
)

func after(d time.Duration) time.Time { return start.Add(d) }

// begun is a fresh rotation with these holders.
func begun(holders ...string) keepwatch.Rotation {
	var list []keepwatch.Holder
	for _, name := range holders {
		list = append(list, keepwatch.Holder{Name: name})
	}
	return Begin(keepwatch.Rotation{
		ID: "r", Credential: "crm", OldRef: "env:OLD", NewRef: "env:NEW", Generated: keepwatch.Day(2026, 11, 24), OldEndsAt: ends, Holders: Holders(list),
	}, "ada", start)
}

// asks puts a question and its answer.
func asks(r keepwatch.Rotation, do Do, a Answer, now time.Time) keepwatch.Rotation {
	r, row := Ask(r, do, "q", now)
	return Answered(r, do, row, a, now)
}

var (
	yes   = Answer{Verdict: Granted, Outcome: keepwatch.OK}
	no    = Answer{Verdict: Refusal, Outcome: keepwatch.BadSecretOrPackage}
	maybe = Answer{Verdict: Unknown, Outcome: keepwatch.RateLimited}
)

func proven(holders ...string) keepwatch.Rotation {
	return asks(begun(holders...), AskStaged, yes, after(Propagation))
}

func switched(t *testing.T, r keepwatch.Rotation, holder int, now time.Time) keepwatch.Rotation {
	t.Helper()
	r, err := Switched(r, holder, "mule", now)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// dead is one whose old secret was refused at an instant.
func dead(at time.Duration, holders ...string) keepwatch.Rotation {
	return asks(proven(holders...), AskOld, no, after(at))
}

func done(t *testing.T) keepwatch.Rotation {
	t.Helper()
	r := asks(dead(time.Hour), AskNew, yes, after(time.Hour+Propagation))
	return Recorded(r, "recorded", after(time.Hour+Propagation))
}

func aborted(t *testing.T, r keepwatch.Rotation, now time.Time) keepwatch.Rotation {
	t.Helper()
	r, err := Abort(r, "ada", "", now)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func resume(t *testing.T, r keepwatch.Rotation, s Staging, now time.Time) keepwatch.Rotation {
	t.Helper()
	r, err := Resume(r, s, now)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func activated(t *testing.T, r keepwatch.Rotation, now time.Time) keepwatch.Rotation {
	t.Helper()
	r, err := Activated(r, "ada", now)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func conflict(t *testing.T, _ keepwatch.Rotation, err error) {
	t.Helper()
	if !errors.Is(err, keepwatch.ErrConflict) || keepwatch.HintOf(err) == "" {
		t.Errorf("error %v with the hint %q", err, keepwatch.HintOf(err))
	}
}

func steps(r keepwatch.Rotation) string {
	out := make([]string, len(r.Evidence))
	for i, e := range r.Evidence {
		out[i] = e.Step
	}
	return strings.Join(out, " ")
}
