package otlp_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	v1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"keepwatch"
	"keepwatch/internal/otlp"
	"keepwatch/internal/sfmc"
)

const (
	sub    = "mc563885gzs27c5t9-63k636ttgm"
	canary = "c4n4ry-8f3a2b1c9d7e6f50"
)

// sink keeps what it saw.
type sink struct {
	mu    sync.Mutex
	calls []keepwatch.Call
}

func (s *sink) Saw(c keepwatch.Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, c)
}

func (s *sink) all() []keepwatch.Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

type rig struct {
	*otlp.Receiver
	sink
	mu     sync.Mutex
	counts map[otlp.Result]int
}

func newRig() *rig {
	r := &rig{counts: map[otlp.Result]int{}}
	rules := &otlp.Rules{
		Hosts: sfmc.TenantHostsOf([]keepwatch.Tenant{{ID: "emea", Subdomain: sub}}),
		Rules: []otlp.Rule{
			{Match: map[string]string{"service.name": "crm-*", "deployment.environment": "production"}, Tenant: "emea", Credential: "crm-sync", Holder: "${service.name}/${service.namespace}"},
			{Match: map[string]string{"service.name": "shop", otlp.Host: sub + ".rest.marketingcloudapis.com"}, Tenant: "emea", Credential: "shop"},
		},
	}
	r.Receiver = otlp.New(otlp.Options{Rules: func() *otlp.Rules { return rules }, Calls: &r.sink, Count: func(result otlp.Result, n int) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.counts[result] += n
	}})
	return r
}

func (r *rig) count(result otlp.Result) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts[result]
}

// export sends three calls and a span that is none with an exporter of the SDK.
func export(t *testing.T, exporter *otlptrace.Exporter) {
	t.Helper()
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(resource.NewSchemaless(
		attribute.String("service.name", "crm-sync"), attribute.String("service.namespace", "sales"), attribute.String("deployment.environment", "production"),
	)))
	tracer := provider.Tracer("test")
	for _, attrs := range [][]attribute.KeyValue{
		{attribute.String("http.request.method", "POST"), attribute.String("server.address", sub+".auth.marketingcloudapis.com"), attribute.String("url.full", "https://"+sub+".auth.marketingcloudapis.com/v2/token?secret="+canary), attribute.Int("http.response.status_code", 401), attribute.String("client_secret", canary)},
		{attribute.String("http.method", "GET"), attribute.String("http.url", "https://user:"+canary+"@"+sub+".rest.marketingcloudapis.com/asset/v1/content?q="+canary), attribute.Int("http.status_code", 200)},
		{attribute.String("http.request.method", "POST"), attribute.String("url.full", "https://"+sub+".soap.marketingcloudapis.com/Service.asmx"), attribute.String("rpc.method", "Retrieve"), attribute.String("error.type", "ETIMEDOUT")},
		{attribute.String("http.request.method", "GET"), attribute.String("server.address", "api.example.com"), attribute.String("authorization", canary)},
	} {
		_, span := tracer.Start(t.Context(), "HTTP "+canary, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attrs...))
		span.End()
	}
	if err := provider.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) check(t *testing.T) {
	t.Helper()
	calls := r.all()
	if len(calls) != 3 || r.count(otlp.Foreign) != 1 || r.count(otlp.Accepted) != 3 {
		t.Fatalf("%d calls, counts %v", len(calls), r.counts)
	}
	for i, want := range []keepwatch.Call{
		{Kind: keepwatch.CallToken, Status: 401, Outcome: keepwatch.BadSecretOrPackage},
		{Kind: keepwatch.CallREST, Status: 200, Outcome: keepwatch.OK, Family: "asset"},
		{Kind: keepwatch.CallSOAP, Outcome: keepwatch.Timeout, Family: "Retrieve"},
	} {
		c := calls[i]
		if c.Kind != want.Kind || c.Status != want.Status || c.Outcome != want.Outcome || c.Family != want.Family {
			t.Errorf("call %d: %+v", i, c)
		}
		if c.Credential != "crm-sync" || c.Holder != "crm-sync/sales" || c.Tenant != "emea" || c.Via != keepwatch.ViaSpan || c.Key == "" || c.At.IsZero() {
			t.Errorf("call %d: %+v", i, c)
		}
	}
	if strings.Contains(fmt.Sprintf("%+v", calls), canary) {
		t.Error("a secret of a span is in a call")
	}
}

