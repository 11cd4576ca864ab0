package discovery_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keepwatch"
	"keepwatch/internal/discovery"
	"keepwatch/internal/egress"
	"keepwatch/internal/sfmc/sim"
)

const (
	eid     keepwatch.MID = 510000100
	germany keepwatch.MID = 510000123
	france  keepwatch.MID = 510000124
	open                  = "Secret0123456789abcdefXY"
)

var now = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

type secrets string

func (s secrets) Resolve(_ context.Context, ref string) (keepwatch.Secret, error) {
	if ref == "env:BROKEN" {
		return keepwatch.Secret{}, keepwatch.ErrNotFound
	}
	return keepwatch.NewSecret([]byte(s)), nil
}

// rig is a simulator with a package that may look, and a Discoverer.
type rig struct {
	t      *testing.T
	sim    *sim.Sim
	d      *discovery.Discoverer
	tenant keepwatch.Tenant
	cred   keepwatch.Credential
	now    time.Time
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, now: now}
	r.sim = sim.New(sim.Options{Now: func() time.Time { return r.now }})
	server := httptest.NewServer(r.sim.Handler())
	t.Cleanup(func() { server.Close(); _ = r.sim.Close() })
	r.sim.AddClient(sim.ClientSpec{
		ClientID: "looker-0000000000000001", Secret: open, Name: "Keepwatch", MID: germany, EID: eid, BusinessUnits: []keepwatch.MID{eid, france},
		Scopes: []string{"accounts_read", "users_read", "tracking_events_read", "email_read"},
	})
	r.tenant = tenantAt(server.URL)
	r.d = discovery.New(discovery.Options{Secrets: secrets(open), Egress: egress.New(egress.Policy{})})
	r.cred = keepwatch.Credential{
		ID: "keepwatch", Tenant: "t", Kind: keepwatch.ServerToServer, ClientID: "looker-0000000000000001", SecretRef: "env:X",
		BusinessUnit: germany, Discover: true, Tests: []string{"identity", "rest:/messaging/v1/email/definitions?$pageSize=1"},
	}
	return r
}

func tenantAt(url string) keepwatch.Tenant {
	return keepwatch.Tenant{ID: "t", AuthURL: url, RESTURL: url, SOAPURL: url + "/Service.asmx", BusinessUnits: []keepwatch.BusinessUnit{{MID: eid, Name: "Group"}, {MID: germany, Name: "DE"}}}
}

func (r *rig) look() discovery.Report {
	r.t.Helper()
	report, err := r.d.Run(r.t.Context(), r.cred, r.tenant, r.now)
	if err != nil {
		r.t.Fatal(err)
	}
	return report
}

func states(r discovery.Report) string {
	var out []string
	for _, p := range r.Parts {
		out = append(out, fmt.Sprintf("%s %s", p.Name, p.State))
		if (p.State == discovery.PartComplete) != (p.Missing == "") {
			out = append(out, "but missing: "+p.Missing)
		}
	}
	return strings.Join(out, ", ")
}

const allComplete = "identity complete, business_units complete, users complete, grants complete, audit complete"

func TestALookSeesTheWholeAccount(t *testing.T) {
	r := newRig(t)
	r.sim.AddUser(sim.User{Package: true, Name: "Forgotten feed", MID: france, EID: eid, BusinessUnits: []keepwatch.MID{germany}, Created: now.AddDate(-1, 0, 0)})
	r.sim.AddUser(sim.User{Login: "etl", EID: eid, Locked: true, LastLogin: now.AddDate(0, 0, -10)})
	r.sim.AddUser(sim.User{Login: "jane", Person: true, EID: eid})
	report := r.look()
	if got := states(report); got != allComplete {
		t.Errorf("parts: %s", got)
	}
	if report.Enterprise != eid || report.Unit != eid || report.Package != "Keepwatch" || report.Stack != "S50" || report.User == "" {
		t.Errorf("identity: %+v", report)
	}
	var names []string
	for _, p := range report.Packages {
		names = append(names, fmt.Sprint(p.Name, " ", p.Granted))
	}
	slices.Sort(names)
	if d := cmp.Diff([]string{"Forgotten feed [510000123 510000124]", "Keepwatch [510000100 510000123 510000124]"}, names); d != "" {
		t.Error(d)
	}
	if len(report.APIUsers) != 1 || report.APIUsers[0].Login != "etl" || !report.APIUsers[0].LastLogin.Equal(now.AddDate(0, 0, -10)) {
		t.Errorf("API users: %+v", report.APIUsers)
	}
	if len(report.Events) != 1 || report.Events[0].Object != "Keepwatch" || !report.Events[0].At.Equal(now) {
		t.Errorf("events: %+v", report.Events)
	}
	want := []keepwatch.BusinessUnit{{MID: eid, Name: "Enterprise 510000100"}, {MID: germany, Name: "Business Unit 510000123"}, {MID: france, Name: "Business Unit 510000124"}}
	if d := cmp.Diff(want, report.BusinessUnits()); d != "" {
		t.Errorf("proposal: %s", d)
	}
	if d := cmp.Diff(want[2:], report.Unlisted()); d != "" { // the definition lists the others, by names of its own
		t.Errorf("not listed: %s", d)
	}
	if raw, err := json.Marshal(report); err != nil || strings.Contains(string(raw), "jane") || strings.Contains(string(raw), "@example.com") {
		t.Errorf("a person is in the report: %s %v", raw, err)
	}
}

