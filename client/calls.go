package client

import (
	"context"
	"errors"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"strconv"
)

// CredentialFilter narrows the list of credentials. Zero fields do not.
type CredentialFilter struct {
	Tenant string
	Unit   string // number of the business unit; "0" is the one that owns the package
	Owner  string // a team or a contact; "-" is nobody
	Tier   string // the criticality
	Kind   string
	State  string
	Query  string // part of the id, the purpose or the owner
	Limit  int    // of one page; the server's default when 0
}

func (f CredentialFilter) values() url.Values {
	v := url.Values{}
	set(v, "tenant", f.Tenant)
	set(v, "unit", f.Unit)
	set(v, "owner", f.Owner)
	set(v, "tier", f.Tier)
	set(v, "kind", f.Kind)
	set(v, "state", f.State)
	set(v, "q", f.Query)
	setLimit(v, f.Limit)
	return v
}

// IncidentFilter narrows the list of incidents. Zero fields do not.
type IncidentFilter struct {
	Status     string // open (the server's default), resolved, all
	Credential string
	Tenant     string
	Outcome    string
	Owner      string // team
	Query      string // part of the title, the id, the message or a credential, in any case
	Limit      int
}

func (f IncidentFilter) values() url.Values {
	v := url.Values{}
	set(v, "status", f.Status)
	set(v, "credential", f.Credential)
	set(v, "tenant", f.Tenant)
	set(v, "outcome", f.Outcome)
	set(v, "owner", f.Owner)
	set(v, "q", f.Query)
	setLimit(v, f.Limit)
	return v
}

// OverviewFilter narrows and divides the front page. Zero fields do not.
type OverviewFilter struct {
	CredentialFilter
	Group string // tenant (the server's default), owner, tier
	Page  int
}

func (f OverviewFilter) values() url.Values {
	f.Limit = 0
	v := f.CredentialFilter.values()
	set(v, "group", f.Group)
	if f.Page > 0 {
		v.Set("page", strconv.Itoa(f.Page))
	}
	return v
}

// Overview reads the front page.
func (c *Client) Overview(ctx context.Context, f OverviewFilter) (Overview, error) {
	return call[Overview](ctx, c, http.MethodGet, "/api/v1/overview", f.values(), nil)
}

// Status reads how Keepwatch itself does.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return call[Status](ctx, c, http.MethodGet, "/api/v1/status", nil, nil)
}

// Credentials walks over all credentials, page by page.
func (c *Client) Credentials(ctx context.Context, f CredentialFilter) iter.Seq2[Credential, error] {
	return pages[Credential](ctx, c, "/api/v1/credentials", f.values())
}

// Credential reads one credential.
func (c *Client) Credential(ctx context.Context, id string) (CredentialDetail, error) {
	return call[CredentialDetail](ctx, c, http.MethodGet, credentialPath(id), nil, nil)
}

// DayHistory reads one day of a credential hour by hour; a day such as 2026-11-02.
func (c *Client) DayHistory(ctx context.Context, id, day string) (DayHistory, error) {
	return call[DayHistory](ctx, c, http.MethodGet, credentialPath(id)+"/history", url.Values{"day": {day}}, nil)
}

// Results walks over the runs of one credential, newest first.
func (c *Client) Results(ctx context.Context, id string) iter.Seq2[Result, error] {
	return pages[Result](ctx, c, credentialPath(id)+"/results", url.Values{})
}

// Result reads one run with its transcript.
func (c *Client) Result(ctx context.Context, id, key string) (Result, error) {
	return call[Result](ctx, c, http.MethodGet, credentialPath(id)+"/results/"+url.PathEscape(key), nil, nil)
}

// Check proves a credential now and waits for the result.
func (c *Client) Check(ctx context.Context, id string) (Result, error) {
	return call[Result](ctx, c, http.MethodPost, credentialPath(id)+"/check", nil, nil)
}

// Incidents walks over incidents, newest first.
func (c *Client) Incidents(ctx context.Context, f IncidentFilter) iter.Seq2[Incident, error] {
	return pages[Incident](ctx, c, "/api/v1/incidents", f.values())
}

// Incident reads one incident with its timeline.
func (c *Client) Incident(ctx context.Context, id string) (IncidentDetail, error) {
	return call[IncidentDetail](ctx, c, http.MethodGet, incidentPath(id), nil, nil)
}

// Acknowledge says that somebody is on it.
func (c *Client) Acknowledge(ctx context.Context, id string) (Incident, error) {
	return call[Incident](ctx, c, http.MethodPost, incidentPath(id)+"/ack", nil, nil)
}

// Tokens lists the API tokens.
func (c *Client) Tokens(ctx context.Context) ([]Token, error) {
	page, err := call[Page[Token]](ctx, c, http.MethodGet, "/api/v1/tokens", nil, nil)
	return page.Items, err
}

// CreateToken makes an API token. Its secret is in this answer and in no other.
func (c *Client) CreateToken(ctx context.Context, token NewToken) (CreatedToken, error) {
	return call[CreatedToken](ctx, c, http.MethodPost, "/api/v1/tokens", nil, token)
}

// RevokeToken ends an API token at once.
func (c *Client) RevokeToken(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, "/api/v1/tokens/"+url.PathEscape(id), nil, nil, nil)
}

// Reload makes the daemon read its configuration again. A bad file leaves the
// old one in force and comes back as an error that names the faults.
func (c *Client) Reload(ctx context.Context) (Reloaded, error) {
	return call[Reloaded](ctx, c, http.MethodPost, "/-/reload", nil, nil)
}

// Ready reports whether the daemon is able to work. A daemon that is not ready
// is an answer, not an error.
func (c *Client) Ready(ctx context.Context) (Health, error) {
	return c.health(ctx, "/readyz")
}

// Healthy reports whether the daemon is alive.
func (c *Client) Healthy(ctx context.Context) (Health, error) {
	return c.health(ctx, "/healthz")
}

func credentialPath(id string) string { return "/api/v1/credentials/" + url.PathEscape(id) }
func incidentPath(id string) string   { return "/api/v1/incidents/" + url.PathEscape(id) }

func set(v url.Values, key, value string) {
	if value != "" {
		v.Set(key, value)
	}
}

func setLimit(v url.Values, limit int) {
	if limit > 0 {
		v.Set("limit", strconv.Itoa(limit))
	}
}

// pages follows the cursors of a list. It stops at the first error, which it
// yields, and at a cursor that does not move: a loop would never end.
func pages[T any](ctx context.Context, c *Client, path string, query url.Values) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		query := maps.Clone(query) // a second walk starts at the first page again
		for {
			page, err := call[Page[T]](ctx, c, http.MethodGet, path, query, nil)
			if err != nil {
				yield(zero, err)
				return
			}
			for _, item := range page.Items {
				if !yield(item, nil) {
					return
				}
			}
			if page.Next == nil || *page.Next == "" {
				return
			}
			if *page.Next == query.Get("cursor") {
				yield(zero, errors.New("the server sent the same page twice"))
				return
			}
			query.Set("cursor", *page.Next)
		}
	}
}
