package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/httpapi"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestOpenAPIGolden(t *testing.T) {
	d := start(t)
	res, body := d.do(http.MethodGet, "/api/v1/openapi.json", "", "Authorization", "Bearer "+d.viewer)
	if res.StatusCode != http.StatusOK {
		t.Fatal(res.Status)
	}
	const golden = "testdata/openapi.json"
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), body); diff != "" {
		t.Errorf("the API changed; if that is meant, run with -update and say so in the changelog:\n%s", diff)
	}
	if strings.Contains(body, "$schema") || strings.Contains(body, "Foreign") {
		t.Error("the document names what is not ours")
	}
}

// The contract lists these keys word by word.
func TestItemsHaveTheKeysOfTheContract(t *testing.T) {
	d := start(t)
	inc := d.failing("cred-00")
	bearer := "Bearer " + d.viewer
	for path, keys := range map[string]string{
		"/api/v1/credentials": "id tenant business_unit state outcome category since last_proven_at next_proof_at success_rate expires_at expires_source owner criticality",
		"/api/v1/incidents":   "id scope credential members outcome category severity status last_proven_at first_failed_at detected_at notified_at acknowledged_at resolved_at cause effects impact",
	} {
		_, body := d.do(http.MethodGet, path, "", "Authorization", bearer)
		var list struct {
			Items []map[string]any `json:"items"`
			Next  *string          `json:"next"`
		}
		if err := json.Unmarshal([]byte(body), &list); err != nil || len(list.Items) == 0 {
			t.Fatalf("%s: %v %s", path, err, body)
		}
		for _, key := range strings.Fields(keys) {
			if _, ok := list.Items[0][key]; !ok {
				t.Errorf("%s: an item has no %q", path, key)
			}
		}
		if _, ok := list.Items[0]["$schema"]; ok {
			t.Errorf("%s: an item has $schema", path)
		}
	}
	_, body := d.do(http.MethodGet, "/api/v1/incidents/"+string(inc.ID), "", "Authorization", bearer)
	for _, want := range []string{`"scope":"credential"`, `"credential":"cred-00"`, `"members":["cred-00"]`, `"cause":{`, `"kind":"credential_failing"`, `"effects":[]`, `"impact":{`, `"resolved_at":null`} {
		if !strings.Contains(body, want) {
			t.Errorf("an incident without %s: %s", want, body)
		}
	}
}

func TestUnknownTimesAreNullAndKnownOnesUTC(t *testing.T) {
	d := start(t)
	d.failing("cred-00")
	_, body := d.do(http.MethodGet, "/api/v1/credentials/cred-01", "", "Authorization", "Bearer "+d.viewer)
	for _, want := range []string{`"state":"unknown"`, `"since":null`, `"last_proven_at":null`, `"success_rate":null`, `"last":null`, `"expires_at":"2027-03-27T00:00:00Z"`, `"expires_source":"derived"`} {
		if !strings.Contains(body, want) {
			t.Errorf("never proven, without %s: %s", want, body)
		}
	}
	c, err := d.client(d.viewer).Credential(t.Context(), "cred-00")
	if err != nil || c.LastProvenAt == nil || c.LastProvenAt.Location() != time.UTC || c.State != "failing" || c.Category != "credential" {
		t.Errorf("%+v %v", c.Credential, err)
	}
	c, err = d.client(d.viewer).Credential(t.Context(), "cred-02")
	if err != nil || c.BusinessUnit != nil || c.ExpiresAt != nil || c.ExpiresSource != "unknown" {
		t.Errorf("%+v %v", c.Credential, err)
	}
}

func TestPagingShowsEachOnce(t *testing.T) {
	d := start(t)
	c := d.client(d.viewer)
	for _, limit := range []int{1, 7, 60, 200} {
		var ids []string
		for item, err := range c.Credentials(t.Context(), client.CredentialFilter{Limit: limit}) {
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, item.ID)
		}
		if len(ids) != 60 || ids[0] != "cred-00" || ids[59] != "cred-59" {
			t.Errorf("limit %d: %d credentials", limit, len(ids))
		}
	}
	count := 0
	for _, err := range c.Credentials(t.Context(), client.CredentialFilter{Tenant: "amer", State: "unknown", Limit: 6}) {
		if err != nil {
			t.Fatal(err)
		}
		count++
	}
	if count != 20 {
		t.Errorf("%d of tenant amer, want 20", count)
	}
	now := time.Now().UTC().Truncate(time.Second)
	for i := range 7 {
		d.observe("cred-03", now.Add(time.Duration(i-10)*time.Minute), keepwatch.OK)
	}
	var keys []string
	query := "?limit=3"
	for query != "" {
		_, body := d.do(http.MethodGet, "/api/v1/credentials/cred-03/results"+query, "", "Authorization", "Bearer "+d.viewer)
		var page client.Page[client.Result]
		if err := json.Unmarshal([]byte(body), &page); err != nil {
			t.Fatal(err, body)
		}
		for _, r := range page.Items {
			keys = append(keys, r.Key)
		}
		if query = ""; page.Next != nil {
			query = "?limit=3&cursor=" + url.QueryEscape(*page.Next)
		}
	}
	if len(keys) != 7 {
		t.Errorf("%d results over pages of 3, want 7: %v", len(keys), keys)
	}
}

