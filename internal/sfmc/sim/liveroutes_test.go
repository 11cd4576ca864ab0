package sim

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc/sim/world"
)

func (a reply) into(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		t.Fatalf("%v in %d %q", err, a.status, clip(a.body))
	}
}

// Every living route needs its scope, and only that; without a world it is not there.
func TestLiveFamilies(t *testing.T) {
	a := newAlive(t, estate())
	still := newRig(t, Options{})
	for _, f := range liveFamilies {
		path := strings.NewReplacer("*", "key:none").Replace(f.route)
		method := "GET"
		if !f.takes("GET", true) {
			method = "POST"
		}
		equal(t, path+" without a world", still.do(method, path, still.token(), "").status, 404)
		a.sim.SetScopes(a.id, f.scopes(method)...)
		got := a.do(method, path, a.token(), `{}`)
		if got.status == 401 || got.status == 403 || got.status == 405 || got.status >= 500 || got.body != "" && strings.HasPrefix(got.body, "{") && !json.Valid([]byte(got.body)) {
			t.Errorf("%s: %d %s", path, got.status, clip(got.body))
		}
		equal(t, path+" DELETE", a.do("DELETE", path, a.token(), "").status > 400, true)
		a.sim.SetScopes(a.id, "offline")
		equal(t, path+" without scope", a.do(method, path, a.token(), `{}`).status, 403)
		equal(t, path+" without token", a.do(method, path, "", `{}`).status, 401)
	}
}

// What is undocumented may not be there: each route can be taken away.
func TestRoutesOff(t *testing.T) {
	a := newAlive(t, estate())
	token := a.token()
	put := func(body string, status int) {
		t.Helper()
		equal(t, body, a.do("PATCH", ControlPath+"settings", "", body).status, status)
	}
	put(`{"routes_off":{"/automation/v1/automations/healthreport":404,"/interaction/v1/triggerstats/*":403,"soap:ImportResultsSummary":404,"soap:TriggeredSendSummary":403}}`, 200)
	equal(t, "report", a.do("GET", "automation/v1/automations/healthreport", token, "").status, 404)
	equal(t, "stats", a.do("GET", "interaction/v1/triggerstats/"+guidOf("event", "APIEvent-welcome"), token, "").status, 403)
	equal(t, "list", a.do("GET", "automation/v1/automations", token, "").status, 200)
	contains(t, a.soap(oauth(token), retrieve("ImportResultsSummary", "TaskResultID", "")), "Unable to find a handler")
	contains(t, a.soap(oauth(token), retrieve("TriggeredSendSummary", "CustomerKey", "")), "API Permission Failed")
	put(`{"routes_off":{}}`, 200)
	equal(t, "report again", a.do("GET", "automation/v1/automations/healthreport", token, "").status, 200)
	put(`{"routes_off":{"x":500}}`, 400)
	put(`{"async_deadlocks":2}`, 400)
}

// A hundred details in a minute and SFMC answers 500.
func TestDetailBurst(t *testing.T) {
	a := newAlive(t, estate())
	token := a.token()
	path := "automation/v1/automations/" + guidOf("automation", "nightly")
	for range 100 {
		equal(t, "detail", a.do("GET", path, token, "").status, 200)
	}
	equal(t, "one too many", a.do("GET", path, token, "").status, 500)
	equal(t, "the list goes on", a.do("GET", "automation/v1/automations", token, "").status, 200)
	a.pass(time.Minute)
	equal(t, "a minute later", a.do("GET", path, token, "").status, 200)
}

