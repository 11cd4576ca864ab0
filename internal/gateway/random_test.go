package gateway

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keepwatch"
)

// TestRandomExchanges sends random requests to a server that gives random answers,
// once directly and once through the gateway, and compares everything that arrives on
// either side. KEEPWATCH_EXCHANGES and KEEPWATCH_SEED choose how many and which.
func TestRandomExchanges(t *testing.T) {
	count, seed := 2_000, uint64(time.Now().UnixNano())
	if campaign() {
		count = 20_000
	}
	if n, err := strconv.Atoi(os.Getenv("KEEPWATCH_EXCHANGES")); err == nil && n > 0 {
		count = n
	}
	if n, err := strconv.ParseUint(os.Getenv("KEEPWATCH_SEED"), 10, 64); err == nil && n > 0 {
		seed = n
	}
	up := newOracle(t)
	_, base := mustStart(t, Setup{Tenants: []keepwatch.Tenant{tenantAt("http://" + up + "/")}}, Options{})
	const workers = 4
	began := time.Now()
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(w)))
			direct, through := &side{address: up}, &side{address: strings.TrimPrefix(base, "http://"), through: true}
			defer direct.close()
			defer through.close()
			for n := 0; n < count/workers && !t.Failed(); {
				batch := randomBatch(r)
				want, err := direct.exchange(up, batch)
				got, err2 := through.exchange(up, batch)
				if err != nil || err2 != nil {
					t.Errorf("seed %d, worker %d, exchange %d: directly %v, through %v\n%.600q", seed, w, n, err, err2, fmt.Sprint(batch))
					return
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("seed %d, worker %d, exchange %d (-direct +through):\n%s\n%.600q", seed, w, n, diff, fmt.Sprint(batch))
					return
				}
				n += len(batch)
			}
		})
	}
	all.Wait()
	if t.Failed() {
		return
	}
	t.Logf("%d exchanges alike, seed %d, %s", count, seed, time.Since(began).Round(time.Millisecond))
}

// oneRequest is a request without the beginning of its target, which differs.
type oneRequest struct {
	method, target, rest string
	last                 bool // of its connection
}

// side is a connection, directly to the server or through the gateway.
type side struct {
	address string
	through bool
	conn    net.Conn
	in      *bufio.Reader
}

func (s *side) close() {
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}

// arrived is an answer as a client has it.
type arrived struct {
	Interim []string
	Status  int
	Header  http.Header
	Body    string
	Trailer http.Header
}

func (s *side) exchange(host string, batch []oneRequest) ([]arrived, error) {
	if s.conn == nil {
		conn, err := net.Dial("tcp", s.address)
		if err != nil {
			return nil, err
		}
		s.conn, s.in = conn, bufio.NewReader(conn)
	}
	if err := s.conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return nil, err
	}
	var wire bytes.Buffer
	for _, q := range batch {
		prefix := ""
		if s.through {
			prefix = "/emea/rest"
		}
		fmt.Fprintf(&wire, "%s %s%s HTTP/1.1\r\nHost: %s\r\n%s", q.method, prefix, q.target, host, q.rest)
	}
	sent := make(chan error, 1)
	go func() { _, err := s.conn.Write(wire.Bytes()); sent <- err }()
	var all []arrived
	for _, q := range batch {
		a, err := s.read(q)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	err := <-sent
	if batch[len(batch)-1].last {
		s.close() // directly, the server has closed it
	}
	return all, err
}

