package collect_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/collect"
)

func TestDataExtensions(t *testing.T) {
	r := newRig(t, keepwatch.FamilyDataExtensions)
	r.want(keepwatch.SubjectDataExtension, "orders", "log")
	r.job.Wanted[0].TimestampField = "ModifiedDate"
	r.account.rows["orders"] = row{"customObjectId": "D-1", "customObjectKey": "orders", "count": 5, "items": []row{{"keys": row{}, "values": row{"modifieddate": "2026-11-24T00:00:00"}}}}
	r.account.rows["log"] = row{"customObjectKey": "log", "count": 0}
	r.account.soap["DataExtension"] = `<Results><CustomerKey>log</CustomerKey><RowBasedRetention>true</RowBasedRetention></Results>`
	found, summary := r.look()
	orders, log := found["data_extension/orders:rows"].Watch.Reading.Extension, found["data_extension/log:rows"].Watch.Reading.Extension
	if summary.Outcome != keepwatch.OK || *orders.Rows != 5 || !orders.Newest.Equal(start) || orders.Retention || *log.Rows != 0 || !log.Retention {
		t.Errorf("%+v %+v %+v", orders, log, summary)
	}
	if a := r.account.asked; a["newest"] != 1 || a["rowset"] != 1 || a["soap:DataExtension"] != 1 || a["extensions"] != 0 {
		t.Errorf("asked %v", a)
	}
	if _, _ = r.look(); r.account.asked["soap:DataExtension"] != 0 {
		t.Errorf("definitions are read again: %v", r.account.asked)
	}
	delete(r.account.rows, "log")
	if found, summary = r.look(); len(found) != 1 || summary.Outcome != keepwatch.MonitorFault || !strings.Contains(summary.Message, "log") {
		t.Errorf("%+v", summary)
	}
}

// Where $orderBy is not taken, SOAP tells the newest row; that is found out once a day.
func TestNewestRowsWithoutAnOrder(t *testing.T) {
	for name, set := range map[string]func(*account){
		"refused": func(a *account) {
			a.breaks("newest", http.StatusBadRequest, `{"message":"$orderBy is not valid","errorcode":10003}`)
		},
		"ignored": func(a *account) {
			a.rows["orders"]["items"] = []row{{"keys": row{"id": "1"}, "values": row{}}}
		},
	} {
		r := newRig(t, keepwatch.FamilyDataExtensions)
		r.want(keepwatch.SubjectDataExtension, "orders")
		r.job.Wanted[0].TimestampField = "ModifiedDate"
		r.account.rows["orders"] = row{"customObjectId": "D-1", "customObjectKey": "orders", "count": 5}
		r.account.soap["DataExtensionObject"] = `<Results><Properties><Property><Name>ModifiedDate</Name><Value>11/23/2026 11:00:00 PM</Value></Property></Properties></Results>`
		set(r.account)
		found, summary := r.look()
		if x := found["data_extension/orders:rows"].Watch.Reading.Extension; summary.Outcome != keepwatch.OK || *x.Rows != 5 || !x.Newest.Equal(start.Add(-time.Hour)) {
			t.Errorf("%s: %+v %+v", name, x, summary)
		}
		r.account.soap["DataExtensionObject"] = "" // nothing newer
		found, _ = r.look()
		if x := found["data_extension/orders:rows"].Watch.Reading.Extension; r.account.asked["newest"] != 0 || r.account.asked["soap:DataExtensionObject"] != 1 || !x.Newest.Equal(start.Add(-time.Hour)) {
			t.Errorf("%s: %+v with %v", name, x, r.account.asked)
		}
	}
}

func TestAllDataExtensionsComeFromTheList(t *testing.T) {
	r := newRig(t, keepwatch.FamilyDataExtensions)
	r.job.All = true
	r.want(keepwatch.SubjectDataExtension, "de-3", "de-4")
	r.job.Wanted[1].Expect.RowsEvery = time.Hour
	r.account.rows["de-4"] = row{"customObjectKey": "de-4", "count": 99}
	for i := range 60 {
		r.account.extensions = append(r.account.extensions, row{"id": fmt.Sprintf("D-%d", i), "key": fmt.Sprintf("de-%d", i), "name": "X", "rowCount": i})
	}
	found, summary := r.look()
	if len(found) != 60 || summary.Outcome != keepwatch.OK || r.account.asked["extensions"] != 3 || r.account.asked["rowset"] != 1 {
		t.Errorf("%d with %v, %+v", len(found), r.account.asked, summary)
	}
	if *found["data_extension/de-4:rows"].Watch.Reading.Extension.Rows != 99 || *found["data_extension/de-3:rows"].Watch.Reading.Extension.Rows != 3 {
		t.Error("rows")
	}
	if r.c.Sizes("t", germany).Extensions != 60 {
		t.Errorf("sizes %+v", r.c.Sizes("t", germany))
	}
}

