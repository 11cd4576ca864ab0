package sim

import (
	"bytes"
	"compress/gzip"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"keepwatch"
)

// hugeBody is more than any client should read; it is streamed from one buffer.
const (
	hugeBody  = 9 << 20
	chunkSize = 64 << 10
)

// wire spoils the answer below the interface.
func (s *Sim) wire(w http.ResponseWriter, c *call, f *Fault) {
	switch f.Name {
	case "maintenance":
		maintenancePage().write(w)
	case "html":
		answer{status: http.StatusOK, kind: "text/html; charset=utf-8", body: []byte(loginPage)}.write(w)
	case "redirect":
		target := "http://redirect.invalid" + c.r.URL.Path
		if f.Variant != "" {
			target = f.Variant
		}
		answer{status: http.StatusTemporaryRedirect, kind: "text/html"}.with("Location", target).write(w)
	case "malformed":
		c.spoilt(malformed).write(w)
	case "empty_body":
		answer{status: http.StatusOK, kind: c.kind()}.write(w)
	case "wrong_type":
		answer{status: http.StatusOK, kind: "application/octet-stream", body: []byte{0x4b, 0x57, 0, 1, 2, 3, 0xff}}.write(w)
	case "huge":
		s.stream(w, c)
	case "gzip_bomb":
		answer{status: http.StatusOK, kind: c.kind(), body: gzipBomb()}.with("Content-Encoding", "gzip").write(w)
	case "drip":
		s.drip(w, c)
	case "hang":
		s.hang(c)
		panic(http.ErrAbortHandler)
	case "reset":
		s.account(c, 0)
		reset(w)
	case "truncated":
		s.account(c, 0)
		truncate(w, c)
	case "slow":
		s.slow(w, c, f)
	}
}

const loginPage = "<!DOCTYPE html><html><head><title>Sign in to the network</title></head>" +
	"<body><form action=\"/login\"><input name=\"user\"></form></body></html>"

// kind is the content type that the route promises.
func (c *call) kind() string {
	if c.route.host == hostSOAP {
		return soapContentType
	}
	return "application/json; charset=utf-8"
}

// malformed are bodies that begin well and break.
var malformed = map[string]string{
	hostAuth: `{"access_token":"eyJhbGciOiJIUzI1NiIs","token_type":"Bearer","expires_in":`,
	hostREST: `{"count":1,"page":1,"pageSize":1,"items":[{"id":`,
	hostSOAP: `<?xml version="1.0"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><RetrieveResponseMsg>`,
}

func (c *call) spoilt(bodies map[string]string) answer {
	return answer{status: http.StatusOK, kind: c.kind(), body: []byte(bodies[c.route.host])}
}

// stream sends a body that starts like the promised one and does not end for 9 MiB.
func (s *Sim) stream(w http.ResponseWriter, c *call) {
	w.Header().Set("Content-Type", c.kind())
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write([]byte(malformed[c.route.host]))
	chunk := bytes.Repeat([]byte{' '}, chunkSize)
	for sent := 0; sent < hugeBody; sent += len(chunk) {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// gzipBomb is 64 MiB in about 64 kB. One member is packed once and repeated:
// readers join members, and packing all of it would cost half a second.
var gzipBomb = sync.OnceValue(func() []byte {
	var member bytes.Buffer
	z := gzip.NewWriter(&member)
	_, _ = z.Write(bytes.Repeat([]byte{' '}, 1<<20))
	_ = z.Close()
	return bytes.Repeat(member.Bytes(), 64)
})

// drip sends the right answer, a byte a second.
func (s *Sim) drip(w http.ResponseWriter, c *call) {
	a := c.route.serve(c)
	w.Header().Set("Content-Type", c.kind())
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	out := http.NewResponseController(w)
	for i := range a.body {
		if _, err := w.Write(a.body[i : i+1]); err != nil {
			return
		}
		if out.Flush() != nil || !s.wait(c.r, time.Second) {
			return
		}
	}
}

// hang keeps the caller waiting until it goes away.
func (s *Sim) hang(c *call) {
	select {
	case <-c.r.Context().Done():
	case <-s.done:
	}
}

// reset breaks the connection so that the caller sees a reset, not an end.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	switch t := conn.(type) {
	case *net.TCPConn:
		_ = t.SetLinger(0)
	case interface{ Reset() }:
		t.Reset()
	}
	_ = conn.Close()
}

// truncate promises more than it sends and closes.
func truncate(w http.ResponseWriter, c *call) {
	w.Header().Set("Content-Type", c.kind())
	w.Header().Set("Content-Length", "1000")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write([]byte(malformed[c.route.host]))
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// slow delays the right answer by the variant, a duration; three seconds when
// it is not given.
func (s *Sim) slow(w http.ResponseWriter, c *call, f *Fault) {
	delay := 3 * time.Second
	if d, err := keepwatch.ParseDuration(f.Variant); err == nil && f.Variant != "" {
		delay = d
	}
	if s.wait(c.r, delay) {
		c.route.serve(c).write(w)
	}
}
