package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/scan"
	"keepwatch/internal/view"
	"keepwatch/internal/web"
)

// looks keeps invented scans: a done one, one that runs, one that was lost. A scan that
// is started is done after a few looks at it.
type looks struct {
	now time.Time

	mu    sync.Mutex
	asked []client.NewScan
	polls int
}

func scanFinding(check, subject string, s scan.Severity, message, hint string, evidence map[string]any) scan.Finding {
	return scan.Finding{Check: check, Subject: subject, Severity: s, Message: message, Hint: hint, Evidence: evidence}
}

func (l *looks) report() scan.Report {
	since := l.now.Add(-24 * time.Hour)
	r := scan.Report{
		SchemaVersion: 1, Target: "mc563885gzs27c5t9-63k636ttgm, news.example.com, https://cloud.news.example.com/offer", Targets: []string{"news.example.com"}, At: l.now, TookMS: 1843,
		Cannot: []string{"when a client secret ends", "which scopes a package has", "the IP allowlist"}, Since: &since,
		Changes: []scan.Change{
			{Check: "tls_expiry", Subject: "click.news.example.com", What: scan.Worse, Before: scan.OK, After: scan.Warning, Message: "The certificate ends on 2026-12-19, in 19 days."},
			{Check: "dmarc", Subject: "news.example.com", What: scan.Better, Before: scan.Warning, After: scan.OK, Message: "DMARC says reject."},
		},
		Findings: []scan.Finding{
			scanFinding("public_token_call", "https://cloud.news.example.com/offer", scan.Critical, "A client secret stands in a public script: https://cloud.news.example.com/js/forms.js, line 214, column 31.", "Take it for stolen: generate a new secret in Setup > Apps > Installed Packages and activate it, then move the call to a server.", map[string]any{"script": "https://cloud.news.example.com/js/forms.js", "line": 214, "column": 31}),
			scanFinding("tls_expiry", "click.news.example.com", scan.Warning, "The certificate ends on 2026-12-19, in 19 days.", "SFMC renews certificates of DigiCert by itself when the DNS records and CAA let it; open a case with Salesforce when it has not.", map[string]any{"not_after": "2026-12-19T12:00:00Z", "days_left": 19, "issuer": "CN=DigiCert Global G2 TLS RSA SHA256 2020 CA1,O=DigiCert Inc,C=US"}),
			scanFinding("spf", hostile, scan.Warning, hostile, "", map[string]any{"record": hostile, "includes": []string{hostile}}),
			scanFinding("host", "image.news.example.com", scan.Unknown, "It could not be looked at: no answer in time.", "", nil),
			scanFinding("secret_rule", "client secrets", scan.Info, "A client secret ends 180 days after somebody clicked Generate, and nothing outside shows that day.", "Tell the day to see when yours ends.", map[string]any{"life_days": 180}),
			scanFinding("dmarc", "news.example.com", scan.OK, "DMARC says reject.", "", map[string]any{"record": "v=DMARC1; p=reject"}),
			scanFinding("api_host", "mc563885gzs27c5t9-63k636ttgm.rest.marketingcloudapis.com", scan.OK, "One request without a credential: the tenant's gateway answers that it wants a token.", "", map[string]any{"latency_ms": 88.1, "http_status": 401}),
		},
	}
	r.Order()
	return r
}

