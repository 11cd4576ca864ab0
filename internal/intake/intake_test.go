package intake_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"keepwatch"
	"keepwatch/internal/incident"
	"keepwatch/internal/intake"
)

var now = time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC)

// memory is a store that lifts everything at once.
type memory struct {
	obs []keepwatch.Observation
	err error
}

func (m *memory) Apply(_ context.Context, obs []keepwatch.Observation, _ time.Time, step func(incident.View) (incident.Changes, error)) (incident.Changes, error) {
	if m.err != nil {
		return incident.Changes{}, m.err
	}
	m.obs = append(m.obs, obs...)
	v := incident.View{Observations: obs, Series: map[keepwatch.SeriesID]keepwatch.Series{}}
	for _, o := range obs {
		v.Series[o.Series] = keepwatch.Series{ID: o.Series}
	}
	return step(v)
}

func observation() keepwatch.Observation {
	return keepwatch.Observation{
		Key: "crm-sync@1", Series: "crm-sync", Check: "crm-sync", Credential: "crm-sync", Tenant: "emea", Place: keepwatch.Local,
		Source: keepwatch.SourceTest, Reason: keepwatch.ReasonScheduled, Slot: now, At: now, Gap: 10 * time.Minute, Outcome: keepwatch.LoginFailed,
	}
}

func open(s *memory) *intake.Intake {
	return intake.New(s, func() incident.Policy { return incident.Policy{} })
}

func TestRecordJudges(t *testing.T) {
	s := &memory{}
	c, err := open(s).Record(t.Context(), []keepwatch.Observation{observation()}, now)
	if err != nil || len(c.Incidents) != 1 || c.Incidents[0].Key != "credential:crm-sync" {
		t.Fatalf("changes %+v, error %v", c, err)
	}
}

func TestRefusedObservationsDoNotCostTheRest(t *testing.T) {
	s := &memory{}
	bad, good := observation(), observation()
	bad.Key, bad.Outcome = "bad", "exploded"
	_, err := open(s).Record(t.Context(), []keepwatch.Observation{bad, good}, now)
	var refused *intake.Refused
	if !errors.As(err, &refused) || refused.Key != "bad" || refused.Index != 0 {
		t.Fatalf("error %v", err)
	}
	if !errors.Is(err, keepwatch.ErrInvalid) || keepwatch.HintOf(refused) == "" || !strings.Contains(err.Error(), `"exploded"`) {
		t.Errorf("the error %q does not name what is wrong (hint %q)", err, keepwatch.HintOf(refused))
	}
	if len(s.obs) != 1 || s.obs[0].Key != good.Key {
		t.Errorf("recorded %d observations", len(s.obs))
	}
}

func TestNothingValidDoesNotReachTheStore(t *testing.T) {
	s := &memory{err: errors.New("must not be asked")}
	bad := observation()
	bad.Key = ""
	if _, err := open(s).Record(t.Context(), []keepwatch.Observation{bad}, now); err == nil || errors.Is(err, s.err) {
		t.Errorf("error %v", err)
	}
}

func TestErrorsOfTheStoreComeThrough(t *testing.T) {
	s := &memory{err: errors.New("disk full")}
	if _, err := open(s).Record(t.Context(), []keepwatch.Observation{observation()}, now); !errors.Is(err, s.err) {
		t.Errorf("error %v", err)
	}
}

