package web_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"keepwatch"
	"keepwatch/internal/auth"
	"keepwatch/internal/web"
)

func TestDependentsAreANestedListWithStates(t *testing.T) {
	s := newStage(t)
	_, doc := get(t, s.site(), "/credentials/crm-sync")
	has(t, doc, "#dependents header", "24 things")
	has(t, doc, "#dependents header", "5 not running well")
	has(t, doc, "#dependents header", "4 nobody looks at")
	has(t, doc, "#dependents ol.flow.cut li.source .node.failing", "nothing gets through")
	var order []string
	for _, n := range find(doc, "#dependents .holders li") {
		order = append(order, text(n))
	}
	if got := strings.Join(order, "; "); got != "healthy: mulesoft-prod middleware@example.com; shop-backend its calls are not watched; vega-agency ops@vega.example its calls are not watched; failing: old-cronjob calls with it, and is not written down" {
		t.Errorf("holders: %s", got)
	}
	for _, kind := range []struct{ name, first string }{
		{"Journeys", "failing: Order confirmation"}, {"Automations", "failing: Nightly orders"}, {"Data extensions", "failing: Orders"}, {"Sends", "failing: Order mail"},
	} {
		found := false
		for _, section := range find(doc, "#dependents .fed .kind") {
			if text(find(section, "h4")[0]) != kind.name {
				continue
			}
			found = true
			if got := text(find(section, ".hung")[0]); !strings.HasPrefix(got, kind.first) {
				t.Errorf("%s begins with %q", kind.name, got)
			}
		}
		if !found {
			t.Errorf("no group %s", kind.name)
		}
	}
	if n := len(find(doc, "#dependents .hung")); n != 24 {
		t.Errorf("%d things, want 24", n)
	}
	_, id, _ := seriesOf(s.subjects()[0].Subject)
	page := find(doc, "#dependents .hung [href=/effect?series="+url.QueryEscape(string(id))+"]")
	if len(page) != 1 || text(page[0]) != "Welcome series" {
		t.Errorf("%d links to the effect of Welcome series", len(page))
	}
	if w, _ := get(t, s.site(), attr(page[0], "href")); w.Code != http.StatusOK {
		t.Errorf("its page answered %d", w.Code)
	}
	has(t, doc, "#dependents .fed", "through automation/nightly-orders, data_extension/Orders")
	_, doc = get(t, s.site(), "/credentials/shop-orders")
	none(t, doc, "#dependents .cut")
	_, doc = get(t, s.siteWith(func(o *web.Options) { s.options(o) }), "/credentials/sg-new-app")
	has(t, doc, "#dependents .holders", "mulesoft-prod")
}

func TestADaysHoursOpen(t *testing.T) {
	s := newStage(t)
	_, doc := get(t, s.site(), "/credentials/crm-sync")
	if n := len(find(doc, "#history .by-day li")); n != 90 {
		t.Fatalf("%d days, want 90", n)
	}
	bad := s.now.AddDate(0, 0, -17).Format(time.DateOnly)
	link := find(doc, `#history .by-day [href=?day=`+bad+`#history]`)
	if len(link) != 1 || !strings.Contains(text(link[0]), "0 of 6 passed, bad secret or package") || attr(link[0], "tabindex") != "" {
		t.Fatalf("the day on which all failed: %d", len(link))
	}
	if li := link[0].Parent; attr(li, "class") != "failed" {
		t.Errorf("its mark is %q", attr(li, "class"))
	}
	if n := len(find(doc, "#history .by-day .absent a")); n != 0 {
		t.Errorf("%d days without a run open", n)
	}
	_, doc = get(t, s.site(), "/credentials/crm-sync?day="+bad)
	has(t, doc, "#history header", "6 of 6 runs failed; the worst: bad secret or package")
	if n := len(find(doc, "#history .by-hour li")); n != 24 {
		t.Errorf("%d hours, want 24", n)
	}
	if n := len(find(doc, "#history .by-hour .failed")); n != 6 {
		t.Errorf("%d failed hours, want 6", n)
	}
	has(t, doc, "#history .by-day [aria-current=date]", "0 of 6 passed")
	for day, want := range map[string]int{"2020-01-01": 400, "soon": 400, time.Now().AddDate(0, 0, 2).Format(time.DateOnly): 400, s.now.AddDate(0, 0, -40).Format(time.DateOnly): 200} {
		if w, _ := get(t, s.site(), "/credentials/crm-sync?day="+day); w.Code != want {
			t.Errorf("day %s answered %d, want %d", day, w.Code, want)
		}
	}
}

