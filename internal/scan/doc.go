// Package scan looks at a tenant, a sending domain or a web page from outside,
// without any credential, and says what can honestly be known: certificates, DNS of
// sending domains, whether the API hosts answer, a secret in a public script.
//
// It is called by the command, by the interface and by the schedule. It makes only
// ordinary requests, one at a time per host, sends no credential, and connects to
// public addresses only unless it is told otherwise. Everything that comes from a
// target is hostile until it is parsed: it is capped in size, in time and in what it
// may make the scan do. What could not be looked at is unknown, never fine.
//
// It knows no store and no incidents. Judge says what became worse between two scans;
// what follows from it is the caller's.
package scan
