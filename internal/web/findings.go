package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/view"
)

// findingRows are those of one page.
const findingRows = 100

// Findings knows what somebody should decide about the estate.
type Findings interface {
	Findings(ctx context.Context, now time.Time) ([]keepwatch.Finding, error)
	Accept(ctx context.Context, a keepwatch.Acceptance) error
	Withdraw(ctx context.Context, finding string) error
}

type findingsBody struct {
	address
	Tab        string
	Groups     []findingGroup
	More       string
	Filter     view.FindingFilter
	Filtered   bool
	Kinds      []keepwatch.FindingKind
	Severities []string
	Tenants    []string
	Owners     []string
	May        bool
	MayLook    bool
	MayAdopt   bool
	Done       string
}

// inventoryPages are those of the table, of sheets and of findings.
func (s *site) inventoryPages() {
	s.mux.HandleFunc("GET /inventory", s.page(s.inventory))
	s.mux.HandleFunc("POST /inventory/bulk", s.page(s.bulk))
	s.mux.HandleFunc("GET /inventory/import", s.importing(s.importForm))
	s.mux.HandleFunc("POST /inventory/import", s.importing(s.importSheet))
	s.mux.HandleFunc("GET /inventory/new", s.page(s.newRecord))
	s.mux.HandleFunc("POST /inventory/new", s.page(s.makeRecord))
	s.mux.HandleFunc("GET /inventory/findings", s.page(s.findings))
	s.mux.HandleFunc("POST /inventory/findings/{id}/{do}", s.page(s.decideFinding))
	s.mux.HandleFunc("POST /inventory/discover", s.whole(auth.Admin, s.discover))
}

// mayFinding reports whether somebody has a role over what a finding is about.
func (s *site) mayFinding(who auth.Principal, needs auth.Role, f keepwatch.Finding) bool {
	if who.Everywhere(needs) {
		return true
	}
	if f.Credential != "" {
		return s.Reader.May(who, needs, f.Credential) == nil
	}
	return who.May(needs, f.Tenant, "")
}

// theirFindings are those that somebody may see.
func (s *site) theirFindings(r *http.Request) ([]keepwatch.Finding, error) {
	if s.Findings == nil {
		return nil, keepwatch.ErrNotFound
	}
	all, err := s.Findings.Findings(r.Context(), time.Now())
	if err != nil {
		return nil, err
	}
	who := view.PrincipalOf(r.Context())
	return slices.DeleteFunc(slices.Clone(all), func(f keepwatch.Finding) bool { return !s.mayFinding(who, auth.Viewer, f) }), nil
}

func (s *site) findings(_ http.ResponseWriter, r *http.Request) (*page, error) {
	all, err := s.theirFindings(r)
	if err != nil {
		return nil, err
	}
	q, reader, who := r.URL.Query(), s.read(r), view.PrincipalOf(r.Context())
	f := view.FindingFilter{
		Status: cmp.Or(q.Get("status"), "open"), Kind: q.Get("kind"), Severity: q.Get("severity"), Tenant: q.Get("tenant"), Owner: q.Get("owner"), Credential: q.Get("credential"),
	}
	list, err := reader.Findings(all, f, view.Page{Limit: findingRows, Cursor: q.Get("cursor")})
	if err != nil {
		return nil, err
	}
	b := findingsBody{
		address: addressOf(r), Tab: "findings", Groups: groupFindings(list.Items), Filter: f, Filtered: f.Kind+f.Severity+f.Tenant+f.Owner+f.Credential != "",
		Kinds: keepwatch.FindingKinds, Severities: []string{"critical", "warning", "info"}, Tenants: reader.TenantIDs(), Owners: reader.Teams(),
		May: auth.Require(who, auth.Operator) == nil, MayLook: s.Discover != nil && who.Everywhere(auth.Admin), MayAdopt: s.Records != nil && auth.Require(who, auth.Operator) == nil,
		Done: findingDone(q.Get("done")),
	}
	if list.Next != nil {
		b.More = b.With("cursor", *list.Next)
	}
	return &page{Template: "inventory-findings", Title: "Findings", Section: "inventory", Body: b}, nil
}

// findingGroup is what is alike: the reason and what to do are said once.
type findingGroup struct {
	Kind, Severity, Reason, Hint string
	Items                        []client.Finding
}

