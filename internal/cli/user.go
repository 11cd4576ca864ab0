package cli

import (
	"fmt"
	"strings"

	"keepwatch/client"
)

type userCmd struct {
	Add      userAddCmd      `cmd:"" help:"Make an account; its password is shown once."`
	List     userListCmd     `cmd:"" help:"List accounts."`
	Role     userRoleCmd     `cmd:"" help:"Give an account other roles."`
	Password userPasswordCmd `cmd:"" help:"Give an account a new password, which is shown once, and end its sessions."`
	Disable  userDisableCmd  `cmd:"" help:"Let an account in no more; it keeps its name."`
	Enable   userEnableCmd   `cmd:"" help:"Let a disabled account in again."`
	Remove   userRemoveCmd   `cmd:"" help:"Take an account away."`
}

// roles are the words for what somebody may do, and where.
type roles struct {
	Role []string `default:"viewer" sep:"," placeholder:"ROLE[@TENANT[/TEAM]]" help:"viewer, operator or admin; for a part of the estate operator@TENANT, operator@TENANT/TEAM or operator@*/TEAM. May be repeated."`
}

func (r roles) text() string { return strings.Join(r.Role, ",") }

type userAddCmd struct {
	Inventory
	roles
	Name string `arg:"" help:"What they sign in with, such as a mail address."`
}

func (c userAddCmd) Run(e *env) error {
	daemon, end, err := c.openToWrite(e)
	if err != nil {
		return err
	}
	defer end()
	u, err := daemon.CreateUser(e.ctx, client.NewUser{Name: strings.TrimSpace(c.Name), Role: c.text()})
	if err != nil {
		return explained(err)
	}
	return e.printPassword(u)
}

// printPassword writes the password alone to standard output, so that a pipe can take it.
func (e *env) printPassword(u client.CreatedUser) error {
	if e.Output != "table" {
		return e.printJSON(struct {
			SchemaVersion int `json:"schema_version"`
			client.CreatedUser
		}{1, u})
	}
	e.progress("password of %q (%s), shown once; they can change it after they have signed in:", u.Name, u.Role)
	_, err := fmt.Fprintln(e.stdout, u.Password)
	return err
}

type userListCmd struct{ Inventory }

func (c userListCmd) Run(e *env) error {
	daemon, end, err := c.open(e)
	if err != nil {
		return err
	}
	defer end()
	list, err := daemon.Users(e.ctx)
	if err != nil {
		return explained(err)
	}
	if e.Output != "table" {
		return printItems(e, list)
	}
	rows := make([][]string, len(list))
	for i, u := range list {
		state := "active"
		if u.DisabledAt != nil {
			state = "disabled"
		}
		rows[i] = []string{u.Name, u.Role, state, since(u.CreatedAt), orNever(u.SignedInAt)}
	}
	return e.printTable([]string{"NAME", "ROLE", "STATE", "CREATED", "SIGNED IN"}, rows)
}

// userName is the argument of all that change one account.
type userName struct {
	Inventory
	Name string `arg:"" help:"The account, as keepwatch user list shows it."`
}

// change changes the account and says so.
func (c userName) change(e *env, want client.ChangedUser, done string) error {
	daemon, end, err := c.open(e)
	if err != nil {
		return err
	}
	defer end()
	u, err := daemon.ChangeUser(e.ctx, c.Name, want)
	if err != nil {
		return explained(err)
	}
	if e.Output != "table" {
		return e.printJSON(struct {
			SchemaVersion int `json:"schema_version"`
			client.User
		}{1, u})
	}
	e.progress("%s %s: %s", u.Name, done, u.Role)
	return nil
}

type userRoleCmd struct {
	userName
	Role []string `arg:"" help:"viewer, operator or admin, each for everything or for a part: operator@TENANT, operator@TENANT/TEAM, operator@*/TEAM."`
}

func (c userRoleCmd) Run(e *env) error {
	role := roles{c.Role}.text()
	return c.change(e, client.ChangedUser{Role: &role}, "has a new role")
}

type userDisableCmd struct{ userName }

func (c userDisableCmd) Run(e *env) error {
	return c.change(e, client.ChangedUser{Disabled: new(true)}, "is disabled and out at once")
}

type userEnableCmd struct{ userName }

func (c userEnableCmd) Run(e *env) error {
	return c.change(e, client.ChangedUser{Disabled: new(false)}, "may sign in")
}

type userPasswordCmd struct{ userName }

func (c userPasswordCmd) Run(e *env) error {
	daemon, end, err := c.open(e)
	if err != nil {
		return err
	}
	defer end()
	u, err := daemon.ResetPassword(e.ctx, c.Name)
	if err != nil {
		return explained(err)
	}
	return e.printPassword(u)
}

type userRemoveCmd struct{ userName }

func (c userRemoveCmd) Run(e *env) error {
	daemon, end, err := c.open(e)
	if err != nil {
		return err
	}
	defer end()
	if err := daemon.RemoveUser(e.ctx, c.Name); err != nil {
		return explained(err)
	}
	e.progress("%s is removed; the audit log keeps what it did", c.Name)
	return nil
}