func TestTrafficHasATableTwin(t *testing.T) {
	s := newStage(t)
	_, doc := get(t, s.site(), "/credentials/crm-sync")
	charts := find(doc, "#traffic .charts section")
	if len(charts) != 2 {
		t.Fatalf("%d holders with charts, want 2", len(charts))
	}
	for _, c := range charts {
		if n := len(find(c, "svg.hourly")); n != 3 {
			t.Errorf("%d charts of a holder, want 3", n)
		}
		for _, svg := range find(c, "svg.hourly") {
			if attr(svg, "aria-label") == "" || text(find(svg, "title")[0]) != attr(svg, "aria-label") {
				t.Error("a chart without a text")
			}
		}
		if n := len(find(c, "details tbody tr")); n != 40 {
			t.Errorf("%d rows of its table, want 40", n)
		}
	}
	has(t, doc, "#table-old-cronjob", "44.4 %")
	if label := attr(find(charts[1], "svg.hourly")[0], "aria-label") + attr(find(charts[0], "svg.hourly")[0], "aria-label"); !strings.Contains(label, "lowest 44.4 %") {
		t.Errorf("the labels do not name the worst hour: %s", label)
	}
}

func TestAnIncidentBeginsWithThreeSentences(t *testing.T) {
	s := newStage(t)
	_, doc := get(t, s.site(), s.path())
	lines := find(doc, "#gist dd")
	if len(lines) != 3 {
		t.Fatalf("%d sentences, want 3", len(lines))
	}
	for i, want := range []string{"The connection crm-sync (order confirmations from the shop) has not worked since", "It belongs to crm-platform. Journey Welcome series", "Open Setup, Apps, Installed Packages"} {
		if !strings.Contains(text(lines[i]), want) {
			t.Errorf("sentence %d says %q, want %q in it", i, text(lines[i]), want)
		}
	}
	has(t, doc, "#gist", "Nobody has taken it yet")
	has(t, doc, "#told .coming", "lead PagerDuty")
	has(t, doc, "#told .coming", "escalation, if nobody takes it")
	has(t, doc, "#impact .contacts_late", "They come by themselves")
	has(t, doc, "#actions .urgent", "Salesforce drops what waits")
	has(t, doc, "#actions .urgent .runs-out b", "in 71 h")
	if n := len(find(doc, "#report a")); n != 4 {
		t.Errorf("%d forms of the report, want 4", n)
	}
	s.restore()
	_, doc = get(t, s.site(), s.path())
	has(t, doc, "#gist", "has worked again since")
	has(t, doc, "#gist .step", "before")
	none(t, doc, "#told .coming")
}

