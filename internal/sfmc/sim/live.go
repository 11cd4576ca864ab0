package sim

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc/sim/world"
)

// AddWorld lets more live, from now on. What has a key that is taken is refused,
// and then nothing of the spec is added.
func (s *Sim) AddWorld(spec world.Spec) error {
	now := s.lock()
	defer s.mu.Unlock()
	if s.world == nil {
		w, err := world.New(spec, now, s.granted)
		if err != nil {
			return fmt.Errorf("world: %w", err)
		}
		s.world = w
	} else if err := s.world.Add(spec); err != nil {
		return fmt.Errorf("world: %w", err)
	}
	for _, c := range spec.Callers {
		if k := s.clients[c.ClientID]; k != nil {
			s.held[c.Name] = k.secrets.active.value
		}
	}
	s.grow(now)
	return nil
}

// Truth is what really happened in the world up to now. Without a world it is empty.
func (s *Sim) Truth() world.Truth {
	s.lock()
	defer s.mu.Unlock()
	if s.world == nil {
		return world.Truth{}
	}
	return s.world.Truth()
}

// Do does what people do: stop a journey, pause an automation, empty a file,
// silence a caller. Its effect begins with the minute that it is.
func (s *Sim) Do(d world.Deed) error {
	s.lock()
	defer s.mu.Unlock()
	if s.world == nil {
		return fmt.Errorf("%s: %w", d.Subject, keepwatch.ErrNotFound)
	}
	if err := s.world.Do(d); err != nil {
		return err
	}
	if name, ok := strings.CutPrefix(d.Subject, "caller/"); ok && d.Verb == "learn" {
		delete(s.held, name) // it takes the client's, at its next call
	}
	return nil
}

// lock takes the lock with the world advanced to now: whatever is changed under
// it has its effect from now on, and not on the time before.
func (s *Sim) lock() time.Time {
	now := s.now()
	s.mu.Lock()
	s.grow(now)
	return now
}

// grow advances the world. Grants are remembered for the while of it: nothing but
// time can change under the lock.
func (s *Sim) grow(now time.Time) {
	if s.world == nil {
		return
	}
	s.world.Refresh = minutesOf(s.settings.StatsEvery)
	clear(s.sure)
	s.world.Advance(now)
	s.fetchNotices(now)
}

// clock makes time go faster than the clock of Options, or jump.
type clock struct {
	mu    sync.Mutex
	speed float64
	from  time.Time // of Options.Now
	at    time.Time // what it was then
}

func (c *clock) read(now time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.locked(now)
}

func (c *clock) locked(now time.Time) time.Time {
	if c.from.IsZero() {
		return now
	}
	return c.at.Add(time.Duration(float64(now.Sub(c.from)) * c.speed))
}

// Pace makes time go so many times as fast as before Options, from now on, after
// it has jumped ahead.
func (s *Sim) Pace(speed float64, skip time.Duration) error {
	if !(speed > 0 && speed <= 10_000) || skip < 0 || skip > 400*24*time.Hour {
		return fmt.Errorf("speed %v, skip %s: %w", speed, skip, keepwatch.ErrInvalid)
	}
	now := s.opts.Now().UTC()
	s.clock.mu.Lock()
	defer s.clock.mu.Unlock()
	s.clock.at = s.clock.locked(now).Add(skip)
	s.clock.from, s.clock.speed = now, speed
	return nil
}

// sureKey and verdict are what is remembered of a caller's judgement.
type sureKey struct {
	caller string
	need   world.Need
}

type verdict struct {
	why   world.Reason
	ok    bool
	until time.Time
}

// needs are the routes by which callers do what they do.
var needs = map[world.Need]string{
	world.NeedEvent: "/interaction/v1/events", world.NeedAsyncEvent: "/interaction/v1/async/events",
	world.NeedRows: "/data/v1/async/dataextensions/x/rows", world.NeedTriggered: "/messaging/v1/messagedefinitionsends/x/send",
	world.NeedEmail: "/messaging/v1/email/messages", world.NeedSMS: "/messaging/v1/sms/messages",
}

// granted is the world's one question: would this caller's credential be granted
// at that instant? The answer is that of the token endpoint and of the route, with
// the faults and settings in force; nothing is judged here a second time.
func (s *Sim) granted(c world.Caller, need world.Need, at time.Time) (world.Reason, bool) {
	key := sureKey{c.Name, need}
	if v, met := s.sure[key]; met && at.Before(v.until) {
		return v.why, v.ok
	}
	k := s.clients[c.ClientID]
	q := &question{s: s, at: at, need: need, caller: c, client: k, secret: s.secretOf(c, k)}
	why, ok := q.answer()
	if until := s.horizon(k, at); until.After(at) {
		s.sure[key] = verdict{why, ok, until}
	}
	return why, ok
}

// secretOf is what a caller sends: its own, or what the client had when it was met.
func (s *Sim) secretOf(c world.Caller, k *client) string {
	if c.Secret != "" {
		return c.Secret
	}
	if _, met := s.held[c.Name]; !met && k != nil {
		s.held[c.Name] = k.secrets.active.value
	}
	return s.held[c.Name]
}

// horizon is until when a judgement of an instant is sure to hold: until something
// ends or begins by itself. Where chance or counting has a say, and where a bad try
// changes the account, it does not hold at all.
func (s *Sim) horizon(k *client, at time.Time) time.Time {
	until := at.Add(1000 * time.Hour)
	ends := func(end time.Time) {
		if end.After(at) && end.Before(until) {
			until = end
		}
	}
	for _, f := range s.faults.list {
		if f.Times > 0 || f.Probability > 0 && f.Probability < 1 {
			return time.Time{}
		}
		ends(f.until)
	}
	if k == nil {
		return until
	}
	if k.spec.Kind == keepwatch.APIUser {
		return time.Time{}
	}
	ends(k.pendingAt)
	ends(k.secrets.active.ends())
	if staged := k.secrets.staged; staged != nil {
		ends(staged.ends())
		ends(staged.generated.Add(secretDelay))
	}
	return until
}

