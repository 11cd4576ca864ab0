// Package view is what a person or a client sees: rows of the store and the
// inventory, joined into the wire types of package client, plus the few words
// (verdicts, ages, countdowns) that a page shows. Package httpapi serialises what
// it returns and package web renders the same values, so a page and its JSON twin
// cannot tell different stories.
//
// It decides nothing: states come from Series.StateAt, incidents from the store.
package view

import (
	"context"
	"time"

	"keepwatch"
	"keepwatch/internal/impact"
	"keepwatch/internal/store"
)

// SeriesSource reads what is known of each check.
type SeriesSource interface {
	Series(ctx context.Context) ([]keepwatch.Series, error)
	// Those two leave out what lives in SFMC, of which there may be thousands.
	PlainSeries(ctx context.Context) ([]keepwatch.Series, error)
	// Those two stand in memory: what moved since a revision, of everybody, and the hours
	// of what proves credentials.
	Moved(ctx context.Context, since int64) (store.Moved, error)
	Recent(ctx context.Context, from time.Time) (store.Hours, error)
	DailyOf(ctx context.Context, id keepwatch.SeriesID, from, to time.Time) ([]keepwatch.Rollup, error)
	HourlyOf(ctx context.Context, id keepwatch.SeriesID, from, to time.Time) ([]keepwatch.Rollup, error)
}

// ResultSource reads stored runs.
type ResultSource interface {
	Results(ctx context.Context, check keepwatch.CheckID, page Page) ([]keepwatch.Result, string, error)
	Result(ctx context.Context, check keepwatch.CheckID, key string) (keepwatch.Result, error)
}

// IncidentSource reads incidents and their timelines.
type IncidentSource interface {
	Incidents(ctx context.Context, f IncidentFilter, page Page) ([]keepwatch.Incident, string, error)
	Incident(ctx context.Context, id keepwatch.IncidentID) (keepwatch.Incident, error)
	Transitions(ctx context.Context, id keepwatch.IncidentID) ([]keepwatch.Transition, error)
}

// DeliverySource reads the messages that an incident caused.
type DeliverySource interface {
	Deliveries(ctx context.Context, id keepwatch.IncidentID) ([]keepwatch.Delivery, error)
	DeliveryLog(ctx context.Context, f DeliveryFilter, page Page) ([]keepwatch.Delivery, string, error)
}

// Sources are the parts of the store that are read; the store is all of them.
type Sources struct {
	Series     SeriesSource
	Results    ResultSource
	Incidents  IncidentSource
	Deliveries DeliverySource
	Watches    WatchSource
	Impacts    ImpactSource
	Traffic    TrafficSource
	Silences   SilenceSource
	Rotations  RotationSource
}

// From takes all sources from one store.
func From(db *store.DB) Sources {
	return Sources{Series: db, Results: db, Incidents: db, Deliveries: db, Watches: db, Impacts: db, Traffic: db, Silences: db, Rotations: db}
}

// Snapshot is the configuration in force, as far as it is shown. It is shared
// between readers and never changed; a reload makes a new one.
type Snapshot struct {
	Tenants     []keepwatch.Tenant
	Credentials []keepwatch.Credential
	Plans       map[keepwatch.CredentialID]Plan
	Zone        func(keepwatch.CredentialID) *time.Location  // of its calendar; nil: UTC
	Ladder      func(keepwatch.CredentialID) []time.Duration // of warnings before the end; nil: none
	Objective   func(keepwatch.CredentialID) float64         // share of token requests that are to be granted; nil, or 0 from it: the default
	Effects     func(keepwatch.TenantID) EffectsCost         // nil: nothing is looked at
	Watched     []Named                                      // subjects that are looked at because somebody named them
	// Depends are the subjects that the credentials of a tenant name, with the ways on
	// which they hang on them; nil: none are known.
	Depends func(keepwatch.TenantID) []impact.Subject
	// Forecast says who would be told of an incident from its beginning, if it lasted;
	// nil: nobody is.
	Forecast func(keepwatch.Incident) []Forecast
	Channel  func(receiver string) string // of a receiver; nil: not known
}

