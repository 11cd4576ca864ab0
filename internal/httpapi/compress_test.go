package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"keepwatch/client"
	"keepwatch/internal/httpapi"
)

// plainPages are pages of several kinds, without a daemon.
func plainPages() http.Handler {
	text := strings.Repeat("the same words again and again ", 200)
	mux := http.NewServeMux()
	for path, kind := range map[string]string{"/page": "text/html; charset=utf-8", "/static/app.css": "text/css", "/picture": "image/png", "/unnamed": ""} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
			if kind != "" {
				w.Header().Set("Content-Type", kind)
			}
			_, _ = fmt.Fprint(w, "<!doctype html>", text)
		})
	}
	mux.HandleFunc("POST /page", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(w, text)
	})
	mux.HandleFunc("GET /small", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = fmt.Fprint(w, "small")
	})
	mux.HandleFunc("GET /empty", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /packed", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "br")
		_, _ = fmt.Fprint(w, text)
	})
	mux.HandleFunc("GET /slowly", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = fmt.Fprint(w, "first")
		_ = http.NewResponseController(w).Flush()
		_, _ = fmt.Fprint(w, text)
	})
	return mux
}

func TestAnswersAreCompressedWhereThatTellsNothing(t *testing.T) {
	h := httpapi.New(httpapi.Options{Pages: plainPages(), Health: func(context.Context) client.Health { return client.Health{} }, Metrics: http.NotFoundHandler()})
	for _, c := range []struct {
		what, method, path string
		header             []string
		packed             bool
	}{
		{"a visitor's own page", "GET", "/page", []string{"Sec-Fetch-Site", "none", "Cookie", "keepwatch=x"}, true},
		{"a link on our page", "GET", "/page", []string{"Sec-Fetch-Site", "same-origin", "Cookie", "keepwatch=x"}, true},
		{"a program", "GET", "/page", nil, true},
		{"a type that nobody named", "GET", "/unnamed", nil, true},
		{"what comes in pieces", "GET", "/slowly", nil, true},
		{"a link on another site", "GET", "/page", []string{"Sec-Fetch-Site", "cross-site", "Cookie", "keepwatch=x"}, false},
		{"another site that claims to be none", "GET", "/page", []string{"Sec-Fetch-Site", "cross-site"}, false},
		{"a neighbour", "GET", "/page", []string{"Sec-Fetch-Site", "same-site", "Cookie", "keepwatch=x"}, false},
		{"a browser that does not say", "GET", "/page", []string{"Cookie", "keepwatch=x"}, false},
		{"a file of ours for another site", "GET", "/static/app.css", []string{"Sec-Fetch-Site", "cross-site", "Cookie", "keepwatch=x"}, true},
		{"the answer to a form", "POST", "/page", []string{"Sec-Fetch-Site", "same-origin"}, false},
		{"a picture", "GET", "/picture", nil, false},
		{"a few words", "GET", "/small", nil, false},
		{"nothing", "GET", "/empty", nil, false},
		{"a part", "GET", "/page", []string{"Range", "bytes=0-9"}, false},
		{"who wants none", "GET", "/page", []string{"Accept-Encoding", "gzip;q=0"}, false},
		{"who knows others", "GET", "/page", []string{"Accept-Encoding", "br, zstd"}, false},
	} {
		r := httptest.NewRequestWithContext(t.Context(), c.method, "http://127.0.0.1"+c.path, nil)
		r.Header.Set("Accept-Encoding", "br, gzip")
		for i := 0; i+1 < len(c.header); i += 2 {
			r.Header.Set(c.header[i], c.header[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Header().Get("Content-Encoding") == "gzip"; got != c.packed {
			t.Errorf("%s: packed %v", c.what, got)
			continue
		}
		body := w.Body.Bytes()
		if c.packed {
			z, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatalf("%s: %v", c.what, err)
			}
			if body, err = io.ReadAll(z); err != nil {
				t.Errorf("%s: %v", c.what, err)
			}
			if w.Header().Get("Vary") == "" || w.Header().Get("Content-Length") != "" {
				t.Errorf("%s: %v", c.what, w.Header())
			}
		}
		if c.path == "/page" || c.path == "/slowly" {
			if !bytes.Contains(body, []byte("the same words")) || bytes.Contains(body, []byte("\x00")) {
				t.Errorf("%s: %.60q", c.what, body)
			}
		}
		if c.path == "/small" && (w.Code != http.StatusTeapot || string(body) != "small") || c.path == "/empty" && (w.Code != http.StatusNoContent || len(body) > 0) {
			t.Errorf("%s: %d %q", c.what, w.Code, body)
		}
	}
	packed := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), "GET", "http://127.0.0.1/packed", nil)
	r.Header.Set("Accept-Encoding", "gzip")
	if h.ServeHTTP(packed, r); packed.Header().Get("Content-Encoding") != "br" {
		t.Error("what is packed is packed again")
	}
}
