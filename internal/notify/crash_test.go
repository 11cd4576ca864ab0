package notify

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
)

// mortal is a node's way to the outbox. Once it is dead, nothing that the node
// still does is written: that is what kill -9 looks like from the rows.
type mortal struct {
	*memory
	dead atomic.Bool
}

func (m *mortal) Settle(ctx context.Context, d keepwatch.Delivery, now time.Time) error {
	if m.dead.Load() {
		return errBroken
	}
	return m.memory.Settle(ctx, d, now)
}

func (m *mortal) Route(ctx context.Context, n keepwatch.NoticeID, ds []keepwatch.Delivery, now time.Time) error {
	if m.dead.Load() {
		return errBroken
	}
	return m.memory.Route(ctx, n, ds, now)
}

func (m *mortal) RouteAll(ctx context.Context, list []keepwatch.Routing, now time.Time) error {
	if m.dead.Load() {
		return errBroken
	}
	return m.memory.RouteAll(ctx, list, now)
}

func (m *mortal) Gather(ctx context.Context, list []keepwatch.Gathering, now time.Time) error {
	if m.dead.Load() {
		return errBroken
	}
	return m.memory.Gather(ctx, list, now)
}

func (m *mortal) Take(ctx context.Context, id keepwatch.IncidentID, seq int, now time.Time) (keepwatch.BundleState, error) {
	if m.dead.Load() {
		return keepwatch.BundleState{}, errBroken
	}
	return m.memory.Take(ctx, id, seq, now)
}

func (m *mortal) Release(ctx context.Context, member, later keepwatch.Delivery, reason string, now time.Time) error {
	if m.dead.Load() {
		return errBroken
	}
	return m.memory.Release(ctx, member, later, reason, now)
}

func (m *mortal) Remind(ctx context.Context, d keepwatch.Delivery, now time.Time) error {
	if m.dead.Load() {
		return errBroken
	}
	return m.memory.Remind(ctx, d, now)
}

func (m *mortal) ClaimDeliveries(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]keepwatch.Delivery, error) {
	if m.dead.Load() {
		return nil, errBroken
	}
	return m.memory.ClaimDeliveries(ctx, now, lease, limit)
}

// Six hours in which receivers come and go, incidents open and end, and the node is
// killed every few minutes. Afterwards every receiver knows how everything stands.
func TestKilledAgainAndAgain(t *testing.T) {
	seeds := uint64(3)
	if os.Getenv("KEEPWATCH_CAMPAIGN") != "" {
		seeds = 40
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { killLoop(t, rand.New(rand.NewPCG(seed, 7))) })
		})
	}
}

func killLoop(t *testing.T, r *rand.Rand) {
	routes := Routes{{To: []string{"ops"}, Continue: true, RepeatEvery: 20 * time.Minute}, {To: []string{"slow"}, Wait: time.Minute}}
	b := &bench{t: t, box: newMemory(), in: map[string]*inbox{"ops": {}, "slow": {slow: 2 * time.Second}}}
	node := &mortal{memory: b.box}
	begin := func() {
		node = &mortal{memory: b.box}
		b.pipe = New(Options{Outbox: node, Woken: b.box.woken, Random: func() float64 { return 0.5 }}, b.setup(routes))
		b.pipe.Start()
	}
	begin()
	killed, kill := context.WithCancel(context.Background())
	kill() // Stop with it waits for nothing
	kills := 0
	var open []*tale
	tales := map[keepwatch.IncidentID]*tale{}
	for range 360 {
		switch {
		case r.IntN(3) == 0:
			s := newTale(fmt.Sprintf("inc-%03d", len(tales)), time.Now())
			tales[s.inc.ID], open = s, append(open, s)
			b.box.add(s.next(keepwatch.Opened, time.Now()))
		case len(open) > 0 && r.IntN(2) == 0:
			i := r.IntN(len(open))
			kind := []keepwatch.TransitionKind{keepwatch.Changed, keepwatch.Resolved, keepwatch.Acknowledged}[r.IntN(3)]
			b.box.add(open[i].next(kind, time.Now()))
			if kind == keepwatch.Resolved {
				open = append(open[:i], open[i+1:]...)
			}
		}
		for _, in := range b.in {
			if r.IntN(20) == 0 {
				in.set(func(Message) error { return Retryable(errors.New("down")) })
			} else if r.IntN(5) == 0 {
				in.set(nil)
			}
		}
		time.Sleep(time.Duration(r.Int64N(int64(time.Minute))))
		if r.IntN(8) == 0 {
			node.dead.Store(true)
			_ = b.pipe.Stop(killed)
			kills++
			begin()
		}
	}
	for _, in := range b.in {
		in.set(nil)
	}
	b.after(8 * time.Minute) // five of back-off, two of a lease, some to send
	for name := range b.in {
		checkStory(t, name, b.in[name].messages(), tales, b.box, kills)
	}
	b.stop()
}

