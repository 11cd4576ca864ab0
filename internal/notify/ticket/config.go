// Package ticket opens a ticket for an incident, in Jira or in ServiceNow, adds the
// news to it and closes it at the end: for what has to be done by a date, rather than
// at once.
package ticket

import (
	"slices"
	"strings"

	"keepwatch/internal/notify"
)

// Systems that tickets are made in.
const (
	Jira       = "jira"
	ServiceNow = "servicenow"
)

// Field is a field of the ticket besides those that Keepwatch fills in.
type Field struct {
	Name string
	// Value is a template, or JSON whose strings are templates where it begins with
	// a brace or a bracket.
	Value string
}

// Config is one kind of ticket in one system.
type Config struct {
	System string `yaml:"system"`
	URL    string `yaml:"url"` // of the site: https://example.atlassian.net, https://example.service-now.com
	// Username with Password is basic sign-in: for Jira Cloud a mail address and an
	// API token. Token is a bearer token.
	Username string `yaml:"username,omitempty"`
	Password string `yaml:"password,omitempty"` // a reference
	Token    string `yaml:"token,omitempty"`    // a reference

	Project   string  `yaml:"project,omitempty"`    // of Jira: its key
	IssueType string  `yaml:"issue_type,omitempty"` // of Jira
	Table     string  `yaml:"table,omitempty"`      // of ServiceNow
	Fields    []Field `yaml:"-"`
	// Done is what the end of the incident moves the ticket to: the name of a
	// transition in Jira, a number of a state in ServiceNow; "" leaves it open, with a
	// comment.
	Done string `yaml:"done,omitempty"`
}

// WithDefaults fills what the file may leave out.
func (c Config) WithDefaults() Config {
	if c.System == Jira && c.IssueType == "" {
		c.IssueType = "Task"
	}
	if c.System == ServiceNow && c.Table == "" {
		c.Table = "incident"
	}
	return c
}

// Validate finds what is wrong before the first message.
func (c Config) Validate() error {
	var ps notify.Problems
	if !slices.Contains([]string{Jira, ServiceNow}, c.System) {
		ps.Add("system", "is unknown", strings.Join([]string{Jira, ServiceNow}, ", "))
	}
	ps.CheckURL("url", c.URL)
	ps.CheckReference("password", c.Password, c.Token == "")
	ps.CheckReference("token", c.Token, false)
	switch {
	case c.Password != "" && c.Token != "":
		ps.Add("token", "stands beside a password", "one way to sign in")
	case c.Password != "" && c.Username == "":
		ps.Add("username", "is missing beside a password", "the name to sign in with")
	}
	c.validateSystem(&ps)
	for _, f := range c.Fields {
		if _, err := compile(f); err != nil {
			ps.Add("fields", "the field "+f.Name+": "+err.Error(), "text or JSON that may have {{.Title}}, {{.Labels.credential}} and the like")
		}
	}
	return ps.Err()
}

func (c Config) validateSystem(ps *notify.Problems) {
	if c.System == Jira && c.Project == "" {
		ps.Add("project", "is missing", "the key of a project")
	}
	if c.System == Jira && c.Table != "" {
		ps.Add("table", "means nothing to Jira", "project, issue_type")
	}
	if c.System == ServiceNow && (c.Project != "" || c.IssueType != "") {
		ps.Add("project", "means nothing to ServiceNow", "table")
	}
	if strings.ContainsAny(c.Table, "/?#%") {
		ps.Add("table", "is not the name of a table", "a name like incident")
	}
	if strings.ContainsAny(c.Project, "\"\\") {
		ps.Add("project", "is not the key of a project", "a key like OPS")
	}
}

// References lists the secrets that the receiver needs, by key.
func (c Config) References() map[string]string {
	return notify.ReferencesOf(map[string]string{"url": c.URL, "password": c.Password, "token": c.Token})
}

// Where is the site.
func (c Config) Where() string { return c.URL }
