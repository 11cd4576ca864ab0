package sfmc

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keepwatch"
)

const oneAutomation = `{"id":"bHF6Q0Q3b1VXa21OdVQzZFQ0ckVSQToyNTow","key":"nightly","name":"Nightly","status":"PausedSchedule","automationType":"scheduled",
"scheduledTime":"2026-11-24T23:15:00Z","startTime":"2026-11-24T22:15:19.057Z","completedTime":"2026-11-23T22:17:24.453Z","lastRunTime":"2026-11-24T22:15:19.057Z","lastRunStatus":"Error",
"processes":[{"sequence":0,"status":"Complete","workerCounts":[{"objectTypeId":53,"count":1}]},{"sequence":1,"status":"Error","workerCounts":[{"objectTypeId":43,"count":1,"status":"Error"}]}],
"lastPausedDate":"2026-11-20T15:21:57.62Z","lastPausedBy":{"name":"Ada","email":"ada@example.com"},
"scheduleObject":{"startDate":"2025-03-05T10:45:00","iCalRecur":"FREQ=HOURLY;UNTIL=20790607T080000;INTERVAL=1","timeZone":"W. Europe Standard Time"}}`

func TestAutomations(t *testing.T) {
	c, e := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/legacy/v1/beta/bulk/automations/automation/definition/" {
			if r.URL.RawQuery != "$skip=50&$top=50" {
				t.Errorf("asked %s", r.URL.RawQuery)
			}
			writeJSON(w, 200, `{"startIndex":50,"itemsPerPage":50,"totalResults":52,"entry":[`+oneAutomation+`,{"name":"no id"}]}`)
			return
		}
		writeJSON(w, 200, oneAutomation)
	})
	p, v := c.Automations(t.Context(), e, testAccess, 50)
	if len(p.Items) != 1 || p.Unread != 1 || p.Total != 52 || !v.OK() {
		t.Fatalf("%+v %+v", p, v)
	}
	a := p.Items[0]
	if a.GUID != "0fc2ac96-14ba-495a-8db9-3ddd4f8ac444" || a.Failing() != "2 (import)" || a.LastStatus != "Error" || !a.EndedAt.IsZero() || a.Triggered() || a.PausedBy != "Ada" {
		t.Errorf("%+v", a)
	}
	if a.Recurrence == nil || !a.Recurrence.Next(a.LastRunAt).Equal(time.Date(2026, 11, 24, 22, 45, 0, 0, time.UTC)) {
		t.Errorf("recurrence %+v", a.Recurrence)
	}
	if one, v := c.AutomationSchedule(t.Context(), e, testAccess, a.ID); !v.OK() || one.Key != "nightly" {
		t.Errorf("%+v %+v", one, v)
	}
}

func TestTheIDOfTheOldInterfaceHoldsTheNewOne(t *testing.T) {
	for id, want := range map[string]string{
		"bHF6Q0Q3b1VXa21OdVQzZFQ0ckVSQToyNTow":                     "0fc2ac96-14ba-495a-8db9-3ddd4f8ac444",
		"MEZDMkFDOTYtMTRCQS00OTVBLThEQjktM0RERDRGOEFDNDQ0OjI1OjA=": "0fc2ac96-14ba-495a-8db9-3ddd4f8ac444",
		"": "", "no base64 at all": "", "eDoyNTow": "", "0fc2ac96-14ba-495a-8db9-3ddd4f8ac444": "",
	} {
		if got := guidOfLegacy(id); got != want {
			t.Errorf("%q: %q", id, got)
		}
	}
}

func TestStatusesOfAutomations(t *testing.T) {
	for raw, want := range map[string]string{"-1": "Error", "0": "BuildingError", "4": "PausedSchedule", "8": "InactiveTrigger", "9": "", "99999": "", "x": ""} {
		if got := statusOf([]byte(raw)); got != want {
			t.Errorf("%s: %q", raw, got)
		}
	}
}

const automationDetail = `{"id":"a8afb0e2-b00a-4c88-ad2e-1f7f8788c560","name":"Nightly","key":"nightly","type":"scheduled","statusId":6,
"schedule":{"startDate":"2026-07-01T00:00:00","scheduledTime":"0001-01-01T07:00:00","icalRecur":"FREQ=DAILY;INTERVAL=1","timezoneName":"W. Europe Standard Time","scheduleStatus":"scheduled"},
"steps":[{"step":1,"activities":[{"name":"Import","objectTypeId":43,"activityObjectId":"9d16f42c-2260-ed11-b849-48df37d1de8b","targetDataExtensions":[{"id":"D-1","name":"Orders","key":"orders","rowCount":12}]}]}]}`

