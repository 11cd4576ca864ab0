package rotate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"keepwatch"
	"keepwatch/internal/rotation"
)

// TickHolder notes, for a person with an account, that a holder uses the new secret.
func (c *Cockpit) TickHolder(ctx context.Context, id keepwatch.RotationID, holder, by string) (keepwatch.Rotation, error) {
	now := c.now()
	return c.change(ctx, id, func(r keepwatch.Rotation) (keepwatch.Rotation, error) {
		i := slices.IndexFunc(r.Holders, func(h keepwatch.RotationHolder) bool { return h.Name == holder })
		if i < 0 {
			return r, keepwatch.WithHint(fmt.Errorf("rotation %s has no holder %q: %w", id, holder, keepwatch.ErrNotFound), "write the name as the tick-list shows it")
		}
		return rotation.Switched(r, i, who(by), now)
	})
}

// Activated notes that a person has activated the staged secret in Setup. The
// cockpit would notice by itself, up to 15 minutes later.
func (c *Cockpit) Activated(ctx context.Context, id keepwatch.RotationID, by string) (keepwatch.Rotation, error) {
	now := c.now()
	return c.change(ctx, id, func(r keepwatch.Rotation) (keepwatch.Rotation, error) {
		return rotation.Activated(r, who(by), now)
	})
}

// Abort ends a rotation; the secret in use stays in use. Once the tests use the new
// secret the old one is asked first: where it is dead, there is no way back, and a
// test that went back to it would fail.
func (c *Cockpit) Abort(ctx context.Context, id keepwatch.RotationID, by string) (keepwatch.Rotation, error) {
	now := c.now()
	if r, err := c.oldWorks(ctx, id, now); err != nil {
		return r, err
	}
	r, err := c.change(ctx, id, func(r keepwatch.Rotation) (keepwatch.Rotation, error) {
		if !rotation.MayGoBack(r, now) {
			return r, busy(r)
		}
		return rotation.Abort(r, who(by), "", now)
	})
	if err != nil {
		return r, err
	}
	return c.Advance(ctx, id, now) // letters to who has to go back
}

// Resume goes on with a rotation that waits for a person or was aborted, or begins
// it anew with another staged secret.
func (c *Cockpit) Resume(ctx context.Context, in ResumeRequest) (keepwatch.Rotation, error) {
	now := c.now()
	r, err := c.Store.Rotation(ctx, in.ID)
	if err != nil {
		return r, err
	}
	cred, _, err := c.Records.Record(ctx, r.Credential)
	if err != nil {
		return r, err
	}
	staging := rotation.Staging{Ref: in.StagedRef, Generated: in.Generated, Holders: cred.Holders, By: who(in.By)}
	if staging.Ref == "" {
		staging.Ref, staging.Generated = r.NewRef, r.Generated
	}
	if r.State != keepwatch.RotationActivated && r.State != keepwatch.RotationDone {
		if cred.SecretRef != r.OldRef {
			return r, keepwatch.WithHint(fmt.Errorf("rotation %s began when the secret was %s, and it is %s now: %w", r.ID, r.OldRef, cred.SecretRef, keepwatch.ErrConflict),
				"abort it and begin another one")
		}
		if err := c.check(ctx, cred, staging.Ref, staging.Generated, now); err != nil {
			return r, err
		}
	}
	if staging.Ref != r.NewRef || staging.Generated != r.Generated {
		if r, err := c.oldWorks(ctx, in.ID, now); err != nil {
			return r, err
		}
	}
	return c.change(ctx, in.ID, func(r keepwatch.Rotation) (keepwatch.Rotation, error) {
		if r.State != keepwatch.RotationActivated && !rotation.MayGoBack(r, now) {
			return r, busy(r)
		}
		return rotation.Resume(r, staging, now)
	})
}

// oldWorks proves that the tests may go back to the old secret, where they have left
// it. It spends a token request only then.
func (c *Cockpit) oldWorks(ctx context.Context, id keepwatch.RotationID, now time.Time) (keepwatch.Rotation, error) {
	r, err := c.Store.Rotation(ctx, id)
	if err != nil || r.State != keepwatch.RotationProven && r.State != keepwatch.RotationSwitched {
		return r, err
	}
	if rotation.Asking(r, now) || rotation.JustActivated(r, now) {
		return r, busy(r)
	}
	if why := c.unaskable(ctx, r); why != "" {
		return r, keepwatch.WithHint(fmt.Errorf("rotation %s cannot go back: %s: %w", id, why, keepwatch.ErrConflict), "put the old secret back where it was, or go on")
	}
	cred, tenant, err := c.Records.Record(ctx, r.Credential)
	if errors.Is(err, keepwatch.ErrNotFound) {
		return c.change(ctx, id, func(r keepwatch.Rotation) (keepwatch.Rotation, error) { return rotation.Gone(r, now), nil })
	}
	if err != nil {
		return r, err
	}
	if r, err = c.ask(ctx, rotation.AskOld, r, cred, tenant, now); err != nil {
		return r, err
	}
	if r.State == keepwatch.RotationActivated {
		return r, keepwatch.WithHint(fmt.Errorf("rotation %s: the old secret is dead, so there is no way back: %w", id, keepwatch.ErrConflict), "see that every holder switches")
	}
	if !rotation.MayGoBack(r, now) {
		return r, keepwatch.WithHint(fmt.Errorf("rotation %s: SFMC did not say whether the old secret still works: %w", id, keepwatch.ErrUnavailable), "try again when it answers; nothing was changed")
	}
	return r, nil
}

func busy(r keepwatch.Rotation) error {
	return keepwatch.WithHint(fmt.Errorf("rotation %s: whether the old secret still works is being found out: %w", r.ID, keepwatch.ErrConflict), "try again in five minutes")
}
