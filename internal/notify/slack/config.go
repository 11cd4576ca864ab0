// Package slack tells a Slack channel through an incoming webhook.
package slack

import "keepwatch/internal/notify"

// Config is one Slack channel.
type Config struct {
	// WebhookURL is a reference to the address of an incoming webhook. Whoever
	// knows the address can post, so it is a secret as a whole.
	WebhookURL string `yaml:"webhook_url"`
}

// Validate finds what is wrong before the first message.
func (c Config) Validate() error {
	var ps notify.Problems
	switch {
	case c.WebhookURL == "":
		ps.Add("webhook_url", "is missing", notify.AllowedReference)
	case !notify.IsReference(c.WebhookURL):
		ps.Add("webhook_url", "is not a reference", notify.AllowedReference)
	}
	return ps.Err()
}

// References lists the secrets that the receiver needs, by key.
func (c Config) References() map[string]string {
	return map[string]string{"webhook_url": c.WebhookURL}
}

// Where is the address of the webhook.
func (c Config) Where() string { return c.WebhookURL }
