package sim

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc/sim/world"
)

func unmarshal(b []byte, into any) error { return json.Unmarshal(b, into) }

func journeyNotFound() answer {
	return restError(http.StatusBadRequest, 30003, "Interaction matching key not found.")
}

// liveInteractions is the list: one item for each version that the filters leave.
func liveInteractions(c *call) (answer, bool) {
	journeys := c.s.world.Journeys(c.mid)
	type item struct {
		j world.JourneyView
		v world.VersionView
	}
	var found []item
	for _, j := range journeys {
		for _, v := range c.versions(j) {
			found = append(found, item{j, v})
		}
	}
	slices.SortStableFunc(found, func(a, b item) int {
		if strings.HasPrefix(strings.ToLower(c.query("orderBy")), "name") {
			return cmp.Compare(a.j.Name, b.j.Name)
		}
		return b.v.Modified.Compare(a.v.Modified)
	})
	items := make([]object, 0, len(found))
	all := strings.EqualFold(c.query("extras"), "all")
	population := int64(0)
	for _, f := range found {
		population += f.v.Entered
		items = append(items, c.interaction(f.j, f.v))
	}
	page := c.pageOf(items)
	if all {
		page["summary"] = object{"totalInteractions": len(items), "totalRunningVersionsWithDefinedGoal": 0, "totalRunningVersionsMeetingGoal": 0, "cumulativePopulation": population}
	}
	return ok(page)
}

// versions are those of a journey that the request wants.
func (c *call) versions(j world.JourneyView) []world.VersionView {
	id, key := c.query("id"), c.query("key")
	name := strings.ToLower(c.query("nameOrDescription"))
	kind := c.query("definitionType")
	if id != "" && !strings.EqualFold(id, j.ID) || key != "" && !strings.EqualFold(key, j.Key) ||
		name != "" && !strings.Contains(strings.ToLower(j.Name), name) || kind != "" && !strings.EqualFold(kind, j.Kind) {
		return nil
	}
	status, number := c.query("status"), atoi(c.query("versionNumber"))
	out := slices.DeleteFunc(slices.Clone(j.Versions), func(v world.VersionView) bool {
		return status != "" && !strings.EqualFold(v.Status, status) || number > 0 && v.Number != number
	})
	slices.Reverse(out)
	if len(out) > 1 && id == "" && !strings.EqualFold(c.query("mostRecentVersionOnly"), "false") {
		out = out[:1]
	}
	return out
}

// interaction is one version as SFMC prints it.
func (c *call) interaction(j world.JourneyView, v world.VersionView) object {
	extras := strings.ToLower(c.query("extras"))
	out := object{
		"id": j.ID, "key": j.Key, "name": j.Name, "description": "", "version": v.Number, "workflowApiVersion": 1.0,
		"createdDate": centralOrNever(v.Created), "modifiedDate": centralOrNever(v.Modified), "lastPublishedDate": centralOrNever(v.Published),
		"goals": []object{}, "exits": []object{}, "notifiers": []object{},
		"entryMode": j.EntryMode, "definitionType": j.Kind, "channel": "", "metaData": object{}, "executionMode": "Production", "categoryId": 6298,
		"status": v.Status, "definitionId": v.DefinitionID, "scheduledStatus": "Draft", "tags": []object{},
		"defaults": object{"email": []string{`{{Event.` + j.Entry.Event + `."Email"}}`}, "properties": object{}},
	}
	if j.Kind != "Transactional" { // these have no stats
		out["stats"] = object{"currentPopulation": v.Current, "cumulativePopulation": v.Entered, "metGoal": 0, "metExitCriteria": 0, "goalPerformance": 0.0}
	}
	if extras == "all" {
		out["healthStats"] = object{"currentlyInCount": v.Current}
	}
	if extras == "all" || strings.Contains(extras, "trigger") || strings.Contains(extras, "activities") {
		out["triggers"] = []object{{
			"id": guidOf("trigger", j.Key), "key": "TRIGGER", "name": "TRIGGER", "type": eventType(j), "metaData": object{"eventDefinitionId": guidOf("event", j.Entry.Event), "eventDefinitionKey": j.Entry.Event},
		}}
	}
	if extras == "all" || strings.Contains(extras, "activities") {
		out["activities"] = activities(j)
	}
	return out
}

