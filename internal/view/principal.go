package view

import (
	"context"
	"net/http"
	"net/netip"

	"keepwatch/internal/auth"
)

type principalKey struct{}

// WithPrincipal hands the caller down to handlers. It stands here because the
// API and the pages, which do not know each other, both ask for it.
func WithPrincipal(ctx context.Context, p auth.Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// PrincipalOf returns the caller; the zero Principal may do nothing.
func PrincipalOf(ctx context.Context) auth.Principal {
	p, _ := ctx.Value(principalKey{}).(auth.Principal)
	return p
}

// RemoteOf is the address that the connection comes from. Forwarded headers are not
// believed: anybody can write them, and a made-up address per try would switch the
// brake on guessing off.
func RemoteOf(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}
