package web_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/web"
)

// as makes somebody with these roles the visitor.
func (e *estate) as(grants string) {
	e.t.Helper()
	g, err := auth.ParseGrants(grants)
	if err != nil {
		e.t.Fatal(err)
	}
	e.who = auth.PrincipalOf("tim", g, auth.ViaSession)
}

// matching is told with routes that have their matches, and silences that keep something
// from several teams.
type matching struct{ told }

func (p matching) Routes(context.Context) []client.Route {
	return []client.Route{
		{Name: "orders", Match: client.Match{Tenant: []string{"emea", "amer"}, Criticality: []string{"transactional"}}, For: "tenant emea or amer", To: []string{"crm"}},
		{Name: "americas", Match: client.Match{Tenant: []string{"amer"}}, For: "tenant amer", To: []string{"ops"}},
		{Name: "rest", Match: client.Match{Owner: []string{"loyalty"}}, For: "owner loyalty", To: []string{"mail"}},
	}
}

func (p matching) Silences(_ context.Context, past bool, now time.Time) ([]keepwatch.Silence, error) {
	if past {
		return nil, nil
	}
	of := func(id string, m keepwatch.Match) keepwatch.Silence {
		return keepwatch.Silence{ID: id, Kind: keepwatch.Maintained, Match: m, Owner: "platform", Reason: "reason of " + id, From: now.Add(-time.Hour), Until: now.Add(100 * time.Hour), CreatedBy: "ada"}
	}
	return []keepwatch.Silence{
		of("wide", keepwatch.Match{Tenant: []string{"emea", "amer"}}), of("foreign", keepwatch.Match{Tenant: []string{"amer"}}), of("own", keepwatch.Match{Credential: []string{"crm-sync"}}),
	}, nil
}

func (e *estate) withMatches() http.Handler {
	return e.siteWith(func(o *web.Options) { o.Alerts = matching{told{e}} })
}

