package sfmc

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keepwatch"
)

func TestTriggeredSends(t *testing.T) {
	c, e, _ := soapPages(t,
		soapPage("MoreDataAvailable", soapRow("TriggeredSendDefinition", `<CustomerKey>a</CustomerKey><Name>A</Name><TriggeredSendType>Continuous</TriggeredSendType><TriggeredSendStatus>Inactive</TriggeredSendStatus>`)),
		soapPage("OK", soapRow("TriggeredSendDefinition", `<CustomerKey>b</CustomerKey>`)),
		soapPage("OK", soapRow("TriggeredSendSummary", `<CustomerKey>a</CustomerKey><Sent>10</Sent><NotSentDueToError>2</NotSentDueToError><Queued>7</Queued><Bounces xsi:nil="true"/>`)))
	sends, list, v := c.TriggeredSends(t.Context(), e, testLogin)
	if d := cmp.Diff([]TriggeredSend{{"a", "A", "Inactive", "Continuous"}}, sends); d != "" || list != (Listing{Complete: true, Calls: 2, Unread: 1}) || !v.OK() {
		t.Errorf("%s %+v %+v", d, list, v)
	}
	sums, _, v := c.SendSummaries(t.Context(), e, testLogin)
	if d := cmp.Diff([]SendSummary{{Key: "a", Sent: new(int64(10)), Errors: new(int64(2)), Queued: new(int64(7))}}, sums); d != "" || !v.OK() {
		t.Errorf("%s %+v", d, v)
	}
}

func TestDefinitionsAndQueue(t *testing.T) {
	c, e := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/messaging/v1/email/definitions":
			writeJSON(w, 200, `{"requestId":"r","definitions":[{"name":"W","definitionKey":"welcome","status":"Active"},{"name":"X","definitionKey":"x","status":"Inactive"},{"name":"y"}],"count":1,"page":1,"pageSize":3}`)
		case "/messaging/v1/sms/definitions/otp/queue":
			writeJSON(w, 200, `{"requestId":"r","count":22,"ageSeconds":45}`)
		default:
			writeJSON(w, 200, `{"requestId":"r","ageSeconds":45}`)
		}
	})
	p, v := c.Definitions(t.Context(), e, testAccess, Email, 1)
	if d := cmp.Diff([]Definition{{"welcome", "W", "Active"}, {"x", "X", "Inactive"}}, p.Items); d != "" || !v.OK() || !p.More(3) {
		t.Errorf("%s %+v %+v: the count is not that of all", d, p, v)
	}
	if q, v := c.Queue(t.Context(), e, testAccess, SMS, "otp"); q != (Queue{22, 45 * time.Second}) || !v.OK() {
		t.Errorf("%+v %+v", q, v)
	}
	if _, v := c.Queue(t.Context(), e, testAccess, Email, "x"); v.Outcome != keepwatch.UnexpectedResponse {
		t.Errorf("%+v", v)
	}
}

const feedPage = `{"lastEventID":35774,"messages":[
{"statusCode":26,"statusMessage":"BuildEmailError","eventCategoryType":"TransactionalSendEvents.EmailNotSent","timestamp":"2026-11-24T01:00:00.947","definitionKey":"welcome","eventID":35760,"info":{"messageKey":"m","contactKey":"SECRET-PERSON"}},
{"timestamp":"2026-11-24T01:00:01","definitionKey":"welcome","eventID":35761,"info":{"statusCode":1,"statusMessage":"Unsubscribed"}},{"statusCode":1}],"count":3}`

func TestNotSent(t *testing.T) {
	var asked string
	body := feedPage
	c, e := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.RequestURI()
		writeJSON(w, 200, body)
	})
	events, next, v := c.NotSent(t.Context(), e, testAccess, Email, 35000)
	at := time.Date(2026, 11, 24, 7, 0, 0, 0, time.UTC)
	want := []NotSent{{35760, at.Add(947 * time.Millisecond), "welcome", 26, "BuildEmailError"}, {35761, at.Add(time.Second), "welcome", 1, "Unsubscribed"}}
	if d := cmp.Diff(want, events); d != "" || next != 35774 || !v.OK() || asked != "/messaging/v1/email/messages/?$pagesize=200&lastEventId=35000&type=notSent" {
		t.Errorf("%s %d %s %+v", d, next, asked, v)
	}
	// The cursor never goes back: what was counted would be counted twice.
	if _, next, v := c.NotSent(t.Context(), e, testAccess, Email, 40000); next != 40000 || !v.OK() {
		t.Errorf("%d %+v", next, v)
	}
	body = `{"lastEventID":0,"count":0}`
	if events, next, v := c.NotSent(t.Context(), e, testAccess, Email, 5); len(events) != 0 || next != 5 || !v.OK() || strings.Contains(asked, "lastEventId=0") {
		t.Errorf("%v %d %+v", events, next, v)
	}
	for code, fault := range map[int]Fault{1: FaultContact, 14: FaultContact, 26: FaultContent, 43: FaultPlatform, 139: FaultPlatform, 140: FaultConfiguration, 0: FaultOther, 99: FaultOther} {
		if FaultOf(code) != fault {
			t.Errorf("%d: %s", code, FaultOf(code))
		}
	}
}

func sign(body string, key string) string {
	sum := hmac.New(sha256.New, []byte(key))
	sum.Write([]byte(body))
	return base64.StdEncoding.EncodeToString(sum.Sum(nil))
}

