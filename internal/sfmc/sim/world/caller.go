package world

import (
	"time"

	"keepwatch"
)

// Need is what a caller wants to do, and so what its credential must be good for.
type Need int

// The needs.
const (
	NeedToken      Need = iota // nothing but a token
	NeedEvent                  // POST /interaction/v1/events
	NeedAsyncEvent             // POST /interaction/v1/async/events
	NeedRows                   // upsert rows of a data extension
	NeedTriggered              // request a triggered send
	NeedEmail                  // send a transactional e-mail
	NeedSMS                    // send a transactional message
)

// Judge says whether a caller's credential would be granted at an instant, and
// otherwise why not.
type Judge func(c Caller, need Need, at time.Time) (Reason, bool)

type caller struct {
	spec   Caller
	id     string
	record deeds
}

// target is what a stream ends in.
type target interface {
	// offer hands over what was accepted at the door; false: SFMC refused it, and
	// the caller knows.
	offer(w *World, l lot, at minute) (why uint16, ok bool)
	// lose is told of what will never come.
	lose(w *World, l lot, why uint16)
}

// stream is one kind of thing that one caller does, again and again. Without a
// caller it always succeeds.
type stream struct {
	caller *caller
	need   Need
	flow   *flow
	every  minute // synchronises so often; 0: at once
	to     target

	fresh   []lot // since the last synchronisation
	backlog []lot // could not be delivered
	retryAt minute
	credit  float64 // of the replay
	why     uint16  // of the newest refusal
}

func (s *stream) due(m minute) minute {
	if s.every <= 1 {
		return m
	}
	return (m + s.every - 1) / s.every * s.every
}

// step is one minute: what comes is delivered or fails, and what failed before is
// replayed at the caller's pace.
func (s *stream) step(w *World, m minute) {
	if n := s.flow.draw(m); n > 0 {
		s.fresh = append(s.fresh, lot{arrived: m, due: s.due(m), n: int32(n)})
	}
	s.giveUp(w, m)
	if len(s.fresh)+len(s.backlog) == 0 || s.due(m) != m {
		return
	}
	fresh := s.fresh
	s.fresh = s.fresh[:0]
	why, ok := s.why, false
	if m >= s.retryAt || s.loses() {
		why, ok = w.allowed(s, m)
	}
	if !ok {
		if s.why = why; m >= s.retryAt && s.caller != nil {
			s.retryAt = m + max(1, minutes(s.caller.spec.Retry))
		}
		for _, l := range fresh {
			s.fail(w, l, why)
		}
		return
	}
	for _, l := range fresh {
		s.deliver(w, l, m)
	}
	s.replay(w, m)
}

// replay sends what was kept, oldest first. What SFMC refuses again goes back.
func (s *stream) replay(w *World, m minute) {
	if len(s.backlog) == 0 {
		s.credit = 0
		return
	}
	budget := total(s.backlog)
	if pace := s.caller.spec.ReplayPerMinute; pace > 0 {
		s.credit += pace * float64(max(1, s.every))
		budget = int(s.credit)
		s.credit -= float64(budget)
	}
	front, rest := take(s.backlog, budget)
	s.backlog = append([]lot(nil), rest...)
	for _, l := range front {
		s.deliver(w, l, m)
	}
}

func (s *stream) deliver(w *World, l lot, m minute) {
	if why, ok := s.to.offer(w, l, m); !ok {
		s.fail(w, l, why)
	}
}

func (s *stream) loses() bool { return s.caller == nil || s.caller.spec.OnFailure == OnFailureLost }

func (s *stream) fail(w *World, l lot, why uint16) {
	if s.loses() {
		s.to.lose(w, l, why)
		return
	}
	if l.why == 0 {
		l.why = why
	}
	s.backlog = append(s.backlog, l)
}

func (s *stream) giveUp(w *World, m minute) {
	if len(s.backlog) == 0 || s.caller.spec.GiveUp <= 0 {
		return
	}
	age, kept := minutes(s.caller.spec.GiveUp), s.backlog[:0]
	for _, l := range s.backlog {
		if m-l.arrived >= age {
			s.to.lose(w, l, l.why)
		} else {
			kept = append(kept, l)
		}
	}
	s.backlog = kept
}

// waiting is what the caller has and SFMC has not.
func (s *stream) waiting() []lot {
	return append(append([]lot(nil), s.backlog...), s.fresh...)
}

// allowed asks whether the stream's caller calls and would be granted.
func (w *World) allowed(s *stream, m minute) (uint16, bool) {
	if s.caller == nil {
		return 0, true
	}
	return w.permitted(s.caller, s.need, m)
}

func (w *World) permitted(c *caller, need Need, m minute) (uint16, bool) {
	if c.spec.Silent {
		return w.reason(Reason{Kind: keepwatch.CauseHolderSilent, By: c.spec.Name, Detail: "it does not call"}), false
	}
	why, ok := w.ask(c.spec, need, (m + 1).time().Add(-time.Nanosecond))
	if ok {
		return 0, true
	}
	if why.By == "" {
		why.By = c.spec.Name
	}
	return w.reason(why), false
}
