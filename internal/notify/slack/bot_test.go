package slack

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/notify"
	"keepwatch/internal/notify/notifytest"
)

const botToken = "xoxb-canary-0123456789"

func bot(t testing.TB, address string) *Sender {
	t.Helper()
	s, err := New(Config{Token: "env:SLACK", Channel: "#crm-alerts", APIURL: "env:URL"}, notifytest.Deps(notifytest.Secrets{"env:SLACK": botToken, "env:URL": address + "/api"}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// workspace behaves as the documentation of chat.postMessage and chat.update says.
type workspace struct {
	posts  []post
	fail   map[string]string // method → error
	status int
}

type post struct {
	ts, thread, text string
	broadcast        bool
	edits            int
}

func (w *workspace) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if w.status != 0 {
		rw.Header().Set("Retry-After", "17")
		rw.WriteHeader(w.status)
		return
	}
	method := strings.TrimPrefix(r.URL.Path, "/api/")
	answer := func(v map[string]any) { _ = json.NewEncoder(rw).Encode(v) }
	refuse := func(name string) { answer(map[string]any{"ok": false, "error": name}) }
	if err := r.ParseForm(); err != nil {
		refuse("invalid_form_data")
		return
	}
	var blocks []map[string]any
	switch {
	case r.Header.Get("Authorization") != "Bearer "+botToken && r.Form.Get("token") != botToken:
		refuse("invalid_auth")
		return
	case w.fail[method] != "":
		refuse(w.fail[method])
		return
	case json.Unmarshal([]byte(r.Form.Get("blocks")), &blocks) != nil || len(blocks) == 0 || len(blocks) > 50 || r.Form.Get("text") == "":
		refuse("invalid_blocks")
		return
	}
	switch method {
	case "chat.postMessage":
		if c := r.Form.Get("channel"); c != "#crm-alerts" && c != "C024BE91L" {
			refuse("channel_not_found")
			return
		}
		p := post{ts: fmt.Sprintf("1503435956.%06d", len(w.posts)+1), thread: r.Form.Get("thread_ts"), text: r.Form.Get("text"), broadcast: r.Form.Get("reply_broadcast") == "true"}
		w.posts = append(w.posts, p)
		answer(map[string]any{"ok": true, "channel": "C024BE91L", "ts": p.ts})
	case "chat.update":
		for i, p := range w.posts {
			if p.ts == r.Form.Get("ts") && r.Form.Get("channel") == "C024BE91L" { // an update takes ids only
				w.posts[i].text, w.posts[i].edits = r.Form.Get("text"), p.edits+1
				answer(map[string]any{"ok": true, "channel": "C024BE91L", "ts": p.ts, "text": "…"})
				return
			}
		}
		refuse("message_not_found")
	default:
		refuse("unknown_method")
	}
}

// One message in the channel says how it stands now; the news are in its thread.
func TestBotEditsTheMessageAndThreadsTheNews(t *testing.T) {
	w := &workspace{}
	address, asked := notifytest.Fake(t, w.ServeHTTP)
	s := bot(t, address)
	first, err := s.Send(t.Context(), notifytest.Told(t, "firing"))
	if err != nil || first != "accepted by Slack as C024BE91L/1503435956.000001" {
		t.Fatalf("%q %v", first, err)
	}
	for _, story := range []string{"acked", "resolved"} {
		m := notifytest.Told(t, story)
		m.Thread = first
		if _, err := s.Send(t.Context(), m); err != nil {
			t.Fatalf("%s: %v", story, err)
		}
	}
	changed := notifytest.Told(t, "firing")
	changed.Kind, changed.Thread = keepwatch.Changed, first
	if _, err := s.Send(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	if len(w.posts) != 4 || w.posts[0].thread != "" || w.posts[0].edits != 3 || !strings.Contains(w.posts[0].text, "[FIRING]") {
		t.Fatalf("%+v", w.posts)
	}
	for _, p := range w.posts[1:] {
		if p.thread != w.posts[0].ts || p.edits != 0 || p.broadcast != (p.ts == w.posts[3].ts) {
			t.Errorf("%+v", p)
		}
	}
	for _, r := range *asked {
		if strings.Contains(r.Path+r.Query, botToken) {
			t.Error("the token is in an address")
		}
	}
}

// A first message that is gone, was posted by a webhook or cannot be rewritten does
// not keep the news from being told.
func TestBotTellsTheNewsAnyway(t *testing.T) {
	for name, tt := range map[string]struct {
		thread notify.Receipt
		update string
		where  string // thread that the news is posted to
	}{
		"deleted":               {"accepted by Slack as C024BE91L/1503435956.009999", "", ""},
		"posted by the webhook": {"accepted by Slack", "", ""},
		"a strange receipt":     {"accepted by Slack as C024BE91L/../x", "", ""},
		"too old to be edited":  {"accepted by Slack as C024BE91L/1503435956.000777", "edit_window_closed", "1503435956.000777"},
		"not the bot's own":     {"accepted by Slack as C024BE91L/1503435956.000777", "cant_update_message", "1503435956.000777"},
	} {
		w := &workspace{fail: map[string]string{"chat.update": tt.update}}
		address, _ := notifytest.Fake(t, w.ServeHTTP)
		m := notifytest.Told(t, "resolved")
		m.Thread = tt.thread
		if _, err := bot(t, address).Send(t.Context(), m); err != nil || len(w.posts) != 1 || w.posts[0].thread != tt.where {
			t.Errorf("%s: %v, %+v", name, err, w.posts)
		}
	}
}

func TestBotClasses(t *testing.T) {
	for name, tt := range map[string]struct {
		w    workspace
		want notify.Class
		wait time.Duration
		say  string
	}{
		"too many":          {workspace{status: 429}, notify.ClassRateLimited, 17 * time.Second, "429"},
		"an outage":         {workspace{status: 503}, notify.ClassRetryable, 0, "503"},
		"a proxy":           {workspace{status: 403}, notify.ClassPermanent, 0, "403"},
		"revoked":           {workspace{fail: map[string]string{"chat.postMessage": "token_revoked"}}, notify.ClassPermanent, 0, "token_revoked"},
		"not in it":         {workspace{fail: map[string]string{"chat.postMessage": "not_in_channel"}}, notify.ClassPermanent, 0, "not_in_channel"},
		"a fault of theirs": {workspace{fail: map[string]string{"chat.postMessage": "internal_error"}}, notify.ClassRetryable, 0, "internal_error"},
		"unknown":           {workspace{fail: map[string]string{"chat.postMessage": botToken}}, notify.ClassRetryable, 0, "not known here"},
	} {
		address, _ := notifytest.Fake(t, tt.w.ServeHTTP)
		_, err := bot(t, address).Send(t.Context(), notifytest.Told(t, "firing"))
		class, wait := notify.ClassOf(err)
		if err == nil || class != tt.want || wait != tt.wait || !strings.Contains(err.Error(), tt.say) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %s after %s: %v", name, class, wait, err)
		}
	}
	// An edit that may work later is waited for: else the channel says the wrong thing.
	w := &workspace{fail: map[string]string{"chat.update": "internal_error"}}
	address, _ := notifytest.Fake(t, w.ServeHTTP)
	m := notifytest.Told(t, "resolved")
	m.Thread = "accepted by Slack as C024BE91L/1503435956.000777"
	if _, err := bot(t, address).Send(t.Context(), m); err == nil || len(w.posts) != 0 {
		t.Errorf("%v, %+v", err, w.posts)
	}
}

func TestBotLeaksNothing(t *testing.T) {
	notifytest.LeaksNothing(t, func(address string) notify.Sender { return bot(t, address) }, botToken)
}

func TestBotReplyGolden(t *testing.T) {
	for _, story := range []string{"acked", "resolved"} {
		body, err := notify.JSON(reply(notifytest.Told(t, story)))
		if err != nil {
			t.Fatal(err)
		}
		notifytest.Golden(t, story+".reply.golden.json", body)
	}
}

func TestBotValidate(t *testing.T) {
	notifytest.Faulty(t, botToken, map[string]notify.Config{
		"good": Config{Token: "env:S", Channel: "C024BE91L"}, "both": Config{Token: "env:S", Channel: "#a", WebhookURL: "env:W"}, "literal": Config{Token: botToken, Channel: "#a"},
		"no channel": Config{Token: "env:S"}, "a channel alone": Config{WebhookURL: "env:W", Channel: "#a"}, "api": Config{Token: "env:S", Channel: "#a", APIURL: "slack.com"},
	}, map[string]string{
		"good": "", "both": "webhook_url: stands beside a token", "literal": "token: is not a reference", "no channel": "channel: is not a channel",
		"a channel alone": "token: is missing", "api": "api_url: is not a web address",
	})
}