// The second look knows the enterprise and needs one token.
func TestASecondLookAsksForOneToken(t *testing.T) {
	r := newRig(t)
	r.look()
	if n := r.sim.TokenRequests(r.cred.ClientID); n != 2 {
		t.Errorf("the first look asked for %d tokens", n)
	}
	report := r.look()
	if n := r.sim.TokenRequests(r.cred.ClientID); n != 3 || report.Unit != eid {
		t.Errorf("after the second look %d token requests, account %s", n, report.Unit)
	}
	// The grant of the enterprise is withdrawn: its own account is what is left.
	if _, err := r.sim.SetBusinessUnits(r.cred.ClientID); err != nil {
		t.Fatal(err)
	}
	report = r.look()
	if report.Unit != germany || report.Complete(discovery.PartUnits) {
		t.Errorf("account %s, %s", report.Unit, states(report))
	}
	if n := r.sim.TokenRequests(r.cred.ClientID); n != 5 {
		t.Errorf("%d token requests in all", n)
	}
}

func TestFromABusinessUnitTheReportSaysWhatIsMissing(t *testing.T) {
	r := newRig(t)
	if _, err := r.sim.SetBusinessUnits(r.cred.ClientID); err != nil {
		t.Fatal(err)
	}
	report := r.look()
	if got := report.Part(discovery.PartUnits); got.State != discovery.PartPartial || !strings.Contains(got.Missing, germany.String()) || got.Hint == "" {
		t.Errorf("%+v", got)
	}
	if len(report.Notes()) != 3 || report.Seen()["business_units"] != 1 {
		t.Errorf("%q %v", report.Notes(), report.Seen())
	}
}

// Missing scopes and a trail that is off are no error of the credential.
func TestWhatIsNotOfferedIsUnknown(t *testing.T) {
	r := newRig(t)
	r.sim.Configure(func(s *sim.Settings) { s.AuditOff = true })
	if got := states(r.look()); !strings.HasSuffix(got, "audit not_offered") {
		t.Error(got)
	}
	if _, err := r.sim.SetScopes(r.cred.ClientID, "accounts_read"); err != nil {
		t.Fatal(err)
	}
	report := r.look()
	if p := report.Part(discovery.PartUsers); p.State != discovery.PartNotOffered || p.Outcome != keepwatch.ScopeMissing || p.Hint == "" {
		t.Errorf("%+v", p)
	}
	for _, f := range discovery.Findings(report, nil, []keepwatch.Credential{r.cred}, now) {
		if f.Kind == keepwatch.FindingPackageGone || f.Kind == keepwatch.FindingUnknownPackage {
			t.Errorf("found %+v", f)
		}
	}
}

func TestAuditAsTheDocumentationShowsIt(t *testing.T) {
	r := newRig(t)
	r.sim.Configure(func(s *sim.Settings) { s.AuditArray = true })
	if report := r.look(); len(report.Events) != 1 || !report.Complete(discovery.PartAudit) {
		t.Errorf("%+v %s", report.Events, states(report))
	}
}

// A 401 after the identity route accepted the token is a missing scope.
func TestARouteThatAnswers401(t *testing.T) {
	r := newRig(t)
	if _, err := r.sim.Inject(sim.Fault{Name: "scope_missing", Variant: "401", On: "/data/v1/audit/auditEvents"}); err != nil {
		t.Fatal(err)
	}
	if p := r.look().Part(discovery.PartAudit); p.State != discovery.PartNotOffered {
		t.Errorf("%+v", p)
	}
}

// After SFMC asks for rest nothing more is asked.
func TestThrottlingEndsTheLook(t *testing.T) {
	r := newRig(t)
	r.look()
	if _, err := r.sim.Inject(sim.Fault{Name: "soap_rate_limited"}); err != nil {
		t.Fatal(err)
	}
	before := calls(r.sim)
	report := r.look()
	if got := states(report); !strings.HasPrefix(got, "identity complete, business_units failed") || strings.Count(got, "skipped") != 3 {
		t.Error(got)
	}
	if n := calls(r.sim) - before; n != 3 || report.Calls != 3 {
		t.Errorf("%d requests, %d in the report", n, report.Calls)
	}
}

