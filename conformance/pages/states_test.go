package pages

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"keepwatch/internal/app"
	"keepwatch/internal/config"
	"keepwatch/internal/store"
)

// newEmpty is a daemon on its first day: an account, and nothing else.
func newEmpty(t *testing.T, head string) *estate {
	t.Helper()
	dir := t.TempDir()
	e := &estate{people: map[string]string{}, zero: map[string]string{}, dbPath: filepath.Join(dir, "keepwatch.db")}
	file := filepath.Join(dir, "keepwatch.yaml")
	text := fmt.Sprintf("version: 1\nserver: {listen: \"127.0.0.1:0\", base_url: \"http://127.0.0.1\"}\nstore: {url: %q}\n%s", "sqlite:"+e.dbPath, head)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if e.db, err = store.Open(t.Context(), "sqlite:"+e.dbPath, store.Options{Logger: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.db.Close() })
	e.app, err = app.New(t.Context(), app.Options{
		Load: func() (*config.Config, error) { return config.Load(file, e.lookup) }, LookupEnv: e.lookup, Version: "test", Store: e.db,
		Announce: func(line string) {
			if m := regexp.MustCompile(`password (\S+)`).FindStringSubmatch(line); m != nil {
				e.people["admin"] = m[1]
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.app.Stop() })
	server := httptest.NewServer(e.app.Handler())
	t.Cleanup(server.Close)
	e.url = server.URL
	return e
}

// TestEveryPageWithoutAnything: before the first record, every page that there is says
// what it is for and how to begin, and is as sound as one that is full.
func TestEveryPageWithoutAnything(t *testing.T) {
	t.Parallel()
	e, source := newEmpty(t, ""), axe(t)
	b := e.tab(t, "admin")
	looked := 0
	for _, pattern := range e.pagePatterns() {
		method, path, _ := strings.Cut(pattern, " ")
		path = strings.TrimSuffix(path, "{$}")
		if method != http.MethodGet || strings.Contains(path, "{") || path == "/favicon.ico" || path == "/effect" {
			continue // of things that there are not yet
		}
		b.walk(path, http.StatusOK, source)
		if n := eval[int](b, `document.querySelector("main").innerText.trim().split(/\s+/).length`); n < 4 {
			t.Errorf("%s says %d words", path, n)
		}
		looked++
	}
	if looked < 15 {
		t.Errorf("only %d pages have no variable", looked)
	}
}

// faulty are answers that are no fine page: what was typed wrong, what is not there, what
// somebody may not do. Each says what is wrong, in an alert where it was typed.
type faulty struct {
	name   string
	who    string
	path   string
	form   url.Values // nil: it is asked for
	status int
	says   string
}

func (e *estate) faults() []faulty {
	id, incident := string(dead), string(e.incident.ID)
	form := func(pairs ...string) url.Values {
		v := url.Values{}
		for i := 0; i+1 < len(pairs); i += 2 {
			v.Add(pairs[i], pairs[i+1])
		}
		return v
	}
	const bad, missing = http.StatusBadRequest, http.StatusNotFound
	return []faulty{
		{"no page", "admin", "/nowhere", nil, missing, "no such page"},
		{"no credential", "admin", "/credentials/nobody", nil, missing, ""},
		{"no incident", "admin", "/incidents/aaaaaaaaaaaaaaaa", nil, missing, ""},
		{"no scan", "admin", "/scan/nothing", nil, missing, ""},
		{"no rotation", "admin", "/rotations/nothing", nil, missing, ""},
		{"a wrong status", "admin", "/incidents?status=odd", nil, bad, "open, resolved or all"},
		{"a wrong month", "admin", "/impact?month=odd", nil, bad, ""},
		{"a wrong day", "admin", "/credentials/" + id + "?day=odd", nil, bad, ""},
		{"a wrong zone", "admin", "/alerts/windows?zone=Mars", nil, bad, "no time zone"},
		{"nobody to explain", "admin", "/alerts/explain?credential=nobody", nil, missing, ""},
		{"a closed page", "vera", "/settings", nil, http.StatusForbidden, ""},
		{"a wrong password", "", "/sign-in?failed=1&next=/", nil, http.StatusOK, "wrong"},
		{"too many passwords", "", "/sign-in?failed=wait&next=/", nil, http.StatusOK, "Too many"},
		{"a silence of nothing", "admin", "/alerts/silences", form("do", "create", "credential", "nobody", "tenant", "nowhere", "outcome", "odd", "until", "2001-01-01T00:00", "from", "odd", "hours", "odd", "timezone", "Mars", "kind", "odd"), bad, "there is no credential"},
		{"a silence of everything", "admin", "/alerts/silences", form("do", "create", "until", "2001-01-01T00:00"), bad, "would hide what nobody has thought of"},
		{"a record that cannot be", "admin", "/inventory/new", form("id", "not an id", "tenant", "emea", "kind", "server_to_server"), bad, ""},
		{"a sheet of nothing", "admin", "/inventory/import", form("do", "preview"), bad, "nothing to read"},
		{"a sheet of faults", "admin", "/inventory/import", form("do", "preview", "format", "csv", "text", "id,tenant,kind,secret_generated\nx y,nowhere,odd,odd\n"), http.StatusOK, "left out"},
		{"no record selected", "admin", "/inventory/bulk", form("do", "preview"), bad, "no record is selected"},
		{"records of a file", "admin", "/inventory/bulk", form("do", "preview", "record", id, "set.region", "EU"), http.StatusOK, ""},
		{"an account of no name", "admin", "/settings/users", form("name", "a b", "role", "viewer"), bad, "cannot be the name"},
		{"a token without an end", "admin", "/settings/tokens", form("name", "x", "role", "viewer", "days", "odd"), bad, ""},
		{"two passwords", "admin", "/account/password", form("current", "x", "password", "a", "again", "b"), bad, "differ"},
		{"a zone of mine", "admin", "/appearance", form("zone", "Mars"), bad, "no time zone"},
		{"a note of nothing", "admin", "/incidents/" + incident + "/note", form("text", " "), bad, "nothing to write down"},
		{"a snooze without a reason", "admin", "/incidents/" + incident + "/snooze", form("for", "1h"), bad, "reason"},
		{"a link without an end", "admin", "/incidents/" + incident + "/share", form("for", "odd"), bad, "no length of time"},
		{"a rotation of nothing", "admin", "/rotations", form("credential", "nobody", "staged", "env:X", "generated", "2026-11-01"), missing, ""},
		{"a rotation without a day", "admin", "/rotations", form("credential", "us-leads", "staged", "nonsense", "generated", "odd"), bad, ""},
		{"a scan of nothing", "admin", "/scan", form("targets", "not a name!"), bad, ""},
	}
}

// TestEveryPageWithAFault looks at what is shown where something is wrong.
func TestEveryPageWithAFault(t *testing.T) {
	t.Parallel()
	e, source := calmEstate(t), axe(t)
	people := map[string]*tab{}
	for _, f := range e.faults() {
		b := people[f.who]
		if b == nil {
			b = e.tab(t, f.who)
			people[f.who] = b
		}
		b.size(looks[0].width)
		b.scheme(looks[0].scheme)
		if f.form == nil {
			b.open(f.path, f.status)
		} else {
			b.send(f.path, f.form, f.status)
		}
		if said := eval[string](b, `document.querySelector("main").innerText`); !strings.Contains(strings.ToLower(said), strings.ToLower(f.says)) {
			t.Errorf("%s: it does not say %q: %.500s", f.name, f.says, said)
		}
		if f.status >= http.StatusBadRequest && !eval[bool](b, `Boolean(document.querySelector("main [role=alert], main .problem, main [aria-invalid]"))`) {
			t.Errorf("%s: nothing is marked as wrong", f.name)
		}
		b.judged("fault "+f.name, source)
	}
}

// TestABrokenStoreIsAPage: what fails on our side is a page like others, and no all-clear.
func TestABrokenStoreIsAPage(t *testing.T) {
	t.Parallel()
	e, source := newEmpty(t, ""), axe(t)
	b := e.tab(t, "admin")
	b.size(looks[0].width)
	b.open("/account", http.StatusOK)
	if err := e.db.Close(); err != nil {
		t.Fatal(err)
	}
	b.open("/incidents", http.StatusServiceUnavailable)
	if said := eval[string](b, `document.body.innerText`); !contains(said, "no all-clear") {
		t.Errorf("a store that is gone: %.500s", said)
	}
	b.judged("fault of the store", source)
}

// send posts a form as a page of ours would, and waits for the answer.
func (b *tab) send(path string, form url.Values, status int) {
	b.t.Helper()
	b.mu.Lock()
	b.bytes, b.expected = 0, 0
	if status >= http.StatusBadRequest {
		b.expected = status
	}
	b.mu.Unlock()
	text, err := json.Marshal(map[string]any{"path": path, "form": form})
	if err != nil {
		b.t.Fatal(err)
	}
	eval[bool](b, `((sent) => {
		const form = document.createElement("form");
		form.method = "post"; form.action = sent.path;
		for (const [name, values] of Object.entries(sent.form)) for (const value of values) {
			const field = document.createElement("textarea");
			field.name = name; field.value = value;
			form.append(field);
		}
		document.body.append(form);
		window.before = true;
		form.submit();
		return true;
	})(`+string(text)+`)`)
	b.until("the answer to "+path, `window.before === undefined && document.readyState === "complete"`)
}
