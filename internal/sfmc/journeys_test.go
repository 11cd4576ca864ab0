package sfmc

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keepwatch"
)

var testAccess = secret("tok-0123456789-abcdefghij")

const oneJourney = `{"id":"0175b971-71a3-4d8e-98ac-48121f3fbf4f","key":"welcome","name":"Welcome","version":3,"lastPublishedDate":"2026-01-02T03:04:05",
"stats":{"currentPopulation":7,"cumulativePopulation":1200.0},"definitionType":"Multistep","entryMode":"MultipleEntries","status":"Published","definitionId":"d-3",
"triggers":[{"type":"APIEvent","metaData":{"eventDefinitionId":"e-1","eventDefinitionKey":"APIEvent-1"}}],"activities":[{"id":"a","key":"REST-1","name":"Call","type":"REST"}]}`

func TestJourneys(t *testing.T) {
	var asked []string
	c, e := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.RequestURI())
		writeJSON(w, 200, `{"count":51,"page":1,"pageSize":500,"items":[`+oneJourney+`,{"key":"no id"}]}`)
	})
	p, v := c.Journeys(t.Context(), e, testAccess, JourneyQuery{Status: "Published", AllVersions: true}, 2)
	want := Journey{
		ID: "0175b971-71a3-4d8e-98ac-48121f3fbf4f", Definition: "d-3", Key: "welcome", Name: "Welcome", Version: 3, Status: "Published", Type: "Multistep", EntryMode: "MultipleEntries",
		Published: time.Date(2026, 1, 2, 9, 4, 5, 0, time.UTC), Entered: new(int64(1200)), Inside: new(int64(7)),
		Triggers: []JourneyTrigger{{"APIEvent", "e-1", "APIEvent-1"}}, Activities: []JourneyActivity{{"a", "REST-1", "Call", "REST"}},
	}
	if d := cmp.Diff([]Journey{want}, p.Items); d != "" || !v.OK() || p.Read != 2 || p.Unread != 1 || !p.More(2) || p.More(51) {
		t.Errorf("%s %+v %+v", d, p, v)
	}
	if got, want := asked[0], "/interaction/v1/interactions?$page=2&$pageSize=50&extras=stats&mostRecentVersionOnly=false&status=Published"; got != want {
		t.Errorf("asked %s", got)
	}
	if _, v := c.Journey(t.Context(), e, testAccess, "a/b c", 0); v.Outcome != keepwatch.UnexpectedResponse || !strings.HasPrefix(asked[1], "/interaction/v1/interactions/a%2Fb%20c?") || !strings.Contains(asked[1], "versionNumber=1") {
		t.Errorf("%s %+v", asked[1], v)
	}
}

// A list that is empty comes without items; one page may be shorter than it was asked
// to be, and then the count decides.
func TestPagesEnd(t *testing.T) {
	take := func(entry []byte) (string, bool) { return string(entry), true }
	for body, more := range map[string]bool{
		`{"count":0,"page":1,"pageSize":50,"links":{}}`:                         false,
		`{"count":1,"page":1,"pageSize":50,"items":[1]}`:                        false,
		`{"count":60,"page":1,"pageSize":50,"items":[1,2]}`:                     true,  // capped without saying so
		`{"count":2,"page":1,"pageSize":2,"items":[1,2]}`:                       true,  // perhaps of the page only
		`{"Count":9,"Page":1,"Items":[1,2]}`:                                    true,  // as the documentation writes it
		`{"count":2,"page":1,"pageSize":50,"items":null}`:                       false, //
		`{"startIndex":0,"itemsPerPage":50,"totalResults":4,"entry":[1,2,3,4]}`: false,
		`[1,2]`: false,
	} {
		p, v := pageOf(replyOf(OnREST, 200, "", body), 50, take, "items", "entry")
		if !v.OK() || p.More(p.Read) != more {
			t.Errorf("%s: %+v %+v", body, p, v)
		}
	}
	for _, body := range []string{`{"items":{"a":1}}`, `{"items":"x"}`, `{}`, `{"message":"no"}`, `<html></html>`, ``, `{"items":[1,`, `{"count":1,"count":2,"items":[]}`} {
		if _, v := pageOf(replyOf(OnREST, 200, "", body), 50, take, "items"); v.OK() {
			t.Errorf("%q is taken", body)
		}
	}
}

func TestCount(t *testing.T) {
	for raw, want := range map[string]int64{"0": 0, "7": 7, `"7"`: 7, "7.0": 7, "1200.000": 1200, "999999999999999999": 999999999999999999} {
		if n := count([]byte(raw)); n == nil || *n != want {
			t.Errorf("%s: %v", raw, n)
		}
	}
	for _, raw := range []string{"", "null", "-1", "1.5", "1e9", "x", "{}", "[1]", "99999999999999999999", `""`} {
		if n := count([]byte(raw)); n != nil {
			t.Errorf("%s: %d", raw, *n)
		}
	}
}

