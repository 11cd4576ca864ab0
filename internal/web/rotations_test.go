package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"keepwatch"
	"keepwatch/internal/auth"
	"keepwatch/internal/egress"
	"keepwatch/internal/expiry"
	"keepwatch/internal/probe"
	"keepwatch/internal/rotate"
	"keepwatch/internal/sfmc/sim"
	"keepwatch/internal/store"
	"keepwatch/internal/web"
)

// turntable is the real cockpit before the simulator, whose clock a test moves on.
type turntable struct {
	*estate
	*rotate.Cockpit
	sim    *sim.Sim
	vault  map[string]string
	offset atomic.Int64 // nanoseconds
}

const turned = keepwatch.CredentialID("us-orders") // whose secret is rotated

func (v *turntable) Resolve(_ context.Context, ref string) (keepwatch.Secret, error) {
	s, ok := v.vault[ref]
	if !ok {
		return keepwatch.Secret{}, fmt.Errorf("%s: %w", ref, keepwatch.ErrNotFound)
	}
	return keepwatch.NewSecret([]byte(s)), nil
}

func newTurntable(t *testing.T, holders ...string) *turntable {
	t.Helper()
	v := &turntable{estate: newEstate(t), vault: map[string]string{"env:US": "secret-of-the-client-001"}}
	v.sim = sim.New(sim.Options{Now: v.clock, Clients: []sim.ClientSpec{{ClientID: "id-of-the-client-00000001", Secret: v.vault["env:US"], MID: 520000410, Kind: keepwatch.ServerToServer}}})
	pipe := sim.NewPipe(v.sim)
	client := egress.New(egress.Policy{Network: pipe})
	t.Cleanup(func() {
		client.HTTP().CloseIdleConnections()
		_, _ = v.sim.Close(), pipe.Close()
	})
	for i := range v.snap.Tenants {
		if x := &v.snap.Tenants[i]; x.ID == "amer" {
			x.AuthURL, x.RESTURL, x.SOAPURL = sim.PipeURL, sim.PipeURL, sim.PipeURL+"Service.asmx"
		}
	}
	for i := range v.snap.Credentials {
		c := &v.snap.Credentials[i]
		if c.ID != turned {
			continue
		}
		c.File, c.SecretRef, c.ClientID, c.SecretGenerated, c.Tests = "", "env:US", "id-of-the-client-00000001", keepwatch.DayOf(v.now, time.UTC).AddDays(-100), []string{"identity"}
		c.Holders = nil
		for _, name := range holders {
			c.Holders = append(c.Holders, keepwatch.Holder{Name: name, Contact: "ops@example.com"})
		}
		if err := v.db.SaveItems(t.Context(), v.now, []store.ItemWrite{{Change: keepwatch.Change{Credential: c.ID, At: v.now, By: "ada", Via: "ui", Kind: keepwatch.ChangeCreated}, Record: *c}}); err != nil {
			t.Fatal(err)
		}
	}
	v.Cockpit = rotate.New(rotate.Options{
		Store: v.db, Prober: probe.New(probe.Options{Secrets: v, Egress: client}), Secrets: v, Now: v.clock, Records: rotate.Shelf{Items: v.db, Find: v.record},
		Link: func(token string) string { return "https://keepwatch.example.com/rotations/tick/" + token },
	})
	return v
}

func (v *turntable) clock() time.Time { return time.Now().Add(time.Duration(v.offset.Load())) }

// record is the credential as it is stored.
func (v *turntable) record(id keepwatch.CredentialID) (keepwatch.Credential, keepwatch.Tenant, bool) {
	item, err := v.db.Item(v.t.Context(), id)
	if err != nil {
		return keepwatch.Credential{}, keepwatch.Tenant{}, false
	}
	item.Credential.Clocks = expiry.Clocks(item.Credential, time.UTC, nil)
	for _, t := range v.snap.Tenants {
		if t.ID == item.Credential.Tenant {
			return item.Credential, t, true
		}
	}
	return keepwatch.Credential{}, keepwatch.Tenant{}, false
}

// generate is what a person does in Setup: a staged secret, put where the daemon reads it.
func (v *turntable) generate() {
	v.t.Helper()
	c, err := v.sim.Generate("id-of-the-client-00000001")
	if err != nil {
		v.t.Fatal(err)
	}
	v.vault["env:US_NEXT"] = c.Staged
}

func (v *turntable) activate() {
	v.t.Helper()
	if _, err := v.sim.Activate("id-of-the-client-00000001"); err != nil {
		v.t.Fatal(err)
	}
}