// Everything on the page of an incident can be done without a script.
func TestNotesSnoozesAndLinksOfAnIncident(t *testing.T) {
	s := newStage(t)
	h := s.site()
	w := postForm(t, h, s.path()+"/note", url.Values{"text": {" The vendor says 14:00. \r\n" + hostile}})
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != s.path()+"#timeline" {
		t.Fatalf("%d to %q", w.Code, w.Header().Get("Location"))
	}
	_, doc := get(t, h, s.path())
	has(t, doc, "#timeline .noted", "local noted")
	has(t, doc, "#timeline .noted p", "The vendor says 14:00. "+hostile)
	w = postForm(t, h, s.path()+"/note", url.Values{"text": {strings.Repeat("ä", 2001)}})
	if doc := parse(t, w); w.Code != http.StatusBadRequest || len(find(doc, "#note-problem")) != 1 || len(text(find(doc, "#note")[0])) != 4002 {
		t.Errorf("a note that is too long: %d", w.Code)
	}
	if w := postForm(t, h, s.path()+"/snooze", url.Values{"for": {"4h"}}); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "a snooze needs a reason") {
		t.Errorf("a snooze without a reason: %d", w.Code)
	}
	if w := postForm(t, h, s.path()+"/snooze", url.Values{"for": {"4h"}, "reason": {"the vendor is on it"}}); w.Code != http.StatusSeeOther {
		t.Errorf("snooze: %d %s", w.Code, w.Body)
	}
	_, doc = get(t, h, s.path())
	has(t, doc, "#told .hush", "the vendor is on it (local)")

	w = postForm(t, h, s.path()+"/share", url.Values{"for": {"7d"}})
	doc = parse(t, w)
	if w.Code != http.StatusCreated || len(find(doc, "#once")) != 1 {
		t.Fatalf("share: %d", w.Code)
	}
	path := strings.TrimPrefix(text(find(doc, "#once")[0]), "http://example.com")
	if _, doc = get(t, h, s.path()); len(find(doc, "#once")) != 0 || strings.Contains(text(doc), path) {
		t.Error("the address is shown a second time")
	}
	has(t, doc, "#share .links", "never opened")
	stranger := *s
	stranger.estate = new(*s.estate)
	stranger.who = auth.Principal{}
	w, doc = get(t, stranger.site(), path)
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	has(t, doc, "#gist", "The connection crm-sync")
	has(t, doc, ".shared-note", "reads and does nothing")
	for _, selector := range []string{"form", "main a", "nav", "#told", ".noted", "script"} {
		none(t, doc, selector)
	}
	for _, secret := range []string{"vendor says", "accepted by Slack", "503 Service", "local", string(s.inc.ID)} {
		if strings.Contains(w.Body.String(), secret) {
			t.Errorf("a shared incident says %q", secret)
		}
	}
	list, err := s.db.Shares(t.Context(), s.inc.ID)
	if err != nil || len(list) != 1 || list[0].SeenAt.IsZero() {
		t.Fatalf("%+v %v", list, err)
	}
	if w := postForm(t, h, s.path()+"/share/"+list[0].ID+"/end", nil); w.Code != http.StatusSeeOther {
		t.Errorf("end: %d", w.Code)
	}
	if w, doc := get(t, stranger.site(), path); w.Code != http.StatusNotFound || !strings.Contains(text(find(doc, "h1")[0]), "has ended") {
		t.Errorf("an ended link: %d", w.Code)
	}
}

