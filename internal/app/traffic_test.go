package app

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
	"keepwatch/internal/scenario"
	"keepwatch/internal/sfmc/sim"
	"keepwatch/internal/view"
)

// watched is a stage whose holders' calls somebody watches.
type watched struct {
	*stage
	id  keepwatch.CredentialID
	ten keepwatch.TenantID
}

func newWatched(t *testing.T) *watched {
	t.Helper()
	story := scenario.Stories()[0]
	story.Events, story.Incidents, story.Messages = nil, nil, nil
	time.Sleep(time.Until(story.Start))
	s := newSet(t, story)
	dir := memoryDir(t)
	s.build(dir, dir+"/keepwatch.db")
	s.app.print = func(tenant keepwatch.TenantID, login string, secret []byte) keepwatch.Fingerprint {
		return keepwatch.Fingerprint(keepwatch.Digest(string(tenant), login, string(secret)))
	}
	s.must(s.app.Start(t.Context()))
	w := &watched{stage: s}
	for _, c := range story.Estate.Credentials {
		if c.Kind == keepwatch.ServerToServer {
			w.id, w.ten = c.ID, c.Tenant
			break
		}
	}
	return w
}

// token is one request for a token by a holder, as the gateway reports it.
func (w *watched) token(holder string, outcome keepwatch.Outcome, secret string) {
	c := keepwatch.Call{
		Via: keepwatch.ViaGateway, Tenant: w.ten, ClientID: w.clientOf(w.id), Holder: holder, Kind: keepwatch.CallToken,
		Status: 200, Outcome: outcome, At: time.Now(), Took: 40 * time.Millisecond,
		Secret: w.app.print(w.ten, w.clientOf(w.id), []byte(secret)),
	}
	if outcome != keepwatch.OK {
		c.Status, c.Evidence = 401, "401 invalid_client"
	}
	w.app.traffic.Saw(c)
}

func (w *watched) secret() string {
	v, _ := w.refs.lookup(scenario.SecretVariable(w.id))
	return v
}

func (w *watched) open() []keepwatch.Incident {
	w.t.Helper()
	list, _, err := w.db.Incidents(w.t.Context(), view.IncidentFilter{Status: "open"}, view.Page{Limit: 50})
	w.must(err)
	return list
}

// TestAKilledSecretUnderTraffic: the whole program, a secret killed under five token
// requests a second, anywhere in the plan of tests; and the recovery, seen in traffic.
func TestAKilledSecretUnderTraffic(t *testing.T) {
	for _, phase := range []time.Duration{61*time.Minute + 13*time.Second, 70 * time.Minute, 77*time.Minute + 777*time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			w := newWatched(t)
			defer w.close()
			w.token("shop", keepwatch.OK, w.secret())
			w.until(phase)
			_, err := w.sim.Inject(sim.Fault{Name: "bad_secret", ClientID: w.clientOf(w.id)})
			w.must(err)
			first := time.Now()
			for len(w.open()) == 0 && time.Since(first) < 5*time.Minute {
				w.token("shop", keepwatch.BadSecretOrPackage, w.secret())
				time.Sleep(200 * time.Millisecond)
			}
			open := w.open()
			if len(open) != 1 || open[0].Key != "credential:"+string(w.id) {
				t.Fatalf("open: %+v", open)
			}
			took := open[0].DetectedAt.Sub(first)
			t.Logf("from the first refused call to the incident: %s", took)
			if took >= time.Minute {
				t.Errorf("it took %s", took)
			}
			w.sim.ClearAll()
			time.Sleep(time.Second)
			w.token("shop", keepwatch.OK, w.secret())
			time.Sleep(2 * time.Second)
			if open := w.open(); len(open) != 0 {
				t.Errorf("a granted token does not end it: %+v", open)
			}
			d, err := w.app.reader.Traffic(t.Context(), time.Now(), w.id)
			w.must(err)
			if d.ProvenBy == nil || d.ProvenBy.Holder != "shop" || len(d.Holders) != 1 || !d.Holders[0].Secrets[0].Configured || len(d.Calls) < 2 {
				t.Errorf("%+v", d)
			}
		})
	}
}

