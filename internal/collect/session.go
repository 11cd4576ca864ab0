package collect

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"keepwatch"
	"keepwatch/internal/egress"
	"keepwatch/internal/sfmc"
)

// session is one reader in one look: with a token of its own, or refused.
type session struct {
	cred   keepwatch.Credential
	ctx    context.Context // under it no verdict shows a secret or token of this look
	access keepwatch.Secret
	login  sfmc.Login
	tried  bool
	proven bool // some route took the token
	v      sfmc.Verdict
}

// routeLog is how a route went in this look.
type routeLog struct {
	name    string
	outcome keepwatch.Outcome
	status  int
	calls   int
	took    time.Duration
	note    string
}

// enter gets a token of the first reader that is granted one. The other readers are
// kept for the routes that it may not use.
func (l *look) enter() bool {
	for _, cred := range l.job.Readers {
		l.sessions = append(l.sessions, &session{cred: cred})
	}
	for _, s := range l.sessions {
		if l.open(s) {
			return true
		}
		if l.stopped != nil {
			break
		}
	}
	l.loseReaders()
	return false
}

// loseReaders says which reader is in trouble, and whether it is the reader at all.
func (l *look) loseReaders() {
	if len(l.sessions) == 0 {
		l.lose("no reader is named, so nothing could be read", "name a credential that only reads under effects.readers of the tenant")
		return
	}
	for _, s := range l.sessions {
		if !s.tried || s.v.OK() {
			continue
		}
		what := fmt.Sprintf("the reader %q got no token (%s: %s)", s.cred.ID, s.v.Outcome, s.v.Message)
		switch s.v.Outcome.Info().Category {
		case keepwatch.CategoryCredential, keepwatch.CategoryPermission:
			what += "; the reader itself is the trouble, not what it would have read"
		case keepwatch.CategoryMonitor:
			what += "; its secret could not be used here"
		default:
			what += "; the reader may be good, SFMC could not be asked"
		}
		l.lose(what, s.v.Hint)
	}
}

// open gets the token of a reader, once in a look.
func (l *look) open(s *session) bool {
	if s.tried {
		return s.v.OK()
	}
	s.tried = true
	began := time.Now()
	s.v = l.token(s)
	l.log("token:"+string(s.cred.ID), s.v, 1, time.Since(began))
	l.halt(s.v)
	return s.v.OK()
}

func (l *look) token(s *session) sfmc.Verdict {
	fault := func(message, hint string) sfmc.Verdict {
		return sfmc.Verdict{Outcome: keepwatch.MonitorFault, Message: message, Hint: hint}
	}
	if s.cred.Kind != keepwatch.ServerToServer && s.cred.Kind != keepwatch.LegacyPackage {
		return fault(fmt.Sprintf("a %s cannot ask for a token by itself", s.cred.Kind), "name a credential of kind server_to_server as a reader")
	}
	secret, err := l.c.secrets.Resolve(l.ctx, s.cred.SecretRef)
	if err != nil {
		return fault(sfmc.Evidence(egress.Redact(err).Error()), cmp.Or(keepwatch.HintOf(err), "look at what the reference of its secret points to"))
	}
	if secret.Empty() {
		return fault("its secret is empty", "put the secret where the reference points to")
	}
	if v, ok := l.spend(); !ok {
		return v
	}
	s.ctx = sfmc.Hiding(l.ctx, secret)
	ask, request := l.c.client.Token, sfmc.TokenRequest{ClientID: s.cred.ClientID, Secret: secret, AccountID: l.job.Unit, Scopes: s.cred.Scopes}
	if s.cred.Kind == keepwatch.LegacyPackage {
		ask, request = l.c.client.LegacyToken, sfmc.TokenRequest{ClientID: s.cred.ClientID, Secret: secret}
	}
	token, v := ask(s.ctx, l.endpoints, request)
	if v.OK() {
		s.access, s.login = token.Access, sfmc.Login{Token: token.Access, Legacy: token.Legacy}
		s.ctx = sfmc.Veiling(sfmc.Hiding(sfmc.Hiding(s.ctx, token.Access), token.Legacy))
	}
	return v
}

