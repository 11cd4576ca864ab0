package collect_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/collect"
	"keepwatch/internal/egress"
)

const (
	germany keepwatch.MID = 510000123
	open                  = "Secret0123456789abcdefXY"
)

var start = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

type secrets struct{}

func (secrets) Resolve(_ context.Context, ref string) (keepwatch.Secret, error) {
	if ref == "env:BROKEN" {
		return keepwatch.Secret{}, keepwatch.ErrNotFound
	}
	return keepwatch.NewSecret([]byte(open)), nil
}

// row is an object as the account shows it.
type row = map[string]any

// account is a stand-in for SFMC with as little as the looks need: it answers from
// what a test puts in, and counts what it was asked.
type account struct {
	mu          sync.Mutex
	asked       map[string]int // by route
	log         []string
	journeys    []row
	details     map[string]row // by id
	events      map[string]row // by key
	extensions  []row
	rows        map[string]row // rowsets by key
	automations []row
	automation  map[string]row // newer details by guid
	imports     map[string]row
	definitions []row
	queues      map[string]row
	feed        string
	health      string
	soap        map[string]string // results by object
	// fail answers a route with a status and a body.
	fail map[string]struct {
		status int
		body   string
	}
	deny     map[string]bool   // client ids that get no token
	pageSize int               // of data extensions
	frozen   map[string][]byte // answers by request, once nothing changes any more
	token    string
}

func newAccount() *account {
	a := &account{
		asked: map[string]int{}, details: map[string]row{}, events: map[string]row{}, rows: map[string]row{}, automation: map[string]row{}, imports: map[string]row{}, queues: map[string]row{},
		soap: map[string]string{}, deny: map[string]bool{}, pageSize: 25, token: "token-of-the-look-0123456789",
	}
	a.fail = map[string]struct {
		status int
		body   string
	}{}
	return a
}

func (a *account) breaks(route string, status int, body string) {
	a.fail[route] = struct {
		status int
		body   string
	}{status, body}
}

const insufficient = `{"message":"Insufficient privileges to complete this action.","errorcode":20002}`

// routeOf names a request as the tests count it.
func routeOf(r *http.Request, body string) string {
	p := r.URL.Path
	switch {
	case p == "/v2/token":
		return "token"
	case strings.HasSuffix(p, ".asmx"):
		_, rest, _ := strings.Cut(body, "<ObjectType>")
		object, _, _ := strings.Cut(rest, "<")
		object, _, _ = strings.Cut(object, "[")
		return "soap:" + object
	case strings.Contains(p, "journeyhistory/"):
		return p[strings.LastIndex(p, "/")+1:]
	case strings.HasSuffix(p, "/audit/all"):
		return "audit"
	case p == "/interaction/v1/interactions":
		return "journeys"
	case strings.HasPrefix(p, "/interaction/v1/interactions/"):
		return "journey"
	case strings.HasPrefix(p, "/interaction/v1/eventDefinitions/"):
		return "event"
	case strings.HasPrefix(p, "/interaction/v1/triggerstats/"):
		return "triggerstats"
	case strings.HasPrefix(p, "/interaction/v1/async/"):
		return "errored"
	case p == "/data/v1/customobjects":
		return "extensions"
	case strings.HasPrefix(p, "/data/v1/customobjectdata/"):
		if r.URL.Query().Has("$orderBy") {
			return "newest"
		}
		return "rowset"
	case strings.HasSuffix(p, "/automation/definition/"):
		return "automations"
	case strings.Contains(p, "/automation/definition/"):
		return "schedule"
	case strings.HasSuffix(p, "/healthreport"):
		return "health"
	case strings.HasPrefix(p, "/automation/v1/automations/"):
		return "detail"
	case strings.HasPrefix(p, "/automation/v1/imports/"):
		return "import"
	case strings.HasSuffix(p, "/queue"):
		return "queue"
	case strings.HasSuffix(p, "/definitions"):
		return "definitions"
	case strings.HasSuffix(p, "/messages/"):
		return "feed"
	}
	return p
}

func (a *account) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	raw, _ := io.ReadAll(r.Body)
	route := routeOf(r, string(raw))
	a.asked[route]++
	a.log = append(a.log, r.Method+" "+r.URL.RequestURI())
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if f, broken := a.fail[route]; broken {
		if strings.HasPrefix(route, "soap:") {
			w.Header().Set("Content-Type", "text/xml")
		}
		w.WriteHeader(f.status)
		_, _ = io.WriteString(w, f.body)
		return
	}
	if a.frozen != nil && r.Method == http.MethodGet {
		a.thaw(w, r, route)
		return
	}
	a.answer(w, r, route, raw)
}

