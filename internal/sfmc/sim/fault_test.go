package sim

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
)

// faultCases has every fault and variant but those of the wire: where it shows,
// and how.
var faultCases = []struct {
	fault, variant string
	at             string // token, legacy, rest, tokenContext, soap, login or status
	status         int
	want           string
}{
	{"bad_client_id", "", "token", 401, "Invalid client ID."},
	{"bad_secret", "", "token", 401, "Client authentication failed."},
	{"secret_expired", "", "token", 401, "Client authentication failed."},
	{"package_deleted", "", "token", 401, "Client authentication failed."},
	{"grant_refused", "", "token", 400, `"error":"invalid_grant"`},
	{"unauthorized_client", "", "token", 401, `"error":"unauthorized_client"`},
	{"invalid_scope", "", "token", 400, `"error":"invalid_scope"`},
	{"business_unit_refused", "", "token", 401, "business unit"},
	{"ip_blocked", "", "token", 400, "IP address is unauthorized"},
	{"ip_blocked", "400", "token", 400, "IP address is unauthorized"},
	{"ip_blocked", "401", "token", 401, "IP address is unauthorized"},
	{"ip_blocked", "403", "token", 403, "IP address is unauthorized"},
	{"token_rate_limited", "", "token", 429, `"errorcode":50100`},
	{"token_blocked", "", "token", 429, `"errorcode":50200`},
	{"token_server_error", "", "token", 500, `"errorcode":0`},
	{"token_unavailable", "", "token", 503, `"errorcode":50300`},
	{"token_bad_request", "", "token", 400, "invalid_request"},
	{"token_bad_request", "invalid_request", "token", 400, "invalid_request"},
	{"token_bad_request", "unsupported_grant_type", "token", 400, "unsupported_grant_type"},
	{"token_bad_request", "validation", "token", 400, `"errorcode":10000`},
	{"legacy_unauthorized", "", "legacy", 401, `"errorcode":1`},
	{"token_rejected", "", "rest", 401, "Not Authorized"},
	{"token_rejected", "", "tokenContext", 401, "Not Authorized"},
	{"token_rejected", "", "userinfo", 401, "Not Authorized"},
	{"token_rejected", "", "soap", 500, "Token Expired"},
	{"scope_missing", "", "rest", 403, `"errorcode":20002`},
	{"scope_missing", "403", "rest", 403, `"errorcode":20002`},
	{"scope_missing", "401", "rest", 401, "Not Authorized"},
	{"scope_missing", "messaging", "rest", 403, "Failed to pass authorization"},
	{"business_rule", "", "rest", 403, `"errorcode":20001`},
	{"wrong_stack", "", "rest", 403, `"errorcode":40002`},
	{"wrong_stack", "", "tokenContext", 403, `"errorcode":40002`},
	{"rest_rate_limited", "", "rest", 429, `"retryAfter":5`},
	{"rest_blocked", "", "rest", 429, `"errorcode":50200`},
	{"rest_server_error", "", "rest", 500, "Internal Server Error"},
	{"rest_unavailable", "", "rest", 503, `"errorcode":50300`},
	{"rest_not_found", "", "rest", 404, `"errorcode":404`},
	{"rest_unknown_service", "", "rest", 596, "596"},
	{"rest_bad_request", "", "rest", 400, `"errorcode":10000`},
	{"rest_bad_request", "10005", "rest", 400, `"errorcode":10005`},
	{"token_in_url", "", "rest", 401, `"errorcode":40004`},
	{"soap_token_expired", "", "soap", 500, "<faultstring>Token Expired</faultstring>"},
	{"soap_login_failed", "", "login", 500, "<faultstring>Login Failed</faultstring>"},
	{"soap_account_locked", "", "login", 500, "locked"},
	{"soap_password_change", "", "login", 500, "password must be changed"},
	{"soap_rate_limited", "", "soap", 500, "<Code>17</Code><Message>Rate Limited</Message>"},
	{"soap_outage", "", "soap", 500, "<faultstring>Unplanned Outage</faultstring>"},
	{"soap_in_maintenance", "", "soap", 500, "<Code>9</Code>"},
	{"soap_status_maintenance", "", "status", 200, "<SystemStatus>InMaintenance</SystemStatus>"},
	{"soap_status_outage", "", "status", 200, "<SystemStatus>UnplannedOutage</SystemStatus>"},
	{"soap_status_outage", "", "soap", 200, "<OverallStatus>OK</OverallStatus>"},
	{"soap_authorization", "", "soap", 500, "<Code>11</Code>"},
	{"soap_permission", "", "soap", 200, "<OverallStatus>Error: API Permission Failed"},
	{"soap_bad_property", "", "soap", 200, "do not match with the fields of DataFolder retrieve"},
	{"soap_unknown_object", "", "soap", 200, "Unable to find a handler for object type: DataFolder."},
	{"soap_unknown_action", "", "soap", 500, "did not recognize the value of HTTP Header SOAPAction"},
	{"soap_bad_request", "", "soap", 400, "Bad Request"},
	{"soap_server_fault", "", "soap", 500, "<faultcode>soap:Server</faultcode>"},
	{"maintenance", "", "token", 503, "scheduled maintenance"},
	{"maintenance", "", "rest", 503, "scheduled maintenance"},
	{"html", "", "token", 200, "<!DOCTYPE html>"},
	{"redirect", "", "token", 307, ""},
	{"malformed", "", "token", 200, `"expires_in":`},
	{"malformed", "", "soap", 200, "<RetrieveResponseMsg>"},
	{"empty_body", "", "rest", 200, ""},
	{"wrong_type", "", "token", 200, "KW"},
}

