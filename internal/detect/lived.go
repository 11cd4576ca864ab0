package detect

import (
	"slices"
	"time"

	"keepwatch"
)

// The three grains in which traffic is remembered. Together they answer for 5 and 30
// minutes, 1 and 6 hours, 1 and 3 days, in a document of some kilobytes.
const (
	fineSpan, middleSpan, coarseSpan = 5 * time.Minute, 30 * time.Minute, 6 * time.Hour
	spansKept                        = 12
	usesKept                         = 8
	deniedKept                       = 4
	countMost                        = 1e9 // a sum beyond it says no more
)

// Windows are the spans that a holder's traffic is shown and judged over.
var Windows = []time.Duration{5 * time.Minute, 30 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour, 72 * time.Hour}

// Live adds a tally to what is remembered of a holder's traffic. The memory that it is
// given stays as it is. evidence is what SFMC said of the newest refusal; excused says
// that something larger than the holder explains its failures since then (zero:
// nothing does).
func Live(was *keepwatch.Lived, t *keepwatch.Tally, evidence string, excused, now time.Time) keepwatch.Lived {
	m := keepwatch.Lived{}
	if was != nil {
		m = *was
	}
	m.Holder = t.Holder
	if m.FirstAt.IsZero() {
		m.FirstAt = t.From
	}
	m.LastAt = laterOf(m.LastAt, t.To)
	if len(t.Via) > 0 {
		m.Via = slices.Clone(t.Via)
	}
	m.Lost = min(m.Lost+t.Lost, countMost)
	got := spanOf(t)
	at := t.To
	if at.After(now) || now.Sub(at) > 72*time.Hour {
		at = now
	}
	m.Fine = grow(m.Fine, got, at, fineSpan)
	m.Middle = grow(m.Middle, got, at, middleSpan)
	m.Coarse = grow(m.Coarse, got, at, coarseSpan)
	if !excused.IsZero() {
		excuse(m.Fine, excused, fineSpan)
		excuse(m.Middle, excused, middleSpan)
		excuse(m.Coarse, excused, coarseSpan)
	}
	followTokens(&m, &t.Tokens, evidence)
	m.Denied = deny(m.Denied, t)
	m.Uses = use(m.Uses, t.Uses)
	if len(t.Scopes) > 0 {
		m.Scopes = slices.Clone(t.Scopes)
	}
	if excused.IsZero() {
		m.Masking = Mask(m.Masking, &t.Tokens, t.To)
	}
	return m
}

// spanOf sums a tally up.
func spanOf(t *keepwatch.Tally) keepwatch.Span {
	r := &t.Tokens
	s := keepwatch.Span{
		Requests: r.Requests, Failed: max(r.Requests-r.OK, 0), Cycles: r.Cycles, Attempts: r.Attempts,
		Masked: r.Masked, GivenUp: r.GivenUp, Bad: r.Masked + r.GivenUp, Healed: r.Healed,
	}
	for i := range t.Calls {
		s.Calls += t.Calls[i].Count
		if t.Calls[i].Outcome != keepwatch.OK {
			s.CallsBad += t.Calls[i].Count
		}
	}
	return s
}

func add(a, b keepwatch.Span) keepwatch.Span {
	least := func(x int) int { return min(max(x, 0), countMost) }
	sum := func(x, y int) int { return min(least(x)+least(y), countMost) }
	a.Requests, a.Failed, a.Excused = sum(a.Requests, b.Requests), sum(a.Failed, b.Failed), sum(a.Excused, b.Excused)
	a.Cycles, a.Attempts, a.Masked = sum(a.Cycles, b.Cycles), sum(a.Attempts, b.Attempts), sum(a.Masked, b.Masked)
	a.Bad, a.GivenUp, a.Healed = sum(a.Bad, b.Bad), sum(a.GivenUp, b.GivenUp), sum(a.Healed, b.Healed)
	a.Calls, a.CallsBad = sum(a.Calls, b.Calls), sum(a.CallsBad, b.CallsBad)
	return a
}

// grow adds to the span that holds at, and drops what is too old. Spans stand in the
// order of time.
func grow(spans []keepwatch.Span, got keepwatch.Span, at time.Time, width time.Duration) []keepwatch.Span {
	got.Start = at.Truncate(width).Unix() / 60
	oldest := at.Truncate(width).Add(-spansKept*width).Unix() / 60
	out := make([]keepwatch.Span, 0, len(spans)+1)
	for _, s := range spans {
		if s.Start >= oldest {
			out = append(out, s)
		}
	}
	i, found := slices.BinarySearchFunc(out, got.Start, func(s keepwatch.Span, start int64) int { return int(s.Start - start) })
	if found {
		out[i] = add(out[i], got)
		return out
	}
	out = slices.Insert(out, i, got)
	if over := len(out) - spansKept - 1; over > 0 {
		out = out[over:]
	}
	return out
}