// A team sees who is told of its credentials and what keeps it from being told, and
// nothing of the others.
func TestATeamSeesTheAlertsThatConcernIt(t *testing.T) {
	e := newEstate(t).live().withMessages()
	h := e.withMatches()
	e.as("operator@emea/crm-platform")
	w, doc := get(t, h, "/alerts")
	has(t, doc, ".routes", "orders")
	has(t, doc, "#receivers [data-id=crm]", "works")
	for _, foreign := range []string{"americas", "amer", "loyalty", "503"} {
		if strings.Contains(w.Body.String(), foreign) {
			t.Errorf("the page names %s", foreign)
		}
	}
	if n := len(find(doc, "#test-crm")); n != 1 {
		t.Error("what tells of its credentials cannot be tried")
	}
	for path, want := range map[string]int{"/alerts/receivers/crm/test": 200, "/alerts/receivers/ops/test": 404, "/alerts/receivers/nowhere/test": 404} {
		if w := postForm(t, h, path, nil); w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
	foreign, missing := postForm(t, h, "/alerts/receivers/ops/test", nil).Body.String(), postForm(t, h, "/alerts/receivers/oops/test", nil).Body.String()
	if strings.ReplaceAll(foreign, "ops", "X") != strings.ReplaceAll(missing, "oops", "X") {
		t.Error("a foreign receiver is told apart from a missing one")
	}
	w, doc = get(t, h, "/alerts/windows")
	has(t, doc, "#wide", "It is for others, too.")
	has(t, doc, "#own", "reason of own")
	none(t, doc, "#foreign")
	none(t, doc, "#wide form")
	if n := len(find(doc, "#own form")); n != 1 || strings.Contains(w.Body.String(), "amer") {
		t.Errorf("%d buttons: %s", n, text(find(doc, "main")[0]))
	}
	for id, want := range map[string]int{"foreign": 404, "missing": 404, "wide": 403} {
		if w := postForm(t, h, "/alerts/silences/"+id+"/end", nil); w.Code != want {
			t.Errorf("end %s: %d, want %d", id, w.Code, want)
		}
	}
	for path, want := range map[string]int{"/alerts/explain?credential=crm-sync": 200, "/alerts/explain?credential=us-orders": 404, "/alerts/explain?credential=nobody-has-it": 404} {
		if w, _ := get(t, h, path); w.Code != want {
			t.Errorf("%s: %d, want %d", path, w.Code, want)
		}
	}
	w, doc = get(t, h, "/alerts/messages")
	if len(find(doc, "#messages tbody tr")) == 0 || strings.Contains(w.Body.String(), "ca-newsletter") {
		t.Errorf("messages: %s", text(find(doc, "main")[0]))
	}
	until := time.Now().UTC().Add(time.Hour).Format("2006-01-02T15:04")
	for team, want := range map[string]int{"crm-platform": http.StatusSeeOther, "loyalty": http.StatusBadRequest} {
		form := url.Values{"tenant": {"emea"}, "team": {team}, "reason": {"known"}, "until": {until}, "kind": {"silence"}, "do": {"create"}}
		if w := postForm(t, h, "/alerts/silences", form); w.Code != want {
			t.Errorf("a silence of %s: %d, want %d: %s", team, w.Code, want, text(find(parse(t, w), "main")[0]))
		}
	}
}

// A window is told in the zone of whoever reads it, and its next times stand there.
func TestWindowsSayTheNextTimes(t *testing.T) {
	e := newEstate(t)
	h := e.withAlerts()
	_, doc := get(t, h, "/alerts/windows?zone=Europe/Berlin")
	if n := len(find(doc, "#patches .time")); n != 6 {
		t.Errorf("%d times", n)
	}
	has(t, doc, "#patches", "02:00 to 04:00 CE")
	has(t, doc, "#patches .c-act", "keepwatch.yaml:17")
	none(t, doc, "#patches form")
	w, doc := get(t, h, "/alerts/windows?zone=Mars/Olympus"+url.QueryEscape(hostile))
	has(t, doc, "#problem", "is no time zone")
	if w.Code != http.StatusBadRequest || strings.Contains(w.Body.String(), "<script>alert") {
		t.Errorf("%d", w.Code)
	}
}

// The month is told with its figures, its picture and a table of the same.
func TestImpactOfAMonth(t *testing.T) {
	e := newEstate(t)
	h := e.withCost("welcome-series")
	month := e.now.Add(-5 * time.Hour).Format("2006-01")
	_, doc := get(t, h, "/impact?month="+month)
	has(t, doc, "#figures [data-figure=incidents] .number", "1")
	has(t, doc, "#all [data-figure=contacts_lost]", "1 667")
	has(t, doc, "#incidents [data-id=7k2mq4c5vd3xhn6a]", "crm-sync")
	if len(find(doc, "#chart rect")) < 2 || len(find(doc, "#head .files a")) != 4 {
		t.Error("no picture, or no files")
	}
	has(t, doc, "[data-by=tenant]", "emea")
	none(t, doc, "img")
	for path, want := range map[string]int{"/impact?month=2026-13": 400, "/impact?month=" + month + "&with=soon": 400, "/impact?month=2020-01": 200} {
		if w, _ := get(t, h, path); w.Code != want {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	e.as("viewer@apac")
	w, doc := get(t, h, "/impact?month="+month)
	has(t, doc, "#incidents", "as far as your role reaches")
	if strings.Contains(w.Body.String(), "crm-sync") {
		t.Error("a foreign incident is in the month")
	}
}

// inForce is a configuration with a setting of each sort.
type inForce struct{}

func (inForce) Effective(context.Context) (client.Configuration, error) {
	return client.Configuration{
		Files: []string{"keepwatch.yaml"}, Sections: []client.ConfigSection{
			{Name: "server", Doc: "how Keepwatch itself is reached", Values: []client.ConfigValue{{Key: "server.listen", Value: "127.0.0.1:8484", Default: true}, {Key: "server.base_url", Value: hostile, File: "keepwatch.yaml", Line: 3}}},
			{Name: "receivers", Doc: "who can be told", Values: []client.ConfigValue{{Key: "receivers.ops.webhook.url", File: "keepwatch.yaml", Line: 14, Hidden: true}}},
		},
		Credentials: []client.ConfigSource{{File: "keepwatch.yaml", Credentials: 12}, {Credentials: 1}},
		Calendars:   []client.Calendar{{Name: "office", Timezone: "Europe/Berlin", Hours: "mon-fri 08:00-18:00", Words: "Monday to Friday, 08:00 to 18:00", Closed: []client.ClosedDay{{Date: "2026-12-25", Name: "1. Weihnachtstag"}}, UsedBy: []string{"tier standard"}}},
		Warnings:    []client.ConfigWarning{{File: "keepwatch.yaml", Line: 9, Key: "gateway.listen", Message: "plain HTTP"}},
		Retention:   []client.Retention{{What: "Single runs", Kept: "7d"}},
	}, nil
}

func (e *estate) withSettings() http.Handler {
	return e.siteWith(func(o *web.Options) { o.Config = inForce{} })
}

func TestConfigurationNamesTheLineOfEachSetting(t *testing.T) {
	e := newEstate(t)
	h := e.withSettings()
	w, doc := get(t, h, "/settings/configuration")
	has(t, doc, "[data-key-path=server.listen]", "default")
	has(t, doc, "[data-key-path=server.base_url]", "keepwatch.yaml:3")
	has(t, doc, "[data-key-path=receivers.ops.webhook.url]", "set, not shown")
	has(t, doc, "[data-calendar=office]", "Fri 25 Dec 2026")
	has(t, doc, "#warnings", "plain HTTP")
	has(t, doc, "#credentials", "12")
	if strings.Contains(w.Body.String(), "<script>alert") {
		t.Error("a value became markup")
	}
	_, doc = get(t, h, "/settings/configuration?only=default")
	if n := len(find(doc, "[data-key-path]")); n != 1 {
		t.Errorf("%d defaults", n)
	}
	_, doc = get(t, h, "/settings/configuration?q=WEBHOOK")
	has(t, doc, "[data-section=receivers]", "receivers.ops.webhook.url")
	for _, grants := range []string{"operator", "admin@emea"} {
		e.as(grants)
		if w, _ := get(t, h, "/settings/configuration"); w.Code != http.StatusForbidden {
			t.Errorf("%s: %d", grants, w.Code)
		}
	}
}

// A team has its own tenant looked at from outside, and sees no other scan.
func TestATeamScansItsOwnTenant(t *testing.T) {
	e := newEstate(t)
	const own, foreign = "mc563885gzs27c5t9-63k636ttgm", "mc563885gzs27c5t9-63k636ttgx"
	e.snap.Tenants[0].Subdomain, e.snap.Tenants[1].Subdomain = own, foreign
	h, l := e.withScans()
	e.as("operator@emea/crm-platform")
	_, doc := get(t, h, "/scan")
	has(t, doc, "#targets-help", own)
	none(t, doc, ".scans tbody tr")
	for target, want := range map[string]int{own: http.StatusSeeOther, foreign: http.StatusForbidden, "news.example.com": http.StatusForbidden, own + " " + foreign: http.StatusForbidden} {
		if w := postForm(t, h, "/scan", url.Values{"targets": {target}}); w.Code != want {
			t.Errorf("%s: %d, want %d", target, w.Code, want)
		}
	}
	if len(l.asked) != 1 {
		t.Errorf("%d scans began", len(l.asked))
	}
	theirs, _ := get(t, h, "/scan/done")
	missing, _ := get(t, h, "/scan/nowhere")
	if theirs.Code != http.StatusNotFound || strings.ReplaceAll(theirs.Body.String(), "done", "X") != strings.ReplaceAll(missing.Body.String(), "nowhere", "X") {
		t.Errorf("a foreign scan is told apart: %d", theirs.Code)
	}
	e.as("viewer@emea")
	if w := postForm(t, h, "/scan", url.Values{"targets": {own}}); w.Code != http.StatusForbidden {
		t.Errorf("a viewer scans: %d", w.Code)
	}
}

// The pages of duties fit every screen, in both looks.
func TestBrowserDutiesFitEveryScreen(t *testing.T) {
	t.Parallel()
	e := newEstate(t).live().withMessages()
	e.also = func(o *web.Options) { o.Config = inForce{} }
	b := newBrowser(t, e)
	for name, path := range map[string]string{"impact": "/impact", "windows": "/alerts/windows?zone=Europe/Berlin", "configuration": "/settings/configuration"} {
		b.fits(name, path)
	}
	b.quiet()
}
