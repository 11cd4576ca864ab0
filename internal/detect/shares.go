package detect

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"keepwatch"
)

const (
	alarmFailing = "failing"
	sharesKept   = 6
	shareLeast   = 5    // failures that are an effect
	shareChance  = 1e-6 // of as many failures, were the share only at its bound
	shareEnough  = 13.8 // evidence that is kept: ln(1/shareChance)
	shareGood    = 10   // in a row end an alarm
	shareKnown   = 100  // tries after which a usual share is known …
	shareMost    = 5000 // … and as many it remembers
	shareUnknown = 0.25 // bound before that
	shareLow     = 0.05 // bounds after it
	shareHigh    = 0.5
)

// activities judges whether the activities inside a journey work. One that fails
// lets contacts go on without what it should have done, and the journey's own
// numbers stay green.
func (j *judge) activities() {
	r := j.w.Reading.Journey
	if r == nil || r.Moved == nil && r.Activities == nil || r.HistoryLag != nil && *r.HistoryLag > time.Hour {
		j.w.Verdict = held(j.was, "SFMC shows no fresh history of this journey.")
		return
	}
	var done, failed int64
	var bad []keepwatch.ActivityReading
	for _, a := range r.Activities {
		a.Done, a.Failed = bounded(a.Done), bounded(a.Failed)
		done, failed = done+a.Done, failed+a.Failed
		if j.share(hash(a.Name), a.Done, a.Failed) {
			bad = append(bad, a)
		}
	}
	if j.delta = done; done > 0 {
		j.mem.Events = min(max(j.mem.Events, 0)+done, math.MaxInt64/4)
		j.mem.LastSign, j.mem.Span = j.now, 0
	}
	worst, failing := j.worstShare()
	v := &j.w.Verdict
	switch {
	case failing && (j.mem.Alarm == alarmFailing || !j.w.Reading.Maintenance):
		j.raise(alarmFailing, keepwatch.JourneyActivityFailing)
		j.failingSince(worst)
		v.Page = float64(worst.Failed) >= shareHigh*float64(worst.Tried)
		v.Evidence = failingEvidence(bad, worst)
		if len(bad) == 0 && j.was.Outcome == keepwatch.JourneyActivityFailing {
			v.Evidence = j.was.Evidence // nothing was tried since the last look
		}
		v.Hint = "Open the activity's history in the journey: contacts go on without what it should have done, and must be taken through it once more."
	case j.mem.Events+failed == 0 && len(j.mem.Shares) == 0:
		v.Learning = "No activity of the journey has done anything yet."
	default:
		j.mem.Alarm = ""
		v.Outcome = keepwatch.OK
		v.Evidence = fmt.Sprintf("Since the last look its activities did %s steps, and %s failed.", figure(float64(done)), figure(float64(failed)))
	}
}

func bounded(n int64) int64 { return min(max(n, 0), 1e12) }

// failingSince puts the begin of the verdict to the first failure.
func (j *judge) failingSince(s keepwatch.Share) {
	v := &j.w.Verdict
	v.Confidence, v.Expected = 0.99, 0
	if v.Since = s.From; j.was.Outcome == v.Outcome && j.was.Since.Before(s.From) {
		v.Since = j.was.Since
	}
}

// share adds what one thing did to what is remembered of it, and reports whether
// it fails. Only what has failed is remembered.
func (j *judge) share(name uint32, done, failed int64) bool {
	m := j.mem
	k := slices.IndexFunc(m.Shares, func(s keepwatch.Share) bool { return s.Name == name })
	if k < 0 {
		if failed == 0 {
			return false
		}
		fresh := keepwatch.Share{Name: name}
		if m.Events >= 10*shareKnown && j.now.Sub(m.Since) >= day {
			fresh.Of = shareKnown // it has worked so far, or it would be remembered
		}
		m.Shares = append(m.Shares, fresh)
		k = len(m.Shares) - 1
	}
	begin := j.now
	if j.prev != nil {
		begin = j.prev.At
	}
	m.Shares[k] = grown(m.Shares[k], done, failed, begin)
	bad := fails(m.Shares[k])
	if len(m.Shares) > sharesKept {
		least := slices.MinFunc(m.Shares, func(a, b keepwatch.Share) int { return cmp.Or(cmp.Compare(a.Sum, b.Sum), cmp.Compare(a.Of, b.Of)) })
		m.Shares = slices.DeleteFunc(m.Shares, func(s keepwatch.Share) bool { return s == least })
	}
	return bad
}

