package ics

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"time"

	"keepwatch"
)

// Path begins the addresses of feeds. They work without an account: no calendar sends a
// header.
const Path = "/calendar/"

// NewFeed makes a feed and the path of its address, which is shown once: only a hash of
// its token is kept.
func NewFeed(owner, by string, now time.Time) (feed keepwatch.Feed, path string) {
	token := newToken()
	return keepwatch.Feed{
		ID: keepwatch.Digest("feed", token), Owner: owner, Hash: HashOf(token), CreatedAt: now.UTC(), CreatedBy: by,
	}, Path + token + ".ics"
}

// newToken is 256 bits of chance: an address nobody finds by trying.
func newToken() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the process instead
	return base64.RawURLEncoding.EncodeToString(b)
}

// HashOf is what is kept of a token. Nothing is gained by a slow hash: a token of
// 256 bits cannot be tried out.
func HashOf(token string) string {
	sum := sha256.Sum256([]byte("feed\x00" + token))
	return hex.EncodeToString(sum[:])
}
