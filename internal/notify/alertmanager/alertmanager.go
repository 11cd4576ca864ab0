package alertmanager

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/notify"
)

// Alertmanager keeps alerts in memory and ends what nobody repeats. An open incident
// is told anew every keepEvery, with an end some repeats away: it survives a restart
// there, and does not fire for ever when Keepwatch is gone.
const (
	keepEvery = time.Minute
	keepFor   = 5 * time.Minute
)

// Sender posts alerts to one Alertmanager or cluster.
type Sender struct {
	cfg  Config
	deps notify.Deps
}

var (
	_ notify.Sender = (*Sender)(nil)
	_ notify.Keeper = (*Sender)(nil)
)

// New makes a sender. It connects to nothing and reads no secret yet.
func New(cfg Config, deps notify.Deps) (*Sender, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Sender{cfg, deps.Confined()}, nil
}

// Send posts one alert. A repeat is the same alert: Alertmanager knows it by its labels.
func (s *Sender) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	return s.post(ctx, []notify.Message{m}, m.Now)
}

// KeepEvery is how often what is open has to be told again.
func (s *Sender) KeepEvery() time.Duration { return keepEvery }

// Keep tells again what is open.
func (s *Sender) Keep(ctx context.Context, open []notify.Message) error {
	for len(open) > 0 {
		n := min(len(open), perPost)
		if _, err := s.post(ctx, open[:n], open[0].Now); err != nil {
			return err
		}
		open = open[n:]
	}
	return nil
}

// perPost bounds a request; an alert has some kilobytes.
const perPost = 500

// post hands alerts to every member. One that took them is enough: the next repeat
// reaches the others.
func (s *Sender) post(ctx context.Context, ms []notify.Message, now time.Time) (notify.Receipt, error) {
	alerts := make([]alert, len(ms))
	for i, m := range ms {
		alerts[i] = render(m, now)
	}
	body, err := notify.JSON(alerts)
	if err != nil {
		return "", err
	}
	header, err := s.signIn(ctx)
	if err != nil {
		return "", err
	}
	var failed error
	took := 0
	for _, setting := range s.cfg.URLs {
		if err := s.postTo(ctx, setting, header, body, now); err != nil {
			failed = worse(failed, err)
			continue
		}
		took++
	}
	if took == 0 {
		return "", failed
	}
	return notify.Receipt(fmt.Sprintf("accepted by %d of %d Alertmanagers", took, len(s.cfg.URLs))), nil
}

// worse keeps the error that leaves hope: as long as one member may take it later,
// the message is kept.
func worse(a, b error) error {
	if a == nil {
		return b
	}
	if class, _ := notify.ClassOf(a); class == notify.ClassPermanent {
		return b
	}
	return a
}

func (s *Sender) postTo(ctx context.Context, setting string, header http.Header, body []byte, now time.Time) error {
	address, err := s.deps.Address(ctx, setting)
	if err != nil {
		return err
	}
	_, _, err = s.deps.Do(ctx, notify.Call{URL: strings.TrimRight(address, "/") + "/api/v2/alerts", Header: header, Body: body, Now: now})
	return err
}

func (s *Sender) signIn(ctx context.Context) (http.Header, error) {
	header := http.Header{"Content-Type": {"application/json"}}
	switch {
	case s.cfg.Token != "":
		token, err := s.deps.Read(ctx, s.cfg.Token, "the token")
		if err != nil {
			return nil, err
		}
		header.Set("Authorization", "Bearer "+string(token.Reveal()))
	case s.cfg.Password != "":
		password, err := s.deps.Read(ctx, s.cfg.Password, "the password")
		if err != nil {
			return nil, err
		}
		pair := s.cfg.Username + ":" + string(password.Reveal())
		header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(pair)))
	}
	return header, nil
}

type alert struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     *time.Time        `json:"startsAt,omitempty"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

const (
	limitLabel      = 500
	limitAnnotation = 8000
)

// render makes an alert. Its labels are its identity, so what changes from message
// to message stands in annotations, and the incident's id is a label: two incidents
// of one credential are two alerts. Where a label does change (a higher severity),
// the alert of before ends by itself within keepFor.
func render(m notify.Message, now time.Time) alert {
	a := alert{Labels: map[string]string{"severity": string(m.Severity), "incident": string(m.Incident)}, Annotations: map[string]string{}, EndsAt: now.Add(keepFor)}
	for _, name := range notify.LabelNames {
		if name != "outcome" {
			a.Labels[name] = m.Labels[name]
		}
	}
	for name, value := range a.Labels {
		if a.Labels[name] = notify.CutBytes(value, limitLabel); value == "" {
			delete(a.Labels, name) // Alertmanager has no empty labels
		}
	}
	for name, value := range m.Annotations {
		if value != "" {
			a.Annotations[name] = notify.CutBytes(value, limitAnnotation)
		}
	}
	for name, value := range map[string]string{"outcome": m.Labels["outcome"], "runbook_url": m.RunbookURL} {
		if value != "" && len(value) < limitAnnotation {
			a.Annotations[name] = value
		}
	}
	if !m.StartsAt.IsZero() {
		a.StartsAt = &m.StartsAt
	}
	if len(m.URL) < limitAnnotation {
		a.GeneratorURL = m.URL
	}
	if m.Status == notify.Over {
		a.EndsAt = m.EndsAt
	}
	if m.Kind == keepwatch.Posted || m.Kind == notify.KindTest {
		a.StartsAt = nil // it is told, and not kept
		a.Labels["incident"] = notify.CutBytes(string(m.Key), limitLabel)
	}
	return a
}
