package discovery

import (
	"fmt"
	"time"

	"keepwatch"
)

// loginLife is how long a user may go without signing in before SFMC lets the login
// end, where the account follows Salesforce's recommendation.
const loginLife = 90 * 24 * time.Hour

func (f *finder) apiUsers() {
	for _, u := range f.report.APIUsers {
		by := f.match.ofUser(u)
		id, severity := owned(by, keepwatch.SeverityCritical, keepwatch.SeverityWarning)
		if len(by) == 0 && u.Active {
			f.user(u, keepwatch.FindingUnknownUser, keepwatch.SeverityWarning, "",
				"is in the account and not in the inventory"+created(u.Created), "Its password may end by the account's policy, and nobody is warned of it here.",
				"Register it with kind api_user and this username, or switch it off under "+setupUsers+".")
		}
		switch {
		case !u.Active:
			_, severity = owned(by, keepwatch.SeverityWarning, keepwatch.SeverityInfo)
			f.user(u, keepwatch.FindingUserInactive, severity, id, "is switched off", "Whatever signs in as this user is refused.",
				"Enable it under "+setupUsers+", or retire the record and tell its holders.")
		case u.Locked:
			f.user(u, keepwatch.FindingUserLocked, severity, id, "is locked", "After some bad passwords SFMC refuses the right one, too: somebody still uses an old one.",
				"Find the holder with the old password, then open "+setupUsers+" and click Unlock.")
		case u.MustChange:
			f.user(u, keepwatch.FindingMustChange, severity, id, "must change its password", "A program cannot do that, so its login is refused.",
				"Open "+setupUsers+", reset the password, give it to every holder; Security Settings can exclude API users from password expiration.")
		default:
			f.login(u, by)
		}
	}
}

func (f *finder) user(u APIUser, kind keepwatch.FindingKind, severity keepwatch.Severity, id keepwatch.CredentialID, fact, reason, hint string) {
	f.add(u.User, keepwatch.Finding{
		Kind: kind, Severity: severity, Credential: id, Subject: u.Login,
		Message: fmt.Sprintf("The API user %q %s.", u.Login, fact), Reason: reason, Hint: hint,
	})
}

// login tells of a user that has not signed in for two thirds of the time after
// which SFMC lets a login end. A recent date proves little, since SFMC also moves it
// when somebody edits the user; an old one is what it says.
func (f *finder) login(u APIUser, by []keepwatch.Credential) {
	limit := loginLife
	if len(by) > 0 && by[0].IdleFor > 0 {
		limit = by[0].IdleFor
	}
	last, fact := u.LastLogin, "signed in last on"
	if last.IsZero() {
		last, fact = u.Created, "has no known sign-in and was created on"
	}
	idle := f.now.Sub(last)
	if last.IsZero() || idle < limit/3*2 {
		return
	}
	id, severity := owned(by, keepwatch.SeverityWarning, keepwatch.SeverityInfo)
	if idle < limit {
		severity = keepwatch.SeverityInfo
	}
	f.user(u, keepwatch.FindingNoLogin, severity, id, fmt.Sprintf("%s %s, %d days ago", fact, last.Format(time.DateOnly), int(idle/(24*time.Hour))),
		fmt.Sprintf("Where logins end after inactivity (here taken as %d days), SFMC refuses it from then on; use of the API does not count, only of the user interface.", int(limit/(24*time.Hour))),
		"Sign in to the user interface as this user, or set Login Expires After Inactivity for API users under Setup > Security > Security Settings.")
}
