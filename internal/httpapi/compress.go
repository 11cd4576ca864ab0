package httpapi

import (
	"compress/gzip"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
)

// leastCompressed is the size from which compression saves more than it costs.
const leastCompressed = 1 << 10

var squeezers = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(io.Discard, 5) // the level is a valid one
	return z
}}

// compress shortens answers to reads. An answer that holds a secret beside text that a
// stranger chose must not be compressed, since its length then tells of the secret
// (BREACH): decision 0040 says which requests a stranger can cause.
func (a *api) compress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !mayCompress(r) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Add("Vary", "Accept-Encoding")
		s := &squeezed{ResponseWriter: w}
		next.ServeHTTP(s, r)
		s.close() // not deferred: after a panic somebody else answers
	})
}

// mayCompress reports whether a request asks for compression and cannot have been
// caused by another site. A browser says who caused it; a program that sends no cookie
// acts for nobody but itself; files of ours are the same for all.
func mayCompress(r *http.Request) bool {
	if r.Method != http.MethodGet || r.Header.Get("Range") != "" || !accepts(r, "gzip") {
		return false
	}
	if strings.HasPrefix(r.URL.Path, "/static/") {
		return true
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return true
	case "":
		return r.Header.Get("Cookie") == ""
	}
	return false
}

func accepts(r *http.Request, coding string) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, q, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(name), coding) {
			switch strings.TrimSpace(q) {
			case "q=0", "q=0.0", "q=0.00", "q=0.000":
				return false
			}
			return true
		}
	}
	return false
}

// compressible are the types that shrink.
func compressible(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	switch kind {
	case "application/json", "application/problem+json", "application/x-ndjson", "application/yaml", "text/javascript", "application/javascript", "image/svg+xml":
		return true
	}
	return strings.HasPrefix(kind, "text/")
}

// squeezed holds the first bytes back until it is sure that they are worth it.
type squeezed struct {
	http.ResponseWriter
	status  int
	head    []byte
	decided bool
	gz      *gzip.Writer
}

// WriteHeader waits for the first bytes, except where none will come.
func (s *squeezed) WriteHeader(status int) {
	if status < http.StatusOK {
		s.ResponseWriter.WriteHeader(status)
		return
	}
	if s.status == 0 {
		s.status = status
	}
	if status == http.StatusNoContent || status == http.StatusNotModified {
		s.decide()
	}
}

func (s *squeezed) Write(b []byte) (int, error) {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	if !s.decided {
		s.head = append(s.head, b...)
		if len(s.head) < leastCompressed {
			return len(b), nil
		}
		return len(b), s.begin(true)
	}
	if s.gz != nil {
		return s.gz.Write(b)
	}
	return s.ResponseWriter.Write(b)
}

// begin decides, and writes what was held back.
func (s *squeezed) begin(worth bool) error {
	h := s.Header()
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", http.DetectContentType(s.head))
	}
	if worth && h.Get("Content-Encoding") == "" && s.status != http.StatusPartialContent && compressible(h.Get("Content-Type")) {
		h.Set("Content-Encoding", "gzip")
		h.Del("Content-Length")
		h.Del("Accept-Ranges")
		s.gz, _ = squeezers.Get().(*gzip.Writer)
		s.gz.Reset(s.ResponseWriter)
	}
	s.decide()
	if len(s.head) == 0 {
		return nil
	}
	var err error
	if s.gz != nil {
		_, err = s.gz.Write(s.head)
	} else {
		_, err = s.ResponseWriter.Write(s.head) //nolint:gosec // what the handler wrote, passed on
	}
	s.head = nil
	return err
}

func (s *squeezed) decide() {
	if !s.decided {
		s.decided = true
		s.ResponseWriter.WriteHeader(s.status)
	}
}

func (s *squeezed) close() {
	if !s.decided && s.status != 0 {
		_ = s.begin(false) // the caller has gone
	}
	if s.gz != nil {
		_ = s.gz.Close()
		s.gz.Reset(io.Discard)
		squeezers.Put(s.gz)
	}
}

// FlushError sends what there is: a long answer shows as it comes.
func (s *squeezed) FlushError() error {
	if !s.decided {
		if s.status == 0 {
			s.status = http.StatusOK
		}
		if err := s.begin(true); err != nil {
			return err
		}
	}
	if s.gz != nil {
		if err := s.gz.Flush(); err != nil {
			return err
		}
	}
	return http.NewResponseController(s.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController reach the writer below.
func (s *squeezed) Unwrap() http.ResponseWriter { return s.ResponseWriter }
