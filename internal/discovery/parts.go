package discovery

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc"
)

// part notes how the reading of one thing went.
func (l *look) part(name PartName, state PartState, read int, v sfmc.Verdict, missing string) {
	p := Part{Name: name, State: state, Outcome: v.Outcome, Read: read, Missing: missing}
	if state != PartComplete {
		p.Hint = v.Hint
	}
	l.report.Parts = append(l.report.Parts, p)
	if !v.OK() {
		l.halt(v)
	}
}

// open reports whether a part may be asked for, and notes one that may not.
func (l *look) open(name PartName, what string) bool {
	if l.stopped == nil {
		return true
	}
	p := Part{Name: name, State: PartSkipped, Outcome: keepwatch.Skipped, Missing: "all " + what + ": not asked, because of what came before", Hint: l.stopped.Hint}
	l.report.Parts = append(l.report.Parts, p)
	return false
}

// failedState tells what the account does not offer from what did not work now.
func (l *look) failedState(v sfmc.Verdict) PartState {
	switch v.Outcome {
	case keepwatch.ScopeMissing, keepwatch.NotFound:
		return PartNotOffered
	case keepwatch.TokenRejected:
		// SFMC answers to a missing scope as to a dead token; this one was accepted
		// a moment ago.
		if l.proven {
			return PartNotOffered
		}
	}
	return PartFailed
}

// listed notes how a list went. narrow says what is missing of a list that came
// whole, but from a place that does not show everything.
func (l *look) listed(name PartName, what string, read int, list sfmc.Listing, v sfmc.Verdict, narrow string) {
	l.report.Calls += list.Calls
	switch {
	case !v.OK() && read == 0:
		l.part(name, l.failedState(v), 0, v, "all "+what+": "+v.Message)
	case !v.OK():
		l.part(name, PartPartial, read, v, fmt.Sprintf("%s after the first %d: %s", what, read, v.Message))
	case !list.Complete:
		l.part(name, PartPartial, read, v, fmt.Sprintf("%s after the first %d, the most that one look reads", what, read))
	case list.Unread > 0:
		l.part(name, PartPartial, read, v, fmt.Sprintf("%d %s that could not be read", list.Unread, what))
	case narrow != "":
		v.Hint = "Only the enterprise's own account sees everything: use a package that it owns, or grant the package there (Setup > Platform Tools > Apps > Installed Packages, tab Access)."
		l.part(name, PartPartial, read, v, narrow)
	default:
		l.part(name, PartComplete, read, v, "")
	}
}

func (l *look) units() {
	if !l.open(PartUnits, "business units") {
		return
	}
	units, list, v := l.d.client.BusinessUnits(l.ctx, l.endpoints, l.login)
	if l.cred.Kind == keepwatch.APIUser && !v.OK() && v.Outcome != keepwatch.ScopeMissing && len(units) == 0 {
		// Name or password were refused: asking once more could lock the user.
		l.refusal = &v
	}
	for _, u := range units {
		l.report.Units = append(l.report.Units, Unit{MID: u.MID, Parent: u.Parent, Name: u.Name, Active: u.Active})
	}
	slices.SortFunc(l.report.Units, func(a, b Unit) int { return cmp.Compare(a.MID, b.MID) })
	l.report.Units = slices.CompactFunc(l.report.Units, func(a, b Unit) bool { return a.MID == b.MID })
	if top := slices.IndexFunc(l.report.Units, Unit.top); top >= 0 && l.report.Enterprise == 0 {
		// An API user and a legacy package cannot ask who they are; an account that
		// sees its own enterprise stands there.
		l.report.Enterprise, l.report.Unit = l.report.Units[top].MID, l.report.Units[top].MID
	}
	l.listed(PartUnits, "business units", len(l.report.Units), list, v, l.narrow("business units"))
}

func (u Unit) top() bool { return u.Parent == 0 }

// narrow says what is not seen from where the login stands; "" when all is.
func (l *look) narrow(what string) string {
	switch {
	case l.report.Enterprise != 0 && l.report.Unit == l.report.Enterprise:
		return ""
	case l.report.Unit == 0:
		return what + " beside those of the login's own account"
	}
	return what + " beside those of account " + l.report.Unit.String()
}

