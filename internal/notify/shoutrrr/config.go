// Package shoutrrr tells what no other channel reaches: Discord, Telegram, Matrix,
// Mattermost, Google Chat, Pushover and some twenty more, each by a URL in the form of
// the library of that name. It says the same words, as plain text; what the service
// does with them is the library's affair.
package shoutrrr

import "keepwatch/internal/notify"

// Config is one service.
type Config struct {
	// URL is a reference to a URL like telegram://TOKEN@telegram?chats=ID. The secret is
	// part of it, so it is one as a whole.
	URL string `yaml:"url"`
}

// Validate finds what is wrong before the first message.
func (c Config) Validate() error {
	var ps notify.Problems
	ps.CheckReference("url", c.URL, true)
	return ps.Err()
}

// References lists the secrets that the receiver needs, by key.
func (c Config) References() map[string]string { return map[string]string{"url": c.URL} }

// Where is not known: the host of such a URL is often none.
func (c Config) Where() string { return "" }