func TestClientAgainstTheServer(t *testing.T) {
	d := start(t)
	inc := d.failing("cred-00")
	c := d.client(d.admin)
	o, err := c.Overview(t.Context(), client.OverviewFilter{})
	if err != nil || o.Total != 60 || len(o.Incidents) != 1 || o.Counts["failing"] != 1 {
		t.Fatalf("%+v %v", o.Headline, err)
	}
	if len(o.Groups) != 2 || len(o.Groups[0].Units[0].Credentials[0].History.Slots) != 48 {
		t.Errorf("groups %+v", o.Groups)
	}
	res, err := c.Check(t.Context(), "cred-05")
	if err != nil || res.Outcome != "ok" || res.DurationMS != 41.7 || len(res.Steps) != 1 {
		t.Fatalf("%+v %v", res, err)
	}
	var last client.Result
	for r, err := range c.Results(t.Context(), "cred-00") {
		if err != nil {
			t.Fatal(err)
		}
		last = r
		break
	}
	full, err := c.Result(t.Context(), "cred-00", last.Key)
	if err != nil || full.Transcript != "POST /v2/token → 401" || last.Transcript != "" {
		t.Errorf("%+v %v", full, err)
	}
	if full, err := c.Incident(t.Context(), string(inc.ID)); err != nil || len(full.Timeline) == 0 || full.Owner != "crm-platform" || len(full.Membership) != 1 {
		t.Errorf("%+v %v", full, err)
	}
	acked, err := c.Acknowledge(t.Context(), string(inc.ID))
	if err != nil || acked.AcknowledgedBy != "admin-token" || acked.AcknowledgedAt == nil {
		t.Errorf("%+v %v", acked, err)
	}
	for _, h := range []func(context.Context) (client.Health, error){c.Ready, c.Healthy} {
		if h, err := h(t.Context()); err != nil || h.Status != "ok" {
			t.Errorf("%+v %v", h, err)
		}
	}
	if r, err := c.Reload(t.Context()); err != nil || r.Credentials != 60 {
		t.Errorf("%+v %v", r, err)
	}
	token, err := c.CreateToken(t.Context(), client.NewToken{Name: "ci", Role: "viewer"})
	if err != nil || token.Secret != "kw_once" || token.CreatedBy != "admin-token" {
		t.Errorf("%+v %v", token, err)
	}
	list, err := c.Tokens(t.Context())
	if err != nil || len(list) != 1 {
		t.Errorf("%+v %v", list, err)
	}
	if err := c.RevokeToken(t.Context(), token.ID); err != nil {
		t.Error(err)
	}
	var e *client.Error
	if err := c.RevokeToken(t.Context(), "none"); !errors.As(err, &e) || e.Code != "not_found" || e.Status != http.StatusNotFound {
		t.Errorf("%v", err)
	}
	for _, err := range c.Credentials(t.Context(), client.CredentialFilter{State: "odd"}) {
		if !errors.As(err, &e) || e.Code != "invalid" {
			t.Errorf("%v", err)
		}
	}
	if s := fmt.Sprintf("%v %+v %#v", c, c, *c); strings.Contains(s, d.admin) {
		t.Error("a client prints its token")
	}
}

