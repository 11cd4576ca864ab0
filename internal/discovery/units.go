package discovery

import (
	"fmt"

	"keepwatch"
)

const setupUnits = "Setup > Settings > Business Units"

// units compares the tree with the business units of the tenant's definition and of
// its credentials.
func (f *finder) units() {
	known := map[keepwatch.MID]bool{}
	for _, u := range f.report.Registered {
		known[u.MID] = true
	}
	for _, c := range f.match.credentials {
		if c.BusinessUnit != 0 {
			known[c.BusinessUnit] = true
		}
	}
	f.newUnits(known)
	if f.report.Complete(PartUnits) {
		f.lostUnits()
	}
}

// newUnits names the units that nothing here knows. Where the tenant lists none at
// all, one finding for the tenant is enough.
func (f *finder) newUnits(known map[keepwatch.MID]bool) {
	var unknown []Unit
	for _, u := range f.report.Units {
		if u.Active && !known[u.MID] {
			unknown = append(unknown, u)
		}
	}
	if len(f.report.Registered) == 0 && len(unknown) > 0 {
		f.add("all", keepwatch.Finding{
			Kind: keepwatch.FindingUnknownUnit, Severity: keepwatch.SeverityInfo, Subject: string(f.report.Tenant),
			Message: fmt.Sprintf("The account has %d business units that the tenant's definition does not list.", len(unknown)),
			Reason:  "Names of business units are shown only where they are listed.",
			Hint:    "Take the list of the look at the account over into business_units of the tenant.",
		})
		return
	}
	for _, u := range unknown {
		f.add(u.MID.String(), keepwatch.Finding{
			Kind: keepwatch.FindingUnknownUnit, Severity: keepwatch.SeverityInfo, Subject: u.Name + " (" + u.MID.String() + ")",
			Message: fmt.Sprintf("The business unit %q (%s) is in the account, and nothing here knows it.", u.Name, u.MID),
			Reason:  "What integrates with it is perhaps not watched.",
			Hint:    "Add it to business_units of the tenant, and register the credentials that work there.",
		})
	}
}

// lostUnits names units that are listed here and are not in the whole tree, or not
// active there.
func (f *finder) lostUnits() {
	inTree := map[keepwatch.MID]Unit{}
	for _, u := range f.report.Units {
		inTree[u.MID] = u
	}
	fate := func(mid keepwatch.MID) string {
		switch u, ok := inTree[mid]; {
		case !ok:
			return "is not in the account"
		case !u.Active:
			return "is not active any more"
		}
		return ""
	}
	lost := func(mid keepwatch.MID, name string, id keepwatch.CredentialID, reason, hint string) {
		if what := fate(mid); what != "" {
			f.add(mid.String(), keepwatch.Finding{
				Kind: keepwatch.FindingUnitGone, Severity: keepwatch.SeverityWarning, Credential: id, Subject: name,
				Message: fmt.Sprintf("The business unit %s %s.", name, what), Reason: reason, Hint: hint,
			})
		}
	}
	for _, u := range f.report.Registered {
		lost(u.MID, u.Name+" ("+u.MID.String()+")", "", "What worked there has no place any more.", "Look at "+setupUnits+", and take it out of business_units of the tenant.")
	}
	for _, c := range f.match.credentials {
		if c.BusinessUnit != 0 {
			lost(c.BusinessUnit, c.BusinessUnit.String(), c.ID, "The credential asks for tokens of this business unit and is refused.", "Look at "+setupUnits+", and correct business_unit of the credential.")
		}
	}
}
