package ticket

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"keepwatch"
	"keepwatch/internal/notify"
	"keepwatch/internal/notify/notifytest"
)

const token = "t0ken-canary-0123456789"

func sender(t testing.TB, system, address string) *Sender {
	t.Helper()
	cfg := Config{System: system, URL: "env:URL", Username: "kw@example.com", Password: "env:TOKEN"}
	if system == Jira {
		cfg.Project, cfg.Done = "OPS", "Done"
		cfg.Fields = []Field{{"priority", "{\"name\": \"{{if eq .Severity `critical`}}High{{else}}Low{{end}}\"}"}, {"labels", `["{{.Labels.criticality}}", "{{.Labels.owner}}"]`}, {"customfield_10010", "{{.Labels.owner}}"}}
	} else {
		cfg.Done, cfg.Fields = "6", []Field{{"assignment_group", "CRM ops"}}
	}
	s, err := New(cfg, notifytest.Deps(notifytest.Secrets{"env:URL": address, "env:TOKEN": token}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPayloadGolden(t *testing.T) {
	for _, name := range []string{"firing", "hostile", "letter", "storm", "ended"} {
		m := notifytest.Letter()
		if name != "letter" {
			m = notifytest.Told(t, name)
		}
		for _, system := range []string{Jira, ServiceNow} {
			s := sender(t, system, "https://example.com")
			own, err := s.fill(m)
			if err != nil {
				t.Fatal(err)
			}
			made := jira{s.cfg}.issue(m, own)
			if system == ServiceNow {
				made = serviceNow{s.cfg}.record(m, own)
			}
			body, err := notify.JSON(made)
			if err != nil {
				t.Fatal(err)
			}
			notifytest.Golden(t, system+"."+name+".golden.json", body)
		}
	}
}

// tickets is a ticket system that speaks both interfaces as their documentation says.
type tickets struct {
	open  []map[string]any
	notes map[string][]string
	done  map[string]bool
}

func (s *tickets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := func(code int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		if v != nil {
			_ = json.NewEncoder(w).Encode(v)
		}
	}
	if user, pass, _ := r.BasicAuth(); user != "kw@example.com" || pass != token {
		answer(http.StatusUnauthorized, nil)
		return
	}
	var body map[string]any
	if r.Method != http.MethodGet && json.NewDecoder(r.Body).Decode(&body) != nil {
		answer(http.StatusBadRequest, nil)
		return
	}
	if rest, ok := strings.CutPrefix(r.URL.Path, "/rest/api/2/"); ok {
		s.jira(rest, r, body, answer)
		return
	}
	s.serviceNow(strings.TrimPrefix(r.URL.Path, "/api/now/table/incident"), r, body, answer)
}

func (s *tickets) jira(path string, r *http.Request, body map[string]any, answer func(int, any)) {
	switch {
	case path == "search":
		var found []any
		for i, f := range s.open {
			key := fmt.Sprintf("OPS-%d", i+1)
			if !s.done[key] && strings.Contains(r.FormValue("jql"), f["labels"].([]any)[1].(string)) {
				found = append(found, map[string]any{"key": key})
			}
		}
		answer(http.StatusOK, map[string]any{"issues": found})
	case path == "issue":
		f, _ := body["fields"].(map[string]any)
		summary, _ := f["summary"].(string)
		text, _ := f["description"].(string)
		labels, _ := f["labels"].([]any)
		if utf8.RuneCountInString(summary) > 255 || summary == "" || strings.Contains(summary, "\n") || utf8.RuneCountInString(text) > 32767 || slices.ContainsFunc(labels, func(l any) bool { return l == "" || strings.ContainsAny(l.(string), " ") }) {
			answer(http.StatusBadRequest, map[string]any{"errors": "no"})
			return
		}
		s.open = append(s.open, f)
		answer(http.StatusCreated, map[string]any{"id": "1", "key": fmt.Sprintf("OPS-%d", len(s.open))})
	case strings.HasSuffix(path, "/comment"):
		key := strings.Split(path, "/")[1]
		s.notes[key] = append(s.notes[key], body["body"].(string))
		answer(http.StatusCreated, map[string]any{})
	case strings.HasSuffix(path, "/transitions") && r.Method == http.MethodGet:
		answer(http.StatusOK, map[string]any{"transitions": []any{map[string]any{"id": "11", "name": "Start"}, map[string]any{"id": "31", "name": "Close it", "to": map[string]any{"name": "Done"}}}})
	case strings.HasSuffix(path, "/transitions"):
		s.done[strings.Split(path, "/")[1]] = body["transition"].(map[string]any)["id"] == "31"
		answer(http.StatusNoContent, nil)
	default:
		answer(http.StatusNotFound, nil)
	}
}

func (s *tickets) serviceNow(id string, r *http.Request, body map[string]any, answer func(int, any)) {
	switch {
	case r.Method == http.MethodGet:
		found := []any{}
		for i, f := range s.open {
			key := fmt.Sprintf("sys%d", i+1)
			if !s.done[key] && r.FormValue("sysparm_query") == "correlation_id="+f["correlation_id"].(string)+"^active=true" {
				found = append(found, map[string]any{"sys_id": key, "number": "INC001"})
			}
		}
		answer(http.StatusOK, map[string]any{"result": found})
	case r.Method == http.MethodPost && id == "":
		if utf8.RuneCountInString(body["short_description"].(string)) > 160 || utf8.RuneCountInString(body["description"].(string)) > 4000 {
			answer(http.StatusBadRequest, nil)
			return
		}
		s.open = append(s.open, body)
		answer(http.StatusCreated, map[string]any{"result": map[string]any{"sys_id": fmt.Sprintf("sys%d", len(s.open)), "number": "INC001"}})
	case r.Method == http.MethodPatch:
		key := strings.TrimPrefix(id, "/")
		if note, ok := body["work_notes"].(string); ok {
			s.notes[key] = append(s.notes[key], note)
		}
		if body["state"] == "6" {
			s.done[key] = true
		}
		answer(http.StatusOK, map[string]any{"result": map[string]any{}})
	default:
		answer(http.StatusNotFound, nil)
	}
}

// An incident is one ticket, also when every message comes twice; the next incident
// is another.
func TestOneTicketFromBeginToEnd(t *testing.T) {
	for _, system := range []string{Jira, ServiceNow} {
		office := &tickets{notes: map[string][]string{}, done: map[string]bool{}}
		address, _ := notifytest.Fake(t, office.ServeHTTP)
		s := sender(t, system, address)
		first := map[string]string{Jira: "OPS-1", ServiceNow: "sys1"}[system]
		tell := func(m notify.Message, want string) {
			t.Helper()
			if got, err := s.Send(t.Context(), m); err != nil || string(got) != want {
				t.Errorf("%s: %q, %v, want %q", system, got, err, want)
			}
		}
		changed := notifytest.Told(t, "firing")
		changed.Kind = keepwatch.Changed
		tell(notifytest.Told(t, "test"), "signed in and searched; a test opens no ticket")
		tell(notifytest.Told(t, "resolved"), "nothing to close: there is no open ticket")
		tell(notifytest.Told(t, "firing"), "ticket opened "+first)
		tell(notifytest.Told(t, "firing"), "ticket is open as "+first)
		tell(notifytest.Told(t, "reminder"), "ticket is open as "+first)
		tell(changed, "ticket added to "+first)
		tell(notifytest.Told(t, "acked"), "ticket added to "+first)
		tell(notifytest.Told(t, "resolved"), "ticket closed "+first)
		tell(notifytest.Told(t, "resolved"), "nothing to close: there is no open ticket")
		if len(office.open) != 1 || !office.done[first] || len(office.notes[first]) != 3 || !strings.Contains(office.notes[first][2], "works again") {
			t.Errorf("%s: %d tickets, notes %q", system, len(office.open), office.notes)
		}
		for _, m := range []notify.Message{notifytest.Told(t, "hostile"), notifytest.Told(t, "platform"), notifytest.Huge(t), notifytest.Letter()} {
			if _, err := s.Send(t.Context(), m); err != nil {
				t.Errorf("%s: %.40s: %v", system, m.Title, err)
			}
		}
		if len(office.open) != 4 { // the huge message is about the hostile one's incident
			t.Errorf("%s: %d tickets", system, len(office.open))
		}
	}
}

func TestClasses(t *testing.T) {
	for _, system := range []string{Jira, ServiceNow} {
		notifytest.Classes(t, func(address string) notify.Sender { return sender(t, system, address) })
	}
}

func TestLeaksNothing(t *testing.T) {
	for _, system := range []string{Jira, ServiceNow} {
		notifytest.LeaksNothing(t, func(address string) notify.Sender { return sender(t, system, address+"/p4th-canary") }, token, "p4th-canary")
	}
}

func TestForeignTextIsNoMarkup(t *testing.T) {
	if got := verbatim("a {noformat} [x|https://evil.example.com] {noformat}"); strings.Count(got, "{noformat}") != 2 {
		t.Errorf("%q", got)
	}
}

func TestValidate(t *testing.T) {
	good := Config{System: Jira, URL: "https://example.atlassian.net", Username: "kw@example.com", Password: "env:T", Project: "OPS"}
	change := func(f func(*Config)) notify.Config { c := good; f(&c); return c }
	notifytest.Faulty(t, token, map[string]notify.Config{
		"good": good, "by token": change(func(c *Config) { c.Username, c.Password, c.Token = "", "", "env:T" }),
		"no system": change(func(c *Config) { c.System = "remedy" }), "literal": change(func(c *Config) { c.Password = token }), "no project": change(func(c *Config) { c.Project = "" }),
		"both": change(func(c *Config) { c.Token = "env:T" }), "a table": change(func(c *Config) { c.Table = "incident" }), "no name": change(func(c *Config) { c.Username = "" }),
		"field": change(func(c *Config) { c.Fields = []Field{{"x", "{{.Nope}}"}} }), "project": change(func(c *Config) { c.Project = `A" OR project = "B` }),
		"sn": Config{System: ServiceNow, URL: "https://example.service-now.com", Token: "env:T"}, "sn project": Config{System: ServiceNow, URL: "https://example.service-now.com", Token: "env:T", Project: "X"},
	}, map[string]string{
		"good": "", "by token": "", "no system": "system: is unknown", "literal": "password: is not a reference", "no project": "project: is missing", "both": "token: stands beside",
		"a table": "table: means nothing", "no name": "username: is missing", "field": "fields: the field x: ", "project": "project: is not the key", "sn": "", "sn project": "project: means nothing",
	})
}