func (l *looks) Start(_ context.Context, n client.NewScan, _ string) (client.Scan, error) {
	if _, err := scan.ParseTargets(n.Targets); err != nil {
		return client.Scan{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = append(l.asked, n)
	return client.Scan{ID: "started"}, nil
}

func (l *looks) Get(_ context.Context, id string) (client.Scan, error) {
	out := client.Scan{ID: id, Status: "done", By: "ada", StartedAt: l.now, Report: view.ScanReportOf(l.report())}
	switch id {
	case "done":
	case "started":
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.polls++; l.polls < 3 {
			out.Status = "running"
			out.Report.Findings, out.Report.Changes, out.Report.Since = out.Report.Findings[:l.polls], nil, nil
		}
	case "lost":
		out.Status = "lost"
	default:
		return out, fmt.Errorf("scan %q: %w", id, keepwatch.ErrNotFound)
	}
	return out, nil
}

func (l *looks) List(context.Context) ([]client.ScanBrief, error) {
	sum := client.ScanSummary(l.report().Summary)
	return []client.ScanBrief{
		{ID: "done", Status: "done", By: "ada", StartedAt: l.now, Target: l.report().Target, Summary: sum},
		{ID: "fine", Status: "done", StartedAt: l.now.Add(-time.Hour), Target: "shop.example.com", Summary: client.ScanSummary{OK: 41, Info: 3}},
		{ID: "started", Status: "running", By: "ada", StartedAt: l.now, Target: "https://cloud.shop.example.com/"},
		{ID: "lost", Status: "lost", By: "ada", StartedAt: l.now.Add(-48 * time.Hour), Target: hostile},
	}, nil
}

func (e *estate) withScans() (http.Handler, *looks) {
	l := &looks{now: e.now}
	return e.siteWith(func(o *web.Options) { o.Scans = l }), l
}

func TestScanPageSaysWhatToDoFirst(t *testing.T) {
	e := newEstate(t)
	h, _ := e.withScans()
	w, doc := get(t, h, "/scan/done")
	has(t, doc, "#head h1", "1 critical, 2 to look at, 1 unknown")
	has(t, doc, "[data-severity=critical] [data-check=public_token_call]", "generate a new secret")
	has(t, doc, "[data-severity=critical] [data-check=public_token_call] .evidence", "214")
	has(t, doc, "[data-severity=unknown] li", "no answer in time")
	has(t, doc, "#group-ok [data-check=dmarc]", "DMARC says reject")
	has(t, doc, "[aria-label=Changes]", "ok → warning")
	if body := w.Body.String(); strings.Contains(body, "<script>alert") || strings.Contains(body, "data-refresh") {
		t.Error("a hostile value became markup, or a scan that is done is asked for again and again")
	}
	_, doc = get(t, h, "/scan/started")
	has(t, doc, "#head h1", "Looking: 1 thing so far")
	if len(find(doc, "body[data-refresh=2]")) != 1 {
		t.Error("a scan that runs does not refresh itself")
	}
	_, doc = get(t, h, "/scan/lost")
	has(t, doc, "#head h1", "lost")
	if w, _ := get(t, h, "/scan/nobody"); w.Code != http.StatusNotFound {
		t.Errorf("%d", w.Code)
	}
	if w, _ := get(t, e.site(), "/scan"); w.Code != http.StatusNotFound {
		t.Errorf("without scans: %d", w.Code)
	}
}

func postForm(t *testing.T, h http.Handler, path string, values url.Values) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(values.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// Who may keep the inventory may scan; what was typed wrong stays to be corrected.
func TestScanIsStartedByWhoMay(t *testing.T) {
	e := newEstate(t)
	h, l := e.withScans()
	values := url.Values{"targets": {"news.example.com\n https://cloud.news.example.com/offer"}, "generated": {"2026-09-28"}}
	if w := postForm(t, h, "/scan", values); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/scan/started" || len(l.asked) != 1 || len(l.asked[0].Targets) != 2 {
		t.Errorf("%d %q %+v", w.Code, w.Header().Get("Location"), l.asked)
	}
	w := postForm(t, h, "/scan", url.Values{"targets": {"not!a!target"}})
	if body := w.Body.String(); w.Code != http.StatusBadRequest || !strings.Contains(body, "not!a!target</textarea>") || !strings.Contains(body, "nothing to scan") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	e.who = auth.Principal{Name: "vera", Role: auth.Viewer, Via: auth.ViaSession}
	if w := postForm(t, h, "/scan", values); w.Code != http.StatusForbidden || len(l.asked) != 1 {
		t.Errorf("a viewer: %d", w.Code)
	}
	_, doc := get(t, h, "/scan")
	none(t, doc, "form.scan-form")
	has(t, doc, "[data-id=fine]", "41 fine")
	has(t, doc, "[data-id=fine]", "the schedule")
}

// A scan is started by keyboard, and its page follows it to its end by itself.
func TestBrowserScanIsStartedAndFollowed(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, newEstate(t))
	b.open("/")
	b.tabTo("the page of scans", `el.getAttribute("href") === "/scan"`)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until("the form", `document.querySelector("#targets") !== null`)
	b.tabTo("the targets", `el.id === "targets"`)
	b.do(chromedp.KeyEvent("news.example.com"))
	b.tabTo("the button", `el.id === "start"`)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until("the scan under way", `location.pathname === "/scan/started" && document.querySelector("#head h1").innerText.includes("Looking")`)
	b.until("its end", `document.querySelector("#head h1").innerText.includes("1 critical") && document.querySelector("a[download]") !== null`)
	if spoken := eval[string](b, `document.getElementById("said").textContent`); !strings.Contains(spoken, "1 critical") {
		t.Errorf("the end is spoken as %q", spoken)
	}
	for _, width := range []int64{390, 1280} {
		b.do(chromedp.EmulateViewport(width, 844))
		for _, path := range []string{"/scan", "/scan/done", "/scan/lost"} {
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
