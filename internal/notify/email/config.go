// Package email tells people by mail over SMTP.
package email

import (
	"net"
	"net/mail"
	"net/netip"
	"strconv"
	"strings"

	"keepwatch/internal/notify"
)

// The ways to protect the connection.
const (
	STARTTLS = "starttls" // plain at first, then encrypted, or not at all sent
	TLS      = "tls"      // encrypted from the first byte
	None     = "none"     // not encrypted: for a relay on this machine or network
)

// Config is one receiver of mail.
type Config struct {
	SMTP string   `yaml:"smtp"` // host:port of the mail server
	From string   `yaml:"from"`
	To   []string `yaml:"to"`
	// TLS is starttls, tls or none. The default is tls on port 465, else starttls.
	TLS      string `yaml:"tls,omitempty"`
	Username string `yaml:"username,omitempty"`
	Password string `yaml:"password,omitempty"` // a reference
}

// WithDefaults fills what the file may leave out.
func (c Config) WithDefaults() Config {
	if c.TLS == "" {
		c.TLS = STARTTLS
		if _, port, err := net.SplitHostPort(c.SMTP); err == nil && port == "465" {
			c.TLS = TLS
		}
	}
	return c
}

// Validate finds what is wrong before the first message.
func (c Config) Validate() error {
	c = c.WithDefaults()
	var ps notify.Problems
	host, port, err := net.SplitHostPort(c.SMTP)
	if n, bad := strconv.Atoi(port); err != nil || host == "" || bad != nil || n < 1 || n > 65535 {
		ps.Add("smtp", "is not the address of a mail server", "host:port like mail.example.com:587")
	}
	if !isAddress(c.From) {
		ps.Add("from", "is not a mail address", allowedAddress)
	}
	if len(c.To) == 0 {
		ps.Add("to", "is empty", "one or more mail addresses")
	}
	for i, to := range c.To {
		if !isAddress(to) {
			ps.Add("to["+strconv.Itoa(i)+"]", "is not a mail address", allowedAddress)
		}
	}
	if c.TLS != STARTTLS && c.TLS != TLS && c.TLS != None {
		ps.Add("tls", "is unknown", strings.Join([]string{STARTTLS, TLS, None}, ", "))
	}
	c.validateLogin(&ps, host)
	return ps.Err()
}

func (c Config) validateLogin(ps *notify.Problems, host string) {
	switch {
	case c.Password != "" && !notify.IsReference(c.Password):
		ps.Add("password", "is not a reference", notify.AllowedReference)
	case c.Password != "" && c.Username == "":
		ps.Add("username", "is missing beside a password", "the name to sign in with")
	case c.Username != "" && c.Password == "":
		ps.Add("password", "is missing beside a username", notify.AllowedReference)
	case c.Password != "" && c.TLS == None && !loopback(host):
		ps.Add("tls", "none would send the password in clear over the network", "starttls or tls, or a server on a loopback address")
	}
}

const allowedAddress = "a mail address like ops@example.com or Ops <ops@example.com>"

func isAddress(s string) bool {
	_, err := mail.ParseAddress(s)
	return err == nil && !strings.ContainsAny(s, "\r\n")
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// References lists the secrets that the receiver needs, by key.
func (c Config) References() map[string]string {
	if c.Password == "" {
		return nil
	}
	return map[string]string{"password": c.Password}
}

// Where is the mail server.
func (c Config) Where() string { return c.SMTP }
