package notify

import (
	"cmp"
	"container/heap"
	"context"
	"slices"
	"sync"
	"time"

	"keepwatch"
)

// ledger is an outbox in memory with the manners of the store: a lease is a due time in
// the future, and rows are kept by their ids. A forecast is made over one.
type ledger struct {
	mu        sync.Mutex
	unrouted  []keepwatch.Notice
	routed    map[keepwatch.NoticeID]bool
	rows      map[keepwatch.DeliveryID]keepwatch.Delivery
	of        map[keepwatch.IncidentID][]keepwatch.DeliveryID        // in the order of their making
	members   map[keepwatch.IncidentID]map[keepwatch.DeliveryID]bool // by bundle
	sent      map[string][]time.Time                                 // by receiver
	pending   agenda
	incidents map[keepwatch.IncidentID]keepwatch.Incident
	bundles   map[keepwatch.IncidentID]*keepwatch.BundleState
	open      map[[2]string]keepwatch.IncidentID // by receiver and key
	woken     chan struct{}
}

func newLedger() *ledger {
	return &ledger{
		routed: map[keepwatch.NoticeID]bool{}, rows: map[keepwatch.DeliveryID]keepwatch.Delivery{}, of: map[keepwatch.IncidentID][]keepwatch.DeliveryID{},
		members: map[keepwatch.IncidentID]map[keepwatch.DeliveryID]bool{}, sent: map[string][]time.Time{}, incidents: map[keepwatch.IncidentID]keepwatch.Incident{},
		bundles: map[keepwatch.IncidentID]*keepwatch.BundleState{}, open: map[[2]string]keepwatch.IncidentID{}, woken: make(chan struct{}, 1),
	}
}

// agenda is when pending rows are due. What has changed since is left in it and
// recognised when it is met.
type agenda []appointment

type appointment struct {
	at time.Time
	id keepwatch.DeliveryID
}

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return cmp.Or(a[i].at.Compare(a[j].at), cmp.Compare(a[i].id, a[j].id)) < 0
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(appointment)) } //nolint:forcetypeassert // heap.Push below is the only caller
func (a *agenda) Pop() any {
	last := len(*a) - 1
	out := (*a)[last]
	*a = (*a)[:last]
	return out
}

func (l *ledger) wake() {
	select {
	case l.woken <- struct{}{}:
	default:
	}
}

// add is what the store's Apply does with notices.
func (l *ledger) add(ns ...keepwatch.Notice) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range ns {
		l.unrouted = append(l.unrouted, n)
		l.incidents[n.Incident.ID] = n.Incident
	}
	l.wake()
}

// put writes a row as it is.
func (l *ledger) put(d keepwatch.Delivery) {
	was, known := l.rows[d.ID]
	if !known {
		id := d.Notice.Incident.ID
		l.of[id] = append(l.of[id], d.ID)
	}
	if was.Bundle != d.Bundle {
		delete(l.members[was.Bundle], d.ID)
	}
	if d.Bundle != "" {
		if l.members[d.Bundle] == nil {
			l.members[d.Bundle] = map[keepwatch.DeliveryID]bool{}
		}
		l.members[d.Bundle][d.ID] = true
	}
	if d.Status == keepwatch.DeliverySent && was.Status != d.Status {
		l.sent[d.Receiver] = append(l.sent[d.Receiver], d.SentAt)
	}
	if d.Status == keepwatch.DeliveryPending {
		heap.Push(&l.pending, appointment{d.NextAttemptAt, d.ID})
	}
	l.rows[d.ID] = d
}

// create writes a row, unless it is there.
func (l *ledger) create(d keepwatch.Delivery) {
	if _, ok := l.rows[d.ID]; !ok {
		l.put(d)
	}
}

// first is the row that is due first; false when none waits.
func (l *ledger) first() (keepwatch.Delivery, bool) {
	for len(l.pending) > 0 {
		if d := l.rows[l.pending[0].id]; d.Status == keepwatch.DeliveryPending && d.NextAttemptAt.Equal(l.pending[0].at) {
			return d, true
		}
		heap.Pop(&l.pending)
	}
	return keepwatch.Delivery{}, false
}

