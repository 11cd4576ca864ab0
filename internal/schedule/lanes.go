package schedule

import (
	"slices"
	"sync"
	"time"

	"keepwatch"
)

// task is one slot on its way to a run. out has room for its result.
type task struct {
	slot keepwatch.Slot
	out  chan<- result
}

// lanes let tasks run beside each other: so many at once, so many for one tenant,
// and the tenants in turn, so that one whose answers are slow does not make the
// others wait. A goroutine exists only for what runs; what waits is a value.
type lanes struct {
	total, perTenant int
	start            func(task)
	expire           func(task)

	mu      sync.Mutex
	closed  bool
	running int
	byName  map[keepwatch.TenantID]*lane
	turns   []*lane // those with something waiting
	turn    int
}

type lane struct {
	tenant  keepwatch.TenantID
	running int
	waiting []task
}

func newLanes(total, perTenant int, start, expire func(task)) *lanes {
	return &lanes{total: total, perTenant: perTenant, start: start, expire: expire, byName: map[keepwatch.TenantID]*lane{}}
}

// submit runs the task when there is a place. It reports false when the lanes are
// closed and the task was not taken. Urgent tasks (a person waits) go first.
func (l *lanes) submit(t task, urgent bool, now time.Time) bool {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return false
	}
	tenant := t.slot.Check.Tenant
	n := l.byName[tenant]
	if n == nil {
		n = &lane{tenant: tenant}
		l.byName[tenant] = n
	}
	var late []task
	// Whatever holds the places, the queue must not outgrow the tenant's checks.
	for len(n.waiting) > 0 && overdue(n.waiting[0].slot, now) {
		late = append(late, n.waiting[0])
		n.waiting = n.waiting[1:]
	}
	if len(n.waiting) == 0 {
		l.turns = slices.DeleteFunc(l.turns, func(x *lane) bool { return x == n })
		l.turns = append(l.turns, n)
	}
	if urgent {
		n.waiting = slices.Insert(n.waiting, 0, t)
	} else {
		n.waiting = append(n.waiting, t)
	}
	l.pump()
	l.mu.Unlock()
	for _, t := range late {
		l.expire(t)
	}
	return true
}

// pump starts what may start, one of each tenant in turn.
func (l *lanes) pump() {
	for passed := 0; l.running < l.total && passed < len(l.turns); {
		if l.turn >= len(l.turns) {
			l.turn = 0
		}
		n := l.turns[l.turn]
		if n.running >= l.perTenant {
			passed++
			l.turn++
			continue
		}
		t := n.waiting[0]
		n.waiting[0] = task{}
		n.waiting = n.waiting[1:]
		if len(n.waiting) == 0 {
			n.waiting = nil
			l.turns = slices.Delete(l.turns, l.turn, l.turn+1)
		} else {
			l.turn++
		}
		passed = 0
		n.running++
		l.running++
		go func() {
			defer l.finish(n)
			l.start(t)
		}()
	}
}

func (l *lanes) finish(n *lane) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n.running--
	l.running--
	if n.running == 0 && len(n.waiting) == 0 {
		delete(l.byName, n.tenant)
	}
	if !l.closed {
		l.pump()
	}
}

// held counts the tasks that wait only because their tenant has all its places.
func (l *lanes) held() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, lane := range l.turns {
		if lane.running >= l.perTenant {
			n += len(lane.waiting)
		}
	}
	return n
}

func (l *lanes) count() (running, waiting int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, lane := range l.turns {
		waiting += len(lane.waiting)
	}
	return l.running, waiting
}

// close takes no more tasks and gives back those that did not start.
func (l *lanes) close() []task {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	var left []task
	for _, lane := range l.turns {
		left = append(left, lane.waiting...)
		lane.waiting = nil
	}
	l.turns = nil
	return left
}
