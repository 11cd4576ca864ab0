package inventory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"keepwatch"
)

// Upload is a sheet on its way in.
type Upload struct {
	Format string             // paste, csv, xlsx, mcdev, yaml
	Name   string             // of the file, for messages
	Tenant keepwatch.TenantID // of rows that name none
	Dates  string             // mdy, dmy; "": by the column
	Seal   bool               // seal the secrets that stand in it; else they are dropped
	Body   io.Reader
	Apply  bool // false: a preview, nothing is written
}

// Bulk is one change of many records.
type Bulk struct {
	Records []Seen
	Set     map[string]string // values by the names of fields; an empty one clears
	Apply   bool              // false: a preview, nothing is written
}

// Seen is a record in the version in which somebody saw it; 0: whichever it is.
type Seen struct {
	ID      keepwatch.CredentialID
	Version int
}

// Shared are the fields that many records may have in common. What tells one from another
// (its id, its client id, its secret and when that was made) is not among them.
var Shared = []string{
	"owner.team", "owner.contact", "criticality", "environment", "region", "area", "purpose", "renewal.every", "renewal.planned", "renewal.window", "renewal.by", "renewal.ticket",
	"expiry_ladder", "tests", "pushed_every", "valid_for", "idle_for", "runbook_url", "business_unit", "dates_confirmed",
}

// mostBulk bounds one change: it is one transaction.
const mostBulk = 1000

// PreviewBulk says what one change of many records would do. Those that a file defines
// are at fault and stay; one that somebody changed since it was seen is an ErrConflict for
// all of them, since whoever asked decided by what they saw.
func (b *Book) PreviewBulk(ctx context.Context, bulk Bulk) (Plan, error) {
	set, err := bulk.fields()
	if err != nil {
		return Plan{}, err
	}
	if n := len(bulk.Records); n == 0 || n > mostBulk {
		return Plan{}, keepwatch.WithHint(fmt.Errorf("%d records are named: %w", n, keepwatch.ErrInvalid), fmt.Sprintf("from 1 to %d at a time", mostBulk))
	}
	files := map[keepwatch.CredentialID]string{}
	for _, c := range b.Files() {
		if c.File != "" {
			files[c.ID] = c.File
		}
	}
	plan := Plan{Rows: len(bulk.Records)}
	told := map[keepwatch.CredentialID]bool{}
	for _, seen := range bulk.Records {
		if told[seen.ID] {
			plan.Rows--
			continue
		}
		told[seen.ID] = true
		if file, ok := files[seen.ID]; ok {
			plan.Wrong = append(plan.Wrong, Fault{Credential: seen.ID, Message: "belongs to the file " + file, Hint: "change it there"})
			continue
		}
		if err := b.bulkRow(ctx, &plan, seen, bulk.Set, set); err != nil {
			return Plan{}, err
		}
	}
	return plan, nil
}

func (b *Book) bulkRow(ctx context.Context, plan *Plan, seen Seen, values map[string]string, set []string) error {
	item, err := b.Store.Item(ctx, seen.ID)
	switch {
	case errors.Is(err, keepwatch.ErrNotFound):
		plan.Wrong = append(plan.Wrong, Fault{Credential: seen.ID, Message: "there is no such record", Hint: "it may have been removed; look at the list again"})
		return nil
	case err != nil:
		return err
	case seen.Version > 0 && seen.Version != item.Version:
		return keepwatch.WithHint(fmt.Errorf("credential %q was changed by %s: %w", clip(string(seen.ID)), item.UpdatedBy, keepwatch.ErrConflict), "nothing was written; look at the preview again")
	}
	c := item.Credential
	for _, name := range set {
		if err := fields[fieldAt[name]].set(&c, strings.TrimSpace(values[name])); err != nil {
			return keepwatch.WithHint(fmt.Errorf("%s: %w", name, err), hintOf(err)) // the same for every record
		}
	}
	base := complete(item.Credential)
	c = complete(c)
	entry := Entry{Credential: c, Fields: diff(&base, &c, allFields), MatchedBy: "id", Version: item.Version}
	if len(entry.Fields) == 0 {
		plan.Unchanged = append(plan.Unchanged, entry)
		return nil
	}
	if err := check(&c, b.Tenants()); err != nil {
		plan.Wrong = append(plan.Wrong, Fault{Credential: seen.ID, Column: columnOf(err), Message: factOf(err), Hint: hintOf(err)})
		return nil
	}
	plan.Changed = append(plan.Changed, entry)
	return nil
}

// fields are the names of what is set, in the order of columns.
func (b Bulk) fields() ([]string, error) {
	if len(b.Set) == 0 {
		return nil, keepwatch.WithHint(fmt.Errorf("nothing is to be set: %w", keepwatch.ErrInvalid), "fields that many records may share: "+strings.Join(Shared, ", "))
	}
	names := slices.Collect(maps.Keys(b.Set))
	slices.SortFunc(names, func(x, y string) int { return fieldAt[x] - fieldAt[y] })
	for _, name := range names {
		if !slices.Contains(Shared, name) {
			return nil, keepwatch.WithHint(fmt.Errorf("%.80q is not set for many records at once: %w", name, keepwatch.ErrInvalid), "one of: "+strings.Join(Shared, ", "))
		}
	}
	if v, ok := b.Set["criticality"]; ok && strings.TrimSpace(v) == "" {
		return nil, keepwatch.WithHint(fmt.Errorf("criticality cannot be cleared: %w", keepwatch.ErrInvalid), "transactional, standard or reporting")
	}
	return names, nil
}
