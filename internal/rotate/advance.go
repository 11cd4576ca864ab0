package rotate

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"keepwatch"
	"keepwatch/internal/rotation"
)

const (
	// turns bounds what one call does; a rotation needs fewer.
	turns = 12
	// answerWithin is how long an answer may take to be written down once it is known,
	// whatever became of the caller: a lost one counts against the secret.
	answerWithin = 10 * time.Second
)

// Advance takes a rotation as far as it goes now. The check of kind rotation calls
// it; calling it twice, on two nodes, or after a crash at any point is safe.
func (c *Cockpit) Advance(ctx context.Context, id keepwatch.RotationID, now time.Time) (keepwatch.Rotation, error) {
	now = moment(now)
	r, err := c.Store.Rotation(ctx, id)
	for range turns {
		if err != nil {
			break
		}
		do := rotation.Next(r, now)
		if do == rotation.Nothing {
			break
		}
		r, err = c.do(ctx, do, r, now)
	}
	return r, err
}

func (c *Cockpit) do(ctx context.Context, do rotation.Do, r keepwatch.Rotation, now time.Time) (keepwatch.Rotation, error) {
	switch do {
	case rotation.Notify:
		return c.notify(ctx, r, now)
	case rotation.WriteRecord:
		return c.record(ctx, r, now)
	}
	cred, tenant, err := c.Records.Record(ctx, r.Credential)
	switch {
	case errors.Is(err, keepwatch.ErrNotFound):
		return c.change(ctx, r.ID, func(r keepwatch.Rotation) (keepwatch.Rotation, error) {
			return rotation.Gone(r, now), nil
		})
	case err != nil:
		return r, err
	}
	if do == rotation.AskOld {
		if why := c.unaskable(ctx, r); why != "" {
			return c.change(ctx, r.ID, func(r keepwatch.Rotation) (keepwatch.Rotation, error) {
				return rotation.OldUnaskable(r, why, now), nil
			})
		}
	}
	return c.ask(ctx, do, r, cred, tenant, now)
}

// unaskable says why the old secret cannot be asked: whoever keeps it has put the
// new one in its place, or taken it away. Sending the new one would prove nothing.
func (c *Cockpit) unaskable(ctx context.Context, r keepwatch.Rotation) string {
	twins, err := c.twins(ctx, r.OldRef, r.NewRef)
	switch {
	case err != nil:
		return "The secret behind " + r.OldRef + " or " + r.NewRef + " cannot be read, so it cannot be proven whether the old secret is dead."
	case twins:
		return r.OldRef + " holds the new secret by now, so it cannot be proven whether the old one is dead."
	}
	return ""
}

// ask spends one token request. The claim goes first: only the node whose claim is
// saved asks, and when it dies before the answer is saved, the claim stays as a try.
func (c *Cockpit) ask(ctx context.Context, do rotation.Do, r keepwatch.Rotation, cred keepwatch.Credential, tenant keepwatch.Tenant, now time.Time) (keepwatch.Rotation, error) {
	claimed, question := rotation.Ask(r, do, rand.Text()[:8], now)
	if err := c.Store.SaveRotation(ctx, claimed); errors.Is(err, keepwatch.ErrConflict) {
		return c.Store.Rotation(ctx, r.ID)
	} else if err != nil {
		return r, err
	}
	answer := rotation.Judge(c.Prober.Run(ctx, proof(cred, r, do), tenant, slot(r, now)))
	c.Logger.Info("rotation asked", "rotation", r.ID, "credential", r.Credential, "question", do, "verdict", answer.Verdict, "outcome", answer.Outcome)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerWithin)
	defer cancel()
	return c.change(ctx, r.ID, func(r keepwatch.Rotation) (keepwatch.Rotation, error) {
		return rotation.Answered(r, do, question, answer, now), nil
	})
}

