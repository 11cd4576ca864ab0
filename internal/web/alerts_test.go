package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/notify"
	"keepwatch/internal/view"
	"keepwatch/internal/web"
)

// told is who is told, over the estate's store: receivers, routes and answers are
// invented, silences and messages are rows.
type told struct{ e *estate }

func (p told) Receivers(context.Context) []client.Receiver {
	ago := func(d time.Duration) *time.Time { return new(p.e.now.Add(-d)) }
	return []client.Receiver{
		{Name: "crm", Channel: "slack", LastSuccessAt: ago(12 * time.Minute)},
		{Name: "mail", Channel: "email"},
		{Name: "ops", Channel: "webhook", LastSuccessAt: ago(9 * time.Hour), LastErrorAt: ago(time.Minute), LastError: "the receiver answered 503 Service Unavailable " + hostile, FailingSince: ago(40 * time.Minute), NextTryAt: new(p.e.now.Add(3 * time.Minute)), Waiting: 3},
	}
}

func (p told) Routes(context.Context) []client.Route {
	return []client.Route{
		{Name: "orders", For: "criticality transactional", To: []string{"crm", "ops"}, RepeatEvery: "30m", Escalate: []client.Escalation{{After: "15m", To: []string{"mail"}}}, Continue: true},
		{Name: "route 2", For: "everything", To: []string{"mail"}, Wait: "2m", OnlyIn: "office", Otherwise: []string{"ops"}},
	}
}

func (p told) TestReceiver(_ context.Context, name string) (string, error) {
	switch name {
	case "crm":
		return "accepted by Slack", nil
	case "ops":
		return "", fmt.Errorf("receiver: %w", keepwatch.ErrUnavailable)
	}
	return "", fmt.Errorf("receiver %q: %w", name, keepwatch.ErrNotFound)
}

func (p told) Explain(_ context.Context, q view.Question) (client.Explanation, error) {
	if q.Credential == "nobody" {
		return client.Explanation{}, keepwatch.WithHint(fmt.Errorf("there is no credential %q: %w", q.Credential, keepwatch.ErrNotFound), "list the credentials to see which there are")
	}
	return client.Explanation{
		Credential: string(q.Credential), Outcome: string(q.Outcome), Severity: "critical", At: q.At,
		Told:   []client.Told{{Receiver: "crm", Channel: "slack", At: q.At, Rule: "orders", Why: "it is for criticality transactional", RepeatEvery: "30m"}, {Receiver: "mail", Channel: "email", At: q.At.Add(15 * time.Minute), Rule: "orders", Why: "escalation after 15m", Unless: "somebody acknowledges it before"}},
		Others: []client.Untold{{Name: "route 2", Why: "not looked at: orders decides and does not say continue"}, {Name: "ops", Why: "no route that matches names it"}},
	}, nil
}

func (p told) Covered(ctx context.Context, m keepwatch.Match) ([]keepwatch.Incident, error) {
	list, _, err := p.e.db.Incidents(ctx, view.IncidentFilter{Status: "open"}, view.Page{})
	return slices.DeleteFunc(list, func(i keepwatch.Incident) bool { return !slices.Contains(m.Credential, string(i.Credential)) }), err
}

func (p told) Silences(ctx context.Context, past bool, now time.Time) ([]keepwatch.Silence, error) {
	if past {
		return p.e.db.PastSilences(ctx, now, 100)
	}
	list, err := p.e.db.Silences(ctx, now)
	return append(list, keepwatch.Silence{
		ID: "patches", Kind: keepwatch.Maintained, Match: keepwatch.Match{Tenant: []string{"emea"}}, Owner: "platform", Reason: "weekly patches", From: now.Add(-time.Hour), Until: now.AddDate(1, 0, 0),
		Hours: "sun 02:00-04:00", Timezone: "Europe/Berlin", File: "keepwatch.yaml:17",
	}), err
}

func (p told) Silence(ctx context.Context, s keepwatch.Silence) error {
	if _, err := notify.MuteOf(s); err != nil {
		return err
	}
	return p.e.db.SaveSilence(ctx, s)
}

func (p told) EndSilence(ctx context.Context, id, by string, now time.Time) (keepwatch.Silence, error) {
	return p.e.db.EndSilence(ctx, id, by, now)
}

// withMessages routes what has happened, so that there are messages in every state.
func (e *estate) withMessages() *estate {
	e.t.Helper()
	notices, err := e.db.Unrouted(e.t.Context(), 100)
	if err != nil {
		e.t.Fatal(err)
	}
	states := []keepwatch.Delivery{
		{Status: keepwatch.DeliverySent, Receiver: "crm", Attempts: 1, Receipt: "accepted by Slack", SentAt: e.now.Add(-9 * time.Minute)},
		{Status: keepwatch.DeliveryDead, Receiver: "ops", Attempts: 1, LastError: "404 Not Found " + hostile},
		{Status: keepwatch.DeliveryCollapsed, Receiver: "mail", LastError: "held back: silenced by ada: known"},
		{Status: keepwatch.DeliveryPending, Receiver: "spare", Attempts: 4, LastError: "503 Service Unavailable", NextAttemptAt: e.now.Add(time.Minute)},
	}
	for i, n := range notices {
		d := states[i%len(states)]
		d.ID, d.Notice, d.CreatedAt = keepwatch.DeliveryIDOf(n.ID, d.Receiver), n, e.now.Add(-10*time.Minute)
		if err := e.db.Route(e.t.Context(), n.ID, []keepwatch.Delivery{d}, e.now); err != nil {
			e.t.Fatal(err)
		}
	}
	return e
}

