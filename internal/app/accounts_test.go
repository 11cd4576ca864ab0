package app

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"keepwatch/internal/config"
)

const accountsFile = `version: 1
server: {listen: "127.0.0.1:0"}
store: {url: "sqlite:%DB%"}
tenants: [{id: emea, subdomain: mc563885gzs27c5t9-63k636ttgm}, {id: amer, subdomain: mc563885gzs27c5t9-63k636ttgn}]
credentials:
  - {id: crm-sync, tenant: emea, kind: sftp_password, username: x, expires: 2099-01-01, owner: {team: crm-platform}}
  - {id: us-leads, tenant: amer, kind: sftp_password, username: x, expires: 2099-01-01, owner: {team: sales-ops}}
`

// door is a daemon's pages and API in this process, as a browser meets them.
type door struct {
	t        *testing.T
	url      string
	password string // of the first administrator
}

func newDoor(t *testing.T) *door {
	t.Helper()
	dir := memoryDir(t)
	path := filepath.Join(dir, "keepwatch.yaml")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(accountsFile, "%DB%", filepath.Join(dir, "keepwatch.db"))), 0o600); err != nil {
		t.Fatal(err)
	}
	d := &door{t: t}
	a, err := New(t.Context(), Options{
		Load: func() (*config.Config, error) {
			return config.Load(path, func(string) (string, bool) { return "", false })
		},
		LookupEnv: func(string) (string, bool) { return "", false }, Version: "test", Logger: slog.New(slog.DiscardHandler),
		Announce: func(line string) { d.password = regexp.MustCompile(`password (\S+)`).FindStringSubmatch(line)[1] },
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(a.Handler())
	t.Cleanup(func() { server.Close(); _ = a.Stop() })
	d.url = server.URL
	return d
}

// browser keeps its cookies.
type browser struct {
	*door
	client *http.Client
}

func (d *door) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		d.t.Fatal(err)
	}
	return &browser{d, &http.Client{Jar: jar}}
}

// post sends a form and follows where it leads.
func (b *browser) post(path string, form url.Values) (int, string, string) {
	b.t.Helper()
	return b.send(http.MethodPost, path, form.Encode())
}

func (b *browser) get(path string) (int, string, string) { return b.send(http.MethodGet, path, "") }

func (b *browser) send(method, path, body string) (status int, page, at string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return res.StatusCode, string(text), res.Request.URL.Path
}

func (b *browser) signIn(name, password string) bool {
	b.t.Helper()
	_, _, at := b.post("/sign-in", url.Values{"name": {name}, "password": {password}})
	return at == "/"
}

var shownOnce = regexp.MustCompile(`id="once">([^<]+)<`)

// made is the password that a page shows once.
func (b *browser) made(path string, form url.Values) string {
	b.t.Helper()
	status, page, _ := b.post(path, form)
	m := shownOnce.FindStringSubmatch(page)
	if m == nil {
		b.t.Fatalf("%s: %d, nothing is shown once", path, status)
	}
	return m[1]
}

// A person gets an account for one team, sees that team's part alone, changes the
// password, and is out the moment the account is disabled.
func TestAnAccountFromItsFirstDayToItsLast(t *testing.T) {
	d := newDoor(t)
	admin := d.browser()
	if !admin.signIn("admin", d.password) {
		t.Fatal("the first administrator cannot sign in")
	}
	password := admin.made("/settings/users", url.Values{"name": {"anna@example.com"}, "role": {"operator"}, "tenant": {"emea"}, "team": {"crm-platform"}})
	anna := d.browser()
	if anna.signIn("anna@example.com", password+"x") || !anna.signIn("anna@example.com", password) {
		t.Fatal("the password that was shown is not the one that opens")
	}
	if _, page, _ := anna.get("/"); !strings.Contains(page, "crm-sync") || strings.Contains(page, "us-leads") || strings.Contains(page, "amer") || strings.Contains(page, `href="/settings"`) {
		t.Error("the overview shows another part than that of the team")
	}
	for path, want := range map[string]int{"/credentials/crm-sync": 200, "/credentials/us-leads": 404, "/settings": 403, "/settings/audit": 403, "/scan": 200, "/settings/configuration": 403, "/metrics": 403, "/api/v1/users": 403} {
		if status, _, _ := anna.get(path); status != want {
			t.Errorf("GET %s: %d, want %d", path, status, want)
		}
	}
	const own = "correct horse battery"
	for _, wrong := range []url.Values{
		{"current": {"wrong"}, "password": {own}, "again": {own}}, {"current": {password}, "password": {own}, "again": {own + "x"}}, {"current": {password}, "password": {"short"}, "again": {"short"}},
	} {
		if status, page, at := anna.post("/account/password", wrong); status != 400 || !strings.Contains(page, `role="alert"`) || at != "/account/password" {
			t.Errorf("%v: %d at %s", wrong, status, at)
		}
	}
	if _, _, at := anna.post("/account/password", url.Values{"current": {password}, "password": {own}, "again": {own}}); at != "/sign-in" {
		t.Errorf("after the change of the password one is at %s", at)
	}
	if anna.signIn("anna@example.com", password) || !anna.signIn("anna@example.com", own) {
		t.Error("the old password opens, or the new one does not")
	}
	admin.post("/settings/users/anna@example.com/disable", nil)
	if _, _, at := anna.get("/"); at != "/sign-in" {
		t.Errorf("a disabled account is at %s", at)
	}
	if status, page, _ := admin.post("/settings/users/admin/remove", nil); status != 409 || !strings.Contains(page, "another administrator") {
		t.Errorf("the last administrator is removed: %d", status)
	}
	_, log, _ := admin.get("/settings/audit")
	for _, entry := range []string{"POST /settings/users", "POST /settings/users/anna@example.com/disable", "POST /account/password", "POST /sign-in", "refused: 401", "refused: 409", "as they were written"} {
		if !strings.Contains(log, entry) {
			t.Errorf("the audit log lacks %q", entry)
		}
	}
	if status, page, _ := admin.get("/settings/audit?from=yesterday&who=anna"); status != 400 || !strings.Contains(page, "is no day") || !strings.Contains(page, `value="anna"`) || !strings.Contains(page, `value="yesterday"`) {
		t.Errorf("a wrong day of the filter: %d %s", status, page)
	}
	if strings.Contains(log, password) || strings.Contains(log, own) {
		t.Error("the audit log has a password")
	}
}
