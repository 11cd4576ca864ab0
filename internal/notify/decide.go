package notify

import (
	"time"

	"keepwatch"
)

// action is what becomes of a delivery that is due.
type action string

const (
	actSend     action = "send"
	actDefer    action = "defer"    // an earlier one of the same incident has to go first
	actCollapse action = "collapse" // said together with another one, or not needed any more
	actDrop     action = "drop"     // somebody else has settled it meanwhile
	actHold     action = "hold"     // it must not be told yet
	actGather   action = "gather"   // it is told together with others
)

type verdict struct {
	act    action
	reason string
	until  time.Time        // actDefer
	held   held             // actHold
	into   keepwatch.Bundle // actGather
	// untold: nothing of the incident has reached the receiver.
	untold bool
	// also are other deliveries that collapse for the same reason.
	also []keepwatch.Delivery
	// next carries on in place of a collapsed one.
	next *keepwatch.Delivery
}

// question is everything that a decision looks at.
type question struct {
	d        keepwatch.Delivery
	siblings []keepwatch.Delivery // of the same incident and receiver, d among them
	incident keepwatch.Incident   // as it stands now; read for reminders only
	wait     time.Duration        // of the route
	now      time.Time
}

// decide keeps the order of one incident at one receiver: an older message that
// is still on its way is never sent beside a newer one. The older one carries the
// turn: when it comes due it gives way to the newest, which then says everything
// under its own key. It is not the other way round, because only the node that
// holds the lease of the older one knows that it is not being sent just now; and
// the old key may have reached the receiver, who would ignore the news under it.
func decide(q question) verdict {
	if own := q.find(q.d.ID); own != nil && own.Status != keepwatch.DeliveryPending {
		return verdict{act: actDrop, reason: "settled meanwhile"}
	}
	if m := marksOf(q.d); m.reminder > 0 {
		return q.reminder()
	} else if m.escalation > 0 {
		return q.escalation()
	}
	told := q.told()
	if v, ok := q.cameAndWent(told); ok {
		return v
	}
	if newer := q.said(); newer != nil {
		return verdict{act: actCollapse, reason: "said by " + string(newer.ID)}
	}
	if newest := q.newest(); newest != nil {
		return verdict{act: actCollapse, reason: "said by " + string(newest.ID), next: newest}
	}
	if before := q.pendingBefore(); len(before) > 0 {
		return verdict{act: actDefer, reason: "waits for " + string(before[0].ID), until: q.turn(before)}
	}
	return verdict{act: actSend, untold: !told}
}

func (q question) find(id keepwatch.DeliveryID) *keepwatch.Delivery {
	for i := range q.siblings {
		if q.siblings[i].ID == id {
			return &q.siblings[i]
		}
	}
	return nil
}

func (q question) told() bool {
	for _, s := range q.siblings {
		if s.Status == keepwatch.DeliverySent && s.Notice.Seq < q.d.Notice.Seq {
			return true
		}
	}
	return false
}

// said is a younger message that was sent already: a row that was held back, alone,
// can be overtaken.
func (q question) said() *keepwatch.Delivery {
	for i, s := range q.siblings {
		if s.Status == keepwatch.DeliverySent && isMessage(s) && s.Notice.Seq > q.d.Notice.Seq {
			return &q.siblings[i]
		}
	}
	return nil
}

// newest is the youngest message that waits behind d.
func (q question) newest() *keepwatch.Delivery {
	var out *keepwatch.Delivery
	for i, s := range q.siblings {
		if s.Status != keepwatch.DeliveryPending || !isMessage(s) || s.Notice.Seq <= q.d.Notice.Seq {
			continue
		}
		if out == nil || s.Notice.Seq > out.Notice.Seq {
			out = &q.siblings[i]
		}
	}
	return out
}

func (q question) pendingBefore() []keepwatch.Delivery {
	var out []keepwatch.Delivery
	for _, s := range q.siblings {
		m := marksOf(s)
		resting := (m.held > 0 || m.waited > 0) && s.NextAttemptAt.After(q.now) // it gives way when it comes due
		if s.Status == keepwatch.DeliveryPending && isMessage(s) && s.Notice.Seq < q.d.Notice.Seq && !resting {
			out = append(out, s)
		}
	}
	return out
}

