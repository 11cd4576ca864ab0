package collect_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/collect"
)

func version(key string, number int, status string, entered any) row {
	j := row{
		"id": "id-" + key, "definitionId": "d-" + key, "key": key, "name": "The " + key, "version": number, "status": status, "definitionType": "Multistep", "lastPublishedDate": "2026-11-01T00:00:00",
	}
	if entered != nil {
		j["stats"] = row{"currentPopulation": 4, "cumulativePopulation": entered}
	}
	return j
}

func TestAJourneyIsAllItsVersions(t *testing.T) {
	r := newRig(t, keepwatch.FamilyJourneys)
	r.want(keepwatch.SubjectJourney, "welcome")
	r.account.journeys = []row{version("welcome", 1, "Stopped", 500), version("welcome", 2, "Unpublished", 100), version("welcome", 3, "Published", 20), version("welcome", 4, "Draft", 0), version("other", 1, "Published", 9)}
	found, summary := r.look()
	j := found["journey/welcome:entry"].Watch.Reading.Journey
	if summary.Outcome != keepwatch.OK || j.Status != "Published" || j.Version != 3 || j.Versions != 2 || *j.Entered != 120 || *j.Inside != 8 {
		t.Errorf("%+v %+v", j, summary)
	}
	if found["journey/welcome:entry"].Watch.Subject.Name != "The welcome" || len(found) > 2 {
		t.Errorf("found %v", found)
	}
	if r.account.asked["journeys"] != 1 || r.account.asked["token"] != 1 {
		t.Errorf("asked %v: one wanted journey is asked for by its key", r.account.asked)
	}
}

func TestEveryRunningJourneyIsWatchedWithAll(t *testing.T) {
	r := newRig(t, keepwatch.FamilyJourneys)
	r.job.All = true
	for i := range 60 {
		r.account.journeys = append(r.account.journeys, version("j"+string(rune('A'+i)), 1, "Published", i))
	}
	r.account.journeys = append(r.account.journeys, version("draft", 1, "Draft", 0), version("done", 1, "Unpublished", 7))
	temail := version("temail", 1, "Published", nil)
	temail["definitionType"] = "Transactional"
	r.account.journeys = append(r.account.journeys, temail)
	found, _ := r.look()
	if len(found) != 61 || found["journey/draft:entry"].Watch != nil || r.account.asked["journeys"] != 3 {
		t.Errorf("%d found with %v", len(found), r.account.asked)
	}
	// One that stops is asked after once, and told.
	r.account.journeys[0]["status"] = "Stopped"
	found, summary := r.look()
	if j := found["journey/jA:entry"]; j.Watch == nil || j.Watch.Reading.Journey.Status != "Stopped" || j.Watch.Reading.Journey.ChangedBy != "Ada" || summary.Outcome != keepwatch.OK {
		t.Errorf("%+v %+v", j.Watch, summary)
	}
	if _, _ = r.look(); r.account.asked["journeys"] != 3 {
		t.Errorf("asked again: %v", r.account.asked)
	}
}

