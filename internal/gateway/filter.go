package gateway

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// refusedMethod is what net/http is given in place of a head that is not let through.
// No client can send it: the filter knows methods.
const refusedMethod = "REFUSED"

// standIn is the request that takes the place of a bad head, so that what was
// pipelined before it is answered first, in order, and the refusal after it.
const standIn = refusedMethod + " / HTTP/1.1\r\nHost: refused\r\nConnection: close\r\n\r\n"

// refused is the error of a body that is not let through.
type refused struct{ why refusal }

func (r *refused) Error() string { return "the request was refused: " + string(r.why) }

// Where the filter is in what a client sends.
type place int

const (
	inHead place = iota
	inBody
	inSize     // the line before a chunk
	inChunk    // its bytes
	afterChunk // the CRLF behind them
	inTrailer
)

// filter is a connection whose reader sees the head of a request only when it is
// whole and has one meaning. It follows the framing of bodies, so that it knows where
// the next head begins; bytes of bodies pass as they are. After the first thing that
// is wrong nothing more is read.
type filter struct {
	net.Conn

	buf   []byte // read and not passed on
	pass  int    // of buf, what may be passed on
	scan  int    // of buf, what was searched for the end of the head
	line  int    // in buf, where the line begins that is searched
	at    place
	left  int64 // bytes of the body or chunk
	blank bool  // an empty line before the head was skipped
	got   int64 // bytes of this body
	spent time.Duration
	why   refusal // of the stand-in
	over  error   // what every further read ends with

	mu     sync.Mutex // guards the deadlines: net/http sets its own from another goroutine
	theirs time.Time
	ours   time.Time
	once   sync.Once
}

func newFilter(c net.Conn) *filter { return &filter{Conn: c} }

// Read passes on what may be passed on.
func (f *filter) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		switch {
		case f.pass > 0:
			n := copy(p, f.buf[:f.pass])
			f.pass -= n
			f.drop(n)
			return n, nil
		case f.over != nil:
			return 0, f.over
		case f.at == inBody || f.at == inChunk:
			return f.readBody(p)
		}
		if !f.next() {
			continue
		}
		if err := f.fill(); err != nil {
			return 0, err
		}
	}
}

// next looks at what is read and moves on. It is true when more has to be read first.
func (f *filter) next() (more bool) {
	switch f.at {
	case inHead:
		return f.nextHead()
	case inSize:
		return f.nextSize()
	case afterChunk:
		return f.nextCRLF()
	}
	return f.nextTrailer()
}

func (f *filter) nextHead() bool {
	if f.scan == 0 && !f.blank && len(f.buf) > 0 && f.buf[0] == '\r' {
		if len(f.buf) == 1 {
			return true
		}
		if f.blank = true; f.buf[1] == '\n' { // some clients write an empty line behind a body
			f.drop(2)
		}
	}
	end, why := f.findEnd(maxHead)
	switch {
	case why != "":
		f.refuse(why)
		return false
	case end == 0:
		return true
	}
	frame, why := readHead(f.buf[:end-2])
	if why != "" {
		f.refuse(why)
		return false
	}
	f.pass, f.blank, f.got, f.spent = end, false, 0, 0
	switch {
	case frame.chunked:
		f.at = inSize
	case frame.length > 0:
		f.at, f.left = inBody, frame.length
	}
	f.setOurs(time.Time{})
	return false
}

// findEnd is how many bytes a block of lines has that ends with an empty one; 0 while
// its end has not come.
func (f *filter) findEnd(limit int) (end int, why refusal) {
	for {
		at := bytes.IndexByte(f.buf[f.scan:], '\n')
		if at < 0 {
			f.scan = len(f.buf)
			if len(f.buf) > limit {
				return 0, refuseLarge
			}
			return 0, ""
		}
		at += f.scan
		if at == 0 || f.buf[at-1] != '\r' {
			return 0, refuseHead
		}
		if at > limit {
			return 0, refuseLarge
		}
		empty := at-1 == f.line
		f.scan, f.line = at+1, at+1
		if empty {
			f.scan, f.line = 0, 0
			return at + 1, ""
		}
	}
}

// maxSizeLine is longer than the line before any chunk.
const maxSizeLine = 20

func (f *filter) nextSize() bool {
	at := bytes.IndexByte(f.buf, '\n')
	if at < 0 && len(f.buf) <= maxSizeLine {
		return true
	}
	line, _, ok := cutLine(f.buf[:min(len(f.buf), maxSizeLine)])
	n, good := hexadecimal(line)
	if !ok || !good {
		f.breakOff(refuseChunk)
		return false
	}
	f.pass = at + 1
	if f.at, f.left = inChunk, n; n == 0 {
		f.at = inTrailer
	}
	return false
}

func (f *filter) nextCRLF() bool {
	if len(f.buf) < 2 && (len(f.buf) == 0 || f.buf[0] == '\r') {
		return true
	}
	if f.buf[0] != '\r' || f.buf[1] != '\n' {
		f.breakOff(refuseChunk)
		return false
	}
	f.pass, f.at = 2, inSize
	return false
}

// maxTrailer bounds the fields behind a chunked body.
const maxTrailer = 8 << 10

