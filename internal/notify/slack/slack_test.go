package slack

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"keepwatch/internal/notify"
	"keepwatch/internal/notify/notifytest"
)

func sender(t *testing.T, address string) *Sender {
	t.Helper()
	s, err := New(Config{WebhookURL: "env:SLACK"}, Deps{Client: &http.Client{Timeout: 5 * time.Second}, Secrets: notifytest.Secrets{"env:SLACK": address}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPayloadGolden(t *testing.T) {
	for _, name := range []string{"firing", "resolved", "hostile", "test", "storm", "group", "ended", "digest"} {
		got, err := json.Marshal(render(notifytest.Told(t, name)))
		if err != nil {
			t.Fatal(err)
		}
		notifytest.Golden(t, name+".golden.json", got)
	}
}

// block is what Slack's limits are about.
type block struct {
	Text     *textObject
	Fields   []textObject
	Elements []json.RawMessage
}

type textObject struct {
	Type     string
	Text     string
	Verbatim bool
}

// Slack refuses the whole message when a text is too long or a field too many.
func TestWithinSlacksLimits(t *testing.T) {
	m := notifytest.Told(t, "hostile")
	for i := range m.Lines {
		m.Lines[i].Text = strings.Repeat("<&>", 2000)
	}
	m.Title = strings.Repeat("&", 5000)
	m.RunbookURL = "https://example.com/" + strings.Repeat("x", 5000)
	m.Acts[1].URL = m.RunbookURL
	raw, err := json.Marshal(render(m))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Text   string
		Blocks []block
	}
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Text) > 3000 || len(got.Blocks) > 50 || got.Text == "" {
		t.Errorf("text of %d bytes, %d blocks", len(got.Text), len(got.Blocks))
	}
	for _, b := range got.Blocks {
		if b.Text != nil && (len(b.Text.Text) > 3000 || b.Text.Text == "" || !b.Text.Verbatim) {
			t.Errorf("text of %d bytes, verbatim %v", len(b.Text.Text), b.Text.Verbatim)
		}
		for _, e := range b.Elements {
			var button struct {
				Type, URL string
			}
			if err := json.Unmarshal(e, &button); err != nil || len(button.URL) > 3000 || button.Type == "button" && button.URL == "" {
				t.Errorf("%s: %v", e, err)
			}
		}
		if len(b.Fields) > 10 {
			t.Errorf("%d fields", len(b.Fields))
		}
		for _, f := range b.Fields {
			if len(f.Text) > 2000 || !f.Verbatim {
				t.Errorf("field of %d bytes, verbatim %v", len(f.Text), f.Verbatim)
			}
		}
	}
}

func TestSend(t *testing.T) {
	var body []byte
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
		_, _ = io.WriteString(w, "ok")
	}))
	defer srv.Close()
	receipt, err := sender(t, srv.URL+"/services/T/B/t0ken-canary").Send(t.Context(), notifytest.Told(t, "firing"))
	if err != nil || receipt != "accepted by Slack" {
		t.Fatalf("%q, %v", receipt, err)
	}
	if !strings.Contains(string(body), `"type":"section"`) || !strings.Contains(string(body), `"text":"[FIRING] crm-sync`) {
		t.Errorf("body: %s", body)
	}
	if strings.Contains(string(body), "t0ken-canary") {
		t.Error("the address is in the body")
	}
}

