package certs

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des" //nolint:gosec // old files are to be read, and only read
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // as above
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"hash"
)

// Encryption and seals with a password: RFC 7292 appendix B, RFC 8018, RFC 9579.

var (
	oidSHA3DES = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1, 3}
	oidSHA2DES = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1, 4}
	oidRC2x128 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1, 5}
	oidRC2x40  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 1, 6}
	oidPBES2   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBMAC1  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 14}
	oidPBKDF2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
	oidDESEDE3 = asn1.ObjectIdentifier{1, 2, 840, 113549, 3, 7}
	oidAES     = "2.16.840.1.101.3.4.1."
)

var errScheme = errors.New("it is encrypted in a way that Keepwatch does not know")

// digests by object identifier: plain, and as HMAC.
var digests = map[string]func() hash.Hash{
	"1.3.14.3.2.26":          sha1.New,
	"2.16.840.1.101.3.4.2.1": sha256.New,
	"2.16.840.1.101.3.4.2.2": sha512.New384,
	"2.16.840.1.101.3.4.2.3": sha512.New,
	"1.2.840.113549.2.7":     sha1.New,
	"1.2.840.113549.2.9":     sha256.New,
	"1.2.840.113549.2.10":    sha512.New384,
	"1.2.840.113549.2.11":    sha512.New,
	"2.16.840.1.101.3.4.2.4": sha256.New224,
	"1.2.840.113549.2.8":     sha256.New224,
	"2.16.840.1.101.3.4.2.6": sha512.New512_256,
	"1.2.840.113549.2.13":    sha512.New512_256,
	"2.16.840.1.101.3.4.2.5": sha512.New512_224,
	"1.2.840.113549.2.12":    sha512.New512_224,
}

type pbeParams struct {
	Salt   []byte
	Rounds int
}

// schemeParams are of PBES2 and of PBMAC1.
type schemeParams struct {
	KDF    pkix.AlgorithmIdentifier
	Scheme pkix.AlgorithmIdentifier
}

type pbkdf2Params struct {
	Salt   asn1.RawValue
	Rounds int
	Length int                      `asn1:"optional"`
	PRF    pkix.AlgorithmIdentifier `asn1:"optional"`
}

// spend takes rounds from what the file may cost.
func (u *unpacker) spend(rounds int) error {
	if rounds < 1 || rounds > u.rounds {
		return errRounds
	}
	u.rounds -= rounds
	return nil
}

func (u *unpacker) mac(m *macData, message []byte) ([]byte, error) {
	var (
		sum func() hash.Hash
		key []byte
		err error
	)
	if m.Mac.Algorithm.Algorithm.Equal(oidPBMAC1) {
		var p schemeParams
		if !whole(m.Mac.Algorithm.Parameters.FullBytes, &p) {
			return nil, errShape
		}
		sum = digests[p.Scheme.Algorithm.String()]
		key, err = u.derive2(p.KDF, 0)
	} else if sum = digests[m.Mac.Algorithm.Algorithm.String()]; sum != nil {
		key, err = u.derive(sum, m.Salt, m.Rounds, 3, sum().Size())
	}
	switch {
	case err != nil:
		return nil, err
	case sum == nil:
		return nil, errScheme
	}
	h := hmac.New(sum, key)
	h.Write(message)
	return h.Sum(nil), nil
}

