package notify

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"keepwatch"
)

// The bundles of the outbox in memory, with the manners of the store.

func (m *memory) RouteAll(_ context.Context, list []keepwatch.Routing, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.broken {
		return errBroken
	}
	for _, r := range list {
		if m.routed[r.Notice] {
			continue
		}
		m.routed[r.Notice] = true
		for _, d := range r.Deliveries {
			if _, ok := m.rows[d.ID]; !ok {
				m.rows[d.ID] = d
			}
		}
		for _, g := range r.Gathered {
			m.gatherInto(g, now)
		}
	}
	m.wake()
	return nil
}

func (m *memory) gatherInto(g keepwatch.Gathering, now time.Time) {
	b := m.open(g.Into.Receiver, g.Into.Key)
	if b == nil {
		g.Into.ID = keepwatch.IncidentID(string(g.Into.Kind) + "-" + keepwatch.Digest(g.Into.Receiver, g.Into.Key, string(g.Delivery.ID)))
		g.Into.OpenedAt = now
		b = &keepwatch.BundleState{Bundle: g.Into}
		m.bundles = append(m.bundles, b)
	}
	if g.Rouse {
		b.Calm = false
	}
	if b.Seq == b.Taken {
		m.planMessage(b, g.Due, now)
	}
	d := g.Delivery
	d.Status, d.Bundle, d.BundleSeq = keepwatch.DeliveryGathered, b.ID, b.Seq
	m.rows[d.ID] = d
}

func (m *memory) open(receiver, key string) *keepwatch.BundleState {
	for _, b := range m.bundles {
		if b.Receiver == receiver && b.Key == key && b.ClosedAt.IsZero() {
			return b
		}
	}
	return nil
}

func (m *memory) bundle(id keepwatch.IncidentID) *keepwatch.BundleState {
	for _, b := range m.bundles {
		if b.ID == id {
			return b
		}
	}
	return nil
}

func (m *memory) planMessage(b *keepwatch.BundleState, due, now time.Time) {
	b.Seq++
	inc := keepwatch.Incident{ID: b.ID, Key: "bundle", Scope: keepwatch.ScopeMonitor, Status: keepwatch.IncidentOpen, DetectedAt: b.OpenedAt, Revision: b.Seq}
	n := keepwatch.Notice{ID: keepwatch.NoticeIDOf(b.ID, b.Seq), Incident: inc, Kind: keepwatch.Changed, Seq: b.Seq, At: now, Bundle: &b.Bundle}
	if b.Seq == 1 {
		n.Kind = keepwatch.Opened
	}
	if due.Before(now) {
		due = now
	}
	d := keepwatch.Delivery{ID: keepwatch.DeliveryIDOf(n.ID, b.Receiver), Notice: n, Receiver: b.Receiver, Status: keepwatch.DeliveryPending, CreatedAt: due, NextAttemptAt: due}
	m.rows[d.ID] = d
}

func (m *memory) Gather(_ context.Context, list []keepwatch.Gathering, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, g := range list {
		if m.rows[g.Delivery.ID].Status == keepwatch.DeliveryPending {
			m.gatherInto(g, now)
		}
	}
	m.wake()
	return nil
}

func (m *memory) OpenBundle(_ context.Context, receiver, key string) (keepwatch.BundleState, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b := m.open(receiver, key); b != nil {
		return *b, true, nil
	}
	return keepwatch.BundleState{}, false, nil
}

func (m *memory) Bundle(_ context.Context, id keepwatch.IncidentID) (keepwatch.BundleState, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b := m.bundle(id); b != nil {
		return *b, nil
	}
	return keepwatch.BundleState{}, keepwatch.ErrNotFound
}

func (m *memory) Take(_ context.Context, id keepwatch.IncidentID, seq int, now time.Time) (keepwatch.BundleState, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.bundle(id)
	if b.Taken >= seq {
		return *b, nil
	}
	if b.Kind == keepwatch.BundleGroup && b.Wait > 0 {
		m.leaveOut(b, seq)
	}
	joined, open := 0, 0
	for _, d := range m.rows {
		if d.Bundle != id || d.Status != keepwatch.DeliveryGathered {
			continue
		}
		if d.BundleSeq == seq {
			joined++
		}
		if m.incidents[d.Notice.Incident.ID].Status == keepwatch.IncidentOpen {
			open++
		}
	}
	b.Taken, b.Calm = seq, b.Calm || joined == 0
	if b.Kind == keepwatch.BundleDigest || open == 0 {
		b.ClosedAt = now
	}
	return *b, nil
}

func (m *memory) leaveOut(b *keepwatch.BundleState, seq int) {
	told := map[keepwatch.IncidentID]bool{}
	for _, d := range m.rows {
		if d.Bundle == b.ID && d.BundleSeq < seq && d.Status == keepwatch.DeliveryGathered {
			told[d.Notice.Incident.ID] = true
		}
	}
	for id, d := range m.rows {
		inc := d.Notice.Incident.ID
		if d.Bundle == b.ID && d.BundleSeq == seq && d.Status == keepwatch.DeliveryGathered && !told[inc] && m.incidents[inc].Status == keepwatch.IncidentResolved {
			d.Status, d.LastError = keepwatch.DeliveryCollapsed, "began and ended within "+keepwatch.FormatDuration(b.Wait)
			m.rows[id] = d
		}
	}
}

