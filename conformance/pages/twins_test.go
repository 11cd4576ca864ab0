package pages

import (
	"bytes"
	"encoding/json"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"keepwatch/internal/link"
)

// twins are the addresses of the API that hold what a page shows; "…" stands for the last
// part of the page's path, and a page without one says why. A page that is missing here
// fails TestEveryPageHasATwin.
var twins = map[string][]string{
	"/{$}":                     {"/api/v1/overview", "/api/v1/credentials?limit=200", "/api/v1/incidents?status=open"},
	"/credentials/{id}":        {"/api/v1/credentials/…", "/api/v1/credentials/…/results", "/api/v1/credentials/…/changes", "/api/v1/credentials/…/traffic", "/api/v1/incidents?status=all&limit=200", "/api/v1/effects?credential=…", "/api/v1/rotations"},
	"/incidents":               {"/api/v1/incidents?status=all&limit=200", "/api/v1/credentials?limit=200"},
	"/incidents/{id}":          {"/api/v1/incidents/…", "/api/v1/incidents/…/shares", "/api/v1/effects?limit=200"},
	"/expiring":                {"/api/v1/expiring?within=365d&limit=200", "/api/v1/expiring?within=365d&clock=idle&limit=200"},
	"/effects":                 {"/api/v1/effects?limit=200"},
	"/effect":                  {"/api/v1/effects/…"},
	"/inventory":               {"/api/v1/inventory?limit=200", "/api/v1/credentials?limit=200", "/api/v1/findings"},
	"/inventory/import":        nil, // a form
	"/rotations":               {"/api/v1/rotations", "/api/v1/expiring?within=365d&limit=200"},
	"/rotations/{id}":          {"/api/v1/rotations/…"},
	"/rotations/tick/{token}":  {"/rotations/tick/…"},
	link.Path + "{token}":      {link.Path + "…", "/api/v1/incidents/<incident>"},
	"/credentials/{id}/edit":   {"/api/v1/credentials/…/record"},
	"/inventory/new":           nil, // a form
	"/inventory/findings":      {"/api/v1/findings", "/api/v1/credentials?limit=200"},
	link.SharePath + "{token}": {"/api/v1/incidents/<incident>", "/api/v1/incidents/<incident>/shares"},
	"/impact":                  {"/api/v1/reports/<month>?format=json", "/api/v1/reports/<month>/compared"},
	"/alerts":                  {"/api/v1/receivers", "/api/v1/routes"},
	"/alerts/explain":          {"/api/v1/explain?credential=" + string(dead), "/api/v1/credentials?limit=200"},
	"/alerts/silences":         {"/api/v1/silences", "/api/v1/credentials?limit=200"},
	"/alerts/windows":          {"/api/v1/silences", "/api/v1/credentials?limit=200"},
	"/settings/configuration":  {"/api/v1/config"},
	"/alerts/messages":         {"/api/v1/deliveries?limit=200", "/api/v1/receivers"},
	"/scan":                    {"/api/v1/scans"},
	"/scan/{id}":               {"/api/v1/scans/…"},
	"/settings":                {"/api/v1/users", "/api/v1/tokens"},
	"/settings/audit":          {"/api/v1/audit?limit=200", "/api/v1/audit/state"},
	"/account":                 nil, // one's own name, and forms
	"/sign-in":                 nil, // a form
}

// TestEveryPageHasATwin: what a page says, the API says. Every word of a page's content
// is a word of its twin or one that the program itself writes, every name and long number
// is in the twin as it stands, and every instant is one of the twin's.
func TestEveryPageHasATwin(t *testing.T) {
	e, own := demoEstate(t), vocabulary(t)
	v := e.visitor(t, "admin")
	for _, a := range e.addresses(t) {
		_, pattern, _ := strings.Cut(a.pattern, " ")
		list, ok := twins[pattern]
		if !ok {
			t.Errorf("%s has no twin: add it to twins, with the addresses of the API that hold what it shows", pattern)
			continue
		}
		if list == nil {
			continue
		}
		var missing []string
		for range 3 { // a run may end between the two questions
			began := time.Now()
			page, twin := v.ask(t, http.MethodGet, a.path, "").body, v.twin(t, a.path, list)
			for at := began; at.Before(time.Now().Add(time.Second)); at = at.Add(time.Second) {
				twin = append(twin, at.UTC().Format(time.RFC3339)) // a page may say when it was read
			}
			if missing = factsMissing(page, twin, own); len(missing) == 0 {
				break
			}
		}
		for _, m := range missing {
			t.Errorf("%s shows %s, and %v does not", a.path, m, list)
		}
	}
}

func (v *visitor) twin(t *testing.T, path string, list []string) (values []any) {
	t.Helper()
	u, err := url.Parse(path)
	if err != nil {
		t.Fatal(err)
	}
	last := strings.TrimSuffix(u.EscapedPath(), "/edit")
	last = last[strings.LastIndex(last, "/")+1:]
	if series := u.Query().Get("series"); series != "" {
		last = url.PathEscape(series)
	}
	for _, address := range list {
		a := v.ask(t, http.MethodGet, strings.NewReplacer("…", last, "<incident>", string(v.e.incident.ID), "<month>", thisMonth()).Replace(address), "", "Accept", "application/json")
		var value any
		if err := json.Unmarshal(a.body, &value); err != nil || a.status != http.StatusOK {
			t.Fatalf("%s for %s: %d %.200s", address, path, a.status, a.body)
		}
		values = append(values, value)
	}
	return values
}

