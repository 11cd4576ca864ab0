package jsm

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"keepwatch"
	"keepwatch/internal/notify"
)

// Sender calls one integration.
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

// call is one request of a message.
type call struct {
	path string // below /v2/alerts
	body any
}

// Send tells one message. Everything goes by the alias, so a repeat meets the same
// alert. The service answers 202 and works later.
func (s *Sender) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	key, err := s.deps.Read(ctx, s.cfg.APIKey, "the API key")
	if err != nil {
		return "", err
	}
	base, err := s.deps.Address(ctx, s.cfg.URL)
	if err != nil {
		return "", err
	}
	header := http.Header{"Authorization": {"GenieKey " + string(key.Reveal())}, "Content-Type": {"application/json"}}
	receipt := notify.Receipt("")
	for _, c := range s.calls(m) {
		body, err := notify.JSON(c.body)
		if err != nil {
			return "", err
		}
		answer, _, err := s.deps.Do(ctx, notify.Call{URL: strings.TrimRight(base, "/") + "/v2/alerts" + c.path, Header: header, Body: body, Now: m.Now})
		if err != nil {
			return "", err
		}
		if receipt == "" {
			receipt = receiptOf(answer)
		}
	}
	return receipt, nil
}

func receiptOf(answer []byte) notify.Receipt {
	var a struct {
		RequestID string `json:"requestId"`
	}
	if json.Unmarshal(answer, &a) != nil || a.RequestID == "" {
		return "accepted by Jira Service Management"
	}
	return notify.Receipt("accepted by Jira Service Management: request " + notify.CutBytes(a.RequestID, 100))
}

// calls are what a message becomes. News of an open alert is a note: a second
// create under the same alias only counts, but it brings back an alert that
// somebody deleted.
func (s *Sender) calls(m notify.Message) []call {
	switch {
	case m.Status == notify.Over:
		return []call{s.act(m, "close")}
	case m.Kind == keepwatch.Acknowledged:
		return []call{s.act(m, "acknowledge")}
	case m.Kind == notify.KindTest:
		return []call{{"", s.alert(m)}, s.act(m, "close")} // nobody should have to close it
	case m.Kind == keepwatch.Changed, m.Kind == keepwatch.Warning:
		return []call{{"", s.alert(m)}, s.act(m, "notes")}
	}
	return []call{{"", s.alert(m)}}
}

func (s *Sender) act(m notify.Message, action string) call {
	return call{"/" + url.PathEscape(alias(m)) + "/" + action + "?identifierType=alias", deed{
		Source: "Keepwatch", Note: notify.CutRunes(m.Title+"\n\n"+m.Text(), limitNote),
	}}
}

func alias(m notify.Message) string {
	if m.Incident == "" || m.Kind == notify.KindTest {
		return notify.CutBytes(string(m.Key), limitAlias)
	}
	return notify.CutBytes(string(m.Incident), limitAlias)
}

// What the service accepts; it refuses a longer message and cuts the others.
const (
	limitMessage     = 130
	limitAlias       = 512
	limitDescription = 15000
	limitEntity      = 512
	limitNote        = 25000
	limitTag         = 50
	limitDetails     = 8000
	maxTags          = 17 // 20, less our own
)

type alert struct {
	Message     string            `json:"message"`
	Alias       string            `json:"alias"`
	Description string            `json:"description,omitempty"`
	Responders  []responder       `json:"responders,omitempty"`
	Tags        []string          `json:"tags"`
	Details     map[string]string `json:"details"`
	Entity      string            `json:"entity,omitempty"`
	Source      string            `json:"source"`
	Priority    string            `json:"priority"`
}

type responder struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

type deed struct {
	Source string `json:"source"`
	Note   string `json:"note"`
}

func (s *Sender) alert(m notify.Message) alert {
	a := alert{
		Message: notify.CutRunes(m.Title, limitMessage), Alias: alias(m), Description: description(m),
		Tags: []string{"keepwatch"}, Details: details(m), Entity: notify.CutRunes(m.Labels["credential"], limitEntity),
		Source: "Keepwatch", Priority: priority(m),
	}
	if s.cfg.Team != "" {
		a.Responders = []responder{{s.cfg.Team, "team"}}
	}
	for _, tag := range append([]string{m.Labels["criticality"], m.Labels["category"]}, s.cfg.Tags...) {
		if tag != "" {
			a.Tags = append(a.Tags, notify.CutRunes(tag, limitTag))
		}
	}
	return a
}

// description is the story and what may be opened; the story gives way.
func description(m notify.Message) string {
	var lines []string
	for _, l := range m.Links() {
		if len(l.Text) < 2000 {
			lines = append(lines, l.Name+": "+l.Text)
		}
	}
	for _, a := range m.Acts {
		if len(a.URL) < 2000 {
			lines = append(lines, a.Name+": "+a.URL)
		}
	}
	links := strings.Join(lines, "\n")
	return strings.TrimSuffix(notify.CutRunes(m.Text(), limitDescription-len(links)-1)+"\n"+links, "\n")
}

// details are the labels, for rules of the service to match on.
func details(m notify.Message) map[string]string {
	out, room := map[string]string{}, limitDetails
	for _, name := range notify.LabelNames {
		if v := notify.CutBytes(m.Labels[name], min(700, room)); m.Labels[name] != "" && room > len(name)+len(v) {
			out[name] = v
			room -= len(name) + len(v)
		}
	}
	return out
}

func priority(m notify.Message) string {
	switch {
	case m.Kind == notify.KindTest:
		return "P5"
	case m.Severity == keepwatch.SeverityCritical:
		return "P1"
	case m.Severity == keepwatch.SeverityWarning:
		return "P3"
	}
	return "P5"
}
