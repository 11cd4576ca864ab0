package app

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/collect"
	"keepwatch/internal/config"
	"keepwatch/internal/detect"
	"keepwatch/internal/incident"
	"keepwatch/internal/metrics"
	"keepwatch/internal/store/storetest"
)

const watchedFile = `version: 1
server: {listen: 127.0.0.1:8484, auth: none}
store: {url: sqlite:unused.db}
tenants:
  - id: emea
    endpoints: {auth: "http://auth/", rest: "http://rest/", soap: "http://soap/Service.asmx"}
    effects: {readers: [watcher], ens: {cb-1: "env:ENS_KEY"}}
credentials:
  - {id: watcher, tenant: emea, client_id: a, secret: "env:SECRET"}
  - {id: shop, tenant: emea, business_unit: 7, client_id: b, secret: "env:SECRET", dependents: [{kind: journey, key: welcome}, {kind: automation, key: nightly}]}
receivers: [{name: ops, webhook: {url: "http://hook/"}}]
routes: [{to: ops}]
`

const welcomeCheck keepwatch.CheckID = "effects:emea:7:journeys"

// newWatcher is a daemon that is not started: its parts are called by hand.
func newWatcher(t *testing.T) *App {
	t.Helper()
	return newWatcherWith(t, watchedFile)
}

