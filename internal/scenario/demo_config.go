package scenario

import (
	"fmt"
	"strings"

	"keepwatch"
)

// Hosts are the three addresses of a tenant.
type Hosts struct{ Auth, REST, SOAP string }

// Config writes the estate as a configuration file. head is everything above
// tenants (server, store, tiers, receivers, routes); it ends with a newline.
func (e Estate) Config(head string, hosts func(keepwatch.TenantID) Hosts) string {
	var b strings.Builder
	b.WriteString(head)
	b.WriteString("tenants:\n")
	for _, t := range e.Tenants {
		h := hosts(t.ID)
		fmt.Fprintf(&b, "  - id: %s\n    subdomain: %s\n    endpoints: {auth: %q, rest: %q, soap: %q}\n    business_units:\n", t.ID, t.Subdomain, h.Auth, h.REST, h.SOAP)
		for _, u := range t.BusinessUnits {
			fmt.Fprintf(&b, "      - {mid: %d, name: %q}\n", u.MID, u.Name)
		}
		if t.Currency != "" {
			fmt.Fprintf(&b, "    currency: %s\n", t.Currency)
		}
		if readers := e.Readers(t.ID); len(readers) > 0 {
			fmt.Fprintf(&b, "    effects: %s\n", effectsOf(readers))
		}
	}
	b.WriteString("credentials:\n")
	for _, c := range e.Credentials {
		writeCredential(&b, c)
	}
	return b.String()
}

func writeCredential(b *strings.Builder, c keepwatch.Credential) {
	fmt.Fprintf(b, "  - id: %s\n    tenant: %s\n    business_unit: %d\n    kind: %s\n    criticality: %s\n", c.ID, c.Tenant, c.BusinessUnit, c.Kind, c.Criticality)
	writeSignIn(b, c)
	writeDates(b, c)
	if c.Owner.Team != "" {
		fmt.Fprintf(b, "    owner: {team: %q, contact: %q}\n", c.Owner.Team, c.Owner.Contact)
	}
	if c.Purpose != "" {
		fmt.Fprintf(b, "    purpose: %q\n", c.Purpose)
	}
	if c.RunbookURL != "" {
		fmt.Fprintf(b, "    runbook_url: %q\n", c.RunbookURL)
	}
	for i, t := range c.Tests {
		if i == 0 {
			b.WriteString("    tests:\n")
		}
		fmt.Fprintf(b, "      - %q\n", t)
	}
	for i, h := range c.Holders {
		if i == 0 {
			b.WriteString("    holders:\n")
		}
		if h.Contact == "" {
			fmt.Fprintf(b, "      - {name: %q}\n", h.Name)
			continue
		}
		fmt.Fprintf(b, "      - {name: %q, contact: %q}\n", h.Name, h.Contact)
	}
	for i, d := range c.Dependents {
		if i == 0 {
			b.WriteString("    dependents:\n")
		}
		writeDependent(b, d)
	}
}

// effectsOf looks at everything each minute: a demo is short. What the looks may cost
// is no question with a simulator.
func effectsOf(readers []keepwatch.CredentialID) string {
	var every []string
	for _, f := range keepwatch.Families {
		every = append(every, string(f)+": 60s")
	}
	return fmt.Sprintf("{readers: [%s], every: {%s}, allowance: 400000000}", readers[0], strings.Join(every, ", "))
}

func writeDependent(b *strings.Builder, d keepwatch.Dependent) {
	fmt.Fprintf(b, "      - {kind: %s, key: %q", d.Kind, d.Key)
	if d.ContactsPerDay > 0 {
		fmt.Fprintf(b, ", contacts_per_day: %g, value_per_contact: %g", d.ContactsPerDay, d.ValuePerContact)
	}
	if d.OnOutage != "" {
		fmt.Fprintf(b, ", on_outage: %s", d.OnOutage)
	}
	if d.MaxQueueAge > 0 {
		fmt.Fprintf(b, ", max_queue_age: %s", keepwatch.FormatDuration(d.MaxQueueAge))
	}
	b.WriteString("}\n")
}

func writeSignIn(b *strings.Builder, c keepwatch.Credential) {
	if c.SecretRef == "" {
		return
	}
	fmt.Fprintf(b, "    secret: %q\n", c.SecretRef)
	if c.Kind == keepwatch.APIUser {
		fmt.Fprintf(b, "    username: %q\n", c.Username)
	} else {
		fmt.Fprintf(b, "    client_id: %q\n", c.ClientID)
	}
	if c.Discover {
		b.WriteString("    discover: true\n")
	}
}

func writeDates(b *strings.Builder, c keepwatch.Credential) {
	if !c.SecretGenerated.IsZero() {
		fmt.Fprintf(b, "    secret_generated: %q\n", c.SecretGenerated)
	}
	if !c.Expires.IsZero() {
		fmt.Fprintf(b, "    expires: %q\n", c.Expires)
	}
	if !c.Renewal.Planned.IsZero() {
		fmt.Fprintf(b, "    renewal: {planned: %q, by: %q}\n", c.Renewal.Planned, c.Renewal.By)
	}
}