// spend takes a call from the look's and the day's.
func (l *look) spend() (sfmc.Verdict, bool) {
	switch {
	case l.stopped != nil:
		return *l.stopped, false
	case l.calls >= MaxCalls:
		v := sfmc.Verdict{Outcome: keepwatch.MonitorFault, Message: fmt.Sprintf("one look makes at most %d calls", MaxCalls), Hint: "watch what credentials depend on, not all"}
		l.stopped = &v
		return v, false
	case !l.c.allowances.spend(l.job):
		v := sfmc.Verdict{Outcome: keepwatch.MonitorFault, Message: "the calls of the day are used up", Hint: "look less often (effects.every), switch routes off (effects.off), or allow more calls"}
		l.stopped = &v
		return v, false
	}
	l.calls++
	return sfmc.Verdict{}, true
}

// halt stops asking when SFMC wants a rest or cannot be reached: what comes after would
// fail the same way, and add to it. One answer with an error of SFMC's own does not: on
// undocumented routes it may be about that route.
func (l *look) halt(v sfmc.Verdict) {
	switch v.Outcome.Info().Category {
	case keepwatch.CategoryThrottle, keepwatch.CategoryNetwork:
	case keepwatch.CategoryMonitor:
		if l.ctx.Err() == nil {
			return // a reader whose secret is not to be had; the next one may be
		}
	case keepwatch.CategoryPlatform:
		if l.faults++; l.faults < 2 && v.Outcome != keepwatch.Maintenance {
			return
		}
	default:
		return
	}
	if l.stopped == nil {
		l.stopped = &v
	}
}

// again lets the next look sweep that would not have had its turn: this one failed.
func (l *look) again(route string) { l.unit.tries.drop("sweep:" + route) }

// request is one read. Of a list, an answer that the route is not there says something
// of the route; of one thing, only that the thing is not there.
type request struct {
	route string
	thing string // key of the one thing that is asked for; "" for a list
	sweep bool   // a page of a list of everything
}

// ask makes a read with the first reader that may. The function makes one call, and
// says how many more it made. Its verdict is Skipped where the route is not to be asked.
func (l *look) ask(r request, do func(s *session) (sfmc.Verdict, int)) sfmc.Verdict {
	if v, closed := l.closed(r.route); closed {
		return v
	}
	var last sfmc.Verdict
	for _, s := range l.sessions {
		if v, refused := l.unit.refused.get(r.route+"@"+string(s.cred.ID), l.job.At); refused {
			last = v
			continue
		}
		if !l.open(s) {
			last = cmp.Or(last, s.v)
			continue
		}
		v := l.once(r, s, do)
		if !l.refusal(r, s, v) {
			return v
		}
		last = v
	}
	if last.Outcome == keepwatch.ScopeMissing {
		l.unit.refused.put(r.route, last, l.job.At.Add(offeredAgain))
	}
	return last
}

// once makes the read with one reader.
func (l *look) once(r request, s *session, do func(s *session) (sfmc.Verdict, int)) sfmc.Verdict {
	if v, ok := l.spend(); !ok {
		l.log(r.route, v, 0, 0)
		return v
	}
	began := time.Now()
	v, more := do(s)
	for range more {
		l.calls++
		l.c.allowances.spend(l.job)
	}
	if r.sweep {
		l.swept += 1 + more
	}
	s.proven = s.proven || v.OK()
	if v.Outcome == keepwatch.TokenRejected && s.proven {
		// SFMC answers to a missing scope as to a dead token; this one was accepted a
		// moment ago.
		v = v.As("scope_missing_401")
	}
	v = v.ForScope(routeByName[r.route].Scope)
	l.log(r.route, v, 1+more, time.Since(began))
	l.halt(v)
	if r.thing == "" && v.Outcome == keepwatch.NotFound {
		l.unit.refused.put(r.route, v, l.job.At.Add(offeredAgain))
	}
	return v
}

// refusal reports that the next reader is worth a try, and remembers a missing scope.
func (l *look) refusal(r request, s *session, v sfmc.Verdict) bool {
	switch v.Outcome {
	case keepwatch.ScopeMissing:
		l.unit.refused.put(r.route+"@"+string(s.cred.ID), v, l.job.At.Add(offeredAgain))
		return true
	case keepwatch.TokenRejected:
		return true
	}
	return false
}

// closed says why a route is not asked at all.
func (l *look) closed(route string) (sfmc.Verdict, bool) {
	if l.off[route] {
		v := sfmc.Verdict{Outcome: keepwatch.Skipped, Message: "switched off"}
		l.log(route, v, 0, 0)
		return v, true
	}
	if v, ok := l.unit.refused.get(route, l.job.At); ok {
		l.note(route, v.Outcome, "not offered here: "+v.Message)
		v.Outcome = keepwatch.Skipped
		return v, true
	}
	if l.stopped != nil {
		l.log(route, sfmc.Verdict{Outcome: keepwatch.Skipped, Message: "not asked, because of what came before"}, 0, 0)
		return *l.stopped, true
	}
	return sfmc.Verdict{}, false
}