func activities(j world.JourneyView) []object {
	out := []object{}
	for i, s := range j.Steps {
		n := strconv.Itoa(i + 1)
		out = append(out, object{
			"id": guidOf("activity", j.Key+"\x00"+n), "key": strings.ToUpper(cmp.Or(s.Kind, "waitactivity")) + "-" + n, "name": s.Name, "type": strings.ToUpper(cmp.Or(s.Kind, "waitactivity")),
			"outcomes": []object{}, "arguments": object{}, "configurationArguments": object{}, "metaData": object{},
		})
	}
	return out
}

func eventType(j world.JourneyView) string {
	switch {
	case j.Entry.Automation != "":
		return "AutomationAudience"
	case j.Entry.Schedule != (world.Schedule{}):
		return "EmailAudience"
	}
	return "APIEvent"
}

// found finds the journey of a path, by id or key.
func (c *call) found(part string) (world.JourneyView, bool) {
	value, isKey := keyed(part)
	for _, j := range c.s.world.Journeys(c.mid) {
		if isKey && strings.EqualFold(j.Key, value) || !isKey && strings.EqualFold(j.ID, value) {
			return j, true
		}
	}
	return world.JourneyView{}, false
}

// liveInteraction is one version: the first, when the request names none.
func liveInteraction(c *call) (answer, bool) {
	j, known := c.found(c.part(3))
	if !known {
		return journeyNotFound(), true
	}
	number := max(1, atoi(c.query("versionNumber")))
	for _, v := range j.Versions {
		if v.Number == number {
			return ok(c.interaction(j, v))
		}
	}
	return restError(http.StatusBadRequest, 30003, "Interaction matching criteria not found."), true
}

func liveStatus(c *call) (answer, bool) {
	j, known := c.found(c.part(4))
	number := atoi(c.query("VersionNumber"))
	switch {
	case !known:
		return journeyNotFound(), true
	case !strings.EqualFold(c.query("AllVersions"), "true") && number == 0:
		return restError(http.StatusBadRequest, 10000, "AllVersions=true or VersionNumber required"), true
	}
	out := []object{}
	for _, v := range j.Versions {
		if number == 0 || v.Number == number {
			out = append(out, object{"id": j.ID, "status": v.Status, "versionNumber": v.Number})
		}
	}
	return ok(out)
}

func liveSummary(c *call) (answer, bool) {
	j, known := c.found(c.part(3))
	if !known {
		return journeyNotFound(), true
	}
	counts := map[string]int{}
	for _, s := range j.Steps {
		counts[strings.ToUpper(cmp.Or(s.Kind, "waitactivity"))]++
	}
	list := []object{}
	for kind, n := range counts {
		list = append(list, object{"type": kind, "count": n})
	}
	return ok(object{"id": j.ID, "activities": list})
}

// liveAudit is a journey's own log, the newest first.
func liveAudit(c *call) (answer, bool) {
	j, known := c.found(c.part(3))
	if !known {
		return journeyNotFound(), true
	}
	action, number := c.part(5), atoi(c.query("versionNumber"))
	items := []object{}
	for i, e := range slices.Backward(j.Audit) {
		if number > 0 && e.Version != number || !strings.EqualFold(action, "all") && !strings.EqualFold(action, e.Action) {
			continue
		}
		item := object{
			"id": guidOf("audit", j.Key+strconv.Itoa(i)), "action": e.Action, "user": object{"name": e.By, "userId": 710355723}, "timeStamp": centralTime(e.At),
			"key": j.Key, "versionNumber": e.Version, "originalDefinitionId": j.ID, "name": j.Name, "description": "", "executionMode": "Production", "errors": []object{},
		}
		if e.Action == "Publish" {
			item["publishStatus"], item["publishRequestId"] = "PublishCompleted", guidOf("publish", j.Key+strconv.Itoa(i))
		}
		if e.Action == "Stop" {
			item["ContactsEjected"] = e.Ejected
		}
		items = append(items, item)
	}
	page := c.pageOf(items)
	if !c.settings.AuditCapitals {
		return ok(page)
	}
	capital := object{}
	for key, value := range page {
		capital[strings.ToUpper(key[:1])+key[1:]] = value
	}
	return ok(capital)
}

// events are the event definitions: journeys may share one.
func (c *call) events() []object {
	var out []object
	seen := map[string]object{}
	for _, j := range c.s.world.Journeys(c.mid) {
		running := 0
		for _, v := range j.Versions {
			if v.Status == world.Published {
				running = 1
			}
		}
		if old := seen[j.Entry.Event]; old != nil {
			old["interactionCount"] = old["interactionCount"].(int) + 1
			old["publishedInteractionCount"] = old["publishedInteractionCount"].(int) + running
			continue
		}
		e := c.eventDefinition(j, running)
		seen[j.Entry.Event] = e
		out = append(out, e)
	}
	return out
}

