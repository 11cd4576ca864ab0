package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
	"sync"
	"time"

	"keepwatch"
	"keepwatch/internal/egress"
	"keepwatch/internal/sfmc"
)

// OwnHeader marks an answer that is ours and not SFMC's.
const OwnHeader = "Keepwatch-Gateway"

// exchange is one request on its way.
type exchange struct {
	g     *Gateway
	f     *face
	w     http.ResponseWriter
	r     *http.Request
	rt    route
	what  sfmc.Passing
	began time.Time

	upload upload
	answer tap
	seen   *seen

	sent     time.Time // when the request went out
	answered time.Time // when the head of the answer had come
	early    *rest     // the body of the answer
	status   int
	failure  error // of SFMC's side
	told     bool
}

// serve is the handler of every listener.
func (g *Gateway) serve(f *face, w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	conn, _ := r.Context().Value(connKey{}).(*filter)
	state := r.TLS
	if conn != nil {
		state = tlsState(conn)
	}
	if why := inadmissible(conn, r); why != "" {
		g.refuse(w, why)
		return
	}
	rt, why := f.route(r)
	if why != "" {
		g.refuse(w, why)
		return
	}
	if r.ContentLength > f.shared.Limits.Body {
		g.refuse(w, refuseBody)
		return
	}
	x := &exchange{g: g, f: f, w: w, r: r, rt: rt, began: began, what: sfmc.PassingOf(rt.host, r.Method, rt.path())}
	if r.ProtoMajor == 1 && r.ContentLength != 0 {
		// net/http would else hold the answer back until it has the whole body.
		_ = http.NewResponseController(w).EnableFullDuplex() // every server of HTTP/1 can
	}
	x.upload.conn = conn
	x.seen = newSeen(x, state)
	defer x.over()
	proxy := httputil.ReverseProxy{
		Rewrite: x.rewrite, Transport: x, ModifyResponse: x.modify, ErrorHandler: x.fail, BufferPool: buffers{},
	}
	proxy.ServeHTTP(&flusher{ResponseWriter: w, x: x}, r)
}

// inadmissible finds what the filter has replaced, and over HTTP/2 what the filter
// would have refused.
func inadmissible(conn *filter, r *http.Request) refusal {
	switch {
	case conn != nil && r.Method == refusedMethod:
		return conn.why
	case !allowed(r.Method):
		return refuseMethod
	case r.ProtoMajor < 2:
		return ""
	case !plainHost([]byte(r.Host)):
		return refuseHost
	}
	if strings.ContainsFunc(r.RequestURI, func(c rune) bool { return c <= ' ' || c == 0x7f || c == '#' }) {
		return refuseTarget
	}
	fields := 0
	for name, values := range r.Header {
		if fields += len(values); strings.Contains(name, "_") {
			return refuseUnderscore
		}
	}
	if fields > maxFields {
		return refuseLarge
	}
	return ""
}

// tlsState is that of the connection below the filter, nil without TLS.
func tlsState(f *filter) *tls.ConnectionState {
	if secure, ok := f.Conn.(*tls.Conn); ok {
		state := secure.ConnectionState()
		return &state
	}
	return nil
}

// rewrite makes the request to SFMC out of the client's. ReverseProxy has removed
// what belongs to the connection, and X-Forwarded-*.
func (x *exchange) rewrite(p *httputil.ProxyRequest) {
	p.Out.URL, p.Out.Host = x.rt.upstream(), ""
	p.Out.Header.Del("Upgrade") // an upgrade is not passed on; a server may always ignore one
	p.Out.Header.Del("Connection")
	p.Out.Header.Del("Http2-Settings")
	if h := x.f.shared.HolderHeader; h != "" {
		p.Out.Header.Del(h)
	}
	if p.Out.Body != nil {
		if x.r.ContentLength < 0 && x.r.Trailer == nil {
			x.r.Trailer = http.Header{} // for those that were not announced
		}
		p.Out.Trailer = x.r.Trailer // filled when the body has been read
		x.upload.ReadCloser, x.upload.left = p.Out.Body, x.f.shared.Limits.Body
		p.Out.Body = &x.upload
	}
}

// RoundTrip sends it, and takes the time of both halves of what we add.
func (x *exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	if x.r.ProtoMajor == 2 && req.Body != nil {
		x.pace()
	}
	x.sent = time.Now()
	res, err := x.g.wire.RoundTrip(req)
	x.answered = time.Now()
	return res, err
}