func TestStatuses(t *testing.T) {
	for name, tt := range map[string]struct {
		code  int
		after string
		want  notify.Class
		wait  time.Duration
	}{
		"no such hook":                 {404, "", notify.ClassPermanent, 0},
		"the channel is gone":          {410, "", notify.ClassPermanent, 0},
		"a payload that is refused":    {400, "", notify.ClassPermanent, 0},
		"forbidden":                    {403, "", notify.ClassPermanent, 0},
		"a redirect":                   {302, "", notify.ClassPermanent, 0},
		"too many, with a time":        {429, "23", notify.ClassRateLimited, 23 * time.Second},
		"too many, without":            {429, "", notify.ClassRetryable, 0},
		"too many, with a strange one": {429, "t0ken-canary", notify.ClassRetryable, 0},
		"an outage":                    {503, "", notify.ClassRetryable, 0},
		"success, but not 200":         {204, "", notify.ClassRetryable, 0},
	} {
		t.Run(name, func(t *testing.T) {
			redirected := false
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				redirected = redirected || r.URL.Path == "/elsewhere"
				w.Header().Set("Location", "/elsewhere")
				if tt.after != "" {
					w.Header().Set("Retry-After", tt.after)
				}
				w.WriteHeader(tt.code)
			}))
			defer srv.Close()
			_, err := sender(t, srv.URL).Send(t.Context(), notifytest.Told(t, "firing"))
			class, after := notify.ClassOf(err)
			if err == nil || class != tt.want || after != tt.wait {
				t.Errorf("%s after %s: %v", class, after, err)
			}
			if redirected {
				t.Error("the redirect was followed")
			}
			if strings.Contains(fmt.Sprint(err), "canary") {
				t.Errorf("shows what the server chose: %v", err)
			}
		})
	}
}

func TestLeaksNothing(t *testing.T) {
	const token = "t0ken-canary"
	notifytest.LeaksNothing(t, func(address string) notify.Sender { return sender(t, address+"/services/"+token) }, token)
	s, err := New(Config{WebhookURL: "env:GONE"}, Deps{Client: http.DefaultClient, Secrets: notifytest.Secrets{}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Send(t.Context(), notifytest.Told(t, "firing")); err == nil || !strings.Contains(err.Error(), "env:GONE") {
		t.Errorf("a reference that cannot be read: %v", err)
	}
}

func TestValidate(t *testing.T) {
	for value, want := range map[string]string{
		"env:SLACK_CRM":  "",
		"file:/run/hook": "",
		"":               "webhook_url: is missing; allowed: a reference like env:NAME",
		"https://hooks.slack.com/services/T/B/t0ken-canary": "webhook_url: is not a reference",
	} {
		err := Config{WebhookURL: value}.Validate()
		if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v", value, err)
		}
		if strings.Contains(fmt.Sprint(err), "canary") {
			t.Errorf("shows the address: %v", err)
		}
	}
	if (Config{WebhookURL: "env:X"}).References()["webhook_url"] != "env:X" {
		t.Error("references")
	}
}

func FuzzEscape(f *testing.F) {
	f.Add("<!channel> & <@U1|x> &amp; &lt;", 40)
	f.Add("\xff<\u202e>", 7)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = max(limit%4000, 10)
		got := escape(s, limit)
		if len(got) > limit || !utf8.ValidString(got) {
			t.Fatalf("%d bytes of %d: %q", len(got), limit, got)
		}
		if strings.ContainsAny(got, "<>") {
			t.Errorf("a control sequence can begin in %q", got)
		}
		for rest := got; ; {
			i := strings.IndexByte(rest, '&')
			if i < 0 {
				break
			}
			rest = rest[i:]
			if !strings.HasPrefix(rest, "&amp;") && !strings.HasPrefix(rest, "&lt;") && !strings.HasPrefix(rest, "&gt;") {
				t.Fatalf("a broken entity in %q", got)
			}
			rest = rest[1:]
		}
		if whole := escape(s, 10*len(s)+10); utf8.ValidString(s) && html.UnescapeString(whole) != s {
			t.Errorf("%q does not come back from %q", s, whole)
		}
	})
}

// A link holds its URL, whatever the URL is.
func FuzzLink(f *testing.F) {
	f.Add("https://example.com/a|b>c<!channel>&d")
	f.Fuzz(func(t *testing.T, url string) {
		got := links(notify.Message{URL: url})
		if got == "" {
			return
		}
		inner := strings.TrimSuffix(strings.TrimPrefix(got, "<"), "|Open the incident>")
		if strings.ContainsAny(inner, "<>|") {
			t.Errorf("%q breaks out: %q", url, got)
		}
	})
}