func TestPageQuirks(t *testing.T) {
	spec := world.Spec{}
	for i := range 60 {
		key := "k" + strconv.Itoa(100+i)
		spec.Journeys = append(spec.Journeys, world.Journey{Key: key})
		spec.Extensions = append(spec.Extensions, world.Extension{Key: key})
		spec.Sends = append(spec.Sends, world.Send{Kind: keepwatch.SubjectTransactionalEmail, Key: key})
		spec.Automations = append(spec.Automations, world.Automation{Key: key, Schedule: world.Schedule{At: "01:00"}, Steps: []world.Activity{{Kind: "script"}}})
	}
	a := newAlive(t, spec)
	token := a.token()
	var page struct {
		Count, PageSize, ItemsPerPage, TotalResults int
		Items, Definitions, Entry                   []json.RawMessage
	}
	for path, want := range map[string][3]int{ // entries, count, size
		"interaction/v1/interactions?$pageSize=500":                                   {50, 60, 50},
		"interaction/v1/interactions?$pageSize=500&$page=2":                           {10, 60, 50},
		"interaction/v1/interactions?nameOrDescription=k15":                           {10, 10, 50},
		"interaction/v1/interactions?status=Paused":                                   {0, 0, 50},
		"data/v1/customobjects?$pageSize=100":                                         {25, 60, 25},
		"messaging/v1/email/definitions?$pageSize=50&$page=2":                         {10, 10, 50},
		"messaging/v1/email/definitions?$filter=status%20eq%20inactive":               {0, 0, 50},
		"legacy/v1/beta/bulk/automations/automation/definition/?$top=50&$skip=50":     {10, 60, 50},
		"legacy/v1/beta/bulk/automations/automation/definition/?$top=50&$skip=999999": {0, 60, 50},
	} {
		page.Items, page.Definitions, page.Entry = nil, nil, nil
		page.Count, page.TotalResults, page.PageSize, page.ItemsPerPage = 0, 0, 0, 0
		got := a.do("GET", path, token, "")
		got.into(t, &page)
		equal(t, path+" entries", len(page.Items)+len(page.Definitions)+len(page.Entry), want[0])
		equal(t, path+" count", page.Count+page.TotalResults, want[1])
		equal(t, path+" size", page.PageSize+page.ItemsPerPage, want[2])
		if want[0] == 0 && strings.Contains(got.body, `"items"`) {
			t.Errorf("%s: an empty page has items", path)
		}
	}
}

func TestJourneyRoutes(t *testing.T) {
	a := newAlive(t, estate())
	a.pass(time.Hour)
	token := a.token()
	get := func(path string) reply { return a.do("GET", "interaction/v1/"+path, token, "") }
	id := guidOf("journey", "birthday")
	contains(t, get("interactions/status/"+id), "AllVersions=true or VersionNumber required")
	var versions []struct {
		Status        string
		VersionNumber int
	}
	get("interactions/status/key:birthday?AllVersions=true").into(t, &versions)
	equal(t, "versions", len(versions), 3)
	equal(t, "last", versions[2].Status, "Published")
	get("interactions/status/"+id+"?VersionNumber=1").into(t, &versions)
	equal(t, "one", len(versions), 1)
	contains(t, get("interactions/"+id), `"version":1,`) // without a number the first
	contains(t, get("interactions/"+id+"?versionNumber=3"), `"status":"Published"`)
	contains(t, get("interactions/"+id+"?versionNumber=9"), "matching criteria not found")
	contains(t, get("interactions/key:nothing"), `"errorcode":30003`)
	contains(t, get("interactions/key:nothing/audit/all"), `"errorcode":30003`)
	contains(t, get("interactions/key:welcome/summary"), `"REST"`)
	contains(t, get("interactions?id="+id), `"count":3`)
	contains(t, get("interactions?id="+id+"&extras=all"), `"healthStats"`)
	contains(t, get("interactions?key=draft"), `"lastPublishedDate":"0001-01-01T00:00:00"`)
	contains(t, get("interactions/"+id+"/audit/publish?versionNumber=3"), `"publishStatus":"PublishCompleted"`)
	contains(t, get("eventDefinitions/"+guidOf("event", "APIEvent-signup")), `"frequency":"Hourly"`)
	equal(t, "unknown event", get("eventDefinitions/key:x").status, 404)
	equal(t, "unknown stats", get("triggerstats/x").status, 404)
	contains(t, get("triggerstats/"+guidOf("event", "APIEvent-welcome")+"/"+guidOf("journey", "welcome")), `"eventType":"MetCriteria"`)
	equal(t, "of another journey", get("triggerstats/"+guidOf("event", "APIEvent-welcome")+"/"+id).status, 404)
	contains(t, get("async/events/status?type=queued"), `"count":0`)

	post := func(path, body string) reply { return a.do("POST", "interaction/v1/"+path, token, body) }
	download := post("interactions/journeyhistory/download?columns=ContactKey,Status,ActivityType&format=tsv", `{"activityTypes":["trigger"],"definitionIds":["`+guidOf("journey", "welcome")+`"],"start":"2026-03-02T00:00:00Z"}`)
	lines := strings.Split(strings.TrimSpace(download.body), "\n")
	equal(t, "head", lines[0], "ContactKey\tStatus\tActivityType")
	equal(t, "rows that are 20 minutes old", len(lines)-1, 277)
	equal(t, "cell", strings.HasSuffix(lines[1], "\tComplete\tTRIGGER"), true)
	equal(t, "broken", post("interactions/journeyhistory/search", `{`).status, 400)
	contains(t, post("interactions/journeyhistory/search?$pageSize=2&$page=2", `{}`), `"count":10000`)
	contains(t, post("interactions/journeyhistory/search", `{"statuses":["Failed"]}`), `"count":0`)
}

