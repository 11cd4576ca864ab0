package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/httpapi"
	"keepwatch/internal/view"
)

// Explain answers something of every field.
func (s *services) Explain(_ context.Context, q httpapi.Question) (client.Explanation, error) {
	if q.Credential == "nobody" {
		return client.Explanation{}, fmt.Errorf("credential: %w", keepwatch.ErrNotFound)
	}
	return client.Explanation{
		Credential: string(q.Credential), Outcome: string(q.Outcome), Severity: "critical", At: q.At.UTC(),
		Told:   []client.Told{{Receiver: "ops", Channel: "webhook", At: q.At.UTC(), Rule: "route 1", Why: "it is for everything", Unless: "somebody acknowledges it before", RepeatEvery: "1h"}},
		Others: []client.Untold{{Name: "crm", Why: "no route names it"}},
	}, nil
}

func (s *services) Routes(context.Context) []client.Route {
	return []client.Route{{Name: "route 1", For: "everything", To: []string{"ops"}, Wait: "2m"}}
}

func (s *services) Covered(ctx context.Context, m keepwatch.Match) ([]keepwatch.Incident, error) {
	list, _, err := s.DB.Incidents(ctx, view.IncidentFilter{Status: "open"}, view.Page{})
	return slices.DeleteFunc(list, func(i keepwatch.Incident) bool { return !slices.Contains(m.Credential, string(i.Credential)) }), err
}

func (s *services) Silences(ctx context.Context, past bool, now time.Time) ([]keepwatch.Silence, error) {
	if past {
		return s.DB.PastSilences(ctx, now, 10)
	}
	return s.DB.Silences(ctx, now)
}

func (s *services) Silence(ctx context.Context, x keepwatch.Silence) error {
	return s.DB.SaveSilence(ctx, x)
}

func (s *services) Receivers(context.Context) []client.Receiver {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	return []client.Receiver{{Name: "ops", Channel: "webhook", LastSuccessAt: &at, LastErrorAt: &at, LastError: "503", FailingSince: &at, NextTryAt: &at, Waiting: 3}}
}

func (s *services) EndLinks(context.Context) error { return nil }

func (s *services) TestReceiver(_ context.Context, name string) (string, error) {
	if name != "ops" {
		return "", fmt.Errorf("receiver: %w", keepwatch.ErrNotFound)
	}
	return "accepted: 200 OK", nil
}

func TestSilencesOverTheAPI(t *testing.T) {
	d := start(t)
	c := d.client(d.operator)
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	made, err := c.CreateSilence(t.Context(), client.NewSilence{Match: client.Match{Credential: []string{"cred-01"}}, Reason: "known", Until: until})
	if err != nil || made.Status != "in force" || made.Kind != "silence" || made.Owner != "operator-token" || made.CreatedBy != "operator-token" || len(made.ID) != 16 {
		t.Fatalf("%+v %v", made, err)
	}
	list, err := c.Silences(t.Context(), false)
	if err != nil || len(list) != 1 || list[0].ID != made.ID || !list[0].Until.Equal(until) {
		t.Errorf("%+v %v", list, err)
	}
	ended, err := c.EndSilence(t.Context(), made.ID)
	if err != nil || ended.Status != "over" || ended.EndedBy != "operator-token" || ended.EndedAt == nil {
		t.Errorf("%+v %v", ended, err)
	}
	if past, err := c.Silences(t.Context(), true); err != nil || len(past) != 1 {
		t.Errorf("%+v %v", past, err)
	}
	for name, n := range map[string]client.NewSilence{
		"no end":     {Match: client.Match{Tenant: []string{"emea"}}, Reason: "x"},
		"past":       {Match: client.Match{Tenant: []string{"emea"}}, Reason: "x", Until: time.Now().Add(-time.Hour), From: new(time.Now().Add(-2 * time.Hour))},
		"everything": {Reason: "x", Until: until},
		"a year":     {Match: client.Match{Tenant: []string{"emea"}}, Reason: "x", Until: until.AddDate(2, 0, 0)},
		"no reason":  {Match: client.Match{Tenant: []string{"emea"}}, Until: until},
	} {
		var answer *client.Error
		if _, err := c.CreateSilence(t.Context(), n); !errors.As(err, &answer) || answer.Code != "invalid" || answer.Hint == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := d.client(d.viewer).CreateSilence(t.Context(), client.NewSilence{Match: client.Match{Tenant: []string{"emea"}}, Reason: "x", Until: until}); err == nil {
		t.Error("a viewer silences")
	}
	if _, err := c.SnoozeIncident(t.Context(), "no-such-incident", client.Snooze{Until: until, Reason: "x"}); err == nil {
		t.Error("a snooze of no incident")
	}
}

func TestExplainAndReceiversOverTheAPI(t *testing.T) {
	d := start(t)
	c := d.client(d.viewer)
	at := time.Date(2026, 12, 24, 22, 0, 0, 0, time.UTC)
	x, err := c.Explain(t.Context(), "cred-01", "expiring", at)
	if err != nil || !x.At.Equal(at) || x.Told[0].Receiver != "ops" || x.Others[0].Name != "crm" {
		t.Errorf("%+v %v", x, err)
	}
	if _, err := c.Explain(t.Context(), "nobody", "", time.Time{}); err == nil {
		t.Error("no such credential")
	}
	if list, err := c.Receivers(t.Context()); err != nil || len(list) != 1 || list[0].Waiting != 3 {
		t.Errorf("%+v %v", list, err)
	}
	if _, err := c.TestReceiver(t.Context(), "ops"); err == nil {
		t.Error("a viewer sends messages")
	}
	if r, err := d.client(d.operator).TestReceiver(t.Context(), "ops"); err != nil || r.Receipt != "accepted: 200 OK" {
		t.Errorf("%+v %v", r, err)
	}
}