func TestAListThatWantsASearch(t *testing.T) {
	r := newRig(t, keepwatch.FamilyDataExtensions)
	r.job.All = true
	r.account.breaks("extensions", http.StatusBadRequest, `{"message":"$search is a required parameter","errorcode":10002}`)
	_, summary := r.look()
	if summary.Outcome != keepwatch.MonitorFault || r.account.asked["extensions"] != 2 || !strings.Contains(strings.Join(r.account.log, " "), "$search=%25") {
		t.Errorf("%+v with %v", summary, r.account.log)
	}
}

const nightlyID = "bHF6Q0Q3b1VXa21OdVQzZFQ0ckVSQToyNTow" // of 0fc2ac96-14ba-495a-8db9-3ddd4f8ac444

func nightly() row {
	return row{
		"id": nightlyID, "key": "nightly", "name": "Nightly", "status": "Scheduled", "automationType": "scheduled", "scheduledTime": "2026-11-24T07:00:00Z",
		"startTime": "2026-11-24T05:00:05Z", "completedTime": "2026-11-24T05:03:00Z", "lastRunTime": "2026-11-24T05:00:05Z", "lastRunStatus": "Complete",
		"scheduleObject": row{"startDate": "2026-11-01T00:00:00", "iCalRecur": "FREQ=HOURLY;INTERVAL=2", "timeZone": "W. Europe Standard Time"},
		"processes":      []row{{"status": "Complete", "workerCounts": []row{{"objectTypeId": 43}}}},
	}
}

func TestAutomations(t *testing.T) {
	r := newRig(t, keepwatch.FamilyAutomations)
	r.want(keepwatch.SubjectAutomation, "nightly")
	a := nightly()
	r.account.automations = []row{a}
	r.account.health = "MID,AutomationName,30DayCompletionCount,30DayErrorCount,30DaySkipCount\n510000123,Nightly,300,2,1\n7,Nightly,9,9,9\n"
	r.account.automation["0fc2ac96-14ba-495a-8db9-3ddd4f8ac444"] = row{"id": "0fc2ac96-14ba-495a-8db9-3ddd4f8ac444", "key": "nightly", "steps": []row{{"activities": []row{{"objectTypeId": 43, "activityObjectId": "I-1", "targetDataExtensions": []row{{"id": "D-1", "key": "orders", "rowCount": 5}}}}}}}
	r.account.imports["I-1"] = row{"importDefinitionId": "I-1", "customerKey": "orders-import", "destinationObjectTypeId": 310, "destinationObjectId": "D-1", "updateTypeId": 4, "blankFileProcessingType": 2, "allowErrors": true}
	r.account.soap["ImportResultsSummary"] = `<Results><ImportDefinitionCustomerKey>orders-import</ImportDefinitionCustomerKey><ImportStatus>Completed</ImportStatus><EndDate>2026-11-23T23:02:00</EndDate><StartDate>2026-11-23T23:01:00</StartDate><NumberSuccessful>0</NumberSuccessful><NumberErrors>0</NumberErrors><TotalRows>0</TotalRows></Results>
		<Results><ImportDefinitionCustomerKey>another</ImportDefinitionCustomerKey><ImportStatus>Completed</ImportStatus></Results>`
	found, summary := r.look()
	x := found["automation/nightly:runs"].Watch.Reading.Automation
	if summary.Outcome != keepwatch.OK || x.Status != "Scheduled" || x.LastStatus != "Complete" || *x.Errors != 2 || *x.Skips != 1 || x.Every != 2*time.Hour ||
		!x.NextAt.Equal(start.Add(time.Hour)) || !x.DueAt.Equal(start.Add(-time.Hour)) {
		t.Errorf("%+v %+v", x, summary)
	}
	i := found["automation/nightly:imports"].Watch
	want := keepwatch.ImportReading{Key: "orders-import", Target: "orders", At: start.Add(-58 * time.Minute), Status: "Completed", BlankFile: "skip", Overwrite: true, AllowErrors: true}
	if i == nil || len(i.Reading.Automation.Imports) != 1 || i.Reading.Automation.Imports[0] != want {
		t.Errorf("imports %+v", i)
	}
	// A run that does not come: its time passes, and the list names the next one.
	a["scheduledTime"] = "2026-11-24T09:00:00Z"
	r.job.At = start.Add(75 * time.Minute)
	found, _ = r.look()
	x = found["automation/nightly:runs"].Watch.Reading.Automation
	if !x.DueAt.Equal(start.Add(time.Hour)) || !x.LastRunAt.Equal(start.Add(-time.Hour+5*time.Second)) || !x.NextAt.Equal(start.Add(3*time.Hour)) {
		t.Errorf("%+v", x)
	}
	if n := r.account.asked; n["detail"]+n["import"] != 0 {
		t.Errorf("definitions are read again: %v", n)
	}
}