// turn is when to look again at a delivery that waits for others: a second after
// the first of them is due, for it gives way then.
func (q question) turn(before []keepwatch.Delivery) time.Time {
	until := q.now.Add(backoffCap)
	for _, b := range before {
		if b.NextAttemptAt.Before(until) {
			until = b.NextAttemptAt
		}
	}
	if soon := q.now.Add(time.Second); until.Before(soon) {
		return soon
	}
	return until
}

// cameAndWent: the end of an incident that ended within the wait of its first
// message. The proof that nothing was sent is in the rows: the first message is
// never sent before its wait is over, and this end was stored before that.
func (q question) cameAndWent(told bool) (verdict, bool) {
	held := marksOf(q.d).held > 0
	if told || !ends(q.d.Notice.Kind) || q.wait <= 0 && !held {
		return verdict{}, false
	}
	v := verdict{act: actCollapse, reason: "began and ended within " + keepwatch.FormatDuration(q.wait)}
	if held {
		v.reason = "began and ended while it was held back"
	}
	opened := held
	for _, s := range q.siblings {
		if s.Notice.Seq >= q.d.Notice.Seq {
			continue
		}
		if s.Attempts > 0 || s.Status == keepwatch.DeliveryDead || s.Bundle != "" {
			return verdict{}, false
		}
		if s.Notice.Kind == keepwatch.Opened && q.d.CreatedAt.Before(firstDue(s, q.wait)) {
			opened = true
		}
		if s.Status == keepwatch.DeliveryPending {
			v.also = append(v.also, s)
		}
	}
	return v, opened
}

// firstDue is when the first message of an incident may be sent. The wait counts
// from the transition, not from the routing: after a time without Keepwatch
// nobody has to wait once more.
func firstDue(d keepwatch.Delivery, wait time.Duration) time.Time {
	if due := d.Notice.At.Add(wait); due.After(d.CreatedAt) {
		return due
	}
	return d.CreatedAt
}

// escalation is sent only when nobody has taken the incident, and its receiver has
// not heard of it by another way.
func (q question) escalation() verdict {
	switch {
	case q.incident.Status == keepwatch.IncidentResolved:
		return verdict{act: actCollapse, reason: "not needed: resolved"}
	case !q.incident.AcknowledgedAt.IsZero():
		return verdict{act: actCollapse, reason: "not needed: acknowledged"}
	}
	for _, s := range q.siblings {
		if s.ID != q.d.ID && s.Status == keepwatch.DeliverySent {
			return verdict{act: actCollapse, reason: "not needed: told by " + string(s.ID)}
		}
	}
	return verdict{act: actSend, untold: true}
}

// passes reports whether a message is told although somebody wants quiet: who was told
// that it began is told how it went on. A pager that rings has to be able to stop.
func (q question) passes() bool {
	switch q.d.Notice.Kind {
	case keepwatch.Resolved, keepwatch.Merged, keepwatch.Acknowledged:
		return q.told()
	case KindTest, keepwatch.Posted:
		return true
	}
	return false
}

// reminder is sent only while there is something to be reminded of.
func (q question) reminder() verdict {
	switch {
	case q.incident.Status == keepwatch.IncidentResolved:
		return verdict{act: actCollapse, reason: "not needed: resolved"}
	case !q.incident.AcknowledgedAt.IsZero():
		return verdict{act: actCollapse, reason: "not needed: acknowledged"}
	}
	for _, s := range q.siblings {
		living := s.Status == keepwatch.DeliverySent || s.Status == keepwatch.DeliveryPending
		if living && s.Notice.Seq > q.d.Notice.Seq {
			return verdict{act: actCollapse, reason: "not needed: " + string(s.ID) + " reminds on its own"}
		}
	}
	return verdict{act: actSend}
}

// isMessage tells the message of a transition from reminders and escalations, which
// keep no order with it.
func isMessage(d keepwatch.Delivery) bool {
	m := marksOf(d)
	return m.reminder == 0 && m.escalation == 0
}
