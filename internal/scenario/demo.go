package scenario

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"keepwatch"
)

// The instants of the demo's story, after its start.
const (
	demoSecretEnds = 12 * time.Second
	demoRotated    = 5 * time.Minute // what stops with it takes a few minutes to be sure of
	// DemoCycle is after how long the demo's story begins again, with what repeats.
	DemoCycle = 8 * time.Minute
)

// DemoDies is the credential whose secret ends while one looks.
const DemoDies keepwatch.CredentialID = "crm-sync"

// DemoStory is what happens in the demo: a secret ends by itself, what hangs on it
// stops, and it is rotated; a tenant is throttled, another has an outage, a scope goes
// missing for a while.
func DemoStory() []Event {
	return []Event{
		// First runs are spread over a minute; whoever looks should not wait for one.
		{At: 14 * time.Second, Do: CheckNow, Credential: DemoDies},
		{At: 45 * time.Second, Do: Inject, Tenant: "apac", Fault: "token_rate_limited"},
		{At: 65 * time.Second, Do: Clear},
		{At: 70 * time.Second, Do: Inject, Tenant: "americas", Fault: "token_unavailable"},
		{At: 100 * time.Second, Do: Clear},
		{At: 115 * time.Second, Do: Inject, Credential: "br-loyalty", Fault: "scope_missing", Variant: "403"},
		{At: 200 * time.Second, Do: Inject, Credential: "au-carts", Fault: "bad_secret"},
		{At: 260 * time.Second, Do: Clear},
		{At: demoRotated, Do: Rotate, Credential: DemoDies},
	}
}

// DemoEstate is the estate as it stands when the demo begins at now.
func DemoEstate(now time.Time) Estate {
	e := Demo(now)
	e.Begin(now)
	for i := range e.Credentials {
		c := &e.Credentials[i]
		if c.SecretRef == "" {
			continue
		}
		c.ClientID = "demo" + keepwatch.Digest("demo", string(c.ID))[:16] + "0000"
	}
	return e
}

// Begin lets the story begin at now: the secret of DemoDies ends a little later, to
// the second.
func (e Estate) Begin(now time.Time) {
	for i := range e.Credentials {
		if c := &e.Credentials[i]; c.ID == DemoDies {
			c.SecretGenerated = keepwatch.Exactly(now.Add(demoSecretEnds - keepwatch.ClientSecretLife).Truncate(time.Second))
			c.Deadline = keepwatch.SecretDeadline(c.SecretGenerated)
		}
	}
}

// demoPast is what went wrong in the 30 days before, so that history has a shape.
var demoPast = []struct {
	credential keepwatch.CredentialID
	tenant     keepwatch.TenantID
	outcome    keepwatch.Outcome
	ago, lasts time.Duration
}{
	{credential: "us-leads", outcome: keepwatch.BadSecretOrPackage, ago: 21*day + 3*hour, lasts: 170 * min},
	{tenant: "americas", outcome: keepwatch.PlatformError, ago: 12*day + 9*hour, lasts: 35 * min},
	{tenant: "apac", outcome: keepwatch.RateLimited, ago: 6*day + 5*hour, lasts: 50 * min},
	{credential: "br-loyalty", outcome: keepwatch.ScopeMissing, ago: 40 * hour, lasts: 5 * hour},
	{credential: "jp-stores", outcome: keepwatch.Timeout, ago: 27 * hour, lasts: 20 * min},
}

// HistoryDays is how far back the demo's history reaches.
const HistoryDays = 30

// History is what tests would have seen in the days before now, oldest first. next
// is the schedule: the due time of a credential after an instant.
func (e Estate) History(now time.Time, next func(keepwatch.CredentialID, time.Time) time.Time) []keepwatch.Observation {
	var all []keepwatch.Observation
	for _, known := range e.Credentials {
		if known.SecretRef == "" {
			continue // nothing was ever asked with it
		}
		c := pastCredential{known}
		at := next(c.ID, now.Add(-HistoryDays*day))
		for at.Before(now) {
			following := next(c.ID, at)
			all = append(all, c.past(at, following.Sub(at), now, keepwatch.ReasonScheduled))
			if last := &all[len(all)-1]; last.Outcome != keepwatch.OK {
				all = append(all, c.confirmed(at, following, now)...)
			}
			at = following
		}
	}
	slices.SortStableFunc(all, func(a, b keepwatch.Observation) int { return cmp.Compare(a.Slot.UnixNano(), b.Slot.UnixNano()) })
	return all
}

// pastCredential tells what a credential went through.
type pastCredential struct{ keepwatch.Credential }

// past is one run of long ago.
func (c pastCredential) past(at time.Time, gap time.Duration, now time.Time, why keepwatch.Reason) keepwatch.Observation {
	check := keepwatch.CheckID(c.ID)
	took := 140*time.Millisecond + time.Duration(keepwatch.PhaseOf(c.Tenant, keepwatch.CheckID(fmt.Sprint(check, at.Unix())))%90)*time.Millisecond
	o := keepwatch.Observation{
		Key: keepwatch.SlotKey(check, at), Series: keepwatch.SeriesOf(check, ""), Check: check, Credential: c.ID, Tenant: c.Tenant,
		Place: keepwatch.Local, Source: keepwatch.SourceTest, Reason: why, Slot: at, At: at, Took: took, Gap: gap,
		Outcome: c.outcomeAt(at, now), Connectivity: keepwatch.ConnectivityProven,
	}
	good := keepwatch.Step{Name: "token", Outcome: keepwatch.OK, HTTPStatus: 200, Took: took / 2}
	switch {
	case o.Outcome == keepwatch.OK:
		o.Message = "A fresh token was granted, and every test passed."
		o.Steps = []keepwatch.Step{good, {Name: "identity", Outcome: keepwatch.OK, HTTPStatus: 200, Took: took / 2}}
	case o.Outcome == keepwatch.ScopeMissing:
		o.Step, o.Steps = c.Tests[len(c.Tests)-1], []keepwatch.Step{good}
	default:
		o.Step, o.Steps = "token", []keepwatch.Step{{Name: "token", Outcome: o.Outcome, Took: took}}
	}
	if o.Outcome != keepwatch.OK {
		meaning := o.Outcome.Info().Meaning
		o.Message = strings.ToUpper(meaning[:1]) + meaning[1:] + "."
		o.Hint = "This is the demo's history: it was mended in the meantime."
	}
	return o
}

func (c pastCredential) outcomeAt(at, now time.Time) keepwatch.Outcome {
	for _, p := range demoPast {
		begin := now.Add(-p.ago)
		if (p.credential == c.ID || p.tenant == c.Tenant) && !at.Before(begin) && at.Before(begin.Add(p.lasts)) {
			return p.outcome
		}
	}
	return keepwatch.OK
}

// confirmed are the runs that confirm a failure, as detection would plan them.
func (c pastCredential) confirmed(at, following, now time.Time) []keepwatch.Observation {
	var runs []keepwatch.Observation
	for _, after := range []time.Duration{30 * time.Second, min, 2 * min} {
		if then := at.Add(after); then.Before(following) && then.Before(now) {
			runs = append(runs, c.past(then, following.Sub(then), now, keepwatch.ReasonConfirm))
		}
	}
	return runs
}