// What somebody may not see is not there, byte for byte; what they may see and not change
// has no form, and refuses.
func TestWhatAScopedVisitorMayNotSeeIsNotThere(t *testing.T) {
	s := newStage(t)
	grants, err := auth.ParseGrants("operator@amer")
	if err != nil {
		t.Fatal(err)
	}
	s.who = auth.PrincipalOf("eve", grants, auth.ViaSession)
	h := s.site()
	for _, r := range []struct {
		method, path string
		form         url.Values
	}{
		{"GET", "/credentials/{c}", nil}, {"GET", "/credentials/{c}?day=" + s.now.Format(time.DateOnly), nil}, {"GET", "/credentials/{c}/edit", nil}, {"POST", "/credentials/{c}/edit", url.Values{"team": {"x"}}},
		{"POST", "/credentials/{c}/check", nil}, {"GET", "/incidents/{i}", nil}, {"POST", "/incidents/{i}/ack", nil}, {"POST", "/incidents/{i}/note", url.Values{"text": {"x"}}},
		{"POST", "/incidents/{i}/snooze", url.Values{"for": {"4h"}, "reason": {"x"}}}, {"POST", "/incidents/{i}/share", url.Values{"for": {"7d"}}}, {"POST", "/incidents/{i}/share/x/end", nil},
	} {
		ask := func(credential, incident string) string {
			path := strings.NewReplacer("{c}", credential, "{i}", incident).Replace(r.path)
			var w *httptest.ResponseRecorder
			if r.method == "GET" {
				w, _ = get(t, h, path)
			} else {
				w = postForm(t, h, path, r.form)
			}
			if w.Code != http.StatusNotFound {
				t.Errorf("%s %s: %d", r.method, path, w.Code)
			}
			body := strings.NewReplacer(credential, "{c}", incident, "{i}").Replace(w.Body.String())
			return regexp.MustCompile(`<time[^>]*>[^<]*</time>`).ReplaceAllString(body, "")
		}
		if theirs, missing := ask("crm-sync", string(s.inc.ID)), ask("crm-none", "aaaaaaaaaaaaaaaa"); theirs != missing {
			t.Errorf("%s %s\n is  %s\n not %s", r.method, r.path, theirs, missing)
		}
	}
	if timeline, err := s.db.Transitions(t.Context(), s.inc.ID); err != nil || timeline[len(timeline)-1].Kind == keepwatch.Noted {
		t.Errorf("something was written all the same: %v", err)
	}
	if list, err := s.db.Shares(t.Context(), s.inc.ID); err != nil || len(list) != 0 {
		t.Errorf("%+v %v", list, err)
	}
}

func TestAViewerChangesNothingOnThesePages(t *testing.T) {
	s := newStage(t)
	s.who = auth.Principal{Name: "reader", Role: auth.Viewer, Via: auth.ViaSession}
	for _, path := range []string{s.path(), "/credentials/crm-sync", "/credentials/shop-orders"} {
		_, doc := get(t, s.site(), path)
		none(t, doc, "main form[method=post]")
		none(t, doc, "#edit")
		none(t, doc, "#rotate")
		none(t, doc, "#share")
	}
	for path, form := range map[string]url.Values{
		s.path() + "/ack": nil, s.path() + "/note": {"text": {"x"}}, s.path() + "/snooze": {"for": {"4h"}, "reason": {"x"}}, s.path() + "/share": {"for": {"7d"}}, s.path() + "/share/x/end": nil,
		"/credentials/shop-orders/edit": {"version": {"1"}}, "/credentials/crm-sync/check": nil,
	} {
		if w := postForm(t, s.site(), path, form); w.Code != http.StatusForbidden {
			t.Errorf("%s answered %d, want 403", path, w.Code)
		}
	}
	if w, _ := get(t, s.site(), "/credentials/shop-orders/edit"); w.Code != http.StatusForbidden {
		t.Errorf("the form answered %d", w.Code)
	}
}