func TestAutomationDetail(t *testing.T) {
	c, e := serve(t, func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, 200, automationDetail) })
	d, v := c.AutomationDetail(t.Context(), e, testAccess, "a8afb0e2-b00a-4c88-ad2e-1f7f8788c560")
	want := []AutomationActivity{{Step: 1, Name: "Import", Kind: 43, Object: "9d16f42c-2260-ed11-b849-48df37d1de8b", Targets: []Extension{{ID: "D-1", Key: "orders", Name: "Orders", Rows: new(int64(12))}}}}
	if diff := cmp.Diff(want, d.Activities); diff != "" || d.Status != "Scheduled" || d.ScheduleStatus != "scheduled" || !v.OK() {
		t.Errorf("%s %+v %+v", diff, d, v)
	}
	if next := d.Recurrence.Next(time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)); !next.Equal(time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)) {
		t.Errorf("next %s", next)
	}
}

const healthReport = "\ufeffEID,MID,BusinessUnitName,AutomationName,Type,StartSource,ScheduledFrequency,LastRunTime,30DaySuccessRate,30DayCompletionCount,30DayErrorCount,30DaySkipCount,30DayRunCount,12MonthRunCount,FolderPath\r\n" +
	"510000100,510000123,\"Germany, DE\",Nightly,Automation,Schedule,Daily,11/24/2026 1:02:03 AM,90%,\"1,027\",3,0,30,365,my automations\r\n" +
	"510000100,510000123,Germany\r\n"

func TestHealthReport(t *testing.T) {
	c, e := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/csv; charset=utf-8")
		_, _ = io.WriteString(w, healthReport)
	})
	rows, unread, v := c.HealthReport(t.Context(), e, testAccess)
	want := []AutomationHealth{{
		Unit: 510000123, Name: "Nightly", LastRunAt: time.Date(2026, 11, 24, 7, 2, 3, 0, time.UTC), Completed: new(int64(1027)), Errors: new(int64(3)), Skips: new(int64(0)), Runs: new(int64(30)),
	}}
	if d := cmp.Diff(want, rows); d != "" || unread != 1 || !v.OK() {
		t.Errorf("%s %d %+v", d, unread, v)
	}
	for body, outcome := range map[string]keepwatch.Outcome{
		`{"message":"Insufficient privileges to complete this action.","errorcode":20002}`: keepwatch.ScopeMissing,
		`{"items":[]}`: keepwatch.UnexpectedResponse, "a,b\n1,2": keepwatch.UnexpectedResponse, "": keepwatch.UnexpectedResponse,
		"<html></html>": keepwatch.UnexpectedResponse, "\xff\xfea\x00": keepwatch.UnexpectedResponse,
	} {
		if rows, _, v := parseHealth(replyOf(OnREST, 200, "text/csv", body), newVeil(nil)); v.Outcome != outcome || rows != nil {
			t.Errorf("%q: %+v %+v", body, rows, v)
		}
	}
}

// The report of a large estate is larger than any other answer, and bounded as well.
func TestTheHealthReportMayBeLarge(t *testing.T) {
	size := 2 << 20
	c, e := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/csv")
		_, _ = io.WriteString(w, "MID,AutomationName\n"+strings.Repeat("1,"+strings.Repeat("x", 98)+"\n", size/100))
	})
	if rows, _, v := c.HealthReport(t.Context(), e, testAccess); len(rows) != size/100 || !v.OK() {
		t.Errorf("%d rows, %+v", len(rows), v)
	}
	size = maxReport + 100
	if _, _, v := c.HealthReport(t.Context(), e, testAccess); v.Cause != "huge" {
		t.Errorf("%+v", v)
	}
}

func TestImports(t *testing.T) {
	const item = `{"importDefinitionId":"9d16f42c-2260-ed11-b849-48df37d1de8b","customerKey":"orders-import","name":"Orders","allowErrors":true,"destinationObjectTypeId":310,
	"destinationObjectId":"21711373-72c1-ec11-b83b-48df37d1deb7","destinationName":"Orders","updateTypeId":4,"maxFileAgeHours":24,"sendEmailNotification":false%s}`
	c, e := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/imports/") {
			writeJSON(w, 200, `{"page":1,"pageSize":50,"count":1,"items":[`+strings.ReplaceAll(item, "%s", "")+`]}`)
			return
		}
		writeJSON(w, 200, strings.ReplaceAll(item, "%s", `,"blankFileProcessingType":2`))
	})
	want := Import{
		ID: "9d16f42c-2260-ed11-b849-48df37d1de8b", Key: "orders-import", Name: "Orders", Target: "21711373-72c1-ec11-b83b-48df37d1deb7", TargetName: "Orders", Update: "Overwrite",
		AllowErrors: true, MaxFileAge: 24 * time.Hour,
	}
	p, v := c.Imports(t.Context(), e, testAccess, 1)
	if d := cmp.Diff([]Import{want}, p.Items); d != "" || !v.OK() {
		t.Errorf("%s %+v", d, v)
	}
	want.BlankFile = "skip"
	if i, v := c.Import(t.Context(), e, testAccess, want.ID); i != want || !v.OK() {
		t.Errorf("%+v %+v", i, v)
	}
}

