package certs

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"keepwatch"
)

// maxFact is the longest value of a fact; a longer one is told by its beginning
// and a digest of the whole, so that a change at its end is still drift.
const maxFact = 512

// factsOf are what should not change by itself. The key is told by its digest;
// serial number and dates change with each renewal and are not among them.
func factsOf(c *x509.Certificate, chain []*x509.Certificate, leaf bool) []keepwatch.Fact {
	bits, kind := keySize(c)
	if kind == "" {
		kind = "unknown"
	}
	key := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	facts := []keepwatch.Fact{
		{Name: FactIssuer, Value: capped([]string{c.Issuer.String()})},
		{Name: FactKey, Value: fmt.Sprintf("%s %d, SHA-256 %s", kind, bits, hex.EncodeToString(key[:8]))},
	}
	if !leaf {
		return facts
	}
	up := make([]string, len(chain))
	for i, issuer := range chain {
		up[i] = subjectOf(issuer)
	}
	return append(facts,
		keepwatch.Fact{Name: FactNames, Value: capped(namesOf(c))},
		keepwatch.Fact{Name: FactChain, Value: capped(up)})
}

// namesOf lists whom a certificate is for, sorted.
func namesOf(c *x509.Certificate) []string {
	names := slices.Concat(c.DNSNames, c.EmailAddresses)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	for _, u := range c.URIs {
		names = append(names, (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, Opaque: u.Opaque}).String())
	}
	slices.Sort(names)
	if len(names) == 0 && c.Subject.CommonName != "" {
		names = []string{c.Subject.CommonName}
	}
	return slices.Compact(names)
}

func capped(list []string) string {
	whole := strings.Join(list, ", ")
	short := clean(whole, maxFact)
	if len(whole) <= maxFact {
		return short
	}
	sum := sha256.Sum256([]byte(whole))
	return fmt.Sprintf("%s (%d in all, SHA-256 %s)", short, len(list), hex.EncodeToString(sum[:8]))
}
