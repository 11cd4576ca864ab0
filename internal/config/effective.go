package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"keepwatch"
	"keepwatch/internal/calendar"
	"keepwatch/internal/secrets"
)

// Value is one setting in force: as it stands in its file, or what holds where no file
// says anything. What may be a secret is not in it.
type Value struct {
	Key     string // dotted path; list items by their id or name, else by position
	Text    string // ${env:NAME} as it is written
	File    string
	Line    int
	Default bool // no file says it
	Hidden  bool // it is set, and not shown
}

// mostShown caps how much of one value is shown.
const mostShown = 300

// secretly marks values that may be a secret themselves, so that nobody shows them. It is
// JSON Schema's own word for that.
func secretly(s schema) schema {
	out := schema{"writeOnly": true}
	for k, v := range s {
		out[k] = v
	}
	return out
}

// secretive reports whether a value of a schema, or an item of it, may be a secret.
func secretive(s schema) bool {
	if s["writeOnly"] == true {
		return true
	}
	if items, ok := s["items"].(schema); ok && secretive(items) {
		return true
	}
	any, _ := s["anyOf"].([]schema)
	return slices.ContainsFunc(any, secretive)
}

// note keeps what a file sets and where. Credentials are left out: an estate has a
// hundred thousand of them, and each has a page of its own.
func (s spot) note(sch schema) {
	if s.w.values == nil || s.path.root() == "credentials" {
		return
	}
	var parts []string
	hidden := secretive(sch)
	shown := false
	take := func(n *yaml.Node) bool {
		if n.Kind != yaml.ScalarNode {
			return false
		}
		shown = shown || !hidden || secrets.IsReference(n.Value)
		parts = append(parts, userinfo.ReplaceAllString(n.Value, "://…@"))
		return true
	}
	switch s.node.Kind {
	case yaml.ScalarNode:
		take(s.node)
	case yaml.SequenceNode:
		for _, n := range s.node.Content {
			if !take(n) {
				return // objects, which note their own
			}
		}
	default:
		return
	}
	v := Value{Key: s.path.String(), File: s.w.file, Line: s.node.Line, Hidden: hidden && !shown}
	if hidden && shown {
		v.Hidden = slices.ContainsFunc(parts, func(p string) bool { return !secrets.IsReference(p) })
	}
	if !v.Hidden {
		v.Text = clipped(strings.Join(parts, ", "))
	}
	*s.w.values = append(*s.w.values, v)
}

func clipped(text string) string {
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "\uFFFD"), isControl), " ")
	if runes := []rune(text); len(runes) > mostShown {
		return string(runes[:mostShown]) + "…"
	}
	return text
}

// root is the first element of a path.
func (s *step) root() string {
	for s != nil && s.parent != nil {
		s = s.parent
	}
	if s == nil {
		return ""
	}
	return s.name
}

// Section is one part of the file with its settings.
type Section struct {
	Name   string
	Doc    string
	Values []Value
}

// Effective is what holds, section by section: what files set, and the defaults of what
// they leave open.
func (c *Config) Effective() []Section {
	var out []Section
	set := map[string]bool{}
	for _, v := range c.Values {
		set[v.Key] = true
	}
	values := slices.Clone(c.Values)
	for _, d := range c.defaults() {
		if !set[d.Key] {
			values = append(values, d)
		}
	}
	for _, name := range sectionNames {
		s := Section{Name: name, Doc: sectionDoc(name)}
		for _, v := range values {
			if root, _, _ := strings.Cut(v.Key, "."); root == name || strings.HasPrefix(root, name+"[") {
				s.Values = append(s.Values, v)
			}
		}
		if len(s.Values) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// sectionNames are the sections in the order in which people look for them.
var sectionNames = []string{
	"version", "server", "store", "calendars", "tiers", "tenants", "integration_points", "scans", "receivers", "routes", "silences", "maintenance", "digest", "watchdog", "gateway", "otlp", "logs",
}

// sectionDoc is what the schema says of a section.
func sectionDoc(name string) string {
	properties, _ := fileKind().schema["properties"].(schema)
	section, _ := properties[name].(schema)
	doc, _ := section["description"].(string)
	return doc
}

// defaults are what holds where no file says anything.
func (c *Config) defaults() []Value {
	var out []Value
	add := func(key, text string) { out = append(out, Value{Key: key, Text: text, Default: true}) }
	add("server.listen", c.Server.Listen)
	add("server.auth", c.Server.Auth)
	add("server.base_url", "none: messages have no links")
	add("server.resolver", "the system's")
	add("server.seal_key", "none: secrets are references, and nothing can be sealed")
	add("store.url", c.Store.String())
	for _, name := range keepwatch.Criticalities {
		t, key := c.Tiers[name], "tiers."+string(name)
		add(key+".every.business", keepwatch.FormatDuration(t.Business))
		add(key+".every.off", keepwatch.FormatDuration(t.Off))
		add(key+".fail_after", strconv.Itoa(t.FailAfter))
		rungs := make([]string, len(t.ExpiryLadder))
		for i, d := range t.ExpiryLadder {
			rungs[i] = keepwatch.FormatDuration(d)
		}
		add(key+".expiry_ladder", strings.Join(rungs, ", "))
		add(key+".calendar", t.Calendar)
		add(key+".refresh_objective", strconv.FormatFloat(100*cmp.Or(t.RefreshObjective, defaultObjective), 'f', -1, 64)+"%")
	}
	for name, spec := range c.specs {
		key := "calendars." + name
		add(key+".timezone", cmp.Or(spec.Timezone, "UTC"))
		add(key+".hours", cmp.Or(spec.Hours, calendar.DefaultHours))
	}
	slices.SortStableFunc(out, func(a, b Value) int { return cmp.Compare(rank(a.Key), rank(b.Key)) })
	return out
}

// rank keeps the order of what is no calendar, whose names come out of a map.
func rank(key string) string {
	if strings.HasPrefix(key, "calendars.") {
		return key
	}
	return ""
}

// defaultObjective is the share of token requests that are to be granted where nobody
// says another.
const defaultObjective = 0.995

// Used says which tiers and routes a calendar is named by.
func (c *Config) Used(name string) []string {
	used := []string{}
	for _, t := range keepwatch.Criticalities {
		if c.Tiers[t].Calendar == name {
			used = append(used, "tier "+string(t))
		}
	}
	for i, r := range c.Routes {
		if r.OnlyIn != nil && r.OnlyIn.Name() == name {
			used = append(used, cmp.Or(r.Name, fmt.Sprintf("route %d", i+1)))
		}
	}
	return used
}

// HolidaysOf are the codes of the public holidays of a calendar; "" is none.
func (c *Config) HolidaysOf(name string) string { return c.specs[name].Holidays }
