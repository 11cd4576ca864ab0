// Package jsm tells Jira Service Management Operations through its integration
// events: an incident is an alert with the incident's id as its alias, created,
// acknowledged and closed.
package jsm

import "keepwatch/internal/notify"

// DefaultURL is the integration's API in Atlassian's cloud.
const DefaultURL = "https://api.atlassian.com/jsm/ops/integration"

// Config is one API integration.
type Config struct {
	// APIKey is a reference to the key of an API integration.
	APIKey string `yaml:"api_key"`
	// URL is the address before /v2/alerts.
	URL string `yaml:"url,omitempty"`
	// Team is told besides those that the integration names.
	Team string `yaml:"team,omitempty"`
	// Tags are put on every alert, beside "keepwatch".
	Tags []string `yaml:"tags,omitempty"`
}

// WithDefaults fills what the file may leave out.
func (c Config) WithDefaults() Config {
	if c.URL == "" {
		c.URL = DefaultURL
	}
	return c
}

// Validate finds what is wrong before the first message.
func (c Config) Validate() error {
	var ps notify.Problems
	ps.CheckReference("api_key", c.APIKey, true)
	ps.CheckURL("url", c.WithDefaults().URL)
	if len(c.Tags) > maxTags {
		ps.Add("tags", "has too many", "at most 17")
	}
	return ps.Err()
}

// References lists the secrets that the receiver needs, by key.
func (c Config) References() map[string]string {
	return notify.ReferencesOf(map[string]string{"api_key": c.APIKey, "url": c.URL})
}

// Where is the integration's API.
func (c Config) Where() string { return c.WithDefaults().URL }
