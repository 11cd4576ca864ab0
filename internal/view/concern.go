package view

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
)

// Who is told of what, as far as it concerns somebody: what may be about a credential
// that they see. The names of others that stand beside it are left out.

// touches reports whether a match may be about something in sight, and what of it names
// nobody else.
func (r *Reader) touches(who auth.Principal, needs auth.Role, m keepwatch.Match) (narrow keepwatch.Match, hidden, ok bool) {
	if who.Everywhere(needs) {
		return m, false, true
	}
	theirs := r.For(who).inventory()
	ok = slices.ContainsFunc(theirs.Credentials, func(c keepwatch.Credential) bool { return who.May(needs, c.Tenant, c.Owner.Team) && asksFor(m, c) }) ||
		asksForTenant(m) && slices.ContainsFunc(m.Tenant, func(t string) bool { return who.May(needs, keepwatch.TenantID(t), "") })
	narrow = m
	keep := func(values []string, seen func(string) bool) []string {
		left := slices.DeleteFunc(slices.Clone(values), func(v string) bool { return !seen(v) })
		hidden = hidden || len(left) < len(values)
		return left
	}
	some := func(is func(keepwatch.Credential) bool) bool { return slices.ContainsFunc(theirs.Credentials, is) }
	narrow.Credential = keep(m.Credential, func(v string) bool { return some(func(c keepwatch.Credential) bool { return string(c.ID) == v }) })
	narrow.Tenant = keep(m.Tenant, func(v string) bool {
		return slices.ContainsFunc(theirs.Tenants, func(t keepwatch.Tenant) bool { return string(t.ID) == v }) || who.May(auth.Viewer, keepwatch.TenantID(v), "")
	})
	narrow.Owner = keep(m.Owner, func(v string) bool { return some(func(c keepwatch.Credential) bool { return c.Owner.Team == v }) })
	narrow.BusinessUnit = keep(m.BusinessUnit, func(v string) bool {
		return some(func(c keepwatch.Credential) bool { return c.BusinessUnit.String() == v })
	})
	return narrow, hidden, ok
}

// asksFor reports whether a match may be about a credential; what else it asks of an
// incident (its outcome, say) is not known before there is one.
func asksFor(m keepwatch.Match, c keepwatch.Credential) bool {
	for _, f := range []struct {
		values []string
		is     string
	}{
		{m.Credential, string(c.ID)}, {m.Tenant, string(c.Tenant)}, {m.Owner, c.Owner.Team}, {m.BusinessUnit, c.BusinessUnit.String()}, {m.Kind, string(c.Kind)}, {m.Criticality, string(c.Criticality)},
	} {
		if len(f.values) > 0 && !slices.Contains(f.values, f.is) {
			return false
		}
	}
	return true
}

// asksForTenant reports whether a match names tenants and nothing smaller.
func asksForTenant(m keepwatch.Match) bool {
	return len(m.Tenant) > 0 && len(m.Credential) == 0 && len(m.Owner) == 0 && len(m.BusinessUnit) == 0
}

// Reaches reports whether all that a match names is within somebody's role.
func (r *Reader) Reaches(who auth.Principal, needs auth.Role, m keepwatch.Match) bool {
	if who.Everywhere(needs) {
		return true
	}
	if len(m.Credential) > 0 {
		return !slices.ContainsFunc(m.Credential, func(id string) bool { return r.May(who, needs, keepwatch.CredentialID(id)) != nil })
	}
	for _, tenant := range orNone(m.Tenant) {
		for _, owner := range orNone(m.Owner) {
			if !who.May(needs, keepwatch.TenantID(tenant), owner) {
				return false
			}
		}
	}
	return true
}

// orNone is a list with one empty name where nothing is named, which only a role
// without that limit covers.
func orNone(names []string) []string {
	if len(names) == 0 {
		return []string{""}
	}
	return names
}

// MaySilence reports whether somebody may make or end a silence: all that it is for is
// within their role.
func (r *Reader) MaySilence(ctx context.Context, who auth.Principal, s keepwatch.Silence) bool {
	if s.Incident == "" {
		return r.Reaches(who, auth.Operator, s.Match)
	}
	d, err := r.For(who).Incident(ctx, time.Now(), s.Incident)
	return err == nil && r.MayAct(who, d.Incident) == nil
}

