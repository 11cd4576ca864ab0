package pages

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/app"
	"keepwatch/internal/auth"
	"keepwatch/internal/config"
	"keepwatch/internal/sfmc/sim"
	"keepwatch/internal/sfmc/sim/world"
	"keepwatch/internal/store"
)

// unsaid are what others answer and no page says again, and why.
var unsaid = only(map[string]map[string]int{
	"an activity is named once it has failed for a while":  {"Activity.Name": 0, "Step.Name": 0},
	"of an answer that is no JSON only what it is is said": {"Answer.Page": 0},
	"words of an event are read to be named, and not kept": {"Event.Error": 0},
	"of a webhook's answer the status is kept":             {"Receiver.Answer": 0},
	"nobody reads it":                                                     {"Span.UserAgent": 0},
	"an API user is known by the login":                                   {"User.Name": 0},
	"SFMC cuts the name of a package's user at 50 characters":             {"Package.Name": 20},
	"a part of a path that is longer than an id may be a token":           {"Path.Segment": 36},
	"what is long is cut, and what is not printed is taken out":           {"Stranger.ClientID": 26},
	"a name with characters that are not printed is refused, or too long": {"Event.Holder": 55, "Span.Service": 55},
	"the very long word is cut": {
		"Answer.Description": 59, "Audit.By": 59, "Audit.Object": 59, "Automation.Name": 59, "BusinessUnit.Name": 59, "Extension.Name": 59, "Journey.Name": 59,
		"SignIn.Name": 59, "TransactionalEmail.Name": 59, "TriggeredSend.Name": 59, "User.Login": 59,
	},
})

// strange is an estate of which all that comes from elsewhere is hostile: what SFMC calls
// its things, what it answers, what receivers answer, what callers call themselves.
type strange struct {
	*estate
	gateway string
	said    map[string]bool // the fields of what was said
}

// says is a text with the name of what it is, which this estate has then been told.
func (s *strange) says(field string, i int) string {
	s.said[field] = true
	return payloads[i] + "~" + field + "~"
}

const strangeMID = keepwatch.MID(510000100)

