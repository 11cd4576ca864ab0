package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func readSchema(t *testing.T) map[string]any {
	t.Helper()
	var s map[string]any
	if err := json.Unmarshal(Schema(), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// objects lists every object with fixed keys in a schema, by the YAML that leads
// to it: "credentials: [{dependents: [%s]}]".
func objects(s map[string]any, frame string, visit func(frame string, keys []string)) {
	if properties, ok := s["properties"].(map[string]any); ok {
		visit(frame, slices.Sorted(maps.Keys(properties)))
		for name, sub := range properties {
			objects(sub.(map[string]any), fmt.Sprintf(frame, "{"+name+": %s}"), visit)
		}
	}
	if items, ok := s["items"].(map[string]any); ok {
		objects(items, fmt.Sprintf(frame, "[%s]"), visit)
	}
	if free, ok := s["additionalProperties"].(map[string]any); ok {
		objects(free, fmt.Sprintf(frame, "{some: %s}"), visit)
	}
}

// Every key of the schema is known to the loader, and every key that the loader
// says is allowed is in the schema.
func TestSchemaAndLoaderKnowTheSameKeys(t *testing.T) {
	visited := 0
	objects(readSchema(t), "%s", func(frame string, keys []string) {
		visited++
		pairs := []string{"zzzzzzzz: 1"}
		for _, k := range keys {
			pairs = append(pairs, k+": [[]]") // of no kind: only the keys matter
		}
		path := filepath.Join(t.TempDir(), "x.yaml")
		content := fmt.Sprintf(frame, "{"+strings.Join(pairs, ", ")+"}")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, faults := load(path, nil)
		unknown := 0
		for _, f := range faults.List {
			if !strings.HasPrefix(f.Message, "is not a known key") {
				continue
			}
			unknown++
			allowed := strings.Split(f.Allowed, ", ")
			slices.Sort(allowed)
			if !strings.HasSuffix(f.Key, "zzzzzzzz") || !slices.Equal(allowed, keys) {
				t.Errorf("%s: %v; the schema has %v", frame, f, keys)
			}
		}
		if unknown != 1 {
			t.Errorf("%s: %d unknown keys, want the planted one:\n%v", content, unknown, faults)
		}
	})
	if visited < 20 {
		t.Errorf("only %d objects were found in the schema", visited)
	}
}

func TestSchemaAgreesWithTheFixtures(t *testing.T) {
	s := readSchema(t)
	for _, path := range goodPaths(t) {
		if info, err := os.Stat(path); err != nil || info.IsDir() {
			continue
		}
		if err := conform(s, readAny(t, path), "$"); err != nil {
			t.Errorf("%s: the loader takes it, the schema does not: %v", path, err)
		}
	}
	// What can be wrong about one value alone is wrong for the schema, too.
	for _, name := range []string{
		"unknown-key", "unknown-key-client-secret", "kind", "criticality", "subdomain", "mid-text", "missing", "id", "list", "shapes", "version-newer", "version-text",
		"tier-name", "fail-after", "literal-secret", "literal-secret-slack", "auth-unknown", "listen", "base-url", "store-url", "runbook", "date", "dependents", "tests", "merge-key", "route-match", "integration-points", "certificate",
	} {
		if err := conform(s, readAny(t, filepath.Join("testdata", "bad", name+".yaml")), "$"); err == nil {
			t.Errorf("%s: the loader refuses it, the schema does not", name)
		}
	}
}

func TestSchemaDescribesEveryKey(t *testing.T) {
	var walk func(s map[string]any, path string)
	walk = func(s map[string]any, path string) {
		for name, sub := range mapOf(s["properties"]) {
			sub := sub.(map[string]any)
			if text, _ := sub["description"].(string); text == "" && !strings.HasPrefix(path, "$.tiers") {
				t.Errorf("%s.%s has no description", path, name)
			}
			walk(sub, path+"."+name)
		}
		for _, inner := range []string{"items", "additionalProperties"} {
			if sub := mapOf(s[inner]); sub != nil {
				walk(sub, path+"."+inner)
			}
		}
	}
	walk(readSchema(t), "$")
}

func mapOf(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// readAny reads YAML the way editors do: dates are text.
func readAny(t *testing.T, path string) any {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var n yaml.Node
	if err := yaml.Unmarshal(content, &n); err != nil {
		t.Fatal(err)
	}
	return anyOf(n.Content[0])
}

func anyOf(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			m[n.Content[i].Value] = anyOf(n.Content[i+1])
		}
		return m
	case yaml.SequenceNode:
		list := []any{}
		for _, c := range n.Content {
			list = append(list, anyOf(c))
		}
		return list
	}
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		return n.Value == "true"
	case "!!int", "!!float":
		f, err := strconv.ParseFloat(n.Value, 64)
		if err == nil {
			return f
		}
	}
	return n.Value
}

