package sfmc

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestScopesFor(t *testing.T) {
	tests := []string{
		"identity", "soap:AccountUser", "rest:/interaction/v1/eventDefinitions", "rest:/asset/v1/content/categories?$pageSize=1",
		"soap:DataExtensionField", "soap:DataFolder", "soap:GetSystemStatus", "https:middleware", "soap:Subscriber", "rest:/contacts/v1/schema", "nonsense",
	}
	want := []string{"data_extensions_read", "documents_and_images_read", "journeys_read", "list_and_subscribers_read", "users_read"}
	if d := cmp.Diff(want, ScopesFor(tests)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]Need{{"rest:/interaction/v1/eventDefinitions", "journeys_read", true}, {"soap:BusinessUnit", "accounts_read", false}},
		NeedsOf([]string{"rest:/interaction/v1/eventDefinitions", "soap:BusinessUnit"})); d != "" {
		t.Error(d)
	}
}

// What the table of families says and what is assumed of routes must not disagree.
func TestTheRecipeAgreesWithTheFamilies(t *testing.T) {
	for _, f := range Families {
		test, err := ParseTest(f.Test)
		if err != nil {
			t.Fatal(err)
		}
		if assumed, _ := assumedScope(test); f.Scope != "" && assumed != "" && assumed != f.Scope {
			t.Errorf("%s: %s in the table, %s assumed", f.Test, f.Scope, assumed)
		}
	}
}

func TestReadsOnly(t *testing.T) {
	for scope, want := range map[string]bool{"email_read": true, "offline": true, "key_manage_view": true, "email_send": false, "email_write": false, "journeys_execute": false, "contact_bu_mapping_delete": false, "dfu_configure": false} {
		if ReadsOnly(scope) != want {
			t.Errorf("%s: %v", scope, !want)
		}
	}
}