// TestMaskedRetriesInTheWholeProgram: refused twice, granted at the third try, every
// twenty minutes: named within three refreshes. Beside it a holder with noise.
func TestMaskedRetriesInTheWholeProgram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		defer w.close()
		for cycle := range 12 {
			w.until(time.Duration(10+20*cycle) * time.Minute)
			if cycle == 7 {
				w.token("noisy", keepwatch.PlatformError, w.secret())
			}
			w.token("noisy", keepwatch.OK, w.secret())
			if cycle > 2 {
				continue
			}
			if open := w.open(); len(open) != 0 {
				t.Fatalf("named after %d refreshes: %+v", cycle, open)
			}
			for range 2 {
				w.token("mulesoft-prod", keepwatch.BadSecretOrPackage, w.secret())
				time.Sleep(2 * time.Second)
			}
			w.token("mulesoft-prod", keepwatch.OK, w.secret())
		}
		open := w.open()
		if len(open) != 1 || open[0].Outcome != keepwatch.RetryMasked || !strings.Contains(open[0].Message, "3.0 requests per token over the last 3 refreshes of mulesoft-prod; the first 2 of each are refused with 401 invalid_client") {
			t.Fatalf("open: %+v", open)
		}
		c, err := w.app.reader.Credential(t.Context(), time.Now(), w.id)
		w.must(err)
		if c.State != string(keepwatch.StateDegraded) || c.Outcome != string(keepwatch.RetryMasked) {
			t.Errorf("the credential is %s, %s", c.State, c.Outcome)
		}
		for path, wants := range map[string][]string{
			"/credentials/" + string(w.id):                     {`id="traffic"`, `data-holder="mulesoft-prod"`, "the configured one", "<td class=\"num\">3.0</td>"},
			"/api/v1/credentials/" + string(w.id) + "/traffic": {`"attempts_per_token":3`, `"name":"noisy"`, `"kind":"token"`},
			"/api/v1/traffic":                                  {`"token_rate":`, `"tenant":"` + string(w.ten) + `"`},
			"/metrics":                                         {`keepwatch_token_requests_total{credential="` + string(w.id) + `",outcome="bad_secret_or_package",source="traffic"} 6`},
		} {
			rec := httptest.NewRecorder()
			req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:8484"+path, nil)
			req.RemoteAddr = "127.0.0.1:50000"
			w.app.server.Handler.ServeHTTP(rec, req)
			for _, want := range wants {
				if rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), want) {
					t.Errorf("%s answers %d without %s:\n%.6000s", path, rec.Code, want, snippet(rec.Body.String()))
					break
				}
			}
		}
	})
}

// TestAnUnknownClientIsAFinding: it asks through the gateway and stands in no record. The
// finding survives a restart and adds up, until the client is registered.
func TestAnUnknownClientIsAFinding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		asks := func() {
			w.app.traffic.Saw(keepwatch.Call{Via: keepwatch.ViaGateway, Tenant: w.ten, ClientID: "4xq\x00stranger", Holder: "agency", Kind: keepwatch.CallToken, Outcome: keepwatch.OK, Status: 200})
		}
		finds := func(want string) {
			t.Helper()
			found, err := findings{w.app}.Findings(t.Context(), time.Now())
			w.must(err)
			said := ""
			for _, f := range found {
				if f.Kind == keepwatch.FindingUnknownClient && f.Tenant == w.ten {
					said += f.Message
				}
			}
			if want == "" && said != "" || !strings.Contains(said, want) {
				t.Errorf("it says %q, want %q", said, want)
			}
		}
		asks()
		finds("4xq\uFFFDstranger asks for tokens by agency (seen by gateway) and is not registered: 1 requests since")
		w.until(10 * time.Minute)
		w.must(w.app.Stop())
		w.must(w.db.Close())
		w.build(filepath.Dir(w.config), filepath.Join(filepath.Dir(w.config), "keepwatch.db"))
		w.must(w.app.Start(t.Context()))
		defer w.close()
		finds("1 requests since 2026-11-02T00:00:00Z, 1 granted")
		asks()
		finds("2 requests since 2026-11-02T00:00:00Z, 2 granted, the newest at 2026-11-02T00:10:00Z")
		text, err := os.ReadFile(w.config)
		w.must(err)
		mine := strings.Replace(string(text), "client_id: "+w.clientOf(w.id)+"\n", "client_id: \"4xq\uFFFDstranger\"\n", 1)
		w.must(os.WriteFile(w.config, []byte(mine), 0o600))
		_, err = w.app.Reload(t.Context())
		w.must(err)
		finds("")
	})
}

// TestStopHandsOverWhatWasSeen: the last window is not lost.
func TestStopHandsOverWhatWasSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		w.until(time.Minute)
		for range 7 {
			w.app.traffic.Saw(keepwatch.Call{Via: keepwatch.ViaGateway, Tenant: w.ten, Credential: w.id, Holder: "shop", Kind: keepwatch.CallREST, Family: "messaging", Status: 201, Outcome: keepwatch.OK})
		}
		w.must(w.app.Stop())
		rows, err := w.db.Calls(t.Context(), w.id, w.start.Add(-time.Hour), time.Now().Add(time.Hour))
		w.must(err)
		if len(rows) != 1 || rows[0].Count != 7 || rows[0].Family != "messaging" || rows[0].Class != "2xx" {
			t.Errorf("%+v", rows)
		}
		w.close()
	})
}

// snippet is the part of an answer that is about traffic.
func snippet(body string) string {
	i := max(strings.Index(body, `id="traffic"`), strings.Index(body, "keepwatch_token_requests_total{"), 0)
	return body[i:min(len(body), i+4000)]
}
