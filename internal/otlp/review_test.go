package otlp_test

import (
	"fmt"
	"strings"
	"testing"

	"keepwatch"
	"keepwatch/internal/otlp"
	"keepwatch/internal/sfmc"
)

func TestReview(t *testing.T) {
	rule := func(tenant keepwatch.TenantID, credential keepwatch.CredentialID, match ...string) otlp.Rule {
		r := otlp.Rule{Tenant: tenant, Credential: credential, Match: map[string]string{}}
		for i := 0; i < len(match); i += 2 {
			r.Match[match[i]] = match[i+1]
		}
		return r
	}
	const other = "mcz1x2c3v4b5n6m7-8a9s0d1f2g3"
	hosts := sfmc.TenantHostsOf([]keepwatch.Tenant{{ID: "emea", Subdomain: sub}, {ID: "apac", Subdomain: other}})
	for _, c := range []struct {
		name  string
		rules []otlp.Rule
		want  []string
	}{
		{"rules that tell their spans apart", []otlp.Rule{rule("emea", "crm", "service.name", "crm-*"), rule("emea", "shop", "service.name", "shop"), rule("apac", "jp", "service.name", "shop")}, nil},
		{"the credential is gone", []otlp.Rule{rule("", "crm", "service.name", "crm")}, []string{"1 fault it matches nothing: there is no credential crm"}},
		{"another tenant's host", []otlp.Rule{rule("emea", "crm", otlp.Host, other+".rest.marketingcloudapis.com")}, []string{"1 fault it matches nothing: " + other + ".rest.marketingcloudapis.com is no host of emea, the tenant of crm"}},
		{"a host by its beginning", []otlp.Rule{rule("emea", "crm", otlp.Host, sub+"*")}, nil},
		{"the wider rule first", []otlp.Rule{rule("emea", "crm", "service.name", "crm*"), rule("emea", "shop", "service.name", "crm-sync", "deployment.environment", "production")}, []string{"2 fault it is never reached: rule 1 matches all that it matches"}},
		{"a beginning is wider than a value", []otlp.Rule{rule("emea", "crm", "service.name", "crm"), rule("emea", "shop", "service.name", "crm*")}, []string{"2 note what both match counts for crm, by rule 1"}},
		{"both may match", []otlp.Rule{rule("emea", "crm", "service.name", "crm-*", "zone", "eu"), rule("emea", "shop", "service.name", "crm-sync*", "zone", "*")}, []string{"2 note what both match counts for crm, by rule 1"}},
		{"one credential twice", []otlp.Rule{rule("emea", "crm", "service.name", "crm"), rule("emea", "crm", "service.name", "crm*")}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, d := range (&otlp.Rules{Hosts: hosts, Rules: c.rules}).Review() {
				got = append(got, fmt.Sprintf("%d %s %s", d.Rule, map[bool]string{true: "fault", false: "note"}[d.Fault], d.Text))
				if d.Hint == "" {
					t.Errorf("%+v has no hint", d)
				}
			}
			if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