func TestSignedENS(t *testing.T) {
	const body = `[{"eventCategoryType":"x.y"}]`
	good := sign(body, "new-key")
	keys := []keepwatch.Secret{secret("old-key"), secret("new-key")}
	if !SignedENS(good, []byte(body), keys...) || !SignedENS(sign(body, "old-key"), []byte(body), keys...) {
		t.Error("a good signature is refused")
	}
	for name, s := range map[string]string{"another key": sign(body, "x"), "no base64": "%%%", "none": "", "another body": sign(body+" ", "new-key"), "cut": good[:20], "of an empty key": sign(body, "")} {
		if SignedENS(s, []byte(body), append(keys, keepwatch.Secret{})...) {
			t.Errorf("%s: taken", name)
		}
	}
	if SignedENS(good, []byte(body)) {
		t.Error("taken without a key")
	}
}

const ensBatch = `[{"eventCategoryType":"TransactionalSendEvents.EmailNotSent","timestampUTC":1795500000000,"definitionKey":"welcome","mid":510000123,"eid":1,"info":{"subscriberKey":"SECRET-PERSON","to":"a@example.com","statusCode":26,"statusMessage":"BuildEmailError"}},
{"eventCategoryType":"SendEvents.AutomationInstanceErrored","timestampUTC":1795500000000,"mid":510000123,"automationName":"Nightly","automationCustomerKey":"nightly","automationInstanceStatus":"Error"},{"x":1},7]`

func TestParseENS(t *testing.T) {
	events, unread, ok := ParseENS([]byte(ensBatch))
	at := time.UnixMilli(1795500000000).UTC()
	want := []Event{
		{Type: "TransactionalSendEvents.EmailNotSent", At: at, Unit: 510000123, Definition: "welcome", Code: 26, Reason: "BuildEmailError"},
		{Type: "SendEvents.AutomationInstanceErrored", At: at, Unit: 510000123, Automation: "nightly", Name: "Nightly", Status: "Error"},
	}
	if d := cmp.Diff(want, events); d != "" || unread != 2 || !ok {
		t.Errorf("%s %d %v", d, unread, ok)
	}
	for _, body := range []string{"", "{}", "[", `{"callbackId":"c"}`, "[1,]", strings.Repeat("[", 20_000)} {
		if _, _, ok := ParseENS([]byte(body)); ok {
			t.Errorf("%.20q is a batch", body)
		}
	}
	if v, ok := ParseVerification([]byte(`{"callbackId":"3fae1f0e-72fb-4e0e-8e0f-0a6a9c1f2b77","verificationKey":"abc.def-1"}`)); !ok || string(v.Key.Reveal()) != "abc.def-1" {
		t.Errorf("%+v %v", v, ok)
	}
	for _, body := range []string{`{"callbackId":"a b","verificationKey":"x"}`, `{"callbackId":"a"}`, `[]`, `{"callbackId":"a","callbackId":"b","verificationKey":"x"}`, ""} {
		if _, ok := ParseVerification([]byte(body)); ok {
			t.Errorf("%s is a verification", body)
		}
	}
}

func TestVerifyENS(t *testing.T) {
	status := 200
	c, e := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, 200)
		n, _ := r.Body.Read(body)
		if r.URL.Path != "/platform/v1/ens-verify" || string(body[:n]) != `{"callbackId":"c-1","verificationKey":"key-0123456789-abc"}` {
			t.Errorf("%s %s", r.URL.Path, body[:n])
		}
		w.Header().Set("Content-Type", jsonType)
		w.WriteHeader(status)
		if status != 200 {
			_, _ = w.Write([]byte(`{"message":"key-0123456789-abc is wrong","errorcode":10000}`))
		}
	})
	verification := Verification{"c-1", secret("key-0123456789-abc")}
	if v := c.VerifyENS(t.Context(), e, testAccess, verification); !v.OK() {
		t.Errorf("%+v", v)
	}
	status = 400
	if v := c.VerifyENS(t.Context(), e, testAccess, verification); v.Outcome != keepwatch.BadRequest || strings.Contains(v.Evidence, "key-0123") {
		t.Errorf("%+v", v)
	}
}

func FuzzSends(f *testing.F) {
	f.Add(feedPage, int64(5))
	f.Add(ensBatch, int64(0))
	f.Add(`{"callbackId":"c","verificationKey":"`+canary+`"}`, int64(0))
	f.Add(`{"definitions":[{"definitionKey":"k","status":"Active"}],"count":1}`, int64(0))
	names := newVeil([][]byte{[]byte(canary)})
	f.Fuzz(func(t *testing.T, body string, after int64) {
		r := fuzzed(OnREST, 200, "", body)
		events, next, v := parseNotSent(r, max(after, 0), names)
		judge(t, v)
		if next < after {
			t.Fatalf("the cursor went from %d to %d", after, next)
		}
		for _, e := range events {
			if e.Definition == "" || strings.Contains(e.Definition+e.Reason, canary) {
				t.Fatalf("%+v", e)
			}
		}
		batch, _, _ := ParseENS([]byte(body), secret(canary))
		for _, e := range batch {
			if strings.Contains(e.Type+e.Definition+e.Automation+e.Name+e.Reason, canary) {
				t.Fatalf("%+v", e)
			}
		}
		if v, ok := ParseVerification([]byte(body)); ok && (v.Callback == "" || v.Key.Empty()) {
			t.Fatalf("%+v", v)
		}
		SignedENS(body, []byte(body), secret(canary))
		_, v = pageOf(r, 50, func(entry []byte) (Definition, bool) { return definitionOf(entry, names) }, "definitions")
		judge(t, v)
	})
}
