package pages

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"keepwatch/internal/link"
)

// calm is the estate in which nothing changes by itself.
var calm struct {
	once sync.Once
	e    *estate
	err  error
	dir  string
}

func calmEstate(t testing.TB) *estate {
	t.Helper()
	calm.once.Do(func() {
		if calm.dir, calm.err = os.MkdirTemp("", "keepwatch-calm-"); calm.err == nil {
			calm.e, calm.err = newEstate(context.Background(), calm.dir, true)
		}
	})
	if calm.err != nil {
		t.Fatal(calm.err)
	}
	return calm.e
}

// route is one way to ask the daemon for something, with what it takes.
type route struct {
	pattern, method, path, body, media string
	page                               bool
}

// routes are all of the daemon's, of the API and of the pages, from the muxes that serve
// them. Bodies follow from the API's own document; forms of pages are empty.
func (e *estate) routes(t testing.TB, pick func(name) string) (out []route) {
	t.Helper()
	doc, values := e.document(t), e.values(t)
	add := func(patterns []string, page bool) {
		for _, pattern := range patterns {
			method, path, ok := strings.Cut(pattern, " ")
			if !ok {
				continue // the page of what is not there
			}
			full, err := fill(path, values, pick)
			if err != nil {
				t.Errorf("%s: %v: add it to values in samples_test.go", pattern, err)
				continue
			}
			r := route{pattern: pattern, method: method, path: full, page: page, media: "application/x-www-form-urlencoded"}
			if op, ok := doc.Paths[path][strings.ToLower(method)]; ok {
				r.media = "application/json"
				r.path, r.body = full+op.query(doc), op.body(doc)
				if r.body == "x" {
					r.media = "text/plain"
				}
			}
			out = append(out, r)
		}
	}
	add(e.apiPatterns(), false)
	add(e.pagePatterns(), true)
	return out
}

// writes are the routes that may change something.
func writes(all []route) []route {
	return slices.DeleteFunc(all, func(r route) bool { return r.method == http.MethodGet })
}

func here(n name) string { return n.here }

// Other sites act for nobody: not with a session, not on any route.
func TestOtherSitesActNowhere(t *testing.T) {
	e := calmEstate(t)
	v, before := e.visitor(t, "admin"), e.rows(t)
	all := writes(e.routes(t, here))
	if len(all) < 40 {
		t.Fatalf("only %d routes change something", len(all))
	}
	for _, r := range all {
		for _, header := range [][]string{
			{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}, {"Origin", "null"},
			{"Sec-Fetch-Site", "cross-site", "Origin", e.url}, {"Sec-Fetch-Site", "cross-site", "Authorization", "Bearer " + e.token},
			{"Origin", "null", "Sec-Fetch-Site", "same-site"}, {"Origin", e.url + "0"},
		} {
			// The page behind a link sends no referrer; its own browser then says null, and the
			// link is what no other site knows (decision 0023).
			if strings.HasPrefix(r.path, link.Path) && slices.Equal(header, []string{"Origin", "null"}) {
				continue
			}
			a := v.ask(t, r.method, r.path, r.body, append(slices.Clone(header), "Content-Type", r.media)...)
			if a.status != http.StatusForbidden || !bytes.Contains(a.body, []byte("cross_origin")) {
				t.Errorf("%s %s with %v: %d %.200s", r.method, r.path, header, a.status, a.body)
			}
		}
	}
	same(t, before, e.rows(t))
}

// viewersMay are the routes that a viewer may use, and why. Every other one that is no
// GET is refused.
var viewersMay = map[string]string{
	"POST /sign-in":                 "it is how one becomes somebody",
	"POST /sign-out":                "it forgets one's own cookie",
	"POST /appearance":              "a cookie of one's own browser",
	"POST /account/password":        "one's own password, with the old one",
	"PUT /api/v1/account/password":  "one's own password, with the old one",
	"POST /api/v1/silences/preview": "it changes nothing",
	"POST " + link.Path + "{token}": "the link says what it may",
	"POST /rotations/tick/{token}":  "the link says what it may",
	"POST /ens/{callback}":          "a signature says who asks",
}

// A viewer changes nothing: each route that is no GET says 403, and no row of the store
// is another one.
func TestAViewerChangesNothing(t *testing.T) {
	e := calmEstate(t)
	v := e.visitor(t, "vera")
	before, unused := e.rows(t), maps.Clone(viewersMay)
	for _, r := range writes(e.routes(t, here)) {
		if _, may := viewersMay[r.pattern]; may {
			delete(unused, r.pattern)
			continue
		}
		if a := v.ask(t, r.method, r.path, r.body, "Content-Type", r.media, "If-Match", `"1"`, "Sec-Fetch-Site", "same-origin"); a.status != http.StatusForbidden {
			t.Errorf("%s %s with %q: %d %.300s", r.method, r.path, r.body, a.status, a.body)
		}
	}
	for pattern := range unused {
		t.Errorf("%s is no route", pattern)
	}
	same(t, before, e.rows(t))
	// And what she may do is not what others may not.
	a := v.ask(t, http.MethodPost, "/api/v1/silences/preview", `{"match":{"tenant":["emea"]},"reason":"x","until":"2099-01-01T00:00:00Z"}`, "Content-Type", "application/json")
	if a.status >= http.StatusInternalServerError {
		t.Errorf("preview: %d %s", a.status, a.body)
	}
	v.ask(t, http.MethodPost, "/appearance", "theme=dark&next=/", "Content-Type", "application/x-www-form-urlencoded")
	same(t, before, e.rows(t))
}

