package incident

import (
	"time"

	"keepwatch"
)

const (
	// softGrain is how often one credential's traffic is noted with the neighbourhood:
	// its memory is short, and one busy holder must not push the others out of it.
	softGrain = time.Minute
	// softCrowd is how many credentials must fail in the same way before their traffic
	// asks for a test.
	softCrowd = 2
)

// softInTraffic lifts what may pass by itself: SFMC answers everything that a holder asks
// with 429 or 5xx, or cannot be reached. It is evidence for the rules that look at several
// credentials at once, and opens nothing alone: a holder may be throttled for its own
// pace, and its network is not ours. Once two credentials fail so, the one that began asks
// for a test of our own.
func (st *step) softInTraffic(own *keepwatch.Series, o *keepwatch.Observation) {
	why := softly(o.Traffic)
	info := why.Info()
	switch info.Category {
	case keepwatch.CategoryThrottle, keepwatch.CategoryPlatform:
	case keepwatch.CategoryNetwork:
		if !through(o.Traffic) {
			return // another network fails, not ours
		}
	default:
		return
	}
	h := st.hood(o)
	if !h.noted(o.Credential, why, o.At) {
		h.failed(o.Credential, why, o.At)
	}
	if own == nil || ended(own) || st.larger(own, o) != nil || h.crowd(info.Scope, o.At).Failing < softCrowd {
		return
	}
	if h.first(info.Scope, o.At) == o.Credential {
		st.ask(own, why, st.throttle(o))
	}
}

// first is the credential whose failures of a scope began first, of those that were not
// proven since: one question is enough for all of them.
func (h *hood) first(scope keepwatch.Scope, now time.Time) keepwatch.CredentialID {
	for _, f := range h.Failures {
		if now.Sub(f.At) < freshFor && f.Outcome.Info().Scope == scope && f.At.After(h.LastOK[f.Credential]) {
			return f.Credential
		}
	}
	return ""
}

// softly is what a whole window failed with, "" where anything of it went through or
// was refused in earnest.
func softly(t *keepwatch.Tally) keepwatch.Outcome {
	if t.Tokens.OK > 0 {
		return ""
	}
	var why keepwatch.Outcome
	most := 0
	count := func(o keepwatch.Outcome, n int) bool {
		if n > 0 && !o.Soft() {
			return false
		}
		if n > most || n == most && o < why {
			why, most = o, n
		}
		return true
	}
	for outcome, n := range t.Tokens.Failed {
		if !count(outcome, n) {
			return ""
		}
	}
	for i := range t.Calls {
		if !count(t.Calls[i].Outcome, t.Calls[i].Count) {
			return ""
		}
	}
	return why
}

// noted reports whether a credential's failure stands in the memory already.
func (h *hood) noted(id keepwatch.CredentialID, outcome keepwatch.Outcome, at time.Time) bool {
	for i := len(h.Failures) - 1; i >= 0; i-- {
		if f := h.Failures[i]; f.Credential == id && f.Outcome == outcome && at.Sub(f.At) < softGrain {
			return true
		}
	}
	return false
}
