package probe

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"syscall"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/egress"
)

// startBench serves the two answers of a proof with as little work as possible.
func startBench(b *testing.B) *bench {
	b.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := goodUserinfo
		if r.Method == http.MethodPost {
			_, _ = io.Copy(io.Discard, r.Body)
			body = goodToken
		}
		w.Header()["Content-Type"] = []string{"application/json"}
		w.Header()["Content-Length"] = []string{strconv.Itoa(len(body))}
		_, _ = io.WriteString(w, body)
	}))
	b.Cleanup(server.Close)
	return &bench{
		prober: New(Options{Secrets: fixed("hunter22"), Egress: egress.New(egress.Policy{}), HostInterval: time.Hour}),
		cred: keepwatch.Credential{ID: "crm-sync", Kind: keepwatch.ServerToServer, ClientID: "id-1", BusinessUnit: 510000123,
			SecretRef: "env:X", Tests: []string{"identity"}},
		tenant: keepwatch.Tenant{ID: "emea", AuthURL: server.URL, RESTURL: server.URL, SOAPURL: server.URL},
	}
}

// cpu is the processor time of this process: server and client both, so the two
// benchmarks are compared by their difference.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func reportCPU(b *testing.B, began time.Duration) {
	b.Helper()
	b.ReportMetric(float64((cpu()-began).Microseconds())/float64(b.N), "cpu-µs/op")
}

// BenchmarkProof is token and identity through the whole ladder.
func BenchmarkProof(b *testing.B) {
	bench := startBench(b)
	ctx := b.Context()
	bench.prober.Run(ctx, bench.cred, bench.tenant, slot)
	b.ReportAllocs()
	began := cpu()
	for b.Loop() {
		if o := bench.prober.Run(ctx, bench.cred, bench.tenant, slot); o.Outcome != keepwatch.OK {
			b.Fatal(o.Outcome, o.Evidence)
		}
	}
	reportCPU(b, began)
}

// BenchmarkBare makes the same two requests with nothing around them.
func BenchmarkBare(b *testing.B) {
	bench := startBench(b)
	client := egress.New(egress.Policy{}).HTTP()
	body := []byte(`{"grant_type":"client_credentials","client_id":"id-1","client_secret":"hunter22","account_id":510000123}`)
	one := func(method, path string, body io.Reader) {
		r, err := http.NewRequestWithContext(b.Context(), method, bench.tenant.AuthURL+path, body)
		if err != nil {
			b.Fatal(err)
		}
		if method == http.MethodPost {
			r.Header.Set("Content-Type", "application/json")
		} else {
			r.Header.Set("Authorization", "Bearer aaa.bbb.ccc.ddd")
		}
		response, err := client.Do(r)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
	}
	b.ReportAllocs()
	began := cpu()
	for b.Loop() {
		one(http.MethodPost, "/v2/token", bytes.NewReader(body))
		one(http.MethodGet, "/v2/userinfo", nil)
	}
	reportCPU(b, began)
}
