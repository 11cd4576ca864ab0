package httpapi

import (
	"context"

	"keepwatch"
	"keepwatch/internal/auth"
	"keepwatch/internal/view"
)

// reach is how much of the estate a route is about.
type reach bool

const (
	// everything: a role over a part of the estate is not enough. It is what a route has
	// unless it says otherwise, so that one that forgets shows too little.
	everything reach = false
	// theirs: the route itself looks at what the caller may see, through read.
	theirs reach = true
)

// ofCredential is an input that names one credential in its path.
type ofCredential interface{ id() keepwatch.CredentialID }

// allow reports why a caller may not use a route, before the route looks at anything.
func (a *api) allow(ctx context.Context, needs auth.Role, far reach, in any) error {
	who := view.PrincipalOf(ctx)
	if far == everything {
		return auth.RequireEverywhere(who, needs)
	}
	if err := auth.Require(who, needs); err != nil {
		return err
	}
	if c, ok := in.(ofCredential); ok {
		return a.may(ctx, needs, c.id())
	}
	return nil
}

// read is the estate as the caller may see it.
func (a *api) read(ctx context.Context) *view.Reader { return a.Reader.For(view.PrincipalOf(ctx)) }

// may reports why the caller may not do with a credential what needs a role.
func (a *api) may(ctx context.Context, needs auth.Role, id keepwatch.CredentialID) error {
	return a.Reader.May(view.PrincipalOf(ctx), needs, id)
}

// reaches reports whether a silence or a finding that names a tenant, an owner or
// credentials is within what somebody has a role over.
func (a *api) reaches(ctx context.Context, needs auth.Role, m keepwatch.Match) bool {
	return a.Reader.Reaches(view.PrincipalOf(ctx), needs, m)
}
