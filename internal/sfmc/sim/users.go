package sim

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"keepwatch"
)

// User is a user of the account beside those that come with the clients: the hidden
// user of a package that the simulator gives no tokens for, an API user, a person.
// They can be listed and cannot sign in.
type User struct {
	ID             string          `json:"id,omitempty"` // AccountUserID; made up when empty
	Login          string          `json:"login,omitempty"`
	Name           string          `json:"name,omitempty"` // for a package: the package's
	Email          string          `json:"email,omitempty"`
	Package        bool            `json:"package,omitempty"`
	System         bool            `json:"system,omitempty"` // of a package that SFMC installed by itself
	Person         bool            `json:"person,omitempty"`
	Inactive       bool            `json:"inactive,omitempty"`
	Locked         bool            `json:"locked,omitempty"`
	PasswordChange bool            `json:"must_change_password,omitempty"`
	MID            keepwatch.MID   `json:"mid,omitempty"`
	EID            keepwatch.MID   `json:"eid,omitempty"`
	BusinessUnits  []keepwatch.MID `json:"business_units,omitempty"` // beside MID
	LastLogin      time.Time       `json:"last_login,omitzero"`
	Created        time.Time       `json:"created,omitzero"`
}

// nameLimit is where SFMC is taken to cut the name of a user, " app user" included.
const nameLimit = 50

// AddUser adds a user, or replaces the one with the same id.
func (s *Sim) AddUser(u User) User {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	u.MID = cmp.Or(u.MID, u.EID, 510000123)
	u.EID = cmp.Or(u.EID, u.MID)
	u.Name = cmp.Or(u.Name, u.Login, "user")
	if u.ID == "" {
		s.lastUser++
		u.ID = strconv.FormatInt(790_000_000+s.lastUser, 10)
	}
	if u.Login == "" {
		u.Login = guidOf("user", u.ID)
	}
	if u.Email == "" && !u.Package {
		u.Email = u.Login + "@example.com"
	}
	if u.Created.IsZero() {
		u.Created = now
	}
	s.learnUnits(ClientSpec{EID: u.EID, MID: u.MID, BusinessUnits: u.BusinessUnits})
	s.users[u.ID] = u
	return u
}

// Users returns the added users by id.
func (s *Sim) Users() []User {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.users), func(a, b User) int { return cmp.Compare(a.ID, b.ID) })
}

// ChangeUser edits an added user.
func (s *Sim) ChangeUser(id string, change func(*User)) (User, error) {
	s.mu.Lock()
	u, ok := s.users[id]
	s.mu.Unlock()
	if !ok {
		return User{}, fmt.Errorf("user %q: %w", id, keepwatch.ErrNotFound)
	}
	change(&u)
	u.ID = id
	return s.AddUser(u), nil
}

// RemoveUser takes an added user away: its package is deleted.
func (s *Sim) RemoveUser(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.users[id]; !ok {
		return fmt.Errorf("user %q: %w", id, keepwatch.ErrNotFound)
	}
	delete(s.users, id)
	return nil
}

// AddBusinessUnit adds an account, or replaces the one with the same number.
func (s *Sim) AddBusinessUnit(u BusinessUnit) BusinessUnit {
	s.mu.Lock()
	defer s.mu.Unlock()
	u.EID = cmp.Or(u.EID, u.Parent, u.MID)
	if u.MID != u.EID {
		u.Parent = cmp.Or(u.Parent, u.EID)
	}
	u.Name = cmp.Or(u.Name, "Business Unit "+u.MID.String())
	s.units[u.MID] = u
	return u
}

// RemoveBusinessUnit takes an account out of the tree.
func (s *Sim) RemoveBusinessUnit(mid keepwatch.MID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.units[mid]; !ok {
		return fmt.Errorf("business unit %d: %w", mid, keepwatch.ErrNotFound)
	}
	delete(s.units, mid)
	return nil
}

func (u User) row() row {
	r := row{
		"ID": u.ID, "AccountUserID": u.ID, "UserID": u.Login, "CustomerKey": u.Login, "Name": u.Name, "Email": u.Email,
		"ActiveFlag": flag(!u.Inactive), "IsAPIUser": flag(!u.Person), "IsLocked": flag(u.Locked), "MustChangePassword": flag(u.PasswordChange || u.System),
		"CreatedDate": soapTime(u.Created), "ModifiedDate": soapTime(u.Created), "DefaultBusinessUnit": number(u.MID),
		"Client.ID": number(u.MID), "Client.EnterpriseID": number(u.EID), "Locale.LocaleCode": "en-US",
	}
	if u.Package {
		name := []rune(u.Name + " app user")
		r["Name"] = string(name[:min(len(name), nameLimit)])
	} else if !u.LastLogin.IsZero() {
		r["LastSuccessfulLogin"] = soapTime(u.LastLogin)
	}
	return r
}

// seen are the numbers of the accounts that a token sees.
func (c *call) seen(all bool) map[keepwatch.MID]bool {
	seen := map[keepwatch.MID]bool{}
	for _, u := range c.visible(all) {
		seen[u.MID] = true
	}
	return seen
}

func addedUsers(c *call, seen map[keepwatch.MID]bool) []row {
	var out []row
	for _, u := range c.s.users {
		if seen[u.MID] {
			out = append(out, u.row())
		}
	}
	return out
}

// accountUserAccounts are the business units in which each user may work. A token
// of the enterprise sees them all, with or without QueryAllAccounts.
func accountUserAccounts(c *call, _ bool) []row {
	seen := c.seen(true)
	var out []row
	grant := func(user string, units ...keepwatch.MID) {
		for _, mid := range units {
			out = append(out, row{"AccountUser.AccountUserID": user, "Account.ID": number(mid)})
		}
	}
	for _, k := range c.s.clients {
		if seen[k.spec.MID] && k.installed {
			grant(userIDText(k), append([]keepwatch.MID{k.spec.MID}, k.current(c.now).units...)...)
		}
	}
	for _, u := range c.s.users {
		if seen[u.MID] {
			grant(u.ID, append([]keepwatch.MID{u.MID}, u.BusinessUnits...)...)
		}
	}
	slices.SortFunc(out, func(a, b row) int {
		return cmp.Or(cmp.Compare(a["AccountUser.AccountUserID"], b["AccountUser.AccountUserID"]), cmp.Compare(a["Account.ID"], b["Account.ID"]))
	})
	return out
}