// What belongs to another team answers as what is not there, byte for byte, on each GET
// route that names one thing.
func TestWhatOthersOwnIsNotThere(t *testing.T) {
	e := demoEstate(t)
	admin, tom := e.visitor(t, "admin"), e.visitor(t, "tom")
	theirs, missing := e.named(t, here), e.named(t, func(n name) string { return n.missing })
	found := 0
	for i, r := range theirs {
		if admin.ask(t, r.method, r.path, "").status == http.StatusOK {
			found++
		}
		a, b := tom.ask(t, r.method, r.path, ""), tom.ask(t, r.method, missing[i].path, "")
		if strings.Contains(r.pattern, "{") && a.status != http.StatusNotFound && a.status != http.StatusForbidden {
			t.Errorf("GET %s: tom is answered %d: %.300s", r.path, a.status, a.body)
			continue
		}
		if a.status != b.status || !bytes.Equal(e.nameless(t, a.body), e.nameless(t, b.body)) || !maps.EqualFunc(plain(a.header), plain(b.header), slices.Equal) {
			t.Errorf("GET %s\n is  %d %s\n not %d %s", r.path, a.status, firstDifference(e.nameless(t, a.body), e.nameless(t, b.body)), b.status, "")
		}
	}
	if found < 12 {
		t.Errorf("only %d of %d addresses lead an administrator to something", found, len(theirs))
	}
	// Lists hold nothing of theirs.
	for _, a := range e.addresses(t) {
		if strings.Contains(a.path, string(dead)) || strings.Contains(a.pattern, "{") || strings.HasPrefix(a.path, "/effect?") {
			continue
		}
		if answer := tom.ask(t, http.MethodGet, a.path, ""); bytes.Contains(answer.body, []byte(dead)) || bytes.Contains(answer.body, []byte(e.incident.ID)) {
			t.Errorf("GET %s tells tom of %s", a.path, dead)
		}
	}
}

// public are routes that carry a secret of their own, or are the same for all.
func public(path string) bool {
	return slices.ContainsFunc([]string{link.Path, link.SharePath, "/rotations/tick/", "/static/", "/calendar/"}, func(p string) bool { return strings.HasPrefix(path, p) })
}

// named are the GET routes that name one thing, in the path or in the query.
func (e *estate) named(t testing.TB, pick func(name) string) (out []route) {
	t.Helper()
	for _, r := range e.routes(t, pick) {
		if r.method == http.MethodGet && strings.Contains(strings.TrimSuffix(r.pattern, "{$}"), "{") && !public(r.path) && !strings.Contains(r.pattern, "{month}") {
			out = append(out, r)
		}
	}
	values := e.values(t)
	for path, prefix := range map[string]string{
		"/effect?series=": "/effects/", "/api/v1/explain?credential=": "/credentials/", "/alerts/explain?credential=": "/credentials/", "/alerts/silences?credential=": "/credentials/",
	} {
		out = append(out, route{pattern: "GET " + path, method: http.MethodGet, path: path + url.QueryEscape(pick(values[prefix]))})
	}
	slices.SortFunc(out, func(a, b route) int { return strings.Compare(a.pattern, b.pattern) })
	return out
}

// nameless is an answer without the names that were asked for.
func (e *estate) nameless(t testing.TB, body []byte) []byte {
	t.Helper()
	var pairs []string
	for _, n := range e.values(t) {
		for _, s := range []string{n.here, n.missing} {
			if len(s) > 5 {
				pairs = append(pairs, url.PathEscape(s), "…", url.QueryEscape(s), "…", s, "…")
			}
		}
	}
	return []byte(strings.NewReplacer(pairs...).Replace(string(body)))
}

// plain are the headers that are no clock and no length, which follows from the name.
func plain(h http.Header) http.Header {
	h = h.Clone()
	h.Del("Date")
	h.Del("Content-Length")
	return h
}

func firstDifference(a, b []byte) string {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			from := max(0, i-80)
			return fmt.Sprintf("…%s\n  |  …%s", a[from:min(len(a), i+120)], b[from:min(len(b), i+120)])
		}
	}
	return fmt.Sprintf("%d and %d bytes", len(a), len(b))
}

