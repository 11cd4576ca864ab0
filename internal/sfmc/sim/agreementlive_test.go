package sim

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc"
	"keepwatch/internal/sfmc/sim/world"
)

// estate is a world with one of each thing.
func estate() world.Spec {
	s := shop()
	even := func(perDay float64) world.Volume { return world.Volume{PerDay: perDay, Noise: world.NoiseNone} }
	s.Zone = "Europe/Berlin"
	s.Since = monday.AddDate(0, 0, -3)
	s.Callers = append(s.Callers, world.Caller{Name: "batch", ClientID: shopID, Async: true})
	s.Extensions = append(s.Extensions,
		world.Extension{Key: "Customers", Rows: 50_000, Timestamp: "LoadedAt", Retention: world.Duration(30 * 24 * time.Hour)},
		world.Extension{Key: "Birthdays"}, world.Extension{Key: "Signups"})
	s.Automations = []world.Automation{
		{
			Key: "nightly", Name: "Nightly customers", Schedule: world.Schedule{Rule: "FREQ=DAILY;INTERVAL=1", At: "06:00"}, Notify: []string{"Error"},
			Steps: []world.Activity{
				{Key: "import-customers", Kind: "import", Target: "Customers", Blank: "skip", AllowErrors: true, File: world.File{Volume: even(9000)}},
				{Key: "select-birthdays", Kind: "query", Source: "Customers", Target: "Birthdays", Mode: "overwrite"},
			},
		},
		{Key: "drop", Steps: []world.Activity{{Kind: "import", Target: "Signups", File: world.File{Volume: even(2400), Schedule: world.Schedule{Rule: "FREQ=HOURLY", At: "00:10"}}}}},
	}
	s.Journeys = append(s.Journeys,
		world.Journey{Key: "birthday", Version: 3, Entry: world.Entry{Extension: "Birthdays", Automation: "nightly"}},
		world.Journey{Key: "signup", Entry: world.Entry{Extension: "Signups", Schedule: world.Schedule{Rule: "FREQ=HOURLY", At: "00:30"}}},
		world.Journey{Key: "basket", Entry: world.Entry{Caller: "batch", Volume: even(2880)}},
		world.Journey{Key: "draft", Status: world.Draft, Entry: world.Entry{Caller: "shop"}})
	return s
}

// reader is the product's own client before a living simulator.
func reader(t *testing.T, spec world.Spec) (*alive, agreement) {
	t.Helper()
	a := newAlive(t, spec)
	a.pass(12 * time.Hour)
	return a, newAgreement(t, a.rig)
}

func good(t *testing.T, what string, v sfmc.Verdict) {
	t.Helper()
	if !v.OK() {
		t.Fatalf("%s: %s %s %s", what, v.Outcome, v.Cause, v.Evidence)
	}
}

func named[T any](t *testing.T, what string, list []T, is func(T) bool) T {
	t.Helper()
	i := slices.IndexFunc(list, is)
	if i < 0 {
		t.Fatalf("%s is not among %+v", what, list)
	}
	return list[i]
}