func TestEventDefinition(t *testing.T) {
	const body = `{"id":"161b64a1-1867-4272-8c5c-4d7abe880702","type":"AutomationAudience","name":"n","eventDefinitionKey":"k","dataExtensionId":"21711373-72c1-ec11-b83b-48df37d1deb7","dataExtensionName":"Orders",
	"arguments":{"automationId":"8f82c2a7-0bae-45a9-bdee-e631ab25c0d5"},"metaData":{"scheduleFlowMode":"automation"},"automationId":"00000000-0000-0000-0000-000000000000","category":"Audience","publishedInteractionCount":1,
	"schedule":{"startDateTime":"2024-11-07T12:15:00","endDateTime":"2079-06-06T00:00:00","timeZone":"W. Europe Standard Time","occurrences":478403,"endType":"EndDate","frequency":"Hourly","recurrencePattern":"Interval","interval":1}}`
	c, e := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.EscapedPath() != "/interaction/v1/eventDefinitions/key:k%2F1" {
			t.Errorf("asked %s", r.URL.EscapedPath())
		}
		writeJSON(w, 200, body)
	})
	d, v := c.EventDefinition(t.Context(), e, testAccess, "k/1")
	if !v.OK() || d.Automation != "8f82c2a7-0bae-45a9-bdee-e631ab25c0d5" || !d.Batch() || d.ExtensionName != "Orders" || *d.Published != 1 || d.Recurrence == nil {
		t.Fatalf("%+v %+v", d, v)
	}
	at := time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)
	if last := d.Recurrence.Last(at); !last.Equal(time.Date(2026, 11, 24, 5, 15, 0, 0, time.UTC)) || d.Recurrence.Every() != time.Hour {
		t.Errorf("last planned %s", last)
	}
}

func TestHistory(t *testing.T) {
	answers := map[string]string{
		"/interaction/v1/interactions/journeyhistory/freshness": `{"freshness":1200}`,
		"/interaction/v1/interactions/journeyhistory/estimate":  `{"fileSize":900,"rowCount":5,"compressedFileSize":90}`,
		"/interaction/v1/interactions/journeyhistory/search": `{"count":3,"page":1,"pageSize":500,"items":[
			{"contactKey":"SECRET-PERSON","activityName":"Call","activityType":"REST","status":"Complete"},
			{"contactKey":"SECRET-PERSON","activityName":"Call","activityType":"rest","status":"Failed"},
			{"contactKey":"SECRET-PERSON","activityName":"Wait","activityType":"WAITACTIVITY","status":"ContactAlreadyInInteraction"},{"status":"x"}]}`,
		"/interaction/v1/triggerstats/e-1":    `{"statuses":[{"eventType":"ContactAttempted","count":9},{"eventType":"MetCriteria","count":"4"},{"eventType":"Failed","count":-1},{"eventType":"Other","count":1}]}`,
		"/interaction/v1/async/events/status": `{"count":3,"page":1,"pageSize":1,"items":[{"contactKey":"SECRET-PERSON"}]}`,
		"/interaction/v1/interactions/j-1/audit/all": `{"Count":3,"Page":1,"PageSize":50,"Items":[{"Action":"Stop","User":{"Name":"Ada"},"TimeStamp":"2026-11-24T01:00:00.73","VersionNumber":2},
			{"action":"Publish","user":{"name":"Bob"},"timeStamp":"2026-11-20T01:00:00","publishStatus":"PublishCompleted"},{"action":"Modify","timeStamp":"never"}]}`,
	}
	c, e := serve(t, func(w http.ResponseWriter, r *http.Request) { writeJSON(w, 200, answers[r.URL.Path]) })
	ctx := t.Context()
	if lag, v := c.HistoryLag(ctx, e, testAccess); lag != 20*time.Minute || !v.OK() {
		t.Errorf("lag %s %+v", lag, v)
	}
	q := HistoryQuery{Start: time.Unix(0, 0), End: time.Unix(3600, 0), Definitions: []string{"d"}}
	if n, v := c.HistoryEstimate(ctx, e, testAccess, q); n != 5 || !v.OK() {
		t.Errorf("estimate %d %+v", n, v)
	}
	moved, p, v := c.History(ctx, e, testAccess, q)
	if d := cmp.Diff([]Moved{{"Call", "rest", 1, 1}, {"Wait", "waitactivity", 1, 0}}, moved); d != "" || p.Unread != 1 || !v.OK() {
		t.Errorf("%s %+v %+v", d, p, v)
	}
	if s, v := c.TriggerStats(ctx, e, testAccess, "e-1"); !v.OK() || *s.Attempted != 9 || *s.Met != 4 || s.Failed != nil || s.Waiting != nil {
		t.Errorf("%+v %+v", s, v)
	}
	if n, v := c.ErroredEvents(ctx, e, testAccess, "k", time.Unix(0, 0), time.Unix(1, 0)); !v.OK() || n == nil || *n != 3 {
		t.Errorf("%v %+v", n, v)
	}
	audit, v := c.JourneyAudit(ctx, e, testAccess, "j-1", 2)
	if len(audit) != 2 || audit[0] != (JourneyChange{Action: "Stop", By: "Ada", At: time.Date(2026, 11, 24, 7, 0, 0, 73e7, time.UTC), Version: 2}) || !v.OK() {
		t.Errorf("%+v %+v", audit, v)
	}
}

