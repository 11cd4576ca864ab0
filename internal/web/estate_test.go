package web_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/auth"
	"keepwatch/internal/expiry"
	"keepwatch/internal/incident"
	"keepwatch/internal/store"
	"keepwatch/internal/store/storetest"
	"keepwatch/internal/view"
	"keepwatch/internal/web"
)

// estate is an invented estate in a real store, with two days of history behind
// it and some trouble in front: what the pages are for.
type estate struct {
	t    testing.TB
	db   *store.DB
	now  time.Time
	snap view.Snapshot
	rng  *rand.Rand
	who  auth.Principal
	also func(*web.Options) // of the daemon's whole handler
}

// hostile is a name that must never become markup.
const hostile = `<script>alert(1)</script>"'><img src=x onerror=alert(2)>`

func newEstate(t testing.TB) *estate {
	e := &estate{t: t, db: storetest.New(t), now: time.Now().UTC(), rng: rand.New(rand.NewPCG(1, 2)), who: auth.Everybody()}
	e.snap = view.Snapshot{Tenants: tenants(), Plans: map[keepwatch.CredentialID]view.Plan{}}
	for _, c := range []struct {
		id, tenant string
		mid        keepwatch.MID
		team       string
		tier       keepwatch.Criticality
		days       int
		purpose    string
	}{
		{"crm-sync", "emea", 510000123, "crm-platform", keepwatch.Transactional, 47, "order confirmations from the shop"},
		{"loyalty-points", "emea", 510000123, "loyalty", keepwatch.Standard, 129, "points balance into the nightly journey"},
		{"consent-hub", "emea", 510000123, "privacy", keepwatch.Transactional, 9, "consent changes, both ways"},
		{"web-forms", "emea", 510000131, "web", keepwatch.Standard, 81, "lead forms of the country sites"},
		{"bi-extract", "emea", 510000131, "data-platform", keepwatch.Reporting, 0, "send logs into the warehouse"},
		{"store-locator", "emea", 510000131, "", keepwatch.Standard, 24, "opening hours for the app"},
		{"us-orders", "amer", 520000410, "commerce-us", keepwatch.Transactional, 152, "order and shipping mails"},
		{"us-sms-gateway", "amer", 520000410, "messaging", keepwatch.Transactional, 63, "delivery text messages"},
		{"us-reporting", "amer", 520000417, "data-platform", keepwatch.Reporting, 99, "weekly engagement report"},
		{"ca-newsletter", "amer", 520000417, "crm-ca", keepwatch.Standard, -6, "subscriptions from the newsletter pages"},
		{"jp-crm", "apac", 530000902, "crm-apac", keepwatch.Standard, 140, "customer master, every hour"},
		{"jp-events", "apac", 530000902, "events", keepwatch.Standard, 133, "registrations for the spring fair"},
		{"sg-new-app", "apac", 0, "app-team", keepwatch.Standard, 178, "push registrations of the new app"},
	} {
		cred := keepwatch.Credential{
			ID: keepwatch.CredentialID(c.id), Tenant: keepwatch.TenantID(c.tenant), BusinessUnit: c.mid, Kind: keepwatch.ServerToServer,
			SecretRef: "env:SECRET", Criticality: c.tier, Purpose: c.purpose, File: "keepwatch.yaml:42", RunbookURL: "https://wiki.example.com/runbooks/" + c.id,
			Tests:      []string{"identity", "rest:/asset/v1/content/categories", "soap:GetSystemStatus"},
			Holders:    []keepwatch.Holder{{Name: "mulesoft-prod", Contact: "middleware@example.com"}, {Name: "shop-backend"}},
			Dependents: []keepwatch.Dependent{{Kind: "journey", Key: "welcome-series"}, {Kind: "data_extension", Key: "Orders"}},
		}
		if c.team != "" {
			cred.Owner = keepwatch.Owner{Team: c.team, Contact: c.team + "@example.com"}
		}
		if c.days != 0 {
			cred.SecretGenerated = keepwatch.DayOf(e.now, time.UTC).AddDays(c.days + 1 - 180)
		}
		e.add(cred)
	}
	return e
}

func tenants() []keepwatch.Tenant {
	return []keepwatch.Tenant{
		{ID: "emea", BusinessUnits: []keepwatch.BusinessUnit{{MID: 510000123, Name: "Germany"}, {MID: 510000131, Name: "Nordics"}}},
		{ID: "amer", BusinessUnits: []keepwatch.BusinessUnit{{MID: 520000410, Name: "Transactional US"}, {MID: 520000417, Name: "Marketing"}}},
		{ID: "apac", BusinessUnits: []keepwatch.BusinessUnit{{MID: 530000902, Name: "Japan"}}},
	}
}

