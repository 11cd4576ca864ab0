// Package teams tells a Microsoft Teams channel or chat through a Workflows
// webhook, with Adaptive Cards: it is the only form that Workflows accept.
package teams

import (
	"context"
	"net/http"

	"keepwatch/internal/notify"
)

// Config is one Teams channel.
type Config struct {
	// WebhookURL is a reference to the address of a workflow with the trigger "When a
	// Teams webhook request is received". Whoever knows the address can post.
	WebhookURL string `yaml:"webhook_url"`
}

// Validate finds what is wrong before the first message.
func (c Config) Validate() error {
	var ps notify.Problems
	ps.CheckReference("webhook_url", c.WebhookURL, true)
	return ps.Err()
}

// References lists the secrets that the receiver needs, by key.
func (c Config) References() map[string]string {
	return map[string]string{"webhook_url": c.WebhookURL}
}

// Where is the address of the workflow.
func (c Config) Where() string { return c.WebhookURL }

// Sender posts cards to one workflow.
type Sender struct {
	cfg  Config
	deps notify.Deps
}

var _ notify.Sender = (*Sender)(nil)

// New makes a sender. It connects to nothing and reads no secret yet.
func New(cfg Config, deps notify.Deps) (*Sender, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Sender{cfg, deps.Confined()}, nil
}

// Send posts one card. A workflow answers 202 before it posts: whether it does
// cannot be seen from here.
func (s *Sender) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	address, err := s.deps.Address(ctx, s.cfg.WebhookURL)
	if err != nil {
		return "", err
	}
	body, err := render(m)
	if err != nil {
		return "", err
	}
	// Without the character set the service counts two bytes for each character.
	header := http.Header{"Content-Type": {"application/json; charset=utf-8"}}
	_, receipt, err := s.deps.Do(ctx, notify.Call{URL: address, Header: header, Body: body, Now: m.Now})
	return receipt, err
}
