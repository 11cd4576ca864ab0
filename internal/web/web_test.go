package web_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"keepwatch"
	"keepwatch/internal/auth"
)

// get reads one page and parses it.
func get(t *testing.T, h http.Handler, path string) (*httptest.ResponseRecorder, *html.Node) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return w, parse(t, w)
}

func parse(t *testing.T, w *httptest.ResponseRecorder) *html.Node {
	t.Helper()
	doc, err := html.Parse(bytes.NewReader(w.Body.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// find returns the elements that a small selector means: parts divided by spaces
// stand inside each other, and a part is tag, .class, #id, [name] or
// [name=value], joined.
func find(n *html.Node, selector string) []*html.Node {
	found := []*html.Node{n}
	for _, part := range strings.Fields(selector) {
		var next []*html.Node
		for _, root := range found {
			for d := range root.Descendants() {
				if matches(d, part) {
					next = append(next, d)
				}
			}
		}
		found = next
	}
	return found
}

var piece = regexp.MustCompile(`^[a-z0-9]+|\.[\w-]+|#[\w-]+|\[[\w-]+(=[^\]]*)?\]`)

func matches(n *html.Node, part string) bool {
	if n.Type != html.ElementNode {
		return false
	}
	for _, p := range piece.FindAllString(part, -1) {
		ok := false
		switch p[0] {
		case '.':
			ok = strings.Contains(" "+attr(n, "class")+" ", " "+p[1:]+" ")
		case '#':
			ok = attr(n, "id") == p[1:]
		case '[':
			name, value, exact := strings.Cut(p[1:len(p)-1], "=")
			ok = slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name && (!exact || a.Val == value) })
		default:
			ok = n.Data == p
		}
		if !ok {
			return false
		}
	}
	return true
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// has asserts that exactly one element answers to the selector and says words.
func has(t *testing.T, doc *html.Node, selector, words string) {
	t.Helper()
	found := find(doc, selector)
	if len(found) != 1 {
		t.Errorf("%s: %d elements, want 1", selector, len(found))
		return
	}
	if got := text(found[0]); !strings.Contains(got, words) {
		t.Errorf("%s says %q, want %q in it", selector, got, words)
	}
}

func none(t *testing.T, doc *html.Node, selector string) {
	t.Helper()
	if found := find(doc, selector); len(found) > 0 {
		t.Errorf("%s: %d elements, want none", selector, len(found))
	}
}

func TestOverviewSaysWhatNeedsSomebodyFirst(t *testing.T) {
	e := newEstate(t).live()
	_, doc := get(t, e.site(), "/")
	inc := e.incident(keepwatch.BadSecretOrPackage)
	card := "#needs [data-id=" + string(inc.ID) + "]"
	has(t, doc, "#head h1", "need you")
	has(t, doc, card+" h2", "crm-sync")
	has(t, doc, card+" .tags .failing", "bad secret or package")
	has(t, doc, card+" .meta", "owner crm-platform")
	has(t, doc, card+" .meta", "failing since")
	has(t, doc, card+" .next", "Installed Packages")
	has(t, doc, "tr[data-id=crm-sync] .state", "failing")
	has(t, doc, "tr[data-id=ca-newsletter] .state", "expired")
	has(t, doc, "tr[data-id=us-orders] .c-state", "healthy")
	has(t, doc, "tr[data-id=store-locator] .c-owner", "no owner")
	has(t, doc, "tr[data-id=bi-extract] .c-ends", "date unknown")
	has(t, doc, ".banner", "This is the demo")
	has(t, doc, "#ahead-list [href=/credentials/consent-hub]", "consent-hub")
	if got := len(find(doc, ".tenant")); got != 3 {
		t.Errorf("%d tenants, want 3", got)
	}
}

func TestNotKnowingIsNeverShownAsHealthy(t *testing.T) {
	e := newEstate(t).live()
	_, doc := get(t, e.site(), "/")
	has(t, doc, "tr[data-id=sg-new-app] .state", "unknown") // never run
	has(t, doc, "tr[data-id=jp-events] .state", "unknown")  // its runs have stopped
	none(t, doc, "tr[data-id=jp-events] .healthy")
	_, page := get(t, e.site(), "/credentials/sg-new-app")
	has(t, page, "#head p[data-say]", "Not proven yet")
}

func TestEveryStateHasAnIconAndAWord(t *testing.T) {
	e := newEstate(t).live()
	for _, path := range []string{"/", "/expiring", "/credentials/crm-sync", "/incidents?status=all"} {
		_, doc := get(t, e.site(), path)
		states := find(doc, ".state")
		if len(states) == 0 {
			t.Fatalf("%s shows no state", path)
		}
		for _, s := range states {
			if len(find(s, "svg")) != 1 || text(s) == "" {
				t.Errorf("%s: a state without icon or word: %q", path, text(s))
			}
		}
		for _, s := range find(doc, ".strip") {
			if !strings.Contains(attr(s, "aria-label"), "48 hours") {
				t.Errorf("%s: a strip without a text", path)
			}
		}
	}
}

func TestCredentialShowsTheLadderOfItsLastRun(t *testing.T) {
	e := newEstate(t).live()
	_, doc := get(t, e.site(), "/credentials/crm-sync")
	has(t, doc, "#head p.purpose", "order confirmations")
	rungs := find(doc, "#run .ladder li")
	if len(rungs) != 7 {
		t.Fatalf("%d rungs, want 7", len(rungs))
	}
	for i, want := range []string{"resolve:auth", "connect:auth", "tls:auth", "token", "identity", "rest:", "soap:"} {
		if !strings.Contains(text(rungs[i]), want) {
			t.Errorf("rung %d says %q, want %q", i, text(rungs[i]), want)
		}
	}
	if s := text(rungs[3]); !strings.Contains(s, "HTTP 401") || !strings.Contains(s, "invalid_client") {
		t.Errorf("the rung that failed says %q", s)
	}
	if s := text(rungs[4]); !strings.Contains(s, "skipped") {
		t.Errorf("the rung after it says %q", s)
	}
	has(t, doc, "#run details pre", "client_secret")
	if got := len(find(doc, "#history .by-hour li")); got != 48 {
		t.Errorf("%d slots, want 48", got)
	}
	has(t, doc, "#rail .facts", "every 10m")
	if got := len(find(doc, "#runs tbody tr")); got != 20 {
		t.Errorf("%d recent runs, want 20", got)
	}
}

func TestIncidentShowsItsTimeline(t *testing.T) {
	e := newEstate(t).live()
	inc := e.incident(keepwatch.BadSecretOrPackage)
	_, doc := get(t, e.site(), "/incidents/"+string(inc.ID))
	has(t, doc, "#head h1", "crm-sync: bad secret or package")
	has(t, doc, "#timeline .proven", "last proven")
	has(t, doc, "#timeline .opened", "opened")
	has(t, doc, "#members", "still failing")
	has(t, doc, "#head form button", "Acknowledge")
}

func TestAnIncidentThatIsOverSaysHowLongItWas(t *testing.T) {
	e := newEstate(t).live()
	over := "[data-id=" + string(e.incident(keepwatch.Timeout).ID) + "]"
	_, doc := get(t, e.site(), "/incidents?status=resolved")
	has(t, doc, over+" .meta", "resolved")
	has(t, doc, over+" .meta", "after")
	none(t, doc, over+" .next")
	none(t, doc, over+" form")
}

func post(t *testing.T, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, nil))
	return w
}

