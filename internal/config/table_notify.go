package config

import (
	"time"

	"keepwatch"
	"keepwatch/internal/notify"
)

type matchDraft struct {
	criticality, tenant, businessUnit, owner, credential at[[]at[string]]
	category, outcome, severity, scope, kind             at[[]at[string]]
}

type routeDraft struct {
	name        at[string]
	match       at[matchDraft]
	to          at[[]at[string]]
	otherwise   at[[]at[string]]
	onlyIn      at[string]
	escalate    []at[escalationDraft]
	wait        time.Duration
	repeatEvery time.Duration
	groupBy     at[[]at[string]]
	digest      at[*notify.Hour]
	further     bool
}

type escalationDraft struct {
	after time.Duration
	to    at[[]at[string]]
}

func routeKind() kind[routeDraft] {
	receivers := located(oneOrMany(located(identifier[string]("the name of a receiver"))))
	escalation := object(
		key("after", "how long after the begin", duration(time.Second, 30*day), func(e *escalationDraft) *time.Duration { return &e.after }).must(),
		key("to", "names of receivers", receivers, func(e *escalationDraft) *at[[]at[string]] { return &e.to }).must(),
	)
	return object(
		key("name", "what the route is called in explanations", located(free(100)), func(r *routeDraft) *at[string] { return &r.name }),
		key("match", "what the route is for; without it, everything", located(matchKind()), func(r *routeDraft) *at[matchDraft] { return &r.match }),
		key("to", "names of receivers", receivers, func(r *routeDraft) *at[[]at[string]] { return &r.to }).must(),
		key("wait", "how long to gather before the first message", duration(0, day), func(r *routeDraft) *time.Duration { return &r.wait }),
		key("repeat_every", "how often to remind while it lasts and nobody has acknowledged; without it, never", duration(time.Second, 30*day), func(r *routeDraft) *time.Duration { return &r.repeatEvery }),
		key("only_in", "name of the calendar in whose hours they are told; outside them the message waits, but for transactional credentials that fail", located(identifier[string]("the name of a calendar")), func(r *routeDraft) *at[string] { return &r.onlyIn }),
		key("otherwise", "names of receivers that are told outside these hours, at once and in their place", receivers, func(r *routeDraft) *at[[]at[string]] { return &r.otherwise }),
		key("escalate", "who else is told when nobody has acknowledged by then", list(located(escalation), 10), func(r *routeDraft) *[]at[escalationDraft] { return &r.escalate }),
		key("group_by", "facts by which incidents become one message", located(oneOrMany(located(choice("a fact", notify.GroupFacts...)))), func(r *routeDraft) *at[[]at[string]] { return &r.groupBy }),
		key("digest", "when what was gathered is told, once: daily 08:00, or monday 08:00; in the time zone of only_in, else UTC. What is transactional and fails does not wait", located(hourKind()), func(r *routeDraft) *at[*notify.Hour] { return &r.digest }),
		key("continue", "look at the routes below, too", boolean(), func(r *routeDraft) *bool { return &r.further }),
	)
}

func matchKind() kind[matchDraft] {
	type draft = matchDraft
	some := func(k kind[string]) kind[at[[]at[string]]] { return located(oneOrMany(located(k))) }
	return object(
		key("criticality", "criticality of the credential", some(choice("a criticality", texts(keepwatch.Criticalities)...)), func(m *draft) *at[[]at[string]] { return &m.criticality }),
		key("tenant", "id of the tenant", some(identifier[string]("the id of a tenant")), func(m *draft) *at[[]at[string]] { return &m.tenant }),
		key("business_unit", "MID of the business unit", some(midText()), func(m *draft) *at[[]at[string]] { return &m.businessUnit }),
		key("owner", "team that owns the credential", some(free(200)), func(m *draft) *at[[]at[string]] { return &m.owner }),
		key("credential", "id of the credential", some(identifier[string]("the id of a credential")), func(m *draft) *at[[]at[string]] { return &m.credential }),
		key("kind", "kind of the credential", some(choice("a kind", texts(keepwatch.Kinds)...)), func(m *draft) *at[[]at[string]] { return &m.kind }),
		key("category", "whose problem it is", some(choice("a category", categories()...)), func(m *draft) *at[[]at[string]] { return &m.category }),
		key("outcome", "what was found", some(choice("an outcome", outcomes()...)), func(m *draft) *at[[]at[string]] { return &m.outcome }),
		key("severity", "how loud it is", some(choice("a severity", severities()...)), func(m *draft) *at[[]at[string]] { return &m.severity }),
		key("scope", "what the incident is about", some(choice("a scope", scopes()...)), func(m *draft) *at[[]at[string]] { return &m.scope }),
	)
}

func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = string(v)
	}
	return out
}

func midText() kind[string] {
	number := mid()
	return kind[string]{number.schema, func(s spot) (string, bool) {
		n, ok := number.decode(s)
		return n.String(), ok
	}}
}

// route makes the route that notify follows.
func (d routeDraft) route(c *Config) notify.Route {
	r := notify.Route{
		Name: d.name.v, Match: d.match.v.match(), To: plain(d.to), Wait: d.wait, RepeatEvery: d.repeatEvery,
		OnlyIn: c.Calendars[d.onlyIn.v], Otherwise: plain(d.otherwise), Continue: d.further,
		GroupBy: plain(d.groupBy),
	}
	if d.digest.v != nil {
		hour := *d.digest.v
		if r.OnlyIn != nil {
			hour.Zone = r.OnlyIn.Location()
		}
		r.Digest = &hour
	}
	for _, e := range d.escalate {
		r.Escalate = append(r.Escalate, notify.Escalation{After: e.v.after, To: plain(e.v.to)})
	}
	return r
}

func (m matchDraft) match() keepwatch.Match {
	return keepwatch.Match{
		Criticality: plain(m.criticality), Tenant: plain(m.tenant), BusinessUnit: plain(m.businessUnit), Kind: plain(m.kind),
		Owner: plain(m.owner), Category: plain(m.category), Outcome: plain(m.outcome),
		Scope: plain(m.scope), Severity: plain(m.severity), Credential: plain(m.credential),
	}
}

func plain(list at[[]at[string]]) []string {
	var out []string
	for _, v := range list.v {
		out = append(out, v.v)
	}
	return out
}
