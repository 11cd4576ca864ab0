package config

import (
	"errors"
	"strings"

	"go.yaml.in/yaml/v3"

	"keepwatch/internal/notify"
	"keepwatch/internal/notify/alertmanager"
	"keepwatch/internal/notify/email"
	"keepwatch/internal/notify/jsm"
	"keepwatch/internal/notify/ntfy"
	"keepwatch/internal/notify/pagerduty"
	"keepwatch/internal/notify/shoutrrr"
	"keepwatch/internal/notify/slack"
	"keepwatch/internal/notify/teams"
	"keepwatch/internal/notify/ticket"
	"keepwatch/internal/notify/webhook"
)

// Receiver is somebody who can be told, over exactly one channel.
type Receiver struct {
	Name    string
	Channel string // the key that names it in the file
	Config  notify.Config
	// Fallback is the receiver that is told in its place when it cannot be.
	Fallback string
	// Pace is how many messages it is sent one by one before they become a storm.
	Pace notify.Pace
	// Links says that its messages have links that act on their incident, for whoever
	// has the message.
	Links bool
}

// linked says of a channel whether its messages have links that act, when nobody says
// so: where people read it. Others may have them; what is in neither list never has.
var linked = map[string]bool{
	"email": true, "slack": true, "teams": true, "pagerduty": true, "jsm": true, "ntfy": true,
	"webhook": false, "shoutrrr": false,
}

// receiverDraft is a receiver as it was read.
type receiverDraft struct {
	name     at[string]
	channel  string
	config   notify.Config
	fallback at[string]
	pace     *notify.Pace
	links    at[bool]
}

// channels has a row for each channel. A new one is a row here.
func channels() []field[receiverDraft] {
	return []field[receiverDraft]{
		channel("slack", "a Slack channel, by an incoming webhook or as a bot", slackKind()),
		channel("webhook", "a call with Alertmanager's JSON, a CloudEvent or a document of one's own, signed", webhookKind()),
		channel("email", "mail over SMTP", emailKind()),
		channel("teams", "a Microsoft Teams channel, by a workflow", teamsKind()),
		channel("pagerduty", "PagerDuty, by its Events API v2", pagerdutyKind()),
		channel("jsm", "Jira Service Management Operations, by an API integration", jsmKind()),
		channel("alertmanager", "an Alertmanager, or every member of a cluster", alertmanagerKind()),
		channel("ntfy", "a topic of ntfy", ntfyKind()),
		channel("ticket", "a ticket in Jira or ServiceNow", ticketKind()),
		channel("shoutrrr", "any other service, by a shoutrrr URL", shoutrrrKind()),
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
		key("fallback", "receiver that is told in its place what it refuses, or what cannot reach it for five minutes", located(identifier[string]("the name of a receiver")), func(r *receiverDraft) *at[string] { return &r.fallback }),
		key("at_most", "how many messages it is sent one by one, like 20 in 10m (the default); what is more becomes one message. unlimited takes the limit away", paceKind(), func(r *receiverDraft) **notify.Pace { return &r.pace }),
		key("links", "whether its messages have links by which whoever has the message can act without an account; the default is true for email, slack, teams, pagerduty, jsm and ntfy", located(boolean()), func(r *receiverDraft) *at[bool] { return &r.links }),
	}, channels()...)...)
}

func (d receiverDraft) receiver() Receiver {
	pace := notify.DefaultPace
	if d.pace != nil {
		pace = *d.pace
	}
	r := Receiver{Name: d.name.v, Channel: d.channel, Config: d.config, Fallback: d.fallback.v, Pace: pace, Links: linked[d.channel]}
	if d.links.at.set() {
		r.Links = d.links.v
	}
	return r
}

func slackKind() kind[slack.Config] {
	return object(
		key("webhook_url", "reference to the address of the incoming webhook; the address is a secret", secretRef(), func(c *slack.Config) *string { return &c.WebhookURL }),
		key("token", "reference to a bot's token, in the place of a webhook; it edits the first message and threads the news", secretRef(), func(c *slack.Config) *string { return &c.Token }),
		key("channel", "where the bot posts: an id like C024BE91L, or a name", free(80), func(c *slack.Config) *string { return &c.Channel }),
		key("api_url", "address of the bot's API; the default is Slack's", hiddenURL(), func(c *slack.Config) *string { return &c.APIURL }),
	)
}