func TestClientReadsJourneys(t *testing.T) {
	a, c := reader(t, estate())
	ctx := t.Context()
	page, v := c.caller.Journeys(ctx, c.endpoints, c.token, sfmc.JourneyQuery{AllVersions: true}, 1)
	good(t, "journeys", v)
	equal(t, "versions", len(page.Items), 7)
	welcome := named(t, "welcome", page.Items, func(j sfmc.Journey) bool { return j.Key == "welcome" })
	equal(t, "entered", *welcome.Entered, 35_000)
	equal(t, "inside", *welcome.Inside, int64(834))
	equal(t, "status", welcome.Status, "Published")
	birthday := named(t, "birthday", page.Items, func(j sfmc.Journey) bool { return j.Key == "birthday" && j.Status == "Published" })
	equal(t, "version", birthday.Version, 3)
	equal(t, "birthdays", *birthday.Entered, 1875+3*9000) // of four runs; the first had five hours' rows
	published, v := c.caller.Journeys(ctx, c.endpoints, c.token, sfmc.JourneyQuery{Status: "Published"}, 1)
	good(t, "published", v)
	equal(t, "published", len(published.Items), 4)
	nobody, v := c.caller.Journeys(ctx, c.endpoints, c.token, sfmc.JourneyQuery{Status: "Paused"}, 1)
	good(t, "paused", v)
	equal(t, "paused", len(nobody.Items), 0)

	detail, v := c.caller.Journey(ctx, c.endpoints, c.token, birthday.ID, 3)
	good(t, "detail", v)
	equal(t, "trigger", detail.Triggers[0].Type, "AutomationAudience")
	detail, v = c.caller.Journey(ctx, c.endpoints, c.token, "key:welcome", 1)
	good(t, "detail", v)
	equal(t, "activities", len(detail.Activities), 3)

	events, v := c.caller.EventDefinitions(ctx, c.endpoints, c.token, 1)
	good(t, "events", v)
	api := named(t, "APIEvent-welcome", events.Items, func(e sfmc.EventDefinition) bool { return e.Key == "APIEvent-welcome" })
	equal(t, "streams", api.Batch(), false)
	equal(t, "published", *api.Published, int64(1))
	audience := named(t, "birthday", events.Items, func(e sfmc.EventDefinition) bool { return e.Key == "APIEvent-birthday" })
	equal(t, "automation", audience.Automation, guidOf("automation", "nightly"))
	batch, v := c.caller.EventDefinition(ctx, c.endpoints, c.token, "APIEvent-signup")
	good(t, "event", v)
	if batch.Recurrence == nil || !batch.Batch() {
		t.Errorf("batch source: %+v", batch)
	}

	stats, v := c.caller.TriggerStats(ctx, c.endpoints, c.token, api.ID)
	good(t, "trigger stats", v)
	equal(t, "attempted", *stats.Attempted, 35_000)
	equal(t, "met", *stats.Met, 35_000)
	equal(t, "failed", *stats.Failed, int64(0))

	lag, v := c.caller.HistoryLag(ctx, c.endpoints, c.token)
	good(t, "freshness", v)
	equal(t, "lag", lag, 20*time.Minute)
	hour := sfmc.HistoryQuery{Start: a.now.Add(-2 * time.Hour), End: a.now.Add(-time.Hour), ActivityTypes: []string{"trigger"}, Definitions: []string{welcome.Definition}}
	rows, v := c.caller.HistoryEstimate(ctx, c.endpoints, c.token, hour)
	good(t, "estimate", v)
	if rows < 415 || rows > 418 {
		t.Errorf("%d entries in an hour", rows)
	}
	hour.ActivityTypes = []string{"rest"}
	moved, _, v := c.caller.History(ctx, c.endpoints, c.token, hour)
	good(t, "history", v)
	if len(moved) != 1 || moved[0].Name != "crm" || moved[0].Done < 415 || moved[0].Failed != 0 {
		t.Errorf("history %+v", moved)
	}
	a.do2("journey/welcome", "stop")
	for _, capitals := range []bool{false, true} {
		a.sim.Configure(func(s *Settings) { s.AuditCapitals = capitals })
		audit, v := c.caller.JourneyAudit(ctx, c.endpoints, c.token, welcome.ID, 0)
		good(t, "audit", v)
		if len(audit) == 0 || audit[0].Action != "Stop" || audit[0].By != "jane" || !audit[0].At.Equal(a.now) {
			t.Errorf("audit %+v", audit)
		}
	}
}

func TestClientReadsErroredEvents(t *testing.T) {
	a, c := reader(t, estate())
	from := a.now
	a.do2("journey/basket", "break")
	a.pass(time.Hour)
	n, v := c.caller.ErroredEvents(t.Context(), c.endpoints, c.token, "APIEvent-basket", from, a.now)
	good(t, "errored", v)
	equal(t, "errored", *n, int64(120))
	n, v = c.caller.ErroredEvents(t.Context(), c.endpoints, c.token, "APIEvent-basket", monday, from)
	good(t, "errored before", v)
	equal(t, "errored before", *n, int64(0))
	stats, v := c.caller.TriggerStats(t.Context(), c.endpoints, c.token, guidOf("event", "APIEvent-basket"))
	good(t, "stats", v)
	equal(t, "failed", *stats.Failed, int64(120))
}

