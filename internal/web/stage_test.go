package web_test

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/impact"
	"keepwatch/internal/incident"
	"keepwatch/internal/inventory"
	"keepwatch/internal/link"
	"keepwatch/internal/store"
	"keepwatch/internal/view"
	"keepwatch/internal/web"
)

// stage is an estate in which one credential has everything that its page shows: 90
// days, 23 things that hang on it, watched holders, an incident with effects, figures and
// messages, and a record of the interface beside those of files.
type stage struct {
	*estate
	shares *link.Shares
	desk   *link.Desk
	inc    keepwatch.Incident
}

// dependents of crm-sync: kind, key, name, state. "" is nobody looks at it.
var hung = []struct {
	kind      keepwatch.SubjectKind
	key, name string
	outcome   keepwatch.Outcome
}{
	{keepwatch.SubjectJourney, "welcome-series", "Welcome series", keepwatch.JourneyStalled},
	{keepwatch.SubjectJourney, "order-confirmation", "Order confirmation", keepwatch.JourneyStalled},
	{keepwatch.SubjectJourney, "birthday", "Birthday greetings with a voucher for the nearest store and its opening hours", keepwatch.OK},
	{keepwatch.SubjectJourney, "win-back", "Win back", keepwatch.OK},
	{keepwatch.SubjectJourney, "abandoned-basket", "", ""},
	{keepwatch.SubjectAutomation, "nightly-orders", "Nightly orders", keepwatch.AutomationMissed},
	{keepwatch.SubjectAutomation, "hourly-consent", "Hourly consent", keepwatch.OK},
	{keepwatch.SubjectAutomation, "weekly-report", "", ""},
	{keepwatch.SubjectDataExtension, "Orders", "Orders", keepwatch.DataStale},
	{keepwatch.SubjectDataExtension, "Contacts_Master", "Contacts master", keepwatch.OK},
	{keepwatch.SubjectDataExtension, "Consent", "Consent", keepwatch.OK},
	{keepwatch.SubjectDataExtension, "Vouchers", "Vouchers", keepwatch.OK},
	{keepwatch.SubjectDataExtension, "Stores", "Stores", keepwatch.OK},
	{keepwatch.SubjectDataExtension, "Products", "Products", keepwatch.OK},
	{keepwatch.SubjectDataExtension, "Prices", "Prices", keepwatch.OK},
	{keepwatch.SubjectDataExtension, "Baskets", "Baskets", keepwatch.OK},
	{keepwatch.SubjectDataExtension, "Newsletter", "Newsletter", keepwatch.OK},
	{keepwatch.SubjectDataExtension, "Returns", "Returns", keepwatch.OK},
	{keepwatch.SubjectTransactionalEmail, "order-mail", "Order mail", keepwatch.QueueBackingUp},
	{keepwatch.SubjectTransactionalEmail, "shipping-mail", "Shipping mail", keepwatch.OK},
	{keepwatch.SubjectTransactionalSMS, "pickup-sms", "Pickup text", keepwatch.OK},
	{keepwatch.SubjectTriggeredSend, "password-reset", "Password reset", keepwatch.OK},
	{keepwatch.SubjectTriggeredSend, "double-opt-in", "", ""},
}

func newStage(t testing.TB) *stage {
	e := newEstate(t)
	s := &stage{estate: e, desk: e.desk()}
	s.shares = &link.Shares{Store: e.db, Key: s.desk.Key, Limiter: s.desk.Limiter, Logger: s.desk.Logger}
	for i := range e.snap.Credentials {
		if c := &e.snap.Credentials[i]; c.ID == "crm-sync" {
			c.Dependents = nil
			for _, h := range hung {
				c.Dependents = append(c.Dependents, keepwatch.Dependent{Kind: string(h.kind), Key: h.key, OnOutage: map[bool]string{true: "lost", false: "late"}[h.kind == keepwatch.SubjectTransactionalEmail]})
			}
			c.Holders = append(c.Holders, keepwatch.Holder{Name: "vega-agency", Contact: "ops@vega.example"})
		}
	}
	s.past()
	e.live()
	s.watchAll()
	s.traffic()
	s.record()
	s.cost()
	e.withMessages()
	return s
}

