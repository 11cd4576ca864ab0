package certs

import (
	"cmp"
	"crypto/hmac"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"slices"
	"strings"
	"unicode/utf16"

	"keepwatch"
)

// PKCS#12 (RFC 7292), as far as certificates need it. A known library was left
// aside: it decrypts the private keys too, refuses files with several keys or
// with none, and spends as many rounds of key derivation as the file asks for.

var (
	oidData          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidEncryptedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 6}
	oidCertBag       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 3}
	oidX509          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 22, 1}
	oidFriendlyName  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 20}
	oidLocalKeyID    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 21}
)

type pfx struct {
	Version  int
	AuthSafe contentInfo
	Mac      macData `asn1:"optional"`
}

type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"tag:0,explicit,optional"`
}

type macData struct {
	Mac struct {
		Algorithm pkix.AlgorithmIdentifier
		Digest    []byte
	}
	Salt   []byte
	Rounds int `asn1:"optional,default:1"`
}

type encryptedData struct {
	Version int
	Info    struct {
		Type      asn1.ObjectIdentifier
		Algorithm pkix.AlgorithmIdentifier
		Content   []byte `asn1:"tag:0,optional"`
	}
}

type safeBag struct {
	ID         asn1.ObjectIdentifier
	Value      asn1.RawValue  `asn1:"tag:0,explicit"`
	Attributes []bagAttribute `asn1:"set,optional"`
}

type bagAttribute struct {
	ID     asn1.ObjectIdentifier
	Values asn1.RawValue `asn1:"set"`
}

type certBag struct {
	ID   asn1.ObjectIdentifier
	Data []byte `asn1:"tag:0,explicit"`
}

// maxRounds is what key derivation may cost a whole file. OpenSSL writes 2,048,
// Java 10,000, the careful 100,000 or two.
const maxRounds = 400_000

var (
	errRounds   = errors.New("it asks for more rounds of key derivation than are spent on a file")
	errPassword = errors.New("the password does not fit")
	errShape    = errors.New("it is not built as PKCS#12 says")
)

// unpacker is one reading of one file.
type unpacker struct {
	password []byte // as the file's own derivation takes it: UTF-16, zero-terminated
	plain    []byte // as PBES2 and PBMAC1 take it: UTF-8
	rounds   int    // left to spend
}

func parsePKCS12(raw []byte, password keepwatch.Secret, alias string) bundle {
	u := &unpacker{plain: password.Reveal(), password: bmp(string(password.Reveal())), rounds: maxRounds}
	b := bundle{basis: "PKCS#12"}
	parts, err := u.open(raw)
	if errors.Is(err, errPassword) {
		b.faults = append(b.faults, wrongPassword("PKCS#12 file"))
	} else if err != nil {
		return spoiled("PKCS#12", "The file cannot be read: "+err.Error()+".")
	}
	locked := err != nil
	var all []certificate
	for i := range parts {
		bags, err := u.bags(&parts[i])
		all = append(all, certificatesIn(bags)...)
		switch {
		case err == nil, locked: // named already
		case errors.Is(err, errPassword):
			b.faults, locked = append(b.faults, wrongPassword("PKCS#12 file")), true
		default:
			b.faults = append(b.faults, broken("A part of the file cannot be read: "+err.Error()+"."))
		}
	}
	if matched := b.choose(all, alias); !locked || len(all) > 0 {
		b.missing(matched, alias)
	}
	return b
}

// certificate is one of the file, with the name that people gave it.
type certificate struct {
	der  []byte
	name string
	key  bool // its key is in the file, too
}

// choose takes what the alias names, or everything. A chosen certificate with a
// key brings the ones without: among them is its chain.
func (b *bundle) choose(all []certificate, alias string) (matched bool) {
	named := func(c certificate) bool { return alias == "" || strings.EqualFold(alias, c.name) }
	chain := slices.ContainsFunc(all, func(c certificate) bool { return c.key && named(c) })
	slices.SortStableFunc(all, func(x, y certificate) int { // by name: Java shuffles them at each writing
		switch {
		case x.key && y.key:
			return cmp.Compare(x.name, y.name)
		case x.key:
			return -1
		case y.key:
			return 1
		}
		return 0
	})
	for _, c := range all {
		if !named(c) && (c.key || !chain) {
			continue
		}
		matched = true
		b.take(c.der, c.name)
		if c.key {
			b.leaf(c.der)
		}
	}
	return matched
}

// open checks the file's seal and returns its parts, also when the seal does not
// fit the password: parts may be readable without it.
func (u *unpacker) open(raw []byte) ([]contentInfo, error) {
	var file pfx
	if _, err := asn1.Unmarshal(raw, &file); err != nil || file.Version != 3 {
		return nil, errShape
	}
	var safe []byte
	if !file.AuthSafe.Type.Equal(oidData) || !whole(file.AuthSafe.Content.Bytes, &safe) {
		return nil, errors.New("its seal is a signature, not a password")
	}
	var parts []contentInfo
	if !whole(safe, &parts) || len(parts) > maxCerts {
		return nil, errShape
	}
	if len(file.Mac.Mac.Algorithm.Algorithm) == 0 {
		return parts, nil // Java writes files without password and seal
	}
	return parts, u.unseal(&file.Mac, safe)
}

func (u *unpacker) unseal(m *macData, safe []byte) error {
	sum, err := u.mac(m, safe)
	if err == nil && !hmac.Equal(sum, m.Mac.Digest) && len(u.plain) == 0 {
		// No password is written in two ways: as an empty text and as no text at all.
		u.password = nil
		sum, err = u.mac(m, safe)
	}
	switch {
	case err != nil:
		return err
	case !hmac.Equal(sum, m.Mac.Digest):
		return errPassword
	}
	return nil
}

// bags opens one part.
func (u *unpacker) bags(part *contentInfo) (list []safeBag, err error) {
	var data []byte
	switch {
	case part.Type.Equal(oidData):
		if !whole(part.Content.Bytes, &data) {
			return nil, errShape
		}
	case part.Type.Equal(oidEncryptedData):
		var sealed encryptedData
		if !whole(part.Content.Bytes, &sealed) {
			return nil, errShape
		}
		if data, err = u.decrypt(sealed.Info.Algorithm, sealed.Info.Content); err != nil {
			return nil, err
		}
		if !whole(data, &list) {
			return nil, errPassword // deciphered with another key, it makes no sense
		}
		return list, nil
	default:
		return nil, errors.New("it is encrypted for a certificate, not with a password")
	}
	if !whole(data, &list) {
		return nil, errShape
	}
	return list, nil
}

// certificatesIn takes the certificates out; every other bag, keys above all,
// stays shut.
func certificatesIn(bags []safeBag) (list []certificate) {
	for i := range bags {
		var c certBag
		if bags[i].ID.Equal(oidCertBag) && whole(bags[i].Value.Bytes, &c) && c.ID.Equal(oidX509) {
			name, key := bags[i].attributes()
			list = append(list, certificate{c.Data, name, key})
		}
	}
	return list
}

// attributes are the bag's friendly name, and whether a key belongs to it.
func (s *safeBag) attributes() (name string, key bool) {
	for _, a := range s.Attributes {
		switch {
		case a.ID.Equal(oidLocalKeyID):
			key = true
		case a.ID.Equal(oidFriendlyName):
			var v asn1.RawValue
			if whole(a.Values.Bytes, &v) && v.Tag == asn1.TagBMPString {
				name = clean(fromBMP(v.Bytes), maxName)
			}
		}
	}
	return name, key
}

// whole parses der and nothing behind it.
func whole(der []byte, into any) bool {
	rest, err := asn1.Unmarshal(der, into)
	return err == nil && len(rest) == 0
}

func bmp(s string) []byte {
	out := make([]byte, 0, 2*len(s)+2)
	for _, unit := range utf16Units(s) {
		out = append(out, byte(unit>>8), byte(unit))
	}
	return append(out, 0, 0)
}

func fromBMP(b []byte) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = uint16(b[2*i])<<8 | uint16(b[2*i+1])
	}
	return string(utf16.Decode(units))
}