func TestClientReadsDataExtensions(t *testing.T) {
	a, c := reader(t, estate())
	ctx, login := t.Context(), sfmc.Login{Token: c.token}
	rows, v := c.caller.Rows(ctx, c.endpoints, c.token, "Orders")
	good(t, "rows", v)
	equal(t, "rows", *rows.Count, 1000+int64(14_400*3.5))
	newest, v := c.caller.NewestRow(ctx, c.endpoints, c.token, "Orders", "ModifiedDate")
	good(t, "newest", v)
	equal(t, "newest", newest.First, a.now.Add(-time.Minute))
	since := a.now.Add(-10 * time.Minute)
	bySOAP, v := c.caller.NewestBySOAP(ctx, c.endpoints, login, "Orders", "ModifiedDate", since)
	good(t, "by SOAP", v)
	equal(t, "by SOAP", bySOAP, a.now.Add(-time.Minute))
	if _, v = c.caller.Rows(ctx, c.endpoints, c.token, "Nothing"); v.OK() {
		t.Error("a data extension that is not there has rows")
	}
	list, v := c.caller.Extensions(ctx, c.endpoints, c.token, "", 1)
	good(t, "list", v)
	equal(t, "list", len(list.Items), 4)
	equal(t, "cap", list.Size, 25)
	a.sim.Configure(func(s *Settings) { s.SearchRequired = true })
	if _, v = c.caller.Extensions(ctx, c.endpoints, c.token, "", 1); v.OK() {
		t.Error("without $search")
	}
	list, v = c.caller.Extensions(ctx, c.endpoints, c.token, "Cust", 1)
	good(t, "search", v)
	equal(t, "search", len(list.Items), 1)
	definitions, _, v := c.caller.ExtensionDefinitions(ctx, c.endpoints, login, []string{"Customers", "Orders"})
	good(t, "definitions", v)
	for _, d := range definitions {
		equal(t, d.Key, d.Retention, d.Key == "Customers")
	}
	equal(t, "definitions", len(definitions), 2)
}

func TestClientReadsAutomations(t *testing.T) {
	a, c := reader(t, estate())
	ctx, login := t.Context(), sfmc.Login{Token: c.token}
	page, v := c.caller.Automations(ctx, c.endpoints, c.token, 0)
	good(t, "automations", v)
	nightly := named(t, "nightly", page.Items, func(x sfmc.Automation) bool { return x.Key == "nightly" })
	due := time.Date(2026, 3, 2, 5, 0, 0, 0, time.UTC) // 06:00 in Berlin
	equal(t, "status", nightly.Status, "Scheduled")
	equal(t, "last", nightly.LastRunAt, due)
	equal(t, "ended", nightly.EndedAt, due.Add(10*time.Minute))
	equal(t, "last status", nightly.LastStatus, "Complete")
	equal(t, "next", nightly.NextAt, due.AddDate(0, 0, 1))
	equal(t, "id", nightly.GUID, guidOf("automation", "nightly"))
	equal(t, "steps", len(nightly.Steps), 2)
	drop := named(t, "drop", page.Items, func(x sfmc.Automation) bool { return x.Key == "drop" })
	equal(t, "triggered", drop.Triggered(), true)

	a.do2("automation/nightly", "pause")
	schedule, v := c.caller.AutomationSchedule(ctx, c.endpoints, c.token, nightly.ID)
	good(t, "schedule", v)
	equal(t, "paused", schedule.Status, "PausedSchedule")
	equal(t, "by", schedule.PausedBy, "jane")
	equal(t, "at", schedule.PausedAt, a.now)
	if schedule.Recurrence == nil {
		t.Error("no recurrence")
	}
	detail, v := c.caller.AutomationDetail(ctx, c.endpoints, c.token, nightly.GUID)
	good(t, "detail", v)
	equal(t, "activities", len(detail.Activities), 2)
	equal(t, "kind", detail.Activities[0].Kind, 43)
	equal(t, "rows", *detail.Activities[1].Targets[0].Rows, int64(9000))

	health, unread, v := c.caller.HealthReport(ctx, c.endpoints, c.token)
	good(t, "health", v)
	equal(t, "unread", unread, 0)
	row := named(t, "nightly", health, func(h sfmc.AutomationHealth) bool { return h.Name == "Nightly customers" })
	equal(t, "completed", *row.Completed, int64(4))
	equal(t, "unit", row.Unit, germany)
	equal(t, "last run", row.LastRunAt, due)

	list, v := c.caller.Imports(ctx, c.endpoints, c.token, 1)
	good(t, "imports", v)
	customers := named(t, "import-customers", list.Items, func(i sfmc.Import) bool { return i.Key == "import-customers" })
	equal(t, "blank in the list", customers.BlankFile, "")
	one, v := c.caller.Import(ctx, c.endpoints, c.token, customers.ID)
	good(t, "import", v)
	equal(t, "blank", one.BlankFile, "skip")
	equal(t, "errors", one.AllowErrors, true)
	for _, by := range []sfmc.ImportFilter{sfmc.ByStart, sfmc.ByKey, sfmc.ByNone} {
		results, _, v := c.caller.ImportResults(ctx, c.endpoints, login, by, a.now.Add(-12*time.Hour), []string{"import-customers"})
		good(t, "results", v)
		r := named(t, "import-customers", results, func(r sfmc.ImportResult) bool { return r.Import == "import-customers" })
		equal(t, "total", *r.Total, int64(9000))
		equal(t, "target", r.Target, guidOf("de", "Customers"))
		equal(t, "began", r.Start, due)
	}
	a.sim.Configure(func(s *Settings) { s.ImportByTask = true })
	if _, _, v := c.caller.ImportResults(ctx, c.endpoints, login, sfmc.ByStart, a.now, nil); v.OK() {
		t.Error("filtered by start")
	}
}

