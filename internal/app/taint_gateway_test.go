package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/app"
	"keepwatch/internal/config"
)

// listening is a witness that writes down all that it is told.
type listening struct {
	out   *evidence
	calls atomic.Int64
	named atomic.Int64
}

func (w *listening) Saw(c keepwatch.Call) {
	w.calls.Add(1)
	if c.Credential == "crm" {
		w.named.Add(1)
	}
	text, _ := json.Marshal(c)
	w.out.add("calls", string(text), fmt.Sprintf("%+v", c))
}

// TestTaintGateway sends thousands of requests with secrets through the gateway of a
// running daemon, to a server that repeats them in its answers in every bad way, and
// looks for them in every byte that the daemon wrote or told.
func TestTaintGateway(t *testing.T) {
	count := 600
	if os.Getenv("CI") == "true" || os.Getenv("KEEPWATCH_CAMPAIGN") != "" {
		count = 10_000
	}
	var v vault
	var out evidence
	secrets := make([]string, 500)
	for i := range secrets {
		secrets[i] = v.secret(fmt.Sprintf("secret %d", i), i%2 == 0)
	}
	var turn atomic.Int64
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		echo(w, r, string(body), int(turn.Add(1)))
	}))
	up.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	defer up.Close()

	dir := t.TempDir()
	path := filepath.Join(t.TempDir(), "keepwatch.yaml")
	text := fmt.Sprintf(`version: 1
server: {listen: "127.0.0.1:0", auth: none}
store: {url: "sqlite:%s/keepwatch.db"}
tenants: [{id: emea, endpoints: {auth: %q, rest: %q, soap: %q}}]
credentials: [{id: crm, tenant: emea, client_id: crm-client, secret: env:NONE, holders: [{name: shop}]}]
gateway: {listeners: [{name: one, listen: "127.0.0.1:0"}]}
`, dir, up.URL+"/", up.URL+"/", up.URL+"/Service.asmx")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	witness := &listening{out: &out}
	daemon, err := app.New(t.Context(), app.Options{
		Load:      func() (*config.Config, error) { return config.Load(path, nil) },
		LookupEnv: func(string) (string, bool) { return "", false },
		Logger:    slog.New(slog.NewJSONHandler(out.writer("log"), &slog.HandlerOptions{Level: slog.LevelDebug})),
		Announce:  func(line string) { out.add("announced", line) },
		Witness:   witness,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- daemon.Run(ctx) }()
	base := "http://" + daemon.Gateway()["one"] + "/emea/shop/"

	var senders sync.WaitGroup
	for w := range 4 {
		senders.Go(func() {
			client := &http.Client{Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			defer client.CloseIdleConnections()
			for i := w; i < count; i += 4 {
				sendSecret(client, base, secrets[i%len(secrets)], secrets[(i*7+1)%len(secrets)], i)
			}
		})
	}
	senders.Wait()
	for _, route := range []string{"/metrics", "/readyz", "/api/v1/credentials", "/"} {
		if res, err := http.Get(daemon.URL() + route); err == nil {
			answer, _ := io.ReadAll(res.Body)
			res.Body.Close()
			out.add("answers of the daemon", string(answer))
		}
	}
	stop()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v %v", files, err)
	}
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out.add("database", string(content))
	}
	hits, total := out.scan(newScanner(v.all()))
	for i, h := range hits {
		if t.Error(h); i == 20 {
			break
		}
	}
	if int(witness.calls.Load()) < count*8/10 || witness.named.Load() == 0 {
		t.Errorf("%d calls were told of, %d of them with their credential", witness.calls.Load(), witness.named.Load())
	}
	t.Logf("%d requests, %d calls told of (%d tied), %d canaries, %.1f MB looked at, %d hits", count, witness.calls.Load(), witness.named.Load(), len(v.all()), float64(total)/1e6, len(hits))

	planted := secrets[0]
	out.add("calls", planted)
	if hits, _ := out.scan(newScanner(v.all())); len(hits) == 0 {
		t.Error("a planted secret is not found")
	}
}

