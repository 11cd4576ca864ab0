package intake_test

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/intake"
)

// reading is a look at one journey's entry.
func reading(change ...func(*keepwatch.Observation)) keepwatch.Observation {
	check := keepwatch.EffectsCheck("emea", 7, keepwatch.FamilyJourneys)
	w := keepwatch.Watch{
		Subject: keepwatch.Subject{Kind: keepwatch.SubjectJourney, Key: "welcome", Unit: 7}, Aspect: keepwatch.AspectEntry,
		Upstream: []keepwatch.Upstream{{Credential: "crm", Via: []string{"automation/nightly"}}},
		Reading:  keepwatch.Reading{At: now, Window: time.Hour, Amount: 3, Journey: &keepwatch.JourneyReading{Status: "Published", Activities: []keepwatch.ActivityReading{{Name: "sync", Kind: "rest"}}}},
	}
	o := keepwatch.Observation{
		Series: keepwatch.SeriesOf(check, "journey/welcome:entry"), Key: "r@1", Check: check, Tenant: "emea", Place: keepwatch.Local,
		Source: keepwatch.SourceTest, Reason: keepwatch.ReasonScheduled, Slot: now, At: now, Gap: time.Hour, Outcome: keepwatch.OK, Watch: &w,
	}
	for _, f := range change {
		f(&o)
	}
	return o
}

func judged(o *keepwatch.Observation) {
	o.Outcome = keepwatch.JourneyStalled
	o.Watch.Verdict = keepwatch.Verdict{Outcome: o.Outcome, Since: now.Add(-time.Hour), Noticed: now}
}

func TestReadingsThatCannotBeAreRefused(t *testing.T) {
	watch := func(f func(*keepwatch.Watch)) func(*keepwatch.Observation) {
		return func(o *keepwatch.Observation) { f(o.Watch) }
	}
	for name, change := range map[string]func(*keepwatch.Observation){
		"an effect without a reading":          func(o *keepwatch.Observation) { o.Outcome, o.Watch = keepwatch.DataStale, nil },
		"a failure of a test":                  func(o *keepwatch.Observation) { o.Outcome = keepwatch.Timeout },
		"a fault of the monitor":               func(o *keepwatch.Observation) { o.Outcome = keepwatch.MonitorFault },
		"an outcome that the verdict does not": func(o *keepwatch.Observation) { o.Outcome = keepwatch.JourneyStalled },
		"a verdict that the outcome does not":  watch(func(w *keepwatch.Watch) { w.Verdict.Outcome = keepwatch.JourneyStalled }),
		"a kind that is none":                  watch(func(w *keepwatch.Watch) { w.Subject.Kind = "email" }),
		"no key":                               watch(func(w *keepwatch.Watch) { w.Subject.Key = "" }),
		"another subject than its series":      watch(func(w *keepwatch.Watch) { w.Subject.Key = "other" }),
		"a key that would have to be repaired": watch(func(w *keepwatch.Watch) { w.Subject.Key = "welcome\x00" }),
		"another aspect than its series":       watch(func(w *keepwatch.Watch) { w.Aspect = keepwatch.AspectVolume }),
		"an aspect that is none":               watch(func(w *keepwatch.Watch) { w.Aspect = "mood" }),
		"an upstream without a name":           watch(func(w *keepwatch.Watch) { w.Upstream[0].Credential = "" }),
		"too many upstreams":                   watch(func(w *keepwatch.Watch) { w.Upstream = make([]keepwatch.Upstream, 65) }),
		"a way that is too long":               watch(func(w *keepwatch.Watch) { w.Upstream[0].Via = make([]string, 17) }),
		"a reading to come":                    watch(func(w *keepwatch.Watch) { w.Reading.At = now.Add(time.Hour) }),
		"a negative count":                     watch(func(w *keepwatch.Watch) { w.Reading.Amount = -1 }),
		"a negative window":                    watch(func(w *keepwatch.Watch) { w.Reading.Window = -1 }),
		"a window of years":                    watch(func(w *keepwatch.Watch) { w.Reading.Window = 10_000 * time.Hour }),
		"a number that is none":                watch(func(w *keepwatch.Watch) { w.Verdict.Confidence = math.NaN() }),
		"a number without end":                 watch(func(w *keepwatch.Watch) { w.Expect.ContactsPerDay = math.Inf(1) }),
		"a series that is too long": func(o *keepwatch.Observation) {
			o.Watch.Subject.Key = strings.Repeat("x", 700)
			o.Series = keepwatch.SeriesOf(o.Check, keepwatch.SubjectSeries(o.Watch.Subject, o.Watch.Aspect))
		},
	} {
		if _, err := intake.Clean(reading(change), now); !errors.Is(err, keepwatch.ErrInvalid) || keepwatch.HintOf(err) == "" {
			t.Errorf("%s: %v (hint %q)", name, err, keepwatch.HintOf(err))
		}
	}
	for name, change := range map[string]func(*keepwatch.Observation){
		"as it is": func(*keepwatch.Observation) {}, "judged": judged,
		"with a long key": func(o *keepwatch.Observation) {
			o.Watch.Subject.Key = strings.Repeat("x", 400)
			o.Series = keepwatch.SeriesOf(o.Check, keepwatch.SubjectSeries(o.Watch.Subject, o.Watch.Aspect))
		},
	} {
		if _, err := intake.Clean(reading(change), now); err != nil {
			t.Errorf("%s: %v (%s)", name, err, keepwatch.HintOf(err))
		}
	}
}

