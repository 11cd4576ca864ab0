package certs

import (
	"bytes"
	"cmp"
	"crypto/sha1" //nolint:gosec // what the format is sealed with; nothing is protected by it here
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"keepwatch"
)

// The layout of a Java keystore: sun.security.provider.JavaKeyStore. Its
// certificates are not encrypted, so their dates can be read without the password;
// a known library was left aside because it needs the password, allocates
// whatever length the file claims (4 GiB), and has no bound.
const (
	magicJKS   = 0xfeedfeed
	magicJCEKS = 0xcececece

	entryKey     = 1
	entryTrusted = 2
)

var errShort = errors.New("cut short")

// cursor reads big-endian fields of what is there; the first miss sticks.
type cursor struct {
	rest []byte
	err  error
}

func (c *cursor) bytes(n uint64) []byte {
	if c.err != nil || n > uint64(len(c.rest)) {
		c.err = errShort
		return nil
	}
	var out []byte
	out, c.rest = c.rest[:n], c.rest[n:]
	return out
}

func (c *cursor) number(size uint64) uint64 {
	var wide [8]byte
	copy(wide[8-size:], c.bytes(size))
	return binary.BigEndian.Uint64(wide[:])
}

func (c *cursor) text() string { return string(c.bytes(c.number(2))) }

type jksEntry struct {
	alias string
	key   bool
	chain [][]byte
}

func parseJKS(raw []byte, password keepwatch.Secret, alias string) bundle {
	b := bundle{basis: "JKS"}
	entries, end, err := jksEntries(raw)
	switch {
	case err != nil && len(entries) == 0:
		return spoiled("JKS", "The keystore cannot be read: "+err.Error()+".")
	case err != nil:
		b.faults = append(b.faults, broken("The keystore cannot be read to its end: "+err.Error()+"."))
	case !password.Empty() && !jksSealed(raw, end, password):
		b.faults = append(b.faults, wrongPassword("keystore"))
	}
	slices.SortStableFunc(entries, func(x, y jksEntry) int { return cmp.Compare(x.alias, y.alias) })
	matched := false
	for _, e := range entries {
		if alias != "" && !strings.EqualFold(alias, e.alias) {
			continue
		}
		matched = true
		for i, der := range e.chain {
			name := ""
			if i == 0 {
				name = e.alias
			}
			b.take(der, name)
		}
		if e.key && len(e.chain) > 0 {
			b.leaf(e.chain[0])
		}
	}
	b.missing(matched, alias)
	return b
}

// missing says that nothing of the keystore was taken.
func (b *bundle) missing(matched bool, alias string) {
	switch {
	case !matched && alias != "":
		b.faults = append(b.faults, broken("The keystore has no entry of the name "+clean(alias, 64)+"."))
	case len(b.certs) == 0 && len(b.faults) == 0:
		b.faults = append(b.faults, broken("The keystore holds no certificate."))
	}
}

// jksEntries walks the entries; end is where the digest begins.
func jksEntries(raw []byte) (list []jksEntry, end int, err error) {
	c := &cursor{rest: raw[4:]}
	version, count := c.number(4), c.number(4)
	if c.err == nil && version != 1 && version != 2 {
		return nil, 0, errors.New("its version is unknown")
	}
	for range count {
		e, err := jksOne(c, version)
		if err != nil {
			if len(e.chain) > 0 {
				list = append(list, e) // as far as it goes
			}
			return list, 0, err
		}
		if len(list) >= maxCerts {
			return list, 0, errors.New("it holds too many entries")
		}
		list = append(list, e)
	}
	if c.err == nil && len(c.rest) != sha1.Size {
		c.err = errShort
	}
	return list, len(raw) - len(c.rest), c.err
}

func jksOne(c *cursor, version uint64) (e jksEntry, err error) {
	tag := c.number(4)
	e.alias = c.text()
	c.bytes(8) // when it was made
	certs := uint64(1)
	switch {
	case c.err != nil:
		return e, c.err
	case tag == entryKey:
		e.key = true
		c.bytes(c.number(4)) // the encrypted key is passed over
		certs = c.number(4)
	case tag != entryTrusted:
		return e, errors.New("it holds an entry that is neither a key nor a certificate")
	}
	for range certs {
		if version == 2 {
			c.text() // "X.509"
		}
		der := c.bytes(c.number(4))
		if c.err != nil {
			return e, c.err
		}
		if len(e.chain) >= maxCerts {
			return e, errors.New("a chain in it is too long")
		}
		e.chain = append(e.chain, der)
	}
	return e, c.err
}

// jksSealed checks the digest that the password is part of.
func jksSealed(raw []byte, end int, password keepwatch.Secret) bool {
	h := sha1.New() //nolint:gosec // as above
	for _, unit := range utf16Units(string(password.Reveal())) {
		h.Write([]byte{byte(unit >> 8), byte(unit)})
	}
	h.Write([]byte("Mighty Aphrodite"))
	h.Write(raw[:end])
	return bytes.Equal(h.Sum(nil), raw[end:])
}
