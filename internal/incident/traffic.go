package incident

import (
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/detect"
)

const (
	// ladderEvery is how many planned gaps may pass between two whole tests of a
	// credential that real traffic proves: traffic shows that tokens are granted, a
	// test that each API family answers, too.
	ladderEvery = 4
	// Refusals in traffic ask for a test of our own at most so often: each is a token
	// request of the customer's budget, and a holder that is refused all day is one fact.
	askedShortly, askedLately = 3, 20 * time.Minute
	askedADay                 = 24
	askedPending              = time.Minute
	// A holder is in trouble when it is refused so often, for so long, with no success.
	heldCount = 3
	heldOver  = 2 * time.Minute
	// What may pass by itself, or concerns one route alone, has to last longer.
	heldLong = 10 * time.Minute
	// trafficQuiet ends the trouble of a holder that does not call any more.
	trafficQuiet = 24 * time.Hour
)

// lived lifts what one holder's traffic added up to. It may prove the credential
// itself, ask for a test that tells the holder's trouble from ours, and say how the
// holder fares.
func (st *step) lived(s *keepwatch.Series, o *keepwatch.Observation) {
	own := st.own(o.Credential)
	m := detect.Live(s.Traffic, o.Traffic, o.Evidence, st.excusedSince(own, o), o.At)
	s.Traffic, s.Last.Traffic = &m, nil
	s.LastProvenAt = later(s.LastProvenAt, o.Traffic.Tokens.LastOK)
	if own != nil {
		st.provenByTraffic(own, o)
		st.refusedInTraffic(own, o)
		st.rejectedInTraffic(own, o)
	}
	st.softInTraffic(own, o)
	st.fares(s, own, o)
}

// own is the series of a credential's own test, nil while it was never tested.
func (st *step) own(id keepwatch.CredentialID) *keepwatch.Series {
	sid := keepwatch.SeriesOf(keepwatch.CheckOf(keepwatch.CheckCredential, id), "")
	if i, ok := st.index[sid]; ok {
		return &st.series[i]
	}
	s, ok := st.view.Series[sid]
	if !ok || s.LastSlot.IsZero() {
		return nil
	}
	st.index[sid] = len(st.series)
	st.series = append(st.series, s)
	return &st.series[len(st.series)-1]
}

// through reports whether an observation's calls left from here: what it says of the
// network path and of the allowlist holds for our place.
func through(t *keepwatch.Tally) bool { return slices.Contains(t.Via, keepwatch.ViaGateway) }

// provenByTraffic lifts a token that a holder was granted: with the secret that is
// configured, it proves what the token step of a test proves.
func (st *step) provenByTraffic(own *keepwatch.Series, o *keepwatch.Observation) {
	at := provenAt(o.Traffic)
	if !at.After(own.LastProvenAt) || !st.tokenDecides(own, o.Traffic) {
		return
	}
	if n := len(own.Failures); n > 0 && !at.After(own.Failures[n-1].At) {
		return // it was refused since
	}
	p := keepwatch.Observation{
		Key: o.Key, Series: own.ID, Check: own.Check, Credential: own.Credential, Tenant: own.Tenant, Place: own.Place,
		Source: keepwatch.SourceTraffic, Slot: at, At: at, Outcome: keepwatch.OK, Findings: own.Findings,
		Connectivity: keepwatch.ConnectivityProven, Traffic: o.Traffic,
	}
	own.LastAt = later(own.LastAt, at)
	own.ProvenBy = &keepwatch.TrafficProof{At: at, Via: viaOf(o.Traffic), Holder: o.Traffic.Holder}
	st.proven(own, &p)
	st.standIn(own, at)
}

// provenAt is when a token was granted for the configured secret, or for whatever
// secret where nobody can compare them.
func provenAt(t *keepwatch.Tally) time.Time {
	if !t.Compared {
		return t.Tokens.LastOK
	}
	var at time.Time
	for _, u := range t.Uses {
		if u.Ours {
			at = later(at, u.Accept)
		}
	}
	return at
}

