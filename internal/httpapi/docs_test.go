package httpapi_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"keepwatch/client"
	"keepwatch/internal/view"
)

func apiPage(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "api.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var namedExample = regexp.MustCompile("(?s)```json (\\w+)\n(.*?)```")

// Every named example of the page is a whole body of its route: no key is
// unknown, and a record among them is one that the API takes.
func TestExamplesOfThePageAreBodies(t *testing.T) {
	into := map[string]any{
		"record": &client.Record{}, "secret": &client.NewSecret{}, "import": &client.Import{}, "expiring": &client.Expiring{},
		"accept": &client.NewAcceptance{}, "rotation": &client.NewRotation{}, "change": &client.Change{}, "feed": &client.NewFeed{},
		"created": &client.CreatedFeed{}, "finding": &client.Finding{}, "discovery": &client.Discovery{}, "switched": &client.SwitchedHolder{},
		"tick": &client.RotationTick{}, "watch": &client.Watch{}, "scan": &client.Scan{}, "link": &client.MessageLink{}, "share": &client.CreatedShareLink{},
	}
	answers := []string{"import", "expiring", "change", "created", "finding", "discovery", "tick", "scan", "link", "share"}
	for _, m := range namedExample.FindAllStringSubmatch(apiPage(t), -1) {
		target, ok := into[m[1]]
		if !ok {
			t.Errorf("nothing is known of the example %q", m[1])
			continue
		}
		delete(into, m[1])
		d := json.NewDecoder(bytes.NewReader([]byte(m[2])))
		d.DisallowUnknownFields()
		if err := d.Decode(target); err != nil {
			t.Errorf("%s: %v", m[1], err)
		}
		// And no key of ours is missing from an answer that is shown whole.
		if slices.Contains(answers, m[1]) {
			written, err := json.Marshal(target)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := keys(t, []byte(m[2])), keys(t, written); got != want {
				t.Errorf("%s has the keys %s, want %s", m[1], got, want)
			}
		}
		if r, ok := target.(*client.Record); ok {
			if _, err := view.CredentialOf(*r); err != nil {
				t.Error(err)
			}
			if _, err := start(t).client("").CreateRecord(t.Context(), *r); err == nil {
				t.Error("a record was taken from nobody")
			}
			d := start(t)
			if _, err := d.client(d.operator).CreateRecord(t.Context(), *r); err != nil {
				t.Error(err)
			}
		}
	}
	for name := range into {
		t.Errorf("the page has no example of %q", name)
	}
}

// keys are the names at every depth, as one text in the order of the alphabet.
func keys(t *testing.T, document []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(document, &v); err != nil {
		t.Fatal(err)
	}
	var empty func(any) any
	empty = func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			for k := range v {
				v[k] = empty(v[k])
			}
			return v
		case []any:
			for i := range v {
				v[i] = empty(v[i])
			}
			return v
		}
		return nil
	}
	out, err := json.Marshal(empty(v)) // maps are written in order
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// The page names every route that there is, by method and path.
func TestThePageNamesEveryRoute(t *testing.T) {
	d := start(t)
	_, body := d.do(http.MethodGet, "/api/v1/openapi.json", "", "Authorization", "Bearer "+d.viewer)
	var document struct{ Paths map[string]map[string]any }
	if err := json.Unmarshal([]byte(body), &document); err != nil || len(document.Paths) < 20 {
		t.Fatalf("%d paths, %v", len(document.Paths), err)
	}
	var rows []string
	for line := range strings.SplitSeq(apiPage(t), "\n") {
		if strings.HasPrefix(line, "| `") {
			rows = append(rows, line)
		}
	}
	for path, methods := range document.Paths {
		for method := range methods {
			named := false
			for _, row := range rows {
				named = named || (strings.Contains(row, strings.ToUpper(method)) && strings.Contains(row, path+"`"))
			}
			if !named {
				t.Errorf("%s %s is not in docs/api.md", strings.ToUpper(method), path)
			}
		}
	}
}