func TestARecordIsEditedAndNobodyIsOverwritten(t *testing.T) {
	s := newStage(t)
	h := s.site()
	_, doc := get(t, h, "/credentials/shop-orders/edit")
	form := url.Values{}
	for _, in := range find(doc, "#edit input") {
		if attr(in, "name") != "" && attr(in, "type") != "checkbox" {
			form.Set(attr(in, "name"), attr(in, "value"))
		}
	}
	for _, area := range find(doc, "#edit textarea") {
		form.Set(attr(area, "name"), strings.ReplaceAll(area.FirstChild.Data, "\n", "\r\n"))
	}
	form.Set("criticality", "standard")
	if form.Get("holders") != "mulesoft-prod, middleware@example.com\r\nshop" || form.Get("secret_generated") != "2026-09-28" || form.Get("version") != "1" {
		t.Fatalf("%v", form)
	}
	// As it stands, it changes nothing.
	if w := postForm(t, h, "/credentials/shop-orders/edit", form); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if item, _ := s.db.Item(t.Context(), "shop-orders"); item.Version != 1 || item.Credential.Dependents[0].ContactsPerDay != 10000 {
		t.Errorf("%+v", item)
	}
	form.Set("team", "crm-platform")
	form.Set("expires", "soon")
	form.Set("dependents", "journey welcome-series\ncampaign spring")
	w := postForm(t, h, "/credentials/shop-orders/edit", form)
	doc = parse(t, w)
	if w.Code != http.StatusBadRequest {
		t.Errorf("%d", w.Code)
	}
	has(t, doc, "#wrong-expires", "that is no date")
	has(t, doc, "#wrong-dependents", "campaign spring")
	if got := attr(find(doc, "[name=team]")[0], "value"); got != "crm-platform" {
		t.Errorf("what was typed is gone: %q", got)
	}
	form.Set("expires", "2027-01-31")
	form.Set("dependents", "journey welcome-series\nautomation nightly-orders")
	if w := postForm(t, h, "/credentials/shop-orders/edit", form); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	item, err := s.db.Item(t.Context(), "shop-orders")
	if c := item.Credential; err != nil || item.Version != 2 || c.Owner.Team != "crm-platform" || c.Expires.String() != "2027-01-31" || len(c.Dependents) != 2 || c.Dependents[0].ContactsPerDay != 10000 || c.SecretRef != "env:SFMC_SHOP" {
		t.Errorf("%+v %v", item, err)
	}
	// Somebody who opened the form before that does not overwrite it.
	form.Set("purpose", "another purpose")
	form.Set("team", "commerce")
	w = postForm(t, h, "/credentials/shop-orders/edit", form)
	doc = parse(t, w)
	if w.Code != http.StatusConflict {
		t.Errorf("%d", w.Code)
	}
	has(t, doc, ".changed", "crm-platform")
	has(t, doc, ".changed", "another purpose")
	if got := attr(find(doc, "[name=version]")[0], "value"); got != "2" {
		t.Errorf("the form is about version %q", got)
	}
	_, doc = get(t, h, "/credentials/shop-orders")
	has(t, doc, "#changes", "commerce → crm-platform")
	// One of a file says where.
	_, doc = get(t, h, "/credentials/crm-sync/edit")
	has(t, doc, ".of-file", "keepwatch.yaml:42")
	none(t, doc, "#edit")
	if w := postForm(t, h, "/credentials/crm-sync/edit", form); w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), "keepwatch.yaml:42") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestIncidentsAreFilteredByTheirAddress(t *testing.T) {
	s := newStage(t)
	for query, want := range map[string]string{
		"q=CRM-SYNC": "crm-sync", "owner=crm-ca&status=all": "ca-newsletter", "tenant=amer&outcome=secret_expired": "ca-newsletter", "credential=crm-sync": "crm-sync",
	} {
		_, doc := get(t, s.site(), "/incidents?"+query)
		items := find(doc, "#list article")
		if len(items) != 1 || !strings.Contains(text(items[0]), want) {
			t.Errorf("%s: %d incidents", query, len(items))
		}
	}
	_, doc := get(t, s.site(), "/incidents?q=nothing-like-it")
	has(t, doc, "#list .empty", "No incident matches")
	for _, query := range []string{"status=odd", "outcome=odd", "cursor=odd"} {
		if w, _ := get(t, s.site(), "/incidents?"+query); w.Code != http.StatusBadRequest {
			t.Errorf("%s answered %d", query, w.Code)
		}
	}
	selected := find(doc, "#filter [name=q]")
	if len(selected) != 1 || attr(selected[0], "value") != "nothing-like-it" {
		t.Error("the filter does not say what it filters by")
	}
}

