package httpapi_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/httpapi"
)

// limited is a token whose role holds for a part of the estate.
func (d *daemon) limited(grants string) string {
	d.t.Helper()
	g, err := auth.ParseGrants(grants)
	if err != nil {
		d.t.Fatal(err)
	}
	token, hash := auth.NewToken()
	d.gate.Records.(records).tokens[hash] = auth.TokenRecord{Name: "limited", Grants: g}
	return string(token.Reveal())
}

// exchange is a request and the answer to it, but for what differs each time.
func (d *daemon) exchange(token, method, path, body string) (int, []byte) {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), method, d.url+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("If-Match", `"1"`)
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return res.StatusCode, answer
}

// ofOne are the routes that name one thing, with the bodies that they take.
var ofOne = []struct{ method, path, body string }{
	{"GET", "/api/v1/credentials/{c}", ""},
	{"GET", "/api/v1/credentials/{c}/results", ""},
	{"GET", "/api/v1/credentials/{c}/results/k", ""},
	{"POST", "/api/v1/credentials/{c}/check", ""},
	{"GET", "/api/v1/credentials/{c}/record", ""},
	{"GET", "/api/v1/credentials/{c}/changes", ""},
	{"PUT", "/api/v1/credentials/{c}", `{"id":"{c}","tenant":"emea","kind":"server_to_server"}`},
	{"PUT", "/api/v1/credentials/{c}/secret", `{"secret":"x"}`},
	{"DELETE", "/api/v1/credentials/{c}", ""},
	{"GET", "/api/v1/explain?credential={c}", ""},
	{"POST", "/api/v1/rotations", `{"credential":"{c}","staged_ref":"env:X","generated":"2026-11-01"}`},
	{"GET", "/api/v1/incidents/{i}", ""},
	{"GET", "/api/v1/reports/incidents/{i}", ""},
	{"POST", "/api/v1/incidents/{i}/ack", ""},
	{"POST", "/api/v1/incidents/{i}/notes", `{"text":"x"}`},
	{"GET", "/api/v1/incidents/{i}/shares", ""},
	{"POST", "/api/v1/incidents/{i}/shares", `{"for":"1h"}`},
	{"DELETE", "/api/v1/incidents/{i}/shares/x", ""},
	{"GET", "/api/v1/credentials/{c}/history?day=" + time.Now().UTC().Format(time.DateOnly), ""},
	{"POST", "/api/v1/incidents/{i}/snooze", `{"until":"2099-01-01T00:00:00Z","reason":"x"}`},
}

// What somebody may not see answers as what is not there, byte for byte.
func TestWhatLiesOutsideARoleIsNotThere(t *testing.T) {
	d := start(t)
	foreign := d.failing("cred-00") // of the tenant emea
	token := d.limited("operator@amer, viewer@*/somebody-else")
	for _, r := range ofOne {
		with := func(credential, incident string) []byte {
			fill := strings.NewReplacer("{c}", credential, "{i}", incident).Replace
			status, body := d.exchange(token, r.method, fill(r.path), fill(r.body))
			if status != http.StatusNotFound {
				t.Errorf("%s %s: %d %s", r.method, fill(r.path), status, body)
			}
			return []byte(strings.NewReplacer(credential, "{c}", incident, "{i}").Replace(string(body)))
		}
		theirs, missing := with("cred-00", string(foreign.ID)), with("cred-99", "aaaaaaaaaaaaaaaa")
		if !bytes.Equal(theirs, missing) {
			t.Errorf("%s %s\n is   %s\n not  %s", r.method, r.path, theirs, missing)
		}
	}
}

// Lists hold what a role reaches, and nothing tells of the rest.
func TestListsHoldWhatARoleReaches(t *testing.T) {
	d := start(t)
	d.failing("cred-00")
	mine := d.failing("cred-02") // of the tenant amer, though its observations say emea
	c := d.client(d.limited("viewer@amer"))
	n := 0
	for item, err := range c.Credentials(t.Context(), client.CredentialFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		if item.Tenant != "amer" {
			t.Errorf("%s of %s is listed", item.ID, item.Tenant)
		}
	}
	if n != 20 {
		t.Errorf("%d credentials, want 20", n)
	}
	var incidents []string
	for item, err := range c.Incidents(t.Context(), client.IncidentFilter{Status: "all", Limit: 1}) {
		if err != nil {
			t.Fatal(err)
		}
		incidents = append(incidents, item.ID)
	}
	if !slices.Equal(incidents, []string{string(mine.ID)}) {
		t.Errorf("incidents %v, want %s", incidents, mine.ID)
	}
	for _, path := range []string{"/api/v1/overview", "/api/v1/credentials", "/api/v1/incidents?status=all", "/api/v1/expiring", "/api/v1/findings", "/api/v1/effects", "/api/v1/silences", "/api/v1/rotations"} {
		if status, body := d.exchange(d.limited("viewer@amer"), "GET", path, ""); status != http.StatusOK || bytes.Contains(body, []byte("cred-00")) || bytes.Contains(body, []byte("Germany")) {
			t.Errorf("GET %s: %d %s", path, status, body)
		}
	}
}

