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

func (l *ledger) gatherInto(g keepwatch.Gathering, now time.Time) {
	key := [2]string{g.Into.Receiver, g.Into.Key}
	b := l.bundles[l.open[key]]
	if b == nil {
		g.Into.ID = keepwatch.IncidentID(string(g.Into.Kind) + "-" + keepwatch.Digest(g.Into.Receiver, g.Into.Key, string(g.Delivery.ID)))
		g.Into.OpenedAt = now
		b = &keepwatch.BundleState{Bundle: g.Into}
		l.bundles[b.ID], l.open[key] = b, b.ID
	}
	if g.Rouse {
		b.Calm = false
	}
	if b.Seq == b.Taken {
		l.planMessage(b, g.Due, now)
	}
	d := g.Delivery
	d.Status, d.Bundle, d.BundleSeq = keepwatch.DeliveryGathered, b.ID, b.Seq
	l.put(d)
}

func (l *ledger) planMessage(b *keepwatch.BundleState, due, now time.Time) {
	b.Seq++
	inc := keepwatch.Incident{ID: b.ID, Key: "bundle", Scope: keepwatch.ScopeMonitor, Status: keepwatch.IncidentOpen, DetectedAt: b.OpenedAt, Revision: b.Seq}
	n := keepwatch.Notice{ID: keepwatch.NoticeIDOf(b.ID, b.Seq), Incident: inc, Kind: keepwatch.Changed, Seq: b.Seq, At: now, Bundle: &b.Bundle}
	if b.Seq == 1 {
		n.Kind = keepwatch.Opened
	}
	if due.Before(now) {
		due = now
	}
	l.create(keepwatch.Delivery{ID: keepwatch.DeliveryIDOf(n.ID, b.Receiver), Notice: n, Receiver: b.Receiver, Status: keepwatch.DeliveryPending, CreatedAt: due, NextAttemptAt: due})
}

func (l *ledger) Gather(_ context.Context, list []keepwatch.Gathering, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, g := range list {
		if l.rows[g.Delivery.ID].Status == keepwatch.DeliveryPending {
			l.gatherInto(g, now)
		}
	}
	l.wake()
	return nil
}

func (l *ledger) OpenBundle(_ context.Context, receiver, key string) (keepwatch.BundleState, bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b := l.bundles[l.open[[2]string{receiver, key}]]; b != nil {
		return *b, true, nil
	}
	return keepwatch.BundleState{}, false, nil
}

func (l *ledger) Bundle(_ context.Context, id keepwatch.IncidentID) (keepwatch.BundleState, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b := l.bundles[id]; b != nil {
		return *b, nil
	}
	return keepwatch.BundleState{}, keepwatch.ErrNotFound
}

func (l *ledger) closeBundle(b *keepwatch.BundleState, now time.Time) {
	b.ClosedAt = now
	delete(l.open, [2]string{b.Receiver, b.Key})
}

