package gateway

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// second is a raw connection of HTTP/2 to a gateway.
type second struct {
	t    *testing.T
	conn *tls.Conn
	f    *http2.Framer
	enc  *hpack.Encoder
	head bytes.Buffer
}

func dialSecond(t *testing.T, base string, pool *x509.CertPool) *second {
	t.Helper()
	conn, err := tls.Dial("tcp", strings.TrimPrefix(base, "https://"), &tls.Config{RootCAs: pool, ServerName: "gw.example.com", NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(60 * time.Second))
	s := &second{t: t, conn: conn, f: http2.NewFramer(conn, conn)}
	s.enc = hpack.NewEncoder(&s.head)
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	if err := s.f.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	return s
}

// fields is a block of header fields of one request, with more behind the usual ones.
func (s *second) fields(more ...string) []byte {
	s.head.Reset()
	all := append([]string{":method", "GET", ":scheme", "https", ":authority", "gw.example.com", ":path", "/emea/rest/hub/v1/x"}, more...)
	for i := 0; i < len(all); i += 2 {
		_ = s.enc.WriteField(hpack.HeaderField{Name: all[i], Value: all[i+1]})
	}
	return bytes.Clone(s.head.Bytes())
}

// drained counts what comes until the other side has had enough; false when the
// connection is still open after a while.
func (s *second) drained(seen map[http2.FrameType]int) bool {
	for {
		f, err := s.f.ReadFrame()
		if err != nil {
			return !errors.Is(err, io.ErrNoProgress) && !isTimeout(err)
		}
		seen[f.Header().Type]++
		if f.Header().Type == http2.FrameGoAway {
			return true
		}
	}
}

// TestFloodsOfHTTP2 sends what is known to exhaust servers of HTTP/2. A flood ends its
// own connection, or costs no more than it sends: it claims no memory, SFMC gets at most
// the requests that are whole, and others get their answers meanwhile.
func TestFloodsOfHTTP2(t *testing.T) {
	var reached, open, most atomic.Int64
	address := handlerAt(t, func(_ http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/others") {
			return
		}
		reached.Add(1)
		for n, high := open.Add(1), most.Load(); n > high && !most.CompareAndSwap(high, n); high = most.Load() {
		}
		defer open.Add(-1)
		<-r.Context().Done() // an answer would make the next request the first of those that are given up
	})
	ca := newIssuer(t)
	cert, key := ca.pair(t, &x509.Certificate{DNSNames: []string{"gw.example.com"}})
	setup := estate(address)
	setup.Listeners = []Listener{{Name: "tls", Listen: "127.0.0.1:0", TLS: &TLS{Certificate: "cert", Key: "key"}}}
	_, base := mustStart(t, setup, Options{Secrets: &shelf{all: map[string][]byte{"cert": cert, "key": key}}})
	memory := resident(t)

	others := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.pool(), ServerName: "gw.example.com"}}, Timeout: 30 * time.Second}
	defer others.CloseIdleConnections()
	asOthers := func() {
		t.Helper()
		res, err := others.Get(base + "/emea/rest/hub/v1/others")
		if err != nil || res.StatusCode != http.StatusOK {
			t.Errorf("others: %v %v", res, err)
			return
		}
		res.Body.Close()
	}

	for _, flood := range []struct {
		name   string
		passes int64 // requests that may reach SFMC at most
		ends   bool  // the connection does not survive it
		send   func(*second) error
	}{
		{"CONTINUATION without end", 0, true, func(s *second) error {
			if err := s.f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: s.fields()}); err != nil {
				return err
			}
			more := s.fields("x-filler", strings.Repeat("a", 8000))
			for range 20_000 {
				if err := s.f.WriteContinuation(1, false, more); err != nil {
					return err
				}
			}
			return nil
		}},
		{"empty CONTINUATION without end", 0, false, func(s *second) error {
			if err := s.f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: s.fields()}); err != nil {
				return err
			}
			for range 200_000 {
				if err := s.f.WriteContinuation(1, false, nil); err != nil {
					return err
				}
			}
			return nil
		}},
		{"a head of a megabyte", 0, false, func(s *second) error {
			block := s.fields("x-filler", strings.Repeat("~", 1<<20))
			first := true
			for id := uint32(1); len(block) > 0; first = false {
				n := min(len(block), 16<<10)
				var err error
				if first {
					err = s.f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block[:n], EndStream: true, EndHeaders: n == len(block)})
				} else {
					err = s.f.WriteContinuation(id, n == len(block), block[:n])
				}
				if block = block[n:]; err != nil {
					return err
				}
			}
			return nil
		}},
		{"requests that are reset at once", maxGivenUp + maxStreams, true, func(s *second) error {
			for i := range uint32(50_000) {
				if err := s.f.WriteHeaders(http2.HeadersFrameParam{StreamID: 2*i + 1, BlockFragment: s.fields(), EndStream: true, EndHeaders: true}); err != nil {
					return err
				}
				if err := s.f.WriteRSTStream(2*i+1, http2.ErrCodeCancel); err != nil {
					return err
				}
			}
			return nil
		}},
		{"requests that are given up once they are at SFMC", maxGivenUp + maxStreams, true, func(s *second) error {
			for i := range uint32(2 * maxGivenUp) {
				at := reached.Load()
				if err := s.f.WriteHeaders(http2.HeadersFrameParam{StreamID: 2*i + 1, BlockFragment: s.fields(), EndStream: true, EndHeaders: true}); err != nil {
					return err
				}
				for waited := time.Now(); reached.Load() == at && time.Since(waited) < time.Second; {
					time.Sleep(50 * time.Microsecond)
				}
				if err := s.f.WriteRSTStream(2*i+1, http2.ErrCodeCancel); err != nil {
					return err
				}
			}
			return nil
		}},
		{"SETTINGS without end", 0, false, func(s *second) error {
			for range 200_000 {
				if err := s.f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 16}); err != nil {
					return err
				}
			}
			return nil
		}},
		{"PING without end", 0, false, func(s *second) error {
			for range 200_000 {
				if err := s.f.WritePing(false, [8]byte{1}); err != nil {
					return err
				}
			}
			return nil
		}},
		{"more streams than allowed", 2000, false, func(s *second) error {
			for i := range uint32(2000) {
				block := s.fields()
				if err := s.f.WriteHeaders(http2.HeadersFrameParam{StreamID: 2*i + 1, BlockFragment: block, EndStream: true, EndHeaders: true}); err != nil {
					return err
				}
			}
			return nil
		}},
	} {
		t.Run(flood.name, func(t *testing.T) {
			before := reached.Load()
			s := dialSecond(t, base, ca.pool())
			sent := make(chan error, 1)
			go func() { sent <- flood.send(s) }() // who floods does not read
			select {
			case err := <-sent:
				t.Logf("sent: %v", err)
			case <-time.After(15 * time.Second): // nobody takes it any more
			}
			seen := map[http2.FrameType]int{}
			if flood.ends {
				_ = s.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
				if !s.drained(seen) {
					t.Errorf("the connection is still open: %v", seen)
				}
			}
			s.conn.Close()
			if got := reached.Load() - before; got > flood.passes {
				t.Errorf("%d requests reached SFMC", got)
			}
			asOthers()
		})
	}
	// A handler that was left alone may learn of it beside those that follow.
	if most.Load() > maxStreams+maxStreams/10 {
		t.Errorf("%d requests of one connection were at SFMC at a time", most.Load())
	}
	if grown := (resident(t) - memory) >> 20; grown > 128 {
		t.Errorf("the floods took %d MiB", grown)
	} else {
		t.Logf("%d MiB more, %d requests reached SFMC, at most %d at a time", grown, reached.Load(), most.Load())
	}
}
