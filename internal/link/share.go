package link

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"keepwatch"
)

// SharePath begins the addresses under which one incident can be read.
const SharePath = "/share/"

// How long such a link holds.
const (
	ShareLeast = time.Hour
	ShareMost  = 30 * 24 * time.Hour
	ShareLife  = 7 * 24 * time.Hour // when nobody says
)

const (
	shareIDBytes = 12
	shareBytes   = shareIDBytes + 8 + sha256.Size // id, end, signature
)

// ShareStore keeps the links to incidents.
type ShareStore interface {
	SaveShare(ctx context.Context, s keepwatch.ShareLink) error
	Share(ctx context.Context, id string) (keepwatch.ShareLink, error)
	SeeShare(ctx context.Context, s keepwatch.ShareLink, now time.Time) error
	Shares(ctx context.Context, incident keepwatch.IncidentID) ([]keepwatch.ShareLink, error)
	EndShare(ctx context.Context, incident keepwatch.IncidentID, id, by string, now time.Time) error
}

// Shares makes links that read one incident, and opens them. They work as often as
// somebody likes, until they end; the row in the store is what can be ended, and the
// signature is what cannot be read out of the store.
type Shares struct {
	Store   ShareStore
	Key     func(context.Context) (Key, error)
	Limiter Limiter
	Logger  *slog.Logger
}

// Make makes a link. Grants say what it shows at most: what its maker may see.
func (s *Shares) Make(ctx context.Context, id keepwatch.IncidentID, by, grants string, life time.Duration, now time.Time) (share keepwatch.ShareLink, token string, err error) {
	if life == 0 {
		life = ShareLife
	}
	if life < ShareLeast || life > ShareMost {
		return share, "", keepwatch.WithHint(fmt.Errorf("a link cannot hold for %s: %w", keepwatch.FormatDuration(life), keepwatch.ErrInvalid),
			"from "+keepwatch.FormatDuration(ShareLeast)+" to "+keepwatch.FormatDuration(ShareMost))
	}
	key, err := s.Key(ctx)
	if err != nil {
		return share, "", fmt.Errorf("the key of links: %w: %w", err, keepwatch.ErrUnavailable)
	}
	now = now.UTC().Truncate(time.Second)
	raw := make([]byte, shareIDBytes)
	_, _ = rand.Read(raw) // never fails: crypto/rand ends the process instead
	share = keepwatch.ShareLink{
		ID: base64.RawURLEncoding.EncodeToString(raw), Incident: id, Grants: grants, CreatedAt: now, CreatedBy: by, ExpiresAt: now.Add(life).Truncate(time.Second),
	}
	return share, key.signShare(raw, share.ExpiresAt), s.Store.SaveShare(ctx, share)
}

// List are the links to an incident, the newest first, with those that are over.
func (s *Shares) List(ctx context.Context, id keepwatch.IncidentID) ([]keepwatch.ShareLink, error) {
	return s.Store.Shares(ctx, id)
}

// End ends a link before its time.
func (s *Shares) End(ctx context.Context, incident keepwatch.IncidentID, id, by string, now time.Time) error {
	return s.Store.EndShare(ctx, incident, id, by, now)
}

// Open finds the link that a token is. One that was ended, or has run out, says so;
// what this key has not signed may be a guess, and is counted.
func (s *Shares) Open(ctx context.Context, token string, from netip.Addr, now time.Time) (keepwatch.ShareLink, error) {
	key, err := s.Key(ctx)
	if err != nil {
		return keepwatch.ShareLink{}, fmt.Errorf("the key of links: %w: %w", err, keepwatch.ErrUnavailable)
	}
	id, ends, ok := key.readShare(token)
	if !ok {
		if wait, ok := s.Limiter.Take(keepwatch.Digest("share", token), from, now); !ok {
			return keepwatch.ShareLink{}, keepwatch.WithHint(fmt.Errorf("too many links that do not hold: %w", keepwatch.ErrForbidden),
				"wait "+keepwatch.FormatDuration(max(wait.Round(time.Second), time.Second))+", and copy the link whole")
		}
		return keepwatch.ShareLink{}, unshared()
	}
	share, err := s.Store.Share(ctx, id)
	switch {
	case errors.Is(err, keepwatch.ErrNotFound):
		return share, unshared()
	case err != nil:
		return share, err
	case share.Over(now) || !now.Before(ends):
		return keepwatch.ShareLink{}, keepwatch.WithHint(fmt.Errorf("this link has ended: %w", keepwatch.ErrNotFound), "ask whoever gave it to you for a new one")
	}
	if err := s.Store.SeeShare(ctx, share, now.UTC()); err != nil { // reading needs no room on the disk
		s.Logger.Error("a look through a link to an incident is not written down", "share", share.ID, "incident", string(share.Incident), "error", err)
	}
	return share, nil
}

func unshared() error {
	return keepwatch.WithHint(fmt.Errorf("this link does not hold: %w", keepwatch.ErrNotFound), "it may have been cut on its way; copy it whole, or ask whoever gave it to you for a new one")
}

func (k Key) signShare(id []byte, ends time.Time) string {
	body := binary.BigEndian.AppendUint64(append([]byte(nil), id...), uint64(ends.Unix()))
	return base64.RawURLEncoding.EncodeToString(append(body, k.shareMAC(body)...))
}

// shareMAC has words of its own before the body: a link of a message is none that
// reads, and the other way round.
func (k Key) shareMAC(body []byte) []byte {
	mac := hmac.New(sha256.New, k)
	mac.Write([]byte("keepwatch share v1\x00"))
	mac.Write(body)
	return mac.Sum(nil)
}

func (k Key) readShare(token string) (id string, ends time.Time, ok bool) {
	if len(token) > 2*shareBytes || strings.ContainsAny(token, "\r\n") {
		return "", ends, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) != shareBytes {
		return "", ends, false
	}
	body, mac := b[:shareIDBytes+8], b[shareIDBytes+8:]
	if !hmac.Equal(mac, k.shareMAC(body)) {
		return "", ends, false
	}
	ends = time.Unix(int64(binary.BigEndian.Uint64(body[shareIDBytes:])), 0).UTC()
	return base64.RawURLEncoding.EncodeToString(body[:shareIDBytes]), ends, true
}