func TestSpansOfTheSDKOverHTTP(t *testing.T) {
	r := newRig()
	mux := http.NewServeMux()
	mux.Handle("POST /v1/traces", r)
	server := httptest.NewServer(mux)
	defer server.Close()
	exporter, err := otlptracehttp.New(t.Context(), otlptracehttp.WithEndpointURL(server.URL+"/v1/traces"), otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
	if err != nil {
		t.Fatal(err)
	}
	export(t, exporter)
	r.check(t)
}

func TestSpansOfTheSDKOverGRPC(t *testing.T) {
	r := newRig()
	var asked []string
	server := r.Server(func(_ context.Context, authorization string) error {
		asked = append(asked, authorization)
		return nil
	}, nil)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(l) }()
	defer server.Stop()
	exporter, err := otlptracegrpc.New(t.Context(), otlptracegrpc.WithEndpoint(l.Addr().String()), otlptracegrpc.WithInsecure(), otlptracegrpc.WithHeaders(map[string]string{"authorization": "Bearer kw_x"}), otlptracegrpc.WithCompressor("gzip"))
	if err != nil {
		t.Fatal(err)
	}
	export(t, exporter)
	r.check(t)
	if len(asked) == 0 || asked[0] != "Bearer kw_x" {
		t.Errorf("asked for %q", asked)
	}
}

func TestAStrangerIsRefusedOverGRPC(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{{keepwatch.ErrUnauthorized, "Unauthenticated"}, {keepwatch.ErrForbidden, "PermissionDenied"}} {
		r := newRig()
		server := r.Server(func(context.Context, string) error { return tt.err }, nil)
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() { _ = server.Serve(l) }()
		exporter, err := otlptracegrpc.New(t.Context(), otlptracegrpc.WithEndpoint(l.Addr().String()), otlptracegrpc.WithInsecure())
		if err != nil {
			t.Fatal(err)
		}
		provider := sdk.NewTracerProvider(sdk.WithSyncer(exporter))
		_, span := provider.Tracer("t").Start(t.Context(), "x")
		ro, ok := span.(sdk.ReadOnlySpan)
		if !ok {
			t.Fatal("no span to read")
		}
		span.End()
		if err := exporter.ExportSpans(t.Context(), []sdk.ReadOnlySpan{ro}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("error %v, want %s", err, tt.want)
		}
		server.Stop()
		if len(r.all()) != 0 {
			t.Error("a stranger's span was taken")
		}
	}
}

func str(k, v string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: k, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: v}}}
}

func span(n int, at time.Time, host string) *tracepb.Span {
	id := fmt.Appendf(nil, "%016d", n)
	return &tracepb.Span{
		TraceId: id, SpanId: id[8:], Kind: tracepb.Span_SPAN_KIND_CLIENT, StartTimeUnixNano: uint64(at.UnixNano()), EndTimeUnixNano: uint64(at.Add(time.Second).UnixNano()),
		Attributes: []*commonpb.KeyValue{str("http.request.method", "POST"), str("url.full", "https://"+host+"/v2/token"), str("http.response.status_code", "200")},
	}
}

func request(service string, spans ...*tracepb.Span) *v1.ExportTraceServiceRequest {
	rs := &tracepb.ResourceSpans{ScopeSpans: []*tracepb.ScopeSpans{{Spans: spans}}}
	rs.Resource = resourceOf(service)
	return &v1.ExportTraceServiceRequest{ResourceSpans: []*tracepb.ResourceSpans{rs}}
}

func TestABatchThatComesAgainCountsOnce(t *testing.T) {
	r, now := newRig(), time.Now()
	batch := request("crm-a", span(1, now, sub+".auth.marketingcloudapis.com"), span(2, now, sub+".auth.marketingcloudapis.com"), span(1, now, sub+".auth.marketingcloudapis.com"))
	for range 3 {
		if answer := r.Take(batch, now); answer.GetPartialSuccess() != nil {
			t.Errorf("answer %v", answer)
		}
	}
	if len(r.all()) != 2 || r.count(otlp.Repeated) != 7 {
		t.Errorf("%d calls, counts %v", len(r.all()), r.counts)
	}
}

