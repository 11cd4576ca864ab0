package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

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

// Audit keeps what was done, and by whom.
type Audit interface {
	// Begin writes an entry; it returns once the entry is durable.
	Begin(ctx context.Context, e keepwatch.AuditEntry) (keepwatch.AuditEntry, error)
	List(ctx context.Context, f keepwatch.AuditFilter, before int64, limit int) ([]client.AuditEntry, error)
	State(ctx context.Context) (client.AuditState, error)
}

type newUserInput struct{ Body client.NewUser }

// UserInput names one account in the path.
type UserInput struct {
	Name string `path:"name" maxLength:"100"`
}

type changedUserInput struct {
	UserInput
	Body client.ChangedUser
}

type passwordInput struct{ Body client.NewPassword }

type auditInput struct {
	Who    string `query:"who" maxLength:"100" doc:"of one account or token alone"`
	Action string `query:"action" maxLength:"200" doc:"part of the method or the path"`
	From   string `query:"from" maxLength:"40" doc:"the first day, such as 2026-11-30, in UTC"`
	To     string `query:"to" maxLength:"40" doc:"the last day"`
	Before int64  `query:"before" minimum:"0" doc:"entries below this number"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

func (a *api) accountRoutes() {
	route(a, auth.Admin, huma.Operation{
		OperationID: "list-users", Method: http.MethodGet, Path: "/api/v1/users", Tags: []string{"accounts"},
		Summary: "Accounts, by name",
	}, func(ctx context.Context, _ *noInput) (client.Page[client.User], error) {
		users, err := a.Accounts.List(ctx)
		return client.Page[client.User]{Items: users}, err
	})
	route(a, auth.Admin, huma.Operation{
		OperationID: "create-user", Method: http.MethodPost, Path: "/api/v1/users", Tags: []string{"accounts"},
		Summary: "Make an account", Description: "The answer holds its password, this once.", DefaultStatus: http.StatusCreated,
	}, func(ctx context.Context, in *newUserInput) (client.CreatedUser, error) {
		return a.Accounts.Create(ctx, in.Body, view.PrincipalOf(ctx).Name, now())
	})
	route(a, auth.Admin, huma.Operation{
		OperationID: "change-user", Method: http.MethodPatch, Path: "/api/v1/users/{name}", Tags: []string{"accounts"},
		Summary: "Give an account other roles, or disable it", Description: "It counts from the next request on. The last administrator stays one.",
	}, func(ctx context.Context, in *changedUserInput) (client.User, error) {
		return a.Accounts.Change(ctx, in.Name, in.Body, now())
	})
	route(a, auth.Admin, huma.Operation{
		OperationID: "reset-password", Method: http.MethodPost, Path: "/api/v1/users/{name}/password", Tags: []string{"accounts"},
		Summary: "Give an account a new password and end its sessions", Description: "The answer holds the password, this once.",
	}, func(ctx context.Context, in *UserInput) (client.CreatedUser, error) {
		return a.Accounts.Reset(ctx, in.Name, now())
	})
	bare(a, auth.Admin, everything, huma.Operation{
		OperationID: "remove-user", Method: http.MethodDelete, Path: "/api/v1/users/{name}", Tags: []string{"accounts"},
		Summary: "Take an account away", Description: "The audit log keeps what it did.",
	}, func(ctx context.Context, in *UserInput) error { return a.Accounts.Remove(ctx, in.Name) })
	bare(a, auth.Viewer, theirs, huma.Operation{
		OperationID: "set-password", Method: http.MethodPut, Path: "/api/v1/account/password", Tags: []string{"accounts"},
		Summary: "Set one's own password", Description: "Every session of the account ends.",
	}, a.setPassword)
	route(a, auth.Admin, huma.Operation{
		OperationID: "list-audit", Method: http.MethodGet, Path: "/api/v1/audit", Tags: []string{"accounts"},
		Summary: "What was done and by whom, newest first", Description: "An entry is written before the thing happens; one that came to nothing is followed by an entry with refused.",
	}, a.auditEntries)
	route(a, auth.Admin, huma.Operation{
		OperationID: "audit-state", Method: http.MethodGet, Path: "/api/v1/audit/state", Tags: []string{"accounts"},
		Summary: "Whether the audit log is as it was written",
	}, func(ctx context.Context, _ *noInput) (client.AuditState, error) { return a.Audit.State(ctx) })
}

// now is to the millisecond, as the store keeps it.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

func (a *api) setPassword(ctx context.Context, in *passwordInput) error {
	who := view.PrincipalOf(ctx)
	if who.Via != auth.ViaSession {
		return keepwatch.WithHint(fmt.Errorf("a token has no password: %w", keepwatch.ErrInvalid), "sign in with name and password, and change it there")
	}
	current, password := []byte(in.Body.Current), []byte(in.Body.Password)
	in.Body = client.NewPassword{}
	return a.Accounts.SetPassword(ctx, who.Name, current, password, now())
}

func (a *api) auditEntries(ctx context.Context, in *auditInput) (client.Page[client.AuditEntry], error) {
	f, err := view.AuditFilterOf(in.Who, in.Action, in.From, in.To)
	if err != nil {
		return client.Page[client.AuditEntry]{}, err
	}
	list, err := a.Audit.List(ctx, f, in.Before, in.Limit)
	out := client.Page[client.AuditEntry]{Items: list}
	if len(list) == in.Limit && list[len(list)-1].Seq > 1 {
		next := strconv.FormatInt(list[len(list)-1].Seq, 10)
		out.Next = &next
	}
	return out, err
}
