package slack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/slack-go/slack"

	"keepwatch/internal/notify"
)

// Deps are what a sender needs from its surroundings.
type Deps = notify.Deps

// Sender posts messages to one channel.
type Sender struct {
	cfg  Config
	deps notify.Deps
}

var _ notify.Sender = (*Sender)(nil)

// New makes a sender. It connects to nothing and reads no secret yet.
func New(cfg Config, deps Deps) (*Sender, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Sender{cfg.WithDefaults(), deps.Confined()}, nil
}

// Send posts one message. Slack has no key to recognise a repeat by.
func (s *Sender) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	if s.cfg.Token != "" {
		return s.asBot(ctx, m)
	}
	secret, err := s.deps.Read(ctx, s.cfg.WebhookURL, "the webhook's address")
	if err != nil {
		return "", err
	}
	u, err := notify.ParseURL(string(secret.Reveal()))
	if err != nil {
		return "", err
	}
	if err := slack.PostWebhookCustomHTTPContext(ctx, u.String(), s.deps.Client, render(m)); err != nil {
		return "", classify(err, m.Now)
	}
	return "accepted by Slack", nil
}

// classify turns the library's errors into ours. The library wraps *url.Error,
// which shows the address; only what lies below it is kept.
func classify(err error, now time.Time) error {
	var limited *slack.RateLimitedError
	if errors.As(err, &limited) {
		header := http.Header{"Retry-After": {strconv.FormatInt(int64(limited.RetryAfter/time.Second), 10)}}
		return notify.HTTPStatus(http.StatusTooManyRequests, header, now)
	}
	var refused slack.SlackErrorResponse
	if errors.As(err, &refused) {
		return refusal(refused.Err)
	}
	var status slack.StatusCodeError
	if errors.As(err, &status) {
		if err := notify.HTTPStatus(status.Code, nil, now); err != nil {
			return err
		}
		// The library takes 200 alone for success.
		return notify.Retryable(fmt.Errorf("the receiver answered %d instead of 200", status.Code))
	}
	var transport *url.Error
	if errors.As(err, &transport) {
		return notify.HTTPFailure(transport)
	}
	// A 429 whose Retry-After cannot be read ends here; its text is the server's.
	return notify.Retryable(errors.New("the answer from Slack could not be read"))
}
