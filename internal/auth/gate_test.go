package auth

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"keepwatch"
)

// tables is the smallest thing that has tokens and users.
type tables struct {
	tokens map[string]TokenRecord
	users  map[string]UserRecord
	down   error
}

func (r *tables) TokenByHash(_ context.Context, hash string) (TokenRecord, error) {
	rec, ok := r.tokens[hash]
	if !ok && r.down == nil {
		return rec, fmt.Errorf("token: %w", keepwatch.ErrNotFound)
	}
	return rec, r.down
}

func (r *tables) SignedIn(context.Context, string, time.Time) error { return nil }

func (r *tables) UserByName(_ context.Context, name string) (UserRecord, error) {
	rec, ok := r.users[name]
	if !ok && r.down == nil {
		return rec, fmt.Errorf("user: %w", keepwatch.ErrNotFound)
	}
	return rec, r.down
}

func newGate(t *testing.T) (*Gate, *tables) {
	t.Helper()
	h := NewHasher(2)
	hash, err := h.Hash(t.Context(), []byte("correct horse battery"))
	if err != nil {
		t.Fatal(err)
	}
	r := &tables{tokens: map[string]TokenRecord{}, users: map[string]UserRecord{
		"admin": {Name: "admin", Grants: []Grant{{Role: Admin}}, PasswordHash: hash, Epoch: 1},
		"gone":  {Name: "gone", Grants: []Grant{{Role: Admin}}, PasswordHash: hash, Disabled: true},
		"odd":   {Name: "odd", Grants: []Grant{{Role: "root"}}, PasswordHash: hash},
	}}
	return &Gate{Records: r, Sessions: newSessions(t), Hasher: h, Limiter: NewLimiter()}, r
}

func TestGateToken(t *testing.T) {
	g, r := newGate(t)
	add := func(rec TokenRecord) string {
		token, hash := NewToken()
		r.tokens[hash] = rec
		return string(token.Reveal())
	}
	unknown, _ := NewToken()
	const no = "the token is unknown or no longer valid: unauthorized"
	tests := []struct{ name, token, want string }{
		{"good", add(TokenRecord{Name: "ci", Grants: []Grant{{Role: Viewer}}}), ""},
		{"not yet ended", add(TokenRecord{Name: "ci", Grants: []Grant{{Role: Viewer}}, Expires: noon.Add(time.Second)}), ""},
		{"ended", add(TokenRecord{Name: "ci", Grants: []Grant{{Role: Viewer}}, Expires: noon}), no},
		{"revoked", add(TokenRecord{Name: "ci", Grants: []Grant{{Role: Viewer}}, Revoked: true}), no},
		{"damaged role", add(TokenRecord{Name: "ci", Grants: []Grant{{Role: "root"}}}), no},
		{"unknown", string(unknown.Reveal()), no},
		{"mistyped", "kw_x", "the token is incomplete or too long: unauthorized"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := g.Token(t.Context(), tt.token, noon)
			if tt.want == "" {
				if err != nil || !reflect.DeepEqual(p, PrincipalOf("ci", []Grant{{Role: Viewer}}, ViaToken)) {
					t.Errorf("Token = %+v, %v", p, err)
				}
			} else if err == nil || err.Error() != tt.want || p.Known() {
				t.Errorf("Token = %+v, %v", p, err)
			}
		})
	}
	r.down = keepwatch.ErrUnavailable
	if _, err := g.Token(t.Context(), tests[0].token, noon); !errors.Is(err, keepwatch.ErrUnavailable) {
		t.Errorf("with the store down: %v; it must not look like a bad token", err)
	}
}