// past are the days before the two that live tells.
func (s *stage) past() {
	c := s.find("crm-sync")
	for d := 89; d > 2; d-- {
		if d > 80 || d == 40 { // before its first run; and a day on which nothing ran
			continue
		}
		var batch []keepwatch.Observation
		for h := range 6 {
			at := s.now.Truncate(24*time.Hour).AddDate(0, 0, -d).Add(time.Duration(h) * 4 * time.Hour)
			outcome := keepwatch.OK
			switch {
			case d == 17, d == 55 && h > 2:
				outcome = keepwatch.BadSecretOrPackage
			case d == 33 && h == 2:
				outcome = keepwatch.Timeout
			}
			batch = append(batch, s.observation(c, at, outcome, keepwatch.ReasonScheduled))
		}
		s.apply(batch[len(batch)-1].At, batch)
	}
}

// subjects are what is watched, as the configuration would name it.
func (s *stage) subjects() []impact.Subject {
	var out []impact.Subject
	for _, h := range hung {
		x := impact.Subject{
			Subject:  keepwatch.Subject{Kind: h.kind, Key: h.key, Unit: 510000123, Name: h.name},
			Upstream: []keepwatch.Upstream{{Credential: "crm-sync"}},
			Expect:   keepwatch.Expectation{ContactsPerDay: 10000, OnOutage: "late"},
		}
		if h.kind == keepwatch.SubjectTransactionalEmail {
			x.Expect.OnOutage = "lost"
		}
		out = append(out, x)
	}
	through := keepwatch.Subject{Kind: keepwatch.SubjectJourney, Key: "thank-you", Unit: 510000123}
	return append(out, impact.Subject{Subject: through, Upstream: []keepwatch.Upstream{{Credential: "crm-sync", Via: []string{"automation/nightly-orders", "data_extension/Orders"}}}})
}

func (s *stage) watchAll() {
	all := s.subjects()
	s.snap.Depends = func(t keepwatch.TenantID) []impact.Subject {
		if t != "emea" {
			return nil
		}
		return all
	}
	for i, h := range hung {
		if h.outcome == "" {
			continue
		}
		s.snap.Watched = append(s.snap.Watched, view.Named{Tenant: "emea", Subject: all[i].Subject, Upstream: all[i].Upstream})
		evidence := map[keepwatch.Outcome]string{
			keepwatch.JourneyStalled: "No contact entered for 49 min; about 340 were expected.", keepwatch.AutomationMissed: "It should have run at 02:00 and did not.",
			keepwatch.DataStale: "No new row since yesterday 22:00.", keepwatch.QueueBackingUp: "1,204 messages wait, the oldest for 38 min.",
		}[h.outcome]
		s.watch(all[i].Subject, h.outcome, evidence)
	}
}

// counted is the family and aspect under which a kind is watched.
func counted(k keepwatch.SubjectKind) (keepwatch.Family, keepwatch.Aspect) {
	switch k {
	case keepwatch.SubjectJourney:
		return keepwatch.FamilyJourneys, keepwatch.AspectEntry
	case keepwatch.SubjectAutomation:
		return keepwatch.FamilyAutomations, keepwatch.AspectRuns
	case keepwatch.SubjectDataExtension:
		return keepwatch.FamilyDataExtensions, keepwatch.AspectRows
	}
	return keepwatch.FamilySends, keepwatch.AspectVolume
}

func seriesOf(x keepwatch.Subject) (keepwatch.CheckID, keepwatch.SeriesID, keepwatch.Aspect) {
	family, aspect := counted(x.Kind)
	check := keepwatch.EffectsCheck("emea", x.Unit, family)
	return check, keepwatch.SeriesOf(check, keepwatch.SubjectSeries(x, aspect)), aspect
}

