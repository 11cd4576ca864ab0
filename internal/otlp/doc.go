// Package otlp takes spans in, over HTTP and over gRPC, and makes of those that are
// calls of SFMC what the rest of Keepwatch knows as calls. Everything else is dropped
// and counted by its reason.
//
// A span carries whatever its program put there, secrets among it. Only the attributes
// that stand in this package, and those that a mapping rule names, are looked at;
// of an address, host and path are. Nothing of a span is kept but what a Call has.
package otlp