func TestGateSignIn(t *testing.T) {
	g, r := newGate(t)
	var first string
	for name, password := range map[string]string{"admin": "wrong horse battery", "gone": "correct horse battery", "nobody": "x", "odd": "correct horse battery", "": ""} {
		_, _, err := g.SignIn(t.Context(), name, []byte(password), home, noon)
		if !errors.Is(err, keepwatch.ErrUnauthorized) {
			t.Fatalf("%s: %v", name, err)
		}
		if first == "" {
			first = err.Error()
		}
		if err.Error() != first {
			t.Errorf("the answers differ: %q and %q", first, err)
		}
	}
	cookie, expires, err := g.SignIn(t.Context(), "admin", []byte("correct horse battery"), home, noon)
	if err != nil || !expires.After(noon) {
		t.Fatal(err)
	}
	p, err := g.Session(t.Context(), cookie, noon)
	if err != nil || !reflect.DeepEqual(p, PrincipalOf("admin", []Grant{{Role: Admin}}, ViaSession)) {
		t.Fatalf("Session = %+v, %v", p, err)
	}

	ends := map[string]func(*UserRecord){
		"signed out everywhere": func(u *UserRecord) { u.Epoch++ },
		"disabled":              func(u *UserRecord) { u.Disabled = true },
		"role taken":            func(u *UserRecord) { u.Grants = nil },
	}
	whole := r.users["admin"]
	for name, change := range ends {
		u := whole
		change(&u)
		r.users["admin"] = u
		if _, err := g.Session(t.Context(), cookie, noon); !errors.Is(err, keepwatch.ErrUnauthorized) {
			t.Errorf("%s: %v", name, err)
		}
	}
	delete(r.users, "admin")
	if _, err := g.Session(t.Context(), cookie, noon); !errors.Is(err, keepwatch.ErrUnauthorized) {
		t.Errorf("deleted: %v", err)
	}
	r.down = keepwatch.ErrUnavailable
	if _, err := g.Session(t.Context(), cookie, noon); !errors.Is(err, keepwatch.ErrUnavailable) {
		t.Errorf("with the store down: %v", err)
	}
	if _, _, err := g.SignIn(t.Context(), "admin", []byte("x"), numbered(1), noon); !errors.Is(err, keepwatch.ErrUnavailable) {
		t.Errorf("signing in with the store down: %v", err)
	}
}

func TestGateHoldsGuessersOff(t *testing.T) {
	g, _ := newGate(t)
	refusals := 0
	for range limitPair + 3 {
		_, _, err := g.SignIn(t.Context(), "admin", []byte("guess"), home, noon)
		if errors.Is(err, keepwatch.ErrForbidden) {
			refusals++
		}
	}
	if refusals != 3 {
		t.Errorf("%d tries were refused unseen, want 3", refusals)
	}
	if _, _, err := g.SignIn(t.Context(), "admin", []byte("correct horse battery"), home, noon); !errors.Is(err, keepwatch.ErrForbidden) {
		t.Errorf("the right password got through while held off: %v", err)
	}
	if _, _, err := g.SignIn(t.Context(), "admin", []byte("correct horse battery"), numbered(9), noon); err != nil {
		t.Errorf("a stranger locked the administrator out: %v", err)
	}
}

func TestRequire(t *testing.T) {
	tests := []struct {
		who  Principal
		role Role
		want error
	}{
		{Principal{}, Viewer, keepwatch.ErrUnauthorized},
		{Principal{Name: "x", Role: Admin}, Viewer, keepwatch.ErrUnauthorized}, // proved by nothing
		{Principal{Name: "x", Role: "root", Via: ViaToken}, Viewer, keepwatch.ErrUnauthorized},
		{Principal{Name: "x", Role: Viewer, Via: ViaToken}, Viewer, nil},
		{Principal{Name: "x", Role: Viewer, Via: ViaToken}, Admin, keepwatch.ErrForbidden},
		{Principal{Name: "x", Role: Admin, Via: ViaSession}, Viewer, nil},
		{Principal{Name: "x", Role: Admin, Via: ViaSession}, Admin, nil},
		{Principal{Name: "x", Role: Admin, Via: ViaSession}, "owner", keepwatch.ErrForbidden}, // a role nobody has
		{Everybody(), Admin, nil},
	}
	for _, tt := range tests {
		err := Require(tt.who, tt.role)
		if !errors.Is(err, tt.want) || (err != nil && keepwatch.HintOf(err) == "") {
			t.Errorf("Require(%+v, %s) = %v", tt.who, tt.role, err)
		}
	}
}

func TestParseRole(t *testing.T) {
	for _, r := range Roles {
		if got, err := ParseRole(string(r)); err != nil || got != r {
			t.Errorf("ParseRole(%q) = %q, %v", r, got, err)
		}
	}
	if _, err := ParseRole("root"); !errors.Is(err, keepwatch.ErrInvalid) {
		t.Error("an unknown role was read")
	}
}
