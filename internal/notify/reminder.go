package notify

import (
	"time"

	"keepwatch"
)

// reminderNumber is 0 for the message itself.
func reminderNumber(d keepwatch.Delivery) int { return marksOf(d).reminder }

// kindOf tells a reminder, an escalation and a test from the transition they carry.
func kindOf(d keepwatch.Delivery) keepwatch.TransitionKind {
	switch m := marksOf(d); {
	case m.reminder > 0:
		return KindReminder
	case m.escalation > 0:
		return KindEscalation
	}
	return d.Notice.Kind
}

// reminderAfter is the row that reminds of d.
func reminderAfter(d keepwatch.Delivery, every time.Duration, now time.Time) keepwatch.Delivery {
	return planned(d, marks{reminder: reminderNumber(d) + 1}, now.Add(every))
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