// rows is a sum of each table's rows; the audit log is written by every try.
func (e *estate) rows(t testing.TB) map[string]string {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+e.dbPath+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	sums := map[string]string{}
	for _, table := range column(t, db, `SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name`) {
		if strings.HasPrefix(table, "sqlite_") || strings.HasPrefix(table, "audit") {
			continue
		}
		var fields []string
		for _, f := range column(t, db, `SELECT name FROM pragma_table_info('`+table+`')`) {
			if f != "signed_in_at" {
				fields = append(fields, `quote("`+f+`")`)
			}
		}
		all := column(t, db, `SELECT `+strings.Join(fields, ` || ',' || `)+` FROM "`+table+`"`)
		all = slices.DeleteFunc(all, func(row string) bool { return strings.HasPrefix(row, "'audit_head'") }) // of the log
		slices.Sort(all)
		sums[table] = fmt.Sprintf("%d rows %x", len(all), sha256.Sum256([]byte(strings.Join(all, "\n"))))
	}
	if len(sums) < 15 {
		t.Fatalf("only %d tables are known", len(sums))
	}
	return sums
}

func column(t testing.TB, db *sql.DB, query string) (out []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		var s sql.NullString
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s.String)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func same(t *testing.T, before, after map[string]string) {
	t.Helper()
	for table, sum := range after {
		if before[table] != sum {
			t.Errorf("the table %s has changed: %s, was %s", table, sum, before[table])
		}
	}
}

// document is what the tests need of the API's own.
type document struct {
	Paths      map[string]map[string]operation `json:"paths"`
	Components struct {
		Schemas map[string]schema `json:"schemas"`
	} `json:"components"`
}

type operation struct {
	Parameters []struct {
		Name     string `json:"name"`
		In       string `json:"in"`
		Required bool   `json:"required"`
		Schema   schema `json:"schema"`
	} `json:"parameters"`
	RequestBody struct {
		Content map[string]struct {
			Schema schema `json:"schema"`
		} `json:"content"`
	} `json:"requestBody"`
}

type schema struct {
	Ref        string            `json:"$ref"`
	Type       any               `json:"type"`
	Format     string            `json:"format"`
	Enum       []any             `json:"enum"`
	MinItems   int               `json:"minItems"`
	Items      *schema           `json:"items"`
	Properties map[string]schema `json:"properties"`
	Required   []string          `json:"required"`
}

func (e *estate) document(t testing.TB) document {
	t.Helper()
	var d document
	a := e.visitor(t, "admin").ask(t, http.MethodGet, "/api/v1/openapi.json", "")
	if err := json.Unmarshal(a.body, &d); err != nil || len(d.Paths) < 40 {
		t.Fatalf("the API's document: %d, %v", a.status, err)
	}
	return d
}

func (o operation) query(d document) string {
	q := url.Values{}
	for _, p := range o.Parameters {
		if p.In == "query" && p.Required {
			q.Set(p.Name, strings.Trim(fmt.Sprint(d.example(p.Schema)), `"`))
		}
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}

// body is a body of the route's shape: one that does not fit is refused before anybody
// asks who is there.
func (o operation) body(d document) string {
	content, ok := o.RequestBody.Content["application/json"]
	if !ok && len(o.RequestBody.Content) > 0 {
		return "x" // a sheet
	}
	if !ok {
		return ""
	}
	b, err := json.Marshal(d.example(content.Schema))
	if err != nil {
		return ""
	}
	return string(b)
}

// example is a small value that a schema allows.
func (d document) example(s schema) any {
	if s.Ref != "" {
		return d.example(d.Components.Schemas[s.Ref[strings.LastIndex(s.Ref, "/")+1:]])
	}
	if len(s.Enum) > 0 {
		return s.Enum[0]
	}
	kind, _ := s.Type.(string)
	if list, ok := s.Type.([]any); ok && len(list) > 0 {
		kind, _ = list[0].(string)
	}
	switch kind {
	case "object":
		out := map[string]any{}
		for _, name := range s.Required {
			out[name] = d.example(s.Properties[name])
		}
		return out
	case "array":
		out := []any{}
		for range s.MinItems {
			out = append(out, d.example(*s.Items))
		}
		return out
	case "integer", "number":
		return 1
	case "boolean":
		return true
	}
	switch s.Format {
	case "date-time":
		return "2099-01-01T00:00:00Z"
	case "date":
		return "2026-11-01"
	}
	return "x"
}

// No route falls over: none that is asked for something that there is, nor for what there
// is not.
func TestNoRouteFallsOver(t *testing.T) {
	e := calmEstate(t)
	v := e.visitor(t, "admin")
	for _, pick := range []func(name) string{here, func(n name) string { return n.missing }, func(name) string { return "\x00'\"<>%" }} {
		for _, r := range e.routes(t, pick) {
			if r.method != http.MethodGet && r.path != "/v1/traces" {
				continue
			}
			if a := v.ask(t, r.method, r.path, r.body, "Content-Type", r.media); a.status >= http.StatusInternalServerError && r.path != "/readyz" {
				t.Errorf("%s %s: %d %.300s", r.method, r.path, a.status, a.body)
			}
		}
	}
}
