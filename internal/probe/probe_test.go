package probe

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keepwatch"
	"keepwatch/internal/egress"
)

const (
	goodToken    = `{"access_token":"aaa.eyJlaWQiOjcyODE2OTgsInN0YWNrX2tleSI6IlM3In0.ccc.ddd","token_type":"Bearer","expires_in":1079,"scope":"email_read offline","rest_instance_url":"https://x.rest.marketingcloudapis.com/","soap_instance_url":"https://x.soap.marketingcloudapis.com/"}`
	goodUserinfo = `{"exp":1,"user":{"sub":"u1"},"organization":{"member_id":510000123,"enterprise_id":510000001,"stack_key":"S7"},"application":{"name":"CRM sync"}}`
	goodContext  = `{"enterprise":{"id":1},"organization":{"id":2},"user":{"id":3}}`
	refused      = `{"error":"invalid_client","error_description":"Client authentication failed. Make sure that the client ID and client secret are valid and that the package is installed and enabled."}`
	unauthorized = `{"documentation":"x","errorcode":0,"message":"Not Authorized"}`
	page         = `{"count":0,"page":1,"pageSize":1,"definitions":[]}`
)

// stub is a small SFMC: a path answers with a status and a body.
type stub struct {
	mu      sync.Mutex
	answers map[string]answer
	calls   []string
}

type answer struct {
	status int
	body   string
	hang   bool
}

func newStub() *stub {
	return &stub{answers: map[string]answer{
		"/v2/token":                       {200, goodToken, false},
		"/v1/requestToken":                {200, `{"accessToken":"a1","expiresIn":3600,"legacyToken":"l1"}`, false},
		"/v2/userinfo":                    {200, goodUserinfo, false},
		"/platform/v1/tokenContext":       {202, goodContext, false},
		"/messaging/v1/email/definitions": {200, page, false},
		"/Service.asmx":                   {200, soap(`<RetrieveResponseMsg><OverallStatus>OK</OverallStatus><RequestID>r</RequestID></RetrieveResponseMsg>`), false},
	}}
}

func soap(body string) string {
	return `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>` + body + `</soap:Body></soap:Envelope>`
}

func soapFault(code, text string) string {
	return soap(`<soap:Fault><faultcode>` + code + `</faultcode><faultstring>` + text + `</faultstring></soap:Fault>`)
}

func (s *stub) set(path string, status int, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[path] = answer{status: status, body: body}
}

func (s *stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	s.mu.Lock()
	s.calls = append(s.calls, r.URL.Path)
	a, ok := s.answers[r.URL.Path]
	s.mu.Unlock()
	if !ok {
		a = answer{status: 404, body: `{"errorcode":404,"message":"Not Found"}`}
	}
	if a.hang {
		<-r.Context().Done()
		return
	}
	kind := "application/json; charset=utf-8"
	if strings.HasPrefix(a.body, "<soap") {
		kind = "text/xml; charset=utf-8"
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
}

func (s *stub) count(path string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.calls {
		if c == path {
			n++
		}
	}
	return n
}

type secretsFunc func(context.Context, string) (keepwatch.Secret, error)

func (f secretsFunc) Resolve(ctx context.Context, ref string) (keepwatch.Secret, error) {
	return f(ctx, ref)
}

func fixed(s string) secretsFunc {
	return func(context.Context, string) (keepwatch.Secret, error) { return keepwatch.NewSecret([]byte(s)), nil }
}

var slot = keepwatch.Slot{
	Check: keepwatch.Check{ID: "crm-sync", ChangedAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)},
	At:    time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), Gap: 10 * time.Minute, Reason: keepwatch.ReasonScheduled,
}

type bench struct {
	stub   *stub
	prober *Prober
	cred   keepwatch.Credential
	tenant keepwatch.Tenant
}

func setUp(t testing.TB, change ...func(*Options)) *bench {
	t.Helper()
	s := newStub()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	o := Options{Secrets: fixed("hunter22"), Egress: egress.New(egress.Policy{})}
	for _, c := range change {
		c(&o)
	}
	return &bench{
		stub: s, prober: New(o),
		cred: keepwatch.Credential{ID: "crm-sync", Tenant: "emea", Kind: keepwatch.ServerToServer, ClientID: "id-1", BusinessUnit: 510000123,
			SecretRef: "env:X", Tests: []string{"identity", "rest:/messaging/v1/email/definitions?$pageSize=1"}},
		tenant: keepwatch.Tenant{ID: "emea", AuthURL: server.URL, RESTURL: server.URL, SOAPURL: server.URL},
	}
}