// ask makes the request that a fault is looked for at.
func (r *rig) ask(at, token string) reply {
	switch at {
	case "token":
		return r.tokenWith(r.open)
	case "legacy":
		return r.do("POST", "v1/requestToken", "", `{}`)
	case "rest":
		return r.do("GET", "asset/v1/content/categories", token, "")
	case "tokenContext":
		return r.do("GET", "platform/v1/tokenContext", token, "")
	case "userinfo":
		return r.do("GET", "v2/userinfo", token, "")
	case "login":
		return r.soap(login("user", "x"), systemStatusRequest)
	case "status":
		return r.soap(oauth(token), systemStatusRequest)
	default:
		return r.soap(oauth(token), retrieve("DataFolder", "ID", ""))
	}
}

func TestFaults(t *testing.T) {
	r := newRig(t, Options{})
	r.sim.AddClient(ClientSpec{ClientID: "user", Secret: "x", Kind: keepwatch.APIUser, MID: germany, EID: eid})
	token := r.token()
	seen := map[string]bool{"huge": true, "gzip_bomb": true, "drip": true, "reset": true, "hang": true, "truncated": true, "slow": true} // below
	for _, c := range faultCases {
		t.Run(c.fault+c.variant+" on "+c.at, func(t *testing.T) {
			id, err := r.sim.Inject(Fault{Name: c.fault, Variant: c.variant})
			if err != nil {
				t.Fatal(err)
			}
			got := r.ask(c.at, token)
			equal(t, "status", got.status, c.status)
			contains(t, got, c.want)
			if err := r.sim.Clear(id); err != nil {
				t.Fatal(err)
			}
			if got := r.ask(c.at, token); c.at != "legacy" && got.status != 200 {
				t.Errorf("after it was lifted: %d %s", got.status, clip(got.body))
			}
		})
		seen[c.fault] = true
	}
	for _, name := range FaultNames() {
		if !seen[name] {
			t.Errorf("no case for fault %q", name)
		}
	}
}

// A fault about a resource leaves identity alone, which is how a monitor tells a
// missing scope from a dead token.
func TestResourceFaultsSpareIdentity(t *testing.T) {
	r := newRig(t, Options{})
	token := r.token()
	for _, name := range []string{"scope_missing", "business_rule", "rest_not_found", "rest_bad_request", "rest_unknown_service"} {
		id, _ := r.sim.Inject(Fault{Name: name})
		equal(t, name+": tokenContext", r.ask("tokenContext", token).status, 200)
		equal(t, name+": userinfo", r.ask("userinfo", token).status, 200)
		r.sim.Clear(id)
	}
}