// grown adds tries to a share. The evidence is a sum that never falls below
// nothing, so that a long good past does not hide a failure that has just begun.
func grown(s keepwatch.Share, done, failed int64, begin time.Time) keepwatch.Share {
	if done+failed == 0 {
		return s
	}
	was := fails(s)
	low := bound(s)
	high := min(4*low, (1+low)/2)
	if s.Sum <= 0 {
		s.From = begin
	}
	s.Sum += float64(failed)*math.Log(high/low) + float64(done)*math.Log((1-high)/(1-low))
	s.Sum = min(s.Sum, 2*shareEnough)
	s.Tried, s.Failed = min(s.Tried+done+failed, 1e12), min(s.Failed+failed, 1e12)
	s.Good += done
	if failed > 0 {
		s.Good = 0
	}
	if !(s.Sum > 0) || s.Good >= shareGood && was {
		s.Sum, s.Tried, s.Failed, s.From = 0, 0, 0, time.Time{}
	}
	if !was && !fails(s) {
		of := min(float64(s.Of), shareMost)
		n := float64(done + failed)
		s.Usual = round((s.Usual*of + float64(failed)) / (of + n))
		s.Of = int64(min(of+n, shareMost))
	}
	return s
}

// bound is the share that a thing may fail.
func bound(s keepwatch.Share) float64 {
	if s.Of < shareKnown {
		return shareUnknown
	}
	return min(max(2*s.Usual+shareLow, shareLow), shareHigh)
}

// fails is the exact binomial test against the bound.
func fails(s keepwatch.Share) bool {
	return s.Failed >= shareLeast && s.Sum > 0 && atLeast(s.Failed, s.Tried, bound(s)) <= shareChance
}

// atLeast is the probability of k or more of n at the share p.
func atLeast(k, n int64, p float64) float64 {
	switch {
	case k <= 0:
		return 1
	case k > n || p <= 0:
		return 0
	case float64(k) <= p*float64(n):
		return 1 // not exact, and far from any alarm
	}
	lg := func(x int64) float64 { v, _ := math.Lgamma(float64(x) + 1); return v }
	term := lg(n) - lg(k) - lg(n-k) + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p)
	// The terms fall at least as fast as a geometric series from here on.
	sum, t := 0.0, 1.0
	for i := k; t > 1e-15 && i <= n; i++ {
		sum += t
		t *= float64(n-i) / float64(i+1) * p / (1 - p)
		if i-k > 100_000 {
			break
		}
	}
	return min(math.Exp(term)*sum, 1)
}

// worstShare is the one that fails most, if one does.
func (j *judge) worstShare() (worst keepwatch.Share, failing bool) {
	for _, s := range j.mem.Shares {
		if fails(s) && (!failing || s.Failed > worst.Failed) {
			worst, failing = s, true
		}
	}
	return worst, failing
}

func failingEvidence(bad []keepwatch.ActivityReading, worst keepwatch.Share) string {
	text := fmt.Sprintf("%s of %s tries failed since %s; up to %.0f %% would be usual.", figure(float64(worst.Failed)), figure(float64(worst.Tried)), stamp(worst.From), 100*bound(worst))
	var names []string
	for _, a := range bad {
		if hash(a.Name) == worst.Name {
			text = fmt.Sprintf("The activity %s (%s) fails: %s", a.Name, a.Kind, text)
		} else {
			names = append(names, a.Name)
		}
	}
	if len(names) > 0 {
		text += " So do " + strings.Join(names[:min(len(names), 5)], ", ") + "."
	}
	return text
}
