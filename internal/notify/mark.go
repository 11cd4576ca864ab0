package notify

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"keepwatch"
)

// A delivery's id is that of its notice and receiver, with marks behind it where it is
// another row of the same notice:
//
//	incident.1:ops      the message
//	incident.1:boss^1   an escalation: told if nobody has acknowledged by then
//	incident.1:ops#2    the second reminder
//	incident.1:ops+1    the message, which waited for the hours of its receiver
//	incident.1:ops~1    the message, which somebody's silence held back
//
// Numbers come from the row before, so planning the same row twice makes one. Names of
// receivers have none of these signs.
type marks struct{ escalation, reminder, waited, held int }

var marksPattern = regexp.MustCompile(`^(?:\^(\d{1,6}))?(?:#(\d{1,6}))?(?:\+(\d{1,6}))?(?:~(\d{1,6}))?$`)

func marksOf(d keepwatch.Delivery) marks {
	rest, _ := strings.CutPrefix(string(d.ID), string(keepwatch.DeliveryIDOf(d.Notice.ID, d.Receiver)))
	found := marksPattern.FindStringSubmatch(rest)
	if found == nil {
		return marks{}
	}
	number := func(s string) int { n, _ := strconv.Atoi(s); return n } // "" is none
	return marks{number(found[1]), number(found[2]), number(found[3]), number(found[4])}
}

func (m marks) id(d keepwatch.Delivery) keepwatch.DeliveryID {
	id := string(keepwatch.DeliveryIDOf(d.Notice.ID, d.Receiver))
	for _, mark := range []struct {
		sign string
		n    int
	}{{"^", m.escalation}, {"#", m.reminder}, {"+", m.waited}, {"~", m.held}} {
		if mark.n > 0 {
			id += mark.sign + strconv.Itoa(mark.n)
		}
	}
	return keepwatch.DeliveryID(id)
}

// planned is another row of a delivery's notice. It counts as created when it is due:
// until then nothing is late, and the age of the outbox says so.
func planned(d keepwatch.Delivery, m marks, due time.Time) keepwatch.Delivery {
	return keepwatch.Delivery{
		ID: m.id(d), Notice: d.Notice, Receiver: d.Receiver, Status: keepwatch.DeliveryPending,
		CreatedAt: due, NextAttemptAt: due,
	}
}

// escalationOf is the row that tells somebody else of a notice if nobody takes it.
func escalationOf(n keepwatch.Notice, t Target, now time.Time) keepwatch.Delivery {
	due := n.At.Add(t.After)
	if due.Before(now) {
		due = now
	}
	return planned(keepwatch.Delivery{Notice: n, Receiver: t.Receiver}, marks{escalation: 1}, due)
}

// heldUntil is the row that takes the place of one that must not be sent yet.
func heldUntil(d keepwatch.Delivery, h held) keepwatch.Delivery {
	m := marksOf(d)
	if h.hours {
		m.waited++
	} else {
		m.held++
	}
	return planned(d, m, h.until)
}