func calls(s *sim.Sim) (n int64) {
	for _, r := range s.Requests() {
		n += r.Count
	}
	return n
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*rig)
		want   error
		asked  int64
	}{
		"not marked":      {func(r *rig) { r.cred.Discover = false }, keepwatch.ErrForbidden, 0},
		"cannot sign in":  {func(r *rig) { r.cred.Kind = keepwatch.WebApp }, keepwatch.ErrInvalid, 0},
		"no secret":       {func(r *rig) { r.cred.SecretRef = "" }, keepwatch.ErrInvalid, 0},
		"secret is gone":  {func(r *rig) { r.cred.SecretRef = "env:BROKEN" }, keepwatch.ErrNotFound, 0},
		"no such tenant":  {func(r *rig) { r.tenant.AuthURL = "" }, keepwatch.ErrInvalid, 0},
		"wrong secret":    {func(r *rig) { _, _ = r.sim.Expire(r.cred.ClientID) }, keepwatch.ErrUnavailable, 1},
		"platform is off": {func(r *rig) { _, _ = r.sim.Inject(sim.Fault{Name: "token_server_error"}) }, keepwatch.ErrUnavailable, 1},
		"nameless user":   {func(r *rig) { r.cred.Kind = keepwatch.APIUser }, keepwatch.ErrUnavailable, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			c.change(r)
			_, err := r.d.Run(t.Context(), r.cred, r.tenant, now)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), `credential "keepwatch"`) || strings.Contains(err.Error(), open) {
				t.Errorf("error %v", err)
			}
			if keepwatch.HintOf(err) == "" && name != "secret is gone" {
				t.Errorf("no hint: %v", err)
			}
			if n := calls(r.sim); n != c.asked {
				t.Errorf("%d requests", n)
			}
		})
	}
}

// An API user sees by SOAP what a package sees; a refused login is not tried again.
func TestAnAPIUserLooks(t *testing.T) {
	r := newRig(t)
	r.sim.AddClient(sim.ClientSpec{ClientID: "etl", Secret: open, Kind: keepwatch.APIUser, MID: eid, EID: eid, Scopes: []string{"accounts_read", "users_read"}})
	r.cred.Kind, r.cred.Username, r.cred.ClientID = keepwatch.APIUser, "etl", ""
	report := r.look()
	if got := states(report); !strings.HasPrefix(got, "business_units complete, users complete, grants complete, audit not_offered") {
		t.Error(got)
	}
	if len(report.APIUsers) != 1 || len(report.Packages) != 1 || report.Enterprise != eid {
		t.Errorf("%+v", report)
	}
	if _, err := r.sim.Lock("etl"); err != nil {
		t.Fatal(err)
	}
	before := calls(r.sim)
	if _, err := r.d.Run(t.Context(), r.cred, r.tenant, now); !errors.Is(err, keepwatch.ErrUnavailable) || calls(r.sim) != before+1 {
		t.Errorf("%v after %d requests", err, calls(r.sim)-before)
	}
}

func TestALegacyPackageLooks(t *testing.T) {
	r := newRig(t)
	r.sim.AddClient(sim.ClientSpec{ClientID: "old", Secret: open, Kind: keepwatch.LegacyPackage, MID: eid, EID: eid, Scopes: []string{"users_read", "tracking_events_read"}})
	r.cred.Kind, r.cred.ClientID = keepwatch.LegacyPackage, "old"
	report := r.look()
	if got := states(report); got != allComplete {
		t.Error(got)
	}
	for _, f := range discovery.Findings(report, nil, []keepwatch.Credential{r.cred}, now) {
		if f.Kind == keepwatch.FindingMissingScopes {
			t.Errorf("a v1 token names no scopes: %+v", f)
		}
	}
}