// A journey that looks silent is looked at closely: where its contacts come from, what
// became of them, and whether those inside still move.
func TestASilentJourneyIsLookedAtClosely(t *testing.T) {
	r := newRig(t, keepwatch.FamilyJourneys)
	r.want(keepwatch.SubjectJourney, "welcome")
	r.account.journeys = []row{version("welcome", 1, "Published", 20)}
	detail := version("welcome", 1, "Published", 20)
	detail["triggers"] = []row{{"type": "APIEvent", "metaData": row{"eventDefinitionKey": "APIEvent-1"}}}
	r.account.details["id-welcome"] = detail
	r.account.events["APIEvent-1"] = row{"id": "e-1", "eventDefinitionKey": "APIEvent-1", "type": "APIEvent", "category": "Event", "dataExtensionName": "Orders"}
	found, _ := r.look()
	j := found["journey/welcome:entry"].Watch.Reading.Journey
	if j.EventKey != "APIEvent-1" || j.EventType != "APIEvent" || j.Extension != "Orders" || !j.BatchDueAt.IsZero() || j.Attempted != nil || j.Moved != nil || r.account.asked["triggerstats"] != 0 {
		t.Errorf("%+v with %v", j, r.account.asked)
	}
	a := found["journey/welcome:activities"]
	if a.Watch == nil || a.Gap != time.Hour || len(a.Watch.Reading.Journey.Activities) != 1 || a.Watch.Reading.Journey.Activities[0] != (keepwatch.ActivityReading{Name: "Call", Kind: "rest", Done: 1, Failed: 1}) {
		t.Errorf("%+v", a.Watch)
	}
	found, summary := r.look()
	j = found["journey/welcome:entry"].Watch.Reading.Journey
	if summary.Outcome != keepwatch.OK || *j.Attempted != 9 || *j.Met != 0 || *j.Failed != 2 || *j.Errored != 3 || *j.Moved != 5 || *j.HistoryLag != 20*time.Minute {
		t.Errorf("%+v %+v", j, summary)
	}
	if r.account.asked["journey"]+r.account.asked["event"]+r.account.asked["search"] != 0 {
		t.Errorf("asked again: %v", r.account.asked)
	}
	r.account.journeys[0]["stats"] = row{"cumulativePopulation": 21, "currentPopulation": 4}
	if found, _ = r.look(); found["journey/welcome:entry"].Watch.Reading.Journey.Attempted != nil || r.account.asked["triggerstats"] != 0 {
		t.Errorf("a journey that is entered is still looked at: %v", r.account.asked)
	}
}

func TestABatchSourceHasAPlan(t *testing.T) {
	r := newRig(t, keepwatch.FamilyJourneys)
	r.want(keepwatch.SubjectJourney, "welcome")
	r.account.journeys = []row{version("welcome", 1, "Published", 20)}
	detail := version("welcome", 1, "Published", 20)
	detail["triggers"] = []row{{"type": "EmailAudience", "metaData": row{"eventDefinitionKey": "DE-1"}}}
	r.account.details["id-welcome"] = detail
	event := row{"id": "e-1", "eventDefinitionKey": "DE-1", "type": "EmailAudience", "category": "Audience", "schedule": row{"startDateTime": "2026-11-01T03:00:00", "timeZone": "W. Europe Standard Time", "frequency": "Daily", "interval": 1}}
	r.account.events["DE-1"] = event
	found, _ := r.look()
	if j := found["journey/welcome:entry"].Watch.Reading.Journey; !j.BatchDueAt.Equal(time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)) {
		t.Errorf("due %s", j.BatchDueAt)
	}
	// Without a plan that is understood nothing is promised after the begin.
	delete(event, "schedule")
	r.job.At = r.job.At.Add(7 * time.Hour)
	found, _ = r.look()
	if j := found["journey/welcome:entry"].Watch.Reading.Journey; !j.BatchDueAt.Equal(time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC)) {
		t.Errorf("due %s", j.BatchDueAt)
	}
}

func TestAJourneyThatIsGone(t *testing.T) {
	r := newRig(t, keepwatch.FamilyJourneys)
	r.want(keepwatch.SubjectJourney, "welcome", "wellcome")
	r.account.journeys = []row{version("welcome", 1, "Published", 20)}
	found, summary := r.look()
	if summary.Outcome != keepwatch.MonitorFault || !strings.Contains(summary.Message, "wellcome") || summary.Hint == "" || len(found) == 0 {
		t.Errorf("%+v", summary)
	}
	r.account.journeys = []row{}
	r.job.Wanted = r.job.Wanted[:1]
	found, summary = r.look()
	if j := found["journey/welcome:entry"].Watch; j == nil || j.Reading.Journey.Status != "Deleted" || j.Reading.Journey.Entered != nil || summary.Outcome != keepwatch.OK {
		t.Errorf("%+v %+v", j, summary)
	}
}