// labelsAnywhere puts the longest label under each hour and each day in turn: where they stand
// depends on the hour at which somebody looks. Those that leave their card are told.
const labelsAnywhere = `(() => {
	const out = [];
	for (const slots of document.querySelectorAll(".slots")) {
		const card = slots.closest(".card").getBoundingClientRect();
		for (const b of slots.querySelectorAll("b")) b.remove();
		[...slots.children].forEach((li, i) => {
			const b = document.createElement("b");
			b.textContent = slots.matches(".by-hour") ? "Wed 30 Sep" : "Sep";
			li.append(b);
			const box = b.getBoundingClientRect();
			if (box.right > card.right || box.left < card.left) out.push(slots.className + ": a label under " + i + " of " + slots.children.length + " leaves the card");
			b.remove();
		});
	}
	return out;
})()`

// Every page is whole at every width, its lines do not stick out, and nothing is
// forbidden by the policy.
func TestBrowserPagesOfOneFit(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	for i := range s.snap.Credentials { // names as long as they may be
		if c := &s.snap.Credentials[i]; c.ID == "us-orders" {
			c.Dependents, c.Holders = nil, nil
			for n := range 40 {
				c.Dependents = append(c.Dependents, keepwatch.Dependent{Kind: "journey", Key: strings.Repeat("a-very-long-key-without-end", 1+n%4) + fmt.Sprint(n)})
			}
			c.Holders = []keepwatch.Holder{{Name: strings.Repeat("W", 120), Contact: strings.Repeat("x", 200)}}
		}
	}
	b := newBrowser(t, s.estate)
	server := httptest.NewServer(s.site())
	t.Cleanup(server.Close)
	b.url = server.URL
	for _, theme := range []string{"light", "dark"} {
		for _, width := range []int64{390, 768, 1440} {
			b.do(chromedp.EmulateViewport(width, 844), themed(theme))
			for _, path := range []string{"/credentials/crm-sync", "/credentials/us-orders", s.path(), "/incidents?status=all", "/credentials/shop-orders/edit", s.shared("")} {
				b.open(path)
				if got := eval[int64](b, `Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)`); got > width {
					t.Errorf("%s is %d wide on a screen of %d: %s", path, got, width, eval[string](b, wide))
				}
				for _, label := range eval[[]string](b, labelsAnywhere) {
					t.Errorf("%s on %d: %s", path, width, label)
				}
				if mute := eval[[]string](b, `[...document.querySelectorAll(".state")].filter((s) => s.checkVisibility() && !s.innerText.trim()).map((s) => s.outerHTML)`); len(mute) > 0 {
					t.Errorf("%s on %d: states without a word: %q", path, width, mute)
				}
			}
		}
	}
	b.quiet()
}

// By keyboard: from the credential to the day that failed, then to the incident, a note,
// a link, and its end.
func TestBrowserNoteAndLinkByKeyboard(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	b := newBrowser(t, s.estate)
	server := httptest.NewServer(s.site())
	t.Cleanup(server.Close)
	b.url = server.URL
	b.open("/credentials/crm-sync")
	bad := s.now.AddDate(0, 0, -17).Format(time.DateOnly)
	b.tabTo("the day that failed", `el.getAttribute("href") === "?day=`+bad+`#history"`)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until("its hours", `document.querySelectorAll("#history .by-hour .failed").length === 6`)
	b.open(s.path())
	b.tabTo("the note", `el.id === "note"`)
	b.do(chromedp.KeyEvent("Asked Vega."))
	b.tabTo("its button", `el.id === "add-note"`)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until("the note in the timeline", `document.querySelector("#timeline .noted p")?.innerText === "Asked Vega."`)
	b.tabTo("sharing", `el.closest("#share") && el.tagName === "SUMMARY"`)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.tabTo("the button", `el.id === "make-link"`)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until("the address", `document.querySelector("#once")?.innerText.includes("/share/")`)
	path := eval[string](b, `new URL(document.querySelector("#once").innerText).pathname`)
	b.open(path)
	b.until("the incident", `document.querySelector("#gist dd")?.innerText.includes("crm-sync")`)
	b.open(s.path())
	b.tabTo("sharing", `el.closest("#share") && el.tagName === "SUMMARY"`)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.tabTo("its end", `el.closest(".links") && el.tagName === "BUTTON"`)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until("that it ended", `Boolean(document.querySelector("#share .links .ended"))`)
	b.open(path)
	b.until("that it is over", `document.querySelector("h1").innerText.includes("has ended")`)
	if heard := strings.Join(b.heard(), " "); strings.Contains(heard, "Content Security Policy") {
		t.Errorf("the console says %q", heard)
	}
}

