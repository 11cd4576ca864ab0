package pages

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// chromium is the one browser of this package; each tab has cookies of its own.
var chromium struct {
	once sync.Once
	ctx  context.Context
	stop []func()
	err  error
	dir  string
}

func startChromium(path string) {
	chromium.dir, chromium.err = os.MkdirTemp("", "keepwatch-chromium-")
	if chromium.err != nil {
		return
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.UserDataDir(chromium.dir))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	chromium.stop = []func(){cancel, stop}
	chromium.ctx = ctx
	chromium.err = chromedp.Do(ctx)
}

func stopChromium() {
	for _, f := range chromium.stop {
		f()
	}
	_ = os.RemoveAll(chromium.dir)
}

// tab is one tab with its own cookies.
type tab struct {
	t   testing.TB
	ctx context.Context
	url string
	who string // is signed in

	mu       sync.Mutex
	wrong    []string // what the console, the policy and the network complain about
	expected int      // a status that is meant to be an error
	lenient  bool     // a status of 4xx is no fault: what is asked for is nonsense
	bytes    float64  // that came over the wire since the last navigation
}

// newTab opens one on an estate, signed in as name; "" is a stranger.
func newTab(t testing.TB, address string, cookies []*http.Cookie) *tab {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("chromium is not installed: CI looks at the pages in a browser")
		}
		t.Skip("chromium is not installed: what a browser makes of the pages is not tested in this run")
	}
	chromium.once.Do(func() { startChromium(path) })
	if chromium.err != nil {
		t.Fatalf("start chromium: %v", chromium.err)
	}
	ctx, cancel := chromedp.NewContext(chromium.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	b := &tab{t: t, ctx: ctx, url: address}
	if err := chromedp.Do(ctx); err != nil { // a limit on the first run would be one on the tab
		t.Fatal(err)
	}
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	limited, end := context.WithTimeout(ctx, 10*time.Minute)
	t.Cleanup(end)
	b.ctx = limited
	call(b, network.Enable, network.EnableParams{})
	call(b, network.SetCacheDisabled, network.SetCacheDisabledParams{CacheDisabled: true})
	for _, c := range cookies {
		call(b, network.SetCookie, network.SetCookieParams{Name: c.Name, Value: c.Value, URL: address, HTTPOnly: new(true)})
	}
	return b
}

func (e *estate) tab(t testing.TB, name string) *tab {
	t.Helper()
	v := e.visitor(t, name)
	u, err := url.Parse(e.url)
	if err != nil {
		t.Fatal(err)
	}
	b := newTab(t, e.url, v.http.Jar.Cookies(u))
	b.who = name
	return b
}

func call[P, R any](b *tab, c cdp.Command[P, R], params P) {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	}))
}

func (b *tab) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	say := func(format string, args ...any) { b.wrong = append(b.wrong, fmt.Sprintf(format, args...)) }
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if b.expected != 0 && strings.Contains(e.Entry.Text, fmt.Sprintf("status of %d", b.expected)) {
			return
		}
		if b.lenient && strings.Contains(e.Entry.Text, "status of 4") {
			return
		}
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			say("console: %s (%s)", e.Entry.Text, e.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		say("exception: %s", e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		say("console.%s", e.Type)
	case *page.EventJavascriptDialogOpening:
		say("dialog: %s", e.Message)
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, b.url+"/") && !strings.HasPrefix(e.Request.URL, "data:") {
			say("request to elsewhere: %s", e.Request.URL)
		}
	case *network.EventResponseReceived:
		if e.Response.Status >= 400 && int(e.Response.Status) != b.expected && !(b.lenient && e.Response.Status < 500) {
			say("%s answered %d", e.Response.URL, e.Response.Status)
		}
	case *network.EventLoadingFailed:
		if !e.Canceled {
			say("a request failed: %s", e.ErrorText)
		}
	case *network.EventLoadingFinished:
		b.bytes += e.EncodedDataLength
	}
}

// quiet asserts that nothing complained since it was asked last.
func (b *tab) quiet(where string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range b.wrong {
		b.t.Errorf("%s: %s", where, w)
	}
	b.wrong = nil
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// open goes to a page that answers with a status, and returns how much came over the
// wire for all of it.
func (b *tab) open(path string, status int) float64 {
	b.t.Helper()
	b.mu.Lock()
	b.bytes, b.expected = 0, 0
	if status >= 400 {
		b.expected = status
	}
	b.mu.Unlock()
	b.do(chromedp.Navigate(b.url + path))
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bytes
}

// eval asks the page; a question is an expression in its own language.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, awaited))
	if err != nil {
		b.t.Fatalf("%.300s: %v", expression, err)
	}
	return v
}

// until polls the page until an expression is true.
func (b *tab) until(what, expression string) {
	b.t.Helper()
	wait := 5 * time.Millisecond
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(wait) {
		wait = min(2*wait, 50*time.Millisecond)
		// A question that meets a change of page is asked again.
		if yes, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](expression)); err == nil && yes {
			return
		}
	}
	b.t.Fatalf("waited in vain for %s; the page says: %s", what, eval[string](b, `document.body.innerText.slice(0, 2000)`))
}

func (b *tab) size(width int64) { b.t.Helper(); b.do(chromedp.EmulateViewport(width, 900)) }

func (b *tab) scheme(name string) {
	b.t.Helper()
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
}

func (b *tab) key(keys string) { b.t.Helper(); b.do(chromedp.KeyEvent(keys)) }

// tabTo presses Tab until the focus is where an expression about el is true.
func (b *tab) tabTo(what, expression string) {
	b.t.Helper()
	for range 200 {
		b.key(kb.Tab)
		if eval[bool](b, `Boolean(((el) => `+expression+`)(document.activeElement))`) {
			return
		}
	}
	b.t.Fatalf("Tab does not lead to %s", what)
}

// print shows the page as on paper, on a dark system.
func (b *tab) print() {
	b.t.Helper()
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print", Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
}
