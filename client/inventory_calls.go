package client

import (
	"context"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// ExpiringFilter narrows the list of what ends. Zero fields do not.
type ExpiringFilter struct {
	Within string // such as 90d, the server's default
	Owner  string
	Tenant string
	Tier   string // the criticality
	Query  string // part of the id, the purpose or the owner
	On     string // one day, such as 2026-12-09
	Clock  string // hard_date (the server's default) or idle; the two are never mixed
	Limit  int    // of one page
	Cursor string
}

func (f ExpiringFilter) values() url.Values {
	v := url.Values{}
	set(v, "within", f.Within)
	set(v, "owner", f.Owner)
	set(v, "tenant", f.Tenant)
	set(v, "tier", f.Tier)
	set(v, "q", f.Query)
	set(v, "on", f.On)
	set(v, "clock", f.Clock)
	set(v, "cursor", f.Cursor)
	setLimit(v, f.Limit)
	return v
}

// FindingFilter narrows the list of findings. Zero fields do not.
type FindingFilter struct {
	Status     string // open (the server's default), accepted, all
	Kind       string
	Severity   string
	Tenant     string
	Credential string
	Owner      string
	Limit      int
}

func (f FindingFilter) values() url.Values {
	v := url.Values{}
	set(v, "status", f.Status)
	set(v, "kind", f.Kind)
	set(v, "severity", f.Severity)
	set(v, "tenant", f.Tenant)
	set(v, "credential", f.Credential)
	set(v, "owner", f.Owner)
	setLimit(v, f.Limit)
	return v
}

// ImportOptions say how an upload is to be read.
type ImportOptions struct {
	Format string // paste, csv, xlsx, mcdev, yaml
	Name   string // of the file, for messages
	Tenant string // for rows that name none
	Dates  string // mdy or dmy: how 03/04/2026 is read; "": by the other rows
	Seal   bool   // seal the secrets that stand in it; else they are dropped
	Apply  bool   // false: a preview, nothing is written
}

// Expiring reads one page of what ends.
func (c *Client) Expiring(ctx context.Context, f ExpiringFilter) (Expiring, error) {
	return call[Expiring](ctx, c, http.MethodGet, "/api/v1/expiring", f.values(), nil)
}

// InventoryFilter narrows and orders the table of all credentials. Zero fields do not.
type InventoryFilter struct {
	CredentialFilter
	Source string // file or interface
	Sort   string // id (the server's default), state, tenant, unit, kind, owner, tier, ends, …
	Desc   bool
	Cursor string
}

func (f InventoryFilter) values() url.Values {
	v := f.CredentialFilter.values()
	set(v, "source", f.Source)
	set(v, "sort", f.Sort)
	set(v, "cursor", f.Cursor)
	setTrue(v, "desc", f.Desc)
	return v
}

// Inventory reads one page of the table of all credentials.
func (c *Client) Inventory(ctx context.Context, f InventoryFilter) (Inventory, error) {
	return call[Inventory](ctx, c, http.MethodGet, "/api/v1/inventory", f.values(), nil)
}

// Bulk changes many records alike. Without Apply it only says what would happen.
func (c *Client) Bulk(ctx context.Context, b NewBulk) (Bulk, error) {
	return call[Bulk](ctx, c, http.MethodPost, "/api/v1/inventory/bulk", nil, b)
}

// Record reads a record as it was written, with its version.
func (c *Client) Record(ctx context.Context, id string) (StoredRecord, error) {
	return call[StoredRecord](ctx, c, http.MethodGet, credentialPath(id)+"/record", nil, nil)
}

// CreateRecord adds a record that belongs to the interface.
func (c *Client) CreateRecord(ctx context.Context, r Record) (StoredRecord, error) {
	return call[StoredRecord](ctx, c, http.MethodPost, "/api/v1/credentials", nil, r)
}

// UpdateRecord replaces a record. version is the one that the writer saw; when
// somebody else changed it since, the answer is a conflict.
func (c *Client) UpdateRecord(ctx context.Context, r Record, version int) (StoredRecord, error) {
	var out StoredRecord
	err := c.doVersion(ctx, http.MethodPut, credentialPath(r.ID), version, r, &out)
	return out, err
}

// DeleteRecord removes a record; its history stays.
func (c *Client) DeleteRecord(ctx context.Context, id string, version int) error {
	return c.doVersion(ctx, http.MethodDelete, credentialPath(id), version, nil, nil)
}

// SetSecret seals a secret into a record. It cannot be read back.
func (c *Client) SetSecret(ctx context.Context, id string, version int, s NewSecret) (StoredRecord, error) {
	var out StoredRecord
	err := c.doVersion(ctx, http.MethodPut, credentialPath(id)+"/secret", version, s, &out)
	return out, err
}

// Changes walks over a record's history, newest first.
func (c *Client) Changes(ctx context.Context, id string) iter.Seq2[Change, error] {
	return pages[Change](ctx, c, credentialPath(id)+"/changes", url.Values{})
}

// Import uploads a sheet. Without Apply it only says what would happen.
func (c *Client) Import(ctx context.Context, sheet io.Reader, o ImportOptions) (Import, error) {
	q := url.Values{}
	set(q, "format", o.Format)
	set(q, "name", o.Name)
	set(q, "tenant", o.Tenant)
	set(q, "dates", o.Dates)
	setTrue(q, "seal", o.Seal)
	setTrue(q, "apply", o.Apply)
	var out Import
	err := c.upload(ctx, "/api/v1/import", q, sheet, &out)
	return out, err
}

// Export reads the inventory in a format that Import takes.
func (c *Client) Export(ctx context.Context, format string) ([]byte, error) {
	status, body, err := c.exchange(ctx, http.MethodGet, "/api/v1/export", url.Values{"format": {format}}, nil)
	if err != nil {
		return nil, err
	}
	if status < 200 || status > 299 {
		return nil, failure(status, body)
	}
	return body, nil
}

// Findings walks over the findings, the loudest first.
func (c *Client) Findings(ctx context.Context, f FindingFilter) iter.Seq2[Finding, error] {
	return pages[Finding](ctx, c, "/api/v1/findings", f.values())
}

// AcceptFinding decides to live with a finding until a date.
func (c *Client) AcceptFinding(ctx context.Context, id, reason string, until time.Time) (Finding, error) {
	return call[Finding](ctx, c, http.MethodPost, findingPath(id)+"/accept", nil, NewAcceptance{Reason: reason, Until: until})
}

// WithdrawAcceptance takes that back.
func (c *Client) WithdrawAcceptance(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, findingPath(id)+"/accept", nil, nil, nil)
}

// Feeds lists the calendar feeds, without their addresses.
func (c *Client) Feeds(ctx context.Context) ([]Feed, error) {
	page, err := call[Page[Feed]](ctx, c, http.MethodGet, "/api/v1/feeds", nil, nil)
	return page.Items, err
}

// CreateFeed makes a calendar feed. Its address is in this answer and in no other.
func (c *Client) CreateFeed(ctx context.Context, f NewFeed) (CreatedFeed, error) {
	return call[CreatedFeed](ctx, c, http.MethodPost, "/api/v1/feeds", nil, f)
}

// RevokeFeed ends a calendar feed at once.
func (c *Client) RevokeFeed(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, "/api/v1/feeds/"+url.PathEscape(id), nil, nil, nil)
}

// Discover looks at one account now and waits for what it finds.
func (c *Client) Discover(ctx context.Context, tenant string) (Discovery, error) {
	return call[Discovery](ctx, c, http.MethodPost, "/api/v1/discover/"+url.PathEscape(tenant), nil, nil)
}

func setTrue(v url.Values, key string, yes bool) {
	if yes {
		v.Set(key, strconv.FormatBool(true))
	}
}

func findingPath(id string) string { return "/api/v1/findings/" + url.PathEscape(id) }