// Plan is the schedule of one credential in figures.
type Plan struct {
	Calendar     string
	Business     time.Duration // between two proofs in business hours
	Off          time.Duration // and outside of them
	CallsPerYear int64
	DetectWithin time.Duration // worst case in business hours
}

// EffectsCost is what looking at one tenant's counters asks of SFMC.
type EffectsCost struct {
	CallsPerYear int64
	Allowance    int64 // of the edition; 0: nobody said
}

// Reader answers every question that a page or the API asks.
type Reader struct {
	from      Sources
	inventory func() Snapshot
	index     *index
	self      func(ctx context.Context, now time.Time) Self // nil: nobody watches
	part      bool                                          // of the estate
}

// NewReader reads from the store and from the configuration that inventory
// returns at that moment.
func NewReader(from Sources, inventory func() Snapshot) *Reader {
	return &Reader{from: from, inventory: inventory, index: newIndex()}
}

// estate is everything at one instant.
type estate struct {
	now       time.Time
	yesterday time.Time // on the hours that rollups have
	snap      Snapshot
	index     *index
	part      bool // of what there is
	hours     store.Hours
	open      []keepwatch.Incident
	units     map[unitKey]string
	// incidentOf names the open incident that a credential belongs to.
	incidentOf map[keepwatch.CredentialID]*keepwatch.Incident
}

type unitKey struct {
	tenant keepwatch.TenantID
	mid    keepwatch.MID
}

// load reads the estate as it stands at now.
func (r *Reader) load(ctx context.Context, now time.Time) (*estate, error) {
	if err := r.index.follow(ctx, r.from.Series); err != nil {
		return nil, reading("states", err)
	}
	hours, err := r.from.Series.Recent(ctx, firstSlot(now))
	if err != nil {
		return nil, reading("history", err)
	}
	open, err := r.openIncidents(ctx)
	if err != nil {
		return nil, err
	}
	e := &estate{
		now: now, yesterday: lastDay(now), snap: r.inventory(), index: r.index, part: r.part, hours: hours, open: open,
		incidentOf: map[keepwatch.CredentialID]*keepwatch.Incident{},
	}
	e.units = unitNames(e.snap)
	e.assignIncidents()
	return e, nil
}

// Warm reads into memory what every page is made of.
func (r *Reader) Warm(ctx context.Context, now time.Time) error {
	_, err := r.load(ctx, now)
	return err
}

// assignIncidents gives each credential the open incident that explains it best:
// its own before one that it shares with others.
func (e *estate) assignIncidents() {
	for i := range e.open {
		inc := &e.open[i]
		for _, m := range inc.Members {
			if !m.EndedAt.IsZero() {
				continue
			}
			if have := e.incidentOf[m.Credential]; have == nil || inc.Scope == keepwatch.ScopeCredential {
				e.incidentOf[m.Credential] = inc
			}
		}
		if inc.Credential != "" {
			e.incidentOf[inc.Credential] = inc
		}
	}
}

// mostOpen caps how many open incidents one look reads. Causes are gathered into
// one incident each, so that many at once mean something else is wrong.
const mostOpen = 1000

func (r *Reader) openIncidents(ctx context.Context) ([]keepwatch.Incident, error) {
	var all []keepwatch.Incident
	cursor := ""
	for len(all) < mostOpen {
		some, next, err := r.from.Incidents.Incidents(ctx,
			IncidentFilter{Status: "open"}, Page{Limit: 200, Cursor: cursor})
		if err != nil {
			return nil, reading("open incidents", err)
		}
		all = append(all, some...)
		if next == "" {
			break
		}
		cursor = next
	}
	return all, nil
}
