// Package keepwatch is the vocabulary of Keepwatch: the nouns that every other
// package speaks in. It holds types and the few pure rules that belong to them,
// imports the standard library only, and does no I/O.
//
// # The story of one observation
//
// A [Check] in the due-table comes due. The dispatcher (internal/schedule) claims
// it together with others, moves its due time on, and hands out a [Group] of
// slots. A worker runs each [Slot] as a ladder of steps (internal/probe): resolve,
// connect, TLS, a fresh token, identity, then one cheap read per API family.
// Every answer is named by internal/sfmc, the only home of SFMC facts, and the
// run becomes an [Observation].
//
// What hangs on a credential is looked at in the same way: a check of the kind effects
// reads SFMC's own counters (internal/collect), a pure judge says what each reading
// means (internal/detect), and the verdict is an [Observation] like any other.
//
// Observations enter through one door (internal/intake). In one transaction the
// store inserts them by their key, loads the [Series] they belong to, and asks a
// pure function (internal/detect and internal/incident) what follows: a new
// state, a confirmation to be planned, an [Incident] opened, joined or resolved.
// The changes and a [Notice] for each of them are written in that same
// transaction: no change without its notice, no notice without its change.
//
// They leave through one door: internal/notify routes each notice to receivers,
// sends each [Delivery] at least once under a stable key, and marks it after
// sending. Everything people and machines read (internal/view, httpapi, web,
// metrics) is derived from those rows.
package keepwatch