func TestRedirectLeavesTheHost(t *testing.T) {
	r := newRig(t, Options{})
	r.sim.Inject(Fault{Name: "redirect"})
	to := r.ask("token", "").header.Get("Location")
	equal(t, "Location", to, "http://redirect.invalid/v2/token")
}

func TestHugeAnswers(t *testing.T) {
	r := newRig(t, Options{})
	r.sim.Inject(Fault{Name: "huge", On: "auth", Times: 1})
	if got := r.ask("token", ""); len(got.body) <= 8<<20 || got.err != nil {
		t.Errorf("huge: %d bytes, %v", len(got.body), got.err)
	}
	r.sim.Inject(Fault{Name: "gzip_bomb", On: "auth", Times: 1})
	resp, err := r.http.Post(r.base+"v2/token", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	// The transport asked for gzip and unpacks by itself.
	if n, err := io.Copy(io.Discard, resp.Body); n != 64<<20 || err != nil || !resp.Uncompressed {
		t.Errorf("bomb: %d bytes, %v", n, err)
	}
	z, err := gzip.NewReader(strings.NewReader(string(gzipBomb())))
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := io.Copy(io.Discard, z); int(n) < 500*len(gzipBomb()) {
		t.Errorf("bomb packs %d bytes into %d", n, len(gzipBomb()))
	}
}

func TestBrokenConnections(t *testing.T) {
	for _, c := range []struct {
		name string
		want error
	}{{"reset", syscall.ECONNRESET}, {"truncated", io.ErrUnexpectedEOF}} {
		for _, over := range []string{"socket", "pipe"} {
			t.Run(c.name+" over "+over, func(t *testing.T) {
				r := newRig(t, Options{})
				if over == "pipe" {
					r, _ = newPipeRig(t, Options{})
				}
				r.sim.Inject(Fault{Name: c.name, On: "token"})
				if got := r.ask("token", ""); !errors.Is(got.err, c.want) {
					t.Errorf("err = %v, want %v", got.err, c.want)
				}
				equal(t, "refused", r.sim.Requests()[0].Refused, int64(1))
			})
		}
	}
}

func TestHangDripSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := newPipeRig(t, Options{})
		r.http.Timeout = time.Minute
		id, _ := r.sim.Inject(Fault{Name: "hang"})
		start := time.Now()
		if got := r.ask("token", ""); got.err == nil {
			t.Errorf("hang answered %d", got.status)
		}
		equal(t, "hang lasted", time.Since(start), time.Minute)
		r.sim.Clear(id)

		id, _ = r.sim.Inject(Fault{Name: "drip"})
		resp, err := r.http.Post(r.base+"v2/token", "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		start = time.Now()
		got := make([]byte, 30)
		if _, err := io.ReadFull(resp.Body, got); err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		equal(t, "30 bytes took", time.Since(start), 29*time.Second)
		r.sim.Clear(id)

		r.sim.Inject(Fault{Name: "slow", Variant: "20s"})
		start = time.Now()
		equal(t, "slow", r.ask("token", "").status, 200)
		equal(t, "slow took", time.Since(start), 20*time.Second)
		r.sim.ClearAll()

		// Close lets go of what hangs.
		r.http.Timeout = 0
		r.sim.Inject(Fault{Name: "hang"})
		done := make(chan reply)
		go func() { done <- r.ask("token", "") }()
		synctest.Wait()
		r.sim.Close()
		if got := <-done; got.err == nil {
			t.Errorf("answered %d", got.status)
		}
	})
}