// proof is the credential with the secret that is asked about. No test rides along:
// the token request says all that has to be known, and is the only one.
func proof(cred keepwatch.Credential, r keepwatch.Rotation, do rotation.Do) keepwatch.Credential {
	cred.Tests = nil
	cred.SecretRef = r.NewRef
	cred.SecretGenerated, cred.Deadline = r.Generated, keepwatch.SecretDeadline(r.Generated)
	if do == rotation.AskOld {
		cred.SecretRef = r.OldRef
		cred.Deadline = keepwatch.Deadline{At: r.OldEndsAt, Source: keepwatch.DateDerived}
	}
	return cred
}

func slot(r keepwatch.Rotation, now time.Time) keepwatch.Slot {
	check := keepwatch.CheckOf(keepwatch.CheckRotation, r.Credential)
	return keepwatch.Slot{
		Check: keepwatch.Check{ID: check, Kind: keepwatch.CheckRotation, Credential: r.Credential, Tenant: r.Tenant, Phase: keepwatch.PhaseOf(r.Tenant, check)},
		At:    now, Reason: keepwatch.ReasonScheduled,
	}
}

// record brings the new reference and date into the record. One that belongs to a
// file is for its owner to change; the cockpit says which line and waits.
func (c *Cockpit) record(ctx context.Context, r keepwatch.Rotation, now time.Time) (keepwatch.Rotation, error) {
	cred, _, err := c.Records.Record(ctx, r.Credential)
	if errors.Is(err, keepwatch.ErrNotFound) {
		return c.change(ctx, r.ID, func(r keepwatch.Rotation) (keepwatch.Rotation, error) { return rotation.Gone(r, now), nil })
	}
	if err != nil {
		return r, err
	}
	says := fmt.Sprintf("The record of %s names %s, generated %s: its 180 days count from then and end on %s.",
		r.Credential, cmpRef(cred, r), r.Generated, r.Generated.AddDays(secretDays))
	done, err := c.named(ctx, cred, r)
	switch {
	case err != nil:
		return r, err
	case !done && cred.File != "":
		return c.change(ctx, r.ID, func(r keepwatch.Rotation) (keepwatch.Rotation, error) {
			return rotation.RecordWaits(r, fileAdvice(cred, r), now), nil
		})
	case !done:
		if err := c.Records.Renew(ctx, r.Credential, r.NewRef, r.Generated, rotation.Keepwatch, now); err != nil {
			return r, err
		}
	}
	return c.change(ctx, r.ID, func(r keepwatch.Rotation) (keepwatch.Rotation, error) { return rotation.Recorded(r, says, now), nil })
}

func cmpRef(cred keepwatch.Credential, r keepwatch.Rotation) string {
	if cred.File != "" {
		return cred.SecretRef
	}
	return r.NewRef
}

// named reports whether the record names the new secret: by its reference, or by
// the old one that holds it by now, with the right date in either case.
func (c *Cockpit) named(ctx context.Context, cred keepwatch.Credential, r keepwatch.Rotation) (bool, error) {
	if cred.SecretGenerated != r.Generated || c.staleEnd(cred, r) {
		return false, nil
	}
	if cred.SecretRef == r.NewRef {
		return true, nil
	}
	return c.twins(ctx, cred.SecretRef, r.NewRef)
}

// staleEnd reports whether the record still has an end that somebody typed for the
// old secret: it would beat the one that follows from the generation date.
func (c *Cockpit) staleEnd(cred keepwatch.Credential, r keepwatch.Rotation) bool {
	return !cred.Expires.IsZero() && !cred.Expires.In(c.Zone(cred.ID)).After(later(r.OldEndsAt, r.StartedAt))
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func fileAdvice(cred keepwatch.Credential, r keepwatch.Rotation) string {
	s := fmt.Sprintf("%s defines %s. Set there secret: %s (now %s) and secret_generated: %s (now %s)",
		cred.File, cred.ID, r.NewRef, orNothing(cred.SecretRef), r.Generated, orNothing(cred.SecretGenerated.String()))
	if !cred.Expires.IsZero() {
		s += fmt.Sprintf(", take expires: %s away", cred.Expires)
	}
	return s + ", and reload. The rotation ends when the configuration says so; until then the tests use the new secret all the same."
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}
