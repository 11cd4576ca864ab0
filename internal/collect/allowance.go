package collect

import (
	"maps"
	"slices"
	"sync"
	"time"

	"keepwatch"
)

// allowances counts calls by day, and knows what the looks that share a day's calls
// would like to make.
type allowances struct {
	mu sync.Mutex
	m  map[unitKey]*allowance
}

type allowance struct {
	day    int64 // since 1970, in UTC
	spent  int
	wishes map[keepwatch.CheckID]wish
}

// wish is what one check would cost in a day, as its looks were so far.
type wish struct {
	fixed float64 // tokens and reads of single things
	sweep float64 // pages of lists of everything
}

// of is the allowance that a job takes from: the tenant's, or its business unit's own.
func (a *allowances) of(job *Job) (*allowance, int) {
	key, limit := unitKey{job.Tenant.ID, job.Unit}, DefaultAllowance
	if job.Allowance > 0 {
		key, limit = unitKey{tenant: job.Tenant.ID}, job.Allowance
	}
	if a.m == nil {
		a.m = map[unitKey]*allowance{}
	}
	x := a.m[key]
	if x == nil {
		x = &allowance{wishes: map[keepwatch.CheckID]wish{}}
		a.m[key] = x
	}
	if today := job.At.Unix() / int64(day/time.Second); x.day != today {
		x.day, x.spent = today, 0
	}
	return x, limit
}

// spend takes one call; false: the day's calls are used up.
func (a *allowances) spend(job *Job) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	x, limit := a.of(job)
	if x.spent >= limit {
		return false
	}
	x.spent++
	return true
}

// note keeps what a look cost, for how often the next ones may sweep.
func (a *allowances) note(job *Job, every time.Duration, fixed, sweep int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	x, _ := a.of(job)
	was := x.wishes[job.Check]
	looks := float64(day) / float64(every)
	now := wish{fixed: float64(fixed) * looks, sweep: was.sweep}
	if sweep > 0 {
		now.sweep = float64(sweep) * looks
	}
	x.wishes[job.Check] = now
}

// stretch is how many looks of a job share one sweep, so that all looks together stay
// within the day's calls: 1 while there is room. The dearest sweep is made rarer first.
func (a *allowances) stretch(job *Job) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	x, limit := a.of(job)
	checks := slices.Sorted(maps.Keys(x.wishes))
	times := map[keepwatch.CheckID]int{}
	// A tenth is left for what is read by need.
	room := float64(limit) * 0.9
	for _, id := range checks {
		times[id] = 1
		room -= x.wishes[id].fixed
	}
	cost := func(id keepwatch.CheckID) float64 { return x.wishes[id].sweep / float64(times[id]) }
	for range maxStretch * len(checks) {
		total, dearest := 0.0, keepwatch.CheckID("")
		for _, id := range checks {
			total += cost(id)
			if times[id] < maxStretch && (dearest == "" || cost(id) > cost(dearest)) {
				dearest = id
			}
		}
		if total <= room || dearest == "" {
			break
		}
		times[dearest]++
	}
	return max(times[job.Check], 1)
}

// maxStretch keeps a sweep from becoming so rare that it says nothing.
const maxStretch = 24
