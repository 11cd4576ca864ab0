package collect

import "keepwatch"

// Sizes are how many things of each kind a business unit has, as far as it is known.
type Sizes struct {
	Journeys    int // running versions
	Extensions  int
	Automations int
	Definitions int // transactional
	Sends       int // triggered
}

// Estimate is what the looks of one job cost, in calls.
type Estimate struct {
	PerLook int
	PerDay  int
	PerYear int
	Parts   []Part
}

// Part is one kind of call in an estimate.
type Part struct {
	Name   string // of the route, or "token"
	PerDay float64
}

// Cost is what a job costs, without a call. Where a size is not known, the number of
// wanted subjects stands for it.
func Cost(job Job, known Sizes) Estimate { return Estimate{} }

// Sizes are what earlier looks of this process saw of a business unit.
func (c *Collector) Sizes(tenant keepwatch.TenantID, unit keepwatch.MID) Sizes { return Sizes{} }