func (b *bench) run(t testing.TB) keepwatch.Observation {
	t.Helper()
	o := b.prober.Run(t.Context(), b.cred, b.tenant, slot)
	if o.Outcome != keepwatch.OK && (o.Message == "" || o.Hint == "" || o.Step == "") {
		t.Errorf("a failure without words: %+v", o)
	}
	if strings.Contains(o.Transcript+o.Evidence+o.Message+o.Hint, "hunter22") || len(o.Transcript) > maxTranscript {
		t.Errorf("transcript: %s", o.Transcript)
	}
	return o
}

func names(o keepwatch.Observation) (list []string) {
	for _, s := range o.Steps {
		list = append(list, s.Name+" "+string(s.Outcome))
	}
	return list
}

func TestAGoodRunClimbsTheWholeLadder(t *testing.T) {
	b := setUp(t)
	o := b.run(t)
	want := []string{
		"resolve:auth ok", "connect:auth ok", "resolve:rest ok", "connect:rest ok", "token ok", "identity ok",
		"rest:/messaging/v1/email/definitions?$pageSize=1 ok",
	}
	if d := cmp.Diff(want, names(o)); d != "" {
		t.Fatal(d)
	}
	if o.Outcome != keepwatch.OK || o.Step != "" || o.Key != keepwatch.SlotKey("crm-sync", slot.At) || o.Stack != "S7" ||
		o.Connectivity != keepwatch.ConnectivityProven || len(o.Scopes) != 2 || o.Place != keepwatch.Local || o.Gap != slot.Gap {
		t.Errorf("%+v", o)
	}
	if !o.Steps[0].Shared || o.Steps[4].Shared || o.Steps[4].HTTPStatus != 200 {
		t.Errorf("%+v", o.Steps)
	}
	b.run(t)
	if n := b.stub.count("/v2/token"); n != 2 {
		t.Errorf("%d token requests in two runs: the token is fresh each time, and asked for once", n)
	}
	demand := slot
	demand.Reason = keepwatch.ReasonDemand
	if o := b.prober.Run(t.Context(), b.cred, b.tenant, demand); o.Key != keepwatch.DemandKey("crm-sync", slot.At) {
		t.Error(o.Key)
	}
}

func TestTheFirstFailureDecides(t *testing.T) {
	for name, row := range map[string]struct {
		change  func(*bench)
		outcome keepwatch.Outcome
		step    string
	}{
		"wrong secret": {func(b *bench) { b.stub.set("/v2/token", 401, refused) }, keepwatch.BadSecretOrPackage, "token"},
		"expired, by the known date": {func(b *bench) {
			b.stub.set("/v2/token", 401, refused)
			b.cred.Deadline = keepwatch.Deadline{At: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), Source: keepwatch.DateDerived}
		}, keepwatch.SecretExpired, "token"},
		"another refusal stays, date or not": {func(b *bench) {
			b.stub.set("/v2/token", 400, `{"error":"invalid_scope"}`)
			b.cred.Deadline = keepwatch.Deadline{At: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)}
		}, keepwatch.ScopeMissing, "token"},
		"dead token": {func(b *bench) { b.stub.set("/v2/userinfo", 401, unauthorized) }, keepwatch.TokenRejected, "identity"},
		"missing scope told by a 403": {func(b *bench) {
			b.stub.set("/messaging/v1/email/definitions", 403, `{"message":"Insufficient Privileges to complete this action.","errorcode":20002}`)
		}, keepwatch.ScopeMissing, "rest:/messaging/v1/email/definitions?$pageSize=1"},
		"missing scope told by a 401": {func(b *bench) { b.stub.set("/messaging/v1/email/definitions", 401, unauthorized) }, keepwatch.ScopeMissing, "rest:/messaging/v1/email/definitions?$pageSize=1"},
		"no such route":               {func(b *bench) { b.cred.Tests = []string{"rest:/nowhere"} }, keepwatch.NotFound, "rest:/nowhere"},
		"bad definition: subdomain":   {func(b *bench) { b.tenant = keepwatch.Tenant{ID: "emea", Subdomain: "short"} }, keepwatch.MonitorFault, "token"},
		"bad definition: kind":        {func(b *bench) { b.cred.Kind = "carrier_pigeon" }, keepwatch.MonitorFault, "token"},
		"bad definition: test":        {func(b *bench) { b.cred.Tests = []string{"ftp:x"} }, keepwatch.MonitorFault, "token"},
		"nobody listens":              {func(b *bench) { b.tenant.AuthURL = "http://127.0.0.1:1/" }, keepwatch.ConnectFailure, "connect:auth"},
		"TLS where there is none": {func(b *bench) {
			b.tenant.AuthURL = strings.Replace(b.tenant.AuthURL, "http:", "https:", 1)
		}, keepwatch.TLSFailure, "tls:auth"},
	} {
		t.Run(name, func(t *testing.T) {
			b := setUp(t)
			row.change(b)
			o := b.run(t)
			if o.Outcome != row.outcome || o.Step != row.step {
				t.Fatalf("%s at %s (%s), want %s at %s", o.Outcome, o.Step, o.Evidence, row.outcome, row.step)
			}
			after := false
			for _, s := range o.Steps {
				if after && s.Outcome != keepwatch.Skipped {
					t.Errorf("%s ran after the failure", s.Name)
				}
				after = after || s.Name == row.step
			}
			if o.Outcome == keepwatch.ScopeMissing && strings.HasPrefix(o.Step, "rest") && !strings.Contains(o.Hint, "email_read") {
				t.Errorf("the hint does not name the scope: %s", o.Hint)
			}
		})
	}
}

