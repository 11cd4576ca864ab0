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
		out.Items = append(out.Items, e.credential(g.Credential))
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
