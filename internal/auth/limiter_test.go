package auth

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"keepwatch"
)

var home = netip.MustParseAddr("192.0.2.7")

// tryAll takes n times and returns how many were let through.
func tryAll(l *Limiter, n int, now time.Time, who func(int) (string, netip.Addr)) (passed int) {
	for i := range n {
		name, from := who(i)
		if _, ok := l.Take(name, from, now); ok {
			passed++
		}
	}
	return passed
}

func numbered(i int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
}

func TestLimiterCountsPairAddressAndName(t *testing.T) {
	tests := []struct {
		name string
		who  func(int) (string, netip.Addr)
		want int
	}{
		{"one name from one address", func(int) (string, netip.Addr) { return "admin", home }, limitPair},
		{"case does not matter", func(i int) (string, netip.Addr) { return []string{"admin", "ADMIN"}[i%2], home }, limitPair},
		{"many names from one address", func(i int) (string, netip.Addr) { return fmt.Sprint("user", i), home }, limitAddress},
		{"one name from many addresses", func(i int) (string, netip.Addr) { return "admin", numbered(i) }, limitName},
		{"one IPv6 network is one address", func(i int) (string, netip.Addr) {
			return "admin", netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i))
		}, limitPair},
		{"IPv4 in IPv6 is IPv4", func(i int) (string, netip.Addr) {
			return "admin", []netip.Addr{home, netip.AddrFrom16(home.As16())}[i%2]
		}, limitPair},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tryAll(NewLimiter(), 10_000, noon, tt.who); got != tt.want {
				t.Errorf("%d of 10000 tries passed, want %d", got, tt.want)
			}
		})
	}
}

func TestLimiterWindowEnds(t *testing.T) {
	l := NewLimiter()
	admin := func(int) (string, netip.Addr) { return "admin", home }
	tryAll(l, limitPair, noon, admin)
	wait, ok := l.Take("admin", home, noon.Add(5*time.Minute))
	if ok || wait != 10*time.Minute {
		t.Errorf("inside the window: %v, %v", wait, ok)
	}
	if _, ok := l.Take("other", home, noon.Add(5*time.Minute)); !ok {
		t.Error("another name from the same address is stopped too early")
	}
	if got := tryAll(l, 100, noon.Add(limitWindow), admin); got != limitPair {
		t.Errorf("after the window %d passed", got)
	}
}

func TestForgiveClearsThePair(t *testing.T) {
	l := NewLimiter()
	for range 50 {
		if _, ok := l.Take("admin", home, noon); !ok {
			t.Fatal("somebody who signs in rightly was stopped")
		}
		l.Forgive("admin", home)
	}
}

// A flood of addresses keeps to the bound and does not free the one that is
// being held off.
func TestLimiterMemoryIsBounded(t *testing.T) {
	l := NewLimiter()
	tryAll(l, limitPair+1, noon, func(int) (string, netip.Addr) { return "admin", home })
	for i := range 3 * limitEntries {
		l.Take(fmt.Sprint("user", i), numbered(i), noon)
		if len(l.seen) > limitEntries+3 {
			t.Fatalf("%d entries", len(l.seen))
		}
	}
	if _, ok := l.Take("admin", home, noon); ok {
		t.Error("the flood washed the hot entry away")
	}
}

func TestTooMany(t *testing.T) {
	err := TooMany(10*time.Minute + 300*time.Millisecond)
	if !errors.Is(err, keepwatch.ErrForbidden) || keepwatch.HintOf(err) != "wait 10m and try again" {
		t.Errorf("%v, hint %q", err, keepwatch.HintOf(err))
	}
}
