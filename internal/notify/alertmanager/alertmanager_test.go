package alertmanager

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/notify"
	"keepwatch/internal/notify/notifytest"
)

const password = "pa55-canary"

func sender(t testing.TB, addresses ...string) *Sender {
	t.Helper()
	secrets, cfg := notifytest.Secrets{"env:PW": password}, Config{Username: "keepwatch", Password: "env:PW"}
	for i, a := range addresses {
		ref := fmt.Sprintf("env:URL%d", i)
		secrets[ref], cfg.URLs = a, append(cfg.URLs, ref)
	}
	s, err := New(cfg, notifytest.Deps(secrets))
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
		body, err := notify.JSON([]alert{render(m, m.Now)})
		if err != nil {
			t.Fatal(err)
		}
		notifytest.Golden(t, name+".golden.json", body)
	}
}

// cluster keeps alerts as Alertmanager's OpenAPI says: labels are the identity and
// must not be empty, an end in the past resolves.
type cluster struct{ alerts map[string]time.Time }

var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var list []struct {
		Labels, Annotations map[string]string
		StartsAt, EndsAt    time.Time
		GeneratorURL        string
	}
	user, pass, _ := r.BasicAuth()
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&list); err != nil || r.Method != http.MethodPost || r.URL.Path != "/api/v2/alerts" || user != "keepwatch" || pass != password {
		http.Error(w, fmt.Sprint("bad request: ", err), http.StatusBadRequest)
		return
	}
	for _, a := range list {
		var id []string
		for k, v := range a.Labels {
			if !labelName.MatchString(k) || v == "" {
				http.Error(w, "bad label", http.StatusBadRequest)
				return
			}
			id = append(id, k+"="+v)
		}
		if u, err := url.Parse(a.GeneratorURL); err != nil || a.Labels["alertname"] == "" || !a.StartsAt.IsZero() && a.EndsAt.Before(a.StartsAt) || u == nil {
			http.Error(w, "start time must be before end time", http.StatusBadRequest)
			return
		}
		slices.Sort(id)
		c.alerts[strings.Join(id, ",")] = a.EndsAt
	}
}

func TestAnIncidentIsOneAlertUntilItEnds(t *testing.T) {
	c := &cluster{alerts: map[string]time.Time{}}
	address, asked := notifytest.Fake(t, c.ServeHTTP)
	s := sender(t, address)
	for _, step := range []struct {
		story string
		lasts time.Duration
	}{{"firing", keepFor}, {"reminder", keepFor}, {"acked", keepFor}, {"resolved", 0}} {
		m := notifytest.Told(t, step.story)
		if receipt, err := s.Send(t.Context(), m); err != nil || receipt != "accepted by 1 of 1 Alertmanagers" {
			t.Fatalf("%s: %q, %v", step.story, receipt, err)
		}
		want := m.Now.Add(step.lasts)
		if m.Status == notify.Over {
			want = m.EndsAt
		}
		if len(c.alerts) != 1 {
			t.Fatalf("after %s there are %d alerts", step.story, len(c.alerts))
		}
		for _, ends := range c.alerts {
			if !ends.Equal(want) {
				t.Errorf("after %s it ends at %s, want %s", step.story, ends, want)
			}
		}
	}
	for _, m := range []notify.Message{notifytest.Told(t, "test"), notifytest.Told(t, "hostile"), notifytest.Letter(), notifytest.Huge(t)} {
		if _, err := s.Send(t.Context(), m); err != nil {
			t.Errorf("%.40s: %v", m.Title, err)
		}
	}
	before := len(*asked)
	var open []notify.Message
	for i := range perPost + 1 {
		m := notifytest.Told(t, "firing")
		m.Incident = keepwatch.IncidentID(fmt.Sprintf("inc-%d", i))
		open = append(open, m)
	}
	if err := s.Keep(t.Context(), open); err != nil || len(*asked)-before != 2 || len(c.alerts) != perPost+6 {
		t.Errorf("%v, %d requests, %d alerts", err, len(*asked)-before, len(c.alerts))
	}
}

