package inventory

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"keepwatch"
)

// fact is an error of one value: what is wrong, and what to do.
type fact struct{ message, hint string }

func (f fact) Error() string { return f.message }
func (f fact) Unwrap() error { return keepwatch.ErrInvalid }

func wrong(hint, format string, args ...any) error {
	return fact{fmt.Sprintf(format, args...), hint}
}

// fieldError names the field that an error is about.
type fieldError struct {
	field string
	err   error
}

func (e fieldError) Error() string { return e.field + ": " + e.err.Error() }
func (e fieldError) Unwrap() error { return e.err }

var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func identifierOf(what string) func(string) (string, error) {
	return func(s string) (string, error) {
		if !idPattern.MatchString(s) {
			return "", wrong("up to 64 letters, digits, dots, dashes and underscores, beginning with a letter or digit", "%s is not %s", shown(s), what)
		}
		return s, nil
	}
}

// free is text on one line. An expansion is refused: a configuration file that
// this is exported to would fill it from the environment.
func free(limit int) func(string) (string, error) {
	return func(s string) (string, error) {
		switch {
		case utf8.RuneCountInString(s) > limit:
			return "", wrong(fmt.Sprintf("at most %d characters", limit), "has %d characters", utf8.RuneCountInString(s))
		case !utf8.ValidString(s) || strings.ContainsFunc(s, isControl):
			return "", wrong("text on one line", "has control characters")
		case strings.Contains(s, "${env:"):
			return "", wrong("write the value itself", "has an expansion from the environment")
		}
		return s, nil
	}
}

func isControl(r rune) bool {
	return r < 0x20 || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 || r == utf8.RuneError
}

func choice[S ~string](what string, values ...S) func(string) (string, error) {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = string(v)
	}
	return func(s string) (string, error) {
		name := strings.ReplaceAll(strings.ToLower(s), " ", "_")
		if !slices.Contains(names, name) {
			return "", wrong("one of "+strings.Join(names, ", "), "%s is not %s", shown(s), what)
		}
		return name, nil
	}
}

var (
	schemePattern   = regexp.MustCompile(`^(file|vault|awssm|azurekv|gcpsm|k8s|sealed):\S`)
	variablePattern = regexp.MustCompile(`^env:[A-Za-z_][A-Za-z0-9_]*$`)
)

// secretReference reads a reference. What is no reference may be the secret
// itself, so it is not repeated.
func secretReference(s string) (string, error) {
	named := variablePattern.MatchString(s) || schemePattern.MatchString(s)
	if !named || len(s) > 1000 || strings.ContainsFunc(s, isControl) || strings.Contains(s, "${env:") {
		return "", wrong("write env:NAME or file:/path; the secret itself does not belong into a sheet", "is not a reference to a secret")
	}
	return s, nil
}

func webURL(s string) (string, error) {
	u, err := url.Parse(s)
	bad := err != nil || len(s) > 2048 || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || isControl(r) })
	if bad || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.Fragment != "" || strings.Contains(s, "${env:") {
		return "", wrong("https://HOST/PATH without user name, spaces and fragment", "is not a web address")
	}
	return s, nil
}

func hostPort(s string) (string, error) {
	host, port, err := net.SplitHostPort(s)
	n, bad := strconv.ParseUint(port, 10, 16)
	if err != nil || bad != nil || n == 0 || host == "" || len(s) > 300 || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || isControl(r) || r == '$' }) {
		return "", wrong("HOST:PORT, such as api.example.com:443", "%s is not an endpoint", shown(s))
	}
	return s, nil
}

func hostName(s string) (string, error) {
	if len(s) > 253 || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("/:@\\$", r) }) {
		return "", wrong("a name like api.example.com", "%s is not the name of a host", shown(s))
	}
	return s, nil
}

func setMID(c *keepwatch.Credential, s string) error {
	if s == "" {
		c.BusinessUnit = 0
		return nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 || n > 1e15 {
		return wrong("the number (MID) of a business unit", "%s is not the number of a business unit", shown(s))
	}
	c.BusinessUnit = keepwatch.MID(n)
	return nil
}

// spanText is "" for a duration that nobody set.
func spanText(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return keepwatch.FormatDuration(d)
}

func parseSpan(s string, least, most time.Duration) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	d, err := keepwatch.ParseDuration(s)
	if err != nil || d < least || d > most {
		return 0, wrong(fmt.Sprintf("%s to %s, written like 90s, 15m, 2h or 30d", keepwatch.FormatDuration(least), keepwatch.FormatDuration(most)), "%s is not a duration that fits here", shown(s))
	}
	return d, nil
}
