package auth

import (
	"fmt"
	"slices"
	"strings"

	"keepwatch"
)

// Grant is a role over a part of the estate. As text it is "operator",
// "operator@emea" (one tenant), "operator@emea/crm-platform" (what one team owns
// there) or "operator@*/crm-platform" (what it owns anywhere).
type Grant struct {
	Role   Role
	Tenant keepwatch.TenantID // "" is every tenant
	Team   string             // that owns it; "" is every team
}

// String is the grant as it is written.
func (g Grant) String() string {
	switch {
	case g.Team != "":
		return string(g.Role) + "@" + orStar(string(g.Tenant)) + "/" + g.Team
	case g.Tenant != "":
		return string(g.Role) + "@" + string(g.Tenant)
	}
	return string(g.Role)
}

func orStar(s string) string {
	if s == "" {
		return "*"
	}
	return s
}

// covers reports whether the grant gives role over what a team owns in a tenant.
func (g Grant) covers(role Role, tenant keepwatch.TenantID, team string) bool {
	return g.Role.may(role) && (g.Tenant == "" || g.Tenant == tenant) && (g.Team == "" || g.Team == team)
}

// ParseGrants reads grants separated by commas.
func ParseGrants(s string) ([]Grant, error) {
	var out []Grant
	for part := range strings.SplitSeq(s, ",") {
		g, err := parseGrant(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		if !slices.Contains(out, g) {
			out = append(out, g)
		}
	}
	return out, nil
}

// FormatGrants is what ParseGrants reads.
func FormatGrants(grants []Grant) string {
	words := make([]string, len(grants))
	for i, g := range grants {
		words[i] = g.String()
	}
	return strings.Join(words, ", ")
}

func parseGrant(s string) (Grant, error) {
	name, where, limited := strings.Cut(s, "@")
	role, err := ParseRole(strings.TrimSpace(name))
	if err != nil {
		return Grant{}, err
	}
	g := Grant{Role: role}
	if !limited {
		return g, nil
	}
	tenant, team, owned := strings.Cut(where, "/")
	g.Tenant, g.Team = keepwatch.TenantID(strings.TrimSpace(tenant)), strings.TrimSpace(team)
	if g.Tenant == "" || owned && g.Team == "" || g.Tenant == "*" && !owned {
		return Grant{}, keepwatch.WithHint(fmt.Errorf("%.100q is not a role over a part of the estate: %w", s, keepwatch.ErrInvalid),
			"write operator@TENANT, operator@TENANT/TEAM or operator@*/TEAM")
	}
	if g.Tenant == "*" {
		g.Tenant = ""
	}
	return g, nil
}

// highest is the highest role among grants.
func highest(grants []Grant) Role {
	var top Role
	for _, g := range grants {
		if g.Role.rank() > top.rank() || top == "" {
			top = g.Role
		}
	}
	return top
}
