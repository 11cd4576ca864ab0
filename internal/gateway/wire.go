package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"keepwatch/internal/egress"
)

const (
	answerWait   = 300 * time.Second // the longest patience of a client that we know of, but one
	continueWait = time.Second       // that a body is held back for "100 Continue"
	maxAnswer    = 256 << 10         // bytes of an answer's head
	maxIdle      = 512               // connections kept for one host
	idleKept     = 30 * time.Second
)

// wire sends requests to SFMC over HTTP/1.1, each once. http.Transport would send a
// GET again by itself when a kept-alive connection breaks, and hide what the holder
// should live through; and its two goroutines for each connection cost more than all
// else that happens to a request here. A connection that SFMC has closed meanwhile is
// found out before it is used.
type wire struct {
	egress *egress.Client

	mu    sync.Mutex
	idle  map[string][]*line // by scheme and host, the newest last
	sweep *time.Timer
	ended bool
}

// line is one connection to SFMC.
type line struct {
	conn  net.Conn
	plain net.Conn // below TLS
	in    *io.LimitedReader
	r     *bufio.Reader
	w     *bufio.Writer
	key   string
	proxy bool // requests name the whole address
	since time.Time
}

// unreachable is the error of a request that was not sent: there was no connection.
type unreachable struct{ err error }

func (u *unreachable) Error() string { return "no connection: " + u.err.Error() }
func (u *unreachable) Unwrap() error { return u.err }

func newWire(e *egress.Client) *wire { return &wire{egress: e, idle: map[string][]*line{}} }

// RoundTrip implements http.RoundTripper.
func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	l, err := w.line(ctx, req.URL)
	if err != nil {
		return nil, &unreachable{err}
	}
	stop := context.AfterFunc(ctx, func() { _ = l.conn.Close() })
	proceed := newGate(req)
	sent := l.send(req)
	res, err := l.answer(req, proceed)
	proceed.refuse() // nobody waits for a continuation after the answer
	if err != nil {
		stop()
		_ = l.conn.Close()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, err
	}
	res.Body = &rest{ReadCloser: res.Body, w: w, l: l, sent: sent, stop: stop, keep: !res.Close}
	if res.Body.(*rest).ReadCloser == http.NoBody {
		res.Body.(*rest).finish(true)
	}
	return res, nil
}

// smallBody is sent in one piece with its head.
const smallBody = 16 << 10

// together keeps net/http from sending the head of a request by itself: it looks for
// the type behind.
type together struct{ *bufio.Writer }

// send writes the request. A body is sent beside, since the answer may come before its
// end, unless it is so small that waiting for it costs less; nil means that all is out
// or has failed, which the answer will show.
func (l *line) send(req *http.Request) <-chan error {
	if l.proxy && req.URL.Opaque != "" {
		req.URL.Opaque = "//" + req.URL.Host + req.URL.Opaque // makes it the whole address
	}
	write := req.Write
	small := req.ContentLength > 0 && req.ContentLength <= smallBody && !expects(req)
	if req.Body == nil || req.Body == http.NoBody || small {
		if err := write(together{l.w}); err == nil {
			_ = l.w.Flush() // a failure is one of the read that follows
		} else if small {
			_ = l.conn.Close() // half a request must not stay, and no answer is waited for
		}
		return nil
	}
	body := &source{ReadCloser: req.Body}
	req.Body = body
	sent := make(chan error, 1)
	go func() {
		err := write(l.w)
		if err == nil {
			err = l.w.Flush()
		}
		if body.failed {
			_ = l.conn.Close() // half a request must not stay: its sender is gone
		}
		sent <- err
	}()
	return sent
}

// answer reads until the head of the final answer.
func (l *line) answer(req *http.Request, proceed *gate) (*http.Response, error) {
	for range 16 {
		l.in.N = maxAnswer
		if err := l.conn.SetReadDeadline(time.Now().Add(answerWait)); err != nil {
			return nil, err
		}
		res, err := http.ReadResponse(l.r, req)
		switch {
		case err != nil && l.in.N <= 0:
			return nil, errors.New("the head of the answer is too large")
		case err != nil:
			return nil, err
		case res.StatusCode == http.StatusSwitchingProtocols:
			return nil, errors.New("malformed HTTP response: another protocol was not asked for")
		case res.StatusCode >= 200:
			l.in.N = math.MaxInt64
			return res, l.conn.SetReadDeadline(time.Time{})
		case res.StatusCode == http.StatusContinue && !proceed.claim():
			continue // the client was told so already
		}
		if err := interim(req.Context(), res); err != nil {
			return nil, err
		}
		if res.StatusCode == http.StatusContinue {
			proceed.open() // after the client has ours: net/http would send one of its own
		}
	}
	return nil, errors.New("malformed HTTP response: too many interim answers")
}

func interim(ctx context.Context, res *http.Response) error {
	if trace := httptrace.ContextClientTrace(ctx); trace != nil && trace.Got1xxResponse != nil {
		return trace.Got1xxResponse(res.StatusCode, textproto.MIMEHeader(res.Header))
	}
	return nil
}

// gate holds a body back until SFMC asks for it, where the client waits for that.
type gate struct {
	io.ReadCloser
	way  chan bool
	once sync.Once

	mu     sync.Mutex
	passed bool // the client is told to go on, by SFMC or for want of it
}

