// Package webhook tells a receiver over HTTP, with Alertmanager's webhook JSON
// (version 4), a CloudEvent, or a document of one's own: what understands
// Alertmanager understands Keepwatch.
package webhook

import (
	"strings"

	"keepwatch/internal/notify"
)

// Forms of the body.
const (
	Alertmanager = "alertmanager"
	CloudEvents  = "cloudevents"
	Template     = "template"
)

// Config is one webhook.
type Config struct {
	// URL is where messages are posted to. It may be a reference: many services
	// put a token into the path.
	URL string `yaml:"url"`
	// Secret is a reference to the key that signs the messages; "" leaves them unsigned.
	Secret string `yaml:"secret,omitempty"`
	// Token is a reference to a bearer token; "" sends none.
	Token string `yaml:"token,omitempty"`
	// Format is the form of the body; "" is alertmanager.
	Format string `yaml:"format,omitempty"`
	// Template is the document of format template: JSON whose strings are filled in.
	Template string `yaml:"template,omitempty"`
}

// Validate finds what is wrong before the first message.
func (c Config) Validate() error {
	var ps notify.Problems
	ps.CheckURL("url", c.URL)
	ps.CheckReference("secret", c.Secret, false)
	ps.CheckReference("token", c.Token, false)
	switch c.Format {
	case "", Alertmanager, CloudEvents:
		if c.Template != "" {
			ps.Add("template", "is not used by this format", "format: "+Template)
		}
	case Template:
		if _, err := notify.ParseJSONTemplate(c.Template); err != nil {
			ps.Add("template", err.Error(), "a JSON document whose strings may have {{.Title}}, {{.Labels.credential}} and the like")
		}
	default:
		ps.Add("format", "is unknown", strings.Join([]string{Alertmanager, CloudEvents, Template}, ", "))
	}
	return ps.Err()
}

// References lists the secrets that the receiver needs, by key.
func (c Config) References() map[string]string {
	return notify.ReferencesOf(map[string]string{"url": c.URL, "secret": c.Secret, "token": c.Token})
}

// Where is the address.
func (c Config) Where() string { return c.URL }