// thaw answers as before, when the same was asked before.
func (a *account) thaw(w http.ResponseWriter, r *http.Request, route string) {
	body, known := a.frozen[r.URL.RequestURI()]
	if !known {
		recorder := httptest.NewRecorder()
		a.answer(recorder, r, route, nil)
		body = recorder.Body.Bytes()
		a.frozen[r.URL.RequestURI()] = body
	}
	if route == "health" {
		w.Header().Set("Content-Type", "text/csv")
	}
	_, _ = w.Write(body)
}

func (a *account) answer(w http.ResponseWriter, r *http.Request, route string, raw []byte) {
	last := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	switch {
	case route == "token":
		a.grant(w, r, raw)
	case strings.HasPrefix(route, "soap:"):
		w.Header().Set("Content-Type", "text/xml; charset=utf-8")
		_, _ = fmt.Fprintf(w, `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><RetrieveResponseMsg><OverallStatus>OK</OverallStatus><RequestID>r</RequestID>%s</RetrieveResponseMsg></soap:Body></soap:Envelope>`, a.soap[strings.TrimPrefix(route, "soap:")])
	case route == "journeys":
		status, key := r.URL.Query().Get("status"), r.URL.Query().Get("key")
		page(w, r, 50, "items", a.journeys, func(j row) bool { return (status == "" || j["status"] == status) && (key == "" || j["key"] == key) })
	case route == "journey":
		write(w, a.details[last])
	case route == "event":
		write(w, a.events[strings.TrimPrefix(last, "key:")])
	case route == "triggerstats":
		write(w, row{"statuses": []row{{"eventType": "ContactAttempted", "count": 9}, {"eventType": "MetCriteria", "count": 0}, {"eventType": "Failed", "count": 2}}})
	case route == "errored":
		write(w, row{"count": 3, "page": 1, "items": []row{{}}})
	case route == "freshness":
		write(w, row{"freshness": 1200})
	case route == "estimate":
		write(w, row{"rowCount": 5, "fileSize": 100})
	case route == "search":
		write(w, row{"count": 2, "items": []row{{"activityName": "Call", "activityType": "REST", "status": "Failed", "contactKey": "somebody"}, {"activityName": "Call", "activityType": "REST", "status": "Complete"}}})
	case route == "audit":
		write(w, row{"count": 1, "items": []row{{"action": "Stop", "user": row{"name": "Ada"}, "timeStamp": "2026-11-24T00:10:00"}}})
	case route == "extensions":
		page(w, r, a.pageSize, "items", a.extensions, nil)
	case route == "rowset", route == "newest":
		parts := strings.Split(r.URL.Path, "/")
		write(w, a.rows[parts[len(parts)-2]])
	case route == "automations":
		skip, _ := strconv.Atoi(r.URL.Query().Get("$skip"))
		rest := a.automations[min(skip, len(a.automations)):]
		write(w, row{"startIndex": skip, "itemsPerPage": 50, "totalResults": len(a.automations), "entry": rest[:min(50, len(rest))]})
	case route == "schedule":
		for _, x := range a.automations {
			if x["id"] == last {
				write(w, x)
				return
			}
		}
		write(w, nil)
	case route == "health":
		w.Header().Set("Content-Type", "text/csv")
		_, _ = io.WriteString(w, a.health)
	case route == "detail":
		write(w, a.automation[last])
	case route == "import":
		write(w, a.imports[last])
	case route == "definitions":
		channel := strings.Split(r.URL.Path, "/")[3]
		page(w, r, 50, "definitions", a.definitions, func(d row) bool { return d["channel"] == channel })
	case route == "queue":
		parts := strings.Split(r.URL.Path, "/")
		write(w, a.queues[parts[len(parts)-2]])
	case route == "feed":
		_, _ = io.WriteString(w, a.feed)
	default:
		write(w, nil)
	}
}

func (a *account) grant(w http.ResponseWriter, r *http.Request, raw []byte) {
	var asked struct {
		ID string `json:"client_id"`
	}
	_ = json.Unmarshal(raw, &asked)
	if a.deny[asked.ID] {
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"error":"invalid_client","error_description":"Client authentication failed. Make sure that the client ID and client secret are valid and that the package is installed and enabled."}`)
		return
	}
	at := "http://" + r.Host + "/"
	write(w, row{"access_token": a.token + asked.ID, "token_type": "Bearer", "expires_in": 1079, "scope": "x_y", "rest_instance_url": at, "soap_instance_url": at})
}

func write(w http.ResponseWriter, v row) {
	if v == nil {
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"documentation":"","errorcode":404,"message":"Not Found"}`)
		return
	}
	_ = json.NewEncoder(w).Encode(v)
}

