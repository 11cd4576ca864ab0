package detect

import (
	"time"

	"keepwatch"
)

// Never is the plan of a credential that must not be asked again by itself: SFMC
// locks a user after a few bad logins. A changed definition or a person moves it.
var Never = time.Date(9999, time.January, 1, 0, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// ConfirmationWait is how long to wait before a first refusal is asked again: at
// most hard, sooner on a faster schedule. A refusal within window after a known
// change waits for SFMC to propagate that change instead: it takes five minutes,
// and a refusal in that time says nothing about the secret.
func ConfirmationWait(at, changed time.Time, gap, hard, window, propagation time.Duration) time.Duration {
	if Propagating(at, changed, window) {
		return propagation
	}
	if gap > 0 && gap < hard {
		return gap
	}
	return hard
}

// Propagating reports whether at lies within window after a known change.
func Propagating(at, changed time.Time, window time.Duration) bool {
	return !changed.IsZero() && !at.Before(changed) && at.Sub(changed) <= window
}

// RefusalConfirmed reports whether a refusal at `at` confirms the earlier failures
// of its episode: one of them is a refusal that same accepts, seen on another run.
// Soon after a change it must lie after the change and a propagation ago.
//
// The second answer counts however late it comes. The confirmation is planned
// within 60 s; when a restart delays it, two refusals with no proof between them
// are stronger evidence, not weaker.
func RefusalConfirmed(earlier []keepwatch.Failure, at, changed time.Time, window, propagation time.Duration, same func(keepwatch.Outcome) bool) bool {
	for _, f := range earlier {
		if !same(f.Outcome) || f.At.After(at) {
			continue
		}
		if Propagating(at, changed, window) && (f.At.Before(changed) || at.Sub(f.At) < propagation) {
			continue // what was refused before the change says nothing about what came after it
		}
		return true
	}
	return false
}

// RefusalWait is the back-off after the refusal was confirmed and then tried
// `tries` more times; the last wait repeats.
func RefusalWait(waits []time.Duration, tries int) time.Duration {
	if len(waits) == 0 {
		return time.Hour
	}
	return waits[min(max(tries, 0), len(waits)-1)]
}

// UnderDailyCap moves at so that no 24 hours hold more than limit tries. tries are
// the earlier ones, oldest first.
func UnderDailyCap(at time.Time, tries []time.Time, limit int) time.Time {
	if limit <= 0 || len(tries) < limit {
		return at
	}
	if free := tries[len(tries)-limit].Add(day); free.After(at) {
		return free
	}
	return at
}

// Within keeps the instants that lie less than span before now, in a new slice,
// followed by more.
func Within(times []time.Time, now time.Time, span time.Duration, more ...time.Time) []time.Time {
	var kept []time.Time
	for _, t := range times {
		if now.Sub(t) < span {
			kept = append(kept, t)
		}
	}
	return append(kept, more...)
}

// RetryAfterLimit caps what a server may ask: a malformed or hostile Retry-After
// must not silence a check for good.
const RetryAfterLimit = day

// Throttled is the wait that a throttle asks for: its Retry-After within limits,
// else the pause of a block that names no time itself, else 0.
func Throttled(outcome keepwatch.Outcome, retryAfter, blocked time.Duration) time.Duration {
	switch {
	case retryAfter > 0:
		return min(retryAfter, RetryAfterLimit)
	case outcome == keepwatch.TemporarilyBlocked:
		return blocked
	}
	return 0
}

// Refused is a refused credential, as the comparison of a neighbourhood sees it.
type Refused struct {
	Outcome       keepwatch.Outcome
	FirstFailedAt time.Time
	Gap           time.Duration
}

// SameEverywhere reports whether all credentials of a neighbourhood were refused
// in the same way at about the same time: at least three of them, their first
// failures within two of the longest planned gaps. An expired secret is each
// credential's own date and never everybody's.
func SameEverywhere(all []Refused) bool {
	if len(all) < 3 || all[0].Outcome == keepwatch.SecretExpired || !all[0].Outcome.Hard() {
		return false
	}
	first, last, gap := all[0].FirstFailedAt, all[0].FirstFailedAt, time.Duration(0)
	for _, r := range all {
		if r.Outcome != all[0].Outcome {
			return false
		}
		if r.FirstFailedAt.Before(first) {
			first = r.FirstFailedAt
		}
		if r.FirstFailedAt.After(last) {
			last = r.FirstFailedAt
		}
		gap = max(gap, r.Gap)
	}
	return last.Sub(first) <= 2*gap
}