// question is one caller's call on its way through the simulator's rules.
type question struct {
	s      *Sim
	at     time.Time
	need   world.Need
	caller world.Caller
	client *client
	secret string
}

func (q *question) answer() (world.Reason, bool) {
	if q.client != nil && q.client.spec.Kind == keepwatch.APIUser {
		return q.bySOAP()
	}
	scopes, mid, why, ok := q.token()
	if !ok || q.need == world.NeedToken {
		return why, ok
	}
	c := q.call(find(needs[q.need]))
	c.mid = mid
	if why, ok := q.pass(c); !ok {
		return why, false
	}
	return q.scoped(c.route.family, func(scope string) bool { return slices.Contains(scopes, scope) })
}

// call is a request as the caller would send it.
func (q *question) call(r route) *call {
	c := &call{
		s: q.s, now: q.at, settings: q.s.settings, route: r, clientID: q.caller.ClientID, client: q.client, mid: q.caller.Unit,
		r: &http.Request{Method: http.MethodPost, Host: "sim.invalid", URL: &url.URL{Path: r.path}, Header: http.Header{}, RemoteAddr: cmp.Or(q.caller.From, "203.0.113.10") + ":40000"},
	}
	if c.mid == 0 && q.client != nil {
		c.mid = q.client.spec.MID
	}
	return c
}

// token asks the token endpoint, as far as all but the token itself.
func (q *question) token() (scopes []string, mid keepwatch.MID, why world.Reason, ok bool) {
	legacy := q.client != nil && q.client.spec.Kind == keepwatch.LegacyPackage
	path := "/v2/token"
	if legacy {
		path = "/v1/requesttoken"
	}
	c := q.call(find(path))
	c.grant = grantRequest{ClientID: q.caller.ClientID, ClientSecret: q.secret, AccountID: accountID{mid: q.caller.Unit, given: q.caller.Unit != 0}}
	if why, ok := q.pass(c); !ok {
		return nil, 0, why, false
	}
	if legacy {
		if !c.legacyGranted() {
			return nil, 0, refusedBy(legacyUnauthorized()), false
		}
		return q.client.current(q.at).scopes, q.client.spec.MID, world.Reason{}, true
	}
	refusal, ok := c.authenticate()
	if ok {
		mid, scopes, refusal, ok = c.permit(q.client.current(q.at).scopes)
	}
	return scopes, mid, refusedBy(refusal), ok
}

// bySOAP is how an API user does everything.
func (q *question) bySOAP() (world.Reason, bool) {
	c := q.call(find("/service.asmx"))
	c.envelope = &soapEnvelope{login: true, username: q.caller.ClientID, password: q.secret, message: &element{name: "CreateRequest"}}
	if why, ok := q.pass(c); !ok {
		return why, false
	}
	if fault, ok := c.login(); !ok {
		return world.Reason{Kind: keepwatch.CauseCredential, Detail: fault.text}, false
	}
	if q.need == world.NeedToken {
		return world.Reason{}, true
	}
	return q.scoped(find(needs[q.need]).family, func(scope string) bool { return slices.Contains(q.client.current(q.at).scopes, scope) })
}

func (q *question) scoped(f *family, has func(string) bool) (world.Reason, bool) {
	for _, scope := range f.scopes(http.MethodPost) {
		if !has(scope) {
			return world.Reason{Kind: keepwatch.CauseCredential, Detail: "it lacks " + scope}, false
		}
	}
	return world.Reason{}, true
}

// pass goes through what stands before every route: faults, maintenance, what is
// switched off.
func (q *question) pass(c *call) (world.Reason, bool) {
	if f := q.s.faults.pick(c); f != nil && !harmless(f.Name) {
		return world.Reason{Kind: blamed(f.Name), Detail: f.Name}, false
	}
	if q.s.settings.Maintenance {
		return world.Reason{Kind: keepwatch.CausePlatform, Detail: "maintenance"}, false
	}
	if _, off := c.routeOff(); off {
		return world.Reason{Kind: keepwatch.CausePlatform, Detail: "the route is switched off"}, false
	}
	return world.Reason{}, true
}

// harmless faults let a call through.
func harmless(fault string) bool { return fault == "slow" || strings.HasPrefix(fault, "soap_status_") }

// blamed is whose trouble a fault plays.
func blamed(fault string) keepwatch.CauseKind {
	if fault == "ip_blocked" {
		return keepwatch.CausePlace
	}
	if isWire(fault) {
		return keepwatch.CausePlatform
	}
	for _, part := range []string{"rate_limited", "blocked", "outage", "maintenance", "server", "unavailable", "not_found", "unknown", "bad_request", "bad_property"} {
		if strings.Contains(fault, part) {
			return keepwatch.CausePlatform
		}
	}
	return keepwatch.CauseCredential
}

// refusedBy reads the reason out of an answer.
func refusedBy(a answer) world.Reason {
	kind := keepwatch.CauseCredential
	text := string(a.body)
	if strings.Contains(text, "IP address") {
		kind = keepwatch.CausePlace
	}
	return world.Reason{Kind: kind, Detail: describe(text)}
}

// describe takes the sentence out of an error body.
func describe(body string) string {
	for _, key := range []string{`"error_description":"`, `"message":"`} {
		if _, rest, ok := strings.Cut(body, key); ok {
			text, _, _ := strings.Cut(rest, `"`)
			return text
		}
	}
	return "refused"
}

func minutesOf(d Duration) int { return int(time.Duration(d) / time.Minute) }
