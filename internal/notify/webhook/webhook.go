package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strconv"
	"time"

	"keepwatch"
	"keepwatch/internal/notify"
)

// Deps are what a sender needs from its surroundings.
type Deps = notify.Deps

// Sender posts messages to one address.
type Sender struct {
	cfg  Config
	deps notify.Deps
	own  *notify.JSONTemplate // of format template
}

var _ notify.Sender = (*Sender)(nil)

// New makes a sender. It connects to nothing and reads no secret yet.
func New(cfg Config, deps Deps) (*Sender, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Sender{cfg: cfg, deps: deps.Confined()}
	if cfg.Format != Template {
		return s, nil
	}
	var err error
	s.own, err = notify.ParseJSONTemplate(cfg.Template)
	return s, err
}

// Headers of a message. A receiver that remembers deliveries drops repeats by it.
const (
	HeaderDelivery  = "X-Keepwatch-Delivery"
	HeaderSignature = "X-Keepwatch-Signature"
)

// Send posts one message.
func (s *Sender) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	body, kind, err := s.body(m)
	if err != nil {
		return "", notify.Permanent(err)
	}
	address, err := s.deps.Address(ctx, s.cfg.URL)
	if err != nil {
		return "", err
	}
	header := http.Header{"Content-Type": {kind}}
	header.Set(HeaderDelivery, string(m.Key))
	if s.cfg.Secret != "" {
		key, err := s.deps.Read(ctx, s.cfg.Secret, "the signing key")
		if err != nil {
			return "", err
		}
		header.Set(HeaderSignature, Sign(key, m.Now, body))
	}
	if s.cfg.Token != "" {
		token, err := s.deps.Read(ctx, s.cfg.Token, "the token")
		if err != nil {
			return "", err
		}
		header.Set("Authorization", "Bearer "+string(token.Reveal()))
	}
	_, receipt, err := s.deps.Do(ctx, notify.Call{URL: address, Header: header, Body: body, Now: m.Now})
	return receipt, err
}

func (s *Sender) body(m notify.Message) (body []byte, contentType string, err error) {
	contentType = "application/json"
	switch s.cfg.Format {
	case CloudEvents:
		body, err = cloudEvent(m)
		return body, "application/cloudevents+json; charset=utf-8", err
	case Template:
		body, err = s.own.Render(m)
	default:
		body, err = render(m)
	}
	return body, contentType, err
}

// Sign makes the signature header: t=UNIX,v1=HMAC-SHA256(key, "UNIX.body") in hex.
// The time is signed with the body, so that a receiver can refuse old messages
// that somebody plays back.
func Sign(key keepwatch.Secret, now time.Time, body []byte) string {
	t := strconv.FormatInt(now.Unix(), 10)
	mac := hmac.New(sha256.New, key.Reveal())
	_, _ = io.WriteString(mac, t+".")
	_, _ = mac.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}
