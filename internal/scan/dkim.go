package scan

import (
	"context"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"keepwatch/internal/sfmc"
)

// The shortest RSA key that receivers accept, and the one that they should get
// (RFC 8301).
const (
	leastDKIM = 1024
	goodDKIM  = 2048
)

// dkimKey is one published key.
type dkimKey struct {
	kind    string
	bits    int
	revoked bool
	testing bool
	digest  string
}

// parseDKIM reads a key record.
func parseDKIM(text string) (dkimKey, error) {
	tags, err := parseTags(text)
	if err != nil {
		return dkimKey{}, err
	}
	if v, ok := tags["v"]; ok && v != "DKIM1" {
		return dkimKey{}, fmt.Errorf("its version is %q", clean(v, 20))
	}
	k := dkimKey{kind: "rsa"}
	if kind, ok := tags["k"]; ok {
		k.kind = strings.ToLower(kind)
	}
	p, ok := tags["p"]
	if !ok {
		return k, errors.New("it has no key (p=)")
	}
	k.testing = slices.Contains(strings.Split(strings.ReplaceAll(tags["t"], " ", ""), ":"), "y")
	p = strings.Join(strings.Fields(p), "")
	if p == "" {
		k.revoked = true
		return k, nil
	}
	der, err := base64.StdEncoding.DecodeString(p)
	if err != nil {
		return k, errors.New("its key is not base64")
	}
	sum := sha256.Sum256(der)
	k.digest = hex.EncodeToString(sum[:8])
	return k, k.measure(der)
}

func (k *dkimKey) measure(der []byte) error {
	switch k.kind {
	case "ed25519":
		if len(der) != ed25519.PublicKeySize {
			return errors.New("its Ed25519 key has not 32 bytes")
		}
		k.bits = 256
		return nil
	case "rsa":
	default:
		return fmt.Errorf("its key is of the kind %q, which nobody knows", clean(k.kind, 20))
	}
	if public, err := x509.ParsePKIXPublicKey(der); err == nil {
		if key, ok := public.(*rsa.PublicKey); ok {
			k.bits = key.N.BitLen()
			return nil
		}
	}
	key, err := x509.ParsePKCS1PublicKey(der)
	if err != nil {
		return errors.New("its key is damaged")
	}
	k.bits = key.N.BitLen()
	return nil
}

// dkim asks for the keys that SFMC signs with, and tells how many there are.
func (r *run) dkim(ctx context.Context, domain string) (found []string) {
	type asked struct {
		answer answer
		err    error
	}
	results := make([]asked, len(sfmc.DKIMSelectors))
	r.each(len(results), func(i int) {
		results[i].answer, results[i].err = r.dns.ask(ctx, sfmc.DKIMSelectors[i]+"._domainkey."+domain, dns.TypeTXT)
	})
	var failed error
	for i, res := range results {
		switch {
		case res.err != nil:
			failed = res.err
		case r.selector(sfmc.DKIMSelectors[i]+"._domainkey."+domain, res.answer):
			found = append(found, sfmc.DKIMSelectors[i])
		}
	}
	if failed != nil && len(found) == 0 {
		r.unknown(domain, failed, "dkim")
	}
	return found
}

// selector judges one key, and reports whether there is one.
func (r *run) selector(name string, a answer) bool {
	var records []string
	for _, text := range textsOf(a) {
		if strings.Contains(text, "p=") || strings.HasPrefix(text, "v=DKIM1") { // a record of a wildcard is none
			records = append(records, text)
		}
	}
	f := Finding{Check: "dkim", Subject: name, Severity: OK, Evidence: map[string]any{"aliases": a.aliases}}
	switch {
	case len(records) == 0 && len(a.aliases) == 0:
		return false
	case len(records) == 0:
		f.Severity, f.Message = Critical, "The selector points to "+a.aliases[len(a.aliases)-1]+", where no key is."
		f.Hint = "Mail signed with it fails. Compare the record with the one that Setup shows."
	case len(records) > 1:
		f.Severity, f.Message, f.Hint = Critical, "There are "+plural(len(records), "key")+" under one selector, so receivers may use none.", "Leave one."
	default:
		judgeDKIM(&f, records[0])
	}
	r.add(f)
	return true
}

func judgeDKIM(f *Finding, record string) {
	k, err := parseDKIM(record)
	f.Evidence["kind"], f.Evidence["bits"] = k.kind, k.bits
	if k.digest != "" {
		f.Evidence["key"] = k.digest
	}
	switch {
	case err != nil:
		f.Severity, f.Message = Critical, "The key cannot be used: "+err.Error()+"."
		f.Hint = "Copy the record again, whole and in one line; a record over 255 characters is written as several strings."
	case k.revoked:
		f.Severity, f.Message, f.Hint = Warning, "The key is revoked (p= is empty): mail signed with it fails.", "Fine when nothing is signed with it any more; else publish the key again."
	case k.kind == "rsa" && k.bits < leastDKIM:
		f.Severity, f.Message, f.Hint = Warning, fmt.Sprintf("The key has %d bits, and receivers ignore those under %d.", k.bits, leastDKIM), "Have Salesforce make a longer one."
	case k.testing:
		f.Severity, f.Message, f.Hint = Warning, "The key is marked as a test (t=y): receivers treat the mail as unsigned.", "Take t=y out of the record."
	case k.kind == "rsa" && k.bits < goodDKIM:
		f.Severity, f.Message, f.Hint = Info, fmt.Sprintf("The key has %d bits and is accepted; %d should be used.", k.bits, goodDKIM), "Ask Salesforce for a longer one at the next change."
	default:
		f.Message = fmt.Sprintf("The key can be used (%s %d).", k.kind, k.bits)
	}
}
