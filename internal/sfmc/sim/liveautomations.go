package sim

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/csv"
	"net/http"
	"strconv"
	"strings"
	"time"

	"keepwatch/internal/sfmc/sim/world"
)

// statusIDs are the numbers of an automation's statuses.
var statusIDs = map[string]int{
	"Error": -1, "BuildingError": 0, "Building": 1, "Ready": 2, "Running": 3, "PausedSchedule": 4, "Stopped": 5, "Scheduled": 6, "AwaitingTrigger": 7, "InactiveTrigger": 8,
}

// kindIDs are the object types of activities.
var kindIDs = map[string]int{"import": 43, "transfer": 53, "extract": 73, "query": 300, "script": 423, "wait": 467, "verification": 1000}

var kindNames = map[string]string{
	"import": "ImportDefinition", "transfer": "FileTransferActivity", "extract": "DataExtractActivity", "query": "QueryDefinition", "script": "SsjsActivity", "wait": "WaitActivity", "verification": "DataVerificationDefinition",
}

// shownStatus: while it runs, the newer interface says so; the old one keeps the schedule's.
func shownStatus(a world.AutomationView) string {
	if a.Running {
		return "Running"
	}
	return a.Status
}

func automationType(a world.AutomationView) (string, int) {
	if a.Planned.IsZero() {
		return "triggered", 2
	}
	return "scheduled", 1
}

func lastStarted(a world.AutomationView) time.Time {
	for i := len(a.Runs) - 1; i >= 0; i-- {
		if !a.Runs[i].Started.IsZero() {
			return a.Runs[i].Started
		}
	}
	return time.Time{}
}

func automationList(c *call) (answer, bool) {
	var items []object
	for _, a := range c.s.world.Automations(c.mid) {
		kind, kindID := automationType(a)
		status := shownStatus(a)
		item := object{
			"id": a.ID, "key": a.Key, "name": a.Name, "status": status, "statusId": statusIDs[status], "type": kind, "typeId": kindID,
			"lastRunTime": centralOrNever(lastStarted(a)), "categoryId": 290937, "schedule": object{"scheduleStatus": scheduleStatus(a)},
		}
		if last := a.Last(); last != nil {
			item["lastRunInstanceId"] = last.ID
		}
		if a.Planned.IsZero() {
			item["fileTrigger"] = object{"fileNamePattern": "*.csv"}
		}
		items = append(items, item)
	}
	return ok(c.pageOf(items))
}

func scheduleStatus(a world.AutomationView) string {
	if a.Status == world.Scheduled {
		return "scheduled"
	}
	return "paused"
}

// automationOf finds the automation of a path, by id or key.
func (c *call) automationOf(part string) (world.AutomationView, bool) {
	value, _ := keyed(part)
	for _, a := range c.s.world.Automations(c.mid) {
		if strings.EqualFold(a.ID, value) || strings.EqualFold(a.Key, value) || legacyID(a) == value {
			return a, true
		}
	}
	return world.AutomationView{}, false
}

func automationDetail(c *call) (answer, bool) {
	if c.bursting() {
		return serverError(), true
	}
	a, known := c.automationOf(c.part(3))
	if !known {
		return restError(http.StatusBadRequest, 30003, "Automation not found."), true
	}
	kind, kindID := automationType(a)
	status := shownStatus(a)
	steps := []object{}
	for i, s := range a.Steps {
		activity := object{
			"id": guidOf("activity", a.Key+strconv.Itoa(i)), "name": s.Name, "activityObjectId": objectID(s), "objectTypeId": kindIDs[s.Kind], "displayOrder": 1,
		}
		if t := a.Targets[i]; t != nil {
			activity["targetDataExtensions"] = []object{{"id": t.ID, "name": t.Name, "key": t.Key, "description": "", "rowCount": t.Count}}
		}
		steps = append(steps, object{"id": guidOf("step", a.Key+strconv.Itoa(i)), "name": "", "step": i + 1, "activities": []object{activity}})
	}
	out := object{
		"id": a.ID, "name": a.Name, "description": "", "key": a.Key, "typeId": kindID, "type": kind, "statusId": statusIDs[status], "status": status, "categoryId": 290937, "steps": steps,
	}
	if !a.Planned.IsZero() {
		out["schedule"] = object{
			"id": guidOf("schedule", a.Key), "typeId": 3, "startDate": localStart(a.Schedule, a.Created), "endDate": "2099-01-01T00:00:00", "scheduledTime": "0001-01-01T" + cmp.Or(a.Schedule.At, "00:00") + ":00",
			"rangeTypeId": 1, "occurrences": 0, "icalRecur": cmp.Or(a.Schedule.Rule, "FREQ=DAILY;INTERVAL=1"), "timezoneName": windowsZone(a.Zone), "scheduleStatus": scheduleStatus(a), "timezoneId": 5,
		}
	} else {
		out["fileTrigger"] = object{"fileNamePattern": "*.csv", "isPublished": a.Status == world.AwaitingTrigger}
	}
	return ok(out)
}