// pace gives the body of an HTTP/2 request a limited time; the filter, which does so
// for HTTP/1, is not there.
func (x *exchange) pace() {
	limit := bodyGrace
	if x.r.ContentLength > 0 {
		limit += time.Duration(x.r.ContentLength/bodyRate) * time.Second
	} else {
		limit += time.Duration(x.f.shared.Limits.Body/bodyRate) * time.Second
	}
	_ = http.NewResponseController(x.w).SetReadDeadline(x.began.Add(limit)) // a stream without deadlines has none to set
}

// modify lets the answer pass, but for the addresses in an answer that has some.
func (x *exchange) modify(res *http.Response) error {
	x.status = res.StatusCode
	x.seen.header(res)
	if res.StatusCode >= http.StatusMultipleChoices || x.what.Shaped {
		x.answer.limit = keptAnswer // else the status says all
	}
	if x.what.Kind == keepwatch.CallToken {
		x.answer.limit = maxTokenAnswer
	}
	swap := x.what.Instances && !x.f.shared.KeepInstanceURLs
	if res.StatusCode == http.StatusOK && x.r.Method != http.MethodHead && (swap || x.what.Kind == keepwatch.CallToken) {
		x.holdAnswer(res, swap)
	}
	h := x.w.Header()
	for _, name := range []string{"Date", "Content-Type"} { // net/http adds them where SFMC sends none
		if _, ok := res.Header[name]; !ok {
			h[name] = nil
		}
	}
	x.early, _ = res.Body.(*rest)
	res.Body = &download{ReadCloser: res.Body, x: x}
	// ReverseProxy flushes by a timer where this says that the length is not known;
	// the flusher does so at once and in fewer pieces.
	res.ContentLength = 0
	return nil
}

// fail answers in SFMC's place, or breaks off as SFMC did.
func (x *exchange) fail(w http.ResponseWriter, _ *http.Request, err error) {
	var away *unreachable
	if errors.Is(err, context.Canceled) {
		x.upload.settle()
	}
	why, broken := x.upload.ending()
	switch {
	case why != "":
		x.g.refuse(w, why)
		return
	case broken:
		panic(http.ErrAbortHandler)
	case errors.Is(err, context.Canceled):
		x.failure = err
		panic(http.ErrAbortHandler)
	}
	x.failure = err
	switch {
	case isTimeout(err):
		x.own(w, http.StatusGatewayTimeout, "no answer from SFMC in time")
	case errors.As(err, &away), egress.Diagnose(err) == keepwatch.UnexpectedResponse:
		x.own(w, http.StatusBadGateway, "no answer from SFMC: "+string(egress.Diagnose(err)))
	default:
		// SFMC has closed the connection without an answer. Its clients know what to do
		// with that, and an answer of ours would be another thing.
		panic(http.ErrAbortHandler)
	}
}

func (x *exchange) own(w http.ResponseWriter, status int, text string) {
	x.g.count(x, "none")
	ownAnswer(w, status, string(egress.Diagnose(x.failure)), text)
}

// over hands on what was seen. It runs when the exchange has panicked, too: that is
// how ReverseProxy ends one whose connection broke.
func (x *exchange) over() {
	x.done()
	x.g.wear(x.r, x.status > 0)
	if x.status > 0 {
		x.g.count(x, strconv.Itoa(x.status/100)+"xx")
	}
	if !x.told {
		x.g.tell(x)
	}
}

// refuse answers what is not forwarded. The body cannot be taken for one of SFMC's.
func (g *Gateway) refuse(w http.ResponseWriter, why refusal) {
	g.metrics.GatewayRefused(string(why))
	status := http.StatusBadRequest
	switch why {
	case refuseMethod:
		status = http.StatusMethodNotAllowed
	case refuseTenant, refuseService, refuseHolder:
		status = http.StatusNotFound
	case refuseForeign:
		status = http.StatusMisdirectedRequest
	case refuseBody:
		status = http.StatusRequestEntityTooLarge
	case refuseLarge:
		status = http.StatusRequestHeaderFieldsTooLarge
	case refuseSlow, refuseSlowBody:
		status = http.StatusRequestTimeout
	}
	w.Header().Set("Connection", "close")
	ownAnswer(w, status, string(why), "this request is not forwarded: "+strings.ReplaceAll(string(why), "_", " "))
}

func ownAnswer(w http.ResponseWriter, status int, why, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set(OwnHeader, why)
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "Keepwatch gateway: %s.\n", text) //nolint:gosec // a text of ours, and plain; a failure has nobody to be told to
}

// upload is the client's body on its way up. It may be read beside the handler, and
// after it: SFMC may answer before the body is out.
type upload struct {
	io.ReadCloser
	conn *filter // nil over HTTP/2

	reading sync.Mutex // held while the client's side is read

	mu      sync.Mutex
	left    int64
	tap     tap     // of the body of a login
	refused refusal // why the body was cut off
	broken  bool    // the client's side failed
	sealed  bool    // the exchange is over
}

