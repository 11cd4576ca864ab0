package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/incident"
	"keepwatch/internal/store"
)

// Run is the conformance suite: what every database must do alike. open returns an
// empty store.
func Run(t *testing.T, open func(t *testing.T) *store.DB) {
	groups := map[string][]test{
		"checks": checkTests, "apply": applyTests, "incidents": incidentTests, "outbox": outboxTests, "bundles": bundleTests,
		"results": resultTests, "history": historyTests, "live": liveTests, "settings": settingTests, "crowd": crowdTests,
		"silences": silenceTests, "accounts": accountTests, "links": linkTests, "shares": shareTests, "records": recordTests, "sealed": sealedTests, "decisions": decisionTests, "rotations": rotationTests, "effects": effectTests, "scans": scanTests, "traffic": trafficTests,
		"strangers": strangerTests,
	}
	for name, tests := range groups {
		t.Run(name, func(t *testing.T) {
			for _, tc := range tests {
				t.Run(tc.name, func(t *testing.T) { tc.run(t, &fixture{T: t, DB: open(t), now: noon}) })
			}
		})
	}
}

type test struct {
	name string
	run  func(t *testing.T, f *fixture)
}

// noon is when the suite begins.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// fixture is a store and the words that the tests use on it.
type fixture struct {
	*testing.T
	*store.DB
	now time.Time
}

// must ends the test on an error.
func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatalf("%v (%s)", err, keepwatch.HintOf(err))
	}
}

func check(i int) keepwatch.Check {
	id := keepwatch.CheckID(fmt.Sprintf("check-%05d", i))
	const tenant = "emea"
	return keepwatch.Check{
		ID: id, Kind: keepwatch.CheckCredential, Credential: keepwatch.CredentialID(id), Tenant: tenant,
		Phase: keepwatch.PhaseOf(tenant, id), Fingerprint: "fingerprint of " + string(id),
	}
}

func checks(n int) []keepwatch.Check {
	list := make([]keepwatch.Check, n)
	for i := range list {
		list[i] = check(i)
	}
	return list
}

// observation is a run of a check in its slot.
func observation(c keepwatch.Check, slot time.Time, outcome keepwatch.Outcome) keepwatch.Observation {
	o := keepwatch.Observation{
		Key: keepwatch.SlotKey(c.ID, slot), Series: keepwatch.SeriesOf(c.ID, ""), Check: c.ID, Credential: c.Credential, Tenant: c.Tenant,
		Place: keepwatch.Local, Source: keepwatch.SourceTest, Reason: keepwatch.ReasonScheduled, Slot: slot, At: slot.Add(123 * time.Millisecond),
		Took: 41 * time.Millisecond, Gap: time.Minute, Outcome: outcome, Connectivity: keepwatch.ConnectivityProven,
		Steps: []keepwatch.Step{{Name: "token", Outcome: keepwatch.OK, HTTPStatus: 200, Took: 40 * time.Millisecond}},
	}
	if outcome != keepwatch.OK {
		o.Step, o.Message, o.Hint, o.Evidence = "token", "it is refused", "look at it", "invalid_client"
		o.Steps[0].Outcome = outcome
	}
	return o
}

// lift is the smallest step: it writes each observation into its series and does
// nothing else.
func lift(v incident.View) (incident.Changes, error) {
	series := map[keepwatch.SeriesID]keepwatch.Series{}
	var order []keepwatch.SeriesID
	for _, o := range v.Observations {
		s, ok := series[o.Series]
		if !ok {
			s = v.Series[o.Series]
			order = append(order, o.Series)
		}
		if !o.Slot.After(s.LastSlot) {
			continue
		}
		s.LastSlot, s.LastAt, s.Outcome, s.Last = o.Slot, o.At, o.Outcome, o
		s.OKStreak++
		s.Last.Transcript = ""
		series[o.Series] = s
	}
	var c incident.Changes
	for _, id := range order {
		if s, ok := series[id]; ok {
			c.Series = append(c.Series, s)
		}
	}
	return c, nil
}

func (f *fixture) apply(step func(incident.View) (incident.Changes, error), observations ...keepwatch.Observation) incident.Changes {
	f.Helper()
	changes, err := f.Apply(f.Context(), observations, f.now, step)
	f.must(err)
	return changes
}

// opening is a step that opens an incident, with its transition and notice, beside
// lifting.
func opening(key string, at time.Time) func(incident.View) (incident.Changes, error) {
	return func(v incident.View) (incident.Changes, error) {
		c, err := lift(v)
		o := v.Observations[0]
		in := keepwatch.Incident{
			ID: keepwatch.IncidentID(keepwatch.Digest(key, at.String())), Key: key, Scope: keepwatch.ScopeCredential, Tenant: o.Tenant, Place: o.Place,
			Outcome: o.Outcome, Category: o.Outcome.Info().Category, Severity: o.Outcome.Info().Severity, Status: keepwatch.IncidentOpen,
			Message: "it is refused", Credential: o.Credential, FirstFailedAt: o.At, DetectedAt: at, Revision: 1,
			Members: []keepwatch.Member{{Series: o.Series, Credential: o.Credential, Outcome: o.Outcome, Since: o.At}},
		}
		return withTransition(c, in, keepwatch.Opened, "confirmed_refusal", at), err
	}
}

// withTransition adds an incident as it now stands, its newest transition and the
// notice of it.
func withTransition(c incident.Changes, in keepwatch.Incident, kind keepwatch.TransitionKind, reason string, at time.Time) incident.Changes {
	c.Incidents = append(c.Incidents, in)
	c.Transitions = append(c.Transitions, keepwatch.Transition{Incident: in.ID, Seq: in.Revision, Kind: kind, At: at, Reason: reason, Detail: "A sentence."})
	c.Notices = append(c.Notices, keepwatch.Notice{ID: keepwatch.NoticeIDOf(in.ID, in.Revision), Incident: in, Kind: kind, Seq: in.Revision, At: at})
	return c
}

// open opens an incident on a fresh check and returns it.
func (f *fixture) open(i int, at time.Time) keepwatch.Incident {
	f.Helper()
	c := check(i)
	changes, err := f.Apply(f.Context(), []keepwatch.Observation{observation(c, at, keepwatch.BadClientID)}, at, opening("credential:"+string(c.Credential), at))
	f.must(err)
	if len(changes.Incidents) != 1 {
		f.Fatalf("opened %d incidents", len(changes.Incidents))
	}
	return changes.Incidents[0]
}

// everyMinute is a schedule.
func everyMinute(_ keepwatch.Check, after time.Time) time.Time {
	return after.Truncate(time.Minute).Add(time.Minute)
}

func wantIs(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("error %v, want %v", err, target)
	}
}
