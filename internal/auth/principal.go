// Package auth decides who is asking and what they may do: API tokens, the
// administrator's password, signed sessions and the brake on guessing. It
// decides only; the tables are the store's, the cookies and headers are the
// HTTP layer's. Whatever depends on the time takes now.
package auth

import (
	"fmt"

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
	// Operator may also keep the inventory: change records, import, rotate, accept
	// findings, make calendar feeds.
	Operator Role = "operator"
	// Admin may also run a test, acknowledge, reload, make tokens.
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
	Role Role
	Via  Via
}

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
			"ask an administrator for a token with that role")
	}
	return nil
}
