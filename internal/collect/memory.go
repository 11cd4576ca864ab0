package collect

import (
	"sync"
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc"
)

// cache remembers things for a while. What is in it can be read again: after a restart
// it costs calls and nothing else.
type cache[V any] struct {
	mu sync.Mutex
	m  map[string]kept[V]
}

type kept[V any] struct {
	value V
	until time.Time
}

// maxKept bounds a cache; a tenant has fewer of anything that is remembered.
const maxKept = 50_000

func (c *cache[V]) get(key string, now time.Time) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.m[key]
	if !ok || !now.Before(k.until) {
		var none V
		return none, false
	}
	return k.value, true
}

func (c *cache[V]) put(key string, value V, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil || len(c.m) >= maxKept {
		c.m = map[string]kept[V]{}
	}
	c.m[key] = kept[V]{value, until}
}

func (c *cache[V]) drop(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.m, key)
}

const (
	day = 24 * time.Hour
	// offeredAgain is when a route that a tenant does not offer is tried once more.
	offeredAgain = day
	// detailKept is how long a definition is taken for unchanged.
	detailKept = day
	// sourceKept is the same for entry sources of journeys, whose schedule matters.
	sourceKept = 6 * time.Hour
)

// unit is what is remembered of one business unit. Families share it: the automations
// know what the data extensions are filled by.
type unit struct {
	refused cache[sfmc.Verdict] // routes that are not offered; with a reader's id: to that one
	tries   cache[bool]         // what was read and is not read again before its time

	versions    cache[sfmc.Journey] // details, by id and version
	sources     cache[sfmc.EventDefinition]
	lag         cache[time.Duration]   // of the history of journeys
	automations cache[feeder]          // by GUID
	schedules   cache[sfmc.Automation] // details, by id
	ids         cache[string]          // of automations in the old interface, by key
	details     cache[sfmc.AutomationDetail]
	imports     cache[sfmc.Import]
	results     cache[map[string]sfmc.ImportResult] // newest by import
	health      cache[map[string]sfmc.AutomationHealth]
	keys        cache[string] // of data extensions, by id
	retention   cache[bool]
	replaced    cache[bool]      // data extensions, by id or key, whose content an import replaces
	fed         cache[time.Time] // by id or key
	definitions cache[[]sfmc.Definition]
	channels    cache[feed]

	mu    sync.Mutex
	sizes Sizes
}

// feeder is what other families want to know of an automation.
type feeder struct {
	key   string
	dueAt time.Time
}

func (u *unit) learn(set func(*Sizes)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	set(&u.sizes)
}

func (u *unit) known() Sizes {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.sizes
}

type unitKey struct {
	tenant keepwatch.TenantID
	mid    keepwatch.MID
}

func (c *Collector) unit(tenant keepwatch.TenantID, mid keepwatch.MID) *unit {
	u, _ := c.units.LoadOrStore(unitKey{tenant, mid}, &unit{})
	known, _ := u.(*unit)
	return known
}

// Sizes are what earlier looks of this process saw of a business unit.
func (c *Collector) Sizes(tenant keepwatch.TenantID, mid keepwatch.MID) Sizes {
	return c.unit(tenant, mid).known()
}