func groupFindings(items []client.Finding) []findingGroup {
	var out []findingGroup
	for _, f := range items {
		if n := len(out); n == 0 || out[n-1].Kind != f.Kind || out[n-1].Severity != f.Severity {
			out = append(out, findingGroup{Kind: f.Kind, Severity: f.Severity, Reason: f.Reason, Hint: f.Hint})
		}
		g := &out[len(out)-1]
		if g.Reason != f.Reason || g.Hint != f.Hint {
			g.Reason, g.Hint = "", "" // each says its own
		}
		g.Items = append(g.Items, f)
	}
	return out
}

func findingDone(what string) string {
	return map[string]string{"accept": "It is accepted until then.", "withdraw": "It is open again.", "discover": "The account was looked at."}[what]
}

// acceptances are for how long a finding may be left alone, in days.
var acceptances = map[string]int{"30d": 30, "90d": 90, "180d": 180, "365d": 365}

// decideFinding accepts a finding until a day, or takes that back. One that somebody may
// not see is answered as one that does not hold.
func (s *site) decideFinding(w http.ResponseWriter, r *http.Request) (*page, error) {
	who := view.PrincipalOf(r.Context())
	if err := auth.Require(who, auth.Operator); err != nil {
		return nil, err
	}
	all, err := s.theirFindings(r)
	if err != nil {
		return nil, err
	}
	id, do, now := r.PathValue("id"), r.PathValue("do"), time.Now()
	i := slices.IndexFunc(all, func(f keepwatch.Finding) bool { return f.ID == id && s.mayFinding(who, auth.Operator, f) })
	if i < 0 || do != "accept" && do != "withdraw" {
		return nil, keepwatch.WithHint(fmt.Errorf("there is no such finding: %w", keepwatch.ErrNotFound), "list them to see which hold now")
	}
	switch do {
	case "accept":
		reason, days := strings.TrimSpace(r.PostFormValue("reason")), acceptances[r.PostFormValue("until")]
		if reason == "" || len(reason) > 1000 || days == 0 {
			return nil, keepwatch.WithHint(fmt.Errorf("a finding is accepted with a reason and an end: %w", keepwatch.ErrInvalid), "say in a sentence why it may stay; whoever looks at it next year reads it")
		}
		err = s.Findings.Accept(r.Context(), keepwatch.Acceptance{Finding: id, By: who.Name, Reason: reason, At: now.UTC(), Until: now.UTC().AddDate(0, 0, days)})
	default:
		err = s.Findings.Withdraw(r.Context(), id)
	}
	if err != nil {
		return nil, err
	}
	http.Redirect(w, r, "/inventory/findings?done="+do, http.StatusSeeOther)
	return nil, nil
}

// discover looks at one account now.
func (s *site) discover(w http.ResponseWriter, r *http.Request) (*page, error) {
	if s.Discover == nil {
		return nil, keepwatch.ErrNotFound
	}
	tenant := keepwatch.TenantID(r.PostFormValue("tenant"))
	if err := s.Reader.TenantExists(tenant); err != nil {
		return nil, err
	}
	if _, err := s.Discover(r.Context(), tenant, time.Now()); err != nil {
		return nil, err
	}
	http.Redirect(w, r, address{"/inventory/findings", nil}.With("tenant", string(tenant), "done", "discover"), http.StatusSeeOther)
	return nil, nil
}

// recordBody is a new record as it was typed.
type recordBody struct {
	Tab     string
	Record  client.Record
	Owner   client.RecordOwner
	Finding *client.Finding // that it answers; nil for one out of the blue
	Tenants []string
	Owners  []string
	Kinds   []keepwatch.Kind
	Tiers   []keepwatch.Criticality
	Problem string
	Hint    string
	Unit    string
}

// newRecord is the form of a new record, filled in from a finding where one is named.
func (s *site) newRecord(_ http.ResponseWriter, r *http.Request) (*page, error) {
	if err := s.mayRecord(r); err != nil {
		return nil, err
	}
	b := recordBody{Record: client.Record{Kind: string(keepwatch.ServerToServer), Criticality: string(keepwatch.Standard)}}
	if id := r.URL.Query().Get("finding"); id != "" {
		f, err := s.adoptable(r, id)
		if err != nil {
			return nil, err
		}
		b.Finding, b.Record.Tenant = &f, f.Tenant
		b.Record.ID = slug(f.Subject)
		if b.Record.Package = f.Subject; f.Kind == "user_not_registered" {
			b.Record.Package, b.Record.Username, b.Record.Kind = "", f.Subject, string(keepwatch.APIUser)
		}
	}
	return s.recordPage(r, b, http.StatusOK), nil
}

