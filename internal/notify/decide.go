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
)

type verdict struct {
	act    action
	reason string
	until  time.Time // actDefer
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
	if reminderNumber(q.d) > 0 {
		return q.reminder()
	}
	told := q.told()
	if v, ok := q.cameAndWent(told); ok {
		return v
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

// newest is the youngest message that waits behind d.
func (q question) newest() *keepwatch.Delivery {
	var out *keepwatch.Delivery
	for i, s := range q.siblings {
		if s.Status != keepwatch.DeliveryPending || reminderNumber(s) > 0 || s.Notice.Seq <= q.d.Notice.Seq {
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
		if s.Status == keepwatch.DeliveryPending && reminderNumber(s) == 0 && s.Notice.Seq < q.d.Notice.Seq {
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
	if told || !ends(q.d.Notice.Kind) || q.wait <= 0 {
		return verdict{}, false
	}
	v := verdict{act: actCollapse, reason: "began and ended within " + keepwatch.FormatDuration(q.wait)}
	opened := false
	for _, s := range q.siblings {
		if s.Notice.Seq >= q.d.Notice.Seq {
			continue
		}
		if s.Attempts > 0 || s.Status == keepwatch.DeliveryDead {
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