// newGate is nil where the client does not wait.
func newGate(req *http.Request) *gate {
	if req.Body == nil || req.Body == http.NoBody || !expects(req) {
		return nil
	}
	g := &gate{ReadCloser: req.Body, way: make(chan bool, 1)}
	req.Body = g
	return g
}

// Read waits for a moment: there are servers that do not answer an expectation.
func (g *gate) Read(p []byte) (int, error) {
	g.once.Do(func() {
		timer := time.NewTimer(continueWait)
		defer timer.Stop()
		select {
		case ok := <-g.way:
			if !ok {
				g.ReadCloser = failed{errAnswered}
			}
		case <-timer.C:
			g.claim()
		}
	})
	return g.ReadCloser.Read(p)
}

// claim is true for the first who tells the client to go on.
func (g *gate) claim() bool {
	if g == nil {
		return true
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	first := !g.passed
	g.passed = true
	return first
}

func (g *gate) open()   { g.say(true) }
func (g *gate) refuse() { g.say(false) }

func (g *gate) say(ok bool) {
	if g == nil {
		return
	}
	select {
	case g.way <- ok:
	default:
	}
}

func expects(req *http.Request) bool {
	return strings.EqualFold(req.Header.Get("Expect"), "100-continue")
}

// source notes that the client's side failed: net/http does not hand its error on in
// a form that could be known again.
type source struct {
	io.ReadCloser
	failed bool
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	var own *senderFault
	s.failed = s.failed || errors.As(err, &own)
	return n, err
}

// senderFault is an error of reading what the client sends.
type senderFault struct{ err error }

func (s *senderFault) Error() string { return "the client: " + s.err.Error() }
func (s *senderFault) Unwrap() error { return s.err }

var errAnswered = errors.New("answered before the body was asked for")

type failed struct{ err error }

func (f failed) Read([]byte) (int, error) { return 0, f.err }
func (f failed) Close() error             { return nil }

// rest is the body of an answer. When it was read to its end the connection serves
// the next request.
type rest struct {
	io.ReadCloser
	w    *wire
	l    *line
	sent <-chan error
	stop func() bool
	keep bool
	done bool
}

func (b *rest) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		b.finish(true)
	} else if err != nil {
		b.finish(false)
	}
	return n, err
}

func (b *rest) Close() error {
	b.finish(false)
	return nil
}

// ready reports whether more of the body has come already.
func (b *rest) ready() bool { return !b.done && b.l.r.Buffered() > 0 }

func (b *rest) finish(whole bool) {
	if b.done {
		return
	}
	b.done = true
	keep := b.stop() && whole && b.keep && b.l.r.Buffered() == 0
	if b.sent != nil && keep {
		select {
		case err := <-b.sent:
			keep = err == nil
		default: // the answer came before the request was out
			keep = false
		}
	}
	if !keep || !b.w.put(b.l) {
		_ = b.l.conn.Close()
	}
}

// line takes a kept connection or makes one.
func (w *wire) line(ctx context.Context, u *url.URL) (*line, error) {
	key := u.Scheme + "://" + u.Host
	for {
		l := w.take(key)
		if l == nil {
			return w.dial(ctx, u, key)
		}
		if time.Since(l.since) < idleKept && quiet(l.plain) {
			return l, nil
		}
		_ = l.conn.Close()
	}
}

func (w *wire) take(key string) *line {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.idle[key]
	if len(all) == 0 {
		return nil
	}
	l := all[len(all)-1]
	all[len(all)-1] = nil
	w.idle[key] = all[:len(all)-1]
	return l
}

func (w *wire) put(l *line) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended || len(w.idle[l.key]) >= maxIdle {
		return false
	}
	l.since = time.Now()
	w.idle[l.key] = append(w.idle[l.key], l)
	if w.sweep == nil {
		w.sweep = time.AfterFunc(idleKept, w.sweepIdle)
	}
	return true
}

// sweepIdle closes what was not used for a while, and comes back while there is more.
func (w *wire) sweepIdle() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sweep = nil
	for key, all := range w.idle {
		kept := all[:0]
		for _, l := range all {
			if time.Since(l.since) >= idleKept {
				_ = l.conn.Close()
			} else {
				kept = append(kept, l)
			}
		}
		clear(all[len(kept):])
		if w.idle[key] = kept; len(kept) == 0 {
			delete(w.idle, key)
		}
	}
	if len(w.idle) > 0 && !w.ended {
		w.sweep = time.AfterFunc(idleKept/2, w.sweepIdle)
	}
}

// close ends every idle connection; those in use end with their exchange.
func (w *wire) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	if w.sweep != nil {
		w.sweep.Stop()
	}
	for key, all := range w.idle {
		for _, l := range all {
			_ = l.conn.Close()
		}
		delete(w.idle, key)
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

func newLine(conn, plain net.Conn, key string, proxy bool) *line {
	in := &io.LimitedReader{R: conn, N: maxAnswer}
	return &line{conn: conn, plain: plain, in: in, r: bufio.NewReader(in), w: bufio.NewWriter(conn), key: key, proxy: proxy}
}

func badProxy(format string, args ...any) error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: fmt.Errorf(format, args...)}
}