func (s *site) mayRecord(r *http.Request) error {
	if s.Records == nil {
		return keepwatch.ErrNotFound
	}
	return auth.Require(view.PrincipalOf(r.Context()), auth.Operator)
}

// adoptable is a finding of a look at an account about something that no record stands
// for.
func (s *site) adoptable(r *http.Request, id string) (client.Finding, error) {
	all, err := s.theirFindings(r)
	if err != nil {
		return client.Finding{}, err
	}
	for _, f := range s.Reader.FindingsOf(all) {
		if f.ID == id && adopts(f.Kind) {
			return f, nil
		}
	}
	return client.Finding{}, keepwatch.WithHint(fmt.Errorf("there is no such finding: %w", keepwatch.ErrNotFound), "list them to see which hold now")
}

// adopts reports whether a record is the answer to a finding of a kind.
func adopts(kind string) bool {
	return kind == "package_not_registered" || kind == "user_not_registered"
}

// slug makes an id of a name as Setup has it.
func slug(name string) string {
	var b strings.Builder
	for _, c := range strings.ToLower(name) {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			b.WriteRune(c)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return strings.Trim(b.String(), "-")
}

func (s *site) recordPage(r *http.Request, b recordBody, status int) *page {
	reader := s.read(r)
	b.Tab, b.Tenants, b.Owners, b.Kinds, b.Tiers = "records", reader.TenantIDs(), reader.Teams(), keepwatch.Kinds, keepwatch.Criticalities
	return &page{Template: "inventory-new", Title: "New record", Section: "inventory", Status: status, Body: b}
}

// makeRecord writes a new record, or says what is wrong beside what was typed. Where
// something looks like a secret in the place of a reference, it is not put back.
func (s *site) makeRecord(w http.ResponseWriter, r *http.Request) (*page, error) {
	if err := s.mayRecord(r); err != nil {
		return nil, err
	}
	if err := r.ParseForm(); err != nil {
		return nil, keepwatch.WithHint(keepwatch.ErrInvalid, "the form cannot be read, or is too large")
	}
	text := func(name string) string { return strings.TrimSpace(r.PostForm.Get(name)) }
	b := recordBody{Unit: text("business_unit"), Owner: client.RecordOwner{Team: text("team"), Contact: text("contact")}, Record: client.Record{
		ID: text("id"), Tenant: text("tenant"), Kind: text("kind"), ClientID: text("client_id"), Package: text("package"), Username: text("username"), Secret: text("secret"),
		SecretGenerated: text("generated"), Expires: text("expires"), Criticality: text("criticality"), Purpose: text("purpose"),
	}}
	if b.Owner != (client.RecordOwner{}) {
		b.Record.Owner = &b.Owner
	}
	err := s.writeRecord(r, &b)
	if err == nil {
		http.Redirect(w, r, "/credentials/"+url.PathEscape(b.Record.ID), http.StatusSeeOther)
		return nil, nil
	}
	b.Record.Secret = ""
	f := view.FailureOf(err)
	if f.Status >= http.StatusInternalServerError {
		return nil, err
	}
	if b.Problem, b.Hint = view.Capital(f.Message)+".", f.Hint; errors.Is(err, keepwatch.ErrConflict) && b.Hint == "" {
		b.Hint = "choose another id"
	}
	return s.recordPage(r, b, f.Status), nil
}

func (s *site) writeRecord(r *http.Request, b *recordBody) error {
	if b.Unit != "" {
		var mid int64
		if _, err := fmt.Sscanf(b.Unit, "%d", &mid); err != nil || fmt.Sprint(mid) != b.Unit || mid <= 0 {
			return keepwatch.WithHint(fmt.Errorf("the business unit is no number: %w", keepwatch.ErrInvalid), "the MID, such as 510000123; leave it empty for the one that owns the package")
		}
		b.Record.BusinessUnit = &mid
	}
	c, err := view.CredentialOf(b.Record)
	if err != nil {
		return err
	}
	if err := s.Reader.Open(c.ID); err != nil {
		return err
	}
	if err := s.read(r).TenantExists(c.Tenant); err != nil {
		return err
	}
	if err := view.MayIn(view.PrincipalOf(r.Context()), auth.Operator, c.Tenant, c.Owner.Team); err != nil {
		return err
	}
	_, err = s.Records.Put(r.Context(), c, 0, authorOf(r), time.Now())
	return err
}
