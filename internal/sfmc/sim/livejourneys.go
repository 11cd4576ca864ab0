package sim

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

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

func (c *call) instant(name string, otherwise time.Time) time.Time {
	text := c.query(name)
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t
	}
	return c.day(c.r.URL.Query(), name, otherwise)
}

func badBody() (answer, bool) {
	return restError(http.StatusBadRequest, 10000, "The request body is not valid JSON."), true
}
