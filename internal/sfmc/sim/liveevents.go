package sim

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc/sim/world"
)

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