// What was paused and goes on owes nobody the runs of before; and a rule whose next run
// is not the one that the list names is not believed.
func TestPlansOfAutomations(t *testing.T) {
	r := newRig(t, keepwatch.FamilyAutomations)
	r.want(keepwatch.SubjectAutomation, "nightly")
	a := nightly()
	a["status"], a["lastPausedDate"], a["lastPausedBy"] = "PausedSchedule", "2026-11-23T00:00:00Z", row{"name": "Ada"}
	a["lastRunTime"], a["startTime"], a["completedTime"] = "2026-11-20T05:00:05Z", "2026-11-20T05:00:05Z", "2026-11-20T05:03:00Z"
	delete(a, "scheduledTime")
	r.account.automations = []row{a}
	found, _ := r.look()
	x := found["automation/nightly:runs"].Watch.Reading.Automation
	if x.PausedBy != "Ada" || x.PausedAt.IsZero() || !x.DueAt.IsZero() || !x.NextAt.IsZero() {
		t.Errorf("paused: %+v", x)
	}
	a["status"], a["scheduledTime"] = "Scheduled", "2026-11-24T07:00:00Z"
	found, _ = r.look()
	x = found["automation/nightly:runs"].Watch.Reading.Automation
	if !x.DueAt.IsZero() || !x.NextAt.Equal(start.Add(time.Hour)) || x.PausedBy != "" || x.Every != 2*time.Hour {
		t.Errorf("resumed: %+v", x)
	}
	a["scheduledTime"] = "2026-11-24T07:30:00Z"
	found, _ = r.look()
	x = found["automation/nightly:runs"].Watch.Reading.Automation
	if !x.DueAt.IsZero() || !x.NextAt.Equal(start.Add(90*time.Minute)) {
		t.Errorf("another plan than the rule's: %+v", x)
	}
}

// A filter that a tenant does not take is not tried again before a day.
func TestImportResultsWithoutAFilter(t *testing.T) {
	r := newRig(t, keepwatch.FamilyAutomations)
	r.want(keepwatch.SubjectAutomation, "nightly")
	r.account.automations = []row{nightly()}
	r.account.automation["0fc2ac96-14ba-495a-8db9-3ddd4f8ac444"] = row{"id": "x", "key": "nightly", "steps": []row{{"activities": []row{{"objectTypeId": 43, "activityObjectId": "I-1"}}}}}
	r.account.imports["I-1"] = row{"importDefinitionId": "I-1", "customerKey": "orders-import"}
	r.account.breaks("soap:ImportResultsSummary", 200, `<soap:Envelope xmlns:soap="x"><soap:Body><RetrieveResponseMsg><OverallStatus>Error: The Filter Property 'StartDate' is not filterable</OverallStatus></RetrieveResponseMsg></soap:Body></soap:Envelope>`)
	found, _ := r.look()
	if r.account.asked["soap:ImportResultsSummary"] != 3 || found["automation/nightly:imports"].Watch != nil {
		t.Errorf("asked %v", r.account.asked)
	}
	delete(r.account.fail, "soap:ImportResultsSummary")
	if found, _ = r.look(); r.account.asked["soap:ImportResultsSummary"] != 1 || found["automation/nightly:imports"].Watch == nil {
		t.Errorf("asked %v", r.account.asked)
	}
}

