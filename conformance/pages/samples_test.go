package pages

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/link"
)

func tickHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// name is what a variable of a pattern may stand for: something that there is, and that
// tom may not see, and something that there is not.
type name struct{ here, missing string }

// values are the names of the estate's things, by the path in front of the variable. A
// pattern whose variable is not found here fails the tests: add what it stands for.
func (e *estate) values(t testing.TB) map[string]name {
	t.Helper()
	acts, err := e.acts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(acts) == 0 {
		t.Fatal("the incident has no links")
	}
	incident, series := string(e.incident.ID), string(e.series)
	return map[string]name{
		"/credentials/":            {string(dead), "nobody"},
		"/credentials/{}/results/": {"latest", "nothing"},
		"/incidents/":              {incident, "aaaaaaaaaaaaaaaa"},
		"/effects/":                {series, "nothing"},
		"/rotations/":              {string(e.rotation), "nothing"},
		"/rotations/{}/":           {"activated", "nothing"},
		"/rotations/tick/":         {tickToken + "1", tickToken + "9"},
		link.Path:                  {strings.TrimPrefix(acts[keepwatch.LinkAcknowledge], link.Path), "nothing"},
		"/scan/":                   {scanID, "nothing"},
		"/scans/":                  {scanID, "nothing"},
		"/static/":                 {"app.css", "nothing"},
		"/users/":                  {"vera", "nobody"},
		"/users/{}/":               {"disable", "nothing"},
		"/tokens/":                 {"t-admin", "nothing"},
		"/receivers/":              {"nobody-there", "nobody"},
		"/silences/":               {e.silence.ID, "nothing"},
		"/findings/{}/":            {"accept", "nothing"},
		"/share/":                  {e.shareToken, "nothing"},
		"/incidents/{}/shares/":    {e.shareID, "nothing"},
		"/incidents/{}/share/":     {e.shareID, "nothing"},
		"/findings/":               {"finding", "nothing"},
		"/feeds/":                  {"feed", "nothing"},
		"/reports/":                {thisMonth(), "0000-00"},
		"/discover/":               {"apac", "nowhere"},
		"/calendar/":               {"token.ics", "nothing.ics"},
		"/ens/":                    {"callback", "nothing"},
	}
}

func thisMonth() string { return time.Now().UTC().Format("2006-01") }

// queries are what pages without variables need, or should be looked at with, beyond
// their plain address.
func (e *estate) queries() map[string][]string {
	series := url.QueryEscape(string(e.series))
	return map[string][]string{
		"/":                {"", "?q=nothing-like-it", "?tenant=apac&state=failing"},
		"/effect":          {"?series=" + series},
		"/incidents":       {"", "?status=all", "?status=resolved"},
		"/expiring":        {"", "?within=365d", "?owner=crm-platform"},
		"/sign-in":         {"", "?failed=1&next=/"},
		"/alerts/explain":  {"", "?credential=" + string(dead)},
		"/impact":          {"", "?month=" + thisMonth()},
		"/alerts/silences": {"", "?credential=" + string(dead)},
	}
}

var variable = regexp.MustCompile(`\{[^}$]+\}`)

// fill puts names into the variables of a path; pick chooses which. What a variable
// stands for follows from the longest end of what is before it in the pattern.
func fill(path string, values map[string]name, pick func(name) string) (string, error) {
	var out strings.Builder
	last := 0
	for _, at := range variable.FindAllStringIndex(path, -1) {
		before, best := variable.ReplaceAllString(path[:at[0]], "{}"), ""
		for end := range values {
			if strings.HasSuffix(before, end) && len(end) > len(best) {
				best = end
			}
		}
		if best == "" {
			return "", fmt.Errorf("nobody says what %s stands for", path[:at[1]])
		}
		out.WriteString(path[last:at[0]] + url.PathEscape(pick(values[best])))
		last = at[1]
	}
	return strings.TrimSuffix(out.String()+path[last:], "{$}"), nil
}

// address is one page to visit.
type address struct {
	pattern, path string
}

// addresses are every GET page that the site serves, from its own mux.
func (e *estate) addresses(t testing.TB) (out []address) {
	t.Helper()
	values, queries := e.values(t), e.queries()
	for _, pattern := range e.pagePatterns() {
		method, path, ok := strings.Cut(pattern, " ")
		if !ok || method != "GET" || strings.HasPrefix(path, "/static/") || path == "/favicon.ico" {
			continue // a file, and the address that leads to one
		}
		full, err := fill(path, values, func(n name) string { return n.here })
		if err != nil {
			t.Errorf("%s: %v: add it to values in samples_test.go", pattern, err)
			continue
		}
		more, ok := queries[full]
		if !ok {
			more = []string{""}
		}
		for _, q := range more {
			out = append(out, address{pattern, full + q})
		}
	}
	if len(out) < 20 {
		t.Fatalf("only %d pages are known", len(out))
	}
	slices.SortFunc(out, func(a, b address) int { return strings.Compare(a.path, b.path) })
	return out
}
