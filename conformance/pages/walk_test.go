package pages

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

const (
	mostBytes = 150 << 10 // of a whole page, over the wire
	tabs      = 2         // at a time
)

func awaited(p *runtime.EvaluateParams) { yes := true; p.AwaitPromise, p.ReturnByValue = &yes, &yes }

// axe is the program that judges accessibility; it comes from npm and is used in tests
// only.
func axe(t testing.TB) string {
	t.Helper()
	const file = "node_modules/axe-core/axe.min.js"
	if _, err := os.Stat(file); err != nil {
		npm, err := exec.LookPath("npm")
		if err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal("npm is not installed: CI judges accessibility with axe-core")
			}
			t.Skip("npm is not installed: accessibility is not tested in this run")
		}
		if out, err := exec.CommandContext(t.Context(), npm, "ci", "--ignore-scripts").CombinedOutput(); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("npm ci: %v\n%s", err, out)
			}
			t.Skipf("axe-core cannot be fetched, so that accessibility is not tested in this run: %v", err)
		}
	}
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(source)
}

// look is one way to look at a page.
type look struct {
	width  int64
	scheme string
}

// looks are all ways, so ordered that a page is loaded once: windows and colours change
// under it, as they do under a reader.
var looks = []look{{1440, "light"}, {1440, "dark"}, {768, "dark"}, {768, "light"}, {390, "light"}, {390, "dark"}}

// every is what axe is asked: all its rules but those that it calls experimental or of
// the strictest level, and the size of targets, which it leaves out by itself.
const every = `, {resultTypes: ["violations"], rules: {"target-size": {enabled: true}}}`

// judge asks axe, and says in a line each what is wrong.
const judge = `axe.run(document` + every + `).then((r) => r.violations.flatMap((v) => v.nodes.map((n) =>
	v.id + ": " + n.target.join(" ") + " " + n.html.slice(0, 160) + " " + (n.any.concat(n.all, n.none)[0]?.message ?? v.help))))`

// wide names the first element that sticks out.
const wide = `(() => {
	const wide = Math.max(document.documentElement.scrollWidth, document.body.scrollWidth);
	if (wide <= innerWidth) return "";
	const scrolls = (e) => e && e !== document.body && (["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
	for (const e of document.body.querySelectorAll("*")) if (e.getBoundingClientRect().right > innerWidth + 1 && !scrolls(e.parentElement)) return wide + " wide: " + e.outerHTML.slice(0, 300);
	return wide + " wide";
})()`

// painted is the time from the answer's first byte to the first text, as soon as it is
// known; 0 where the browser did not paint, because the tab is behind another one.
const painted = `new Promise((done) => {
	const answer = performance.getEntriesByType("navigation")[0].responseStart;
	new PerformanceObserver((list) => list.getEntriesByName("first-contentful-paint").forEach((e) => done(e.startTime - answer))).observe({ type: "paint", buffered: true });
	setTimeout(() => done(0), 300);
})`

// walked is what a walk found out about one page.
type walked struct {
	path  string
	bytes float64
	paint float64 // ms from the answer's first byte to the first text
}

// TestEveryPage visits every page that the site serves, on a phone, a tablet and a desk,
// light and dark: axe finds nothing, nothing sticks out, the console is silent, the
// policy forbids nothing, nothing is asked elsewhere, and a page is small.
func TestEveryPage(t *testing.T) {
	e, source := demoEstate(t), axe(t)
	pages := e.addresses(t)
	queue := make(chan address)
	go func() {
		defer close(queue)
		for _, a := range pages {
			queue <- a
		}
	}()
	begun := time.Now()
	var mu sync.Mutex
	var all []walked
	var group sync.WaitGroup
	for range tabs {
		b := e.tab(t, "admin")
		group.Go(func() {
			for a := range queue {
				w := b.walk(a.path, http.StatusOK, source)
				mu.Lock()
				all = append(all, w)
				mu.Unlock()
			}
		})
	}
	group.Wait()
	report(t, all)
	t.Logf("%d looks, each with all rules, took %s", len(all)*len(looks), time.Since(begun).Round(time.Millisecond))
}

func report(t *testing.T, all []walked) {
	t.Helper()
	var heavy, slow walked
	for _, w := range all {
		if w.bytes > heavy.bytes {
			heavy = w
		}
		if w.paint > slow.paint {
			slow = w
		}
	}
	t.Logf("%d pages; the heaviest is %s with %.0f KiB, the slowest to paint %s with %.0f ms after the answer", len(all), heavy.path, heavy.bytes/1024, slow.path, slow.paint)
}

