package pages

import (
	"net/http"
	"strings"
	"testing"
)

// paper is how wide a sheet of A4 is between margins of a centimetre, in CSS pixels.
const paper = 718

// onPaper says what is wrong with a page in print: what can only be pressed, what is
// dark, what does not fit the sheet, what is cut off by its own box.
const onPaper = `((width) => {
	const faults = [], show = (e) => e.outerHTML.replace(/\s+/g, " ").slice(0, 160);
	const seen = (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && !e.closest(".sr");
	for (const e of document.querySelectorAll("nav.sections, nav.tabs, button, input, select, textarea, dialog, a.button, .skip, .menu, details:not([open]) > summary:not(:has(h2))"))
		if (seen(e)) faults.push("a control: " + show(e));
	if (getComputedStyle(document.documentElement).colorScheme !== "light") faults.push("the colours are " + getComputedStyle(document.documentElement).colorScheme);
	const paint = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
	const light = (color) => {
		paint.clearRect(0, 0, 1, 1);
		paint.fillStyle = color;
		paint.fillRect(0, 0, 1, 1);
		const [r, g, b, a] = paint.getImageData(0, 0, 1, 1).data;
		return a < 128 ? -1 : (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
	};
	const whole = Math.max(document.documentElement.scrollWidth, document.body.scrollWidth);
	if (whole > width) faults.push("the page is " + whole + " wide");
	const words = (e) => [...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.data.trim());
	for (const e of document.body.querySelectorAll("*")) {
		if (!seen(e)) continue;
		const box = e.getBoundingClientRect(), style = getComputedStyle(e);
		if (box.width === 0 || box.height === 0) continue;
		if (words(e)) {
			// Shapes are printed always, so that words on them are seen; backgrounds are not.
			if (!(e instanceof SVGElement) && light(style.color) > 0.62) faults.push("pale words: " + show(e));
			for (let under = e; under; under = under.parentElement) {
				const l = light(getComputedStyle(under).backgroundColor);
				if (l >= 0 && l < 0.55) faults.push("words on dark: " + show(e));
				if (l >= 0) break;
			}
			for (const n of e.childNodes) {
				if (n.nodeType !== Node.TEXT_NODE || !n.data.trim()) continue;
				const range = document.createRange();
				range.selectNodeContents(n);
				const text = range.getBoundingClientRect();
				if (text.right > width + 1 || text.left < -1) faults.push("words outside the sheet, up to " + Math.round(text.right) + ": " + show(e));
			}
		}
		if ((box.right > width + 1 || box.left < -1) && !(e instanceof SVGElement)) faults.push("outside the sheet, " + Math.round(box.left) + " to " + Math.round(box.right) + ": " + show(e));
		if (!(e instanceof SVGElement) && style.overflowX !== "visible" && e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 1) faults.push("cut off, " + e.scrollWidth + " in " + e.clientWidth + ": " + show(e));
	}
	for (const e of window.tables ?? []) if (!seen(e) && !e.closest("details:not([open])")) faults.push("a table is gone: " + show(e));
	return faults.slice(0, 12);
})(718)`

// TestPaper: in print, on a dark system and in the dark theme, every page is light, has no
// controls, and fits a sheet of A4 with nothing cut off.
func TestPaper(t *testing.T) {
	e := demoEstate(t)
	b := e.tab(t, "admin")
	b.scheme("dark")
	b.size(1280)
	b.open("/", http.StatusOK)
	b.press("the dark theme", `button[name=theme][value=dark]`)
	b.size(paper)
	for _, a := range e.addresses(t) {
		b.open(a.path, http.StatusOK)
		eval[bool](b, `(window.tables = [...document.querySelectorAll("table, .cards, .facts")].filter((e) => e.checkVisibility()), true)`)
		b.print()
		for _, fault := range eval[[]string](b, onPaper) {
			t.Errorf("%s on paper: %s", a.path, fault)
		}
		b.picture("paper "+a.path, look{paper, "print"})
		b.scheme("dark")
		b.quiet(a.path)
	}
}

// TestPaperIsJudged proves that the silence above means something.
func TestPaperIsJudged(t *testing.T) {
	e := demoEstate(t)
	b := e.tab(t, "admin")
	b.size(paper)
	b.open("/effects", http.StatusOK)
	eval[bool](b, `(() => {
		const main = document.querySelector("main"), add = (tag, text) => { const e = document.createElement(tag); e.textContent = text; main.append(e); return e; };
		add("select", "press").className = "paper-test";
		add("p", "x".repeat(300)).className = "paper-test";
		const style = new CSSStyleSheet();
		style.replaceSync("@media print { .paper-test { display: block !important; background: #111; color: #eee; overflow-wrap: normal; white-space: pre } }");
		document.adoptedStyleSheets = [style];
		return true;
	})()`)
	b.print()
	faults := strings.Join(eval[[]string](b, onPaper), "\n")
	for _, want := range []string{"a control", "the page is", "pale words", "words on dark", "words outside the sheet"} {
		if !strings.Contains(faults, want) {
			t.Errorf("%q is not found: %s", want, faults)
		}
	}
}
