package pages

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// mostTabs is how many presses one page gets; what is in a page of hundreds of links is
// alike.
const mostTabs = 250

// TestEveryPageByKeyboard: on every page Tab leads to everything that can be used, in the
// order in which it stands, and one sees where one is; the skip link skips.
func TestEveryPageByKeyboard(t *testing.T) {
	e := demoEstate(t)
	b := e.tab(t, "admin")
	b.size(1280)
	for _, a := range e.addresses(t) {
		b.open(a.path, http.StatusOK)
		n := eval[int](b, follow)
		presses := make([]chromedp.Action[chromedp.Void], min(n, mostTabs))
		for i := range presses {
			presses[i] = chromedp.KeyEvent(kb.Tab)
		}
		b.do(presses...)
		for _, fault := range eval[[]string](b, followed) {
			t.Errorf("%s: %s", a.path, fault)
		}
		b.open(a.path, http.StatusOK)
		b.key(kb.Tab)
		if got := eval[string](b, `document.activeElement.className`); got != "skip" && eval[bool](b, `document.querySelector("[autofocus]") === null`) {
			t.Errorf("%s: Tab leads to %q first, not to the skip link", a.path, got)
			continue
		}
		eval[bool](b, `(document.querySelector(".skip").focus(), true)`)
		b.key(kb.Enter)
		b.until("the content", `document.activeElement.id === "main"`)
		b.quiet(a.path)
	}
}

// follow lists what can be reached, and notes where the focus goes. What is refreshed
// under way would be other elements, so the page is held still.
const follow = `(() => {
	window.fetch = () => new Promise(() => {});
	const usable = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")].filter((el) =>
		el.checkVisibility({ visibilityProperty: true }) && !el.disabled && el.type !== "hidden" && el.tabIndex >= 0 && !el.closest("dialog:not([open])") &&
		!(el.type === "radio" && [...document.getElementsByName(el.name)].find((r) => r.checked || !document.querySelector("[name='" + el.name + "']:checked")) !== el));
	window.usable = usable;
	window.seen = [];
	document.addEventListener("focusin", (e) => {
		const s = getComputedStyle(e.target);
		window.seen.push([e.target, s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0 || e.target.className === "skip"]);
	});
	// Fields of dates have a stop for each part.
	return usable.length + 7 * document.querySelectorAll("input[type^=date], input[type=time], input[type=month]").length;
})()`

const followed = `(() => {
	const show = (el) => el.outerHTML.slice(0, 120);
	const faults = [], reached = window.seen.map(([el]) => el);
	const expected = window.usable.slice(0, 250);
	for (const el of expected) if (!reached.includes(el)) faults.push("Tab does not reach " + show(el));
	for (const [el, visible] of window.seen) if (!visible) faults.push("the focus is not seen on " + show(el));
	for (let i = 1; i < reached.length; i++)
		if (reached[i] !== reached[i - 1] && !(reached[i - 1].compareDocumentPosition(reached[i]) & (Node.DOCUMENT_POSITION_FOLLOWING | Node.DOCUMENT_POSITION_CONTAINED_BY)) && reached[i].className !== "skip")
			faults.push("Tab goes back from " + show(reached[i - 1]) + " to " + show(reached[i]));
	return faults.slice(0, 10);
})()`

