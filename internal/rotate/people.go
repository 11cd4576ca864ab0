package rotate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/rotation"
)

// TickHolder notes, for a person with an account, that a holder uses the new secret.
func (c *Cockpit) TickHolder(ctx context.Context, id keepwatch.RotationID, holder, by string) (keepwatch.Rotation, error) {
	now := c.now()
	return c.change(ctx, id, func(r keepwatch.Rotation) (keepwatch.Rotation, error) {
		i, err := holderIn(r, holder)
		if err != nil {
			return r, err
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
func (c *Cockpit) Abort(ctx context.Context, id keepwatch.RotationID, by, why string) (keepwatch.Rotation, error) {
	now := c.now()
	if r, err := c.oldWorks(ctx, id, now); err != nil {
		return r, err
	}
	r, err := c.change(ctx, id, func(r keepwatch.Rotation) (keepwatch.Rotation, error) {
		if !rotation.MayGoBack(r, now) {
			return r, busy(r)
		}
		return rotation.Abort(r, who(by), reason(why), now)
	})
	if err != nil {
		return r, err
	}
	return c.Advance(ctx, id, now) // letters to who has to go back
}

// reason is why somebody does something, as the evidence has it.
func reason(why string) string {
	why = strings.ToValidUTF8(strings.Join(strings.Fields(why), " "), "")
	if runes := []rune(why); len(runes) > maxReason {
		why = string(runes[:maxReason]) + "…"
	}
	if why == "" {
		return ""
	}
	return "Reason: " + strings.TrimRight(why, ".") + "."
}

const maxReason = 500

// Ask has done at once what would be done later anyway: SFMC is asked, or the record is
// looked at.
func (c *Cockpit) Ask(ctx context.Context, id keepwatch.RotationID) (keepwatch.Rotation, error) {
	now := c.now()
	if r, err := c.change(ctx, id, func(r keepwatch.Rotation) (keepwatch.Rotation, error) { return rotation.Asked(r, now) }); err != nil {
		return r, err
	}
	return c.Advance(ctx, id, now)
}

// Write sends a holder another letter. Its link takes the place of the one before.
func (c *Cockpit) Write(ctx context.Context, id keepwatch.RotationID, holder string) (keepwatch.Rotation, error) {
	now := c.now()
	r, err := c.change(ctx, id, func(r keepwatch.Rotation) (keepwatch.Rotation, error) {
		i, err := holderIn(r, holder)
		if err != nil {
			return r, err
		}
		return rotation.LetterDue(r, i, now)
	})
	if err != nil {
		return r, err
	}
	return c.Advance(ctx, id, now)
}

func holderIn(r keepwatch.Rotation, name string) (int, error) {
	i := slices.IndexFunc(r.Holders, func(h keepwatch.RotationHolder) bool { return h.Name == name })
	if i < 0 {
		return i, keepwatch.WithHint(fmt.Errorf("rotation %s has no holder %.200q: %w", r.ID, name, keepwatch.ErrNotFound), "write the name as the tick-list shows it")
	}
	return i, nil
}

// Resume goes on with a rotation that waits for a person or was aborted, or begins
// it anew with another staged secret.
func (c *Cockpit) Resume(ctx context.Context, in ResumeRequest) (keepwatch.Rotation, error) {
	now := c.now()
	before, err := c.Store.Rotation(ctx, in.ID)
	if err != nil {
		return before, err
	}
	cred, _, err := c.Records.Record(ctx, before.Credential)
	if err != nil {
		return before, err
	}
	staging, err := c.restaged(ctx, before, cred, in, now)
	if err != nil {
		return before, err
	}
	r, err := c.resume(ctx, before, staging, now)
	if err != nil {
		if !in.Staged.Empty() {
			c.forget(ctx, cred.ID, staging.Ref, before.NewRef)
		}
		return r, err
	}
	c.forget(ctx, cred.ID, before.NewRef, r.NewRef)
	return r, nil
}

// restaged is what a rotation goes on with. A secret that is given itself is sealed
// as the last step, when nothing else is against it.
func (c *Cockpit) restaged(ctx context.Context, r keepwatch.Rotation, cred keepwatch.Credential, in ResumeRequest, now time.Time) (rotation.Staging, error) {
	staging := rotation.Staging{Ref: r.NewRef, Generated: r.Generated, Holders: cred.Holders, By: who(in.By)}
	given := staged{ref: in.StagedRef, secret: in.Staged, generated: in.Generated}
	other := given.ref != "" || !given.secret.Empty()
	switch {
	case !other && given.generated.IsZero():
		given = staged{ref: r.NewRef, generated: r.Generated}
	case !other:
		given.ref = r.NewRef
	}
	if r.State != keepwatch.RotationActivated && r.State != keepwatch.RotationDone {
		if cred.SecretRef != r.OldRef {
			return staging, keepwatch.WithHint(fmt.Errorf("rotation %s began when the secret was %s, and it is %s now: %w", r.ID, r.OldRef, cred.SecretRef, keepwatch.ErrConflict),
				"abort it and begin another one")
		}
		if err := c.check(ctx, cred, given, now); err != nil {
			return staging, err
		}
	}
	same, err := c.sameStaged(ctx, r, given)
	if same {
		return staging, nil
	}
	staging.Generated = given.generated
	if r.State == keepwatch.RotationActivated || r.State == keepwatch.RotationDone {
		staging.Ref = "another" // refused by the state machine, whatever it is
		return staging, nil
	}
	if err != nil {
		c.Logger.Info("the staged secret that a rotation had cannot be read any more", "rotation", r.ID)
	}
	staging.Ref, err = c.stage(ctx, cred, given, staging.By, now)
	return staging, err
}

func (c *Cockpit) resume(ctx context.Context, before keepwatch.Rotation, staging rotation.Staging, now time.Time) (keepwatch.Rotation, error) {
	if staging.Ref != before.NewRef || staging.Generated != before.Generated {
		if r, err := c.oldWorks(ctx, before.ID, now); err != nil {
			return r, err
		}
	}
	return c.change(ctx, before.ID, func(r keepwatch.Rotation) (keepwatch.Rotation, error) {
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
