package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// The decoder is a table: a kind says how one sort of value is read and what the
// JSON Schema says of it, a field puts a kind under a key, object puts fields
// together. Reading and schema come from the same rows, so they cannot part.
// Struct tags and reflection were rejected: yaml.v3 gives neither file nor
// allowed values, stops at the first fault of a value and knows no references.

// schema is a JSON Schema as a value. It is never changed after it was made.
type schema = map[string]any

// kind reads values of type V. decode reports its own faults and returns false
// when there is no value to go on with.
type kind[V any] struct {
	schema schema
	decode func(spot) (V, bool)
}

// walk is what holds for one file while it is read.
type walk struct {
	file   string
	dir    string
	lookup func(string) (string, bool)
	plain  bool // ${env:NAME} has no meaning here: whoever may write a record may not read the environment
	faults *Faults
	refs   *[]boundRef
	values *[]Value // what was set, and where; nil: nobody asks
}

// boundRef is a secret reference and where it stands, ready to become a fault.
type boundRef struct {
	ref    string
	at     Fault
	record bool // named by a record of the interface, not by a file
}

// spot is one value in a file: what faults point at.
type spot struct {
	w    *walk
	node *yaml.Node
	path *step
}

// step is one element of a key path. Paths are made into text only for a fault:
// a hundred thousand credentials need none.
type step struct {
	parent *step
	name   string // "" for a list item without a name
	index  int
}

func (s *step) String() string {
	if s == nil {
		return ""
	}
	parent := s.parent.String()
	switch {
	case s.name == "":
		return fmt.Sprintf("%s[%d]", parent, s.index)
	case parent == "":
		return showKey(s.name)
	}
	return parent + "." + showKey(s.name)
}

// showKey keeps foreign text in a key from forging output lines.
func showKey(name string) string {
	if len(name) > 60 {
		name = name[:60] + "…"
	}
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsGraphic(r) || r == ' ' }) {
		return strconv.Quote(name)
	}
	return name
}

func (s spot) set() bool { return s.node != nil }

func (s spot) at(name string, node *yaml.Node) spot {
	return spot{w: s.w, node: node, path: &step{parent: s.path, name: name}}
}

// place is "file:line", for faults that name two places.
func (s spot) place() string { return fmt.Sprintf("%s:%d", s.w.file, s.node.Line) }

func (s spot) fault(allowed, format string, args ...any) {
	f := s.where()
	f.Message, f.Allowed = fmt.Sprintf(format, args...), allowed
	s.w.faults.add(f)
}

// where is a fault that does not say yet what is wrong.
func (s spot) where() Fault { return Fault{File: s.w.file, Line: s.node.Line, Key: s.path.String()} }

// missing reports a key that should stand in the mapping at s.
func (s spot) missing(name, allowed string) {
	s.at(name, s.node).fault(allowed, "is missing")
}

// at keeps the spot of a value, for what can only be checked later.
type at[V any] struct {
	v  V
	at spot
}

func located[V any](k kind[V]) kind[at[V]] {
	return kind[at[V]]{k.schema, func(s spot) (at[V], bool) {
		v, ok := k.decode(s)
		return at[V]{v, s}, ok
	}}
}

// field is one key of an object.
type field[T any] struct {
	name     string
	doc      string
	schema   schema
	required bool
	decode   func(*T, spot)
}

// key is a row of a table: what name is called, what it is for, how it is read
// and where it goes.
func key[T, V any](name, doc string, k kind[V], to func(*T) *V) field[T] {
	described := maps.Clone(k.schema)
	described["description"] = doc
	return field[T]{name: name, doc: doc, schema: described, decode: func(t *T, s spot) {
		if v, ok := k.decode(s); ok {
			*to(t) = v
		}
	}}
}

// must marks a key without which the object means nothing.
func (f field[T]) must() field[T] {
	f.required = true
	return f
}

// object reads a mapping by its table. It goes on after a fault, so that all of
// them are found at once.
func object[T any](fields ...field[T]) kind[T] {
	index, names := map[string]int{}, make([]string, len(fields))
	properties, required := schema{}, []string{}
	for i, f := range fields {
		index[f.name], names[i], properties[f.name] = i, f.name, f.schema
		if f.required {
			required = append(required, f.name)
		}
	}
	s := schema{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		s["required"] = required
	}
	return kind[T]{s, func(s spot) (T, bool) {
		var t T
		if !s.is(yaml.MappingNode, "a mapping of keys and values") {
			return t, false
		}
		seen := make([]bool, len(fields))
		s.pairs(func(name string, keyNode, value *yaml.Node) {
			i, known := index[name]
			if !known {
				unknownKey(s.at(name, keyNode), name, names)
				return
			}
			seen[i] = true
			here := s.at(name, value)
			here.note(fields[i].schema)
			fields[i].decode(&t, here)
		})
		for i, f := range fields {
			if f.required && !seen[i] {
				s.missing(f.name, f.doc)
			}
		}
		return t, true
	}}
}

func unknownKey(s spot, name string, known []string) {
	allowed := strings.Join(known, ", ")
	switch guess := nearest(name, known); {
	case name == "<<":
		s.fault(allowed, "merge keys are not part of this format; write the keys out")
	case guess != "":
		s.fault(allowed, "is not a known key; did you mean %s?", guess)
	default:
		s.fault(allowed, "is not a known key")
	}
}

