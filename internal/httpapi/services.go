package httpapi

import (
	"context"
	"io"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/inventory"
	"keepwatch/internal/view"
)

// Author is who writes, and which way: both stand in the record's history.
type Author = inventory.Author

// Inventory keeps the records that belong to the interface, with their history. A
// version that is not the newest is an ErrConflict, and so is a new record whose id
// is taken.
type Inventory interface {
	Item(ctx context.Context, id keepwatch.CredentialID) (keepwatch.Item, error)
	// Put writes a record; version 0 makes it.
	Put(ctx context.Context, c keepwatch.Credential, version int, by Author, now time.Time) (keepwatch.Item, error)
	Remove(ctx context.Context, id keepwatch.CredentialID, version int, by Author, now time.Time) error
	// Seal keeps a secret for a record and makes the record refer to it. generated
	// may be unknown.
	Seal(ctx context.Context, id keepwatch.CredentialID, version int, secret keepwatch.Secret, generated keepwatch.Date, by Author, now time.Time) (keepwatch.Item, error)
	// Bulk changes many records alike, or says what that would do.
	Bulk(ctx context.Context, b inventory.Bulk, by Author, now time.Time) (client.Bulk, error)
	// Changes lists a record's history, newest first; it outlives the record.
	Changes(ctx context.Context, id keepwatch.CredentialID, page view.Page) ([]keepwatch.Change, string, error)
}

// Upload is a sheet on its way in.
type Upload = inventory.Upload

// Transfer brings the inventory in and out as a sheet.
type Transfer interface {
	Import(ctx context.Context, u Upload, by Author, now time.Time) (client.Import, error)
	Export(ctx context.Context, format string, w io.Writer) error
}

// Findings knows what somebody should decide about the estate.
type Findings interface {
	// Findings lists all, with what was accepted and still holds.
	Findings(ctx context.Context, now time.Time) ([]keepwatch.Finding, error)
	Accept(ctx context.Context, a keepwatch.Acceptance) error
	Withdraw(ctx context.Context, finding string) error
}

// Feeds keeps the calendar feeds. It sees the hash of a feed's token and never the
// token.
type Feeds interface {
	Feeds(ctx context.Context) ([]keepwatch.Feed, error)
	SaveFeed(ctx context.Context, f keepwatch.Feed) error
	RevokeFeed(ctx context.Context, id string, now time.Time) error
	// FeedByHash may answer with a revoked one.
	FeedByHash(ctx context.Context, hash string) (keepwatch.Feed, error)
	// Calendar renders a feed as it stands.
	Calendar(ctx context.Context, f keepwatch.Feed, now time.Time) ([]byte, error)
}

// Discoverer looks at one account with the credential that may.
type Discoverer func(ctx context.Context, tenant keepwatch.TenantID, now time.Time) (Discovery, error)

// Discovery is what a look at one account found. Unlisted are business units that the
// tenant's definition does not list: a proposal, nothing is taken over by itself.
type Discovery struct {
	Tenant     keepwatch.TenantID
	Credential keepwatch.CredentialID
	At         time.Time
	Calls      int
	Seen       map[string]int // how many business units, packages, users …
	Notes      []string       // what could not be looked at, and why
	Unlisted   []keepwatch.BusinessUnit
	Findings   []keepwatch.Finding
}