// offered reports that a route is neither off nor known to be missing.
func (l *look) offered(route string) bool {
	_, missing := l.unit.refused.get(route, l.job.At)
	return !l.off[route] && !missing
}

// log adds a call to what is said of a route; the worst outcome stays.
func (l *look) log(route string, v sfmc.Verdict, calls int, took time.Duration) {
	entry := l.route(route)
	entry.calls, entry.took = entry.calls+calls, entry.took+took
	if entry.outcome == "" || entry.outcome == keepwatch.OK && !v.OK() {
		entry.outcome, entry.status, entry.note = v.Outcome, v.HTTPStatus, cmp.Or(v.Evidence, v.Message)
	}
}

// note says something of a route without a call.
func (l *look) note(route string, o keepwatch.Outcome, text string) {
	entry := l.route(route)
	if entry.outcome == "" || entry.outcome == keepwatch.OK {
		entry.outcome, entry.note = o, text
	}
}

func (l *look) route(name string) *routeLog {
	for i := range l.routes {
		if l.routes[i].name == name {
			return &l.routes[i]
		}
	}
	l.routes = append(l.routes, routeLog{name: name})
	return &l.routes[len(l.routes)-1]
}

// steps are the routes as an observation shows them.
func (l *look) steps() []keepwatch.Step {
	out := make([]keepwatch.Step, 0, len(l.routes))
	for _, r := range l.routes {
		note := r.note
		if r.calls > 1 {
			note = fmt.Sprintf("%d calls", r.calls)
			if r.note != "" {
				note += ": " + r.note
			}
		}
		out = append(out, keepwatch.Step{Name: r.name, Outcome: r.outcome, HTTPStatus: r.status, Took: r.took, Evidence: sfmc.Evidence(note)})
	}
	return out
}

// one adapts a read that is a single call.
func one(read func(s *session) sfmc.Verdict) func(s *session) (sfmc.Verdict, int) {
	return func(s *session) (sfmc.Verdict, int) { return read(s), 0 }
}

// rows adapts a SOAP list, which makes a call for each page.
func rows(read func(s *session) (sfmc.Listing, sfmc.Verdict)) func(s *session) (sfmc.Verdict, int) {
	return func(s *session) (sfmc.Verdict, int) {
		list, v := read(s)
		if v.OK() && !list.Complete {
			v.Evidence = "more than one look reads"
		}
		return v, max(list.Calls-1, 0)
	}
}

// failed says of a read that a subject's counters depend on why there are none; a
// route that is switched off is nobody's fault.
func (l *look) failed(what string, v sfmc.Verdict) {
	if v.OK() || (v.Outcome == keepwatch.Skipped && v.Message == "switched off") {
		return
	}
	l.lose(fmt.Sprintf("%s could not be read: %s", what, v.Message), v.Hint)
}

// pages reads a list page by page to its end. It reports whether the end was reached.
func pages[T any](l *look, r request, what string, read func(s *session, page int) (sfmc.Paged[T], sfmc.Verdict), take func(T)) bool {
	seen := 0
	for page := 1; ; page++ {
		var p sfmc.Paged[T]
		v := l.ask(r, one(func(s *session) (v sfmc.Verdict) {
			p, v = read(s, page)
			return v
		}))
		if !v.OK() {
			l.failed(what, v)
			return false
		}
		for _, item := range p.Items {
			take(item)
		}
		if seen += p.Read; !p.More(seen) {
			return true
		}
	}
}

// oncePer reports that something was not read within a time, and notes that it is now.
func (l *look) oncePer(what string, every time.Duration) bool {
	if _, recent := l.unit.tries.get(what, l.job.At); recent {
		return false
	}
	// A little less, so that a look that comes early does not miss its turn.
	l.unit.tries.put(what, true, l.job.At.Add(every-every/20))
	return true
}

// due reports that a sweep of everything has its turn in this look, and how far sweeps
// lie apart, so that all of them stay within the day's calls.
func (l *look) due(route string) (bool, time.Duration) {
	gap := l.every * time.Duration(l.c.allowances.stretch(l.job))
	if l.oncePer("sweep:"+route, gap) || l.job.Reason == keepwatch.ReasonDemand {
		return true, gap
	}
	l.note(route, keepwatch.Skipped, fmt.Sprintf("read every %s, for the calls of the day", gap))
	return false, gap
}