func TestARefusalIsAskedOnce(t *testing.T) {
	b := setUp(t)
	b.stub.set("/v2/token", 401, refused)
	b.run(t)
	if n := len(b.stub.calls); n != 1 {
		t.Errorf("%d requests: %v", n, b.stub.calls)
	}
}

// A 401 with a fresh token means a dead token or a missing scope.
func TestTheIdentityRouteDecides(t *testing.T) {
	b := setUp(t)
	b.stub.set("/messaging/v1/email/definitions", 401, unauthorized)
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v2/userinfo" {
			if asked++; asked == 2 { // good at first, dead or down at the retest
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(b.stub.answers["retest"].status)
				_, _ = io.WriteString(w, b.stub.answers["retest"].body)
				return
			}
		}
		b.stub.ServeHTTP(w, r)
	}))
	defer server.Close()
	b.tenant.AuthURL = server.URL
	for _, row := range []struct {
		status int
		body   string
		want   keepwatch.Outcome
	}{
		{401, unauthorized, keepwatch.TokenRejected},
		{503, `{"errorcode":50300,"message":"x"}`, keepwatch.PlatformError},
		{200, goodUserinfo, keepwatch.ScopeMissing},
	} {
		asked = 0
		b.stub.set("retest", row.status, row.body)
		if o := b.run(t); o.Outcome != row.want || !strings.HasPrefix(o.Step, "rest:") {
			t.Errorf("retest %d: %s at %s", row.status, o.Outcome, o.Step)
		}
	}
}

func TestIdentityFallsBackToTokenContext(t *testing.T) {
	b := setUp(t)
	delete(b.stub.answers, "/v2/userinfo")
	if o := b.run(t); o.Outcome != keepwatch.OK || b.stub.count("/platform/v1/tokenContext") != 1 {
		t.Errorf("%s at %s", o.Outcome, o.Step)
	}
}

func TestLegacyPackage(t *testing.T) {
	b := setUp(t)
	b.cred.Kind, b.cred.Tests = keepwatch.LegacyPackage, []string{"identity", "soap:DataFolder"}
	o := b.run(t)
	want := []string{
		"resolve:auth ok", "connect:auth ok", "resolve:rest ok", "connect:rest ok", "resolve:soap ok", "connect:soap ok",
		"token ok", "identity ok", "soap:DataFolder ok",
	}
	if d := cmp.Diff(want, names(o)); d != "" {
		t.Error(d)
	}
	if b.stub.count("/v2/token")+b.stub.count("/v2/userinfo") != 0 {
		t.Error(b.stub.calls)
	}
}

func TestAPIUser(t *testing.T) {
	b := setUp(t)
	b.cred.Kind, b.cred.Username, b.cred.Tests = keepwatch.APIUser, "bob", []string{"soap:GetSystemStatus"}
	b.stub.set("/Service.asmx", 500, soapFault("q0:Security", "Login Failed"))
	o := b.run(t)
	if o.Outcome != keepwatch.LoginFailed || o.Step != "identity" || len(b.stub.calls) != 1 {
		t.Errorf("%s at %s, %v", o.Outcome, o.Step, b.stub.calls)
	}
	b.stub.set("/Service.asmx", 200, soap(`<RetrieveResponseMsg><OverallStatus>Error: API Permission Failed</OverallStatus></RetrieveResponseMsg>`))
	b.cred.Tests = nil
	if o = b.run(t); o.Outcome != keepwatch.OK {
		t.Errorf("who may not read has still logged in: %s", o.Outcome)
	}
	if d := cmp.Diff([]string{"resolve:soap ok", "connect:soap ok", "identity ok"}, names(o)); d != "" {
		t.Error(d)
	}
	b.cred.Tests = []string{"rest:/x"}
	if o = b.run(t); o.Outcome != keepwatch.MonitorFault {
		t.Errorf("REST with an API user: %s", o.Outcome)
	}
}

