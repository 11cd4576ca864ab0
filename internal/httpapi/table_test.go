package httpapi_test

import (
	"errors"
	"testing"

	"keepwatch/client"
)

func TestInventoryIsWalkedInItsOrder(t *testing.T) {
	d := start(t)
	c := d.client(d.admin)
	f := client.InventoryFilter{Sort: "tenant", Desc: true}
	f.Limit = 7
	var ids []string
	last := ""
	for {
		page, err := c.Inventory(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		if page.Matched != 60 || page.Total != 60 || page.From != len(ids)+1 {
			t.Fatalf("%d of %d from %d", page.Matched, page.Total, page.From)
		}
		for _, item := range page.Items {
			if last != "" && item.Tenant > last {
				t.Errorf("%s comes after %s", item.Tenant, last)
			}
			last = item.Tenant
			ids = append(ids, item.ID)
		}
		if page.Next == nil {
			break
		}
		f.Cursor = *page.Next
	}
	seen := map[string]bool{}
	for _, id := range ids {
		seen[id] = true
	}
	if len(ids) != 60 || len(seen) != 60 {
		t.Errorf("%d items, %d of them different", len(ids), len(seen))
	}
}

func TestBulkEditByTheAPI(t *testing.T) {
	d := start(t)
	c := d.client(d.admin)
	for _, id := range []string{"own-1", "own-2"} {
		if _, err := c.CreateRecord(t.Context(), client.Record{ID: id, Tenant: "emea", Kind: "server_to_server"}); err != nil {
			t.Fatal(err)
		}
	}
	ask := client.NewBulk{Records: []client.SeenRecord{{ID: "own-1", Version: 1}, {ID: "own-2", Version: 1}, {ID: "nowhere"}}, Set: map[string]string{"region": "EMEA"}}
	out, err := c.Bulk(t.Context(), ask)
	if err != nil || out.Applied || len(out.Changed) != 2 || len(out.Refused) != 1 {
		t.Fatalf("%+v %v", out, err)
	}
	if r, err := c.Record(t.Context(), "own-1"); err != nil || r.Region != "" {
		t.Fatalf("a preview has written: %+v %v", r, err)
	}
	ask.Apply = true
	if out, err = c.Bulk(t.Context(), ask); err != nil || !out.Applied {
		t.Fatalf("%+v %v", out, err)
	}
	if r, err := c.Record(t.Context(), "own-2"); err != nil || r.Region != "EMEA" || r.Version != 2 {
		t.Errorf("%+v %v", r, err)
	}
	var e *client.Error
	ask.Set["region"] = "AMER"
	if _, err = c.Bulk(t.Context(), ask); !errors.As(err, &e) || e.Code != "conflict" {
		t.Errorf("versions that are not the newest: %v", err)
	}
	for _, set := range []map[string]string{{}, {"client_id": "x"}, {"criticality": ""}, {"renewal.planned": "soon"}} {
		ask.Set, ask.Records = set, []client.SeenRecord{{ID: "own-1"}}
		if _, err = c.Bulk(t.Context(), ask); !errors.As(err, &e) || e.Code != "invalid" {
			t.Errorf("%v: %v", set, err)
		}
	}
}

func TestStatusSaysThatNobodyWatches(t *testing.T) {
	d := start(t)
	s, err := d.client(d.admin).Status(t.Context())
	if err != nil || s.State != "unknown" || s.Watchdog != nil {
		t.Errorf("%+v %v", s, err)
	}
}