func (e *estate) add(c keepwatch.Credential) {
	e.snap.Credentials = append(e.snap.Credentials, c)
	e.snap.Plans[c.ID] = view.Plan{
		Calendar: "office", Business: 10 * time.Minute, Off: time.Hour, CallsPerYear: 123456, DetectWithin: 11 * time.Minute,
	}
}

// live tells the two days that the pages show.
func (e *estate) live() *estate {
	const every = 20 * time.Minute
	start := e.now.Truncate(time.Minute).Add(-48 * time.Hour)
	for at := start; at.Before(e.now.Add(-time.Minute)); at = at.Add(every) {
		var batch []keepwatch.Observation
		for _, c := range e.snap.Credentials {
			if c.ID == "sg-new-app" || (c.ID == "jp-events" && at.After(e.now.Add(-5*time.Hour))) {
				continue // never run; and one whose runs have stopped
			}
			batch = append(batch, e.observation(c, at, e.outcomeOf(c.ID, at), keepwatch.ReasonScheduled))
		}
		e.apply(at, batch)
	}
	for _, id := range []keepwatch.CredentialID{"crm-sync", "ca-newsletter"} {
		at := e.now.Add(-18 * time.Minute)
		e.apply(at, []keepwatch.Observation{e.observation(e.find(id), at, e.outcomeOf(id, at), keepwatch.ReasonConfirm)})
	}
	return e
}

// outcomeOf is the story: a secret that has just died, one that ended, scopes
// that were cut, an outage of the network yesterday.
func (e *estate) outcomeOf(id keepwatch.CredentialID, at time.Time) keepwatch.Outcome {
	ago := e.now.Sub(at)
	switch {
	case id == "crm-sync" && ago < 50*time.Minute:
		return keepwatch.BadSecretOrPackage
	case id == "ca-newsletter" && ago < 6*24*time.Hour && ago < 9*time.Hour:
		return keepwatch.SecretExpired
	case id == "us-sms-gateway" && ago < 22*time.Minute:
		return keepwatch.RateLimited
	case (id == "web-forms" || id == "bi-extract") && ago > 30*time.Hour && ago < 34*time.Hour:
		return keepwatch.Timeout
	case id == "store-locator" && ago > 10*time.Hour && ago < 13*time.Hour && e.rng.IntN(2) == 0:
		return keepwatch.PlatformError
	}
	return keepwatch.OK
}

func (e *estate) find(id keepwatch.CredentialID) keepwatch.Credential {
	for _, c := range e.snap.Credentials {
		if c.ID == id {
			return c
		}
	}
	e.t.Fatalf("no credential %q", id)
	return keepwatch.Credential{}
}

func (e *estate) observation(c keepwatch.Credential, at time.Time, outcome keepwatch.Outcome, why keepwatch.Reason) keepwatch.Observation {
	check := keepwatch.CheckID(c.ID)
	o := keepwatch.Observation{
		Key: keepwatch.SlotKey(check, at), Series: keepwatch.SeriesOf(check, ""), Check: check, Credential: c.ID, Tenant: c.Tenant,
		Place: keepwatch.Local, Source: keepwatch.SourceTest, Reason: why, Slot: at, At: at.Add(200 * time.Millisecond),
		Took: time.Duration(300+e.rng.IntN(200)) * time.Millisecond, Gap: 20 * time.Minute, Outcome: outcome,
		Connectivity: keepwatch.ConnectivityProven, Stack: "S7", Scopes: []string{"email_send", "list_and_subscribers_read"},
	}
	failed := false
	for i, name := range []string{"resolve:auth", "connect:auth", "tls:auth", "token", "identity", "rest:/asset/v1/content/categories", "soap:GetSystemStatus"} {
		s := keepwatch.Step{Name: name, Outcome: keepwatch.OK, Took: time.Duration(4+e.rng.IntN(30)*i) * time.Millisecond, Shared: i < 3}
		switch {
		case failed:
			s.Outcome, s.Took = keepwatch.Skipped, 0
		case name == "token" && outcome != keepwatch.OK:
			failed = true
			s.Outcome, s.HTTPStatus = outcome, http.StatusUnauthorized
			s.Evidence = `401 {"error":"invalid_client","error_description":"Invalid client ID. Use the client ID in Marketing Cloud Installed Packages."}`
			o.Step, o.Evidence = name, s.Evidence
			o.Message = "The client secret is refused, or the package was deleted, disabled or is not installed."
			o.Hint = "Open Setup, Apps, Installed Packages: if the package is there, generate a secret and give it to every holder."
			o.Transcript = "POST https://mc-example.auth.marketingcloudapis.com/v2/token\n{\"grant_type\":\"client_credentials\",\"client_id\":\"4xq0…\",\"client_secret\":\"[secret]\",\"account_id\":510000123}\n\n401 Unauthorized\n" + s.Evidence
		case i > 2:
			s.HTTPStatus = http.StatusOK
		}
		o.Steps = append(o.Steps, s)
	}
	return o
}

