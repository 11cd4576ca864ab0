package gateway

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// said is a connection on which everything has been said already.
type said struct {
	io.Reader
	net.Conn
}

func (s said) Read(p []byte) (int, error)       { return s.Reader.Read(p) }
func (s said) SetReadDeadline(time.Time) error  { return nil }
func (s said) SetWriteDeadline(time.Time) error { return nil }
func (s said) Close() error                     { return nil }

// filtered is what comes out of the filter, and how it ends.
func filtered(r io.Reader) (string, *filter, error) {
	f := newFilter(said{Reader: r})
	out, err := io.ReadAll(f)
	return string(out), f, err
}

// FuzzFilter: what comes out does not depend on the pieces in which it came; each head
// that comes out is one that net/http reads in the same way, to the same length of
// body; and nothing comes out behind a refusal.
func FuzzFilter(f *testing.F) {
	for _, c := range rawCases(f) {
		f.Add([]byte(c.send))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		whole, at, err := filtered(bytes.NewReader(sent))
		byOne, _, _ := filtered(iotest.OneByteReader(bytes.NewReader(sent)))
		half, _, _ := filtered(iotest.HalfReader(bytes.NewReader(sent)))
		if whole != byOne || whole != half {
			t.Fatalf("pieces change what comes out:\n%q\n%q\n%q", whole, byOne, half)
		}
		passed, refusedAt := strings.CutSuffix(whole, standIn)
		if refusedAt != (at.why != "") {
			t.Fatalf("%q is refused for %q", whole, at.why)
		}
		if !isPart(passed, string(sent)) {
			t.Fatalf("bytes come out that did not go in: %q of %q", passed, sent)
		}
		in := bufio.NewReader(strings.NewReader(passed))
		for {
			if _, err := in.Peek(1); errors.Is(err, io.EOF) {
				break
			}
			req, readErr := http.ReadRequest(in)
			if readErr != nil {
				// A target that is no URL is let through to net/http, which refuses it.
				if strings.Contains(readErr.Error(), "parse ") {
					return
				}
				t.Fatalf("net/http does not read what came out: %v\n%q", readErr, passed)
			}
			if len(req.TransferEncoding) > 0 && req.Header.Get("Content-Length") != "" {
				t.Fatalf("two lengths came out: %q", passed)
			}
			if _, bodyErr := io.Copy(io.Discard, req.Body); bodyErr != nil {
				var broken *refused
				if refusedAt || err == nil && !errors.Is(bodyErr, io.ErrUnexpectedEOF) && !errors.As(err, &broken) && !strings.Contains(bodyErr.Error(), "EOF") {
					t.Fatalf("a body came out that is not whole: %v\n%q", bodyErr, passed)
				}
				return
			}
		}
	})
}

// isPart reports whether out is in but for empty lines between requests, which are
// dropped.
func isPart(out, in string) bool {
	for len(out) > 0 {
		switch {
		case in == "":
			return false
		case out[0] == in[0]:
			out, in = out[1:], in[1:]
		case strings.HasPrefix(in, "\r\n"):
			in = in[2:]
		default:
			return false
		}
	}
	return true
}

// FuzzRoute: whatever a target looks like, it leads to a host of the tenant that it
// names, or nowhere.
func FuzzRoute(f *testing.F) {
	sh, err := sharedOf(estate("http://sfmc.test/base/"))
	if err != nil {
		f.Fatal(err)
	}
	face, err := faceOf(Listener{}, sh, nil)
	if err != nil {
		f.Fatal(err)
	}
	for _, target := range []string{"/emea/rest/x?y", "/emea/shop-backend/auth/v2/token", "http://evil/emea/rest//x", "/emea/auth/https:/" + subdomain + ".auth.marketingcloudapis.com/x", "/emea/rest", "//", "/emea/rest/../../x"} {
		f.Add(target, "gw")
	}
	f.Fuzz(func(t *testing.T, target, host string) {
		r := &http.Request{RequestURI: target, Host: host, Header: http.Header{}}
		rt, why := face.route(r)
		if why != "" {
			return
		}
		u := rt.upstream()
		if u.Scheme != "http" || u.Host != "sfmc.test" || u.User != nil || !strings.HasPrefix(u.RequestURI(), "/base/") {
			t.Fatalf("%q leads to %q (%s)", target, u, u.RequestURI())
		}
		if asked, ok := strings.CutPrefix(u.RequestURI(), "/base"); !ok || !strings.HasSuffix(target, strings.TrimPrefix(asked, "/")) {
			t.Fatalf("%q became %q", target, u.RequestURI())
		}
	})
}
