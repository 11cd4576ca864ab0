package schedule

import (
	"fmt"
	"time"

	"keepwatch"
)

// cause says why a slot was missed.
type cause string

const (
	causeEnded cause = "the process ended before it was finished, and its next one was due before the process was back"
	causeBusy  cause = "the other tests of this tenant held all places until its next one was due"
)

// overdue reports that the check's next slot has come. A run that somebody asked
// for has no next one.
func overdue(s keepwatch.Slot, now time.Time) bool {
	return s.Reason != keepwatch.ReasonDemand && !s.Next.IsZero() && !now.Before(s.Next)
}

// missedRun is the observation for a slot that was claimed and never ran. It is a
// fault of the monitor: it says that nothing is known of that time.
func missedRun(s keepwatch.Slot, now time.Time, place keepwatch.Place, why cause) keepwatch.Observation {
	o := fault(s, now, place)
	o.Message = fmt.Sprintf("The test planned for %s was missed: %s.", s.At.UTC().Format("2006-01-02 15:04:05 UTC"), why)
	o.Hint = "Nothing is known of the credential for this time. The next test runs as planned."
	if why == causeBusy {
		o.Hint = "See why the tenant's tests take so long; if its answers are slow by nature, test less often."
	}
	o.Evidence = "missed slot"
	return o
}

func hung(s keepwatch.Slot, begun time.Time, place keepwatch.Place, timeout time.Duration) keepwatch.Observation {
	o := fault(s, begun, place)
	o.Took = timeout + hangGrace
	o.Message = fmt.Sprintf("The test did not end %s after its deadline of %s.", hangGrace, timeout)
	o.Hint = "This is a fault of Keepwatch. Please report it with the log of this time."
	o.Evidence = "run hangs"
	return o
}

func panicked(s keepwatch.Slot, begun time.Time, place keepwatch.Place, said string) keepwatch.Observation {
	o := fault(s, begun, place)
	o.Took = max(0, time.Since(begun))
	o.Message = "The test broke off because of a fault in Keepwatch."
	o.Hint = "This is a fault of Keepwatch. Please report it with the log of this time; it has the place in the code."
	o.Evidence = "panic: " + said
	return o
}

// fault has what every run's observation has.
func fault(s keepwatch.Slot, at time.Time, place keepwatch.Place) keepwatch.Observation {
	key := keepwatch.SlotKey(s.Check.ID, s.At)
	if s.Reason == keepwatch.ReasonDemand {
		key = keepwatch.DemandKey(s.Check.ID, s.At)
	}
	source := keepwatch.SourceTest
	if s.Check.Kind == keepwatch.CheckCanary {
		source = keepwatch.SourceMonitor // it is about nobody's tenant
	}
	return keepwatch.Observation{
		Key: key, Series: keepwatch.SeriesOf(s.Check.ID, ""), Check: s.Check.ID, Credential: s.Check.Credential, Tenant: s.Check.Tenant,
		Place: place, Source: source, Reason: s.Reason, Slot: s.At, At: at, Gap: s.Gap, ChangedAt: s.Check.ChangedAt,
		Outcome: keepwatch.MonitorFault, Connectivity: keepwatch.ConnectivityUnproven,
	}
}
