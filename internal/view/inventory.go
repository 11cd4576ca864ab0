package view

import (
	"cmp"
	"context"
	"fmt"
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
	out := client.Inventory{At: now.UTC(), Items: []client.InventoryItem{}, Matched: len(rows), Total: len(e.snap.Credentials), Counts: map[string]int{}}
	for i := range rows {
		out.Counts[string(rows[i].state)]++
	}
	from := min(max(f.Offset, 0), len(rows))
	if after != "" {
		from = slices.IndexFunc(rows, func(x row) bool { return f.before(after, x.cursor()) })
		if from < 0 {
			from = len(rows)
		}
	}
	to := min(from+page.Limit, len(rows))
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

// row is a credential with the key that it is ordered by.
type row struct {
	glance
	key string
}

func (x row) cursor() string { return x.key + "\x00" + string(x.ID) }

// before orders cursors. Among equals the ids rise in either direction.
func (f InventoryFilter) before(a, b string) bool { return f.compare(a, b) < 0 }

func (f InventoryFilter) compare(a, b string) int {
	i, j := strings.LastIndexByte(a, 0), strings.LastIndexByte(b, 0)
	if i < 0 || j < 0 {
		return strings.Compare(a, b)
	}
	by := strings.Compare(a[:i], b[:j])
	if f.Desc {
		by = -by
	}
	return cmp.Or(by, strings.Compare(a[i:], b[j:]))
}

func (e *estate) rows(f InventoryFilter) []row {
	var out []row
	for _, g := range e.glances(f.CredentialFilter) {
		if f.Source == "file" && g.File == "" || f.Source == "interface" && g.File != "" {
			continue
		}
		out = append(out, row{g, e.sortKey(f.Sort, &g)})
	}
	slices.SortFunc(out, func(a, b row) int { return f.compare(a.cursor(), b.cursor()) })
	return out
}

// sortKey is text that orders as the column does. What is not known comes last when it
// rises.
func (e *estate) sortKey(by string, g *glance) string {
	switch by {
	case "state":
		return fmt.Sprintf("%02d", stateRank(string(g.state)))
	case "tenant":
		return string(g.Tenant)
	case "unit":
		return orLast(strings.ToLower(e.units[unitKey{g.Tenant, g.BusinessUnit}])) + fmt.Sprintf("%020d", g.BusinessUnit)
	case "kind":
		return string(g.Kind)
	case "owner":
		return orLast(strings.ToLower(g.Owner.Team))
	case "tier":
		return fmt.Sprintf("%02d", criticalityRank(string(g.Criticality)))
	case "environment":
		return orLast(strings.ToLower(g.Environment))
	case "region":
		return orLast(strings.ToLower(g.Region))
	case "area":
		return orLast(strings.ToLower(g.Area))
	case "holders":
		return fmt.Sprintf("%06d", len(g.Holders))
	case "dependents":
		return fmt.Sprintf("%06d", len(g.Dependents))
	case "proven":
		return instantKey(g.proven)
	case "ends":
		return instantKey(g.first().At)
	case "renewal":
		return orLast(g.Renewal.Planned.String())
	}
	return ""
}

func orLast(s string) string { return cmp.Or(s, "\U0010ffff") }

func instantKey(t time.Time) string {
	if t.IsZero() {
		return orLast("")
	}
	return fmt.Sprintf("%020d", t.UnixMilli()+1<<50)
}

func (e *estate) item(g glance) client.InventoryItem {
	c := g.Credential
	out := client.InventoryItem{
		Credential: e.credential(*c), ClientID: c.ClientID, Package: c.Package, Username: c.Username,
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