func TestAcknowledgeAndCheckNow(t *testing.T) {
	e := newEstate(t).live()
	h := e.site()
	inc := "/incidents/" + string(e.incident(keepwatch.BadSecretOrPackage).ID)
	if w := post(t, h, inc+"/ack"); w.Code != http.StatusSeeOther || w.Header().Get("Location") != inc {
		t.Fatalf("ack: %d to %q", w.Code, w.Header().Get("Location"))
	}
	_, doc := get(t, h, inc)
	has(t, doc, "#head p", "local took it")
	none(t, doc, "#head form")

	w := post(t, h, "/credentials/us-orders/check")
	if w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), "/credentials/us-orders?run=") {
		t.Fatalf("check: %d to %q", w.Code, w.Header().Get("Location"))
	}
	_, doc = get(t, h, strings.TrimSuffix(w.Header().Get("Location"), "#run"))
	has(t, doc, "#run header", "Run of")
	has(t, doc, "#run header", "demand")
}

func TestAViewerSeesNoButtonsAndMayNotPress(t *testing.T) {
	e := newEstate(t).live()
	e.who = auth.Principal{Name: "reader", Role: auth.Viewer, Via: auth.ViaToken}
	inc := "/incidents/" + string(e.incident(keepwatch.BadSecretOrPackage).ID)
	for _, path := range []string{"/", "/credentials/crm-sync", inc} {
		_, doc := get(t, e.site(), path)
		none(t, doc, "main form[method=post]")
	}
	for _, path := range []string{inc + "/ack", "/credentials/crm-sync/check"} {
		if w := post(t, e.site(), path); w.Code != http.StatusForbidden {
			t.Errorf("%s answered %d, want 403", path, w.Code)
		}
	}
}

