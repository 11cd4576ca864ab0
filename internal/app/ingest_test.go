package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/config"
	"keepwatch/internal/impact"
	"keepwatch/internal/sfmc/sim"
	"keepwatch/internal/store"
)

// pushed is the whole program with nothing around it: all that it knows is pushed.
type pushed struct {
	t   *testing.T
	app *App
	db  *store.DB
	end func() error // of the network
	n   int
}

func newPushed(t *testing.T) *pushed {
	t.Helper()
	dir := memoryDir(t)
	file := filepath.Join(dir, "keepwatch.yaml")
	text := `version: 1
server: {listen: 127.0.0.1:8484, auth: none}
store: {url: sqlite:unused.db}
digest: {send: never}
tenants: [{id: emea, subdomain: mc563885gzs27c5t9-63k636ttgm}]
credentials:
  - id: crm
    tenant: emea
    client_id: abc
    pushed_every: 1h
    owner: {team: crm, contact: crm@example.com}
    dependents: [{kind: transactional_email, key: welcome, max_queue_age: 10m}]
  - id: other
    tenant: emea
    client_id: def
    secret: env:OTHER
otlp:
  map: [{match: {service.name: shop}, credential: crm}]
logs: [{name: batch, credential: crm, format: sfmc-sdk}]
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(dir, "keepwatch.db"), store.Options{Synchronous: "NORMAL"})
	if err != nil {
		t.Fatal(err)
	}
	pipe := sim.NewPipe(http.NotFoundHandler())
	a, err := New(t.Context(), Options{
		Load:      func() (*config.Config, error) { return config.Load(file, os.LookupEnv) },
		LookupEnv: os.LookupEnv, Network: pipe, Listener: newStillListener(), Store: db, Random: func() float64 { return 0 },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &pushed{t: t, app: a, db: db, end: pipe.Close}
}

func (p *pushed) close() {
	if err := p.app.Stop(); err != nil {
		p.t.Error(err)
	}
	_ = p.end()
	if err := p.db.Close(); err != nil {
		p.t.Error(err)
	}
}

// post sends a body and returns status and answer.
func (p *pushed) post(path, media string, body []byte) (int, string) {
	req := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
	req.Host = "localhost"
	req.Header.Set("Content-Type", media)
	w := httptest.NewRecorder()
	p.app.Handler().ServeHTTP(w, req)
	return w.Code, w.Body.String()
}

// push pushes one event with a key of its own.
func (p *pushed) push(e client.Event) {
	p.t.Helper()
	p.n++
	e.Key, e.Credential, e.At = fmt.Sprint(p.n), "crm", client.EventTime(time.Now())
	body, err := json.Marshal(e)
	if err != nil {
		p.t.Fatal(err)
	}
	if status, said := p.post("/api/v1/events", "application/json", body); status != http.StatusOK || !strings.Contains(said, `"accepted":1`) {
		p.t.Fatalf("%d %s", status, said)
	}
}

func (p *pushed) verdict(o keepwatch.Outcome, count int) {
	p.t.Helper()
	p.push(client.Event{Kind: "verdict", Outcome: string(o), Place: "ci", Count: count, Step: "token", Steps: []client.EventStep{{Name: "token", Outcome: string(o), HTTPStatus: 401}}})
}

func (p *pushed) queue(depth int64, age string) {
	p.t.Helper()
	p.push(client.Event{Kind: "queue", Holder: "mulesoft", Dependent: &client.EventDependent{Kind: "transactional_email", Key: "welcome"}, Depth: &depth, OldestAge: age})
}

func (p *pushed) open() []keepwatch.Incident {
	p.t.Helper()
	list, _, err := p.db.Incidents(p.t.Context(), store.IncidentFilter{Status: string(keepwatch.IncidentOpen)}, store.Page{Limit: 100})
	if err != nil {
		p.t.Fatal(err)
	}
	var own []keepwatch.Incident
	for _, inc := range list {
		if inc.Credential == "crm" {
			own = append(own, inc)
		}
	}
	return own
}

func (p *pushed) state() keepwatch.State {
	s, err := p.db.SeriesByID(p.t.Context(), "crm")
	if err != nil {
		p.t.Fatal(err)
	}
	return s.StateAt(time.Now())
}

// A verdict that fails elsewhere is an incident here; what the caller holds back is an
// effect of it and its pushed backlog; both end; and silence is no health.
func TestWhatIsPushedIsJudgedLikeWhatIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPushed(t)
		defer p.close()
		p.verdict(keepwatch.OK, 1)
		p.queue(0, "")
		if got := p.state(); got != keepwatch.StateHealthy {
			t.Fatalf("state %s after a good verdict", got)
		}
		time.Sleep(time.Hour)
		p.verdict(keepwatch.BadSecretOrPackage, 2)
		open := p.open()
		if len(open) != 1 || open[0].Outcome != keepwatch.BadSecretOrPackage {
			t.Fatalf("incidents %+v", open)
		}
		time.Sleep(15 * time.Minute)
		p.queue(240, "14m")
		time.Sleep(5 * time.Minute)
		p.queue(390, "19m")
		open = p.open()
		if len(open) != 1 || len(open[0].Effects) != 1 || open[0].Effects[0].Aspect != keepwatch.AspectBacklog || open[0].Effects[0].Credential != "crm" || open[0].Effects[0].Subject.Key != "welcome" {
			t.Fatalf("incidents %+v", open)
		}
		cost, err := p.app.reader.Assess(t.Context(), time.Now(), open[0])
		if err != nil {
			t.Fatal(err)
		}
		figure, ok := impact.Sum(cost, impact.CallerBacklog)
		if part, _ := impact.Part(cost, impact.CallerBacklog, "transactional_email/welcome"); !ok || figure.Mid != 390 || part.Source != impact.Pushed || !strings.Contains(part.Formula, "mulesoft") || !strings.Contains(part.Formula, "the oldest for 19") {
			t.Errorf("figure %+v, part %+v", figure, part)
		}
		p.verdict(keepwatch.OK, 1)
		time.Sleep(5 * time.Minute)
		p.queue(12, "30s")
		time.Sleep(5 * time.Minute)
		p.queue(0, "")
		time.Sleep(5 * time.Minute)
		p.verdict(keepwatch.OK, 1)
		if open = p.open(); len(open) != 0 {
			t.Fatalf("it is restored and drained: %+v", open)
		}
		time.Sleep(3 * time.Hour)
		if got := p.state(); got != keepwatch.StateUnknown {
			t.Errorf("state %s after three hours of silence", got)
		}
		list, _, err := p.db.Incidents(t.Context(), store.IncidentFilter{Status: string(keepwatch.IncidentOpen)}, store.Page{Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		silent := 0
		for _, inc := range list {
			for _, m := range inc.Members {
				if inc.Scope == keepwatch.ScopeMonitor && m.Credential == "crm" {
					silent++
				}
			}
		}
		if silent != 1 {
			t.Errorf("incidents after silence: %+v", list)
		}
		p.verdict(keepwatch.OK, 1)
		if got := p.state(); got != keepwatch.StateHealthy {
			t.Errorf("state %s after a verdict came again", got)
		}
	})
}

// Canaries in everything that is pushed are in no byte that is stored or answered.
func TestSecretsInPushesAreNotKept(t *testing.T) {
	const canary = "Qz7-c4n4ry-8f3a2b1c9d7e6f50"
	synctest.Test(t, func(t *testing.T) {
		p := newPushed(t)
		defer p.close()
		at := time.Now().UTC().Format(time.RFC3339)
		for _, push := range []struct{ path, media, body string }{
			{"/api/v1/events", "application/json", `{"key":"a","kind":"call","credential":"crm","holder":"shop","at":"` + at + `","http_status":401,"error":"secret ` + canary + `"}`},
			{"/api/v1/events", "application/json", `{"key":"b","kind":"verdict","credential":"crm","place":"ci","at":"` + at + `","outcome":"bad_secret_or_package","count":2,"step":"` + canary + `","steps":[{"name":"token","outcome":"bad_secret_or_package","evidence":"HTTP 401 invalid_client ` + canary + `"},{"name":"rest:/x?s=` + canary + `","outcome":"skipped"}]}`},
			{"/api/v1/events", "application/json", `{"key":"c","` + canary + `":1}`},
			{"/api/v1/events", "application/json", `{"key":"d","kind":"` + canary + `","credential":"crm","at":"` + at + `"}`},
			{"/api/v1/logs?source=batch", "text/plain", "Error: Client authentication failed. " + canary},
			{"/v1/traces", "application/json", `{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"` + canary + `"}]}]}], "` + canary + `":`},
		} {
			if _, said := p.post(push.path, push.media, []byte(push.body)); strings.Contains(said, canary) {
				t.Errorf("%s repeats: %s", push.path, said)
			}
		}
		results, _, err := p.db.Results(t.Context(), "crm", store.Page{Limit: 10})
		if err != nil || len(results) != 1 {
			t.Fatalf("%d results, %v", len(results), err)
		}
		if all := fmt.Sprintf("%+v %+v", results, p.open()); strings.Contains(all, canary) {
			t.Errorf("it is stored: %s", all)
		}
		families, err := p.app.registry.Gather()
		if err != nil || strings.Contains(fmt.Sprint(families), canary) {
			t.Errorf("it is in the metrics (%v)", err)
		}
	})
}
