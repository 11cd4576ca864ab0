// Package watchdog tells somebody outside that Keepwatch still proves things. It calls
// dead-man addresses: services that raise the alarm when a beat stays away.
//
// A beat is sent for a canary only, which has come the whole way from the schedule
// through a run, the store and the outbox (see [keepwatch.Canary]); nothing else can send
// one. When something is known to be wrong, the address is told so in the place of a beat.
// What is wrong is decided outside and handed in.
package watchdog
