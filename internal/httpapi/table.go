package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/view"
)

// CredentialFilterInput narrows lists of credentials.
type CredentialFilterInput struct {
	Tenant string `query:"tenant" maxLength:"200"`
	Unit   string `query:"unit" maxLength:"20" doc:"number of the business unit; 0 is the one that owns the package"`
	Owner  string `query:"owner" maxLength:"500" doc:"a team, or a contact; - is nobody"`
	Tier   string `query:"tier" enum:"transactional,standard,reporting"`
	Kind   string `query:"kind" maxLength:"50"`
	State  string `query:"state" enum:"healthy,degraded,failing,expired,unknown,paused,maintenance"`
	Query  string `query:"q" maxLength:"200" doc:"part of the id, the purpose or the owner"`
}

func (in CredentialFilterInput) filter() view.CredentialFilter {
	return view.CredentialFilter{Tenant: in.Tenant, Unit: in.Unit, Owner: in.Owner, Tier: in.Tier, Kind: in.Kind, State: in.State, Query: in.Query}
}

type overviewInput struct {
	CredentialFilterInput
	Group string `query:"group" enum:"tenant,owner,tier" default:"tenant"`
	Page  int    `query:"page" minimum:"1" maximum:"100000" default:"1"`
}

type inventoryInput struct {
	Paging
	CredentialFilterInput
	Source string `query:"source" enum:"file,interface" doc:"where the record is defined"`
	Sort   string `query:"sort" enum:"id,state,tenant,unit,kind,owner,tier,environment,region,area,holders,dependents,proven,ends,renewal" default:"id"`
	Desc   bool   `query:"desc"`
}

type bulkInput struct{ Body client.NewBulk }

func (a *api) tableRoutes() {
	partial(a, auth.Viewer, huma.Operation{
		OperationID: "overview", Method: http.MethodGet, Path: "/api/v1/overview", Tags: []string{"credentials"},
		Summary: "The front page: open incidents, what ends, then every group", Description: "The filter narrows groups and dates, never the headline, the counts or the incidents.",
	}, func(ctx context.Context, in *overviewInput) (client.Overview, error) {
		return a.read(ctx).Overview(ctx, time.Now(), view.OverviewFilter{CredentialFilter: in.filter(), GroupBy: in.Group, Page: in.Page})
	})
	partial(a, auth.Viewer, huma.Operation{
		OperationID: "status", Method: http.MethodGet, Path: "/api/v1/status", Tags: []string{"health"},
		Summary: "How Keepwatch itself does", Description: "Who sees a part of the estate is told that it works, and not whom it tells.",
	}, func(ctx context.Context, _ *noInput) (client.Status, error) {
		return a.read(ctx).Status(ctx, time.Now())
	})
	partial(a, auth.Viewer, huma.Operation{
		OperationID: "list-inventory", Method: http.MethodGet, Path: "/api/v1/inventory", Tags: []string{"inventory"},
		Summary: "The table of all credentials, as records and as they stand",
	}, func(ctx context.Context, in *inventoryInput) (client.Inventory, error) {
		f := view.InventoryFilter{CredentialFilter: in.filter(), Source: in.Source, Sort: in.Sort, Desc: in.Desc}
		return a.read(ctx).Inventory(ctx, time.Now(), f, in.page())
	})
	partial(a, auth.Operator, huma.Operation{
		OperationID: "bulk-edit", Method: http.MethodPost, Path: "/api/v1/inventory/bulk", Tags: []string{"inventory"},
		Summary: "Change many records alike, or say what that would do", MaxBodyBytes: maxBulk,
		Description: "Without apply it is a preview. Records of a file are named and stay; a version that is not the newest is a conflict, and then nothing is written.",
	}, a.bulkEdit)
}

// maxBulk is enough for the most records with the longest ids.
const maxBulk = 512 << 10

func (a *api) bulkEdit(ctx context.Context, in *bulkInput) (client.Bulk, error) {
	bulk, refused, err := a.Reader.Selection(view.PrincipalOf(ctx), in.Body.Records, in.Body.Set)
	if err != nil {
		return client.Bulk{}, err
	}
	if len(bulk.Records) == 0 {
		return client.Bulk{Changed: []client.BulkRow{}, Unchanged: []string{}, Refused: refused}, nil
	}
	bulk.Apply = in.Body.Apply
	out, err := a.Inventory.Bulk(ctx, bulk, author(ctx), time.Now())
	if err != nil {
		return client.Bulk{}, staleHint(err)
	}
	out.Refused = append(out.Refused, refused...)
	return out, nil
}