// The packages that come with the account are thousands: the look stays within its
// bound and says where it stopped.
func TestTheNumberOfCallsIsBounded(t *testing.T) {
	var token string
	{
		r := newRig(t)
		report := r.look()
		if report.Calls > 10 {
			t.Errorf("an ordinary look makes %d calls", report.Calls)
		}
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case strings.HasSuffix(r.URL.Path, "/v2/token"):
			token = "eyJhbGciOiJIUzI1NiJ9.eyJlaWQiOjUxMDAwMDEwMCwic3RhY2tfa2V5IjoiUzUwIn0.c2ln.cmVzdA"
			writeJSON(w, `{"access_token":"`+token+`","token_type":"Bearer","expires_in":1079,"scope":"users_read","rest_instance_url":"https://x/","soap_instance_url":"https://x/"}`)
		case strings.HasSuffix(r.URL.Path, "/v2/userinfo"):
			writeJSON(w, `{"user":{"sub":"1"},"organization":{"member_id":510000123,"enterprise_id":510000100}}`)
		case strings.HasSuffix(r.URL.Path, "auditEvents"):
			writeJSON(w, `{"page":1,"pageSize":1,"items":[{"id":1,"createdDate":"2026-11-20T10:00:00","objectType":{"name":"Installed Package"},"operation":{"name":"Modify"},"object":{"name":"x"}}]}`)
		case strings.Contains(string(body), "IsAPIUser</Property>"):
			writeSOAP(w, "Error: no such filter", "")
		default:
			writeSOAP(w, "MoreDataAvailable", `<Results><ID>1</ID><AccountUserID>1</AccountUserID><IsAPIUser>true</IsAPIUser><Name>x</Name><AccountUser><AccountUserID>1</AccountUserID></AccountUser><Account><ID>7</ID></Account></Results>`)
		}
	}))
	defer server.Close()
	r := newRig(t)
	r.tenant = tenantAt(server.URL)
	report := r.look()
	if report.Calls > discovery.MaxCalls || report.Calls < 30 {
		t.Errorf("%d calls", report.Calls)
	}
	if got := states(report); strings.Count(got, "partial") != 4 {
		t.Error(got)
	}
}

func writeJSON(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, body)
}

func writeSOAP(w http.ResponseWriter, status, rows string) {
	w.Header().Set("Content-Type", "text/xml")
	_, _ = io.WriteString(w, `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><RetrieveResponseMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><OverallStatus>`+
		status+`</OverallStatus><RequestID>r</RequestID>`+rows+`</RetrieveResponseMsg></soap:Body></soap:Envelope>`)
}

// A server that repeats the secret or the token wherever it can shows neither: not
// in the report, not in an error, not in the log.
func TestNoSecretReachesAnOutput(t *testing.T) {
	const token = "eyJhbGciOiJIUzI1NiJ9.eyJlaWQiOjUxMDAwMDEwMH0.c2lnbmF0dXJl.b3BhcXVlcmVzdA"
	for name, echo := range map[string]string{"secret": open, "token": token, "half the secret": open[:12], "secret in capitals": strings.ToUpper(open)} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case strings.HasSuffix(r.URL.Path, "/v2/token"):
					writeJSON(w, `{"access_token":"`+token+`","token_type":"Bearer","expires_in":1079,"scope":"users_read `+echo+`","rest_instance_url":"https://x/","soap_instance_url":"https://x/"}`)
				case strings.HasSuffix(r.URL.Path, "/v2/userinfo"):
					writeJSON(w, `{"user":{"sub":"`+echo+`"},"organization":{"member_id":510000100,"enterprise_id":510000100,"enterprise_name":"`+echo+`","stack_key":"`+echo+`"},"application":{"name":"`+echo+`"}}`)
				case strings.HasSuffix(r.URL.Path, "auditEvents"):
					writeJSON(w, `{"page":1,"pageSize":50,"items":[{"id":"`+echo+`","createdDate":"2026-11-23T10:00:00","employee":{"userName":"`+echo+`"},"objectType":{"name":"Package `+echo+`"},"operation":{"name":"`+echo+`"},"object":{"name":"`+echo+`"}},
					{"id":1,"createdDate":"2026-11-23T10:00:00","objectType":{"name":"Installed Package"},"operation":{"name":"`+echo+`"},"object":{"name":"`+echo+`"}}]}`)
				default:
					writeSOAP(w, "OK", `<Results><ID>510000100</ID><Name>`+echo+`</Name><AccountUserID>1</AccountUserID><UserID>`+echo+`</UserID><IsAPIUser>true</IsAPIUser><Email>a@b</Email><IsLocked>true</IsLocked></Results>
					<Results><ID>2</ID><AccountUserID>2</AccountUserID><Name>`+echo+` app user</Name></Results>`)
				}
			}))
			defer server.Close()
			r := newRig(t)
			r.tenant = tenantAt(server.URL)
			report := r.look()
			raw, err := json.Marshal(report)
			if err != nil {
				t.Fatal(err)
			}
			shown := strings.ToLower(string(raw) + fmt.Sprint(report.Notes(), discovery.Findings(report, nil, []keepwatch.Credential{r.cred}, now)))
			if strings.Contains(shown, strings.ToLower(echo)) {
				t.Errorf("shown: %s", shown)
			}
			if len(report.APIUsers) != 1 || len(report.Packages) != 1 || len(report.Units) != 2 || len(report.Events) != 1 {
				t.Errorf("not read: %s", raw)
			}
		})
	}
}

func TestTheReportSurvivesTheStore(t *testing.T) {
	r := newRig(t)
	r.sim.AddUser(sim.User{Login: "etl", EID: eid})
	report := r.look()
	raw, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	var back discovery.Report
	if err := json.Unmarshal(raw, &back); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(report, back); d != "" {
		t.Error(d)
	}
}
