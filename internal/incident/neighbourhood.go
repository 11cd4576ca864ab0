package incident

import (
	"maps"
	"sort"
	"time"

	"keepwatch"
	"keepwatch/internal/detect"
)

const (
	// neighbourhoodMemory is how long a neighbourhood remembers.
	neighbourhoodMemory = 10 * time.Minute
	// neighbourhoodFailures caps the failures that it remembers.
	neighbourhoodFailures = 64
	// proofGrain is how coarse proofs are while nobody fails. Remembering each
	// would write the row with every group of healthy runs, and nothing reads it
	// then. One proof per grain is kept all the same: a neighbour that was proven
	// while the first failing run was still waiting for its timeout counts too.
	proofGrain = 30 * time.Second
	// freshFor is how long after a failure every proof is remembered: from the
	// first failure on, the rules of contradiction and of the crowd need to know
	// exactly who was proven since. Confirmations follow each other within a
	// minute, so a burst under way never goes stale.
	freshFor = 3 * time.Minute
)

// hood is one neighbourhood while a step works on it. It copies before it writes.
type hood struct {
	Neighbourhood
	touched bool
	newest  time.Time // newest proof that is remembered
}

func newHood(n Neighbourhood, key NeighbourhoodKey) *hood {
	h := &hood{Neighbourhood: n}
	h.Key = key
	for _, at := range n.LastOK {
		if at.After(h.newest) {
			h.newest = at
		}
	}
	return h
}

// proved notes a proof, if anybody may need it.
func (h *hood) proved(id keepwatch.CredentialID, at time.Time) {
	if at.Sub(h.newest) < proofGrain && !h.fresh(at) {
		return
	}
	h.touch(at)
	if at.After(h.LastOK[id]) {
		h.LastOK[id] = at
	}
	if at.After(h.newest) {
		h.newest = at
	}
}

// failed notes a soft failure.
func (h *hood) failed(id keepwatch.CredentialID, outcome keepwatch.Outcome, at time.Time) {
	h.touch(at)
	h.Failures = append(h.Failures, NeighbourFailure{Credential: id, Outcome: outcome, At: at})
	if over := len(h.Failures) - neighbourhoodFailures; over > 0 {
		h.Failures = h.Failures[over:]
	}
}

// fresh reports whether somebody failed so lately that proofs matter.
func (h *hood) fresh(now time.Time) bool {
	n := len(h.Failures)
	return n > 0 && now.Sub(h.Failures[n-1].At) < freshFor
}

// leads reports whether a burst that began at since is the first of those under
// way. Only that one asks for witnesses: in an outage of hundreds of credentials
// one question is enough.
func (h *hood) leads(self keepwatch.CredentialID, since time.Time) bool {
	for _, f := range h.Failures {
		if f.Credential != self && f.At.Before(since) && since.Sub(f.At) < freshFor && f.At.After(h.LastOK[f.Credential]) {
			return false
		}
	}
	return true
}

// touch copies what a view may share and drops what is too old, once a step.
func (h *hood) touch(now time.Time) {
	if h.touched {
		return
	}
	h.touched = true
	h.LastOK = maps.Clone(h.LastOK)
	if h.LastOK == nil {
		h.LastOK = map[keepwatch.CredentialID]time.Time{}
	}
	maps.DeleteFunc(h.LastOK, func(_ keepwatch.CredentialID, at time.Time) bool {
		return now.Sub(at) > neighbourhoodMemory
	})
	kept := make([]NeighbourFailure, 0, len(h.Failures)+1)
	for _, f := range h.Failures {
		if now.Sub(f.At) <= neighbourhoodMemory {
			kept = append(kept, f)
		}
	}
	h.Failures = kept
}

// crowd gathers the credentials that failed just now with outcomes of one scope and
// were not proven since. Older failures do not count: a credential that is not
// asked again for an hour would stand for a failure that may have passed.
func (h *hood) crowd(scope keepwatch.Scope, now time.Time) detect.Crowd {
	var failing []detect.Failing
	index := map[keepwatch.CredentialID]int{}
	for _, f := range h.Failures {
		if now.Sub(f.At) >= freshFor || f.Outcome.Info().Scope != scope || !f.At.After(h.LastOK[f.Credential]) {
			continue
		}
		if i, ok := index[f.Credential]; ok {
			failing[i].Last = f.At
			continue
		}
		index[f.Credential] = len(failing)
		failing = append(failing, detect.Failing{Credential: f.Credential, First: f.At, Last: f.At})
	}
	return detect.CrowdOf(failing, h.LastOK)
}

