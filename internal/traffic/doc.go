// Package traffic adds up what the real clients live through. Whoever stands
// beside them (the gateway, spans, pushed events, log lines) says what it saw,
// call by call; every ten seconds the ledger turns what they add up to into one
// observation for each holder of a credential, and hands it to intake. It knows
// no HTTP, no store and no rule of an incident, and it never makes a caller wait.
package traffic
