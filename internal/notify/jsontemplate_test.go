package notify

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestJSONTemplate(t *testing.T) {
	for text, want := range map[string]string{
		`{"a": "{{.Title}}"}`: "", `["{{range .Lines}}{{.Name}}{{end}}", 1.50, true, null]`: "", `"{{.Labels.x}}"`: "",
		`{"a": "{{.Nope}}"}`: "cannot be filled in", `{"a": {{.Title}}}`: "is not JSON", ``: "is not JSON", `{} {}`: "more than one", `{"a": "{{if}}"}`: "missing value",
		`{"a": "{{range 100000000}}x{{end}}"}`: "more than 65536 bytes", `"` + strings.Repeat("x", maxTemplate) + `"`: "more than 65536 bytes",
	} {
		_, err := ParseJSONTemplate(text)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, want %q", text, err, want)
		}
	}
}

// Whatever a name holds, the document keeps its shape, and the name comes back.
func FuzzJSONTemplateKeepsItsShape(f *testing.F) {
	f.Add(`","admin":true,"x":"`)
	f.Add("{{.Key}}\\\" \u2028 \x00")
	tmpl, err := ParseJSONTemplate(`{"a": "{{.Title}}", "b": ["{{.Title}}", {"c": "x{{.Labels.l}}y"}]}`)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if len(name) > 1000 || !utf8.ValidString(name) {
			return // messages are valid text
		}
		raw, err := tmpl.Render(Message{Title: name, Labels: map[string]string{"l": name}})
		if err != nil {
			t.Fatal(err)
		}
		var got any
		if err := json.Unmarshal(raw, &got); err != nil {
			t.Fatalf("%v: %s", err, raw)
		}
		if want := any(map[string]any{"a": name, "b": []any{name, map[string]any{"c": "x" + name + "y"}}}); !reflect.DeepEqual(got, want) {
			t.Errorf("%s is not %v", raw, want)
		}
	})
}