// Without a store, without shares, without an editor: a page says what is wrong, and
// offers nothing that is not there.
func TestPagesOfOneWithoutTheirParts(t *testing.T) {
	s := newStage(t)
	bare := s.siteWith(func(*web.Options) {})
	_, doc := get(t, bare, s.path())
	for _, selector := range []string{"#share", "#snooze"} {
		none(t, doc, selector)
	}
	_, doc = get(t, bare, "/credentials/shop-orders")
	none(t, doc, "#edit")
	for _, path := range []string{s.shared(""), "/credentials/shop-orders/edit"} {
		if w, _ := get(t, bare, path); w.Code != http.StatusNotFound {
			t.Errorf("%s answered %d", path, w.Code)
		}
	}
	path := s.shared("")
	s.db.Close()
	for _, p := range []string{path, s.path(), "/credentials/crm-sync", "/incidents", "/credentials/shop-orders/edit"} {
		w, doc := get(t, s.site(), p)
		if w.Code < 500 || strings.Contains(w.Body.String(), "sql") || len(find(doc, ".fault h1")) != 1 {
			t.Errorf("%s without a store: %d", p, w.Code)
		}
	}
}

// Names that people, files and SFMC bring stay text in the pictures too.
func TestHostileNamesInPicturesStayText(t *testing.T) {
	names := hostileNames()
	if len(names) < 60 {
		t.Fatalf("%d hostile strings, want 60", len(names))
	}
	s := newStage(t)
	for i := range s.snap.Credentials {
		if c := &s.snap.Credentials[i]; c.ID == "crm-sync" {
			c.Purpose, c.Holders, c.Dependents, c.File = strings.Join(names, " "), nil, nil, hostile
			for _, n := range names {
				c.Holders = append(c.Holders, keepwatch.Holder{Name: n, Contact: n})
				c.Dependents = append(c.Dependents, keepwatch.Dependent{Kind: "journey", Key: n, OnOutage: "lost"}, keepwatch.Dependent{Kind: n, Key: n})
			}
		}
	}
	for i, h := range names {
		x := keepwatch.Subject{Kind: keepwatch.SubjectJourney, Key: h, Unit: 510000123, Name: h}
		s.watch(x, keepwatch.JourneyStalled, h)
		if i < 10 {
			s.inc.Effects = append(s.inc.Effects, keepwatch.Effect{Subject: x, Outcome: keepwatch.JourneyStalled, Since: s.now, Evidence: h, Credential: "crm-sync"})
		}
		if err := s.db.Note(t.Context(), s.inc.ID, "ada "+fmt.Sprint(i), h, s.now); err != nil {
			t.Fatal(err)
		}
	}
	stored, err := s.db.Incident(t.Context(), s.inc.ID)
	if err != nil {
		t.Fatal(err)
	}
	s.inc.Revision = stored.Revision
	s.inc.Message, s.inc.Hint, s.inc.Evidence = names[0], names[1], names[2]
	s.inc = s.rewrite(s.inc, keepwatch.Affected, names[3])
	s.assess()
	for _, path := range []string{"/credentials/crm-sync", s.path(), s.shared(""), "/credentials/crm-sync/edit", "/incidents?q=" + url.QueryEscape(names[0]), "/incidents?owner=" + url.QueryEscape(names[0])} {
		w, doc := get(t, s.site(), path)
		if w.Code != http.StatusOK {
			t.Fatalf("%s answered %d: %s", path, w.Code, w.Body)
		}
		none(t, doc, "img")
		none(t, doc, "iframe")
		none(t, doc, "style")
		for n := range doc.Descendants() {
			for _, a := range n.Attr {
				if strings.HasPrefix(strings.ToLower(a.Key), "on") || a.Key == "style" || (a.Key == "href" || a.Key == "action") && strings.HasPrefix(strings.ToLower(strings.TrimSpace(a.Val)), "javascript") {
					t.Errorf("%s: <%s %s=%q>", path, n.Data, a.Key, a.Val)
				}
			}
		}
		for _, script := range find(doc, "script") {
			if attr(script, "src") == "" || script.FirstChild != nil {
				t.Errorf("%s: a script of somebody else", path)
			}
		}
		if strings.Contains(w.Body.String(), "ZgotmplZ") {
			t.Errorf("%s: a name stands where it cannot", path)
		}
	}
}

