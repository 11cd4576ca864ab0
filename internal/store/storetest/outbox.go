package storetest

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keepwatch"
)

// routed opens an incident and routes its notice to receivers.
func (f *fixture) routed(i int, receivers ...string) (keepwatch.Incident, keepwatch.Notice) {
	f.Helper()
	in := f.open(i, f.now)
	notices, err := f.Unrouted(f.Context(), 100)
	f.must(err)
	n := notices[len(notices)-1]
	for _, other := range notices {
		if other.Incident.ID == in.ID {
			n = other
		}
	}
	f.must(f.Route(f.Context(), n.ID, deliveriesTo(n, f.now, receivers...), f.now))
	return in, n
}

func deliveriesTo(n keepwatch.Notice, at time.Time, receivers ...string) (list []keepwatch.Delivery) {
	for _, r := range receivers {
		list = append(list, keepwatch.Delivery{ID: keepwatch.DeliveryIDOf(n.ID, r), Notice: n, Receiver: r, Status: keepwatch.DeliveryPending, NextAttemptAt: at, CreatedAt: at})
	}
	return list
}

var outboxTests = []test{
	{"a notice is routed once", func(t *testing.T, f *fixture) {
		in := f.open(1, f.now)
		notices, err := f.Unrouted(t.Context(), 10)
		f.must(err)
		if len(notices) != 1 || notices[0].Kind != keepwatch.Opened || cmp.Diff(in, notices[0].Incident) != "" {
			t.Fatalf("notices %+v", notices)
		}
		_, outbox := f.Woken()
		drain(outbox)
		n := notices[0]
		f.must(f.Route(t.Context(), n.ID, deliveriesTo(n, f.now, "ops", "crm"), f.now))
		select {
		case <-outbox:
		default:
			t.Error("nobody was woken")
		}
		f.must(f.Route(t.Context(), n.ID, deliveriesTo(n, f.now, "ops", "somebody else"), f.now))
		list, err := f.Deliveries(t.Context(), in.ID)
		f.must(err)
		if diff := cmp.Diff(deliveriesTo(n, f.now, "crm", "ops"), list); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if left, _ := f.Unrouted(t.Context(), 10); len(left) != 0 {
			t.Errorf("%d are unrouted still", len(left))
		}
		if err := f.Route(t.Context(), "nobody.1", nil, f.now); !errors.Is(err, keepwatch.ErrNotFound) {
			t.Errorf("a notice that is none: %v", err)
		}
	}},
	{"a notice that nobody is to hear of is routed too", func(t *testing.T, f *fixture) {
		f.routed(1)
		if left, _ := f.Unrouted(t.Context(), 10); len(left) != 0 {
			t.Errorf("%d are unrouted still", len(left))
		}
		if _, waiting, err := f.OldestUndelivered(t.Context()); waiting || err != nil {
			t.Errorf("%v, %v", waiting, err)
		}
	}},
	{"notices come in the order of their transitions, and no more than asked for", func(t *testing.T, f *fixture) {
		in := f.open(1, f.now)
		_, err := f.Acknowledge(t.Context(), in.ID, "ada", f.now)
		f.must(err)
		f.open(2, f.now.Add(-time.Minute))
		notices, err := f.Unrouted(t.Context(), 2)
		f.must(err)
		if len(notices) != 2 || notices[0].Incident.ID == in.ID || notices[1].Seq != 1 {
			t.Errorf("notices %+v", notices)
		}
	}},
	{"what stands at a receiver is the last message it took of each open incident", func(t *testing.T, f *fixture) {
		took := func(n keepwatch.Notice, receiver string, status keepwatch.DeliveryStatus) {
			f.must(f.Settle(t.Context(), keepwatch.Delivery{ID: keepwatch.DeliveryIDOf(n.ID, receiver), Status: status, SentAt: f.now}, f.now))
		}
		one, first := f.routed(1, "am", "ops")
		_, second := f.routed(2, "am")
		_, third := f.routed(3, "am")
		took(first, "am", keepwatch.DeliverySent)
		took(first, "ops", keepwatch.DeliverySent)
		took(second, "am", keepwatch.DeliveryDead)
		took(third, "am", keepwatch.DeliverySent)
		_, err := f.Acknowledge(t.Context(), one.ID, "ada", f.now)
		f.must(err)
		notices, err := f.Unrouted(t.Context(), 10)
		f.must(err)
		f.must(f.Route(t.Context(), notices[0].ID, deliveriesTo(notices[0], f.now, "am"), f.now))
		took(notices[0], "am", keepwatch.DeliverySent)
		list, err := f.Standing(t.Context(), "am")
		f.must(err)
		want := map[keepwatch.DeliveryID]bool{keepwatch.DeliveryIDOf(notices[0].ID, "am"): true, keepwatch.DeliveryIDOf(third.ID, "am"): true}
		if len(list) != 2 || !want[list[0].ID] || !want[list[1].ID] {
			t.Errorf("it lists %v", ids(list))
		}
	}},
	{"a claimed delivery is leased, and comes again when nobody settles it", func(t *testing.T, f *fixture) {
		f.routed(1, "ops", "crm")
		list, err := f.ClaimDeliveries(t.Context(), f.now, time.Minute, 10)
		f.must(err)
		if len(list) != 2 || list[0].Notice.Incident.Message == "" || !pending(list[0]) {
			t.Fatalf("claimed %+v", list)
		}
		if again, _ := f.ClaimDeliveries(t.Context(), f.now.Add(59*time.Second), time.Minute, 10); len(again) != 0 {
			t.Errorf("within the lease: %v", ids(again))
		}
		if next, ok, _ := f.NextDelivery(t.Context()); !ok || !next.Equal(f.now.Add(time.Minute)) {
			t.Errorf("next delivery %v", next)
		}
		if again, _ := f.ClaimDeliveries(t.Context(), f.now.Add(time.Minute), time.Minute, 1); len(again) != 1 {
			t.Errorf("after the lease: %v", ids(again))
		}
	}},
	{"many senders get each delivery once", func(t *testing.T, f *fixture) {
		for i := range 20 {
			f.now = f.now.Add(time.Second)
			f.routed(i, "a", "b", "c")
		}
		var mu sync.Mutex
		times := map[keepwatch.DeliveryID]int{}
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				for {
					list, err := f.ClaimDeliveries(t.Context(), f.now, time.Hour, 3)
					if err != nil {
						t.Error(err)
					}
					if len(list) == 0 {
						return
					}
					mu.Lock()
					for _, d := range list {
						times[d.ID]++
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		rest, err := f.ClaimDeliveries(t.Context(), f.now, time.Hour, 100)
		f.must(err)
		for _, d := range rest {
			times[d.ID]++
		}
		if len(times) != 60 {
			t.Errorf("%d deliveries of 60", len(times))
		}
		for id, n := range times {
			if n != 1 {
				t.Errorf("%s was claimed %d times", id, n)
			}
		}
	}},
	{"settling writes what happened, and the first message sent is when somebody was told", func(t *testing.T, f *fixture) {
		in, _ := f.routed(1, "crm", "ops")
		list, err := f.ClaimDeliveries(t.Context(), f.now, time.Minute, 10)
		f.must(err)
		failed, sent := list[0], list[1]
		failed.Attempts, failed.LastError, failed.NextAttemptAt = 1, "503", f.now.Add(5*time.Minute)
		f.must(f.Settle(t.Context(), failed, f.now.Add(time.Second)))
		if got, _ := f.Incident(t.Context(), in.ID); !got.NotifiedAt.IsZero() {
			t.Error("a failed attempt told somebody")
		}
		sent.Attempts, sent.Status, sent.Receipt, sent.SentAt = 1, keepwatch.DeliverySent, "id 7", f.now.Add(2*time.Second)
		f.must(f.Settle(t.Context(), sent, f.now.Add(2*time.Second)))
		got, err := f.Incident(t.Context(), in.ID)
		f.must(err)
		if !got.NotifiedAt.Equal(f.now.Add(2 * time.Second)) {
			t.Errorf("notified at %v", got.NotifiedAt)
		}
		again, err := f.ClaimDeliveries(t.Context(), f.now.Add(5*time.Minute), time.Minute, 10)
		f.must(err)
		if len(again) != 1 || again[0].ID != failed.ID || again[0].Attempts != 1 || again[0].LastError != "503" {
			t.Fatalf("due again: %+v", again)
		}
		failed.Status, failed.Attempts = keepwatch.DeliverySent, 2
		f.must(f.Settle(t.Context(), failed, f.now.Add(6*time.Minute)))
		if got, _ = f.Incident(t.Context(), in.ID); !got.NotifiedAt.Equal(f.now.Add(2 * time.Second)) {
			t.Errorf("the second message moved it to %v", got.NotifiedAt)
		}
		all, err := f.Deliveries(t.Context(), in.ID)
		f.must(err)
		if len(all) != 2 || all[1].Receipt != "id 7" || all[0].Status != keepwatch.DeliverySent || !all[0].SentAt.Equal(f.now.Add(6*time.Minute)) {
			t.Errorf("deliveries %+v", all)
		}
		if _, ok, _ := f.NextDelivery(t.Context()); ok {
			t.Error("something is still to be delivered")
		}
	}},
	{"what is settled for good stays so", func(t *testing.T, f *fixture) {
		in, _ := f.routed(1, "ops")
		list, err := f.ClaimDeliveries(t.Context(), f.now, time.Minute, 10)
		f.must(err)
		slow := list[0]
		d := list[0]
		d.Status, d.Receipt = keepwatch.DeliverySent, "first"
		f.must(f.Settle(t.Context(), d, f.now))
		slow.LastError, slow.NextAttemptAt = "timeout", f.now.Add(time.Minute)
		f.must(f.Settle(t.Context(), slow, f.now.Add(time.Second)))
		all, err := f.Deliveries(t.Context(), in.ID)
		f.must(err)
		if all[0].Status != keepwatch.DeliverySent || all[0].Receipt != "first" || all[0].LastError != "" {
			t.Errorf("delivery %+v", all[0])
		}
		if err := f.Settle(t.Context(), keepwatch.Delivery{ID: "nobody"}, f.now); !errors.Is(err, keepwatch.ErrNotFound) {
			t.Errorf("a delivery that is none: %v", err)
		}
	}},
	{"the oldest message that waits is known, routed or not", func(t *testing.T, f *fixture) {
		if _, ok, err := f.OldestUndelivered(t.Context()); ok || err != nil {
			t.Fatalf("%v, %v", ok, err)
		}
		start := f.now
		f.routed(1, "ops")
		f.now = f.now.Add(time.Minute)
		f.open(2, f.now)
		if at, ok, _ := f.OldestUndelivered(t.Context()); !ok || !at.Equal(start) {
			t.Errorf("oldest %v, %v", at, ok)
		}
		list, err := f.ClaimDeliveries(t.Context(), f.now, time.Minute, 10)
		f.must(err)
		list[0].Status = keepwatch.DeliveryDead
		f.must(f.Settle(t.Context(), list[0], f.now))
		if at, ok, _ := f.OldestUndelivered(t.Context()); !ok || !at.Equal(f.now) {
			t.Errorf("oldest %v, %v", at, ok)
		}
	}},
}