func (m *memory) Members(_ context.Context, id keepwatch.IncidentID, seq, told int, brief bool, limit int) (keepwatch.Membership, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	type member struct {
		inc         keepwatch.Incident
		rank, first int
		cause       keepwatch.Outcome
	}
	found := map[keepwatch.IncidentID]*member{}
	for _, d := range m.rows {
		if d.Bundle != id || d.Status != keepwatch.DeliveryGathered || d.BundleSeq > seq {
			continue
		}
		inc := m.incidents[d.Notice.Incident.ID]
		x := found[inc.ID]
		if x == nil {
			x = &member{inc, d.Rank, d.BundleSeq, d.Notice.Incident.Outcome}
			found[inc.ID] = x
		}
		x.rank, x.first, x.cause = min(x.rank, d.Rank), min(x.first, d.BundleSeq), max(x.cause, d.Notice.Incident.Outcome)
	}
	var out keepwatch.Membership
	var list []*member
	causes := map[keepwatch.Outcome]*keepwatch.BundleCause{}
	for _, x := range found {
		open := x.inc.Status == keepwatch.IncidentOpen
		if brief && x.first > told && !open {
			continue
		}
		list = append(list, x)
		c := causes[x.cause]
		if c == nil {
			c = &keepwatch.BundleCause{Outcome: x.cause}
			causes[x.cause] = c
		}
		c.Count++
		out.Total++
		if x.first > told {
			out.New++
		}
		if open {
			c.Open++
			out.Open++
			if x.inc.AcknowledgedAt.IsZero() {
				out.Unacknowledged++
			}
		}
	}
	for _, c := range causes {
		out.Causes = append(out.Causes, *c)
	}
	slices.SortFunc(out.Causes, func(a, b keepwatch.BundleCause) int {
		return cmp.Or(b.Count-a.Count, cmp.Compare(a.Outcome, b.Outcome))
	})
	slices.SortFunc(list, func(a, b *member) int {
		return cmp.Or(cmp.Compare(a.inc.Status, b.inc.Status), a.rank-b.rank, a.inc.DetectedAt.Compare(b.inc.DetectedAt), cmp.Compare(a.inc.ID, b.inc.ID))
	})
	for _, x := range list[:min(limit, len(list))] {
		out.Worst = append(out.Worst, x.inc)
	}
	return out, nil
}

func (m *memory) EachMember(_ context.Context, id keepwatch.IncidentID, seq int, fn func(keepwatch.Delivery) error) error {
	m.mu.Lock()
	var list []keepwatch.Delivery
	for _, d := range m.rows {
		if d.Bundle == id && d.BundleSeq == seq && d.Status == keepwatch.DeliveryGathered {
			list = append(list, d)
		}
	}
	m.mu.Unlock()
	slices.SortFunc(list, func(a, b keepwatch.Delivery) int { return cmp.Compare(a.ID, b.ID) })
	for _, d := range list {
		if err := fn(d); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) Release(_ context.Context, member, later keepwatch.Delivery, reason string, _ time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.rows[member.ID]
	d.Status, d.LastError, d.Bundle, d.BundleSeq = keepwatch.DeliveryCollapsed, reason, "", 0
	m.rows[d.ID] = d
	if _, ok := m.rows[later.ID]; !ok {
		m.rows[later.ID] = later
	}
	return nil
}

func (m *memory) CloseBundle(_ context.Context, id keepwatch.IncidentID, seq int, into keepwatch.Bundle, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.bundle(id)
	for _, d := range m.rows {
		if d.Bundle == id && d.BundleSeq == seq && d.Status == keepwatch.DeliveryGathered {
			m.gatherInto(keepwatch.Gathering{Delivery: d, Into: into, Due: now, Rouse: true}, now)
		}
	}
	b.Taken, b.ClosedAt = b.Seq, now
	return nil
}

func (m *memory) SentSince(_ context.Context, receiver string, since time.Time, limit int) ([]time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []time.Time
	for _, d := range m.rows {
		if d.Receiver == receiver && d.Status == keepwatch.DeliverySent && d.SentAt.After(since) {
			out = append(out, d.SentAt)
		}
	}
	slices.SortFunc(out, func(a, b time.Time) int { return b.Compare(a) })
	return out[:min(limit, len(out))], nil
}

// overlay gives a member the state of the message that tells it.
func (m *memory) overlay(d keepwatch.Delivery) keepwatch.Delivery {
	if d.Status != keepwatch.DeliveryGathered {
		return d
	}
	var by []keepwatch.Delivery
	for _, s := range m.rows {
		if s.Notice.Incident.ID == d.Bundle && s.Receiver == d.Receiver && s.Notice.Seq >= d.BundleSeq && !strings.ContainsAny(string(s.ID), "#^") {
			by = append(by, s)
		}
	}
	slices.SortFunc(by, func(a, b keepwatch.Delivery) int { return cmp.Or(a.Notice.Seq-b.Notice.Seq, cmp.Compare(a.ID, b.ID)) })
	for _, s := range by {
		d.Attempts = max(d.Attempts, s.Attempts)
		switch {
		case d.Status == keepwatch.DeliverySent:
		case s.Status == keepwatch.DeliverySent:
			d.Status, d.SentAt, d.LastError, d.Receipt = s.Status, s.SentAt, "", fmt.Sprint("said together with others in ", s.ID)
		case s.Status == keepwatch.DeliveryPending:
			d.Status, d.LastError = keepwatch.DeliveryGathered, ""
		default:
			d.Status, d.LastError = s.Status, s.LastError
		}
	}
	return d
}