// Names come from files, from people and from SFMC's answers. Whatever they hold,
// it stays text.
func TestHostileNamesStayText(t *testing.T) {
	e := newEstate(t)
	c := e.find("crm-sync")
	c.ID, c.Purpose, c.Owner.Team, c.RunbookURL = hostile, hostile, hostile, "javascript:alert(3)"
	c.Holders = []keepwatch.Holder{{Name: hostile, Contact: hostile}}
	c.Tests, c.File = []string{hostile}, hostile
	e.add(c)
	e.snap.Tenants[0].BusinessUnits[0].Name = hostile
	for i := range 2 {
		at := e.now.Add(time.Duration(i-2) * time.Minute)
		o := e.observation(c, at, keepwatch.BadSecretOrPackage, keepwatch.ReasonScheduled)
		o.Message, o.Hint, o.Evidence, o.Transcript = hostile, hostile, hostile, hostile
		o.Steps[3].Name, o.Steps[3].Evidence = hostile, hostile
		e.apply(at, []keepwatch.Observation{o})
	}
	inc := e.incident(keepwatch.BadSecretOrPackage)
	paths := []string{
		"/", "/?q=" + "%3Cscript%3E", "/credentials/%3Cscript%3Ealert%281%29%3C%2Fscript%3E%22%27%3E%3Cimg%20src=x%20onerror=alert%282%29%3E",
		"/incidents/" + string(inc.ID), "/incidents?status=all", "/expiring?within=365d", "/expiring?owner=%3Cscript%3E", "/sign-in?next=%22%3E%3Cscript%3E", "/credentials/%3Cscript%3E",
	}
	for _, path := range paths {
		w, doc := get(t, e.site(), path)
		if w.Code >= http.StatusInternalServerError {
			t.Fatalf("%s answered %d", path, w.Code)
		}
		none(t, doc, "img")
		for _, s := range find(doc, "script") {
			if attr(s, "src") == "" || s.FirstChild != nil {
				t.Errorf("%s: a script of somebody else: %q", path, text(s))
			}
		}
		for _, a := range find(doc, "a") {
			if strings.HasPrefix(attr(a, "href"), "javascript") {
				t.Errorf("%s: a link that runs", path)
			}
		}
		if body := w.Body.String(); strings.Contains(body, "<script>alert") || strings.Contains(body, "ZgotmplZ") {
			t.Errorf("%s: a hostile name is markup", path)
		}
	}
	if w, _ := get(t, e.site(), paths[2]); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "&lt;script&gt;") {
		t.Errorf("the credential's own page answered %d", w.Code)
	}
}

