package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/view"
)

type expiringInput struct {
	Paging
	Within string `query:"within" maxLength:"20" default:"90d" doc:"how far to look ahead, such as 90d"`
	Owner  string `query:"owner" maxLength:"500" doc:"a team, or a contact"`
	Tenant string `query:"tenant" maxLength:"200"`
	Tier   string `query:"tier" enum:"transactional,standard,reporting"`
	Query  string `query:"q" maxLength:"200" doc:"part of the id, the purpose or the owner"`
	On     string `query:"on" format:"date" doc:"one day, such as 2026-12-09"`
	Clock  string `query:"clock" enum:"hard_date,idle" default:"hard_date" doc:"dates on which something ends, or on which it has lain idle for too long; the two are never mixed"`
}

type findingsInput struct {
	Paging
	Status     string `query:"status" enum:"open,accepted,all" default:"open"`
	Kind       string `query:"kind" maxLength:"100"`
	Severity   string `query:"severity" enum:"info,warning,critical"`
	Tenant     string `query:"tenant" maxLength:"200"`
	Credential string `query:"credential" maxLength:"200"`
	Owner      string `query:"owner" maxLength:"200"`
}

type acceptInput struct {
	FindingInput
	Body client.NewAcceptance
}

// FindingInput names one finding in the path.
type FindingInput struct {
	ID string `path:"id" maxLength:"200"`
}

// longestAcceptance is how far ahead a finding may be accepted: it always ends,
// and somebody looks at it anew.
const longestAcceptance = 366 * 24 * time.Hour

type tenantInput struct {
	Tenant string `path:"tenant" maxLength:"200"`
}

func (a *api) expiringRoutes() {
	partial(a, auth.Viewer, huma.Operation{
		OperationID: "list-expiring", Method: http.MethodGet, Path: "/api/v1/expiring", Tags: []string{"dates"},
		Summary: "What ends when, soonest first", Description: "A date that nobody knows comes last and is never left out.",
	}, a.expiring)
	partial(a, auth.Viewer, huma.Operation{
		OperationID: "list-findings", Method: http.MethodGet, Path: "/api/v1/findings", Tags: []string{"findings"},
		Summary: "What somebody should know or decide about the estate, the loudest first",
	}, a.findings)
	partial(a, auth.Operator, huma.Operation{
		OperationID: "accept-finding", Method: http.MethodPost, Path: "/api/v1/findings/{id}/accept", Tags: []string{"findings"},
		Summary: "Live with a finding until a date",
	}, a.acceptFinding)
	bare(a, auth.Operator, theirs, huma.Operation{
		OperationID: "withdraw-acceptance", Method: http.MethodDelete, Path: "/api/v1/findings/{id}/accept", Tags: []string{"findings"},
		Summary: "Take an acceptance back",
	}, func(ctx context.Context, in *FindingInput) error {
		return a.withdraw(ctx, in.ID)
	})
	route(a, auth.Admin, huma.Operation{
		OperationID: "discover", Method: http.MethodPost, Path: "/api/v1/discover/{tenant}", Tags: []string{"findings"},
		Summary: "Look at one account now", Description: "Reads only, with the credential that is marked for it, and waits for what it finds.",
	}, a.discover)
}

func (a *api) expiring(ctx context.Context, in *expiringInput) (client.Expiring, error) {
	within, err := keepwatch.ParseDuration(in.Within)
	if err != nil {
		return client.Expiring{}, fmt.Errorf("within: %w", err)
	}
	if in.Tenant != "" {
		if err := a.read(ctx).TenantExists(keepwatch.TenantID(in.Tenant)); err != nil {
			return client.Expiring{}, err
		}
	}
	return a.read(ctx).Expiring(ctx, time.Now(), view.ExpiringFilter{
		Within: within, Owner: in.Owner, Tenant: in.Tenant, Tier: in.Tier, Query: in.Query, On: in.On, Clock: keepwatch.ClockKind(in.Clock),
	}, in.page())
}

