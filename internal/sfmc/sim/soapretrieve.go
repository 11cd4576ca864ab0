package sim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// pageSize is how many objects one Retrieve returns at most.
const pageSize = 2500

// maxCursors bounds the retrieves that wait to be continued; each holds a query,
// not rows.
const (
	maxCursors = 1024
	cursorLife = 10 * time.Minute
)

// query is one Retrieve.
type query struct {
	object      string
	properties  []string
	filter      *element
	allAccounts bool
	size        int
	offset      int
}

// cursors remembers queries whose rows did not fit, by the RequestID that
// ContinueRequest repeats.
type cursors struct {
	byID  map[string]cursor
	order []string
}

type cursor struct {
	query   query
	client  string
	expires time.Time
}

func (k *cursors) put(id string, entry cursor) {
	if k.byID == nil {
		k.byID = map[string]cursor{}
	}
	k.byID[id] = entry
	k.order = append(k.order, id)
	for len(k.order) > maxCursors {
		delete(k.byID, k.order[0])
		k.order = k.order[1:]
	}
}

func (k *cursors) take(id, client string, now time.Time) (query, bool) {
	entry, ok := k.byID[id]
	if !ok || entry.client != client || !now.Before(entry.expires) {
		return query{}, false
	}
	delete(k.byID, id)
	k.order = slices.DeleteFunc(k.order, func(v string) bool { return v == id })
	return entry.query, true
}

func readQuery(r *element) query {
	q := query{
		object: r.child("ObjectType").value(), properties: r.all("Properties"), filter: r.child("Filter"),
		allAccounts: strings.EqualFold(r.child("QueryAllAccounts").value(), "true"), size: pageSize,
	}
	if n, err := strconv.Atoi(r.at("Options", "BatchSize").value()); err == nil && n > 0 {
		q.size = min(n, pageSize)
	}
	return q
}

// retrieve answers Retrieve: new or continued.
func (c *call) retrieve(r *element) answer {
	requestID := guidOf("request", randomText(12))
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	q := readQuery(r)
	if id := r.child("ContinueRequest").value(); id != "" {
		var ok bool
		if q, ok = c.s.cursors.take(id, c.clientID, c.now); !ok {
			return c.retrieved("Error: The ContinueRequest "+id+" is not valid.", requestID, "")
		}
	}
	kind, ok := c.objectKind(q.object)
	if !ok {
		return c.retrieved("Error: Unable to find a handler for object type: "+q.object+". Object types are case-sensitive, check spelling.", requestID, "")
	}
	if kind.scope != "" && !c.allowed(kind.scope) {
		return c.retrieved("Error: API Permission Failed. Operation: Retrieve, ObjectType: "+q.object, requestID, "")
	}
	if unknown := kind.unknown(q.properties); len(unknown) > 0 {
		return c.retrieved("Error: The Request Property(s) "+strings.Join(unknown, ", ")+" do not match with the fields of "+q.object+" retrieve", requestID, "")
	}
	if refusal, off := c.unfilterable(q); off {
		return c.retrieved(refusal, requestID, "")
	}
	rows := slices.DeleteFunc(kind.rows(c, q.allAccounts), func(r row) bool { return !r.passes(q.filter, 0) })
	rows = rows[min(q.offset, len(rows)):]
	status := "OK"
	if len(rows) > q.size {
		rows, status = rows[:q.size], "MoreDataAvailable"
		q.offset += q.size
		c.s.cursors.put(requestID, cursor{q, c.clientID, c.now.Add(cursorLife)})
	}
	var b strings.Builder
	for _, r := range rows {
		if strings.HasPrefix(q.object, rowObject) {
			r.writeRow(&b, q.properties)
			continue
		}
		r.write(&b, q.object, q.properties)
	}
	return c.retrieved(status, requestID, b.String())
}

// allowed reports whether the caller may read by scope: of the token, or of an
// API user's own.
func (c *call) allowed(scope string) bool {
	if c.envelope.login {
		return slices.Contains(c.client.current(c.now).scopes, scope)
	}
	return c.s.scopes.holds(c.ticket.scopes, scope)
}

// row is one object; property names may be dotted.
type row map[string]string

// passes applies a filter. An operator that is not simulated lets nothing
// through, so that a test notices.
func (r row) passes(f *element, depth int) bool {
	if f == nil || depth > maxDepth {
		return f == nil
	}
	if f.kind == "ComplexFilterPart" || f.child("LogicalOperator") != nil {
		left, right := r.passes(f.child("LeftOperand"), depth+1), r.passes(f.child("RightOperand"), depth+1)
		if strings.EqualFold(f.child("LogicalOperator").value(), "OR") {
			return left || right
		}
		return left && right
	}
	have, values := r[f.child("Property").value()], f.all("Value")
	if dates := f.all("DateValue"); len(dates) > 0 {
		values = dates
	}
	value := ""
	if len(values) > 0 {
		value = values[0]
	}
	switch f.child("SimpleOperator").value() {
	case "equals":
		return strings.EqualFold(have, value)
	case "notEquals":
		return !strings.EqualFold(have, value)
	case "isNull":
		return have == ""
	case "isNotNull":
		return have != ""
	case "IN":
		return slices.Contains(values, have)
	case "like", "contains", "existsInString":
		return strings.Contains(strings.ToLower(have), strings.ToLower(strings.Trim(value, "%")))
	case "beginsWith":
		return strings.HasPrefix(have, value)
	case "endsWith":
		return strings.HasSuffix(have, value)
	case "greaterThan", "greaterThanOrEqual", "lessThan", "lessThanOrEqual":
		return compared(f.child("SimpleOperator").value(), have, value)
	}
	return false
}

func compared(operator, have, value string) bool {
	order := strings.Compare(have, value)
	if a, err := strconv.ParseFloat(have, 64); err == nil {
		if b, err := strconv.ParseFloat(value, 64); err == nil {
			order = int(max(-1, min(1, a-b)))
			if a != b && order == 0 {
				order = 1
				if a < b {
					order = -1
				}
			}
		}
	}
	switch operator {
	case "greaterThan":
		return order > 0
	case "greaterThanOrEqual":
		return order >= 0
	case "lessThan":
		return order < 0
	default:
		return order <= 0
	}
}

// write renders one Results element with the properties asked for. Dotted
// properties become nested elements, neighbours sharing one parent.
func (r row) write(b *strings.Builder, object string, properties []string) {
	fmt.Fprintf(b, `<Results xsi:type="%s"><PartnerKey xsi:nil="true"/>`, object)
	open := ""
	for _, p := range properties {
		parent, name, nested := strings.Cut(p, ".")
		if !nested {
			parent, name = "", p
		}
		if parent != open {
			if open != "" {
				fmt.Fprintf(b, "</%s>", open)
			}
			if parent != "" {
				fmt.Fprintf(b, "<%s>", parent)
			}
			open = parent
		}
		if p == "Client" {
			fmt.Fprintf(b, "<Client><ID>%s</ID></Client>", xmlText(r["Client.ID"]))
		} else if value, ok := r[p]; ok && value != "" {
			fmt.Fprintf(b, "<%s>%s</%s>", name, xmlText(value), name)
		} else {
			fmt.Fprintf(b, `<%s xsi:nil="true"/>`, name)
		}
	}
	if open != "" {
		fmt.Fprintf(b, "</%s>", open)
	}
	b.WriteString("</Results>")
}
