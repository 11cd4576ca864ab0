package notify

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
)

func letterTo(to string) keepwatch.Letter {
	return keepwatch.Letter{
		ID: "letter-" + keepwatch.NoticeID(keepwatch.Digest(to)), Kind: keepwatch.LetterHolder, To: to, Subject: "MuleSoft: switch\r\nBcc: everybody@example.com",
		Text: "First line.\nSecond line.\n\nAnother\u202e paragraph.", Link: "https://keepwatch.example.com/rotations/tick/abc", Button: "Say so",
		Owner: "crm-platform", Tenant: "emea", Credential: "crm-sync", Severity: keepwatch.SeverityWarning,
	}
}

func TestLettersFindTheirReceivers(t *testing.T) {
	hook, chat, post, other := Receiver{Name: "hook", Channel: "webhook"}, Receiver{Name: "chat", Channel: "slack"}, Receiver{Name: "post", Channel: "email"}, Receiver{Name: "other", Channel: "email"}
	crm := Routes{{Match: Match{Owner: []string{"crm-platform"}}, To: []string{"chat", "hook"}, Wait: time.Hour}, {To: []string{"hook"}}}
	for name, tt := range map[string]struct {
		to        string
		routes    Routes
		receivers []Receiver
		want      []string
		address   string
	}{
		"an address goes by mail, whatever the routes say": {"mule@example.com", crm, []Receiver{hook, chat, post, other}, []string{"post"}, "mule@example.com"},
		"by the mail receiver that the route names":        {"Mule <mule@example.com>", Routes{{To: []string{"hook", "other"}}}, []Receiver{hook, post, other}, []string{"other"}, "mule@example.com"},
		"an address where there is no mail":                {"mule@example.com", crm, []Receiver{hook, chat}, []string{"chat", "hook"}, ""},
		"a name in the chat":                               {"#mule", crm, []Receiver{hook, chat, post}, []string{"chat", "hook"}, ""},
		"no contact":                                       {"", crm, []Receiver{hook, chat, post}, []string{"chat", "hook"}, ""},
		"nobody at all":                                    {"#mule", nil, []Receiver{hook}, nil, ""},
	} {
		targets, address := letterTargets(letterTo(tt.to), &Setup{Routes: tt.routes, Receivers: tt.receivers, Directory: estate()})
		var got []string
		for _, target := range targets {
			got = append(got, target.Receiver)
			if target.Wait != 0 {
				t.Errorf("%s: a letter waits", name)
			}
		}
		if !slices.Equal(got, tt.want) || address != tt.address {
			t.Errorf("%s: %v to %q, want %v to %q", name, got, address, tt.want, tt.address)
		}
	}
}

// A letter is told once, as it was written, and letters do not stand in each other's way.
func TestLettersAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Routes{{To: []string{"ops"}, Wait: time.Hour, RepeatEvery: time.Minute}}, "ops")
		first, second := letterTo("#one"), letterTo("#two")
		b.box.add(first.NoticeOf(time.Now()), second.NoticeOf(time.Now()), first.NoticeOf(time.Now()))
		time.Sleep(2 * time.Hour)
		got := b.in["ops"].messages()
		if len(got) != 2 {
			t.Fatalf("told %d times", len(got))
		}
		m := got[0]
		if m.Title != "MuleSoft: switch Bcc: everybody@example.com" || !slices.Equal(m.Body, []string{"First line.", "Second line.", "", "Another paragraph."}) {
			t.Errorf("%q %q", m.Title, m.Body)
		}
		if m.URL != first.Link || m.Button != "Say so" || m.Labels["alertname"] != "KeepwatchLetter" || m.Labels["credential"] != "crm-sync" || m.Labels["owner"] != "crm-platform" {
			t.Errorf("%+v", m)
		}
		if len(m.Labels) != len(LabelNames) || len(m.Annotations) != len(AnnotationNames) || !strings.Contains(m.Annotations["description"], "Second line.") {
			t.Errorf("labels %v, annotations %v", m.Labels, m.Annotations)
		}
		if got[0].Key == got[1].Key || got[0].Fingerprint == got[1].Fingerprint || got[0].GroupKey == got[1].GroupKey {
			t.Error("two letters look like one")
		}
		if p := m.Paragraphs(); len(p) != 2 || len(p[0]) != 2 {
			t.Errorf("paragraphs %q", p)
		}
	})
}

func TestALetterForNobodyIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, nil, "ops")
		b.box.add(letterTo("#one").NoticeOf(time.Now()))
		time.Sleep(time.Minute)
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.trouble) != 1 || b.box.count(keepwatch.DeliveryDead) != 1 {
			t.Errorf("trouble %v", b.trouble)
		}
	})
}
