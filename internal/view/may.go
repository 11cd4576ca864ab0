package view

import (
	"fmt"
	"slices"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
)

// May reports why somebody may not do with a credential what needs a role. One that
// they may not see is answered as one that does not exist. Who reaches everything
// passes: what is not registered may have a history.
func (r *Reader) May(who auth.Principal, needs auth.Role, id keepwatch.CredentialID) error {
	if who.Everywhere(needs) {
		return nil
	}
	c, err := r.For(who).Registered(id)
	if err != nil {
		return err
	}
	return MayIn(who, needs, c.Tenant, c.Owner.Team)
}

// MayIn reports why somebody may not do what needs a role with what a team owns in a
// tenant.
func MayIn(who auth.Principal, needs auth.Role, tenant keepwatch.TenantID, team string) error {
	if who.May(needs, tenant, team) {
		return nil
	}
	owner := "what nobody owns"
	if team != "" {
		owner = fmt.Sprintf("what %.80q owns", team)
	}
	return keepwatch.WithHint(fmt.Errorf("%s is not %s of %s in the tenant %.80q: %w", who.Name, needs, owner, tenant, keepwatch.ErrForbidden),
		"ask an administrator for that role there")
}

// MayAct reports why somebody may not act on an incident: for that a role over one of
// the credentials that it is about is enough, since the others that share it are helped
// as well.
func (r *Reader) MayAct(who auth.Principal, d client.Incident) error {
	if who.Everywhere(auth.Operator) || d.Tenant != "" && who.May(auth.Operator, keepwatch.TenantID(d.Tenant), "") {
		return nil
	}
	ids := slices.Clone(d.Members)
	for _, e := range d.Effects {
		if e.Through != nil {
			ids = append(ids, *e.Through)
		}
	}
	err := auth.RequireEverywhere(who, auth.Operator)
	for _, id := range ids {
		if err = r.May(who, auth.Operator, keepwatch.CredentialID(id)); err == nil {
			return nil
		}
	}
	return err
}
