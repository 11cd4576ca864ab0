package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// User is somebody who may sign in.
type User struct {
	Name       string     `json:"name"`
	Role       string     `json:"role" doc:"roles, and where they hold: viewer, operator@emea/crm-platform"`
	CreatedAt  *time.Time `json:"created_at"`
	CreatedBy  string     `json:"created_by"`
	SignedInAt *time.Time `json:"signed_in_at" doc:"last; null: never"`
	DisabledAt *time.Time `json:"disabled_at" doc:"null: may sign in"`
}

// NewUser asks for an account.
type NewUser struct {
	Name string `json:"name" minLength:"1" maxLength:"100" pattern:"^[A-Za-z0-9][A-Za-z0-9._@+-]*$" doc:"what they sign in with, such as a mail address"`
	Role string `json:"role" minLength:"1" maxLength:"1000" doc:"viewer, operator or admin, each for everything or for a part: operator@TENANT, operator@TENANT/TEAM, operator@*/TEAM; several with commas"`
}

// ChangedUser says what is to be different. What is left out stays as it is.
type ChangedUser struct {
	Role     *string `json:"role,omitempty" maxLength:"1000" doc:"as for a new one"`
	Disabled *bool   `json:"disabled,omitempty" doc:"a disabled account is out at once and keeps its name"`
}

// NewPassword is what somebody asks for their own account.
type NewPassword struct {
	Current  string `json:"current" maxLength:"1024"`
	Password string `json:"password" maxLength:"1024" doc:"12 characters or more; nothing else is asked of it"`
}

// CreatedUser is an answer that carries a password.
type CreatedUser struct {
	User
	Password string `json:"password" doc:"shown once; Keepwatch keeps only a hash of it"`
}

// AuditEntry is one thing that somebody did, or tried to do.
type AuditEntry struct {
	Seq     int64     `json:"seq"`
	At      time.Time `json:"at"`
	Who     string    `json:"who"`
	Via     string    `json:"via" enum:"token,session,open"`
	From    string    `json:"from" doc:"address of the caller"`
	Action  string    `json:"action" doc:"method and path"`
	Refused int       `json:"refused,omitempty" doc:"the HTTP status with which it came to nothing; such an entry follows the one that it is about"`
	Of      int64     `json:"of,omitempty" doc:"the entry that it is about"`
}

// AuditFilter narrows the log. Zero fields do not.
type AuditFilter struct {
	Who      string // an account or a token
	Action   string // part of the method or the path
	From, To string // days such as 2026-11-30, both among them
	Before   int64  // entries below this number
}

// AuditState says whether the log is as it was written.
type AuditState struct {
	Entries  int64 `json:"entries"`
	BrokenAt int64 `json:"broken_at" doc:"the first entry that was changed, or that is missing; 0: none"`
}

// Users lists the accounts.
func (c *Client) Users(ctx context.Context) ([]User, error) {
	page, err := call[Page[User]](ctx, c, http.MethodGet, "/api/v1/users", nil, nil)
	return page.Items, err
}

// CreateUser makes an account. Its password is in this answer and in no other.
func (c *Client) CreateUser(ctx context.Context, u NewUser) (CreatedUser, error) {
	return call[CreatedUser](ctx, c, http.MethodPost, "/api/v1/users", nil, u)
}

// ChangeUser gives an account other roles, or disables it.
func (c *Client) ChangeUser(ctx context.Context, name string, u ChangedUser) (User, error) {
	return call[User](ctx, c, http.MethodPatch, "/api/v1/users/"+url.PathEscape(name), nil, u)
}

// ResetPassword gives an account a new password and ends its sessions.
func (c *Client) ResetPassword(ctx context.Context, name string) (CreatedUser, error) {
	return call[CreatedUser](ctx, c, http.MethodPost, "/api/v1/users/"+url.PathEscape(name)+"/password", nil, nil)
}

// RemoveUser takes an account away; the audit log keeps what it did.
func (c *Client) RemoveUser(ctx context.Context, name string) error {
	return c.do(ctx, http.MethodDelete, "/api/v1/users/"+url.PathEscape(name), nil, nil, nil)
}

// AuditLog lists what was done, newest first, below a number; 0 begins at the newest.
func (c *Client) AuditLog(ctx context.Context, f AuditFilter) ([]AuditEntry, error) {
	q := url.Values{}
	set(q, "who", f.Who)
	set(q, "action", f.Action)
	set(q, "from", f.From)
	set(q, "to", f.To)
	if f.Before > 0 {
		q.Set("before", strconv.FormatInt(f.Before, 10))
	}
	page, err := call[Page[AuditEntry]](ctx, c, http.MethodGet, "/api/v1/audit", q, nil)
	return page.Items, err
}

// VerifyAudit reads the whole audit log and says whether it is as it was written.
func (c *Client) VerifyAudit(ctx context.Context) (AuditState, error) {
	return call[AuditState](ctx, c, http.MethodGet, "/api/v1/audit/state", nil, nil)
}
