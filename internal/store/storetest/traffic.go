package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keepwatch"
	"keepwatch/internal/incident"
	"keepwatch/internal/store"
)

var trafficTests = []test{
	{"a window of traffic adds to its hours, once, and finds the credential's own series", func(t *testing.T, f *fixture) {
		when := f.now.Truncate(time.Hour)
		window := func(key string, at time.Time, tally keepwatch.Tally) keepwatch.Observation {
			tally.Holder, tally.From, tally.To = "shop-ü", at, at
			return keepwatch.Observation{
				Key: key, Series: keepwatch.TrafficSeries("crm", "shop-ü"), Credential: "crm", Tenant: "emea", Place: keepwatch.Local,
				Source: keepwatch.SourceTraffic, Slot: at, At: at, Outcome: keepwatch.OK, Traffic: &tally,
			}
		}
		test := keepwatch.Observation{
			Key: "crm@1", Series: "crm", Check: "crm", Credential: "crm", Tenant: "emea", Place: keepwatch.Local, Source: keepwatch.SourceTest,
			Reason: keepwatch.ReasonScheduled, Slot: when, At: when, Gap: time.Minute, Outcome: keepwatch.OK,
		}
		var view incident.View
		apply := func(obs ...keepwatch.Observation) {
			t.Helper()
			_, err := f.Apply(t.Context(), obs, when.Add(time.Minute), func(v incident.View) (incident.Changes, error) {
				view = v
				return incident.Step(v, incident.Policy{}, when.Add(time.Minute))
			})
			f.must(err)
		}
		tally := keepwatch.Tally{
			Tokens: keepwatch.Refreshes{Requests: 3, OK: 2, Failed: map[keepwatch.Outcome]int{keepwatch.Timeout: 1}, Cycles: 2, Attempts: 3, Masked: 1, LastOK: when.Add(30 * time.Second), Took: time.Second},
			Calls:  []keepwatch.CallCount{{Kind: keepwatch.CallREST, Family: "messaging", Class: "2xx", Outcome: keepwatch.OK, Count: 4, Took: time.Second, Slowest: 400 * time.Millisecond}},
			Uses:   []keepwatch.SecretUse{{Secret: "abc", At: when, Count: 3, OK: true, Accept: when}},
			Scopes: []string{"email_read"},
		}
		first := window("w1", when.Add(30*time.Second), tally)
		apply(first)
		if _, there := view.Series["crm"]; there {
			t.Error("a series that was never tested is in the view")
		}
		apply(test)
		apply(first, window("w2", when.Add(40*time.Second), tally))
		if own := view.Series["crm"]; own.LastSlot.IsZero() {
			t.Errorf("the credential's own series is not in the view: %+v", own)
		}
		if own, err := f.SeriesByID(t.Context(), "crm"); err != nil || own.ProvenBy == nil || own.ProvenBy.Holder != "shop-ü" {
			t.Errorf("it is not proven by traffic: %+v %v", own.ProvenBy, err)
		}
		s, err := f.SeriesByID(t.Context(), keepwatch.TrafficSeries("crm", "shop-ü"))
		f.must(err)
		if s.Traffic == nil || s.Traffic.Fine[0].Requests != 6 || s.Traffic.Uses[0].Count != 6 || s.Traffic.Scopes[0] != "email_read" {
			t.Errorf("the memory: %+v", s.Traffic)
		}
		got, err := f.Calls(t.Context(), "crm", when, when.Add(time.Hour))
		f.must(err)
		row := func(c keepwatch.CallCount) store.CallRow {
			return store.CallRow{Credential: "crm", Tenant: "emea", Holder: "shop-ü", Start: when, CallCount: c}
		}
		want := []store.CallRow{
			row(keepwatch.CallCount{Kind: keepwatch.CallREST, Family: "messaging", Class: "2xx", Outcome: keepwatch.OK, Count: 8, Took: 2 * time.Second, Slowest: 400 * time.Millisecond}),
			row(keepwatch.CallCount{Kind: keepwatch.CallToken, Outcome: keepwatch.Timeout, Count: 2}),
			row(keepwatch.CallCount{Kind: keepwatch.CallToken, Class: "2xx", Outcome: keepwatch.OK, Count: 4, Took: 2 * time.Second}),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("hours (-want +got):\n%s", diff)
		}
		if all, err := f.Calls(t.Context(), "", when, when.Add(time.Hour)); err != nil || len(all) != 3 {
			t.Errorf("%d rows of all, %v", len(all), err)
		}
		f.must(f.Retain(t.Context(), when.Add(91*24*time.Hour)))
		if old, err := f.Calls(t.Context(), "", when, when.Add(time.Hour)); err != nil || len(old) != 0 {
			t.Errorf("%d rows are kept too long, %v", len(old), err)
		}
		_, err = f.Calls(t.Context(), "a\x00b", when, when)
		f.wants(keepwatch.ErrInvalid, err)
	}},
}