// objectID is what an activity runs: its definition.
func objectID(s world.Activity) string { return guidOf(s.Kind, s.Key) }

// legacyID is how the old interface names an automation.
func legacyID(a world.AutomationView) string {
	return base64.RawURLEncoding.EncodeToString([]byte(a.ID + ":25:0"))
}

func legacyAutomations(c *call) (answer, bool) {
	all := c.s.world.Automations(c.mid)
	skip, top := atoi(c.query("skip")), 50
	if n := atoi(c.query("top")); n > 0 {
		top = min(n, 50)
	}
	skip = max(0, min(skip, len(all)))
	entry := []object{}
	for _, a := range all[skip:min(skip+top, len(all))] {
		entry = append(entry, c.legacyItem(a))
	}
	return ok(object{"startIndex": skip + 1, "itemsPerPage": top, "totalResults": len(all), "entry": entry})
}

func (c *call) legacyItem(a world.AutomationView) object {
	kind, _ := automationType(a)
	base := c.base(hostREST)
	item := object{
		"id": legacyID(a), "key": a.Key, "name": a.Name, "description": "", "clientId": c.mid, "status": a.Status, "automationType": kind,
		"createdDate": zulu(a.Created), "modifiedDate": zulu(a.Modified), "createdBy": object{"id": "1", "name": "admin", "email": "admin@example.com"},
		"schedule": base + "legacy/v1/beta/automations/schedule/" + legacyID(a), "notifications": base + "legacy/v1/beta/automations/notifications/" + legacyID(a),
	}
	if !a.Planned.IsZero() {
		item["scheduledTime"] = zulu(a.Planned)
	}
	if last := a.Last(); last != nil {
		item["lastRunStatus"], item["instanceId"] = last.Status, last.ID
		item["lastRunInstance"] = base + "legacy/v1/beta/bulk/automations/automation/instance/" + last.ID
		item["lastRunTime"], item["startTime"], item["completedTime"] = zulu(last.Planned), zulu(last.Started), zulu(last.Ended)
		if !last.Started.IsZero() {
			item["lastRunTime"] = zulu(last.Started)
		}
		item["processes"] = processes(a, last)
	}
	return item
}

// processes are the steps of a run and how far each came.
func processes(a world.AutomationView, r *world.Run) []object {
	out := []object{}
	for i, s := range a.Steps {
		status := "Complete"
		switch {
		case r.Status == world.RunSkipped:
			status = "Skipped"
		case r.Status == world.RunError && i+1 == r.Failed:
			status = "Error"
		case r.Status == world.RunError && i+1 > r.Failed:
			status = "Ready"
		case r.Status == world.RunRunning:
			status = "Running"
		}
		out = append(out, object{
			"id": guidOf("process", a.Key+strconv.Itoa(i)), "sequence": i, "status": status, "instanceId": guidOf("process instance", r.ID+strconv.Itoa(i)),
			"workerCounts": []object{{"name": kindNames[s.Kind], "objectTypeId": kindIDs[s.Kind], "count": 1, "status": status}},
		})
	}
	return out
}

func legacyNotAnID() answer {
	return jsonAnswer(http.StatusBadRequest, object{"globalErrors": []string{}, "objectErrors": []object{{"error": "REST Parameter is invalid.", "additionalInfo": "Definition_ID could not be parsed"}}})
}

func legacyAutomation(c *call) (answer, bool) {
	a, known := c.automationOf(c.part(7))
	if !known {
		return legacyNotAnID(), true
	}
	item := c.legacyItem(a)
	item["lastSaveDate"], item["lastSavedBy"] = zulu(a.Modified), object{"name": "admin"}
	if !a.PausedAt.IsZero() && a.PausedBy != "" && a.PausedBy != "system" {
		item["lastPausedDate"], item["lastPausedBy"] = zulu(a.PausedAt), object{"id": "1", "name": a.PausedBy, "email": ""}
	}
	if !a.Planned.IsZero() {
		item["scheduleObject"] = object{
			"iCalRecur": cmp.Or(a.Schedule.Rule, "FREQ=DAILY;INTERVAL=1"), "timeZone": windowsZone(a.Zone), "timeZoneId": 5, "scheduleStatus": scheduleStatus(a),
			"startDate": localStart(a.Schedule, a.Created), "description": "",
		}
	}
	return ok(item)
}

func legacyNotifications(c *call) (answer, bool) {
	a, known := c.automationOf(c.part(5))
	if !known {
		return legacyNotAnID(), true
	}
	workers := []object{}
	for _, kind := range a.Notify {
		workers = append(workers, object{"notificationType": kind, "definition": "team@example.com", "body": "", "channelType": "Account"})
	}
	return ok(object{"programId": legacyID(a), "workers": workers})
}

