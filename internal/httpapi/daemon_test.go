package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/httpapi"
	"keepwatch/internal/incident"
	"keepwatch/internal/link"
	"keepwatch/internal/store"
	"keepwatch/internal/store/storetest"
	"keepwatch/internal/view"
)

// daemon is the real API on loopback over a real store, with a real gate.
type daemon struct {
	t       testing.TB
	db      *store.DB
	url     string
	log     *lockedLog
	options httpapi.Options
	admin   string
	viewer  string
	// operator keeps the inventory.
	operator string
	services *services
	gate     *auth.Gate
}

// lockedLog collects what is logged, for tests of what is not.
type lockedLog struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

type records struct {
	tokens map[string]auth.TokenRecord
	users  map[string]auth.UserRecord
}

func (r records) TokenByHash(_ context.Context, hash string) (auth.TokenRecord, error) {
	if t, ok := r.tokens[hash]; ok {
		return t, nil
	}
	return auth.TokenRecord{}, keepwatch.ErrNotFound
}

func (r records) SignedIn(context.Context, string, time.Time) error { return nil }

func (r records) UserByName(_ context.Context, name string) (auth.UserRecord, error) {
	if u, ok := r.users[name]; ok {
		return u, nil
	}
	return auth.UserRecord{}, keepwatch.ErrNotFound
}

const password = "correct horse battery staple"

func start(t testing.TB, change ...func(*httpapi.Options)) *daemon {
	t.Helper()
	d := &daemon{t: t, db: storetest.New(t), log: &lockedLog{}}
	d.gate = newGate(t, d)
	snap := snapshot(60)
	reader := view.NewReader(view.From(d.db), func() view.Snapshot { return snap })
	d.options = httpapi.Options{
		Logger: slog.New(slog.NewTextHandler(d.log, nil)), Version: "test", Reader: reader, Check: d.check, Incidents: d.db,
		Tokens: &tokens{}, Accounts: people{}, Audit: &book{}, Auth: d.gate,
		Reload: func(context.Context) (client.Reloaded, error) { return client.Reloaded{Credentials: 60}, nil },
		Health: func(context.Context) client.Health { return client.Health{Status: "ok"} },
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "keepwatch_build_info 1\n")
		}),
		Pages: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprintf(w, "page for %s", view.PrincipalOf(r.Context()).Name)
		}),
	}
	d.services = newServices(d.db, func() view.Snapshot { return snap })
	d.options.Inventory, d.options.Transfer, d.options.Findings = d.services, d.services, d.services
	d.options.Feeds, d.options.Rotations, d.options.Discover = d.services, d.services.rotations, d.services.discover
	d.options.Alerts = d.services
	key := link.NewKey()
	d.options.Shares = &link.Shares{
		Store: d.db, Key: func(context.Context) (link.Key, error) { return link.ParseKey(key) }, Limiter: auth.NewLimiter(), Logger: slog.New(slog.NewTextHandler(d.log, nil)),
	}
	d.options.BaseURL = "https://keepwatch.example.com"
	for _, c := range change {
		c(&d.options)
	}
	server := httptest.NewServer(httpapi.New(d.options))
	t.Cleanup(server.Close)
	d.url = server.URL
	return d
}

func newGate(t testing.TB, d *daemon) *auth.Gate {
	t.Helper()
	hasher := auth.NewHasher(2)
	hash, err := hasher.Hash(t.Context(), []byte(password))
	if err != nil {
		t.Fatal(err)
	}
	sessions, err := auth.NewSessions(auth.NewSessionKey())
	if err != nil {
		t.Fatal(err)
	}
	r := records{map[string]auth.TokenRecord{}, map[string]auth.UserRecord{
		"admin": {Name: "admin", Grants: []auth.Grant{{Role: auth.Admin}}, PasswordHash: hash},
	}}
	for role, into := range map[auth.Role]*string{auth.Admin: &d.admin, auth.Operator: &d.operator, auth.Viewer: &d.viewer} {
		token, hash := auth.NewToken()
		*into = string(token.Reveal())
		r.tokens[hash] = auth.TokenRecord{Name: string(role) + "-token", Grants: []auth.Grant{{Role: role}}}
	}
	return &auth.Gate{Records: r, Sessions: sessions, Hasher: hasher, Limiter: auth.NewLimiter()}
}

func snapshot(n int) view.Snapshot {
	s := view.Snapshot{
		Tenants: []keepwatch.Tenant{{ID: "emea", BusinessUnits: []keepwatch.BusinessUnit{{MID: 510000123, Name: "Germany"}}}, {ID: "amer"}},
		Plans:   map[keepwatch.CredentialID]view.Plan{},
	}
	for i := range n {
		c := keepwatch.Credential{
			ID: keepwatch.CredentialID(fmt.Sprintf("cred-%02d", i)), Tenant: "emea", BusinessUnit: 510000123, Kind: keepwatch.ServerToServer,
			File: fmt.Sprintf("keepwatch.yaml:%d", i), Criticality: keepwatch.Standard, Owner: keepwatch.Owner{Team: "crm-platform", Contact: "crm@example.com"},
			SecretRef: "env:CRM", SecretGenerated: keepwatch.Day(2026, time.September, 28),
		}
		if i%3 == 2 {
			c.Tenant, c.BusinessUnit, c.SecretGenerated = "amer", 0, keepwatch.Date{}
		}
		s.Credentials = append(s.Credentials, c)
	}
	return s
}

