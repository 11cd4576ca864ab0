package web_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"keepwatch"
)

// TestScreenshots takes pictures of every page, to be looked at by people. It
// runs only when KEEPWATCH_SCREENSHOTS names a folder, and needs chromium.
func TestScreenshots(t *testing.T) {
	dir := os.Getenv("KEEPWATCH_SCREENSHOTS")
	if dir == "" {
		t.Skip("KEEPWATCH_SCREENSHOTS names no folder to put pictures in")
	}
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	e := newEstate(t).live()
	server := httptest.NewServer(e.site())
	defer server.Close()
	pages := map[string]string{
		"overview": "/", "credential": "/credentials/crm-sync", "healthy": "/credentials/us-orders", "new": "/credentials/sg-new-app",
		"incidents": "/incidents?status=all", "incident": "/incidents/" + string(e.incident(keepwatch.BadSecretOrPackage).ID),
		"sign-in": "/sign-in?failed=1", "missing": "/nothing",
	}
	for name, path := range pages {
		for _, look := range []struct {
			name          string
			width, height int
			dark          bool
		}{{"light", 1280, 1500, false}, {"dark", 1280, 1500, true}, {"phone", 500, 1800, false}} {
			args := []string{
				"--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--user-data-dir=" + t.TempDir(),
				"--window-size=" + strconv.Itoa(look.width) + "," + strconv.Itoa(look.height),
				"--screenshot=" + filepath.Join(dir, name+"-"+look.name+".png"),
			}
			if look.dark {
				args = append(args, "--blink-settings=preferredColorScheme=0")
			}
			if out, err := exec.Command(browser, append(args, server.URL+path)...).CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", name, err, out)
			}
		}
	}
}