func newWatcherWith(t *testing.T, text string) *App {
	t.Helper()
	file := filepath.Join(t.TempDir(), "keepwatch.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	lookup := func(name string) (string, bool) {
		v, ok := map[string]string{"SECRET": "s3cret", "ENS_KEY": "k3y"}[name]
		return v, ok
	}
	a, err := New(t.Context(), Options{
		Load: func() (*config.Config, error) { return config.Load(file, lookup) }, LookupEnv: lookup, Listener: newStillListener(), Store: storetest.New(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Stop() })
	return a
}

// read records one reading of a subject as detection would leave it.
func (a *App) read(t *testing.T, subject keepwatch.Subject, aspect keepwatch.Aspect, readings ...keepwatch.Reading) keepwatch.SeriesID {
	t.Helper()
	id := keepwatch.SeriesOf(welcomeCheck, keepwatch.SubjectSeries(subject, aspect))
	for part := range slices.Chunk(readings, 100) {
		var all []keepwatch.Observation
		for _, r := range part {
			all = append(all, keepwatch.Observation{
				Key: keepwatch.SlotKey(welcomeCheck, r.At) + "#" + keepwatch.SubjectSeries(subject, aspect), Series: id, Check: welcomeCheck, Tenant: "emea",
				Place: keepwatch.Local, Source: keepwatch.SourceTest, Reason: keepwatch.ReasonScheduled, Slot: r.At, At: r.At, Gap: r.Window, Outcome: keepwatch.OK,
				Watch: &keepwatch.Watch{Subject: subject, Aspect: aspect, Upstream: []keepwatch.Upstream{{Credential: "shop"}}, Reading: r, Verdict: keepwatch.Verdict{Outcome: keepwatch.OK}},
			})
		}
		last := all[len(all)-1]
		_, err := a.db.Apply(t.Context(), all, last.At, func(v incident.View) (incident.Changes, error) {
			s := v.Series[id]
			s.State, s.Outcome, s.LastAt, s.LastSlot, s.LastProvenAt, s.PlannedGap, s.Last, s.Watch = keepwatch.StateHealthy, keepwatch.OK, last.At, last.At, last.At, last.Gap, last, last.Watch
			return incident.Changes{Series: []keepwatch.Series{s}}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return id
}

var welcome = keepwatch.Subject{Kind: keepwatch.SubjectJourney, Key: "welcome", Unit: 7}

// hours are a reading an hour up to an instant, of so many events each.
func hours(n int, until time.Time, amount int64) []keepwatch.Reading {
	out := make([]keepwatch.Reading, n)
	for i := range out {
		at := until.Add(-time.Duration(n-1-i) * time.Hour)
		entered := int64(i+1) * amount
		out[i] = keepwatch.Reading{At: at, Window: time.Hour, Amount: amount, Journey: &keepwatch.JourneyReading{Status: "Published", Entered: &entered}}
	}
	return out
}

func modelOf(t *testing.T, a *App, id keepwatch.SeriesID) keepwatch.Model {
	t.Helper()
	models, err := a.db.Models(t.Context(), []keepwatch.SeriesID{id})
	if err != nil {
		t.Fatal(err)
	}
	return models[id]
}

// A baseline is fitted as soon as there is anything to learn from, then once a day at
// its own time, whoever does it; and what was broken is not learnt.
func TestBaselinesAreFittedOnceADay(t *testing.T) {
	a := newWatcher(t)
	now := time.Now().UTC().Truncate(time.Hour)
	id := a.read(t, welcome, keepwatch.AspectEntry, hours(30*24, now, 6)...)
	a.read(t, welcome, keepwatch.AspectActivities, hours(2, now, 0)...) // has no baseline

	duty := &fitter{app: a}
	if err := duty.round(t.Context(), now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	m := modelOf(t, a, id)
	if len(m.Cells) != 168 || !m.FittedAt.Equal(now.Add(time.Minute)) || m.Budget != detect.BudgetOf(1) || len(duty.list) != 1 {
		t.Fatalf("model of %d cells, fitted %s, budget %g, of %d", len(m.Cells), m.FittedAt, m.Budget, len(duty.list))
	}
	if low, mid, high := detect.Expected(&m, time.UTC, now, now.Add(time.Hour)); low > 6 || mid < 5 || mid > 7 || high < 6 {
		t.Errorf("expected of an hour: %g, %g, %g", low, mid, high)
	}
	fitted := 0
	for i, last := 1, m.FittedAt; i <= 3*24*4; i++ {
		at := now.Add(time.Duration(i) * 15 * time.Minute)
		if i%16 == 0 {
			duty = &fitter{app: a} // another process goes on
		}
		if err := duty.round(t.Context(), at); err != nil {
			t.Fatal(err)
		}
		if m := modelOf(t, a, id); !m.FittedAt.Equal(last) {
			fitted++
			last = m.FittedAt
		}
	}
	if fitted != 3 {
		t.Errorf("fitted %d times in three days", fitted)
	}
}

func TestWhatWasBrokenIsNotLearnt(t *testing.T) {
	a := newWatcher(t)
	now := time.Now().UTC().Truncate(time.Hour)
	id := a.read(t, welcome, keepwatch.AspectEntry, hours(2, now, 6)...)
	broken, fixed := now.Add(-50*time.Hour), now.Add(-20*time.Hour)
	in := keepwatch.Incident{
		ID: "i1", Key: "credential:shop:x", Scope: keepwatch.ScopeCredential, Tenant: "emea", Place: keepwatch.Local, Outcome: keepwatch.BadSecretOrPackage,
		Category: keepwatch.CategoryCredential, Severity: keepwatch.SeverityCritical, Status: keepwatch.IncidentResolved, Credential: "shop",
		Members:    []keepwatch.Member{{Series: "shop", Credential: "shop", Outcome: keepwatch.BadSecretOrPackage, Since: broken, EndedAt: fixed}},
		Effects:    []keepwatch.Effect{{Series: id, Subject: welcome, Aspect: keepwatch.AspectEntry, Outcome: keepwatch.JourneyStalled, Since: broken.Add(time.Hour), NoticedAt: broken.Add(2 * time.Hour)}},
		DetectedAt: broken, FirstFailedAt: broken, ResolvedAt: fixed.Add(time.Hour), Revision: 1,
	}
	warning := in
	warning.ID, warning.Key, warning.Outcome, warning.Effects = "i2", "credential:shop:date", keepwatch.Expiring, nil
	o := keepwatch.Observation{Key: "k", Series: "shop", Check: "shop", Credential: "shop", Tenant: "emea", Place: keepwatch.Local, Source: keepwatch.SourceTest, Slot: now, At: now, Outcome: keepwatch.OK}
	if _, err := a.db.Apply(t.Context(), []keepwatch.Observation{o}, now, func(incident.View) (incident.Changes, error) {
		return incident.Changes{Incidents: []keepwatch.Incident{in, warning}}, nil
	}); err != nil {
		t.Fatal(err)
	}
	duty := &fitter{app: a}
	if err := duty.relist(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	want := []detect.Span{{From: broken.Add(time.Hour)}, {From: broken, To: fixed.Add(time.Hour)}}
	if got := duty.spans.of(duty.list[0]); !slices.EqualFunc(got, want, func(a, b detect.Span) bool { return a.From.Equal(b.From) && a.To.Equal(b.To) }) {
		t.Errorf("spans %v, want %v", got, want)
	}
}

// What no credential names any more leaves, and so does what the lists have been
// without for days; the rest stays, and what memory holds is what the store holds.
func TestSubjectsLeave(t *testing.T) {
	a := newWatcher(t)
	now := time.Now().UTC().Truncate(time.Second)
	stays := a.read(t, welcome, keepwatch.AspectEntry, hours(1, now, 6)...)
	goes := a.read(t, keepwatch.Subject{Kind: keepwatch.SubjectJourney, Key: "old", Unit: 7}, keepwatch.AspectEntry, hours(1, now, 6)...)
	plan, ok := a.config.Load().EffectsPlan(welcomeCheck)
	if !ok {
		t.Fatal("nothing is planned")
	}
	leave := func(outcome keepwatch.Outcome, at time.Time) (left []keepwatch.SeriesID) {
		previous, err := a.effects.previous(t.Context(), welcomeCheck)
		if err != nil {
			t.Fatal(err)
		}
		a.effects.leave(t.Context(), plan, previous, outcome, at)
		kept, err := a.effects.previous(t.Context(), welcomeCheck)
		if err != nil {
			t.Fatal(err)
		}
		stored, err := a.db.Watches(t.Context(), welcomeCheck)
		if err != nil || len(stored) != len(kept) {
			t.Errorf("memory has %d, the store %d, %v", len(kept), len(stored), err)
		}
		for id := range stored {
			left = append(left, id)
		}
		slices.Sort(left)
		return left
	}
	plan.All = true
	for _, still := range []func() []keepwatch.SeriesID{
		func() []keepwatch.SeriesID { return leave(keepwatch.OK, now.Add(time.Hour)) },
		func() []keepwatch.SeriesID { return leave(keepwatch.MonitorFault, now.Add(30*24*time.Hour)) }, // the lists could not be read
	} {
		if left := still(); len(left) != 2 {
			t.Errorf("left are %v", left)
		}
	}
	if left := leave(keepwatch.OK, now.Add(4*24*time.Hour)); !slices.Equal(left, []keepwatch.SeriesID{stays}) {
		t.Errorf("left are %v, and not %v", left, goes)
	}
	a.read(t, keepwatch.Subject{Kind: keepwatch.SubjectJourney, Key: "older", Unit: 7}, keepwatch.AspectEntry, hours(1, now, 6)...)
	a.effects.recorded([]keepwatch.Observation{{Check: welcomeCheck, Watch: &keepwatch.Watch{}}}, context.DeadlineExceeded) // what is stored is read again
	plan.All = false
	if left := leave(keepwatch.MonitorFault, now); !slices.Equal(left, []keepwatch.SeriesID{stays}) {
		t.Errorf("left are %v", left)
	}
}

// Pushed events bring a look forward, once in a while and not for what nobody looks at.
func TestWishesBringLooksForward(t *testing.T) {
	a := newWatcher(t)
	now := time.Now().UTC().Truncate(time.Second)
	if err := a.db.SyncChecks(t.Context(), now, a.estate.Load().checks(a.db.Node())); err != nil {
		t.Fatal(err)
	}
	claim := func(at time.Time) {
		_, err := a.db.ClaimDue(t.Context(), at, 100, func(keepwatch.Check, time.Time) time.Time { return at.Add(time.Hour) }, nil)
		if err != nil {
			t.Fatal(err)
		}
	}
	claim(now.Add(2 * time.Minute)) // everything is due in an hour
	later := now.Add(3 * time.Minute)
	wish := collect.Wish{Tenant: "emea", Unit: 7, Family: keepwatch.FamilyAutomations}
	if err := a.effects.wish(t.Context(), a.config.Load(), []collect.Wish{wish, wish, {Tenant: "emea", Unit: 9, Family: keepwatch.FamilySends}}, later); err != nil {
		t.Fatal(err)
	}
	if due, _, err := a.db.NextDue(t.Context()); err != nil || !due.Equal(later) {
		t.Errorf("next due at %s, want %s, %v", due, later, err)
	}
	claim(later)
	for _, again := range []time.Duration{time.Second, 2 * time.Second} {
		if err := a.effects.wish(t.Context(), a.config.Load(), []collect.Wish{wish}, later.Add(again)); err != nil {
			t.Fatal(err)
		}
		if due, _, err := a.db.NextDue(t.Context()); err != nil || !due.Equal(later.Add(wishPause)) {
			t.Errorf("next due at %s, want %s, %v", due, later.Add(wishPause), err)
		}
	}
}

func TestCostsAndNamesAreShown(t *testing.T) {
	a := newWatcher(t)
	snap := a.snapshot()
	if len(snap.Watched) != 2 || snap.Effects("emea").CallsPerYear <= 0 || snap.Effects("none").CallsPerYear != 0 {
		t.Errorf("%+v, %+v", snap.Watched, snap.Effects("emea"))
	}
	if n, shortest := a.fleet(); n != 4 || shortest != 10*time.Minute {
		t.Errorf("%d checks, the shortest interval %s", n, shortest)
	}
	if limit := a.limitOf(keepwatch.Slot{Check: keepwatch.Check{ID: welcomeCheck, Kind: keepwatch.CheckEffects}}); limit != 5*time.Minute {
		t.Errorf("a look may take %s", limit)
	}
	if a.limitOf(keepwatch.Slot{Check: keepwatch.Check{ID: "shop", Kind: keepwatch.CheckCredential}}) != 0 {
		t.Error("a test may take longer than others")
	}
	gone := a.run(t.Context(), keepwatch.Slot{Check: keepwatch.Check{ID: "effects:emea:1:sends", Kind: keepwatch.CheckEffects}})
	if len(gone) != 1 || gone[0].Outcome != keepwatch.MonitorFault || !strings.Contains(gone[0].Message, "removed") {
		t.Errorf("%+v", gone)
	}
}

// What SFMC pushes is believed only with its signature; then the look at what it tells
// of is due at once.
func TestPushedEventsAreSigned(t *testing.T) {
	a := newWatcher(t)
	now := time.Now()
	if err := a.db.SyncChecks(t.Context(), now, a.estate.Load().checks(a.db.Node())); err != nil {
		t.Fatal(err)
	}
	if _, err := a.db.ClaimDue(t.Context(), now.Add(2*time.Minute), 100, func(keepwatch.Check, time.Time) time.Time { return now.Add(time.Hour) }, nil); err != nil {
		t.Fatal(err)
	}
	body := []byte(`[{"eventCategoryType":"SendEvents.AutomationInstanceErrored","timestampUTC":1700000000000,"mid":7,"eid":1,"automationName":"Nightly","automationCustomerKey":"nightly","automationType":"Schedule","automationInstanceID":"g","automationInstanceStatus":"Errored"}]`)
	post := func(path, key string) int {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write(body)
		req := httptest.NewRequest(http.MethodPost, "http://127.0.0.1:8484"+path, bytes.NewReader(body))
		req.Header.Set("x-sfmc-ens-signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		w := httptest.NewRecorder()
		a.Handler().ServeHTTP(w, req)
		return w.Code
	}
	due := func() bool {
		at, some, err := a.db.NextDue(t.Context())
		return err == nil && some && at.Before(now.Add(10*time.Minute))
	}
	for path, key := range map[string]string{"/ens/cb-1": "wrong", "/ens/cb-2": "k3y"} {
		if status := post(path, key); status != http.StatusUnauthorized || due() {
			t.Errorf("%s signed with %s: %d, a look is due: %v", path, key, status, due())
		}
	}
	if status := post("/ens/CB-1", "k3y"); status != http.StatusNoContent || !due() {
		t.Errorf("%d, a look is due: %v", status, due())
	}
}

// A subject is counted once, whatever is looked at of it, and an effect for each aspect.
func TestGaugesCountWhatIsWatched(t *testing.T) {
	a := newWatcher(t)
	now := time.Now().UTC().Truncate(time.Second)
	a.read(t, welcome, keepwatch.AspectEntry, hours(1, now, 6)...)
	a.read(t, welcome, keepwatch.AspectActivities, hours(1, now, 6)...)
	a.read(t, keepwatch.Subject{Kind: keepwatch.SubjectJourney, Key: "odd:key#1", Unit: 7}, keepwatch.AspectEntry, hours(1, now, 6)...)
	stalled := keepwatch.Observation{
		Key: "stalled", Series: keepwatch.SeriesOf(welcomeCheck, keepwatch.SubjectSeries(welcome, keepwatch.AspectEntry)), Check: welcomeCheck, Tenant: "emea", Place: keepwatch.Local,
		Source: keepwatch.SourceTest, Reason: keepwatch.ReasonScheduled, Slot: now.Add(time.Hour), At: now.Add(time.Hour), Gap: time.Hour, Outcome: keepwatch.JourneyStalled, Message: "It stands still.",
		Watch: &keepwatch.Watch{Subject: welcome, Aspect: keepwatch.AspectEntry, Reading: keepwatch.Reading{At: now.Add(time.Hour), Journey: &keepwatch.JourneyReading{Status: "Published"}},
			Verdict: keepwatch.Verdict{Outcome: keepwatch.JourneyStalled, Since: now, Noticed: now.Add(time.Hour), Evidence: "It stands still.", Page: true, Confidence: 0.9}},
	}
	if err := a.record(t.Context(), []keepwatch.Observation{stalled}, now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	snap, err := a.gaugesAt(t.Context(), now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if want := []metrics.WatchedSubjects{{Tenant: "emea", Kind: keepwatch.SubjectJourney, Count: 2}}; !slices.Equal(snap.Subjects, want) {
		t.Errorf("subjects %+v, want %+v", snap.Subjects, want)
	}
	if want := []metrics.OpenEffects{{Kind: keepwatch.SubjectJourney, Outcome: keepwatch.JourneyStalled, Count: 1}}; !slices.Equal(snap.Effects, want) {
		t.Errorf("effects %+v, want %+v", snap.Effects, want)
	}
}
