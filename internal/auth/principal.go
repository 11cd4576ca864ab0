// Package auth decides who is asking and what they may do: API tokens, the
// administrator's password, signed sessions and the brake on guessing. It
// decides only; the tables are the store's, the cookies and headers are the
// HTTP layer's. Whatever depends on the time takes now.
package auth

import (
	"fmt"
	"slices"

	"keepwatch"
)

// Role is what somebody may do. From Viewer on, each role includes the ones before it.
type Role string

const (
	// Pusher may hand evidence in and read nothing: its token stands in the settings of
	// collectors and of other people's programs. Operators may push as well; viewers, who
	// are promised to change nothing, may not.
	Pusher Role = "pusher"
	// Viewer may read everything that is shown.
	Viewer Role = "viewer"
	// Operator may also act: run a test, acknowledge, silence, change records, import,
	// rotate, accept findings, make calendar feeds.
	Operator Role = "operator"
	// Admin may also reload, and manage tokens and accounts.
	Admin Role = "admin"
)

// Roles lists the roles in rising order.
var Roles = []Role{Viewer, Operator, Admin}

// TokenRoles are those that a token may have.
var TokenRoles = append([]Role{Pusher}, Roles...)

// ParseRole reads a role's name.
func ParseRole(s string) (Role, error) {
	for _, r := range TokenRoles {
		if string(r) == s {
			return r, nil
		}
	}
	return "", keepwatch.WithHint(fmt.Errorf("%q is not a role: %w", s, keepwatch.ErrInvalid), "allowed: pusher, viewer, operator, admin")
}

// rank orders roles; an unknown role ranks below all of them, so that a damaged
// row gives no rights.
func (r Role) rank() int {
	for i, known := range Roles {
		if r == known {
			return i + 1
		}
	}
	return 0
}

// known reports whether a role is one at all: a damaged row gives no rights.
func (r Role) known() bool { return r == Pusher || r.rank() > 0 }

// may reports whether the role includes what another one may.
func (r Role) may(needs Role) bool {
	if needs == Pusher {
		return r == Pusher || r.rank() >= Operator.rank()
	}
	return needs.rank() > 0 && r.rank() >= needs.rank()
}

// Via is how a principal proved itself.
type Via string

const (
	ViaToken   Via = "token"
	ViaSession Via = "session"
	ViaOpen    Via = "open" // sign-in is off (`auth: none`, loopback only)
)

// Principal is who is asking. The zero Principal is nobody.
type Principal struct {
	Name string // the user's name, or the token's
	Role Role   // the highest of the grants
	Via  Via
	// Grants say where which role holds; nil: Role holds everywhere.
	Grants []Grant
}

// PrincipalOf is somebody with grants.
func PrincipalOf(name string, grants []Grant, via Via) Principal {
	return Principal{Name: name, Role: highest(grants), Via: via, Grants: grants}
}

// May reports whether p has a role over what a team owns in a tenant.
func (p Principal) May(role Role, tenant keepwatch.TenantID, team string) bool {
	if !p.Known() {
		return false
	}
	if p.Grants == nil {
		return Grant{Role: p.Role}.covers(role, tenant, team)
	}
	return slices.ContainsFunc(p.Grants, func(g Grant) bool { return g.covers(role, tenant, team) })
}

// Everywhere reports whether p has a role over the whole estate. No tenant and no
// team has the empty name, so that only a grant without limits covers both.
func (p Principal) Everywhere(role Role) bool { return p.May(role, "", "") }

// Everybody is the principal while sign-in is off.
func Everybody() Principal { return Principal{Name: "local", Role: Admin, Via: ViaOpen} }

// Known reports whether the principal proved itself at all.
func (p Principal) Known() bool { return p.Via != "" && p.Role.known() }

// Require reports why p may not do what needs role: nil when it may.
func Require(p Principal, role Role) error {
	switch {
	case !p.Known():
		return keepwatch.WithHint(fmt.Errorf("sign-in is needed: %w", keepwatch.ErrUnauthorized),
			"send Authorization: Bearer kw_… or sign in")
	case !p.Role.may(role):
		return keepwatch.WithHint(fmt.Errorf("%s has the role %s, this needs %s: %w", p.Name, p.Role, role, keepwatch.ErrForbidden),
			"ask an administrator for that role")
	}
	return nil
}

// RequireEverywhere is Require for what concerns the whole estate: a role over a
// part of it is not enough.
func RequireEverywhere(p Principal, role Role) error {
	if err := Require(p, role); err != nil || p.Everywhere(role) {
		return err
	}
	return keepwatch.WithHint(fmt.Errorf("%s is %s of a part of the estate, this concerns all of it: %w", p.Name, p.Role, keepwatch.ErrForbidden),
		"ask an administrator to do it, or for the role without a tenant or a team")
}
