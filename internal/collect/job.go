package collect

import (
	"context"
	"log/slog"
	"time"

	"keepwatch"
	"keepwatch/internal/egress"
)

// Secrets reads what a credential's reference points to.
type Secrets interface {
	Resolve(ctx context.Context, ref string) (keepwatch.Secret, error)
}

// Judge fills in what a new reading says: its amount, the memory, the verdict.
type Judge func(prev *keepwatch.Watch, model *keepwatch.Model, next keepwatch.Watch) keepwatch.Watch

// Options are what a Collector needs.
type Options struct {
	Secrets Secrets
	Egress  *egress.Client
	Judge   Judge // nil judges nothing: readings are kept, verdicts stay empty
	Logger  *slog.Logger
}

// Wanted is a subject that somebody asked to be watched.
type Wanted struct {
	Subject  keepwatch.Subject
	Upstream []keepwatch.Upstream
	Expect   keepwatch.Expectation
	// TimestampField names the column of a data extension that says when a row came.
	TimestampField string
}

// Job is one look: one family of counters in one business unit.
type Job struct {
	Check   keepwatch.CheckID // keepwatch.EffectsCheck
	Tenant  keepwatch.Tenant
	Unit    keepwatch.MID // 0: the one that owns the reader's package
	Family  keepwatch.Family
	Readers []keepwatch.Credential // tried in this order

	Wanted []Wanted
	All    bool     // watch every subject of the family that is live, not only the wanted
	Off    []string // names of Routes that are not asked

	Zone        *time.Location // of the business unit; nil is UTC
	Holiday     bool
	Maintenance bool

	Slot   time.Time // planned instant
	At     time.Time // when the look begins
	Gap    time.Duration
	Reason keepwatch.Reason
	// ChangedAt is when the check's definition last changed.
	ChangedAt time.Time

	// Previous and Models by series: what the store knows.
	Previous map[keepwatch.SeriesID]keepwatch.Watch
	Models   map[keepwatch.SeriesID]keepwatch.Model

	// Allowance is how many calls a day all looks at this tenant may make together;
	// 0 is DefaultAllowance for each business unit.
	Allowance int
}

// DefaultEvery is how often each family is looked at.
var DefaultEvery = map[keepwatch.Family]time.Duration{
	keepwatch.FamilyJourneys:       15 * time.Minute,
	keepwatch.FamilyDataExtensions: time.Hour,
	keepwatch.FamilyAutomations:    15 * time.Minute,
	keepwatch.FamilyQueues:         5 * time.Minute,
	keepwatch.FamilySends:          15 * time.Minute,
}

// DefaultAllowance is how many calls a day the looks at one business unit may make.
const DefaultAllowance = 10_000

// MaxCalls is the most requests that one look makes.
const MaxCalls = 400
