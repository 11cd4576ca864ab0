package impact

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"keepwatch"
)

// staleness is how a data extension stood while the incident lasted.
type staleness struct {
	age    span // since its newest row
	behind span // since a row was missed: until then it was as fresh as ever
}

func extensionID(s Subject) string { return s.Unit.String() + "/" + s.ID() }

// extension works out how stale a data extension was. Where its counters are read
// and nothing was said of it, it was not; where nobody looks, it follows from the
// outage.
func (w *work) extension(s Subject) {
	direct, nested, during := w.link(s)
	e, seen := w.effect(s, keepwatch.DataStale, keepwatch.ImportEmpty)
	switch {
	case seen:
		w.staleSeen(s, e, during)
	case (direct || nested) && !s.Watched && w.stops == surely:
		w.staleInferred(s, during)
	}
}

func (w *work) staleSeen(s Subject, e keepwatch.Effect, during span) {
	cause := span{to: during.to}
	if x := s.newest(e.Aspect).Extension; s.Expect.FedBy == "" && x != nil && x.Newest.IsZero() {
		cause = during // rows stream in, and no column says when the newest came: until the cause began
	}
	age := w.effectSpan(s, e, cause)
	if at := lastSync(s, e); at.Before(e.Since) && !at.IsZero() { // it was another incident's before
		age.from = [2]time.Time{at, at}
	}
	if dated(s, e) {
		age.to = [2]time.Time{e.EndedAt, e.EndedAt}
	}
	behind := age
	if every := s.Expect.RowsEvery; every > 0 {
		due := e.Since.Add(every)
		behind.from = [2]time.Time{due, due}
	} else {
		behind.from = [2]time.Time{e.Since, latest(e.Since, e.NoticedAt)}
	}
	w.keepStale(s, staleness{age: age.ordered(), behind: behind.ordered()}, Measured)
}

// lastSync is the newest row that was there while an effect held, zero where no column says so.
func lastSync(s Subject, e keepwatch.Effect) time.Time {
	for _, r := range s.Readings {
		if x := r.Reading.Extension; x != nil && r.Aspect == e.Aspect && r.Verdict.Outcome == e.Outcome && !x.Newest.IsZero() && !r.Reading.At.Before(e.Since) {
			return x.Newest
		}
	}
	return time.Time{}
}

// dated reports that an effect on a data extension ended when its newest row says, not at
// the look that saw it: what an automation fills is filled at one moment. Of rows that stream
// in, the newest says nothing about the first.
func dated(s Subject, e keepwatch.Effect) bool {
	return s.Expect.FedBy != "" && e.EndedAt.After(e.NoticedAt) && slices.ContainsFunc(s.Readings, func(r keepwatch.Watch) bool {
		return r.Aspect == e.Aspect && r.Reading.Extension != nil && !r.Reading.Extension.Newest.IsZero()
	})
}

// staleInferred: the last rows came up to one period before the outage, and the next
// come up to one period after it.
func (w *work) staleInferred(s Subject, during span) {
	every := s.Expect.RowsEvery
	age, behind := during, during
	age.from[0] = during.from[0].Add(-every)
	behind.from[1] = during.from[1].Add(every)
	if !during.open {
		age.to[1], behind.to[1] = during.to[1].Add(every), during.to[1].Add(every)
		if w.Now.Before(age.to[1]) {
			age.to[1], behind.to[1] = latest(w.Now, during.to[1]), latest(w.Now, during.to[1])
		}
	}
	w.keepStale(s, staleness{age: age.ordered(), behind: behind.ordered()}, Inferred)
}

func (w *work) keepStale(s Subject, st staleness, source string) {
	w.stale[extensionID(s)] = st
	from, to := st.age.middle()
	formula := fmt.Sprintf("last sync %s, fresh again %s = %s", stamp(from), stamp(to), words(to.Sub(from)))
	if st.age.open {
		formula = fmt.Sprintf("last sync %s, stale at %s = %s", stamp(from), stamp(to), words(to.Sub(from)))
	}
	w.found = append(w.found, part{
		name: HoursStale, subject: s.ID(), unit: unitHours, e: hoursOf(st.age), formula: formula, source: source, so: st.age.open,
	})
}

func hoursOf(s span) estimate {
	low, mid, high := s.length()
	return estimate{mid: mid.Hours(), durLow: (mid - low).Hours(), durHigh: (high - mid).Hours()}
}

// reader counts the contacts that came while what the subject reads was behind. Those
// that could not come at all are not among them.
func (w *work) reader(s Subject) {
	if s.Kind == keepwatch.SubjectDataExtension || s.Kind == keepwatch.SubjectAutomation {
		return
	}
	key, behind := w.stalest(s)
	if behind.isZero() {
		return
	}
	direct, _, during := w.link(s)
	if e, stalled := w.effect(s, keepwatch.JourneyStalled); stalled {
		behind = behind.without(w.effectSpan(s, e, during))
	} else if direct {
		behind = behind.without(during)
	}
	v, ok := w.volume(s, behind)
	if !ok {
		return
	}
	v.e = v.e.whole()
	if v.e.mid == 0 {
		return
	}
	w.found = append(w.found, part{
		name: ContactsOnStaleData, subject: s.ID(), unit: unitContacts, e: v.e, source: v.source, so: behind.open,
		formula: fmt.Sprintf("%s = %s while %s was stale", v.formula, number(v.e.mid), key),
	})
}

// entrySource is the data extension whose rows enter a journey, "" where they come otherwise.
func entrySource(s Subject) string {
	for _, r := range slices.Backward(s.Readings) {
		if j := r.Reading.Journey; j != nil && j.Extension != "" {
			return j.Extension
		}
	}
	return ""
}

// stalest is the data extension that a subject reads and that was behind for longest. One
// whose rows are the contacts themselves is none of them: nobody came while it was behind,
// and who comes next comes with the rows that made it fresh.
func (w *work) stalest(s Subject) (key string, behind span) {
	keys := slices.Clone(s.Expect.Reads)
	for _, u := range s.Upstream {
		for _, via := range u.Via {
			if k, ok := strings.CutPrefix(via, string(keepwatch.SubjectDataExtension)+"/"); ok && !slices.Contains(keys, k) {
				keys = append(keys, k)
			}
		}
	}
	longest, source := time.Duration(0), entrySource(s)
	for _, k := range keys {
		if k == source {
			continue
		}
		of := Subject{Subject: keepwatch.Subject{Kind: keepwatch.SubjectDataExtension, Key: k, Unit: s.Unit}}
		st, ok := w.stale[extensionID(of)]
		if _, mid, _ := st.behind.length(); ok && mid > longest {
			key, behind, longest = k, st.behind, mid
		}
	}
	return key, behind
}
