package sim

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"keepwatch"
)

const (
	// secretLife is how long a client secret lives from its generation.
	secretLife = 180 * 24 * time.Hour
	// secretDelay is SFMC's five minutes: between two generates, until a
	// staged secret works and may be activated, and between two activations.
	secretDelay = 5 * time.Minute
)

type secret struct {
	value     string
	generated time.Time
}

func (s secret) ends() time.Time { return s.generated.Add(secretLife) }

// secrets are a package's active and staged secret. Both work from the staged
// one's fifth minute on until it is activated.
type secrets struct {
	active    secret
	staged    *secret
	generated time.Time // last generate
	activated time.Time // last activate
}

// accepts reports whether value is a secret that works at now. ends says
// whether this kind of secret dies of age.
func (s *secrets) accepts(value string, now time.Time, ends bool) bool {
	works := func(x secret, from time.Time) bool {
		return subtle.ConstantTimeCompare([]byte(x.value), []byte(value)) == 1 &&
			!now.Before(from) && (!ends || now.Before(x.ends()))
	}
	if works(s.active, time.Time{}) {
		return true
	}
	return s.staged != nil && works(*s.staged, s.staged.generated.Add(secretDelay))
}

// Generate stages a new secret and returns it in Client.Staged. A staged secret
// that was never activated is overwritten.
func (s *Sim) Generate(id string) (Client, error) {
	return s.change(id, func(c *client, now time.Time) error {
		if !c.hasOAuthSecret() {
			return fmt.Errorf("a %s has no secret to rotate: %w", c.spec.Kind, keepwatch.ErrInvalid)
		}
		if err := tooSoon("generated", c.secrets.generated, now); err != nil {
			return err
		}
		c.secrets.generated = now
		c.secrets.staged = &secret{value: randomText(24), generated: now}
		return nil
	})
}

// Activate makes the staged secret the active one; the old one dies at once.
// The 180 days keep running from the generation.
func (s *Sim) Activate(id string) (Client, error) {
	return s.change(id, func(c *client, now time.Time) error {
		if c.secrets.staged == nil {
			return keepwatch.WithHint(fmt.Errorf("no staged secret: %w", keepwatch.ErrConflict), "generate one first")
		}
		if err := tooSoon("staged", c.secrets.staged.generated, now); err != nil {
			return err
		}
		if err := tooSoon("activated", c.secrets.activated, now); err != nil {
			return err
		}
		c.secrets.active, c.secrets.staged, c.secrets.activated = *c.secrets.staged, nil, now
		return nil
	})
}

func tooSoon(what string, last, now time.Time) error {
	if last.IsZero() || now.Sub(last) >= secretDelay {
		return nil
	}
	return keepwatch.WithHint(
		fmt.Errorf("%s %s ago: %w", what, now.Sub(last).Round(time.Second), keepwatch.ErrConflict),
		"SFMC allows this five minutes later")
}

// Expire ends the active secret now, as if it had been generated 180 days ago.
func (s *Sim) Expire(id string) (Client, error) {
	return s.change(id, func(c *client, now time.Time) error {
		c.secrets.active.generated = now.Add(-secretLife)
		return nil
	})
}

// SetSecret replaces the active secret or password at once: the shortcut for
// stories that are not about rotation.
func (s *Sim) SetSecret(id, value string) (Client, error) {
	return s.change(id, func(c *client, now time.Time) error {
		c.secrets.active = secret{value: value, generated: now}
		return nil
	})
}

// SetGenerated dates the active secret, so that a test can stand near its end.
func (s *Sim) SetGenerated(id string, at time.Time) (Client, error) {
	return s.change(id, func(c *client, _ time.Time) error {
		c.secrets.active.generated = at.UTC()
		return nil
	})
}

// randomText returns n random letters and digits.
func randomText(n int) string {
	var b strings.Builder
	for b.Len() < n {
		raw := make([]byte, n)
		rand.Read(raw)
		b.WriteString(strings.NewReplacer("-", "", "_", "").Replace(base64.RawURLEncoding.EncodeToString(raw)))
	}
	return b.String()[:n]
}
