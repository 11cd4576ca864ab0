package view

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
)

// addGroups divides what the filter lets through, the worst first, and lists as many
// credentials as a page holds.
func (e *estate) addGroups(o *client.Overview, all []*glance, tallies []tally, f OverviewFilter) {
	matched := make([]member, 0, len(all))
	groups := map[string]*group{}
	narrows := f.CredentialFilter != CredentialFilter{}
	for i, g := range all {
		if narrows && !f.matches(g.Credential) || f.State != "" && f.State != string(g.state) {
			continue
		}
		key := groupKey(f.GroupBy, g.Credential)
		of := groups[key]
		if of == nil {
			of = &group{key: key, units: map[unitKey]*unit{}, ends: endsByDay{}}
			groups[key] = of
		}
		of.add(g, tallies[i])
		matched = append(matched, member{g, of})
	}
	o.Matched = len(matched)
	e.list(o, matched, f)
	for _, g := range groups {
		o.Groups = append(o.Groups, g.shown(e))
	}
	if f.GroupBy == "tenant" {
		calls := e.calls(all)
		for i := range o.Groups {
			g := &o.Groups[i]
			g.Calls = cmp.Or(calls[keepwatch.TenantID(g.Key)], &client.Calls{})
		}
	}
	slices.SortFunc(o.Groups, func(a, b client.Group) int {
		return cmp.Or(worseCounts(a.Counts, b.Counts), cmp.Compare(keyRank(f.GroupBy, a.Key), keyRank(f.GroupBy, b.Key)), strings.Compare(a.Key, b.Key))
	})
	o.Ahead = e.ahead(matched, f.GroupBy)
}

// list chooses the credentials that are shown, one by one. A small estate shows all, a
// large one counts what is healthy unless somebody asks for a part of it.
func (e *estate) list(o *client.Overview, matched []member, f OverviewFilter) {
	shown := slices.Clone(matched)
	if len(shown) > overviewRows && f.CredentialFilter == (CredentialFilter{}) {
		shown = slices.DeleteFunc(shown, func(m member) bool { return m.state == keepwatch.StateHealthy })
	}
	slices.SortStableFunc(shown, worstMember)
	o.Pages = max(1, (len(shown)+overviewRows-1)/overviewRows)
	o.Page = min(max(f.Page, 1), o.Pages)
	from := (o.Page - 1) * overviewRows
	shown = shown[from:min(len(shown), from+overviewRows)]
	o.Shown = len(shown)
	for _, m := range shown {
		item := e.credential(m.Credential)
		item.History = history(e.proofs(m.Credential), e.now)
		u := m.of.units[unitKey{m.Tenant, m.BusinessUnit}]
		u.items = append(u.items, item)
	}
}

func groupKey(by string, c *keepwatch.Credential) string {
	switch by {
	case "owner":
		return c.Owner.Team
	case "tier":
		return string(c.Criticality)
	}
	return string(c.Tenant)
}

// keyRank is the order of groups that are alike: tiers by what they mean, nobody before
// somebody.
func keyRank(by, key string) int {
	if by == "tier" {
		return criticalityRank(key)
	}
	return min(1, len(key))
}

type group struct {
	key    string
	counts stateCounts
	sum    tally
	units  map[unitKey]*unit
	newest time.Time
	ends   endsByDay // those of the next days
}

// member is a credential in its group.
type member struct {
	*glance
	of *group
}

type unit struct {
	counts stateCounts
	total  int
	items  []client.Credential
}

func (g *group) add(c *glance, t tally) {
	g.counts[c.weight]++
	g.sum.merge(t)
	if c.proven.After(g.newest) {
		g.newest = c.proven
	}
	key := unitKey{c.Tenant, c.BusinessUnit}
	u := g.units[key]
	if u == nil {
		u = &unit{}
		g.units[key] = u
	}
	u.counts[c.weight]++
	u.total++
}

func (g *group) shown(e *estate) client.Group {
	out := client.Group{
		Key: g.key, Counts: g.counts.byName(), SuccessRate: g.sum.rate(), LastProvenAt: timeOf(g.newest), Units: []client.BusinessUnit{}, Well: []string{},
	}
	for key, u := range g.units {
		out.Total += u.total
		if len(u.items) == 0 && u.counts[len(u.counts)-1] == u.total {
			out.WellTotal += u.total
			out.Well = append(out.Well, cmp.Or(e.units[key], key.mid.String(), "owning business unit"))
			continue
		}
		out.Units = append(out.Units, client.BusinessUnit{
			Tenant: string(key.tenant), MID: midOf(key.mid), Name: e.units[key], Counts: u.counts.byName(), Total: u.total, Credentials: orNoCredentials(u.items),
		})
	}
	slices.Sort(out.Well)
	slices.SortFunc(out.Units, func(a, b client.BusinessUnit) int {
		return cmp.Or(worseCounts(a.Counts, b.Counts), strings.Compare(a.Tenant, b.Tenant), strings.Compare(a.Name, b.Name), compareMID(a.MID, b.MID))
	})
	return out
}

func orNoCredentials(items []client.Credential) []client.Credential {
	if items == nil {
		return []client.Credential{}
	}
	return items
}