// 201 says that an event was queued. Whether its contact enters is another matter.
func TestPostedEvents(t *testing.T) {
	a := newAlive(t, estate())
	a.do2("caller/shop", "silence")
	a.pass(time.Minute)
	token := a.token()
	post := func(key string) reply {
		return a.do("POST", "interaction/v1/events", token, `{"ContactKey":"c1","EventDefinitionKey":"`+key+`","Data":{}}`)
	}
	entered := func() int64 {
		for _, j := range a.sim.world.Journeys(0) {
			if j.Key == "welcome" {
				return j.Newest().Entered
			}
		}
		return 0
	}
	before := entered()
	equal(t, "posted", post("APIEvent-welcome").status, 201)
	a.pass(time.Minute)
	a.sim.Truth()
	equal(t, "entered", entered()-before, int64(1))
	equal(t, "unknown", post("APIEvent-x").status, 400)
	equal(t, "draft", post("APIEvent-draft").status, 400)
	equal(t, "period", post("APIEvent.x").status, 400)
	equal(t, "nothing", a.do("POST", "interaction/v1/events", token, `{}`).status, 400)
	a.do2("journey/welcome", "break", func(d *world.Deed) { d.Mode = "criteria" })
	equal(t, "accepted all the same", post("APIEvent-welcome").status, 201)
	a.do2("journey/welcome", "mend")
	a.do2("journey/welcome", "pause", func(d *world.Deed) { d.Drop = true })
	equal(t, "accepted and dropped", post("APIEvent-welcome").status, 201)
	a.pass(time.Minute)
	a.sim.Truth()
	equal(t, "nobody else entered", entered()-before, int64(1))

	batch := a.do("POST", "interaction/v1/async/events", token, `{"eventDefinitionKey":"APIEvent-basket","members":[{"contactKey":"a"},{"contactKey":"b"}]}`)
	contains(t, batch, `"count":2`)
	batch = a.do("POST", "interaction/v1/async/events", token, `{"eventDefinitionKey":"APIEvent-x","members":[{"contactKey":"a"}]}`)
	contains(t, batch, `"notQueuedCount":1`)
	equal(t, "empty batch", a.do("POST", "interaction/v1/async/events", token, `{"members":[]}`).status, 400)
}

