package storetest

import (
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/store"
)

// gathered opens incidents and gathers their notices for one receiver.
func (f *fixture) gathered(into keepwatch.Bundle, from, to int) []keepwatch.Incident {
	f.Helper()
	var list []keepwatch.Incident
	for i := from; i < to; i++ {
		list = append(list, f.open(i, f.now))
	}
	notices, err := f.Unrouted(f.Context(), 1000)
	f.must(err)
	var plan []keepwatch.Routing
	for _, n := range notices {
		d := deliveriesTo(n, f.now, into.Receiver)[0]
		d.Rank = 10
		plan = append(plan, keepwatch.Routing{Notice: n.ID, Gathered: []keepwatch.Gathering{{Delivery: d, Into: into, Due: f.now, Rouse: true}}})
	}
	f.must(f.RouteAll(f.Context(), plan, f.now))
	f.must(f.RouteAll(f.Context(), plan, f.now)) // the first decision holds
	return list
}

var storm = keepwatch.Bundle{Kind: keepwatch.BundleStorm, Receiver: "ops", Key: "storm"}

var bundleTests = []test{
	{"members are told by one message, and their rows say how it went", func(t *testing.T, f *fixture) {
		list := f.gathered(storm, 1, 5)
		due, err := f.ClaimDeliveries(t.Context(), f.now, time.Minute, 10)
		f.must(err)
		if len(due) != 1 || due[0].Notice.Bundle == nil || due[0].Notice.Bundle.Receiver != "ops" || due[0].Notice.Seq != 1 {
			t.Fatalf("claimed %v", ids(due))
		}
		id := due[0].Notice.Incident.ID
		s, err := f.Take(t.Context(), id, 1, f.now)
		f.must(err)
		m, err := f.Members(t.Context(), id, 1, 0, false, 3)
		f.must(err)
		if s.Taken != 1 || s.Calm || m.Total != 4 || m.Open != 4 || m.New != 4 || m.Unacknowledged != 4 || len(m.Worst) != 3 || len(m.Causes) != 1 || m.Causes[0].Count != 4 {
			t.Errorf("state %+v, members %+v", s, m)
		}
		if told, _, err := f.Incidents(t.Context(), store.IncidentFilter{ToldIn: id}, store.Page{}); err != nil || len(told) != 4 {
			t.Errorf("the list of what it tells has %d, %v", len(told), err)
		}
		late := f.gathered(storm, 5, 6)
		if m, err = f.Members(t.Context(), id, 1, 0, false, 3); err != nil || m.Total != 4 {
			t.Errorf("a newcomer joined what was taken: %+v, %v", m, err)
		}
		d := due[0]
		d.Status, d.SentAt, d.NextAttemptAt = keepwatch.DeliverySent, f.now, f.now.Add(time.Minute)
		f.must(f.Settle(t.Context(), d, f.now))
		for _, in := range list {
			rows, err := f.Deliveries(t.Context(), in.ID)
			f.must(err)
			told, err := f.Incident(t.Context(), in.ID)
			f.must(err)
			if len(rows) != 1 || rows[0].Status != keepwatch.DeliverySent || !strings.Contains(rows[0].Receipt, string(d.ID)) || !told.NotifiedAt.Equal(f.now) {
				t.Errorf("rows %+v, notified %v", rows, told.NotifiedAt)
			}
		}
		rows, err := f.Deliveries(t.Context(), late[0].ID)
		f.must(err)
		if len(rows) != 1 || rows[0].Status != keepwatch.DeliveryGathered {
			t.Errorf("the newcomer's rows are %+v", rows)
		}
		sent, err := f.SentSince(t.Context(), "ops", f.now.Add(-time.Minute), 10)
		f.must(err)
		if len(sent) != 1 {
			t.Errorf("%d messages sent", len(sent))
		}
	}},
	{"what is about to be told to a receiver is counted", func(t *testing.T, f *fixture) {
		for i := range 3 {
			f.open(i, f.now)
		}
		notices, err := f.Unrouted(t.Context(), 10)
		f.must(err)
		for i, n := range notices {
			f.must(f.Route(t.Context(), n.ID, deliveriesTo(n, f.now.Add(time.Duration(10*i)*time.Second), "ops", "crm"), f.now))
		}
		waiting := func(receiver string, until time.Duration, limit int) int {
			n, err := f.Waiting(t.Context(), receiver, f.now.Add(until), limit)
			f.must(err)
			return n
		}
		if a, b, c, d := waiting("ops", 10*time.Second, 9), waiting("ops", time.Minute, 9), waiting("ops", time.Minute, 2), waiting("nobody", time.Minute, 9); a != 2 || b != 3 || c != 2 || d != 0 {
			t.Errorf("%d, %d, %d, %d wait", a, b, c, d)
		}
		_, err = f.ClaimDeliveries(t.Context(), f.now, time.Hour, 10)
		f.must(err)
		if n := waiting("ops", time.Minute, 9); n != 2 {
			t.Errorf("%d wait, and one of them is claimed", n)
		}
	}},
	{"a bundle that nobody joins is calm, and one that is over is closed", func(t *testing.T, f *fixture) {
		list := f.gathered(storm, 1, 3)
		s, found, err := f.OpenBundle(t.Context(), "ops", "storm")
		f.must(err)
		if !found {
			t.Fatal("no bundle")
		}
		_, err = f.Take(t.Context(), s.ID, 1, f.now)
		f.must(err)
		d := keepwatch.Delivery{ID: keepwatch.DeliveryIDOf(keepwatch.NoticeIDOf(s.ID, 1), "ops"), Status: keepwatch.DeliverySent, SentAt: f.now, NextAttemptAt: f.now.Add(time.Minute)}
		f.must(f.Settle(t.Context(), d, f.now)) // plans the second
		if s, err = f.Take(t.Context(), s.ID, 2, f.now.Add(time.Minute)); err != nil || !s.Calm || !s.ClosedAt.IsZero() {
			t.Errorf("%+v, %v", s, err)
		}
		for i, in := range list {
			f.resolve(in, f.now.Add(time.Duration(i+1)*time.Minute))
		}
		f.gathered(keepwatch.Bundle{Kind: keepwatch.BundleGroup, Receiver: "crm", Key: "k"}, 3, 4)
		if s, err = f.Take(t.Context(), s.ID, 3, f.now.Add(2*time.Minute)); err != nil || s.ClosedAt.IsZero() {
			t.Errorf("%+v, %v", s, err)
		}
		if _, found, err = f.OpenBundle(t.Context(), "ops", "storm"); found || err != nil {
			t.Errorf("it is open still: %v", err)
		}
	}},
	{"a member that is held back leaves, and a pending row joins", func(t *testing.T, f *fixture) {
		list := f.gathered(storm, 1, 2)
		s, _, err := f.OpenBundle(t.Context(), "ops", "storm")
		f.must(err)
		var members []keepwatch.Delivery
		f.must(f.EachMember(t.Context(), s.ID, 1, func(d keepwatch.Delivery) error { members = append(members, d); return nil }))
		if len(members) != 1 || members[0].Notice.Incident.ID != list[0].ID {
			t.Fatalf("members %v", ids(members))
		}
		later := members[0]
		later.ID, later.Status, later.Bundle, later.BundleSeq = later.ID+"~1", keepwatch.DeliveryPending, "", 0
		f.must(f.Release(t.Context(), members[0], later, "held back", f.now))
		rows, err := f.Deliveries(t.Context(), list[0].ID)
		f.must(err)
		if len(rows) != 2 || rows[0].Status != keepwatch.DeliveryCollapsed || rows[1].Status != keepwatch.DeliveryPending {
			t.Errorf("rows %+v", rows)
		}
		f.must(f.Gather(t.Context(), []keepwatch.Gathering{{Delivery: later, Into: storm, Due: f.now}}, f.now))
		if m, err := f.Members(t.Context(), s.ID, 1, 0, false, 3); err != nil || m.Total != 1 {
			t.Errorf("members %+v, %v", m, err)
		}
		f.must(f.CloseBundle(t.Context(), s.ID, 1, keepwatch.Bundle{Kind: keepwatch.BundleStorm, Receiver: "ops", Key: "other"}, f.now))
		other, _, err := f.OpenBundle(t.Context(), "ops", "other")
		f.must(err)
		if m, err := f.Members(t.Context(), other.ID, 1, 0, false, 3); err != nil || m.Total != 1 {
			t.Errorf("handed over: %+v, %v", m, err)
		}
	}},
}
