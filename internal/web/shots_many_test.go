package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"keepwatch/internal/web"
)

// TestScreenshotsOfMany takes pictures of the pages of many things, to be looked at by people. It
// runs only when KEEPWATCH_SCREENSHOTS names a folder, and needs chromium.
func TestScreenshotsOfMany(t *testing.T) {
	dir := os.Getenv("KEEPWATCH_SCREENSHOTS")
	if dir == "" {
		t.Skip("KEEPWATCH_SCREENSHOTS names no folder to put pictures in")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	e := newEstate(t).live()
	e.fill(t, 24)
	empty := &estate{t: t, db: e.db, now: e.now, who: e.who}
	empty.snap.Tenants = tenants()
	nothing := empty.siteWith(empty.many)
	full := e.siteWith(func(o *web.Options) { e.many(o); o.Alerts = told{e} })
	address, bare := served(t, full), served(t, nothing)
	for name, path := range map[string]string{
		"many-overview": "/", "many-owner": "/?group=owner", "many-expiring": "/expiring", "many-date": "/expiring?view=date&within=180d", "many-inventory": "/inventory", "many-import": "/inventory/import",
		"many-findings": "/inventory/findings", "many-new": "/inventory/new",
	} {
		t.Run(name, func(t *testing.T) {
			b := newBrowser(t, &estate{t: t, db: e.db, now: e.now, who: e.who, snap: e.snap})
			b.url = address
			b.open(path)
			b.pictures(dir, name)
		})
	}
	b := newBrowser(t, e)
	b.url = address
	b.open("/inventory?owner=loyalty")
	b.run(`(document.querySelectorAll("[name=record]").forEach((c) => c.checked = true), document.getElementById("change").click())`)
	b.until("the form", `location.pathname === "/inventory/bulk" && document.readyState === "complete"`)
	b.pictures(dir, "many-bulk")
	b.run(`(document.querySelector("[name='set.owner.team']").value = "loyalty-eu", document.querySelector("[name='set.region']").value = "EMEA", document.getElementById("preview-button").click())`)
	b.until("the preview", `Boolean(document.getElementById("preview"))`)
	b.pictures(dir, "many-bulk-preview")
	b.open("/inventory/import")
	b.run(fmt.Sprintf(`(document.getElementById("text").value = %q, document.querySelector("[name=tenant]").value = "emea", document.getElementById("preview-button").click())`, pasted))
	b.until("the preview", `Boolean(document.getElementById("preview"))`)
	b.pictures(dir, "many-import-preview")
	b.url = bare
	b.open("/")
	b.pictures(dir, "many-empty")
}

// run does something in the page, such as a click that leaves it.
func (b *browser) run(expression string) {
	b.t.Helper()
	eval[bool](b, "("+expression+", true)")
}

func served(t *testing.T, h http.Handler) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// look sets the screen and the theme.
func (b *browser) look(width int64, theme string) {
	b.t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}}}
	b.do(chromedp.EmulateViewport(width, 900), chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, media)
		return err
	}))
}

// pictures takes the page as it is, on three widths, and dark.
func (b *browser) pictures(dir, name string) {
	b.t.Helper()
	for _, look := range []struct {
		name  string
		width int64
		theme string
	}{{"phone", 390, "light"}, {"tablet", 768, "light"}, {"desk", 1440, "light"}, {"dark", 1440, "dark"}, {"phone-dark", 390, "dark"}} {
		b.look(look.width, look.theme)
		b.picture(filepath.Join(dir, name+"-"+look.name+".png"))
	}
	b.look(1440, "light")
}

const pasted = "Name\tStatus\tDescription\tCreated Date\tModified Date\tClient Secret Expiration Date\nShop Sync\tActive\tOrders from the shop\t1/14/2024\t9/28/2026\t3/27/2027\nCafé Aufträge\tActive\t\t2/13/2024\t2/14/2024\t11/28/2026\nBroken\tActive\t\t2/14/2024\t2/14/2024\t13/45/2027\n"
