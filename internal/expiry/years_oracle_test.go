package expiry_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"keepwatch"
)

// life is one credential's course through the years.
type life struct {
	id      keepwatch.CredentialID
	zone    *time.Location
	ladder  []int // days
	typed   bool  // its end is typed, else derived from the generation
	records []record
}

// record is what is written about it from an instant on.
type record struct {
	from      time.Time
	generated keepwatch.Date
	expires   keepwatch.Date
	planned   keepwatch.Date
	window    time.Duration
}

// newLife draws a life. Dates move before, between and after the rungs; renewals are
// planned, kept, missed and planned once more.
func newLife(r *rand.Rand, i int, zone *time.Location, ladder []int, w *years) *life {
	l := &life{id: keepwatch.CredentialID(fmt.Sprintf("cred-%03d", i)), zone: zone, ladder: ladder, typed: i%3 == 2}
	now := w.begin
	for n := 0; now.Before(w.end); n++ {
		today := keepwatch.DayOf(now, zone)
		rec := record{from: now, generated: today.AddDays(-r.IntN(5))}
		if n == 0 {
			rec.generated = today.AddDays(-r.IntN(170))
		}
		lasts := 180
		if l.typed {
			lasts = 10 + r.IntN(250)
			rec.generated, rec.expires = keepwatch.Date{}, today.AddDays(lasts)
			if r.IntN(2) == 0 {
				rec.expires = keepwatch.Exactly(now.AddDate(0, 0, lasts).Add(time.Duration(r.IntN(86400)) * time.Second))
			}
		}
		l.records = append(l.records, rec)
		end := rec.ends(zone)
		if !l.typed && r.IntN(2) == 0 {
			l.plan(r, w, rec, end)
		}
		next := end.AddDate(0, 0, 10-r.IntN(min(lasts, 90))).Add(time.Duration(r.IntN(86400))*time.Second + 250*time.Millisecond)
		if last := l.records[len(l.records)-1].from; !next.After(last) {
			next = last.Add(time.Hour)
		}
		now = w.clear(next)
	}
	return l
}

// plan adds one or two planned renewals to a record, each known some days before.
func (l *life) plan(r *rand.Rand, w *years, rec record, end time.Time) {
	for range 1 + r.IntN(2) {
		known := end.AddDate(0, 0, -2-r.IntN(70)).Add(time.Duration(r.IntN(86400))*time.Second + 250*time.Millisecond)
		if known = w.clear(known); !known.After(l.records[len(l.records)-1].from) {
			return
		}
		rec.from = known
		rec.planned = keepwatch.DayOf(known, l.zone).AddDays(1 + r.IntN(20))
		rec.window = []time.Duration{0, 6 * time.Hour, 3 * 24 * time.Hour}[r.IntN(3)]
		if rec.over(l.zone).After(end) {
			return // too late to count: the unit tests have it
		}
		l.records = append(l.records, rec)
	}
}

// clear moves an instant out of the last minutes before a restart: a change that
// nobody had the time to look at is looked at after it.
func (w *years) clear(t time.Time) time.Time {
	for _, d := range w.downs {
		if t.After(d.from.Add(-3*time.Minute)) && !t.After(d.from) {
			return d.from.Add(-4 * time.Minute).Add(250 * time.Millisecond)
		}
	}
	return t
}

func (l *life) credential(r record) keepwatch.Credential {
	c := keepwatch.Credential{
		ID: l.id, Tenant: "emea", Kind: keepwatch.ServerToServer, SecretGenerated: r.generated,
		Renewal: keepwatch.Renewal{Planned: r.planned, Window: r.window},
	}
	if l.typed {
		c.Kind, c.Expires = keepwatch.SFTPPassword, r.expires
	}
	return c
}

func (l *life) durations() []time.Duration {
	out := make([]time.Duration, len(l.ladder))
	for i, days := range l.ladder {
		out[i] = time.Duration(days) * 24 * time.Hour
	}
	return out
}

// From here on the oracle: days of the calendar, and nothing of the engine.

func (r record) ends(zone *time.Location) time.Time {
	if r.expires.IsZero() {
		return midnight(r.generated.String(), 180, zone)
	}
	if r.expires.Exact() {
		t, _ := time.Parse(time.RFC3339, r.expires.String())
		return t
	}
	return midnight(r.expires.String(), 0, zone)
}

func (r record) over(zone *time.Location) time.Time {
	if r.window > 0 {
		return midnight(r.planned.String(), 0, zone).Add(r.window)
	}
	return midnight(r.planned.String(), 1, zone)
}

// midnight is the first instant of a day, found by walking: whatever a zone does at
// that hour, the day begins when its date is first shown.
func midnight(day string, plus int, zone *time.Location) time.Time {
	d, _ := time.Parse(time.DateOnly, day)
	want := d.AddDate(0, 0, plus).Format(time.DateOnly)
	t := d.AddDate(0, 0, plus).Add(-15 * time.Hour)
	for t.In(zone).Format(time.DateOnly) < want {
		t = t.Add(15 * time.Minute)
	}
	return t
}

// step is a rung as the oracle knows it.
type step struct {
	name string
	at   time.Time
}

func (l *life) steps(r record) []step {
	end := r.ends(l.zone)
	var out []step
	for _, days := range l.ladder {
		y, m, d := end.In(l.zone).Date()
		out = append(out, step{fmt.Sprintf("%dd", days), time.Date(y, m, d-days, 9, 0, 0, 0, l.zone)})
	}
	if !r.planned.IsZero() && out[0].at.Before(r.over(l.zone)) {
		out = append(out, step{"renewal " + r.planned.String(), r.over(l.zone)})
	}
	return append(out, step{keepwatch.RungExpired, end})
}