// conform checks a value against the part of JSON Schema that Schema uses; an
// unknown word in the schema is an error, so that it cannot be skipped unseen.
func conform(s map[string]any, v any, path string) error {
	for word, rule := range s {
		if err := conformTo(word, rule, s, v, path); err != nil {
			return err
		}
	}
	return nil
}

func conformTo(word string, rule any, s map[string]any, v any, path string) error {
	fail := func(what string) error { return fmt.Errorf("%s: %s %v", path, what, rule) }
	number, isNumber := v.(float64)
	text, isText := v.(string)
	list, isList := v.([]any)
	object, isObject := v.(map[string]any)
	switch word {
	case "$schema", "title", "description", "writeOnly":
	case "type":
		if !slices.ContainsFunc(textsOf(rule), func(want string) bool { return isType(v, want) }) {
			return fail("is not of type")
		}
	case "anyOf":
		for _, option := range rule.([]any) {
			if conform(option.(map[string]any), v, path) == nil {
				return nil
			}
		}
		return fail("is none of")
	case "enum":
		if !slices.Contains(textsOf(rule), text) {
			return fail("is not in")
		}
	case "pattern":
		if isText && !regexp.MustCompile(rule.(string)).MatchString(text) {
			return fail("does not match")
		}
	case "minimum":
		if isNumber && number < rule.(float64) {
			return fail("is below")
		}
	case "maximum":
		if isNumber && number > rule.(float64) {
			return fail("is above")
		}
	case "maxItems":
		if isList && float64(len(list)) > rule.(float64) {
			return fail("has more items than")
		}
	case "items":
		for i, item := range list {
			if err := conform(rule.(map[string]any), item, fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
	case "required":
		for _, name := range textsOf(rule) {
			if _, ok := object[name]; isObject && !ok {
				return fail("lacks one of")
			}
		}
	case "properties", "additionalProperties", "propertyNames":
		return conformObject(word, rule, s, object, path)
	default:
		return fmt.Errorf("%s: the schema uses %q, which this check does not know", path, word)
	}
	return nil
}

func conformObject(word string, rule any, s map[string]any, object map[string]any, path string) error {
	properties := mapOf(s["properties"])
	for name, value := range object {
		_, fixed := properties[name]
		var err error
		switch {
		case word == "propertyNames":
			err = conform(rule.(map[string]any), name, path+" key "+name)
		case word == "properties" && fixed:
			err = conform(properties[name].(map[string]any), value, path+"."+name)
		case word == "additionalProperties" && !fixed && rule == false:
			err = fmt.Errorf("%s: unknown key %s", path, name)
		case word == "additionalProperties" && !fixed:
			err = conform(rule.(map[string]any), value, path+"."+name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func textsOf(rule any) []string {
	if one, ok := rule.(string); ok {
		return []string{one}
	}
	var out []string
	for _, v := range rule.([]any) {
		out = append(out, v.(string))
	}
	return out
}

func isType(v any, want string) bool {
	switch v := v.(type) {
	case nil:
		return want == "null"
	case bool:
		return want == "boolean"
	case string:
		return want == "string"
	case float64:
		return want == "number" || want == "integer" && v == math.Trunc(v)
	case []any:
		return want == "array"
	case map[string]any:
		return want == "object"
	}
	return false
}
