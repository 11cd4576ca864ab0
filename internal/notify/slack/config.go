// Package slack tells a Slack channel: through an incoming webhook, or as a bot,
// which also keeps the first message of an incident up to date and threads the news.
package slack

import (
	"strings"

	"keepwatch/internal/notify"
)

// DefaultURL is Slack's Web API.
const DefaultURL = "https://slack.com/api/"

// Config is one Slack channel, by webhook or by bot.
type Config struct {
	// WebhookURL is a reference to the address of an incoming webhook. Whoever
	// knows the address can post, so it is a secret as a whole.
	WebhookURL string `yaml:"webhook_url,omitempty"`
	// Token is a reference to a bot's token, with the scope chat:write.
	Token   string `yaml:"token,omitempty"`
	Channel string `yaml:"channel,omitempty"` // of the bot: its id like C024BE91L, or its name
	APIURL  string `yaml:"api_url,omitempty"` // of the bot; the default is Slack's
}

// WithDefaults fills what the file may leave out.
func (c Config) WithDefaults() Config {
	if c.Token != "" && c.APIURL == "" {
		c.APIURL = DefaultURL
	}
	return c
}

// Validate finds what is wrong before the first message.
func (c Config) Validate() error {
	var ps notify.Problems
	if c.Token == "" {
		ps.CheckReference("webhook_url", c.WebhookURL, true)
		if c.Channel != "" || c.APIURL != "" {
			ps.Add("token", "is missing beside a channel", notify.AllowedReference)
		}
		return ps.Err()
	}
	ps.CheckReference("token", c.Token, true)
	if c.WebhookURL != "" {
		ps.Add("webhook_url", "stands beside a token", "one of webhook_url, token")
	}
	if c.Channel == "" || strings.ContainsAny(c.Channel, " \t,") {
		ps.Add("channel", "is not a channel", "an id like C024BE91L, or a name like #crm-alerts")
	}
	ps.CheckURL("api_url", c.WithDefaults().APIURL)
	return ps.Err()
}

// References lists the secrets that the receiver needs, by key.
func (c Config) References() map[string]string {
	return notify.ReferencesOf(map[string]string{"webhook_url": c.WebhookURL, "token": c.Token, "api_url": c.APIURL})
}

// Where is the address of the webhook, or Slack's API.
func (c Config) Where() string {
	if c.Token != "" {
		return c.WithDefaults().APIURL
	}
	return c.WebhookURL
}
