package logs

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc"
)

const (
	maxTemplate = 500
	// MaxLine is how long a line is looked at; what comes after is cut off.
	MaxLine = 16 << 10
)

// fields are the parts of a template. Each is one pattern without nesting, in RE2: a
// hostile line costs time in proportion to its length and no more.
var fields = map[string]string{
	"time":      `[0-9][0-9A-Za-z:.,+/ -]{5,40}?`,
	"level":     `[A-Za-z]{3,9}`,
	"status":    `[0-9]{3}`,
	"code":      `[A-Za-z0-9_.-]{1,80}`,
	"message":   `.*`,
	"method":    `[A-Z]{3,7}`,
	"url":       `\S+`,
	"duration":  `[0-9]+(?:\.[0-9]+)?(?:ms|s|m)?`,
	"client_id": `[A-Za-z0-9_-]{1,80}`,
	"skip":      `.*?`,
}

// FieldNames are the parts that a template may have.
func FieldNames() []string {
	return []string{"time", "level", "status", "code", "message", "method", "url", "duration", "client_id", "skip"}
}

// Format reads the lines of one kind of program.
type Format struct {
	line *regexp.Regexp
	sdk  *sdk // nil: a template says all
}

var part = regexp.MustCompile(`%\{([a-z_]*)\}`)

// ParseTemplate reads a template such as "%{time} %{level} %{message}". What stands
// between the parts has to stand in the line; a space stands for any white space. Errors
// say what is wrong and allow.
func ParseTemplate(s string) (Format, error) {
	if len(s) > maxTemplate || strings.TrimSpace(s) == "" {
		return Format{}, bad("a template has 1 to 500 characters")
	}
	var b strings.Builder
	b.WriteString(`^\s*`)
	seen, at := []string{}, 0
	for _, m := range part.FindAllStringSubmatchIndex(s, -1) {
		name := s[m[2]:m[3]]
		pattern, known := fields[name]
		switch {
		case !known:
			return Format{}, bad("%%{%s} is no part of a line", name)
		case name != "skip" && slices.Contains(seen, name):
			return Format{}, bad("%%{%s} stands twice", name)
		}
		b.WriteString(literal(s[at:m[0]]))
		if name == "skip" {
			b.WriteString(pattern)
		} else {
			b.WriteString("(?P<" + name + ">" + pattern + ")")
			seen = append(seen, name)
		}
		at = m[1]
	}
	b.WriteString(literal(s[at:]) + `\s*$`)
	if !slices.ContainsFunc(seen, func(n string) bool { return n == "status" || n == "code" || n == "message" }) {
		return Format{}, bad("without status, code or message nobody can tell how a call went")
	}
	re, err := regexp.Compile(b.String())
	if err != nil {
		return Format{}, bad("it cannot be read")
	}
	return Format{line: re}, nil
}

func bad(format string, args ...any) error {
	return keepwatch.WithHint(fmt.Errorf(format+": %w", append(args, keepwatch.ErrInvalid)...), "%{"+strings.Join(FieldNames(), "}, %{")+"}")
}

func literal(s string) string {
	words := strings.Fields(s)
	if len(words) == 0 {
		if s != "" {
			return `\s+`
		}
		return ""
	}
	for i, w := range words {
		words[i] = regexp.QuoteMeta(w)
	}
	out := strings.Join(words, `\s+`)
	if s[0] == ' ' {
		out = `\s+` + out
	}
	if s[len(s)-1] == ' ' {
		out += `\s+`
	}
	return out
}

// values are what a line says.
type values struct {
	time, level, message, url, code, clientID string
	status                                    int
	took                                      time.Duration
	kind                                      keepwatch.CallKind // "" is not known
}

func (f Format) read(line string) (values, bool) {
	if f.sdk != nil {
		return f.sdk.read(line)
	}
	m := f.line.FindStringSubmatch(line)
	if m == nil {
		return values{}, false
	}
	var v values
	for i, name := range f.line.SubexpNames() {
		switch name {
		case "time":
			v.time = m[i]
		case "level":
			v.level = m[i]
		case "status":
			v.status, _ = strconv.Atoi(m[i])
		case "code":
			v.code = m[i]
		case "message":
			v.message = m[i]
		case "url":
			v.url, _, _ = strings.Cut(m[i], "?") // a query is nobody's business
		case "duration":
			v.took = tookOf(m[i])
		case "client_id":
			v.clientID = m[i]
		}
	}
	return v, true
}