func TestClientReadsSends(t *testing.T) {
	a, c := reader(t, estate())
	ctx, login := t.Context(), sfmc.Login{Token: c.token}
	definitions, v := c.caller.Definitions(ctx, c.endpoints, c.token, sfmc.Email, 1)
	good(t, "definitions", v)
	equal(t, "definition", definitions.Items[0], sfmc.Definition{Key: "receipt", Name: "receipt", Status: "Active"})
	queue, v := c.caller.Queue(ctx, c.endpoints, c.token, sfmc.Email, "receipt")
	good(t, "queue", v)
	equal(t, "queue", queue, sfmc.Queue{})
	a.do2("transactional_email/receipt", "inactivate")
	a.pass(time.Hour)
	queue, v = c.caller.Queue(ctx, c.endpoints, c.token, sfmc.Email, "receipt")
	good(t, "queue", v)
	equal(t, "queue", queue, sfmc.Queue{Count: 300, Oldest: time.Hour})
	sms, v := c.caller.Queue(ctx, c.endpoints, c.token, sfmc.SMS, "parcel")
	good(t, "queue", v)
	equal(t, "SMS", sms.Count, int64(0))

	sends, _, v := c.caller.TriggeredSends(ctx, c.endpoints, login)
	good(t, "triggered sends", v)
	equal(t, "reset", sends[0].Status, "Active")
	sums, _, v := c.caller.SendSummaries(ctx, c.endpoints, login)
	good(t, "summaries", v)
	if sums[0].Key != "reset" || *sums[0].Sent < 30_000 || *sums[0].Queued != 0 {
		t.Errorf("summary %+v", sums[0])
	}

	a.pass(73 * time.Hour) // what waited for longer than 72 hours is not sent
	a.do2("transactional_email/receipt", "activate")
	a.pass(time.Minute)
	events, next, v := c.caller.NotSent(ctx, c.endpoints, c.token, sfmc.Email, 0)
	good(t, "not sent", v)
	equal(t, "page", len(events), 20)
	equal(t, "fault", sfmc.FaultOf(events[0].Code), sfmc.FaultPlatform)
	more, last, v := c.caller.NotSent(ctx, c.endpoints, c.token, sfmc.Email, next)
	good(t, "not sent", v)
	equal(t, "no more", len(more), 0)
	equal(t, "cursor", last, next)
}

