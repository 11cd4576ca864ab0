package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keepwatch"
	"keepwatch/internal/incident"
	"keepwatch/internal/store"
)

func page(limit int) store.Page                 { return store.Page{Limit: limit} }
func filter(status string) store.IncidentFilter { return store.IncidentFilter{Status: status} }
func next(cursor string, limit int) store.Page  { return store.Page{Limit: limit, Cursor: cursor} }
func pending(d keepwatch.Delivery) bool         { return d.Status == keepwatch.DeliveryPending }
func ids(list []keepwatch.Delivery) (out []string) {
	for _, d := range list {
		out = append(out, string(d.ID))
	}
	return out
}

// resolve ends an incident in a step.
func (f *fixture) resolve(in keepwatch.Incident, at time.Time) {
	f.Helper()
	o := observation(check(0), at, keepwatch.OK)
	o.Tenant = in.Tenant
	_, err := f.Apply(f.Context(), []keepwatch.Observation{o}, at, func(v incident.View) (incident.Changes, error) {
		for _, i := range v.Open {
			if i.ID == in.ID {
				i.Status, i.ResolvedAt = keepwatch.IncidentResolved, at
				i.Revision++
				return withTransition(incident.Changes{}, i, keepwatch.Resolved, "proven", at), nil
			}
		}
		return incident.Changes{}, fmt.Errorf("incident %s is not open", in.ID)
	})
	f.must(err)
}