func (u *unpacker) decrypt(algorithm pkix.AlgorithmIdentifier, data []byte) ([]byte, error) {
	block, iv, err := u.cipher(algorithm)
	if err != nil {
		return nil, err
	}
	size := block.BlockSize()
	if len(data) == 0 || len(data)%size != 0 || len(iv) != size {
		return nil, errShape
	}
	out := make([]byte, len(data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(out, data)
	pad := int(out[len(out)-1])
	if pad == 0 || pad > size || !bytes.HasSuffix(out, bytes.Repeat([]byte{byte(pad)}, pad)) {
		return nil, errPassword
	}
	return out[:len(out)-pad], nil
}

func (u *unpacker) cipher(a pkix.AlgorithmIdentifier) (cipher.Block, []byte, error) {
	if a.Algorithm.Equal(oidPBES2) {
		return u.cipher2(a)
	}
	length := 0
	switch {
	case a.Algorithm.Equal(oidSHA3DES):
		length = 24
	case a.Algorithm.Equal(oidSHA2DES), a.Algorithm.Equal(oidRC2x128):
		length = 16
	case a.Algorithm.Equal(oidRC2x40):
		length = 5
	default:
		return nil, nil, errScheme
	}
	var p pbeParams
	if !whole(a.Parameters.FullBytes, &p) {
		return nil, nil, errShape
	}
	key, err := u.derive(sha1.New, p.Salt, p.Rounds, 1, length)
	if err != nil {
		return nil, nil, err
	}
	iv, err := u.derive(sha1.New, p.Salt, p.Rounds, 2, 8)
	if err != nil {
		return nil, nil, err
	}
	if a.Algorithm.Equal(oidSHA3DES) || a.Algorithm.Equal(oidSHA2DES) {
		if length == 16 {
			key = append(key, key[:8]...)
		}
		block, err := des.NewTripleDESCipher(key) //nolint:gosec // old files are to be read
		return block, iv, err
	}
	return newRC2(key), iv, nil
}

func (u *unpacker) cipher2(a pkix.AlgorithmIdentifier) (cipher.Block, []byte, error) {
	var p schemeParams
	if !whole(a.Parameters.FullBytes, &p) {
		return nil, nil, errShape
	}
	length := 0
	switch p.Scheme.Algorithm.String() {
	case oidAES + "2":
		length = 16
	case oidAES + "22":
		length = 24
	case oidAES + "42":
		length = 32
	case oidDESEDE3.String():
		length = 24
	default:
		return nil, nil, errScheme
	}
	key, err := u.derive2(p.KDF, length)
	if err != nil {
		return nil, nil, err
	}
	iv := p.Scheme.Parameters.Bytes
	if p.Scheme.Algorithm.Equal(oidDESEDE3) {
		block, err := des.NewTripleDESCipher(key) //nolint:gosec // old files are to be read
		return block, iv, err
	}
	block, err := aes.NewCipher(key)
	return block, iv, err
}

// maxKey bounds what one derivation writes; RFC 9579 keys have at most 64 bytes,
// and shorter ones than 20 would make a seal that anybody can guess.
const (
	maxKey = 64
	minKey = 20
)

// derive2 is PBKDF2. length 0 takes the one that the file names, as seals do.
func (u *unpacker) derive2(kdf pkix.AlgorithmIdentifier, length int) ([]byte, error) {
	var p pbkdf2Params
	if !kdf.Algorithm.Equal(oidPBKDF2) || !whole(kdf.Parameters.FullBytes, &p) || p.Salt.Tag != asn1.TagOctetString {
		return nil, errScheme
	}
	if length == 0 {
		if length = p.Length; length < minKey || length > maxKey {
			return nil, errScheme
		}
	}
	prf := sha1.New
	if p.PRF.Algorithm != nil {
		if prf = digests[p.PRF.Algorithm.String()]; prf == nil {
			return nil, errScheme
		}
	}
	if err := u.spend(p.Rounds); err != nil {
		return nil, err
	}
	return pbkdf2.Key(prf, string(u.plain), p.Salt.Bytes, p.Rounds, length)
}

// derive is the derivation of PKCS#12 itself (RFC 7292, appendix B.2).
func (u *unpacker) derive(sum func() hash.Hash, salt []byte, rounds int, purpose byte, length int) ([]byte, error) {
	h := sum()
	size, v := h.Size(), h.BlockSize()
	blocks := (length + size - 1) / size
	if rounds < 1 || rounds > maxRounds {
		return nil, errRounds
	}
	if err := u.spend(rounds * blocks); err != nil {
		return nil, err
	}
	input := append(stretch(salt, v), stretch(u.password, v)...)
	out := make([]byte, 0, blocks*size)
	for {
		h.Reset()
		h.Write(bytes.Repeat([]byte{purpose}, v))
		h.Write(input)
		a := h.Sum(nil)
		for range rounds - 1 {
			h.Reset()
			h.Write(a)
			a = h.Sum(a[:0])
		}
		if out = append(out, a...); len(out) >= length {
			return out[:length], nil
		}
		for at := 0; at < len(input); at += v {
			addOne(input[at:at+v], a)
		}
	}
}

// stretch repeats b up to a whole number of blocks.
func stretch(b []byte, v int) []byte {
	if len(b) == 0 {
		return nil
	}
	n := (len(b) + v - 1) / v * v
	return bytes.Repeat(b, n/len(b)+1)[:n]
}

// addOne adds a, repeated, and one to the block as a big number.
func addOne(block, a []byte) {
	carry := 1
	for i := len(block) - 1; i >= 0; i-- {
		carry += int(block[i]) + int(a[i%len(a)])
		block[i] = byte(carry)
		carry >>= 8
	}
}
