package view

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
)

// CalendarPath begins the addresses of calendar feeds. They work without an account: no
// calendar sends a header.
const CalendarPath = "/calendar/"

// NewFeed is a calendar feed and the token of its address: 256 bits of chance, which
// nobody finds by trying.
func NewFeed(owner, by string, now time.Time) (keepwatch.Feed, string) {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the process instead
	token := base64.RawURLEncoding.EncodeToString(b)
	return keepwatch.Feed{ID: keepwatch.Digest("feed", token), Owner: owner, Hash: FeedHash(token), CreatedAt: now.UTC(), CreatedBy: by}, token
}

// FeedHash is what is kept of a token. Nothing is gained by a slow hash: a token of 256
// bits cannot be tried out.
func FeedHash(token string) string {
	sum := sha256.Sum256([]byte("feed\x00" + token))
	return hex.EncodeToString(sum[:])
}

// CreatedFeedOf is the one answer that holds a feed's address.
func CreatedFeedOf(f keepwatch.Feed, token, baseURL string) client.CreatedFeed {
	out := client.CreatedFeed{Feed: FeedsOf([]keepwatch.Feed{f})[0], Path: CalendarPath + token + ".ics"}
	if baseURL != "" {
		out.Address = strings.TrimRight(baseURL, "/") + out.Path
	}
	return out
}
