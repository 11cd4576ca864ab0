package ticket

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"keepwatch"
	"keepwatch/internal/notify"
)

// desk is a ticket system: it finds the ticket of an incident, opens one, adds to it
// and closes it.
type desk interface {
	find(ctx context.Context, d dialogue, m notify.Message) (id string, err error)
	open(ctx context.Context, d dialogue, m notify.Message, fields map[string]any) (id string, err error)
	add(ctx context.Context, d dialogue, m notify.Message, id string) error
	end(ctx context.Context, d dialogue, m notify.Message, id string) error
}

// Sender makes tickets in one system.
type Sender struct {
	cfg    Config
	deps   notify.Deps
	desk   desk
	fields map[string]*notify.JSONTemplate
}

var _ notify.Sender = (*Sender)(nil)

// New makes a sender. It connects to nothing and reads no secret yet.
func New(cfg Config, deps notify.Deps) (*Sender, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Sender{cfg: cfg.WithDefaults(), deps: deps.Confined(), fields: map[string]*notify.JSONTemplate{}}
	for _, f := range s.cfg.Fields {
		t, err := compile(f)
		if err != nil {
			return nil, err
		}
		s.fields[f.Name] = t
	}
	s.desk = jira{s.cfg}
	if s.cfg.System == ServiceNow {
		s.desk = serviceNow{s.cfg}
	}
	return s, nil
}

// compile makes one template of a field: text is a JSON string.
func compile(f Field) (*notify.JSONTemplate, error) {
	text := f.Value
	if !strings.HasPrefix(text, "{\"") && !strings.HasPrefix(text, "[") {
		quoted, err := notify.JSON(text)
		if err != nil {
			return nil, err
		}
		text = string(quoted)
	}
	return notify.ParseJSONTemplate(text)
}

// Send brings one message into the ticket of its incident, and opens the ticket where
// there is none. It looks for it first: the ticket system has no key that a repeat is
// known by, but the ticket carries the incident's mark. A test opens none: somebody
// would have to close it.
func (s *Sender) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	d, err := s.signIn(ctx, m)
	if err != nil {
		return "", err
	}
	id, err := s.desk.find(ctx, d, m)
	if err != nil {
		return "", err
	}
	switch {
	case m.Kind == notify.KindTest:
		return "signed in and searched; a test opens no ticket", nil
	case id == "" && m.Status == notify.Over:
		return "nothing to close: there is no open ticket", nil
	case id == "":
		fields, err := s.fill(m)
		if err != nil {
			return "", err
		}
		id, err = s.desk.open(ctx, d, m, fields)
		if err != nil {
			return "", err
		}
		return receipt("opened", id), nil
	case m.Kind == keepwatch.Opened, m.Kind == notify.KindReminder, m.Kind == keepwatch.Posted:
		return receipt("is open as", id), nil // the ticket says it already
	case m.Status == notify.Over:
		if err := s.desk.add(ctx, d, m, id); err != nil {
			return "", err
		}
		return receipt("closed", id), s.close(ctx, d, m, id)
	}
	return receipt("added to", id), s.desk.add(ctx, d, m, id)
}

func (s *Sender) close(ctx context.Context, d dialogue, m notify.Message, id string) error {
	if s.cfg.Done == "" {
		return nil
	}
	return s.desk.end(ctx, d, m, id)
}

func receipt(what, id string) notify.Receipt {
	return notify.Receipt("ticket " + what + " " + notify.CutBytes(id, 60))
}

func (s *Sender) fill(m notify.Message) (map[string]any, error) {
	out := map[string]any{}
	for name, t := range s.fields {
		v, err := t.Fill(m)
		if err != nil {
			return nil, err
		}
		out[name] = v
	}
	return out, nil
}

// dialogue is a session with the system for one message.
type dialogue struct {
	deps   notify.Deps
	base   string
	header http.Header
	m      notify.Message
}

func (s *Sender) signIn(ctx context.Context, m notify.Message) (dialogue, error) {
	base, err := s.deps.Address(ctx, s.cfg.URL)
	if err != nil {
		return dialogue{}, err
	}
	d := dialogue{deps: s.deps, base: strings.TrimRight(base, "/"), header: http.Header{"Accept": {"application/json"}}, m: m}
	ref, scheme := s.cfg.Password, "Basic "
	if s.cfg.Token != "" {
		ref, scheme = s.cfg.Token, "Bearer "
	}
	secret, err := s.deps.Read(ctx, ref, "the password or token")
	if err != nil {
		return dialogue{}, err
	}
	proof := string(secret.Reveal())
	if s.cfg.Token == "" {
		proof = base64.StdEncoding.EncodeToString([]byte(s.cfg.Username + ":" + proof))
	}
	d.header.Set("Authorization", scheme+proof)
	return d, nil
}

// ask makes one request. into may be nil.
func (d dialogue) ask(ctx context.Context, method, path string, body, into any) error {
	call := notify.Call{Method: method, URL: d.base + path, Header: d.header, Now: d.m.Now}
	if body != nil {
		raw, err := notify.JSON(body)
		if err != nil {
			return err
		}
		call.Body = raw
	}
	answer, _, err := d.deps.Do(ctx, call)
	if err != nil || into == nil {
		return err
	}
	if json.Unmarshal(answer, into) != nil {
		return notify.Retryable(errors.New("the answer of the ticket system could not be read"))
	}
	return nil
}

// mark is what a ticket is found by.
func mark(m notify.Message) string {
	if m.Incident == "" {
		return "keepwatch-" + m.Fingerprint
	}
	return "keepwatch-" + keepwatch.Digest("ticket", string(m.Incident))
}