func (s *side) read(q oneRequest) (arrived, error) {
	var a arrived
	for {
		res, err := http.ReadResponse(s.in, &http.Request{Method: q.method})
		if err != nil {
			return a, err
		}
		if res.StatusCode < 200 {
			a.Interim = append(a.Interim, fmt.Sprint(res.StatusCode, res.Header))
			continue
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			return a, err
		}
		a.Status, a.Header, a.Body, a.Trailer = res.StatusCode, res.Header, string(body), res.Trailer
		if res.ContentLength < 0 || len(body) == 0 && q.method != "HEAD" {
			res.Header.Del("Content-Length") // framing: an empty body may be told in either way
		}
		res.Header.Del("Connection")
		if len(a.Trailer) == 0 {
			a.Trailer = nil
		}
		return a, nil
	}
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func text(r *rand.Rand, alphabet string, most int) string {
	b := make([]byte, r.IntN(most+1))
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

const (
	pathBytes  = "abcXYZ019-._~!$&'()*+,;=:@%/|\"<>^`{}[]\\\xc3\xa4\xff"
	valueBytes = "abcXYZ 019-._~!$&'()*+,;=:@%/|\"<>^`{}[]\\\t\xc3\xa4\xff"
)

// escapes makes every percent sign the beginning of an escape: net/http refuses
// others, in a path only.
func escapes(r *rand.Rand, s string) string {
	return strings.ReplaceAll(s, "%", fmt.Sprintf("%%%02x", r.IntN(256)))
}

func randomFields(r *rand.Rand, most int) string {
	var b strings.Builder
	for range r.IntN(most + 1) {
		name := pick(r, "X-A", "x-b", "X-LONG-Name", "accept", "Cookie", "If-Match", "Cache-Control", "Via", "Authorization", "X-Http-Method-Override", "Range", "Origin", "x-1")
		fmt.Fprintf(&b, "%s:%s%s%s\r\n", name, pick(r, "", " ", "\t "), strings.TrimSpace(text(r, valueBytes, 40)), pick(r, "", " "))
	}
	return b.String()
}

func randomBody(r *rand.Rand) []byte {
	n := pick(r, 0, 1, 10, 100, 1000, 5000, 20_000)
	if r.IntN(200) == 0 {
		n = 150_000
	}
	b := make([]byte, r.IntN(n+1))
	for i := 0; i < len(b); i += 8 {
		v := r.Uint64()
		for k := i; k < min(i+8, len(b)); k++ {
			b[k] = byte(v)
			v >>= 8
		}
	}
	return b
}

// chunks frames a body, in random pieces, with perhaps a trailer.
func chunks(r *rand.Rand, body []byte, trailer string) string {
	var b strings.Builder
	for len(body) > 0 {
		n := 1 + r.IntN(len(body))
		fmt.Fprintf(&b, pick(r, "%x\r\n%s\r\n", "%X\r\n%s\r\n", "0%x\r\n%s\r\n"), n, body[:n])
		body = body[n:]
	}
	return b.String() + "0\r\n" + trailer + "\r\n"
}

func randomBatch(r *rand.Rand) []oneRequest {
	batch := make([]oneRequest, 1+r.IntN(3))
	for i := range batch {
		q := oneRequest{method: pick(r, "GET", "GET", "POST", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"), last: i == len(batch)-1 && r.IntN(50) == 0}
		q.target = "/hub/" + escapes(r, text(r, pathBytes, 30))
		if r.IntN(2) == 0 {
			q.target += "?" + text(r, pathBytes, 40)
		}
		fields := fmt.Sprintf("X-Seed: %d\r\n", r.Uint64()) + randomFields(r, 6)
		if q.last {
			fields += "X-Last: 1\r\n"
		}
		if r.IntN(3) > 0 {
			fields += "User-Agent: axios/1.7.2\r\n"
		}
		if r.IntN(3) > 0 {
			fields += "Accept-Encoding: gzip, br\r\n"
		}
		body := randomBody(r)
		expect := ""
		if len(body) > 0 && r.IntN(20) == 0 && i == len(batch)-1 {
			expect = "Expect: 100-continue\r\n"
		}
		switch sends := q.method == "POST" || q.method == "PUT" || q.method == "PATCH"; {
		case !sends && r.IntN(10) > 0:
			q.rest = fields + "\r\n"
		case r.IntN(2) == 0:
			q.rest = fields + expect + fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		default:
			announced, trailer := "", ""
			if r.IntN(3) == 0 {
				announced, trailer = "Trailer: X-Sum\r\n", "X-Sum: "+text(r, "abc123", 20)+"\r\n"
			}
			if r.IntN(6) == 0 {
				trailer += "X-Unannounced: " + text(r, "abc123", 20) + "\r\n"
			}
			q.rest = fields + expect + announced + "Transfer-Encoding: chunked\r\n\r\n" + chunks(r, body, trailer)
		}
		batch[i] = q
	}
	return batch
}

// newOracle serves answers that follow from the seed in the request. Each holds a
// digest of all that the request had, so that equal answers mean equal requests.
func newOracle(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go answerFromSeeds(conn)
		}
	}()
	return l.Addr().String()
}

func answerFromSeeds(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if req.Header.Get("Expect") != "" {
			if _, err := io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
				return
			}
		}
		got, err := digestOf(req)
		if err != nil {
			return
		}
		seed, _ := strconv.ParseUint(req.Header.Get("X-Seed"), 10, 64)
		last := req.Header.Get("X-Last") != ""
		if _, err := io.WriteString(conn, randomAnswer(rand.New(rand.NewPCG(seed, 0)), req.Method, got, last)); err != nil || last {
			return
		}
	}
}

