package app_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"

	"keepwatch/internal/cli"
)

// service is a receiver of any channel. A good one answers as its vendor documents; a
// rude one hands back what it was sent, in every place of an answer and every spelling.
// What is looked at is what it was sent, less its own secrets, which rightly travel
// there, each in its plain spelling.
type service struct {
	name    string
	out     *evidence
	rude    bool
	secrets []string
	n       atomic.Int64
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	header := r.Header.Clone()
	header.Del("Authorization")
	text := fmt.Sprint(r.Method, " ", r.URL, " ", header, " ", string(body))
	form, _ := url.ParseQuery(string(body)) // of Slack's library
	for _, values := range form {
		text += " " + strings.Join(values, " ")
	}
	for _, secret := range s.secrets {
		text = strings.ReplaceAll(text, secret, "")
	}
	s.out.add("message to "+s.name, text)
	n := int(s.n.Add(1)) - 1
	if !s.rude {
		s.good(w, r)
		return
	}
	secret := s.secrets[n%len(s.secrets)]
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(conn, answers[(7*n+n/len(answers))%len(answers)](echoes[n%len(echoes)](secret)))
	_ = conn.Close()
}

func (s *service) good(w http.ResponseWriter, r *http.Request) {
	status, answer := http.StatusOK, "{}"
	switch path := r.URL.Path; {
	case strings.Contains(path, "/chat."):
		answer = `{"ok":true,"channel":"C0123456","ts":"1700000000.000100"}`
	case strings.HasSuffix(path, "/v2/enqueue"):
		status, answer = http.StatusAccepted, `{"status":"success","message":"Event processed","dedup_key":"k"}`
	case strings.HasPrefix(path, "/v2/alerts"), strings.Contains(path, "/workflows/"):
		status, answer = http.StatusAccepted, `{"requestId":"43a29c5c"}`
	case strings.HasPrefix(path, "/rest/api/"):
		answer = `{"issues":[],"id":"1","key":"OPS-1"}`
		if r.Method == http.MethodPost && strings.HasSuffix(path, "/issue") {
			status = http.StatusCreated
		}
	case strings.HasPrefix(path, "/api/now/") && r.Method == http.MethodGet:
		answer = `{"result":[]}`
	case strings.HasPrefix(path, "/api/now/"):
		status, answer = http.StatusCreated, `{"result":{"sys_id":"9d385017c611228701d22104cc95c371","number":"INC0010001"}}`
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, answer)
}

// addServices makes two receivers of each channel, a good one and a rude one, and
// returns their names.
func (w *taintWorld) addServices() (names []string) {
	for _, rude := range []bool{false, true} {
		for _, channel := range []string{"teams", "pagerduty", "jsm", "alertmanager", "ntfy", "jira", "servicenow", "shoutrrr", "slackbot", "template", "event"} {
			s := &service{name: channel, out: &w.out, rude: rude}
			if rude {
				s.name = "rude-" + channel
			}
			secret := func(what string, strange bool) string {
				v := w.vault.secret(what+" of "+s.name, strange)
				s.secrets = append(s.secrets, v)
				return v
			}
			at := w.serve(s)
			var settings string
			switch channel {
			case "teams":
				settings = fmt.Sprintf("teams: {webhook_url: %q}", w.reference(at+"workflows/"+secret("address", false)))
			case "pagerduty":
				settings = fmt.Sprintf("pagerduty: {url: %q, routing_key: %q}", at, w.reference(secret("routing key", false)))
			case "jsm":
				settings = fmt.Sprintf("jsm: {url: %q, api_key: %q}", at, w.reference(secret("API key", true)))
			case "alertmanager":
				settings = fmt.Sprintf("alertmanager: {url: %q, token: %q}", at, w.reference(secret("token", false)))
			case "ntfy":
				settings = fmt.Sprintf("ntfy: {url: %q, topic: %q, token: %q}", at, w.reference(secret("topic", false)), w.reference(secret("token", false)))
			case "jira":
				settings = fmt.Sprintf("ticket: {system: jira, url: %q, username: kw@example.com, password: %q, project: OPS}", at, w.reference(secret("password", true)))
			case "servicenow":
				settings = fmt.Sprintf("ticket: {system: servicenow, url: %q, token: %q}", at, w.reference(secret("token", false)))
			case "shoutrrr":
				settings = fmt.Sprintf("shoutrrr: {url: %q}", w.reference("generic://"+strings.TrimPrefix(at, "http://")+secret("address", false)+"?disabletls=yes"))
			case "slackbot":
				settings = fmt.Sprintf("slack: {api_url: %q, channel: C0123456, token: %q}", at, w.reference("xoxb-"+secret("token", false)))
			case "template":
				settings = fmt.Sprintf("links: true, webhook: {url: %q, format: template, template: '{\"text\": \"{{.Text}}\", \"do\": \"{{.ActURL `snooze`}}\"}', token: %q, secret: %q}",
					w.reference(at+"hooks/"+secret("address", false)), w.reference(secret("token", false)), w.reference(secret("signing key", true)))
			default:
				settings = fmt.Sprintf("webhook: {url: %q, format: cloudevents, secret: %q}", w.reference(at+"events/"+secret("address", false)), w.reference(secret("signing key", true)))
			}
			w.services, names = append(w.services, s), append(names, s.name)
			fmt.Fprintf(&w.config, "  - {name: %s, at_most: unlimited, %s}\n", s.name, settings)
		}
	}
	return names
}