// TestKeys: the keys that jump, search and explain themselves; and that they are quiet in
// a field.
func TestKeys(t *testing.T) {
	e := demoEstate(t)
	b := e.tab(t, "admin")
	b.size(1280)
	b.open("/incidents", http.StatusOK)
	for _, s := range eval[[][]string](b, `[...document.querySelectorAll("[data-go]")].map((a) => [a.dataset.go, new URL(a.href).pathname])`) {
		b.key("g")
		b.key(s[0])
		b.until("g "+s[0], `location.pathname === "`+s[1]+`" && document.readyState === "complete"`)
	}
	b.open("/incidents", http.StatusOK)
	b.tabTo("a link of the page", `el.closest("main") && el.href`)
	eval[bool](b, `(window.before = document.activeElement, true)`)
	b.key("?")
	b.until("the keys", `document.querySelector("#keys").open && document.querySelector("#keys").matches(":modal")`)
	for range 6 { // the focus stays inside
		b.key(kb.Tab)
		if !eval[bool](b, `document.activeElement === document.body || document.querySelector("#keys").contains(document.activeElement)`) {
			t.Fatalf("the focus leaves the dialog to %s", eval[string](b, `document.activeElement.outerHTML.slice(0, 200)`))
		}
	}
	b.key("g") // nothing happens behind it
	b.key("o")
	b.key(kb.Escape)
	b.until("the end of the dialog", `!document.querySelector("#keys").open && location.pathname === "/incidents"`)
	if !eval[bool](b, `document.activeElement === window.before`) {
		t.Errorf("the focus does not come back, it is on %s", eval[string](b, `document.activeElement.outerHTML.slice(0, 200)`))
	}
	b.open("/account", http.StatusOK) // it has nothing to search in
	b.key("/")
	b.until("the search", `document.activeElement.type === "search" && location.pathname === "/"`)
	for _, k := range []string{"g", "i", "?", "/"} {
		b.key(k)
	}
	if got := eval[string](b, `document.activeElement.value + location.pathname + document.querySelector("#keys").open`); got != "gi?//false" {
		t.Errorf("in a field the keys do something: %q", got)
	}
	b.key(kb.Escape)
	b.until("out of the field", `document.activeElement === document.body`)
	b.quiet("keys")
}

// TestMenuOnAPhone: all sections are reached with a thumb, and with scripts off.
func TestMenuOnAPhone(t *testing.T) {
	e := demoEstate(t)
	b := e.tab(t, "admin")
	b.size(390)
	b.open("/", http.StatusOK)
	if eval[bool](b, `document.querySelector("#sections").checkVisibility()`) {
		t.Error("the sections stand in the way")
	}
	sections := eval[[]string](b, `[...document.querySelectorAll("[data-go]")].map((a) => new URL(a.href).pathname)`)
	for _, path := range sections {
		b.do(chromedp.Click(`button.menu`))
		b.until("the menu", `document.querySelector("#sections").matches(":popover-open")`)
		if got := eval[string](b, wide); got != "" {
			t.Errorf("the menu sticks out: %s", got)
		}
		b.press("the section "+path, `#sections a[href="`+path+`"]`)
		if !eval[bool](b, `document.querySelector("#sections [aria-current=page]")?.getAttribute("href") === location.pathname`) {
			t.Errorf("%s does not say where one is", path)
		}
	}
	b.quiet("menu")
}

// TestAppearance: three themes and a zone, without scripts; the cookie is the browser's
// own and scripts cannot read it.
func TestAppearance(t *testing.T) {
	e := demoEstate(t)
	b := e.tab(t, "vera")
	b.size(1280)
	b.scheme("dark")
	const background = `getComputedStyle(document.documentElement).backgroundColor`
	b.open("/incidents?status=all", http.StatusOK)
	dark := eval[string](b, background)
	press := func(value string) string {
		b.do(chromedp.Click(`button[name=theme][value=` + value + `]`))
		b.until("the theme "+value, `document.readyState === "complete" && location.pathname + location.search === "/incidents?status=all" && document.querySelector("button[value=`+value+`]").getAttribute("aria-pressed") === "true"`)
		return eval[string](b, background)
	}
	light := press("light")
	if light == dark {
		t.Errorf("light is as dark: %s", light)
	}
	if got := eval[string](b, `document.cookie`); got != "" {
		t.Errorf("scripts read the cookies %q", got)
	}
	b.scheme("light")
	if got := press("dark"); got != dark {
		t.Errorf("dark on a light system is %s, want %s", got, dark)
	}
	if got := press("system"); got != light {
		t.Errorf("the system's theme is %s, want %s", got, light)
	}
	b.open("/account", http.StatusOK)
	b.do(chromedp.SendKeys(`#zone-name`, "Asia/Tokyo"), chromedp.Click(`#set-zone`))
	b.until("the zone", `document.documentElement.dataset.zone === "Asia/Tokyo" && document.readyState === "complete"`)
	b.open("/incidents/"+string(e.incident.ID), http.StatusOK)
	if got := eval[string](b, `document.querySelector("time[data-form]").innerText + " / " + document.querySelector("time[data-form]").title`); !contains(got, "JST", "UTC") {
		t.Errorf("a time in Tokyo is %q", got)
	}
	b.quiet("appearance")
}

func contains(s string, words ...string) bool {
	for _, w := range words {
		if !strings.Contains(s, w) {
			return false
		}
	}
	return true
}
