package storetest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keepwatch"
	"keepwatch/internal/incident"
)

var applyTests = []test{
	{"what a step makes of the observations is there afterwards", func(t *testing.T, f *fixture) {
		f.must(f.SyncChecks(t.Context(), f.now, checks(1)))
		due, outbox := f.Woken()
		drain(due)
		o := observation(check(0), f.now, keepwatch.BadClientID)
		changes := f.apply(func(v incident.View) (incident.Changes, error) {
			c, err := opening("credential:x", f.now)(v)
			c.Plans = []incident.Plan{{Check: check(0).ID, At: f.now.Add(30 * time.Second), Reason: keepwatch.ReasonConfirm}}
			return c, err
		}, o)
		for name, c := range map[string]<-chan struct{}{"due": due, "outbox": outbox} {
			select {
			case <-c:
			default:
				t.Errorf("nobody was woken about %s", name)
			}
		}
		series, err := f.Series(t.Context())
		f.must(err)
		if diff := cmp.Diff(changes.Series, series); diff != "" {
			t.Errorf("series (-written +read):\n%s", diff)
		}
		in, err := f.Incident(t.Context(), changes.Incidents[0].ID)
		f.must(err)
		timeline, err := f.Transitions(t.Context(), in.ID)
		f.must(err)
		notices, err := f.Unrouted(t.Context(), 10)
		f.must(err)
		for what, diff := range map[string]string{
			"incident": cmp.Diff(changes.Incidents[0], in), "transitions": cmp.Diff(changes.Transitions, timeline), "notices": cmp.Diff(changes.Notices, notices),
		} {
			if diff != "" {
				t.Errorf("%s (-written +read):\n%s", what, diff)
			}
		}
		if next, _, _ := f.NextDue(t.Context()); !next.Equal(f.now.Add(30 * time.Second)) {
			t.Errorf("the plan says %v", next)
		}
	}},
	{"an error in the step leaves nothing behind", func(t *testing.T, f *fixture) {
		f.must(f.SyncChecks(t.Context(), f.now, checks(1)))
		before, _, _ := f.NextDue(t.Context())
		o := observation(check(0), f.now, keepwatch.BadClientID)
		o.Transcript = "POST …"
		no := errors.New("no")
		_, err := f.Apply(t.Context(), []keepwatch.Observation{o}, f.now, func(v incident.View) (incident.Changes, error) {
			c, _ := opening("credential:x", f.now)(v)
			return c, no
		})
		if !errors.Is(err, no) {
			t.Fatalf("error %v", err)
		}
		f.empty(o)
		after, _, _ := f.NextDue(t.Context())
		if !after.Equal(before) {
			t.Errorf("due moved from %v to %v", before, after)
		}
		if c := f.apply(opening("credential:x", f.now), o); len(c.Incidents) != 1 {
			t.Errorf("the next try made %d incidents", len(c.Incidents))
		}
	}},
	{"an error of a late statement leaves nothing behind", func(t *testing.T, f *fixture) {
		o := observation(check(0), f.now, keepwatch.BadClientID)
		_, err := f.Apply(t.Context(), []keepwatch.Observation{o}, f.now, func(v incident.View) (incident.Changes, error) {
			c, err := opening("credential:x", f.now)(v)
			c.Transitions = append(c.Transitions, keepwatch.Transition{Incident: c.Incidents[0].ID, Seq: 2, Detail: "a NUL \x00"})
			return c, err
		})
		if !errors.Is(err, keepwatch.ErrInvalid) {
			t.Fatalf("error %v", err)
		}
		f.empty(o)
	}},
	{"a panic in the step does not keep the writer", func(t *testing.T, f *fixture) {
		func() {
			defer func() { _ = recover() }()
			_, _ = f.Apply(t.Context(), []keepwatch.Observation{observation(check(0), f.now, keepwatch.OK)}, f.now, func(incident.View) (incident.Changes, error) { panic("a bug") })
		}()
		f.apply(lift, observation(check(0), f.now, keepwatch.OK))
	}},
	{"a key counts once, in one call, in two, and after the fold", func(t *testing.T, f *fixture) {
		o := observation(check(0), f.now, keepwatch.OK)
		f.apply(lift, o, o)
		f.repeat(o)
		f.now = f.now.Add(3 * time.Hour)
		f.must(f.Fold(t.Context(), f.now))
		f.repeat(o)
		rows, _, err := f.Results(t.Context(), check(0).ID, page(10))
		f.must(err)
		if len(rows) != 1 {
			t.Errorf("%d results", len(rows))
		}
	}},
	{"a key that does not name its slot counts once, whatever slot it comes with", func(t *testing.T, f *fixture) {
		o := observation(check(0), f.now, keepwatch.Timeout)
		o.Key, o.Check, o.Source, o.Reason = "trace-1/span-2", "", keepwatch.SourceTraffic, ""
		f.apply(lift, o)
		o.Slot, o.At = o.Slot.Add(time.Second), o.At.Add(time.Second)
		f.repeat(o)
		o.Slot = f.now.Add(-time.Hour)
		f.repeat(o)
	}},
	{"a run on demand and a run of the schedule of one slot are two", func(t *testing.T, f *fixture) {
		a, b := observation(check(0), f.now, keepwatch.OK), observation(check(0), f.now, keepwatch.OK)
		b.Key, b.Reason = keepwatch.DemandKey(b.Check, b.Slot), keepwatch.ReasonDemand
		f.apply(lift, a)
		f.apply(lift, b)
		rows, _, err := f.Results(t.Context(), check(0).ID, page(10))
		f.must(err)
		if len(rows) != 2 {
			t.Errorf("%d results", len(rows))
		}
	}},
	{"only what is new reaches the step, oldest slot first", func(t *testing.T, f *fixture) {
		a, b, c := observation(check(0), f.now, keepwatch.OK), observation(check(0), f.now.Add(time.Minute), keepwatch.OK), observation(check(0), f.now.Add(2*time.Minute), keepwatch.OK)
		f.apply(lift, b)
		f.apply(func(v incident.View) (incident.Changes, error) {
			if len(v.Observations) != 2 || v.Observations[0].Key != a.Key || v.Observations[1].Key != c.Key {
				t.Errorf("the step saw %+v", v.Observations)
			}
			return lift(v)
		}, c, a, b)
	}},
	{"the view holds what the rules need and no more", func(t *testing.T, f *fixture) {
		other := check(5)
		other.Tenant = "apac"
		f.apply(lift, observation(check(0), f.now, keepwatch.OK), observation(check(1), f.now, keepwatch.OK), observation(other, f.now, keepwatch.OK))
		in := f.open(2, f.now)
		away := f.openOn(other, "credential:apac", "apac", f.now.Add(time.Second))
		platform := f.openOn(check(3), incident.PlatformKey, "", f.now.Add(2*time.Second))
		f.now = f.now.Add(time.Minute)
		see := func(outcome keepwatch.Outcome, peers int) {
			f.now = f.now.Add(time.Minute)
			f.apply(func(v incident.View) (incident.Changes, error) {
				open := map[keepwatch.IncidentID]bool{}
				for _, i := range v.Open {
					open[i.ID] = true
				}
				if !open[in.ID] || !open[platform.ID] || open[away.ID] || len(open) != 2 {
					t.Errorf("open: %v", open)
				}
				if len(v.Peers) != peers {
					t.Errorf("after %s: %d peers, want %d", outcome, len(v.Peers), peers)
				}
				for i, p := range v.Peers {
					if p.Tenant != "emea" || p.ID == keepwatch.SeriesID(check(0).ID) || (i > 0 && v.Peers[i-1].ID >= p.ID) {
						t.Errorf("peer %d is %+v", i, p)
					}
				}
				if len(v.Series) != 1 || len(v.Neighbourhoods) != 1 || v.Series[keepwatch.SeriesID(check(0).ID)].LastSlot.IsZero() {
					t.Errorf("series %+v, neighbourhoods %+v", v.Series, v.Neighbourhoods)
				}
				return lift(v)
			}, observation(check(0), f.now, outcome))
		}
		see(keepwatch.OK, 0) // proofs compare with nobody
		see(keepwatch.Timeout, 3)
		f.apply(lift, observation(check(4), f.now, keepwatch.OK)) // a new neighbour is a peer at once
		see(keepwatch.Timeout, 4)
	}},
	{"a new series has its identity and nothing else", func(t *testing.T, f *fixture) {
		f.apply(func(v incident.View) (incident.Changes, error) {
			c := check(0)
			want := keepwatch.Series{ID: keepwatch.SeriesID(c.ID), Check: c.ID, Phase: c.Phase, Credential: c.Credential, Tenant: c.Tenant, Place: keepwatch.Local}
			if diff := cmp.Diff(want, v.Series[want.ID]); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			return incident.Changes{}, nil
		}, observation(check(0), f.now, keepwatch.OK))
	}},
	{"times are kept to the millisecond, for the step too", func(t *testing.T, f *fixture) {
		o := observation(check(0), f.now, keepwatch.OK)
		o.At = f.now.Add(1234567 * time.Nanosecond).In(time.FixedZone("elsewhere", 3600))
		f.apply(func(v incident.View) (incident.Changes, error) {
			if at := v.Observations[0].At; at != f.now.Add(time.Millisecond) {
				t.Errorf("the step saw %v", at)
			}
			return lift(v)
		}, o)
	}},
	{"text of every kind comes back as it was", func(t *testing.T, f *fixture) {
		for i, text := range []string{"Größe 漢字 🙂 \u202e", "'; DROP TABLE hot; --", "$1 ? \\ \" <b>&amp;", "\t\r\n", "\u2028\ufffd", strings.Repeat("ü", 300_000)} {
			o := observation(check(i), f.now, keepwatch.BadClientID)
			o.Evidence, o.Transcript, o.Message = text, text, text
			f.apply(opening("credential:"+string(o.Credential), f.now.Add(time.Duration(i)*time.Second)), o)
			got, err := f.Result(t.Context(), o.Check, o.Key)
			f.must(err)
			if got.Evidence != text || got.Transcript != text || got.Message != text {
				t.Errorf("%.20q came back as %.20q, %.20q", text, got.Evidence, got.Transcript)
			}
		}
	}},
	{"a NUL and invalid UTF-8 are refused before the database sees them", func(t *testing.T, f *fixture) {
		for _, text := range []string{"a\x00b", "a\xffb", "\xed\xa0\x80"} {
			for name, spoil := range map[string]func(*keepwatch.Observation){
				"key": func(o *keepwatch.Observation) { o.Key = text }, "evidence": func(o *keepwatch.Observation) { o.Evidence = text },
				"step": func(o *keepwatch.Observation) { o.Steps[0].Evidence = text }, "scope": func(o *keepwatch.Observation) { o.Scopes = []string{text} },
				"transcript": func(o *keepwatch.Observation) { o.Transcript = text },
			} {
				o := observation(check(0), f.now, keepwatch.OK)
				spoil(&o)
				if _, err := f.Apply(t.Context(), []keepwatch.Observation{o}, f.now, lift); !errors.Is(err, keepwatch.ErrInvalid) {
					t.Errorf("%s %q: %v", name, text, err)
				}
			}
		}
	}},
	{"an observation without a key is refused", func(t *testing.T, f *fixture) {
		_, err := f.Apply(t.Context(), []keepwatch.Observation{{Series: "s"}}, f.now, lift)
		if !errors.Is(err, keepwatch.ErrInvalid) {
			t.Errorf("error %v", err)
		}
	}},
	{"nothing in, nothing out", func(t *testing.T, f *fixture) {
		f.apply(func(incident.View) (incident.Changes, error) { t.Error("the step ran"); return incident.Changes{}, nil })
	}},
	{"two open incidents of one cause are a conflict", func(t *testing.T, f *fixture) {
		f.open(1, f.now)
		o := observation(check(2), f.now, keepwatch.BadClientID)
		_, err := f.Apply(t.Context(), []keepwatch.Observation{o}, f.now, opening("credential:"+string(check(1).Credential), f.now.Add(time.Hour)))
		if !errors.Is(err, keepwatch.ErrConflict) {
			t.Errorf("error %v", err)
		}
	}},
	{"a cause may end and begin again in one step", func(t *testing.T, f *fixture) {
		in := f.open(1, f.now)
		later := f.now.Add(time.Hour)
		f.apply(func(v incident.View) (incident.Changes, error) {
			c, err := opening(in.Key, later)(v)
			old := v.Open[0]
			old.Status, old.ResolvedAt, old.Revision = keepwatch.IncidentResolved, later, 2
			return withTransition(c, old, keepwatch.Resolved, "proven", later), err
		}, observation(check(1), later, keepwatch.BadClientID))
		list, _, err := f.Incidents(t.Context(), filter("open"), page(10))
		f.must(err)
		if len(list) != 1 || list[0].ID == in.ID {
			t.Errorf("open: %+v", list)
		}
	}},
}

