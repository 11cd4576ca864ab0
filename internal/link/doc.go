// Package link is acting on an incident from the message itself: acknowledge it,
// snooze it, silence what it is about. A link works without an account, for whoever
// has the message; it shows first what it will do, and does it once.
//
// A link is signed ([Key], HMAC-SHA256), and so no row is written for a message. A row
// is written when a link is used, in the transaction that does what it is for. It is
// bound to incident, action, receiver and message, holds for a week and no longer than
// the incident, and all links end when the key is replaced.
//
// [Shares] are links of another kind: they read one incident, as often as somebody likes,
// until they end, and do nothing.
package link
