// Package events takes in what somebody else saw and says in Keepwatch's own words:
// calls of SFMC, what a caller holds back because it is refused, and verdicts of tests
// that ran where the secret lives. Each event has a key of its sender's and counts once.
//
// Words of a sender (error texts, evidence) are read to be named and are not kept.
package events