func (l *ledger) Unrouted(_ context.Context, limit int) ([]keepwatch.Notice, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.unrouted[:min(limit, len(l.unrouted))]), nil
}

func (l *ledger) Route(ctx context.Context, n keepwatch.NoticeID, ds []keepwatch.Delivery, now time.Time) error {
	return l.RouteAll(ctx, []keepwatch.Routing{{Notice: n, Deliveries: ds}}, now)
}

func (l *ledger) RouteAll(_ context.Context, list []keepwatch.Routing, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range list {
		if l.routed[r.Notice] {
			continue // the first decision holds
		}
		l.routed[r.Notice] = true
		for _, d := range r.Deliveries {
			l.create(d)
		}
		for _, g := range r.Gathered {
			l.gatherInto(g, now)
		}
	}
	l.unrouted = slices.DeleteFunc(l.unrouted, func(n keepwatch.Notice) bool { return l.routed[n.ID] })
	l.wake()
	return nil
}

func (l *ledger) Remind(_ context.Context, d keepwatch.Delivery, _ time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.create(d)
	return nil
}

func (l *ledger) ClaimDeliveries(_ context.Context, now time.Time, lease time.Duration, limit int) ([]keepwatch.Delivery, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []keepwatch.Delivery
	for len(out) < limit {
		d, ok := l.first()
		if !ok || d.NextAttemptAt.After(now) {
			break
		}
		d.NextAttemptAt = now.Add(lease)
		l.put(d)
		out = append(out, d)
	}
	return out, nil
}

func (l *ledger) Settle(_ context.Context, d keepwatch.Delivery, _ time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rows[d.ID].Status != keepwatch.DeliveryPending {
		return nil // settled for good stays so
	}
	l.put(d)
	b := l.bundles[d.Notice.Incident.ID]
	if b != nil && d.Status == keepwatch.DeliverySent && d.NextAttemptAt.After(d.SentAt) && b.Seq == b.Taken && b.ClosedAt.IsZero() {
		l.planMessage(b, d.NextAttemptAt, d.SentAt)
		l.wake()
	}
	return nil
}

func (l *ledger) NextDelivery(context.Context) (time.Time, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	d, ok := l.first()
	return d.NextAttemptAt, ok, nil
}

func (l *ledger) Waiting(_ context.Context, receiver string, until time.Time, limit int) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, met := 0, map[keepwatch.DeliveryID]bool{}
	for _, a := range l.pending {
		d := l.rows[a.id]
		if d.Receiver == receiver && d.Status == keepwatch.DeliveryPending && d.NextAttemptAt.Equal(a.at) && !a.at.After(until) && !met[a.id] {
			met[a.id] = true
			n++
		}
	}
	return min(n, limit), nil
}

func (l *ledger) Deliveries(_ context.Context, id keepwatch.IncidentID) ([]keepwatch.Delivery, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []keepwatch.Delivery
	for _, row := range l.of[id] {
		out = append(out, l.overlay(l.rows[row]))
	}
	slices.SortFunc(out, func(a, b keepwatch.Delivery) int { return cmp.Compare(a.ID, b.ID) })
	return out, nil
}

func (l *ledger) Incident(_ context.Context, id keepwatch.IncidentID) (keepwatch.Incident, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	inc, ok := l.incidents[id]
	if !ok {
		return inc, keepwatch.ErrNotFound
	}
	return inc, nil
}

// SentSince lists when a receiver took messages, the newest first.
func (l *ledger) SentSince(_ context.Context, receiver string, since time.Time, limit int) ([]time.Time, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []time.Time
	list := l.sent[receiver]
	for i := len(list) - 1; i >= 0 && len(out) < limit && list[i].After(since); i-- {
		out = append(out, list[i])
	}
	return out, nil
}
