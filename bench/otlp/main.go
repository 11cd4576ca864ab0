// Command otlp measures how many spans a daemon's receiver takes, with the exporter of the
// OpenTelemetry Go SDK as its load, over loopback HTTP with gzip:
//
//	go run ./bench/otlp -rate 20000 -for 20s
//
// Sender and receiver share the machine. The receiver's own share is measured once more
// without a sender: the same body, decoded and read again and again.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"keepwatch"
	"keepwatch/internal/otlp"
	"keepwatch/internal/sfmc"
)

const sub = "mc563885gzs27c5t9-63k636ttgm"

type sink struct{ n atomic.Int64 }

func (s *sink) Saw(keepwatch.Call) { s.n.Add(1) }

func main() {
	rate := flag.Int("rate", 20_000, "spans a second")
	span := flag.Duration("for", 20*time.Second, "how long")
	flag.Parse()
	if err := run(*rate, *span); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(rate int, span time.Duration) error {
	calls, other := &sink{}, atomic.Int64{}
	rules := &otlp.Rules{
		Hosts: sfmc.TenantHostsOf([]keepwatch.Tenant{{ID: "emea", Subdomain: sub}}),
		Rules: []otlp.Rule{{Match: map[string]string{"service.name": "crm-*"}, Tenant: "emea", Credential: "crm"}},
	}
	r := otlp.New(otlp.Options{Rules: func() *otlp.Rules { return rules }, Calls: calls, Count: func(res otlp.Result, n int) {
		if res != otlp.Accepted {
			other.Add(int64(n))
		}
	}})
	var sample atomic.Pointer[[]byte]
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if sample.Load() == nil {
			var b bytes.Buffer
			_, _ = b.ReadFrom(req.Body)
			body := b.Bytes()
			sample.Store(&body)
			req.Body = http.NoBody
			next := httptest.NewRequest(http.MethodPost, "/v1/traces", bytes.NewReader(body))
			next.Header = req.Header
			r.ServeHTTP(w, next)
			return
		}
		r.ServeHTTP(w, req)
	}))
	defer server.Close()
	exporter, err := otlptracehttp.New(context.Background(), otlptracehttp.WithEndpointURL(server.URL+"/v1/traces"), otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
	if err != nil {
		return err
	}
	provider := sdk.NewTracerProvider(
		sdk.WithBatcher(exporter, sdk.WithMaxQueueSize(1<<16), sdk.WithMaxExportBatchSize(512), sdk.WithBatchTimeout(100*time.Millisecond)),
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", "crm-sync"))),
	)
	tracer := provider.Tracer("bench")
	before, began := cpu(), time.Now()
	sent := 0
	for time.Since(began) < span {
		for due := int(time.Since(began).Seconds() * float64(rate)); sent < due; sent++ {
			one(tracer, sent)
		}
		time.Sleep(2 * time.Millisecond)
	}
	if err := provider.Shutdown(context.Background()); err != nil {
		return err
	}
	took, used := time.Since(began), cpu()-before
	fmt.Printf("sent %d spans in %s: %.0f/s; taken %d calls and %d others, lost %d; CPU of sender and receiver together %.2f cores\n",
		sent, took.Round(time.Millisecond), float64(sent)/took.Seconds(), calls.n.Load(), other.Load(), int64(sent)-calls.n.Load()-other.Load(), used.Seconds()/took.Seconds())
	return alone(r, *sample.Load(), calls, &other)
}

// one is a call of SFMC in one of two, and something else in the other.
func one(tracer trace.Tracer, n int) {
	host := sub + ".rest.marketingcloudapis.com"
	if n%2 == 1 {
		host = "api.example.com"
	}
	_, s := tracer.Start(context.Background(), "HTTP GET", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("http.request.method", "GET"), attribute.String("server.address", host), attribute.Int("server.port", 443),
		attribute.String("url.full", "https://"+host+"/asset/v1/content/assets?page=1"), attribute.Int("http.response.status_code", 200),
		attribute.String("network.protocol.version", "1.1"), attribute.String("user_agent.original", "bench/1.0"),
	))
	s.End()
}

// alone measures the receiver without a sender.
func alone(r *otlp.Receiver, body []byte, calls *sink, other *atomic.Int64) error {
	req := func() *http.Request {
		q := httptest.NewRequest(http.MethodPost, "/v1/traces", bytes.NewReader(body))
		q.Header.Set("Content-Type", "application/x-protobuf")
		q.Header.Set("Content-Encoding", "gzip")
		return q
	}
	from := other.Load() + calls.n.Load()
	var m0, m1 runtime.MemStats
	runtime.ReadMemStats(&m0)
	began, used := time.Now(), cpu()
	for time.Since(began) < 3*time.Second {
		w := httptest.NewRecorder()
		if r.ServeHTTP(w, req()); w.Code != http.StatusOK {
			return fmt.Errorf("the sample was answered %d", w.Code)
		}
	}
	took, spent := time.Since(began), cpu()-used
	runtime.ReadMemStats(&m1)
	n := float64(other.Load() + calls.n.Load() - from)
	fmt.Printf("receiver alone, one request after another: %.0f spans/s; per span %.2f µs of CPU, %.1f allocations, %.0f bytes\n",
		n/took.Seconds(), float64(spent.Microseconds())/n, float64(m1.Mallocs-m0.Mallocs)/n, float64(m1.TotalAlloc-m0.TotalAlloc)/n)
	return nil
}

func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
