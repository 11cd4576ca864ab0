package rotate

import (
	"context"
	"errors"
	"slices"
	"time"

	"keepwatch"
	"keepwatch/internal/expiry"
	"keepwatch/internal/rotation"
)

const (
	// alarmClock names the alarm's clock among the credential's others.
	alarmClock = "rotation"
	// alarmEvery is how often an unchanged alarm is recorded anew. The check runs every
	// minute, and what has not changed in between is the same observation.
	alarmEvery = 15 * time.Minute
	// afterwards is how long the check of an ended rotation goes on, so that a crash
	// right after the end leaves no alarm that nobody takes back.
	afterwards = 24 * time.Hour
)

// Watched are the credentials whose check of kind rotation belongs into the
// schedule: a rotation runs, or ended a short while ago.
func (c *Cockpit) Watched(ctx context.Context, now time.Time) ([]keepwatch.CredentialID, error) {
	all, err := c.Store.Rotations(ctx, false)
	if err != nil {
		return nil, err
	}
	var ids []keepwatch.CredentialID
	for _, r := range all {
		if rotation.Open(r) || now.Before(r.EndedAt.Add(afterwards)) {
			ids = append(ids, r.Credential)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// Look is one run of the check of kind rotation: it takes the credential's rotation
// on, and says how it stands. It never fails: what could not be done is an
// observation too.
func (c *Cockpit) Look(ctx context.Context, s keepwatch.Slot, now time.Time) []keepwatch.Observation {
	began := now.UTC()
	o := keepwatch.Observation{
		Key: keepwatch.SlotKey(s.Check.ID, s.At), Series: keepwatch.SeriesOf(s.Check.ID, ""), Check: s.Check.ID,
		Credential: s.Check.Credential, Tenant: s.Check.Tenant, Place: keepwatch.Local, Source: keepwatch.SourceTest, Reason: s.Reason,
		Slot: s.At, At: began, Gap: s.Gap, Outcome: keepwatch.OK, Message: "No rotation runs.",
	}
	r, err := c.newest(ctx, s.Check.Credential)
	if err == nil {
		r, err = c.Advance(ctx, r.ID, now)
	}
	switch {
	case errors.Is(err, keepwatch.ErrNotFound):
		return []keepwatch.Observation{o, quiet(o, began)}
	case err != nil:
		c.Logger.Error("a rotation could not be taken on", "credential", s.Check.Credential, "error", err)
		o.Outcome, o.Message = keepwatch.MonitorFault, "The rotation could not be taken on: "+err.Error()
		o.Hint = keepwatch.HintOf(err)
		if o.Hint == "" {
			o.Hint = "Nothing was lost; it goes on where it stands with the next run."
		}
		return []keepwatch.Observation{o}
	}
	r = c.seen(ctx, r, now)
	c.tidy(ctx, r, now)
	o.Message = "Rotation " + string(r.ID) + " is " + string(r.State) + ". It waits for: " + rotation.Waiting(r)
	return []keepwatch.Observation{o, c.alarm(o, r, now)}
}

func (c *Cockpit) newest(ctx context.Context, id keepwatch.CredentialID) (keepwatch.Rotation, error) {
	all, err := c.Store.Rotations(ctx, false)
	if err != nil {
		return keepwatch.Rotation{}, err
	}
	i := slices.IndexFunc(all, func(r keepwatch.Rotation) bool { return r.Credential == id })
	if i < 0 {
		return keepwatch.Rotation{}, keepwatch.ErrNotFound
	}
	return all[i], nil
}

// quiet is the alarm that is none: it ends one that was.
func quiet(o keepwatch.Observation, at time.Time) keepwatch.Observation {
	o.Series = keepwatch.SeriesOf(keepwatch.CheckOf(keepwatch.CheckExpiry, o.Credential), alarmClock)
	o.Slot, o.Gap = at, 0
	o.Key = keepwatch.SlotKey(o.Check, at) + "#" + alarmClock
	return o
}

// alarm looks at the rotation as at a date: the old secret's end while it lives, its
// death when somebody is cut off by it.
func (c *Cockpit) alarm(o keepwatch.Observation, r keepwatch.Rotation, now time.Time) keepwatch.Observation {
	slot := now.UTC().Truncate(alarmEvery)
	if n := len(r.Evidence); n > 0 && r.Evidence[n-1].At.After(slot) {
		slot = r.Evidence[n-1].At
	}
	o = quiet(o, slot)
	missing, died := rotation.Missing(r), rotation.DiedAt(r)
	at, basis := r.OldEndsAt, "the secret in use ends then; the rotation has to be done before"
	if !died.IsZero() {
		at, basis = died, "the old secret was found dead then"
	}
	if missing == "" || at.IsZero() {
		return o
	}
	k := keepwatch.Clock{Name: alarmClock, Kind: keepwatch.ClockHard, At: at, Source: keepwatch.DateDerived, Basis: basis}
	due := expiry.Look(keepwatch.Credential{}, []keepwatch.Clock{k}, rotation.Reminders, c.Zone(r.Credential), now)[0]
	due.Attention = missing
	o.Due = &due
	when := day(at, c.Zone(r.Credential))
	o.Hint = "Look at the rotation: keepwatch rotate " + string(r.Credential) + " --status."
	switch {
	case !died.IsZero():
		o.Due.Passed = []string{keepwatch.RungExpired}
		o.Outcome, o.Message = keepwatch.Expired, "The old secret is dead since "+when+", and the rotation is not done. "+missing
	case slices.Contains(due.Passed, keepwatch.RungExpired):
		o.Outcome, o.Message = keepwatch.Expired, "The secret in use ended on "+when+", and the rotation is not done. "+missing
	case len(due.Passed) > 0:
		o.Outcome, o.Message = keepwatch.Expiring, "The secret in use ends on "+when+", and the rotation is not done. "+missing
	}
	return o
}