// tokenDecides reports whether a token is all that the credential lacks: where a later
// step of its test failed, a token says nothing of that.
func (st *step) tokenDecides(own *keepwatch.Series, t *keepwatch.Tally) bool {
	if own.FirstFailedAt.IsZero() && !ended(own) {
		return true
	}
	switch own.Outcome {
	case keepwatch.ScopeMissing, keepwatch.BusinessUnitRefused, keepwatch.TokenRejected:
		return false
	}
	if c := own.Outcome.Info().Category; c == keepwatch.CategoryNetwork || c == keepwatch.CategoryProtocol || own.Outcome == keepwatch.IPBlocked {
		if !through(t) {
			return false
		}
	}
	return own.Last.Outcome == keepwatch.OK || tokenStep(own.Last.Step)
}

func viaOf(t *keepwatch.Tally) keepwatch.Via {
	if through(t) {
		return keepwatch.ViaGateway
	}
	if len(t.Via) > 0 {
		return t.Via[0]
	}
	return ""
}

// standIn lets a proof of traffic that came shortly before the next test stand in its
// place: the test moves on by one planned gap, and not for the ladderEvery-th time.
func (st *step) standIn(own *keepwatch.Series, at time.Time) {
	gap, next := own.PlannedGap, own.NextProofAt
	if gap <= 0 || next.IsZero() || own.Confirming != "" || own.State != keepwatch.StateHealthy {
		return
	}
	if _, planned := st.plans[own.Check]; planned {
		return
	}
	moved := next.Add(gap)
	if !next.After(st.now) || next.Sub(at) > gap/2 || moved.Sub(own.LastSlot) > ladderEvery*gap {
		return
	}
	st.plan(own, moved, keepwatch.ReasonScheduled)
}

// refusedInTraffic lifts a refused token request. It asks for a test of our own at once:
// refused too, the two confirm each other; granted, it is the holder's trouble.
func (st *step) refusedInTraffic(own *keepwatch.Series, o *keepwatch.Observation) {
	r := &o.Traffic.Tokens
	switch {
	case r.LastFailed.IsZero() || r.LastOK.After(r.LastFailed) || !r.LastWhy.Hard():
		return
	case r.LastWhy == keepwatch.IPBlocked && !through(o.Traffic):
		return // another address is refused, not ours
	case ended(own) || st.book().refusal(own.ID) != nil || !r.LastFailed.After(own.LastProvenAt):
		return
	}
	if !otherSecret(o.Traffic) {
		st.suspect(own, o)
	}
	st.ask(own, r.LastWhy, 0)
}

// rejectedInTraffic lifts calls whose tokens are refused, by a holder that asks for no
// new one: many clients keep a token for its whole life, whatever becomes of it. One
// such call is the usual end of a token. Several and nothing else ask for a test; they are
// no evidence by themselves, because the token may be older than we know.
func (st *step) rejectedInTraffic(own *keepwatch.Series, o *keepwatch.Observation) {
	if o.Traffic.Tokens.Requests > 0 || ended(own) || st.book().refusal(own.ID) != nil || !o.Traffic.To.After(own.LastProvenAt) {
		return
	}
	rejected := 0
	for i := range o.Traffic.Calls {
		switch c := &o.Traffic.Calls[i]; c.Outcome {
		case keepwatch.OK:
			return
		case keepwatch.TokenRejected:
			rejected += c.Count
		}
	}
	if rejected >= heldCount {
		st.ask(own, keepwatch.TokenRejected, 0)
	}
}

// otherSecret reports whether the refused secret is known to be another one than ours.
func otherSecret(t *keepwatch.Tally) bool {
	if !t.Compared || len(t.Uses) == 0 {
		return false
	}
	newest := t.Uses[0]
	for _, u := range t.Uses[1:] {
		if u.At.After(newest.At) {
			newest = u
		}
	}
	return !newest.Ours
}

