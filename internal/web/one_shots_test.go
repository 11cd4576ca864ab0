package web_test

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"keepwatch"
)

// TestScreenshotsOfOne takes pictures of the pages of one credential and one incident, at
// three widths, in both themes and whole, to be looked at by people.
func TestScreenshotsOfOne(t *testing.T) {
	dir := os.Getenv("KEEPWATCH_SCREENSHOTS")
	if dir == "" {
		t.Skip("KEEPWATCH_SCREENSHOTS names no folder to put pictures in")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := newStage(t)
	server := httptest.NewServer(s.site())
	t.Cleanup(server.Close)
	pages := map[string]string{
		"one-credential": "/credentials/crm-sync", "one-healthy": "/credentials/us-orders", "one-new": "/credentials/sg-new-app",
		"one-day": "/credentials/crm-sync?day=" + s.now.AddDate(0, 0, -55).Format("2006-01-02"), "one-edit": "/credentials/shop-orders/edit", "one-file": "/credentials/crm-sync/edit",
		"one-incident": s.path(), "one-over": "/incidents/" + string(s.incident(keepwatch.Timeout).ID), "one-incidents": "/incidents?status=all", "one-none": "/incidents?q=nothing-like-it",
		"one-shared": s.shared(""),
	}
	only := os.Getenv("KEEPWATCH_SCREENSHOTS_OF") // of one page, while it is being made
	shoot := func(name string) {
		if only != "" && !strings.Contains(name, only) {
			return
		}
		b := newBrowser(t, s.estate) // each lives for a minute
		b.url = server.URL
		for _, look := range []struct {
			name  string
			width int64
			dark  bool
		}{{"phone", 390, false}, {"phone-dark", 390, true}, {"tablet", 768, false}, {"desk", 1440, false}, {"desk-dark", 1440, true}} {
			theme := "light"
			if look.dark {
				theme = "dark"
			}
			b.do(chromedp.EmulateViewport(look.width, 900), themed(theme))
			b.open(pages[name])
			b.picture(filepath.Join(dir, name+"-"+look.name+".png"))
			if got := eval[int64](b, `Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)`); got > look.width {
				t.Errorf("%s is %d wide on a screen of %s: %s", name, got, strconv.FormatInt(look.width, 10), eval[string](b, wide))
			}
		}
	}
	for name := range pages {
		shoot(name)
	}
	s.restore()
	pages["one-restored"] = s.path()
	shoot("one-restored")
}

// themed makes the browser wish a theme.
func themed(theme string) chromedp.Action[chromedp.Void] {
	wish := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}}}
	return func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, wish)
		return chromedp.Void{}, err
	}
}