// told are the members of a bundle's messages that a test chooses.
func (l *ledger) told(id keepwatch.IncidentID, chosen func(seq int) bool) []keepwatch.Delivery {
	var out []keepwatch.Delivery
	for row := range l.members[id] {
		if d := l.rows[row]; d.Status == keepwatch.DeliveryGathered && chosen(d.BundleSeq) {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b keepwatch.Delivery) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

func (l *ledger) Take(_ context.Context, id keepwatch.IncidentID, seq int, now time.Time) (keepwatch.BundleState, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bundles[id]
	if b == nil {
		return keepwatch.BundleState{}, keepwatch.ErrNotFound
	}
	if b.Taken >= seq {
		return *b, nil
	}
	if b.Kind == keepwatch.BundleGroup && b.Wait > 0 {
		l.leaveOut(b, seq)
	}
	joined, open := 0, 0
	for _, d := range l.told(id, func(int) bool { return true }) {
		if d.BundleSeq == seq {
			joined++
		}
		if l.incidents[d.Notice.Incident.ID].Status == keepwatch.IncidentOpen {
			open++
		}
	}
	b.Taken, b.Calm = seq, b.Calm || joined == 0
	if b.Kind == keepwatch.BundleDigest || open == 0 {
		l.closeBundle(b, now)
	}
	return *b, nil
}

// leaveOut collapses the members of a group that came and went within its wait.
func (l *ledger) leaveOut(b *keepwatch.BundleState, seq int) {
	told := map[keepwatch.IncidentID]bool{}
	for _, d := range l.told(b.ID, func(s int) bool { return s < seq }) {
		told[d.Notice.Incident.ID] = true
	}
	for _, d := range l.told(b.ID, func(s int) bool { return s == seq }) {
		if inc := d.Notice.Incident.ID; !told[inc] && l.incidents[inc].Status == keepwatch.IncidentResolved {
			d.Status, d.LastError = keepwatch.DeliveryCollapsed, "began and ended within "+keepwatch.FormatDuration(b.Wait)
			l.put(d)
		}
	}
}

// ledgerMember is an incident that a message tells of.
type ledgerMember struct {
	inc         keepwatch.Incident
	rank, first int
	cause       keepwatch.Outcome
}

func (l *ledger) Members(_ context.Context, id keepwatch.IncidentID, seq, told int, brief bool, limit int) (keepwatch.Membership, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := map[keepwatch.IncidentID]*ledgerMember{}
	for _, d := range l.told(id, func(s int) bool { return s <= seq }) {
		inc := l.incidents[d.Notice.Incident.ID]
		x := found[inc.ID]
		if x == nil {
			x = &ledgerMember{inc, d.Rank, d.BundleSeq, d.Notice.Incident.Outcome}
			found[inc.ID] = x
		}
		x.rank, x.first, x.cause = min(x.rank, d.Rank), min(x.first, d.BundleSeq), max(x.cause, d.Notice.Incident.Outcome)
	}
	var out keepwatch.Membership
	var list []*ledgerMember
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
	slices.SortFunc(list, func(a, b *ledgerMember) int {
		return cmp.Or(cmp.Compare(a.inc.Status, b.inc.Status), a.rank-b.rank, a.inc.DetectedAt.Compare(b.inc.DetectedAt), cmp.Compare(a.inc.ID, b.inc.ID))
	})
	for _, x := range list[:min(limit, len(list))] {
		out.Worst = append(out.Worst, x.inc)
	}
	return out, nil
}

func (l *ledger) EachMember(_ context.Context, id keepwatch.IncidentID, seq int, fn func(keepwatch.Delivery) error) error {
	l.mu.Lock()
	list := l.told(id, func(s int) bool { return s == seq })
	l.mu.Unlock()
	for _, d := range list {
		if err := fn(d); err != nil {
			return err
		}
	}
	return nil
}

func (l *ledger) Release(_ context.Context, member, later keepwatch.Delivery, reason string, _ time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	d := l.rows[member.ID]
	d.Status, d.LastError, d.Bundle, d.BundleSeq = keepwatch.DeliveryCollapsed, reason, "", 0
	l.put(d)
	l.create(later)
	return nil
}

func (l *ledger) CloseBundle(_ context.Context, id keepwatch.IncidentID, seq int, into keepwatch.Bundle, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bundles[id]
	if b == nil {
		return keepwatch.ErrNotFound
	}
	for _, d := range l.told(id, func(s int) bool { return s == seq }) {
		l.gatherInto(keepwatch.Gathering{Delivery: d, Into: into, Due: now, Rouse: true}, now)
	}
	b.Taken = b.Seq
	l.closeBundle(b, now)
	return nil
}

// overlay gives a member the state of the message that tells it.
func (l *ledger) overlay(d keepwatch.Delivery) keepwatch.Delivery {
	if d.Status != keepwatch.DeliveryGathered {
		return d
	}
	var by []keepwatch.Delivery
	for _, row := range l.of[d.Bundle] {
		s := l.rows[row]
		if s.Receiver == d.Receiver && s.Notice.Seq >= d.BundleSeq && !strings.ContainsAny(string(s.ID), "#^") {
			by = append(by, s)
		}
	}
	slices.SortFunc(by, func(a, b keepwatch.Delivery) int {
		return cmp.Or(a.Notice.Seq-b.Notice.Seq, cmp.Compare(a.ID, b.ID))
	})
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
