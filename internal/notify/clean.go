package notify

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// clean makes one harmless line of foreign text. Line breaks would forge mail
// headers or further lines of a message, and directional marks make a name read
// as another one; both become spaces. Text over limit characters is cut.
func clean(s string, limit int) string {
	var out []rune
	gap := false
	for _, r := range s {
		if r == utf8.RuneError || unicode.IsSpace(r) || unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
			gap = len(out) > 0
			continue
		}
		if gap {
			out, gap = append(out, ' '), false
		}
		if out = append(out, r); len(out) > limit {
			return strings.TrimRight(string(out[:limit-1]), " ") + "…"
		}
	}
	return string(out)
}
