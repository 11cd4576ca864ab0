package pages

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"keepwatch/client"
)

// press clicks and waits for the page that it leads to.
func (b *tab) press(what, selector string) {
	b.t.Helper()
	b.leads(what, func() { b.do(chromedp.Click(selector)) })
}

// leads does something and waits for the page that it leads to.
func (b *tab) leads(what string, act func()) {
	b.t.Helper()
	eval[bool](b, `(window.before = true)`)
	act()
	b.until(what, `window.before === undefined && document.readyState === "complete"`)
}

func ask[T any](b *tab, path string) (out T) {
	b.t.Helper()
	text := eval[string](b, `fetch("`+path+`").then(async (r) => (r.ok ? "" : r.status + " ") + await r.text())`)
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		b.t.Fatalf("%s: %v: %.300s", path, err, text)
	}
	return out
}

// silenced is the silence with a reason, among those that hold or will.
func silenced(b *tab, reason string) *client.Silence {
	for _, s := range ask[client.Page[client.Silence]](b, "/api/v1/silences").Items {
		if s.Reason == reason {
			return &s
		}
	}
	return nil
}

// TestSilenceIsMadeAndEndedInThePage: previewed, made, seen by the API and in the list of
// what holds, ended by its button and kept as past.
func TestSilenceIsMadeAndEndedInThePage(t *testing.T) {
	e := calmEstate(t)
	b := e.tab(t, "olga")
	b.size(1280)
	b.open("/alerts/silences", http.StatusOK)
	b.do(chromedp.Click(`#new > summary`), chromedp.SendKeys(`#new [name=credential]`, string(dead)), chromedp.SendKeys(`#new [name=reason]`, "the vendor changes the address"))
	b.press("the preview", `#preview`)
	if got := eval[string](b, `document.querySelector("#covered").innerText`); !contains(got, "1 open incident", string(dead)) {
		t.Errorf("it covers %q", got)
	}
	if silenced(b, "the vendor changes the address") != nil {
		t.Fatal("a preview makes a silence")
	}
	b.press("the silence", `#create`)
	made := silenced(b, "the vendor changes the address")
	if made == nil || made.CreatedBy != "olga" || len(made.Match.Credential) != 1 || made.Match.Credential[0] != string(dead) {
		t.Fatalf("the API has %+v", made)
	}
	row := `document.getElementById("` + made.ID + `")`
	if got := eval[string](b, row+`.closest("section").querySelector("h2").innerText + " " + `+row+`.innerText`); !contains(got, "In force", string(dead), "the vendor changes the address", "olga") {
		t.Errorf("in the list it is %q", got)
	}
	b.press("its end", `#end-`+made.ID)
	if got := eval[string](b, row+`.closest("section").querySelector("h2").innerText + " " + `+row+`.innerText`); !contains(got, "Past", "ended", "by olga") {
		t.Errorf("ended it is %q", got)
	}
	if silenced(b, "the vendor changes the address") != nil {
		t.Error("it holds on")
	}
	b.quiet("a silence")
}

// TestSilenceIsMadeByKeyboard: from the top of the page, with nothing but keys.
func TestSilenceIsMadeByKeyboard(t *testing.T) {
	e := calmEstate(t)
	b := e.tab(t, "olga")
	b.size(1280)
	b.open("/alerts/silences", http.StatusOK)
	b.tabTo("the form's heading", `el.matches("#new > summary")`)
	b.key(kb.Enter)
	b.until("the form", `document.querySelector("#new").open`)
	for _, field := range [][2]string{{"credential", string(elsewhere)}, {"reason", "made by keys alone"}, {"owner", "sales-ops"}} {
		b.tabTo(field[0], `el.name === "`+field[0]+`"`)
		b.key(field[1])
	}
	b.tabTo("Create", `el.id === "create"`)
	b.leads("the list", func() { b.key(kb.Enter) })
	made := silenced(b, "made by keys alone")
	if made == nil || made.Owner != "sales-ops" {
		t.Fatalf("the API has %+v", made)
	}
	b.tabTo("its end", `el.id === "end-`+made.ID+`"`)
	b.leads("the end", func() { b.key(" ") })
	if silenced(b, "made by keys alone") != nil {
		t.Error("it holds on")
	}
	b.quiet("a silence by keys")
}

// TestReceiverIsTriedInThePage: the receipt of one that answers, and what a dead one
// said; both beside the receiver.
func TestReceiverIsTriedInThePage(t *testing.T) {
	e := calmEstate(t)
	b := e.tab(t, "olga")
	b.size(1280)
	b.open("/alerts", http.StatusOK)
	b.press("the receipt", `#test-on-call`)
	if got := eval[string](b, `document.querySelector("#tested").closest("tr").previousElementSibling.dataset.id + ": " + document.querySelector("#tested").innerText`); !contains(got, "on-call: ", "The test message was sent", "204") {
		t.Errorf("the receipt is %q", got)
	}
	if got := ask[client.Page[client.Receiver]](b, "/api/v1/receivers"); len(got.Items) == 0 || got.Items[0].LastSuccessAt == nil {
		t.Errorf("the API knows of no success: %+v", got.Items)
	}
	b.open("/alerts", http.StatusOK)
	b.press("the refusal", `#test-nobody-there`)
	if got := eval[string](b, `document.querySelector("#tested").innerText`); !contains(got, "The test failed", "connection refused", "Next") {
		t.Errorf("the failure is %q", got)
	}
	b.quiet("a test message")
}

