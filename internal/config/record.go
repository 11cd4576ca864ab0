package config

import (
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"

	"keepwatch"
)

// decodeRecord reads a record as if it stood in a file.
func decodeRecord(c keepwatch.Credential, w *walk, table kind[credentialDraft]) (at[credentialDraft], bool) {
	return located(table).decode(spot{w: w, node: recordNode(c)})
}

// recordNode writes a record with the keys of the file. What is zero is left out.
func recordNode(c keepwatch.Credential) *yaml.Node {
	n := mappingNode{}
	n.text("id", string(c.ID))
	n.text("tenant", string(c.Tenant))
	n.text("business_unit", c.BusinessUnit.String())
	n.text("kind", string(c.Kind))
	n.text("client_id", c.ClientID)
	n.text("package", c.Package)
	n.text("username", c.Username)
	n.text("secret", c.SecretRef)
	n.date("secret_generated", c.SecretGenerated)
	n.date("expires", c.Expires)
	n.date("last_used", c.LastUsed)
	n.span("valid_for", c.ValidFor)
	n.span("idle_for", c.IdleFor)
	n.date("dates_confirmed", c.DatesConfirmed)
	n.node("certificate", certificateNode(c.Certificate))
	n.text("criticality", string(c.Criticality))
	n.node("owner", textsNode("team", c.Owner.Team, "contact", c.Owner.Contact))
	n.text("purpose", c.Purpose)
	n.text("environment", c.Environment)
	n.text("region", c.Region)
	n.text("area", c.Area)
	n.node("holders", nodes(c.Holders, func(h keepwatch.Holder) *yaml.Node { return textsNode("name", h.Name, "contact", h.Contact) }))
	n.node("dependents", nodes(c.Dependents, dependentNode))
	n.node("renewal", renewalNode(c.Renewal))
	if c.Ladder != nil {
		n.list("expiry_ladder", nodes(c.Ladder, func(d time.Duration) *yaml.Node { return scalarNode(keepwatch.FormatDuration(d)) }))
	}
	n.text("runbook_url", c.RunbookURL)
	n.span("pushed_every", c.Pushed)
	n.flag("discover", c.Discover)
	if asked(c.Kind) || len(c.Tests) > 1 {
		n.node("tests", nodes(c.Tests, scalarNode))
	}
	n.node("scopes", nodes(c.Scopes, scalarNode))
	return n.done()
}

func certificateNode(s keepwatch.CertificateSource) *yaml.Node {
	return textsNode("file", s.File, "endpoint", s.Endpoint, "server_name", s.ServerName, "password", s.Password, "alias", s.Alias)
}

func renewalNode(r keepwatch.Renewal) *yaml.Node {
	n := mappingNode{}
	n.span("every", r.Every)
	n.date("planned", r.Planned)
	n.span("window", r.Window)
	n.text("by", r.By)
	n.flag("ticket", r.Ticket)
	return n.done()
}

func dependentNode(d keepwatch.Dependent) *yaml.Node {
	n := mappingNode{}
	n.text("kind", d.Kind)
	n.text("key", d.Key)
	n.amount("contacts_per_day", d.ContactsPerDay)
	n.amount("value_per_contact", d.ValuePerContact)
	n.node("reads", nodes(d.Reads, scalarNode))
	n.text("fed_by", d.FedBy)
	n.text("on_outage", d.OnOutage)
	n.span("expect_rows_every", d.ExpectRowsEvery)
	n.text("timestamp_field", d.TimestampField)
	n.span("max_queue_age", d.MaxQueueAge)
	return n.done()
}

// mappingNode builds a YAML mapping.
type mappingNode struct{ content []*yaml.Node }

func (n *mappingNode) list(name string, value *yaml.Node) {
	if value == nil {
		value = &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	}
	n.content = append(n.content, scalarNode(name), value)
}

// node leaves out what has no content.
func (n *mappingNode) node(name string, value *yaml.Node) {
	if value != nil {
		n.content = append(n.content, scalarNode(name), value)
	}
}

func (n *mappingNode) text(name, value string) {
	if value != "" {
		n.node(name, scalarNode(value))
	}
}

func (n *mappingNode) date(name string, d keepwatch.Date) { n.text(name, d.String()) }

func (n *mappingNode) span(name string, d time.Duration) {
	if d != 0 {
		n.text(name, keepwatch.FormatDuration(d))
	}
}

func (n *mappingNode) amount(name string, f float64) {
	if f != 0 {
		n.text(name, strconv.FormatFloat(f, 'f', -1, 64))
	}
}

func (n *mappingNode) flag(name string, on bool) {
	if on {
		n.text(name, "true")
	}
}

func (n *mappingNode) done() *yaml.Node {
	if len(n.content) == 0 {
		return nil
	}
	return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: n.content}
}

// textsNode is a mapping of names and texts.
func textsNode(pairs ...string) *yaml.Node {
	n := mappingNode{}
	for i := 0; i+1 < len(pairs); i += 2 {
		n.text(pairs[i], pairs[i+1])
	}
	return n.done()
}

func scalarNode(value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
}

func nodes[V any](list []V, of func(V) *yaml.Node) *yaml.Node {
	if len(list) == 0 {
		return nil
	}
	out := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	for _, v := range list {
		if n := of(v); n != nil {
			out.Content = append(out.Content, n)
		}
	}
	return out
}
