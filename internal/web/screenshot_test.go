package web_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"keepwatch"
	"keepwatch/internal/link"
	"keepwatch/internal/web"
)

// TestScreenshots takes pictures of every page, to be looked at by people. It
// runs only when KEEPWATCH_SCREENSHOTS names a folder, and needs chromium.
func TestScreenshots(t *testing.T) {
	dir := os.Getenv("KEEPWATCH_SCREENSHOTS")
	if dir == "" {
		t.Skip("KEEPWATCH_SCREENSHOTS names no folder to put pictures in")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	e := newEstate(t).live().withMessages()
	mux := http.NewServeMux()
	mux.Handle("/", e.withDates())
	d := e.desk()
	told := e.siteWith(func(o *web.Options) { o.Alerts, o.Links = told{e}, d })
	for _, path := range []string{"/alerts", "/alerts/", link.Path} {
		mux.Handle(path, told)
	}
	acts := links(t, d, e.incident(keepwatch.BadSecretOrPackage))
	server := httptest.NewServer(mux)
	defer server.Close()
	pages := map[string]string{
		"overview": "/", "credential": "/credentials/crm-sync", "healthy": "/credentials/us-orders", "new": "/credentials/sg-new-app",
		"incidents": "/incidents?status=all", "incident": "/incidents/" + string(e.incident(keepwatch.BadSecretOrPackage).ID),
		"expiring": "/expiring?within=180d", "scans": "/scan", "scan": "/scan/done", "tick": "/rotations/tick/open-sesame", "sign-in": "/sign-in?failed=1", "missing": "/nothing",
		"alerts": "/alerts", "explain": "/alerts/explain?credential=crm-sync", "silences": "/alerts/silences?credential=crm-sync", "messages": "/alerts/messages",
		"act": acts[keepwatch.LinkSnooze],
	}
	for name, path := range pages {
		b := newBrowser(t, e) // each lives for a minute
		b.url = server.URL
		for _, look := range []struct {
			name          string
			width, height int64
			theme         string
		}{{"light", 1280, 1500, "light"}, {"dark", 1280, 1500, "dark"}, {"tablet", 768, 1300, "light"}, {"desk", 1440, 1300, "light"}, {"phone", 390, 1800, "light"}} {
			b.do(chromedp.EmulateViewport(look.width, look.height), themed(look.theme))
			b.open(path)
			b.picture(filepath.Join(dir, name+"-"+look.name+".png"))
		}
	}
}