// sendSecret sends one request that is made of secrets, whole or malformed.
func sendSecret(client *http.Client, base, secret, other string, i int) {
	quoted, _ := json.Marshal(secret)
	second, _ := json.Marshal(other)
	kind, path, body, auth := "application/json", "auth/v2/token", "", ""
	switch i % 12 {
	case 0, 1, 2, 3:
		body = fmt.Sprintf(`{"grant_type":"client_credentials","client_id":"crm-client","client_secret":%s}`, quoted)
	case 4:
		body = fmt.Sprintf(`{"grant_type":"refresh_token","client_id":"crm-client","client_secret":%s,"refresh_token":%s}`, quoted, second)
	case 5:
		kind, body = "application/x-www-form-urlencoded", "client_id=crm-client&client_secret="+strings.ReplaceAll(secret, "&", "%26")
	case 6:
		path, body = "auth/v1/requestToken", fmt.Sprintf(`{"clientId":"crm-client","clientSecret":%s}`, quoted)
	case 7: // the name of the client is broken off, or is the secret's place
		body = fmt.Sprintf(`{"client_secret":%s,"client_id":"crm-client`, quoted)
	case 8:
		path, auth, body = "rest/hub/v1/"+strings.Map(letter, secret), "Bearer "+secret, other
	case 9:
		path, kind = "soap/Service.asmx", "text/xml"
		body = `<Envelope><Header><fueloauth>` + strings.Map(letter, secret) + `</fueloauth></Header><Body><RetrieveRequestMsg/></Body></Envelope>`
	case 10:
		path, kind = "soap/Service.asmx", "text/xml"
		body = `<Envelope><Header><Security><UsernameToken><Username>bob</Username><Password>` + strings.Map(letter, secret) + `</Password></UsernameToken></Security></Header><Body><RetrieveRequestMsg/></Body></Envelope>`
	case 11:
		body = strings.Repeat(" ", 17<<10) + fmt.Sprintf(`{"client_id":"crm-client","client_secret":%s}`, quoted)
	}
	req, err := http.NewRequest("POST", base+path, strings.NewReader(body))
	if err != nil {
		return
	}
	req.Header.Set("Content-Type", kind)
	if auth != "" {
		req.Header.Set("Authorization", auth)
	}
	res, err := client.Do(req)
	if err != nil {
		return // the server breaks some off
	}
	_, _ = io.Copy(io.Discard, res.Body)
	res.Body.Close()
}

// letter makes a secret fit to stand in a path or in XML.
func letter(r rune) rune {
	if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
		return r
	}
	return 'x'
}

// echo repeats what was sent, in the ways in which servers and proxies do.
func echo(w http.ResponseWriter, r *http.Request, body string, turn int) {
	said, _ := json.Marshal(body + r.Header.Get("Authorization"))
	inside := string(said[1 : len(said)-1])
	answer := func(status int, kind, text string) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}
	soap := strings.HasSuffix(r.URL.Path, ".asmx")
	switch turn % 9 {
	case 0, 1:
		secret := strings.Map(letter, body+r.Header.Get("Authorization"))
		answer(200, "application/json", fmt.Sprintf(`{"access_token":"%.400s","token_type":"Bearer","expires_in":1079,"scope":"email_read %.40s","rest_instance_url":"http://%s/","soap_instance_url":"http://%s/"}`, secret, secret, r.Host, r.Host))
	case 2:
		answer(401, "application/json", `{"error":"invalid_client","error_description":"`+inside+`"}`)
	case 3:
		answer(400, "application/json", `{"message":"`+inside+`","errorcode":`+`"`+inside+`"}`)
	case 4:
		answer(503, "text/html", "<html><body>"+body+r.Header.Get("Authorization")+"</body></html>")
	case 5:
		answer(500, "text/xml", `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><soap:Fault><faultcode>soap:`+strings.Map(letter, body)+`</faultcode><faultstring>`+strings.Map(letter, body)+`</faultstring></soap:Fault></soap:Body></soap:Envelope>`)
	case 6:
		w.Header().Set("Location", "https://"+strings.Map(letter, body)[:min(60, len(body))]+".example.com/")
		w.WriteHeader(307)
	case 7:
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		if soap || turn%2 == 0 {
			_, _ = io.WriteString(conn, "HTTP/1.1 2OO "+strings.ReplaceAll(body, "\n", "")+"\r\n\r\n")
		}
		_ = conn.Close()
	case 8:
		answer(200, "application/json", `{"error":"invalid_grant","error_description":"`+inside)
	}
}

// A store that is gone stops no request of a holder.
func TestGatewayWithoutTheStore(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, `{"items":[]}`) }))
	defer up.Close()
	path := filepath.Join(t.TempDir(), "keepwatch.yaml")
	text := fmt.Sprintf("version: 1\nserver: {listen: \"127.0.0.1:0\", auth: none}\nstore: {url: \"sqlite:%s/keepwatch.db\"}\ntenants: [{id: emea, endpoints: {auth: %q, rest: %q, soap: %q}}]\ngateway: {listeners: [{name: one, listen: \"127.0.0.1:0\"}]}\n",
		t.TempDir(), up.URL+"/", up.URL+"/", up.URL+"/Service.asmx")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	var mu sync.Mutex
	daemon, err := app.New(t.Context(), app.Options{
		Load:      func() (*config.Config, error) { return config.Load(path, nil) },
		LookupEnv: func(string) (string, bool) { return "", false },
		Logger:    slog.New(slog.NewTextHandler(locked{&mu, &logged}, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := daemon.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = daemon.Stop() }()
	ask := func() {
		res, err := http.Get("http://" + daemon.Gateway()["one"] + "/emea/rest/hub/v1/x")
		if err != nil || res.StatusCode != 200 {
			t.Fatalf("%v %v", res, err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
	}
	ask()
	if err := app.CloseStore(daemon); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for range 500 {
		ask()
	}
	res, err := http.Get(daemon.URL() + "/readyz")
	if err != nil || res.StatusCode == 200 {
		t.Errorf("the daemon is ready without its store: %v %v", res, err)
	}
	t.Logf("500 requests without a store in %s", time.Since(began).Round(time.Millisecond))
}

type locked struct {
	mu *sync.Mutex
	b  *bytes.Buffer
}

func (l locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}