func soapRow(object, inner string) string {
	return `<Results xsi:type="` + object + `"><PartnerKey xsi:nil="true"/>` + inner + `</Results>`
}

func TestImportResults(t *testing.T) {
	row := soapRow("ImportResultsSummary", `<ImportDefinitionCustomerKey>orders-import</ImportDefinitionCustomerKey><TaskResultID>77</TaskResultID><ImportStatus>Completed</ImportStatus><StartDate>11/24/2026 1:00:00 AM</StartDate><EndDate>2026-11-24T01:05:00</EndDate><DestinationID>ABC</DestinationID><NumberSuccessful>90</NumberSuccessful><NumberErrors>10</NumberErrors><TotalRows xsi:nil="true"/>`)
	c, e, asked := soapPages(t, soapPage("OK", row+soapRow("ImportResultsSummary", `<ImportStatus>New</ImportStatus>`)), soapPage("Error: The Filter Property 'StartDate' is not filterable", ""))
	found, list, v := c.ImportResults(t.Context(), e, testLogin, ByStart, time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC), nil)
	want := ImportResult{
		Import: "orders-import", Task: "77", Status: "Completed", Start: time.Date(2026, 11, 24, 7, 0, 0, 0, time.UTC), End: time.Date(2026, 11, 24, 7, 5, 0, 0, time.UTC), Target: "abc", Imported: 90, Errors: 10,
	}
	if d := cmp.Diff([]ImportResult{want}, found); d != "" || list.Unread != 1 || !v.OK() {
		t.Errorf("%s %+v %+v", d, list, v)
	}
	if !strings.Contains((*asked)[0], "<Property>StartDate</Property><SimpleOperator>greaterThan</SimpleOperator><DateValue>2026-11-23T01:00:00</DateValue>") {
		t.Errorf("asked %s", (*asked)[0])
	}
	if _, _, v := c.ImportResults(t.Context(), e, testLogin, ByKey, time.Time{}, []string{"a", "b"}); v.Outcome != keepwatch.BadRequest || !strings.Contains((*asked)[1], "<SimpleOperator>IN</SimpleOperator><Value>a</Value><Value>b</Value>") {
		t.Errorf("%+v %s", v, (*asked)[1])
	}
	if _, _, v := c.ImportResults(t.Context(), e, testLogin, ByNone, time.Time{}, nil); v.OK() || strings.Contains((*asked)[2], "<Filter") {
		t.Errorf("%+v %s", v, (*asked)[2])
	}
}

func TestDataExtensions(t *testing.T) {
	var asked string
	body := `{"customObjectId":"30400c03-0ec4-ec11-b83c-48df37d1de8b","customObjectKey":"orders","pageSize":1,"page":1,"count":2100,"top":0,"items":[{"keys":{"id":"1"},"values":{"email":"a@example.com","modifieddate":"11/24/2026 1:00:00 AM"}}]}`
	c, e := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.RequestURI()
		writeJSON(w, 200, body)
	})
	set, v := c.NewestRow(t.Context(), e, testAccess, "orders", "ModifiedDate")
	if !v.OK() || *set.Count != 2100 || !set.Found || !set.First.Equal(time.Date(2026, 11, 24, 7, 0, 0, 0, time.UTC)) || asked != "/data/v1/customobjectdata/key/orders/rowset?$orderBy=ModifiedDate%20DESC&$page=1&$pageSize=1" {
		t.Errorf("%s %+v %+v", asked, set, v)
	}
	if set, v := c.Rows(t.Context(), e, testAccess, ".."); !v.OK() || set.Found || !strings.Contains(asked, "/key/%2E%2E/rowset") {
		t.Errorf("%s %+v %+v", asked, set, v)
	}
	if set, v := c.NewestRow(t.Context(), e, testAccess, "orders", "Other"); !v.OK() || set.Found {
		t.Errorf("%+v %+v", set, v)
	}
	body = `{"links":{},"customObjectKey":"orders","pageSize":1,"page":1,"count":0}`
	if set, v := c.NewestRow(t.Context(), e, testAccess, "orders", "x"); !v.OK() || *set.Count != 0 || set.Found {
		t.Errorf("%+v %+v", set, v)
	}
	body = `{"customObjectKey":"orders","items":[]}`
	if _, v := c.Rows(t.Context(), e, testAccess, "orders"); v.OK() {
		t.Error("rows without a count are taken")
	}
	body = `{"count":51,"page":1,"pageSize":25,"items":[{"id":"A","key":"orders","name":"Orders","rowCount":5},{"id":"B","key":"x"},{"id":"C"}]}`
	p, v := c.Extensions(t.Context(), e, testAccess, "", 1)
	if d := cmp.Diff([]Extension{{ID: "A", Key: "orders", Name: "Orders", Rows: new(int64(5))}, {ID: "B", Key: "x"}}, p.Items); d != "" || p.Size != 25 || !p.More(25) || strings.Contains(asked, "search") || !v.OK() {
		t.Errorf("%s %+v %+v", d, p, v)
	}
}

