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
	var b strings.Builder
	n, gap := 0, false
	for _, r := range s {
		if r == utf8.RuneError || unicode.IsSpace(r) || unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
			gap = n > 0
			continue
		}
		if gap {
			b.WriteByte(' ')
			n, gap = n+1, false
		}
		if n >= limit-1 {
			b.WriteString("…")
			break
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}
