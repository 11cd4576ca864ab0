// Package alertmanager hands incidents to an Alertmanager, or to all members of a
// cluster, as alerts of its API v2: what routes, groups and silences people have
// there hold for Keepwatch, too.
package alertmanager

import (
	"strconv"

	"keepwatch/internal/notify"
)

// Config is one Alertmanager.
type Config struct {
	// URLs are the addresses of every member of the cluster: members share silences
	// and what they have sent, not alerts.
	URLs     []string `yaml:"url"`
	Username string   `yaml:"username,omitempty"`
	Password string   `yaml:"password,omitempty"` // a reference
	Token    string   `yaml:"token,omitempty"`    // a reference to a bearer token
}

// Validate finds what is wrong before the first message.
func (c Config) Validate() error {
	var ps notify.Problems
	if len(c.URLs) == 0 {
		ps.CheckURL("url", "")
	}
	for i, u := range c.URLs {
		ps.CheckURL("url["+strconv.Itoa(i)+"]", u)
	}
	ps.CheckReference("password", c.Password, c.Username != "")
	ps.CheckReference("token", c.Token, false)
	switch {
	case c.Password != "" && c.Username == "":
		ps.Add("username", "is missing beside a password", "the name to sign in with")
	case c.Password != "" && c.Token != "":
		ps.Add("token", "stands beside a password", "one way to sign in")
	}
	return ps.Err()
}

// References lists the secrets that the receiver needs, by key.
func (c Config) References() map[string]string {
	settings := map[string]string{"password": c.Password, "token": c.Token}
	for i, u := range c.URLs {
		settings["url["+strconv.Itoa(i)+"]"] = u
	}
	return notify.ReferencesOf(settings)
}

// Where is the first member.
func (c Config) Where() string {
	if len(c.URLs) == 0 {
		return ""
	}
	return c.URLs[0]
}