// expected is one rung, from when on it could be said, and how long the process has
// been there to say it.
type expected struct {
	saying
	known bool // it was drawn from the engine's log
}

// want lists what should be said of a life, in the order of time.
func (l *life) want(w *years) []*expected {
	var out []*expected
	done := map[string]bool{}
	look := func(now time.Time) {
		r := l.recordAt(now)
		end := r.ends(l.zone)
		quiet := !r.planned.IsZero() && now.Before(r.over(l.zone))
		for _, s := range l.steps(r) {
			key := end.String() + s.name
			if s.at.After(now) || done[key] || (quiet && s.name != keepwatch.RungExpired) {
				continue
			}
			done[key] = true
			out = append(out, &expected{saying: saying{l.id, end.UTC(), s.name, now}})
		}
	}
	for _, at := range l.moments(w) {
		if w.runs(at) && !at.After(w.end) {
			look(at)
		}
	}
	return out
}

// moments are when something may become true: a record changes, a rung comes, a
// process is back.
func (l *life) moments(w *years) []time.Time {
	var out []time.Time
	for i, r := range l.records {
		out = append(out, r.from)
		for _, s := range l.steps(r) {
			inForce := !s.at.Before(r.from) && (i+1 == len(l.records) || s.at.Before(l.records[i+1].from))
			if inForce {
				out = append(out, s.at)
			}
		}
		if !r.planned.IsZero() && (i+1 == len(l.records) || r.over(l.zone).Before(l.records[i+1].from)) {
			out = append(out, r.over(l.zone)) // the quiet ends, also where no rung has its name
		}
	}
	for _, d := range w.downs {
		out = append(out, d.to)
	}
	slices.SortFunc(out, time.Time.Compare)
	return out
}

func (l *life) recordAt(t time.Time) record {
	last := l.records[0]
	for _, r := range l.records {
		if !r.from.After(t) {
			last = r
		}
	}
	return last
}

func (w *years) runs(t time.Time) bool {
	for _, d := range w.downs {
		if !t.Before(d.from) && t.Before(d.to) {
			return false
		}
	}
	return true
}

// judge compares.
func (w *years) judge() {
	var wanted []*expected
	changes, planned := 0, 0
	for _, l := range w.lives {
		wanted = append(wanted, l.want(w)...)
		changes += len(l.records) - 1
		for _, r := range l.records {
			if !r.planned.IsZero() {
				planned++
			}
		}
	}
	late := time.Duration(0)
	for _, s := range w.said {
		i := slices.IndexFunc(wanted, func(e *expected) bool {
			return !e.known && e.credential == s.credential && e.rung == s.rung && e.date.Equal(s.date.Truncate(time.Second)) || !e.known && e.credential == s.credential && e.rung == s.rung && e.date.Truncate(time.Second).Equal(s.date)
		})
		if i < 0 {
			if s.at.Before(w.end) {
				w.t.Errorf("%s: rung %s of %s was said at %s and not expected, or twice", s.credential, s.rung, s.date, s.at)
			}
			continue
		}
		wanted[i].known = true
		if d := s.at.Sub(wanted[i].at); d < 0 || d > time.Minute {
			w.t.Errorf("%s: rung %s of %s was said at %s, %s after it came", s.credential, s.rung, s.date, s.at, d)
		} else {
			late = max(late, d)
		}
	}
	missing := 0
	for _, e := range wanted {
		if !e.known {
			missing++
			w.t.Errorf("%s: rung %s of %s was due at %s and never said", e.credential, e.rung, e.date, e.at)
		}
	}
	collapsed := w.judgeMessages()
	if len(w.said) < 3*len(w.lives) || planned == 0 || missing > 0 {
		w.t.Errorf("%d rungs, %d planned renewals, %d missing: the years prove little", len(w.said), planned, missing)
	}
	w.t.Logf("%d credentials, %s: %d rungs recorded, each once; %d messages, %d of them joined by a newer one; %d changed records, %d planned renewals, %d restarts; lateness at most %s, to the first try at a message %s",
		len(w.lives), keepwatch.FormatDuration(w.end.Sub(w.begin)), len(w.said), len(w.sends), collapsed, changes, planned, len(w.downs), late, w.slowest)
}

// judgeMessages: each notice reached the receiver under its one key, once, or a
// newer message of the same incident says it.
func (w *years) judgeMessages() (collapsed int) {
	for id, n := range w.notices {
		key := keepwatch.DeliveryIDOf(id, "ops")
		taken := 0
		for _, ok := range w.sends[key] {
			if ok {
				taken++
			}
		}
		if taken == 1 {
			continue
		}
		newer := slices.ContainsFunc(w.noticesOf(n.Incident.ID), func(o keepwatch.Notice) bool { return o.Seq > n.Seq })
		if taken == 0 && newer {
			collapsed++
			continue
		}
		w.t.Errorf("message %s (%s) was taken %d times in %d tries", key, n.Kind, taken, len(w.sends[key]))
	}
	for key := range w.sends {
		if _, known := w.notices[keepwatch.NoticeID(strings.TrimSuffix(string(key), ":ops"))]; !known {
			w.t.Errorf("message %s belongs to no notice", key)
		}
	}
	return collapsed
}

func (w *years) noticesOf(id keepwatch.IncidentID) []keepwatch.Notice {
	var out []keepwatch.Notice
	for _, n := range w.notices {
		if n.Incident.ID == id {
			out = append(out, n)
		}
	}
	return out
}
