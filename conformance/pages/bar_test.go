package pages

import (
	"net/http"
	"testing"
)

// TestTheBarIsWholeAtEveryWidth: however wide a window is, the names at the top are whole
// and within it, or they are a menu.
func TestTheBarIsWholeAtEveryWidth(t *testing.T) {
	b := demoEstate(t).tab(t, "admin")
	b.open("/effects", http.StatusOK)
	for width := int64(320); width <= 1480; width += 20 {
		b.size(width)
		cut := eval[[]string](b, `[...document.querySelectorAll(".top a, .top button, .top .live")].filter((e) => {
			if (!e.checkVisibility() || !e.textContent.trim()) return false;
			const range = document.createRange();
			range.selectNodeContents(e);
			const words = range.getBoundingClientRect();
			for (let box = e; box.matches("body *"); box = box.parentElement) {
				if (getComputedStyle(box).overflowX !== "visible" && words.right > box.getBoundingClientRect().right + 1) return true;
			}
			return words.right > innerWidth;
		}).map((e) => e.textContent.trim())`)
		if len(cut) > 0 {
			t.Errorf("on %d: %q are cut", width, cut)
		}
	}
}