func (u *upload) Read(p []byte) (int, error) {
	u.reading.Lock()
	defer u.reading.Unlock()
	n, err := u.ReadCloser.Read(p)
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.sealed {
		return 0, &senderFault{errAnswered}
	}
	u.tap.take(p[:n])
	if u.left -= int64(n); u.left < 0 {
		u.refused = refuseBody
		return 0, &senderFault{errors.New("the body is too large")}
	}
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	u.broken = true
	var bad *refused
	// net/http does not always hand the filter's error on as it is.
	if errors.As(err, &bad) || u.conn != nil && errors.As(u.conn.over, &bad) {
		u.refused = bad.why
	}
	return n, &senderFault{err}
}

// settle waits for a read that is under way. net/http cancels a request whose body cannot
// be read before it hands the error on, so that the exchange may end before its reason is
// known; by then the read has only to return.
func (u *upload) settle() {
	u.reading.Lock()
	defer u.reading.Unlock()
}

// ending says how the body went wrong.
func (u *upload) ending() (refusal, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.refused, u.broken
}

// seal takes what was kept. What is read later is not looked at.
func (u *upload) seal() tap {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.sealed = true
	t := u.tap
	u.tap = tap{}
	return t
}

// download is SFMC's answer on its way down.
type download struct {
	io.ReadCloser
	x *exchange
}

func (d *download) Read(p []byte) (int, error) {
	n, err := d.ReadCloser.Read(p)
	d.x.answer.take(p[:n])
	if err != nil && !errors.Is(err, io.EOF) && d.x.r.Context().Err() == nil {
		d.x.failure = err
	}
	if errors.Is(err, io.EOF) {
		d.x.answer.whole = true
	}
	return n, err
}

// flusher passes each piece of an answer on when it comes. Head and first piece go
// together where the first piece is there already.
type flusher struct {
	http.ResponseWriter
	x *exchange
}

func (f *flusher) WriteHeader(status int) {
	if status == http.StatusNotModified {
		keepOn304(f.Header())
	}
	f.ResponseWriter.WriteHeader(status)
	if body := f.x.early; status >= 200 && body != nil && !body.done && !body.ready() {
		_ = http.NewResponseController(f.ResponseWriter).Flush() // a failure shows with the next write
	}
}

// Unwrap is for http.ResponseController.
func (f *flusher) Unwrap() http.ResponseWriter { return f.ResponseWriter }

func (f *flusher) Write(p []byte) (int, error) {
	n, err := f.ResponseWriter.Write(p)
	if err == nil {
		err = http.NewResponseController(f.ResponseWriter).Flush()
	}
	f.x.done()
	return n, err
}

// keepOn304 spells two names so that net/http does not know them: it takes them off
// answers without a body, where SFMC may well send them.
func keepOn304(h http.Header) {
	for _, name := range []string{"Content-Type", "Content-Length"} {
		if values := h[name]; values != nil {
			delete(h, name)
			h[strings.ToLower(name)] = values
		}
	}
}

// done counts what we have added, once the head is on its way.
func (x *exchange) done() {
	if !x.answered.IsZero() {
		x.g.metrics.GatewayAdded(x.sent.Sub(x.began) + time.Since(x.answered))
		x.answered = time.Time{}
	}
}

// buffers are those that bodies are copied through.
type buffers struct{}

var pool = sync.Pool{New: func() any { return new([32 << 10]byte) }}

func (buffers) Get() []byte { return pool.Get().(*[32 << 10]byte)[:] }

func (buffers) Put(b []byte) {
	clear(b) // tokens and bodies have been in it
	pool.Put((*[32 << 10]byte)(b))
}

// tap keeps the beginning of what passes, and perhaps its end.
type tap struct {
	limit, tail int
	head, end   []byte
	size        int64
	whole       bool
}

func (t *tap) take(p []byte) {
	t.size += int64(len(p))
	if room := t.limit - len(t.head); room > 0 {
		n := min(room, len(p))
		t.head, p = append(t.head, p[:n]...), p[n:]
	}
	if t.tail == 0 || len(p) == 0 {
		return
	}
	t.end = append(t.end, p[max(0, len(p)-t.tail):]...)
	if over := len(t.end) - t.tail; over > 0 {
		t.end = t.end[:copy(t.end, t.end[over:])]
	}
}

// complete is the whole of what passed, when it was kept.
func (t *tap) complete() bool { return t.size == int64(len(t.head)) }

func (t *tap) wipe() {
	clear(t.head[:cap(t.head)])
	clear(t.end[:cap(t.end)])
}
