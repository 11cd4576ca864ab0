package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
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
	cfg     Config
	client  *http.Client
	secrets notify.Secrets
}

var _ notify.Sender = (*Sender)(nil)

// New makes a sender. It connects to nothing and reads no secret yet.
func New(cfg Config, deps Deps) (*Sender, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Sender{cfg: cfg, client: notify.NoRedirects(deps.Client), secrets: deps.Secrets}, nil
}

// Headers of a message. A receiver that remembers deliveries drops repeats by it.
const (
	HeaderDelivery  = "X-Keepwatch-Delivery"
	HeaderSignature = "X-Keepwatch-Signature"
)

// Send posts one message.
func (s *Sender) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	body, err := render(m)
	if err != nil {
		return "", notify.Permanent(err)
	}
	req, err := s.request(ctx, body, m)
	if err != nil {
		return "", err
	}
	res, err := s.client.Do(req)
	if err != nil {
		return "", notify.HTTPFailure(err)
	}
	defer res.Body.Close()
	// The connection is reused only when the body was read; a long one is not worth it.
	_, _ = io.CopyN(io.Discard, res.Body, 4<<10)
	if err := notify.HTTPStatus(res.StatusCode, res.Header, m.Now); err != nil {
		return "", err
	}
	return notify.Receipt("accepted: " + strconv.Itoa(res.StatusCode) + " " + http.StatusText(res.StatusCode)), nil
}

func (s *Sender) request(ctx context.Context, body []byte, m notify.Message) (*http.Request, error) {
	address, err := s.address(ctx)
	if err != nil {
		return nil, err
	}
	u, err := notify.ParseURL(address)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, notify.HTTPFailure(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Keepwatch")
	req.Header.Set(HeaderDelivery, string(m.Key))
	if s.cfg.Secret != "" {
		key, err := s.secrets.Resolve(ctx, s.cfg.Secret)
		if err != nil {
			return nil, notify.Retryable(fmt.Errorf("the signing key cannot be read: %w", err))
		}
		req.Header.Set(HeaderSignature, Sign(key, m.Now, body))
	}
	return req, nil
}

func (s *Sender) address(ctx context.Context) (string, error) {
	if !notify.IsReference(s.cfg.URL) {
		return s.cfg.URL, nil
	}
	secret, err := s.secrets.Resolve(ctx, s.cfg.URL)
	if err != nil {
		return "", notify.Retryable(fmt.Errorf("the address cannot be read: %w", err))
	}
	return string(secret.Reveal()), nil
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
