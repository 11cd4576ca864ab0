package web_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"keepwatch"
	"keepwatch/internal/auth"
	"keepwatch/internal/store"
)

// send posts a form to the pages as somebody.
func send(t *testing.T, h http.Handler, path string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func sheet(t *testing.T, h http.Handler, fields map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	for name, value := range fields {
		if err := m.WriteField(name, value); err != nil {
			t.Fatal(err)
		}
	}
	_ = m.Close()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/inventory/import", &body)
	r.Header.Set("Content-Type", m.FormDataContentType())
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestOverviewDividesTheEstateAsAsked(t *testing.T) {
	e := newEstate(t).live()
	h := e.siteWith(e.many)
	for _, c := range []struct{ by, first, row string }{
		{"tenant", "emea", "crm-sync"}, {"owner", "crm-platform", "crm-sync"}, {"tier", "transactional", "crm-sync"},
	} {
		_, doc := get(t, h, "/?group="+c.by)
		groups := find(doc, ".tenant")
		if len(groups) == 0 || attr(groups[0], "data-tenant") != c.first {
			t.Errorf("by %s, the first group is %q, want %q: the worst comes first", c.by, attr(groups[0], "data-tenant"), c.first)
		}
		has(t, doc, "[data-tenant="+c.first+"] tr[data-id="+c.row+"] .c-state", "failing")
		has(t, doc, ".switch [aria-current]", c.by)
	}
	if w, _ := get(t, h, "/?group=colour"); w.Code != http.StatusBadRequest {
		t.Errorf("an unknown grouping answers %d", w.Code)
	}
	_, doc := get(t, h, "/?owner=-&group=owner")
	has(t, doc, "tr[data-id=store-locator] .c-owner", "no owner")
	none(t, doc, "tr[data-id=crm-sync]")
	has(t, doc, "#head h1", "need you") // a filter hides no trouble
}

func TestOverviewSaysHowKeepwatchItselfDoes(t *testing.T) {
	e := newEstate(t).live()
	_, doc := get(t, e.siteWith(e.many), "/")
	has(t, doc, "#self .state", "heartbeat reached the outside")
	has(t, doc, "#self dl", "Heartbeat to healthchecks")
	e.who = auth.PrincipalOf("anna", []auth.Grant{{Role: auth.Viewer, Tenant: "emea", Team: "privacy"}}, auth.ViaSession)
	_, doc = get(t, e.siteWith(e.many), "/")
	if said := text(find(doc, "#self")[0]); strings.Contains(said, "healthchecks") {
		t.Errorf("a part of the estate is told whom Keepwatch tells: %s", said)
	}
}

func TestAheadIsDrawnAndSaid(t *testing.T) {
	e := newEstate(t).live()
	for i := range 5 { // five that end on one day, with a name that must not become markup
		e.add(keepwatch.Credential{
			ID: keepwatch.CredentialID(fmt.Sprintf("%s-%d", hostile, i)), Tenant: "emea", Kind: keepwatch.ServerToServer, Owner: keepwatch.Owner{Team: hostile},
			Criticality: keepwatch.Standard, SecretGenerated: keepwatch.DayOf(e.now, time.UTC).AddDays(60 - 180),
		})
	}
	for _, path := range []string{"/", "/?group=owner"} {
		w, doc := get(t, e.siteWith(e.many), path)
		none(t, doc, "main script")
		none(t, doc, "img")
		if strings.Contains(w.Body.String(), "style=") {
			t.Errorf("%s has a style of its own, which the policy forbids", path)
		}
		found := false
		for _, mark := range find(doc, "#ahead .fine .at") {
			found = found || strings.Contains(text(mark), "5 ends") && strings.Contains(text(mark), "<script>")
		}
		if !found {
			t.Errorf("%s: no mark stands for five", path)
		}
		if said := text(find(doc, "#ahead-list")[0]); !strings.Contains(said, "consent-hub") || !strings.Contains(said, "and 1 more") {
			t.Errorf("%s: the list says %q", path, said)
		}
	}
}

func TestCalendarIsATableOfDays(t *testing.T) {
	e := newEstate(t).live()
	day := keepwatch.DayOf(e.now, time.UTC).AddDays(10).String()
	_, doc := get(t, e.siteWith(e.many), "/expiring")
	if months := find(doc, "#calendar .month"); len(months) < 3 {
		t.Fatalf("%d months", len(months))
	}
	var marked string
	for _, a := range find(doc, "#calendar .has") {
		if strings.Contains(attr(a, "href"), "on="+day) {
			marked = attr(a, "title") + text(a)
		}
	}
	if !strings.Contains(marked, "consent-hub") || !strings.Contains(marked, "1 end") {
		t.Errorf("the day of consent-hub says %q", marked)
	}
	_, doc = get(t, e.siteWith(e.many), "/expiring?on="+day)
	has(t, doc, "#dates [data-id=consent-hub] .c-when", "in 10 days")
	none(t, doc, "#dates [data-id=web-forms]")
	if months := find(doc, "#calendar .has"); len(months) < 3 {
		t.Error("a chosen day empties the calendar")
	}
	if w, _ := get(t, e.siteWith(e.many), "/expiring?owner=nobody-of-this-name"); w.Code != http.StatusBadRequest {
		t.Errorf("a misspelt owner answers %d", w.Code)
	}
}

func TestCalendarFeedIsMadeShownOnceAndRevoked(t *testing.T) {
	e := newEstate(t)
	h := e.siteWith(e.many)
	w := send(t, h, "/expiring/feeds", url.Values{"owner": {"privacy"}})
	doc := parse(t, w)
	has(t, doc, "#once", "/calendar/")
	address := text(find(doc, "#once")[0])
	w, doc = get(t, h, "/expiring")
	if strings.Contains(w.Body.String(), address) {
		t.Error("the address is shown again")
	}
	has(t, doc, "#feeds tbody tr", "privacy")
	form := find(doc, "#feeds tbody form")[0]
	if w := send(t, h, attr(form, "action"), nil); w.Code != http.StatusSeeOther {
		t.Fatalf("revoke answers %d", w.Code)
	}
	_, doc = get(t, h, "/expiring")
	none(t, doc, "#feeds tbody tr")
	e.who = auth.PrincipalOf("vera", []auth.Grant{{Role: auth.Viewer}}, auth.ViaSession)
	if w := send(t, e.siteWith(e.many), "/expiring/feeds", nil); w.Code != http.StatusForbidden {
		t.Errorf("a viewer makes a feed: %d", w.Code)
	}
}

func TestInventoryIsOrderedFilteredAndPaged(t *testing.T) {
	e := newEstate(t).live()
	e.fill(t, 120)
	h := e.siteWith(e.many)
	_, doc := get(t, h, "/inventory?sort=ends&columns=ends,environment")
	has(t, doc, "th[aria-sort=ascending]", "Ends")
	if got := len(find(doc, ".records thead th")); got != 4 { // tick, credential, two columns
		t.Errorf("%d columns", got)
	}
	if first := find(doc, ".records tbody tr"); len(first) != 50 || attr(first[0], "data-id") != "ca-newsletter" {
		t.Errorf("%d rows, the first is %q", len(first), attr(first[0], "data-id"))
	}
	seen := map[string]bool{}
	for page := 1; page <= 3; page++ {
		_, doc := get(t, h, fmt.Sprintf("/inventory?sort=owner&desc=true&page=%d", page))
		for _, tr := range find(doc, ".records tbody tr") {
			seen[attr(tr, "data-id")] = true
		}
	}
	if len(seen) != len(e.snap.Credentials) {
		t.Errorf("%d of %d records are on the pages", len(seen), len(e.snap.Credentials))
	}
	_, doc = get(t, h, "/inventory?source=file&state=failing")
	if rows := find(doc, ".records tbody tr"); len(rows) != 1 || attr(rows[0], "data-id") != "crm-sync" {
		t.Errorf("%d rows", len(rows))
	}
	has(t, doc, ".records tbody .c-pick", "of a file")
	if w, _ := get(t, h, "/inventory?sort=colour"); w.Code != http.StatusBadRequest {
		t.Errorf("an unknown order answers %d", w.Code)
	}
}

func TestBulkChangesWhatItShowed(t *testing.T) {
	e := newEstate(t)
	e.fill(t, 3)
	h := e.siteWith(e.many)
	form := url.Values{"record": {"ui-00000", "ui-00001", "crm-sync", "no-such"}, "set.owner.team": {"new-team"}, "do": {"preview"}}
	doc := parse(t, send(t, h, "/inventory/bulk", form))
	has(t, doc, "#preview [data-id=ui-00000]", "crm-platform")
	has(t, doc, "#preview [data-id=ui-00000] .will", "new-team")
	has(t, doc, "#preview .refused", "belongs to the file keepwatch.yaml:42")
	has(t, doc, "#preview .refused", "no-such")
	var pinned []string
	for _, in := range find(doc, "input[name=record]") {
		pinned = append(pinned, attr(in, "value"))
	}
	if strings.Join(pinned, " ") != "ui-00000@v1 ui-00001@v1" {
		t.Fatalf("the form carries %q", pinned)
	}
	// Somebody is quicker with one of the two: then nothing is written.
	if w := send(t, h, "/inventory/bulk", url.Values{"record": {"ui-00001@v1"}, "set.region": {"EMEA"}, "do": {"apply"}}); w.Code != http.StatusSeeOther {
		t.Fatalf("apply answers %d: %s", w.Code, w.Body)
	}
	form = url.Values{"record": pinned, "set.owner.team": {"new-team"}, "do": {"apply"}}
	w := send(t, h, "/inventory/bulk", form)
	if w.Code != http.StatusConflict {
		t.Fatalf("a stale version answers %d", w.Code)
	}
	doc = parse(t, w)
	has(t, doc, ".problem", "was changed by")
	if c := e.find("ui-00000"); c.Owner.Team != "crm-platform" {
		t.Errorf("half of it is written: %q", c.Owner.Team)
	}
	var again []string
	for _, in := range find(doc, "input[name=record]") {
		again = append(again, attr(in, "value"))
	}
	form["record"] = again
	if w := send(t, h, "/inventory/bulk", form); w.Code != http.StatusSeeOther {
		t.Fatalf("apply answers %d", w.Code)
	}
	if a, b := e.find("ui-00000"), e.find("ui-00001"); a.Owner.Team != "new-team" || b.Owner.Team != "new-team" || b.Region != "EMEA" {
		t.Errorf("%+v %+v", a.Owner, b.Owner)
	}
	changes, _, err := e.db.Changes(t.Context(), "ui-00000", store.Page{Limit: 5})
	if err != nil || len(changes) < 2 || changes[0].By != e.who.Name || changes[0].Via != "ui" {
		t.Errorf("history %+v %v", changes, err)
	}
}

func TestImportShowsEveryRowAndLosesNone(t *testing.T) {
	e := newEstate(t)
	h := e.siteWith(e.many)
	w := sheet(t, h, map[string]string{"text": pasted, "format": "paste", "tenant": "emea", "do": "preview"})
	doc := parse(t, w)
	has(t, doc, "#preview .tally", "2 new")
	has(t, doc, "#preview .tally", "1 wrong")
	has(t, doc, "#preview [data-line=4]", "is not a date")
	has(t, doc, "#text", "Café Aufträge") // nothing that was pasted is lost
	if len(e.snap.Credentials) != 13 {
		t.Fatal("a preview has written something")
	}
	held, digest := attr(find(doc, "input[name=held]")[0], "value"), attr(find(doc, "input[name=digest]")[0], "value")
	apply := map[string]string{"held": held, "digest": digest, "format": "paste", "tenant": "emea", "do": "apply"}
	// Somebody brings one of them in meanwhile: the new preview comes first.
	if w := sheet(t, h, map[string]string{"text": pasted[:strings.Index(pasted, "Café")], "format": "paste", "tenant": "emea", "do": "preview"}); w.Code == http.StatusOK {
		doc := parse(t, w)
		other := map[string]string{"held": attr(find(doc, "input[name=held]")[0], "value"), "digest": attr(find(doc, "input[name=digest]")[0], "value"), "format": "paste", "tenant": "emea", "do": "apply"}
		if w := sheet(t, h, other); w.Code != http.StatusSeeOther {
			t.Fatalf("apply answers %d", w.Code)
		}
	}
	w = sheet(t, h, apply)
	if w.Code != http.StatusConflict {
		t.Fatalf("another plan than was shown answers %d", w.Code)
	}
	doc = parse(t, w)
	apply["digest"], apply["held"] = attr(find(doc, "input[name=digest]")[0], "value"), attr(find(doc, "input[name=held]")[0], "value")
	if w := sheet(t, h, apply); w.Code != http.StatusSeeOther {
		t.Fatalf("apply answers %d: %s", w.Code, w.Body)
	}
	if e.find("cafe-auftrage").Package != "Café Aufträge" || e.find("shop-sync").Purpose != "Orders from the shop" {
		t.Error("the rows are not in")
	}
	e.who = auth.PrincipalOf("eve", []auth.Grant{{Role: auth.Operator}}, auth.ViaSession)
	if w := sheet(t, h, map[string]string{"held": apply["held"], "format": "paste", "do": "preview"}); w.Code != http.StatusBadRequest {
		t.Errorf("somebody else's sheet answers %d", w.Code)
	}
}

// A sheet that cannot be read as what it was said to be is looked at again without it.
func TestASheetThatIsRefusedIsKept(t *testing.T) {
	e := newEstate(t)
	h := e.siteWith(e.many)
	w := sheet(t, h, map[string]string{"text": pasted, "format": "mcdev", "tenant": "emea", "do": "preview"})
	doc := parse(t, w)
	if w.Code != http.StatusBadRequest {
		t.Fatalf("another format answers %d", w.Code)
	}
	has(t, doc, "#kept", "is kept")
	held := attr(find(doc, "input[name=held]")[0], "value")
	w = sheet(t, h, map[string]string{"held": held, "text": "", "format": "paste", "tenant": "emea", "do": "preview"})
	has(t, parse(t, w), "#preview .tally", "2 new")
}

func TestSheetWithSecretsIsNotSentBack(t *testing.T) {
	e := newEstate(t)
	const secret = "Xy9-not-for-anybodys-eyes-31337"
	text := "Name\tClient Id\tClient Secret\nShop Sync\tabcdefghijklmnopqrstuvwx\t" + secret + "\n"
	for _, format := range []string{"paste", "csv"} {
		w := sheet(t, e.siteWith(e.many), map[string]string{"text": text, "format": format, "tenant": "emea", "do": "preview"})
		if strings.Contains(w.Body.String(), secret) {
			t.Errorf("%s: the secret stands in the page", format)
		}
	}
}

func TestFindingsAreAcceptedAndRegistered(t *testing.T) {
	e := newEstate(t)
	h := e.siteWith(e.many)
	_, doc := get(t, h, "/inventory/findings")
	has(t, doc, "#f-look-1", "Partner Portal <b>")
	has(t, doc, "#f-look-1 .button", "Register it")
	_, doc = get(t, h, "/inventory/new?finding=look-1")
	if got := attr(find(doc, "input[name=id]")[0], "value"); got != "partner-portal-b" {
		t.Errorf("the id is proposed as %q", got)
	}
	w := send(t, h, "/inventory/new", url.Values{"id": {"partner-portal"}, "tenant": {"emea"}, "kind": {"server_to_server"}, "criticality": {"standard"}, "secret": {"a-literal-secret-1234"}, "team": {"web"}})
	if w.Code != http.StatusBadRequest || strings.Contains(w.Body.String(), "a-literal-secret-1234") {
		t.Errorf("a literal secret answers %d, and stands in the page: %v", w.Code, strings.Contains(w.Body.String(), "a-literal-secret-1234"))
	}
	w = send(t, h, "/inventory/new", url.Values{"id": {"partner-portal"}, "tenant": {"emea"}, "kind": {"server_to_server"}, "criticality": {"standard"}, "secret": {"env:PARTNER"}, "team": {"web"}})
	if w.Code != http.StatusSeeOther || e.find("partner-portal").Owner.Team != "web" {
		t.Fatalf("the record is not made: %d %s", w.Code, w.Body)
	}
	if w := send(t, h, "/inventory/findings/look-1/accept", url.Values{"until": {"90d"}}); w.Code != http.StatusBadRequest {
		t.Errorf("accepted without a reason: %d", w.Code)
	}
	if w := send(t, h, "/inventory/findings/look-1/accept", url.Values{"reason": {"ends in spring"}, "until": {"90d"}}); w.Code != http.StatusSeeOther {
		t.Fatalf("accept answers %d", w.Code)
	}
	_, doc = get(t, h, "/inventory/findings")
	none(t, doc, "#f-look-1")
	_, doc = get(t, h, "/inventory/findings?status=accepted")
	has(t, doc, "#f-look-1", "ends in spring")
}

// A team sees and changes its own, and what it may not see is answered as what is not
// there, byte for byte.
func TestPagesOfManyKeepToWhatSomebodyMaySee(t *testing.T) {
	e := newEstate(t).live()
	e.fill(t, 3) // ui-00000 is crm-platform's, ui-00001 loyalty's
	e.who = auth.PrincipalOf("anna", []auth.Grant{{Role: auth.Operator, Tenant: "emea", Team: "crm-platform"}}, auth.ViaSession)
	h := e.siteWith(e.many)
	for _, path := range []string{"/", "/?group=owner", "/expiring?within=365d", "/inventory", "/inventory/findings"} {
		w, _ := get(t, h, path)
		for _, foreign := range []string{"loyalty", "us-orders", "ca-newsletter", "privacy"} {
			if strings.Contains(w.Body.String(), foreign) {
				t.Errorf("%s tells of %q", path, foreign)
			}
		}
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "crm-") {
			t.Errorf("%s answers %d", path, w.Code)
		}
	}
	ask := func(id string) string {
		w := send(t, h, "/inventory/bulk", url.Values{"record": {id}, "set.region": {"EMEA"}, "do": {"preview"}})
		return strings.ReplaceAll(w.Body.String(), id, "ID")
	}
	if ask("ui-00001") != ask("no-such-id") {
		t.Error("a foreign record is told from a missing one")
	}
	if w := send(t, h, "/inventory/bulk", url.Values{"record": {"ui-00000"}, "set.owner.team": {"loyalty"}, "do": {"apply"}}); e.find("ui-00000").Owner.Team != "crm-platform" {
		t.Errorf("given away to a team it does not reach: %d", w.Code)
	}
	if w, _ := get(t, h, "/inventory/import"); w.Code != http.StatusForbidden {
		t.Errorf("the import answers %d", w.Code)
	}
	e.who = auth.PrincipalOf("vera", []auth.Grant{{Role: auth.Viewer}}, auth.ViaSession)
	for _, path := range []string{"/inventory/bulk", "/inventory/import", "/inventory/new", "/inventory/findings/look-1/accept", "/expiring/feeds"} {
		if w := send(t, e.siteWith(e.many), path, url.Values{"record": {"ui-00000"}, "do": {"apply"}}); w.Code != http.StatusForbidden {
			t.Errorf("a viewer posts to %s: %d", path, w.Code)
		}
	}
	_, doc := get(t, e.siteWith(e.many), "/inventory")
	none(t, doc, "#change")
	none(t, doc, "input[name=record]")
}

// Somebody filters, changes records and brings a table in, in a real browser and on three
// screens, light and dark.
func TestBrowserInventoryIsLivedIn(t *testing.T) {
	t.Parallel()
	e := newEstate(t).live()
	e.fill(t, 12)
	full := e.siteWith(e.many)
	for _, screen := range []struct {
		width int64
		theme string
	}{{390, "light"}, {768, "dark"}, {1440, "light"}} {
		t.Run(fmt.Sprint(screen.width), func(t *testing.T) {
			b := newBrowser(t, &estate{t: t, db: e.db, now: e.now, who: e.who, snap: e.snap})
			b.url = served(t, full)
			b.look(screen.width, screen.theme)
			for _, path := range []string{"/", "/?group=owner", "/expiring", "/expiring?view=date", "/inventory", "/inventory/import", "/inventory/findings", "/inventory/new"} {
				b.open(path)
				if got := eval[int64](b, `document.documentElement.scrollWidth`); got > screen.width {
					t.Errorf("%s is %d wide: %s", path, got, eval[string](b, wide))
				}
			}
			b.open("/inventory")
			b.do(chromedp.SetValue(`.filter select[name=owner]`, "loyalty"), chromedp.Click(`.filter > button`))
			b.until("the filtered table", `location.search.includes("owner=loyalty") && document.readyState === "complete"`)
			region := fmt.Sprintf("region-%d", screen.width)
			b.run(`document.querySelectorAll("[name=record]").forEach((c) => c.click())`)
			b.do(chromedp.Click("#change"))
			b.until("the form", `Boolean(document.getElementById("preview-button"))`)
			b.do(chromedp.SendKeys(`[name="set.region"]`, region), chromedp.Click("#preview-button"))
			b.until("the preview", `document.getElementById("preview")?.innerText.includes("`+region+`")`)
			b.do(chromedp.Click("#apply"))
			b.until("that it is done", `document.querySelector(".done")?.innerText.includes("changed")`)
			if got := e.find("ui-00001").Region; got != region {
				t.Errorf("the region is %q", got)
			}
			b.open("/inventory/import")
			name := fmt.Sprintf("Portal %d", screen.width)
			b.run(fmt.Sprintf(`document.getElementById("text").value = %q`, strings.ReplaceAll(pasted, "Shop Sync", name)))
			b.do(chromedp.SetValue(`[name=tenant]`, "emea"), chromedp.Click("#preview-button"))
			b.until("the preview", `document.querySelector("#preview [data-line='4']")?.innerText.includes("not a date")`)
			if dir := os.Getenv("KEEPWATCH_SCREENSHOTS"); dir != "" {
				b.picture(filepath.Join(dir, fmt.Sprintf("lived-%d-%s.png", screen.width, screen.theme)))
			}
			b.do(chromedp.Click("#apply"))
			b.until("that it is in", `document.querySelector(".done")?.innerText.includes("in")`)
			if e.find(keepwatch.CredentialID(strings.ToLower(strings.ReplaceAll(name, " ", "-")))).Tenant != "emea" {
				t.Error("the row is not in")
			}
			b.quiet()
		})
	}
}

// A thousand credentials fit in a page: what is healthy is counted, and what is listed is
// cut into pages.
func TestPagesStaySmallWithAThousandCredentials(t *testing.T) {
	e := newEstate(t)
	e.fill(t, 1000)
	at := e.now.Add(-time.Minute)
	for from := 13; from < len(e.snap.Credentials); from += 100 {
		var batch []keepwatch.Observation
		for i := from; i < min(from+100, len(e.snap.Credentials)); i++ {
			e.snap.Credentials[i].SecretRef = "env:X"
			batch = append(batch, e.observation(e.snap.Credentials[i], at, keepwatch.OK, keepwatch.ReasonScheduled))
		}
		e.apply(at, batch)
	}
	h := e.siteWith(e.many)
	for _, path := range []string{"/", "/?group=owner", "/?tenant=emea", "/expiring?within=365d", "/inventory", "/inventory/findings"} {
		w, doc := get(t, h, path)
		var small bytes.Buffer
		z := gzip.NewWriter(&small)
		_, _ = z.Write(w.Body.Bytes())
		_ = z.Close()
		if small.Len() > 60<<10 {
			t.Errorf("%s is %d KiB compressed", path, small.Len()>>10)
		}
		if rows := len(find(doc, ".row")); rows > 60 {
			t.Errorf("%s lists %d credentials", path, rows)
		}
	}
	_, doc := get(t, h, "/")
	if rows := find(doc, ".tenant .row.healthy"); len(rows) > 0 {
		t.Errorf("%d healthy credentials are listed one by one", len(rows))
	}
	_, doc = get(t, h, "/?state=healthy&page=2")
	has(t, doc, ".pager", "Page 2 of 17")
}