// suspect notes the refusal with the credential, once an episode: the first of the two
// that confirm each other.
func (st *step) suspect(own *keepwatch.Series, o *keepwatch.Observation) {
	if slices.ContainsFunc(own.Failures, func(f keepwatch.Failure) bool { return f.Outcome == o.Traffic.Tokens.LastWhy }) {
		return
	}
	f := keepwatch.Observation{
		Series: own.ID, Check: own.Check, Credential: own.Credential, Tenant: own.Tenant, Place: own.Place,
		Source: keepwatch.SourceTraffic, At: o.Traffic.Tokens.LastFailed, Outcome: o.Traffic.Tokens.LastWhy, Step: "token",
		Connectivity: keepwatch.ConnectivityProven,
	}
	if f.At.After(st.now) {
		f.At = st.now
	}
	st.fail(own, &f)
	st.doubt(own, &f)
	own.LastAt = later(own.LastAt, f.At)
}

// ask plans a test of our own after a wait, within what such tests may cost.
func (st *step) ask(own *keepwatch.Series, why keepwatch.Outcome, wait time.Duration) {
	p := st.policy
	if own.Check == "" || own.PlannedGap <= 0 || len(detect.Within(own.RefusalTries, st.now, 24*time.Hour)) >= p.MaxTriesPerDay {
		return
	}
	own.Asked = detect.Within(own.Asked, st.now, 24*time.Hour)
	n := len(own.Asked)
	lately := len(detect.Within(own.Asked, st.now, askedLately))
	if n >= askedADay || lately >= askedShortly || why.Info().Confirm == keepwatch.ConfirmAtOnce && lately > 0 {
		return
	}
	if n > 0 && st.now.Sub(own.Asked[n-1]) < askedPending && own.LastSlot.Before(own.Asked[n-1]) {
		return // it is on its way
	}
	at := st.now.Add(wait)
	if changed := changedAt(own, &own.Last); detect.Propagating(st.now, changed, p.ChangeWindow) {
		at = later(at, changed.Add(p.Propagation))
	}
	if next := own.NextProofAt; next.After(st.now) && !next.After(wholeSecond(at)) {
		return // the schedule comes as soon
	}
	own.Asked = append(own.Asked, st.now)
	st.plan(own, at, keepwatch.ReasonConfirm)
}

// excusedSince is since when something larger than the holder explains its failures:
// the credential's own incident, one of everybody, or the one that says that it is
// refused; zero where nothing does.
func (st *step) excusedSince(own *keepwatch.Series, o *keepwatch.Observation) time.Time {
	if e := st.larger(own, o); e != nil {
		return e.FirstFailedAt
	}
	if len(st.view.Open) == 0 && st.ledger == nil {
		return time.Time{}
	}
	if e := st.book().byKey[holderKey(o)]; e != nil && e.Outcome.Info().Confirm != keepwatch.ConfirmJudged {
		return e.FirstFailedAt // it was told that it is refused
	}
	return time.Time{}
}

// larger finds the open incident that tells a holder's failures already.
func (st *step) larger(own *keepwatch.Series, o *keepwatch.Observation) *entry {
	if len(st.view.Open) == 0 && st.ledger == nil {
		return nil
	}
	book := st.book()
	if own != nil {
		for _, e := range book.bySeries[own.ID] {
			if m := e.member(own.ID); m.Outcome.Hard() || m.Outcome.Soft() {
				return e
			}
		}
	}
	for _, key := range []string{PlatformKey, "tenant:" + string(o.Tenant) + ":throttle"} {
		if e := book.byKey[key]; e != nil && e.RestoredAt.IsZero() {
			return e
		}
	}
	return nil
}

// tokenStep reports whether a test ended at the token or on the way to it.
func tokenStep(step string) bool {
	name, _, _ := strings.Cut(step, ":")
	switch name {
	case "", "resolve", "connect", "tls", "token":
		return true
	}
	return false
}
