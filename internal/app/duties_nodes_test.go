package app_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/store/storetest"
)

// What one node changes in the records comes into force on the other, in both
// directions: the record, its dates, and its end.
func TestTwoNodesShareRecords(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.PostgresURL(t))
	crm := early("crm")
	r.configure(crm)
	one, two := r.start(), r.start()
	one.state(crm, "healthy")

	made, err := one.CreateRecord(t.Context(), client.Record{
		ID: "nightly-drop", Tenant: "emea", Kind: string(keepwatch.SFTPPassword), Username: "nightly", Expires: "2031-01-31", Owner: &client.RecordOwner{Team: "crm"},
	})
	if err != nil {
		t.Fatal(err)
	}
	two.ends("nightly-drop", "2031-01-31")
	change := made.Record
	change.Expires = "2032-02-29"
	if _, err := two.UpdateRecord(t.Context(), change, made.Version); err != nil {
		t.Fatal(err)
	}
	one.ends("nightly-drop", "2032-02-29")
	if err := one.DeleteRecord(t.Context(), "nightly-drop", made.Version+1); err != nil {
		t.Fatal(err)
	}
	r.wait("the record's end on the other node", func() string {
		var problem *client.Error
		if _, err := two.Credential(t.Context(), "nightly-drop"); !errors.As(err, &problem) || problem.Status != http.StatusNotFound {
			return fmt.Sprintf("it is still there: %v", err)
		}
		return ""
	})
	two.state(crm, "healthy") // what the file has is untouched
}

// ends waits until a node shows a credential that ends on a day.
func (n *node) ends(id, day string) {
	n.r.t.Helper()
	n.r.wait(id+" to end on "+day, func() string {
		c, err := n.Credential(n.r.t.Context(), id)
		switch {
		case err != nil:
			return err.Error()
		case len(c.Clocks) == 0 || c.Clocks[0].EndsOn != day:
			return "its clocks are otherwise"
		}
		return ""
	})
}