func TestWhatCannotBeReadIsRejected(t *testing.T) {
	now := time.Now()
	auth := sub + ".auth.marketingcloudapis.com"
	for name, tt := range map[string]struct {
		change func(*tracepb.Span)
		want   otlp.Result
	}{
		"no id": {func(s *tracepb.Span) { s.SpanId = nil }, otlp.Unreadable},
		"the future": {func(s *tracepb.Span) {
			s.StartTimeUnixNano += uint64(time.Hour)
			s.EndTimeUnixNano += uint64(time.Hour)
		}, otlp.Unreadable},
		"the past": {func(s *tracepb.Span) {
			s.StartTimeUnixNano -= uint64(30 * time.Hour)
			s.EndTimeUnixNano -= uint64(30 * time.Hour)
		}, otlp.Unreadable},
		"ends before":  {func(s *tracepb.Span) { s.EndTimeUnixNano = 1 }, otlp.Unreadable},
		"no time":      {func(s *tracepb.Span) { s.StartTimeUnixNano, s.EndTimeUnixNano = 1<<63, 1<<63 }, otlp.Unreadable},
		"a server's":   {func(s *tracepb.Span) { s.Kind = tracepb.Span_SPAN_KIND_SERVER }, otlp.Foreign},
		"another host": {func(s *tracepb.Span) { s.Attributes[1] = str("url.full", "https://api.example.com/v2/token") }, otlp.Foreign},
		"another tenant": {func(s *tracepb.Span) {
			s.Attributes[1] = str("url.full", "https://x.auth.marketingcloudapis.com/v2/token")
		}, otlp.UnknownTenant},
		"a strange url": {func(s *tracepb.Span) { s.Attributes[1] = str("url.full", "https://%zz") }, otlp.Foreign},
		"an endless value": {func(s *tracepb.Span) {
			s.Attributes[1] = str("url.full", "https://"+auth+"/"+strings.Repeat("x", 5000))
		}, otlp.Foreign},
	} {
		r, s := newRig(), span(1, now, auth)
		tt.change(s)
		answer := r.Take(request("crm-a", s), now)
		rejected := answer.GetPartialSuccess().GetRejectedSpans()
		if r.count(tt.want) != 1 || len(r.all()) != 0 || (rejected == 1) != (tt.want == otlp.Unreadable) {
			t.Errorf("%s: counts %v, %d rejected", name, r.counts, rejected)
		}
	}
	r := newRig()
	if r.Take(request("nobody", span(1, now, auth)), now); r.count(otlp.Unmapped) != 1 {
		t.Errorf("counts %v", r.counts)
	}
}

// post sends a body as it is.
func (r *rig) post(media, encoding string, body []byte) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodPost, "/v1/traces", bytes.NewReader(body))
	req.Header.Set("Content-Type", media)
	if encoding != "" {
		req.Header.Set("Content-Encoding", encoding)
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	return w
}

func zipped(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b)
	_ = z.Close()
	return out.Bytes()
}

func TestJSONHasIdsInHexadecimal(t *testing.T) {
	r := newRig()
	body := fmt.Sprintf(`{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"crm-x"}},{"key":"deployment.environment","value":{"stringValue":"production"}}]},
	"scopeSpans":[{"spans":[{"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"EEE19B7EC3C1B174","kind":3,"unknownField":1,"startTimeUnixNano":"%d","endTimeUnixNano":"%[1]d",
	"attributes":[{"key":"http.request.method","value":{"stringValue":"POST"}},{"key":"server.address","value":{"stringValue":"%s"}},{"key":"url.path","value":{"stringValue":"/v2/token"}},{"key":"http.response.status_code","value":{"intValue":"429"}}]}]}]}]}`, time.Now().UnixNano(), sub+".auth.marketingcloudapis.com")
	if w := r.post("application/json; charset=utf-8", "", []byte(body)); w.Code != 200 || strings.TrimSpace(w.Body.String()) != "{}" || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	calls := r.all()
	if len(calls) != 1 || calls[0].Key != "5b8efff798038103d269b633813fc60c-eee19b7ec3c1b174" || calls[0].Outcome != keepwatch.RateLimited {
		t.Errorf("%+v %v", calls, r.counts)
	}
}