func TestADeadReaderIsNamed(t *testing.T) {
	r := newRig(t, keepwatch.FamilyJourneys)
	r.want(keepwatch.SubjectJourney, "welcome")
	r.account.journeys = []row{version("welcome", 1, "Published", 20)}
	r.account.deny["w"] = true
	found, summary := r.look()
	if len(found) != 0 || summary.Outcome != keepwatch.MonitorFault || !strings.Contains(summary.Message, `"watcher"`) || !strings.Contains(summary.Message, "the reader itself is the trouble") || summary.Step != "token:watcher" {
		t.Errorf("%+v", summary)
	}
	// The next reader is taken.
	second := r.job.Readers[0]
	second.ID, second.ClientID = "second", "s"
	r.job.Readers = append(r.job.Readers, second)
	if found, summary = r.look(); len(found) == 0 || summary.Outcome != keepwatch.OK || r.account.asked["token"] != 2 {
		t.Errorf("%+v with %v", summary, r.account.asked)
	}
	r.account.deny["w"] = false
	r.account.breaks("token", http.StatusServiceUnavailable, `{"message":"down","errorcode":50300}`)
	if _, summary = r.look(); !strings.Contains(summary.Message, "SFMC could not be asked") || r.account.asked["token"] != 2 {
		t.Errorf("%+v with %v", summary, r.account.asked)
	}
	r.job.Readers = nil
	if _, summary = r.look(); summary.Outcome != keepwatch.MonitorFault || len(r.account.asked) != 0 {
		t.Errorf("%+v", summary)
	}
	r.job.Readers = []keepwatch.Credential{{ID: "x", Kind: keepwatch.APIUser}, {ID: "y", Kind: keepwatch.ServerToServer, SecretRef: "env:BROKEN"}}
	if _, summary = r.look(); summary.Outcome != keepwatch.MonitorFault || !strings.Contains(summary.Message, "api_user") || len(r.account.asked) != 0 {
		t.Errorf("%+v", summary)
	}
}

// What one reader may not, another may; what nobody may is not asked for a day.
func TestARouteThatIsNotOffered(t *testing.T) {
	r := newRig(t, keepwatch.FamilyDataExtensions)
	r.want(keepwatch.SubjectDataExtension, "orders")
	r.account.rows["orders"] = row{"customObjectId": "D-1", "customObjectKey": "orders", "count": 5}
	r.account.breaks("rowset", http.StatusForbidden, insufficient)
	second := r.job.Readers[0]
	second.ID, second.ClientID = "second", "s"
	r.job.Readers = append(r.job.Readers, second)
	found, summary := r.look()
	if len(found) != 0 || summary.Outcome != keepwatch.MonitorFault || r.account.asked["rowset"] != 2 || r.account.asked["token"] != 2 || !strings.Contains(summary.Hint, "data_extensions_read") {
		t.Errorf("%+v with %v", summary, r.account.asked)
	}
	delete(r.account.fail, "rowset")
	if found, summary = r.look(); len(found) != 0 || summary.Outcome != keepwatch.MonitorFault || r.account.asked["rowset"] != 0 {
		t.Errorf("asked again: %v %+v", r.account.asked, summary)
	}
	if i := slices.IndexFunc(summary.Steps, func(s keepwatch.Step) bool { return s.Name == collect.RouteRows }); i < 0 || !strings.Contains(summary.Steps[i].Evidence, "not offered") {
		t.Errorf("steps %+v", summary.Steps)
	}
	r.job.At = r.job.At.Add(24 * time.Hour)
	if found, summary = r.look(); len(found) != 1 || summary.Outcome != keepwatch.OK {
		t.Errorf("after a day: %+v", summary)
	}
}