// checkStory: eventual state, order, and duplicates under their keys only.
func checkStory(t *testing.T, receiver string, got []Message, tales map[keepwatch.IncidentID]*tale, box *memory, kills int) {
	t.Helper()
	last, seen, twice := map[keepwatch.IncidentID]Message{}, map[keepwatch.DeliveryID]bool{}, 0
	for _, m := range got {
		if seen[m.Key] {
			twice++
			continue
		}
		seen[m.Key] = true
		if before, ok := last[m.Incident]; ok && before.Status == Over {
			t.Errorf("%s: %s says %s after the end", receiver, m.Key, m.Kind)
		}
		last[m.Incident] = m
	}
	if twice > kills {
		t.Errorf("%s: %d repeats after %d kills", receiver, twice, kills)
	}
	for id, s := range tales {
		row := box.row(keepwatch.DeliveryIDOf(keepwatch.NoticeIDOf(id, s.seq), receiver))
		switch row.Status {
		case keepwatch.DeliverySent:
			if want := s.inc.Status == keepwatch.IncidentResolved; (last[id].Status == Over) != want {
				t.Errorf("%s: %s was told %q last, but it is %s", receiver, id, last[id].Status, s.inc.Status)
			}
		case keepwatch.DeliveryCollapsed:
			if _, told := last[id]; told {
				t.Errorf("%s: the last word on %s was swallowed: %s", receiver, id, row.LastError)
			}
		default:
			if row.CreatedAt.After(time.Now().Add(-5 * time.Minute)) {
				continue // its wait is not over
			}
			t.Errorf("%s: the last word on %s is %s: %s", receiver, id, row.Status, row.LastError)
		}
	}
}

// A queue so slow that leases end in it: every message once, by whichever node.
func TestLeaseEndsInTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, toOps, "ops")
		b.in["ops"].hang(20 * time.Second)
		other := b.another(toOps)
		other.Start()
		for i := range 60 {
			b.box.add(newTale(fmt.Sprintf("inc-%02d", i), time.Now()).next(keepwatch.Opened, time.Now()))
		}
		b.after(time.Hour)
		if err := other.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		seen := map[keepwatch.DeliveryID]int{}
		for _, m := range b.in["ops"].messages() {
			seen[m.Key]++
		}
		for key, n := range seen {
			if n != 1 {
				t.Errorf("%s was sent %d times", key, n)
			}
		}
		if len(seen) != 60 {
			t.Errorf("%d of 60 arrived", len(seen))
		}
	})
}

// Whoever gives way hands the turn on: the newer message, which another node had
// put off until the older one's lease would end, goes at once.
func TestTurnIsHandedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, toOps, "ops")
		s := newTale("inc", time.Now())
		first, second := delivery(s.next(keepwatch.Opened, time.Now())), delivery(s.next(keepwatch.Resolved, time.Now()))
		first.Status, first.NextAttemptAt = keepwatch.DeliveryPending, time.Now()
		second.Status, second.NextAttemptAt = keepwatch.DeliveryPending, time.Now().Add(2*time.Minute)
		b.box.mu.Lock()
		b.box.put(first)
		b.box.put(second)
		b.box.mu.Unlock()
		b.box.wake()
		b.after(time.Second)
		b.wantKinds("ops", keepwatch.Resolved)
	})
}