func TestANumberWhoseNameIsNotKnown(t *testing.T) {
	for body, want := range map[string]int64{`1200`: 1200, `"1200"`: 1200, `{"x":7}`: 7, `{"a":"text","lagInSeconds":9,"b":3}`: 9, `{"rows":0}`: 0} {
		if n, v := numberIn(replyOf(OnREST, 200, "", body), "lag", "row"); n == nil || *n != want || !v.OK() {
			t.Errorf("%s: %v %+v", body, n, v)
		}
	}
	for _, body := range []string{`{"a":1,"b":2}`, `{"a":"x"}`, `-1`, `{}`, `{"errorcode":10000,"message":"bad"}`, `[]`} {
		if n, v := numberIn(replyOf(OnREST, 200, "", body), "lag"); v.OK() {
			t.Errorf("%s: %d", body, *n)
		}
	}
}

// What a server was told comes back nowhere, and what is no key is none.
func TestKeysThatRepeatASecretAreNone(t *testing.T) {
	token := string(testAccess.Reveal())
	c, e := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, 200, strings.NewReplacer(`"welcome"`, `"`+token[4:18]+`"`, `"Welcome"`, `"`+token+`"`).Replace(`{"count":2,"items":[`+oneJourney+`,`+strings.ReplaceAll(oneJourney, `"key":"welcome"`, `"key":"w"`)+`]}`))
	})
	for _, ctx := range []any{0, 1} {
		context := Hiding(t.Context(), testAccess)
		if ctx == 1 {
			context = Veiling(context)
		}
		p, v := c.Journeys(context, e, testAccess, JourneyQuery{}, 1)
		if len(p.Items) != 1 || p.Unread != 1 || p.Items[0].Name != withheld || !v.OK() {
			t.Errorf("%+v %+v", p, v)
		}
	}
	// A veil that was cut for another token is not trusted.
	other := Veiling(Hiding(t.Context(), secret("something-quite-different")))
	if p, _ := c.Journeys(other, e, testAccess, JourneyQuery{}, 1); len(p.Items) != 1 || p.Items[0].Name != withheld {
		t.Errorf("%+v", p)
	}
}

func journeyPage(n int) string {
	items := make([]string, n)
	for i := range items {
		items[i] = strings.ReplaceAll(oneJourney, `"welcome"`, fmt.Sprintf(`"welcome-%d"`, i))
	}
	return `{"count":2000,"page":1,"pageSize":50,"links":{},"items":[` + strings.Join(items, ",") + `]}`
}

func BenchmarkJourneyPage(b *testing.B) {
	body := journeyPage(50)
	names := newVeil([][]byte{testAccess.Reveal()})
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		p, v := pageOf(replyOf(OnREST, 200, "", body), 50, func(entry []byte) (Journey, bool) { return journeyOf(entry, names) }, "items")
		if len(p.Items) != 50 || !v.OK() {
			b.Fatal(v)
		}
	}
}

func FuzzJourneyPages(f *testing.F) {
	f.Add(journeyPage(2))
	f.Add(`{"Count":3,"Items":[{"Action":"Stop","User":{"Name":"Ada"},"TimeStamp":"2026-11-24T01:00:00.73"}]}`)
	f.Add(`{"items":[{"id":"1","eventDefinitionKey":"k","schedule":{"frequency":"Hourly","startDateTime":"2024-11-07T12:15:00","timeZone":"UTC","interval":-3}}]}`)
	f.Add(`{"statuses":[{"eventType":"Failed","count":1}],"` + canary + `":1}`)
	names := newVeil([][]byte{[]byte(canary)})
	f.Fuzz(func(t *testing.T, body string) {
		r := fuzzed(OnREST, 200, "", body)
		p, v := pageOf(r, 50, func(entry []byte) (Journey, bool) { return journeyOf(entry, names) }, "items")
		judge(t, v)
		for _, j := range p.Items {
			if j.Key == "" || strings.Contains(j.Key+j.Name+j.Status, canary) || len(j.Name) > maxName || (j.Entered != nil && *j.Entered < 0) || j.Version < 0 {
				t.Fatalf("%+v", j)
			}
		}
		events, v := pageOf(r, 50, func(entry []byte) (EventDefinition, bool) { return eventOf(entry, names) }, "items")
		judge(t, v)
		for _, d := range events.Items {
			if d.Recurrence != nil {
				d.Recurrence.Last(time.Unix(1_800_000_000, 0))
			}
		}
		_, v = pageOf(r, 50, func(entry []byte) (JourneyChange, bool) { return changeOf(entry, names) }, "items")
		judge(t, v)
		_, v = parseTriggerStats(r)
		judge(t, v)
		n, v := numberIn(r, "row")
		judge(t, v)
		if v.OK() != (n != nil) {
			t.Fatalf("%v %+v", n, v)
		}
	})
}
