package view

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/inventory"
)

// InventoryFilter narrows and orders the table of all credentials. Zero fields do not.
type InventoryFilter struct {
	CredentialFilter
	Source string // file, interface
	Sort   string // of Sorts; "": by id
	Desc   bool
	Offset int // of the first item, where no cursor is given
}

// Sorts are what the table can be ordered by.
var Sorts = []string{"id", "state", "tenant", "unit", "kind", "owner", "tier", "environment", "region", "area", "holders", "dependents", "proven", "ends", "renewal"}

// Inventory lists one page of the table of all credentials.
func (r *Reader) Inventory(ctx context.Context, now time.Time, f InventoryFilter, page Page) (client.Inventory, error) {
	if err := f.sensible(); err != nil {
		return client.Inventory{}, err
	}
	after, err := openCursor(page.Cursor)
	if err != nil {
		return client.Inventory{}, err
	}
	e, err := r.load(ctx, now)
	if err != nil {
		return client.Inventory{}, err
	}
	rows := e.rows(f)
	var counts stateCounts
	out := client.Inventory{At: now.UTC(), Items: []client.InventoryItem{}, Matched: len(rows), Total: len(e.snap.Credentials)}
	for i := range rows {
		counts[rows[i].weight]++
	}
	out.Counts = counts.byName()
	from := min(max(f.Offset, 0), len(rows))
	if after != "" {
		from = slices.IndexFunc(rows, func(x row) bool { return f.before(after, x.cursor()) })
		if from < 0 {
			from = len(rows)
		}
	}
	to := from + min(page.Limit, len(rows)-from)
	for _, x := range rows[from:to] {
		out.Items = append(out.Items, e.item(x.glance))
	}
	if out.From = from + 1; from == to {
		out.From = 0
	}
	if to < len(rows) && to > from {
		next := sealCursor(rows[to-1].cursor())
		out.Next = &next
	}
	return out, nil
}

func (f InventoryFilter) sensible() error {
	for _, field := range []struct {
		name, value string
		allowed     []string
	}{
		{"sort", f.Sort, Sorts},
		{"source", f.Source, []string{"file", "interface"}},
	} {
		if field.value != "" && !slices.Contains(field.allowed, field.value) {
			return keepwatch.WithHint(fmt.Errorf("%s %.80q: %w", field.name, field.value, keepwatch.ErrInvalid), "one of: "+strings.Join(field.allowed, ", "))
		}
	}
	return nil
}

// row is a credential with what it is ordered by: the number, then the text.
type row struct {
	*glance
	number int64 // not negative
	text   string
}

// cursor is text in the order of the table.
func (x row) cursor() string {
	return fmt.Sprintf("%020d%s\x00%s", x.number, x.text, x.ID)
}

// before orders cursors. Among equals the ids rise in either direction.
func (f InventoryFilter) before(a, b string) bool {
	i, j := strings.LastIndexByte(a, 0), strings.LastIndexByte(b, 0)
	if i < 0 || j < 0 {
		return a < b
	}
	return cmp.Or(f.turned(strings.Compare(a[:i], b[:j])), strings.Compare(a[i:], b[j:])) < 0
}

func (f InventoryFilter) compare(a, b row) int {
	return cmp.Or(f.turned(cmp.Or(cmp.Compare(a.number, b.number), strings.Compare(a.text, b.text))), strings.Compare(string(a.ID), string(b.ID)))
}

func (f InventoryFilter) turned(by int) int {
	if f.Desc {
		return -by
	}
	return by
}

func (e *estate) rows(f InventoryFilter) []row {
	all := e.glances(f.CredentialFilter)
	out := make([]row, 0, len(all))
	for _, g := range all {
		if f.Source == "file" && g.File == "" || f.Source == "interface" && g.File != "" {
			continue
		}
		number, text := e.sortKey(f.Sort, g)
		out = append(out, row{g, number, text})
	}
	slices.SortFunc(out, f.compare)
	return out
}

// sortKey orders as the column does. What is not known comes last when it rises.
func (e *estate) sortKey(by string, g *glance) (number int64, text string) {
	switch by {
	case "state":
		return int64(g.weight), ""
	case "tenant":
		return 0, string(g.Tenant)
	case "unit":
		return 0, orLast(strings.ToLower(e.units[unitKey{g.Tenant, g.BusinessUnit}])) + fmt.Sprintf("%020d", g.BusinessUnit)
	case "kind":
		return 0, string(g.Kind)
	case "owner":
		return 0, orLast(strings.ToLower(g.Owner.Team))
	case "tier":
		return int64(g.tier), ""
	case "environment":
		return 0, orLast(strings.ToLower(g.Environment))
	case "region":
		return 0, orLast(strings.ToLower(g.Region))
	case "area":
		return 0, orLast(strings.ToLower(g.Area))
	case "holders":
		return int64(len(g.Holders)), ""
	case "dependents":
		return int64(len(g.Dependents)), ""
	case "proven":
		return instantKey(g.proven), ""
	case "ends":
		return instantKey(g.first().At), ""
	case "renewal":
		return 0, orLast(g.Renewal.Planned.String())
	}
	return 0, string(g.ID)
}

func orLast(s string) string { return cmp.Or(s, "\U0010ffff") }

func instantKey(t time.Time) int64 {
	if t.IsZero() {
		return math.MaxInt64
	}
	return t.UnixMilli() + 1<<50 // dates before 1970 sort, too
}

func (e *estate) item(g *glance) client.InventoryItem {
	c := g.Credential
	out := client.InventoryItem{
		Credential: e.credential(c), ClientID: c.ClientID, Package: c.Package, Username: c.Username,
		Environment: c.Environment, Region: c.Region, Area: c.Area, Holders: len(c.Holders), Dependents: len(c.Dependents),
		PlannedRenewal: c.Renewal.Planned.String(), RenewalBy: c.Renewal.By, DefinedIn: c.File,
	}
	if !g.dated {
		out.EverySeconds = e.snap.Plans[c.ID].Business.Seconds()
	}
	return out
}

// Selection are the records that a change of many names, as far as somebody may change
// them. What they may not see is refused in the words for what does not exist.
func (r *Reader) Selection(who auth.Principal, records []client.SeenRecord, set map[string]string) (inventory.Bulk, []client.ImportFault, error) {
	bulk, refused := inventory.Bulk{Set: set}, []client.ImportFault{}
	team, moves := set["owner.team"]
	for _, rec := range records {
		id := keepwatch.CredentialID(rec.ID)
		err := r.May(who, auth.Operator, id)
		if c, unknown := r.Registered(id); err == nil && unknown == nil && moves {
			err = MayIn(who, auth.Operator, c.Tenant, strings.TrimSpace(team))
		}
		if err == nil {
			bulk.Records = append(bulk.Records, inventory.Seen{ID: id, Version: rec.Version})
			continue
		}
		f := FailureOf(err)
		if f.Status >= 500 {
			return bulk, nil, err
		}
		refused = append(refused, client.ImportFault{Credential: rec.ID, Message: f.Message, Hint: f.Hint})
	}
	return bulk, refused, nil
}
