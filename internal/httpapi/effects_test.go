package httpapi_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/httpapi"
	"keepwatch/internal/incident"
	"keepwatch/internal/store/storetest"
	"keepwatch/internal/view"
)

const effectsCheck = keepwatch.CheckID("effects:emea:510000123:journeys")

// watch makes one reading of a journey and the series that it leaves, as detection
// would.
func (d *daemon) watch(key string, at time.Time, verdict keepwatch.Verdict) keepwatch.SeriesID {
	d.t.Helper()
	subject := keepwatch.Subject{Kind: keepwatch.SubjectJourney, Key: key, Unit: 510000123, Name: "The " + key}
	entered := int64(184211)
	w := &keepwatch.Watch{
		Subject: subject, Aspect: keepwatch.AspectEntry, Upstream: []keepwatch.Upstream{{Credential: "cred-00"}, {Credential: "cred-00", Via: []string{"automation/a", "data_extension/b"}}},
		Reading: keepwatch.Reading{At: at, Window: 30 * time.Minute, Amount: 12, Journey: &keepwatch.JourneyReading{Status: "Published", Entered: &entered}},
		Verdict: verdict,
	}
	id := keepwatch.SeriesOf(effectsCheck, keepwatch.SubjectSeries(subject, keepwatch.AspectEntry))
	outcome := verdict.Outcome
	if outcome == "" {
		outcome = keepwatch.OK
	}
	o := keepwatch.Observation{
		Key: keepwatch.SlotKey(effectsCheck, at) + "#" + keepwatch.SubjectSeries(subject, keepwatch.AspectEntry), Series: id, Check: effectsCheck, Tenant: "emea",
		Place: keepwatch.Local, Source: keepwatch.SourceTest, Reason: keepwatch.ReasonScheduled, Slot: at, At: at, Gap: 15 * time.Minute, Outcome: outcome, Watch: w,
	}
	_, err := d.db.Apply(d.t.Context(), []keepwatch.Observation{o}, at, func(v incident.View) (incident.Changes, error) {
		s := v.Series[id]
		s.State, s.Outcome, s.Since, s.LastAt, s.LastSlot, s.LastProvenAt = outcome.Info().State, outcome, at, at, at, at
		s.PlannedGap, s.NextProofAt, s.Last, s.Watch = o.Gap, at.Add(o.Gap), o, w
		return incident.Changes{Series: []keepwatch.Series{s}}, nil
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return id
}

func TestEffects(t *testing.T) {
	snap := snapshot(3)
	snap.Credentials[0].Dependents = []keepwatch.Dependent{{Kind: "journey", Key: "welcome & more/x"}, {Kind: "automation", Key: "misspelt"}, {Kind: "journey", Key: "elsewhere"}}
	snap.Watched = []view.Named{
		{Tenant: "emea", Subject: keepwatch.Subject{Kind: keepwatch.SubjectJourney, Key: "welcome & more/x", Unit: 510000123}, Upstream: []keepwatch.Upstream{{Credential: "cred-00"}}},
		{Tenant: "emea", Subject: keepwatch.Subject{Kind: keepwatch.SubjectAutomation, Key: "misspelt", Unit: 510000123}, Upstream: []keepwatch.Upstream{{Credential: "cred-00"}}},
	}
	db := storetest.New(t)
	d := start(t, func(o *httpapi.Options) {
		o.Reader = view.NewReader(view.From(db), func() view.Snapshot { return snap })
	})
	d.db = db
	now := time.Now().UTC().Truncate(time.Second)
	stalled := d.watch("welcome & more/x", now.Add(-time.Minute), keepwatch.Verdict{
		Outcome: keepwatch.JourneyStalled, Since: now.Add(-time.Hour), Noticed: now.Add(-time.Minute), Evidence: "No contact entered for 59 min.", Confidence: 0.98, Expected: 21.4,
	})
	d.watch("calm", now.Add(-time.Minute), keepwatch.Verdict{Outcome: keepwatch.OK})
	d.watch("new", now.Add(-time.Minute), keepwatch.Verdict{Outcome: keepwatch.OK, Learning: "Watched for 2 of 21 days."})
	d.watch("old", now.Add(-time.Hour), keepwatch.Verdict{Outcome: keepwatch.OK})

	c := d.client(d.viewer)
	states := map[string]string{}
	for w, err := range c.Effects(t.Context(), client.WatchFilter{Limit: 2}) {
		if err != nil {
			t.Fatal(err)
		}
		states[w.Key] = w.State
		if w.UnitName != "Germany" || len(w.Credentials) != 1 || w.Credentials[0] != "cred-00" {
			t.Errorf("%+v", w)
		}
	}
	want := map[string]string{"welcome & more/x": "failing", "calm": "healthy", "new": "unknown", "old": "unknown", "misspelt": "unknown"}
	for key, state := range want {
		if states[key] != state || len(states) != len(want) {
			t.Errorf("states %v, want %v", states, want)
		}
	}
	for name, f := range map[string]client.WatchFilter{
		"state": {State: "failing"}, "query": {Query: "WELCOME"}, "all": {Tenant: "emea", Credential: "cred-00", Kind: "journey", State: "failing"},
	} {
		n := 0
		for w, err := range c.Effects(t.Context(), f) {
			if n++; err != nil || w.Series != string(stalled) {
				t.Errorf("%s: %+v %v", name, w, err)
			}
		}
		if n != 1 {
			t.Errorf("%s lets %d through", name, n)
		}
	}
	one, err := c.Effect(t.Context(), string(stalled))
	if err != nil || one.Key != "welcome & more/x" || one.Expected != 21.4 || len(one.Upstream) != 2 || one.Upstream[1].Via[1] != "data_extension/b" ||
		one.Reading == nil || one.Reading.Amount != 12 || len(one.Reading.Figures) != 2 || *one.Reading.Figures[1].Value != 184211 || !one.Since.Equal(now.Add(-time.Hour)) {
		t.Errorf("%+v, %v", one, err)
	}
	if len(one.Hours) == 0 || one.Hours[len(one.Hours)-1].ObservedSeconds == 0 || one.Hours[0].Mid != nil {
		t.Errorf("hours %+v", one.Hours)
	}
	detail, err := c.Credential(t.Context(), "cred-00")
	if err != nil || len(detail.Dependents) != 3 {
		t.Fatal(detail.Dependents, err)
	}
	if w := detail.Dependents[0]; w.State != "failing" || !w.Watched || w.Outcome != "journey_stalled" || w.Series != string(stalled) || w.Evidence == "" {
		t.Errorf("%+v", w)
	}
	if m, e := detail.Dependents[1], detail.Dependents[2]; m.State != "unknown" || !m.Watched || e.State != "unknown" || e.Watched {
		t.Errorf("%+v %+v", m, e)
	}
	for path, want := range map[string]int{"/api/v1/effects/none": 404, "/api/v1/effects?tenant=none": 400, "/api/v1/effects?credential=none": 404} {
		if res, _ := d.do("GET", path, "", "Authorization", "Bearer "+d.viewer); res.StatusCode != want {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
}

// A batch is taken without an account, within bounds, and what is not signed is
// refused like what nobody knows.
func TestNotificationsAreTakenFromWhoSigns(t *testing.T) {
	var got string
	d := start(t, func(o *httpapi.Options) {
		o.Notified = func(ctx context.Context, callback string, header http.Header, body []byte) int {
			if until, ok := ctx.Deadline(); !ok || time.Until(until) > 2*time.Second {
				t.Errorf("it may take until %v", until)
			}
			if header.Get("X-Sfmc-Ens-Signature") != "good" {
				return http.StatusUnauthorized
			}
			got = callback + " " + string(body)
			return http.StatusNoContent
		}
	})
	if res, body := d.do("POST", "/ens/cb-1", "[]", "x-sfmc-ens-signature", "good"); res.StatusCode != http.StatusNoContent || got != "cb-1 []" {
		t.Errorf("%d %s, %s", res.StatusCode, body, got)
	}
	if res, body := d.do("POST", "/ens/cb-1", "[]"); res.StatusCode != http.StatusUnauthorized || !strings.Contains(body, "signature") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if res, _ := d.do("POST", "/ens/cb-1", strings.Repeat("x", 5<<20), "x-sfmc-ens-signature", "good"); res.StatusCode != http.StatusRequestEntityTooLarge {
		t.Error(res.Status)
	}
	if res, _ := d.do("GET", "/ens/cb-1", ""); res.StatusCode != http.StatusMethodNotAllowed {
		t.Error(res.Status)
	}
	if res, _ := start(t).do("POST", "/ens/cb-1", "[]"); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("nobody listens, and the answer is %s", res.Status)
	}
}
