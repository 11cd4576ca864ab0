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
	room    int // places it has by now, at most perTenant
	widen   *time.Timer
	waiting []task
}

const (
	firstRoom  = 8 // places of a lane at first
	widenAfter = 20 * time.Millisecond
)

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
		n = &lane{tenant: tenant, room: min(firstRoom, l.perTenant)}
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
	for {
		n, t, ok := l.pick()
		if !ok {
			return
		}
		go l.run(n, t)
	}
}

// pick takes the next task that has a place, and the place with it.
func (l *lanes) pick() (*lane, task, bool) {
	for passed := 0; l.running < l.total && passed < len(l.turns); passed++ {
		if l.turn >= len(l.turns) {
			l.turn = 0
		}
		n := l.turns[l.turn]
		if n.running >= n.room {
			l.widenSoon(n)
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
		n.running++
		l.running++
		return n, t, true
	}
	return nil, task{}, false
}

// run runs a task, and then whatever may start in its place: a goroutine that goes
// on has its stack and its processor already, which a new one would have to get.
func (l *lanes) run(n *lane, t task) {
	for ok := true; ok; {
		l.start(t)
		l.mu.Lock()
		l.free(n)
		ok = false
		if !l.closed {
			n, t, ok = l.pick()
			l.pump()
		}
		l.mu.Unlock()
	}
}

func (l *lanes) free(n *lane) {
	n.running--
	l.running--
	if n.running > 0 || len(n.waiting) > 0 {
		return
	}
	if n.widen != nil {
		n.widen.Stop()
	}
	delete(l.byName, n.tenant)
}

// widenSoon gives a lane that has no place left more of them in a moment, up to
// the tenant's limit. Quick answers never need them: a few at a time then do the
// same work for a fifth less CPU than all at once.
func (l *lanes) widenSoon(n *lane) {
	if n.widen != nil || n.room >= l.perTenant {
		return
	}
	n.widen = time.AfterFunc(widenAfter, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		n.widen = nil
		if n.room = min(2*n.room, l.perTenant); !l.closed {
			l.pump()
		}
	})
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