// A token that a route does not take, although another one took it, lacks a scope.
func TestA401BesideAGoodReadIsAMissingScope(t *testing.T) {
	r := newRig(t, keepwatch.FamilyJourneys)
	r.want(keepwatch.SubjectJourney, "welcome")
	r.account.journeys = []row{version("welcome", 1, "Published", 20)}
	r.account.breaks("journey", http.StatusUnauthorized, `{"message":"Not Authorized","errorcode":0}`)
	_, summary := r.look()
	i := slices.IndexFunc(summary.Steps, func(s keepwatch.Step) bool { return s.Name == collect.RouteJourneyDetail })
	if summary.Outcome != keepwatch.OK || i < 0 || summary.Steps[i].Outcome != keepwatch.ScopeMissing {
		t.Errorf("%+v", summary)
	}
	if _, _ = r.look(); r.account.asked["journey"] != 0 {
		t.Errorf("asked again: %v", r.account.asked)
	}
}

func TestARouteThatIsSwitchedOffIsNotAsked(t *testing.T) {
	r := newRig(t, keepwatch.FamilyJourneys)
	r.want(keepwatch.SubjectJourney, "welcome")
	r.account.journeys = []row{version("welcome", 1, "Published", 20)}
	for _, route := range collect.Routes {
		r.job.Off = append(r.job.Off, route.Name)
	}
	found, summary := r.look()
	if len(found) != 0 || summary.Outcome != keepwatch.OK || len(r.account.asked) != 1 {
		t.Errorf("%+v with %v", summary, r.account.asked)
	}
}

// SFMC that asks for rest gets it: nothing is asked after that.
func TestThrottlingEndsALook(t *testing.T) {
	r := newRig(t, keepwatch.FamilyDataExtensions)
	r.want(keepwatch.SubjectDataExtension, "a", "b", "c")
	r.account.breaks("rowset", http.StatusTooManyRequests, `{"message":"Rate limit exceeded","errorcode":50100,"retryAfter":5}`)
	found, summary := r.look()
	if len(found) != 0 || summary.Outcome != keepwatch.MonitorFault || r.account.asked["rowset"] != 1 {
		t.Errorf("%+v with %v", summary, r.account.asked)
	}
}

// Answers that are nonsense are no counters.
func TestHostileAnswers(t *testing.T) {
	for _, family := range keepwatch.Families {
		for _, body := range []string{`<html>proxy</html>`, `{"items":"no"}`, `{"items":[{"key":7,"status":[]},[],null,"x"],"entry":[{"id":{}}],"definitions":[{"definitionKey":"` + open + `","status":"Active"}],"count":4}`, `[`, ``, `{"count":-1,"count":2}`} {
			r := newRig(t, family)
			r.job.All = true
			for route := range map[string]int{"journeys": 1, "extensions": 1, "automations": 1, "definitions": 1, "health": 1, "queue": 1, "feed": 1, "soap:TriggeredSendDefinition": 1, "soap:TriggeredSendSummary": 1} {
				r.account.breaks(route, 200, body)
			}
			found, summary := r.look()
			if len(found) != 0 || !summary.Outcome.Known() || strings.Contains(summary.Message+summary.Evidence, open) {
				t.Errorf("%s: %q: %v %+v", family, body, found, summary)
			}
		}
	}
}

func TestTheDayIsBounded(t *testing.T) {
	r := newRig(t, keepwatch.FamilyDataExtensions)
	r.want(keepwatch.SubjectDataExtension, "orders")
	r.account.rows["orders"] = row{"customObjectId": "D-1", "customObjectKey": "orders", "count": 5}
	r.job.Allowance = 5
	total := 0
	for range 10 {
		_, summary := r.look()
		for _, n := range r.account.asked {
			total += n
		}
		if summary.Outcome == keepwatch.MonitorFault && !strings.Contains(summary.Message, "calls of the day") {
			t.Errorf("%+v", summary)
		}
	}
	if total != 5 {
		t.Errorf("%d calls", total)
	}
	r.job.At = r.job.At.Add(24 * time.Hour)
	if found, _ := r.look(); len(found) != 1 {
		t.Error("the next day is not a new one")
	}
}
