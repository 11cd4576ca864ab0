package config

import (
	"time"

	"keepwatch"
)

// The values of `tenants[].effects.watch`.
const (
	watchDependents = "dependents"
	watchAll        = "all"
)

type effectsDraft struct {
	readers   []at[string]
	every     map[keepwatch.Family]time.Duration
	watch     string
	off       []at[string]
	calendar  at[string]
	allowance int64
	ens       []entry[string]
}

func effectsKind() kind[effectsDraft] {
	type draft = effectsDraft
	return object(
		key("readers", "ids of the credentials to read SFMC's counters with, asked in this order", list(located(identifier[string]("the id of a credential")), 20), func(d *draft) *[]at[string] { return &d.readers }),
		key("every", "time between two looks at one family of counters in one business unit", familiesKind(), func(d *draft) *map[keepwatch.Family]time.Duration { return &d.every }),
		key("watch", "dependents (the default) looks at what credentials name; all, also at what the account's lists show", choice("what to watch", watchDependents, watchAll), func(d *draft) *string { return &d.watch }),
		key("off", "routes of SFMC that are never asked", list(located(free(100)), 100), func(d *draft) *[]at[string] { return &d.off }),
		key("calendar", "name of the calendar whose zone and holidays the weekly pattern follows; the default is that of the tier standard", located(identifier[string]("the name of a calendar")), func(d *draft) *at[string] { return &d.calendar }),
		key("allowance", "API calls a year of the account's edition", integer("a number of calls", int64(1), int64(1e12)), func(d *draft) *int64 { return &d.allowance }),
		key("ens", "signature keys of Event Notification Service callbacks, as references, by callback id", mapping(secretRef()), func(d *draft) *[]entry[string] { return &d.ens }),
	)
}

// familyDocs say what a look at each family is, in the order of keepwatch.Families.
var familyDocs = map[keepwatch.Family]string{
	keepwatch.FamilyJourneys:       "journeys; the default is 15m",
	keepwatch.FamilyDataExtensions: "rows of data extensions; the default is 60m",
	keepwatch.FamilyAutomations:    "automations and their imports; the default is 15m",
	keepwatch.FamilyQueues:         "queues of transactional definitions; the default is 5m",
	keepwatch.FamilySends:          "triggered sends; the default is 15m",
}

func familiesKind() kind[map[keepwatch.Family]time.Duration] {
	type draft = map[keepwatch.Family]time.Duration
	interval := duration(leastInterval, day)
	fields := make([]field[draft], len(keepwatch.Families))
	for i, f := range keepwatch.Families {
		fields[i] = nested(string(f), familyDocs[f], interval, func(d *draft, every time.Duration) {
			if *d == nil {
				*d = draft{}
			}
			(*d)[f] = every
		})
	}
	return object(fields...)
}
