package sfmc

import (
	"strings"
	"testing"
	"time"

	"keepwatch"
)

// judge holds what every answer has to hold: a known outcome, words and a hint
// for each failure, short evidence, no secret in any of it.
func judge(t *testing.T, v Verdict) {
	t.Helper()
	if !v.Outcome.Known() {
		t.Fatalf("outcome %q", v.Outcome)
	}
	shown := v.Cause + v.Message + v.Hint + v.Evidence
	if strings.Contains(shown, canary) || strings.Contains(shown, reversed([]byte(canary))) || len(v.Evidence) > maxEvidence {
		t.Fatalf("shown: %s", shown)
	}
	if !v.OK() && (v.Cause == "" || v.Message == "" || v.Hint == "") {
		t.Fatalf("a failure without words: %+v", v)
	}
	if v.RetryAfter < 0 || v.RetryAfter > maxRetryAfter {
		t.Fatalf("retry after %v", v.RetryAfter)
	}
}

func seeds(f *testing.F, on Surface) {
	for _, row := range classifyTable {
		if row.on&on != 0 {
			f.Add(row.status, row.kind, row.body)
		}
	}
	f.Add(401, "", `{"error":"invalid_client","error_description":"`+canary+`"}`)
	f.Add(200, "", `{"`) // cut off inside a key
	f.Add(200, "", `{"message":"`+canary+`","errorcode":20002}`)
}

func fuzzed(on Surface, status int, kind, body string) Reply {
	r := replyOf(on, status, kind, body)
	r.Hide, r.RetryAfter, r.Location = [][]byte{[]byte(canary)}, kind, body
	return r
}

func FuzzTokenAnswer(f *testing.F) {
	seeds(f, onAuth)
	f.Fuzz(func(t *testing.T, status int, kind, body string) {
		v := Classify(fuzzed(OnToken, status, kind, body))
		judge(t, v)
		if v.OK() && (status < 200 || status > 299 || !strings.Contains(body, "1") || len(body) < 100) {
			t.Fatalf("ok for %d %q", status, body)
		}
		if v.Outcome.Info().Category == keepwatch.CategoryCredential && !strings.Contains(body, "{") {
			t.Fatalf("%s for a body that is no object: %q", v.Outcome, body)
		}
		judge(t, Classify(fuzzed(OnLegacy, status, kind, body)))
	})
}

func FuzzRESTAnswer(f *testing.F) {
	seeds(f, onBearer)
	f.Fuzz(func(t *testing.T, status int, kind, body string) {
		v := Classify(fuzzed(OnREST, status, kind, body))
		judge(t, v)
		if v.OK() && !strings.ContainsAny(body, "{[") {
			t.Fatalf("ok for %q", body)
		}
		if v := Classify(fuzzed(OnIdentity, status, kind, body)); v.OK() && !strings.Contains(body, "{") {
			t.Fatalf("proven by %q", body)
		} else {
			judge(t, v)
		}
		services([]byte(body))
	})
}

func FuzzSOAPEnvelope(f *testing.F) {
	seeds(f, onAnySOAP)
	f.Fuzz(func(t *testing.T, status int, kind, body string) {
		v := Classify(fuzzed(OnSOAP, status, kind, body))
		judge(t, v)
		if v.OK() && !strings.Contains(body, "OK") && !strings.Contains(body, "MoreDataAvailable") && !strings.Contains(body, "&") && !strings.Contains(body, "CDATA") && !strings.Contains(strings.ToLower(body), "ok") {
			t.Fatalf("ok for %q", body)
		}
		judge(t, Classify(fuzzed(OnLogin, status, kind, body)))
	})
}

func FuzzClaims(f *testing.F) {
	f.Add(fourParts(`{"eid":1,"stack_key":"S7","client_type":"Confidential"}`))
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, token string) {
		c, ok := ClaimsOf([]byte(token))
		if ok && c.EID == 0 && c.Stack == "" || c.EID < 0 || len(c.Stack) > 20 || len(c.ClientType) > 20 {
			t.Fatalf("%+v %v", c, ok)
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"5", "-1", "Mon, 23 Nov 2026 12:00:30 GMT", "999999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d := RetryAfter(s, time.Unix(1_700_000_000, 0)); d < 0 || d > maxRetryAfter {
			t.Fatal(d)
		}
	})
}

func FuzzEvidence(f *testing.F) {
	f.Add("some words", canary)
	f.Fuzz(func(t *testing.T, s, secret string) {
		got := evidence(s, [][]byte{[]byte(secret)})
		if len(got) > maxEvidence {
			t.Fatal(len(got))
		}
		if len(secret) >= 12 && opaque(secret) && strings.Contains(got, secret) && got != withheld {
			t.Fatalf("%q holds %q", got, secret)
		}
	})
}
