package config

import (
	"slices"
	"strings"

	"keepwatch"
)

// receivers checks names and that each has exactly one channel.
func (m *merger) receivers(c *Config) {
	seen := names{}
	for _, d := range m.all.receivers {
		var has []string
		for _, channel := range channelKeys {
			if d.at.has(channel) {
				has = append(has, channel)
			}
		}
		switch len(has) {
		case 0:
			d.at.fault("one of "+strings.Join(channelKeys, ", "), "names no channel")
		case 1:
		default:
			d.at.fault("one of "+strings.Join(channelKeys, ", "), "names %d channels, %s; make a receiver of each", len(has), strings.Join(has, " and "))
		}
		if _, can := linked[d.v.channel]; d.v.links.at.set() && d.v.links.v && len(has) == 1 && !can {
			d.v.links.at.fault("false", "messages to %s have no links that act", d.v.channel)
		}
		if to := d.v.fallback; to.at.set() {
			if !slices.Contains(m.receiverNames(), to.v) {
				unknown(to.at, "receiver", to.v, m.receiverNames())
			} else if to.v == d.v.name.v {
				to.at.fault("another receiver", "a receiver cannot stand in for itself")
			}
		}
		if !d.v.name.at.set() || !seen.first(d.v.name.v, d.v.name.at, "receiver") {
			continue
		}
		c.Receivers = append(c.Receivers, d.v.receiver())
	}
}

// routes checks that every name in them exists: a route that can never match, or
// that tells nobody, is found now and not in the night it is needed.
func (m *merger) routes(c *Config) {
	known := m.receiverNames()
	for _, d := range m.all.routes {
		if d.v.to.at.set() && len(d.v.to.v) == 0 {
			d.v.to.at.fault(namesAllowed(known), "a route must name a receiver")
		}
		told(known, d.v.to)
		told(known, d.v.otherwise)
		for _, e := range d.v.escalate {
			told(known, e.v.to)
		}
		if name := d.v.onlyIn; name.at.set() {
			if _, ok := c.Calendars[name.v]; !ok {
				unknown(name.at, "calendar", name.v, calendarNames(c))
			}
		} else if d.v.otherwise.at.set() {
			d.v.otherwise.at.fault("only_in beside it", "otherwise has no meaning without the hours of only_in")
		}
		seen := names{}
		for _, fact := range d.v.groupBy.v {
			seen.first(fact.v, fact.at, "fact")
		}
		if d.v.digest.at.set() {
			m.digestAlone(d.v)
		}
		m.matchExists(c, d.v.match.v)
		c.Routes = append(c.Routes, d.v.route(c))
	}
}

// digestAlone refuses what has no meaning beside the hour of a digest.
func (m *merger) digestAlone(r routeDraft) {
	switch {
	case r.wait > 0:
		r.digest.at.fault("digest without wait", "a digest waits for its hour; wait has no meaning beside it")
	case r.repeatEvery > 0:
		r.digest.at.fault("digest without repeat_every", "a digest is told once; repeat_every has no meaning beside it")
	case len(r.escalate) > 0:
		r.digest.at.fault("digest without escalate", "nobody is waited for in a digest; escalate has no meaning beside it")
	}
}

// told checks that receivers exist, each once.
func told(known []string, list at[[]at[string]]) {
	seen := names{}
	for _, to := range list.v {
		if !slices.Contains(known, to.v) {
			unknown(to.at, "receiver", to.v, slices.Clone(known))
		} else {
			seen.first(to.v, to.at, "receiver")
		}
	}
}

// matchExists checks the names in a match. Only the id of a credential may be that of
// a record, which no file knows.
func (m *merger) matchExists(c *Config, d matchDraft) {
	for _, t := range d.tenant.v {
		if _, ok := c.tenants[keepwatch.TenantID(t.v)]; !ok {
			unknown(t.at, "tenant", t.v, tenantNames(c))
		}
	}
	for _, id := range d.credential.v {
		if _, ok := c.credentials[keepwatch.CredentialID(id.v)]; !ok {
			note := id.at.where()
			note.Message = "no file has the credential " + quote(id.at.node.Value) + "; the route waits for a record of that id"
			m.notes = append(m.notes, note)
		}
	}
}

func (m *merger) receiverNames() []string {
	var out []string
	for _, d := range m.all.receivers {
		if d.v.name.at.set() {
			out = append(out, d.v.name.v)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// warnings looks for what is allowed and unwise.
func (m *merger) warnings(c *Config) {
	c.warnOfFiles()
	c.Warnings = append(c.Warnings, m.notes...)
	m.warnOfGateway(c)
	if len(c.Credentials) == 0 {
		c.warn(Fault{File: c.Files[0], Key: "credentials"}, "there is no credential to watch")
		return
	}
	if len(m.all.routes) == 0 {
		c.warn(Fault{File: c.Files[0], Key: "routes"}, "there is no route: nobody is told of an incident")
		return
	}
	last := m.all.routes[len(m.all.routes)-1]
	if last.v.match.at.set() && len(last.v.match.at.node.Content) > 0 {
		c.warn(last.at.where(), "the last route does not catch all: what no route matches is told to nobody")
	}
	for _, d := range m.all.receivers {
		if !m.used(d.v.name.v) {
			c.warn(d.at.where(), "no route names this receiver")
		}
	}
	m.warnOfOwners(c)
	m.warnOfPoints(c)
	m.warnOfEffects(c)
}

func (m *merger) used(receiver string) bool {
	if slices.ContainsFunc(m.all.receivers, func(r at[receiverDraft]) bool { return r.v.fallback.v == receiver }) {
		return true
	}
	return slices.ContainsFunc(m.all.routes, func(r at[routeDraft]) bool {
		all := append(append(slices.Clone(r.v.to.v), r.v.otherwise.v...), escalated(r.v)...)
		return slices.ContainsFunc(all, func(to at[string]) bool { return to.v == receiver })
	})
}

func escalated(r routeDraft) (out []at[string]) {
	for _, e := range r.escalate {
		out = append(out, e.v.to.v...)
	}
	return out
}

// warnOfOwners finds routes for teams that own nothing: likely a typing error,
// but a team's first credential may still be to come.
func (m *merger) warnOfOwners(c *Config) {
	teams := map[string]bool{}
	for _, cred := range c.Credentials {
		teams[cred.Owner.Team] = true
	}
	for _, r := range m.all.routes {
		for _, owner := range r.v.match.v.owner.v {
			if !teams[owner.v] {
				c.warn(owner.at.where(), "no credential is owned by %s", quote(owner.v))
			}
		}
	}
}

func categories() []string {
	var out []string
	for _, o := range keepwatch.Outcomes {
		if name := string(o.Category); name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

func outcomes() []string {
	var out []string
	for _, o := range keepwatch.Outcomes {
		if o.Outcome != keepwatch.OK {
			out = append(out, string(o.Outcome))
		}
	}
	return out
}

func severities() []string {
	return texts([]keepwatch.Severity{keepwatch.SeverityInfo, keepwatch.SeverityWarning, keepwatch.SeverityCritical})
}

func scopes() []string {
	return texts([]keepwatch.Scope{keepwatch.ScopeCredential, keepwatch.ScopePlace, keepwatch.ScopeTenant,
		keepwatch.ScopePlatform, keepwatch.ScopeEffect, keepwatch.ScopeMonitor})
}
