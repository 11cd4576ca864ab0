// Package probe runs one check as a ladder of steps: resolve, connect and TLS
// (proven once per host and interval, and shared), then a fresh token, identity,
// and each configured test. The first step that fails decides; the rest are
// skipped. The result is one observation and never an error: what Keepwatch
// itself could not do is the outcome monitor_fault.
package probe
