package email

import (
	"errors"
	"fmt"
	markup "html"
	"net/url"
	"strings"
	"testing"

	"keepwatch"
)

// A server that repeats what it was sent shows no password, however the library
// quotes its answer.
func TestFailureHidesARepeatedPassword(t *testing.T) {
	for _, password := range []string{"rtm;pUdcYn\"sh9MsH<Gwo6nJ", `back\slash"and\quote`, "plain-Passw0rd-of-24-char"} {
		for name, answer := range map[string]string{
			"as it is":      "454 cannot sign in with " + password,
			"quoted":        fmt.Sprintf("454 %q", "cannot sign in with "+password),
			"cut":           fmt.Sprintf("454 %q", "cannot sign in with "+password[:len(password)*2/3]),
			"its end":       fmt.Sprintf("454 %q", "cannot sign in with "+password[len(password)/3:]),
			"as HTML":       fmt.Sprintf("454 %q", "cannot sign in with "+markup.EscapeString(password)),
			"as HTML, cut":  fmt.Sprintf("454 %q", "cannot sign in with "+markup.EscapeString(password[:len(password)*2/3])),
			"as numbers":    fmt.Sprintf("454 %q", "cannot sign in with "+numbered(password, "&#%d;")),
			"in JSON":       fmt.Sprintf("454 %q", "cannot sign in with "+numbered(password, `\u%04x`)),
			"in an address": "454 cannot sign in with " + numbered(password, "%%%02X"),
			"escaped":       "454 cannot sign in with " + url.QueryEscape(password),
			"wide":          fmt.Sprintf("454 %q", "cannot sign in with "+numbered(password, "%c\x00")),
			"wide, twice":   fmt.Sprintf("%q", fmt.Sprintf("454 %q", "cannot sign in with "+numbered(password, "\x00%c"))),
			"twice":         fmt.Sprintf("%q", fmt.Sprintf("454 %q", "cannot sign in with "+password)),
		} {
			got := failure(errors.New(answer), keepwatch.NewSecret([]byte(password))).Error()
			for i := range len(password) - enough {
				if part := password[i : i+enough]; strings.Contains(got, part) || strings.Contains(markup.UnescapeString(got), part) || strings.Contains(unquoted(got), unquoted(part)) {
					t.Fatalf("%s: %s", name, got)
				}
			}
			if strings.Contains(got, "&#") || strings.Contains(got, `\u00`) || strings.Count(got, "%") > 2 {
				t.Errorf("%s: %s", name, got)
			}
		}
	}
	if got := failure(errors.New("454 try again later"), keepwatch.NewSecret([]byte("secret"))).Error(); !strings.HasSuffix(got, "454 try again later") {
		t.Errorf("an ordinary answer reads %q", got)
	}
}

// numbered spells each byte of a text.
func numbered(s, format string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, format, s[i])
	}
	return b.String()
}
