package config

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var docFile = filepath.Join("..", "..", "docs", "configuration.md")

// blocks are the YAML blocks of a page, with the text before them.
func blocks(t *testing.T, page string) []string {
	t.Helper()
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for i, part := range strings.Split(string(content), "```") {
		if yaml, found := strings.CutPrefix(part, "yaml\n"); found && i%2 == 1 {
			out = append(out, yaml)
		}
	}
	return out
}

// Every example of the page loads: whole files as they stand, pieces below a
// version and what they refer to.
func TestDocumentedExamplesLoad(t *testing.T) {
	all := blocks(t, docFile)
	whole := 0
	for i, block := range all {
		path := filepath.Join(t.TempDir(), "keepwatch.yaml")
		if strings.HasPrefix(block, "version:") {
			whole++
		} else {
			block = "version: 1\n" + block
		}
		writeFile(t, path, block)
		if _, err := Validate(t.Context(), path, goodEnv(t)); err != nil {
			t.Errorf("example %d of the page:\n%v", i+1, err)
		}
	}
	if whole != 1 || len(all) < 5 {
		t.Errorf("%d examples, %d of them whole files", len(all), whole)
	}
}

// So does the example of the page on traffic, and it says what the page says of it.
func TestTheExampleOfTrafficLoads(t *testing.T) {
	all := blocks(t, filepath.Join("..", "..", "docs", "traffic.md"))
	if len(all) != 1 {
		t.Fatalf("%d examples", len(all))
	}
	path := filepath.Join(t.TempDir(), "keepwatch.yaml")
	writeFile(t, path, all[0])
	c, err := Load(path, goodEnv(t))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.RefreshObjective("crm"); got < 0.99899 || got > 0.99901 {
		t.Errorf("the objective is %v", got)
	}
}

// So does every example of the page on notifications, with a tenant beside it.
func TestExamplesOfNotificationsLoad(t *testing.T) {
	all := blocks(t, filepath.Join("..", "..", "docs", "notifications.md"))
	for i, block := range all {
		path := filepath.Join(t.TempDir(), "keepwatch.yaml")
		writeFile(t, path, "version: 1\ntenants: [{id: emea, subdomain: mc563885gzs27c5t9-63k636ttgm}]\n"+block)
		if _, err := Load(path, goodEnv(t)); err != nil {
			t.Errorf("example %d of the page:\n%v", i+1, err)
		}
	}
	if len(all) < 3 {
		t.Errorf("%d examples", len(all))
	}
}

// So does every example of the page on the watchdog.
func TestExamplesOfTheWatchdogLoad(t *testing.T) {
	all := blocks(t, filepath.Join("..", "..", "docs", "watchdog.md"))
	if len(all) == 0 {
		t.Error("no example")
	}
	for i, block := range all {
		path := filepath.Join(t.TempDir(), "keepwatch.yaml")
		writeFile(t, path, "version: 1\n"+block)
		c, err := Load(path, goodEnv(t))
		if err != nil {
			t.Fatalf("example %d of the page:\n%v", i+1, err)
		}
		if len(c.Watchdog.Addresses) != 4 || c.Watchdog.Every != time.Minute || c.Watchdog.Validate() != nil {
			t.Errorf("it reads as %+v", c.Watchdog)
		}
	}
}

// So does every example of the page on the gateway, below a version where it has none.
func TestExamplesOfTheGatewayLoad(t *testing.T) {
	all := blocks(t, filepath.Join("..", "..", "docs", "gateway.md"))
	for i, block := range all {
		path := filepath.Join(t.TempDir(), "keepwatch.yaml")
		if !strings.HasPrefix(block, "version:") {
			block = "version: 1\n" + block
		}
		writeFile(t, path, block)
		if _, err := Load(path, goodEnv(t)); err != nil {
			t.Errorf("example %d of the page:\n%v", i+1, err)
		}
	}
	if len(all) < 3 {
		t.Errorf("%d examples", len(all))
	}
}

// The page's sample is the published one, which is kept as a fixture for ever.
func TestDocumentedSampleIsTheFixture(t *testing.T) {
	fixture, err := os.ReadFile(filepath.Join("testdata", "config", "v1.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if sample := blocks(t, docFile)[0]; sample != string(fixture) {
		t.Error("the sample of docs/configuration.md differs from testdata/config/v1.yaml")
	}
}

// The table of keys in the page is made from the table that the loader reads by.
func TestDocumentedKeys(t *testing.T) {
	const begin, end = "<!-- keys: go test ./internal/config -update -->\n", "<!-- end of keys -->"
	content, err := os.ReadFile(docFile)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, found := strings.Cut(string(content), begin)
	_, tail, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatal("the page has no place for the table of keys")
	}
	page := head + begin + keyTable(readSchema(t)) + end + tail
	if *update {
		if err := os.WriteFile(docFile, []byte(page), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if page != string(content) {
		t.Error("the table of keys is out of date; run go test ./internal/config -update")
	}
}

func keyTable(s map[string]any) string {
	var b strings.Builder
	b.WriteString("| key | what it is |\n|---|---|\n")
	var rows func(s map[string]any, path string)
	rows = func(s map[string]any, path string) {
		properties := mapOf(s["properties"])
		for _, name := range slices.Sorted(maps.Keys(properties)) {
			sub := mapOf(properties[name])
			here := strings.TrimPrefix(path+"."+name, ".")
			if text, _ := sub["description"].(string); text != "" {
				fmt.Fprintf(&b, "| `%s` | %s |\n", here, strings.ReplaceAll(text, "|", "\\|"))
			}
			rows(sub, here)
		}
		if items := mapOf(s["items"]); items != nil {
			rows(items, path+"[]")
		}
		if free := mapOf(s["additionalProperties"]); free != nil {
			rows(free, path+".NAME")
		}
	}
	rows(s, "")
	return b.String()
}

// What the example shows in comments loads, too, once the comments are taken away.
func TestExampleLoadsWithItsSuggestions(t *testing.T) {
	suggestion := regexp.MustCompile(`(?m)^( *)# ( *(?:- [{"a-z]|[a-z_]+:).*)$`)
	content := suggestion.ReplaceAllString(Example(), "$1$2")
	for _, key := range []string{"integration_points:", "renewal:", "discover:", "middleware-tls", "nightly-drop", "dependents:"} {
		if !strings.Contains(content, key) || strings.Contains(content, "# "+key) {
			t.Errorf("%s is not suggested", key)
		}
	}
	content = strings.Replace(content, "  auth: none", "", 1) // needs nothing but a taste for risk
	path := filepath.Join(t.TempDir(), "keepwatch.yaml")
	writeFile(t, path, content)
	if _, err := Load(path, nil); err != nil {
		t.Errorf("%v\n%s", err, content)
	}
}
