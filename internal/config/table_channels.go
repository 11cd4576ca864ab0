package config

import (
	"errors"
	"strings"

	"go.yaml.in/yaml/v3"

	"keepwatch/internal/notify"
	"keepwatch/internal/notify/email"
	"keepwatch/internal/notify/slack"
	"keepwatch/internal/notify/webhook"
)

// Receiver is somebody who can be told, over exactly one channel.
type Receiver struct {
	Name    string
	Channel string // the key that names it in the file
	Config  notify.Config
}

// receiverDraft is a receiver as it was read.
type receiverDraft struct {
	name    at[string]
	channel string
	config  notify.Config
}

// channels has a row for each channel. A new one is a row here.
func channels() []field[receiverDraft] {
	return []field[receiverDraft]{
		channel("slack", "a Slack channel, by an incoming webhook", slackKind()),
		channel("webhook", "a call with Alertmanager's JSON, signed", webhookKind()),
		channel("email", "mail over SMTP", emailKind()),
	}
}

func channel[C notify.Config](name, doc string, k kind[C]) field[receiverDraft] {
	return nested(name, doc, validated(k, func(c C) error { return c.Validate() }), func(r *receiverDraft, c C) {
		r.channel, r.config = name, c
	})
}

// channelKeys are the keys of a receiver that name its channel.
var channelKeys = func() []string {
	var names []string
	for _, c := range channels() {
		names = append(names, c.name)
	}
	return names
}()

func receiverKind() kind[receiverDraft] {
	return object(append([]field[receiverDraft]{
		key("name", "short name, for routes and metrics", located(identifier[string]("a name")), func(r *receiverDraft) *at[string] { return &r.name }).must(),
	}, channels()...)...)
}

func (d receiverDraft) receiver() Receiver {
	return Receiver{Name: d.name.v, Channel: d.channel, Config: d.config}
}

func slackKind() kind[slack.Config] {
	return object(
		key("webhook_url", "reference to the address of the incoming webhook; the address is a secret", secretRef(), func(c *slack.Config) *string { return &c.WebhookURL }).must(),
	)
}

func webhookKind() kind[webhook.Config] {
	return object(
		key("url", "where the messages are posted to, or a reference to it", hiddenURL(), func(c *webhook.Config) *string { return &c.URL }).must(),
		key("secret", "reference to the key that signs the messages; without it they are unsigned", secretRef(), func(c *webhook.Config) *string { return &c.Secret }),
	)
}

func emailKind() kind[email.Config] {
	address := free(320)
	return filledIn(object(
		key("smtp", "mail server, host:port", hostPort(false), func(c *email.Config) *string { return &c.SMTP }).must(),
		key("from", "the sender's address", address, func(c *email.Config) *string { return &c.From }).must(),
		key("to", "addresses", oneOrMany(address), func(c *email.Config) *[]string { return &c.To }).must(),
		key("tls", "starttls, tls or none; the default is tls on port 465, else starttls", choice("a way to protect the connection", email.STARTTLS, email.TLS, email.None), func(c *email.Config) *string { return &c.TLS }),
		key("username", "name to sign in to the mail server with", free(200), func(c *email.Config) *string { return &c.Username }),
		key("password", "reference to the password that goes with it", secretRef(), func(c *email.Config) *string { return &c.Password }),
	), email.Config.WithDefaults)
}

// filledIn gives what the file leaves out its default.
func filledIn[C any](k kind[C], defaults func(C) C) kind[C] {
	return kind[C]{k.schema, func(s spot) (C, bool) {
		c, ok := k.decode(s)
		return defaults(c), ok
	}}
}

// validated lets a channel check its own settings, once each of them could be
// read: its problems become faults at the keys that it names.
func validated[C any](k kind[C], validate func(C) error) kind[C] {
	return kind[C]{k.schema, func(s spot) (C, bool) {
		before := s.w.faults.count()
		c, ok := k.decode(s)
		if !ok || s.w.faults.count() > before {
			return c, ok
		}
		var problems notify.Problems
		if err := validate(c); errors.As(err, &problems) {
			for _, p := range problems {
				s.below(p.Key).fault(p.Allowed, "%s", p.Message)
			}
		} else if err != nil {
			s.fault("other settings", "%s", fact(err))
		}
		return c, true
	}}
}

// below finds the spot of a key of the mapping at s; the mapping's own where the
// key is absent.
func (s spot) below(name string) spot {
	plain, _, _ := strings.Cut(name, "[")
	for i := 0; i+1 < len(s.node.Content); i += 2 {
		if s.node.Content[i].Value == plain {
			return s.at(name, s.node.Content[i+1])
		}
	}
	return s.at(name, s.node)
}

// oneOrMany reads a list, or a single value as a list of one.
func oneOrMany[V any](item kind[V]) kind[[]V] {
	many := list(item, 200)
	return kind[[]V]{schema{"anyOf": []schema{item.schema, many.schema}}, func(s spot) ([]V, bool) {
		if s.node.Kind != yaml.ScalarNode || isNull(s.node) {
			return many.decode(s)
		}
		v, ok := item.decode(s)
		return []V{v}, ok
	}}
}
