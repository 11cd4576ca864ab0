// Package impact puts figures on an incident: how long what hung on it stood still,
// how many contacts that delayed or lost, how stale the data was, what waits to be
// done once it works again, and what an early warning prevented.
//
// It is called by app, which gathers a [Case] from the store and the configuration,
// and by package report. It is pure. Every figure is a range with the formula that
// made it; how ranges are combined, docs/impact.md says.
package impact
