package intake

import (
	"slices"
	"strconv"
	"time"

	"keepwatch"
)

const (
	maxCalls  = 64
	maxUses   = 8
	maxCount  = 1_000_000_000
	maxFailed = 64 // outcomes
)

// checkTraffic refuses a tally that does not add up, and cleans the rest. What comes
// without one is no traffic.
func checkTraffic(o *keepwatch.Observation, now time.Time) error {
	t := o.Traffic
	if t == nil {
		return nil
	}
	switch {
	case o.Source != keepwatch.SourceTraffic:
		return invalid("use the source traffic", "a tally comes from the source %s", quote(string(o.Source)))
	case o.Credential == "":
		return invalid("name the credential", "a tally names no credential")
	case o.Series != keepwatch.TrafficSeries(o.Credential, t.Holder):
		return invalid("name the series after credential and holder", "series %s is not the one of %s", quote(string(o.Series)), quote(t.Holder))
	case len(t.Calls) > maxCalls || len(t.Uses) > maxUses || len(t.Tokens.Failed) > maxFailed || len(t.Via) > 8:
		return invalid("add up less in one tally", "a tally has %d rows of calls and %d secrets", len(t.Calls), len(t.Uses))
	case t.From.After(t.To) || t.To.After(now.Add(MaxAhead)):
		return invalid("send a tally of what has happened", "a tally runs from %s to %s", stamp(t.From), stamp(t.To))
	}
	if err := checkRefreshes(&t.Tokens); err != nil {
		return err
	}
	tidy := *t
	tidy.Via, tidy.Calls, tidy.Uses = slices.Clone(t.Via), slices.Clone(t.Calls), slices.Clone(t.Uses)
	tidy.Scopes = scopes(t.Scopes)
	tidy.From, tidy.To = t.From.UTC().Truncate(time.Millisecond), t.To.UTC().Truncate(time.Millisecond)
	r := &tidy.Tokens
	r.LastOK, r.LastFailed = r.LastOK.UTC().Truncate(time.Millisecond), r.LastFailed.UTC().Truncate(time.Millisecond)
	for i := range tidy.Calls {
		c := &tidy.Calls[i]
		c.Family, c.Class = Text(c.Family, maxName), Text(c.Class, maxName)
		if c.Count < 0 || c.Count > maxCount || !c.Outcome.Known() {
			return invalid("count from 0 to "+strconv.Itoa(maxCount), "%d calls ended as %s", c.Count, quote(string(c.Outcome)))
		}
	}
	for i := range tidy.Uses {
		u := &tidy.Uses[i]
		u.Secret = keepwatch.Fingerprint(Text(string(u.Secret), maxName))
		u.At, u.Accept = u.At.UTC().Truncate(time.Millisecond), u.Accept.UTC().Truncate(time.Millisecond)
	}
	o.Traffic = &tidy
	return nil
}

func checkRefreshes(r *keepwatch.Refreshes) error {
	failed := 0
	for outcome, n := range r.Failed {
		if !outcome.Known() || outcome == keepwatch.OK || n < 0 || n > maxCount {
			return invalid("count failures by a name of docs/outcomes.md", "%d token requests failed as %s", n, quote(string(outcome)))
		}
		failed += n
	}
	for _, n := range []int{r.Requests, r.OK, r.Cycles, r.Attempts, r.Masked, r.GivenUp, r.Healed, r.Early} {
		if n < 0 || n > maxCount {
			return invalid("count from 0 to "+strconv.Itoa(maxCount), "a count of token requests is %d", n)
		}
	}
	switch {
	case r.OK+failed != r.Requests:
		return invalid("count every request once", "%d token requests are %d granted and %d failed", r.Requests, r.OK, failed)
	case r.Masked > r.Cycles || r.Attempts < r.Cycles || r.LastWhy != "" && !r.LastWhy.Known():
		return invalid("count a cycle from the first request to its token", "%d of %d cycles with %d requests needed more than one", r.Masked, r.Cycles, r.Attempts)
	}
	return nil
}
