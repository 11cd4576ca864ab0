package httpapi_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/httpapi"
	"keepwatch/internal/otlp"
)

// pushes answers as events do, and waits where a test wants it to.
type pushes struct {
	bodies chan string
	hold   chan struct{}
}

func (p *pushes) Events(_ context.Context, body []byte, _ time.Time) (client.EventsTaken, error) {
	p.bodies <- string(body)
	if p.hold != nil {
		<-p.hold
	}
	if string(body) == "bad" {
		return client.EventsTaken{Refused: 1, Results: []client.EventResult{{Status: "refused", Field: "at"}}}, nil
	}
	return client.EventsTaken{Accepted: 1, Results: []client.EventResult{{Status: "accepted"}}}, nil
}

func (p *pushes) Lines(source string, body []byte, _ bool, _ time.Time) (client.LinesTaken, error) {
	p.bodies <- source + ":" + string(body)
	return client.LinesTaken{Accepted: 1}, nil
}

type nowhere struct{}

func (nowhere) Saw(keepwatch.Call) {}

func startPushed(t *testing.T) (*daemon, *pushes, string) {
	t.Helper()
	p := &pushes{bodies: make(chan string, 100)}
	d := start(t, func(o *httpapi.Options) {
		o.Pushed, o.Traces = p, otlp.New(otlp.Options{Rules: func() *otlp.Rules { return &otlp.Rules{} }, Calls: nowhere{}})
	})
	token, hash := auth.NewToken()
	known, ok := d.gate.Records.(records)
	if !ok {
		t.Fatal("the records are others")
	}
	known.tokens[hash] = auth.TokenRecord{Name: "collector", Grants: []auth.Grant{{Role: auth.Pusher}}}
	return d, p, string(token.Reveal())
}

// A pusher pushes and reads nothing; a viewer reads and pushes nothing.
func TestAPusherPushesAndReadsNothing(t *testing.T) {
	d, _, pusher := startPushed(t)
	for _, push := range []string{"/v1/traces", "/api/v1/events", "/api/v1/logs?source=x"} {
		for token, want := range map[string]int{pusher: 200, d.operator: 200, d.admin: 200, d.viewer: 403, "": 401} {
			headers := []string{"Content-Type", "application/json"}
			if token != "" {
				headers = append(headers, "Authorization", "Bearer "+token)
			}
			if res, body := d.do(http.MethodPost, push, "{}", headers...); res.StatusCode != want {
				t.Errorf("%s: %d %s, want %d", push, res.StatusCode, body, want)
			}
		}
	}
	for _, path := range []string{"/", "/metrics", "/api/v1/overview", "/api/v1/credentials", "/api/v1/tokens", "/api/v1/events", "/api/v1/openapi.json"} {
		if res, _ := d.do(http.MethodGet, path, "", "Authorization", "Bearer "+pusher); res.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
	res, body := d.do(http.MethodPost, "/v1/traces", "", "Content-Type", "application/json")
	if res.StatusCode != 401 || !strings.Contains(body, `"code":16`) && !strings.Contains(body, `"code": 16`) {
		t.Errorf("OTLP's own form of a refusal: %d %s", res.StatusCode, body)
	}
}

func TestPushesAreBounded(t *testing.T) {
	d, p, pusher := startPushed(t)
	post := func(body string, headers ...string) (int, string) {
		res, said := d.do(http.MethodPost, "/api/v1/events", body, append(headers, "Authorization", "Bearer "+pusher)...)
		return res.StatusCode, said
	}
	zip := func(b []byte) string {
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		_, _ = z.Write(b)
		_ = z.Close()
		return out.String()
	}
	if status, _ := post(zip([]byte("{}")), "Content-Encoding", "gzip"); status != 200 || <-p.bodies != "{}" {
		t.Errorf("gzip: %d", status)
	}
	if status, said := post("bad"); status != 400 || !strings.Contains(said, `"field":"at"`) {
		t.Errorf("all refused: %d %s", status, said)
	}
	<-p.bodies
	for name, tt := range map[string]struct {
		body, encoding string
		want           int
	}{
		"a bomb":   {zip(make([]byte, 100<<20)), "gzip", 413},
		"too long": {strings.Repeat("x", 5<<20), "", 413},
		"no gzip":  {"x", "gzip", 400},
		"zstd":     {"x", "zstd", 400},
	} {
		var headers []string
		if tt.encoding != "" {
			headers = []string{"Content-Encoding", tt.encoding}
		}
		if status, said := post(tt.body, headers...); status != tt.want {
			t.Errorf("%s: %d %s", name, status, said)
		}
	}
	p.hold = make(chan struct{})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { post("{}") })
	}
	for range 4 {
		<-p.bodies
	}
	res, _ := d.do(http.MethodPost, "/api/v1/events", "{}", "Authorization", "Bearer "+pusher)
	if res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") != "2" {
		t.Errorf("%d, Retry-After %q", res.StatusCode, res.Header.Get("Retry-After"))
	}
	close(p.hold)
	all.Wait()
}