func TestHostileRequestsOverHTTP(t *testing.T) {
	deep := strings.Repeat(`{"resourceSpans":[`, 100_000)
	kv := append([]byte{0x0a, 0x04, 0x0a, 0x02, 0x0a, 0x00}, nil...)
	flood := request("crm-a", span(1, time.Now(), "api.example.com"))
	for range 1_000_000 {
		flood.ResourceSpans[0].ScopeSpans[0].Spans[0].Attributes = append(flood.ResourceSpans[0].ScopeSpans[0].Spans[0].Attributes, nothing)
	}
	million, err := proto.Marshal(flood)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		media, encoding string
		body            []byte
		want            int
	}{
		"a gzip bomb":            {"application/x-protobuf", "gzip", zipped(make([]byte, 200<<20)), 413},
		"deep JSON":              {"application/json", "", []byte(deep), 400},
		"a million attributes":   {"application/x-protobuf", "", million, 200},
		"no protobuf":            {"application/x-protobuf", "", []byte("\xff\xff\xff" + canary), 400},
		"no gzip":                {"application/x-protobuf", "gzip", []byte(canary), 400},
		"a gzip that ends early": {"application/x-protobuf", "gzip", zipped(kv)[:10], 400},
		"another encoding":       {"application/x-protobuf", "zstd", nil, 415},
		"another type":           {"text/plain", "", nil, 415},
		"nothing":                {"application/x-protobuf", "", nil, 200},
	} {
		r := newRig()
		w := r.post(tt.media, tt.encoding, tt.body)
		if w.Code != tt.want || len(r.all()) != 0 || strings.Contains(w.Body.String(), canary) {
			t.Errorf("%s: %d %q, want %d", name, w.Code, w.Body, tt.want)
		}
		if w.Code < 400 {
			continue
		}
		var said statuspb.Status
		unmarshal := proto.Unmarshal
		if w.Header().Get("Content-Type") == "application/json" {
			unmarshal = protojson.Unmarshal
		}
		if err := unmarshal(w.Body.Bytes(), &said); err != nil || said.GetMessage() == "" || said.GetCode() == 0 {
			t.Errorf("%s: the answer is no Status: %v %v", name, &said, err)
		}
	}
}

// slow is a body that nobody ends.
type slow struct {
	started chan<- struct{}
	end     <-chan struct{}
}

func (s slow) Read([]byte) (int, error) { s.started <- struct{}{}; <-s.end; return 0, io.EOF }

func TestAFullHouseTellsSendersToComeLater(t *testing.T) {
	r := newRig()
	started, end := make(chan struct{}, 4), make(chan struct{})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			req := httptest.NewRequest(http.MethodPost, "/v1/traces", slow{started, end})
			req.Header.Set("Content-Type", "application/x-protobuf")
			r.ServeHTTP(httptest.NewRecorder(), req)
		})
	}
	for range 4 {
		<-started
	}
	if w := r.post("application/x-protobuf", "", nil); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "2" {
		t.Errorf("%d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
	}
	close(end)
	all.Wait()
	if w := r.post("application/x-protobuf", "", nil); w.Code != 200 {
		t.Errorf("afterwards %d", w.Code)
	}
}

// TestForeignSpansLeaveNothingBehind: 100,000 spans that are none of ours.
func TestForeignSpansLeaveNothingBehind(t *testing.T) {
	r, now := newRig(), time.Now()
	body := func(n int) []byte {
		var spans []*tracepb.Span
		for i := range 500 {
			spans = append(spans, span(n*500+i, now, fmt.Sprintf("host-%d.example.com", n*500+i)))
		}
		b, err := proto.Marshal(request(fmt.Sprintf("service-%d", n), spans...))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	r.post("application/x-protobuf", "", body(0))
	before := heap()
	for n := range 200 {
		if w := r.post("application/x-protobuf", "", body(n)); w.Code != 200 {
			t.Fatal(w.Code)
		}
	}
	after := heap()
	if r.count(otlp.Foreign) != 100_500 || len(r.counts) != 1 || len(r.all()) != 0 {
		t.Errorf("counts %v, %d calls", r.counts, len(r.all()))
	}
	if after > before+256<<10 {
		t.Errorf("the heap grew by %d bytes", after-before)
	}
	runtime.KeepAlive(r)
}

func FuzzProtobuf(f *testing.F) {
	good, _ := proto.Marshal(request("crm-a", span(1, time.Now(), sub+".auth.marketingcloudapis.com")))
	f.Add(good)
	raw, _ := hex.DecodeString("0a040a020a00")
	f.Add(raw)
	f.Fuzz(func(t *testing.T, body []byte) {
		r := newRig()
		if w := r.post("application/x-protobuf", "", body); w.Code != 200 && w.Code != 400 {
			t.Errorf("%d", w.Code)
		}
	})
}

func FuzzJSON(f *testing.F) {
	good, _ := protojson.Marshal(request("crm-a", span(1, time.Now(), sub+".auth.marketingcloudapis.com")))
	f.Add(good)
	f.Add([]byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"zz","attributes":[{}]}]}]}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		r := newRig()
		if w := r.post("application/json", "", body); w.Code != 200 && w.Code != 400 {
			t.Errorf("%d", w.Code)
		}
	})
}

var nothing = &commonpb.KeyValue{}

func resourceOf(service string) *resourcepb.Resource {
	return &resourcepb.Resource{Attributes: []*commonpb.KeyValue{str("service.name", service), str("deployment.environment", "production")}}
}