// lookAt is the daily look at the dates of a credential.
func (e *estate) lookAt(c keepwatch.Credential) {
	check, at := keepwatch.CheckOf(keepwatch.CheckExpiry, c.ID), e.now.Add(-time.Minute).Truncate(time.Millisecond)
	o := keepwatch.Observation{
		Key: keepwatch.SlotKey(check, at), Series: keepwatch.SeriesOf(check, ""), Check: check, Credential: c.ID, Tenant: c.Tenant,
		Place: keepwatch.Local, Source: keepwatch.SourceTest, Reason: keepwatch.ReasonScheduled, Slot: at, At: at, Gap: 24 * time.Hour, Outcome: keepwatch.OK,
	}
	batch := []keepwatch.Observation{o}
	for _, due := range expiry.Look(c, expiry.Clocks(c, time.UTC, nil), []time.Duration{14 * 24 * time.Hour}, time.UTC, at) {
		d := o
		d.Key, d.Series, d.Due = o.Key+"#"+due.Clock.Name, keepwatch.SeriesOf(check, due.Clock.Name), &due
		d.Outcome, d.Step = keepwatch.Expiring, due.Clock.Name
		d.Message, d.Hint = expiry.Words(due, time.UTC, at)
		batch[0].Steps = append(batch[0].Steps, keepwatch.Step{Name: due.Clock.Name, Outcome: d.Outcome})
		batch = append(batch, d)
	}
	e.apply(at, batch)
}

func (e *estate) apply(now time.Time, batch []keepwatch.Observation) {
	e.t.Helper()
	_, err := e.db.Apply(e.t.Context(), batch, now, func(v incident.View) (incident.Changes, error) {
		return incident.Step(v, incident.DefaultPolicy(), now)
	})
	if err != nil {
		e.t.Fatalf("apply: %v", err)
	}
}

func (e *estate) check(_ context.Context, id keepwatch.CredentialID) (keepwatch.Observation, error) {
	o := e.observation(e.find(id), time.Now().UTC().Truncate(time.Millisecond), keepwatch.OK, keepwatch.ReasonDemand)
	e.apply(o.At, []keepwatch.Observation{o})
	return o, nil
}

func (e *estate) reader() *view.Reader {
	return view.NewReader(view.From(e.db), func() view.Snapshot { return e.snap })
}

// site is the pages with a caller put before them, as the guard does.
func (e *estate) site() http.Handler { return e.siteWith(func(*web.Options) {}) }

func (e *estate) siteWith(change func(*web.Options)) http.Handler {
	o := web.Options{
		Logger: slog.New(slog.NewTextHandler(e.t.Output(), nil)), Version: "0.1.0", Reader: e.reader(), Check: e.check, Incidents: e.db,
		Banner: "This is the demo: thresholds are shortened, so that a story fits in two minutes. Nothing leaves this machine.",
	}
	change(&o)
	pages := web.New(o)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'")
		pages.ServeHTTP(w, r.WithContext(view.WithPrincipal(r.Context(), e.who)))
	})
}

func (e *estate) incident(outcome keepwatch.Outcome) keepwatch.Incident {
	e.t.Helper()
	list, _, err := e.db.Incidents(e.t.Context(), store.IncidentFilter{Status: "all"}, store.Page{Limit: 100})
	if err != nil {
		e.t.Fatal(err)
	}
	for _, i := range list {
		if i.Outcome == outcome {
			return i
		}
	}
	e.t.Fatalf("no incident with outcome %s among %s", outcome, fmt.Sprint(len(list)))
	return keepwatch.Incident{}
}
