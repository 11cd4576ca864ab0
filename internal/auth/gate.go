package auth

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"keepwatch"
)

// TokenRecord is what a gate needs of a stored token.
type TokenRecord struct {
	Name    string
	Grants  []Grant
	Revoked bool
	Expires time.Time // zero: never
}

// UserRecord is what a gate needs of a stored user.
type UserRecord struct {
	Name         string
	Grants       []Grant
	PasswordHash string
	Epoch        int64 // raising it ends the user's sessions
	Disabled     bool
}

// Records are the stored tokens and users. The two that read return an error that
// wraps keepwatch.ErrNotFound when there is none.
type Records interface {
	TokenByHash(ctx context.Context, hash string) (TokenRecord, error)
	UserByName(ctx context.Context, name string) (UserRecord, error)
	// SignedIn notes that somebody came in.
	SignedIn(ctx context.Context, name string, now time.Time) error
}

// Gate turns what a request carries into a Principal. Each request asks the
// records again: a revoked token or a disabled user is out at once.
type Gate struct {
	Records  Records
	Sessions *Sessions
	Hasher   *Hasher
	Limiter  *Limiter
}

// Token is the principal behind an API token. Unknown and revoked give one and
// the same answer.
func (g *Gate) Token(ctx context.Context, token string, now time.Time) (Principal, error) {
	hash, err := CheckToken(token)
	if err != nil {
		return Principal{}, err
	}
	rec, err := g.Records.TokenByHash(ctx, hash)
	unknown := errors.Is(err, keepwatch.ErrNotFound)
	if err != nil && !unknown {
		return Principal{}, err
	}
	ended := !rec.Expires.IsZero() && !now.Before(rec.Expires)
	if unknown || rec.Revoked || ended || !highest(rec.Grants).known() {
		return Principal{}, refused("the token is unknown or no longer valid", "make a new one with `keepwatch token create`")
	}
	return PrincipalOf(rec.Name, rec.Grants, ViaToken), nil
}

// Session is the principal behind a session cookie.
func (g *Gate) Session(ctx context.Context, cookie string, now time.Time) (Principal, error) {
	s, err := g.Sessions.Read(cookie, now)
	if err != nil {
		return Principal{}, err
	}
	user, err := g.Records.UserByName(ctx, s.User)
	if err != nil && !errors.Is(err, keepwatch.ErrNotFound) {
		return Principal{}, err
	}
	if err != nil || user.Disabled || user.Epoch != s.Epoch || highest(user.Grants).rank() == 0 {
		return Principal{}, refused("the session has ended", "sign in again")
	}
	return PrincipalOf(user.Name, user.Grants, ViaSession), nil
}

// SignIn checks name and password and issues a session. Wrong name, wrong
// password and disabled user give one answer and take one hash each.
func (g *Gate) SignIn(ctx context.Context, name string, password []byte, from netip.Addr, now time.Time) (cookie string, expires time.Time, err error) {
	if wait, ok := g.Limiter.Take(name, from, now); !ok {
		return "", time.Time{}, TooMany(wait)
	}
	user, err := g.Records.UserByName(ctx, name)
	if err != nil && !errors.Is(err, keepwatch.ErrNotFound) {
		return "", time.Time{}, err
	}
	if err != nil {
		user = UserRecord{} // its empty hash is never right
	}
	right, err := g.Hasher.Verify(ctx, password, user.PasswordHash)
	if err != nil {
		return "", time.Time{}, err
	}
	if !right || user.Disabled || highest(user.Grants).rank() == 0 {
		return "", time.Time{}, refused("name or password is wrong", "an administrator can set a new password; the first one's was printed at the first start")
	}
	g.Limiter.Forgive(name, from)
	if err := g.Records.SignedIn(ctx, user.Name, now); err != nil {
		return "", time.Time{}, err
	}
	cookie, expires = g.Sessions.Issue(user.Name, user.Epoch, now)
	return cookie, expires, nil
}
