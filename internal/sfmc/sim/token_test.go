package sim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
)

func TestTokenAnswer(t *testing.T) {
	r := newRig(t, Options{})
	got := r.tokenWith(r.open, `"account_id":"510000124"`)
	var a tokenAnswer
	if err := json.Unmarshal([]byte(got.body), &a); err != nil {
		t.Fatal(err)
	}
	equal(t, "length", len(a.AccessToken), 512)
	equal(t, "expires_in", a.ExpiresIn, 1079)
	equal(t, "type", a.TokenType, "Bearer")
	equal(t, "rest", a.REST, r.base)
	equal(t, "soap", a.SOAP, r.base)
	equal(t, "scope", a.Scope, joined(TypicalScopes()))
	parts := strings.Split(a.AccessToken, ".")
	equal(t, "parts", len(parts), 4)
	equal(t, "signature", len(parts[2]), 43)
	raw, err := b64.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var c tokenClaims
	if err := json.Unmarshal(raw, &c); err != nil {
		t.Fatal(err)
	}
	equal(t, "claims", c, tokenClaims{c.AccessToken, r.id, eid, "S50", 2, "ServerToServer"})
	equal(t, "inner token", len(c.AccessToken), 24)
	if b := r.token(); b == a.AccessToken {
		t.Error("two tokens are the same")
	}
}

func TestTokenRefusals(t *testing.T) {
	const ok = `"grant_type":"client_credentials","client_id":"%[1]s","client_secret":"%[2]s"`
	for _, c := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"wrong secret", `{"grant_type":"client_credentials","client_id":"%[1]s","client_secret":"no%[2]s"}`, 401, "Client authentication failed."},
		{"unknown client", `{"grant_type":"client_credentials","client_id":"no%[1]s","client_secret":"%[2]s"}`, 401, "Invalid client ID."},
		{"no business unit of ours", `{` + ok + `,"account_id":7}`, 401, "business unit"},
		{"account_id not a number", `{` + ok + `,"account_id":"germany"}`, 400, "invalid_request"},
		{"scope that it lacks", `{` + ok + `,"scope":"email_read world_domination"}`, 400, "invalid_scope"},
		{"grant type", `{"grant_type":"password","client_id":"%[1]s","client_secret":"%[2]s"}`, 400, "unsupported_grant_type"},
		{"code that never was", `{"grant_type":"authorization_code","code":"x","client_id":"%[1]s","client_secret":"%[2]s"}`, 400, "invalid_grant"},
		{"no JSON", `grant_type`, 400, "invalid_request"},
		{"empty", ``, 400, "invalid_request"},
		{"null", `null%.0[1]s%.0[2]s`, 400, "unsupported_grant_type"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, Options{})
			body := c.body
			if strings.Contains(body, "%") {
				body = fmt.Sprintf(body, r.id, r.open)
			}
			got := r.do("POST", "v2/token", "", body)
			equal(t, "status", got.status, c.status)
			contains(t, got, c.want)
		})
	}
}

func TestTokenScopes(t *testing.T) {
	r := newRig(t, Options{})
	equal(t, "asked for", r.tokenWith(r.open, `"scope":"email_read journeys_read"`).field(t, "scope"), "email_read journeys_read")
	none := r.tokenWith(r.open, `"scope":""`)
	equal(t, "none", none.field(t, "scope"), "")
	token := none.field(t, "access_token")
	equal(t, "identity without scopes", r.do("GET", "v2/userinfo", token, "").status, 200)
	equal(t, "read without scopes", r.do("GET", "asset/v1/content/categories", token, "").status, 403)
}

// A package that is off or gone refuses token requests with the text of a wrong
// secret, and its tokens die with it.
func TestPackageState(t *testing.T) {
	r := newRig(t, Options{})
	token := r.token()
	for _, step := range []struct {
		verb func(string) (Client, error)
		live bool
	}{{r.sim.Disable, false}, {r.sim.Enable, true}, {r.sim.Delete, false}} {
		if _, err := step.verb(r.id); err != nil {
			t.Fatal(err)
		}
		equal(t, "token", r.tokenWith(r.open).status == 200, step.live)
		equal(t, "live token", r.do("GET", "v2/userinfo", token, "").status == 200, step.live)
	}
	contains(t, r.tokenWith(r.open), "the package is installed and enabled")
}

