package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"keepwatch"
)

const (
	// SessionLife is how long a sign-in lasts, used or not: a working day.
	SessionLife = 12 * time.Hour
	sessionKey  = 32
	maxCookie   = 1024
)

// CookieName is the session cookie's. The __Host- prefix binds it to this very
// host, but browsers accept it over https only.
func CookieName(secure bool) string {
	if secure {
		return "__Host-keepwatch"
	}
	return "keepwatch"
}

// NewSessionKey makes the key that signs sessions, as text for the store's
// settings. Whoever replaces it there ends every session.
func NewSessionKey() string {
	key := make([]byte, sessionKey)
	_, _ = rand.Read(key) // never fails: crypto/rand ends the process instead
	return base64.RawURLEncoding.EncodeToString(key)
}

// Sessions issues and reads signed cookie values. There is no table of sessions:
// the signature proves the value, and the user's epoch revokes it.
type Sessions struct{ key []byte }

// NewSessions takes the text of NewSessionKey.
func NewSessions(key string) (*Sessions, error) {
	b, err := base64.RawURLEncoding.DecodeString(key)
	if err != nil || len(b) < sessionKey {
		return nil, fmt.Errorf("the session key cannot be used: %w", keepwatch.ErrInvalid)
	}
	return &Sessions{key: b}, nil
}

// Session is what a cookie value says. It says nothing of the role: that is read
// from the user at each request, so that a change counts at once.
type Session struct {
	User    string
	Epoch   int64 // the user's at sign-in; a higher one since then ends the session
	Expires time.Time
}

// Issue makes a new cookie value. Each one carries 16 random bytes, so that a
// sign-in never hands out a value that somebody may have planted before.
func (s *Sessions) Issue(user string, epoch int64, now time.Time) (value string, expires time.Time) {
	expires = now.Add(SessionLife).UTC().Truncate(time.Second)
	body := make([]byte, 16, 32+len(user))
	_, _ = rand.Read(body)
	body = binary.BigEndian.AppendUint64(body, uint64(epoch))
	body = binary.BigEndian.AppendUint64(body, uint64(expires.Unix()))
	body = append(body, user...)
	b64 := base64.RawURLEncoding.EncodeToString
	return b64(body) + "." + b64(s.sign(body)), expires
}

// Read checks signature and expiry. Whether the epoch still holds is for the
// caller, who has the user: see Gate.
func (s *Sessions) Read(value string, now time.Time) (Session, error) {
	bad := refused("the session is not valid", "sign in again")
	first, second, found := strings.Cut(value, ".")
	if !found || len(value) > maxCookie {
		return Session{}, bad
	}
	// Strict: without it the last character has spare bits, and several texts
	// would be one session.
	b64 := base64.RawURLEncoding.Strict()
	body, err := b64.DecodeString(first)
	if err != nil || len(body) < 32 {
		return Session{}, bad
	}
	mac, err := b64.DecodeString(second)
	if err != nil || !hmac.Equal(mac, s.sign(body)) {
		return Session{}, bad
	}
	session := Session{
		Epoch:   int64(binary.BigEndian.Uint64(body[16:])),
		Expires: time.Unix(int64(binary.BigEndian.Uint64(body[24:])), 0).UTC(),
		User:    string(body[32:]),
	}
	if !now.Before(session.Expires) {
		return Session{}, refused("the session has ended", "sign in again")
	}
	return session, nil
}

func (s *Sessions) sign(body []byte) []byte {
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte("keepwatch session v1\x00"))
	mac.Write(body)
	return mac.Sum(nil)
}
