package inventory

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"keepwatch"
)

// readYAML reads the credentials of a configuration file, or a bare list of them.
// A record stands there as a whole: a key that is left out is empty.
func readYAML(data []byte, name string, o ReadOptions) (Sheet, error) {
	text, note := decodeText(data)
	sheet := Sheet{Format: YAML, Name: name, Columns: Fields()}
	if note != "" {
		sheet.Notes = append(sheet.Notes, note)
	}
	list, err := credentialList(text)
	if err != nil {
		return Sheet{}, keepwatch.WithHint(fmt.Errorf("%s: %w: %w", name, err, keepwatch.ErrInvalid), "it should hold a list under credentials:, as a configuration file does")
	}
	for _, n := range list {
		var p troubles
		row := Row{Line: n.Line, says: allFields &^ keeps}
		readRecord(n, &row, &p)
		finish(&sheet, row, o, &p)
	}
	if sheet.Count() == 0 {
		return Sheet{}, noRows(name)
	}
	return sheet, nil
}

func credentialList(text string) ([]*yaml.Node, error) {
	var doc yaml.Node
	d := yaml.NewDecoder(strings.NewReader(text))
	if err := d.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("holds nothing")
		}
		return nil, errors.New("is not YAML" + yamlLine(err))
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("holds more than one document")
	}
	root := doc.Content[0]
	if root.Kind == yaml.MappingNode {
		at := slices.IndexFunc(root.Content, func(n *yaml.Node) bool { return n.Value == "credentials" })
		if at < 0 || at%2 == 1 {
			return nil, errors.New("has no credentials")
		}
		root = root.Content[at+1]
	}
	if root.Kind != yaml.SequenceNode {
		return nil, errors.New("is no list")
	}
	return root.Content, nil
}

// yamlLine takes the line out of the library's message, which may quote the file.
func yamlLine(err error) string {
	var line int
	if _, scan := fmt.Sscanf(strings.TrimPrefix(err.Error(), "yaml: "), "line %d:", &line); scan != nil {
		return ""
	}
	return fmt.Sprintf(": line %d", line)
}

func readRecord(n *yaml.Node, row *Row, p *troubles) {
	if n.Kind != yaml.MappingNode || n.Anchor != "" {
		p.add("", wrong("a mapping with id, tenant and so on", "is not a record"))
		return
	}
	eachKey(n, "", p, func(key string, value *yaml.Node) {
		if value.Kind == yaml.MappingNode {
			eachKey(value, key+".", p, func(sub string, value *yaml.Node) { readKey(sub, value, row, p) })
			return
		}
		readKey(key, value, row, p)
	})
}

// eachKey visits the pairs of a mapping, each key once.
func eachKey(n *yaml.Node, prefix string, p *troubles, visit func(string, *yaml.Node)) {
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := prefix+n.Content[i].Value, n.Content[i+1]
		switch {
		case seen[key]:
			p.add(shownKey(key), wrong("write each key once", "stands twice"))
		case value.Kind == yaml.AliasNode || value.Anchor != "":
			p.add(shownKey(key), wrong("write the value out", "is an anchor or alias"))
		default:
			visit(key, value)
		}
		seen[key] = true
	}
}

func readKey(key string, value *yaml.Node, row *Row, p *troubles) {
	i, known := fieldAt[key]
	if !known {
		p.add(shownKey(key), wrong("keep it in a configuration file, or leave it out", "is not part of a record"))
		return
	}
	text, err := nodeText(fields[i], value)
	if err == nil {
		err = fields[i].set(&row.Credential, text)
	}
	if err != nil {
		p.add(key, err)
		return
	}
	if text != "" {
		row.says.add(i)
	}
}

