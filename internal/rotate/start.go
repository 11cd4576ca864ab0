package rotate

import (
	"context"
	"crypto/subtle"
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
	if err := c.check(ctx, cred, in.StagedRef, in.Generated, now); err != nil {
		return keepwatch.Rotation{}, err
	}
	for range attempts {
		before, open, err := c.of(ctx, in.Credential)
		if err != nil {
			return keepwatch.Rotation{}, err
		}
		if open != nil {
			if open.NewRef == in.StagedRef && open.Generated == in.Generated {
				return *open, nil
			}
			return *open, keepwatch.WithHint(fmt.Errorf("a rotation of %q is open (%s, %s): %w", in.Credential, open.ID, open.State, keepwatch.ErrConflict),
				"resume it with the other staged secret, or abort it")
		}
		r := rotation.Begin(keepwatch.Rotation{
			// Two nodes that begin at once make the same id, and one of them loses.
			ID:         keepwatch.RotationID(keepwatch.Digest("rotation", string(cred.ID), strconv.Itoa(before))),
			Credential: cred.ID, Tenant: cred.Tenant, OldRef: cred.SecretRef, NewRef: in.StagedRef, Generated: in.Generated,
			OldEndsAt: c.endOf(cred), Holders: rotation.Holders(cred.Holders),
		}, who(in.By), now)
		err = c.Store.SaveRotation(ctx, r)
		switch {
		case errors.Is(err, keepwatch.ErrConflict):
			continue
		case err != nil:
			return keepwatch.Rotation{}, err
		}
		c.Logger.Info("rotation began", "rotation", r.ID, "credential", r.Credential, "by", r.StartedBy)
		c.Changed(r)
		return c.Store.Rotation(ctx, r.ID)
	}
	return keepwatch.Rotation{}, fmt.Errorf("rotation of %q: others begin one, too: %w", in.Credential, keepwatch.ErrConflict)
}

// of counts the rotations that a credential had, and finds the open one.
func (c *Cockpit) of(ctx context.Context, id keepwatch.CredentialID) (count int, open *keepwatch.Rotation, err error) {
	all, err := c.Store.Rotations(ctx, false)
	for i := range all {
		if all[i].Credential != id {
			continue
		}
		count++
		if rotation.Open(all[i]) {
			open = &all[i]
		}
	}
	return count, open, err
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
func (c *Cockpit) check(ctx context.Context, cred keepwatch.Credential, ref string, generated keepwatch.Date, now time.Time) error {
	// A web app's secret works with a person's sign-in alone, so nothing could be
	// proven; an API user has one password and no staged one.
	if cred.Kind != keepwatch.ServerToServer {
		return keepwatch.WithHint(fmt.Errorf("credential %q is a %s, which has no staged secret that could be proven from here: %w", cred.ID, cred.Kind, keepwatch.ErrInvalid),
			"change it by hand and enter its new date; only installed packages of kind server_to_server are rotated here")
	}
	if err := c.checkDate(cred, generated, now); err != nil {
		return err
	}
	if ref == "" {
		return keepwatch.WithHint(fmt.Errorf("no reference to the staged secret: %w", keepwatch.ErrInvalid), "put the staged secret where Keepwatch can read it and name the place, such as env:CRM_SECRET_NEXT or file:/run/secrets/crm-next")
	}
	if cred.SecretRef == "" {
		return keepwatch.WithHint(fmt.Errorf("credential %q names no secret: %w", cred.ID, keepwatch.ErrInvalid), "enter its reference first")
	}
	if ref == cred.SecretRef {
		return keepwatch.WithHint(fmt.Errorf("the staged secret has the reference of the secret in use, %s: %w", ref, keepwatch.ErrInvalid), "keep both until the rotation is done: the old one has to be proven dead")
	}
	twins, err := c.twins(ctx, ref, cred.SecretRef)
	switch {
	case err != nil:
		return err
	case twins:
		return keepwatch.WithHint(fmt.Errorf("%s and %s hold the same secret: %w", ref, cred.SecretRef, keepwatch.ErrInvalid), "put the staged secret from Setup there")
	}
	return nil
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

// twins reports whether two references hold the same secret. It does so without
// asking SFMC, and keeps neither.
func (c *Cockpit) twins(ctx context.Context, a, b string) (bool, error) {
	first, err := c.read(ctx, a)
	if err != nil {
		return false, err
	}
	second, err := c.read(ctx, b)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(first.Reveal(), second.Reveal()) == 1, nil
}

func (c *Cockpit) read(ctx context.Context, ref string) (keepwatch.Secret, error) {
	s, err := c.Secrets.Resolve(ctx, ref)
	if err == nil && s.Empty() {
		err = keepwatch.WithHint(fmt.Errorf("the reference %s points to nothing: %w", ref, keepwatch.ErrInvalid), "put the secret where the reference points to")
	}
	return s, err
}
