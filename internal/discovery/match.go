package discovery

import (
	"strings"
	"unicode"

	"keepwatch"
)

// matcher finds the record that stands for a package or an API user.
type matcher struct {
	credentials []keepwatch.Credential            // of the tenant
	links       map[keepwatch.CredentialID]string // to users of packages that are there, or were
}

func newMatcher(r Report, credentials []keepwatch.Credential) matcher {
	m := matcher{links: map[keepwatch.CredentialID]string{}}
	// That userinfo's sub is the AccountUserID is not documented: a link that leads
	// to no package must not keep a name from being compared.
	users := map[string]bool{}
	for _, p := range r.Packages {
		users[p.User] = true
	}
	for _, p := range r.Gone {
		users[p.User] = true
	}
	for id, user := range r.Links {
		if users[user] {
			m.links[id] = user
		}
	}
	for _, c := range credentials {
		if c.Tenant == r.Tenant {
			if c.ID == r.Credential && c.Package == "" {
				c.Package = r.Package
			}
			m.credentials = append(m.credentials, c)
		}
	}
	return m
}

// ofPackage returns the records that stand for a package: those proven by identity,
// else those of the same name. A package's client id is not to be seen, so a name
// is all there is for a package that did not look itself.
func (m matcher) ofPackage(p Package) []keepwatch.Credential {
	var proven, named []keepwatch.Credential
	for _, c := range m.credentials {
		switch user, ok := m.links[c.ID]; {
		case !hasPackage(c.Kind):
		case ok && user == p.User:
			proven = append(proven, c)
		case (!ok || p.User == "") && sameName(c, p):
			named = append(named, c)
		}
	}
	return append(proven, named...)
}

func hasPackage(k keepwatch.Kind) bool {
	switch k {
	case keepwatch.ServerToServer, keepwatch.WebApp, keepwatch.PublicApp, keepwatch.LegacyPackage, keepwatch.JWTSecret:
		return true
	}
	return false
}

// sameName compares without case, spaces and punctuation. The package's name on the
// record decides where there is one; else its id or purpose may be the name.
func sameName(c keepwatch.Credential, p Package) bool {
	names := []string{c.Package}
	if c.Package == "" {
		names = []string{string(c.ID), c.Purpose}
	}
	for _, name := range names {
		if alike(fold(name), fold(p.Name), p.Cut) {
			return true
		}
	}
	return false
}

// leastCut is how many letters of a name that SFMC cut off still tell which it is.
const leastCut = 12

func alike(have, seen string, cut bool) bool {
	if have == "" || seen == "" {
		return false
	}
	if cut && len(seen) >= leastCut {
		// The cut may fall into " app user", of which a piece is then left.
		for tail := "appuse"; ; tail = tail[:len(tail)-1] {
			if strings.HasPrefix(have, strings.TrimSuffix(seen, tail)) {
				return true
			}
			if tail == "" {
				return false
			}
		}
	}
	return have == seen
}

func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// ofUser returns the record that stands for an API user.
func (m matcher) ofUser(u APIUser) []keepwatch.Credential {
	var out []keepwatch.Credential
	for _, c := range m.credentials {
		if c.Kind == keepwatch.APIUser && c.Username != "" && strings.EqualFold(c.Username, u.Login) {
			out = append(out, c)
		}
	}
	return out
}
