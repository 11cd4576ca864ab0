package gateway

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keepwatch"
)

// recorder is a server that keeps the bytes of each whole request, as they came.
type recorder struct {
	net.Listener
	mu    sync.Mutex
	whole bytes.Buffer
}

func newRecorder(t testing.TB) *recorder {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{Listener: l}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go r.serve(conn)
		}
	}()
	t.Cleanup(func() { l.Close() })
	return r
}

func (r *recorder) serve(conn net.Conn) {
	defer conn.Close()
	var raw bytes.Buffer
	in := bufio.NewReader(io.TeeReader(conn, &raw))
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return
		}
		r.mu.Lock()
		r.whole.Write(raw.Bytes()[:raw.Len()-in.Buffered()])
		r.mu.Unlock()
		raw.Next(raw.Len() - in.Buffered())
		if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"); err != nil {
			return
		}
	}
}

func (r *recorder) take() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.whole.Reset()
	return r.whole.String()
}

type rawCase struct{ name, send, forwarded, refused string }

func rawCases(t testing.TB) []rawCase {
	content, err := os.ReadFile("testdata/raw.txt")
	if err != nil {
		t.Fatal(err)
	}
	unquote := func(s string) string {
		s, err := strconv.Unquote(`"` + strings.ReplaceAll(s, `"`, `\"`) + `"`)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	var all []rawCase
	for _, part := range strings.Split(string(content), "\n== ")[1:] {
		lines := strings.Split(part, "\n")
		c := rawCase{name: lines[0]}
		for _, line := range lines[1:] {
			switch {
			case strings.HasPrefix(line, "< "):
				c.send += unquote(line[2:])
			case strings.HasPrefix(line, "> "):
				c.forwarded += unquote(line[2:])
			case strings.HasPrefix(line, "! "):
				c.refused = line[2:]
			}
		}
		all = append(all, c)
	}
	return all
}

// TestRawCorpus sends what attackers send. Nothing of it passes; what passes, passes
// byte for byte.
func TestRawCorpus(t *testing.T) {
	up := newRecorder(t)
	address := "http://" + up.Addr().String() + "/"
	setup := Setup{Tenants: []keepwatch.Tenant{tenantAt(address)}, Config: Config{HolderHeader: "X-Holder"}}
	setup.Tenants[0].Subdomain = subdomain
	_, base := mustStart(t, setup, Options{})
	refused := 0
	cases := rawCases(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			conn := mustDial(t, base)
			if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			sent := make(chan struct{})
			go func() {
				_, _ = io.WriteString(conn, c.send)
				close(sent)
			}()
			in := bufio.NewReader(conn)
			for range strings.Count(c.forwarded, " HTTP/1.1\r\nHost: UP") {
				res, err := http.ReadResponse(in, nil)
				if err != nil {
					t.Fatal(err)
				}
				body, _ := io.ReadAll(res.Body)
				if res.StatusCode != 200 || string(body) != "ok" || len(res.Header) != 1 {
					t.Fatalf("%d %v %s", res.StatusCode, res.Header, body)
				}
			}
			if c.refused != "" {
				refused++
				res, err := http.ReadResponse(in, nil)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(res.Body)
				if err != nil || res.StatusCode < 400 || res.StatusCode > 499 || res.Header.Get(OwnHeader) != c.refused || !bytes.HasPrefix(body, []byte("Keepwatch gateway: ")) {
					t.Errorf("%d %v %s %v", res.StatusCode, res.Header, body, err)
				}
				if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
					t.Errorf("the connection is not closed: %v", err)
				}
			}
			conn.Close()
			<-sent
			want := strings.ReplaceAll(c.forwarded, "Host: UP", "Host: "+up.Addr().String())
			if diff := cmp.Diff(want, up.take()); diff != "" {
				t.Errorf("what SFMC got (-want +got):\n%s", diff)
			}
		})
	}
	if len(cases) < 80 || refused < 80 {
		t.Errorf("only %d cases, %d of them refused", len(cases), refused)
	}
}
