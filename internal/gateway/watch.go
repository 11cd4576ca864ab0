package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"keepwatch"
	"keepwatch/internal/egress"
	"keepwatch/internal/sfmc"
)

// Witness is told of each call that went by. Saw never blocks and never fails.
type Witness interface {
	Saw(keepwatch.Call)
}

const (
	keptAnswer = 4 << 10  // of an answer that is not good, and of a SOAP answer
	keptAsk    = 8 << 10  // of the beginning of an envelope …
	keptEnd    = 4 << 10  // … and of its end, where one client has its header
	maxPending = 32 << 20 // bytes that wait to be read
	queueRoom  = 8192
)

// seen is what an exchange showed, on its way to the reader.
type seen struct {
	call    keepwatch.Call
	what    sfmc.Passing
	known   known
	bearer  string // of the Authorization header
	action  string // of the SOAPAction header
	kind    string // content type of the request
	reply   sfmc.Reply
	packed  string // content encoding of the answer
	failure error
	gaveUp  bool // the client did not wait for the answer

	ask    tap
	answer tap
	asIs   []byte // a token answer before it was changed
}

func newSeen(x *exchange, state *tls.ConnectionState) *seen {
	s := &seen{what: x.what, known: x.f.shared.known, kind: x.r.Header.Get("Content-Type")}
	s.call = keepwatch.Call{
		Via: keepwatch.ViaGateway, Tenant: x.rt.tenant.id, Kind: x.what.Kind, Family: x.what.Family, At: x.began,
		Holder: x.f.holderOf(x.r, x.rt, state),
	}
	if token, found := cutPrefixFold(x.r.Header.Get("Authorization"), "Bearer "); found {
		s.bearer = token
	}
	if x.what.Login {
		s.action = x.r.Header.Get("SOAPAction")
		body := &x.upload.tap
		body.limit, body.tail = keptAsk, keptEnd
		if x.what.Kind == keepwatch.CallToken {
			body.limit, body.tail = sfmc.MaxTokenAsk+1, 0
		}
		room := body.limit
		if n := x.r.ContentLength; n >= 0 && n < int64(room) {
			room = int(n)
		}
		body.head = make([]byte, 0, room) // at once: growing would leave copies of secrets
	}
	return s
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return "", false
	}
	return s[len(prefix):], true
}

// header keeps what the answer's head says.
func (s *seen) header(res *http.Response) {
	s.call.Status = res.StatusCode
	s.reply = sfmc.Reply{
		On: s.what.On, Status: res.StatusCode, ContentType: res.Header.Get("Content-Type"),
		RetryAfter: res.Header.Get("Retry-After"), Location: res.Header.Get("Location"),
	}
	s.packed = res.Header.Get("Content-Encoding")
}

// original keeps a token answer as SFMC gave it.
func (s *seen) original(body []byte) { s.asIs = body }

func (s *seen) size() int64 {
	return int64(len(s.ask.head) + len(s.ask.end) + len(s.answer.head) + len(s.asIs) + len(s.bearer) + 512)
}

func (s *seen) wipe() {
	s.ask.wipe()
	s.answer.wipe()
	clear(s.asIs)
}

// watcher reads what was seen, one after the other: a token has to be known before
// the first call that carries it.
type watcher struct {
	witness Witness
	printer *Printer
	tokens  *tokens
	lost    func()

	queue   chan *seen
	pending atomic.Int64
	working sync.WaitGroup

	mu    sync.RWMutex // guards the queue against being closed under a sender
	ended bool
}

func newWatcher(w Witness, p *Printer, lost func()) *watcher {
	return &watcher{witness: w, printer: p, tokens: newTokens(), lost: lost, queue: make(chan *seen, queueRoom)}
}

func (w *watcher) start() {
	w.working.Go(func() {
		for s := range w.queue {
			w.pending.Add(-s.size())
			w.read(s)
		}
	})
}

