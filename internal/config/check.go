package config

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/calendar"
	"keepwatch/internal/secrets"
)

func (m *merger) server(c *Config) {
	s := m.all.server.v
	c.Server = Server{Listen: s.listen.v, Auth: s.auth.v, Connectivity: s.connectivity, SealKey: s.sealKey, Resolver: s.resolver}
	if c.Server.Listen == "" {
		c.Server.Listen = "127.0.0.1:8484"
	}
	if c.Server.Auth == "" {
		c.Server.Auth = AuthLocal
	}
	if c.Server.Auth == AuthNone && !loopback(c.Server.Listen) {
		s.auth.at.fault("auth none with listen 127.0.0.1:PORT, [::1]:PORT or localhost:PORT; else leave auth out",
			"sign-in may be off on a loopback address only, and server.listen is %s", quote(c.Server.Listen))
	}
	if c.Server.BaseURL = strings.TrimRight(s.baseURL.v, "/"); c.Server.BaseURL == "" {
		c.Server.BaseURL = "http://" + linkHost(c.Server.Listen)
	} else if strings.Contains(c.Server.BaseURL, "?") {
		s.baseURL.at.fault("https://HOST or https://HOST/PATH", "the address that links begin with has a query")
	}
	c.Store.URL = m.all.store.v.url
	if c.Store.URL == "" {
		c.Store.URL = "sqlite:keepwatch.db"
	}
}

// linkHost makes a listen address into one that a browser on this machine opens.
func linkHost(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err == nil && (host == "" || host == "0.0.0.0" || host == "::") {
		return net.JoinHostPort("localhost", port)
	}
	return listen
}

func (m *merger) calendars(c *Config) {
	c.Calendars, c.specs = map[string]*calendar.Calendar{}, map[string]calendar.Spec{}
	m.define(c, calendar.Spec{Name: DefaultCalendar})
	seen := names{}
	for _, e := range m.all.calendars {
		if e.name == DefaultCalendar {
			e.at.fault("another name", "this name is taken by the calendar that holds where none is named: %s UTC", calendar.DefaultHours)
			continue
		}
		if !seen.first(e.name, e.at, "calendar") {
			continue
		}
		spec := calendar.Spec{Name: e.name, Timezone: e.v.timezone.v, Hours: e.v.hours.v, Holidays: e.v.holidays.v}
		good := part(e.v.timezone, calendar.Spec{Timezone: spec.Timezone})
		good = part(e.v.hours, calendar.Spec{Hours: spec.Hours}) && good
		good = part(e.v.holidays, calendar.Spec{Holidays: spec.Holidays}) && good
		for _, d := range e.v.dates {
			spec.Dates = append(spec.Dates, d.v)
			good = part(d, calendar.Spec{Dates: []string{d.v}}) && good
		}
		if e.v.ics.at.set() {
			var ok bool
			spec.ICS, ok = readICS(e.v.ics)
			good = ok && part(e.v.ics, calendar.Spec{ICS: spec.ICS}) && good
		}
		if good {
			m.define(c, spec)
		} else {
			c.Calendars[e.name] = nil // known, so that its users are not faults as well
		}
	}
}

// part tries one setting of a calendar alone, so that the fault has its line.
func part(setting at[string], alone calendar.Spec) bool {
	if !setting.at.set() {
		return true
	}
	_, err := calendar.Parse(alone)
	if err == nil {
		return true
	}
	message := fact(err)
	if envPattern.MatchString(setting.at.node.Value) {
		message = quote(setting.at.node.Value) + " expands to a value that is not valid here"
	}
	setting.at.fault(strings.TrimPrefix(keepwatch.HintOf(err), "allowed are "), "%s", message)
	return false
}

func (m *merger) define(c *Config, spec calendar.Spec) {
	parsed, err := calendar.Parse(spec)
	if err != nil { // each part passed alone, so this is their sum
		m.faults.add(Fault{File: "calendar " + spec.Name, Message: fact(err), Allowed: keepwatch.HintOf(err)})
		return
	}
	c.Calendars[spec.Name], c.specs[spec.Name] = parsed, spec
}