func (d *daemon) observe(id keepwatch.CredentialID, at time.Time, outcome keepwatch.Outcome) keepwatch.Observation {
	d.t.Helper()
	check := keepwatch.CheckID(id)
	o := keepwatch.Observation{
		Key: keepwatch.SlotKey(check, at), Series: keepwatch.SeriesOf(check, ""), Check: check, Credential: id, Tenant: "emea",
		Place: keepwatch.Local, Source: keepwatch.SourceTest, Reason: keepwatch.ReasonScheduled, Slot: at, At: at, Took: 41700 * time.Microsecond,
		Gap: 10 * time.Minute, Outcome: outcome, Steps: []keepwatch.Step{{Name: "token", Outcome: outcome, HTTPStatus: 200, Took: 41700 * time.Microsecond}},
	}
	if outcome != keepwatch.OK {
		o.Step, o.Message, o.Hint, o.Evidence, o.Transcript = "token", "The secret is refused.", "Generate a new one.", "invalid_client", "POST /v2/token → 401"
		o.Steps[0].HTTPStatus = http.StatusUnauthorized
	}
	_, err := d.db.Apply(d.t.Context(), []keepwatch.Observation{o}, at, func(v incident.View) (incident.Changes, error) {
		return incident.Step(v, incident.DefaultPolicy(), at)
	})
	if err != nil {
		d.t.Fatalf("apply: %v", err)
	}
	return o
}

// failing makes a credential with a proof, a refusal and its confirmation.
func (d *daemon) failing(id keepwatch.CredentialID) keepwatch.Incident {
	d.t.Helper()
	now := time.Now().UTC().Truncate(time.Second)
	d.observe(id, now.Add(-20*time.Minute), keepwatch.OK)
	d.observe(id, now.Add(-10*time.Minute), keepwatch.BadSecretOrPackage)
	d.observe(id, now.Add(-9*time.Minute-30*time.Second), keepwatch.BadSecretOrPackage)
	list, _, err := d.db.Incidents(d.t.Context(), store.IncidentFilter{Status: "open", Credential: id}, store.Page{})
	if err != nil || len(list) != 1 {
		d.t.Fatalf("%d open incidents, %v", len(list), err)
	}
	return list[0]
}

func (d *daemon) check(ctx context.Context, id keepwatch.CredentialID) (keepwatch.Observation, error) {
	if id == "cred-13" {
		return keepwatch.Observation{}, errors.New("dial tcp 10.1.2.3:5432: password=hunter2")
	}
	return d.observe(id, time.Now().UTC().Truncate(time.Millisecond), keepwatch.OK), ctx.Err()
}

func (d *daemon) client(token string) *client.Client {
	d.t.Helper()
	c, err := client.New(d.url, token)
	if err != nil {
		d.t.Fatal(err)
	}
	return c
}

// do sends one request; header pairs follow the body.
func (d *daemon) do(method, path, body string, header ...string) (*http.Response, string) {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), method, d.url+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
	}
	c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := c.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return res, string(b)
}

// tokens is a list in memory: the real one is wired by the program.
type tokens struct {
	mu   sync.Mutex
	list []client.Token
}

func (s *tokens) List(context.Context) ([]client.Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list, nil
}

func (s *tokens) Create(_ context.Context, n client.NewToken, by string) (client.CreatedToken, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := client.Token{ID: fmt.Sprintf("t%d", len(s.list)), Name: n.Name, Role: n.Role, CreatedBy: by, ExpiresAt: n.ExpiresAt}
	s.list = append(s.list, t)
	return client.CreatedToken{Token: t, Secret: "kw_once"}, nil
}

func (s *tokens) Revoke(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, t := range s.list {
		if t.ID == id {
			s.list = append(s.list[:i], s.list[i+1:]...)
			return nil
		}
	}
	return fmt.Errorf("token %q: %w", id, keepwatch.ErrNotFound)
}

// people are accounts that nothing is asked of.
type people struct{ httpapi.Accounts }

func (people) List(context.Context) ([]client.User, error) { return []client.User{}, nil }

func (people) Create(_ context.Context, u client.NewUser, by string, _ time.Time) (client.CreatedUser, error) {
	return client.CreatedUser{User: client.User{Name: u.Name, Role: u.Role, CreatedBy: by}, Password: "x"}, nil
}

func (people) Change(_ context.Context, name string, _ client.ChangedUser, _ time.Time) (client.User, error) {
	return client.User{Name: name}, nil
}

func (people) Reset(_ context.Context, name string, _ time.Time) (client.CreatedUser, error) {
	return client.CreatedUser{User: client.User{Name: name}, Password: "x"}, nil
}

func (people) Remove(context.Context, string) error { return nil }
