package sfmc

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"keepwatch"
)

var update = flag.Bool("update", false, "write docs/sfmc-facts.md anew")

// The faults that simulator and catalogue agree on.
const allFaults = `bad_client_id bad_secret secret_expired package_deleted grant_refused unauthorized_client invalid_scope business_unit_refused
ip_blocked/400 ip_blocked/401 ip_blocked/403 token_rate_limited token_blocked token_server_error token_unavailable
token_bad_request/invalid_request token_bad_request/unsupported_grant_type token_bad_request/validation token_rejected legacy_unauthorized
scope_missing/403 scope_missing/401 scope_missing/messaging business_rule wrong_stack rest_rate_limited rest_blocked rest_server_error
rest_unavailable rest_not_found rest_unknown_service rest_bad_request token_in_url
soap_token_expired soap_login_failed soap_account_locked soap_password_change soap_rate_limited soap_outage soap_in_maintenance
soap_status_maintenance soap_status_outage soap_authorization soap_permission soap_bad_property soap_unknown_object soap_unknown_action
soap_bad_request soap_server_fault
maintenance html redirect malformed empty_body wrong_type huge gzip_bomb drip reset hang truncated`

func TestCatalogueIsComplete(t *testing.T) {
	names, faults := map[string]bool{}, map[string]bool{}
	for _, c := range Catalogue {
		if names[c.Name] {
			t.Errorf("%s stands twice", c.Name)
		}
		names[c.Name] = true
		fault := strings.TrimSuffix(c.Fault+"/"+c.Variant, "/")
		if c.Fault != "" && faults[fault] {
			t.Errorf("fault %s stands twice", fault)
		}
		faults[fault] = true
		checkRow(t, c)
	}
	for _, f := range strings.Fields(allFaults) {
		if !faults[f] {
			t.Errorf("no cause for the fault %s", f)
		}
		delete(faults, f)
	}
	delete(faults, "")
	for f := range faults {
		t.Errorf("the fault %s is not in the agreed list", f)
	}
}

func checkRow(t *testing.T, c Cause) {
	t.Helper()
	if !c.Outcome.Known() || c.Outcome == keepwatch.OK {
		t.Errorf("%s: outcome %q", c.Name, c.Outcome)
	}
	if c.Source == "" || c.Message == "" || !strings.HasSuffix(c.Message, ".") || strings.Count(c.Message, ". ") > 0 {
		t.Errorf("%s: source or message (one sentence): %q", c.Name, c.Message)
	}
	if c.Hint == "" || c.Outcome.Info().Category == keepwatch.CategoryCredential && !strings.Contains(c.Hint, "Setup") && !strings.Contains(c.Hint, "Sign in") {
		t.Errorf("%s: the hint names no click: %q", c.Name, c.Hint)
	}
	if c.Assumed != strings.Contains(c.Message, "probably") {
		t.Errorf("%s: assumed is %v, the message says %q", c.Name, c.Assumed, c.Message)
	}
	if _, ok := CauseByName(c.LooksLike); c.LooksLike != "" && (!ok || c.Match.On != 0) {
		t.Errorf("%s: looks like %q", c.Name, c.LooksLike)
	}
}

func TestEveryOutcomeOfATestHasACause(t *testing.T) {
	for _, o := range keepwatch.Outcomes {
		switch o.Outcome {
		case keepwatch.OK, keepwatch.Slow, keepwatch.Flapping, keepwatch.DateContradicted, keepwatch.MonitoringBlind,
			keepwatch.Expiring, keepwatch.Expired, keepwatch.Drifted, keepwatch.RetryMasked, keepwatch.BelowObjective:
			continue
		}
		if o.Scope == keepwatch.ScopeEffect {
			continue // judged from counters, not from an answer
		}
		if !slices.ContainsFunc(Catalogue, func(c Cause) bool { return c.Outcome == o.Outcome }) {
			t.Errorf("no cause leads to %s", o.Outcome)
		}
	}
}

// docs/sfmc-facts.md is generated: run this test with -update.
func TestFactsAreCurrent(t *testing.T) {
	const path = "../../docs/sfmc-facts.md"
	want := facts()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Fatalf("%s is stale (%v); run: go test ./internal/sfmc -run TestFactsAreCurrent -update", path, err)
	}
}

