// Package ntfy tells the subscribers of an ntfy topic, on ntfy.sh or a server of
// one's own.
package ntfy

import (
	"context"
	"net/http"
	"regexp"
	"strings"

	"keepwatch"
	"keepwatch/internal/notify"
)

// DefaultURL is the public server.
const DefaultURL = "https://ntfy.sh"

// Config is one topic.
type Config struct {
	URL string `yaml:"url,omitempty"` // of the server
	// Topic is the topic's name or a reference to it: on a public server, whoever
	// knows the name can read along.
	Topic string `yaml:"topic"`
	// Token is a reference to an access token.
	Token string `yaml:"token,omitempty"`
}

// WithDefaults fills what the file may leave out.
func (c Config) WithDefaults() Config {
	if c.URL == "" {
		c.URL = DefaultURL
	}
	return c
}

var topicPattern = regexp.MustCompile(`^[-_A-Za-z0-9]{1,64}$`)

// Validate finds what is wrong before the first message.
func (c Config) Validate() error {
	var ps notify.Problems
	ps.CheckURL("url", c.WithDefaults().URL)
	if !notify.IsReference(c.Topic) && !topicPattern.MatchString(c.Topic) {
		ps.Add("topic", "is not the name of a topic", "up to 64 letters, digits, dashes and underscores, or a reference to them")
	}
	ps.CheckReference("token", c.Token, false)
	return ps.Err()
}

// References lists the secrets that the receiver needs, by key.
func (c Config) References() map[string]string {
	return notify.ReferencesOf(map[string]string{"url": c.URL, "topic": c.Topic, "token": c.Token})
}

// Where is the server.
func (c Config) Where() string { return c.WithDefaults().URL }

// Sender publishes to one topic.
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
	return &Sender{cfg.WithDefaults(), deps.Confined()}, nil
}

// Send publishes one message. ntfy has no key to recognise a repeat by.
func (s *Sender) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	server, err := s.deps.Address(ctx, s.cfg.URL)
	if err != nil {
		return "", err
	}
	topic := s.cfg.Topic
	if notify.IsReference(topic) {
		secret, err := s.deps.Read(ctx, topic, "the topic")
		if err != nil {
			return "", err
		}
		topic = strings.TrimSpace(string(secret.Reveal()))
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if s.cfg.Token != "" {
		token, err := s.deps.Read(ctx, s.cfg.Token, "the access token")
		if err != nil {
			return "", err
		}
		header.Set("Authorization", "Bearer "+string(token.Reveal()))
	}
	body, err := notify.JSON(render(m, topic))
	if err != nil {
		return "", err
	}
	_, receipt, err := s.deps.Do(ctx, notify.Call{URL: server, Header: header, Body: body, Now: m.Now})
	return receipt, err
}

// A message over 4096 bytes becomes a file to download on a server's default
// settings; nobody reads that on a phone at night.
const (
	limitMessage = 3800
	limitTitle   = 250
	limitURL     = 2000
)

type publication struct {
	Topic    string   `json:"topic"`
	Title    string   `json:"title"`
	Message  string   `json:"message"`
	Priority int      `json:"priority"`
	Tags     []string `json:"tags"`
	Click    string   `json:"click,omitempty"`
	Actions  []action `json:"actions,omitempty"`
}

type action struct {
	Action string `json:"action"`
	Label  string `json:"label"`
	URL    string `json:"url"`
}

// render is plain text: without the markdown flag, ntfy reads no markup. It shows three
// buttons at most: where they are needed for what can be done, a touch on the message
// opens the incident, and the runbook stands in its text.
func render(m notify.Message, topic string) publication {
	p := publication{
		Topic: topic, Title: notify.CutBytes(m.Title, limitTitle), Message: notify.CutBytes(m.Text(), limitMessage),
		Priority: priority(m), Tags: []string{tag(m)},
	}
	if len(m.Acts) > 0 && m.RunbookURL != "" && len(m.RunbookURL) < limitURL { // no room for its button
		last := "\nRunbook: " + m.RunbookURL
		p.Message = notify.CutBytes(m.Text(), limitMessage-len(last)) + last
	}
	if p.Message == "" {
		p.Message = p.Title // an empty one becomes "triggered"
	}
	for _, a := range m.Acts {
		if len(a.URL) < limitURL {
			p.Actions = append(p.Actions, action{"view", a.Name, a.URL})
		}
	}
	for _, l := range m.Links() {
		if len(l.Text) < limitURL && len(m.Acts) == 0 {
			p.Actions = append(p.Actions, action{"view", notify.CutRunes(l.Name, 100), l.Text})
		}
	}
	if m.URL != "" && len(m.URL) < limitURL {
		p.Click = m.URL
	}
	return p
}

// priority makes a phone ring through the night for what is critical only.
func priority(m notify.Message) int {
	switch {
	case m.Status == notify.Over, m.Kind == keepwatch.Acknowledged, m.Kind == keepwatch.Posted, m.Kind == notify.KindTest:
		return 3
	case m.Severity == keepwatch.SeverityCritical:
		return 5
	case m.Severity == keepwatch.SeverityWarning:
		return 4
	}
	return 3
}

func tag(m notify.Message) string {
	switch {
	case m.Status == notify.Over:
		return "white_check_mark"
	case m.Kind == notify.KindTest, m.Kind == keepwatch.Posted:
		return "bell"
	case m.Severity == keepwatch.SeverityCritical:
		return "rotating_light"
	}
	return "warning"
}
