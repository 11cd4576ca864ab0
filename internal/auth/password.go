package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"keepwatch"
)

// GeneratePassword makes the administrator's first password: five groups of four
// characters (99 bits) of an alphabet without 0, 1, i, l and o, which people
// mistake for each other when they read it off a log.
func GeneratePassword() keepwatch.Secret {
	const readable = "23456789abcdefghjkmnpqrstuvwxyz"
	groups := make([]string, 5)
	for i := range groups {
		groups[i] = randomText(readable, 4)
	}
	return keepwatch.NewSecret([]byte(strings.Join(groups, "-")))
}

// The cost of one hash: 19 MiB and two passes, the OWASP profile with the least
// memory that still resists graphics cards. With two at a time sign-in never
// takes more than 38 MiB, whoever knocks.
const (
	argonMemory  = 19 << 10 // KiB
	argonTime    = 2
	argonThreads = 1
	argonSalt    = 16
	argonKey     = 32

	// MaxPassword bounds what a stranger can make us hash.
	MaxPassword = 1024
	minPassword = 12
)

// Hasher hashes and verifies passwords, a bounded number at a time.
type Hasher struct {
	slots chan struct{}
	decoy string // verified for unknown names, so that they take as long
}

// NewHasher makes a Hasher that works on at most concurrent passwords at once;
// others wait in line. Zero means 2.
func NewHasher(concurrent int) *Hasher {
	if concurrent <= 0 {
		concurrent = 2
	}
	salt := make([]byte, argonSalt)
	_, _ = rand.Read(salt)
	return &Hasher{slots: make(chan struct{}, concurrent), decoy: encode(salt, make([]byte, argonKey))}
}

// CheckPassword reports whether a chosen password may be used. Length is the
// only rule: rules about character classes make passwords worse.
func CheckPassword(password []byte) error {
	n := utf8.RuneCount(password)
	if n < minPassword || len(password) > MaxPassword {
		return keepwatch.WithHint(fmt.Errorf("a password of %d characters: %w", n, keepwatch.ErrInvalid),
			fmt.Sprintf("use %d to %d characters", minPassword, MaxPassword))
	}
	return nil
}

// Hash returns what the store keeps in place of the password, in the usual
// "$argon2id$…" form.
func (h *Hasher) Hash(ctx context.Context, password []byte) (string, error) {
	if err := CheckPassword(password); err != nil {
		return "", err
	}
	salt := make([]byte, argonSalt)
	_, _ = rand.Read(salt)
	key, err := h.derive(ctx, password, params{memory: argonMemory, time: argonTime, threads: argonThreads, salt: salt, key: make([]byte, argonKey)})
	if err != nil {
		return "", err
	}
	return encode(salt, key), nil
}

// Verify reports whether password belongs to encoded. A damaged hash is an
// error, a wrong password is not. An empty encoded stands for an unknown name:
// it takes as long and is always wrong.
func (h *Hasher) Verify(ctx context.Context, password []byte, encoded string) (bool, error) {
	unknown := encoded == ""
	if unknown {
		encoded = h.decoy
	}
	p, err := decode(encoded)
	if err != nil {
		return false, err
	}
	if len(password) > MaxPassword {
		return false, nil
	}
	key, err := h.derive(ctx, password, p)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(key, p.key) == 1 && !unknown, nil
}

func (h *Hasher) derive(ctx context.Context, password []byte, p params) ([]byte, error) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	return argon2.IDKey(password, p.salt, p.time, p.memory, p.threads, uint32(len(p.key))), nil
}

type params struct {
	memory, time uint32
	threads      uint8
	salt, key    []byte
}

func encode(salt, key []byte) string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads, b64(salt), b64(key))
}

// decode reads a stored hash. It is our own, but a database that somebody wrote
// into must not be able to make us take gigabytes: the costs are capped.
func decode(encoded string) (params, error) {
	bad := fmt.Errorf("the stored password hash cannot be read: %w", keepwatch.ErrInvalid)
	parts := strings.Split(encoded, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return params{}, bad
	}
	var p params
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.memory, &p.time, &p.threads); n != 3 || err != nil {
		return params{}, bad
	}
	var err error
	if p.salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil {
		return params{}, bad
	}
	if p.key, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil {
		return params{}, bad
	}
	costly := p.memory > 64<<10 || p.time > 10 || p.threads > 4
	if costly || p.memory < 8 || p.time < 1 || p.threads < 1 || len(p.salt) < 8 || len(p.salt) > 64 || len(p.key) < 16 || len(p.key) > 64 {
		return params{}, bad
	}
	return p, nil
}
