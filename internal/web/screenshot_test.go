package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

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
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
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
	// chromium makes no window as narrow as a phone, so a frame stands in for one.
	mux.HandleFunc("/phone", func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, `<body style="margin:0"><iframe src="%s" width="390" height="1800" style="border:0">`, r.URL.Query().Get("page"))
	})
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
		for _, look := range []struct {
			name          string
			width, height int
			dark          bool
		}{{"light", 1280, 1500, false}, {"dark", 1280, 1500, true}, {"tablet", 768, 1300, false}, {"desk", 1440, 1300, false}, {"phone", 500, 1850, false}} {
			picture := filepath.Join(dir, name+"-"+look.name+".png")
			args := []string{
				"--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--user-data-dir=" + t.TempDir(),
				"--window-size=" + strconv.Itoa(look.width) + "," + strconv.Itoa(look.height),
				"--screenshot=" + picture,
			}
			address := server.URL + path
			if look.name == "phone" {
				address = server.URL + "/phone?page=" + url.QueryEscape(path)
			}
			if look.dark {
				args = append(args, "--blink-settings=preferredColorScheme=0")
			}
			if out, err := exec.Command(browser, append(args, address)...).CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", name, err, out)
			}
			if info, err := os.Stat(picture); err != nil || info.Size() < 5000 {
				t.Errorf("%s is not a picture of a page: %v", picture, err)
			}
		}
	}
}
