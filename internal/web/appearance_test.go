package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"keepwatch"
	"keepwatch/internal/auth"
)

// with reads a page as a browser that keeps cookies.
func with(t *testing.T, h http.Handler, path string, cookies ...string) string {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1"+path, nil)
	r.Header.Set("Cookie", strings.Join(cookies, "; "))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Body.String()
}

func TestThemeAndZoneAreKeptByTheBrowser(t *testing.T) {
	e := newEstate(t).live()
	h := e.site()
	for _, c := range []struct {
		form   url.Values
		cookie string
		to     string
	}{
		{url.Values{"theme": {"dark"}, "next": {"/incidents?status=all"}}, "keepwatch_theme=dark", "/incidents?status=all"},
		{url.Values{"theme": {"system"}, "next": {"//evil.example"}}, "keepwatch_theme=; Path=/; Max-Age=0", "/"},
		{url.Values{"zone": {" Asia/Tokyo "}, "next": {"/account"}}, "keepwatch_zone=Asia/Tokyo", "/account"},
		{url.Values{"zone": {""}}, "keepwatch_zone=; Path=/; Max-Age=0", "/"},
	} {
		w := postForm(t, h, "/appearance", c.form)
		cookie := w.Header().Get("Set-Cookie")
		if w.Code != http.StatusSeeOther || w.Header().Get("Location") != c.to || !strings.HasPrefix(cookie, c.cookie) || !strings.Contains(cookie, "HttpOnly; SameSite=Lax") {
			t.Errorf("%v: %d to %q with %q", c.form, w.Code, w.Header().Get("Location"), cookie)
		}
	}
	if w := postForm(t, h, "/appearance", url.Values{"theme": {"pink"}}); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "light, dark or system") {
		t.Errorf("pink: %d", w.Code)
	}
	for _, zone := range []string{"Moon/Base", "Local", "../../etc/passwd", strings.Repeat("x", 500)} {
		w := postForm(t, h, "/appearance", url.Values{"zone": {zone}})
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "is no time zone") || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%.20s: %d %v", zone, w.Code, w.Header())
		}
	}
	e.who = auth.Principal{}
	if w := postForm(t, h, "/appearance", url.Values{"theme": {"dark"}}); w.Code != http.StatusUnauthorized {
		t.Errorf("a stranger: %d", w.Code)
	}
}

func TestPagesFollowTheme(t *testing.T) {
	h := newEstate(t).site()
	for cookie, want := range map[string][]string{
		"keepwatch_theme=dark":     {`<html lang="en" data-theme="dark">`, `content="dark"`},
		"keepwatch_theme=light":    {`<html lang="en" data-theme="light">`, `content="light"`},
		"":                         {`<html lang="en">`, `content="light dark"`},
		`keepwatch_theme="><b>x"`:  {`<html lang="en">`},
		"keepwatch_zone=Moon/Base": {`<html lang="en">`},
	} {
		body := with(t, h, "/incidents", cookie)
		for _, w := range want {
			if !strings.Contains(body, w) {
				t.Errorf("%q: the page lacks %s", cookie, w)
			}
		}
	}
}

// Clock times say their zone; the title is the exact instant, in UTC.
func TestClockTimesAreWrittenInTheZone(t *testing.T) {
	e := newEstate(t).live()
	h, path := e.site(), "/incidents/"+string(e.incident(keepwatch.BadSecretOrPackage).ID)
	for cookie, zone := range map[string]string{"": "UTC", "keepwatch_zone=Asia/Tokyo": "Asia/Tokyo", "keepwatch_zone=Local": "UTC"} {
		doc, err := html.Parse(strings.NewReader(with(t, h, path, cookie)))
		if err != nil {
			t.Fatal(err)
		}
		place, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		found := find(doc, "time[data-form=clock]")
		if len(found) == 0 {
			t.Fatal("no clock time")
		}
		for _, n := range found {
			at, err := time.Parse(time.RFC3339, attr(n, "datetime"))
			if err != nil || text(n) != at.In(place).Format("2 Jan 15:04:05 MST") || attr(n, "title") != at.UTC().Format("Mon 2 Jan 2006 15:04:05")+" UTC" {
				t.Errorf("%s: %q with the title %q for %q", zone, text(n), attr(n, "title"), attr(n, "datetime"))
			}
		}
	}
	e.who = auth.Principal{} // a stranger's zone costs nothing
	if body := with(t, h, "/sign-in", "keepwatch_zone=Asia/Tokyo"); strings.Contains(body, "Tokyo") {
		t.Error("a stranger chose a zone")
	}
}

// In an attribute a time is text alone.
func TestTimesInAttributesAreText(t *testing.T) {
	e := newEstate(t).live()
	body := with(t, e.site(), "/")
	for _, part := range strings.Split(body, `title="`)[1:] {
		if title, _, _ := strings.Cut(part, `"`); strings.ContainsAny(title, "<>") || strings.Contains(title, "&lt;time") {
			t.Fatalf("a title is %q", title)
		}
	}
}

// The navigation leads to what there is, and to what a reader may open.
func TestNavigationLeadsToWhatThereIs(t *testing.T) {
	e := newEstate(t)
	paths := func() (out []string) {
		_, doc := get(t, e.site(), "/")
		for _, a := range find(doc, "#sections a") {
			out = append(out, attr(a, "href"))
		}
		return out
	}
	for _, path := range paths() {
		if w, _ := get(t, e.guarded(), "http://127.0.0.1"+path); w.Code != http.StatusOK {
			t.Errorf("%s answered %d", path, w.Code)
		}
	}
	e.who = auth.PrincipalOf("tom", []auth.Grant{{Role: auth.Viewer, Tenant: "amer"}}, auth.ViaToken)
	for _, path := range paths() {
		if path == "/settings" {
			t.Error("a reader of a part is led to the settings")
		}
		if w, _ := get(t, e.site(), path); w.Code != http.StatusOK {
			t.Errorf("a reader of a part is led to %s, which answers %d", path, w.Code)
		}
	}
}

func TestTheErrorPageClaimsNothing(t *testing.T) {
	e := newEstate(t)
	_, doc := get(t, e.site(), "/missing")
	has(t, doc, ".fault .tag", "404")
	none(t, doc, ".fault .note")
	e.db.Close()
	w, doc := get(t, e.site(), "/")
	has(t, doc, ".fault .note", "nothing is known")
	if w.Code < 500 || strings.Contains(w.Body.String(), `id="live"`) {
		t.Errorf("%d: a page that failed looks fresh", w.Code)
	}
}
