package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/view"
)

// Accounts keeps the people who may sign in.
type Accounts interface {
	List(ctx context.Context) ([]client.User, error)
	Create(ctx context.Context, want client.NewUser, by string, now time.Time) (client.CreatedUser, error)
	Change(ctx context.Context, name string, want client.ChangedUser, now time.Time) (client.User, error)
	Reset(ctx context.Context, name string, now time.Time) (client.CreatedUser, error)
	SetPassword(ctx context.Context, name string, current, password []byte, now time.Time) error
	Remove(ctx context.Context, name string) error
}

// Tokens keeps the API tokens.
type Tokens interface {
	List(ctx context.Context) ([]client.Token, error)
	Create(ctx context.Context, token client.NewToken, by string) (client.CreatedToken, error)
	Revoke(ctx context.Context, id string) error
}

// Audit reads what was done.
type Audit interface {
	List(ctx context.Context, f keepwatch.AuditFilter, before int64, limit int) ([]client.AuditEntry, error)
	State(ctx context.Context) (client.AuditState, error)
}

// settingsBody is the page of accounts and tokens.
type settingsBody struct {
	Users  []client.User
	Tokens []client.Token
	// Once is a password or a token that is shown this once, and whose it is.
	Once, OnceOf string
	Problem      string
	Hint         string
	Typed        url.Values // what was typed, when it was refused
}

func (s *site) settings(_ http.ResponseWriter, r *http.Request) (*page, error) {
	return s.settingsWith(r, settingsBody{})
}

func (s *site) settingsWith(r *http.Request, b settingsBody) (*page, error) {
	if s.Accounts == nil || s.Tokens == nil {
		return nil, keepwatch.ErrNotFound
	}
	var err error
	if b.Users, err = s.Accounts.List(r.Context()); err != nil {
		return nil, err
	}
	if b.Tokens, err = s.Tokens.List(r.Context()); err != nil {
		return nil, err
	}
	return &page{Template: "settings", Title: "Accounts and tokens", Section: "settings", Body: b}, nil
}

// settingsAgain shows what was refused beside what was typed. A fault of ours is no
// fault of the form.
func (s *site) settingsAgain(r *http.Request, refusal error) (*page, error) {
	f := view.FailureOf(refusal)
	if f.Status >= http.StatusInternalServerError {
		return nil, refusal
	}
	p, err := s.settingsWith(r, settingsBody{Problem: f.Message, Hint: f.Hint, Typed: r.PostForm})
	if p != nil {
		p.Status = f.Status
	}
	return p, err
}

func (s *site) addUser(_ http.ResponseWriter, r *http.Request) (*page, error) {
	if err := parsed(r); err != nil || s.Accounts == nil {
		return nil, errOr(err)
	}
	want := client.NewUser{Name: strings.TrimSpace(r.PostForm.Get("name")), Role: grantOf(r.PostForm)}
	if !plausibleName(want.Name) {
		return s.settingsAgain(r, keepwatch.WithHint(fmt.Errorf("%.100q cannot be the name of an account: %w", want.Name, keepwatch.ErrInvalid), "letters, digits and . _ @ + -, such as a mail address"))
	}
	u, err := s.Accounts.Create(r.Context(), want, view.PrincipalOf(r.Context()).Name, moment())
	if err != nil {
		return s.settingsAgain(r, err)
	}
	return s.settingsWith(r, settingsBody{Once: u.Password, OnceOf: "The password of " + u.Name})
}

// changeUser does one thing to one account. What it is stands in the address, so that
// the audit log says it.
func (s *site) changeUser(w http.ResponseWriter, r *http.Request) (*page, error) {
	if err := parsed(r); err != nil || s.Accounts == nil {
		return nil, errOr(err)
	}
	name, ctx := r.PathValue("name"), r.Context()
	var err error
	switch do := r.PathValue("do"); do {
	case "disable", "enable":
		_, err = s.Accounts.Change(ctx, name, client.ChangedUser{Disabled: new(do == "disable")}, moment())
	case "role":
		_, err = s.Accounts.Change(ctx, name, client.ChangedUser{Role: new(r.PostForm.Get("role"))}, moment())
	case "remove":
		err = s.Accounts.Remove(ctx, name)
	case "password":
		var u client.CreatedUser
		if u, err = s.Accounts.Reset(ctx, name, moment()); err == nil {
			return s.settingsWith(r, settingsBody{Once: u.Password, OnceOf: "The new password of " + u.Name})
		}
	default:
		err = keepwatch.ErrNotFound
	}
	if err != nil {
		return s.settingsAgain(r, err)
	}
	http.Redirect(w, r, "/settings", http.StatusSeeOther)
	return nil, nil
}

func (s *site) addToken(_ http.ResponseWriter, r *http.Request) (*page, error) {
	if err := parsed(r); err != nil || s.Tokens == nil {
		return nil, errOr(err)
	}
	want := client.NewToken{Name: strings.TrimSpace(r.PostForm.Get("name")), Role: grantOf(r.PostForm)}
	if want.Name == "" || len(want.Name) > 100 {
		return s.settingsAgain(r, keepwatch.WithHint(fmt.Errorf("a token needs a name of at most 100 characters: %w", keepwatch.ErrInvalid), "say what it is for, such as grafana"))
	}
	if days := r.PostForm.Get("days"); days != "" {
		n, err := strconv.Atoi(days)
		if err != nil || n < 1 || n > 3650 {
			return s.settingsAgain(r, keepwatch.WithHint(fmt.Errorf("%.20q days: %w", days, keepwatch.ErrInvalid), "a number from 1 to 3650, or nothing for a token that does not end"))
		}
		want.ExpiresAt = new(moment().AddDate(0, 0, n))
	}
	t, err := s.Tokens.Create(r.Context(), want, view.PrincipalOf(r.Context()).Name)
	if err != nil {
		return s.settingsAgain(r, err)
	}
	return s.settingsWith(r, settingsBody{Once: t.Secret, OnceOf: "The token " + t.Name})
}

