package web_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/httpapi"
	"keepwatch/internal/link"
	"keepwatch/internal/notify"
	"keepwatch/internal/web"
)

// desk serves the links of the estate's incidents.
func (e *estate) desk() *link.Desk {
	key, err := link.ParseKey(link.NewKey())
	if err != nil {
		e.t.Fatal(err)
	}
	return &link.Desk{
		Store: e.db, Key: func(context.Context) (link.Key, error) { return key, nil }, Limiter: auth.NewLimiter(), Logger: slog.New(slog.DiscardHandler),
		Zone: func(keepwatch.Incident) *time.Location { return time.UTC }, Ends: func(context.Context, keepwatch.Incident) time.Time { return time.Time{} }, Quiet: func(context.Context) {},
	}
}

// links are the paths of the links in a message about an incident.
func links(t testing.TB, d *link.Desk, inc keepwatch.Incident) map[keepwatch.LinkAction]string {
	out := map[keepwatch.LinkAction]string{}
	for _, a := range d.Acts(t.Context(), "https://keepwatch.example.com", "slack", notify.Message{Key: "m", Receiver: "crm", Now: time.Now()}, inc) {
		out[a.Action] = strings.TrimPrefix(a.URL, "https://keepwatch.example.com")
	}
	return out
}

// signedIn is the whole daemon with sign-in on, as a stranger meets it.
func (e *estate) signedIn(d *link.Desk, log *strings.Builder) http.Handler {
	logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return httpapi.New(httpapi.Options{
		Logger: logger, Reader: e.reader(), Check: e.check, Incidents: e.db, Links: d, Auth: &auth.Gate{Limiter: auth.NewLimiter()},
		Health: func(context.Context) client.Health { return client.Health{Status: "ok"} }, Metrics: http.NotFoundHandler(),
		Pages: web.New(web.Options{Logger: logger, Reader: e.reader(), Check: e.check, Incidents: e.db, Links: d}),
	})
}

func TestLinkPageActsForWhoPressesAndNobodyElse(t *testing.T) {
	e := newEstate(t).live()
	d, log := e.desk(), &strings.Builder{}
	h := e.signedIn(d, log)
	inc := e.incident(keepwatch.BadSecretOrPackage)
	at := links(t, d, inc)[keepwatch.LinkAcknowledge]
	ask := func(method string, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), method, at, nil)
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		for name, want := range map[string]string{"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow"} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s %v: %s is %q", method, header, name, got)
			}
		}
		return w
	}
	acknowledged := func() bool {
		now, err := e.db.Incident(t.Context(), inc.ID)
		if err != nil {
			t.Fatal(err)
		}
		return !now.AcknowledgedAt.IsZero()
	}
	for _, w := range []*httptest.ResponseRecorder{
		ask("GET"), ask("HEAD"), ask("GET", "Sec-Purpose", "prefetch;prerender"), ask("GET", "User-Agent", "Slackbot-LinkExpanding 1.0"), ask("GET", "Accept", "application/json"),
		ask("OPTIONS"), ask("PUT"), ask("DELETE"),
		ask("POST", "Sec-Fetch-Site", "cross-site"), ask("POST", "Origin", "https://evil.example.com"), ask("POST", "Sec-Fetch-Site", "same-site", "Origin", "null"),
	} {
		if acknowledged() {
			t.Fatalf("acknowledged: %d %s", w.Code, w.Body)
		}
	}
	_, doc := get(t, h, at)
	has(t, doc, "h1", "crm-sync: bad secret or package")
	has(t, doc, ".act-page .note", "link sent to crm via Slack")
	has(t, doc, "#do", "Acknowledge")
	none(t, doc, "nav[aria-label=Main]")
	if w := ask("POST", "Origin", "null"); w.Code != http.StatusSeeOther || w.Header().Get("Location") != at || !acknowledged() {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	_, doc = get(t, h, at)
	has(t, doc, "#says", "The incident is acknowledged. It was done on")
	none(t, doc, "#do")
	if w := ask("POST", "Accept", "application/json"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"used_by":"link sent to crm via Slack"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	w, doc := get(t, h, at+"A")
	has(t, doc, "h1", "this link does not hold")
	has(t, doc, ".next", "use the link of a newer message")
	if w.Code != http.StatusNotFound {
		t.Errorf("%d", w.Code)
	}
	d.Key = func(context.Context) (link.Key, error) { return nil, context.DeadlineExceeded }
	if w, _ := get(t, h, at); w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d", w.Code)
	}
	if token := strings.TrimPrefix(at, link.Path); !strings.Contains(log.String(), "/act/…") || strings.Contains(log.String(), token[:20]) {
		t.Errorf("the log says %s", log)
	}
}

func TestLinkPageKeepsWhatWasTyped(t *testing.T) {
	e := newEstate(t).live()
	e.lookAt(e.find("consent-hub"))
	d := e.desk()
	h := e.siteWith(func(o *web.Options) { o.Links = d })
	at := links(t, d, e.incident(keepwatch.Expiring))[keepwatch.LinkSnooze]
	w := postForm(t, h, at, url.Values{"until": {"2020-01-01"}})
	if body := w.Body.String(); w.Code != http.StatusBadRequest || !strings.Contains(body, `value="2020-01-01"`) || !strings.Contains(body, "that day cannot be chosen") {
		t.Errorf("%d %s", w.Code, body)
	}
	if w := postForm(t, h, at, url.Values{}); w.Code != http.StatusSeeOther {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if list, err := e.db.Silences(t.Context(), e.now); err != nil || len(list) != 1 {
		t.Errorf("%+v %v", list, err)
	}
}

// The button works in a browser without a script and by keyboard, also over plain http
// on a host that browsers do not trust, where they send no word of the site that asks.
func TestBrowserPressesALinksButton(t *testing.T) {
	t.Parallel()
	e := newEstate(t).live()
	d := e.desk()
	h := e.signedIn(d, &strings.Builder{})
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Sec-Fetch-Site") // as over plain http
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(plain.Close)
	b := newBrowser(t, e)
	b.url = plain.URL
	at := links(t, d, e.incident(keepwatch.BadSecretOrPackage))
	for _, width := range []int64{390, 768, 1440} {
		b.do(chromedp.EmulateViewport(width, 844))
		b.open(at[keepwatch.LinkSnooze])
		if got := eval[int64](b, `Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)`); got > width {
			t.Errorf("%d wide on a screen of %d: %s", got, width, eval[string](b, wide))
		}
	}
	for _, action := range keepwatch.LinkActions {
		b.open(at[action])
		b.tabTo("the button", `el.id === "do"`)
		b.do(chromedp.KeyEvent(kb.Enter))
		b.until("the answer", `document.querySelector("#says.healthy")?.innerText.includes("It was done on") && !document.querySelector("#do")`)
	}
	if n := eval[int64](b, `document.scripts.length`); n != 0 {
		t.Errorf("%d scripts", n)
	}
	b.quiet()
}
