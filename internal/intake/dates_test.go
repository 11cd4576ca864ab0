package intake_test

import (
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/intake"
)

func dated() keepwatch.Observation {
	o := observation()
	o.Check = keepwatch.CheckOf(keepwatch.CheckExpiry, o.Credential)
	o.Series = keepwatch.SeriesOf(o.Check, "secret")
	o.Key, o.Outcome = keepwatch.SlotKey(o.Check, o.Slot)+"#secret", keepwatch.Expiring
	o.Due = &keepwatch.Due{
		Clock:  keepwatch.Clock{Name: "secret", Kind: keepwatch.ClockHard, At: now.AddDate(0, 0, 5).Add(time.Nanosecond), Source: keepwatch.DateDerived, Basis: "generated\x00"},
		Passed: []string{"30d", "7d"},
	}
	o.Seen = []keepwatch.Fact{{Name: "issuer", Value: strings.Repeat("x", 5000)}}
	return o
}

func TestCleanRefusesDates(t *testing.T) {
	tests := map[string]struct {
		change func(*keepwatch.Observation)
		want   string
	}{
		"by the own test":     {func(o *keepwatch.Observation) { o.Check = keepwatch.CheckID(o.Credential) }, "own test reports a date"},
		"without a clock":     {func(o *keepwatch.Observation) { o.Due.Clock.Name = "" }, "no usable name"},
		"with a long name":    {func(o *keepwatch.Observation) { o.Due.Clock.Name = strings.Repeat("c", 121) }, "no usable name"},
		"of a session":        {func(o *keepwatch.Observation) { o.Due.Clock.Kind = keepwatch.ClockSession }, `kind "session" has no date`},
		"of unknown origin":   {func(o *keepwatch.Observation) { o.Due.Clock.Source = keepwatch.DateUnknown }, `source "unknown" is unknown`},
		"without a date":      {func(o *keepwatch.Observation) { o.Due.Clock.At = time.Time{} }, "has no date"},
		"with too many rungs": {func(o *keepwatch.Observation) { o.Due.Passed = make([]string, 65) }, "65 rungs"},
		"with too many facts": {func(o *keepwatch.Observation) { o.Seen = make([]keepwatch.Fact, 33) }, "33 facts"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o := dated()
			tt.change(&o)
			if _, err := intake.Clean(o, now); err == nil || !strings.Contains(err.Error(), tt.want) || keepwatch.HintOf(err) == "" {
				t.Errorf("error %v, want %q with a hint", err, tt.want)
			}
		})
	}
}

func TestCleanRepairsDates(t *testing.T) {
	o := dated()
	got, err := intake.Clean(o, now)
	switch {
	case err != nil:
		t.Fatal(err)
	case got.Due.Clock.At.Nanosecond() != 0 || got.Due.Clock.Basis != "generated\uFFFD" || len(got.Seen[0].Value) > 1000:
		t.Errorf("due %+v, seen %d bytes", got.Due, len(got.Seen[0].Value))
	case o.Due.Clock.At.Nanosecond() == 0 || got.Due == o.Due:
		t.Error("the caller's value was changed")
	}
}
