package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"keepwatch"
)

// lives is a minute of what a holder of a credential lived through.
func (e *estate) lives(id keepwatch.CredentialID, holder string, at time.Time, granted, refused int, uses ...keepwatch.SecretUse) {
	t := &keepwatch.Tally{Holder: holder, From: at.Add(-time.Minute), To: at, Via: []keepwatch.Via{keepwatch.ViaGateway}, Compared: true, Uses: uses}
	r := &t.Tokens
	r.Requests, r.OK, r.Cycles, r.Attempts, r.LastOK = granted+refused, granted, granted, granted+refused, at
	if refused > 0 {
		r.Masked, r.Failed = granted, map[keepwatch.Outcome]int{keepwatch.BadSecretOrPackage: refused}
		r.LastFailed, r.LastWhy = at.Add(-time.Second), keepwatch.BadSecretOrPackage
	}
	e.apply(at, []keepwatch.Observation{{
		Key: fmt.Sprint(holder, at), Series: keepwatch.TrafficSeries(id, holder), Credential: id, Tenant: e.find(id).Tenant, Place: keepwatch.Local,
		Source: keepwatch.SourceTraffic, Slot: at, At: at, Outcome: keepwatch.OK, Connectivity: keepwatch.ConnectivityProven, Traffic: t, Evidence: "401 " + hostile,
	}})
}

// The page of a credential shows who uses it, with which secret, and how often a token is
// granted; what strangers wrote never becomes markup.
func TestTrafficOfACredential(t *testing.T) {
	e := newEstate(t)
	quiet, _ := get(t, e.site(), "/credentials/loyalty-points")
	if strings.Contains(quiet.Body.String(), `id="traffic"`) {
		t.Error("there is a section of traffic where nobody calls")
	}
	now := e.now.Truncate(time.Millisecond)
	e.lives("crm-sync", "shop-backend", now.Add(-3*time.Minute), 2, 0, keepwatch.SecretUse{Secret: "f1", At: now, Accept: now, OK: true, Count: 2, Ours: true})
	e.lives("crm-sync", "mulesoft-prod", now.Add(-2*time.Minute), 1, 2, keepwatch.SecretUse{Secret: "f2", At: now, Accept: now, OK: true, Count: 3})
	e.lives("crm-sync", hostile, now.Add(-time.Minute), 1, 0)
	w, page := get(t, e.site(), "/credentials/crm-sync")
	if strings.Contains(w.Body.String(), hostile) {
		t.Error("a holder's name is markup")
	}
	rows := map[string]string{}
	for _, row := range find(page, "#traffic tr[data-holder]") {
		rows[attr(row, "data-holder")] = text(row)
	}
	for holder, wants := range map[string][]string{
		"shop-backend":  {"100", "1.0", "the configured one", "f1"},
		"mulesoft-prod": {"33", "3.0", "another one", "f2"},
		hostile:         {"100", "1.0", "–"},
	} {
		for _, want := range wants {
			if !strings.Contains(rows[holder], want) {
				t.Errorf("%s: %q has no %q", holder, rows[holder], want)
			}
		}
	}
	if len(rows) != 3 {
		t.Errorf("%d holders", len(rows))
	}
	if links := find(page, "#traffic a[href=/api/v1/credentials/crm-sync/traffic]"); len(links) != 1 {
		t.Errorf("%d links to the figures", len(links))
	}
}