func TestFaultScopes(t *testing.T) {
	r := newRig(t, Options{})
	other := r.sim.AddClient(ClientSpec{ClientID: "other", Secret: "x", MID: france, EID: 42})
	asOther := func() reply {
		return r.do("POST", "v2/token", "", `{"grant_type":"client_credentials","client_id":"other","client_secret":"`+other.Secret+`"}`)
	}
	token := r.token()
	for _, c := range []struct {
		scope       Fault
		mine, other int
	}{
		{Fault{}, 503, 503},
		{Fault{ClientID: "other"}, 200, 503},
		{Fault{MID: germany}, 503, 200},
		{Fault{EID: eid}, 503, 200},
		{Fault{From: "127.0.0.0/8"}, 503, 503},
		{Fault{From: "192.0.2.1"}, 200, 200},
		{Fault{On: "auth"}, 503, 503},
		{Fault{On: "rest"}, 200, 200},
		{Fault{On: "userinfo"}, 200, 200},
	} {
		c.scope.Name = "maintenance"
		id, err := r.sim.Inject(c.scope)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "mine", r.ask("token", "").status, c.mine)
		equal(t, "other", asOther().status, c.other)
		r.sim.Clear(id)
	}
	r.sim.Inject(Fault{Name: "rest_server_error", On: "userinfo"})
	equal(t, "userinfo", r.ask("userinfo", token).status, 500)
	equal(t, "tokenContext", r.ask("tokenContext", token).status, 200)
	r.sim.ClearAll()
	r.sim.Inject(Fault{Name: "maintenance", MID: france})
	equal(t, "by business unit of the request", r.tokenWith(r.open, `"account_id":510000124`).status, 503)
}

func TestFaultTimesDurationAndChance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := newPipeRig(t, Options{})
		statuses := func(n int) (out []int) {
			for range n {
				out = append(out, r.ask("token", "").status)
			}
			return out
		}
		r.sim.Inject(Fault{Name: "token_server_error", Times: 2})
		if got := statuses(4); !slices.Equal(got, []int{500, 500, 200, 200}) {
			t.Errorf("times: %v", got)
		}
		r.sim.Inject(Fault{Name: "token_server_error", For: Duration(10 * time.Minute)})
		time.Sleep(10*time.Minute - time.Nanosecond)
		equal(t, "before its end", r.ask("token", "").status, 500)
		time.Sleep(time.Nanosecond)
		equal(t, "at its end", r.ask("token", "").status, 200)
		equal(t, "left", len(r.sim.Faults()), 0)

		draw := func(seed uint64) []int {
			s := New(Options{Clients: []ClientSpec{{ClientID: r.id, Secret: r.open}}})
			s.Inject(Fault{Name: "token_server_error", Probability: 0.3, Seed: seed})
			var out []int
			for range 200 {
				c := &call{s: s, r: &http.Request{}, route: find("/v2/token"), clientID: r.id, now: s.now()}
				if s.faults.pick(c) != nil {
					out = append(out, 1)
				} else {
					out = append(out, 0)
				}
			}
			return out
		}
		a, b, other := draw(7), draw(7), draw(8)
		if !slices.Equal(a, b) || slices.Equal(a, other) {
			t.Error("chance does not follow the seed")
		}
		hits := 0
		for _, x := range a {
			hits += x
		}
		if hits < 40 || hits > 80 {
			t.Errorf("%d of 200 with probability 0.3", hits)
		}
	})
}

func TestBadFaults(t *testing.T) {
	s := New(Options{})
	for _, f := range []Fault{
		{Name: "nonsense"}, {}, {Name: "ip_blocked", Variant: "500"}, {Name: "hang", Probability: 1.5}, {Name: "hang", Probability: -1},
		{Name: "hang", Times: -1}, {Name: "hang", For: -1}, {Name: "bad_secret", Variant: "x"},
	} {
		if _, err := s.Inject(f); !errors.Is(err, keepwatch.ErrInvalid) {
			t.Errorf("%+v: %v", f, err)
		}
	}
	if err := s.Clear("f9"); !errors.Is(err, keepwatch.ErrNotFound) {
		t.Error(err)
	}
}
