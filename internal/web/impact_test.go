package web_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/impact"
	"keepwatch/internal/view"
	"keepwatch/internal/web"
)

// oneIncident is a store with one incident.
type oneIncident struct{ inc keepwatch.Incident }

func (s oneIncident) Incidents(context.Context, view.IncidentFilter, view.Page) ([]keepwatch.Incident, string, error) {
	return []keepwatch.Incident{s.inc}, "", nil
}

func (s oneIncident) Incident(context.Context, keepwatch.IncidentID) (keepwatch.Incident, error) {
	return s.inc, nil
}

func (s oneIncident) Transitions(context.Context, keepwatch.IncidentID) ([]keepwatch.Transition, error) {
	return []keepwatch.Transition{{Incident: s.inc.ID, Seq: 1, Kind: keepwatch.Opened, At: s.inc.DetectedAt, Reason: "confirmed_refusal"}}, nil
}

// withCost shows an outage of four hours that is catching up.
func (e *estate) withCost(name string) http.Handler {
	start := e.now.Add(-5 * time.Hour)
	subject := keepwatch.Subject{Kind: keepwatch.SubjectJourney, Key: name, Unit: 510000123, Name: "Welcome series"}
	e.snap.Depends = func(keepwatch.TenantID) []impact.Subject {
		return []impact.Subject{{
			Subject: subject, Upstream: []keepwatch.Upstream{{Credential: "crm-sync"}}, Expect: keepwatch.Expectation{ContactsPerDay: 10000, OnOutage: "lost", ValuePerContact: 0.42},
		}}
	}
	inc := keepwatch.Incident{
		ID: "7k2mq4c5vd3xhn6a", Scope: keepwatch.ScopeCredential, Tenant: "emea", Credential: "crm-sync", Outcome: keepwatch.BadSecretOrPackage, Severity: keepwatch.SeverityWarning,
		Category: keepwatch.CategoryCredential, Status: keepwatch.IncidentOpen, Message: "The secret is refused.", Evidence: name,
		Members:      []keepwatch.Member{{Series: "crm-sync", Credential: "crm-sync", Outcome: keepwatch.BadSecretOrPackage, Since: start, EndedAt: start.Add(4 * time.Hour)}},
		LastProvenAt: start, FirstFailedAt: start, DetectedAt: start.Add(time.Minute), RestoredAt: start.Add(4 * time.Hour),
		Effects: []keepwatch.Effect{{
			Subject: subject, Aspect: keepwatch.AspectEntry, Outcome: keepwatch.JourneyStalled, Credential: "crm-sync", Since: start, NoticedAt: start.Add(time.Hour),
			EndedAt: start.Add(4 * time.Hour), Evidence: "No contact entered; " + name, Confidence: 0.98,
		}},
	}
	from := view.From(e.db)
	from.Incidents = oneIncident{inc}
	reader := view.NewReader(from, func() view.Snapshot { return e.snap })
	cost, err := reader.Assess(e.t.Context(), e.now, inc)
	if err != nil {
		e.t.Fatal(err)
	}
	if err := e.db.SaveImpact(e.t.Context(), inc.ID, cost); err != nil {
		e.t.Fatal(err)
	}
	return e.siteWith(func(o *web.Options) { o.Reader = reader })
}

func TestIncidentShowsWhatItCosts(t *testing.T) {
	e := newEstate(t)
	_, doc := get(t, e.withCost("welcome-series"), "/incidents/7k2mq4c5vd3xhn6a")
	for selector, want := range map[string]string{
		"#cause":   "credential failing",
		"#effects": "welcome-series",
		"#impact":  "4 h 00 m × 10,000 / 24 h = 1,667",
		"#parts":   "journey/welcome-series",
		"#actions": "Replay the events of journey welcome-series",
		"#head":    "Works again",
		"#rail":    "Works again",
	} {
		nodes := find(doc, selector)
		if len(nodes) != 1 || !strings.Contains(text(nodes[0]), want) {
			t.Errorf("%s does not say %q: %d", selector, want, len(nodes))
		}
	}
	if n := len(find(doc, "#report a")); n != 4 {
		t.Errorf("%d links to reports", n)
	}
	_, doc = get(t, e.withCost("welcome-series"), "/")
	if cost := find(doc, ".incident .cost"); len(cost) != 1 || !strings.Contains(text(cost[0]), "about 1,667 contacts lost (1,615 to 1,719), so far; 1 effect") {
		t.Errorf("the overview says %d costs", len(cost))
	}
}

func TestHostileSubjectsStayText(t *testing.T) {
	e := newEstate(t)
	site := e.withCost(hostile)
	for _, path := range []string{"/incidents/7k2mq4c5vd3xhn6a", "/"} {
		_, doc := get(t, site, path)
		if n := len(find(doc, "img")); n > 0 {
			t.Errorf("%s has %d images", path, n)
		}
		for _, s := range find(doc, "script") {
			if len(find(s, "#none")) > 0 || strings.Contains(text(s), "alert") {
				t.Errorf("%s runs %q", path, text(s))
			}
		}
	}
}