const noGUID = "00000000-0000-0000-0000-000000000000"

func (c *call) eventDefinition(j world.JourneyView, running int) object {
	kind := eventType(j)
	e := object{
		"id": guidOf("event", j.Entry.Event), "eventDefinitionKey": j.Entry.Event, "name": j.Name, "type": kind, "category": "Event", "mode": "Production",
		"dataExtensionId": noGUID, "dataExtensionName": "", "automationId": noGUID, "disableDEDataLogging": false,
		"interactionCount": 1, "publishedInteractionCount": running, "isVisibleInPicker": false,
		"arguments": object{"serializedObjectType": 3, "useHighWatermark": false, "resetHighWatermark": false, "automationId": noGUID, "criteria": ""},
		"metaData":  object{},
	}
	if f := j.Feeder; f != nil {
		e["dataExtensionId"], e["dataExtensionName"] = f.ID, f.Name
	} else if kind == "APIEvent" {
		e["disableDEDataLogging"] = true
	}
	switch kind {
	case "AutomationAudience":
		id := guidOf("automation", j.Entry.Automation)
		e["category"], e["automationId"] = "Audience", id
		e["arguments"].(object)["automationId"] = id
		e["metaData"] = object{"scheduleFlowMode": "automation", "scheduleState": "Active"}
	case "EmailAudience":
		e["category"] = "Audience"
		e["metaData"] = object{"scheduleFlowMode": "recurring", "scheduleState": "Active"}
		e["schedule"] = eventSchedule(j.Entry.Schedule, j.Newest().Created)
	}
	return e
}

// eventSchedule prints a rule in the words of event definitions.
func eventSchedule(s world.Schedule, since time.Time) object {
	frequency, interval := "Daily", 1
	for part := range strings.SplitSeq(s.Rule, ";") {
		switch key, value, _ := strings.Cut(part, "="); key {
		case "FREQ":
			frequency = value[:1] + strings.ToLower(value[1:])
		case "INTERVAL":
			interval = atoi(value)
		}
	}
	return object{
		"startDateTime": localStart(s, since), "endDateTime": nil, "timeZone": windowsZone(cmp.Or(s.Zone, "UTC")), "occurrences": 0, "endType": "Never",
		"frequency": frequency, "recurrencePattern": "Interval", "interval": interval,
	}
}

// localStart is the first planned instant of a schedule on its own clock.
func localStart(s world.Schedule, since time.Time) string {
	zone, err := time.LoadLocation(cmp.Or(s.Zone, "UTC"))
	if err != nil {
		zone = time.UTC
	}
	day := since.In(zone).Format(time.DateOnly)
	return day + "T" + cmp.Or(s.At, "00:00") + ":00"
}

func liveEventDefinitions(c *call) (answer, bool) {
	all := c.events()
	if name := strings.ToLower(c.query("name")); name != "" {
		all = slices.DeleteFunc(all, func(e object) bool { return !strings.Contains(strings.ToLower(e["name"].(string)), name) })
	}
	return ok(c.pageOf(all))
}

func liveEventDefinition(c *call) (answer, bool) {
	value, isKey := keyed(c.part(3))
	for _, e := range c.events() {
		if isKey && strings.EqualFold(e["eventDefinitionKey"].(string), value) || !isKey && strings.EqualFold(e["id"].(string), value) {
			return ok(e)
		}
	}
	return restError(http.StatusNotFound, 30003, "EventDefinition not found."), true
}

// triggerStats counts what became of an event's contacts; with a second part, of one journey's.
func triggerStats(c *call) (answer, bool) {
	var attempted, met, failed, waiting int64
	known := false
	for _, j := range c.s.world.Journeys(c.mid) {
		if !strings.EqualFold(guidOf("event", j.Entry.Event), c.part(3)) {
			continue
		}
		if journey := c.part(4); len(strings.Split(strings.Trim(c.route.family.route, "/"), "/")) == 5 && !strings.EqualFold(journey, j.ID) && !strings.EqualFold(journey, j.Newest().DefinitionID) {
			continue
		}
		known = true
		attempted, met, failed, waiting = attempted+j.Attempted, met+j.Met, failed+j.Failed, waiting+j.Waiting
	}
	if !known {
		return restError(http.StatusNotFound, 30003, "EventDefinition not found."), true
	}
	row := func(kind, category string, n int64) object {
		return object{"eventType": kind, "category": category, "count": n}
	}
	return ok(object{"statuses": []object{
		row("ContactAttempted", "information", attempted), row("MetCriteria", "success", met), row("Failed", "failure", failed), row("ContactsWaiting", "information", waiting),
	}})
}