// walk looks at one page in every way.
func (b *tab) walk(path string, status int, axe string) walked {
	b.t.Helper()
	b.size(looks[0].width)
	b.scheme(looks[0].scheme)
	w := walked{path: path, bytes: b.open(path, status)}
	if w.bytes > mostBytes {
		b.t.Errorf("%s: %.0f KiB came over the wire, at most %d may", path, w.bytes/1024, mostBytes>>10)
	}
	w.paint = eval[float64](b, painted)
	b.quiet(path)
	b.judged(path, axe)
	return w
}

// judged looks at the page that is open in every way.
func (b *tab) judged(name, axe string) {
	b.t.Helper()
	eval[bool](b, axe+"\n;true")
	for _, l := range looks {
		b.size(l.width)
		b.scheme(l.scheme)
		where := fmt.Sprintf("%s at %d, %s", name, l.width, l.scheme)
		for _, fault := range eval[[]string](b, judge) {
			b.t.Errorf("%s: %s", where, fault)
		}
		if out := eval[string](b, wide); out != "" {
			b.t.Errorf("%s: %s", where, out)
		}
		b.picture(name, l)
	}
	b.quiet(name)
}

// picture keeps what a page looks like, where somebody asks for it.
func (b *tab) picture(path string, l look) {
	b.t.Helper()
	dir := os.Getenv("KEEPWATCH_SCREENSHOTS")
	if dir == "" {
		return
	}
	shot, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(70))
	if err != nil {
		b.t.Fatal(err)
	}
	dir = filepath.Join(dir, "pages")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d-%s.jpg", fileName(path), l.width, l.scheme)), shot, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// fileName is an address as the name of a file.
func fileName(path string) string {
	name := strings.Trim(strings.NewReplacer("/", "_", "?", "_", "=", "_", "&", "_", "%", "_", " ", "_").Replace(path[:min(len(path), 60)]), "_")
	return cmp.Or(name, "overview")
}

// TestTheWalkHearsWhatIsWrong proves that the silence above means something.
func TestTheWalkHearsWhatIsWrong(t *testing.T) {
	e, source := demoEstate(t), axe(t)
	b := e.tab(t, "admin")
	b.size(390)
	b.open("/", http.StatusOK)
	eval[bool](b, `(() => {
		document.body.setAttribute("style", "color: red");
		fetch("http://127.0.0.1:1/").catch(() => {});
		const wide = document.createElement("p"); wide.textContent = "x".repeat(500); wide.className = "sep"; document.querySelector("main").append(wide);
		const mute = document.createElement("button"); document.querySelector("main").append(mute);
		const pale = document.createElement("p"); pale.textContent = "pale"; document.querySelector("main").append(pale);
		document.querySelector("main").append(document.createElement("img"));
		return true;
	})()`)
	eval[bool](b, source+"\n;true")
	faults := strings.Join(eval[[]string](b, judge), "\n")
	for _, want := range []string{"button-name", "image-alt"} {
		if !strings.Contains(faults, want) {
			t.Errorf("axe does not see %s: %s", want, faults)
		}
	}
	if eval[string](b, wide) == "" {
		t.Error("what sticks out is not seen")
	}
	var heard string
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end) && (!strings.Contains(heard, "Content Security Policy") || !strings.Contains(heard, "elsewhere")); time.Sleep(20 * time.Millisecond) {
		b.mu.Lock()
		heard = strings.Join(b.wrong, "\n")
		b.mu.Unlock()
	}
	if !strings.Contains(heard, "Content Security Policy") {
		t.Errorf("a violation of the policy is not heard: %s", heard)
	}
}

// TestEveryPageIsReadWithoutScripts: what a page says with scripts it says without them.
func TestEveryPageIsReadWithoutScripts(t *testing.T) {
	e := demoEstate(t)
	b := e.tab(t, "admin")
	b.size(1280)
	const words = `JSON.stringify(document.querySelector("main").innerText.split(/\s+/))`
	for _, a := range e.addresses(t) {
		call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		b.open(a.path, http.StatusOK)
		without := wordsOf(t, eval[string](b, words))
		call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: false})
		b.open(a.path, http.StatusOK)
		with := wordsOf(t, eval[string](b, words))
		if len(without) < 3 {
			t.Errorf("%s says nothing without scripts", a.path)
		}
		missing := 0
		for w := range with {
			if !without[w] && !strings.ContainsAny(w, "0123456789") {
				missing++
			}
		}
		if missing > 3 {
			t.Errorf("%s: %d of %d words are missing without scripts", a.path, missing, len(with))
		}
		b.quiet(a.path)
	}
}

func wordsOf(t *testing.T, text string) map[string]bool {
	t.Helper()
	var list []string
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		t.Fatal(err)
	}
	set := map[string]bool{}
	for _, w := range list {
		set[w] = true
	}
	return set
}
