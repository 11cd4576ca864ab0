package gateway

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"keepwatch"
	"keepwatch/internal/sfmc"
)

const (
	// maxTokenAnswer is more than any answer of a token endpoint has. A longer one is
	// not looked at.
	maxTokenAnswer = 16 << 10
	// maxUnpacked bounds what a compressed one may become.
	maxUnpacked = 64 << 10
)

// holdAnswer reads an answer before it goes on. A token is told of before the client
// has it, and so before any call that carries it. With swap, the addresses of the REST
// and SOAP hosts become ours, so that the client stays with us. What is too long, no
// JSON, or names hosts that are not the tenant's, passes as it is.
func (x *exchange) holdAnswer(res *http.Response, swap bool) {
	if res.ContentLength > maxTokenAnswer {
		return
	}
	body, whole, err := beginning(res.Body, maxTokenAnswer)
	if err != nil || !whole {
		res.Body = joined{io.MultiReader(bytes.NewReader(body), failing{err}, res.Body), res.Body}
		return
	}
	next := body
	if swap {
		if swapped, ok := x.swapped(res, body); ok {
			next = swapped
		}
	}
	x.seen.original(bytes.Clone(body)) // the tap sees ours
	if x.what.Kind == keepwatch.CallToken {
		x.told, x.answer.limit = true, 0
		x.g.tell(x)
	}
	_ = res.Body.Close()
	res.Body = io.NopCloser(bytes.NewReader(next))
	if _, sized := res.Header["Content-Length"]; sized {
		res.Header.Set("Content-Length", strconv.Itoa(len(next)))
	}
}

func (x *exchange) swapped(res *http.Response, body []byte) ([]byte, bool) {
	switch res.Header.Get("Content-Encoding") {
	case "":
		return sfmc.SwapInstances(x.what.On, body, x.instance)
	case "gzip":
		plain, ok := unpack(body, maxUnpacked)
		if !ok {
			return nil, false
		}
		next, ok := sfmc.SwapInstances(x.what.On, plain, x.instance)
		if !ok {
			return nil, false
		}
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, _ = w.Write(next) // a buffer takes everything
		_ = w.Close()
		return packed.Bytes(), true
	}
	return nil, false
}

// instance is our address in the place of one of the tenant's hosts. The form stays:
// Salesforce shows it without scheme and slash in one place and with them in another.
func (x *exchange) instance(h sfmc.Host, old string) (string, bool) {
	bare := !strings.Contains(old, "://")
	text := old
	if bare {
		text = "https://" + old
	}
	u, err := url.Parse(text)
	base := x.rt.tenant.hosts[h]
	if err != nil || !strings.EqualFold(u.Host, base.Host) || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", false
	}
	next := strings.TrimSuffix(x.f.base(x.r, x.rt, h), "/") + "/" + strings.TrimPrefix(strings.TrimPrefix(u.EscapedPath(), strings.TrimSuffix(base.EscapedPath(), "/")), "/")
	if u.Path == "" {
		next = strings.TrimSuffix(next, "/")
	}
	if bare {
		_, next, _ = strings.Cut(next, "://")
	}
	return next, true
}

// beginning reads at most limit bytes; whole says that there are no more.
func beginning(r io.Reader, limit int) (b []byte, whole bool, err error) {
	b, err = io.ReadAll(io.LimitReader(r, int64(limit)+1))
	return b, len(b) <= limit, err
}

// unpack opens a gzip body of at most limit bytes.
func unpack(body []byte, limit int) ([]byte, bool) {
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, false
	}
	plain, whole, err := beginning(r, limit)
	return plain, err == nil && whole
}

// joined reads from one and closes the other.
type joined struct {
	io.Reader
	io.Closer
}

// failing repeats an error that a reader ended with, so that it is not lost.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err == nil {
		return 0, io.EOF
	}
	return 0, f.err
}