func webhookKind() kind[webhook.Config] {
	return object(
		key("url", "where the messages are posted to, or a reference to it", hiddenURL(), func(c *webhook.Config) *string { return &c.URL }).must(),
		key("secret", "reference to the key that signs the messages; without it they are unsigned", secretRef(), func(c *webhook.Config) *string { return &c.Secret }),
		key("token", "reference to a bearer token", secretRef(), func(c *webhook.Config) *string { return &c.Token }),
		key("format", "form of the body; the default is alertmanager", choice("a form", webhook.Alertmanager, webhook.CloudEvents, webhook.Template), func(c *webhook.Config) *string { return &c.Format }),
		key("template", "of format template: a JSON document whose strings are filled in", document(64<<10), func(c *webhook.Config) *string { return &c.Template }),
	)
}

func teamsKind() kind[teams.Config] {
	return object(
		key("webhook_url", "reference to the address of the workflow; the address is a secret", secretRef(), func(c *teams.Config) *string { return &c.WebhookURL }).must(),
	)
}

func pagerdutyKind() kind[pagerduty.Config] {
	return object(
		key("routing_key", "reference to the integration key", secretRef(), func(c *pagerduty.Config) *string { return &c.RoutingKey }).must(),
		key("url", "address of the Events API; the default is https://events.pagerduty.com", hiddenURL(), func(c *pagerduty.Config) *string { return &c.URL }),
	)
}

func jsmKind() kind[jsm.Config] {
	return object(
		key("api_key", "reference to the key of an API integration", secretRef(), func(c *jsm.Config) *string { return &c.APIKey }).must(),
		key("url", "address before /v2/alerts; the default is Atlassian's", hiddenURL(), func(c *jsm.Config) *string { return &c.URL }),
		key("team", "team that is told besides those of the integration", free(100), func(c *jsm.Config) *string { return &c.Team }),
		key("tags", "tags of every alert", oneOrMany(free(50)), func(c *jsm.Config) *[]string { return &c.Tags }),
	)
}

func alertmanagerKind() kind[alertmanager.Config] {
	return object(
		key("url", "address of the Alertmanager, or of every member of its cluster", oneOrMany(hiddenURL()), func(c *alertmanager.Config) *[]string { return &c.URLs }).must(),
		key("username", "name to sign in with", free(200), func(c *alertmanager.Config) *string { return &c.Username }),
		key("password", "reference to the password that goes with it", secretRef(), func(c *alertmanager.Config) *string { return &c.Password }),
		key("token", "reference to a bearer token", secretRef(), func(c *alertmanager.Config) *string { return &c.Token }),
	)
}

func ntfyKind() kind[ntfy.Config] {
	return object(
		key("url", "address of the server; the default is https://ntfy.sh", hiddenURL(), func(c *ntfy.Config) *string { return &c.URL }),
		key("topic", "name of the topic, or a reference to it: on a public server the name is a secret", nameOrRef(200), func(c *ntfy.Config) *string { return &c.Topic }).must(),
		key("token", "reference to an access token", secretRef(), func(c *ntfy.Config) *string { return &c.Token }),
	)
}

func ticketKind() kind[ticket.Config] {
	return object(
		key("system", "where tickets are made", choice("a ticket system", ticket.Jira, ticket.ServiceNow), func(c *ticket.Config) *string { return &c.System }).must(),
		key("url", "address of the site", hiddenURL(), func(c *ticket.Config) *string { return &c.URL }).must(),
		key("username", "name to sign in with", free(200), func(c *ticket.Config) *string { return &c.Username }),
		key("password", "reference to the password or API token that goes with it", secretRef(), func(c *ticket.Config) *string { return &c.Password }),
		key("token", "reference to a bearer token, in the place of name and password", secretRef(), func(c *ticket.Config) *string { return &c.Token }),
		key("project", "of Jira: key of the project", free(100), func(c *ticket.Config) *string { return &c.Project }),
		key("issue_type", "of Jira: name of the issue type; the default is Task", free(100), func(c *ticket.Config) *string { return &c.IssueType }),
		key("table", "of ServiceNow: name of the table; the default is incident", free(100), func(c *ticket.Config) *string { return &c.Table }),
		nested("fields", "further fields of the ticket: text or JSON that is filled in", mapping(document(8<<10)), func(c *ticket.Config, fields []entry[string]) {
			for _, f := range fields {
				c.Fields = append(c.Fields, ticket.Field{Name: f.name, Value: f.v})
			}
		}),
		key("done", "what the end of an incident moves the ticket to: a transition of Jira, a state of ServiceNow; without it the ticket gets a comment", free(100), func(c *ticket.Config) *string { return &c.Done }),
	)
}

func shoutrrrKind() kind[shoutrrr.Config] {
	return object(
		key("url", "reference to the URL; the secret is part of it", secretRef(), func(c *shoutrrr.Config) *string { return &c.URL }).must(),
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