func facts() string {
	var b strings.Builder
	b.WriteString("# What Keepwatch knows about SFMC\n\n" +
		"Generated from the catalogue in `internal/sfmc`; do not edit. An answer is matched by what it says first, by its status second,\n" +
		"in the order of this table. A row marked *assumed* has no published literal answer: its message says \"probably\", and the\n" +
		"simulator offers it as a guess. A row that *looks like* another has the same answer; what tells them apart stands below.\n\n" +
		"- `secret_expired`: refused like a wrong secret, and the known end date has passed.\n" +
		"- `scope_missing_401`: a 401 with a fresh token, while the identity route accepts the same token.\n" +
		"- A body that cannot be read is never a credential's fault: it is `unexpected_response`, and with a 5xx `platform_error`.\n\n" +
		"## Causes\n\n| cause | outcome | seen | says | source | fault |\n|---|---|---|---|---|---|\n")
	for _, c := range Catalogue {
		fmt.Fprintf(&b, "| `%s` | `%s`%s | %s | %s | %s | %s |\n", c.Name, c.Outcome, mark(c.Assumed, " *assumed*"), surfaces(c.Match.On), says(c), cell(c.Source), faultName(c))
	}
	b.WriteString("\n## What to do\n\n| cause | message | hint |\n|---|---|---|\n")
	for _, c := range Catalogue {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", c.Name, cell(c.Message), cell(c.Hint))
	}
	b.WriteString("\n## One cheap read per API family\n\n| family | test | scope |\n|---|---|---|\n")
	for _, f := range Families {
		fmt.Fprintf(&b, "| %s | `%s` | %s |\n", f.Name, f.Test, code(f.Scope))
	}
	scopeFacts(&b)
	counterText(&b)
	fmt.Fprintf(&b, "\n## Limits\n\nAn answer may have %d bytes after decompression. A token request may take %s, a REST call %s, a SOAP call %s with all its pages, a connection %s.\n"+
		"A wait that SFMC asks for is taken as at most %s.\n", maxBody, TokenTimeout, RESTTimeout, SOAPTimeout, ConnectTimeout, maxRetryAfter)
	return b.String()
}

// scopeFacts writes the least-privilege recipe, and what a look at the account reads.
func scopeFacts(b *strings.Builder) {
	b.WriteString("\n## Which scope a test needs\n\nThe table above, and by how a path or object begins what follows. No public source states the latter: they are *assumed*\n" +
		"from how clients use the routes. A test that is in neither table is taken to need none in particular.\n\n| begins with | scope |\n|---|---|\n")
	for _, row := range assumedScopes {
		fmt.Fprintf(b, "| `%s` | `%s` |\n", row.prefix, row.scope)
	}
	b.WriteString("\n## What a look at the account reads\n\n| part | scope | source |\n|---|---|---|\n")
	for _, n := range DiscoveryNeeds {
		source := "documented"
		if n.Assumed {
			source = "*assumed*"
		}
		fmt.Fprintf(b, "| %s | `%s` | %s |\n", n.Test, n.Scope, source)
	}
	fmt.Fprintf(b, "\nAt most %d pages of %d business units, %d of %d users, %d of %d grants and %d of %d entries of the Audit Trail are read.\n"+
		"A user is the hidden one of a package when it has no address or its name ends in \"%s\" (mcdev does the same); one that must change its\n"+
		"password belongs to a package that SFMC installed itself. Times without an offset are US Central Standard Time, all year.\n",
		unitPages, unitBatch, userPages, userBatch, grantPages, grantBatch, auditPages, auditPage, strings.TrimSpace(appUser))
}

func mark(on bool, s string) string {
	if on {
		return s
	}
	return ""
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }

func faultName(c Cause) string {
	if c.Variant == "" {
		return code(c.Fault)
	}
	return code(c.Fault + " (" + c.Variant + ")")
}

func surfaces(on Surface) string {
	var list []string
	for _, s := range []struct {
		on   Surface
		name string
	}{{OnToken, "token"}, {OnLegacy, "v1 token"}, {OnIdentity, "identity"}, {OnREST, "REST"}, {OnSOAP, "SOAP"}, {OnLogin, "SOAP login"}} {
		if on&s.on != 0 {
			list = append(list, s.name)
		}
	}
	return strings.Join(list, ", ")
}

func says(c Cause) string {
	if c.LooksLike != "" {
		return "looks like `" + c.LooksLike + "`"
	}
	var list []string
	if c.Match.Status != 0 {
		list = append(list, fmt.Sprintf("HTTP %d", c.Match.Status))
	}
	for _, part := range []struct{ label, value string }{{"", c.Match.Error}, {"code", c.Match.Code}, {"text", c.Match.Text}} {
		if part.value != "" {
			list = append(list, strings.TrimSpace(part.label+" `"+strings.ReplaceAll(part.value, "|", "` or `")+"`"))
		}
	}
	return strings.Join(list, "; ")
}
