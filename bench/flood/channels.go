package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"keepwatch"
	"keepwatch/internal/notify"
	"keepwatch/internal/notify/alertmanager"
	"keepwatch/internal/notify/email"
	"keepwatch/internal/notify/jsm"
	"keepwatch/internal/notify/ntfy"
	"keepwatch/internal/notify/pagerduty"
	"keepwatch/internal/notify/shoutrrr"
	"keepwatch/internal/notify/slack"
	"keepwatch/internal/notify/teams"
	"keepwatch/internal/notify/ticket"
	"keepwatch/internal/notify/webhook"
)

// mostBytes is how large one message may be, by what each service documents: Teams
// takes 28 KB, shoutrrr's smallest 2,000 characters; the others more.
const mostBytes = 28 << 10

// services stand for all services that messages go to. They answer as each of them
// documents it, without a network, so that time may be simulated.
type services struct {
	mu      sync.Mutex
	down    bool
	largest map[string]int // bytes of a message, by host
}

var errDown = errors.New("connection refused")

func (s *services) took(host string, size int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return errDown
	}
	s.largest[host] = max(s.largest[host], size)
	return nil
}

func (s *services) setDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// RoundTrip answers a call.
func (s *services) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		_ = r.Body.Close()
	}
	if err := s.took(r.URL.Host, len(body)); err != nil {
		return nil, err
	}
	code, answer := answerOf(r)
	return &http.Response{
		StatusCode: code, Status: http.StatusText(code), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(answer)), ContentLength: int64(len(answer)),
	}, nil
}

func answerOf(r *http.Request) (code int, answer string) {
	switch {
	case strings.HasPrefix(r.URL.Host, "bot."):
		return 200, `{"ok":true,"channel":"C024BE91L","ts":"1503435956.000247"}`
	case strings.HasPrefix(r.URL.Host, "slack."):
		return 200, "ok"
	case strings.HasPrefix(r.URL.Host, "pagerduty."):
		return 202, `{"status":"success","message":"Event processed","dedup_key":"k"}`
	case strings.HasPrefix(r.URL.Host, "jsm."):
		return 202, `{"result":"Request will be processed","took":0.1,"requestId":"r1"}`
	case strings.HasPrefix(r.URL.Host, "jira.") && r.Method == http.MethodGet:
		return 200, `{"issues":[]}`
	case strings.HasPrefix(r.URL.Host, "jira."):
		return 201, `{"id":"10000","key":"KW-1"}`
	case strings.HasPrefix(r.URL.Host, "ntfy."):
		return 200, `{"id":"m1","time":1,"event":"message","topic":"t"}`
	case strings.HasPrefix(r.URL.Host, "teams."):
		return 202, ""
	}
	return 200, "{}"
}

// dial answers as a mail server.
func (s *services) dial(context.Context, string, string) (net.Conn, error) {
	if err := s.took("mail", 0); err != nil {
		return nil, err
	}
	ours, theirs := net.Pipe()
	go s.mail(theirs)
	return ours, nil
}

func (s *services) mail(c net.Conn) {
	defer c.Close()
	in, data, size := bufio.NewReader(c), false, 0
	say := func(text string) { _, _ = fmt.Fprintf(c, "%s\r\n", text) }
	say("220 mail.example.com ESMTP")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		word := strings.ToUpper(strings.TrimSpace(line))
		switch {
		case data && word == ".":
			data = false
			if s.took("mail", size) != nil {
				return
			}
			say("250 2.0.0 queued")
		case data:
			size += len(line)
		case strings.HasPrefix(word, "EHLO"):
			say("250 mail.example.com")
		case word == "DATA":
			data, size = true, 0
			say("354 go ahead")
		case word == "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

// words are secrets that are read from here.
type words map[string]string

func (w words) Resolve(_ context.Context, ref string) (keepwatch.Secret, error) {
	return keepwatch.NewSecret([]byte(w[ref])), nil
}

// senders has one of every channel, by the name of its receiver.
func senders(s *services) (map[string]notify.Sender, error) {
	const address = "env:ADDRESS"
	deps := func(at string) notify.Deps {
		return notify.Deps{Client: &http.Client{Transport: s}, Secrets: words{address: at, "env:KEY": "key"}}
	}
	http.DefaultClient.Transport = s // shoutrrr's generic service has no other
	out, wrong := map[string]notify.Sender{}, error(nil)
	add := func(name string, made notify.Sender, err error) { out[name], wrong = made, errors.Join(wrong, err) }
	{
		m, err := webhook.New(webhook.Config{URL: "https://hook.example.com/"}, deps(""))
		add("webhook", m, err)
	}
	{
		m, err := slack.New(slack.Config{WebhookURL: address}, deps("https://slack.example.com/x"))
		add("slack", m, err)
	}
	{
		m, err := slack.New(slack.Config{Token: "env:KEY", Channel: "C024BE91L", APIURL: "https://bot.example.com/api"}, deps(""))
		add("bot", m, err)
	}
	{
		m, err := teams.New(teams.Config{WebhookURL: address}, deps("https://teams.example.com/x"))
		add("teams", m, err)
	}
	{
		m, err := pagerduty.New(pagerduty.Config{RoutingKey: "env:KEY", URL: "https://pagerduty.example.com"}, deps(""))
		add("pagerduty", m, err)
	}
	{
		m, err := jsm.New(jsm.Config{APIKey: "env:KEY", URL: "https://jsm.example.com"}, deps(""))
		add("jsm", m, err)
	}
	{
		m, err := alertmanager.New(alertmanager.Config{URLs: []string{"https://alertmanager.example.com"}}, deps(""))
		add("alertmanager", m, err)
	}
	{
		m, err := ntfy.New(ntfy.Config{URL: "https://ntfy.example.com", Topic: "t"}, deps(""))
		add("ntfy", m, err)
	}
	{
		m, err := ticket.New(ticket.Config{System: ticket.Jira, URL: "https://jira.example.com", Username: "k", Password: "env:KEY", Project: "KW", IssueType: "Task"}, deps(""))
		add("ticket", m, err)
	}
	{
		m, err := shoutrrr.New(shoutrrr.Config{URL: address}, deps("generic://generic.example.com/x"))
		add("shoutrrr", m, err)
	}
	{
		m, err := email.New(email.Config{SMTP: "mail.example.com:25", From: "k@example.com", To: []string{"ops@example.com"}, TLS: email.None}, email.Deps{Secrets: words{}, Dial: s.dial})
		add("email", m, err)
	}
	return out, wrong
}

// got is one message that a receiver took.
type got struct {
	key    keepwatch.DeliveryID
	at     time.Time
	total  int // incidents that it tells of
	status notify.Status
	inc    keepwatch.IncidentID
}

// witness notes what a receiver took.
type witness struct {
	notify.Sender
	thinks time.Duration // from taking a message to its answer
	mu     sync.Mutex
	list   []got
}

// Send hands one message on.
func (w *witness) Send(ctx context.Context, m notify.Message) (notify.Receipt, error) {
	receipt, err := w.Sender.Send(ctx, m)
	if err == nil {
		w.mu.Lock()
		w.list = append(w.list, got{m.Key, m.Now, max(1, len(m.Members)+m.More), m.Status, m.Incident})
		w.mu.Unlock()
		time.Sleep(w.thinks)
	}
	return receipt, err
}

func (w *witness) took() []got {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]got(nil), w.list...)
}
