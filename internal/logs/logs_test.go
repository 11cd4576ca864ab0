package logs_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/logs"
	"keepwatch/internal/sfmc"
)

const (
	sub    = "mc563885gzs27c5t9-63k636ttgm"
	canary = "c4n4ry-8f3a2b1c9d7e6f50"
)

var now = time.Date(2026, 11, 30, 9, 15, 30, 0, time.UTC)

type sink struct{ calls []keepwatch.Call }

func (s *sink) Saw(c keepwatch.Call) { s.calls = append(s.calls, c) }

func open(f logs.Format) (*logs.Logs, *sink) {
	s := &sink{}
	hosts := sfmc.TenantHostsOf([]keepwatch.Tenant{{ID: "emea", Subdomain: sub}})
	return logs.New(logs.Options{
		Source: func(name string) (logs.Source, bool) {
			return logs.Source{Name: name, Tenant: "emea", Credential: "crm", Format: f}, name == "shop"
		},
		Hosts: func() sfmc.TenantHosts { return hosts }, Calls: s,
	}), s
}

func TestTextsOfSDKsAreKnown(t *testing.T) {
	for _, tt := range []struct {
		format, line string
		kind         keepwatch.CallKind
		want         keepwatch.Outcome
	}{
		{"mcdev", "2026-11-30 09:15:00 error: Client authentication failed. Package is deleted or disabled", keepwatch.CallToken, keepwatch.BadSecretOrPackage},
		{"sfmc-sdk", "AxiosError: Request failed with status code 429", keepwatch.CallREST, keepwatch.RateLimited},
		{"sfmc-sdk", "Error: connect ETIMEDOUT " + sub + ".rest.marketingcloudapis.com", keepwatch.CallREST, keepwatch.Timeout},
		{"fuelsdk-python", `Exception: Unable to validate App Keys(ClientID/ClientSecret) provided: {'error': 'invalid_client', 'error_description': 'Client authentication failed.', 'x': '` + canary + `'}`, keepwatch.CallToken, keepwatch.BadSecretOrPackage},
		{"fuelsdk-php", `PHP Fatal error: Unable to validate App Keys(ClientID/ClientSecret) provided, requestToken response:{"error":"invalid_client","error_description":"Invalid client ID. Use the client ID in Marketing Cloud Installed Packages."}`, keepwatch.CallToken, keepwatch.BadClientID},
		{"fuelsdk-ruby", "RuntimeError: Unable to refresh token: ", keepwatch.CallToken, keepwatch.UnexpectedResponse},
		{"fuelsdk-java", "com.exacttarget.fuelsdk.ETSdkException: error obtaining OAuth2 access token (401 Unauthorized)", keepwatch.CallToken, keepwatch.BadSecretOrPackage},
		{"fuelsdk-csharp", "System.Net.WebException: The remote server returned an error: (401) Unauthorized.", keepwatch.CallToken, keepwatch.BadSecretOrPackage},
		{"fuelsdk-node", "Error: No access token, invalid_client: Client authentication failed.", keepwatch.CallToken, keepwatch.BadSecretOrPackage},
		{"fuelsdk-python", "suds.WebFault: Server raised fault: 'Login Failed'", keepwatch.CallSOAP, keepwatch.LoginFailed},
	} {
		f, ok := logs.FormatOf(tt.format)
		if !ok {
			t.Fatal(tt.format)
		}
		l, s := open(f)
		out, err := l.Take("shop", []byte("started\n"+tt.line+"\nall is well "+canary+"\n"), false, now)
		if err != nil || out.Accepted != 1 || out.Dropped != 2 || len(s.calls) != 1 {
			t.Errorf("%s: %+v %v", tt.line, out, err)
			continue
		}
		c := s.calls[0]
		if c.Kind != tt.kind || c.Outcome != tt.want || c.Holder != "shop" || c.Credential != "crm" || c.Via != keepwatch.ViaLog {
			t.Errorf("%s: %+v", tt.line, c)
		}
		if strings.Contains(fmt.Sprintf("%+v", c), canary) {
			t.Errorf("%s: a secret of the line is in %+v", tt.line, c)
		}
	}
	for _, name := range logs.Formats() {
		if _, ok := logs.FormatOf(name); !ok {
			t.Errorf("%s is no format", name)
		}
	}
}

