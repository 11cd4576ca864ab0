package scan

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc"
)

// slowAfter is when an API host counts as slow from here.
const slowAfter = 3 * time.Second

// tenant looks at the three API hosts of a subdomain.
func (r *run) tenant(ctx context.Context, t Target) {
	endpoints, err := sfmc.EndpointsOf(keepwatch.Tenant{ID: keepwatch.TenantID(t.Host), Subdomain: t.Host})
	if err != nil { // a target's subdomain was checked already
		r.unknown(t.Host, err, "subdomain")
		return
	}
	var group sync.WaitGroup
	for _, d := range r.subdomain(ctx, t.Host, sfmc.Doors(endpoints)) {
		group.Go(func() {
			if r.host(ctx, d.URL.Hostname(), d.URL.Port()) {
				r.door(ctx, d)
			}
		})
	}
	group.Wait()
}

// subdomain asks whether the three hosts resolve, and returns those that may. A zone
// may answer for every name, so that it resolves proves little; that it does not
// proves that it is wrong.
func (r *run) subdomain(ctx context.Context, sub string, doors []sfmc.Door) (open []sfmc.Door) {
	f := Finding{Check: "subdomain", Subject: sub, Severity: OK, Message: "All three API hosts resolve."}
	found, gone := []string{}, []string{}
	var unsure error
	for _, d := range doors {
		_, err := r.client.Lookup(ctx, d.URL.Hostname())
		switch {
		case err != nil && missing(err):
			gone = append(gone, d.Host)
			continue
		case err != nil:
			unsure = err
		default:
			found = append(found, d.Host)
		}
		open = append(open, d)
	}
	f.Evidence = map[string]any{"length": len(sub), "resolve": found, "missing": gone}
	switch {
	case len(gone) == len(doors):
		f.Severity, f.Message = Critical, "None of the API hosts exists: no tenant has this subdomain."
		f.Hint = "Copy the 28 characters before .auth.marketingcloudapis.com from Setup > Apps > Installed Packages > the package > API Integration."
	case len(gone) > 0:
		f.Severity, f.Message = Critical, "Of the API hosts, "+strings.Join(gone, " and ")+" does not exist."
		f.Hint = "Look at the name servers that this machine asks; if others see the same, open a case with Salesforce."
	case unsure != nil:
		r.unknown(sub, unsure, "subdomain")
		return open
	}
	r.add(f)
	return open
}

// door makes the one request.
func (r *run) door(ctx context.Context, d sfmc.Door) {
	checks, subject := []string{"api_host"}, d.URL.Hostname()
	if d.Host == "soap" {
		checks = append(checks, "wsdl")
	}
	answer, err := r.get(ctx, d.URL, maxAnswer)
	if err != nil {
		for _, check := range checks {
			r.add(Finding{Check: check, Subject: subject, Severity: blame(err), Message: "It took the connection and gave no answer: " + words(err) + ".", Hint: hintOf(err)})
		}
		return
	}
	outcome, said := d.Answered(answer.status, answer.header.Get("Content-Type"), answer.body)
	evidence := map[string]any{"url": shown(d.URL), "http_status": answer.status, "latency_ms": ms(answer.took)}
	for _, check := range checks {
		r.add(judged(Finding{Check: check, Subject: subject, Evidence: evidence}, outcome, said, answer.took))
	}
}

// judged gives an answer its severity. On the SOAP host the description is a check of
// its own: that the host answers is what counts for the host.
func judged(f Finding, outcome keepwatch.Outcome, said string, took time.Duration) Finding {
	f.Message = "One request without a credential: " + said + "."
	switch outcome {
	case keepwatch.OK:
		f.Severity = OK
	case keepwatch.PlatformError:
		f.Severity, f.Hint = Critical, "Look at status.salesforce.com, and whether others see the same."
	case keepwatch.Maintenance, keepwatch.RateLimited:
		f.Severity = Warning
	default:
		f.Severity, f.Hint = Warning, "A proxy or another server may answer in its place; compare from another network."
		if f.Check == "api_host" && strings.Contains(f.Subject, ".soap.") {
			f.Severity, f.Message, f.Hint = OK, "It answers one request without a credential.", ""
		}
	}
	if f.Severity == OK && f.Check == "api_host" && took >= slowAfter {
		f.Severity, f.Message = Warning, fmt.Sprintf("It answers, after %s.", took.Round(100*time.Millisecond))
		f.Hint = "If it stays so, look from another network: calls of integrations are as slow."
	}
	return f
}
