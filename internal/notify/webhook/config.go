// Package webhook tells a receiver over HTTP, with Alertmanager's webhook JSON
// (version 4): what understands Alertmanager understands Keepwatch.
package webhook

import (
	"net/url"

	"keepwatch/internal/notify"
)

// Config is one webhook.
type Config struct {
	// URL is where messages are posted to. It may be a reference: many services
	// put a token into the path.
	URL string `yaml:"url"`
	// Secret is a reference to the key that signs the messages; "" leaves them unsigned.
	Secret string `yaml:"secret,omitempty"`
}

// Validate finds what is wrong before the first message.
func (c Config) Validate() error {
	var ps notify.Problems
	switch {
	case c.URL == "":
		ps.Add("url", "is missing", allowedURL)
	case !notify.IsReference(c.URL):
		if u, err := url.Parse(c.URL); err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
			ps.Add("url", "is not a web address", allowedURL)
		} else if u.User != nil {
			ps.Add("url", "holds a name or a password", "an address without them, or a reference to the whole address")
		}
	}
	if c.Secret != "" && !notify.IsReference(c.Secret) {
		ps.Add("secret", "is not a reference", notify.AllowedReference)
	}
	return ps.Err()
}

const allowedURL = "an http or https URL, or a reference to one like env:NAME"

// References lists the secrets that the receiver needs, by key.
func (c Config) References() map[string]string {
	out := map[string]string{}
	if notify.IsReference(c.URL) {
		out["url"] = c.URL
	}
	if c.Secret != "" {
		out["secret"] = c.Secret
	}
	return out
}

// Where is the address.
func (c Config) Where() string { return c.URL }