func TestQueues(t *testing.T) {
	r := newRig(t, keepwatch.FamilyQueues)
	r.want(keepwatch.SubjectTransactionalEmail, "welcome")
	r.account.definitions = []row{{"channel": "email", "definitionKey": "welcome", "name": "W", "status": "Active"}, {"channel": "email", "definitionKey": "other", "name": "O", "status": "Active"}}
	r.account.queues["welcome"] = row{"count": 22, "ageSeconds": 45}
	feed := func(last int, at string, code int) string {
		return fmt.Sprintf(`{"lastEventID":%d,"messages":[{"statusCode":%d,"statusMessage":"BuildEmailError","timestamp":"%s","definitionKey":"welcome","eventID":%d,"info":{"contactKey":"somebody"}}],"count":1}`, last, code, at, last)
	}
	r.account.feed = feed(7, "2026-11-23T00:00:00", 26) // before the first look: of nobody
	found, summary := r.look()
	s := found["transactional_email/welcome:queue"].Watch.Reading.Send
	if summary.Outcome != keepwatch.OK || len(found) != 1 || *s.Queued != 22 || *s.Oldest != 45*time.Second || s.Status != "Active" || *s.NotSent != 0 {
		t.Errorf("%+v %+v", s, summary)
	}
	if n := r.account.asked; n["definitions"] != 1 || n["queue"] != 1 || n["feed"] != 2 {
		t.Errorf("asked %v", n)
	}
	r.account.feed = feed(8, "2026-11-24T00:08:00", 26)
	found, _ = r.look()
	if s := found["transactional_email/welcome:queue"].Watch.Reading.Send; *s.NotSent != 0 || r.account.asked["feed"]+r.account.asked["definitions"] != 0 {
		t.Errorf("%+v with %v", s, r.account.asked)
	}
	r.job.At = start.Add(15 * time.Minute)
	found, _ = r.look()
	if s := found["transactional_email/welcome:queue"].Watch.Reading.Send; *s.NotSent != 1 || s.TopError != "BuildEmailError" {
		t.Errorf("%+v with %v", s, r.account.asked)
	}
	// A contact's own fault is nobody's business, and what was counted stays counted.
	r.account.feed = feed(9, "2026-11-24T00:20:00", 1)
	r.job.At = start.Add(30 * time.Minute)
	found, _ = r.look()
	if s := found["transactional_email/welcome:queue"].Watch.Reading.Send; *s.NotSent != 1 {
		t.Errorf("%+v", s)
	}
	r.account.queues["welcome"] = row{"count": 900, "ageSeconds": 900}
	_, _ = r.look()
	if _, _ = r.look(); r.account.asked["definitions"] != 1 {
		t.Errorf("a queue that grows old does not ask whether its definition is active: %v", r.account.asked)
	}
	r.want(keepwatch.SubjectTransactionalSMS, "otp")
	if _, summary = r.look(); summary.Outcome != keepwatch.MonitorFault || !strings.Contains(summary.Message, "otp") {
		t.Errorf("%+v", summary)
	}
}

func TestSends(t *testing.T) {
	r := newRig(t, keepwatch.FamilySends)
	r.job.All = true
	r.want(keepwatch.SubjectTriggeredSend, "paused")
	send := func(key, status string) string {
		return "<Results><CustomerKey>" + key + "</CustomerKey><Name>N</Name><TriggeredSendStatus>" + status + "</TriggeredSendStatus></Results>"
	}
	r.account.soap["TriggeredSendDefinition"] = send("active", "Active") + send("paused", "Inactive") + send("idle", "Inactive") + send("waiting", "Inactive") + send("new", "New")
	r.account.soap["TriggeredSendSummary"] = `<Results><CustomerKey>active</CustomerKey><Sent>10</Sent><NotSentDueToError>2</NotSentDueToError><Queued>0</Queued></Results><Results><CustomerKey>waiting</CustomerKey><Queued>7</Queued></Results>`
	found, summary := r.look()
	a, w, p := found["triggered_send/active:volume"].Watch, found["triggered_send/waiting:queue"].Watch, found["triggered_send/paused:queue"].Watch
	if summary.Outcome != keepwatch.OK || len(found) != 6 || *a.Reading.Send.Sent != 10 || *a.Reading.Send.NotSent != 2 || *w.Reading.Send.Queued != 7 || w.Reading.Send.Sent != nil || p.Reading.Send.Queued != nil || p.Reading.Send.Status != "Inactive" {
		t.Errorf("%v %+v", found, summary)
	}
}