// An upsert goes from no status by Executing, perhaps an Error that is none, to Complete.
func TestAsyncUpsert(t *testing.T) {
	a := newAlive(t, estate())
	token := a.token()
	a.sim.Configure(func(s *Settings) { s.AsyncFlaps, s.AsyncDeadlocks = true, 0.1 })
	rows := strings.Repeat(`{"Id":"x"},`, 60)
	accepted := a.do("POST", "data/v1/async/dataextensions/key:Customers/rows", token, `{"items":[`+strings.TrimSuffix(rows, ",")+`]}`)
	equal(t, "accepted", accepted.status, 202)
	id := accepted.field(t, "requestId")
	status := func() reply { return a.do("GET", "data/v1/async/"+id+"/status", token, "") }
	if strings.Contains(status().body, `"status"`) {
		t.Error("there is a status before the job is taken up")
	}
	for _, want := range []string{`"requestStatus":"Executing"`, `"requestStatus":"Error"`, `"resultStatus":"Has Errors"`} {
		a.pass(2 * time.Second)
		contains(t, status(), want)
		if want == `"requestStatus":"Error"` {
			a.pass(time.Second)
		}
	}
	contains(t, status(), `"requestStatus":"Complete"`)
	results := a.do("GET", "data/v1/async/"+id+"/results", token, "")
	contains(t, results, `"count":60`)
	equal(t, "deadlocks", strings.Count(results.body, "Rerun the transaction"), 6)
	contains(t, a.do("GET", "data/v1/async/"+id+"/results?$page=2", token, ""), `"page":2`)
	contains(t, a.do("GET", "data/v1/async/unknown/status", token, ""), "AsyncRequestStatusNotFound")
	contains(t, a.do("GET", "data/v1/async/unknown/results", token, ""), "AsyncRequestStatusNotFound")
	refused := a.do("PUT", "data/v1/async/dataextensions/key:Nothing/rows", token, `{"items":[{}]}`)
	equal(t, "refused with", refused.status, 200)
	contains(t, refused, "CustomObjectNotFound")
	equal(t, "no rows", a.do("POST", "data/v1/async/dataextensions/key:Orders/rows", token, `{}`).status, 400)
	equal(t, "synchronous", a.do("POST", "hub/v1/dataevents/key:Orders/rowset", token, `[{"keys":{"Id":"1"},"values":{}}]`).status, 200)
	equal(t, "synchronous, unknown", a.do("POST", "hub/v1/dataevents/key:None/rowset", token, `[{}]`).status, 400)
	a.pass(time.Minute)
	equal(t, "written", a.sim.Truth().Count("data_extension/Customers", monday, a.now, world.OnTime), 60)
}

func TestRowsets(t *testing.T) {
	a := newAlive(t, estate())
	a.pass(time.Hour)
	token := a.token()
	var page struct {
		Count, PageSize int
		RequestToken    string
		Links           struct{ Self, Next string }
		Items           []struct {
			Keys   struct{ ID string }
			Values struct{ ModifiedDate string }
		}
	}
	rowset := func(query string) reply {
		page.Items, page.Links.Next = nil, ""
		got := a.do("GET", "data/v1/customobjectdata/key/Orders/rowset"+query, token, "")
		if got.status == 200 {
			got.into(t, &page)
		}
		return got
	}
	rowset("?$pageSize=2500")
	all := page.Count
	equal(t, "size", len(page.Items), 2500)
	next := a.do("GET", "data"+page.Links.Next, token, "")
	equal(t, "next page", next.status, 200)
	rowset("?$orderBy=modifieddate%20desc&$pageSize=1")
	equal(t, "newest", page.Items[0].Values.ModifiedDate, "3/1/2026 6:59:00 PM")
	equal(t, "unknown column", rowset("?$orderBy=x").status, 400)
	rowset("?$filter=ModifiedDate%20ge%20'2026-03-02T00:30:00Z'&$pageSize=1")
	if page.Count < 290 || page.Count > 300 { // when a row was written is kept by the hour
		t.Errorf("%d rows of half an hour", page.Count)
	}
	equal(t, "unknown grammar", rowset("?$filter=Name%20like%20x").status, 400)
	rowset("?$page=2000000")
	equal(t, "beyond", len(page.Items), 0)
	equal(t, "count", page.Count, all)
	equal(t, "another case", a.do("GET", "data/v1/customobjectdata/key/ORDERS/rowset", token, "").status, 200)
	contains(t, a.do("GET", "data/v1/customobjects/"+guidOf("de", "Orders"), token, ""), `"key":"Orders"`)
	contains(t, a.do("GET", "data/v1/customobjects/"+guidOf("de", "Orders")+"/fields", token, ""), "ModifiedDate")
	equal(t, "no object", a.do("GET", "data/v1/customobjects/x", token, "").status, 404)
	empty := a.do("GET", "data/v1/customobjectdata/key/Signups/rowset", token, "")
	if strings.Contains(empty.body, "items") && strings.Contains(empty.body, `"count":0`) {
		t.Error("an empty rowset has items")
	}
}