func TestNewestRowBySOAP(t *testing.T) {
	property := func(name, value string) string {
		return "<Property><Name>" + name + "</Name><Value>" + value + "</Value></Property>"
	}
	rows := soapRow("DataExtensionObject", "<Properties>"+property("ModifiedDate", "11/24/2026 1:00:00 AM")+"</Properties>") + soapRow("DataExtensionObject", "<Properties>"+property("ModifiedDate", "11/24/2026 3:00:00 AM")+property("other", "x")+"</Properties>")
	c, e, asked := soapPages(t, soapPage("MoreDataAvailable", rows))
	newest, v := c.NewestBySOAP(t.Context(), e, testLogin, "orders<>", "modifieddate", time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC))
	if !v.OK() || !newest.Equal(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)) || len(*asked) != 1 || !strings.Contains((*asked)[0], "<ObjectType>DataExtensionObject[orders&lt;&gt;]</ObjectType>") {
		t.Errorf("%s %+v %q", newest, v, *asked)
	}
}

func TestExtensionDefinitions(t *testing.T) {
	rows := soapRow("DataExtension", "<ObjectID>A</ObjectID><CustomerKey>orders</CustomerKey><Name>Orders</Name><RowBasedRetention>false</RowBasedRetention><DataRetentionPeriodLength xsi:nil=\"true\"/>") +
		soapRow("DataExtension", "<CustomerKey>log</CustomerKey><RowBasedRetention>true</RowBasedRetention>") + soapRow("DataExtension", "<Name>keyless</Name>")
	c, e, asked := soapPages(t, soapPage("OK", rows))
	got, list, v := c.ExtensionDefinitions(t.Context(), e, testLogin, []string{"orders"})
	if d := cmp.Diff([]ExtensionDefinition{{ID: "A", Key: "orders", Name: "Orders"}, {Key: "log", Retention: true}}, got); d != "" || list.Unread != 1 || !v.OK() || !strings.Contains((*asked)[0], "<SimpleOperator>equals</SimpleOperator>") {
		t.Errorf("%s %+v %+v", d, list, v)
	}
}

func FuzzAutomations(f *testing.F) {
	f.Add(`{"entry":[` + oneAutomation + `]}`)
	f.Add(automationDetail)
	f.Add(`{"importDefinitionId":"i","customerKey":"k","updateTypeId":4,"blankFileProcessingType":"2"}`)
	f.Add(`{"customObjectKey":"k","count":1,"items":[{"keys":{},"values":{"at":"11/24/2026 1:00:00 AM"}}]}`)
	names := newVeil([][]byte{[]byte(canary)})
	f.Fuzz(func(t *testing.T, body string) {
		r := fuzzed(OnREST, 200, "", body)
		p, v := pageOf(r, 50, func(entry []byte) (Automation, bool) { return automationOf(entry, names) }, "entry")
		judge(t, v)
		for _, a := range p.Items {
			if a.Key == "" || strings.Contains(a.Key+a.Name+a.Status+a.Failing(), canary) || (!a.EndedAt.IsZero() && a.EndedAt.Before(a.StartedAt)) {
				t.Fatalf("%+v", a)
			}
		}
		_, v = pageOf(r, 50, func(entry []byte) (Import, bool) { return importOf(entry, names) }, "items")
		judge(t, v)
		set, v := parseRowset(r, "at", names)
		judge(t, v)
		if v.OK() && (set.Count == nil || *set.Count < 0) {
			t.Fatalf("%+v", set)
		}
		if valid([]byte(body)) {
			detailOf([]byte(body), names)
		}
	})
}

func FuzzHealthReport(f *testing.F) {
	f.Add(healthReport)
	f.Add("AutomationName\n\"")
	f.Add(`{"message":"no"}`)
	names := newVeil([][]byte{[]byte(canary)})
	f.Fuzz(func(t *testing.T, body string) {
		rows, _, v := parseHealth(fuzzed(OnREST, 200, "text/csv", body), names)
		judge(t, v)
		for _, h := range rows {
			if h.Name == "" || strings.Contains(h.Name, canary) || (h.Errors != nil && *h.Errors < 0) {
				t.Fatalf("%+v", h)
			}
		}
	})
}