// openOn opens an incident on a check under a key.
func (f *fixture) openOn(c keepwatch.Check, key string, tenant keepwatch.TenantID, at time.Time) keepwatch.Incident {
	f.Helper()
	o := observation(c, at, keepwatch.PlatformError)
	changes, err := f.Apply(f.Context(), []keepwatch.Observation{o}, at, func(v incident.View) (incident.Changes, error) {
		ch, err := opening(key, at)(v)
		ch.Incidents[0].Tenant = tenant
		ch.Notices[0].Incident.Tenant = tenant
		if key == incident.PlatformKey {
			ch.Incidents[0].Scope, ch.Incidents[0].Credential = keepwatch.ScopePlatform, ""
		}
		return ch, err
	})
	f.must(err)
	return changes.Incidents[0]
}

// repeat applies an observation whose key is known.
func (f *fixture) repeat(o keepwatch.Observation) {
	f.Helper()
	c := f.apply(func(v incident.View) (incident.Changes, error) {
		f.Helper()
		f.Errorf("a known key reached the step: %+v", v.Observations)
		return lift(v)
	}, o)
	if diff := cmp.Diff(incident.Changes{}, c); diff != "" {
		f.Errorf("a known key changed something:\n%s", diff)
	}
}

// empty asserts that an observation left no trace.
func (f *fixture) empty(o keepwatch.Observation) {
	f.Helper()
	series, err := f.Series(f.Context())
	f.must(err)
	results, _, err := f.Results(f.Context(), o.Check, page(10))
	f.must(err)
	incidents, _, err := f.Incidents(f.Context(), filter("all"), page(10))
	f.must(err)
	notices, err := f.Unrouted(f.Context(), 10)
	f.must(err)
	if len(series)+len(results)+len(incidents)+len(notices) != 0 {
		f.Errorf("left behind: %d series, %d results, %d incidents, %d notices", len(series), len(results), len(incidents), len(notices))
	}
}