func TestErrorsHaveOneForm(t *testing.T) {
	d := start(t, func(o *httpapi.Options) {
		o.Reload = func(context.Context) (client.Reloaded, error) {
			return client.Reloaded{}, keepwatch.WithHint(fmt.Errorf("keepwatch.yaml:7: tenants: %w", keepwatch.ErrInvalid), "see the file")
		}
		o.Health = func(context.Context) client.Health { panic("a secret: hunter2") }
	})
	for _, c := range []struct {
		method, path, body string
		status             int
		code, hint         string
	}{
		{"GET", "/api/v1/credentials/nobody", "", 404, "not_found", "list them"},
		{"GET", "/api/v1/credentials/nobody/results", "", 404, "not_found", "list them"},
		{"GET", "/api/v1/credentials/cred-00/results/none", "", 404, "not_found", ""},
		{"POST", "/api/v1/credentials/nobody/check", "", 404, "not_found", ""},
		{"POST", "/api/v1/credentials/cred-13/check", "", 500, "internal", "log"},
		{"GET", "/api/v1/incidents/none", "", 404, "not_found", ""},
		{"POST", "/api/v1/incidents/none/ack", "", 404, "not_found", ""},
		{"GET", "/api/v1/incidents?status=odd", "", 400, "invalid", "status"},
		{"GET", "/api/v1/incidents?cursor=odd", "", 400, "invalid", ""},
		{"GET", "/api/v1/credentials?cursor=odd", "", 400, "invalid", "next"},
		{"GET", "/api/v1/credentials?limit=0", "", 400, "invalid", "limit"},
		{"GET", "/api/v1/credentials?limit=201", "", 400, "invalid", "limit"},
		{"GET", "/api/v1/credentials?limit=many", "", 400, "invalid", "limit"},
		{"GET", "/api/v1/credentials?stat=failing", "", 400, "invalid", "state"},
		{"GET", "/api/v1/status?x=1", "", 400, "invalid", "no query"},
		{"GET", "/api/v1/nothing", "", 404, "not_found", "openapi"},
		{"GET", "/api/", "", 404, "not_found", ""},
		{"PUT", "/api/v1/credentials", "", 405, "method_not_allowed", "GET"},
		{"GET", "/-/reload", "", 405, "method_not_allowed", "POST"},
		{"DELETE", "/metrics", "", 405, "method_not_allowed", "GET"},
		{"POST", "/-/reload", "", 400, "invalid", "see the file"},
		{"POST", "/api/v1/tokens", "{", 400, "invalid", ""},
		{"POST", "/api/v1/tokens", "", 400, "invalid", ""},
		{"POST", "/api/v1/tokens", `{"name":"x","role":"king"}`, 400, "invalid", ""},
		{"POST", "/api/v1/tokens", `{"name":"x","role":"viewer","extra":1}`, 400, "invalid", ""},
		{"POST", "/api/v1/tokens", `{"name":"x","role":"viewer","expires_at":"2020-01-01T00:00:00Z"}`, 400, "invalid", ""},
		{"POST", "/api/v1/tokens", `{"name":"` + strings.Repeat("x", 70<<10) + `","role":"viewer"}`, 413, "too_large", "bytes"},
		{"GET", "/readyz", "", 500, "internal", "log"},
	} {
		res, body := d.do(c.method, c.path, c.body, "Authorization", "Bearer "+d.admin, "Content-Type", "application/json")
		var e client.ErrorBody
		if err := json.Unmarshal([]byte(body), &e); err != nil {
			t.Errorf("%s %s: no JSON: %s", c.method, c.path, body)
			continue
		}
		if res.StatusCode != c.status || e.Error.Code != c.code || e.Error.Message == "" || !strings.Contains(e.Error.Hint, c.hint) {
			t.Errorf("%s %s: %d %+v, want %d %s and a hint with %q", c.method, c.path, res.StatusCode, e.Error, c.status, c.code, c.hint)
		}
		if ct := res.Header.Get("Content-Type"); ct != "application/json" {
			t.Errorf("%s %s: %s", c.method, c.path, ct)
		}
		if strings.Contains(body, "hunter2") || strings.Contains(body, "10.1.2.3") || strings.Contains(body, "xxxx") {
			t.Errorf("%s %s says too much: %s", c.method, c.path, body)
		}
	}
	// The log has under the same id what the answer holds back.
	_, body := d.do("POST", "/api/v1/credentials/cred-13/check", "", "Authorization", "Bearer "+d.admin)
	_, id, _ := strings.Cut(body, "(")
	id, _, _ = strings.Cut(id, ")")
	if id == "" || !strings.Contains(d.log.String(), "id="+id) {
		t.Errorf("the id %q is not in the log", id)
	}
}

func TestStoreGoneIsAnErrorWithoutWords(t *testing.T) {
	d := start(t)
	if err := d.db.Close(); err != nil {
		t.Fatal(err)
	}
	res, body := d.do("GET", "/api/v1/credentials", "", "Authorization", "Bearer "+d.viewer)
	if res.StatusCode < 500 || strings.Contains(body, "sql") || strings.Contains(body, "closed") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
}

func TestReadyzTellsWhatDoesNotWork(t *testing.T) {
	d := start(t, func(o *httpapi.Options) {
		o.Health = func(context.Context) client.Health {
			return client.Health{Status: "failing", Checks: []client.HealthCheck{{Name: "store", Message: "no answer"}}}
		}
	})
	h, err := d.client("").Ready(t.Context())
	if err != nil || h.Status != "failing" || len(h.Checks) != 1 || h.Checks[0].Name != "store" {
		t.Errorf("%+v %v", h, err)
	}
	if res, _ := d.do("GET", "/readyz", ""); res.StatusCode != http.StatusServiceUnavailable {
		t.Error(res.Status)
	}
}

func TestHeadAnswersWithoutBody(t *testing.T) {
	d := start(t)
	for _, path := range []string{"/api/v1/credentials", "/healthz", "/metrics", "/api/v1/openapi.json"} {
		res, body := d.do(http.MethodHead, path, "", "Authorization", "Bearer "+d.viewer)
		if res.StatusCode != http.StatusOK || body != "" {
			t.Errorf("%s: %s %q", path, res.Status, body)
		}
	}
}

func TestIdsMayHoldAnything(t *testing.T) {
	d := start(t)
	for _, id := range []string{"a/b", "../../etc", "%2e", "x?y", "ü", "<script>"} {
		_, err := d.client(d.viewer).Credential(t.Context(), id)
		var e *client.Error
		if !errors.As(err, &e) || e.Status != http.StatusNotFound {
			t.Errorf("%q: %v", id, err)
		}
	}
}
