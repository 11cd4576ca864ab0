package traffic

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"

	"keepwatch"
)

// Stray is a client id that asks for tokens and is not registered.
type Stray struct {
	Tenant    keepwatch.TenantID
	ClientID  string
	Holder    string // newest
	Via       keepwatch.Via
	FirstSeen time.Time
	LastSeen  time.Time
	Count     int
	OK        int // of them accepted by SFMC
}

const (
	maxStrays  = 256
	strayFor   = 7 * 24 * time.Hour // a sighting as old as this is no finding any more
	unsureFor  = 24 * time.Hour
	strayFresh = time.Hour
)

type strays map[client]*Stray

// saw notes a sighting; where there is no room, the one that was seen longest ago
// makes way, unless all are fresh: then the call is lost.
func (s strays) saw(c *keepwatch.Call) (lost int64) {
	key := client{c.Tenant, printable(clip(c.ClientID))}
	st := s[key]
	if st == nil {
		if len(s) >= maxStrays && !s.makeRoom(c.At) {
			return int64(c.Count)
		}
		st = &Stray{Tenant: c.Tenant, ClientID: key.id, FirstSeen: c.At}
		s[key] = st
	}
	st.Count += c.Count
	if c.Outcome == keepwatch.OK {
		st.OK += c.Count
	}
	if !c.At.Before(st.LastSeen) {
		st.LastSeen, st.Holder, st.Via = c.At, printable(clip(c.Holder)), c.Via
	}
	return 0
}

// printable takes out what no name has and no table keeps: strangers send what they like.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

func (s strays) makeRoom(now time.Time) bool {
	var oldest *Stray
	for _, st := range s {
		if oldest == nil || st.LastSeen.Before(oldest.LastSeen) {
			oldest = st
		}
	}
	if now.Sub(oldest.LastSeen) < strayFresh {
		return false
	}
	delete(s, client{oldest.Tenant, oldest.ClientID})
	return true
}

// settle drops what has been registered since.
func (s strays) settle(d Directory) {
	for key := range s {
		if len(d.byClient[key]) > 0 {
			delete(s, key)
		}
	}
}

// Strays lists the client ids that ask for tokens and are not registered, in order.
func (l *Ledger) Strays(now time.Time) []Stray {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []Stray
	for _, st := range l.strays {
		if now.Sub(st.LastSeen) < strayFor {
			list = append(list, *st)
		}
	}
	slices.SortFunc(list, func(a, b Stray) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.ClientID, b.ClientID))
	})
	return list
}

// Unsure lists the credentials that calls of a shared client id were counted under
// because nothing told them apart.
func (l *Ledger) Unsure(now time.Time) []keepwatch.CredentialID {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []keepwatch.CredentialID
	for id, at := range l.unsure {
		if now.Sub(at) < unsureFor {
			list = append(list, id)
		}
	}
	slices.Sort(list)
	return list
}
