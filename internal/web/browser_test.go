package web_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/httpapi"
	"keepwatch/internal/web"
)

// browser is one tab of a real browser on the pages of an estate, behind the
// guard with its real headers.
type browser struct {
	*estate
	ctx context.Context
	url string

	mu         sync.Mutex
	complaints []string // of the console: errors, and what the policy forbade
}

// chromium is the one browser that all tests of the package share: to start one costs more
// than what most of them look at. Each test has a tab with cookies and a window of its own.
var chromium struct {
	start sync.Once
	ctx   context.Context
	stop  []func()
	err   error
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, stop := range slices.Backward(chromium.stop) {
		stop()
	}
	os.Exit(code)
}

// startChromium starts the browser, which lives until the last test is done.
func startChromium(path string) {
	dir, err := os.MkdirTemp("", "keepwatch-web-")
	if err != nil {
		chromium.err = err
		return
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WindowSize(1280, 900),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.UserDataDir(dir))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	chromium.ctx, chromium.stop = ctx, []func(){func() { _ = os.RemoveAll(dir) }, stop, cancel}
	chromium.err = chromedp.Do(ctx)
}

func newBrowser(t *testing.T, e *estate) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("chromium is not installed: CI looks at the pages in a browser")
		}
		t.Skip("chromium is not installed: what a browser makes of the pages is not tested in this run")
	}
	chromium.start.Do(func() { startChromium(path) })
	if chromium.err != nil {
		t.Fatalf("start chromium: %v", chromium.err)
	}
	server := httptest.NewServer(e.guarded())
	t.Cleanup(server.Close)
	ctx, cancel := chromedp.NewContext(chromium.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	b := &browser{estate: e, url: server.URL}
	// The first run opens the tab, which lives as long as this context: a limit on it
	// would close the tab. Later runs have one.
	if err := chromedp.Do(ctx, focused); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	limited, end := context.WithTimeout(ctx, time.Minute)
	t.Cleanup(end)
	b.ctx = limited
	return b
}

// focused lets a page behave as the one that is looked at, whatever other tabs do.
var focused = chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
	_, err := cdp.Call(ctx, t, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	return err
})

// picture is the whole page as it is, packed in a hurry.
func (b *browser) picture(path string) {
	b.t.Helper()
	shot, err := chromedp.Run(b.ctx, chromedp.Action[[]byte](func(ctx context.Context, t *chromedp.Target) ([]byte, error) {
		r, err := cdp.Call(ctx, t, page.CaptureScreenshot, page.CaptureScreenshotParams{FromSurface: new(true), CaptureBeyondViewport: new(true), OptimizeForSpeed: new(true)})
		if err != nil {
			return nil, err
		}
		return r.Data, nil
	}))
	if err != nil {
		b.t.Fatal(err)
	}
	if len(shot) < 5000 {
		b.t.Errorf("%s is not a picture of a page: %d bytes", path, len(shot))
	}
	if err := os.WriteFile(path, shot, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// guarded is the daemon's whole handler without sign-in.
func (e *estate) guarded() http.Handler { return e.guardedWith(web.Options{}) }

// guardedWith is the same with links under which incidents are read.
func (e *estate) guardedWith(shared web.Options) http.Handler {
	logger := slog.New(slog.NewTextHandler(e.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	reader := e.reader()
	pages := web.Options{
		Logger: logger, Version: "test", Reader: reader, Check: e.check, Incidents: e.db, History: history{e.now}, Ticks: &ticks{}, Scans: &looks{now: e.now}, Alerts: told{e},
	}
	if e.also != nil {
		e.also(&pages)
	}
	return httpapi.New(httpapi.Options{
		Logger: logger, Version: "test", Reader: reader, Check: e.check, Incidents: e.db,
		Health:  func(context.Context) client.Health { return client.Health{Status: "ok"} },
		Metrics: http.NotFoundHandler(), Shares: shared.Shares,
		Pages: web.New(pages),
	})
}

func (b *browser) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			b.complaints = append(b.complaints, e.Entry.Text)
		}
	case *runtime.EventExceptionThrown:
		b.complaints = append(b.complaints, e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		b.complaints = append(b.complaints, fmt.Sprintf("console.%s", e.Type))
	}
}

func (b *browser) heard() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.complaints...)
}