// What a page says stands in its JSON twin, word by word: both come from one view.
func TestTheTwinsOfThesePagesHoldTheSameFacts(t *testing.T) {
	s := newStage(t)
	if err := s.db.Note(t.Context(), s.inc.ID, "ada", "The vendor says 14:00.", s.now); err != nil {
		t.Fatal(err)
	}
	var o web.Options
	s.options(&o)
	twin := func(path string) string {
		t.Helper()
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost"+path, nil)
		r.Header.Set("Accept", "application/json")
		s.guardedWith(o).ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			t.Fatalf("%s answered %d: %s", path, w.Code, w.Body)
		}
		var all []string
		var walk func(any)
		walk = func(v any) {
			switch v := v.(type) {
			case map[string]any:
				for _, x := range v {
					walk(x)
				}
			case []any:
				for _, x := range v {
					walk(x)
				}
			case string:
				all = append(all, strings.Join(strings.Fields(v), " "))
			}
		}
		var document any
		if err := json.Unmarshal(w.Body.Bytes(), &document); err != nil {
			t.Fatal(err)
		}
		walk(document)
		return "\x00" + strings.Join(all, "\x00") + "\x00"
	}
	for _, c := range []struct{ page, twin, facts string }{
		{"/credentials/crm-sync", "/api/v1/credentials/crm-sync", "#head p.purpose|#head [data-say]|#dependents .what a|#dependents .what b|#dependents .hung.failing .says|#dependents .node b|#run .name|#run code|#dates .tag"},
		{s.path(), "/api/v1/incidents/" + string(s.inc.ID), "#gist dd|#effects b|#told .whom b|#timeline .noted p|#impact .formula|#members .id|#cause code"},
		{s.shared(""), "", "#gist dd|#effects b|#members .id|#timeline .opened p"},
	} {
		_, doc := get(t, s.site(), c.page)
		facts := twin(cmp.Or(c.twin, c.page))
		for selector := range strings.SplitSeq(c.facts, "|") {
			found := find(doc, selector)
			if len(found) == 0 {
				t.Errorf("%s has no %s", c.page, selector)
			}
			for _, n := range found {
				for _, tag := range find(n, ".tag") {
					tag.Parent.RemoveChild(tag)
				}
				said := ages.ReplaceAllString(text(n), "…")
				if said != "" && !strings.Contains(ages.ReplaceAllString(facts, "…"), said) && said != "old-cronjob" { // of the traffic's twin
					t.Errorf("%s: %s says %q, and its twin does not", c.page, selector, said)
				}
			}
		}
	}
}

// ages differ between two looks.
var ages = regexp.MustCompile(`\d+ (s|min|h)( \d+ min)?\b`)