// channels tries every receiver by API, page and command, reads what there is to read of
// them, and follows the links that were sent.
func (w *taintWorld) channels() {
	w.wait("a message at every service, with its links", func() bool {
		found := w.sentLinks()
		return !slices.ContainsFunc(w.services, func(s *service) bool { return s.n.Load() == 0 }) && !slices.ContainsFunc(linked, func(name string) bool { return len(found[name]) == 0 })
	})
	names := []string{"mail", "rude-mail", "hook-0", "hook-1", "hook-5"}
	for _, s := range w.services {
		names = append(names, s.name)
	}
	w.eachOf(names, func(name string) {
		for range 6 { // other places and spellings
			w.ask("POST", "/api/v1/receivers/"+name+"/test", "", false)
		}
		w.ask("POST", "/alerts/receivers/"+name+"/test", "", false)
	})
	w.t.Setenv("KEEPWATCH_CONFIG", w.path)
	for _, output := range []string{"table", "json"} {
		var stdout, stderr bytes.Buffer
		code := cli.Main([]string{"-v", "--output", output, "doctor", "--send-test"}, &stdout, &stderr)
		w.out.add("tests by command", fmt.Sprint(code), stdout.String(), stderr.String())
	}
	w.followLinks()
	for _, path := range []string{"/alerts", "/alerts/explain?credential=cred-001", "/alerts/silences", "/alerts/messages", "/api/v1/receivers", "/api/v1/routes", "/api/v1/silences", "/api/v1/deliveries?limit=200",
		"/api/v1/deliveries?status=dead&limit=200", "/api/v1/explain?credential=cred-001", "/metrics"} {
		w.ask("GET", path, "", false)
		w.ask("GET", path, "", false, "Authorization", "")
	}
}

// linked are receivers whose messages have links.
var linked = []string{"mail", "hook-0", "teams", "pagerduty", "jsm", "ntfy", "slackbot", "template", "rude-teams"}

var linkPattern = regexp.MustCompile(`/act/([A-Za-z0-9_-]{100,})`)

// sentLinks are the links in what a receiver was sent, as its own secrets: the end of
// each, which is its signature, since they all begin alike.
func (w *taintWorld) sentLinks() map[string][]string {
	w.out.mu.Lock()
	found := map[string][]string{}
	for way, b := range w.out.ways {
		name, ok := strings.CutPrefix(way, "message to ")
		if !ok {
			continue
		}
		for _, m := range linkPattern.FindAllSubmatch(b.Bytes(), -1) {
			if token := string(m[1]); !slices.Contains(found[name], token) {
				found[name] = append(found[name], token)
			}
		}
	}
	w.out.mu.Unlock()
	for name, tokens := range found {
		for _, token := range tokens {
			w.vault.know("link sent to "+name, token[len(token)-40:])
		}
	}
	return found
}

// followLinks opens and presses some links of every receiver, whole and broken. Where
// the answer leads is the link itself, for whoever has it already.
func (w *taintWorld) followLinks() {
	found := w.sentLinks()
	for _, name := range []string{"hook-1", "alertmanager", "jira", "servicenow", "shoutrrr", "event"} {
		if len(found[name]) > 0 {
			w.t.Errorf("links were sent to %s", name)
		}
	}
	pressed := 0
	for _, tokens := range found {
		for i, token := range tokens[:min(len(tokens), 9)] {
			for _, method := range []string{"GET", "POST", "POST", "GET"} {
				status, body, header := w.ask(method, "/act/"+token, "", true, "Authorization", "", "Accept", []string{"text/html", "application/json"}[i%2])
				header.Del("Location")
				w.out.add("pages of links", fmt.Sprint(status, header), string(body))
				if method == "POST" && status < 400 {
					pressed++
				}
			}
			for _, broken := range []string{token[:len(token)-2], token + "A"} {
				status, body, header := w.ask("POST", "/act/"+broken, "", true, "Authorization", "")
				w.out.add("pages of links", fmt.Sprint(status, header), string(body))
			}
		}
	}
	if pressed < 20 {
		w.t.Errorf("%d links were pressed", pressed)
	}
}

// ownLink reports that a link stands in a message to the receiver that it was sent to.
func ownLink(h hit) bool {
	name, ok := strings.CutPrefix(h.canary, "link sent to ")
	return ok && h.where == "message to "+name
}
