package sim

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"strings"
	"time"

	"keepwatch"
)

const (
	defaultTokenLife = 20 * time.Minute
	// advertisedShort is how much earlier than its real end SFMC says a token ends.
	advertisedShort = 121 * time.Second
	tokenLength     = 512
	maxScopes       = 128
)

var b64 = base64.RawURLEncoding

// An access token carries all that the Sim must know about it, signed: header,
// claims, signature, and a blob with the end, the business unit, the client's
// epoch and the scopes. Nothing is remembered per token, so issuing a hundred a
// second for days costs no memory, and a restart of the map is never needed.
type ticket struct {
	clientID string
	expires  time.Time
	mid      keepwatch.MID
	epoch    uint32
	scopes   scopeSet
}

type tokenClaims struct {
	AccessToken     string        `json:"access_token"`
	ClientID        string        `json:"client_id"`
	EID             keepwatch.MID `json:"eid"`
	StackKey        string        `json:"stack_key"`
	PlatformVersion int           `json:"platform_version"`
	ClientType      string        `json:"client_type"`
}

const tokenHeader = `{"alg":"HS256","kid":"4","ver":"1","typ":"JWT"}`

// blobSize: end, business unit, epoch, scopes.
const blobSize = 8 + 8 + 4 + maxScopes/8

// mint signs a ticket. Real tokens have exactly 512 characters in four parts;
// the blob is padded with random bytes to that length.
func (s *Sim) mint(t ticket, spec *ClientSpec) string {
	noise := make([]byte, 18+tokenLength)
	rand.Read(noise)
	claims, _ := json.Marshal(tokenClaims{
		AccessToken: b64.EncodeToString(noise[:18]), ClientID: t.clientID, EID: spec.EID,
		StackKey: spec.Stack, PlatformVersion: 2, ClientType: clientType(spec.Kind),
	})
	head := b64.EncodeToString([]byte(tokenHeader)) + "." + b64.EncodeToString(claims)

	blob := binary.BigEndian.AppendUint64(nil, uint64(t.expires.UnixMilli()))
	blob = binary.BigEndian.AppendUint64(blob, uint64(t.mid))
	blob = binary.BigEndian.AppendUint32(blob, t.epoch)
	blob = append(blob, t.scopes[:]...)
	room := tokenLength - len(head) - 2 - signatureLength
	tail := b64.EncodeToString(append(blob, noise[18:]...))
	tail = tail[:max(room, b64.EncodedLen(blobSize))]
	return head + "." + s.sign(head, tail) + "." + tail
}

const signatureLength = 43

func (s *Sim) sign(parts ...string) string {
	mac := hmac.New(sha256.New, s.key)
	for _, p := range parts {
		mac.Write([]byte(p))
		mac.Write([]byte{'.'})
	}
	return b64.EncodeToString(mac.Sum(nil))
}

// open reads a token that this Sim signed. It says nothing about its age.
func (s *Sim) open(token string) (ticket, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 4 || len(token) > 4096 {
		return ticket{}, false
	}
	if !hmac.Equal([]byte(s.sign(parts[0]+"."+parts[1], parts[3])), []byte(parts[2])) {
		return ticket{}, false
	}
	claims, err := b64.DecodeString(parts[1])
	if err != nil {
		return ticket{}, false
	}
	var c tokenClaims
	if json.Unmarshal(claims, &c) != nil {
		return ticket{}, false
	}
	// Only the front of the blob means something; the cut may leave a tail
	// that is no whole base64 group.
	blob, err := b64.DecodeString(parts[3][:len(parts[3])/4*4])
	if err != nil || len(blob) < blobSize {
		return ticket{}, false
	}
	t := ticket{
		clientID: c.ClientID,
		expires:  time.UnixMilli(int64(binary.BigEndian.Uint64(blob))),
		mid:      keepwatch.MID(binary.BigEndian.Uint64(blob[8:])),
		epoch:    binary.BigEndian.Uint32(blob[16:]),
	}
	copy(t.scopes[:], blob[20:])
	return t, true
}

func clientType(kind keepwatch.Kind) string {
	switch kind {
	case keepwatch.WebApp:
		return "Confidential"
	case keepwatch.PublicApp:
		return "Public"
	default:
		return "ServerToServer"
	}
}

// advertised is the expires_in of a token that really lives for life.
func advertised(life time.Duration) int {
	if life > 2*advertisedShort {
		life -= advertisedShort
	}
	return int(life / time.Second)
}
