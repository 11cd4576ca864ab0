package discovery

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc"
)

func (l *look) part(name PartName, state PartState, read int, v sfmc.Verdict, missing string) {
	p := Part{Name: name, State: state, Outcome: v.Outcome, Read: read, Missing: missing}
	if state != PartComplete {
		p.Hint = v.Hint
	}
	l.report.Parts = append(l.report.Parts, p)
}

// failedState tells what the account does not offer from what did not work now.
func failedState(v sfmc.Verdict) PartState {
	switch v.Outcome {
	case keepwatch.ScopeMissing, keepwatch.TokenRejected, keepwatch.BusinessUnitRefused, keepwatch.NotFound, keepwatch.BadRequest:
		// A token that identity just accepted and a route refuses lacks the scope.
		return PartNotOffered
	}
	return PartFailed
}

// listed notes how a list went. what names the entries in words.
func (l *look) listed(name PartName, what string, read int, list sfmc.Listing, v sfmc.Verdict) {
	l.report.Calls += list.Calls
	switch {
	case !v.OK() && read == 0:
		l.part(name, failedState(v), 0, v, "all "+what+": "+v.Message)
	case !v.OK():
		l.part(name, PartPartial, read, v, fmt.Sprintf("%s after the first %d: %s", what, read, v.Message))
	case !list.Complete:
		l.part(name, PartPartial, read, v, fmt.Sprintf("%s after the first %d, the most that one look reads", what, read))
	case list.Unread > 0:
		l.part(name, PartPartial, read, v, fmt.Sprintf("%d %s that could not be read", list.Unread, what))
	default:
		l.part(name, PartComplete, read, v, "")
	}
}

func (l *look) units(ctx context.Context) {
	units, list, v := l.d.client.BusinessUnits(ctx, l.endpoints, l.login)
	for _, u := range units {
		l.report.Units = append(l.report.Units, Unit{MID: u.MID, Parent: u.Parent, Name: u.Name, Active: u.Active})
	}
	slices.SortFunc(l.report.Units, func(a, b Unit) int { return cmp.Compare(a.MID, b.MID) })
	l.report.Units = slices.CompactFunc(l.report.Units, func(a, b Unit) bool { return a.MID == b.MID })
	l.listed(PartUnits, "business units", len(l.report.Units), list, v)
	if p := &l.report.Parts[len(l.report.Parts)-1]; p.State == PartComplete && !l.fromTop() {
		p.State, p.Missing = PartPartial, "business units beside "+l.report.Unit.String()+": only the enterprise's own account sees all of them"
		p.Hint = "Use a package that the enterprise account owns, or grant it there: Setup > Platform Tools > Apps > Installed Packages, tab Access."
	}
}

// fromTop reports whether the token stood at the enterprise.
func (l *look) fromTop() bool {
	return l.report.Enterprise != 0 && l.report.Unit == l.report.Enterprise
}

func (l *look) users(ctx context.Context) {
	users, list, v := l.d.client.AccountUsers(ctx, l.endpoints, l.login)
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
	l.listed(PartUsers, "packages and API users", len(users), list, v)
	if p := &l.report.Parts[len(l.report.Parts)-1]; p.State == PartComplete && !l.fromTop() {
		p.State, p.Missing = PartPartial, "packages and API users of other business units"
		p.Hint = "Use a package that the enterprise account owns."
	}
}

func packageOf(u sfmc.AccountUser) Package {
	return Package{
		User: u.ID, Name: u.PackageName(), Cut: !strings.HasSuffix(u.Name, " app user"), System: u.System, Active: u.Active,
		Unit: u.Unit, Created: u.Created, Modified: u.Modified,
	}
}

// grants adds the business units of each user that is kept.
func (l *look) grants(ctx context.Context) {
	if len(l.report.Packages)+len(l.report.APIUsers) == 0 {
		l.part(PartGrants, PartSkipped, 0, sfmc.Verdict{Outcome: keepwatch.Skipped}, "no users to ask about")
		return
	}
	grants, list, v := l.d.client.Grants(ctx, l.endpoints, l.login)
	byUser := map[string][]keepwatch.MID{}
	for _, g := range grants {
		byUser[g.User] = append(byUser[g.User], g.Unit)
	}
	for user := range byUser {
		slices.Sort(byUser[user])
		byUser[user] = slices.Compact(byUser[user])
	}
	for i := range l.report.Packages {
		l.report.Packages[i].Granted = byUser[l.report.Packages[i].User]
	}
	for i := range l.report.APIUsers {
		l.report.APIUsers[i].Granted = byUser[l.report.APIUsers[i].User]
	}
	l.listed(PartGrants, "grants", len(grants), list, v)
}

// audit reads what the trail says of packages. Most accounts have it switched off
// or do not give the permission; then nothing is known, and nothing is wrong.
func (l *look) audit(ctx context.Context, now time.Time) {
	events, list, v := l.d.client.AuditEvents(ctx, l.endpoints, l.token.Access, now.Add(-auditReach), now)
	for _, e := range events {
		if !aboutPackages(e) {
			continue
		}
		l.report.Events = append(l.report.Events, Event{
			ID: e.ID, At: e.At, Unit: e.Unit, By: e.By, Kind: e.Kind, Operation: e.Operation, Object: e.Object,
		})
	}
	slices.SortStableFunc(l.report.Events, func(a, b Event) int { return b.At.Compare(a.At) })
	l.report.Events = l.report.Events[:min(len(l.report.Events), maxEvents)]
	l.listed(PartAudit, "entries of the audit trail", len(events), list, v)
	if p := &l.report.Parts[len(l.report.Parts)-1]; p.State == PartNotOffered {
		p.Missing = "the audit trail: not switched on, or the package may not read it"
		p.Hint = "Setup > Security > Security Settings > Enable Audit Logging Data Collection; the package needs the scope tracking_events_read and the permission Audit Logging | API Access."
	}
}

// maxEvents is how many entries a report keeps.
const maxEvents = 500

// aboutPackages picks the entries of installed packages and their components.
func aboutPackages(e sfmc.AuditEvent) bool {
	kind := strings.ToLower(e.Kind)
	return strings.Contains(kind, "package") || kind == "component" || strings.Contains(kind, "api integration")
}