// later moves the clock on and lets the schedule's look happen.
func (v *turntable) later(d time.Duration) {
	v.t.Helper()
	v.offset.Add(int64(d))
	check := keepwatch.CheckOf(keepwatch.CheckRotation, turned)
	v.Look(v.t.Context(), keepwatch.Slot{Check: keepwatch.Check{ID: check, Kind: keepwatch.CheckRotation, Credential: turned, Tenant: "amer"}, At: v.clock().Truncate(time.Minute), Gap: time.Minute}, v.clock())
}

func (v *turntable) newest() keepwatch.Rotation {
	v.t.Helper()
	all, err := v.List(v.t.Context(), false)
	if err != nil || len(all) == 0 {
		v.t.Fatalf("%d rotations: %v", len(all), err)
	}
	return all[0]
}

func (v *turntable) pages() http.Handler {
	return v.siteWith(func(o *web.Options) { o.Rotations, o.Ticks = v.Cockpit, v.Cockpit })
}

func (v *turntable) started() url.Values {
	return url.Values{"credential": {string(turned)}, "staged": {"env:US_NEXT"}, "generated": {keepwatch.DayOf(v.clock(), time.UTC).String()}}
}

// A rotation goes from the form to its end by the page alone, against the simulator.
func TestRotationIsDrivenByThePage(t *testing.T) {
	v := newTurntable(t, "mulesoft-prod", hostile)
	h := v.pages()
	v.generate()
	_, doc := get(t, h, "/rotations?credential=us-orders")
	has(t, doc, "#open", "Nothing is being rotated")
	if input := find(doc, "#new input[name=credential]"); len(input) != 1 || attr(input[0], "value") != "us-orders" {
		t.Error("the form is not about the credential")
	}
	w := postForm(t, h, "/rotations", v.started())
	if w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	at := w.Header().Get("Location")
	act := func(do string, form url.Values, want int) string {
		t.Helper()
		w := postForm(t, h, at+"/"+do, form)
		if w.Code != want {
			t.Fatalf("%s: %d %s", do, w.Code, w.Body)
		}
		return w.Body.String()
	}
	now := func(step, says string) {
		t.Helper()
		_, doc := get(t, h, at)
		has(t, doc, ".way [aria-current=step] h3", step)
		has(t, doc, ".way [aria-current=step] .next", says)
	}
	now("Staged secret proven", "Tell no holder before it")
	if body := act("ask", nil, http.StatusConflict); !strings.Contains(body, "SFMC takes five minutes to know") {
		t.Error("it does not say why nobody is asked yet")
	}
	v.offset.Add(int64(6 * time.Minute))
	act("ask", nil, http.StatusSeeOther)
	now("Holders switched", "Do not activate before the list is complete")
	_, doc = get(t, h, at)
	if n := len(find(doc, "#holders [data-holder=mulesoft-prod] button")); n != 2 {
		t.Errorf("%d buttons", n)
	}
	none(t, doc, "img")
	act("letter", url.Values{"holder": {"mulesoft-prod"}}, http.StatusConflict)
	v.offset.Add(int64(6 * time.Minute))
	act("letter", url.Values{"holder": {"mulesoft-prod"}}, http.StatusSeeOther)
	act("switched", url.Values{"holder": {"nobody"}}, http.StatusNotFound)
	for _, holder := range []string{"mulesoft-prod", hostile} {
		act("switched", url.Values{"holder": {holder}}, http.StatusSeeOther)
	}
	now("Activated: the old secret is refused", "activate the staged secret")
	v.later(time.Hour)
	v.activate()
	act("activated", nil, http.StatusSeeOther)
	v.later(6 * time.Minute)
	now("New secret proven", "Wait for the last proof")
	v.later(6 * time.Minute)
	if got := v.newest(); got.State != keepwatch.RotationDone {
		t.Fatalf("%s: %+v", got.State, got.Evidence)
	}
	_, doc = get(t, h, at)
	has(t, doc, "#head h1", "done")
	has(t, doc, "#way header", "6 of 6 steps")
	none(t, doc, "main form")
	rec, _, _ := v.record(turned)
	if rec.SecretRef != "env:US_NEXT" {
		t.Errorf("the record names %s", rec.SecretRef)
	}
	_, doc = get(t, h, "/rotations")
	has(t, doc, "#ended [data-id="+string(v.newest().ID)+"]", "done")
}