func TestMessages(t *testing.T) {
	a := newAlive(t, estate())
	a.do2("caller/shop", "silence")
	token := a.token()
	sent := a.do("POST", "messaging/v1/email/messages/m1", token, `{"definitionKey":"receipt","recipient":{"contactKey":"c"}}`)
	equal(t, "sent", sent.status, 202)
	equal(t, "batch", a.do("POST", "messaging/v1/sms/messages", token, `{"definitionKey":"parcel","recipients":[{},{}]}`).status, 202)
	equal(t, "unknown", a.do("POST", "messaging/v1/email/messages", token, `{"definitionKey":"x"}`).status, 404)
	equal(t, "nothing", a.do("POST", "messaging/v1/email/messages", token, `{}`).status, 400)
	contains(t, a.do("GET", "messaging/v1/email/definitions/receipt", token, ""), `"status":"Active"`)
	equal(t, "unknown queue", a.do("GET", "messaging/v1/sms/definitions/x/queue", token, "").status, 404)
	send := func(key string) reply {
		return a.do("POST", "messaging/v1/messageDefinitionSends/key:"+key+"/send", token, `{"To":{}}`)
	}
	contains(t, send("reset"), `"hasErrors":false`)
	equal(t, "always", send("unknown").status, 202)
	contains(t, send("unknown"), "17010")
	a.do2("triggered_send/reset", "delete")
	contains(t, send("reset"), "18002")
	a.pass(time.Minute)
	truth := a.sim.Truth()
	equal(t, "mail", truth.Count("transactional_email/receipt", monday, a.now, world.OnTime), 1)
	equal(t, "SMS", truth.Count("transactional_sms/parcel", monday, a.now, world.OnTime), 2)
	contains(t, a.do("GET", "messaging/v1/domainverification", token, ""), `"isSendable":true`)
	a.sim.Configure(func(s *Settings) { s.UnverifiedDomain = "bad.example.com" })
	contains(t, a.do("GET", "messaging/v1/domainverification", token, ""), `"isSendable":false`)
}

// Each business unit sees its own.
func TestUnits(t *testing.T) {
	spec := world.Spec{Unit: germany, Journeys: []world.Journey{{Key: "de"}, {Key: "fr", Unit: france}}, Automations: []world.Automation{{Key: "auto", Unit: france, Schedule: world.Schedule{At: "01:00"}, Steps: []world.Activity{{Kind: "script"}}}}}
	a := newAlive(t, spec)
	own, other := a.token(), a.token(`"account_id":510000124`)
	contains(t, a.do("GET", "interaction/v1/interactions", own, ""), `"key":"de"`)
	contains(t, a.do("GET", "interaction/v1/interactions", other, ""), `"key":"fr"`)
	contains(t, a.do("GET", "interaction/v1/interactions", other, ""), `"count":1`)
	contains(t, a.do("GET", "automation/v1/automations", own, ""), `"count":0`)
	contains(t, a.soap(oauth(other), retrieve("Program", "CustomerKey Name ObjectID", "")), "<CustomerKey>auto</CustomerKey>")
	if strings.Contains(a.soap(oauth(own), retrieve("Automation", "CustomerKey Status IsActive", "")).body, "auto") {
		t.Error("another unit's automation shows")
	}
}