func TestStrict(t *testing.T) {
	r := newRig(t, Options{Settings: Settings{Strict: true}})
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {r.id}, "client_secret": {r.open}, "account_id": {"510000123"}}.Encode()
	const formType = "application/x-www-form-urlencoded"
	equal(t, "form", r.do("POST", "v2/token", "", form, "Content-Type", formType).status, 400)
	equal(t, "no account_id", r.tokenWith(r.open).status, 400)
	req, _ := http.NewRequest("POST", r.base+"v2/token", strings.NewReader(`{"grant_type":"client_credentials","account_id":510000123}`))
	req.SetBasicAuth(r.id, r.open)
	equal(t, "basic", read(r.http.Do(req)).status, 400)
	equal(t, "as documented", r.tokenWith(r.open, `"account_id":510000123`).status, 200)
	equal(t, "requests", r.sim.TokenRequests(r.id), int64(4))
	r.sim.Configure(func(s *Settings) { s.Strict = false })
	equal(t, "form when not strict", r.do("POST", "v2/token", "", form, "Content-Type", formType).status, 200)
}

func TestAllowlist(t *testing.T) {
	for _, status := range []int{0, 400, 401, 403} {
		r := newRig(t, Options{Settings: Settings{IPBlockedStatus: status}})
		r.sim.SetAllowlist(r.id, "192.0.2.0/24", "not an address")
		got := r.tokenWith(r.open)
		want := status
		if want == 0 {
			want = 400
		}
		equal(t, "status", got.status, want)
		contains(t, got, "IP address is unauthorized")
		r.sim.SetAllowlist(r.id, "127.0.0.1")
		equal(t, "allowed", r.tokenWith(r.open).status, 200)
	}
}

// Grants of a web app: the code works once, each refresh token works once, and
// both end.
func TestRefreshRotates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := newPipeRig(t, Options{})
		app := r.sim.AddClient(ClientSpec{Kind: keepwatch.WebApp, MID: germany, EID: eid, RedirectURI: "https://app.example.com/cb"})
		signIn := func() string {
			got := r.do("GET", "v2/authorize?response_type=code&state=s&redirect_uri=https%3A%2F%2Fapp.example.com%2Fcb&client_id="+app.ClientID, "", "")
			equal(t, "authorize", got.status, 302)
			back, err := url.Parse(got.header.Get("Location"))
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "state", back.Query().Get("state"), "s")
			return back.Query().Get("code")
		}
		ask := func(grant, value string) reply {
			return r.do("POST", "v2/token", "", fmt.Sprintf(`{"grant_type":%q,"code":%q,"refresh_token":%q,"redirect_uri":"https://app.example.com/cb","client_id":%q,"client_secret":%q}`,
				grant, value, value, app.ClientID, app.Secret))
		}
		code := signIn()
		first := ask("authorization_code", code)
		equal(t, "code", first.status, 200)
		contains(t, ask("authorization_code", code), "invalid_grant")
		refresh := first.field(t, "refresh_token")
		second := ask("refresh_token", refresh)
		equal(t, "refresh", second.status, 200)
		contains(t, ask("refresh_token", refresh), "invalid_grant")
		contains(t, r.do("POST", "v2/token", "", fmt.Sprintf(`{"grant_type":"client_credentials","client_id":%q,"client_secret":%q}`, app.ClientID, app.Secret)), "unauthorized_client")

		late := signIn()
		time.Sleep(5 * time.Minute)
		contains(t, ask("authorization_code", late), "invalid_grant")
		time.Sleep(30 * 24 * time.Hour)
		contains(t, ask("refresh_token", second.field(t, "refresh_token")), "invalid_grant")
	})
}

