package detect

import (
	"time"

	"keepwatch"
)

// Burst is what a run of soft failures amounts to.
type Burst struct {
	// Enough: there are as many failures over as long a time as a burst needs.
	Enough bool
	// Proven: there are enough of them with our own connectivity proven.
	Proven bool
	// Planned: at least one was a run of the schedule, so the burst counts as one
	// scheduled run. Traffic and runs on demand alone never do.
	Planned bool
	Outcome keepwatch.Outcome // the most frequent one, the newest on a tie
}

// BurstOf judges the failures since since (oldest first): a burst is at least
// keepwatch.SoftConfirmCount soft failures over at least span. Refusals among them
// are another matter and do not count.
func BurstOf(failures []keepwatch.Failure, since time.Time, span time.Duration) Burst {
	var b Burst
	counts := tally{}
	n, proven := 0, 0
	var last, firstProven, lastProven time.Time
	for _, f := range failures {
		if f.At.Before(since) || !f.Outcome.Soft() {
			continue
		}
		n, last = n+1, f.At
		counts.add(f.Outcome)
		b.Planned = b.Planned || Scheduled(f.Reason)
		if Proven(f) {
			if proven++; proven == 1 {
				firstProven = f.At
			}
			lastProven = f.At
		}
	}
	b.Outcome = counts.most()
	b.Enough = n >= keepwatch.SoftConfirmCount && last.Sub(since) >= span
	// A long burst holds more failures than a series remembers. What was dropped
	// was like what was kept, so a full memory is measured from the burst's start.
	if n == proven && b.Enough {
		firstProven = since
	}
	b.Proven = b.Enough && proven >= keepwatch.SoftConfirmCount && lastProven.Sub(firstProven) >= span
	return b
}

// Scheduled reports whether a run stands for its slot on the grid: confirmations
// and runs on demand come on top of it.
func Scheduled(r keepwatch.Reason) bool {
	return r == keepwatch.ReasonScheduled || r == keepwatch.ReasonChanged || r == keepwatch.ReasonRetry
}

// Proven reports whether our own connectivity stood when f happened. An answer of
// the host over HTTP proves it, whatever the answer says.
func Proven(f keepwatch.Failure) bool {
	return f.Connectivity == keepwatch.ConnectivityProven || f.Outcome.Info().Category != keepwatch.CategoryNetwork
}

// RunsNeeded is the number of scheduled runs that must end in a burst before an
// incident opens. Where a neighbour was proven meanwhile it is never one: one
// connection's trouble looks the same as everybody's until it repeats.
func RunsNeeded(confirm keepwatch.Confirmation, failAfter int, contradicted bool) int {
	switch {
	case contradicted:
		return max(failAfter, 2)
	case confirm == keepwatch.ConfirmBurst:
		return 1
	}
	return max(failAfter, 1)
}

// Contradicted reports whether another credential than self was proven at or
// after since.
func Contradicted(proofs map[keepwatch.CredentialID]time.Time, self keepwatch.CredentialID, since time.Time) bool {
	for id, at := range proofs {
		if id != self && !at.Before(since) {
			return true
		}
	}
	return false
}

// Failing is the first and the newest of one credential's soft failures that no
// proof has ended.
type Failing struct {
	Credential  keepwatch.CredentialID
	First, Last time.Time
}

// Crowd is what the credentials of a neighbourhood amount to together.
type Crowd struct {
	Since, Last time.Time
	Failing     int // credentials that fail and were not proven since
	Seen        int // those and the ones that were proven in the same time
}

// Burst reports whether the crowd's failures are everybody's: at least three
// credentials, over at least span, and at least 30 % of those that were seen. Two
// would be cheaper, but two connections in trouble at once is ordinary noise.
func (c Crowd) Burst(span time.Duration) bool {
	return c.Failing >= keepwatch.SoftConfirmCount && c.Last.Sub(c.Since) >= span && 10*c.Failing >= 3*c.Seen
}

// CrowdOf counts the credentials that fail, given each one's unrecovered failures
// and the newest proofs.
func CrowdOf(failing []Failing, proofs map[keepwatch.CredentialID]time.Time) Crowd {
	var c Crowd
	for _, f := range failing {
		c.Failing++
		if c.Since.IsZero() || f.First.Before(c.Since) {
			c.Since = f.First
		}
		if f.Last.After(c.Last) {
			c.Last = f.Last
		}
	}
	c.Seen = c.Failing
	for id, at := range proofs {
		if !at.Before(c.Since) && !contains(failing, id) {
			c.Seen++
		}
	}
	return c
}

func contains(failing []Failing, id keepwatch.CredentialID) bool {
	for _, f := range failing {
		if f.Credential == id {
			return true
		}
	}
	return false
}

// tally counts outcomes in the order they came; there are few, so a slice.
type tally []struct {
	outcome keepwatch.Outcome
	n       int
}

func (t *tally) add(o keepwatch.Outcome) {
	for i := range *t {
		if (*t)[i].outcome == o {
			(*t)[i].n++
			// Move to the end: on a tie the newest wins.
			e := (*t)[i]
			*t = append(append((*t)[:i:i], (*t)[i+1:]...), e)
			return
		}
	}
	*t = append(*t, struct {
		outcome keepwatch.Outcome
		n       int
	}{o, 1})
}

func (t tally) most() keepwatch.Outcome {
	best, n := keepwatch.Outcome(""), 0
	for _, e := range t {
		if e.n >= n {
			best, n = e.outcome, e.n
		}
	}
	return best
}
