package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/auth"
	"keepwatch/internal/rotate"
	"keepwatch/internal/view"
	"keepwatch/internal/web"
)

// history is one change of crm-sync.
type history struct{ at time.Time }

func (h history) Changes(_ context.Context, id keepwatch.CredentialID, _ view.Page) ([]keepwatch.Change, string, error) {
	if id != "crm-sync" {
		return nil, "", nil
	}
	return []keepwatch.Change{{Credential: id, At: h.at, By: "anna", Via: "ui", Kind: keepwatch.ChangeUpdated, Fields: []keepwatch.FieldChange{
		{Field: "secret", Old: "env:OLD", New: "set"}, {Field: "purpose", New: hostile},
	}}}, "", nil
}

// ticks is one holder's link, "open-sesame".
type ticks struct{ at time.Time }

func (k *ticks) TickOf(_ context.Context, token string) (rotate.TickView, error) {
	if token != "open-sesame" {
		return rotate.TickView{}, fmt.Errorf("token %s: %w", token, keepwatch.ErrNotFound)
	}
	return rotate.TickView{
		Credential: "crm-sync", Tenant: "emea", Holder: "mulesoft-prod", State: keepwatch.RotationProven, Open: k.at.IsZero(), SwitchedAt: k.at,
		Says: "Pressing the button notes that mulesoft-prod uses the new secret.", OldEndsAt: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC),
	}, nil
}

func (k *ticks) Tick(ctx context.Context, token, _ string) (rotate.TickView, error) {
	if t, err := k.TickOf(ctx, token); err != nil {
		return t, err
	}
	k.at = time.Now()
	return k.TickOf(ctx, token)
}

func (e *estate) withDates() http.Handler {
	return e.siteWith(func(o *web.Options) { o.History, o.Ticks, o.Scans = history{e.now}, &ticks{}, &looks{now: e.now} })
}

func TestDatesAreGroupedByOwnerWithHowTheyAreKnown(t *testing.T) {
	e := newEstate(t)
	e.add(keepwatch.Credential{ID: "sftp-drop", Tenant: "emea", Kind: keepwatch.SFTPPassword, Owner: keepwatch.Owner{Team: "privacy"}})
	e.add(keepwatch.Credential{
		ID: "api-user", Tenant: "emea", Kind: keepwatch.APIUser, SecretRef: "env:X", Owner: keepwatch.Owner{Team: "privacy"},
		Expires: keepwatch.DayOf(e.now, time.UTC).AddDays(40), LastUsed: keepwatch.DayOf(e.now, time.UTC).AddDays(-80),
		Renewal: keepwatch.Renewal{Planned: keepwatch.DayOf(e.now, time.UTC).AddDays(30), By: "anna"},
	})
	_, doc := get(t, e.site(), "/expiring")
	has(t, doc, "#head h1", "1 date passed")
	has(t, doc, "#head h1", "2 unknown")
	has(t, doc, "[data-owner=privacy] [data-id=consent-hub] .c-when", "in 10 days")
	has(t, doc, "[data-owner=privacy] [data-id=consent-hub] .c-known", "derived")
	has(t, doc, "[data-owner=privacy] [data-id=consent-hub] .c-known", "180 days")
	has(t, doc, "[data-owner=privacy] [data-id=sftp-drop] .c-when", "date unknown")
	has(t, doc, "[data-owner=privacy] [data-id=api-user] .c-renewal", "by anna")
	has(t, doc, "[data-owner=privacy] [data-id=api-user] .c-renewal", "warnings wait for it")
	has(t, doc, "[data-id=ca-newsletter] .c-when .expired", "5 days ago")
	has(t, doc, "#idle [data-id=api-user] .c-when", "in 10 days")
	none(t, doc, "#dates [data-clock=login]") // an age is in no list of dates
	none(t, doc, "#dates [data-id=us-orders]")
	if groups := find(doc, "#dates .ends"); len(groups) == 0 || attr(groups[0], "data-owner") != "" {
		t.Error("what nobody owns does not come first")
	}
	_, doc = get(t, e.site(), "/expiring?owner=privacy&within=30d")
	if groups := find(doc, "#dates .ends"); len(groups) != 1 {
		t.Errorf("%d groups of one owner", len(groups))
	}
	has(t, doc, "select[name=within] option[selected]", "30d")
	if w, _ := get(t, e.site(), "/expiring?within=soon"); w.Code != http.StatusBadRequest {
		t.Errorf("a span that is none: %d", w.Code)
	}
}

