package link_test

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/auth"
	"keepwatch/internal/link"
)

func (o *office) shares() *link.Shares {
	return &link.Shares{Store: o.db, Key: func(context.Context) (link.Key, error) { return link.ParseKey(o.key) }, Limiter: auth.NewLimiter(), Logger: slog.New(slog.DiscardHandler)}
}

func TestASharedIncidentIsReadUntilTheLinkEnds(t *testing.T) {
	o := newOffice(t)
	s, inc := o.shares(), o.open("crm", keepwatch.BadSecretOrPackage)
	made, token, err := s.Make(t.Context(), inc.ID, "ada", "viewer@emea", 2*time.Hour, noon)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(token, string(inc.ID)) || made.ExpiresAt != noon.Add(2*time.Hour) {
		t.Errorf("%s until %v", token, made.ExpiresAt)
	}
	for i := range 3 { // as often as somebody likes
		got, err := s.Open(t.Context(), token, there, noon.Add(time.Duration(i)*time.Minute))
		if err != nil || got.Incident != inc.ID || got.Grants != "viewer@emea" {
			t.Fatalf("look %d: %+v %v", i, got, err)
		}
	}
	if kept, err := o.db.Share(t.Context(), made.ID); err != nil || kept.SeenAt != noon.Add(2*time.Minute) {
		t.Errorf("%+v %v", kept, err)
	}
	ended := func(at time.Time) {
		t.Helper()
		if _, err := s.Open(t.Context(), token, there, at); !errors.Is(err, keepwatch.ErrNotFound) || !strings.Contains(err.Error(), "has ended") {
			t.Errorf("at %v: %v", at, err)
		}
	}
	ended(noon.Add(2 * time.Hour))
	if err := o.db.EndShare(t.Context(), inc.ID, made.ID, "ben", noon.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	ended(noon.Add(61 * time.Minute))
}

func TestWhatIsNoShareOpensNothing(t *testing.T) {
	o := newOffice(t)
	s, inc := o.shares(), o.open("crm", keepwatch.BadSecretOrPackage)
	made, token, err := s.Make(t.Context(), inc.ID, "ada", "viewer", 0, noon)
	if err != nil || made.ExpiresAt != noon.Add(link.ShareLife) {
		t.Fatalf("%+v %v", made, err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	address := netip.MustParseAddr("192.0.2.1")
	try := func(what, token string) {
		t.Helper()
		address = address.Next() // the brake is looked at below
		if got, err := s.Open(t.Context(), token, address, noon); !errors.Is(err, keepwatch.ErrNotFound) {
			t.Errorf("%s: %+v %v", what, got, err)
		}
	}
	for i := range raw { // each byte is signed
		other := append([]byte(nil), raw...)
		other[i] ^= 1
		try("another byte", base64.RawURLEncoding.EncodeToString(other))
	}
	try("its id", made.ID)
	try("cut", token[:len(token)-1])
	try("a line break in it", token[:10]+"\n"+token[10:])
	try("nothing", "")
	try("much", strings.Repeat("A", 5000))
	for _, acts := range o.sent(inc, "n.1:crm", noon) { // one that acts is none that reads
		try("a link of a message", acts)
	}
	if _, err := o.Look(t.Context(), token, there, noon); !errors.Is(err, keepwatch.ErrNotFound) {
		t.Errorf("a link that reads acts: %v", err)
	}
	o.key = link.NewKey()
	try("signed with the key before", token)
}

func TestTriesOfSharesAreBraked(t *testing.T) {
	o := newOffice(t)
	s := o.shares()
	for range 100 {
		if _, err := s.Open(t.Context(), "guess", there, noon); errors.Is(err, keepwatch.ErrForbidden) {
			return
		}
	}
	t.Error("a hundred guesses from one place are answered")
}

func TestASharesLengthHasBounds(t *testing.T) {
	o := newOffice(t)
	s, inc := o.shares(), o.open("crm", keepwatch.BadSecretOrPackage)
	for _, life := range []time.Duration{-time.Hour, time.Minute, 31 * 24 * time.Hour} {
		if _, _, err := s.Make(t.Context(), inc.ID, "ada", "viewer", life, noon); !errors.Is(err, keepwatch.ErrInvalid) || keepwatch.HintOf(err) != "from 1h to 30d" {
			t.Errorf("%v: %v (%s)", life, err, keepwatch.HintOf(err))
		}
	}
}