func (a *api) findings(ctx context.Context, in *findingsInput) (client.Page[client.Finding], error) {
	all, err := a.Findings.Findings(ctx, time.Now())
	if err != nil {
		return client.Page[client.Finding]{}, err
	}
	all = slices.DeleteFunc(slices.Clone(all), func(f keepwatch.Finding) bool { return !a.reaches(ctx, auth.Viewer, matchOf(f)) })
	return a.read(ctx).Findings(all, view.FindingFilter{
		Status: in.Status, Kind: in.Kind, Severity: in.Severity, Tenant: in.Tenant, Credential: in.Credential, Owner: in.Owner,
	}, in.page())
}

// acceptFinding accepts what holds now: an acceptance of something that nobody has
// found would hide it when it comes.
func (a *api) acceptFinding(ctx context.Context, in *acceptInput) (client.Finding, error) {
	now, reason := time.Now(), strings.TrimSpace(in.Body.Reason)
	if reason == "" {
		return client.Finding{}, keepwatch.WithHint(fmt.Errorf("the reason is empty: %w", keepwatch.ErrInvalid), "say in a sentence why it may stay; whoever looks at it next year reads it")
	}
	if until := in.Body.Until; !until.After(now) || until.After(now.Add(longestAcceptance)) {
		return client.Finding{}, keepwatch.WithHint(fmt.Errorf("until lies in the past or more than a year ahead: %w", keepwatch.ErrInvalid), "a finding is accepted for a while and then looked at anew")
	}
	all, err := a.Findings.Findings(ctx, now)
	if err != nil {
		return client.Finding{}, err
	}
	for _, f := range all {
		if f.ID != in.ID {
			continue
		}
		if !a.reaches(ctx, auth.Operator, matchOf(f)) {
			break
		}
		f.Accepted = &keepwatch.Acceptance{Finding: f.ID, By: view.PrincipalOf(ctx).Name, Reason: reason, At: now.UTC(), Until: in.Body.Until.UTC()}
		if err := a.Findings.Accept(ctx, *f.Accepted); err != nil {
			return client.Finding{}, err
		}
		return a.read(ctx).FindingsOf([]keepwatch.Finding{f})[0], nil
	}
	return client.Finding{}, keepwatch.WithHint(fmt.Errorf("finding %q: %w", in.ID, keepwatch.ErrNotFound), "list them to see which hold now")
}

// matchOf is what a finding is about, in the words of a silence.
func matchOf(f keepwatch.Finding) keepwatch.Match {
	if f.Credential != "" {
		return keepwatch.Match{Credential: []string{string(f.Credential)}}
	}
	return keepwatch.Match{Tenant: []string{string(f.Tenant)}}
}

// withdraw takes back an acceptance. Who sees a part of the estate takes back those of
// findings that hold there.
func (a *api) withdraw(ctx context.Context, id string) error {
	if view.PrincipalOf(ctx).Everywhere(auth.Operator) {
		return a.Findings.Withdraw(ctx, id)
	}
	all, err := a.Findings.Findings(ctx, time.Now())
	if err != nil {
		return err
	}
	if slices.ContainsFunc(all, func(f keepwatch.Finding) bool { return f.ID == id && a.reaches(ctx, auth.Operator, matchOf(f)) }) {
		return a.Findings.Withdraw(ctx, id)
	}
	return fmt.Errorf("finding %.80q: %w", id, keepwatch.ErrNotFound)
}

func (a *api) discover(ctx context.Context, in *tenantInput) (client.Discovery, error) {
	tenant := keepwatch.TenantID(in.Tenant)
	if err := a.read(ctx).TenantExists(tenant); err != nil {
		return client.Discovery{}, err
	}
	d, err := a.Discover(ctx, tenant, time.Now())
	if err != nil {
		return client.Discovery{}, err
	}
	out := client.Discovery{
		Tenant: string(d.Tenant), Credential: string(d.Credential), At: d.At.UTC(), Calls: d.Calls,
		Seen: d.Seen, Notes: d.Notes, Unlisted: []client.ListedUnit{}, Findings: a.read(ctx).FindingsOf(d.Findings),
	}
	for _, u := range d.Unlisted {
		out.Unlisted = append(out.Unlisted, client.ListedUnit{MID: int64(u.MID), Name: u.Name})
	}
	if out.Seen == nil {
		out.Seen = map[string]int{}
	}
	if out.Notes == nil {
		out.Notes = []string{}
	}
	return out, nil
}
