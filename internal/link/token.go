package link

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"keepwatch"
)

const (
	keyBytes     = 32
	version      = 1
	headBytes    = 2 + 8 + messageBytes // version, action, expiry, message
	messageBytes = 8
	maxToken     = 1200 // of three names of 255 bytes each, in base64
)

// Key signs links. Whoever replaces it ends every link that was sent.
type Key []byte

// NewKey makes a key as text, for the store's settings.
func NewKey() string {
	b := make([]byte, keyBytes)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the process instead
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParseKey takes the text of NewKey.
func ParseKey(text string) (Key, error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) < keyBytes {
		return nil, fmt.Errorf("the key of links cannot be used: %w", keepwatch.ErrInvalid)
	}
	return b, nil
}

// Claim is what a link says: what it does to which incident, and in which message of
// which receiver it stands.
type Claim struct {
	Action   keepwatch.LinkAction
	Incident keepwatch.IncidentID
	Receiver string
	Channel  string // of the receiver, as the file names it
	Message  keepwatch.DeliveryID
	Expires  time.Time
}

// body is a claim as bytes. Of the message it holds a hash: two messages have two
// links, and a repeat of one message has the same.
func (c Claim) body() ([]byte, error) {
	action := slices.Index(keepwatch.LinkActions, c.Action)
	if action < 0 {
		return nil, fmt.Errorf("%.40q is nothing that a link does: %w", c.Action, keepwatch.ErrInvalid)
	}
	b := []byte{version, byte(action)}
	b = binary.BigEndian.AppendUint64(b, uint64(c.Expires.Unix()))
	message := sha256.Sum256([]byte(c.Message))
	b = append(b, message[:messageBytes]...)
	for _, name := range []string{string(c.Incident), c.Receiver, c.Channel} {
		if len(name) > 255 {
			return nil, fmt.Errorf("a name of %d bytes in a link: %w", len(name), keepwatch.ErrInvalid)
		}
		b = append(append(b, byte(len(name))), name...)
	}
	return b, nil
}

// Sign makes the token of a link.
func (k Key) Sign(c Claim) (string, error) {
	b, err := c.body()
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(append(b, k.mac(b)...)), nil
}

func (k Key) mac(body []byte) []byte {
	mac := hmac.New(sha256.New, k)
	mac.Write([]byte("keepwatch link v1\x00"))
	mac.Write(body)
	return mac.Sum(nil)
}

// Read returns what a token claims, without its message, and the id of its use; false
// when this key has not signed it. Whether it has expired is for the caller, who can
// say so: the signature holds.
func (k Key) Read(token string) (c Claim, id string, ok bool) {
	// The decoder reads over line breaks, and unless it is strict over the spare bits of
	// the last character: several texts would be one link.
	if len(token) > maxToken || strings.ContainsAny(token, "\r\n") {
		return c, "", false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) < headBytes+sha256.Size {
		return c, "", false
	}
	body, mac := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	if !hmac.Equal(mac, k.mac(body)) || body[0] != version || int(body[1]) >= len(keepwatch.LinkActions) {
		return c, "", false
	}
	c.Action = keepwatch.LinkActions[body[1]]
	c.Expires = time.Unix(int64(binary.BigEndian.Uint64(body[2:])), 0).UTC()
	var names [3]string
	rest := body[headBytes:]
	for i := range names {
		if len(rest) == 0 || len(rest) < 1+int(rest[0]) {
			return Claim{}, "", false
		}
		names[i], rest = string(rest[1:1+int(rest[0])]), rest[1+int(rest[0]):]
	}
	c.Incident, c.Receiver, c.Channel = keepwatch.IncidentID(names[0]), names[1], names[2]
	sum := sha256.Sum256(append([]byte("use of a link\x00"), body...))
	return c, hex.EncodeToString(sum[:]), len(rest) == 0
}

// channelWords are channels as people call them.
var channelWords = map[string]string{
	"email": "e-mail", "slack": "Slack", "teams": "Microsoft Teams", "pagerduty": "PagerDuty", "jsm": "Jira Service Management",
}

// Actor is who is recorded: a link works for whoever has the message, so all that is
// known is where it was sent.
func (c Claim) Actor() string {
	channel := c.Channel
	if words, ok := channelWords[channel]; ok {
		channel = words
	}
	return "link sent to " + c.Receiver + " via " + channel
}
