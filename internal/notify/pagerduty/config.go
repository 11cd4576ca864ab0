// Package pagerduty tells PagerDuty by its Events API v2: an incident is an alert
// with the incident's id as its key, triggered, acknowledged and resolved.
package pagerduty

import "keepwatch/internal/notify"

// DefaultURL is the API of accounts in the United States.
const DefaultURL = "https://events.pagerduty.com"

// Config is one PagerDuty service or orchestration.
type Config struct {
	// RoutingKey is a reference to the integration key.
	RoutingKey string `yaml:"routing_key"`
	// URL is the API's host, https://events.eu.pagerduty.com for accounts in the EU.
	URL string `yaml:"url,omitempty"`
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
	ps.CheckReference("routing_key", c.RoutingKey, true)
	ps.CheckURL("url", c.WithDefaults().URL)
	return ps.Err()
}

// References lists the secrets that the receiver needs, by key.
func (c Config) References() map[string]string {
	return notify.ReferencesOf(map[string]string{"routing_key": c.RoutingKey, "url": c.URL})
}

// Where is the API's host.
func (c Config) Where() string { return c.WithDefaults().URL }
