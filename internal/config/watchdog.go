package config

import (
	"time"

	"keepwatch"
	"keepwatch/internal/watchdog"
)

type watchdogDraft struct {
	every, timeout time.Duration
	addresses      []at[deadmanDraft]
}

// deadmanDraft is one address of the watchdog as it was read.
type deadmanDraft struct {
	name    at[string]
	kind    watchdog.Kind
	url     string
	failURL at[string]
}

func watchdogKind() kind[watchdogDraft] {
	address := object(
		key("name", "short name, for the page and metrics", located(identifier[string]("a name")), func(d *deadmanDraft) *at[string] { return &d.name }).must(),
		key("url", "where a beat goes, or a reference to it; whoever knows the address can keep the alarm silent", hiddenURL(), func(d *deadmanDraft) *string { return &d.url }).must(),
		key("kind", "how trouble is told: healthchecks (the default) at the address and /fail, uptime_kuma as status=down, plain at fail_url", choice("a kind of address", watchdog.Healthchecks, watchdog.UptimeKuma, watchdog.Plain), func(d *deadmanDraft) *watchdog.Kind { return &d.kind }),
		key("fail_url", "of kind plain: where trouble is told, or a reference to it; without it trouble is told by silence", located(hiddenURL()), func(d *deadmanDraft) *at[string] { return &d.failURL }),
	)
	return object(
		key("every", "time between two beats; the default is 1m", duration(time.Second, time.Hour), func(d *watchdogDraft) *time.Duration { return &d.every }),
		key("timeout", "of one call; the default is 10s", duration(time.Second, 30*time.Second), func(d *watchdogDraft) *time.Duration { return &d.timeout }),
		key("addresses", "who is told that Keepwatch proves itself, and raises the alarm when it does not", list(located(address), 10), func(d *watchdogDraft) *[]at[deadmanDraft] { return &d.addresses }).must(),
	)
}

func (m *merger) watchdog(c *Config) {
	d := m.all.watchdog
	if !d.at.set() {
		return
	}
	if len(d.v.addresses) == 0 {
		d.at.fault("addresses: [{name: …, url: …}]", "names nobody who is to be told")
	}
	c.Watchdog = watchdog.Config{Every: d.v.every, Timeout: d.v.timeout}.WithDefaults()
	seen := names{}
	for _, a := range d.v.addresses {
		if a.v.failURL.at.set() && a.v.kind != watchdog.Plain {
			a.v.failURL.at.fault("kind: plain beside it, or no fail_url", "stands beside a kind that has its own")
		}
		if a.v.name.at.set() && seen.first(a.v.name.v, a.v.name.at, "address of the watchdog") {
			c.Watchdog.Addresses = append(c.Watchdog.Addresses, watchdog.Address{Name: a.v.name.v, Kind: a.v.kind, URL: a.v.url, FailURL: a.v.failURL.v})
		}
	}
}

// CanaryRow is the row of a node's canary in the schedule; false where nobody is told
// of it. Its phase is the first, so that it is due at once when the daemon starts.
func (c *Config) CanaryRow(node string) (keepwatch.Check, bool) {
	return keepwatch.Check{
		ID: keepwatch.CanaryCheck(node), Kind: keepwatch.CheckCanary, Fingerprint: keepwatch.Digest(c.Watchdog.Every.String()),
	}, c.Watchdog.On()
}