// A day of a large account at the default intervals: no more calls than planned, and
// all that can be watched is.
func TestADayOfALargeAccountIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("ten thousand calls")
	}
	account := newRig(t, keepwatch.FamilyJourneys)
	a := account.account
	for i := range 2000 {
		a.journeys = append(a.journeys, row{"id": fmt.Sprint(i), "key": fmt.Sprintf("j%d", i), "version": 1, "status": "Published", "stats": row{"cumulativePopulation": 1, "currentPopulation": 1}})
	}
	for i := range 5000 {
		a.extensions = append(a.extensions, row{"id": fmt.Sprintf("D-%d", i), "key": fmt.Sprintf("de%d", i), "rowCount": 1})
	}
	for i := range 120 {
		x := nightly()
		x["id"], x["key"], x["name"] = fmt.Sprintf("a%d", i), fmt.Sprintf("a%d", i), fmt.Sprintf("a%d", i)
		a.automations = append(a.automations, x)
	}
	a.definitions = []row{{"channel": "email", "definitionKey": "welcome", "status": "Active"}}
	a.queues["welcome"] = row{"count": 0, "ageSeconds": 0}
	a.feed, a.health = `{"lastEventID":0,"count":0}`, "MID,AutomationName\n"
	a.soap["TriggeredSendDefinition"] = "<Results><CustomerKey>s</CustomerKey><TriggeredSendStatus>Active</TriggeredSendStatus></Results>"
	a.frozen = map[string][]byte{}
	jobs := map[keepwatch.Family]collect.Job{}
	for _, family := range keepwatch.Families {
		job := account.job
		job.Check, job.Family, job.All, job.Gap = keepwatch.EffectsCheck("t", germany, family), family, true, collect.DefaultEvery[family]
		jobs[family] = job
	}
	calls, series, last := map[keepwatch.Family]int{}, map[keepwatch.SeriesID]int{}, map[keepwatch.Family]keepwatch.Observation{}
	midnight := start.Truncate(24 * time.Hour)
	for at := midnight; at.Before(midnight.Add(24 * time.Hour)); at = at.Add(5 * time.Minute) {
		for _, family := range keepwatch.Families {
			job := jobs[family]
			if at.Sub(midnight)%job.Gap != 0 {
				continue
			}
			job.At, job.Slot = at, at
			found, n := account.c.Look(t.Context(), job)
			calls[family] += n
			for _, o := range found {
				series[o.Series]++
			}
			last[family] = found[len(found)-1]
		}
	}
	total := 0
	for _, n := range calls {
		total += n
	}
	t.Logf("%d calls: %v; %d series", total, calls, len(series))
	if total > collect.DefaultAllowance || total < collect.DefaultAllowance/2 {
		t.Errorf("%d calls", total)
	}
	if len(series) != 2000+5000+120+1+2+5 {
		t.Errorf("%d series", len(series))
	}
	for id, n := range series {
		if n < 8 {
			t.Fatalf("%s was looked at %d times", id, n)
		}
	}
	for family, o := range last {
		if o.Outcome != keepwatch.OK {
			t.Errorf("%s: %+v", family, o)
		}
	}
	for family, job := range jobs {
		if e := collect.Cost(job, account.c.Sizes("t", germany)); e.PerDay < calls[family] {
			t.Errorf("%s: %d calls, %d were estimated: %v", family, calls[family], e.PerDay, e.Parts)
		}
	}
}

// The estimate of a look at what dependents name is what it costs.
func TestCostOfDependents(t *testing.T) {
	r := newRig(t, keepwatch.FamilyAutomations)
	r.want(keepwatch.SubjectAutomation, "nightly")
	r.account.automations = []row{nightly()}
	r.account.health = "MID,AutomationName\n"
	total := 0
	for range 96 {
		_, _ = r.look()
		for _, n := range r.account.asked {
			total += n
		}
	}
	e := collect.Cost(r.job, r.c.Sizes("t", germany))
	if total > e.PerDay || e.PerDay > 2*total || e.PerYear < 365*(e.PerDay-1) || e.PerLook < 1 {
		t.Errorf("%d calls, estimated %+v", total, e)
	}
	r.job.Off = []string{collect.RouteHealthReport}
	if off := collect.Cost(r.job, collect.Sizes{}); off.PerDay >= e.PerDay {
		t.Errorf("a route that is off costs: %+v", off)
	}
	r.job.Wanted = nil
	if none := collect.Cost(r.job, collect.Sizes{}); none.PerDay != 0 {
		t.Errorf("nothing wanted costs %+v", none)
	}
}