func TestLegacyToken(t *testing.T) {
	r := newRig(t, Options{})
	old := r.sim.AddClient(ClientSpec{Kind: keepwatch.LegacyPackage, MID: germany, EID: eid})
	body := fmt.Sprintf(`{"clientId":%q,"clientSecret":%q}`, old.ClientID, old.Secret)
	got := r.do("POST", "v1/requestToken?legacy=1", "", body)
	equal(t, "status", got.status, 200)
	equal(t, "REST", r.do("GET", "platform/v1/tokenContext", got.field(t, "accessToken"), "").status, 200)
	legacy := `<oAuth xmlns="http://exacttarget.com"><oAuthToken>` + got.field(t, "legacyToken") + `</oAuthToken></oAuth>` + login("*", "*")
	equal(t, "SOAP", r.soap(legacy, systemStatusRequest).status, 200)
	got = r.do("POST", "v1/requestToken", "", fmt.Sprintf(`{"clientId":%q,"clientSecret":%q}`, r.id, r.open))
	equal(t, "a new package", got.body, `{"documentation":"","errorcode":1,"message":"Unauthorized"}`)
	equal(t, "v2 with a legacy package", r.do("POST", "v2/token", "", strings.NewReplacer("clientId", "client_id", "clientSecret", "client_secret").Replace(body[:len(body)-1]+`,"grant_type":"client_credentials"}`)).status, 401)
}

func TestMeters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := newPipeRig(t, Options{MaxConcurrent: 2})
		slow := r.sim.AddClient(ClientSpec{ClientID: "slow", Secret: "s", MID: germany, RatePerMinute: 6})
		r.id, r.open = slow.ClientID, slow.Secret
		for range 6 {
			r.token()
		}
		got := r.tokenWith(r.open)
		equal(t, "over the rate", got.status, 429)
		equal(t, "Retry-After", got.header.Get("Retry-After"), "10")
		contains(t, got, `"errorcode":50100`)
		time.Sleep(10 * time.Second)
		r.token()

		// Two requests hang, a third is one too many.
		r.sim.AddClient(ClientSpec{ClientID: "slow", Secret: "s", MID: germany})
		r.sim.Configure(func(s *Settings) { s.Latency = Duration(time.Minute) })
		done := make(chan reply, 3)
		for range 3 {
			go func() { done <- r.tokenWith("s") }()
			synctest.Wait()
		}
		blocked := 0
		for range 3 {
			if got := <-done; got.status == 429 {
				blocked++
				contains(t, got, "50200")
				equal(t, "Retry-After", got.header.Get("Retry-After"), "")
			}
		}
		equal(t, "blocked", blocked, 1)
	})
}

// Two days at 100 tokens a second are 17 million: nothing may be remembered per
// token, and nothing that callers make up may stay.
func TestMemoryIsBounded(t *testing.T) {
	s := New(Options{Clients: []ClientSpec{spec()}})
	id := s.Clients()[0].ClientID
	issue := func(n int) {
		for i := range n {
			c := &call{s: s, r: &http.Request{Host: "sim", URL: &url.URL{Path: "/v2/token"}}, now: s.now(), route: find("/v2/token")}
			c.clientID, c.client = id, s.clients[id]
			if a := c.issue(c.client.access.scopes, ""); a.status != 200 {
				t.Fatal(a.status)
			}
			s.account(&call{clientID: fmt.Sprint("made up ", i), route: find(fmt.Sprintf("/made/up/%d", i)), now: c.now}, 401)
			s.grants.put(fmt.Sprint(i), grant{})
			s.cursors.put(fmt.Sprint(i), cursor{})
		}
	}
	issue(5000)
	before := heap()
	issue(30_000)
	if grown := int64(heap()) - int64(before); grown > 2<<20 {
		t.Errorf("30,000 more tokens cost %d kB", grown>>10)
	}
	equal(t, "counters", len(s.counts), 1)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkTokenAndUserinfo(b *testing.B) {
	s := New(Options{Clients: []ClientSpec{spec()}})
	k := s.Clients()[0]
	body := fmt.Sprintf(`{"grant_type":"client_credentials","client_id":%q,"client_secret":%q}`, k.ClientID, k.Secret)
	w := &discard{h: http.Header{}}
	for b.Loop() {
		req, _ := http.NewRequest("POST", "http://sim/v2/token", strings.NewReader(body))
		s.ServeHTTP(w, req)
		c := &call{s: s, now: s.now()}
		t := ticket{clientID: k.ClientID, mid: k.MID, expires: c.now.Add(time.Hour), scopes: s.scopes.set(k.Scopes)}
		req, _ = http.NewRequest("GET", "http://sim/v2/userinfo", http.NoBody)
		req.Header.Set("Authorization", "Bearer "+s.mint(t, &k.ClientSpec))
		s.ServeHTTP(w, req)
	}
	if w.status != 200 {
		b.Fatal(w.status)
	}
}

type discard struct {
	h      http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.h }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(status int)      { d.status = status }
