package auth

import (
	"errors"
	"reflect"
	"testing"

	"keepwatch"
)

func TestParseGrants(t *testing.T) {
	for text, want := range map[string][]Grant{
		"viewer":                             {{Role: Viewer}},
		" admin ,admin":                      {{Role: Admin}},
		"operator@emea":                      {{Role: Operator, Tenant: "emea"}},
		"operator@emea/crm/platform":         {{Role: Operator, Tenant: "emea", Team: "crm/platform"}},
		"operator@*/CRM Größe, viewer@ emea": {{Role: Operator, Team: "CRM Größe"}, {Role: Viewer, Tenant: "emea"}},
	} {
		got, err := ParseGrants(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q is %+v, %v", text, got, err)
		}
		if again, err := ParseGrants(FormatGrants(got)); err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%q is written %q and read %+v, %v", text, FormatGrants(got), again, err)
		}
	}
	for _, text := range []string{"", "boss", "viewer,", "operator@", "operator@/x", "operator@emea/", "operator@*", "@emea"} {
		if got, err := ParseGrants(text); !errors.Is(err, keepwatch.ErrInvalid) || keepwatch.HintOf(err) == "" {
			t.Errorf("%q is %+v, %v", text, got, err)
		}
	}
}

func TestWhereARoleHolds(t *testing.T) {
	p := PrincipalOf("anna", []Grant{{Role: Viewer, Tenant: "emea"}, {Role: Operator, Tenant: "emea", Team: "crm"}, {Role: Operator, Team: "data"}}, ViaSession)
	for _, c := range []struct {
		role   Role
		tenant keepwatch.TenantID
		team   string
		want   bool
	}{
		{Viewer, "emea", "anybody", true}, {Viewer, "emea", "", true}, {Operator, "emea", "crm", true}, {Operator, "emea", "", false}, {Operator, "emea", "anybody", false},
		{Viewer, "amer", "crm", false}, {Operator, "amer", "data", true}, {Admin, "amer", "data", false}, {Viewer, "amer", "", false}, {"", "emea", "crm", false}, {"owner", "emea", "crm", false},
	} {
		if got := p.May(c.role, c.tenant, c.team); got != c.want {
			t.Errorf("%s of %q in %q: %v", c.role, c.team, c.tenant, got)
		}
	}
	for _, role := range Roles {
		if p.Everywhere(role) {
			t.Errorf("%s everywhere", role)
		}
		if err := RequireEverywhere(p, role); !errors.Is(err, keepwatch.ErrForbidden) {
			t.Errorf("%s of everything: %v", role, err)
		}
		if (Principal{Name: "x", Role: Admin}).May(role, "emea", "crm") {
			t.Errorf("somebody who proved nothing is %s", role)
		}
		if !Everybody().Everywhere(role) || RequireEverywhere(Everybody(), role) != nil {
			t.Errorf("without sign-in not everybody is %s", role)
		}
	}
}

// Whatever is read is written and read again as the same, and gives no more than it says.
func FuzzParseGrants(f *testing.F) {
	for _, s := range []string{"viewer", "operator@emea/crm, admin", "operator@*/x", "@", ",,", "admin@ / "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		grants, err := ParseGrants(s)
		if err != nil {
			return
		}
		again, err := ParseGrants(FormatGrants(grants))
		if err != nil || !reflect.DeepEqual(again, grants) {
			t.Errorf("%q is %+v, written %q and read %+v, %v", s, grants, FormatGrants(grants), again, err)
		}
	})
}
