package pages

import (
	"net/http"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// networkState is the command by the name that browsers of several years know.
var networkState = cdp.Command[network.OverrideNetworkStateParams, cdp.Empty]{Method: "Network.emulateNetworkConditions"}

// TestAPageThatIsCutOffDoesNotLookFine: on a page that follows the estate and on one that
// does not, and that it is fine again when the way is.
func TestAPageThatIsCutOffDoesNotLookFine(t *testing.T) {
	e := calmEstate(t)
	b := e.tab(t, "admin")
	b.size(1280)
	cut := func(off bool) {
		call(b, networkState, network.OverrideNetworkStateParams{Offline: off, DownloadThroughput: -1, UploadThroughput: -1})
	}
	for _, path := range []string{"/", "/account"} {
		b.open(path, http.StatusOK)
		if eval[bool](b, `document.querySelector("#lost").checkVisibility()`) {
			t.Errorf("%s looks cut off from the start", path)
		}
		cut(true)
		b.until("the words", `document.querySelector("#lost").checkVisibility() && document.querySelector("#lost").innerText.includes("out of date")`)
		if eval[bool](b, `Boolean(document.querySelector("#live:not(.stale)"))`) {
			t.Errorf("%s claims to be fresh", path)
		}
		cut(false)
		b.until("the end of it", `!document.querySelector("#lost").checkVisibility() && !document.querySelector("#live.stale")`)
	}
	b.mu.Lock()
	b.wrong = nil // the browser complains of what was cut, rightly
	b.mu.Unlock()
}

// TestAFormThatTakesItsTimeSaysSo: the button is busy, and a second press does nothing.
func TestAFormThatTakesItsTimeSaysSo(t *testing.T) {
	e := calmEstate(t)
	b := e.tab(t, "admin")
	b.size(1280)
	b.open("/credentials/"+string(elsewhere), http.StatusOK)
	eval[bool](b, `(window.sent = 0, document.addEventListener("submit", (e) => { if (!e.defaultPrevented) window.sent++; e.preventDefault(); }), true)`)
	b.do(chromedp.Click(`#check`), chromedp.Click(`#check`))
	if got := eval[string](b, `[document.querySelector("#check").getAttribute("aria-busy"), window.sent, document.querySelector("#said").textContent].join(" ")`); got != "true 1 Working" {
		t.Errorf("a busy form: %q", got)
	}
	b.quiet("a busy form")
}
