// Package notify is the one door out: it tells people and machines what happened
// to an incident.
//
// A [keepwatch.Notice] is a row of the outbox, written in the transaction that
// made the transition. The [Pipeline] routes it to receivers (one
// [keepwatch.Delivery] each), decides for each delivery whether it is to be sent,
// deferred or said together with another one, sends it, and marks it afterwards:
//
//	outbox → route → deliveries → decide → send → settle
//
// The promise is at least once: a crash between sending and marking repeats the
// message under the same key. Sending is always derived from rows, so a restart
// or a second node needs nothing that is only in memory. What is in memory (a
// receiver's back-off, its health) may be lost without harm.
//
// The channels are packages below this one. Each has one [Sender] and its Config;
// this package knows none of them, and they know neither outbox nor routes.
package notify
