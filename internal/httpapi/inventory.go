package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/view"
)

type newRecordInput struct{ Body client.Record }

// VersionInput is the version that a writer saw.
type VersionInput struct {
	IfMatch string `header:"If-Match" maxLength:"40" doc:"the version that was read, such as \"3\""`
}

// version reads If-Match. Without it two people would overwrite each other's work
// and neither would hear of it, so it is not optional.
func (in VersionInput) version() (int, error) {
	text := strings.Trim(strings.TrimPrefix(strings.TrimSpace(in.IfMatch), "W/"), `"`)
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, keepwatch.WithHint(fmt.Errorf("If-Match names no version: %w", keepwatch.ErrInvalid),
			`read the record and send its version back, as If-Match: "3"`)
	}
	return n, nil
}

type putRecordInput struct {
	CredentialInput
	VersionInput
	Body client.Record
}

type deleteRecordInput struct {
	CredentialInput
	VersionInput
}

type secretInput struct {
	CredentialInput
	VersionInput
	Body client.NewSecret
}

type changesInput struct {
	CredentialInput
	Paging
}

func (a *api) inventoryRoutes() {
	partial(a, auth.Viewer, huma.Operation{
		OperationID: "get-record", Method: http.MethodGet, Path: "/api/v1/credentials/{id}/record", Tags: []string{"inventory"},
		Summary: "One credential's record as it was written, with its version",
	}, a.record)
	partial(a, auth.Operator, huma.Operation{
		OperationID: "create-record", Method: http.MethodPost, Path: "/api/v1/credentials", Tags: []string{"inventory"},
		Summary: "Add a record that belongs to the interface", DefaultStatus: http.StatusCreated,
	}, a.createRecord)
	partial(a, auth.Operator, huma.Operation{
		OperationID: "update-record", Method: http.MethodPut, Path: "/api/v1/credentials/{id}", Tags: []string{"inventory"},
		Summary: "Replace a record", Description: "If-Match names the version that was read; another one is a conflict. A record that a file defines is changed there.",
	}, a.updateRecord)
	partial(a, auth.Operator, huma.Operation{
		OperationID: "seal-secret", Method: http.MethodPut, Path: "/api/v1/credentials/{id}/secret", Tags: []string{"inventory"},
		Summary: "Seal a secret into a record", Description: "Write-only: no answer carries it. If-Match as for the record.",
	}, a.sealSecret)
	partial(a, auth.Viewer, huma.Operation{
		OperationID: "list-changes", Method: http.MethodGet, Path: "/api/v1/credentials/{id}/changes", Tags: []string{"inventory"},
		Summary: "A record's history, newest first", Description: "It outlives the record.",
	}, a.changes)
	bare(a, auth.Operator, theirs, huma.Operation{
		OperationID: "delete-record", Method: http.MethodDelete, Path: "/api/v1/credentials/{id}", Tags: []string{"inventory"},
		Summary: "Remove a record", Description: "Its history stays. If-Match as for a change.",
	}, a.deleteRecord)
}

// bare registers a route that answers without a body.
func bare[I any](a *api, needs auth.Role, far reach, op huma.Operation, handle func(context.Context, *I) error) {
	a.describe(&op, needs)
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*struct{}, error) {
		err := a.allow(ctx, needs, far, in)
		if err == nil {
			err = handle(ctx, in)
		}
		if err != nil {
			return nil, a.failed(ctx, op.OperationID, err)
		}
		return nil, nil
	})
}

// author is who writes through the API.
func author(ctx context.Context) Author {
	who := view.PrincipalOf(ctx)
	if who.Via == auth.ViaSession {
		return Author{By: who.Name, Via: "ui"}
	}
	return Author{By: who.Name, Via: "api"}
}

// staleHint says what to do about a conflict or a record that is not there, unless whoever found it knew better.
func staleHint(err error) error {
	if errors.Is(err, keepwatch.ErrNotFound) && keepwatch.HintOf(err) == "" {
		return keepwatch.WithHint(err, "list the credentials to see which there are; a removed one keeps its history under /changes")
	}
	if err == nil || !errors.Is(err, keepwatch.ErrConflict) || keepwatch.HintOf(err) != "" {
		return err
	}
	return keepwatch.WithHint(err, "somebody changed it since: read it again, look at the difference, and send the new version")
}