var (
	word     = regexp.MustCompile(`\p{L}{3,}`)
	compound = regexp.MustCompile(`[\p{L}\d]+(?:[-_@./:][\p{L}\d]+)+`)
	line     = regexp.MustCompile(`:\d+$`)
	cut      = regexp.MustCompile(`\S+…`) // of a text that is too long for its place
	digits   = regexp.MustCompile(`\d{5,}`)
)

// known is what a page may say.
type known struct {
	text     strings.Builder
	words    map[string]bool
	instants map[int64]bool
	numbers  []float64
}

func (k *known) add(text string) {
	k.text.WriteString(strings.ToLower(text) + "\n")
	for _, w := range word.FindAllString(text, -1) {
		k.words[strings.ToLower(w)] = true
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		k.instants[at.Unix()] = true
	}
}

func (k *known) walk(v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			k.add(name)
			k.walk(value)
		}
	case []any:
		for _, value := range v {
			k.walk(value)
		}
	case string:
		k.add(v)
	case float64:
		k.numbers = append(k.numbers, v)
	}
}

// vocabulary is what the program itself writes: the text of templates, and the words in
// the code that makes sentences.
func vocabulary(t *testing.T) *known {
	t.Helper()
	k := &known{words: map[string]bool{}, instants: map[int64]bool{}}
	literal := regexp.MustCompile("\"(?:[^\"\\\\\n]|\\\\.)*\"|`[^`]*`")
	for _, pattern := range []string{"../*.go", "web/templates/*.html", "web/*.go", "view/*.go", "link/*.go", "rotate/*.go", "scan/*.go"} {
		files, err := filepath.Glob("../../internal/" + pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(f, "_test.go") {
				continue
			}
			if strings.HasSuffix(f, ".html") {
				k.add(string(b))
				continue
			}
			for _, s := range literal.FindAllString(string(b), -1) {
				k.add(s)
			}
		}
	}
	for m := time.January; m <= time.December; m++ {
		k.add(m.String() + " " + m.String()[:3])
	}
	for d := time.Sunday; d <= time.Saturday; d++ {
		k.add(d.String() + " " + d.String()[:3])
	}
	return k
}

// factsMissing are what a page says and neither its twin nor the program does.
func factsMissing(page []byte, twin []any, own *known) (missing []string) {
	k := &known{words: map[string]bool{}, instants: map[int64]bool{}}
	for _, v := range twin {
		k.walk(v)
	}
	all := k.text.String()
	text, instants := content(page)
	note := func(what string) {
		if len(missing) < 10 && !slices.Contains(missing, what) {
			missing = append(missing, what)
		}
	}
	for _, w := range word.FindAllString(text, -1) {
		if w = strings.ToLower(w); !k.words[w] && !own.words[w] && !own.words[strings.TrimSuffix(w, "s")] {
			note("the word " + w)
		}
	}
	for _, c := range compound.FindAllString(text, -1) {
		c = line.ReplaceAllString(strings.ToLower(c), "") // the twin has file and line apart
		if word.MatchString(c) && !strings.Contains(all, c) && !strings.Contains(own.text.String(), c) {
			note("the name " + c)
		}
	}
	for _, d := range digits.FindAllString(text, -1) {
		n, err := strconv.ParseFloat(d, 64)
		if !strings.Contains(all, d) && (err != nil || !slices.ContainsFunc(k.numbers, func(x float64) bool { return math.Abs(x-n) < 1 })) {
			note("the number " + d)
		}
	}
	for _, at := range instants {
		if !k.instants[at.Unix()] {
			note("the instant " + at.Format(time.RFC3339))
		}
	}
	return missing
}

// content is what stands in main, but for what is said in the attributes.
func content(page []byte) (text string, instants []time.Time) {
	doc, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		return "", nil
	}
	var b strings.Builder
	var walk func(*html.Node, bool)
	walk = func(n *html.Node, inside bool) {
		if n.Type == html.ElementNode {
			inside = inside || n.Data == "main"
			for _, a := range n.Attr {
				if at, err := time.Parse(time.RFC3339, a.Val); inside && a.Key == "datetime" && err == nil {
					instants = append(instants, at)
				}
			}
			if n.Data == "time" || n.Data == "svg" {
				return // its instant counts; a picture adds up what the twin has
			}
		}
		if n.Type == html.TextNode && inside {
			b.WriteString(n.Data + " ")
		}
		for c := range n.ChildNodes() {
			walk(c, inside)
		}
	}
	walk(doc, false)
	return cut.ReplaceAllString(b.String(), ""), instants
}

// TestTheTwinIsCompared proves that the comparison can fail.
func TestTheTwinIsCompared(t *testing.T) {
	twin := []any{map[string]any{"id": "crm-sync", "mid": 510000123.0, "at": "2026-11-30T10:00:00Z"}}
	own := &known{words: map[string]bool{"owner": true}, instants: map[int64]bool{}}
	page := `<body>elsewhere<main>Owner crm-sync 510000123 <time datetime="2026-11-30T10:00:00Z">now</time></main>`
	if missing := factsMissing([]byte(page), twin, own); len(missing) != 0 {
		t.Errorf("missing %q", missing)
	}
	page = `<main>Owner loyalty crm-other 510000124 <time datetime="2026-11-30T10:00:01Z">now</time></main>`
	if missing := factsMissing([]byte(page), twin, own); len(missing) != 5 {
		t.Errorf("missing %q", missing)
	}
}
