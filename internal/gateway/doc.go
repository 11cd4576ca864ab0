// Package gateway is a reverse proxy that holders put in front of a tenant's hosts.
// It passes requests and answers through unchanged, and tells what went by: each
// exchange becomes a keepwatch.Call.
//
// # The way of a request
//
// A connection is admitted (port.go) and read through a filter that lets only heads
// of requests through that have one meaning (filter.go, head.go). net/http serves
// it; route.go finds the tenant, the host and the holder in the address, and nothing
// else: where a request goes is never the client's choice. proxy.go forwards it over
// a connection of our own (wire.go), which sends a request once and never again.
//
// # What is seen
//
// What an exchange showed is put in a bounded queue (watch.go) and read there by one
// goroutine: which client asked for a token, which token a later call carried, what
// the answer means. Only that goroutine knows secrets, and it wipes its copies. When
// it falls behind or fails, observations are lost and counted; requests are not.
//
// The package knows no path, header or error of SFMC: those are in package sfmc. It
// stores nothing, and no body is ever kept.
package gateway