// What was refused stands beside the form, and what may be a secret is not shown again.
func TestRotationFormRepeatsNoSecret(t *testing.T) {
	v := newTurntable(t, "mulesoft-prod")
	h := v.pages()
	v.generate()
	for name, tt := range map[string]struct {
		field, value, says string
		status             int
	}{
		"a secret":     {"staged", "aVerySecretSecret123", "never typed here", 400},
		"no date":      {"generated", "", "there is no date", 400},
		"swapped":      {"generated", "aVerySecretSecret123", "that is no date", 400},
		"unreadable":   {"staged", "env:NOT_THERE", "NOT_THERE", 400},
		"nobody":       {"credential", "nobody", "nobody", 404},
		"a file's own": {"generated", "2999-01-01", "yet to come", 400},
	} {
		t.Run(name, func(t *testing.T) {
			form := v.started()
			form.Set(tt.field, tt.value)
			w := postForm(t, h, "/rotations", form)
			if w.Code != tt.status && w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), tt.says) {
				t.Errorf("%d %s", w.Code, text(find(parse(t, w), "main")[0]))
			}
			if strings.Contains(w.Body.String(), "aVerySecretSecret123") {
				t.Error("what may be the secret is shown again")
			}
		})
	}
	if all, _ := v.List(t.Context(), false); len(all) != 0 {
		t.Errorf("%d rotations began", len(all))
	}
}

// Who may not see the credential sees no rotation of it, in the words of a missing one;
// who may only read changes nothing.
func TestRotationsKeepToARole(t *testing.T) {
	v := newTurntable(t, "mulesoft-prod")
	h := v.pages()
	v.generate()
	at := postForm(t, h, "/rotations", v.started()).Header().Get("Location")
	grants := func(s string) {
		g, err := auth.ParseGrants(s)
		if err != nil {
			t.Fatal(err)
		}
		v.who = auth.PrincipalOf("tim", g, auth.ViaSession)
	}
	before := v.newest()
	grants("operator@emea")
	strip := func(body, id string) string { return strings.ReplaceAll(body, id, "ID") }
	id := strings.TrimPrefix(at, "/rotations/")
	for _, do := range []string{"", "/ask", "/abort", "/switched", "/activated", "/resume", "/letter"} {
		var theirs, missing string
		if do == "" {
			a, _ := get(t, h, at)
			b, _ := get(t, h, "/rotations/aaaaaaaaaaaaaaaa")
			theirs, missing = strip(a.Body.String(), id), strip(b.Body.String(), "aaaaaaaaaaaaaaaa")
		} else {
			form := url.Values{"holder": {"mulesoft-prod"}, "reason": {"x"}}
			theirs, missing = strip(postForm(t, h, at+do, form).Body.String(), id), strip(postForm(t, h, "/rotations/aaaaaaaaaaaaaaaa"+do, form).Body.String(), "aaaaaaaaaaaaaaaa")
		}
		if theirs != missing {
			t.Errorf("%q is told apart:\n%s\n%s", do, theirs, missing)
		}
	}
	if w, _ := get(t, h, "/rotations"); strings.Contains(w.Body.String(), "us-orders") {
		t.Error("the list names what lies outside of the role")
	}
	form := v.started()
	if w := postForm(t, h, "/rotations", form); w.Code != http.StatusNotFound {
		t.Errorf("a rotation of a foreign credential: %d", w.Code)
	}
	grants("viewer")
	for _, do := range []string{"/ask", "/abort", "/switched", "/activated", "/resume", "/letter"} {
		if w := postForm(t, h, at+do, url.Values{"holder": {"mulesoft-prod"}, "reason": {"x"}}); w.Code != http.StatusForbidden {
			t.Errorf("a viewer at %s: %d", do, w.Code)
		}
	}
	for _, path := range []string{at, "/rotations"} {
		_, doc := get(t, h, path)
		none(t, doc, "main form[method=post]")
	}
	if after := v.newest(); after.Revision != before.Revision {
		t.Error("something was changed")
	}
}