func TestTemplates(t *testing.T) {
	f, err := logs.ParseTemplate("%{time} [%{level}] %{method} %{url} -> %{status} in %{duration} %{message}")
	if err != nil {
		t.Fatal(err)
	}
	l, s := open(f)
	body := strings.Join([]string{
		"2026-11-30T09:15:00Z [INFO] POST https://" + sub + ".auth.marketingcloudapis.com/v2/token?x=" + canary + " -> 200 in 120ms ok",
		"2026-11-30T09:15:01Z [WARN] GET https://" + sub + ".rest.marketingcloudapis.com/asset/v1/content -> 503 in 2s secret " + canary,
		"2026-11-30T09:15:02Z [INFO] GET https://api.example.com/x -> 500 in 2s no",
		"2026-11-20T09:15:02Z [INFO] GET https://" + sub + ".rest.marketingcloudapis.com/asset/v1/content -> 500 in 2s old",
		"something else",
	}, "\n")
	for i := range 2 {
		out, err := l.Take("shop", []byte(body), false, now)
		if err != nil || out.Dropped != 3 || out.Accepted != 2*(1-i) || out.Repeated != 2*i {
			t.Errorf("time %d: %+v %v", i, out, err)
		}
	}
	if len(s.calls) != 2 || s.calls[0].Kind != keepwatch.CallToken || s.calls[0].Outcome != keepwatch.OK || s.calls[0].Took != 120*time.Millisecond ||
		s.calls[1].Family != "asset" || s.calls[1].Outcome != keepwatch.PlatformError {
		t.Errorf("%+v", s.calls)
	}
	if strings.Contains(fmt.Sprintf("%+v", s.calls), canary) {
		t.Error("a secret of a line is in a call")
	}
	for template, want := range map[string]string{
		"%{what} %{status}": "no part of a line", "%{time} %{level}": "nobody can tell", "%{status} %{status}": "twice", "": "1 to 500", strings.Repeat("x", 501): "1 to 500",
	} {
		if _, err := logs.ParseTemplate(template); err == nil || !strings.Contains(err.Error(), want) || keepwatch.HintOf(err) == "" {
			t.Errorf("%q: %v", template, err)
		}
	}
}

func TestLokiPushes(t *testing.T) {
	f, _ := logs.FormatOf("sfmc-sdk")
	l, s := open(f)
	body := fmt.Sprintf(`{"streams":[{"stream":{"app":"x"},"values":[["%d","Client authentication failed."],["%[1]d","hello"],["x"],[1,2]]}]}`, now.Add(-time.Second).UnixNano())
	out, err := l.Take("shop", []byte(body), true, now)
	if err != nil || out.Accepted != 1 || !s.calls[0].At.Equal(now.Add(-time.Second)) {
		t.Errorf("%+v %v %+v", out, err, s.calls)
	}
	if _, err := l.Take("shop", []byte(`{"streams":`+canary), true, now); err == nil || strings.Contains(err.Error(), canary) {
		t.Errorf("error %v", err)
	}
	if _, err := l.Take("nobody", nil, false, now); err == nil {
		t.Error("a source that nobody named was taken")
	}
}

func FuzzTemplate(f *testing.F) {
	f.Add("%{time} %{level} %{message}", "2026-11-30 09:15:00 error x")
	f.Add("%{skip}%{skip}%{skip}%{message}", strings.Repeat("a", 1000))
	f.Fuzz(func(t *testing.T, template, text string) {
		format, err := logs.ParseTemplate(template)
		if err != nil {
			return
		}
		l, _ := open(format)
		if _, err := l.Take("shop", []byte(text), false, now); err != nil && !strings.Contains(err.Error(), "too many") {
			t.Error(err)
		}
	})
}

func FuzzLines(f *testing.F) {
	f.Add("sfmc-sdk", []byte("Request failed with status code 401"), false)
	f.Add("mcdev", []byte(`{"streams":[{"values":[["1","x"]]}]}`), true)
	f.Fuzz(func(t *testing.T, name string, body []byte, isJSON bool) {
		format, ok := logs.FormatOf(name)
		if !ok {
			return
		}
		l, s := open(format)
		_, _ = l.Take("shop", body, isJSON, now)
		for _, c := range s.calls {
			if !c.Outcome.Known() {
				t.Errorf("%+v", c)
			}
		}
	})
}