// quiet asserts that the console has nothing to say.
func (b *browser) quiet() {
	b.t.Helper()
	if heard := b.heard(); len(heard) > 0 {
		b.t.Errorf("the console says %q", heard)
	}
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.url + path))
}

// eval asks the page; a question is an expression in its own language.
func eval[T any](b *browser, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until polls the page until an expression is true.
func (b *browser) until(what, expression string) {
	b.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		// A question that meets a change of page is asked again.
		if yes, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](expression)); err == nil && yes {
			return
		}
	}
	b.t.Fatalf("waited in vain for %s; the page says: %s", what, eval[string](b, `document.body.innerText.slice(0, 2000)`))
}

// tabTo presses Tab until the focus is where an expression about el is true.
func (b *browser) tabTo(what, expression string) {
	b.t.Helper()
	for range 80 {
		b.do(chromedp.KeyEvent(kb.Tab))
		if eval[bool](b, `Boolean(((el) => `+expression+`)(document.activeElement))`) {
			return
		}
	}
	b.t.Fatalf("Tab does not lead to %s", what)
}

// die records a refusal of the secret and its confirmation.
func (b *browser) die(id keepwatch.CredentialID) {
	b.t.Helper()
	now := time.Now().UTC()
	for _, at := range []time.Time{now.Add(-40 * time.Second), now} {
		b.apply(at, []keepwatch.Observation{b.observation(b.find(id), at, keepwatch.BadSecretOrPackage, keepwatch.ReasonConfirm)})
	}
}

// Somebody comes to the page because something is wrong, and takes it, with no
// hand on a mouse.
func TestBrowserIncidentIsFoundAndTakenByKeyboard(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, newEstate(t).live())
	inc := b.incident(keepwatch.BadSecretOrPackage)
	b.open("/")
	card := eval[string](b, `document.querySelector('#needs [data-id="`+string(inc.ID)+`"]').innerText`)
	for _, want := range []string{"crm-sync", "bad secret or package", "crm-platform", "Installed Packages", "failing since", "Acknowledge"} {
		if !strings.Contains(card, want) {
			t.Errorf("the card lacks %q: %s", want, card)
		}
	}
	b.tabTo("the button", `el.id === "ack-`+string(inc.ID)+`"`)
	if !eval[bool](b, `(() => { const s = getComputedStyle(document.activeElement); return s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0; })()`) {
		t.Error("the focus on the button is not seen")
	}
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until("the incident's page", `location.pathname === "/incidents/`+string(inc.ID)+`" && document.readyState === "complete"`)
	b.until("who took it", `document.body.innerText.includes("local took it")`)
	if got := b.incident(keepwatch.BadSecretOrPackage); got.AcknowledgedBy != "local" || got.AcknowledgedAt.IsZero() {
		t.Errorf("acknowledged by %q at %v", got.AcknowledgedBy, got.AcknowledgedAt)
	}
	b.open("/")
	if card := eval[string](b, `document.querySelector('#needs [data-id="`+string(inc.ID)+`"]').innerText`); !strings.Contains(card, "taken by local") || strings.Contains(card, "Acknowledge") {
		t.Errorf("the card still asks: %s", card)
	}
	b.quiet()
}

// The page follows what happens by itself and leaves the visitor's place alone.
func TestBrowserPageRefreshesItself(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, newEstate(t).live())
	b.open("/")
	b.tabTo("a row", `el.closest("#estate") && el.getAttribute("href") === "/credentials/us-orders"`)
	eval[bool](b, `(window.sameDocument = true)`)
	before := eval[string](b, `document.querySelector("#live time").dateTime`)
	b.die("loyalty-points")
	b.until("the new incident", `[...document.querySelectorAll("#needs article")].some((a) => a.innerText.includes("loyalty-points") && a.innerText.includes("loyalty"))`)
	if !eval[bool](b, `window.sameDocument === true`) {
		t.Error("the page was loaded anew")
	}
	if got := eval[string](b, `document.activeElement.getAttribute("href") || document.activeElement.tagName`); got != "/credentials/us-orders" {
		t.Errorf("the focus is now on %q", got)
	}
	b.until("the spoken headline", `document.getElementById("said").textContent.includes("need you")`)
	b.until("the time of the look", `document.querySelector("#live time").dateTime > "`+before+`"`)
	if row := eval[string](b, `document.querySelector('tr[data-id="loyalty-points"] .state').innerText`); row != "failing" {
		t.Errorf("the row says %q", row)
	}
	b.quiet()
}

