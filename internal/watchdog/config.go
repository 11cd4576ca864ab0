package watchdog

import (
	"strconv"
	"time"

	"keepwatch/internal/notify"
)

// Kind is how an address wants to be told of trouble.
type Kind string

const (
	// Healthchecks takes a beat at the address and trouble at address/fail: Healthchecks,
	// Better Stack.
	Healthchecks Kind = "healthchecks"
	// UptimeKuma takes both at the address, as ?status=up and ?status=down.
	UptimeKuma Kind = "uptime_kuma"
	// Plain takes a beat at the address, and trouble at an address of its own, if at all.
	Plain Kind = "plain"
)

const (
	defaultEvery   = time.Minute
	defaultTimeout = 10 * time.Second
	// beatsOfPatience is how many beats something may take before it counts as stuck.
	beatsOfPatience = 3
)

// Address is one dead-man address.
type Address struct {
	Name    string
	Kind    Kind   // "" is Healthchecks
	URL     string // or a reference to it: whoever knows it can keep the alarm silent
	FailURL string // of kind plain; "" has trouble told by silence
}

// Config is the settings of the watchdog. Without an address there is none.
type Config struct {
	Every     time.Duration // between two canaries; 0 means a minute
	Timeout   time.Duration // of one call; 0 means 10 s
	Addresses []Address
}

// WithDefaults fills in what the file leaves out.
func (c Config) WithDefaults() Config {
	if c.Every <= 0 {
		c.Every = defaultEvery
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	return c
}

// On reports whether there is anybody to be told.
func (c Config) On() bool { return len(c.Addresses) > 0 }

// Patience is how long one turn of a loop, or the way of a canary, may take.
func (c Config) Patience() time.Duration { return beatsOfPatience * c.WithDefaults().Every }

// Validate finds what is wrong before the first beat; its error is notify.Problems.
func (c Config) Validate() error {
	var ps notify.Problems
	for i, a := range c.Addresses {
		at := "addresses[" + strconv.Itoa(i) + "]."
		ps.CheckURL(at+"url", a.URL)
		switch {
		case a.FailURL == "":
		case a.Kind != Plain:
			ps.Add(at+"fail_url", "stands beside a kind that has its own", "kind: plain beside it, or no fail_url")
		default:
			ps.CheckURL(at+"fail_url", a.FailURL)
		}
	}
	return ps.Err()
}
