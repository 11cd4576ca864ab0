package pages

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// sight is which text was found in which field, over all pages of a test.
type sight struct {
	mu    sync.Mutex
	found map[string]*[60]bool
	pages int
}

func newSight() *sight { return &sight{found: map[string]*[60]bool{}} }

func (s *sight) note(field string, payload int) {
	if s.found[field] == nil {
		s.found[field] = new([60]bool)
	}
	s.found[field][payload] = true
}

// missing are the texts that were not found in a field.
func (s *sight) missing(field string) (out []int) {
	seen := s.found[field]
	for i := range payloads {
		if seen == nil || !seen[i] {
			out = append(out, i)
		}
	}
	return out
}

// reserve is a field of which not every text is on a page: of how many it is, and why.
type reserve struct {
	seen int
	why  string
}

// only are fields of which so many texts are on a page, by the reason why.
func only(why map[string]map[string]int) map[string]reserve {
	out := map[string]reserve{}
	for reason, fields := range why {
		for f, n := range fields {
			out[f] = reserve{n, reason}
		}
	}
	return out
}

// never are fields that no page shows, by the reason why.
func never(why map[string][]string) map[string]reserve {
	out := map[string]reserve{}
	for reason, fields := range why {
		for _, f := range fields {
			out[f] = reserve{0, reason}
		}
	}
	return out
}

// complete asserts that each text was found in each field, but for fields with a reserve.
func (s *sight) complete(t *testing.T, fields map[string]bool, reserves map[string]reserve) {
	t.Helper()
	pairs, want := 0, 0
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		missing := s.missing(field)
		r, known := reserves[field]
		if !known {
			r.seen = len(payloads)
		}
		seen := len(payloads) - len(missing)
		pairs, want = pairs+seen, want+r.seen
		switch {
		case seen == r.seen:
		case known && seen > r.seen:
			t.Errorf("%s: %d texts are on a page, though %s", field, seen, r.why)
		case seen == 0:
			t.Errorf("no page shows %s: show it, or say in the list of reserves why not", field)
		default:
			t.Errorf("%s: %d of %d texts are on a page, not such as %.60q", field, seen, r.seen, payloads[missing[0]])
		}
	}
	for field := range reserves {
		if !fields[field] {
			t.Errorf("there is no field %s", field)
		}
	}
	t.Logf("%d pages; %d fields, %d of them with a reserve; %d of %d pairs of field and text were found", s.pages, len(fields), len(reserves), pairs, want)
}

// inspect opens a page, and what it is continued on, and notes the texts that it shows.
func (b *tab) inspect(path string, found *sight) {
	b.t.Helper()
	for range 8 {
		b.open(path, http.StatusOK)
		b.inspected(path, found)
		if path = eval[string](b, `[...document.querySelectorAll("main a[rel=next], main .more a")].filter((a) => a.origin === location.origin && /[?&](cursor|before|page)=/.test(a.search)).map((a) => a.pathname + a.search)[0] ?? ""`); path == "" {
			return
		}
	}
}

// inspected looks at the page that is open.
func (b *tab) inspected(path string, found *sight) {
	b.t.Helper()
	faults := eval[[]string](b, inspection())
	found.mu.Lock()
	defer found.mu.Unlock()
	found.pages++
	for _, fault := range faults {
		if pair, ok := strings.CutPrefix(fault, "="); ok {
			number, field, _ := strings.Cut(pair, " ")
			if i, err := strconv.Atoi(number); err == nil {
				found.note(field, i)
			}
			continue
		}
		b.t.Errorf("%.300s: %s", path, fault)
	}
	b.quiet(path)
}

// inspection asks a page what is wrong with it, and which texts it shows.
var inspection = sync.OnceValue(func() string {
	forms := make([][]string, len(payloads))
	for i, p := range payloads {
		quoted := strconv.Quote(p) // as messages name what was typed
		forms[i] = []string{p, quoted[1 : len(quoted)-1]}
	}
	list, err := json.Marshal(forms)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf(inspecting, list)
})

const inspecting = `((payloads) => {
	const faults = [], show = (e) => e.outerHTML.slice(0, 200);
	const foreign = "iframe, object, embed, img, video, base, math, marquee, style, template, animate, svg script, [style], [srcdoc]";
	if (window.__hit !== undefined) faults.push("it ran");
	if (document.querySelector(foreign)) faults.push("not our element: " + show(document.querySelector(foreign)));
	for (const e of document.querySelectorAll("*")) for (const a of e.attributes) if (a.name.startsWith("on")) faults.push("a handler: " + show(e));
	for (const s of document.scripts) if (!s.src.startsWith(location.origin + "/static/") || s.textContent) faults.push("a script: " + show(s));
	for (const e of document.querySelectorAll("[href], [src], [action], [formaction]")) for (const n of ["href", "src", "action", "formaction"]) {
		const v = e.getAttribute(n);
		if (v !== null && !["http:", "https:"].includes(new URL(v, location.href).protocol)) faults.push("an address that runs: " + show(e));
		if (v !== null && e.tagName !== "A" && new URL(v, location.href).origin !== location.origin) faults.push("a request to elsewhere: " + show(e));
	}
	// Names of fixed lists are written with spaces for their underscores, sentences begin
	// with a capital, a line is one line, and marks of direction may be taken out.
	const plain = (s) => s.toLowerCase().replace(/[_\s\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+/g, " ").trim();
	const known = payloads.map((forms) => forms.map(plain));
	// Of several values in one field only the last piece stands before the mark.
	const pieces = payloads.map((forms) => plain(forms[0].trim().split(/[,;\s]+/).pop()));
	const texts = [document.title];
	for (const w = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT); w.nextNode();) texts.push(w.currentNode.data);
	for (const e of document.querySelectorAll("[title], [value], [aria-label]")) texts.push(e.getAttribute("title") ?? "", e.getAttribute("value") ?? "", e.getAttribute("aria-label") ?? "");
	const seen = new Set();
	for (const text of texts) for (const m of text.matchAll(/~([A-Z]\w+\.\w+)~/g)) {
		const before = plain(text.slice(0, m.index));
		let best = -1;
		known.forEach((forms, i) => { if (forms.some((f) => before.endsWith(f)) && (best < 0 || known[i][0].length > known[best][0].length)) best = i; });
		if (best >= 0) seen.add("=" + best + " " + m[1]);
		else if (!pieces.some((p) => before.endsWith(p))) faults.push("not letter by letter, " + m[1] + ": " + JSON.stringify(before.slice(-80)));
	}
	return faults.concat([...seen]);
})(%s)`