// What concerns the whole estate is not for a role over a part of it, whatever it is.
func TestARoleOverAPartIsNoneOverTheWhole(t *testing.T) {
	d := start(t)
	token := d.limited("admin@emea, admin@amer")
	for _, r := range routes {
		if r.needs == "" || strings.HasPrefix(r.path, "/api/v1/account") {
			continue
		}
		body := bodyFor(r.path)
		if body == "" {
			body = "{}"
		}
		status, _ := d.exchange(token, r.method, r.path, body)
		if partial := status != http.StatusForbidden; partial && slices.Contains([]string{
			"/metrics", "/-/reload", "/api/v1/tokens", "/api/v1/users", "/api/v1/audit", "/api/v1/backtest", "/api/v1/feeds", "/api/v1/discover/emea", "/api/v1/import?format=csv",
		}, r.path) {
			t.Errorf("%s %s: %d", r.method, r.path, status)
		}
	}
}

// A role that reads does not write, and one that writes here does not write there.
func TestARoleActsWhereItHolds(t *testing.T) {
	d := start(t)
	mine, foreign := d.failing("cred-02"), d.failing("cred-00")
	token := d.limited("operator@amer, viewer@emea")
	for _, c := range []struct {
		path string
		want int
	}{
		{"/api/v1/incidents/" + string(mine.ID) + "/ack", http.StatusOK}, {"/api/v1/incidents/" + string(foreign.ID) + "/ack", http.StatusForbidden},
		{"/api/v1/credentials/cred-02/check", http.StatusOK}, {"/api/v1/credentials/cred-00/check", http.StatusForbidden},
	} {
		if status, body := d.exchange(token, "POST", c.path, ""); status != c.want {
			t.Errorf("POST %s: %d, want %d: %s", c.path, status, c.want, body)
		}
	}
	tomorrow := time.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339)
	for body, want := range map[string]int{
		`{"match":{"tenant":["amer"]},"reason":"x","until":"UNTIL"}`:                  http.StatusCreated,
		`{"match":{"credential":["cred-02"]},"reason":"x","until":"UNTIL"}`:           http.StatusCreated,
		`{"match":{"tenant":["amer","emea"]},"reason":"x","until":"UNTIL"}`:           http.StatusForbidden,
		`{"match":{"credential":["cred-02","cred-00"]},"reason":"x","until":"UNTIL"}`: http.StatusForbidden,
		`{"match":{"category":["credential"]},"reason":"x","until":"UNTIL"}`:          http.StatusForbidden,
	} {
		if status, answer := d.exchange(token, "POST", "/api/v1/silences", strings.Replace(body, "UNTIL", tomorrow, 1)); status != want {
			t.Errorf("%s: %d, want %d: %s", body, status, want, answer)
		}
	}
}

// book is an audit log in memory that may be full.
type book struct {
	mu      sync.Mutex
	entries []keepwatch.AuditEntry
	full    bool
}

func (b *book) Begin(_ context.Context, e keepwatch.AuditEntry) (keepwatch.AuditEntry, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.full {
		return e, errors.New("disk full at /var/lib")
	}
	e.Seq = int64(len(b.entries) + 1)
	b.entries = append(b.entries, e)
	return e, nil
}

func (b *book) List(context.Context, keepwatch.AuditFilter, int64, int) ([]client.AuditEntry, error) {
	return []client.AuditEntry{}, nil
}

func (b *book) State(context.Context) (client.AuditState, error) { return client.AuditState{}, nil }

// What somebody does is written down first; what cannot be written down is not done.
func TestNothingIsDoneThatIsNotWrittenDown(t *testing.T) {
	b := &book{}
	d := start(t, func(o *httpapi.Options) { o.Audit = b })
	inc := d.failing("cred-00")
	ack := "/api/v1/incidents/" + string(inc.ID) + "/ack"
	b.full = true
	for _, r := range routes {
		if r.method == "GET" || r.needs == "" {
			continue
		}
		if status, body := d.exchange(d.admin, r.method, strings.Replace(r.path, "/incidents/x", "/incidents/"+string(inc.ID), 1), "{}"); status != http.StatusServiceUnavailable || bytes.Contains(body, []byte("/var/lib")) {
			t.Errorf("%s %s with a full audit log: %d %s", r.method, r.path, status, body)
		}
	}
	if again, err := d.db.Incident(t.Context(), inc.ID); err != nil || !again.AcknowledgedAt.IsZero() {
		t.Errorf("it was acknowledged all the same (%v)", err)
	}
	b.full = false
	if status, body := d.exchange(d.admin, "POST", ack, ""); status != http.StatusOK {
		t.Fatalf("%d %s", status, body)
	}
	d.exchange(d.viewer, "POST", ack, "")
	d.exchange(d.viewer, "GET", ack, "")
	want := []keepwatch.AuditEntry{
		{Seq: 1, Who: "admin-token", Via: "token", From: "127.0.0.1", Action: "POST " + ack},
		{Seq: 2, Who: "viewer-token", Via: "token", From: "127.0.0.1", Action: "POST " + ack},
		{Seq: 3, Who: "viewer-token", Via: "token", From: "127.0.0.1", Action: "POST " + ack, Of: 2, Refused: http.StatusForbidden},
	}
	for i := range b.entries {
		b.entries[i].At = want[0].At
	}
	if !slices.Equal(want, b.entries) {
		t.Errorf("entries %+v", b.entries)
	}
}