var incidentTests = []test{
	{"lists are filtered by status, credential and tenant", func(t *testing.T, f *fixture) {
		a, b := f.open(1, f.now), f.open(2, f.now.Add(time.Second))
		f.resolve(a, f.now.Add(time.Hour))
		other := check(3)
		other.Tenant = "apac"
		c := f.openOn(other, "credential:c", "apac", f.now.Add(2*time.Second))
		everybody := f.openOn(other, incident.PlatformKey, "", f.now.Add(3*time.Second)) // its member is apac's
		for _, tc := range []struct {
			name   string
			filter store.IncidentFilter
			want   []keepwatch.Incident
		}{
			{"open", store.IncidentFilter{Status: "open"}, []keepwatch.Incident{everybody, c, b}},
			{"resolved", store.IncidentFilter{Status: "resolved"}, []keepwatch.Incident{a}},
			{"all", store.IncidentFilter{Status: "all"}, []keepwatch.Incident{everybody, c, b, a}},
			{"no status is all", store.IncidentFilter{}, []keepwatch.Incident{everybody, c, b, a}},
			{"credential", store.IncidentFilter{Credential: b.Credential}, []keepwatch.Incident{b}},
			{"credential of a member", store.IncidentFilter{Credential: other.Credential}, []keepwatch.Incident{everybody, c}},
			{"tenant", store.IncidentFilter{Tenant: "emea"}, []keepwatch.Incident{b, a}},
			{"tenant of a member", store.IncidentFilter{Tenant: "apac", Status: "open"}, []keepwatch.Incident{everybody, c}},
			{"nobody", store.IncidentFilter{Credential: "nobody"}, nil},
		} {
			got, _, err := f.Incidents(t.Context(), tc.filter, page(10))
			f.must(err)
			if diff := cmp.Diff(incidentIDs(tc.want), incidentIDs(got)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.name, diff)
			}
		}
		if _, _, err := f.Incidents(t.Context(), filter("closed"), page(10)); !errors.Is(err, keepwatch.ErrInvalid) || keepwatch.HintOf(err) == "" {
			t.Errorf("status closed: %v", err)
		}
	}},
	{"pages neither repeat nor hide when incidents come in between", func(t *testing.T, f *fixture) {
		for i := range 25 {
			f.open(i, f.now.Add(time.Duration(i/5)*time.Second)) // five of each instant
		}
		var seen []string
		cursor := ""
		for n := 0; n == 0 || cursor != ""; n++ {
			list, after, err := f.Incidents(t.Context(), filter("all"), next(cursor, 4))
			f.must(err)
			seen, cursor = append(seen, incidentIDs(list)...), after
			f.open(100+n, f.now.Add(time.Hour+time.Duration(n)*time.Second))
		}
		distinct := map[string]bool{}
		for _, id := range seen {
			distinct[id] = true
		}
		if len(seen) != 25 || len(distinct) != 25 {
			t.Errorf("%d listed, %d different ones", len(seen), len(distinct))
		}
	}},
	{"a cursor that is none is refused", func(t *testing.T, f *fixture) {
		for _, cursor := range []string{"x", "%%%", "YWJj", "MTo\x00", "!"} {
			if _, _, err := f.Incidents(t.Context(), filter("all"), next(cursor, 4)); !errors.Is(err, keepwatch.ErrInvalid) {
				t.Errorf("%q: %v", cursor, err)
			}
			if _, _, err := f.Results(t.Context(), "c", next(cursor, 4)); !errors.Is(err, keepwatch.ErrInvalid) {
				t.Errorf("%q: %v", cursor, err)
			}
		}
	}},
	{"what does not exist is not found", func(t *testing.T, f *fixture) {
		if _, err := f.Incident(t.Context(), "nobody"); !errors.Is(err, keepwatch.ErrNotFound) {
			t.Errorf("incident: %v", err)
		}
		if _, err := f.Acknowledge(t.Context(), "nobody", "ada", f.now); !errors.Is(err, keepwatch.ErrNotFound) {
			t.Errorf("acknowledge: %v", err)
		}
		if _, err := f.SeriesByID(t.Context(), "nobody"); !errors.Is(err, keepwatch.ErrNotFound) {
			t.Errorf("series: %v", err)
		}
		if _, err := f.Result(t.Context(), "nobody", "k"); !errors.Is(err, keepwatch.ErrNotFound) {
			t.Errorf("result: %v", err)
		}
		if _, err := f.Incident(t.Context(), "a\x00b"); !errors.Is(err, keepwatch.ErrInvalid) {
			t.Errorf("an id with NUL: %v", err)
		}
	}},
	{"an acknowledgement is a transition and a notice, once", func(t *testing.T, f *fixture) {
		in := f.open(1, f.now)
		at := f.now.Add(time.Minute)
		got, err := f.Acknowledge(t.Context(), in.ID, "ada", at)
		f.must(err)
		again, err := f.Acknowledge(t.Context(), in.ID, "bob", at.Add(time.Minute))
		f.must(err)
		if got.AcknowledgedBy != "ada" || !got.AcknowledgedAt.Equal(at) || got.Status != keepwatch.IncidentOpen || cmp.Diff(got, again) != "" {
			t.Errorf("acknowledged %+v, then %+v", got, again)
		}
		timeline, err := f.Transitions(t.Context(), in.ID)
		f.must(err)
		notices, err := f.Unrouted(t.Context(), 10)
		f.must(err)
		if len(timeline) != 2 || timeline[1].Kind != keepwatch.Acknowledged || timeline[1].By != "ada" || timeline[1].Seq != 2 {
			t.Errorf("timeline %+v", timeline)
		}
		if len(notices) != 2 || notices[1].ID != keepwatch.NoticeIDOf(in.ID, 2) || notices[1].Incident.AcknowledgedBy != "ada" {
			t.Errorf("notices %+v", notices)
		}
		f.resolve(got, at.Add(time.Hour))
		if _, err := f.Acknowledge(t.Context(), in.ID, "bob", at); !errors.Is(err, keepwatch.ErrConflict) {
			t.Errorf("a resolved one: %v", err)
		}
		if _, err := f.Acknowledge(t.Context(), in.ID, "", at); !errors.Is(err, keepwatch.ErrInvalid) {
			t.Errorf("nobody: %v", err)
		}
	}},
	{"open incidents are counted by category and severity", func(t *testing.T, f *fixture) {
		f.open(1, f.now)
		f.open(2, f.now.Add(time.Second))
		f.resolve(f.open(3, f.now.Add(2*time.Second)), f.now.Add(time.Hour))
		f.openOn(check(4), incident.PlatformKey, "", f.now.Add(3*time.Second))
		counts, err := f.OpenCounts(t.Context())
		f.must(err)
		want := []store.OpenCount{{Category: "credential", Severity: "critical", Count: 2}, {Category: "platform", Severity: "critical", Count: 1}}
		if diff := cmp.Diff(want, counts); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}},
}

func incidentIDs(list []keepwatch.Incident) (out []string) {
	for _, in := range list {
		out = append(out, string(in.ID))
	}
	return out
}
