package auth

import (
	"errors"
	"strings"
	"testing"
	"time"

	"keepwatch"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 500, time.UTC)

func newSessions(t *testing.T) *Sessions {
	t.Helper()
	s, err := NewSessions(NewSessionKey())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSessionRoundTrip(t *testing.T) {
	s := newSessions(t)
	value, expires := s.Issue("admin", 7, noon)
	if want := noon.Add(SessionLife).Truncate(time.Second); !expires.Equal(want) {
		t.Errorf("expires %v, want %v", expires, want)
	}
	got, err := s.Read(value, noon.Add(time.Hour))
	if err != nil || got != (Session{User: "admin", Epoch: 7, Expires: expires}) {
		t.Errorf("Read = %+v, %v", got, err)
	}
	if again, _ := s.Issue("admin", 7, noon); again == value {
		t.Error("two sign-ins gave one value")
	}
	if strings.ContainsAny(value, " ;,\"\\") {
		t.Errorf("%q cannot stand in a cookie", value)
	}
}

func TestSessionEnds(t *testing.T) {
	s := newSessions(t)
	value, expires := s.Issue("admin", 1, noon)
	for at, ok := range map[time.Time]bool{expires.Add(-time.Second): true, expires: false, expires.Add(time.Hour): false} {
		if _, err := s.Read(value, at); (err == nil) != ok {
			t.Errorf("at %v: %v", at, err)
		}
	}
}

func TestSessionCannotBeForged(t *testing.T) {
	s := newSessions(t)
	value, _ := s.Issue("viewer", 1, noon)
	foreign, _ := newSessions(t).Issue("viewer", 1, noon)
	forged := []string{"", ".", "a.b", foreign, value + "A", value + "=", strings.Replace(value, ".", "", 1), strings.Repeat("A", 4000) + "." + value}
	for i := range value {
		other := byte('A')
		if value[i] == 'A' {
			other = 'B'
		}
		forged = append(forged, value[:i]+string(other)+value[i+1:])
	}
	for _, f := range forged {
		if _, err := s.Read(f, noon); !errors.Is(err, keepwatch.ErrUnauthorized) {
			t.Fatalf("%q was read: %v", f, err)
		}
	}
}

func TestNewSessionsRefusesWeakKeys(t *testing.T) {
	for _, key := range []string{"", "AAAA", "not base64!", NewSessionKey()[:20]} {
		if _, err := NewSessions(key); !errors.Is(err, keepwatch.ErrInvalid) {
			t.Errorf("key %q: %v", key, err)
		}
	}
}

func TestCookieName(t *testing.T) {
	if CookieName(true) != "__Host-keepwatch" || CookieName(false) != "keepwatch" {
		t.Error("the names of the cookies are part of people's sessions")
	}
}

func FuzzReadSession(f *testing.F) {
	s, err := NewSessions(NewSessionKey())
	if err != nil {
		f.Fatal(err)
	}
	f.Add("a.b")
	f.Add("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.AAAA")
	f.Fuzz(func(t *testing.T, value string) {
		if got, err := s.Read(value, noon); err == nil {
			t.Fatalf("%q was read as %+v", value, got)
		}
	})
}