// postEvent takes one event. 201 says that it was queued, and no more.
func postEvent(c *call) (answer, bool) {
	var e struct{ ContactKey, EventDefinitionKey string }
	if err := unmarshal(c.body, &e); err != nil || e.ContactKey == "" || e.EventDefinitionKey == "" || strings.Contains(e.EventDefinitionKey, ".") {
		return restError(http.StatusBadRequest, 10002, "ContactKey and EventDefinitionKey are required."), true
	}
	if err := c.s.world.Post(c.mid, e.EventDefinitionKey); err != nil {
		return refusedEvent(err), true
	}
	return jsonAnswer(http.StatusCreated, object{"eventInstanceId": guidOf("event instance", randomText(12))}), true
}

func refusedEvent(err error) answer {
	text := "The event definition key is not valid."
	if errors.Is(err, keepwatch.ErrConflict) {
		text = "The event definition is not active in a published journey."
	}
	return restError(http.StatusBadRequest, 30000, text)
}

// postEvents takes a batch; what is wrong with an event is found later.
func postEvents(c *call) (answer, bool) {
	var e struct {
		Key     string `json:"eventDefinitionKey"`
		Members []struct {
			ContactKey string `json:"contactKey"`
		} `json:"members"`
	}
	if err := unmarshal(c.body, &e); err != nil || len(e.Members) == 0 || len(e.Members) > 100 {
		return restError(http.StatusBadRequest, 10000, "members holds 1 to 100 contacts."), true
	}
	members, bad := []object{}, 0
	for _, m := range e.Members {
		member := object{"contactKey": m.ContactKey, "eventInstanceId": guidOf("event instance", randomText(12))}
		if err := c.s.world.Post(c.mid, e.Key); err != nil {
			member = object{"contactKey": m.ContactKey, "errorcode": 30000, "message": "The event definition key is not valid or not active."}
			bad++
		}
		members = append(members, member)
	}
	return jsonAnswer(http.StatusCreated, object{"requestId": guidOf("request", randomText(12)), "count": len(members) - bad, "notQueuedCount": bad, "members": members}), true
}

// eventsStatus lists events that came by the asynchronous route and failed.
func eventsStatus(c *call) (answer, bool) {
	from, to := c.instant("startDate", c.now.AddDate(0, 0, -30)), c.instant("endDate", c.now.Add(time.Second))
	page, size := c.paging()
	count, items := 0, []object{}
	if strings.EqualFold(c.query("type"), "errored") {
		for _, e := range slices.Backward(c.s.world.Errored(c.mid, c.query("eventDefinitionKey"))) {
			if e.At.Before(from) || !e.At.Before(to) {
				continue
			}
			for range e.Count {
				if count++; count > (page-1)*size && count <= page*size {
					items = append(items, object{
						"contactKey": "C-" + guidOf(e.Event, strconv.Itoa(count))[:8], "eventDefinitionKey": e.Event, "eventInstanceId": guidOf("event instance", e.Event+strconv.Itoa(count)),
						"requestId": guidOf("request", e.At.String()), "status": "Errored", "errorCode": "ErrorValidatingContact", "errorMessage": "The event data do not fit the entry data extension.", "createdDate": centralTime(e.At),
					})
				}
			}
		}
	}
	out := object{"count": count, "page": page, "pageSize": size, "links": object{}}
	if len(items) > 0 {
		out["items"] = items
	}
	return ok(out)
}

func (c *call) instant(name string, otherwise time.Time) time.Time {
	text := c.query(name)
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t
	}
	return c.day(c.r.URL.Query(), name, otherwise)
}

// historyLag is how far history lies behind.
func (c *call) historyLag() time.Duration {
	return cmp.Or(time.Duration(c.settings.HistoryLag), 20*time.Minute)
}

func historyFreshness(c *call) (answer, bool) {
	return ok(object{"freshness": int(c.historyLag() / time.Second)})
}

