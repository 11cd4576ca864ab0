package rotate

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"keepwatch"
	"keepwatch/internal/rotation"
)

// secretDays is how long a client secret lives from its generation.
const secretDays = 180

// Start begins a rotation. Asked again with the same staged secret it answers with
// the rotation that is open; with another one it is refused.
func (c *Cockpit) Start(ctx context.Context, in StartRequest) (keepwatch.Rotation, error) {
	now := c.now()
	cred, _, err := c.Records.Record(ctx, in.Credential)
	if err != nil {
		return keepwatch.Rotation{}, err
	}
	given := staged{ref: in.StagedRef, secret: in.Staged, generated: in.Generated}
	if err := c.check(ctx, cred, given, now); err != nil {
		return keepwatch.Rotation{}, err
	}
	for range attempts {
		before, open, err := c.of(ctx, in.Credential)
		if err != nil {
			return keepwatch.Rotation{}, err
		}
		if open != nil {
			return *open, c.begun(ctx, *open, given)
		}
		r, err := c.begin(ctx, cred, given, len(before), who(in.By), now)
		if errors.Is(err, keepwatch.ErrConflict) {
			continue
		}
		if err != nil {
			return keepwatch.Rotation{}, err
		}
		c.Logger.Info("rotation began", "rotation", r.ID, "credential", r.Credential, "by", r.StartedBy)
		c.Changed(r)
		for _, old := range before {
			c.forget(ctx, old.Credential, old.NewRef, r.NewRef)
		}
		return c.Store.Rotation(ctx, r.ID)
	}
	return keepwatch.Rotation{}, fmt.Errorf("rotation of %q: others begin one, too: %w", in.Credential, keepwatch.ErrConflict)
}

// begun says whether the rotation that is open is the one that is asked for.
func (c *Cockpit) begun(ctx context.Context, open keepwatch.Rotation, given staged) error {
	same, err := c.sameStaged(ctx, open, given)
	if err != nil || same {
		return err
	}
	return keepwatch.WithHint(fmt.Errorf("a rotation of %q is open (%s, %s): %w", open.Credential, open.ID, open.State, keepwatch.ErrConflict),
		"resume it with the other staged secret, or abort it")
}

// begin saves a new rotation. A secret that was sealed for one that could not be
// saved is forgotten.
func (c *Cockpit) begin(ctx context.Context, cred keepwatch.Credential, given staged, before int, by string, now time.Time) (keepwatch.Rotation, error) {
	ref, err := c.stage(ctx, cred, given, by, now)
	if err != nil {
		return keepwatch.Rotation{}, err
	}
	r := rotation.Begin(keepwatch.Rotation{
		// Two nodes that begin at once make the same id, and one of them loses.
		ID:         keepwatch.RotationID(keepwatch.Digest("rotation", string(cred.ID), strconv.Itoa(before))),
		Credential: cred.ID, Tenant: cred.Tenant, OldRef: cred.SecretRef, NewRef: ref, Generated: given.generated,
		OldEndsAt: c.endOf(cred), Holders: rotation.Holders(cred.Holders),
	}, by, now)
	err = c.Store.SaveRotation(ctx, r)
	if errors.Is(err, keepwatch.ErrConflict) {
		c.forget(ctx, cred.ID, ref, given.ref)
	}
	return r, err
}

// of are the rotations that a credential had, and the open one.
func (c *Cockpit) of(ctx context.Context, id keepwatch.CredentialID) (before []keepwatch.Rotation, open *keepwatch.Rotation, err error) {
	all, err := c.Store.Rotations(ctx, false)
	for i := range all {
		if all[i].Credential != id {
			continue
		}
		before = append(before, all[i])
		if rotation.Open(all[i]) {
			open = &all[i]
		}
	}
	return before, open, err
}

// endOf is when the secret in use ends: its hard clock, or 180 days in the zone of
// its calendar.
func (c *Cockpit) endOf(cred keepwatch.Credential) time.Time {
	for _, k := range cred.Clocks {
		if k.Kind == keepwatch.ClockHard && k.Known() {
			return moment(k.At)
		}
	}
	if !cred.Deadline.At.IsZero() {
		return moment(cred.Deadline.At)
	}
	if cred.SecretGenerated.IsZero() {
		return time.Time{}
	}
	return moment(cred.SecretGenerated.AddDays(secretDays).In(c.Zone(cred.ID)))
}

// check refuses what cannot become a rotation before anything is written, and
// before a token is asked for.
func (c *Cockpit) check(ctx context.Context, cred keepwatch.Credential, given staged, now time.Time) error {
	// A web app's secret works with a person's sign-in alone, so nothing could be
	// proven; an API user has one password and no staged one.
	if cred.Kind != keepwatch.ServerToServer {
		return keepwatch.WithHint(fmt.Errorf("credential %q is a %s, which has no staged secret that could be proven from here: %w", cred.ID, cred.Kind, keepwatch.ErrInvalid),
			"change it by hand and enter its new date; only installed packages of kind server_to_server are rotated here")
	}
	if cred.SecretRef == "" {
		return keepwatch.WithHint(fmt.Errorf("credential %q names no secret: %w", cred.ID, keepwatch.ErrInvalid), "enter its reference first")
	}
	if err := c.checkDate(cred, given.generated, now); err != nil {
		return err
	}
	return c.checkStaged(ctx, cred, given)
}

func (c *Cockpit) checkDate(cred keepwatch.Credential, generated keepwatch.Date, now time.Time) error {
	zone := c.Zone(cred.ID)
	switch {
	case generated.IsZero():
		return keepwatch.WithHint(fmt.Errorf("no generation date of the staged secret: %w", keepwatch.ErrInvalid), "give the day on which it was generated in Setup; its 180 days count from then")
	case generated.In(zone).After(now.Add(24 * time.Hour)): // people in other zones may be a day ahead
		return keepwatch.WithHint(fmt.Errorf("the staged secret was generated on %s, which is yet to come: %w", generated, keepwatch.ErrInvalid), "look at the year and the month")
	case !generated.AddDays(secretDays).In(zone).After(now):
		return keepwatch.WithHint(fmt.Errorf("a secret generated on %s has ended: %w", generated, keepwatch.ErrInvalid), "generate a new one in Setup")
	case generated.Before(cred.SecretGenerated):
		return keepwatch.WithHint(fmt.Errorf("the staged secret was generated on %s, before the one in use (%s): %w", generated, cred.SecretGenerated, keepwatch.ErrInvalid), "look at both dates")
	}
	return nil
}
