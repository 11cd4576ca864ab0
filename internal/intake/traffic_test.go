package intake_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/intake"
)

func TestATallyThatDoesNotAddUpIsRefused(t *testing.T) {
	now := time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		name   string
		change func(*keepwatch.Observation)
		want   string // of the error; "" takes it
	}{
		{"as it should be", func(*keepwatch.Observation) {}, ""},
		{"of another source", func(o *keepwatch.Observation) { o.Source = keepwatch.SourceEvent }, "source"},
		{"under another series", func(o *keepwatch.Observation) { o.Series = "crm" }, "series"},
		{"requests that are neither granted nor failed", func(o *keepwatch.Observation) { o.Traffic.Tokens.Requests = 9 }, "9 token requests"},
		{"an unknown outcome", func(o *keepwatch.Observation) { o.Traffic.Tokens.Failed = map[keepwatch.Outcome]int{"odd": 1} }, "odd"},
		{"more masked cycles than cycles", func(o *keepwatch.Observation) { o.Traffic.Tokens.Masked = 5 }, "cycles"},
		{"a negative count", func(o *keepwatch.Observation) { o.Traffic.Calls[0].Count = -1 }, "-1 calls"},
		{"of the future", func(o *keepwatch.Observation) { o.Traffic.To = now.Add(time.Hour) }, "runs from"},
		{"too many rows", func(o *keepwatch.Observation) { o.Traffic.Calls = make([]keepwatch.CallCount, 65) }, "rows of calls"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := keepwatch.Observation{
				Key: "k", Series: keepwatch.TrafficSeries("crm", "shop"), Credential: "crm", Tenant: "emea", Place: keepwatch.Local,
				Source: keepwatch.SourceTraffic, At: now, Outcome: keepwatch.OK,
				Traffic: &keepwatch.Tally{
					Holder: "shop", From: now, To: now,
					Tokens: keepwatch.Refreshes{Requests: 3, OK: 2, Failed: map[keepwatch.Outcome]int{keepwatch.Timeout: 1}, Cycles: 2, Attempts: 3, Masked: 1},
					Calls:  []keepwatch.CallCount{{Kind: keepwatch.CallREST, Family: "a\x00b", Class: "2xx", Outcome: keepwatch.OK, Count: 1}},
				},
			}
			tc.change(&o)
			got, err := intake.Clean(o, now)
			if tc.want == "" {
				if err != nil || strings.ContainsRune(got.Traffic.Calls[0].Family, 0) {
					t.Fatalf("%+v %v", got.Traffic, err)
				}
				return
			}
			if !errors.Is(err, keepwatch.ErrInvalid) || !strings.Contains(err.Error(), tc.want) || keepwatch.HintOf(err) == "" {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestARefusalIsToldFromAFaultOfTheStore(t *testing.T) {
	refused := &intake.Refused{Err: keepwatch.ErrInvalid}
	for _, tc := range []struct {
		err  error
		only bool
		n    int
	}{
		{nil, false, 0}, {refused, true, 1}, {errors.Join(refused, refused), true, 2},
		{errors.Join(refused, errors.New("disk full")), false, 1}, {errors.New("disk full"), false, 0},
	} {
		if only, n := intake.OnlyRefused(tc.err), intake.CountRefused(tc.err); only != tc.only || n != tc.n {
			t.Errorf("%v: %v, %d", tc.err, only, n)
		}
	}
}