func TestCleanRefuses(t *testing.T) {
	tests := map[string]struct {
		change func(*keepwatch.Observation)
		want   string
	}{
		"no key":               {func(o *keepwatch.Observation) { o.Key = "" }, "the key is empty"},
		"no series":            {func(o *keepwatch.Observation) { o.Series = "" }, "the series is empty"},
		"no place":             {func(o *keepwatch.Observation) { o.Place = "" }, "the place is empty"},
		"a test without check": {func(o *keepwatch.Observation) { o.Check = "" }, "the check is empty"},
		"a refusal of nobody":  {func(o *keepwatch.Observation) { o.Credential = "" }, "the credential is empty"},
		"a long key":           {func(o *keepwatch.Observation) { o.Key = strings.Repeat("k", 201) }, "the key is 201 bytes long"},
		"NUL in a tenant":      {func(o *keepwatch.Observation) { o.Tenant = "em\x00ea" }, "the tenant is not valid text"},
		"bad UTF-8":            {func(o *keepwatch.Observation) { o.Key = "\xff" }, "the key is not valid text"},
		"a source":             {func(o *keepwatch.Observation) { o.Source = "rumour" }, `source "rumour" is unknown`},
		"a reason":             {func(o *keepwatch.Observation) { o.Reason = "why not" }, `reason "why not" is unknown`},
		"a connectivity":       {func(o *keepwatch.Observation) { o.Connectivity = "maybe" }, `connectivity "maybe" is unknown`},
		"an outcome":           {func(o *keepwatch.Observation) { o.Outcome = "OK" }, `outcome "OK" is unknown`},
		"no outcome":           {func(o *keepwatch.Observation) { o.Outcome = "" }, `outcome "" is unknown`},
		"skipped":              {func(o *keepwatch.Observation) { o.Outcome = keepwatch.Skipped }, `outcome "skipped" is unknown`},
		"a finding as outcome": {func(o *keepwatch.Observation) { o.Outcome = keepwatch.Slow }, "is a finding of a history"},
		"blindness by a test":  {func(o *keepwatch.Observation) { o.Outcome = keepwatch.MonitoringBlind }, "belongs to the source monitor"},
		"an unknown finding":   {func(o *keepwatch.Observation) { o.Findings = []keepwatch.Outcome{"odd"} }, `finding "odd" is unknown`},
		"no time":              {func(o *keepwatch.Observation) { o.At = time.Time{} }, "the time is missing"},
		"the future":           {func(o *keepwatch.Observation) { o.At = now.Add(time.Hour) }, "lies 1h in the future"},
		"a slot in the future": {func(o *keepwatch.Observation) { o.Slot = now.Add(time.Hour) }, "the slot 2026-11-23T13:00:00Z lies 1h in the future"},
		"the distant past":     {func(o *keepwatch.Observation) { o.At = now.AddDate(-3, 0, 0) }, "is too long ago"},
		"a negative duration":  {func(o *keepwatch.Observation) { o.Took = -1 }, "the duration of -1ns makes no sense"},
		"an endless gap":       {func(o *keepwatch.Observation) { o.Gap = 1<<63 - 1 }, "the planned gap of"},
		"a negative count":     {func(o *keepwatch.Observation) { o.Count = -1 }, "the count is -1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := observation()
			tt.change(&o)
			_, err := intake.Clean(o, now)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want %q", err, tt.want)
			}
			if !errors.Is(err, keepwatch.ErrInvalid) || keepwatch.HintOf(err) == "" {
				t.Errorf("error %v has no kind or hint", err)
			}
		})
	}
}

