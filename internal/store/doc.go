// Package store keeps everything that Keepwatch knows: the due-table, the state
// of each series, observations and their rollups, incidents with their timeline,
// and the outbox. One concrete [DB] speaks one SQL text to SQLite and PostgreSQL;
// what differs between them is a small dialect value and a folder of DDL each.
//
// Everything that moves on goes through a few short transactions:
//
//   - [DB.ClaimDue] hands out due checks and moves their due time on,
//   - [DB.Apply] records observations and everything that follows from them,
//   - [DB.Route], [DB.ClaimDeliveries] and [DB.Settle] move the outbox,
//   - [DB.Fold] and [DB.Retain] turn observations into history and history into
//     rollups, in slices.
//
// Each of them may be run again after an error: rows are keyed by what they mean,
// so that a repeat changes nothing. That matters because a COMMIT that reports an
// error may still have become durable.
//
// The package decides nothing about incidents: the rule is a pure function that
// the caller passes to Apply. Every time is given by the caller, normalised to UTC
// milliseconds, and durations to microseconds. It must not know configuration, SFMC or HTTP.
package store
