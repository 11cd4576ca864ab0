package rotate

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"keepwatch"
	"keepwatch/internal/rotation"
)

// tokenBytes make a link that nobody guesses: 256 bits.
const tokenBytes = 32

func newToken() string {
	b := make([]byte, tokenBytes)
	_, _ = rand.Read(b) // never fails: it ends the process instead
	return base64.RawURLEncoding.EncodeToString(b)
}

// hashOf is what is kept of a token. A random token needs no slow hash.
func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// TickOf says what a holder's link would do. It changes nothing, so that a mail
// filter that follows links ticks nobody off.
func (c *Cockpit) TickOf(ctx context.Context, token string) (TickView, error) {
	r, i, err := c.byToken(ctx, token)
	if err != nil {
		return TickView{}, err
	}
	return tickView(r, i), nil
}

// Tick notes that the holder behind a link has switched. Doing it twice changes
// nothing. by is who says so; the link alone says which holder.
func (c *Cockpit) Tick(ctx context.Context, token, by string) (TickView, error) {
	found, _, err := c.byToken(ctx, token)
	if err != nil {
		return TickView{}, err
	}
	now, hash := c.now(), hashOf(token)
	r, err := c.change(ctx, found.ID, func(r keepwatch.Rotation) (keepwatch.Rotation, error) {
		i := holderOf(r, hash)
		if i < 0 {
			return r, replaced()
		}
		if strings.TrimSpace(by) == "" {
			by = "the link of " + r.Holders[i].Name
		}
		return rotation.Switched(r, i, who(by), now)
	})
	if err != nil {
		return TickView{}, err
	}
	return tickView(r, holderOf(r, hash)), nil
}

func (c *Cockpit) byToken(ctx context.Context, token string) (keepwatch.Rotation, int, error) {
	if len(token) != base64.RawURLEncoding.EncodedLen(tokenBytes) {
		return keepwatch.Rotation{}, 0, replaced()
	}
	hash := hashOf(token)
	r, err := c.Store.RotationByTick(ctx, hash)
	if errors.Is(err, keepwatch.ErrNotFound) {
		return keepwatch.Rotation{}, 0, replaced()
	}
	if err != nil {
		return keepwatch.Rotation{}, 0, err
	}
	i := holderOf(r, hash)
	if i < 0 {
		return keepwatch.Rotation{}, 0, replaced()
	}
	return r, i, nil
}

func holderOf(r keepwatch.Rotation, hash string) int {
	return slices.IndexFunc(r.Holders, func(h keepwatch.RotationHolder) bool { return h.TickHash != "" && h.TickHash == hash })
}

func replaced() error {
	return keepwatch.WithHint(fmt.Errorf("this link leads nowhere: %w", keepwatch.ErrNotFound), "use the link of the newest letter; each one replaces the one before")
}

func tickView(r keepwatch.Rotation, i int) TickView {
	h := r.Holders[i]
	v := TickView{
		Rotation: r.ID, Credential: r.Credential, Tenant: r.Tenant, Holder: h.Name, State: r.State,
		OldEndsAt: r.OldEndsAt, SwitchedAt: h.SwitchedAt, SwitchedBy: h.SwitchedBy,
	}
	switch {
	case r.State == keepwatch.RotationAborted:
		v.Says = fmt.Sprintf("The rotation of %s was aborted. %s must use the secret that was in use before.", r.Credential, h.Name)
	case !h.SwitchedAt.IsZero():
		v.Says = fmt.Sprintf("%s is noted as switched to the new secret of %s. Nothing is left to do.", h.Name, r.Credential)
	case r.State == keepwatch.RotationStaged:
		v.Says = fmt.Sprintf("The new secret of %s is not proven yet. Wait for the next letter.", r.Credential)
	default:
		v.Open = true
		v.Says = fmt.Sprintf("This notes that %s uses the new secret of %s from now on, and no longer the old one. When every holder has, the old secret is switched off.", h.Name, r.Credential)
	}
	return v
}
