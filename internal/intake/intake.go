// Package intake is the one door in. Whoever saw something (a test, a gateway, a
// caller of the API) hands over observations here; they are checked, cleaned and
// recorded together with everything that follows from them, in one transaction
// of the store. Nothing behind this door has to ask again whether a name is
// known, a text is valid or a time makes sense.
package intake

import (
	"context"
	"errors"
	"time"

	"keepwatch"
	"keepwatch/internal/incident"
)

// Store records observations and what follows from them. Recording the same key
// again changes nothing, so a caller that is unsure may simply repeat.
type Store interface {
	Apply(ctx context.Context, obs []keepwatch.Observation, now time.Time,
		step func(incident.View) (incident.Changes, error)) (incident.Changes, error)
}

// Intake checks observations and records them.
type Intake struct {
	store  Store
	policy func() incident.Policy
}

// New returns an Intake over a store. policy is asked at each Record, so that a
// reload that moves a tier's thresholds takes effect with the next observation.
func New(store Store, policy func() incident.Policy) *Intake {
	return &Intake{store: store, policy: policy}
}

// Record records what is valid and reports what is not: the error joins one
// *Refused for each observation that was not recorded. The rest is recorded all
// the same, because one caller's bad clock must not cost another's evidence. An
// error of the store means that nothing was recorded.
func (in *Intake) Record(ctx context.Context, obs []keepwatch.Observation, now time.Time) (incident.Changes, error) {
	good := make([]keepwatch.Observation, 0, len(obs))
	var refused []error
	for i := range obs {
		o, err := Clean(obs[i], now)
		if err != nil {
			refused = append(refused, &Refused{Index: i, Key: Text(obs[i].Key, maxName), Err: err})
			continue
		}
		good = append(good, o)
	}
	if len(good) == 0 {
		return incident.Changes{}, errors.Join(refused...)
	}
	policy := in.policy()
	changes, err := in.store.Apply(ctx, good, now, func(v incident.View) (incident.Changes, error) {
		return incident.Step(v, policy, now)
	})
	if err != nil {
		return incident.Changes{}, errors.Join(append(refused, err)...)
	}
	return changes, errors.Join(refused...)
}

// Refused is one observation that was not recorded.
type Refused struct {
	Index int // in the slice that was handed over
	Key   string
	Err   error
}

func (r *Refused) Error() string {
	if r.Key == "" {
		return "an observation without a key was refused: " + r.Err.Error()
	}
	return "observation " + quote(r.Key) + " was refused: " + r.Err.Error()
}

func (r *Refused) Unwrap() error { return r.Err }

// OnlyRefused reports whether an error of Record tells of nothing but observations that
// were refused: the rest was recorded, and none of it is worth another try.
func OnlyRefused(err error) bool {
	n, others := tellApart(err)
	return n > 0 && others == 0
}

// CountRefused counts the observations that an error of Record says were refused.
func CountRefused(err error) int {
	n, _ := tellApart(err)
	return n
}

func tellApart(err error) (refused, others int) {
	if err == nil {
		return 0, 0
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			r, o := tellApart(e)
			refused, others = refused+r, others+o
		}
		return refused, others
	}
	var r *Refused
	if errors.As(err, &r) {
		return 1, 0
	}
	return 0, 1
}