// stop reads what is left. It gives up with the context.
func (w *watcher) stop(ctx context.Context) {
	w.mu.Lock()
	if !w.ended {
		w.ended = true
		close(w.queue)
	}
	w.mu.Unlock()
	done := make(chan struct{})
	go func() { w.working.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// tell queues what an exchange showed. It never waits: no room means one observation
// less, never a slower request.
func (g *Gateway) tell(x *exchange) {
	defer func() {
		if v := recover(); v != nil {
			g.watcher.lost()
		}
	}()
	s := x.seen
	why, broken := x.upload.ending()
	s.ask, s.answer = x.upload.seal(), x.answer
	s.call.Took = time.Since(x.began)
	s.failure = x.failure
	if errors.Is(x.failure, context.Canceled) {
		s.gaveUp = true
	}
	if why != "" || broken || s.gaveUp && s.call.Took < patience {
		s.wipe() // what the client broke off says nothing about SFMC
		return
	}
	g.watcher.put(s)
}

// patience is how long a client has to have waited for its giving up to mean that
// SFMC does not answer.
const patience = 5 * time.Second

func (w *watcher) put(s *seen) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	size := s.size()
	if !w.ended && w.pending.Load()+size <= maxPending {
		w.pending.Add(size)
		select {
		case w.queue <- s:
			return
		default:
			w.pending.Add(-size)
		}
	}
	s.wipe()
	w.lost()
}

// read makes a call of what was seen and tells of it. Whatever goes wrong here costs
// one observation.
func (w *watcher) read(s *seen) {
	defer s.wipe()
	defer func() {
		if v := recover(); v != nil {
			w.lost()
		}
	}()
	w.witness.Saw(w.call(s))
}

func (w *watcher) call(s *seen) keepwatch.Call {
	c := s.call
	s.reply.Now = c.At.Add(c.Took)
	switch {
	case s.what.Kind == keepwatch.CallToken:
		w.tokenCall(&c, s)
	case s.what.Login:
		w.soapCall(&c, s)
	default:
		w.tie(&c, []byte(s.bearer), s)
		w.judge(&c, s)
	}
	return c
}

// tokenCall reads a request for a token and its answer.
func (w *watcher) tokenCall(c *keepwatch.Call, s *seen) {
	ask, ok := sfmc.ReadTokenAsk(s.kind, s.ask.head)
	defer ask.Wipe()
	if ok {
		c.ClientID = ask.ClientID
		c.Credential = s.known.credential(c.Tenant, ask.ClientID, ask.Account)
		c.Secret = w.printer.Secret(c.Tenant, ask.ClientID, ask.Secret)
		s.reply.Hide = append(s.reply.Hide, ask.Secret, ask.Refresh)
	}
	w.judge(c, s)
	if !ok {
		withhold(c)
	}
	if c.Outcome != keepwatch.OK {
		return
	}
	token, v := sfmc.ReadToken(s.reply)
	if !v.OK() {
		return
	}
	c.Scopes = token.Scopes
	who := owner{credential: c.Credential, client: c.ClientID, holder: c.Holder, tenant: c.Tenant}
	until := c.At.Add(c.Took + token.ExpiresIn)
	for _, t := range []keepwatch.Secret{token.Access, token.Legacy} {
		if !t.Empty() {
			w.tokens.put(w.printer.token(t.Reveal()), who, until, c.At)
			clear(t.Reveal())
		}
	}
	if !token.Refresh.Empty() {
		clear(token.Refresh.Reveal())
	}
}

// soapCall reads who asks in an envelope. A login with a password stands for a
// request for a token.
func (w *watcher) soapCall(c *keepwatch.Call, s *seen) {
	ask := sfmc.ReadSOAPAsk(s.action, s.ask.head, s.ask.end)
	defer ask.Wipe()
	if ask.Method != "" {
		c.Family = ask.Method
	}
	s.reply.Hide = append(s.reply.Hide, ask.Token, ask.Password)
	switch {
	case ask.Login():
		s.reply.On = sfmc.OnLogin
		s.what.On = sfmc.OnLogin
		c.Kind, c.ClientID = keepwatch.CallToken, ask.Username
		c.Family = ""
		c.Credential = s.known.credential(c.Tenant, ask.Username, 0)
		c.Secret = w.printer.Secret(c.Tenant, ask.Username, ask.Password)
	case len(ask.Token) > 0:
		w.tie(c, ask.Token, s)
	default:
		w.tie(c, []byte(s.bearer), s)
		defer withhold(c)
	}
	w.judge(c, s)
	if ask.Login() && letIn(c) {
		c.Outcome, c.Evidence = keepwatch.OK, ""
	}
}

// letIn reports whether a login was accepted although its call was not: an answer of 200
// whose status within is an error is one to a request that was looked at, and that comes
// after the password.
func letIn(c *keepwatch.Call) bool {
	switch c.Outcome {
	case keepwatch.BadRequest, keepwatch.NotFound, keepwatch.ScopeMissing:
		return c.Status == http.StatusOK
	}
	return false
}

// withhold takes SFMC's words off a call whose secrets could not be found in its
// request: they might be among the words.
func withhold(c *keepwatch.Call) {
	if c.Evidence != "" && c.Status > 0 {
		c.Evidence = fmt.Sprintf("HTTP %d; the request could not be read", c.Status)
	}
}

// tie finds whose token a call carries.
func (w *watcher) tie(c *keepwatch.Call, token []byte, s *seen) {
	if len(token) == 0 {
		return
	}
	s.reply.Hide = append(s.reply.Hide, token)
	who, ok := w.tokens.get(w.printer.token(token), c.At)
	if !ok || who.tenant != c.Tenant {
		return
	}
	c.Credential, c.ClientID = who.credential, who.client
	if c.Credential == "" { // it was registered meanwhile
		c.Credential = s.known.credential(c.Tenant, who.client, 0)
	}
	if c.Holder == "" {
		c.Holder = who.holder
	}
}

// judge names the outcome.
func (w *watcher) judge(c *keepwatch.Call, s *seen) {
	switch {
	case s.gaveUp && c.Status == 0:
		c.Outcome, c.Evidence = keepwatch.Timeout, fmt.Sprintf("the caller gave up after %s", c.Took.Round(time.Second))
		return
	case s.failure != nil && !s.gaveUp:
		c.Outcome, c.Evidence = egress.Diagnose(s.failure), sfmc.Evidence(failureText(s.failure))
		if isTimeout(s.failure) {
			c.Outcome = keepwatch.Timeout
		}
		return
	}
	body, whole := s.answer.head, s.answer.whole && s.answer.complete()
	if s.asIs != nil {
		body, whole = s.asIs, true
	}
	if s.packed == "gzip" {
		body, whole = unpackPart(body, whole)
	} else if s.packed != "" && !strings.EqualFold(s.packed, "identity") {
		body, whole = nil, false
	}
	s.reply.Body = body
	v := sfmc.ClassifyPart(s.reply, s.what, whole)
	c.Outcome, c.RetryAfter = v.Outcome, v.RetryAfter
	if !v.OK() {
		c.Evidence = longWord.ReplaceAllString(v.Evidence, "[…]")
	}
}

// longWord may be a piece of the request's body, which was not kept and so cannot be
// looked for. SFMC's own words are shorter.
var longWord = regexp.MustCompile(`[A-Za-z0-9+/=_%-]{21,}`)

// failureText is what may be shown of an error of the network: it holds addresses
// and no bytes of the exchange.
func failureText(err error) string {
	if egress.Diagnose(err) == keepwatch.UnexpectedResponse {
		return "the answer is no HTTP" // net/http quotes what it could not read
	}
	return egress.Redact(err).Error()
}

// unpackPart opens what there is of a gzip body.
func unpackPart(body []byte, whole bool) ([]byte, bool) {
	if whole {
		if plain, ok := unpack(body, maxUnpacked); ok {
			return plain, true
		}
	}
	return nil, false
}
