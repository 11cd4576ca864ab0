package sim

import (
	"cmp"
	"net/http"
	"slices"
	"time"
)

// Recorded counts the requests of one client on one route. Bodies are not kept.
type Recorded struct {
	ClientID string    `json:"client_id"` // "" for callers that named no known client
	Route    string    `json:"route"`     // token, userinfo, soap …, or the path of a REST read
	Count    int64     `json:"count"`
	Refused  int64     `json:"refused"` // answered with 400 or above, or not answered
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
}

type countKey struct{ client, route string }

type count struct {
	all, refused int64
	first, last  time.Time
}

// account counts a request, once: before anything of the answer leaves, so that
// whoever has seen an answer finds it counted. The status is 0 when there is
// none or it does not hold what it promised. Only known clients and routes get
// a row, so what callers make up cannot grow the table.
func (s *Sim) account(c *call, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.counted {
		return
	}
	c.counted = true
	key := countKey{route: c.route.name}
	if c.client != nil {
		key.client = c.client.spec.ClientID
	}
	n := s.counts[key]
	if n == nil {
		n = &count{first: c.now}
		s.counts[key] = n
	}
	n.all++
	n.last = c.now
	if status >= 400 || status == 0 {
		n.refused++
	}
}

// leave ends a call: what was not answered is counted as that, and the client
// has one less in flight.
func (s *Sim) leave(c *call) {
	s.account(c, 0)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.client != nil {
		c.client.meter.inFlight--
	}
}

// accounted counts an answer when its status is written.
type accounted struct {
	http.ResponseWriter
	c *call
}

func (w accounted) WriteHeader(status int) {
	w.c.s.account(w.c, status)
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets [http.ResponseController] reach what flushes and hijacks.
func (w accounted) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Requests returns the counters by client and route.
func (s *Sim) Requests() []Recorded {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Recorded, 0, len(s.counts))
	for key, n := range s.counts {
		out = append(out, Recorded{key.client, key.route, n.all, n.refused, n.first, n.last})
	}
	slices.SortFunc(out, func(a, b Recorded) int {
		return cmp.Or(cmp.Compare(a.ClientID, b.ClientID), cmp.Compare(a.Route, b.Route))
	})
	return out
}

// TokenRequests is how many token requests a client made, refused ones included.
func (s *Sim) TokenRequests(clientID string) int64 {
	c, err := s.Client(clientID)
	if err != nil {
		return 0
	}
	return c.TokenRequests
}

// meter limits one client's pace: a bucket that refills over a minute.
type meter struct {
	tokens   float64
	filled   time.Time
	inFlight int
}

// throttle takes one request from the client's bucket. It runs for every
// request of a known client, since it also counts what is in flight.
func (s *Sim) throttle(c *call) *answer {
	if c.client == nil {
		return nil
	}
	m, limit := &c.client.meter, c.client.spec.RatePerMinute
	m.inFlight++
	if s.opts.MaxConcurrent > 0 && m.inFlight > s.opts.MaxConcurrent {
		return c.refuseByMeter(temporarilyBlocked())
	}
	if limit <= 0 {
		return nil
	}
	rate := float64(limit) / 60
	if m.filled.IsZero() {
		m.tokens = float64(limit)
	} else {
		m.tokens = min(float64(limit), m.tokens+rate*c.now.Sub(m.filled).Seconds())
	}
	m.filled = c.now
	if m.tokens < 1 {
		wait := time.Duration((1 - m.tokens) / rate * float64(time.Second))
		return c.refuseByMeter(rateLimited(wait))
	}
	m.tokens--
	return nil
}

func (c *call) refuseByMeter(a answer) *answer {
	if c.route.host == hostSOAP {
		a = soapFault(c, faultRateLimited)
	}
	return &a
}
