package schedule

import (
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/calendar"
)

// Budget counts what tests ask of SFMC.
type Budget struct {
	TokenRequests int
	APICalls      int // token requests not among them
}

// Plus adds budgets: of credentials to a tenant's, of tenants to all.
func (b Budget) Plus(o Budget) Budget {
	return Budget{b.TokenRequests + o.TokenRequests, b.APICalls + o.APICalls}
}

// Times is the budget of n runs.
func (b Budget) Times(n int) Budget { return Budget{b.TokenRequests * n, b.APICalls * n} }

// Spending is a budget over time. Only the runs of the schedule count: how often a
// failure is confirmed or looked at again, nobody knows beforehand.
type Spending struct {
	PerDay  Budget // the dearest of the next seven days
	PerYear Budget // the next 365 days
}

// Plus adds spendings; the sum's day is at most that dear.
func (s Spending) Plus(o Spending) Spending {
	return Spending{s.PerDay.Plus(o.PerDay), s.PerYear.Plus(o.PerYear)}
}

// StepsOf is what one run of a credential's test asks of SFMC: one token, unless
// it signs in by SOAP itself, and a call for each test that SFMC answers.
func StepsOf(c keepwatch.Credential) Budget {
	var b Budget
	if c.Kind != keepwatch.APIUser {
		b.TokenRequests = 1
	}
	for _, test := range c.Tests {
		if !strings.HasPrefix(test, "https:") {
			b.APICalls++
		}
	}
	if len(c.Tests) == 0 {
		b.APICalls = 1 // the identity
	}
	return b
}

// BudgetOf is what a cadence spends from now on, at run for each due time.
func BudgetOf(c calendar.Cadence, run Budget, now time.Time) Spending {
	const day = 24 * time.Hour
	most := 0
	for d := range 7 {
		from := now.Add(time.Duration(d) * day)
		most = max(most, c.Count(from, from.Add(day), 0))
	}
	return Spending{PerDay: run.Times(most), PerYear: run.Times(c.Count(now, now.Add(365*day), 0))}
}

// DetectOptions are what the time to detect depends on besides the cadence. Zero
// fields mean the product's own figures.
type DetectOptions struct {
	// HardConfirm is the time until a refusal is confirmed: keepwatch.HardConfirmWithin.
	HardConfirm time.Duration
	// SoftConfirm is the time that a burst of soft failures takes at most: 3m.
	SoftConfirm time.Duration
	FailAfter   int           // scheduled runs of a soft failure: 1
	Wait        time.Duration // of the route, before a message leaves: none
}

// Detection is the worst case from the start of a failure to its message.
type Detection struct {
	Business time.Duration // for a failure that begins and is met in business hours
	Off      time.Duration // outside
}

// WorstDetect is the worst-case time to detect a failure of one class: the whole
// interval, the confirmation, the wait. It reports false for a class that opens no
// incident.
func WorstDetect(c calendar.Cadence, class keepwatch.Confirmation, o DetectOptions) (Detection, bool) {
	business, ok := detectWithin(c.Business, class, o)
	off := business
	if c.Calendar != nil {
		off, _ = detectWithin(c.Off, class, o)
	}
	return Detection{Business: business, Off: off}, ok
}

func detectWithin(interval time.Duration, class keepwatch.Confirmation, o DetectOptions) (time.Duration, bool) {
	if o.HardConfirm <= 0 {
		o.HardConfirm = keepwatch.HardConfirmWithin
	}
	if o.SoftConfirm <= 0 {
		o.SoftConfirm = keepwatch.SoftConfirmOver + time.Minute
	}
	interval = max(interval, time.Second)
	switch class {
	case keepwatch.ConfirmAtOnce:
		return interval + o.Wait, true
	case keepwatch.ConfirmTwice:
		return interval + min(o.HardConfirm, interval) + o.Wait, true
	case keepwatch.ConfirmBurst:
		return interval + o.SoftConfirm + o.Wait, true
	case keepwatch.ConfirmRuns:
		return time.Duration(max(1, o.FailAfter))*interval + o.SoftConfirm + o.Wait, true
	}
	return 0, false
}
