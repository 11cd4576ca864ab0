package pages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/app"
	"keepwatch/internal/auth"
	"keepwatch/internal/config"
	"keepwatch/internal/incident"
	"keepwatch/internal/link"
	"keepwatch/internal/scan"
	"keepwatch/internal/store"
)

// field is an estate whose every text is hostile: one tenant with one credential for each
// payload, and rows of every kind for it.
type field struct {
	*estate
	sown      map[string]bool
	incidents []keepwatch.IncidentID
	plain     []keepwatch.IncidentID // without a cause
	series    []keepwatch.SeriesID
	runs      []string // with steps
	links     []string
	shares    []string
	findings  map[keepwatch.CredentialID]string // one of each credential
}

func nth(prefix string, i int) string { return fmt.Sprintf("%s%02d", prefix, i) }

func fieldFile(url string) string {
	var tenants, credentials, receivers, routes strings.Builder
	for i := range payloads {
		fmt.Fprintf(&tenants, "  - {id: %s, subdomain: mc%026d, business_units: [{mid: %d, name: x}]}\n", nth("t", i), i, 510000100+i)
		fmt.Fprintf(&credentials, "  - {id: %s, tenant: %s, business_unit: %d, kind: server_to_server, client_id: %s, secret: \"env:S\", secret_generated: 2026-11-01, owner: {team: x, contact: x}, purpose: x, runbook_url: \"https://example.com/\", holders: [{name: x, contact: x}], dependents: [{kind: journey, key: x, reads: [x]}]}\n",
			nth("c", i), nth("t", i), 510000100+i, nth("client0000000000000000", i))
		fmt.Fprintf(&receivers, "  - {name: %s, webhook: {url: \"http://127.0.0.1:9/\"}}\n", nth("r", i))
		fmt.Fprintf(&routes, "  - {name: %s, match: {credential: [%s]}, to: [%s]}\n", nth("route", i), nth("c", i), nth("r", i))
	}
	return fmt.Sprintf("version: 1\nserver: {listen: \"127.0.0.1:0\", base_url: \"http://127.0.0.1\"}\nstore: {url: %q}\ntenants:\n%scredentials:\n%sreceivers:\n%sroutes:\n%s  - {to: [r00]}\n", url, &tenants, &credentials, &receivers, &routes)
}