// An abort says why, in the evidence, and another staged secret goes on.
func TestRotationIsAbortedAndResumed(t *testing.T) {
	v := newTurntable(t, "mulesoft-prod")
	h := v.pages()
	v.generate()
	at := postForm(t, h, "/rotations", v.started()).Header().Get("Location")
	if w := postForm(t, h, at+"/abort", nil); w.Code != http.StatusBadRequest || len(find(parse(t, w), "details#abort[open]")) != 1 {
		t.Errorf("without a reason: %d", w.Code)
	}
	if w := postForm(t, h, at+"/abort", url.Values{"reason": {"the shop is frozen " + hostile}}); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	w, doc := get(t, h, at)
	has(t, doc, "#evidence [data-step=aborted]", "the shop is frozen")
	has(t, doc, "#head h1", "aborted")
	if strings.Contains(w.Body.String(), "<script>alert") {
		t.Error("a reason became markup")
	}
	if w := postForm(t, h, at+"/resume", url.Values{"staged": {"aVerySecretSecret123"}}); w.Code != http.StatusBadRequest || strings.Contains(w.Body.String(), "aVerySecretSecret123") {
		t.Errorf("%d", w.Code)
	}
	if w := postForm(t, h, at+"/resume", nil); w.Code != http.StatusSeeOther {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if got := v.newest().State; got != keepwatch.RotationStaged {
		t.Errorf("it is %s", got)
	}
}

// looksOf are the screens on which pages are looked at.
var looksOf = []struct {
	name  string
	width int64
	dark  bool
}{{"phone", 390, false}, {"tablet", 768, false}, {"desk", 1440, false}, {"phone-dark", 390, true}, {"desk-dark", 1440, true}}

// fits opens a page on every screen: nothing sticks out and no state is mute. Where
// KEEPWATCH_SCREENSHOTS names a folder, each is kept as a picture.
func (b *browser) fits(name, path string) {
	b.t.Helper()
	dir := os.Getenv("KEEPWATCH_SCREENSHOTS")
	for _, look := range looksOf {
		scheme := "light"
		if look.dark {
			scheme = "dark"
		}
		b.do(chromedp.EmulateViewport(look.width, 900), emulateScheme(scheme))
		b.open(path)
		if got := eval[int64](b, `Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)`); got > look.width {
			b.t.Errorf("%s is %d wide on a screen of %d: %s", path, got, look.width, eval[string](b, wide))
		}
		if mute := eval[[]string](b, `[...document.querySelectorAll(".state")].filter((s) => s.checkVisibility() && !s.textContent.trim()).map((s) => s.outerHTML)`); len(mute) > 0 {
			b.t.Errorf("%s on %d: states without a word: %q", path, look.width, mute)
		}
		if dir == "" {
			continue
		}
		b.do(chromedp.EmulateViewport(look.width, min(eval[int64](b, `document.documentElement.scrollHeight`), 4000)))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			b.t.Fatal(err)
		}
		b.picture(filepath.Join(dir, name+"-"+look.name+".png"))
	}
	b.do(chromedp.EmulateViewport(1440, 900), emulateScheme("light"))
}

// emulateScheme asks for the light or the dark look.
func emulateScheme(scheme string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		return err
	})
}

// A person drives a rotation to its end with the keyboard of a real browser.
func TestBrowserRotationFromTheFormToItsEnd(t *testing.T) {
	t.Parallel()
	v := newTurntable(t, "mulesoft-prod", "shop-backend")
	v.also = func(o *web.Options) { o.Rotations, o.Ticks = v.Cockpit, v.Cockpit }
	v.generate()
	b := newBrowser(t, v.estate)
	b.fits("rotations-empty", "/rotations?credential=us-orders")
	b.open("/rotations?credential=us-orders")
	press := func(what, id string) {
		t.Helper()
		b.until("a page that is whole", `document.readyState === "complete"`)
		b.tabTo(what, `el.id === "`+id+`"`)
		b.do(chromedp.KeyEvent(kb.Enter))
	}
	b.tabTo("where it is", `el.name === "staged"`)
	b.do(chromedp.KeyEvent("env:US_NEXT"))
	b.tabTo("the day", `el.name === "generated"`)
	eval[bool](b, `(document.activeElement.value = "`+keepwatch.DayOf(v.clock(), time.UTC).String()+`", true)`)
	press("begin", "begin")
	b.until("its page", `document.querySelector(".way [aria-current=step] h3")?.innerText.includes("Staged secret proven")`)
	path := eval[string](b, `location.pathname`)
	b.fits("rotation-staged", path)
	v.later(6 * time.Minute)
	b.open(path)
	b.until("holders", `document.querySelector(".way [aria-current=step] h3")?.innerText.includes("Holders switched")`)
	b.fits("rotation-proven", path)
	press("tick off", "tick-mulesoft-prod")
	b.until("a tick", `document.querySelector("[data-holder=mulesoft-prod] .healthy") && document.readyState === "complete"`)
	press("tick off", "tick-shop-backend")
	b.until("ready", `document.querySelector("#head h1").innerText.includes("ready to activate")`)
	v.later(time.Hour)
	v.activate()
	b.open(path)
	press("activated", "do-activated")
	b.until("what is said", `document.querySelector("#evidence [data-step=activated]") !== null`)
	b.fits("rotation-activated", path)
	v.later(6 * time.Minute)
	v.later(6 * time.Minute)
	b.open(path)
	b.until("the end", `document.querySelector("#head h1").innerText.includes("done")`)
	b.fits("rotation-done", path)
	b.fits("rotations", "/rotations")
	b.quiet()
}