// entry is one key and value of a mapping whose keys the user chooses.
type entry[V any] struct {
	name string
	v    V
	at   spot
}

// mapping reads a mapping with free names, or with the given ones only.
func mapping[V any](item kind[V], names ...string) kind[[]entry[V]] {
	s := schema{"type": []string{"object", "null"}, "additionalProperties": item.schema, "propertyNames": schema{"pattern": idPattern.String()}}
	if len(names) > 0 {
		properties := schema{}
		for _, n := range names {
			properties[n] = item.schema
		}
		s = schema{"type": []string{"object", "null"}, "properties": properties, "additionalProperties": false}
	}
	return kind[[]entry[V]]{s, func(s spot) ([]entry[V], bool) {
		if isNull(s.node) {
			return nil, true
		}
		if !s.is(yaml.MappingNode, "a mapping of names and values") {
			return nil, false
		}
		var out []entry[V]
		s.pairs(func(name string, keyNode, value *yaml.Node) {
			here := s.at(name, keyNode)
			switch {
			case len(names) > 0 && !slices.Contains(names, name):
				unknownKey(here, name, names)
			case !idPattern.MatchString(name):
				here.fault(idAllowed, "is not a name")
			default:
				if v, ok := item.decode(s.at(name, value)); ok {
					out = append(out, entry[V]{name, v, here})
				}
			}
		})
		return out, true
	}}
}

// pairs walks a mapping and reports keys that stand twice.
func (s spot) pairs(visit func(name string, keyNode, value *yaml.Node)) {
	lines := make(map[string]int, len(s.node.Content)/2)
	for i := 0; i+1 < len(s.node.Content); i += 2 {
		k, v := s.node.Content[i], s.node.Content[i+1]
		if k.Kind != yaml.ScalarNode {
			spot{s.w, k, s.path}.fault("plain text as a key", "a key is %s", shapeOf(k))
			continue
		}
		if line, twice := lines[k.Value]; twice {
			s.at(k.Value, k).fault("each key once", "stands twice in the same mapping, first on line %d", line)
			continue
		}
		lines[k.Value] = k.Line
		visit(k.Value, k, v)
	}
}

// list reads a sequence of at most limit items (0: any number).
func list[V any](item kind[V], limit int) kind[[]V] {
	s := schema{"type": []string{"array", "null"}, "items": item.schema}
	if limit > 0 {
		s["maxItems"] = limit
	}
	return kind[[]V]{s, func(s spot) ([]V, bool) {
		if isNull(s.node) {
			return nil, true // "credentials:" with every item commented out
		}
		if !s.is(yaml.SequenceNode, "a list") {
			return nil, false
		}
		if limit > 0 && len(s.node.Content) > limit {
			s.fault(fmt.Sprintf("at most %d", limit), "has %d items", len(s.node.Content))
			return nil, false
		}
		out := make([]V, 0, len(s.node.Content))
		for i, n := range s.node.Content {
			if v, ok := item.decode(spot{s.w, n, &step{parent: s.path, name: itemName(n), index: i}}); ok {
				out = append(out, v)
			}
		}
		return out, true
	}}
}

// itemName finds the id or name of a list item, for readable key paths.
func itemName(n *yaml.Node) string {
	if n.Kind != yaml.MappingNode {
		return ""
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if k := n.Content[i].Value; k == "id" || k == "name" {
			if v := n.Content[i+1]; v.Kind == yaml.ScalarNode && idPattern.MatchString(v.Value) {
				return v.Value
			}
		}
	}
	return ""
}

// is reports whether the node has the wanted shape, and the fault when not. The
// value is not repeated: it may be a secret in the wrong place.
func (s spot) is(want yaml.Kind, allowed string) bool {
	switch {
	case s.node.Kind == yaml.AliasNode || s.node.Anchor != "":
		// Nested aliases make a kilobyte into gigabytes. Nothing in this format
		// needs them, so they are refused instead of counted.
		s.fault(allowed, "anchors and aliases (& and *) are not part of this format; write the value out, or quote a text that begins with one")
	case !plainTag(s.node):
		s.fault(allowed, "a YAML tag (!) is not part of this format; quote a text that begins with !")
	case s.node.Kind == want:
		return true
	case isNull(s.node):
		s.fault(allowed, "has no value")
	default:
		s.fault(allowed, "is %s", shapeOf(s.node))
	}
	return false
}

func plainTag(n *yaml.Node) bool {
	switch n.ShortTag() {
	case "!!map", "!!seq", "!!str", "!!int", "!!float", "!!bool", "!!null", "!!timestamp", "!!merge":
		return n.Style&yaml.TaggedStyle == 0
	}
	return false
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Anchor == "" && n.ShortTag() == "!!null" && n.Style&yaml.TaggedStyle == 0
}

func shapeOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	return "a single value"
}

var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

const idAllowed = "up to 64 letters, digits, dots, dashes and underscores, beginning with a letter or digit"

// nested is a key whose object is spread over the fields of its parent.
func nested[T, V any](name, doc string, k kind[V], put func(*T, V)) field[T] {
	described := maps.Clone(k.schema)
	described["description"] = doc
	return field[T]{name: name, doc: doc, schema: described, decode: func(t *T, s spot) {
		if v, ok := k.decode(s); ok {
			put(t, v)
		}
	}}
}