// TooFar is why somebody may not make a silence that reaches further than their role.
func TooFar() error {
	return keepwatch.WithHint(fmt.Errorf("it would reach further than your role: %w", keepwatch.ErrForbidden), "name the tenant and the owner, or the credentials, that you look after")
}

// MayEnd reports why somebody may not end one of the silences that there are. One that
// is out of sight is answered as one that does not exist.
func (r *Reader) MayEnd(ctx context.Context, who auth.Principal, id string, all []keepwatch.Silence) error {
	if who.Everywhere(auth.Operator) {
		return nil
	}
	for _, s := range r.Silences(ctx, who, all) {
		if s.ID != id {
			continue
		}
		i := slices.IndexFunc(all, func(x keepwatch.Silence) bool { return x.ID == id })
		if !r.MaySilence(ctx, who, all[i]) {
			return keepwatch.WithHint(fmt.Errorf("the silence reaches further than your role: %w", keepwatch.ErrForbidden), "ask whoever made it, or an administrator")
		}
		return nil
	}
	return fmt.Errorf("silence %.80q: %w", id, keepwatch.ErrNotFound)
}

// Silences are those that keep something from somebody. One that is for others, too,
// loses the words that may name them.
func (r *Reader) Silences(ctx context.Context, who auth.Principal, all []keepwatch.Silence) []keepwatch.Silence {
	if who.Everywhere(auth.Viewer) {
		return all
	}
	out := []keepwatch.Silence{}
	for _, s := range all {
		if s.Incident != "" {
			if _, err := r.For(who).Incident(ctx, time.Now(), s.Incident); err == nil {
				out = append(out, s)
			}
			continue
		}
		match, hidden, ok := r.touches(who, auth.Viewer, s.Match)
		if !ok {
			continue
		}
		if s.Match = match; hidden {
			s.Reason = "It is for others, too."
		}
		out = append(out, s)
	}
	return out
}

// Routes are those that may tell of something in sight.
func (r *Reader) Routes(who auth.Principal, all []client.Route) []client.Route {
	return r.routes(who, auth.Viewer, all)
}

func (r *Reader) routes(who auth.Principal, needs auth.Role, all []client.Route) []client.Route {
	if who.Everywhere(needs) {
		return all
	}
	out := []client.Route{}
	for _, x := range all {
		match, hidden, ok := r.touches(who, needs, keepwatch.Match(x.Match))
		if !ok {
			continue
		}
		if x.Match = client.Match(match); hidden {
			x.For = "others, too: " + strings.Join(MatchWords(x.Match), ", ")
		}
		out = append(out, x)
	}
	return out
}

// MatchWords is a match in words, one for each field that asks for something.
func MatchWords(m client.Match) (out []string) {
	for _, f := range []struct {
		name   string
		values []string
	}{
		{"credential", m.Credential}, {"tenant", m.Tenant}, {"business unit", m.BusinessUnit}, {"owner", m.Owner}, {"kind", m.Kind},
		{"criticality", m.Criticality}, {"category", m.Category}, {"outcome", m.Outcome}, {"scope", m.Scope}, {"severity", m.Severity},
	} {
		if len(f.values) > 0 {
			out = append(out, f.name+" "+strings.Join(f.values, " or "))
		}
	}
	return out
}

// tells names the receivers of routes.
func tells(routes []client.Route) map[string]bool {
	out := map[string]bool{}
	for _, x := range routes {
		names := slices.Concat(x.To, x.Otherwise)
		for _, e := range x.Escalate {
			names = append(names, e.To...)
		}
		for _, n := range names {
			out[n] = true
		}
	}
	return out
}

