package discovery

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"keepwatch"
)

// Findings compares a report with the inventory. previous is the report before; nil
// when there is none, or when Follow has joined it already. The result is sorted,
// the most severe first.
func Findings(report Report, previous *Report, credentials []keepwatch.Credential, now time.Time) []keepwatch.Finding {
	report = Follow(report, previous)
	f := finder{report: report, match: newMatcher(report, credentials), now: now}
	f.packages()
	f.gone()
	f.apiUsers()
	f.units()
	f.scopes()
	f.events()
	slices.SortStableFunc(f.found, func(a, b keepwatch.Finding) int {
		return cmp.Or(cmp.Compare(rank(a.Severity), rank(b.Severity)), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Subject, b.Subject))
	})
	return f.found
}

func rank(s keepwatch.Severity) int {
	return slices.Index([]keepwatch.Severity{keepwatch.SeverityCritical, keepwatch.SeverityWarning, keepwatch.SeverityInfo}, s)
}

const (
	setupPackages = "Setup > Platform Tools > Apps > Installed Packages"
	setupUsers    = "Setup > Users > Users"
)

type finder struct {
	report Report
	match  matcher
	now    time.Time
	found  []keepwatch.Finding
}

// add keeps a finding under an id that stays the same while it holds.
func (f *finder) add(key string, n keepwatch.Finding) {
	n.Tenant = f.report.Tenant
	n.ID = keepwatch.Digest(string(n.Kind), string(n.Tenant), string(n.Credential), key)
	f.found = append(f.found, n)
}

// owned returns the id of the record a finding is about, and how loud it is: what
// somebody registered is in use.
func owned(by []keepwatch.Credential, registered, unknown keepwatch.Severity) (keepwatch.CredentialID, keepwatch.Severity) {
	if len(by) == 0 {
		return "", unknown
	}
	return by[0].ID, registered
}

func (f *finder) packages() {
	for _, p := range f.report.Packages {
		by := f.match.ofPackage(p)
		switch {
		case p.System:
		case !p.Active && len(by) == 0:
		case !p.Active:
			for _, c := range by {
				f.add(p.User, keepwatch.Finding{
					Kind: keepwatch.FindingPackageInactive, Severity: keepwatch.SeverityWarning, Credential: c.ID, Subject: p.Name,
					Message: fmt.Sprintf("The installed package %q is switched off.", p.Name),
					Reason:  "Its tokens and token requests are refused as if the secret were wrong.",
					Hint:    "Open " + setupPackages + " and enable it, or retire the record.",
				})
			}
		case len(by) == 0:
			f.add(p.User, keepwatch.Finding{
				Kind: keepwatch.FindingUnknownPackage, Severity: keepwatch.SeverityWarning, Subject: p.Name,
				Message: fmt.Sprintf("The installed package %q is in the account and not in the inventory%s.", p.Name, created(p.Created)),
				Reason:  "Its client secret ends 180 days after it was generated, and nobody is warned of it here.",
				Hint:    "Open " + setupPackages + ", find it, and register it; where a record stands for it already, set package to this name there.",
			})
		}
	}
}

func created(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return "; it was created on " + t.Format(time.DateOnly)
}

func (f *finder) gone() {
	for _, p := range f.report.Gone {
		by := f.match.ofPackage(p.Package)
		id, severity := owned(by, keepwatch.SeverityWarning, keepwatch.SeverityInfo)
		if p.System || (f.now.Sub(p.Since) > goneKept && len(by) == 0) {
			continue
		}
		f.add(p.User, keepwatch.Finding{
			Kind: keepwatch.FindingPackageGone, Severity: severity, Credential: id, Subject: p.Name,
			Message: fmt.Sprintf("The installed package %q is not in the account any more, first noticed on %s.", p.Name, p.Since.Format(time.DateOnly)),
			Reason:  "Whoever still uses it is refused as if the secret were wrong.",
			Hint:    "Look under Setup > Security > Audit Trail who deleted it; install it again, or retire the record and tell its holders.",
		})
	}
}

func (f *finder) scopes() {
	for _, c := range f.match.credentials {
		if c.ID == f.report.Credential && c.Kind != keepwatch.APIUser {
			f.found = append(f.found, scopeFindings(f.report, c)...)
		}
	}
	change := f.report.ScopeChange
	if change == nil || f.now.Sub(change.At) >= changeKept {
		return
	}
	severity, parts := keepwatch.SeverityInfo, []string{}
	if len(change.Added) > 0 {
		parts = append(parts, "added "+strings.Join(change.Added, ", "))
	}
	if len(change.Removed) > 0 {
		severity, parts = keepwatch.SeverityWarning, append(parts, "removed "+strings.Join(change.Removed, ", "))
	}
	f.add(change.At.UTC().Format(time.RFC3339), keepwatch.Finding{
		Kind: keepwatch.FindingScopeDrift, Severity: severity, Credential: f.report.Credential, Subject: string(f.report.Credential),
		Message: fmt.Sprintf("The scopes of the token changed, first noticed on %s: %s.", change.At.Format(time.DateOnly), strings.Join(parts, "; ")),
		Reason:  "Somebody edited the package; what it may do is not what was agreed.",
		Hint:    "Open " + setupPackages + " and compare the scopes of the API Integration with what the package is for.",
	})
}

// eventsShown is how long an entry of the audit trail is told of.
const eventsShown = 7 * 24 * time.Hour

// events tells the newest entry about each thing. A new one is a new finding, so
// that accepting one change does not accept the next.
func (f *finder) events() {
	told := map[string]bool{}
	for _, e := range f.report.Events {
		subject := cmp.Or(e.Object, e.Kind)
		if told[e.Kind+"\x00"+subject] || f.now.Sub(e.At) >= eventsShown {
			continue
		}
		told[e.Kind+"\x00"+subject] = true
		id, severity := owned(f.match.ofPackage(Package{Name: e.Object}), keepwatch.SeverityInfo, keepwatch.SeverityInfo)
		if strings.Contains(strings.ToLower(e.Operation), "delete") {
			severity = keepwatch.SeverityWarning
		}
		f.add(e.Kind+"\x00"+subject+"\x00"+e.ID+"\x00"+e.At.UTC().Format(time.RFC3339), keepwatch.Finding{
			Kind: keepwatch.FindingPackageChanged, Severity: severity, Credential: id, Subject: subject,
			Message: fmt.Sprintf("The audit trail has for %s %q: %s%s on %s.", strings.ToLower(e.Kind), subject, cmp.Or(strings.ToLower(e.Operation), "changed"), by(e.By), e.At.UTC().Format("2006-01-02 15:04 UTC")),
			Reason:  "An edited package may have other scopes, business units or another secret.",
			Hint:    "Ask whoever did it what changed, and bring the record up to date.",
		})
	}
}

func by(user string) string {
	if user == "" {
		return ""
	}
	return " by " + user
}