// excuse marks the failures of the spans that reach beyond since.
func excuse(spans []keepwatch.Span, since time.Time, width time.Duration) {
	for i := range spans {
		if time.Unix(spans[i].Start*60, 0).Add(width).After(since) {
			spans[i].Excused, spans[i].Bad = spans[i].Failed, 0
		}
	}
}

// Over sums up the newest window. It reaches back to the begin of a span, so it may
// hold up to one twelfth more than it says.
func Over(m *keepwatch.Lived, window time.Duration, now time.Time) keepwatch.Span {
	spans, width := m.Coarse, coarseSpan
	switch {
	case window <= time.Hour:
		spans, width = m.Fine, fineSpan
	case window <= 6*time.Hour:
		spans, width = m.Middle, middleSpan
	}
	from := now.Add(-window).Truncate(width).Unix() / 60
	out := keepwatch.Span{Start: from}
	for _, s := range spans {
		if s.Start >= from {
			start := out.Start
			out = add(out, s)
			out.Start = start
		}
	}
	return out
}

// followTokens keeps the newest of each kind, and the row of failures since the newest
// success.
func followTokens(m *keepwatch.Lived, r *keepwatch.Refreshes, evidence string) {
	m.LastOK = laterOf(m.LastOK, r.LastOK)
	failed := r.Requests - r.OK
	if failed > 0 && !r.LastFailed.Before(m.LastFailed) {
		m.LastFailed, m.LastWhy = r.LastFailed, r.LastWhy
		if evidence != "" {
			m.Evidence = evidence
		}
	}
	if !m.LastFailed.After(m.LastOK) {
		m.Refused = nil
		return
	}
	if failed <= 0 {
		return
	}
	d := keepwatch.Denied{Since: r.LastFailed}
	if m.Refused != nil && m.Refused.Since.After(m.LastOK) {
		d = *m.Refused
	}
	d.Outcome, d.Last = m.LastWhy, m.LastFailed
	if r.OK > 0 { // how many of them came after the success is not known: one did
		d.Count, d.Since = 0, r.LastFailed
		failed = 1
	}
	d.Count = min(d.Count+failed, countMost)
	m.Refused = &d
}

// deny follows the API calls that are refused for a right that the holder has not got, by
// family, until one of that family goes through.
func deny(was []keepwatch.Denied, t *keepwatch.Tally) []keepwatch.Denied {
	out := slices.Clone(was)
	for i := range t.Calls {
		c := &t.Calls[i]
		k := slices.IndexFunc(out, func(d keepwatch.Denied) bool { return d.Kind == c.Kind && d.Family == c.Family })
		switch {
		case c.Outcome == keepwatch.OK && k >= 0:
			out = slices.Delete(out, k, k+1)
		case c.Outcome.Info().Category != keepwatch.CategoryPermission || passed(t, c):
		case k >= 0:
			out[k].Outcome, out[k].Last = c.Outcome, laterOf(out[k].Last, t.To)
			out[k].Count = min(out[k].Count+c.Count, countMost)
		case len(out) < deniedKept:
			out = append(out, keepwatch.Denied{Outcome: c.Outcome, Kind: c.Kind, Family: c.Family, Since: t.From, Last: t.To, Count: c.Count})
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// passed reports whether a call of the same family went through in the same tally.
func passed(t *keepwatch.Tally, like *keepwatch.CallCount) bool {
	return slices.ContainsFunc(t.Calls, func(c keepwatch.CallCount) bool {
		return c.Kind == like.Kind && c.Family == like.Family && c.Outcome == keepwatch.OK
	})
}

// use keeps the newest secrets that a holder showed, the newest first.
func use(was, now []keepwatch.SecretUse) []keepwatch.SecretUse {
	if len(now) == 0 {
		return was
	}
	out := slices.Clone(was)
	for _, u := range now {
		k := slices.IndexFunc(out, func(o keepwatch.SecretUse) bool { return o.Secret == u.Secret })
		if k < 0 {
			out = append(out, u)
			continue
		}
		old := out[k]
		u.Count, u.Accept = min(u.Count+old.Count, countMost), laterOf(u.Accept, old.Accept)
		if old.At.After(u.At) {
			u.At, u.OK = old.At, old.OK
		}
		out[k] = u
	}
	slices.SortStableFunc(out, func(a, b keepwatch.SecretUse) int { return b.At.Compare(a.At) })
	return out[:min(len(out), usesKept)]
}
