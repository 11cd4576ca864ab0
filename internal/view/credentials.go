package view

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
)

// CredentialFilter narrows a list of credentials. Zero fields do not.
type CredentialFilter struct {
	Tenant string
	Unit   string // its number; 0 is the one that owns the package
	Owner  string // a team; NoOwner are those of nobody
	Tier   string // the criticality
	Kind   string
	State  string
	Query  string // part of the id, the purpose or the owner, in any case
}

// NoOwner is the owner of what nobody owns, where a filter names one.
const NoOwner = "-"

// Credentials lists one page of credentials in the order of their ids.
func (r *Reader) Credentials(ctx context.Context, now time.Time, f CredentialFilter, page Page) (client.Page[client.Credential], error) {
	after, err := openCursor(page.Cursor)
	if err != nil {
		return client.Page[client.Credential]{}, err
	}
	e, err := r.load(ctx, now)
	if err != nil {
		return client.Page[client.Credential]{}, err
	}
	out := client.Page[client.Credential]{Items: []client.Credential{}}
	for _, g := range e.glances(f) {
		if string(g.ID) <= after {
			continue
		}
		if len(out.Items) == page.Limit {
			next := sealCursor(out.Items[len(out.Items)-1].ID)
			out.Next = &next
			break
		}
		out.Items = append(out.Items, e.credential(*g.Credential))
	}
	return out, nil
}

// matches tests what the inventory alone can tell.
func (f *CredentialFilter) matches(c *keepwatch.Credential) bool {
	switch {
	case f.Tenant != "" && string(c.Tenant) != f.Tenant,
		f.Unit != "" && strconv.FormatInt(int64(c.BusinessUnit), 10) != f.Unit,
		f.Owner == NoOwner && c.Owner.Team != "",
		f.Owner != "" && f.Owner != NoOwner && !strings.EqualFold(f.Owner, c.Owner.Team) && !strings.EqualFold(f.Owner, c.Owner.Contact),
		f.Tier != "" && string(c.Criticality) != f.Tier,
		f.Kind != "" && string(c.Kind) != f.Kind:
		return false
	}
	if f.Query == "" {
		return true
	}
	q := strings.ToLower(f.Query)
	return slices.ContainsFunc([]string{string(c.ID), c.Purpose, c.Owner.Team, c.Owner.Contact}, func(text string) bool {
		return strings.Contains(strings.ToLower(text), q)
	})
}

// glance is how one credential stands, and no more than is needed to count and to order
// it. What a page shows of it is worked out for those that it shows.
type glance struct {
	*keepwatch.Credential
	line   *line
	state  keepwatch.State
	proven time.Time
	dated  bool // it stands as its dates do
	zone   *time.Location
	clocks []keepwatch.Clock
}

// glances are those that a filter lets through, by id.
func (e *estate) glances(f CredentialFilter) []glance {
	out := make([]glance, 0, len(e.snap.Credentials))
	places := e.index.inOrder(e.snap.Credentials)
	for i := range e.snap.Credentials {
		c := &e.snap.Credentials[i]
		if !f.matches(c) {
			continue
		}
		if g := e.glance(c, places[i].line()); f.State == "" || f.State == string(g.state) {
			out = append(out, g)
		}
	}
	byID := func(a, b glance) int { return strings.Compare(string(a.ID), string(b.ID)) }
	if !slices.IsSortedFunc(out, byID) {
		slices.SortFunc(out, byID)
	}
	return out
}

func (e *estate) glance(c *keepwatch.Credential, l *line) glance {
	g := glance{Credential: c, line: l, zone: e.snap.zoneOf(c.ID)}
	g.clocks = g.line.clocksOf(c, g.zone)
	s := &g.line.own
	if g.dated = !proven(*c) && (s.ID == "" || !asked(c.Kind)); g.dated {
		stands := standing(*c, g.line.own, g.line.looks, g.clocks, e.now)
		s = &stands
	}
	g.state, g.proven = s.StateAt(e.now), s.LastProvenAt
	if len(g.line.lived) > 0 && g.state == keepwatch.StateHealthy {
		if _, troubled := lived(*s, g.line.lived, e.now); troubled {
			g.state = keepwatch.StateDegraded
		}
	}
	if g.dated {
		if first, _ := firstHard(g.clocks); first.Source != keepwatch.DateRead {
			g.proven = time.Time{} // its dates were looked at, the thing was not
		}
	}
	return g
}

// first is the date that it is shown with.
func (g *glance) first() keepwatch.Clock {
	k, _ := firstHard(g.clocks)
	return k
}

// tallyOf counts the proofs of the last 24 hours.
func (e *estate) tallyOf(g *glance) tally {
	if g.dated {
		return tally{}
	}
	return g.line.proofs(e.hours, e.yesterday)
}
