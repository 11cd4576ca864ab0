package schedule

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
)

// Two tenants share one place: they take turns, however much one of them queues.
func TestTenantsTakeTurns(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var order []keepwatch.TenantID
		l := newLanes(1, 1, func(x task) { order = append(order, x.slot.Check.Tenant); time.Sleep(time.Second) }, func(task) {})
		submit := func(tenant keepwatch.TenantID, urgent bool) {
			l.submit(task{slot: keepwatch.Slot{Check: keepwatch.Check{Tenant: tenant}}}, urgent, time.Now())
		}
		for range 6 {
			submit("a", false)
		}
		for range 3 {
			submit("b", false)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := fmt.Sprint(order); got != "[a a b a b a b a a]" && got != "[a b a b a b a a a]" {
			t.Errorf("order %s", got)
		}
		if len(l.byName) != 0 || l.running != 0 {
			t.Errorf("%d lanes and %d runs are left", len(l.byName), l.running)
		}
	})
}

// Runs that never return hold their places; what queues behind them is given up
// when it is overdue, so the queue is bounded whatever happens.
func TestTheQueueBehindHangingRunsIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release, expired := make(chan struct{}), 0
		l := newLanes(10, 2, func(task) { <-release }, func(task) { expired++ })
		for range 1000 {
			now := time.Now()
			for range 5 {
				l.submit(task{slot: keepwatch.Slot{At: now, Next: now.Add(10 * time.Second)}}, false, now)
			}
			time.Sleep(10 * time.Second)
		}
		if _, waiting := l.count(); waiting > 10 {
			t.Errorf("%d wait", waiting)
		}
		if expired < 4900 {
			t.Errorf("%d expired of 5000", expired)
		}
		l.close()
		close(release)
		synctest.Wait()
	})
}