func (e *estate) withAlerts() http.Handler {
	return e.siteWith(func(o *web.Options) { o.Alerts = told{e} })
}

func TestAlertsPagesSayWhoIsTold(t *testing.T) {
	e := newEstate(t).live().withMessages()
	h := e.withAlerts()
	_, doc := get(t, h, "/alerts")
	has(t, doc, "#receivers header", "1 receiver without success")
	has(t, doc, "[data-id=ops]", "3 messages waiting")
	has(t, doc, "[data-id=mail]", "not used yet")
	has(t, doc, ".routes", "after 15m: mail")
	has(t, doc, ".routes", "outside the hours: ops")
	none(t, doc, "script[src=x]")
	_, doc = get(t, h, "/alerts/explain?credential=crm-sync&outcome=expiring&at=2026-12-24T22:00")
	has(t, doc, "#told", "Thu 24 Dec 2026 22:00:00 UTC")
	has(t, doc, "#told", "somebody acknowledges it before")
	has(t, doc, "#others", "no route that matches names it")
	for path, want := range map[string]int{"/alerts/explain": 200, "/alerts/explain?credential=nobody": 404, "/alerts/explain?credential=crm-sync&at=tomorrow": 400, "/alerts/messages?status=lost": 400} {
		if w, _ := get(t, h, path); w.Code != want {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	w, doc := get(t, h, "/alerts/messages")
	has(t, doc, "#messages", "accepted by Slack")
	if strings.Contains(w.Body.String(), "<script>alert") {
		t.Error("a hostile answer became markup")
	}
	_, doc = get(t, h, "/alerts/messages?receiver=ops&status=dead")
	has(t, doc, "#messages .failing", "refused")
	none(t, doc, "#messages .healthy")
	if w, _ := get(t, e.site(), "/alerts"); w.Code != http.StatusNotFound {
		t.Errorf("without alerts: %d", w.Code)
	}
}

func TestReceiverIsTriedByWhoMay(t *testing.T) {
	e := newEstate(t)
	h := e.withAlerts()
	for path, want := range map[string]string{"/alerts/receivers/crm/test": "accepted by Slack", "/alerts/receivers/ops/test": "the receiver answered 503"} {
		if w := postForm(t, h, path, nil); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) || strings.Contains(w.Body.String(), "data-refresh") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if w := postForm(t, h, "/alerts/receivers/nobody/test", nil); w.Code != http.StatusNotFound {
		t.Errorf("%d", w.Code)
	}
	e.who = auth.Principal{Name: "vera", Role: auth.Viewer, Via: auth.ViaSession}
	for _, path := range []string{"/alerts/receivers/crm/test", "/alerts/silences", "/alerts/silences/x/end"} {
		if w := postForm(t, h, path, url.Values{"credential": {"crm-sync"}, "reason": {"x"}, "until": {"2099-01-01"}}); w.Code != http.StatusForbidden {
			t.Errorf("a viewer at %s: %d", path, w.Code)
		}
	}
	for _, path := range []string{"/alerts", "/alerts/silences"} {
		_, doc := get(t, h, path)
		none(t, doc, "main form[method=post]")
	}
}

func TestSilenceIsPreviewedMadeAndEnded(t *testing.T) {
	e := newEstate(t).live()
	h := e.withAlerts()
	until := time.Now().UTC().Add(3 * time.Hour).Format("2006-01-02T15:04")
	form := url.Values{"credential": {"crm-sync"}, "reason": {"the renewal is on its way"}, "until": {until}, "kind": {"silence"}, "do": {"preview"}}
	w := postForm(t, h, "/alerts/silences", form)
	if body := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(body, "It covers 1 open incident") || !strings.Contains(body, "the renewal is on its way") {
		t.Errorf("%d %s", w.Code, body)
	}
	if list, _ := e.db.Silences(t.Context(), e.now); len(list) != 0 {
		t.Fatal("a preview made a silence")
	}
	form.Set("do", "create")
	if w := postForm(t, h, "/alerts/silences", form); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	list, err := e.db.Silences(t.Context(), e.now)
	if err != nil || len(list) != 1 || list[0].Owner == "" || list[0].CreatedBy == "" || list[0].Until.Format("2006-01-02T15:04") != until {
		t.Fatalf("%+v %v", list, err)
	}
	_, doc := get(t, h, "/alerts/silences")
	has(t, doc, "#"+list[0].ID, "credential crm-sync")
	has(t, doc, "#patches .c-act", "keepwatch.yaml:17")
	none(t, doc, "#patches form")
	if w := postForm(t, h, "/alerts/silences/"+list[0].ID+"/end", nil); w.Code != http.StatusSeeOther {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	_, doc = get(t, h, "/alerts/silences")
	has(t, doc, "[aria-label=Past] #"+list[0].ID, "ended")
	if w := postForm(t, h, "/alerts/silences/nobody/end", nil); w.Code != http.StatusNotFound {
		t.Errorf("%d", w.Code)
	}
}

func TestPastSilencesAreTheNewestUnlessAllAreAskedFor(t *testing.T) {
	e := newEstate(t).live()
	h := e.withAlerts()
	for i := range 23 {
		err := e.db.SaveSilence(t.Context(), keepwatch.Silence{
			ID: fmt.Sprintf("s-%02d", i), Kind: keepwatch.Silenced, Match: keepwatch.Match{Tenant: []string{"emea"}}, Owner: "platform", Reason: "known",
			From: e.now.Add(-50 * time.Hour), Until: e.now.Add(time.Duration(i-48) * time.Hour),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	_, doc := get(t, h, "/alerts/silences")
	has(t, doc, "[aria-label=Past] #s-22", "known")
	none(t, doc, "#s-00")
	has(t, doc, "p.more a[href=/alerts/silences?past=all]", "All 23 that are past")
	_, doc = get(t, h, "/alerts/silences?past=all")
	has(t, doc, "[aria-label=Past] #s-00", "known")
	none(t, doc, "p.more a")
}

// Each fault stands at its field, beside what was typed, and nothing is made.
func TestSilenceFormSaysWhatIsWrongAtTheField(t *testing.T) {
	e := newEstate(t)
	h := e.withAlerts()
	good := map[string]string{"credential": "crm-sync", "reason": "known", "until": time.Now().UTC().Add(time.Hour).Format("2006-01-02T15:04"), "kind": "maintenance"}
	for name, tt := range map[string]struct{ field, value, at, says string }{
		"everything":      {"credential", "", "credential", "a silence of everything"},
		"no such one":     {"credential", "crm-sink", "credential", "there is no credential"},
		"no such tenant":  {"tenant", hostile, "tenant", "there is no tenant"},
		"no outcome":      {"outcome", "broken", "outcome", "is no outcome"},
		"no reason":       {"reason", " ", "reason", "say in a sentence"},
		"no end":          {"until", "", "until", "name its end"},
		"a past end":      {"until", "2020-01-01T00:00", "until", "must lie after its begin"},
		"a strange end":   {"until", "soon", "until", "write it like"},
		"a strange begin": {"from", "soon", "from", "write it like"},
		"too long":        {"until", "2099-01-01T00:00", "until", "at most 366 days"},
		"strange hours":   {"hours", "noon to one", "hours", "noon"},
		"a strange zone":  {"timezone", "Mars/Olympus", "timezone", "is no time zone"},
		"a strange kind":  {"kind", "snooze", "kind", "silence or maintenance"},
	} {
		t.Run(name, func(t *testing.T) {
			form := url.Values{"do": {"create"}}
			for k, v := range good {
				form.Set(k, v)
			}
			form.Set(tt.field, tt.value)
			w := postForm(t, h, "/alerts/silences", form)
			doc := parse(t, w)
			has(t, doc, "#wrong-"+tt.at, tt.says)
			if w.Code != http.StatusBadRequest || strings.Contains(w.Body.String(), "<script>alert") {
				t.Errorf("%d", w.Code)
			}
			if input := find(doc, "input[name="+tt.field+"]"); tt.field != "kind" && (len(input) != 1 || attr(input[0], "value") != strings.TrimSpace(tt.value)) {
				t.Error("what was typed is lost")
			}
			if input := find(doc, "input[name=reason]"); tt.field != "reason" && attr(input[0], "value") != "known" {
				t.Error("what else was typed is lost")
			}
		})
	}
	if list, _ := e.db.Silences(t.Context(), e.now); len(list) != 0 {
		t.Errorf("%+v", list)
	}
}

// The pages fit a phone, a tablet and a desk, and say every state with a word.
func TestBrowserAlertsFitEveryScreen(t *testing.T) {
	t.Parallel()
	e := newEstate(t).live().withMessages()
	b := newBrowser(t, e)
	for _, width := range []int64{390, 768, 1440} {
		b.do(chromedp.EmulateViewport(width, 844))
		for _, path := range []string{"/alerts", "/alerts/explain?credential=crm-sync", "/alerts/silences", "/alerts/silences?kind=maintenance", "/alerts/messages"} {
			b.open(path)
			if got := eval[int64](b, `Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)`); got > width {
				t.Errorf("%s is %d wide on a screen of %d: %s", path, got, width, eval[string](b, wide))
			}
			if mute := eval[[]string](b, `[...document.querySelectorAll(".state")].filter((s) => s.checkVisibility() && !s.textContent.trim()).map((s) => s.outerHTML)`); len(mute) > 0 {
				t.Errorf("%s on %d: states without a word: %q", path, width, mute)
			}
		}
	}
	b.quiet()
}