// healthReport is a CSV of all automations that ran in the last 30 days, with a byte
// order mark.
func healthReport(c *call) (answer, bool) {
	var b bytes.Buffer
	b.WriteString("\ufeff")
	out := csv.NewWriter(&b)
	_ = out.Write(strings.Split("EID,MID,BusinessUnitName,AutomationName,Type,StartSource,ScheduledFrequency,LastRunTime,30DaySuccessRate,30DayCompletionCount,30DayErrorCount,30DaySkipCount,30DayRunCount,12MonthRunCount,FolderPath", ","))
	for _, a := range c.s.world.Automations(c.mid) {
		var complete, errored, skipped, year int
		for _, r := range a.Runs {
			if !r.Started.IsZero() {
				year++
			}
			if r.Planned.Before(c.now.AddDate(0, 0, -30)) {
				continue
			}
			switch r.Status {
			case world.RunComplete:
				complete++
			case world.RunError, world.Stopped:
				errored++
			case world.RunSkipped:
				skipped++
			}
		}
		runs := complete + errored
		if runs+skipped == 0 {
			continue
		}
		kind, source, frequency := "Scheduled", "Schedule", "Daily"
		if a.Planned.IsZero() {
			kind, source, frequency = "Triggered", "File Drop", ""
		}
		if strings.Contains(a.Schedule.Rule, "HOURLY") {
			frequency = "Hourly"
		}
		_ = out.Write([]string{
			c.client.spec.EID.String(), c.mid.String(), c.s.units[c.mid].Name, a.Name, kind, source, frequency, americanTime(lastStarted(a)),
			strconv.FormatFloat(100*float64(complete)/float64(max(1, runs)), 'f', 2, 64), strconv.Itoa(complete), strconv.Itoa(errored), strconv.Itoa(skipped), strconv.Itoa(runs), strconv.Itoa(year), "my automations",
		})
	}
	out.Flush()
	return answer{status: http.StatusOK, kind: "text/csv; charset=utf-8", body: b.Bytes()}, true
}

var (
	updateTypes = map[string]int{"": 0, "add_update": 0, "add": 1, "update": 2, "overwrite": 4}
	queryTypes  = map[string]int{"overwrite": 0, "": 1, "update": 1, "add_update": 1, "add": 2}
	blankTypes  = map[string]int{"": 0, "fail": 0, "process": 1, "skip": 2}
)

// importItem is a definition. What it does with an empty file only the single one says.
func importItem(a world.AutomationView, i int, single bool) object {
	s := a.Steps[i]
	age := 24
	if s.OldFiles {
		age = 0
	}
	out := object{
		"importDefinitionId": objectID(s), "customerKey": s.Key, "name": s.Name, "description": "", "allowErrors": s.AllowErrors, "createdDate": centralOrNever(a.Created), "modifiedDate": centralOrNever(a.Modified),
		"dateFormatLocale": "en-US", "deleteFile": false, "destinationObjectTypeId": 310, "destinationId": 0, "fieldMappingType": "InferFromColumnHeadings", "fileNamingPattern": s.Key + "_%%Year%%%%Month%%%%Day%%.csv",
		"fileType": "CSV", "hasColumnHeader": true, "isOrderedImport": true, "isSequential": true, "maxFileAgeHours": age, "maxImportFrequencyHours": 0, "maxFileAgeScheduleOffsetHours": 0,
		"sendEmailNotification": false, "standardQuotedStrings": true, "subscriberImportTypeId": 255, "updateTypeId": updateTypes[s.Mode],
	}
	if t := a.Targets[i]; t != nil {
		out["destinationObjectId"], out["destinationName"] = t.ID, t.Name
	}
	if single {
		out["blankFileProcessingType"] = blankTypes[s.Blank]
	}
	return out
}

// activitiesOf are the definitions of one kind, each once.
func (c *call) activitiesOf(kind string, item func(world.AutomationView, int)) {
	for _, a := range c.s.world.Automations(c.mid) {
		for i, s := range a.Steps {
			if s.Kind == kind {
				item(a, i)
			}
		}
	}
}

func imports(c *call) (answer, bool) {
	var items []object
	c.activitiesOf("import", func(a world.AutomationView, i int) { items = append(items, importItem(a, i, false)) })
	return ok(c.pageOf(items))
}

func importDetail(c *call) (answer, bool) {
	var found object
	c.activitiesOf("import", func(a world.AutomationView, i int) {
		if strings.EqualFold(objectID(a.Steps[i]), c.part(3)) {
			found = importItem(a, i, true)
		}
	})
	if found == nil {
		return restError(http.StatusBadRequest, 30003, "Import definition not found."), true
	}
	return ok(found)
}

func queries(c *call) (answer, bool) {
	var items []object
	c.activitiesOf("query", func(a world.AutomationView, i int) {
		s := a.Steps[i]
		q := object{"queryDefinitionId": objectID(s), "name": s.Name, "key": s.Key, "description": "", "queryText": "SELECT * FROM [" + s.Source + "]", "targetUpdateTypeId": queryTypes[s.Mode], "isFrozen": false}
		if t := a.Targets[i]; t != nil {
			q["targetName"], q["targetKey"], q["targetId"] = t.Name, t.Key, t.ID
		}
		items = append(items, q)
	})
	return ok(c.pageOf(items))
}