// record answers for a file's record, too: whoever wants to change it learns from
// defined_in where.
func (a *api) record(ctx context.Context, in *CredentialInput) (client.StoredRecord, error) {
	c, err := a.read(ctx).Registered(in.id())
	if err == nil && c.File != "" {
		return view.StoredRecordOf(keepwatch.Item{Credential: c}), nil
	}
	item, err := a.Inventory.Item(ctx, in.id())
	if err != nil {
		return client.StoredRecord{}, staleHint(err)
	}
	return view.StoredRecordOf(item), nil
}

func (a *api) createRecord(ctx context.Context, in *newRecordInput) (client.StoredRecord, error) {
	return a.put(ctx, in.Body, 0)
}

func (a *api) updateRecord(ctx context.Context, in *putRecordInput) (client.StoredRecord, error) {
	version, err := in.version()
	if err != nil {
		return client.StoredRecord{}, err
	}
	if in.Body.ID != in.ID {
		return client.StoredRecord{}, keepwatch.WithHint(fmt.Errorf("the body is about %q and the address about %q: %w", in.Body.ID, in.ID, keepwatch.ErrInvalid),
			"an id never changes; add a new record and remove the old one")
	}
	return a.put(ctx, in.Body, version)
}

func (a *api) put(ctx context.Context, r client.Record, version int) (client.StoredRecord, error) {
	c, err := view.CredentialOf(r)
	if err != nil {
		return client.StoredRecord{}, err
	}
	if err := a.read(ctx).Open(c.ID); err != nil {
		return client.StoredRecord{}, err
	}
	if err := a.read(ctx).TenantExists(c.Tenant); err != nil {
		return client.StoredRecord{}, err
	}
	if err := view.MayIn(view.PrincipalOf(ctx), auth.Operator, c.Tenant, c.Owner.Team); err != nil {
		return client.StoredRecord{}, err
	}
	item, err := a.Inventory.Put(ctx, c, version, author(ctx), time.Now())
	if err != nil {
		return client.StoredRecord{}, staleHint(err)
	}
	return view.StoredRecordOf(item), nil
}

func (a *api) deleteRecord(ctx context.Context, in *deleteRecordInput) error {
	version, err := in.version()
	if err != nil {
		return err
	}
	if err := a.read(ctx).Open(in.id()); err != nil {
		return err
	}
	return staleHint(a.Inventory.Remove(ctx, in.id(), version, author(ctx), time.Now()))
}

// sealSecret takes the secret out of the body at once; from here on nothing can
// print it.
func (a *api) sealSecret(ctx context.Context, in *secretInput) (client.StoredRecord, error) {
	secret := keepwatch.NewSecret([]byte(in.Body.Secret))
	in.Body.Secret = ""
	version, err := in.version()
	if err != nil {
		return client.StoredRecord{}, err
	}
	generated, err := generatedOf(in.Body.Generated)
	if err != nil {
		return client.StoredRecord{}, err
	}
	if err := a.read(ctx).Open(in.id()); err != nil {
		return client.StoredRecord{}, err
	}
	item, err := a.Inventory.Seal(ctx, in.id(), version, secret, generated, author(ctx), time.Now())
	if err != nil {
		return client.StoredRecord{}, staleHint(err)
	}
	return view.StoredRecordOf(item), nil
}

func (a *api) changes(ctx context.Context, in *changesInput) (client.Page[client.Change], error) {
	list, next, err := a.Inventory.Changes(ctx, in.id(), in.page())
	if err != nil {
		return client.Page[client.Change]{}, err
	}
	if len(list) == 0 && in.Cursor == "" {
		if err := a.read(ctx).Exists(in.id()); err != nil {
			return client.Page[client.Change]{}, err
		}
	}
	out := client.Page[client.Change]{Items: view.ChangesOf(list)}
	if next != "" {
		out.Next = &next
	}
	return out, nil
}