func page(w http.ResponseWriter, r *http.Request, most int, name string, all []row, keep func(row) bool) {
	number, _ := strconv.Atoi(r.URL.Query().Get("$page"))
	size, _ := strconv.Atoi(r.URL.Query().Get("$pageSize"))
	size = min(size, most)
	var kept []row
	for _, x := range all {
		if keep == nil || keep(x) {
			kept = append(kept, x)
		}
	}
	out := row{"count": len(kept), "page": number, "pageSize": size}
	if from := (number - 1) * size; from < len(kept) {
		out[name] = kept[from:min(from+size, len(kept))]
	}
	write(w, out)
}

// rig is an account and a Collector that looks at it again and again.
type rig struct {
	t       *testing.T
	account *account
	c       *collect.Collector
	job     collect.Job
}

func newRig(t *testing.T, family keepwatch.Family) *rig {
	t.Helper()
	r := &rig{t: t, account: newAccount()}
	server := httptest.NewServer(r.account)
	t.Cleanup(server.Close)
	r.c = collect.New(collect.Options{Secrets: secrets{}, Egress: egress.New(egress.Policy{})})
	r.job = collect.Job{
		Check: keepwatch.EffectsCheck("t", germany, family), Unit: germany, Family: family, At: start, Slot: start, Reason: keepwatch.ReasonScheduled,
		Tenant:  keepwatch.Tenant{ID: "t", AuthURL: server.URL, RESTURL: server.URL, SOAPURL: server.URL + "/Service.asmx"},
		Readers: []keepwatch.Credential{{ID: "watcher", Tenant: "t", Kind: keepwatch.ServerToServer, ClientID: "w", SecretRef: "env:X"}},
		Gap:     collect.DefaultEvery[family], Previous: map[keepwatch.SeriesID]keepwatch.Watch{},
	}
	return r
}

func (r *rig) want(kind keepwatch.SubjectKind, keys ...string) {
	for _, key := range keys {
		r.job.Wanted = append(r.job.Wanted, collect.Wanted{Subject: keepwatch.Subject{Kind: kind, Key: key, Unit: germany}})
	}
}

// look looks once, keeps what it found as the store would, and moves the clock on.
func (r *rig) look() (map[string]keepwatch.Observation, keepwatch.Observation) {
	r.t.Helper()
	clear(r.account.asked)
	found, calls := r.c.Look(r.t.Context(), r.job)
	total := 0
	for _, n := range r.account.asked {
		total += n
	}
	if calls != total {
		r.t.Errorf("%d calls are counted, %d were made: %v", calls, total, r.account.asked)
	}
	bySeries := map[string]keepwatch.Observation{}
	var summary keepwatch.Observation
	for _, o := range found {
		if o.Watch == nil {
			summary = o
			continue
		}
		r.check(o)
		bySeries[keepwatch.SubjectSeries(o.Watch.Subject, o.Watch.Aspect)] = o
		r.job.Previous[o.Series] = *o.Watch
	}
	r.job.At, r.job.Slot = r.job.At.Add(r.job.Gap), r.job.Slot.Add(r.job.Gap)
	return bySeries, summary
}

// check holds what every observation has to hold.
func (r *rig) check(o keepwatch.Observation) {
	r.t.Helper()
	part := keepwatch.SubjectSeries(o.Watch.Subject, o.Watch.Aspect)
	if o.Series != keepwatch.SeriesOf(r.job.Check, part) || o.Key != keepwatch.SlotKey(r.job.Check, r.job.Slot)+"#"+part || o.Check != r.job.Check || o.Tenant != "t" ||
		o.Place != keepwatch.Local || o.Source != keepwatch.SourceTest || o.Credential != "" || o.Outcome != keepwatch.OK || o.Gap <= 0 || !o.Watch.Reading.At.Equal(r.job.At) {
		r.t.Errorf("observation %+v", o)
	}
	text, err := json.Marshal(o)
	if err != nil || strings.Contains(string(text), open) || strings.Contains(string(text), "token-of-the-look") || strings.Contains(string(text), "somebody") {
		r.t.Errorf("shown: %s %v", text, err)
	}
}