func (l *look) users() {
	const what = "packages and API users"
	if !l.open(PartUsers, what) {
		return
	}
	users, list, v := l.d.client.AccountUsers(l.ctx, l.endpoints, l.login)
	slices.SortFunc(users, func(a, b sfmc.AccountUser) int { return cmp.Compare(a.ID, b.ID) })
	users = slices.CompactFunc(users, func(a, b sfmc.AccountUser) bool { return a.ID == b.ID })
	for _, u := range users {
		if u.Package {
			l.report.Packages = append(l.report.Packages, packageOf(u))
			continue
		}
		l.report.APIUsers = append(l.report.APIUsers, APIUser{
			User: u.ID, Login: u.Login, Active: u.Active, Locked: u.Locked, MustChange: u.MustChange,
			LastLogin: u.LastLogin, Created: u.Created, Unit: u.Unit,
		})
	}
	l.listed(PartUsers, what, len(users), list, v, l.narrow(what))
}

func packageOf(u sfmc.AccountUser) Package {
	return Package{
		User: u.ID, Name: u.PackageName(), Cut: !strings.HasSuffix(u.Name, " app user"), System: u.System, Active: u.Active,
		Unit: u.Unit, Created: u.Created, Modified: u.Modified,
	}
}

// grants adds the business units of each user that is kept.
func (l *look) grants() {
	const what = "grants of business units"
	if !l.open(PartGrants, what) {
		return
	}
	if len(l.report.Packages)+len(l.report.APIUsers) == 0 {
		l.report.Parts = append(l.report.Parts, Part{Name: PartGrants, State: PartSkipped, Outcome: keepwatch.Skipped, Missing: "all " + what + ": there are no users to ask about"})
		return
	}
	grants, list, v := l.d.client.Grants(l.ctx, l.endpoints, l.login)
	byUser := map[string][]keepwatch.MID{}
	for _, g := range grants {
		byUser[g.User] = append(byUser[g.User], g.Unit)
	}
	for user, units := range byUser {
		slices.Sort(units)
		byUser[user] = slices.Compact(units)
	}
	for i := range l.report.Packages {
		l.report.Packages[i].Granted = byUser[l.report.Packages[i].User]
	}
	for i := range l.report.APIUsers {
		l.report.APIUsers[i].Granted = byUser[l.report.APIUsers[i].User]
	}
	l.listed(PartGrants, what, len(grants), list, v, l.narrow(what))
}

// maxEvents is how many entries a report keeps.
const maxEvents = 500

// audit reads what the trail says of packages. Many accounts have it switched off
// or do not give the permission; then nothing is known, and nothing is wrong.
func (l *look) audit(now time.Time) {
	const what = "entries of the audit trail"
	if !l.open(PartAudit, what) {
		return
	}
	if l.access.Empty() {
		l.report.Parts = append(l.report.Parts, Part{Name: PartAudit, State: PartNotOffered, Outcome: keepwatch.Skipped,
			Missing: "all " + what + ": an API user has no token to read them with", Hint: "Look with a package instead."})
		return
	}
	events, list, v := l.d.client.AuditEvents(l.ctx, l.endpoints, l.access, now.Add(-auditReach), now.Add(time.Minute))
	for _, e := range events {
		if aboutPackages(e) {
			l.report.Events = append(l.report.Events, Event{
				ID: e.ID, At: e.At, Unit: e.Unit, By: e.By, Kind: e.Kind, Operation: e.Operation, Object: e.Object,
			})
		}
	}
	slices.SortStableFunc(l.report.Events, func(a, b Event) int { return b.At.Compare(a.At) })
	l.report.Events = l.report.Events[:min(len(l.report.Events), maxEvents)]
	l.listed(PartAudit, what, len(events), list, v, "")
	if p := &l.report.Parts[len(l.report.Parts)-1]; p.State == PartNotOffered {
		p.Missing = "all " + what + ": the trail is not switched on, or the package may not read it"
		p.Hint = "Switch it on under Setup > Security > Security Settings (Enable Audit Logging Data Collection); the package needs the scope tracking_events_read and the permission Audit Logging | API Access."
	}
}

// aboutPackages picks the entries of installed packages and their components.
func aboutPackages(e sfmc.AuditEvent) bool {
	kind := strings.ToLower(e.Kind)
	return strings.Contains(kind, "package") || kind == "component" || strings.Contains(kind, "api integration")
}
