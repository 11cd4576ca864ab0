package pagerduty

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	pd "github.com/PagerDuty/go-pagerduty"

	"keepwatch"
	"keepwatch/internal/notify"
)

// Sender sends events with one integration key.
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

// Send sends one event. A repeat has the same key: PagerDuty takes it for the same
// alert. A test is resolved at once, so that nobody has to close it.
func (s *Sender) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	key, err := s.deps.Read(ctx, s.cfg.RoutingKey, "the routing key")
	if err != nil {
		return "", err
	}
	host, err := s.deps.Address(ctx, s.cfg.URL)
	if err != nil {
		return "", err
	}
	e := event(m)
	e.RoutingKey = string(key.Reveal())
	receipt, err := s.post(ctx, host, e, m.Now)
	if err == nil && m.Kind == notify.KindTest {
		e.Action, e.Payload, e.Links = resolve, nil, nil
		_, err = s.post(ctx, host, e, m.Now)
	}
	return receipt, err
}

func (s *Sender) post(ctx context.Context, host string, e pd.V2Event, now time.Time) (notify.Receipt, error) {
	seen := &witness{client: s.deps.Client}
	client := pd.NewClient("", pd.WithV2EventsAPIEndpoint(strings.TrimRight(host, "/")))
	client.HTTPClient = seen
	answer, err := client.ManageEventWithContext(ctx, &e)
	if err != nil {
		return "", classify(err, seen, now)
	}
	return notify.Receipt("accepted by PagerDuty: " + e.Action + " " + answer.DedupKey), nil
}

// witness keeps what the library does not hand on: what the service asks to wait.
type witness struct {
	client *http.Client
	code   int
	header http.Header
}

func (w *witness) Do(r *http.Request) (*http.Response, error) {
	res, err := w.client.Do(r) //nolint:gosec // the address is the configured one
	if err == nil {
		w.code, w.header = res.StatusCode, res.Header
	}
	return res, err
}

// classify turns the library's errors into ours. Its text quotes the service, which
// may quote the key; only the status is kept.
func classify(err error, seen *witness, now time.Time) error {
	if seen.code != 0 {
		if err := notify.HTTPStatus(seen.code, seen.header, now); err != nil {
			return err
		}
		return notify.Retryable(fmt.Errorf("the receiver answered %d instead of 202, or what cannot be read", seen.code))
	}
	var transport *url.Error
	if errors.As(err, &transport) {
		return notify.HTTPFailure(transport)
	}
	return notify.Retryable(errors.New("the event could not be sent"))
}

const (
	trigger     = "trigger"
	acknowledge = "acknowledge"
	resolve     = "resolve"
)

// The service cuts or refuses what is longer.
const (
	limitSummary = 1024
	limitKey     = 255
	limitDetail  = 4000
	limitDetails = 64 << 10 // an event has at most 512 KB, and a sign may take six bytes
)

// event is a message as the service wants it. Its key is the incident's id: an end
// finds its begin by it, also after a restart.
func event(m notify.Message) pd.V2Event {
	e := pd.V2Event{Action: trigger, DedupKey: notify.CutBytes(dedupKey(m), limitKey), Client: "Keepwatch", ClientURL: m.ExternalURL}
	switch {
	case m.Status == notify.Over:
		e.Action = resolve
		return e
	case m.Kind == keepwatch.Acknowledged:
		e.Action = acknowledge
		return e
	}
	e.Payload = &pd.V2Payload{
		Summary: notify.CutRunes(m.Title, limitSummary), Source: notify.CutRunes(source(m), limitSummary), Severity: severity(m),
		Component: notify.CutRunes(m.Labels["credential"], 255), Group: notify.CutRunes(m.Labels["tenant"], 255), Class: m.Labels["outcome"],
		Details: details(m),
	}
	if !m.StartsAt.IsZero() {
		e.Payload.Timestamp = m.StartsAt.Format(time.RFC3339)
	}
	for _, a := range m.Acts {
		if len(a.URL) < 2000 {
			e.Links = append(e.Links, map[string]string{"href": a.URL, "text": a.Name})
		}
	}
	for _, l := range m.Links() {
		if len(l.Text) < 2000 {
			e.Links = append(e.Links, map[string]string{"href": l.Text, "text": notify.CutRunes(l.Name, 100)})
		}
	}
	return e
}

func dedupKey(m notify.Message) string {
	if m.Incident == "" || m.Kind == notify.KindTest {
		return string(m.Key)
	}
	return string(m.Incident)
}

// source is where it hurts; the service wants one.
func source(m notify.Message) string {
	for _, name := range []string{"credential", "tenant", "alertname"} {
		if v := m.Labels[name]; v != "" {
			return v
		}
	}
	return "keepwatch"
}

func severity(m notify.Message) string {
	switch m.Severity {
	case keepwatch.SeverityCritical:
		return "critical"
	case keepwatch.SeverityWarning:
		return "warning"
	}
	return "info"
}

// details are shown as a table. They are cut so that the whole event fits.
func details(m notify.Message) map[string]string {
	out, room := map[string]string{}, limitDetails
	add := func(name, text string) {
		if text = notify.CutBytes(text, min(limitDetail, room)); text != "" {
			out[name] = text
			room = max(room-len(name)-len(text), 0)
		}
	}
	for _, l := range m.Lines {
		add(l.Name, l.Text)
	}
	if len(m.Body) > 0 {
		add("Message", strings.Join(m.Body, "\n"))
	}
	for _, name := range []string{"criticality", "business_unit", "category", "owner"} {
		if v := m.Labels[name]; v != "" {
			add(name, v)
		}
	}
	return out
}