// What is pushed is signed and read by the product's own receiver.
func TestClientReadsNotifications(t *testing.T) {
	type got struct {
		body      []byte
		signature string
	}
	received := make(chan got, 100)
	status := http.StatusOK
	door := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := read(&http.Response{Body: r.Body, StatusCode: 200}, nil)
		received <- got{[]byte(a.body), r.Header.Get(sfmc.ENSSignature)}
		w.WriteHeader(status)
	}))
	defer door.Close()
	now := monday
	spec := estate()
	s := New(Options{Now: func() time.Time { return now }, World: &spec, Push: rewritten{door},
		Clients: []ClientSpec{{ClientID: shopID, Secret: "open", MID: germany, EID: eid, Scopes: AllScopes()}}})
	server := httptest.NewServer(s.Handler())
	defer server.Close()
	defer s.Close()
	r := rigOf(t, s, server.Client(), server.URL+"/")
	r.id, r.open = shopID, "open"
	token := r.token()

	contains(t, r.do("POST", "platform/v1/ens-callbacks", token, `[{"callbackName":"x","url":"http://kw.example/ens"}]`), "https")
	status = http.StatusInternalServerError
	contains(t, r.do("POST", "platform/v1/ens-callbacks", token, `[{"callbackName":"x","url":"https://kw.example/ens"}]`), "probeCallbackLiveness")
	<-received
	status = http.StatusOK
	made := r.do("POST", "platform/v1/ens-callbacks", token, `[{"callbackName":"x","url":"https://kw.example/ens"}]`)
	equal(t, "made", made.status, 201)
	var callbacks []struct{ CallbackID, SignatureKey string }
	if err := unmarshal([]byte(made.body), &callbacks); err != nil {
		t.Fatal(err)
	}
	proof, fine := sfmc.ParseVerification((<-received).body)
	equal(t, "verification", fine, true)
	equal(t, "callback", proof.Callback, callbacks[0].CallbackID)
	subscribe := `[{"callbackId":"` + proof.Callback + `","subscriptionName":"s","eventCategoryTypes":["SendEvents.AutomationInstanceErrored","TransactionalSendEvents.EmailNotSent"]}]`
	equal(t, "too early", r.do("POST", "platform/v1/ens-subscriptions", token, subscribe).status, 400)
	equal(t, "wrong key", r.do("POST", "platform/v1/ens-verify", token, `{"callbackId":"`+proof.Callback+`","verificationKey":"x"}`).status, 400)
	equal(t, "verified", r.do("POST", "platform/v1/ens-verify", token, `{"callbackId":"`+proof.Callback+`","verificationKey":"`+string(proof.Key.Reveal())+`"}`).status, 200)
	equal(t, "subscribed", r.do("POST", "platform/v1/ens-subscriptions", token, subscribe).status, 201)
	contains(t, r.do("GET", "platform/v1/ens-callbacks", token, ""), `"status":"verified"`)
	contains(t, r.do("GET", "platform/v1/ens-subscriptions-by-cb/"+proof.Callback, token, ""), "AutomationInstanceErrored")

	if err := s.Do(world.Deed{Subject: "automation/nightly", Verb: "break", Step: 2}); err != nil {
		t.Fatal(err)
	}
	now = now.Add(12 * time.Hour)
	s.Tick()
	batch := <-received
	key := keepwatch.NewSecret([]byte(callbacks[0].SignatureKey))
	equal(t, "signed", sfmc.SignedENS(batch.signature, batch.body, key), true)
	events, unread, fine := sfmc.ParseENS(batch.body)
	if !fine || unread != 0 || len(events) != 1 || events[0].Automation != "nightly" || events[0].Type != "SendEvents.AutomationInstanceErrored" || events[0].Unit != germany {
		t.Errorf("events %+v", events)
	}
}

// rewritten sends every request to one server.
type rewritten struct{ to *httptest.Server }

func (r rewritten) RoundTrip(q *http.Request) (*http.Response, error) {
	q = q.Clone(q.Context())
	q.URL.Host = r.to.Listener.Addr().String()
	return r.to.Client().Transport.RoundTrip(q)
}