func (s *site) revokeToken(w http.ResponseWriter, r *http.Request) (*page, error) {
	if s.Tokens == nil {
		return nil, keepwatch.ErrNotFound
	}
	if err := s.Tokens.Revoke(r.Context(), r.PathValue("id")); err != nil {
		return nil, err
	}
	http.Redirect(w, r, "/settings", http.StatusSeeOther)
	return nil, nil
}

// grantOf is a role and where it holds, from three fields.
func grantOf(f url.Values) string {
	g := auth.Grant{Role: auth.Role(f.Get("role")), Tenant: keepwatch.TenantID(strings.TrimSpace(f.Get("tenant"))), Team: strings.TrimSpace(f.Get("team"))}
	return g.String()
}

func plausibleName(s string) bool {
	if s == "" || len(s) > 100 || strings.ContainsRune("._@+-", rune(s[0])) {
		return false
	}
	for _, c := range s {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("._@+-", c) {
			return false
		}
	}
	return true
}

// moment is now as the store keeps it.
func moment() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

func parsed(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return keepwatch.WithHint(keepwatch.ErrInvalid, "send the form once more")
	}
	return nil
}

func errOr(err error) error {
	if err == nil {
		return keepwatch.ErrNotFound
	}
	return err
}

// accountBody is the page of one's own account.
type accountBody struct {
	Role        string
	Session     bool
	Problem     string
	Hint        string
	Zones       []string // suggestions
	ZoneProblem string
	TypedZone   string
}

func (s *site) account(_ http.ResponseWriter, r *http.Request) (*page, error) {
	return s.accountWith(r, accountBody{}), nil
}

func (s *site) accountWith(r *http.Request, b accountBody) *page {
	who := view.PrincipalOf(r.Context())
	b.Role, b.Session, b.Zones = auth.FormatGrants(who.Grants), who.Via == auth.ViaSession, zones
	if b.Role == "" {
		b.Role = string(who.Role)
	}
	return &page{Template: "account", Title: who.Name, Section: "account", Body: b}
}

// setPassword changes one's own password. Every session ends with it, so that the
// visitor signs in with the new one.
func (s *site) setPassword(w http.ResponseWriter, r *http.Request) (*page, error) {
	who := view.PrincipalOf(r.Context())
	if err := parsed(r); err != nil || s.Accounts == nil || who.Via != auth.ViaSession {
		return nil, errOr(err)
	}
	refused := fmt.Errorf("the two new passwords differ: %w", keepwatch.ErrInvalid)
	if r.PostForm.Get("password") == r.PostForm.Get("again") {
		refused = s.Accounts.SetPassword(r.Context(), who.Name, []byte(r.PostForm.Get("current")), []byte(r.PostForm.Get("password")), moment())
	}
	if refused == nil {
		http.Redirect(w, r, "/sign-in?next=/", http.StatusSeeOther)
		return nil, nil
	}
	f := view.FailureOf(refused)
	if f.Status >= http.StatusInternalServerError {
		return nil, refused
	}
	p := s.accountWith(r, accountBody{Problem: f.Message, Hint: f.Hint})
	p.Status = f.Status
	return p, nil
}

const auditRows = 100

type auditBody struct {
	State  client.AuditState
	Items  []client.AuditEntry
	Who    string
	Action string
	From   string
	To     string
	Older  string // address of the next page; "": there is none

	Problem, Hint string // with the filter
}

func (s *site) audit(_ http.ResponseWriter, r *http.Request) (*page, error) {
	if s.Audit == nil {
		return nil, keepwatch.ErrNotFound
	}
	q := r.URL.Query()
	b := auditBody{Items: []client.AuditEntry{}, Who: strings.TrimSpace(q.Get("who")), Action: strings.TrimSpace(q.Get("action")), From: q.Get("from"), To: q.Get("to")}
	p := &page{Template: "audit", Title: "Audit log", Section: "settings"}
	var err error
	if b.State, err = s.Audit.State(r.Context()); err != nil {
		return nil, err
	}
	f, refused := view.AuditFilterOf(b.Who, b.Action, b.From, b.To)
	if refused != nil {
		said := view.FailureOf(refused)
		b.Problem, b.Hint, p.Status, p.Body = view.Capital(fact(said))+".", said.Hint, said.Status, &b
		return p, nil
	}
	before, err := strconv.ParseInt(q.Get("before"), 10, 64)
	if q.Get("before") != "" && err != nil {
		return nil, keepwatch.WithHint(fmt.Errorf("before is no number: %w", keepwatch.ErrInvalid), "use the link of the page")
	}
	if b.Items, err = s.Audit.List(r.Context(), f, before, auditRows); err != nil {
		return nil, err
	}
	if len(b.Items) == auditRows {
		q.Set("before", strconv.FormatInt(b.Items[auditRows-1].Seq, 10))
		b.Older = "/settings/audit?" + q.Encode()
	}
	p.Body = &b
	return p, nil
}
