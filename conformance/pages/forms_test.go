package pages

import (
	"bytes"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// form is one that a page has, as a visitor meets it.
type form struct {
	pattern string // of the route that it is sent to
	method  string
	action  string
	values  url.Values // as the page filled it in
	texts   []string   // fields that something is typed into
	dates   []string   // of those, what takes a day or a moment
	secret  []string   // of those, what no page may say again
}

// title names a form in the marks of what is typed: "AlertsSilences".
func (f form) title() string {
	var b strings.Builder
	b.WriteString(strings.ToUpper(f.method[:1]) + strings.ToLower(f.method[1:]))
	for _, part := range strings.FieldsFunc(variable.ReplaceAllString(strings.TrimSuffix(f.pattern, "{$}"), ""), func(c rune) bool { return strings.ContainsRune("/-.", c) }) {
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return b.String()
}

var noWord = regexp.MustCompile(`\W`)

func (f form) mark(field string) string {
	return f.title() + "." + noWord.ReplaceAllString(field, "_")
}

// typed is the form with texts in every field that something is typed into; fields of
// dates are as the page has them where they should be right.
func (f form) typed(texts []string, right bool) url.Values {
	out := url.Values{}
	for name, values := range f.values {
		out[name] = values
	}
	for _, name := range f.texts {
		if right && slices.Contains(f.dates, name) {
			continue
		}
		out.Set(name, strings.Join(texts, "~"+f.mark(name)+"~ ")+"~"+f.mark(name)+"~")
	}
	return out
}

// forms are those of all pages, each once for each route that it is sent to and for what
// is typed into it; and of the answers to forms that lead to further ones.
func (e *estate) forms(t testing.TB, v *visitor, further ...form) (out []form) {
	t.Helper()
	take := func(path string, body []byte) {
		for _, f := range e.formsOf(t, path, body) {
			if !slices.ContainsFunc(out, func(x form) bool {
				return x.pattern == f.pattern && x.method == f.method && slices.Equal(x.texts, f.texts)
			}) {
				out = append(out, f)
			}
		}
	}
	for _, a := range e.addresses(t) {
		take(a.path, v.ask(t, http.MethodGet, a.path, "").body)
	}
	stranger := e.visitor(t, "")
	take("/sign-in", stranger.ask(t, http.MethodGet, "/sign-in", "").body)
	for _, f := range further {
		take(f.action, v.ask(t, f.method, f.action, f.values.Encode(), "Content-Type", "application/x-www-form-urlencoded").body)
	}
	slices.SortFunc(out, func(a, b form) int { return strings.Compare(a.pattern+a.method, b.pattern+b.method) })
	return out
}

func (e *estate) formsOf(t testing.TB, path string, body []byte) (out []form) {
	t.Helper()
	doc, err := html.Parse(bytes.NewReader(body))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode || n.Data != "form" || attribute(n, "method") == "dialog" {
			continue
		}
		base := form{method: strings.ToUpper(attribute(n, "method")), action: attribute(n, "action"), values: url.Values{}}
		if base.action == "" {
			base.action = path
		}
		actions := []string{base.action}
		for field := range n.Descendants() {
			base.field(field)
			if other := attribute(field, "formaction"); other != "" {
				actions = append(actions, other)
			}
		}
		for _, action := range actions {
			f := base
			f.action, _, _ = strings.Cut(action, "#")
			if f.pattern = e.patternOf(f.method, f.action); f.pattern == "" {
				t.Errorf("a form of %s is sent to %s %s, where nobody listens", path, f.method, f.action)
				continue
			}
			out = append(out, f)
		}
	}
	return out
}

// field takes one field of the form.
func (f *form) field(n *html.Node) {
	name := attribute(n, "name")
	if n.Type != html.ElementNode || name == "" {
		return
	}
	switch n.Data {
	case "select":
		for o := range n.Descendants() {
			_, chosen := attributeOf(o, "selected")
			if o.Data == "option" && (chosen || !f.values.Has(name)) {
				value, ok := attributeOf(o, "value")
				if !ok && o.FirstChild != nil {
					value = o.FirstChild.Data
				}
				f.values.Set(name, value)
			}
		}
	case "textarea":
		f.values.Set(name, "")
		if n.FirstChild != nil {
			f.values.Set(name, n.FirstChild.Data)
		}
		f.texts = append(f.texts, name)
	case "button":
		if !f.values.Has(name) {
			f.values.Set(name, attribute(n, "value"))
		}
	case "input":
		switch kind := attribute(n, "type"); kind {
		case "file":
		case "checkbox", "radio":
			if _, on := attributeOf(n, "checked"); on {
				f.values.Add(name, attribute(n, "value"))
			}
		case "hidden":
			f.values.Add(name, attribute(n, "value"))
		default:
			f.values.Set(name, attribute(n, "value"))
			f.texts = append(f.texts, name)
			switch {
			case kind == "password":
				f.secret = append(f.secret, name)
			case strings.HasPrefix(kind, "date"):
				f.dates = append(f.dates, name)
			}
		}
	}
}

func attributeOf(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

func attribute(n *html.Node, name string) string {
	v, _ := attributeOf(n, name)
	return v
}

// patternOf is the path of the route that an address belongs to.
func (e *estate) patternOf(method, path string) string {
	u, err := url.Parse(path)
	if err != nil {
		return ""
	}
	best := ""
	for _, pattern := range append(e.pagePatterns(), e.apiPatterns()...) {
		m, p, ok := strings.Cut(pattern, " ")
		if !ok || m != method {
			continue
		}
		parts := variable.Split(strings.TrimSuffix(p, "{$}"), -1)
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		if regexp.MustCompile("^"+strings.Join(parts, "[^/]+")+"$").MatchString(u.EscapedPath()) && (best == "" || len(variable.FindAllString(p, -1)) < len(variable.FindAllString(best, -1))) {
			best = p
		}
	}
	return best
}

// TestEveryRouteOfAFormHasOne: what takes a form is behind a form of some page, or says
// here why it is not, so that nothing that can be typed is left out of the tests.
func TestEveryRouteOfAFormHasOne(t *testing.T) {
	e := calmEstate(t)
	have := map[string]bool{}
	v := e.visitor(t, "admin")
	for _, f := range e.forms(t, v, e.further(t, v)...) {
		have[f.method+" "+f.pattern] = true
	}
	for _, pattern := range e.pagePatterns() {
		if strings.HasPrefix(pattern, "POST ") && !have[pattern] {
			t.Errorf("no page has a form for %s", pattern)
		}
	}
}

// further are pages with forms that the addresses do not lead to: of a record that belongs
// to nobody's file, of several of them, and of a feed. It makes what they are about.
func (e *estate) further(t testing.TB, v *visitor) []form {
	t.Helper()
	for path, values := range map[string]url.Values{
		"/inventory/new": {"id": {"of-the-interface"}, "tenant": {"apac"}, "kind": {"server_to_server"}, "criticality": {"standard"}}, "/expiring/feeds": {"owner": {""}},
	} {
		if a := v.ask(t, http.MethodPost, path, values.Encode(), "Content-Type", "application/x-www-form-urlencoded"); a.status >= http.StatusBadRequest && a.status != http.StatusConflict {
			t.Fatalf("%s: %d %.300s", path, a.status, a.body)
		}
	}
	return []form{
		{method: http.MethodPost, action: "/inventory/bulk", values: url.Values{"record": {"of-the-interface"}}},
		{method: http.MethodGet, action: "/credentials/of-the-interface/edit"},
		{method: http.MethodGet, action: "/expiring"},
	}
}
