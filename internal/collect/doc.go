// Package collect reads SFMC's own counters: who entered the journeys, how many rows
// the data extensions have, when the automations ran and what their imports brought,
// what waits to be sent and what was.
//
// [Collector.Look] makes one look at one family of counters in one business unit. It
// only reads, with a credential that may (SFMC cannot be asked with the dead one),
// lists before details, and never more calls than the look and the day allow. Each
// aspect of a subject becomes one observation, judged by the function that the caller
// gives; the look itself becomes one more, whose steps say how each part went. What
// could not be read yields no observation, so that its series grows stale: not
// knowing is never healthy.
//
// Most of these routes are undocumented. Each has a name ([Routes]) by which it may be
// switched off; one that a tenant does not offer is remembered for a day and not
// asked again, and what it would have told is unknown.
package collect
