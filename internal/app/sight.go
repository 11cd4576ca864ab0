package app

import (
	"sync"
	"time"

	"keepwatch"
)

// sight remembers what this process recorded last, so that the watch over blindness need
// not read every series to learn that somebody was just proven, or that nothing was
// looked at in vain.
type sight struct {
	mu     sync.Mutex
	proven time.Time
	gap    time.Duration // the shortest planned one of all that was looked at

	answered, vain time.Time // the newest look with an answer, and without
}

func (s *sight) record(found []keepwatch.Observation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range found {
		o := &found[i]
		if o.Credential == "" || o.Check != keepwatch.CheckID(o.Credential) || (o.Place != "" && o.Place != keepwatch.Local) {
			continue // a look at a date always succeeds, and a pushed verdict comes, also on a machine that sees nothing
		}
		if o.Reason == keepwatch.ReasonScheduled { // the first run of a new check may be seconds before the next one
			s.gap = shorter(s.gap, o.Gap)
		}
		if o.Outcome == keepwatch.OK {
			s.proven = latest(s.proven, o.At)
		}
		if answers(o) {
			s.answered = latest(s.answered, o.At)
		} else {
			s.vain = latest(s.vain, o.At)
		}
	}
}

// answers reports whether a look had an answer, whatever it said.
func answers(o *keepwatch.Observation) bool {
	return o.Outcome == keepwatch.OK || o.Outcome.Hard() || (o.Outcome.Soft() && o.Connectivity == keepwatch.ConnectivityProven)
}

// until is when the newest proof is two of the shortest gaps old: before that, this
// place is not blind, whatever fails meanwhile.
func (s *sight) until() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proven.Add(2 * s.gap)
}

// clear reports that no look was in vain since the newest answer. Then this place is not
// blind, however long ago that was: at night there may be an hour between two looks.
func (s *sight) clear() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.vain.After(s.answered)
}