// maxICS is far above any calendar of public holidays.
const maxICS = 1 << 20

func readICS(setting at[string]) ([]byte, bool) {
	path := setting.v
	if !filepath.IsAbs(path) {
		path = filepath.Join(setting.at.w.dir, path)
	}
	info, err := os.Stat(path)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxICS) {
		setting.at.fault("an iCalendar file of at most 1 MiB", "%s is no such file", quote(setting.v))
		return nil, false
	}
	content, err := os.ReadFile(path)
	if err != nil {
		setting.at.fault("an iCalendar file of at most 1 MiB", "%s: %s", quote(setting.v), fileFact(err))
		return nil, false
	}
	return content, true
}

func (m *merger) tiers(c *Config) {
	seen := names{}
	for _, e := range m.all.tiers {
		if !seen.first(e.name, e.at, "tier") {
			continue
		}
		criticality := keepwatch.Criticality(e.name)
		c.Tiers[criticality] = e.v.over(c.Tiers[criticality], c)
	}
}

// over lays a draft over a tier: what it does not name stays.
func (d tierDraft) over(t Tier, c *Config) Tier {
	if d.every.business.at.set() {
		t.Business = d.every.business.v
	}
	if d.every.off.at.set() {
		t.Off = d.every.off.v
	}
	if d.failAfter.at.set() {
		t.FailAfter = d.failAfter.v
	}
	if d.objective.at.set() {
		t.RefreshObjective = d.objective.v
	}
	if d.ladder.at.set() {
		t.ExpiryLadder = ladder(d.ladder)
	}
	if name := d.calendar; name.at.set() {
		t.Calendar = name.v
		if _, known := c.Calendars[name.v]; !known {
			unknown(name.at, "calendar", name.v, calendarNames(c))
		}
	}
	return t
}

func (d tierDraft) empty() bool {
	return !d.every.business.at.set() && !d.every.off.at.set() && !d.failAfter.at.set() && !d.objective.at.set() && !d.ladder.at.set() && !d.calendar.at.set()
}

// ladder puts the rungs in falling order, the order in which they are reached.
func ladder(d at[[]at[time.Duration]]) []time.Duration {
	var out []time.Duration
	for _, rung := range d.v {
		if slices.Contains(out, rung.v) {
			rung.at.fault("each rung once", "%s stands twice in the ladder", keepwatch.FormatDuration(rung.v))
			continue
		}
		out = append(out, rung.v)
	}
	slices.SortFunc(out, func(a, b time.Duration) int { return int(b/time.Hour - a/time.Hour) })
	return out
}

func calendarNames(c *Config) []string {
	var out []string
	for name := range c.Calendars {
		out = append(out, name)
	}
	return out
}

// namesAllowed lists the names that exist, in order and not without end.
func namesAllowed(known []string) string {
	slices.Sort(known)
	switch {
	case len(known) == 0:
		return "none is defined"
	case len(known) > 20:
		return strings.Join(known[:20], ", ") + fmt.Sprintf(" and %d more", len(known)-20)
	}
	return strings.Join(known, ", ")
}

// unknown reports a name that nothing bears, with the nearest one that exists.
func unknown(at spot, what, name string, known []string) {
	allowed := namesAllowed(known)
	shown := quote(name)
	if envPattern.MatchString(at.node.Value) {
		shown = quote(at.node.Value)
	}
	if guess := nearest(name, known); guess != "" {
		at.fault(allowed, "there is no %s %s; did you mean %s?", what, shown, guess)
		return
	}
	at.fault(allowed, "there is no %s %s", what, shown)
}

// warn notes what is allowed and unwise.
func (c *Config) warn(at Fault, format string, args ...any) {
	at.Message = fmt.Sprintf(format, args...)
	c.Warnings = append(c.Warnings, at)
}

// warnOfFiles looks at the modes of the files that hold secrets.
func (c *Config) warnOfFiles() {
	asked := map[string]bool{}
	for _, ref := range c.refs {
		if asked[ref.ref] {
			continue
		}
		asked[ref.ref] = true
		if text := secrets.Warning(ref.ref); text != "" {
			c.warn(ref.at, "%s", text)
		}
	}
}
