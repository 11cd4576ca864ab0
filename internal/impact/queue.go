package impact

import (
	"cmp"
	"fmt"

	"keepwatch"
)

// queue is what waited inside SFMC, and what SFMC gave up on.
func (w *work) queue(s Subject) {
	if !isSend(s.Kind) {
		return
	}
	var deepest, atRestore *keepwatch.Watch
	back := cmp.Or(w.Incident.RestoredAt, w.Incident.ResolvedAt)
	var first, last *int64
	for i := range s.Readings {
		r := &s.Readings[i]
		if r.Reading.Send == nil || r.Aspect == keepwatch.AspectBacklog {
			continue
		}
		if q := r.Reading.Send.Queued; q != nil {
			if deepest == nil || *q > *deepest.Reading.Send.Queued {
				deepest = r
			}
			if !back.IsZero() && !r.Reading.At.After(back) {
				atRestore = r
			}
		}
		if n := r.Reading.Send.NotSent; n != nil {
			if first == nil {
				first = n
			}
			last = n
		}
	}
	level := func(name string, r *keepwatch.Watch) {
		n := float64(*r.Reading.Send.Queued)
		w.found = append(w.found, part{
			name: name, subject: s.ID(), unit: unitMessages, e: estimate{mid: n}, source: Measured,
			formula: fmt.Sprintf("%s waiting at %s", number(n), stamp(r.Reading.At)), so: back.IsZero(),
		})
	}
	if deepest != nil && *deepest.Reading.Send.Queued > 0 {
		level(QueueDepth, deepest)
		if atRestore != nil {
			level(QueueAtRestore, atRestore)
		}
	}
	if first != nil && *last > *first {
		n := float64(*last - *first)
		w.found = append(w.found, part{
			name: MessagesNotSent, subject: s.ID(), unit: unitMessages, e: estimate{mid: n}, source: Measured, so: back.IsZero(),
			formula: fmt.Sprintf("%s not sent by SFMC at the end, less %s before = %s", number(float64(*last)), number(float64(*first)), number(n)),
		})
	}
}