// newStrange starts one: a tenant in the simulator, and two for each text of which the
// token endpoint answers with it, once as its error and once as a page.
func newStrange(t *testing.T) *strange {
	t.Helper()
	dir := t.TempDir()
	s := &strange{estate: &estate{people: map[string]string{}, zero: map[string]string{}, dbPath: filepath.Join(dir, "keepwatch.db")}, said: map[string]bool{}}
	secret := s.simulate(t)
	s.zero["S"] = secret
	words, inbox := httptest.NewServer(http.HandlerFunc(s.refuse)), httptest.NewServer(http.HandlerFunc(s.turnAway))
	t.Cleanup(words.Close)
	t.Cleanup(inbox.Close)
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var tenants, credentials, receivers strings.Builder
	for i := range payloads {
		for _, kind := range []string{"error", "page"} {
			id := fmt.Sprintf("%s%02d", kind, i)
			fmt.Fprintf(&tenants, "  - {id: %s, endpoints: {auth: \"%s/%s/%d/\", rest: \"%s/\", soap: \"%s/Service.asmx\"}}\n", id, words.URL, kind, i, words.URL, words.URL)
			fmt.Fprintf(&credentials, "  - {id: %s, tenant: %s, client_id: %s, secret: \"env:S\"}\n", id, id, id)
		}
		fmt.Fprintf(&receivers, "  - {name: r%02d, webhook: {url: \"%s/%d\"}}\n", i, inbox.URL, i)
	}
	text := fmt.Sprintf(`version: 1
server: {listen: %q, base_url: "http://%s"}
store: {url: "sqlite:%s"}
tenants:
  - {id: emea, endpoints: {auth: %q, rest: %q, soap: %q}, business_units: [{mid: %d, name: Home}], effects: {readers: [reader], watch: all, every: {journeys: 5s, data_extensions: 5s, automations: 5s, queues: 5s, sends: 5s}}}
%scredentials:
  - {id: reader, tenant: emea, business_unit: %d, client_id: reader, secret: "env:S", discover: true, criticality: reporting}
  - {id: pushes, tenant: emea, client_id: pushes, pushed_every: 24h}
  - {id: traces, tenant: emea, client_id: traces, pushed_every: 24h}
%sreceivers:
%sroutes: [{to: [r00]}]
otlp: {map: [{match: {service.name: "*"}, credential: traces, holder: "${service.name}"}]}
gateway: {listeners: [{name: one, listen: "127.0.0.1:0"}]}
`, listener.Addr(), listener.Addr(), s.dbPath, s.zero["SIM"]+"/", s.zero["SIM"]+"/", s.zero["SIM"]+"/Service.asmx", strangeMID, &tenants, strangeMID, &credentials, &receivers)
	file := filepath.Join(dir, "keepwatch.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if s.db, err = store.Open(t.Context(), "sqlite:"+s.dbPath, store.Options{Logger: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.db.Close() })
	once := quick
	once.RefusalBackoff = []time.Duration{time.Hour} // another run that failed in another way would take the words away
	s.app, err = app.New(t.Context(), app.Options{
		Load: func() (*config.Config, error) { return config.Load(file, s.lookup) }, LookupEnv: s.lookup, Version: "test", Store: s.db, Listener: listener, Policy: once,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.app.Stop() })
	if err := s.app.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	s.url, s.gateway = s.app.URL(), "http://"+s.app.Gateway()["one"]
	return s
}

// simulate is an account in which somebody has named everything with a text.
func (s *strange) simulate(t *testing.T) (secret string) {
	t.Helper()
	s.sim = sim.New(sim.Options{})
	server := httptest.NewServer(s.sim.Handler())
	t.Cleanup(func() { _ = s.sim.Close(); server.Close() })
	s.zero["SIM"] = server.URL
	reader := s.sim.AddClient(sim.ClientSpec{ClientID: "reader", Name: "reader", MID: strangeMID, EID: strangeMID})
	spec := world.Spec{Seed: 3, Unit: strangeMID, Since: time.Now().Add(-26 * time.Hour), Callers: []world.Caller{{Name: "feeder", ClientID: "reader", Unit: strangeMID}}}
	volume := world.Volume{PerDay: 1440}
	for i := range payloads {
		key := nth("key-", i)
		s.sim.AddUser(sim.User{Name: s.says("Package.Name", i), Package: true, EID: strangeMID, MID: strangeMID})
		s.sim.AddUser(sim.User{Name: s.says("User.Name", i), Login: s.says("User.Login", i), EID: strangeMID, MID: strangeMID})
		s.sim.AddBusinessUnit(sim.BusinessUnit{MID: strangeMID + 1 + keepwatch.MID(i), EID: strangeMID, Name: s.says("BusinessUnit.Name", i)})
		s.sim.AddAuditEntry(sim.AuditEntry{By: s.says("Audit.By", i), Kind: "Installed Package", Operation: "Modify", Object: s.says("Audit.Object", i), EID: strangeMID})
		spec.Extensions = append(spec.Extensions, world.Extension{Key: key, Name: s.says("Extension.Name", i), Rows: 100, Writer: "feeder", Volume: volume})
		spec.Journeys = append(spec.Journeys, world.Journey{Key: key, Name: s.says("Journey.Name", i), Entry: world.Entry{Caller: "feeder", Volume: volume}, Steps: []world.Step{{Name: s.says("Step.Name", i), Kind: "rest", Fails: 1}}})
		spec.Automations = append(spec.Automations, world.Automation{
			Key: key, Name: s.says("Automation.Name", i), Schedule: world.Schedule{Rule: "FREQ=HOURLY;INTERVAL=1"},
			Steps: []world.Activity{{Name: s.says("Activity.Name", i), Kind: "import", Target: key, Mode: "add", File: world.File{Volume: volume, Caller: "feeder"}}},
		})
		spec.Sends = append(spec.Sends, world.Send{Kind: keepwatch.SubjectTriggeredSend, Key: "t" + key, Name: s.says("TriggeredSend.Name", i), Caller: "feeder", Volume: volume},
			world.Send{Kind: keepwatch.SubjectTransactionalEmail, Key: key, Name: s.says("TransactionalEmail.Name", i), Caller: "feeder", Volume: volume})
	}
	if err := s.sim.AddWorld(spec); err != nil {
		t.Fatal(err)
	}
	return reader.Secret
}

// refuse is a token endpoint that says a text.
func (s *strange) refuse(w http.ResponseWriter, r *http.Request) {
	var kind string
	var i int
	if _, err := fmt.Sscanf(strings.ReplaceAll(r.URL.Path, "/", " "), "%s %d", &kind, &i); err != nil || i < 0 || i >= len(payloads) {
		http.NotFound(w, r)
		return
	}
	if kind == "page" {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(w, payloads[i]+"~Answer.Page~")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusUnauthorized)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": "invalid_client", "error_description": payloads[i] + "~Answer.Description~"})
}

// turnAway is a receiver that refuses with a text.
func (s *strange) turnAway(w http.ResponseWriter, r *http.Request) {
	var i int
	if _, err := fmt.Sscanf(r.URL.Path, "/%d", &i); err != nil || i < 0 || i >= len(payloads) {
		http.NotFound(w, r)
		return
	}
	w.WriteHeader(http.StatusBadRequest)
	_, _ = fmt.Fprint(w, payloads[i]+"~Receiver.Answer~")
}

// hear brings in all that others say.
func (s *strange) hear(t *testing.T) {
	t.Helper()
	s.said["Answer.Page"], s.said["Answer.Description"], s.said["Receiver.Answer"] = true, true, true
	ctx := t.Context()
	for i := range payloads {
		for _, kind := range []string{"error", "page"} {
			s.prove(t, keepwatch.CredentialID(fmt.Sprintf("%s%02d", kind, i)))
		}
	}
	if _, err := s.app.Discover(ctx, "emea", time.Now()); err != nil {
		t.Fatal(err)
	}
	s.push(t)
	for i := range payloads {
		body, err := json.Marshal(map[string]string{"grant_type": "client_credentials", "client_id": s.says("Stranger.ClientID", i), "client_secret": "x"})
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.gateway+"/emea/auth/v2/token", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
	}
}

// prove has one tested that is answered with a text.
func (s *strange) prove(t *testing.T, id keepwatch.CredentialID) {
	t.Helper()
	if o, err := s.app.CheckNow(t.Context(), id); err != nil || o.Outcome != saidTo(id) {
		t.Fatalf("%s: %s, %v", id, o.Outcome, err)
	}
}

// saidTo is what comes of a test that is answered with a text; "" for others.
func saidTo(id keepwatch.CredentialID) keepwatch.Outcome {
	switch {
	case strings.HasPrefix(string(id), "error"):
		return keepwatch.BadSecretOrPackage
	case strings.HasPrefix(string(id), "page"):
		return keepwatch.UnexpectedResponse
	}
	return ""
}

// push sends events and spans of callers with such names.
func (s *strange) push(t *testing.T) {
	t.Helper()
	token, hash := auth.NewToken()
	if err := s.db.SaveToken(t.Context(), store.Token{ID: "t-push", Name: "pusher", Role: "pusher", Hash: hash, CreatedAt: time.Now().UTC().Truncate(time.Millisecond)}); err != nil {
		t.Fatal(err)
	}
	var events, spans []map[string]any
	now := time.Now().UTC()
	for i := range payloads {
		events = append(events, map[string]any{"key": nth("e", i), "kind": "token", "credential": "pushes", "holder": s.says("Event.Holder", i), "at": now.Format(time.RFC3339), "http_status": 401, "error": s.says("Event.Error", i)})
		spans = append(spans, map[string]any{
			"resource": map[string]any{"attributes": []map[string]any{{"key": "service.name", "value": map[string]any{"stringValue": s.says("Span.Service", i)}}}},
			"scopeSpans": []map[string]any{{"spans": []map[string]any{{
				"traceId": fmt.Sprintf("%032x", i+1), "spanId": fmt.Sprintf("%016x", i+1), "name": "POST", "kind": 3,
				"startTimeUnixNano": fmt.Sprint(now.Add(-time.Second).UnixNano()), "endTimeUnixNano": fmt.Sprint(now.UnixNano()),
				"attributes": []map[string]any{
					{"key": "url.full", "value": map[string]any{"stringValue": s.zero["SIM"] + "/v2/token"}}, {"key": "http.request.method", "value": map[string]any{"stringValue": "POST"}},
					{"key": "http.response.status_code", "value": map[string]any{"intValue": "401"}}, {"key": "user_agent.original", "value": map[string]any{"stringValue": s.says("Span.UserAgent", i)}},
				},
			}}}},
		})
	}
	stranger := s.visitor(t, "")
	for path, body := range map[string]any{"/api/v1/events": events, "/v1/traces": map[string]any{"resourceSpans": spans}} {
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		a := stranger.ask(t, http.MethodPost, path, string(text), "Content-Type", "application/json", "Authorization", "Bearer "+string(token.Reveal()))
		if a.status != http.StatusOK {
			t.Errorf("%s: %d %.500s", path, a.status, a.body)
		}
	}
}

// TestNothingAnsweredRuns has all that comes from elsewhere say each text, and looks at
// the pages that tell of it.
func TestNothingAnsweredRuns(t *testing.T) {
	t.Parallel()
	s := newStrange(t)
	s.hear(t)
	b := s.hostileTab(t)
	admin := s.visitor(t, b.who)
	for i := range payloads {
		admin.ask(t, http.MethodPost, fmt.Sprintf("/alerts/receivers/r%02d/test", i), "", "Content-Type", "application/x-www-form-urlencoded")
		for _, path := range []string{"/settings/users/" + url.PathEscape(s.says("Path.Segment", i)) + "/disable", "/rotations/" + url.PathEscape(payloads[i]) + "/abort"} {
			admin.ask(t, http.MethodPost, path, "", "Content-Type", "application/x-www-form-urlencoded")
		}
		s.visitor(t, "").ask(t, http.MethodPost, "/sign-in", url.Values{"name": {s.says("SignIn.Name", i)}, "password": {"x"}}.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	}
	s.waitForEffects(t, admin)
	s.rest(t)
	b.url = s.url // its session holds on: a cookie has no port
	found := newSight()
	lists := []string{"/", "/effects", "/incidents?status=all", "/inventory/findings?status=all", "/alerts", "/alerts/messages", "/settings/audit", "/credentials/pushes", "/credentials/traces", "/impact", "/expiring?within=365d"}
	for _, path := range lists {
		b.inspect(path, found)
	}
	for i := range payloads {
		b.inspect(fmt.Sprintf("/credentials/error%02d", i), found)
		b.inspect(fmt.Sprintf("/credentials/page%02d", i), found)
	}
	for _, path := range s.watched(t, admin) {
		b.inspect(path, found)
	}
	found.complete(t, s.said, unsaid)
}

// rest ends the schedule: what is known stays, and the pages go on. Where the schedule's own
// test came later and had no answer in time, it is made again.
func (s *strange) rest(t *testing.T) {
	t.Helper()
	known, err := s.db.Moved(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range known.Series {
		if want := saidTo(o.Credential); want != "" && o.ID == keepwatch.SeriesOf(keepwatch.CheckOf(keepwatch.CheckCredential, o.Credential), "") && o.Last.Outcome != want {
			s.prove(t, o.Credential)
		}
	}
	if err := s.app.Stop(); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.app.Handler())
	t.Cleanup(server.Close)
	s.url = server.URL
}

// waitForEffects waits until each family of counters was looked at.
func (s *strange) waitForEffects(t *testing.T, v *visitor) {
	t.Helper()
	seen := map[string]int{}
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(500 * time.Millisecond) {
		seen = map[string]int{}
		for _, x := range s.effects(t, v) {
			seen[x.Kind]++
		}
		if seen["journey"] >= 60 && seen["data_extension"] >= 60 && seen["automation"] >= 60 && seen["triggered_send"] >= 60 && seen["transactional_email"] >= 60 {
			return
		}
	}
	t.Errorf("after 90 seconds there are %v", seen)
}

func (s *strange) effects(t *testing.T, v *visitor) (out []client.Watch) {
	t.Helper()
	path := "/api/v1/effects?limit=200"
	for next := path; next != ""; {
		var page client.Page[client.Watch]
		if a := v.ask(t, http.MethodGet, next, ""); json.Unmarshal(a.body, &page) != nil {
			t.Fatal(errors.New(string(a.body)))
		}
		out, next = append(out, page.Items...), ""
		if page.Next != nil {
			next = path + "&cursor=" + url.QueryEscape(*page.Next)
		}
	}
	return out
}

// watched are the pages of what is watched, one for each text, of all kinds in turn.
func (s *strange) watched(t *testing.T, v *visitor) (out []string) {
	t.Helper()
	kinds := []string{"journey", "data_extension", "automation", "triggered_send", "transactional_email"}
	seen := map[string]bool{}
	for _, x := range s.effects(t, v) {
		i := slices.IndexFunc(payloads, func(p string) bool { return strings.HasPrefix(x.Name, p+"~") })
		if i >= 0 && !seen[x.Name] && x.Kind == kinds[i%len(kinds)] && x.Series != "" {
			seen[x.Name] = true
			out = append(out, "/effect?series="+url.QueryEscape(x.Series))
		}
	}
	return out
}