func tookOf(s string) time.Duration {
	if d, err := time.ParseDuration(s); err == nil && d < 24*time.Hour {
		return d
	}
	if ms, err := strconv.ParseFloat(s, 64); err == nil && ms < 1e8 {
		return time.Duration(ms * float64(time.Millisecond))
	}
	return 0
}

// sdk knows a program by the texts of its errors, wherever in a line they stand: what
// comes before depends on who set up the log.
type sdk struct {
	// texts are what it says when a token is refused, lower case; then come those of calls.
	token, calls []string
}

// formats are the ready made ones. The texts are those of the programs' own sources and
// of what was recorded of them.
var formats = map[string]*sdk{
	"mcdev":          {token: []string{"client authentication failed", "invalid_client", "invalid client id", "could not authenticate"}, calls: []string{"request failed with status code", "token expired", "login failed", "insufficient privileges"}},
	"sfmc-sdk":       {token: []string{"client authentication failed", "invalid_client", "invalid client id"}, calls: []string{"request failed with status code", "token expired", "login failed", "not authorized"}},
	"fuelsdk-node":   {token: []string{"no access token", "invalid_client", "client authentication failed", "requesttoken"}, calls: []string{"token expired", "api fault", "not authorized", "invalid_token"}},
	"fuelsdk-python": {token: []string{"unable to validate app keys", "invalid_client"}, calls: []string{"token expired", "login failed", "api permission failed", "not authorized"}},
	"fuelsdk-php":    {token: []string{"unable to validate app keys", "invalid_client"}, calls: []string{"token expired", "login failed", "api permission failed", "not authorized"}},
	"fuelsdk-ruby":   {token: []string{"unable to validate app keys", "unable to refresh token"}, calls: []string{"token expired", "login failed", "api permission failed", "unauthorized"}},
	"fuelsdk-java":   {token: []string{"error obtaining oauth2 access token", "error obtaining access token"}, calls: []string{"token expired", "login failed", "api permission failed"}},
	"fuelsdk-csharp": {token: []string{"unable to validate app keys", "the remote server returned an error"}, calls: []string{"token expired", "login failed", "api permission failed"}},
}

// Formats are the names of the ready made formats.
func Formats() []string {
	return []string{"mcdev", "sfmc-sdk", "fuelsdk-node", "fuelsdk-python", "fuelsdk-php", "fuelsdk-ruby", "fuelsdk-java", "fuelsdk-csharp"}
}

// FormatOf is a ready made format.
func FormatOf(name string) (Format, bool) {
	s, ok := formats[name]
	return Format{sdk: s}, ok
}

var (
	begins   = regexp.MustCompile(`\b[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?(?:Z|[+-][0-9]{2}:?[0-9]{2})?`)
	statuses = regexp.MustCompile(`(?i)(?:status code|status|error:|\(|http[ /0-9.]*)[ :=]*\(?([1-5][0-9]{2})\b`)
)

func (s *sdk) read(line string) (values, bool) {
	lower := strings.ToLower(line)
	v := values{message: line, time: begins.FindString(line)}
	for _, text := range s.token {
		if strings.Contains(lower, text) {
			v.kind = keepwatch.CallToken
			break
		}
	}
	if v.kind == "" {
		if !slices.ContainsFunc(s.calls, func(text string) bool { return strings.Contains(lower, text) }) && !(sfmc.BreaksConnection(line) && strings.Contains(lower, "marketingcloud")) {
			return values{}, false
		}
		v.kind = keepwatch.CallREST
		if strings.Contains(lower, "token expired") || strings.Contains(lower, "login failed") || strings.Contains(lower, "soap") || strings.Contains(lower, "api permission failed") {
			v.kind = keepwatch.CallSOAP
		}
	}
	if m := statuses.FindStringSubmatch(line); m != nil {
		v.status, _ = strconv.Atoi(m[1])
	}
	return v, true
}