// TestRunNowInThePage: the button leads to the ladder of that very run.
func TestRunNowInThePage(t *testing.T) {
	e := calmEstate(t)
	b := e.tab(t, "olga")
	b.size(1280)
	b.open("/credentials/"+string(elsewhere), http.StatusOK)
	b.press("the run", `#check`)
	key := eval[string](b, `new URL(location.href).searchParams.get("run")`)
	if key == "" || eval[string](b, `location.hash`) != "#run" {
		t.Fatalf("it leads to %s", eval[string](b, `location.href`))
	}
	run := ask[client.Result](b, "/api/v1/credentials/"+string(elsewhere)+"/results/"+url.PathEscape(key))
	if run.Outcome != "ok" || run.Reason != "demand" {
		t.Errorf("the run is %s, because %s", run.Outcome, run.Reason)
	}
	steps := eval[int](b, `document.querySelectorAll("#run .ladder > li").length`)
	if steps != len(run.Steps) || steps < 3 {
		t.Errorf("the ladder has %d rungs, the run %d", steps, len(run.Steps))
	}
	b.quiet("a run")
}

const installed = "Name\tStatus\tDescription\tCreated Date\tModified Date\tClient Secret Expiration Date\n" +
	"Pasted Shop\tActive\torders\t11/02/2026 9:00 AM\t11/02/2026 9:00 AM\t05/01/2027\n" +
	"Pasted Club\tActive\tmembers\t11/02/2026 9:00 AM\t11/02/2026 9:00 AM\tsomeday\n" +
	"Pasted Desk\tActive\ttickets\t11/02/2026 9:00 AM\t11/02/2026 9:00 AM\t05/30/2027\n"

// TestPastedTableIsPreviewedAndBroughtInAndChanged: nothing is written by the preview, the
// row with a fault is named with its line and left out, the others come in; then several
// records are changed at once.
func TestPastedTableIsPreviewedAndBroughtInAndChanged(t *testing.T) {
	e := calmEstate(t)
	b := e.tab(t, "olga")
	b.size(1280)
	records := func() []client.InventoryItem {
		return ask[client.Inventory](b, "/api/v1/inventory?limit=200&q=pasted").Items
	}
	b.open("/inventory/import", http.StatusOK)
	text, err := json.Marshal(installed)
	if err != nil {
		t.Fatal(err)
	}
	eval[bool](b, `(document.querySelector("#text").value = `+string(text)+`, true)`)
	b.do(chromedp.SetValue(`.sheet [name=tenant]`, string(elsewhereTenant)))
	b.press("the preview", `#preview-button`)
	preview := eval[string](b, `document.querySelector("#preview").innerText`)
	if !contains(preview, "2 new", "1 wrong", "pasted-shop", "pasted-desk", "someday") || eval[string](b, `document.querySelector("#preview .faults [data-line]").dataset.line`) != "3" {
		t.Errorf("the preview says %q", preview)
	}
	if n := len(records()); n != 0 {
		t.Errorf("the preview wrote %d records", n)
	}
	b.press("the table", `#apply`)
	if got := records(); len(got) != 2 {
		t.Fatalf("%d records came in: %+v", len(got), got)
	}
	if got := eval[string](b, `document.querySelector(".done").innerText`); !strings.Contains(got, "in") {
		t.Errorf("it says %q", got)
	}

	b.open("/inventory?q=pasted", http.StatusOK)
	eval[bool](b, `(document.querySelectorAll("[name=record]").forEach((c) => c.click()), true)`)
	b.press("the form", `#change`)
	b.do(chromedp.SendKeys(`[name="set.region"]`, "moon base"), chromedp.SetValue(`[name="set.criticality"]`, "reporting"))
	b.press("what would change", `#preview-button`)
	if got := eval[string](b, `document.querySelector("#preview").innerText`); !contains(got, "2 records change", "moon base", "reporting", "pasted-shop", "pasted-desk") {
		t.Errorf("the preview says %q", got)
	}
	for _, r := range records() {
		if r.Region != "" {
			t.Error("the preview writes")
		}
	}
	b.press("the change", `#apply`)
	for _, r := range records() {
		if r.Region != "moon base" || r.Criticality != "reporting" {
			t.Errorf("%s is %q, %s", r.ID, r.Region, r.Criticality)
		}
	}
	b.quiet("a pasted table")
}
