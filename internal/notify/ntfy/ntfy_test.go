package ntfy

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"keepwatch/internal/notify"
	"keepwatch/internal/notify/notifytest"
)

const (
	token = "tk_canary0123456789"
	topic = "t0pic-canary"
)

func sender(t testing.TB, address string) notify.Sender {
	t.Helper()
	s, err := New(Config{URL: "env:URL", Topic: "env:TOPIC", Token: "env:TOKEN"}, notifytest.Deps(notifytest.Secrets{"env:URL": address, "env:TOPIC": topic + "\n", "env:TOKEN": token}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPayloadGolden(t *testing.T) {
	stories := map[string]notify.Message{"letter": notifytest.Letter()}
	for _, name := range notifytest.Stories {
		stories[name] = notifytest.Told(t, name)
	}
	for name, m := range stories {
		body, err := notify.JSON(render(m, "crm"))
		if err != nil {
			t.Fatal(err)
		}
		notifytest.Golden(t, name+".golden.json", body)
	}
}

// serve behaves as ntfy's documentation says of publishing as JSON.
func serve(w http.ResponseWriter, r *http.Request) {
	var p publication
	err := json.NewDecoder(r.Body).Decode(&p)
	switch {
	case r.Header.Get("Authorization") != "Bearer "+token:
		http.Error(w, `{"code":40101,"http":401,"error":"unauthorized"}`, http.StatusUnauthorized)
	case r.Method != http.MethodPost || r.URL.Path != "/" && r.URL.Path != "" || err != nil || !topicPattern.MatchString(p.Topic):
		http.Error(w, `{"code":40024,"http":400,"error":"invalid request: request body must be valid JSON"}`, http.StatusBadRequest)
	case p.Priority < 1 || p.Priority > 5:
		http.Error(w, `{"code":40007,"http":400,"error":"invalid priority parameter"}`, http.StatusBadRequest)
	case len(p.Actions) > 3:
		http.Error(w, `{"code":40018,"http":400,"error":"invalid request: actions invalid"}`, http.StatusBadRequest)
	case p.Message == "" || len(p.Message) > 4096 || !utf8.ValidString(p.Message):
		http.Error(w, `{"code":40014,"http":400,"error":"invalid request: attachments not allowed"}`, http.StatusBadRequest)
	default:
		_ = json.NewEncoder(w).Encode(map[string]any{"id": "hwQ2YpKdmg", "event": "message", "topic": p.Topic, "title": p.Title, "message": p.Message})
	}
}

func TestSend(t *testing.T) {
	address, asked := notifytest.Fake(t, serve)
	s := sender(t, address)
	all := []notify.Message{notifytest.Letter(), notifytest.Huge(t), {Title: "bare"}}
	for _, name := range notifytest.Stories {
		all = append(all, notifytest.Told(t, name))
	}
	for _, m := range all {
		if receipt, err := s.Send(t.Context(), m); err != nil || receipt != "accepted: 200 OK" {
			t.Errorf("%.40s: %q, %v", m.Title, receipt, err)
		}
	}
	for _, r := range *asked {
		if strings.Contains(string(r.Body), token) || strings.Contains(r.Path+r.Query, topic) {
			t.Error("a secret is in the wrong place")
		}
	}
}

func TestClasses(t *testing.T) {
	notifytest.Classes(t, func(address string) notify.Sender { return sender(t, address) })
}

func TestLeaksNothing(t *testing.T) {
	notifytest.LeaksNothing(t, func(address string) notify.Sender { return sender(t, address) }, token, topic)
}

func TestValidate(t *testing.T) {
	notifytest.Faulty(t, token, map[string]notify.Config{
		"good": Config{Topic: "crm-alerts"}, "by reference": Config{URL: "https://ntfy.example.com", Topic: "env:TOPIC", Token: "env:TOKEN"},
		"none": Config{}, "a path": Config{Topic: "a/b"}, "literal": Config{Topic: "crm", Token: token}, "no address": Config{URL: "ntfy.sh", Topic: "crm"},
	}, map[string]string{
		"good": "", "by reference": "", "none": "topic: is not the name", "a path": "topic: is not the name", "literal": "token: is not a reference", "no address": "url: is not a web address",
	})
}