func TestCleanRepairs(t *testing.T) {
	o := observation()
	o.Message = "a\x00b\xff" + strings.Repeat("ü", 1000)
	o.Evidence, o.Transcript = strings.Repeat("e", 5000), strings.Repeat("t", 50_000)
	o.Steps = make([]keepwatch.Step, 100)
	o.Steps[0] = keepwatch.Step{Name: "token\x00", Outcome: "boom", Took: -1}
	o.Steps[1].Outcome = keepwatch.Skipped
	o.Slot, o.RetryAfter, o.Connectivity = time.Time{}, -5, ""
	o.At = now.Add(1234567 * time.Nanosecond).In(time.FixedZone("", 3600))
	steps := o.Steps
	got, err := intake.Clean(o, now)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case !strings.HasPrefix(got.Message, "a\uFFFDb\uFFFDü") || len(got.Message) > 500 || !utf8.ValidString(got.Message):
		t.Errorf("message %q (%d bytes)", got.Message, len(got.Message))
	case len(got.Evidence) != 300 || len(got.Transcript) != 4096:
		t.Errorf("evidence %d bytes, transcript %d", len(got.Evidence), len(got.Transcript))
	case len(got.Steps) != 32 || got.Steps[0].Name != "token\uFFFD" || got.Steps[0].Outcome != keepwatch.UnexpectedResponse || got.Steps[0].Took != 0 || got.Steps[1].Outcome != keepwatch.Skipped:
		t.Errorf("steps %d, first %+v", len(got.Steps), got.Steps[0])
	case steps[0].Name != "token\x00":
		t.Error("the caller's steps were changed")
	case !got.Slot.Equal(got.At) || got.At.Location() != time.UTC || got.At.Nanosecond() != 1_000_000:
		t.Errorf("at %s, slot %s", got.At, got.Slot)
	case got.RetryAfter != 0 || got.Connectivity != keepwatch.ConnectivityUnproven:
		t.Errorf("retry after %s, connectivity %q", got.RetryAfter, got.Connectivity)
	}
}

func TestCleanLeavesGoodOnesAlone(t *testing.T) {
	o := observation()
	o.Message, o.Scopes, o.Connectivity = "Die Anmeldung wurde verweigert.", []string{"a", "b"}, keepwatch.ConnectivityProven
	got, err := intake.Clean(o, now)
	if err != nil || got.Message != o.Message || len(got.Scopes) != 2 || !got.At.Equal(o.At) || got.Key != o.Key {
		t.Errorf("%+v, %v", got, err)
	}
}

// FuzzClean: whatever comes in, what goes to the store is valid text of bounded
// size with a known outcome, and cleaning it again changes nothing.
func FuzzClean(f *testing.F) {
	f.Add("k", "s", "ok", "message", "evidence", "step", int64(0), int64(0), 0)
	f.Add("k\x00", "\xff", "bad_client_id", strings.Repeat("ü", 400), "\x00", "token", int64(1<<62), int64(-1), -1)
	f.Add("k", "s", "nope", "a\xe2\x82", "b", "c", int64(-1<<62), int64(1<<62), 1<<30)
	f.Fuzz(func(t *testing.T, key, series, outcome, message, evidence, step string, at, took int64, count int) {
		o := observation()
		o.Key, o.Series, o.Outcome, o.Message, o.Evidence = key, keepwatch.SeriesID(series), keepwatch.Outcome(outcome), message, evidence
		o.Hint, o.Transcript, o.Stack, o.Step, o.Scopes = message, evidence+message, step, step, []string{step, message}
		o.Steps = []keepwatch.Step{{Name: step, Outcome: keepwatch.Outcome(step), Evidence: evidence, Took: time.Duration(took)}}
		o.At, o.Took, o.Count = now.Add(time.Duration(at)), time.Duration(took), count
		got, err := intake.Clean(o, now)
		if err != nil {
			if !errors.Is(err, keepwatch.ErrInvalid) || !utf8.ValidString(err.Error()) {
				t.Fatalf("error %q", err)
			}
			return
		}
		for _, text := range []string{got.Key, string(got.Series), got.Message, got.Hint, got.Evidence, got.Transcript, got.Stack, got.Step, got.Steps[0].Name, got.Steps[0].Evidence, got.Scopes[1]} {
			if !utf8.ValidString(text) || strings.ContainsRune(text, 0) || len(text) > 4096 {
				t.Fatalf("%q goes to the store", text)
			}
		}
		if len(got.Message) > 500 || len(got.Evidence) > 300 || !got.Outcome.Known() || got.Took < 0 {
			t.Fatalf("%+v goes to the store", got)
		}
		again, err := intake.Clean(got, now)
		if err != nil || again.Message != got.Message || again.Evidence != got.Evidence || !again.At.Equal(got.At) {
			t.Fatalf("cleaning twice: %v", err)
		}
	})
}
