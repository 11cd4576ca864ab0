package detect

import (
	"time"

	"keepwatch"
)

// Objective is the share of token requests that are to be granted where nobody named
// another.
const Objective = 0.995

// Burning says how fast a holder uses up what its objective allows to fail.
type Burning struct {
	Rate     float64       // times the pace that the objective allows; 0: within it
	Window   time.Duration // over which
	Requests int
	Failed   int
	Critical bool
}

// burns are the windows of Google's SRE workbook: each needs its short window to burn
// too, so that an alarm ends soon after the cause.
var burns = []struct {
	long, short time.Duration
	rate        float64
	critical    bool
}{
	{time.Hour, 5 * time.Minute, 14.4, true},
	{6 * time.Hour, 30 * time.Minute, 6, true},
	{72 * time.Hour, 6 * time.Hour, 1, false},
}

const (
	// burnChance is how likely chance alone may make as many failures, were the share
	// just what the objective allows. The share of a few requests says little by itself.
	burnChance = 1e-7
	burnMany   = 100 // requests from which the short window's share says something, too
)

// unlikely reports whether chance alone does not explain the failures of a window: not
// of its requests, and not of its cycles, because what fails in one bad minute, tried
// again and again, is one failure and not ten.
func unlikely(long keepwatch.Span, allowed float64) bool {
	failed, requests := long.Failed-long.Excused, long.Requests-long.Excused
	return atLeast(int64(failed), int64(requests), allowed) <= burnChance &&
		atLeast(int64(long.Bad), int64(long.Cycles+long.GivenUp), allowed) <= burnChance
}

// Burn judges the success rate of token requests against an objective (0.995: five of
// a thousand may fail). Failures that something larger explains do not count. It says
// nothing of a holder that is within its objective, or that may be by chance.
func Burn(m *keepwatch.Lived, objective float64, now time.Time) (Burning, bool) {
	allowed := 1 - objective
	if allowed <= 0 || allowed >= 1 {
		return Burning{}, false
	}
	for _, b := range burns {
		long, short := Over(m, b.long, now), Over(m, b.short, now)
		failed, lately := long.Failed-long.Excused, short.Failed-short.Excused
		requests, shortly := long.Requests-long.Excused, short.Requests-short.Excused
		if requests <= 0 || failed <= 0 || lately <= 0 {
			continue
		}
		rate := float64(failed) / float64(requests) / allowed
		if rate < b.rate || requests >= burnMany && float64(lately)/float64(shortly)/allowed < b.rate {
			continue
		}
		if !unlikely(long, allowed) {
			continue
		}
		return Burning{Rate: rate, Window: b.long, Requests: requests, Failed: failed, Critical: b.critical}, true
	}
	return Burning{}, false
}

// Guideline is Salesforce's own: one token request in 20 minutes for each machine, as
// many an hour as this.
const Guideline = 3.0

// Hasty is how many token requests an hour are far above the guideline of one in 20
// minutes for each machine. A holder of three machines may reach it.
const Hasty = 10

// TokensPerHour is the pace of token requests over the last six hours, or since the
// holder was first seen, at least an hour.
func TokensPerHour(m *keepwatch.Lived, now time.Time) float64 {
	hours := min(max(now.Sub(m.FirstAt).Hours(), 1), 6)
	return float64(Over(m, 6*time.Hour, now).Requests) / hours
}
