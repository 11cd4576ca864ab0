package sim

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"keepwatch"
)

// bodyCap is more than any read-only request needs.
const bodyCap = 1 << 20

// call is one request on its way through the simulator.
type call struct {
	s        *Sim
	r        *http.Request
	route    route
	body     []byte
	now      time.Time
	settings Settings

	clientID string // as the request claims; "" when it does not say
	mid      keepwatch.MID
	client   *client // nil when unknown; Sim.mu guards what it points to
	ticket   ticket  // of the bearer token
	bearer   bearerState
	grant    grantRequest  // at the token endpoint
	envelope *soapEnvelope // at the SOAP endpoint; nil when it cannot be read

	counted bool // guarded by Sim.mu
}

type bearerState int

const (
	bearerMissing bearerState = iota
	bearerBogus
	bearerExpired
	bearerGood
)

// answer is what goes back when no wire fault spoils it.
type answer struct {
	status  int
	kind    string // content type; "" is JSON
	headers [][2]string
	body    []byte
}

func jsonAnswer(status int, v any) answer {
	body, err := json.Marshal(v)
	if err != nil {
		return answer{status: 500, kind: "text/plain", body: []byte(err.Error())}
	}
	return answer{status: status, body: body}
}

func (a answer) with(key, value string) answer {
	a.headers = append(a.headers, [2]string{key, value})
	return a
}

func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if rest, ok := cutControl(r.URL.Path); ok {
		s.control(w, r, rest)
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, bodyCap+1))
	if err != nil {
		return
	}
	c := &call{s: s, r: r, route: find(r.URL.Path), body: body, now: s.now()}
	c.identify()

	s.mu.Lock()
	s.grow(c.now)
	c.settings = s.settings
	c.client = s.clients[c.clientID]
	if c.client != nil && c.mid == 0 {
		c.mid = c.client.spec.MID
	}
	fault := s.faults.pick(c)
	throttled := s.throttle(c)
	s.mu.Unlock()

	defer s.leave(c) // deferred, because answers that break off leave by a panic
	s.wait(r, time.Duration(c.settings.Latency))
	s.reply(accounted{w, c}, c, fault, throttled)
	s.pushSoon()
}

// reply answers by the first of: the fault, the meter, the real thing.
func (s *Sim) reply(w http.ResponseWriter, c *call, fault *Fault, throttled *answer) {
	var a answer
	switch {
	case len(c.body) > bodyCap:
		a = restError(http.StatusRequestEntityTooLarge, 10000, "Request too large")
	case fault != nil && isWire(fault.Name):
		s.wire(w, c, fault)
		return
	case fault != nil:
		a = c.faulty(fault)
	case throttled != nil:
		a = *throttled
	case c.settings.Maintenance:
		a = maintenancePage()
	default:
		a = c.route.serve(c)
	}
	a.write(w)
}

func (a answer) write(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	if a.kind != "" {
		h.Set("Content-Type", a.kind)
	}
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	for _, kv := range a.headers {
		h.Set(kv[0], kv[1])
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

// identify reads who is calling, without judging it.
func (c *call) identify() {
	switch c.route.name {
	case routeToken, routeLegacyToken:
		c.grant = readGrant(c.r, c.body)
		c.clientID, c.mid = c.grant.ClientID, c.grant.AccountID.mid
	case routeSOAP:
		c.envelope = readEnvelope(c.body)
		c.identifySOAP()
	case routeWSDL:
	default:
		c.identifyBearer(bearerOf(c.r))
	}
}

func bearerOf(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// identifyBearer reads a token and how it stands.
func (c *call) identifyBearer(token string) {
	if token == "" {
		return
	}
	c.bearer = bearerBogus
	t, ok := c.s.open(token)
	if !ok {
		return
	}
	c.ticket, c.clientID, c.mid = t, t.clientID, t.mid
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	owner := c.s.clients[t.clientID]
	switch {
	case owner == nil || !owner.enabled || !owner.installed:
	case owner.epoch != t.epoch || !c.now.Before(t.expires):
		c.bearer = bearerExpired
	default:
		c.bearer = bearerGood
	}
}

// base is what the URLs of one of the tenant's hosts start with. A client that
// reached the simulator through a whole URL in the path gets such URLs back, of
// the host asked for: one client cuts its URLs at ".com/" and needs that there.
func (c *call) base(host string) string {
	base := c.s.opts.BaseURL
	if base == "" {
		base = "http://" + c.r.Host + "/"
		if c.r.TLS != nil {
			base = "https://" + c.r.Host + "/"
		}
	}
	origin, _ := cutOrigin(c.r.URL.Path)
	subdomain, rest, found := strings.Cut(origin, ".")
	if _, domain, ok := strings.Cut(rest, "."); found && ok {
		return base + "https://" + subdomain + "." + host + "." + domain + "/"
	}
	return base
}

// wait sleeps unless the caller or the simulator goes away first.
func (s *Sim) wait(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	case <-s.done:
		return false
	}
}