// Receivers are those that may be told of something in sight. How many messages wait
// counts those alone that are about it.
func (r *Reader) Receivers(ctx context.Context, who auth.Principal, all []client.Receiver, routes []client.Route) ([]client.Receiver, error) {
	if who.Everywhere(auth.Viewer) {
		return all, nil
	}
	named := tells(r.Routes(who, routes))
	waiting, err := r.For(who).waiting(ctx)
	if err != nil {
		return nil, err
	}
	out := []client.Receiver{}
	for _, x := range all {
		if named[x.Name] {
			x.Waiting = waiting[x.Name]
			out = append(out, x)
		}
	}
	return out, nil
}

// mostWaiting bounds what is counted of messages that wait.
const mostWaiting = 1000

func (r *Reader) waiting(ctx context.Context) (map[string]int, error) {
	list, _, err := r.from.Deliveries.DeliveryLog(ctx, DeliveryFilter{Status: keepwatch.DeliveryPending}, Page{Limit: mostWaiting})
	if err != nil {
		return nil, reading("messages that wait", err)
	}
	n := map[string]int{}
	for _, d := range list {
		n[d.Receiver]++
	}
	return n, nil
}

// MayTest reports why somebody may not send a receiver a test message: they need the
// role over something that it may be told of. One out of sight is as one that is not
// there.
func (r *Reader) MayTest(who auth.Principal, name string, routes []client.Route) error {
	switch {
	case who.Everywhere(auth.Operator):
		return nil
	case !who.Everywhere(auth.Viewer) && !tells(r.Routes(who, routes))[name]:
		return fmt.Errorf("receiver %q: %w", name, keepwatch.ErrNotFound)
	case !tells(r.routes(who, auth.Operator, routes))[name]:
		return keepwatch.WithHint(fmt.Errorf("%s is operator of nothing that %.80q is told of: %w", who.Name, name, keepwatch.ErrForbidden), "ask an administrator for that role")
	}
	return nil
}

// Explained is an explanation about a credential in sight, without the routes and
// receivers that are never told of anything in sight.
func (r *Reader) Explained(who auth.Principal, x client.Explanation, routes []client.Route) client.Explanation {
	if who.Everywhere(auth.Viewer) {
		return x
	}
	mine := r.Routes(who, routes)
	names := tells(mine)
	narrowed := map[string]bool{}
	for _, route := range mine {
		names[route.Name] = true
		narrowed[route.Name] = strings.HasPrefix(route.For, "others, too")
	}
	x.Others = slices.DeleteFunc(slices.Clone(x.Others), func(o client.Untold) bool { return !names[o.Name] })
	for i := range x.Others {
		if narrowed[x.Others[i].Name] {
			x.Others[i].Why = "it asks for something else"
		}
	}
	return x
}

// Covered are the incidents in sight among those that a silence would be for.
func (r *Reader) Covered(who auth.Principal, list []keepwatch.Incident) []client.Incident {
	out := []client.Incident{}
	whole := who.Everywhere(auth.Viewer)
	p := part{}
	if !whole {
		p = newPart(who, r.inventory())
	}
	for _, inc := range list {
		ok := true
		if !whole {
			inc, ok = p.incident(inc)
		}
		if ok {
			out = append(out, r.For(who).IncidentOf(inc))
		}
	}
	return out
}

// partDeliveries are the messages about what somebody may see. A message that tells of
// several incidents is nobody's alone: the rows of its members say what became of it.
type partDeliveries struct {
	DeliverySource
	part part
}

func (s partDeliveries) sees(d keepwatch.Delivery) (keepwatch.Delivery, bool) {
	n := d.Notice
	switch {
	case n.Canary != nil || n.Bundle != nil:
		return d, false
	case n.Letter != nil:
		return d, s.part.credentials[n.Letter.Credential] || s.part.who.May(auth.Viewer, n.Letter.Tenant, n.Letter.Owner)
	}
	inc, ok := s.part.incident(n.Incident)
	d.Notice.Incident = inc
	return d, ok
}

// DeliveryLog are those that may be seen.
func (s partDeliveries) DeliveryLog(ctx context.Context, f DeliveryFilter, page Page) ([]keepwatch.Delivery, string, error) {
	return sifted(page, s.sees, func(p Page) ([]keepwatch.Delivery, string, error) { return s.DeliverySource.DeliveryLog(ctx, f, p) })
}
