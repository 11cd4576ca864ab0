package app_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"keepwatch/internal/app"
	"keepwatch/internal/config"
)

// TestSpansOfTheSDKReachThePages: spans of the OpenTelemetry SDK for Go go over HTTP and
// gRPC into a running daemon, and come out as observations: in the API, on the page, in
// the metrics. Foreign spans and what they carry leave nothing behind.
func TestSpansOfTheSDKReachThePages(t *testing.T) {
	const (
		sub    = "mc563885gzs27c5t9-63k636ttgm"
		canary = "c4n4ry-5e1f0a9b8c7d6e5f"
	)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	grpcAt := free.Addr().String()
	free.Close()
	dir := t.TempDir()
	path := filepath.Join(t.TempDir(), "keepwatch.yaml")
	text := fmt.Sprintf(`version: 1
server: {listen: "127.0.0.1:0", auth: none}
store: {url: "sqlite:%s/keepwatch.db"}
tenants: [{id: emea, subdomain: %s}]
credentials: [{id: crm, tenant: emea, client_id: abc, pushed_every: 24h}]
otlp:
  grpc: {listen: %q}
  map: [{match: {service.name: crm-*}, credential: crm, holder: "${service.name}"}]
`, dir, sub, grpcAt)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	daemon, err := app.New(t.Context(), app.Options{
		Load:      func() (*config.Config, error) { return config.Load(path, nil) },
		LookupEnv: func(string) (string, bool) { return "", false }, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- daemon.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		files, _ := filepath.Glob(filepath.Join(dir, "*"))
		for _, f := range files {
			if content, err := os.ReadFile(f); err != nil || strings.Contains(string(content), canary) || strings.Contains(string(content), "api.example.com") {
				t.Errorf("%s holds what is foreign: %v", f, err)
			}
		}
	}()
	eventually(t, daemon.URL()+"/healthz", nil, canary) // it has begun to serve
	overHTTP, err := otlptracehttp.New(t.Context(), otlptracehttp.WithEndpointURL(daemon.URL()+"/v1/traces"))
	if err != nil {
		t.Fatal(err)
	}
	overGRPC, err := otlptracegrpc.New(t.Context(), otlptracegrpc.WithEndpoint(grpcAt), otlptracegrpc.WithInsecure())
	if err != nil {
		t.Fatal(err)
	}
	for service, exporter := range map[string]*otlptrace.Exporter{"crm-batch": overHTTP, "crm-web": overGRPC} {
		provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", service))))
		for _, call := range []struct {
			url    string
			status int
		}{
			{"https://" + sub + ".auth.marketingcloudapis.com/v2/token?client_secret=" + canary, 503}, {"https://" + sub + ".auth.marketingcloudapis.com/v2/token", 200},
			{"https://" + sub + ".rest.marketingcloudapis.com/messaging/v1/email/messages/" + canary, 202}, {"https://api.example.com/" + canary, 500},
		} {
			_, span := provider.Tracer("test").Start(ctx, "POST", trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
				attribute.String("http.request.method", "POST"), attribute.String("url.full", call.url), attribute.Int("http.response.status_code", call.status),
				attribute.String("authorization", canary)))
			span.End()
		}
		if err := provider.Shutdown(ctx); err != nil {
			t.Fatal(err)
		}
	}
	for path, wants := range map[string][]string{
		"/api/v1/credentials/crm/traffic": {`"name":"crm-batch"`, `"name":"crm-web"`, `"attempts_per_token":2`, `"family":"messaging"`, `"last_refusal":"platform_error"`},
		"/credentials/crm":                {`data-holder="crm-batch"`, `data-holder="crm-web"`, `<td class="num">2.0</td>`},
		"/metrics": {`keepwatch_token_requests_total{credential="crm",outcome="ok",source="traffic"} 2`, `keepwatch_ingest_total{result="foreign",via="otlp"} 2`, `keepwatch_ingest_total{result="accepted",via="otlp"} 6`,
			`keepwatch_refresh_success_ratio{credential="crm",window="1h"} 0.5`, `keepwatch_refresh_attempts_per_token{credential="crm",window="24h"} 2`},
	} {
		eventually(t, daemon.URL()+path, wants, canary)
	}
}

// eventually asks until an answer holds all that is wanted, and never what is not.
func eventually(t *testing.T, address string, wants []string, never string) {
	t.Helper()
	limit := time.Now().Add(90 * time.Second)
	for {
		res, err := http.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || strings.Contains(string(body), never) {
			t.Fatalf("%s: %v, or what must not be there", address, err)
		}
		missing := ""
		for _, want := range wants {
			if !strings.Contains(string(body), want) {
				missing = want
			}
		}
		if missing == "" {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("%s has no %s:\n%.5000s", address, missing, body)
		}
		time.Sleep(200 * time.Millisecond)
	}
}