// A date that comes near is no all-clear, and nothing fails because of it. What no
// date ends is not counted among the dates that nobody knows.
func TestADateThatComesNear(t *testing.T) {
	e := newEstate(t)
	drop := keepwatch.Credential{ID: "sftp-drop", Tenant: "emea", Kind: keepwatch.SFTPPassword, Expires: keepwatch.DayOf(e.now, time.UTC).AddDays(5)}
	e.add(drop)
	e.add(keepwatch.Credential{ID: "jwt", Tenant: "emea", Kind: keepwatch.JWTSecret})
	e.lookAt(drop)
	_, doc := get(t, e.site(), "/")
	card := ".cards [data-id=" + string(e.incident(keepwatch.Expiring).ID) + "]"
	has(t, doc, card+" .tags .degraded", "expiring")
	if icon := find(doc, card+" .tags .degraded svg path"); len(icon) != 1 || !strings.HasPrefix(attr(icon[0], "d"), "M4 1.5h8") {
		t.Error("the icon is no hourglass")
	}
	has(t, doc, card+" .meta", "open since")
	for _, node := range find(doc, card+" .meta") {
		if said := text(node); strings.Contains(said, "failing") || strings.Contains(said, "proven") {
			t.Errorf("a date is told as a failure: %s", said)
		}
	}
	has(t, doc, "[data-id=jwt] .c-ends", "no end")
	none(t, doc, "tr[data-id=sftp-drop] .c-strip .ok")
	if len(find(doc, "tr[data-id=sftp-drop] .c-strip .absent")) == 0 {
		t.Error("no strip is shown")
	}
	has(t, doc, "#ahead .finding", "1 date")
	_, doc = get(t, e.site(), "/expiring")
	has(t, doc, "#head h1", "1 unknown")
	_, doc = get(t, e.site(), "/incidents/"+string(e.incident(keepwatch.Expiring).ID))
	has(t, doc, "#timeline", "first seen")
	has(t, doc, "#members", "still open")
	none(t, doc, "#timeline .proven")
	if w := post(t, e.site(), "/credentials/sftp-drop/check"); w.Code != http.StatusConflict {
		t.Errorf("a test of what has none: %d", w.Code)
	}
	_, doc = get(t, e.site(), "/credentials/sftp-drop")
	none(t, doc, "#check")
	none(t, doc, "#runs")
	has(t, doc, "#run h2", "Last look at its dates")
	none(t, doc, "#history") // a look at its dates is no proof, and no green bar
	has(t, doc, "#rail", "Next look")
	for _, node := range find(doc, "#rail dt") {
		if text(node) == "Calls a year" {
			t.Error("calls are counted for what is never asked")
		}
	}
}

func TestACredentialShowsItsDatesAndItsHistory(t *testing.T) {
	e := newEstate(t).live()
	w, doc := get(t, e.withDates(), "/credentials/crm-sync")
	has(t, doc, "#dates [data-clock=secret]", "derived")
	has(t, doc, "#dates [data-clock=secret]", "generated")
	has(t, doc, "#changes tbody tr", "anna")
	has(t, doc, "#changes tbody tr", "secret: env:OLD → set")
	if strings.Contains(w.Body.String(), "<script>alert") {
		t.Error("a hostile value became markup")
	}
	_, doc = get(t, e.withDates(), "/credentials/us-orders")
	none(t, doc, "#changes")
	_, doc = get(t, e.site(), "/credentials/bi-extract")
	has(t, doc, "#dates [data-clock=secret]", "date unknown")
}

// A holder has no account, and a mail filter opens every link.
func TestAHoldersLinkSaysFirstAndDoesOnPress(t *testing.T) {
	e := newEstate(t)
	e.who = auth.Principal{}
	h := e.withDates()
	for range 3 {
		_, doc := get(t, h, "/rotations/tick/open-sesame")
		has(t, doc, "#says", "notes that mulesoft-prod uses the new secret")
		has(t, doc, "form[method=post] button", "mulesoft-prod uses the new secret")
		none(t, doc, "header nav a") // nothing of the estate is offered
	}
	w := post(t, h, "/rotations/tick/open-sesame")
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/rotations/tick/open-sesame" {
		t.Fatalf("%d to %q", w.Code, w.Header().Get("Location"))
	}
	_, doc := get(t, h, "/rotations/tick/open-sesame")
	has(t, doc, ".tick .healthy", "Switched")
	none(t, doc, "main form")
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, "/rotations/tick/wrong-one", nil))
		if w.Code != http.StatusNotFound || strings.Contains(w.Body.String(), "wrong-one") {
			t.Errorf("%s of a wrong link: %d %s", method, w.Code, w.Body)
		}
	}
	if w := post(t, e.site(), "/rotations/tick/open-sesame"); w.Code != http.StatusNotFound {
		t.Errorf("without links: %d", w.Code)
	}
}
