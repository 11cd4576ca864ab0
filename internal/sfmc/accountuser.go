package sfmc

import (
	"context"
	"strings"
	"time"

	"keepwatch"
)

// AccountUser is a user that programs sign in as: an API user, or the hidden user
// that each installed package with an API integration owns.
type AccountUser struct {
	ID         string // AccountUserID: what userinfo calls sub
	Login      string // UserID: a name that an API user signs in with, a GUID for a package
	Name       string
	Unit       keepwatch.MID // DefaultBusinessUnit
	Package    bool          // the hidden user of a package
	System     bool          // of a package that SFMC itself installed
	Active     bool
	Locked     bool
	MustChange bool
	LastLogin  time.Time // always zero for packages; creating or editing a user moves it, too
	Created    time.Time
	Modified   time.Time
}

// appUser ends the name of every package's hidden user, unless the name is so long
// that SFMC cut it off.
const appUser = " app user"

// PackageName is the name of the package that owns the user; "" for an API user.
func (u AccountUser) PackageName() string {
	if !u.Package {
		return ""
	}
	return strings.TrimSpace(strings.TrimSuffix(u.Name, appUser))
}

const (
	// userBatch keeps a page below maxBody: a row has some 900 bytes.
	userBatch = 500
	userPages = 10
)

var userProperties = []string{
	"AccountUserID", "UserID", "Name", "Email", "ActiveFlag", "IsAPIUser", "IsLocked", "MustChangePassword",
	"LastSuccessfulLogin", "CreatedDate", "ModifiedDate", "DefaultBusinessUnit",
}

// AccountUsers lists the users that programs sign in as. People are left out on
// the server where it lets us: their names are nobody's business here. That a
// filter on IsAPIUser is taken is not documented, so a refusal of the request asks
// once more without it.
func (c *Client) AccountUsers(ctx context.Context, e Endpoints, l Login) ([]AccountUser, Listing, Verdict) {
	ask := Retrieve{
		Object: "AccountUser", Properties: userProperties, AllAccounts: true, BatchSize: userBatch, MaxPages: userPages,
		Filter: &Filter{Property: "IsAPIUser", Operator: "equals", Values: []string{"true"}},
	}
	rows, done, v := c.list(ctx, e, l, ask)
	if v.Outcome == keepwatch.BadRequest && len(rows) == 0 {
		ask.Filter = nil
		calls := done.Calls
		rows, done, v = c.list(ctx, e, l, ask)
		done.Calls += calls
	}
	names := newVeil(l.hides(ctx))
	users := make([]AccountUser, 0, len(rows))
	for _, row := range rows {
		switch u, ok := userOf(row, names); {
		case ok:
			users = append(users, u)
		case u.ID == "":
			done.Unread++
		}
	}
	return users, done, v
}

// userOf reads a row; not ok when it is a person, or no user at all (no ID). What
// tells a package's user is taken from mcdev lib/metadataTypes/User.js.
func userOf(row map[string]string, names veil) (AccountUser, bool) {
	u := AccountUser{
		ID: userNumber(row["AccountUserID"]), Login: names.name(row["UserID"]), Name: names.name(row["Name"]), Unit: midOf(row["DefaultBusinessUnit"]),
		Active: yes(row["ActiveFlag"], true), Locked: yes(row["IsLocked"], false), MustChange: yes(row["MustChangePassword"], false),
		LastLogin: instant(row["LastSuccessfulLogin"]), Created: instant(row["CreatedDate"]), Modified: instant(row["ModifiedDate"]),
	}
	if u.ID == "" {
		return u, false
	}
	if !strings.Contains(row["Email"], "@") || strings.HasSuffix(u.Name, appUser) {
		// The packages that SFMC installs by itself are the ones that must change a
		// password which they do not have.
		u.Package, u.System = true, u.MustChange
		u.MustChange, u.Locked, u.LastLogin = false, false, time.Time{}
	}
	return u, u.Package || yes(row["IsAPIUser"], false)
}

// userNumber takes a number's text; anything else is no id.
func userNumber(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > 18 || whole([]byte(s)) == 0 {
		return ""
	}
	return s
}

// Grant says that a user may work in a business unit.
type Grant struct {
	User string // AccountUserID
	Unit keepwatch.MID
}

const (
	grantBatch = 1000
	grantPages = 10
)

// Grants lists which user may work in which business unit. It is asked without a
// filter, the one form that a client is known to use, so people's rows come along.
func (c *Client) Grants(ctx context.Context, e Endpoints, l Login) ([]Grant, Listing, Verdict) {
	rows, done, v := c.list(ctx, e, l, Retrieve{
		Object: "AccountUserAccount", Properties: []string{"AccountUser.AccountUserID", "Account.ID"}, BatchSize: grantBatch, MaxPages: grantPages,
	})
	grants := make([]Grant, 0, len(rows))
	for _, row := range rows {
		g := Grant{User: userNumber(row["AccountUser.AccountUserID"]), Unit: midOf(row["Account.ID"])}
		if g.User == "" || g.Unit == 0 {
			done.Unread++
			continue
		}
		grants = append(grants, g)
	}
	return grants, done, v
}