// Scripts in JSON: a world is added, deeds are done, time is made to fly.
func TestWorldControl(t *testing.T) {
	a := &alive{now: monday}
	a.rig = newRig(t, Options{Now: func() time.Time { return a.now }, Clients: []ClientSpec{{ClientID: shopID, Secret: "open", MID: germany, EID: eid}}})
	control := func(method, path, body string, status int) reply {
		t.Helper()
		got := a.do(method, ControlPath+path, "", body)
		equal(t, method+" "+path+" "+body, got.status, status)
		return got
	}
	control("GET", "world", "", 200)
	control("POST", "world/deeds", `{"subject":"journey/welcome","verb":"stop"}`, 404)
	control("POST", "world", `{"callers":[{"name":"shop","client_id":"`+shopID+`","on_failure":"lost"}],
		"journeys":[{"key":"welcome","entry":{"caller":"shop","volume":{"per_day":14400,"noise":"none"}},"steps":[{"name":"wait","dwell":"2h"}]}]}`, 204)
	control("POST", "world", `{"journeys":[{"key":"welcome"}]}`, 409)
	control("POST", "world", `{"journeys":[{"key":"x","entry":{"caller":"nobody"}}]}`, 400)
	control("POST", "world", `{"planets":[]}`, 400)
	control("POST", "clients/"+shopID+"/expire", "", 200)
	control("PATCH", "world/clock", `{"skip":"1h"}`, 200)
	contains(t, control("GET", "world/truth/journey/welcome", "", 200), `"lost":600`)
	contains(t, control("GET", "world", "", 200), `"credential_failing":600`)
	control("GET", "world/truth/journey/x", "", 404)
	control("PATCH", "world/clock", `{"speed":60}`, 200)
	a.pass(time.Minute)
	contains(t, control("GET", "world", "", 200), `"now":"2026-03-02T02:00:00Z"`)
	control("PATCH", "world/clock", `{"speed":-1}`, 400)
	control("PATCH", "world/clock", `{"skip":"-1h"}`, 400)
	control("POST", "world/deeds", `{"subject":"journey/welcome","verb":"pause","by":"jane","drop":true,"days":3}`, 204)
	contains(t, control("GET", "world/truth/journey/welcome", "", 200), `"verb":"pause","by":"jane"`)
	control("POST", "world/deeds", `{"subject":"journey/welcome","verb":"pause"}`, 409)
	control("POST", "world/deeds", `{"subject":"journey/welcome","verb":"dance"}`, 400)
	control("POST", "world/deeds", `{"subject":"journey/welcome","verb":"stop","why":"fun"}`, 400)
	control("DELETE", "world", "", 404)
	control("GET", "world/nothing", "", 404)
}

// A callback that is down loses batches and is suspended, for longer each time.
func TestNotificationsAreSuspended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		door := &door{}
		spec := world.Spec{Automations: []world.Automation{{Key: "often", Schedule: world.Schedule{Rule: "FREQ=MINUTELY;INTERVAL=1"}, Steps: []world.Activity{{Kind: "script", Duration: world.Duration(time.Second)}}}}}
		r, _ := newPipeRig(t, Options{World: &spec, Push: door})
		r.sim.SetScopes(r.id, AllScopes()...)
		token := r.token()
		var made []struct{ CallbackID string }
		r.do("POST", "platform/v1/ens-callbacks", token, `[{"callbackName":"x","url":"https://kw.example/ens","maxBatchSize":100}]`).into(t, &made)
		id := made[0].CallbackID
		r.do("POST", "platform/v1/ens-verify", token, `{"callbackId":"`+id+`","verificationKey":"`+door.proof+`"}`)
		r.do("POST", "platform/v1/ens-subscriptions", token, `[{"callbackId":"`+id+`","subscriptionName":"s","eventCategoryTypes":["SendEvents.AutomationInstanceCompleted"]}]`)
		minutes := func(n int) {
			for range n {
				time.Sleep(time.Minute)
				r.sim.Tick()
			}
		}
		minutes(5)
		well := door.events
		equal(t, "pushed", well > 2, true)
		door.down = true
		minutes(3)
		tries := door.tries
		equal(t, "four tries a batch, two batches", tries, 8)
		contains(t, r.do("GET", "platform/v1/ens-callbacks", r.token(), ""), "suspended until")
		door.down = false
		minutes(5)
		equal(t, "nothing while suspended", door.tries, tries)
		minutes(10)
		got := door.events - well
		if got < 4 || got > 8 {
			t.Errorf("%d events came after the suspension", got)
		}
	})
}

// door is a callback's server.
type door struct {
	proof  string
	events int
	tries  int
	down   bool
}

func (d *door) RoundTrip(q *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	var v struct{ VerificationKey string }
	var batch []json.RawMessage
	body := read(&http.Response{Body: q.Body}, nil).body
	switch {
	case json.Unmarshal([]byte(body), &v) == nil:
		d.proof = v.VerificationKey
	case d.down:
		d.tries++
		w.WriteHeader(500)
	case json.Unmarshal([]byte(body), &batch) == nil:
		d.events += len(batch)
	}
	return w.Result(), nil
}
