package secrets

import (
	"bytes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"

	"keepwatch"
)

// sealVersion begins every sealed text. Another cipher would get another one.
const sealVersion = "kw1"

// maxKeys caps a key file: one key that seals, and older ones that still open.
const maxKeys = 8

// MakeKey says how a key is made; docs/secrets.md has the same line.
const MakeKey = "make a key with: openssl rand -base64 32"

// Sealer encrypts secrets that Keepwatch keeps, with a key that it is given from
// outside of the database: XChaCha20-Poly1305 with a random nonce. The tenant and
// the id are authenticated with the content, so a sealed text that is moved to
// another record does not open. It is safe for concurrent use.
type Sealer struct {
	keys []sealKey // the first one seals, all of them open
}

type sealKey struct {
	id   string // tells keys apart; says nothing about the key
	aead cipher.AEAD
}

// NewSealer reads the key: 32 random bytes in base64 on a line. Further lines are
// older keys, which only open. Errors never repeat what was read.
func NewSealer(key keepwatch.Secret) (*Sealer, error) {
	lines := bytes.Fields(key.Reveal())
	if len(lines) == 0 || len(lines) > maxKeys {
		return nil, badKey(fmt.Sprintf("the seal key has %d lines, not one, or one and up to %d older ones", len(lines), maxKeys-1))
	}
	s := &Sealer{}
	for i, line := range lines {
		k, err := newSealKey(line)
		if err != nil {
			return nil, badKey(fmt.Sprintf("line %d of the seal key %v", i+1, err))
		}
		for _, other := range s.keys {
			if other.id == k.id {
				return nil, badKey(fmt.Sprintf("line %d of the seal key is there twice", i+1))
			}
		}
		s.keys = append(s.keys, k)
	}
	return s, nil
}

func badKey(fact string) error {
	return keepwatch.WithHint(fmt.Errorf("%s: %w", fact, keepwatch.ErrInvalid), MakeKey)
}

func newSealKey(line []byte) (sealKey, error) {
	raw := make([]byte, base64.StdEncoding.DecodedLen(len(line)))
	defer clear(raw)
	n, err := base64.StdEncoding.Decode(raw, line)
	switch {
	case err != nil: // the package's error would name a byte of the key
		return sealKey{}, errors.New("is not base64")
	case n != chacha20poly1305.KeySize:
		return sealKey{}, fmt.Errorf("has %d bytes, not %d", n, chacha20poly1305.KeySize)
	case uniform(raw[:n]):
		return sealKey{}, errors.New("is not random: all its bytes are the same")
	}
	aead, err := chacha20poly1305.NewX(raw[:n])
	if err != nil {
		return sealKey{}, errors.New("cannot be used")
	}
	sum := sha256.Sum256(append([]byte("keepwatch seal key\x00"), raw[:n]...))
	return sealKey{id: hex.EncodeToString(sum[:4]), aead: aead}, nil
}

// uniform knows a key that was never made: zeros.
func uniform(b []byte) bool {
	return subtle.ConstantTimeCompare(b, bytes.Repeat(b[:1], len(b))) == 1
}

// Seal encrypts a secret for one id of one tenant. The text may be stored and
// copied anywhere; it opens only with the key, the tenant and the id.
func (s *Sealer) Seal(tenant keepwatch.TenantID, id string, secret keepwatch.Secret) (string, error) {
	switch size := len(secret.Reveal()); {
	case !sealedName.MatchString(id):
		return "", fmt.Errorf("%.80q is not an id that a secret can be sealed for: %w", id, keepwatch.ErrInvalid)
	case size == 0:
		return "", keepwatch.WithHint(fmt.Errorf("the secret is empty: %w", keepwatch.ErrInvalid), "give the secret itself")
	case size > MaxSize:
		return "", fmt.Errorf("the secret is larger than %d KiB: %w", MaxSize>>10, keepwatch.ErrInvalid)
	}
	k := s.keys[0]
	nonce := make([]byte, k.aead.NonceSize(), k.aead.NonceSize()+len(secret.Reveal())+k.aead.Overhead())
	_, _ = rand.Read(nonce) // never fails: crypto/rand ends the process instead
	sealed := k.aead.Seal(nonce, nonce, secret.Reveal(), binding(k.id, tenant, id))
	return sealVersion + "." + k.id + "." + base64.RawURLEncoding.EncodeToString(sealed), nil
}

// binding is what is authenticated with the content.
func binding(key string, tenant keepwatch.TenantID, id string) []byte {
	return []byte(strings.Join([]string{"keepwatch sealed", sealVersion, key, string(tenant), id}, "\x00"))
}

// Open decrypts. tenant is that of the record that is about to use the secret, not
// one that was stored beside the text: else whoever may write to the database
// could have it opened for another record.
func (s *Sealer) Open(tenant keepwatch.TenantID, id, sealed string) (keepwatch.Secret, error) {
	keyID, body, err := parseSealed(sealed)
	if err != nil {
		return keepwatch.Secret{}, err
	}
	k, err := s.key(keyID)
	if err != nil {
		return keepwatch.Secret{}, err
	}
	size := k.aead.NonceSize()
	if len(body) < size {
		return keepwatch.Secret{}, unopened("is damaged")
	}
	plain, err := k.aead.Open(nil, body[:size], body[size:], binding(keyID, tenant, id))
	if err != nil {
		return keepwatch.Secret{}, unopened("does not open for this record: it was sealed for another credential or tenant, or is damaged")
	}
	return keepwatch.NewSecret(plain), nil
}

func parseSealed(sealed string) (key string, body []byte, _ error) {
	version, rest, _ := strings.Cut(sealed, ".")
	key, encoded, found := strings.Cut(rest, ".")
	if !found || version != sealVersion {
		if strings.HasPrefix(version, "kw") && len(version) < 6 && found {
			err := fmt.Errorf("the sealed secret has a form that this program does not know: %w", keepwatch.ErrUnavailable)
			return "", nil, keepwatch.WithHint(err, "run the newer keepwatch that sealed it, or enter the secret again")
		}
		return "", nil, unopened("is damaged")
	}
	body, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil {
		return "", nil, unopened("is damaged")
	}
	return key, body, nil
}

func (s *Sealer) key(id string) (sealKey, error) {
	for _, k := range s.keys {
		if k.id == id {
			return k, nil
		}
	}
	err := fmt.Errorf("the secret was sealed with the key %.8q, which is not among the keys given: %w", id, keepwatch.ErrUnavailable)
	return sealKey{}, keepwatch.WithHint(err, "put that key on a further line behind server.seal_key, or enter the secret again")
}

func unopened(fact string) error {
	return keepwatch.WithHint(fmt.Errorf("the sealed secret %s: %w", fact, keepwatch.ErrUnavailable), "enter the secret again")
}

// Old reports whether a sealed text was made with an older key than the one that
// seals now. It looks at the text alone.
func (s *Sealer) Old(sealed string) bool {
	key, _, err := parseSealed(sealed)
	return err == nil && key != s.keys[0].id
}

// Reseal opens a sealed text and seals the same secret with the key that seals now.
func (s *Sealer) Reseal(tenant keepwatch.TenantID, id, sealed string) (string, error) {
	secret, err := s.Open(tenant, id, sealed)
	if err != nil {
		return "", err
	}
	defer clear(secret.Reveal())
	return s.Seal(tenant, id, secret)
}