// wanted is a failure within a burst that no neighbour contradicts yet.
type wanted struct {
	key        NeighbourhoodKey
	credential keepwatch.CredentialID
	at         time.Time // of the failure
	until      time.Time // when the next run of the burst comes
}

// wantWitness notes that somebody else should be asked before the burst goes on.
// A credential that SFMC blocked for its pace is no reason to ask more.
func (st *step) wantWitness(s *keepwatch.Series, o *keepwatch.Observation) {
	h := st.hood(o)
	if o.Outcome == keepwatch.TemporarilyBlocked || !h.leads(o.Credential, s.BurstSince) ||
		detect.Contradicted(h.LastOK, o.Credential, s.BurstSince) {
		return
	}
	until := o.At.Add(max(st.policy.SoftConfirmEvery, st.throttle(o)))
	st.wanted = append(st.wanted, wanted{h.Key, o.Credential, o.At, until})
}

// witness picks the neighbour that is asked between two failures of a burst: is
// it only this credential, or everybody? Without it a small tenant off hours
// would seldom see a contradiction, and one bad connection would read as an outage
// of SFMC. It costs one token request, and none where a neighbour is due anyway.
func (st *step) witness(w wanted) (Plan, bool) {
	var best *keepwatch.Series
	due := false
	st.neighbours(w.key, func(s *keepwatch.Series) {
		if s.Credential == w.credential || s.Credential == "" || s.Check == "" || besides(s.Check, s.Credential) || s.State != keepwatch.StateHealthy || s.Stale(st.now) {
			return
		}
		due = due || (s.NextProofAt.After(w.at) && s.NextProofAt.Before(w.until))
		if best == nil || s.LastAt.Before(best.LastAt) || (s.LastAt.Equal(best.LastAt) && s.ID < best.ID) {
			best = s
		}
	})
	if due || best == nil {
		return Plan{}, false
	}
	at := wholeSecond(later(w.at.Add(w.until.Sub(w.at)/2), st.now))
	return Plan{Check: best.Check, At: at, Reason: keepwatch.ReasonConfirm}, true
}

// neighbours visits the series of a neighbourhood once each, the newest known
// form of it, in a fixed order: those of this step first, then the peers.
func (st *step) neighbours(key NeighbourhoodKey, visit func(*keepwatch.Series)) {
	in := func(s *keepwatch.Series) bool { return s.Tenant == key.Tenant && s.Place == key.Place }
	for i := range st.series {
		if in(&st.series[i]) {
			visit(&st.series[i])
		}
	}
	for i := range st.view.Peers {
		p := &st.view.Peers[i]
		if _, worked := st.index[p.ID]; !worked && in(p) {
			visit(p)
		}
	}
}

// everywhere merges the refusals of a neighbourhood when all of its credentials
// are refused in the same way: then the place, or SFMC, is what changed.
func (st *step) everywhere(key NeighbourhoodKey) {
	seen := map[keepwatch.CredentialID]bool{}
	var all []detect.Refused
	var members []*keepwatch.Series
	st.neighbours(key, func(s *keepwatch.Series) {
		if s.Credential == "" || s.Traffic != nil || besides(s.Check, s.Credential) || s.State == keepwatch.StatePaused || s.LastAt.IsZero() || seen[s.Credential] {
			return
		}
		seen[s.Credential] = true
		r := detect.Refused{Outcome: keepwatch.OK}
		if e := st.book().refusal(s.ID); e != nil && e.Scope == keepwatch.ScopeCredential {
			r = detect.Refused{Outcome: s.Outcome, FirstFailedAt: e.FirstFailedAt, Gap: s.PlannedGap}
			members = append(members, s)
		}
		all = append(all, r)
	})
	if len(members) == len(all) && detect.SameEverywhere(all) {
		st.mergeAll(key, members)
	}
}

func (st *step) mergeAll(key NeighbourhoodKey, members []*keepwatch.Series) {
	book := st.book()
	sort.Slice(members, func(i, j int) bool { return members[i].ID < members[j].ID })
	outcome := members[0].Outcome
	detail := "All " + count(len(members), "credential") + " of tenant " + string(key.Tenant) +
		" are refused in the same way from " + string(key.Place) + "."
	olds := make([]*entry, len(members))
	for i, s := range members {
		olds[i] = book.refusal(s.ID)
	}
	into := book.byKey[everywhereKey(key.Place, key.Tenant, outcome)]
	if into == nil {
		into = book.gather(everywhereKey(key.Place, key.Tenant, outcome), members, olds, detail)
	} else {
		book.gatherAgain(into, members, olds, detail)
	}
	for _, old := range olds {
		book.merge(old, into, ReasonEverywhere, detail)
	}
}