// watch makes one reading of a subject and the series that it leaves.
func (s *stage) watch(x keepwatch.Subject, outcome keepwatch.Outcome, evidence string) {
	s.t.Helper()
	check, id, aspect := seriesOf(x)
	at := s.now.Add(-2 * time.Minute).Truncate(time.Millisecond)
	w := &keepwatch.Watch{
		Subject: x, Aspect: aspect, Upstream: []keepwatch.Upstream{{Credential: "crm-sync"}}, Reading: keepwatch.Reading{At: at, Window: 15 * time.Minute, Amount: 12},
		Verdict: keepwatch.Verdict{Outcome: outcome, Since: s.now.Add(-49 * time.Minute), Noticed: at, Evidence: evidence, Confidence: 0.98},
	}
	o := keepwatch.Observation{
		Key: keepwatch.SlotKey(check, at) + "#" + keepwatch.SubjectSeries(x, aspect), Series: id, Check: check, Tenant: "emea", Place: keepwatch.Local, Source: keepwatch.SourceTest,
		Reason: keepwatch.ReasonScheduled, Slot: at, At: at, Gap: 15 * time.Minute, Outcome: outcome, Watch: w,
	}
	_, err := s.db.Apply(s.t.Context(), []keepwatch.Observation{o}, at, func(v incident.View) (incident.Changes, error) {
		line := v.Series[id]
		line.State, line.Outcome, line.Since, line.LastAt, line.LastSlot, line.LastProvenAt = outcome.Info().State, outcome, at, at, at, at
		line.PlannedGap, line.NextProofAt, line.Last, line.Watch = o.Gap, at.Add(o.Gap), o, w
		return incident.Changes{Series: []keepwatch.Series{line}}, nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// traffic are 40 hours of two holders, one of which nobody wrote down and one of which
// needs more and more requests for a token.
func (s *stage) traffic() {
	for _, holder := range []string{"mulesoft-prod", "old-cronjob"} {
		for h := 40; h > 0; h-- {
			at := s.now.Truncate(time.Hour).Add(-time.Duration(h) * time.Hour).Add(7 * time.Minute)
			tally := keepwatch.Tally{Holder: holder, From: at, To: at, Via: []keepwatch.Via{keepwatch.ViaGateway}, Tokens: keepwatch.Refreshes{Requests: 3, OK: 3, Cycles: 3, Attempts: 3, LastOK: at, Took: time.Second}}
			if holder == "old-cronjob" && h < 15 {
				tally.Tokens = keepwatch.Refreshes{
					Requests: 9, OK: 4, Failed: map[keepwatch.Outcome]int{keepwatch.RateLimited: 5}, Cycles: 4, Attempts: 9, Masked: 3, LastOK: at, LastFailed: at, LastWhy: keepwatch.RateLimited, Took: time.Second,
				}
			}
			tally.Calls = []keepwatch.CallCount{{Kind: keepwatch.CallREST, Family: "messaging", Class: "2xx", Outcome: keepwatch.OK, Count: 40}}
			s.apply(at, []keepwatch.Observation{{
				Key: fmt.Sprint(holder, h), Series: keepwatch.TrafficSeries("crm-sync", holder), Credential: "crm-sync", Tenant: "emea", Place: keepwatch.Local,
				Source: keepwatch.SourceTraffic, Slot: at, At: at, Outcome: keepwatch.OK, Traffic: &tally,
			}})
		}
	}
}

// record is one that belongs to the interface.
func (s *stage) record() {
	s.t.Helper()
	c := keepwatch.Credential{
		ID: "shop-orders", Tenant: "emea", BusinessUnit: 510000123, Kind: keepwatch.ServerToServer, ClientID: "4xq0example", SecretRef: "env:SFMC_SHOP", Criticality: keepwatch.Standard,
		Owner: keepwatch.Owner{Team: "commerce", Contact: "commerce@example.com"}, Purpose: "order confirmations", SecretGenerated: keepwatch.Day(2026, time.September, 28),
		Holders:    []keepwatch.Holder{{Name: "mulesoft-prod", Contact: "middleware@example.com"}, {Name: "shop"}},
		Dependents: []keepwatch.Dependent{{Kind: "journey", Key: "welcome-series", ContactsPerDay: 10000, OnOutage: "lost"}},
	}
	item, err := s.Put(s.t.Context(), c, 0, inventory.Author{By: "ada", Via: "ui"}, s.now.Add(-24*time.Hour))
	if err != nil {
		s.t.Fatal(err)
	}
	s.add(item.Credential)
}

// The stage is the editor of its records: the real book over the real store.

func (s *stage) Item(ctx context.Context, id keepwatch.CredentialID) (keepwatch.Item, error) {
	return s.db.Item(ctx, id)
}

func (s *stage) Put(ctx context.Context, c keepwatch.Credential, version int, by inventory.Author, now time.Time) (keepwatch.Item, error) {
	book := &inventory.Book{
		Store: bookStore{s.db}, Tenants: func() []keepwatch.Tenant { return s.snap.Tenants },
		Files: func() (files []keepwatch.Credential) {
			for _, c := range s.snap.Credentials {
				if c.File != "" {
					files = append(files, c)
				}
			}
			return files
		},
	}
	item, err := book.Put(ctx, c, version, by, now)
	if err == nil {
		for i := range s.snap.Credentials {
			if s.snap.Credentials[i].ID == c.ID {
				s.snap.Credentials[i] = item.Credential
			}
		}
	}
	return item, err
}

type bookStore struct{ *store.DB }

func (b bookStore) SaveItems(ctx context.Context, now time.Time, edits []inventory.Edit) error {
	writes := make([]store.ItemWrite, len(edits))
	for i, e := range edits {
		writes[i] = store.ItemWrite{Change: e.Change, Record: e.Credential, Seen: e.Version}
	}
	return b.DB.SaveItems(ctx, now, writes)
}

// cost gives the open incident of crm-sync its effects, and works out what it costs.
func (s *stage) cost() {
	s.t.Helper()
	inc := s.incident(keepwatch.BadSecretOrPackage)
	list, _, err := s.db.Incidents(s.t.Context(), store.IncidentFilter{Status: "open", Credential: "crm-sync"}, store.Page{})
	if err != nil || len(list) != 1 {
		s.t.Fatalf("%d open incidents of crm-sync, %v", len(list), err)
	}
	inc = list[0]
	for i, h := range hung {
		if h.outcome == "" || h.outcome == keepwatch.OK {
			continue
		}
		x := s.subjects()[i].Subject
		_, id, aspect := seriesOf(x)
		inc.Effects = append(inc.Effects, keepwatch.Effect{
			Series: id, Subject: x, Aspect: aspect, Outcome: h.outcome, Credential: "crm-sync", Since: s.now.Add(-49 * time.Minute), NoticedAt: s.now.Add(-20 * time.Minute),
			Evidence: "No contact entered for 49 min; about 340 were expected.", Confidence: 0.98, OnOutage: s.subjects()[i].Expect.OnOutage,
		})
	}
	s.inc = s.rewrite(inc, keepwatch.Affected, "Journey welcome-series takes no contacts any more.")
	s.assess()
}

// rewrite stores an incident with one more transition.
func (s *stage) rewrite(inc keepwatch.Incident, kind keepwatch.TransitionKind, detail string) keepwatch.Incident {
	s.t.Helper()
	inc.Revision++
	at := s.now.Add(time.Duration(inc.Revision-20) * time.Minute)
	o := s.observation(s.find("us-orders"), at, keepwatch.OK, keepwatch.ReasonDemand)
	_, err := s.db.Apply(s.t.Context(), []keepwatch.Observation{o}, at, func(incident.View) (incident.Changes, error) {
		return incident.Changes{Incidents: []keepwatch.Incident{inc}, Transitions: []keepwatch.Transition{{Incident: inc.ID, Seq: inc.Revision, Kind: kind, At: at, Detail: detail}}}, nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return inc
}

func (s *stage) assess() {
	s.t.Helper()
	cost, err := s.reader().Assess(s.t.Context(), s.now, s.inc)
	if err == nil {
		err = s.db.SaveImpact(s.t.Context(), s.inc.ID, cost)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// restore makes the credential work again while what hung on it catches up.
func (s *stage) restore() {
	s.inc.RestoredAt = s.now.Add(-5 * time.Minute)
	s.inc.Members[0].EndedAt = s.inc.RestoredAt
	s.inc = s.rewrite(s.inc, keepwatch.Restored, "It was proven again.")
	s.assess()
}

// options are those of the pages with all their parts.
func (s *stage) options(o *web.Options) {
	o.Alerts, o.Links, o.Shares, o.Snoozes, o.Editor, o.History = told{s.estate}, s.desk, s.shares, s.desk, s, s.db
	o.Banner = ""
	s.snap.Channel = func(name string) string {
		return map[string]string{"crm": "slack", "mail": "email", "ops": "webhook", "spare": "email"}[name]
	}
	s.snap.Forecast = func(inc keepwatch.Incident) []view.Forecast {
		return []view.Forecast{
			{Receiver: "crm", Channel: "slack", At: inc.DetectedAt, RepeatEvery: 30 * time.Minute, Why: "it is for criticality transactional"},
			{Receiver: "lead", Channel: "pagerduty", At: inc.DetectedAt.Add(45 * time.Minute), Escalation: true, Why: "escalation after 45m"},
		}
	}
}

func (s *stage) site() http.Handler { return s.siteWith(s.options) }

func (s *stage) path() string { return "/incidents/" + string(s.inc.ID) }

// shared makes a link and returns its path.
func (s *stage) shared(grants string) string {
	s.t.Helper()
	_, token, err := s.shares.Make(s.t.Context(), s.inc.ID, "ada", cmp.Or(grants, "viewer"), 0, time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	return link.SharePath + token
}