func digestOf(req *http.Request) (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%s %s %s\n", req.Method, req.RequestURI, req.Host)
	fields := func(all http.Header) {
		for _, name := range slices.Sorted(maps.Keys(all)) {
			fmt.Fprintf(h, "%s: %q\n", name, all[name])
		}
	}
	if req.ContentLength == 0 {
		req.Header.Del("Content-Length") // framing, as for answers
	}
	fields(req.Header)
	if _, err := io.Copy(h, req.Body); err != nil {
		return "", err
	}
	fields(req.Trailer)
	return hex.EncodeToString(h.Sum(nil)), nil
}

func randomAnswer(r *rand.Rand, method, got string, last bool) string {
	var b strings.Builder
	if r.IntN(20) == 0 {
		b.WriteString("HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n")
	}
	status := pick(r, 200, 200, 200, 201, 202, 204, 206, 301, 304, 307, 400, 401, 403, 404, 409, 429, 500, 503, 596)
	fmt.Fprintf(&b, "HTTP/1.1 %d Whatever\r\nX-Got: %s\r\n", status, got)
	if r.IntN(4) > 0 {
		b.WriteString("Date: Mon, 30 Nov 2026 06:00:00 GMT\r\n")
	}
	if r.IntN(4) > 0 {
		fmt.Fprintf(&b, "content-type:%s\r\n", pick(r, " application/json", "text/xml; charset=utf-8", " text/event-stream", " x/y"))
	}
	for range r.IntN(5) {
		name := pick(r, "X-Mashery-Message-ID", "retry-after", "Set-Cookie", "WWW-Authenticate", "Location", "Server", "ETag", "Cache-Control", "Alt-Svc", "X-Forwarded-For")
		fmt.Fprintf(&b, "%s: %s\r\n", name, strings.TrimSpace(text(r, valueBytes, 30)))
	}
	body := randomBody(r)
	if r.IntN(4) == 0 {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, _ = w.Write(body)
		_ = w.Close()
		body = packed.Bytes()
		b.WriteString("Content-Encoding: gzip\r\n")
	}
	bare := method == "HEAD" || status == 204 || status == 304
	if last {
		b.WriteString("Connection: close\r\n")
	}
	switch {
	case bare && (status == 204 || r.IntN(2) == 0):
		b.WriteString("\r\n")
	case bare:
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n", len(body))
	case last:
		b.WriteString("\r\n")
		b.Write(body)
	case r.IntN(2) == 0:
		fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	default:
		announced, trailer := "", ""
		if r.IntN(4) == 0 {
			announced, trailer = "Trailer: X-Sum\r\n", "X-Sum: "+text(r, "abc123", 20)+"\r\n"
		}
		if r.IntN(8) == 0 {
			trailer += "X-Unannounced: 1\r\n"
		}
		b.WriteString(announced + "Transfer-Encoding: chunked\r\n\r\n" + chunks(r, body, trailer))
	}
	return b.String()
}

// The comparison can fail: a server that changes one thing is found out.
func TestRandomExchangesCatchAChange(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	a := randomAnswer(r, "GET", "x", false)
	if b := randomAnswer(r, "GET", "x", false); a == b {
		t.Error("answers do not differ")
	}
	one, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET /a HTTP/1.1\r\nHost: h\r\nX: 1\r\n\r\n")))
	two, err2 := http.ReadRequest(bufio.NewReader(strings.NewReader("GET /a HTTP/1.1\r\nHost: h\r\nX: 2\r\n\r\n")))
	if errors.Join(err, err2) != nil {
		t.Fatal(err, err2)
	}
	d1, _ := digestOf(one)
	if d2, _ := digestOf(two); d1 == d2 {
		t.Error("requests do not differ")
	}
}
