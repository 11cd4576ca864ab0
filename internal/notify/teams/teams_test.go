package teams

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"keepwatch/internal/notify"
	"keepwatch/internal/notify/notifytest"
)

const token = "t0ken-canary"

func sender(t testing.TB, address string) notify.Sender {
	t.Helper()
	s, err := New(Config{WebhookURL: "env:TEAMS"}, notifytest.Deps(notifytest.Secrets{"env:TEAMS": address + "/workflows/" + token + "?sig=" + token}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPayloadGolden(t *testing.T) {
	for _, name := range notifytest.Stories {
		body, err := render(notifytest.Told(t, name))
		if err != nil {
			t.Fatal(err)
		}
		notifytest.Golden(t, name+".golden.json", body)
	}
	body, err := render(notifytest.Letter())
	if err != nil {
		t.Fatal(err)
	}
	notifytest.Golden(t, "letter.golden.json", body)
}

// A workflow accepts the card with 202.
func TestSend(t *testing.T) {
	address, asked := notifytest.Fake(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusAccepted) })
	receipt, err := sender(t, address).Send(t.Context(), notifytest.Told(t, "firing"))
	if err != nil || receipt != "accepted: 202 Accepted" {
		t.Fatalf("%q, %v", receipt, err)
	}
	r := (*asked)[0]
	if r.Header.Get("Content-Type") != "application/json; charset=utf-8" || r.Path != "/workflows/"+token {
		t.Errorf("%s %v", r.Path, r.Header)
	}
	var got message
	if err := json.Unmarshal(r.Body, &got); err != nil || got.Type != "message" || len(got.Attachments) != 1 || len(got.Attachments[0].Content.Actions) != 5 ||
		!strings.HasPrefix(got.Attachments[0].Content.Actions[0].URL, "https://keepwatch.example.com/act/") || got.Attachments[0].Content.Actions[3].URL != "https://keepwatch.example.com/incidents/7k2mq4c5vd3xhn6a" {
		t.Errorf("%v %s", err, r.Body)
	}
	if strings.Contains(string(r.Body), token) {
		t.Error("the address is in the body")
	}
}

func TestClasses(t *testing.T) {
	notifytest.Classes(t, func(address string) notify.Sender { return sender(t, address) })
}

func TestLeaksNothing(t *testing.T) {
	notifytest.LeaksNothing(t, func(address string) notify.Sender { return sender(t, address) }, token)
}

func TestWithinTheLimit(t *testing.T) {
	m := notifytest.Huge(t)
	body, err := render(m)
	if err != nil {
		t.Fatal(err)
	}
	if n := size(body); n > 28<<10 || n < 10<<10 {
		t.Errorf("%d bytes", n)
	}
	if !json.Valid(body) || !strings.Contains(string(body), `"What: "`) {
		t.Errorf("cut in the wrong place: %.500s", body)
	}
}

func TestValidate(t *testing.T) {
	notifytest.Faulty(t, token, map[string]notify.Config{
		"good": Config{WebhookURL: "env:TEAMS"}, "none": Config{}, "literal": Config{WebhookURL: "https://prod-1.logic.azure.com/workflows/" + token},
	}, map[string]string{"good": "", "none": "webhook_url: is missing", "literal": "webhook_url: is not a reference"})
}

// Whatever a name holds, it is said in runs of plain text, and nothing is filled in.
func FuzzNamesStayText(f *testing.F) {
	f.Add("[x](https://evil.example.com) **b** {{DATE(2017-02-14T06:08:39Z,SHORT)}} <at>all</at>")
	f.Fuzz(func(t *testing.T, name string) {
		m := notify.Message{Title: name, Lines: []notify.Line{{Name: "What", Text: name}}, Body: []string{name}}
		body, err := render(m)
		if err != nil {
			t.Fatal(err)
		}
		var got message
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatal(err)
		}
		var look func([]block)
		look = func(blocks []block) {
			for _, b := range blocks {
				if b.Type != "Container" && b.Type != "RichTextBlock" {
					t.Errorf("a %s", b.Type)
				}
				for _, r := range b.Inlines {
					if r.Type != "TextRun" || strings.Contains(r.Text, "{{") || r.Text == "" {
						t.Errorf("a %s with %q", r.Type, r.Text)
					}
				}
				look(b.Items)
			}
		}
		look(got.Attachments[0].Content.Body)
		if len(got.Attachments[0].Content.Actions) != 0 {
			t.Error("a name made an action")
		}
	})
}