func newField(t *testing.T) *field {
	t.Helper()
	dir := t.TempDir()
	f := &field{estate: &estate{people: map[string]string{}, dbPath: filepath.Join(dir, "keepwatch.db")}, sown: map[string]bool{}}
	file := filepath.Join(dir, "keepwatch.yaml")
	if err := os.WriteFile(file, []byte(fieldFile("sqlite:"+f.dbPath)), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if f.db, err = store.Open(t.Context(), "sqlite:"+f.dbPath, store.Options{Logger: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.db.Close() })
	lookup := func(string) (string, bool) { return "x", true }
	f.app, err = app.New(t.Context(), app.Options{
		Load: func() (*config.Config, error) {
			cfg, err := config.Load(file, lookup)
			if err == nil {
				f.spoil(cfg)
			}
			return cfg, err
		},
		LookupEnv: lookup, Version: "test", Store: f.db,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.app.Stop() })
	server := httptest.NewServer(f.app.Handler())
	t.Cleanup(server.Close)
	f.url = server.URL
	f.find(t)
	for i := range payloads {
		f.fill(t, i)
	}
	return f
}

// find knows a finding of each credential, so that it can be accepted.
func (f *field) find(t *testing.T) {
	t.Helper()
	v := f.visitor(t, f.administrator(t))
	f.findings = map[keepwatch.CredentialID]string{}
	for next := "/api/v1/findings?limit=200"; next != ""; {
		var page client.Page[client.Finding]
		if a := v.ask(t, http.MethodGet, next, ""); json.Unmarshal(a.body, &page) != nil {
			t.Fatalf("findings: %d %.300s", a.status, a.body)
		}
		for _, x := range page.Items {
			if x.Credential != nil {
				f.findings[keepwatch.CredentialID(*x.Credential)] = x.ID
			}
		}
		next = ""
		if page.Next != nil {
			next = "/api/v1/findings?limit=200&cursor=" + url.QueryEscape(*page.Next)
		}
	}
	if len(f.findings) < len(payloads) {
		t.Fatalf("findings of %d credentials", len(f.findings))
	}
}

func (f *field) sower(i int) sower { return sower{payloads[i], f.sown} }

// spoil writes behind the back of the checks what they may not let through.
func (f *field) spoil(cfg *config.Config) {
	for i := range payloads {
		s := f.sower(i)
		s.sow(reflect.ValueOf(&cfg.Tenants[i]).Elem(), "Tenant")
		s.sow(reflect.ValueOf(&cfg.Credentials[i]).Elem(), "Credential")
		cfg.Receivers[i].Name = s.mark("Receiver.Name")
		cfg.Routes[i].Name, cfg.Routes[i].To = s.mark("Route.Name"), []string{cfg.Receivers[i].Name}
	}
	cfg.Routes[len(payloads)].To = []string{cfg.Receivers[0].Name}
}

// fill puts rows of every kind into the store.
func (f *field) fill(t *testing.T, i int) {
	t.Helper()
	s, ctx := f.sower(i), t.Context()
	now := time.Now().UTC().Truncate(time.Millisecond).Add(-time.Duration(i+1) * time.Minute)
	id, tenant := keepwatch.CredentialID(nth("c", i)), keepwatch.TenantID(nth("t", i))
	f.observe(t, s, i, now)
	rotation := keepwatch.Rotation{ID: keepwatch.RotationID(nth("rotation-", i)), Credential: id, Tenant: tenant, State: keepwatch.RotationProven, Generated: keepwatch.DayOf(now, time.UTC), StagedAt: now, StartedAt: now, OldEndsAt: now.Add(time.Hour)}
	rotation = sown(s, rotation)
	rotation.Holders[0].TickHash = tickHash(f.tick(i))
	rotation.Holders[0].SwitchedAt = now
	rotation.Evidence[0].At, rotation.Evidence[0].Outcome = now, keepwatch.OK
	hash := func(kind string) string { return tickHash(kind + nth("", i)) }
	for what, err := range map[string]error{
		"rotation":   f.db.SaveRotation(ctx, rotation),
		"silence":    f.db.SaveSilence(ctx, sown(s, keepwatch.Silence{ID: nth("silence-", i), Kind: keepwatch.Silenced, From: now, Until: now.Add(time.Hour), CreatedAt: now})),
		"past":       f.db.SaveSilence(ctx, sown(s, keepwatch.Silence{ID: nth("past-", i), Kind: keepwatch.Silenced, From: now.Add(-2 * time.Hour), Until: now.Add(time.Hour), CreatedAt: now.Add(-2 * time.Hour), EndedAt: now.Add(-time.Hour)})),
		"acceptance": f.db.Accept(ctx, sown(s, keepwatch.Acceptance{Finding: f.findings[id], At: now, Until: now.Add(4 * time.Hour)})),
		"token":      f.db.SaveToken(ctx, sown(s, store.Token{ID: nth("token-", i), Role: "viewer", Hash: hash("token"), CreatedAt: now})),
		"user":       f.db.AddUser(ctx, sown(s, store.User{Grants: "viewer", PasswordHash: "x", CreatedAt: now, ChangedAt: now})),
		"feed":       f.db.SaveFeed(ctx, sown(s, keepwatch.Feed{ID: nth("feed-", i), Hash: hash("feed"), CreatedAt: now})),
		"change":     f.db.RecordChanges(ctx, now, []keepwatch.Change{sown(s, keepwatch.Change{Credential: id, At: now, Kind: keepwatch.ChangeUpdated})}),
		"stranger":   f.db.SaveStrangers(ctx, []store.Stranger{sown(s, store.Stranger{Tenant: tenant, Run: "run", Via: "gateway", FirstSeen: now, LastSeen: now, Requests: 1})}, now),
		"scan":       f.db.SaveScan(ctx, store.Scan{ID: nth("scan-", i), At: now, Doc: f.scan(t, s, now)}),
	} {
		if err != nil {
			t.Fatalf("%s %d: %v", what, i, err)
		}
	}
	if _, err := f.db.Audit(ctx, sown(s, keepwatch.AuditEntry{At: now})); err != nil {
		t.Fatal(err)
	}
}

func (f *field) tick(i int) string {
	return fmt.Sprintf("the-token-of-a-hostile-tick-link-number-%03d", i)[:43]
}

func (f *field) scan(t *testing.T, s sower, now time.Time) []byte {
	t.Helper()
	since := now.Add(-time.Hour)
	report := sown(s, scan.Report{SchemaVersion: 1, At: now, Since: &since})
	report.Findings[0].Severity = scan.Critical
	report.Findings[0].Evidence = map[string]any{s.mark("Evidence.Key"): s.mark("Evidence.Value"), "list": []string{s.mark("Evidence.List")}}
	report.Summary.Critical, report.Target = 1, s.mark("Report.Target")
	doc, err := json.Marshal(map[string]any{"by": s.mark("Scan.By"), "started": now, "done": true, "report": report})
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// observe brings in what SFMC may have answered, and an incident of it, with messages on
// their way, effects and what it costs.
func (f *field) observe(t *testing.T, s sower, i int, now time.Time) {
	t.Helper()
	id, tenant := keepwatch.CredentialID(nth("c", i)), keepwatch.TenantID(nth("t", i))
	check := keepwatch.CheckID(id)
	run := sown(s, keepwatch.Observation{
		Key: keepwatch.SlotKey(check, now), Series: keepwatch.SeriesOf(check, ""), Check: check, Credential: id, Tenant: tenant, Place: keepwatch.Local, Source: keepwatch.SourceTest,
		Reason: keepwatch.ReasonScheduled, Slot: now, At: now, Took: time.Second, Gap: time.Hour, Outcome: keepwatch.BadSecretOrPackage, Connectivity: keepwatch.ConnectivityProven,
	})
	run.Steps[0].Outcome = keepwatch.BadSecretOrPackage
	short := run // it has no steps, so that its own evidence is shown
	short.Slot, short.At, short.Steps = now.Add(time.Second), now.Add(time.Second), nil
	short.Key = keepwatch.SlotKey(check, short.Slot)
	look := check + ":looks"
	subject := keepwatch.Subject{Kind: keepwatch.SubjectJourney, Unit: keepwatch.MID(510000100 + i)}
	queued := int64(7)
	watch := sown(s, keepwatch.Watch{Subject: subject, Aspect: keepwatch.AspectEntry, Reading: keepwatch.Reading{
		At: now, Journey: &keepwatch.JourneyReading{}, Send: &keepwatch.SendReading{Queued: &queued}, Automation: &keepwatch.AutomationReading{}, Extension: &keepwatch.ExtensionReading{},
	}})
	watch.Upstream[0].Credential = id
	watch.Verdict.Outcome, watch.Verdict.Since, watch.Verdict.Confidence = keepwatch.JourneyStalled, now.Add(-time.Hour), 0.9
	seen := sown(s, keepwatch.Observation{
		Key: keepwatch.SlotKey(look, now), Series: keepwatch.SeriesOf(look, "journey:entry"), Check: look, Tenant: tenant, Place: keepwatch.Local, Source: keepwatch.SourceTest,
		Reason: keepwatch.ReasonScheduled, Slot: now, At: now, Gap: time.Hour, Outcome: keepwatch.JourneyStalled,
	})
	seen.Watch, seen.Steps, seen.Seen = &watch, nil, nil
	young := seen // nothing is said of it yet but what it learns
	learning := watch
	learning.Verdict = sown(s, keepwatch.Verdict{Outcome: keepwatch.OK})
	learning.Verdict.Evidence = ""
	young.Series, young.Watch, young.Outcome = keepwatch.SeriesOf(look, "journey:young"), &learning, keepwatch.OK
	young.Key += "-young"
	calls := sown(s, keepwatch.Tally{From: now.Add(-time.Minute), To: now, Via: []keepwatch.Via{"gateway"}, Tokens: keepwatch.Refreshes{Requests: 3, Failed: map[keepwatch.Outcome]int{keepwatch.BadSecretOrPackage: 3}, LastFailed: now, LastWhy: keepwatch.BadSecretOrPackage}})
	lived := keepwatch.Observation{
		Key: "traffic" + nth("", i), Series: keepwatch.TrafficSeries(id, "x"), Credential: id, Tenant: tenant, Place: keepwatch.Local, Source: keepwatch.SourceTraffic,
		Slot: now, At: now, Outcome: keepwatch.OK, Traffic: &calls, Count: 3, Window: time.Minute,
	}
	inc, timeline := f.trouble(s, i, now, run, watch)
	plain := inc // without a cause, so that its own evidence is shown
	plain.ID, plain.Key, plain.Causes = keepwatch.IncidentID(keepwatch.Digest("plain", nth("", i))), "plain/"+nth("", i), nil
	notice := keepwatch.Notice{ID: keepwatch.NoticeID(nth("notice-", i)), Incident: inc, Kind: keepwatch.Opened, Seq: 1, At: now}
	_, err := f.db.Apply(t.Context(), []keepwatch.Observation{run, short, seen, young, lived}, now, func(v incident.View) (incident.Changes, error) {
		c, err := incident.Step(v, incident.DefaultPolicy(), now)
		c.Incidents, c.Transitions, c.Notices, c.Plans = []keepwatch.Incident{inc, plain}, timeline, []keepwatch.Notice{notice}, nil
		return c, err
	})
	delivery := sown(s, keepwatch.Delivery{Status: keepwatch.DeliveryDead, Attempts: 3, CreatedAt: now, NextAttemptAt: now.Add(time.Hour)})
	delivery.Notice = notice
	delivery.ID = keepwatch.DeliveryIDOf(notice.ID, delivery.Receiver)
	failed := delivery // a receiver that answered nothing
	failed.Receiver, failed.Receipt = nth("r", i), ""
	failed.ID = keepwatch.DeliveryIDOf(notice.ID, failed.Receiver)
	impact := sown(s, keepwatch.Impact{At: now})
	impact.Figures[0].Low, impact.Figures[0].Mid, impact.Figures[0].High = 1, 2, 3
	if err := errors.Join(err, f.db.Route(t.Context(), notice.ID, []keepwatch.Delivery{delivery, failed}, now), f.db.SaveImpact(t.Context(), inc.ID, impact)); err != nil {
		t.Fatalf("trouble %d: %v", i, err)
	}
	f.incidents, f.series, f.runs = append(f.incidents, inc.ID), append(f.series, young.Series), append(f.runs, run.Key)
	f.incident = inc
	acts, err := f.acts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	listed := sown(s, keepwatch.ShareLink{ID: nth("share-", i), Incident: inc.ID, Grants: "admin", CreatedAt: now, ExpiresAt: now.Add(time.Hour)})
	ended := listed
	ended.ID = nth("ended-", i)
	f.plain = append(f.plain, plain.ID)
	if err := errors.Join(f.addShare(t.Context(), now), f.db.SaveShare(t.Context(), listed), f.db.SaveShare(t.Context(), ended), f.db.EndShare(t.Context(), inc.ID, ended.ID, s.mark("ShareLink.EndedBy"), now)); err != nil {
		t.Fatal(err)
	}
	f.links, f.shares = append(f.links, acts[keepwatch.LinkAcknowledge]), append(f.shares, f.shareToken)
}

func (f *field) trouble(s sower, i int, now time.Time, run keepwatch.Observation, watch keepwatch.Watch) (keepwatch.Incident, []keepwatch.Transition) {
	inc := sown(s, keepwatch.Incident{
		ID: keepwatch.IncidentID(keepwatch.Digest("hostile", nth("", i))), Key: "hostile/" + nth("", i), Scope: keepwatch.ScopeCredential, Tenant: run.Tenant, Place: keepwatch.Local,
		Outcome: keepwatch.BadSecretOrPackage, Category: keepwatch.BadSecretOrPackage.Info().Category, Severity: keepwatch.SeverityCritical, Status: keepwatch.IncidentOpen, Credential: run.Credential,
		Members:       []keepwatch.Member{{Series: run.Series, Credential: run.Credential, Outcome: keepwatch.BadSecretOrPackage, Since: now}},
		FirstFailedAt: now, DetectedAt: now, LastProvenAt: now.Add(-time.Hour), Revision: 1,
	})
	inc.Effects[0].Subject.Kind, inc.Effects[0].Outcome, inc.Effects[0].Since, inc.Effects[0].Aspect, inc.Effects[0].Credential = keepwatch.SubjectJourney, keepwatch.JourneyStalled, now, watch.Aspect, run.Credential
	inc.Causes[0].Kind, inc.Causes[0].Confidence = keepwatch.CauseStopped, 0.5
	inc.AcknowledgedAt = now
	row := sown(s, keepwatch.Transition{Incident: inc.ID, Seq: 1, Kind: keepwatch.Opened, At: now})
	return inc, []keepwatch.Transition{row}
}

// values are the names of the things of one payload.
func (f *field) values(i int) map[string]name {
	one := func(s string) name { return name{s, s} }
	return map[string]name{
		"/credentials/": one(nth("c", i)), "/incidents/": one(string(f.incidents[i])), "/rotations/": one(nth("rotation-", i)), "/rotations/tick/": one(f.tick(i)),
		"/share/": one(f.shares[i]), "/users/{}/": one("x"), "/findings/": one("x"), "/rotations/{}/": one("x"), "/incidents/{}/share/": one("x"),
		link.Path: one(strings.TrimPrefix(f.links[i], link.Path)), "/scan/": one(nth("scan-", i)), "/static/": one("app.css"), "/users/": one("x"), "/tokens/": one("x"), "/receivers/": one("x"), "/silences/": one("x"),
	}
}

// wholeLists are further looks at lists, so that all of what they can show is seen.
var wholeLists = map[string][]string{
	"/":                       {"?group=owner", "?group=tier"},
	"/alerts/explain":         {"?credential=" + nth("c", 0), "?credential=" + nth("c", 7), "?credential=" + nth("c", 35)},
	"/incidents":              {"?status=all"},
	"/expiring":               {"?within=365d", "?within=365d&view=date"},
	"/inventory":              {"?columns=state,unit,kind,owner,tier,proven,rate,every,ends,renewal,holders,dependents,client,package,environment,region,area,defined"},
	"/inventory/findings":     {"?status=all", "?status=accepted"},
	"/impact":                 {"?month=" + thisMonth()},
	"/settings/configuration": {"?q=t"},
}

// addressesOf are the pages that show the things of one payload; the lists come with the
// first.
func (f *field) addressesOf(t *testing.T, i int) (out []string) {
	t.Helper()
	for _, pattern := range f.pagePatterns() {
		method, path, ok := strings.Cut(pattern, " ")
		if !ok || method != http.MethodGet || strings.HasPrefix(path, "/static/") || path == "/favicon.ico" {
			continue
		}
		named := strings.Contains(strings.TrimSuffix(path, "{$}"), "{")
		full, err := fill(path, f.values(i), here)
		if err != nil {
			t.Errorf("%s: %v: add it to values in hostile_test.go", pattern, err)
			continue
		}
		switch {
		case full == "/effect":
			out = append(out, full+"?series="+url.QueryEscape(string(f.series[i])))
		case full == "/credentials/"+nth("c", i):
			out = append(out, full, full+"?run="+url.QueryEscape(f.runs[i]), "/incidents/"+string(f.plain[i]))
		case named:
			out = append(out, full)
		case i == 0:
			out = append(out, full)
			for _, q := range wholeLists[full] {
				out = append(out, full+q)
			}
		}
	}
	// What a visitor was made to open has the text in the address; filters and searches are
	// typed, see TestNothingTypedRuns.
	out = append(out, "/sign-in?next="+url.QueryEscape(payloads[i]))
	return out
}

// unshown are fields that no page shows, and why.
var unshown = never(map[string][]string{
	"it is judged, and what is shown is the judge's sentence (Verdict.Evidence)": {
		"ActivityReading.Kind", "AutomationReading.FailingStep", "AutomationReading.LastStatus", "AutomationReading.PausedBy", "AutomationReading.Status",
		"ImportReading.BlankFile", "ImportReading.Key", "ImportReading.Status", "ImportReading.Target",
		"JourneyReading.Automation", "JourneyReading.EventKey", "JourneyReading.EventType", "JourneyReading.Extension",
		"SendReading.Holder", "SendReading.Status", "SendReading.TopError", "Memory.Alarm", "Memory.State", "Past.Fault",
	},
	"it joins things up, and what it joins is shown by its own name":  {"Dependent.FedBy", "Dependent.Reads", "Expectation.FedBy", "Expectation.Reads"},
	"it says how something is looked at, and stands in the API alone": {"CertificateSource.Alias", "CertificateSource.Endpoint", "CertificateSource.File", "CertificateSource.ServerName", "Credential.Scopes", "Dependent.TimestampField"},
	"it is worked out anew from the dates and the kind":               {"Clock.Basis", "Clock.Name"},
	"drift is judged by it, and what is shown is the sentence":        {"Fact.Name", "Fact.Value"},
	"calls are counted by it; the pages show sums":                    {"CallCount.Class", "CallCount.Family", "Tally.Scopes"},
	"the page shows the one line of Report.Target":                    {"Report.Targets"},
	"figures have it as their unit, see Figure.Unit":                  {"Tenant.Currency"},
	"the audit log has who made an account":                           {"User.CreatedBy"},
})

// TestNothingHostileRuns visits every page of an estate whose every text is hostile.
// Nothing runs, the policy has nothing to forbid, no page is made of anything but its own
// elements, and each text of each field is found on a page letter by letter.
func TestNothingHostileRuns(t *testing.T) {
	t.Parallel()
	if len(payloads) != 60 {
		t.Fatalf("%d payloads", len(payloads))
	}
	f := newField(t)
	queue := make(chan int)
	go func() {
		defer close(queue)
		for i := range payloads {
			queue <- i
		}
	}()
	found := newSight()
	var group sync.WaitGroup
	for range tabs {
		b := f.hostileTab(t)
		group.Go(func() {
			for i := range queue {
				for _, path := range f.addressesOf(t, i) {
					b.inspect(path, found)
				}
			}
		})
	}
	group.Wait()
	found.complete(t, f.sown, unshown)
}

// administrator makes one, for whom nothing was announced.
func (e *estate) administrator(t *testing.T) (name string) {
	t.Helper()
	const password = "a password of the test"
	name = "admin-" + keepwatch.Digest(time.Now().String())
	hash, err := auth.NewHasher(2).Hash(t.Context(), []byte(password))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	if err := e.db.AddUser(context.WithoutCancel(t.Context()), store.User{Name: name, Grants: "admin", PasswordHash: hash, CreatedAt: now, ChangedAt: now, Epoch: now.UnixMilli()}); err != nil {
		t.Fatal(err)
	}
	e.people[name] = password
	return name
}

// hostileTab is an administrator's, to whom refusals are no faults.
func (e *estate) hostileTab(t *testing.T) *tab {
	t.Helper()
	b := e.tab(t, e.administrator(t))
	b.size(1280)
	b.lenient = true
	call(b, network.SetCacheDisabled, network.SetCacheDisabledParams{})
	return b
}
