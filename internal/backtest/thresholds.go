package backtest

import (
	"fmt"
	"slices"
	"time"

	"keepwatch"
	"keepwatch/internal/expiry"
)

// byThreshold tries the thresholds of what the configuration says of a subject on the
// effects of an incident of effects. An effect of a credential's own incident tells
// nobody by itself.
func (r *run) byThreshold(e Episode, f *fate) {
	inc := e.Incident
	gone := 0
	for _, x := range inc.Effects {
		old, next := r.old.Expect(inc.Tenant, x.Subject), r.new.Expect(inc.Tenant, x.Subject)
		var known bool
		var shift time.Duration
		var missed bool
		switch {
		case x.Outcome == keepwatch.QueueBackingUp && old.MaxQueueAge > 0 && next.MaxQueueAge > 0:
			shift, missed, known = queueUnder(e.Readings[x.Series], x, old.MaxQueueAge, next.MaxQueueAge)
			if old.MaxQueueAge != next.MaxQueueAge && inc.Scope == keepwatch.ScopeEffect {
				f.why = append(f.why, fmt.Sprintf("max_queue_age of %s is %s instead of %s", x.Subject, keepwatch.FormatDuration(next.MaxQueueAge), keepwatch.FormatDuration(old.MaxQueueAge)))
			}
		case x.Outcome == keepwatch.DataStale && old.RowsEvery > 0 && next.RowsEvery > 0:
			shift, missed = rowsUnder(x, old.RowsEvery, next.RowsEvery)
			if old.RowsEvery != next.RowsEvery && inc.Scope == keepwatch.ScopeEffect {
				f.why = append(f.why, fmt.Sprintf("expect_rows_every of %s is %s instead of %s", x.Subject, keepwatch.FormatDuration(next.RowsEvery), keepwatch.FormatDuration(old.RowsEvery)))
			}
		default:
			continue
		}
		p := r.parts[partThresholds]
		p.Looked++
		p.Differs = p.Differs || old.MaxQueueAge != next.MaxQueueAge || old.RowsEvery != next.RowsEvery
		if inc.Scope != keepwatch.ScopeEffect {
			continue
		}
		f.estimated = f.estimated || (shift != 0 && !known)
		if missed {
			gone++
			continue
		}
		if len(inc.Effects) == 1 {
			f.shift += shift
		}
	}
	f.gone = f.gone || gone > 0 && gone == len(inc.Effects)
}

// queueUnder finds the first reading that was over the new age. A lower age than
// the old one was passed by the difference earlier, since a queue that stands grows older
// by the clock.
func queueUnder(list []keepwatch.Watch, x keepwatch.Effect, old, next time.Duration) (shift time.Duration, missed, known bool) {
	if next <= old {
		return next - old, false, false
	}
	seen := false
	for _, w := range list {
		s := w.Reading.Send
		if s == nil || s.Oldest == nil {
			continue
		}
		seen = true
		if *s.Oldest > next {
			return max(0, w.Reading.At.Sub(x.NoticedAt)), false, true
		}
	}
	if seen && !x.EndedAt.IsZero() {
		return 0, true, true
	}
	return next - old, false, false
}

// rowsUnder: a judge of rows waits so many periods, so the wait changes with the period.
func rowsUnder(x keepwatch.Effect, old, next time.Duration) (shift time.Duration, missed bool) {
	waited := x.NoticedAt.Sub(x.Since)
	shift = time.Duration(float64(waited)*float64(next)/float64(old)) - waited
	return shift, shift > 0 && !x.EndedAt.IsZero() && !x.NoticedAt.Add(shift).Before(x.EndedAt)
}

// ladders are the notices of rungs that one ladder has in the span and the other has
// not, for the dates of today.
func (r *run) ladders() (lost, won []keepwatch.Notice) {
	for _, c := range r.new.Credentials {
		if !r.known(c.ID) {
			continue
		}
		old, next := r.old.Ladder(c.ID), r.new.Ladder(c.ID)
		for _, k := range expiry.Clocks(c, r.new.Zone(c.ID), nil) {
			if !k.Known() || k.Kind == keepwatch.ClockSession {
				continue
			}
			r.parts[partLadder].Looked++
			if slices.Equal(old, next) {
				continue
			}
			was, is := r.rungs(c, k, old, r.old.Zone(c.ID)), r.rungs(c, k, next, r.new.Zone(c.ID))
			lost = append(lost, noticesOf(c, k, without(was, is))...)
			won = append(won, noticesOf(c, k, without(is, was))...)
		}
	}
	return lost, won
}

// without are the rungs that another ladder has not at the same time: those that both
// have are told under either.
func without(rungs, others []rungAt) []rungAt {
	return slices.DeleteFunc(slices.Clone(rungs), func(x rungAt) bool { return slices.Contains(others, x) })
}

type rungAt struct {
	name string
	at   time.Time
}

// rungs are those of a clock that came within the span.
func (r *run) rungs(c keepwatch.Credential, k keepwatch.Clock, ladder []time.Duration, zone *time.Location) []rungAt {
	var out []rungAt
	seen := 0
	for at := r.From; at.Before(r.To); {
		due := expiry.Look(c, []keepwatch.Clock{k}, ladder, zone, at)
		if len(due) == 0 {
			return nil
		}
		if at.After(r.From) && !due[0].Quiet {
			for _, name := range due[0].Passed[min(seen, len(due[0].Passed)):] {
				out = append(out, rungAt{name, at})
			}
		}
		seen = len(due[0].Passed)
		if due[0].Next.IsZero() || !due[0].Next.After(at) {
			return out
		}
		at = due[0].Next
	}
	return out
}

// noticesOf are the warnings of rungs, each of an incident of its own.
func noticesOf(c keepwatch.Credential, k keepwatch.Clock, rungs []rungAt) []keepwatch.Notice {
	var out []keepwatch.Notice
	for _, x := range rungs {
		outcome := keepwatch.Expiring
		if x.name == keepwatch.RungExpired {
			outcome = keepwatch.Expired
		}
		inc := keepwatch.Incident{
			ID: keepwatch.IncidentID(rungPrefix + x.name + " of " + k.Name + ofCredential(string(c.ID))), Key: "backtest", Scope: keepwatch.ScopeCredential, Tenant: c.Tenant, Place: keepwatch.Local,
			Credential: c.ID, Outcome: outcome, Severity: outcome.Info().Severity, Status: keepwatch.IncidentOpen,
			Members: []keepwatch.Member{{Credential: c.ID, Outcome: outcome, Since: x.at}}, DetectedAt: x.at,
		}
		out = append(out, keepwatch.Notice{ID: keepwatch.NoticeIDOf(inc.ID, 1), Incident: inc, Kind: keepwatch.Warning, Seq: 1, At: x.at})
	}
	return out
}