func (f *filter) nextTrailer() bool {
	end, why := f.findEnd(maxTrailer)
	if why != "" {
		f.breakOff(refuseTrailer)
		return false
	}
	if end == 0 {
		return true
	}
	for rest := f.buf[:end-2]; len(rest) > 0; {
		line, more, _ := cutLine(rest)
		name, _, why := readField(line)
		if why != "" || is(name, "content-length") || is(name, "transfer-encoding") || is(name, "host") || is(name, "trailer") {
			f.breakOff(refuseTrailer)
			return false
		}
		rest = more
	}
	f.pass, f.at = end, inHead
	f.setOurs(time.Time{})
	return false
}

// refuse puts the stand-in in the place of a head. Nothing behind it is read.
func (f *filter) refuse(why refusal) {
	f.buf, f.pass, f.why, f.over = []byte(standIn), len(standIn), why, io.EOF
	f.setOurs(time.Time{})
}

// breakOff ends a body that is wrong: what was passed on of it cannot be taken back.
func (f *filter) breakOff(why refusal) {
	f.over = &refused{why}
	f.setOurs(time.Time{})
}

func (f *filter) drop(n int) {
	f.buf = f.buf[:copy(f.buf, f.buf[n:])]
}

// readBody passes bytes of a body on, and never one beyond it.
func (f *filter) readBody(p []byte) (int, error) {
	if int64(len(p)) > f.left {
		p = p[:f.left]
	}
	var n int
	var err error
	if len(f.buf) > 0 {
		n = copy(p, f.buf)
		f.drop(n)
	} else if n, err = f.await(p); err != nil && n == 0 {
		return 0, err
	}
	f.got += int64(n)
	if f.left -= int64(n); f.left == 0 {
		if f.at == inChunk {
			f.at = afterChunk
		} else {
			f.at = inHead
			f.setOurs(time.Time{})
		}
	}
	return n, nil
}

// await reads from the client during a body, which has to come at some pace. Only the
// time that was really waited counts: when SFMC is slow to take it, nobody is to blame.
func (f *filter) await(p []byte) (int, error) {
	began := time.Now()
	f.setOurs(began.Add(bodyGrace + time.Duration(f.got)*time.Second/bodyRate - f.spent))
	n, err := f.Conn.Read(p)
	f.spent += time.Since(began)
	if err != nil && f.isOurs(err) {
		f.breakOff(refuseSlowBody)
		err = f.over
	}
	return n, err
}

// fill reads more of what has to be whole before it is passed on.
func (f *filter) fill() error {
	if len(f.buf) == cap(f.buf) {
		bigger := make([]byte, len(f.buf), max(4<<10, 2*cap(f.buf)))
		copy(bigger, f.buf)
		f.buf = bigger
	}
	if f.at != inHead {
		n, err := f.await(f.buf[len(f.buf):cap(f.buf)])
		f.buf, f.got = f.buf[:len(f.buf)+n], f.got+int64(n)
		if n > 0 {
			return nil
		}
		return err
	}
	n, err := f.Conn.Read(f.buf[len(f.buf):cap(f.buf)])
	if n > 0 {
		if len(f.buf) == 0 {
			f.setOurs(time.Now().Add(headTime)) // idle until now; from here on it is a head
		}
		f.buf = f.buf[:len(f.buf)+n]
		return nil
	}
	if err != nil && f.isOurs(err) {
		f.refuse(refuseSlow)
		return nil
	}
	return err
}

// SetReadDeadline is net/http's: for idle connections, and to wake a read up.
func (f *filter) SetReadDeadline(t time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.theirs = t
	return f.Conn.SetReadDeadline(earlier(f.theirs, f.ours))
}

// SetDeadline is SetReadDeadline and SetWriteDeadline.
func (f *filter) SetDeadline(t time.Time) error {
	return errors.Join(f.SetReadDeadline(t), f.SetWriteDeadline(t))
}

func (f *filter) setOurs(t time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t.IsZero() && f.ours.IsZero() {
		return
	}
	f.ours = t
	_ = f.Conn.SetReadDeadline(earlier(f.theirs, f.ours)) // a closed connection says so when it is read
}

// isOurs reports whether a read ended by our deadline and not by net/http's.
func (f *filter) isOurs(err error) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Is(err, os.ErrDeadlineExceeded) && !f.ours.IsZero() && (f.theirs.IsZero() || f.ours.Before(f.theirs))
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Write gives a client that does not take its answer a limited time.
func (f *filter) Write(p []byte) (int, error) {
	if err := f.Conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return 0, err
	}
	return f.Conn.Write(p)
}

// CloseWrite is for net/http, which says so that it will read no more.
func (f *filter) CloseWrite() error {
	if c, ok := f.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}

// Close ends the connection. After a refusal the client gets a moment to read it: if
// bytes of its own lay unread, the kernel would reset the connection and take the
// answer away.
func (f *filter) Close() error {
	f.once.Do(func() {
		if f.over != nil && f.CloseWrite() == nil {
			_ = f.Conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
			_, _ = io.CopyN(io.Discard, f.Conn, 64<<10)
		}
	})
	return f.Conn.Close()
}
