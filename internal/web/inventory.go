package web

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/inventory"
	"keepwatch/internal/view"
)

// inventoryRows are those of one page of the table.
const inventoryRows = 50

// Records are those of the interface, and how they are written.
type Records interface {
	Item(ctx context.Context, id keepwatch.CredentialID) (keepwatch.Item, error)
	Put(ctx context.Context, c keepwatch.Credential, version int, by inventory.Author, now time.Time) (keepwatch.Item, error)
	Bulk(ctx context.Context, b inventory.Bulk, by inventory.Author, now time.Time) (client.Bulk, error)
}

// Sheets brings sheets in.
type Sheets interface {
	Import(ctx context.Context, u inventory.Upload, by inventory.Author, now time.Time) (client.Import, error)
}

// column is one of the table: its name in the address, its heading, what it is sorted by,
// and whether it is there when nobody chose.
type column struct {
	Key, Title, Sort string
	Usual            bool
}

var columns = []column{
	{"state", "State", "state", true},
	{"unit", "Tenant, unit", "tenant", true},
	{"kind", "Kind", "kind", false},
	{"owner", "Owner", "owner", true},
	{"tier", "Tier", "tier", true},
	{"proven", "Last proven", "proven", false},
	{"rate", "24 h", "", false},
	{"every", "Proven every", "", false},
	{"ends", "Ends", "ends", true},
	{"renewal", "Renewal", "renewal", false},
	{"holders", "Holders", "holders", false},
	{"dependents", "Dependents", "dependents", false},
	{"client", "Client id", "", false},
	{"package", "Package", "", false},
	{"environment", "Environment", "environment", false},
	{"region", "Region", "region", false},
	{"area", "Area", "area", false},
	{"defined", "Defined in", "", true},
}

type inventoryBody struct {
	client.Inventory
	address
	Tab      string
	Filter   view.InventoryFilter
	Filtered bool
	Columns  []column // that are shown
	All      []columnChoice
	Page     int
	Pages    int
	Tenants  []string
	Owners   []string
	Kinds    []keepwatch.Kind
	Tiers    []keepwatch.Criticality
	States   []string
	Shared   []string
	First    bool
	May      bool // change records
	Whole    bool // bring sheets in and out
	Done     string
}

type columnChoice struct {
	column
	Shown bool
}

func (s *site) inventory(_ http.ResponseWriter, r *http.Request) (*page, error) {
	q, now, reader := r.URL.Query(), time.Now(), s.read(r)
	f := view.InventoryFilter{CredentialFilter: filterOf(q), Source: q.Get("source"), Sort: q.Get("sort"), Desc: q.Get("desc") == "true", Offset: (pageOf(q) - 1) * inventoryRows}
	list, err := reader.Inventory(r.Context(), now, f, view.Page{Limit: inventoryRows})
	if err != nil {
		return nil, err
	}
	who := view.PrincipalOf(r.Context())
	b := inventoryBody{
		Inventory: list, address: addressOf(r), Tab: "records", Filter: f, Page: pageOf(q), Pages: max(1, (list.Matched+inventoryRows-1)/inventoryRows),
		Filtered: f.CredentialFilter != view.CredentialFilter{} || f.Source != "",
		Tenants:  reader.TenantIDs(), Owners: reader.Teams(), Kinds: keepwatch.Kinds, Tiers: keepwatch.Criticalities, States: states, Shared: inventory.Shared,
		First: list.Total == 0, May: s.Records != nil && auth.Require(who, auth.Operator) == nil, Whole: who.Everywhere(auth.Viewer), Done: doneText(q.Get("done")),
	}
	b.Columns, b.All = chosen(q["columns"])
	return &page{Template: "inventory", Title: "Inventory", Section: "inventory", Now: now, Body: b}, nil
}

// doneText is what has just been done, named by a word of the address and not by its
// text: an address must not put words into the page's mouth.
func doneText(what string) string {
	return map[string]string{
		"bulk": "The records are changed.", "import": "The sheet is in.", "record": "The record is made.",
	}[what]
}

// chosen are the columns of an address: one value with commas, as links have it, or
// several, as a form sends them. An address that names none shows the usual ones.
func chosen(values []string) (shown []column, all []columnChoice) {
	names := strings.Split(strings.Join(values, ","), ",")
	some := slices.ContainsFunc(columns, func(c column) bool { return slices.Contains(names, c.Key) })
	for _, c := range columns {
		on := slices.Contains(names, c.Key) || !some && c.Usual
		all = append(all, columnChoice{c, on})
		if on {
			shown = append(shown, c)
		}
	}
	return shown, all
}

// SortLink orders by a column, and the other way round where it does so already.
func (b inventoryBody) SortLink(by string) string {
	desc := ""
	if b.Filter.Sort == by && !b.Filter.Desc {
		desc = "true"
	}
	return b.With("sort", by, "desc", desc)
}

// Sorted is how a column is ordered, in the words of aria-sort.
func (b inventoryBody) Sorted(by string) string {
	switch {
	case by == "" || b.Filter.Sort != by:
		return ""
	case b.Filter.Desc:
		return "descending"
	}
	return "ascending"
}

// Cleared is the table as it is chosen, without a filter.
func (b inventoryBody) Cleared() string {
	return b.With("q", "", "tenant", "", "unit", "", "owner", "", "tier", "", "kind", "", "state", "", "source", "")
}

// Last is the place of the last row in the whole list.
func (b inventoryBody) Last() int { return max(b.From+len(b.Items)-1, 0) }

func authorOf(r *http.Request) inventory.Author {
	return inventory.Author{By: view.PrincipalOf(r.Context()).Name, Via: "ui"}
}

// seenTitle is a field of a record in words: "owner.team" is "owner team".
func seenTitle(name string) string {
	return view.Words(strings.ReplaceAll(name, ".", " "))
}
