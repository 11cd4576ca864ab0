package rotate

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/secrets"
)

// staged is a staged secret as a person hands it over: its reference, or itself.
type staged struct {
	ref       string
	secret    keepwatch.Secret
	generated keepwatch.Date
}

// checkStaged refuses a staged secret that cannot be read, or that is the one in use.
func (c *Cockpit) checkStaged(ctx context.Context, cred keepwatch.Credential, given staged) error {
	switch {
	case given.ref == "" && given.secret.Empty():
		return keepwatch.WithHint(fmt.Errorf("no staged secret is given: %w", keepwatch.ErrInvalid), "put it where Keepwatch can read it and name the place, such as env:CRM_SECRET_NEXT or file:/run/secrets/crm-next; or give it itself, to be sealed")
	case given.ref != "" && !given.secret.Empty():
		return keepwatch.WithHint(fmt.Errorf("the staged secret is given itself and by a reference: %w", keepwatch.ErrInvalid), "give one of the two")
	case given.ref == cred.SecretRef:
		return keepwatch.WithHint(fmt.Errorf("the staged secret has the reference of the secret in use, %s: %w", cred.SecretRef, keepwatch.ErrInvalid), "keep both until the rotation is done: the old one has to be proven dead")
	case !secrets.Owns(cred.ID, given.ref):
		return keepwatch.WithHint(fmt.Errorf("the sealed secret belongs to another record: %w", keepwatch.ErrInvalid), "give the staged secret itself")
	}
	fresh, err := c.reveal(ctx, given)
	if err != nil {
		return refused("the staged secret cannot be read", err)
	}
	used, err := c.read(ctx, cred.SecretRef)
	if err != nil {
		return refused("the secret in use cannot be read", err)
	}
	if equal(fresh, used) {
		return keepwatch.WithHint(fmt.Errorf("the staged secret is the same as the one in use, %s: %w", cred.SecretRef, keepwatch.ErrInvalid), "give the staged secret from Setup")
	}
	return nil
}

// refused is an error of what was given: whoever gave it is told why, and can mend it.
// What the daemon alone cannot do would be hidden from clients.
func refused(what string, err error) error {
	return keepwatch.WithHint(fmt.Errorf("%s: %s: %w", what, strings.TrimSuffix(err.Error(), ": "+keepwatch.ErrInvalid.Error()), keepwatch.ErrInvalid), keepwatch.HintOf(err))
}

func (c *Cockpit) reveal(ctx context.Context, given staged) (keepwatch.Secret, error) {
	if given.ref == "" {
		return given.secret, nil
	}
	return c.read(ctx, given.ref)
}

// sameStaged reports whether a rotation runs with the staged secret that is given.
func (c *Cockpit) sameStaged(ctx context.Context, r keepwatch.Rotation, given staged) (bool, error) {
	if given.generated != r.Generated {
		return false, nil
	}
	if given.ref != "" {
		return given.ref == r.NewRef, nil
	}
	known, err := c.read(ctx, r.NewRef)
	return err == nil && equal(known, given.secret), err
}

// stage is the reference of what is given; a secret itself is sealed for it.
func (c *Cockpit) stage(ctx context.Context, cred keepwatch.Credential, given staged, by string, now time.Time) (string, error) {
	if given.ref != "" {
		return given.ref, nil
	}
	ref, err := c.Records.Stage(ctx, cred, given.secret, by, now)
	if errors.Is(err, keepwatch.ErrUnavailable) {
		err = refused("the staged secret cannot be sealed", err)
	}
	return ref, err
}

// tidyAfter is how long the sealed staged secret of a rotation that is done is kept:
// until every node signs in with what the record names.
const tidyAfter = 10 * time.Minute

// tidy forgets the sealed staged secret of a rotation that is done: the record has
// its own copy. That of an aborted one stays, so that it can be resumed, until
// another rotation begins.
func (c *Cockpit) tidy(ctx context.Context, r keepwatch.Rotation, now time.Time) {
	if r.State != keepwatch.RotationDone || now.Before(r.EndedAt.Add(tidyAfter)) {
		return
	}
	cred, _, err := c.Records.Record(ctx, r.Credential)
	if err == nil {
		c.forget(ctx, r.Credential, r.NewRef, cred.SecretRef)
	}
}

// forget drops a sealed staged secret that is not the one to keep. What is left
// behind by a failure is only there for nothing, so it fails nobody.
func (c *Cockpit) forget(ctx context.Context, id keepwatch.CredentialID, ref, keep string) {
	if ref == keep {
		return
	}
	if err := c.Records.Unstage(ctx, id, ref); err != nil {
		c.Logger.Warn("a sealed secret that is not needed any more could not be dropped", "credential", id, "error", err)
	}
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
	return equal(first, second), nil
}

func equal(a, b keepwatch.Secret) bool {
	return subtle.ConstantTimeCompare(a.Reveal(), b.Reveal()) == 1
}

func (c *Cockpit) read(ctx context.Context, ref string) (keepwatch.Secret, error) {
	s, err := c.Secrets.Resolve(ctx, ref)
	if err == nil && s.Empty() {
		err = keepwatch.WithHint(fmt.Errorf("the reference %s points to nothing: %w", ref, keepwatch.ErrInvalid), "put the secret where the reference points to")
	}
	return s, err
}
