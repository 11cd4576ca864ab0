package conformance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/egress"
	"keepwatch/internal/sfmc"
)

// recorded is where mcdev ships what SFMC answered.
const recorded = "node_modules/mcdev/test/resources"

// tape serves one file, whatever is asked.
func tape(t *testing.T, file string) (*sfmc.Client, sfmc.Endpoints) {
	t.Helper()
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	kind := "application/json; charset=utf-8"
	if strings.HasSuffix(file, ".xml") {
		kind = "text/xml; charset=utf-8"
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write(body)
	}))
	t.Cleanup(s.Close)
	e, err := sfmc.EndpointsOf(keepwatch.Tenant{ID: "t", AuthURL: s.URL, RESTURL: s.URL, SOAPURL: s.URL + "/Service.asmx"})
	if err != nil {
		t.Fatal(err)
	}
	return sfmc.New(egress.New(egress.Policy{}).HTTP()), e
}

// tree is a recording as it stands, for comparing.
type tree map[string]any

func treeOf(t *testing.T, file string) tree {
	t.Helper()
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out tree
	if err := json.Unmarshal(body, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// at walks down names; nothing there is "".
func (x tree) at(path string) string {
	var v any = map[string]any(x)
	for name := range strings.SplitSeq(path, ".") {
		switch inner := v.(type) {
		case map[string]any:
			v = inner[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(inner) {
				return ""
			}
			v = inner[i]
		default:
			return ""
		}
	}
	switch v := v.(type) {
	case nil:
		return ""
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case string:
		return v
	}
	return fmt.Sprint(v)
}

func (x tree) list(name string) []tree {
	var out []tree
	all, _ := x[name].([]any)
	for _, entry := range all {
		if m, ok := entry.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// same compares a field that is read with the one that was recorded.
func same(t *testing.T, in tree, path string, got any) {
	t.Helper()
	want := in.at(path)
	switch got := got.(type) {
	case string:
		if got != strings.TrimSpace(want) {
			t.Errorf("%s: read %q, recorded %q", path, got, want)
		}
	case *int64:
		if (got == nil) != (want == "") || (got != nil && strconv.FormatInt(*got, 10) != want) {
			t.Errorf("%s: read %v, recorded %q", path, got, want)
		}
	case time.Time:
		if never := want == "" || strings.HasPrefix(want, "0001-"); got.IsZero() != never {
			t.Errorf("%s: read %s, recorded %q", path, got, want)
		}
	default:
		if fmt.Sprint(got) != want {
			t.Errorf("%s: read %v, recorded %q", path, got, want)
		}
	}
}

func files(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(recorded, pattern))
	if err != nil || len(found) == 0 {
		t.Fatalf("%s: no recording (%v)", pattern, err)
	}
	return found
}

// TestRecordedResponses holds the parsers against what SFMC answered to other people's
// clients, as mcdev ships it: each field that is read is read from each recording.
func TestRecordedResponses(t *testing.T) {
	if os.Getenv("KEEPWATCH_CONFORMANCE") != "1" {
		t.Skip("recorded responses come with npm packages; KEEPWATCH_CONFORMANCE=1 fetches them")
	}
	if _, err := os.Stat("node_modules"); err != nil {
		install(t)
	}
	if _, err := os.Stat(recorded); err != nil {
		t.Fatalf("mcdev does not ship its recordings: %v", err)
	}
	for name, test := range map[string]func(*testing.T){
		"journeys": recordedJourneys, "event definitions": recordedEvents, "audit": recordedAudit, "automations": recordedAutomations, "automation details": recordedDetails,
		"imports": recordedImports, "rows": recordedRows, "definitions": recordedDefinitions, "triggered sends": recordedSends, "data extensions": recordedExtensions,
		"what sfmc-sdk recorded": recordedBySDK,
	} {
		t.Run(name, test)
	}
}

var access = keepwatch.NewSecret([]byte("not-in-any-recording-0123456789"))

func sameJourney(t *testing.T, in tree, j sfmc.Journey) {
	t.Helper()
	for path, got := range map[string]any{
		"id": j.ID, "key": j.Key, "name": j.Name, "version": j.Version, "status": j.Status, "definitionId": j.Definition, "definitionType": j.Type, "entryMode": j.EntryMode,
		"lastPublishedDate": j.Published, "modifiedDate": j.Modified, "stats.currentPopulation": j.Inside, "stats.cumulativePopulation": j.Entered,
	} {
		same(t, in, path, got)
	}
}

func recordedJourneys(t *testing.T) {
	list := files(t, "9999999/interaction/v1/interactions/get-response.json")[0]
	c, e := tape(t, list)
	p, v := c.Journeys(t.Context(), e, access, sfmc.JourneyQuery{}, 1)
	items := treeOf(t, list).list("items")
	if !v.OK() || len(p.Items) != len(items) || p.Unread != 0 || p.More(p.Read) {
		t.Fatalf("%d of %d read, %+v", len(p.Items), len(items), v)
	}
	for i, in := range items {
		sameJourney(t, in, p.Items[i])
	}
	for _, file := range append(files(t, "9999999/interaction/v1/interactions/key_*/get-response.json"), files(t, "9999999/interaction/v1/interactions/*-*-*/get-response-versionNumber=*.json")...) {
		in := treeOf(t, file)
		if in.at("id") == "" {
			continue
		}
		c, e := tape(t, file)
		j, v := c.Journey(t.Context(), e, access, in.at("id"), 1)
		if !v.OK() || len(j.Triggers) != len(in.list("triggers")) || len(j.Activities) != len(in.list("activities")) {
			t.Fatalf("%s: %+v %+v", file, j, v)
		}
		sameJourney(t, in, j)
		for i, trigger := range in.list("triggers") {
			same(t, trigger, "type", j.Triggers[i].Type)
			same(t, trigger, "metaData.eventDefinitionId", j.Triggers[i].EventID)
			same(t, trigger, "metaData.eventDefinitionKey", j.Triggers[i].EventKey)
		}
		for i, a := range in.list("activities") {
			for path, got := range map[string]any{"id": j.Activities[i].ID, "key": j.Activities[i].Key, "name": j.Activities[i].Name, "type": j.Activities[i].Type} {
				same(t, a, path, got)
			}
		}
	}
}

func recordedEvents(t *testing.T) {
	list := files(t, "9999999/interaction/v1/eventDefinitions/get-response.json")[0]
	c, e := tape(t, list)
	p, v := c.EventDefinitions(t.Context(), e, access, 1)
	items := treeOf(t, list).list("items")
	if !v.OK() || len(p.Items) != len(items) {
		t.Fatalf("%d of %d read, %+v", len(p.Items), len(items), v)
	}
	planned := 0
	for i, in := range items {
		d := p.Items[i]
		for path, got := range map[string]any{
			"id": d.ID, "eventDefinitionKey": d.Key, "name": d.Name, "type": d.Type, "category": d.Category, "dataExtensionName": d.ExtensionName,
			"publishedInteractionCount": d.Published, "metaData.scheduleFlowMode": d.Flow,
		} {
			same(t, in, path, got)
		}
		if in.at("schedule.frequency") == "Hourly" && d.Recurrence != nil {
			planned++
		}
	}
	if planned == 0 {
		t.Error("no recorded schedule is understood")
	}
	for _, file := range files(t, "9999999/interaction/v1/eventDefinitions/key_*/get-response.json") {
		in := treeOf(t, file)
		c, e := tape(t, file)
		d, v := c.EventDefinition(t.Context(), e, access, in.at("eventDefinitionKey"))
		if !v.OK() {
			t.Fatalf("%s: %+v", file, v)
		}
		same(t, in, "dataExtensionId", d.Extension)
		same(t, in, "eventDefinitionKey", d.Key)
	}
}

func recordedAudit(t *testing.T) {
	for _, file := range files(t, "9999999/interaction/v1/interactions/*/audit/all/*.json") {
		in := treeOf(t, file).list("items")
		c, e := tape(t, file)
		got, v := c.JourneyAudit(t.Context(), e, access, "x", 1)
		if !v.OK() || len(got) != len(in) {
			t.Fatalf("%s: %d of %d, %+v", file, len(got), len(in), v)
		}
		for i, entry := range in {
			for path, value := range map[string]any{"action": got[i].Action, "user.name": got[i].By, "timeStamp": got[i].At, "versionNumber": got[i].Version, "publishStatus": got[i].State} {
				same(t, entry, path, value)
			}
		}
	}
}

func sameAutomation(t *testing.T, in tree, a sfmc.Automation) {
	t.Helper()
	for path, got := range map[string]any{
		"id": a.ID, "key": a.Key, "name": a.Name, "automationType": a.Type, "scheduledTime": a.NextAt, "startTime": a.StartedAt, "completedTime": a.EndedAt,
		"lastRunTime": a.LastRunAt, "lastRunStatus": a.LastStatus, "lastPausedDate": a.PausedAt, "lastPausedBy.name": a.PausedBy,
	} {
		same(t, in, path, got)
	}
	if in.at("status") != "" {
		same(t, in, "status", a.Status)
	}
	if len(a.Steps) != len(in.list("processes")) {
		t.Errorf("%s: %d of %d steps", a.Key, len(a.Steps), len(in.list("processes")))
	}
	for i, p := range in.list("processes") {
		same(t, p, "status", a.Steps[i].Status)
		for n, w := range p.list("workerCounts") {
			same(t, w, "objectTypeId", a.Steps[i].Kinds[n])
		}
	}
	if in.at("scheduleObject.iCalRecur") != "" && a.Recurrence == nil {
		t.Errorf("%s: the rule %s is not understood", a.Key, in.at("scheduleObject.iCalRecur"))
	}
}

func recordedAutomations(t *testing.T) {
	list := files(t, "9999999/legacy/v1/beta/bulk/automations/automation/definition/get-response.json")[0]
	c, e := tape(t, list)
	p, v := c.Automations(t.Context(), e, access, 0)
	in := treeOf(t, list).list("entry")
	if !v.OK() || len(p.Items) != len(in) || p.More(p.Read) {
		t.Fatalf("%d of %d read, %+v", len(p.Items), len(in), v)
	}
	for i := range in {
		sameAutomation(t, in[i], p.Items[i])
	}
	for _, file := range files(t, "9999999/legacy/v1/beta/bulk/automations/automation/definition/*/get-response.json") {
		c, e := tape(t, file)
		a, v := c.AutomationSchedule(t.Context(), e, access, "x")
		if !v.OK() {
			t.Fatalf("%s: %+v", file, v)
		}
		sameAutomation(t, treeOf(t, file), a)
	}
}

func recordedDetails(t *testing.T) {
	for _, file := range files(t, "9999999/automation/v1/automations/*/get-response.json") {
		in := treeOf(t, file)
		c, e := tape(t, file)
		d, v := c.AutomationDetail(t.Context(), e, access, "x")
		if !v.OK() {
			t.Fatalf("%s: %+v", file, v)
		}
		for path, got := range map[string]any{"id": d.GUID, "key": d.Key, "name": d.Name, "status": d.Status, "type": d.Type, "schedule.scheduleStatus": d.ScheduleStatus} {
			same(t, in, path, got)
		}
		if in.at("schedule.icalRecur") != "" && d.Recurrence == nil {
			t.Errorf("%s: the rule %s is not understood", file, in.at("schedule.icalRecur"))
		}
		n := 0
		for _, step := range in.list("steps") {
			for _, a := range step.list("activities") {
				same(t, a, "name", d.Activities[n].Name)
				same(t, a, "objectTypeId", d.Activities[n].Kind)
				same(t, a, "activityObjectId", d.Activities[n].Object)
				for i, target := range a.list("targetDataExtensions") {
					same(t, target, "key", d.Activities[n].Targets[i].Key)
					same(t, target, "rowCount", d.Activities[n].Targets[i].Rows)
				}
				n++
			}
		}
		if n != len(d.Activities) {
			t.Errorf("%s: %d of %d activities", file, len(d.Activities), n)
		}
	}
}

func recordedImports(t *testing.T) {
	list := files(t, "9999999/automation/v1/imports/get-response.json")[0]
	c, e := tape(t, list)
	p, v := c.Imports(t.Context(), e, access, 1)
	in := treeOf(t, list).list("items")
	if !v.OK() || len(p.Items) != len(in) {
		t.Fatalf("%d of %d read, %+v", len(p.Items), len(in), v)
	}
	blank := 0
	for _, file := range files(t, "9999999/automation/v1/imports/*/get-response.json") {
		in := treeOf(t, file)
		c, e := tape(t, file)
		i, v := c.Import(t.Context(), e, access, "x")
		if !v.OK() || i.Update == "" {
			t.Fatalf("%s: %+v %+v", file, i, v)
		}
		for path, got := range map[string]any{"importDefinitionId": i.ID, "customerKey": i.Key, "name": i.Name, "allowErrors": i.AllowErrors, "sendEmailNotification": i.Mails, "destinationName": i.TargetName} {
			same(t, in, path, got)
		}
		if in.at("destinationObjectTypeId") == "310" {
			same(t, in, "destinationObjectId", i.Target)
		}
		if want := map[string]string{"0": "fail", "1": "process", "2": "skip"}[in.at("blankFileProcessingType")]; want != i.BlankFile {
			t.Errorf("%s: blank file %q, recorded %s", file, i.BlankFile, in.at("blankFileProcessingType"))
		} else if want != "" {
			blank++
		}
	}
	if blank == 0 {
		t.Error("no recording says what an empty file does")
	}
}

func recordedRows(t *testing.T) {
	for _, file := range files(t, "*/data/v1/customobjectdata/key/*/rowset/get-response.json") {
		in := treeOf(t, file)
		c, e := tape(t, file)
		set, v := c.Rows(t.Context(), e, access, "x")
		if !v.OK() {
			t.Fatalf("%s: %+v", file, v)
		}
		same(t, in, "customObjectId", set.ID)
		same(t, in, "customObjectKey", set.Key)
		same(t, in, "count", set.Count)
	}
}

func recordedDefinitions(t *testing.T) {
	for _, ch := range []sfmc.Channel{sfmc.Email, sfmc.SMS} {
		file := files(t, "9999999/messaging/v1/"+string(ch)+"/definitions/get-response.json")[0]
		in := treeOf(t, file).list("definitions")
		c, e := tape(t, file)
		p, v := c.Definitions(t.Context(), e, access, ch, 1)
		if !v.OK() || len(p.Items) != len(in) {
			t.Fatalf("%s: %d of %d, %+v", file, len(p.Items), len(in), v)
		}
		for i := range in {
			same(t, in[i], "definitionKey", p.Items[i].Key)
			same(t, in[i], "name", p.Items[i].Name)
			same(t, in[i], "status", p.Items[i].Status)
		}
	}
}

var login = sfmc.Login{Token: access}

func recordedSends(t *testing.T) {
	// The counters came into mcdev's recordings after 8.0.0; the unit tests have their shape.
	if found, _ := filepath.Glob(filepath.Join(recorded, "9999999/triggeredSendSummary/retrieve-response.xml")); len(found) == 1 {
		recordedSummary(t, found[0])
	}
	for _, file := range files(t, "9999999/triggeredSendDefinition/retrieve-*.xml") {
		c, e := tape(t, file)
		sends, list, v := c.TriggeredSends(t.Context(), e, login)
		if !v.OK() || len(sends) == 0 || list.Unread != 0 {
			t.Fatalf("%s: %+v %+v %+v", file, sends, list, v)
		}
		for _, s := range sends {
			if s.Key == "" || s.Name == "" || s.Type != "Continuous" || (s.Status != "Active" && s.Status != "New") {
				t.Errorf("%s: %+v", file, s)
			}
		}
	}
}

func recordedExtensions(t *testing.T) {
	for _, file := range files(t, "9999999/dataExtension/retrieve-response.xml") {
		c, e := tape(t, file)
		found, list, v := c.ExtensionDefinitions(t.Context(), e, login, []string{"a", "b"})
		body, _ := os.ReadFile(file)
		if rows := strings.Count(string(body), "<Results "); !v.OK() || len(found) != rows || list.Unread != 0 {
			t.Errorf("%s: %d of %d, %+v", file, len(found), rows, v)
		}
	}
}

func recordedSummary(t *testing.T, file string) {
	c, e := tape(t, file)
	sums, list, v := c.SendSummaries(t.Context(), e, login)
	if !v.OK() || len(sums) != 1 || list.Unread != 0 {
		t.Fatalf("%+v %+v %+v", sums, list, v)
	}
	s := sums[0]
	for name, n := range map[string]*int64{"Sent": s.Sent, "Errors": s.Errors, "OptOut": s.OptOut, "Undeliverable": s.Undeliverable, "Bounces": s.Bounces, "Queued": s.Queued} {
		if want := map[string]int64{"Sent": 10}[name]; n == nil || *n != want {
			t.Errorf("%s: %v", name, n)
		}
	}
}

// unrolled writes what an npm module exports as one JSON file for each name.
func unrolled(t *testing.T, module string) func(name string) string {
	t.Helper()
	dir := t.TempDir()
	const script = `import fs from "node:fs"; const m = await import(process.argv[1]);
for (const [name, v] of Object.entries(m)) fs.writeFileSync(process.argv[2] + "/" + name + (typeof v.response === "string" ? ".xml" : ".json"), typeof v.response === "string" ? v.response : JSON.stringify(v.response ?? null));`
	path, err := filepath.Abs(filepath.Join("node_modules", module))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("node", "--input-type=module", "-e", script, path, dir).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", module, err, out)
	}
	return func(name string) string { return filepath.Join(dir, name) }
}

// recordedBySDK: two pages of journeys, and a SOAP answer.
func recordedBySDK(t *testing.T) {
	rest := unrolled(t, "sfmc-sdk/test/resources/rest.js")
	read := 0
	for page, name := range []string{"journeysPage1.json", "journeysPage2.json"} {
		c, e := tape(t, rest(name))
		p, v := c.Journeys(t.Context(), e, access, sfmc.JourneyQuery{}, page+1)
		in := treeOf(t, rest(name))
		items := in.list("items")
		if !v.OK() || len(items) == 0 || len(p.Items) != len(items) || p.Unread != 0 {
			t.Fatalf("%s: %d of %d read, %+v", name, len(p.Items), len(items), v)
		}
		for i, item := range items {
			sameJourney(t, item, p.Items[i])
		}
		read += len(items)
		if more := p.More(read); more != (page == 0) {
			t.Errorf("%s: more is %v after %d of %s", name, more, read, in.at("count"))
		}
	}
	soap := unrolled(t, "sfmc-sdk/test/resources/soap.js")
	c, e := tape(t, soap("retrieveDataExtension.xml"))
	found, _, v := c.ExtensionDefinitions(t.Context(), e, login, []string{"a", "b"})
	if !v.OK() || len(found) != 1 || found[0].Key != "DC91A414-6240-48BC-BB89-7F3910D41580" {
		t.Errorf("%+v %+v", found, v)
	}
}