// The policy forbids inline script and style; a page that had any would break.
func TestNothingInline(t *testing.T) {
	e := newEstate(t).live()
	inc := "/incidents/" + string(e.incident(keepwatch.BadSecretOrPackage).ID)
	for _, path := range []string{"/", "/expiring", "/credentials/crm-sync", "/credentials/sg-new-app", inc, "/incidents", "/sign-in", "/missing"} {
		_, doc := get(t, e.site(), path)
		none(t, doc, "style")
		for n := range doc.Descendants() {
			for _, a := range n.Attr {
				if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
					t.Errorf("%s: <%s %s=%q>", path, n.Data, a.Key, a.Val)
				}
			}
		}
	}
}

// Ids stand once, labels and landmarks are there: what a screen reader leans on.
func TestPagesAreSound(t *testing.T) {
	e := newEstate(t).live()
	inc := "/incidents/" + string(e.incident(keepwatch.BadSecretOrPackage).ID)
	for _, path := range []string{"/", "/expiring", "/credentials/crm-sync", inc, "/incidents"} {
		_, doc := get(t, e.site(), path)
		seen := map[string]bool{}
		for n := range doc.Descendants() {
			id := attr(n, "id")
			if id != "" && seen[id] && !strings.HasPrefix(id, "ack-") {
				t.Errorf("%s: the id %q stands twice", path, id)
			}
			seen[id] = true
		}
		has(t, doc, "main", "")
		has(t, doc, "h1", "")
		has(t, doc, "#said", "")
		has(t, doc, "html[lang=en] head title", "Keepwatch")
		has(t, doc, "head noscript", "refresh")
	}
}

func TestFaultsArePages(t *testing.T) {
	e := newEstate(t)
	for path, want := range map[string]int{
		"/missing": 404, "/credentials/nobody": 404, "/incidents/none": 404, "/incidents?status=odd": 400, "/static/none": 404,
	} {
		if w, _ := get(t, e.site(), path); w.Code != want {
			t.Errorf("%s answered %d, want %d", path, w.Code, want)
		}
	}
	if w := post(t, e.site(), "/credentials/nobody/check"); w.Code != http.StatusNotFound {
		t.Errorf("check of nobody answered %d", w.Code)
	}
	e.db.Close()
	w, doc := get(t, e.site(), "/")
	if w.Code < 500 || strings.Contains(w.Body.String(), "sql") {
		t.Errorf("without a store: %d %s", w.Code, w.Body)
	}
	has(t, doc, ".fault h1", "")
}

func TestAssetsAreKeptForEverUnderTheirChecksum(t *testing.T) {
	e := newEstate(t)
	_, doc := get(t, e.site(), "/")
	link := attr(find(doc, "link[rel=stylesheet]")[0], "href")
	w, _ := get(t, e.site(), link)
	if w.Code != http.StatusOK || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/css") {
		t.Errorf("%s: %d %v", link, w.Code, w.Header())
	}
	if w, _ := get(t, e.site(), "/static/app.css?v=old"); strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
		t.Error("an old checksum is kept for ever")
	}
}

func TestFilterNarrowsTheListAndNotTheTrouble(t *testing.T) {
	e := newEstate(t).live()
	_, doc := get(t, e.site(), "/?tenant=apac")
	if got := len(find(doc, ".tenant")); got != 1 {
		t.Errorf("%d tenants, want 1", got)
	}
	has(t, doc, "#head h1", "need you")
	_, doc = get(t, e.site(), "/?q=SHOP")
	if rows := find(doc, "tr.row"); len(rows) != 1 || attr(rows[0], "data-id") != "crm-sync" {
		t.Errorf("%d rows for a word of the purpose", len(rows))
	}
	_, doc = get(t, e.site(), "/?state=failing&q=nothing")
	has(t, doc, "#estate .empty", "No credential matches")
}

func TestScriptStaysSmall(t *testing.T) {
	w, _ := get(t, newEstate(t).site(), "/static/app.js")
	b := w.Body.Bytes()
	if lines := bytes.Count(b, []byte("\n")); lines < 100 || lines > 400 {
		t.Errorf("app.js has %d lines; the page is to live without it", lines)
	}
	for _, banned := range []string{"eval(", "innerHTML = ", "document.write", "Function("} {
		if bytes.Contains(b, []byte(banned)) {
			t.Errorf("app.js uses %s", banned)
		}
	}
}