// All pages on a phone and on a desk: nothing sticks out, and each state is said
// in a word that is seen.
func TestBrowserPagesFitAndSayTheirStates(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, newEstate(t).live())
	paths := []string{
		"/", "/expiring", "/expiring?within=365d", "/credentials/crm-sync", "/credentials/us-orders", "/credentials/sg-new-app", "/incidents?status=all",
		"/incidents/" + string(b.incident(keepwatch.BadSecretOrPackage).ID), "/sign-in",
	}
	for _, width := range []int64{390, 1280} {
		b.do(chromedp.EmulateViewport(width, 844))
		for _, path := range paths {
			b.open(path)
			if got := eval[int64](b, `Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)`); got > width {
				t.Errorf("%s is %d wide on a screen of %d: %s", path, got, width, eval[string](b, wide))
			}
			if mute := eval[[]string](b, `[...document.querySelectorAll(".state")].filter((s) => s.checkVisibility() && !s.innerText.trim()).map((s) => s.outerHTML)`); len(mute) > 0 {
				t.Errorf("%s on %d: states without a word: %q", path, width, mute)
			}
		}
		b.open("/")
		for _, id := range []string{"crm-sync", "ca-newsletter", "us-orders"} {
			want := map[string]string{"crm-sync": "failing", "ca-newsletter": "expired", "us-orders": "healthy"}[id]
			got := eval[string](b, `(() => { const s = document.querySelector('tr[data-id="`+id+`"] .c-state .state'); return s.checkVisibility() ? s.innerText : "nothing"; })()`)
			if got != want {
				t.Errorf("on %d, the row of %s shows %q, want %q", width, id, got, want)
			}
		}
	}
	b.quiet()

	// The silence above means something: what the policy forbids is heard.
	eval[bool](b, `(document.body.setAttribute("style", "color: red"), fetch("http://127.0.0.1:1/").catch(() => {}), true)`)
	for end := time.Now().Add(10 * time.Second); len(b.heard()) == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a violation of the policy is not heard")
		}
	}
	if heard := strings.Join(b.heard(), " "); !strings.Contains(heard, "Content Security Policy") {
		t.Errorf("the violation is heard as %q", heard)
	}
}

// wide names the first element that sticks out.
const wide = `(() => { for (const e of document.body.querySelectorAll("*")) if (e.getBoundingClientRect().right > innerWidth + 1) return e.outerHTML.slice(0, 300); return ""; })()`

// What ends is narrowed to one's own team and followed to the credential, and a
// holder presses its button, with no hand on a mouse.
func TestBrowserDatesAndAHoldersButtonByKeyboard(t *testing.T) {
	t.Parallel()
	b := newBrowser(t, newEstate(t).live())
	b.open("/")
	b.tabTo("the page of dates", `el.getAttribute("href") === "/expiring"`)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until("the dates", `document.querySelectorAll("#dates .ends").length > 2`)
	b.tabTo("the choice of owners", `el.name === "owner"`)
	b.do(chromedp.KeyEvent("privacy"))
	b.tabTo("the filter", `el.innerText === "Filter"`)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until("one owner", `document.querySelectorAll("#dates .ends").length === 1 && location.search.includes("owner=privacy")`)
	b.tabTo("the credential", `el.getAttribute("href") === "/credentials/consent-hub"`)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until("its dates", `document.querySelector("#dates [data-clock=secret]")?.innerText.includes("derived")`)

	b.open("/rotations/tick/open-sesame")
	b.tabTo("the button", `el.id === "tick"`)
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until("the answer", `document.querySelector(".tick .healthy")?.innerText.includes("Switched") && !document.querySelector("#tick")`)
	b.quiet()
}
