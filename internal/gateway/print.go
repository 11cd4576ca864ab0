package gateway

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"keepwatch"
)

// Printer makes fingerprints of secrets, under a key that is in no store: whoever
// reads the store cannot try passwords against them. It is safe for concurrent use.
type Printer struct{ secrets, tokens []byte }

// NewPrinter derives its key from one that lasts, so that fingerprints of different
// runs compare. An empty key gives one that ends with the process.
func NewPrinter(key keepwatch.Secret) (*Printer, error) {
	base := key.Reveal()
	if len(base) == 0 {
		base = make([]byte, 32)
		_, _ = rand.Read(base) // never fails
	}
	p := &Printer{}
	for info, to := range map[string]*[]byte{"keepwatch fingerprint of a secret": &p.secrets, "keepwatch hash of a token": &p.tokens} {
		derived, err := hkdf.Key(sha256.New, base, nil, info, sha256.Size)
		if err != nil {
			return nil, fmt.Errorf("key of fingerprints: %w", err)
		}
		*to = derived
	}
	return p, nil
}

// Secret is the fingerprint of a secret as one login shows it. Equal secrets of two
// logins have different ones, so that nothing can be read from their being equal.
func (p *Printer) Secret(tenant keepwatch.TenantID, login string, secret []byte) keepwatch.Fingerprint {
	if len(secret) == 0 {
		return ""
	}
	sum := digest(p.secrets, []byte(tenant), []byte(login), secret)
	return keepwatch.Fingerprint(hex.EncodeToString(sum[:16]))
}

// token is the hash that a token is known by. It never leaves the process.
func (p *Printer) token(token []byte) (h [16]byte) {
	sum := digest(p.tokens, token)
	copy(h[:], sum[:])
	return h
}

// digest binds each part with its length.
func digest(key []byte, parts ...[]byte) (sum [sha256.Size]byte) {
	mac := hmac.New(sha256.New, key)
	for _, part := range parts {
		_, _ = fmt.Fprintf(mac, "%d:", len(part)) // a hash takes everything
		_, _ = mac.Write(part)
	}
	mac.Sum(sum[:0])
	return sum
}