// historyFilter reads the body that all history routes share.
func (c *call) historyFilter() (world.HistoryFilter, bool) {
	var q struct {
		Start, End                             string
		DefinitionIDs, ActivityTypes, Statuses []string
	}
	if len(c.body) > 0 && unmarshal(c.body, &q) != nil {
		return world.HistoryFilter{}, false
	}
	visible := c.now.Add(-c.historyLag())
	f := world.HistoryFilter{Unit: c.mid, From: c.now.AddDate(0, 0, -30), To: visible, Definitions: q.DefinitionIDs, Statuses: q.Statuses}
	for _, kind := range q.ActivityTypes {
		f.Types = append(f.Types, strings.ToLower(kind))
	}
	for _, limit := range []struct {
		text string
		into *time.Time
	}{{q.Start, &f.From}, {q.End, &f.To}} {
		if t, err := time.Parse(time.RFC3339, limit.text); err == nil {
			*limit.into = t
		} else if t, err := time.ParseInLocation("2006-01-02T15:04:05", limit.text, centralZone); err == nil {
			*limit.into = t
		}
	}
	if f.To.After(visible) {
		f.To = visible
	}
	return f, true
}

func badBody() (answer, bool) {
	return restError(http.StatusBadRequest, 10000, "The request body is not valid JSON."), true
}

func historyEstimate(c *call) (answer, bool) {
	f, fine := c.historyFilter()
	if !fine {
		return badBody()
	}
	n := c.s.world.CountHistory(f)
	return ok(object{"rowCount": n, "fileSize": n * 180, "compressedFileSize": n * 25})
}

// historyMost is where the search stops.
const historyMost = 10_000

func (c *call) historyRows(f world.HistoryFilter, most int) []world.HistoryRow {
	f.Most = most
	rows := slices.Collect(c.s.world.History(f))
	slices.SortStableFunc(rows, func(a, b world.HistoryRow) int { return b.At.Compare(a.At) })
	return rows[:min(most, len(rows))]
}

func historySearch(c *call) (answer, bool) {
	f, fine := c.historyFilter()
	if !fine {
		return badBody()
	}
	rows := c.historyRows(f, historyMost)
	page, size := c.pagingUpTo(500)
	from := min(min(page-1, historyMost)*size, len(rows))
	items := []object{}
	for i, r := range rows[from:min(from+size, len(rows))] {
		items = append(items, object{
			"id": guidOf("history", r.ContactKey+r.Activity+strconv.Itoa(from+i)), "mid": c.mid, "eventId": guidOf("event", r.ContactKey), "eventName": r.ActivityName,
			"definitionId": r.DefinitionID, "definitionName": r.Name, "contactKey": r.ContactKey, "transactionTime": centralTime(r.At), "status": r.Status, "clientStatus": r.Status,
			"activityId": r.Activity, "activityName": r.ActivityName, "activityType": r.ActivityType, "result": object{"status": r.Status}, "message": r.Message,
		})
	}
	return ok(object{"count": len(rows), "page": page, "pageSize": size, "links": object{}, "items": items})
}

// historyDownload is a file of rows, the newest of each journey first.
func historyDownload(c *call) (answer, bool) {
	f, fine := c.historyFilter()
	if !fine {
		return badBody()
	}
	columns := strings.Split(cmp.Or(c.query("columns"), "TransactionTime,ContactKey,Status,DefinitionId,DefinitionName,ActivityId,ActivityName,ActivityType"), ",")
	var b bytes.Buffer
	out := csv.NewWriter(&b)
	if strings.EqualFold(c.query("format"), "tsv") {
		out.Comma = '\t'
	}
	_ = out.Write(columns) // a Buffer does not fail
	for _, r := range c.historyRows(f, 50_000) {
		values := map[string]string{
			"transactiontime": centralTime(r.At), "contactkey": r.ContactKey, "status": r.Status, "definitionid": r.DefinitionID, "definitionname": r.Name,
			"activityid": r.Activity, "activityname": r.ActivityName, "activitytype": strings.ToUpper(r.ActivityType), "message": r.Message, "result.messages": r.Message, "result.status": r.Status,
		}
		record := make([]string, len(columns))
		for i, name := range columns {
			record[i] = values[strings.ToLower(strings.TrimSpace(name))]
		}
		_ = out.Write(record)
	}
	out.Flush()
	return answer{status: http.StatusOK, kind: "text/csv; charset=utf-8", body: b.Bytes()}, true
}