func TestOurOwnFaults(t *testing.T) {
	for name, s := range map[string]secretsFunc{
		"unreadable": func(context.Context, string) (keepwatch.Secret, error) {
			return keepwatch.Secret{}, errors.New("no such file")
		},
		"empty":      fixed(""),
		"line break": fixed("hunter22\n"),
		"panic":      func(context.Context, string) (keepwatch.Secret, error) { panic("hunter22") },
	} {
		t.Run(name, func(t *testing.T) {
			b := setUp(t, func(o *Options) { o.Secrets = s })
			o := b.run(t)
			if o.Outcome != keepwatch.MonitorFault || o.Step != "token" || b.stub.count("/v2/token") != 0 {
				t.Errorf("%s at %s: %s, %v", o.Outcome, o.Step, o.Evidence, b.stub.calls)
			}
		})
	}
	b := setUp(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if o := b.prober.Run(gone, b.cred, b.tenant, slot); o.Outcome != keepwatch.MonitorFault {
		t.Errorf("stopped: %s", o.Outcome)
	}
}

func TestAPassedDateIsContradictedByAToken(t *testing.T) {
	b := setUp(t)
	b.cred.Deadline = keepwatch.Deadline{At: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), Source: keepwatch.DateDerived}
	if o := b.run(t); o.Outcome != keepwatch.OK || len(o.Findings) != 1 || o.Findings[0] != keepwatch.DateContradicted {
		t.Errorf("%s %v", o.Outcome, o.Findings)
	}
}

func TestRetryAfterReachesTheObservation(t *testing.T) {
	b := setUp(t)
	b.stub.set("/v2/token", 429, `{"message":"Rate limit exceeded","errorcode":50100,"retryAfter":5}`)
	if o := b.run(t); o.Outcome != keepwatch.RateLimited || o.RetryAfter != 5*time.Second || o.Connectivity != keepwatch.ConnectivityProven {
		t.Errorf("%+v", o)
	}
}

// countingNetwork counts what the shared proof does.
type countingNetwork struct {
	egress.System
	mu             sync.Mutex
	lookups, dials int
	fail           bool
}

func (n *countingNetwork) Lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lookups++
	if n.fail {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return n.System.Lookup(ctx, host)
}

func (n *countingNetwork) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	n.mu.Lock()
	n.dials++
	n.mu.Unlock()
	return n.System.Dial(ctx, network, addr)
}

func TestAHostIsProvenOnce(t *testing.T) {
	n := &countingNetwork{}
	b := setUp(t, func(o *Options) { o.Egress = egress.New(egress.Policy{Network: n}) })
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if o := b.prober.Run(t.Context(), b.cred, b.tenant, slot); o.Outcome != keepwatch.OK {
				t.Errorf("%s: %s", o.Outcome, o.Evidence)
			}
		})
	}
	group.Wait()
	if n.lookups != 1 {
		t.Errorf("%d look-ups by 20 runs at once", n.lookups)
	}
}

func TestConnectivity(t *testing.T) {
	n := &countingNetwork{fail: true}
	with := func(refs ...string) *bench {
		return setUp(t, func(o *Options) { o.Egress, o.References = egress.New(egress.Policy{Network: n}), refs })
	}
	b := with()
	if o := b.run(t); o.Outcome != keepwatch.DNSFailure || o.Step != "resolve:auth" || o.Connectivity != keepwatch.ConnectivityUnproven {
		t.Errorf("nothing else to ask: %s %s %s", o.Outcome, o.Step, o.Connectivity)
	}
	other := httptest.NewServer(newStub())
	defer other.Close()
	b = with(other.Listener.Addr().String())
	if o := b.run(t); o.Connectivity != keepwatch.ConnectivityProven {
		t.Errorf("a reference answers: %s", o.Connectivity)
	}
	b = with("127.0.0.1:1")
	if o := b.run(t); o.Connectivity != keepwatch.ConnectivityUnproven {
		t.Errorf("the reference is down too: %s", o.Connectivity)
	}
	b = with()
	b.tenant.RESTURL = other.URL
	if o := b.run(t); o.Connectivity != keepwatch.ConnectivityProven {
		t.Errorf("the tenant's other host answers: %s", o.Connectivity)
	}
}
