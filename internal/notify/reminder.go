package notify

import (
	"strconv"
	"strings"
	"time"

	"keepwatch"
)

// A reminder is a delivery of the same notice with a number after the receiver:
// "incident.1:ops#2". The number comes from the row before it, so arming a
// reminder twice makes one row.
const reminderMark = "#"

// reminderNumber is 0 for the message itself.
func reminderNumber(d keepwatch.Delivery) int {
	base := string(keepwatch.DeliveryIDOf(d.Notice.ID, d.Receiver)) + reminderMark
	rest, ok := strings.CutPrefix(string(d.ID), base)
	if !ok {
		return 0
	}
	n, err := strconv.Atoi(rest)
	if err != nil {
		return 0
	}
	return n
}

// kindOf tells a reminder and a test from the transition they carry.
func kindOf(d keepwatch.Delivery) keepwatch.TransitionKind {
	if reminderNumber(d) > 0 {
		return KindReminder
	}
	return d.Notice.Kind
}

// reminderAfter is the row that reminds of d. It counts as created when it is
// due: until then nothing is late, and the age of the outbox says so.
func reminderAfter(d keepwatch.Delivery, every time.Duration, now time.Time) keepwatch.Delivery {
	n := reminderNumber(d) + 1
	due := now.Add(every)
	return keepwatch.Delivery{
		ID:     keepwatch.DeliveryID(string(keepwatch.DeliveryIDOf(d.Notice.ID, d.Receiver)) + reminderMark + strconv.Itoa(n)),
		Notice: d.Notice, Receiver: d.Receiver, Status: keepwatch.DeliveryPending,
		CreatedAt: due, NextAttemptAt: due,
	}
}

// wantsReminder: only a message that somebody still has to act upon.
func wantsReminder(d keepwatch.Delivery) bool {
	switch d.Notice.Kind {
	case keepwatch.Resolved, keepwatch.Merged, keepwatch.Acknowledged, KindTest:
		return false
	}
	// The rungs of a date are its reminders, and a change that has happened stays so.
	if o := d.Notice.Incident.Outcome; o == keepwatch.Expiring || o == keepwatch.Drifted {
		return false
	}
	return d.Notice.Incident.AcknowledgedAt.IsZero()
}