// All members are told. One that is down does not keep the others from it.
func TestAllMembersAreTold(t *testing.T) {
	a, b := &cluster{alerts: map[string]time.Time{}}, &cluster{alerts: map[string]time.Time{}}
	one, _ := notifytest.Fake(t, a.ServeHTTP)
	two, _ := notifytest.Fake(t, b.ServeHTTP)
	gone, _ := notifytest.Fake(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	refuses, _ := notifytest.Fake(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	m := notifytest.Told(t, "firing")
	receipt, err := sender(t, one, gone, two).Send(t.Context(), m)
	if err != nil || receipt != "accepted by 2 of 3 Alertmanagers" || len(a.alerts) != 1 || len(b.alerts) != 1 {
		t.Errorf("%q %v", receipt, err)
	}
	for _, order := range [][]string{{gone, refuses}, {refuses, gone}} {
		_, err = sender(t, order...).Send(t.Context(), m)
		if class, _ := notify.ClassOf(err); err == nil || class != notify.ClassRetryable {
			t.Errorf("one of two may take it later: %v", err)
		}
	}
}

func TestClasses(t *testing.T) {
	notifytest.Classes(t, func(address string) notify.Sender { return sender(t, address) })
}

func TestLeaksNothing(t *testing.T) {
	notifytest.LeaksNothing(t, func(address string) notify.Sender { return sender(t, address+"/p4th-canary") }, password, "p4th-canary")
}

func TestValidate(t *testing.T) {
	notifytest.Faulty(t, password, map[string]notify.Config{
		"good": Config{URLs: []string{"http://am:9093", "env:AM"}}, "signed in": Config{URLs: []string{"http://am:9093"}, Username: "kw", Password: "env:PW"},
		"none": Config{}, "no address": Config{URLs: []string{"http://am:9093", "//am/x y"}}, "literal": Config{URLs: []string{"http://am:9093"}, Username: "kw", Password: password},
		"two ways": Config{URLs: []string{"http://am:9093"}, Username: "kw", Password: "env:PW", Token: "env:T"}, "no name": Config{URLs: []string{"http://am:9093"}, Password: "env:PW"},
	}, map[string]string{
		"good": "", "signed in": "", "none": "url: is missing", "no address": "url[1]: is not a web address", "literal": "password: is not a reference",
		"two ways": "token: stands beside a password", "no name": "username: is missing",
	})
}

// real is an Alertmanager's API, read by nothing of ours.
type real struct {
	t       *testing.T
	address string
}

type shown struct {
	Labels, Annotations map[string]string
	Status              struct{ State string }
	GeneratorURL        string
}

func (r real) get(path string, into any) {
	r.t.Helper()
	res, err := http.Get(r.address + path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(into); err != nil || res.StatusCode != http.StatusOK {
		r.t.Fatalf("%s: %d, %v", path, res.StatusCode, err)
	}
}

func (r real) alerts(incident string) (out []shown) {
	r.t.Helper()
	r.get("/api/v2/alerts?filter="+url.QueryEscape("incident="+strquote(incident)), &out)
	return out
}

func strquote(s string) string { b, _ := json.Marshal(s); return string(b) }

// A real Alertmanager shows the alert, groups it, takes repeats for the same one and
// resolves it.
func TestRealAlertmanager(t *testing.T) {
	address := os.Getenv("KEEPWATCH_TEST_ALERTMANAGER")
	if address == "" {
		t.Skip("KEEPWATCH_TEST_ALERTMANAGER names no running Alertmanager")
	}
	s, err := New(Config{URLs: []string{address}}, notifytest.Deps(nil))
	if err != nil {
		t.Fatal(err)
	}
	r := real{t, address}
	now := time.Now().UTC().Truncate(time.Millisecond)
	run := fmt.Sprintf("run-%d", now.UnixNano())
	tell := func(story, incident string) notify.Message {
		t.Helper()
		m := notifytest.Told(t, story)
		m.Incident, m.StartsAt, m.Now = keepwatch.IncidentID(incident), now.Add(-time.Minute), now
		m.Labels["tenant"] = run
		if m.Status == notify.Over {
			m.EndsAt = now
		}
		if _, err := s.Send(t.Context(), m); err != nil {
			t.Fatalf("%s: %v", story, err)
		}
		return m
	}
	first := tell("firing", run+"-1")
	tell("firing", run+"-1")
	tell("reminder", run+"-1")
	tell("hostile", run+"-2")
	got := r.alerts(run + "-1")
	if len(got) != 1 || got[0].Status.State == "suppressed" || got[0].Annotations["hint"] != first.Annotations["hint"] || got[0].GeneratorURL != first.URL || got[0].Labels["severity"] != "critical" {
		t.Errorf("it shows %+v", got)
	}
	if evil := r.alerts(run + "-2"); len(evil) != 1 || evil[0].Labels["credential"] != notifytest.Told(t, "hostile").Labels["credential"] {
		t.Errorf("a hostile name comes back as %+v", evil)
	}
	var groups []struct {
		Labels map[string]string
		Alerts []shown
	}
	r.get("/api/v2/alerts/groups?filter="+url.QueryEscape("tenant="+strquote(run)), &groups)
	if len(groups) != 1 || len(groups[0].Alerts) != 2 || groups[0].Labels["tenant"] != run {
		t.Errorf("grouped by tenant: %+v", groups)
	}
	tell("resolved", run+"-1")
	if got := r.alerts(run + "-1"); len(got) != 0 {
		t.Errorf("after its end it shows %+v", got)
	}
	open := notifytest.Told(t, "hostile")
	open.Incident, open.StartsAt, open.Now = keepwatch.IncidentID(run+"-2"), now.Add(-time.Minute), now
	open.Labels["tenant"] = run
	if err := s.Keep(t.Context(), []notify.Message{open}); err != nil || len(r.alerts(run+"-2")) != 1 {
		t.Errorf("kept: %v, %+v", err, r.alerts(run+"-2"))
	}
}
