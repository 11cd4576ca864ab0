package scan

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/egress"
	"keepwatch/internal/sfmc"
)

// trust reads what Salesforce publishes of the stacks that were seen. It is told
// about Salesforce, so that it cannot be read is no finding about the target.
func (r *run) trust(ctx context.Context) {
	r.mu.Lock()
	stacks := make([]string, 0, len(r.stacks))
	for stack := range r.stacks {
		if stack != "" {
			stacks = append(stacks, stack)
		}
	}
	r.mu.Unlock()
	slices.Sort(stacks)
	for _, stack := range stacks[:min(len(stacks), 4)] {
		r.add(r.trustOf(ctx, stack))
	}
}

func (r *run) trustOf(ctx context.Context, stack string) Finding {
	f := Finding{Check: "trust_status", Subject: stack, Severity: Info, Hint: "Look at https://status.salesforce.com.", Evidence: map[string]any{}}
	u, err := url.Parse(sfmc.TrustURL(r.trustBase, stack))
	if err != nil {
		return f
	}
	a, err := r.get(ctx, u, maxAnswer)
	if err != nil {
		f.Message = "Salesforce's status page could not be asked: " + words(err) + "."
		return f
	}
	f.Evidence["url"], f.Evidence["http_status"] = shown(u), a.status
	status, ok := sfmc.TrustStatus(a.body)
	if a.status != http.StatusOK || !ok {
		f.Message = "Salesforce's public status interface does not tell of " + stack + "; it is being replaced by one that wants a token."
		return f
	}
	f.Evidence["status"] = status
	switch {
	case status == "OK":
		f.Severity, f.Message, f.Hint = OK, "Salesforce says that "+stack+" is fine.", ""
	case strings.HasPrefix(status, "MAJOR_INCIDENT"):
		f.Severity, f.Message = Critical, "Salesforce says that "+stack+" has a major incident."
	case strings.HasPrefix(status, "MINOR_INCIDENT"), strings.HasPrefix(status, "UNPLANNED"):
		f.Severity, f.Message = Warning, "Salesforce says that "+stack+" has trouble: "+strings.ToLower(strings.ReplaceAll(status, "_", " "))+"."
	default:
		f.Message = "Salesforce says of " + stack + ": " + strings.ToLower(strings.ReplaceAll(status, "_", " ")) + "."
	}
	return f
}

// calendar says the dates that are the same for everybody.
func (r *run) calendar() {
	rule := Finding{Check: "secret_rule", Subject: "client secrets", Severity: Info, Evidence: map[string]any{"life_days": int(keepwatch.ClientSecretLife.Hours() / 24)},
		Message: "A client secret ends 180 days after somebody clicked Generate, and nothing outside shows that day. Those of September 2026 end from " + sfmc.SecretWave() + ".",
		Hint:    "Tell the day with --generated YYYY-MM-DD to see when yours ends.",
	}
	if !r.generated.IsZero() {
		d := keepwatch.SecretDeadline(r.generated)
		days := int(d.At.Sub(r.now).Hours() / 24)
		if s := nearness(r.generated.In(time.UTC), d.At, r.now); s != OK { // who asked for it wants to read it
			rule.Severity = s
		}
		rule.Evidence["generated"], rule.Evidence["ends"], rule.Evidence["days_left"] = r.generated.String(), d.At.UTC().Format(time.DateOnly), days
		rule.Message = "The secret that was generated on " + r.generated.String() + " ends on " + d.At.UTC().Format(time.DateOnly) + ", in " + plural(days, "day") + "."
		rule.Hint = "Write the day down in the inventory: keepwatch warns of it."
		if d.Passed(r.now) {
			rule.Severity = Critical
			rule.Message = "The secret that was generated on " + r.generated.String() + " ended on " + d.At.UTC().Format(time.DateOnly) + "."
			rule.Hint = "Generate a new one in Setup > Apps > Installed Packages."
		}
	}
	r.add(rule)
	sso := Finding{Check: "sso_certificate", Subject: "single sign-on", Severity: Info, Evidence: map[string]any{"ends": sfmc.SSOCertificateEnds.String()},
		Message: "SFMC's own certificate for single sign-on ends on " + sfmc.SSOCertificateEnds.String() + ": whoever signs in by SAML has to have the new one by then.",
		Hint:    "Take the new metadata from Setup, and keep one administrator who can sign in without single sign-on.",
	}
	if sfmc.SSOCertificateEnds.In(time.UTC).Before(r.now) {
		sso.Message = "SFMC's own certificate for single sign-on ended on " + sfmc.SSOCertificateEnds.String() + ": sign-in by SAML fails where the new one was not taken over."
	}
	r.add(sso)
}

// ourAddress helps with the allowlist: SFMC sees where a call comes from.
func (r *run) ourAddress() {
	r.mu.Lock()
	local := r.local
	r.mu.Unlock()
	f := Finding{Check: "egress_address", Subject: "this machine", Severity: Info, Evidence: map[string]any{}}
	if !local.IsValid() {
		f.Message = "No connection was made, so the address that the scan leaves from is not known."
		r.add(f)
		return
	}
	f.Evidence["address"], f.Evidence["public"] = local.String(), egress.Public(local)
	f.Message = "The scan left from " + local.String() + "."
	if !egress.Public(local) {
		f.Message = "The scan left from " + local.String() + ", which is translated on the way: SFMC sees another address, which the owner of the network knows."
	}
	f.Hint = "A tenant with an API allowlist refuses tokens to other addresses with \"The client's IP address is unauthorized for this account\"."
	r.add(f)
}