func TestReadingsAreCleanedAndTheCallersStayAsTheyAre(t *testing.T) {
	long := strings.Repeat("ü", 4000)
	zone := time.FixedZone("server", -6*3600)
	dirty := func(o *keepwatch.Observation) {
		judged(o)
		w := o.Watch
		w.Subject.Name, w.Verdict.Evidence, w.Verdict.Hint = "a\x00b\xff", long, long
		w.Verdict.Confidence, w.Verdict.Noticed = 7, now.Add(3*time.Hour)
		w.Reading.At = now.Add(1234567 * time.Nanosecond).In(zone)
		w.Reading.Journey.ChangedBy, w.Reading.Journey.ChangedAt = long, now.In(zone)
		w.Reading.Journey.PublishedAt = time.Date(-4000, 1, 1, 0, 0, 0, 0, time.UTC)
		w.Reading.Journey.Activities[0].Name = "\xed\xa0\x80"
		w.Reading.Journey.Activities = append(w.Reading.Journey.Activities, make([]keepwatch.ActivityReading, 300)...)
		w.Expect.Reads = []string{long}
	}
	in, untouched := reading(dirty), reading(dirty)
	out, err := intake.Clean(in, now)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(in, untouched) {
		t.Error("the caller's reading was changed")
	}
	w := out.Watch
	j := w.Reading.Journey
	switch {
	case w.Subject.Name != "a\uFFFDb\uFFFD" || j.Activities[0].Name != "\uFFFD\uFFFD\uFFFD" && j.Activities[0].Name != "\uFFFD":
		t.Errorf("texts %q, %q", w.Subject.Name, j.Activities[0].Name)
	case len(w.Verdict.Evidence) > 500 || len(w.Verdict.Hint) > 500 || len(j.ChangedBy) > 500 || len(w.Expect.Reads[0]) > 500:
		t.Error("a text is too long")
	case len(j.Activities) != 100:
		t.Errorf("%d activities", len(j.Activities))
	case w.Verdict.Confidence != 1 || !w.Verdict.Noticed.Equal(w.Reading.At):
		t.Errorf("confidence %v, noticed %s", w.Verdict.Confidence, w.Verdict.Noticed)
	case w.Reading.At != now.Add(time.Millisecond) || j.ChangedAt != now || !j.PublishedAt.IsZero():
		t.Errorf("times %s, %s, %s", w.Reading.At, j.ChangedAt, j.PublishedAt)
	}
	again, err := intake.Clean(out, now)
	if err != nil || !reflect.DeepEqual(out, again) {
		t.Errorf("cleaning twice changes something: %v", err)
	}
}