// nodeText is a value in the form of one cell, which the field's set reads.
func nodeText(f field, n *yaml.Node) (string, error) {
	switch {
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null":
		return "", nil
	case n.Kind == yaml.ScalarNode && f.sort != listed:
		return n.Value, nil
	case n.Kind != yaml.SequenceNode || f.sort != listed:
		return "", wrong("as in a configuration file", "has the wrong shape")
	}
	if f.name == "expiry_ladder" && len(n.Content) == 0 {
		return noRungs, nil
	}
	var parts []string
	for _, item := range n.Content {
		part, err := itemText(f.name, item)
		if err != nil {
			return "", err
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; "), nil
}

func itemText(name string, n *yaml.Node) (string, error) {
	values, err := scalars(n)
	switch {
	case err != nil:
		return "", err
	case name == "holders" && n.Kind == yaml.MappingNode:
		part := escape(take(values, "name"))
		if contact := take(values, "contact"); contact != "" {
			part += " <" + escape(contact) + ">"
		}
		return part, leftOver(values)
	case name == "dependents" && n.Kind == yaml.MappingNode:
		return dependentText(values)
	case name != "holders" && name != "dependents" && n.Kind == yaml.ScalarNode:
		return escape(n.Value), nil
	}
	return "", wrong("as in a configuration file", "has an element of the wrong shape")
}

func dependentText(values map[string][]string) (string, error) {
	part := take(values, "kind") + ":" + escape(take(values, "key"))
	var named []string
	for _, t := range traits {
		for _, v := range values[t.name] {
			named = append(named, t.name+"="+escape(v))
		}
		delete(values, t.name)
	}
	if len(named) > 0 {
		part += " {" + strings.Join(named, ", ") + "}"
	}
	return part, leftOver(values)
}

// scalars are the values of a mapping of scalars and lists of scalars.
func scalars(n *yaml.Node) (map[string][]string, error) {
	out := map[string][]string{}
	if n.Kind != yaml.MappingNode {
		return out, nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i].Value, n.Content[i+1]
		list := []*yaml.Node{value}
		if value.Kind == yaml.SequenceNode && key == "reads" {
			list = value.Content
		}
		for _, v := range list {
			if v.Kind != yaml.ScalarNode || v.Anchor != "" || out[key] != nil && key != "reads" {
				return nil, wrong("as in a configuration file", "%s has the wrong shape", shownKey(key))
			}
			if v.ShortTag() != "!!null" && v.Value != "" {
				out[key] = append(out[key], v.Value)
			}
		}
	}
	return out, nil
}

func take(values map[string][]string, key string) string {
	v := values[key]
	delete(values, key)
	if len(v) == 0 {
		return ""
	}
	return v[0]
}

func leftOver(values map[string][]string) error {
	for key := range values {
		return wrong("as in a configuration file", "%s is not known here", shownKey(key))
	}
	return nil
}

const yamlHead = "# Credentials, as Keepwatch exports them. The tenants stand in another file.\n"

// writeYAML writes a file that stands beside the configuration's other files.
func writeYAML(w io.Writer, credentials []keepwatch.Credential) error {
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for i := range credentials {
		list.Content = append(list.Content, recordNode(&credentials[i]))
	}
	root := &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{scalar("version"), {Kind: yaml.ScalarNode, Tag: "!!int", Value: "1"}, scalar("credentials"), list}}
	if _, err := io.WriteString(w, yamlHead); err != nil {
		return err
	}
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	if err := e.Encode(root); err != nil {
		return err
	}
	return e.Close()
}

func scalar(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s} }

func recordNode(c *keepwatch.Credential) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode}
	groups := map[string]*yaml.Node{}
	for _, f := range fields {
		value := fieldNode(f, c)
		if value == nil {
			continue
		}
		to, key := n, f.name
		if group, sub, found := strings.Cut(f.name, "."); found {
			key = sub
			if to = groups[group]; to == nil {
				to = &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
				groups[group] = to
				n.Content = append(n.Content, scalar(group), to)
			}
		}
		to.Content = append(to.Content, scalar(key), value)
	}
	return n
}

// fieldNode is nil for a field that nobody set.
func fieldNode(f field, c *keepwatch.Credential) *yaml.Node {
	text := f.get(c)
	switch {
	case text == "":
		return nil
	case f.sort == truth:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: text}
	case f.sort == number:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: text}
	case f.sort == dated:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!timestamp", Value: text}
	case f.sort != listed:
		return scalar(text)
	}
	list := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	switch f.name {
	case "holders":
		for _, h := range c.Holders {
			list.Content = append(list.Content, pairs("name", h.Name, "contact", h.Contact))
		}
	case "dependents":
		list.Style = 0
		for i := range c.Dependents {
			list.Content = append(list.Content, dependentNode(&c.Dependents[i]))
		}
	default:
		if text == noRungs {
			return list
		}
		for _, e := range elements(text) {
			list.Content = append(list.Content, scalar(unescape(e)))
		}
	}
	return list
}

func pairs(keysAndValues ...string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
	for pair := range slices.Chunk(keysAndValues, 2) {
		if pair[1] != "" {
			n.Content = append(n.Content, scalar(pair[0]), scalar(pair[1]))
		}
	}
	return n
}

func dependentNode(d *keepwatch.Dependent) *yaml.Node {
	n := pairs("kind", d.Kind, "key", d.Key)
	for _, t := range traits {
		values := t.get(d)
		switch {
		case len(values) == 0:
		case t.name == "reads":
			list := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
			for _, v := range values {
				list.Content = append(list.Content, scalar(v))
			}
			n.Content = append(n.Content, scalar(t.name), list)
		default:
			value := scalar(values[0])
			if t.amount { // a number needs no quotes
				value.Tag = ""
			}
			n.Content = append(n.Content, scalar(t.name), value)
		}
	}
	return n
}
