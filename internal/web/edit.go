package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/inventory"
	"keepwatch/internal/view"
)

// Editor writes one record of the interface. A version that is not the newest is a
// conflict.
type Editor interface {
	Item(ctx context.Context, id keepwatch.CredentialID) (keepwatch.Item, error)
	Put(ctx context.Context, c keepwatch.Credential, version int, by inventory.Author, now time.Time) (keepwatch.Item, error)
}

// editBody is the form of one record as it was typed, with what is wrong by field.
type editBody struct {
	ID, Tenant, Kind string
	State            string
	File             string // that defines it; then there is no form
	Version          int
	Typed            map[string]string
	Problems         map[string]string
	Changed          []editChange // since the form was opened, by somebody else
	Tiers            []string
	Teams            []string
}

// editChange is a field that somebody else has changed meanwhile.
type editChange struct{ Field, Now, Typed string }

// editFields are those that the form has, in its order.
var editFields = []string{
	"team", "contact", "criticality", "purpose", "environment", "region", "area", "runbook_url", "holders", "dependents",
	"secret_generated", "expires", "last_used", "dates_confirmed", "renewal_every", "renewal_planned", "renewal_window", "renewal_by", "renewal_ticket",
}

// checked is what a box that is ticked sends.
const checked = "yes"

// editable reads the record that a form is about. One of a file has none.
func (s *site) editable(r *http.Request) (keepwatch.Item, error) {
	id := keepwatch.CredentialID(r.PathValue("id"))
	if err := s.mayOn(view.PrincipalOf(r.Context()), id); err != nil {
		return keepwatch.Item{}, err
	}
	c, err := s.read(r).Registered(id)
	switch {
	case err != nil:
		return keepwatch.Item{}, err
	case c.File != "":
		return keepwatch.Item{Credential: c}, nil
	case s.Editor == nil:
		return keepwatch.Item{}, keepwatch.ErrNotFound
	}
	return s.Editor.Item(r.Context(), id)
}

func (s *site) edit(_ http.ResponseWriter, r *http.Request) (*page, error) {
	item, err := s.editable(r)
	if err != nil {
		return nil, err
	}
	return s.editPage(r, item, editBody{Version: item.Version, Typed: typedOf(item.Credential)}), nil
}

func (s *site) editPage(r *http.Request, item keepwatch.Item, b editBody) *page {
	c := item.Credential
	b.ID, b.Tenant, b.Kind, b.File = string(c.ID), string(c.Tenant), string(c.Kind), c.File
	b.Tiers, b.Teams = []string{string(keepwatch.Transactional), string(keepwatch.Standard), string(keepwatch.Reporting)}, s.read(r).Teams()
	p := &page{Template: "edit", Title: "Edit " + string(c.ID), Section: "overview", Now: time.Now(), Body: b}
	if len(b.Problems) > 0 {
		p.Status = http.StatusBadRequest
	}
	if len(b.Changed) > 0 {
		p.Status = http.StatusConflict
	}
	return p
}

// saveEdit writes what was typed. Nobody overwrites what they have not seen: when the
// record was changed meanwhile, the form comes back with both, and is about the new one.
func (s *site) saveEdit(w http.ResponseWriter, r *http.Request) (*page, error) {
	item, err := s.editable(r)
	if err != nil {
		return nil, err
	}
	if item.Credential.File != "" {
		return nil, s.read(r).Open(item.Credential.ID)
	}
	if err := r.ParseForm(); err != nil {
		return nil, keepwatch.WithHint(keepwatch.ErrInvalid, "send the form once more")
	}
	b := editBody{Version: item.Version, Typed: map[string]string{}, Problems: map[string]string{}}
	for _, f := range editFields {
		b.Typed[f] = strings.TrimSpace(r.PostForm.Get(f))
	}
	next := b.read(item.Credential)
	if len(b.Problems) > 0 {
		b.Version, _ = strconv.Atoi(r.PostForm.Get("version"))
		return s.editPage(r, item, b), nil
	}
	if r.PostForm.Get("version") != strconv.Itoa(item.Version) {
		b.Changed = differences(typedOf(item.Credential), b.Typed)
		return s.editPage(r, item, b), nil
	}
	who := view.PrincipalOf(r.Context())
	if err := view.MayIn(who, "operator", next.Tenant, next.Owner.Team); err != nil { // it must not be given away unseen
		b.Problems["team"] = view.FailureOf(err).Message
		return s.editPage(r, item, b), nil
	}
	_, err = s.Editor.Put(r.Context(), next, item.Version, inventory.Author{By: who.Name, Via: "ui"}, time.Now())
	switch {
	case errors.Is(err, keepwatch.ErrConflict): // somebody was faster by a moment
		return nil, keepwatch.WithHint(err, "open the form again: it has what stands there now")
	case errors.Is(err, keepwatch.ErrInvalid):
		f := view.FailureOf(err)
		b.Problems["form"] = f.Message + hinted(f.Hint)
		return s.editPage(r, item, b), nil
	case err != nil:
		return nil, err
	}
	http.Redirect(w, r, "/credentials/"+url.PathEscape(string(next.ID))+"?saved=1#changes", http.StatusSeeOther)
	return nil, nil
}

// differences are the fields that stand otherwise in the record than in a form.
func differences(now, typed map[string]string) []editChange {
	var out []editChange
	for _, f := range editFields {
		if now[f] != typed[f] {
			out = append(out, editChange{Field: f, Now: now[f], Typed: typed[f]})
		}
	}
	if len(out) == 0 { // a field that the form does not have
		out = append(out, editChange{Field: "another field"})
	}
	return out
}

// typedOf is a record as the form shows it.
func typedOf(c keepwatch.Credential) map[string]string {
	r := view.RecordOf(c)
	t := map[string]string{
		"team": c.Owner.Team, "contact": c.Owner.Contact, "criticality": r.Criticality, "purpose": r.Purpose,
		"environment": r.Environment, "region": r.Region, "area": r.Area, "runbook_url": r.RunbookURL,
		"secret_generated": r.SecretGenerated, "expires": r.Expires, "last_used": r.LastUsed, "dates_confirmed": r.DatesConfirmed,
	}
	if n := r.Renewal; n != nil {
		t["renewal_every"], t["renewal_planned"], t["renewal_window"], t["renewal_by"] = n.Every, n.Planned, n.Window, n.By
		if n.Ticket {
			t["renewal_ticket"] = checked
		}
	}
	var holders, dependents []string
	for _, h := range c.Holders {
		holders = append(holders, strings.TrimSuffix(h.Name+", "+h.Contact, ", "))
	}
	for _, d := range c.Dependents {
		dependents = append(dependents, d.Kind+" "+d.Key)
	}
	t["holders"], t["dependents"] = strings.Join(holders, "\n"), strings.Join(dependents, "\n")
	return t
}

// read is the record with what was typed, and says at each field what is wrong with it.
func (b *editBody) read(c keepwatch.Credential) keepwatch.Credential {
	t := b.Typed
	for _, f := range editFields {
		// A browser sends the lines of a text area with a carriage return.
		t[f] = strings.ReplaceAll(t[f], "\r\n", "\n")
		if len(t[f]) > 2000 && f != "holders" && f != "dependents" {
			b.wrong(f, "at most 2,000 characters")
		}
	}
	c.Owner = keepwatch.Owner{Team: t["team"], Contact: t["contact"]}
	c.Purpose, c.Environment, c.Region, c.Area = t["purpose"], t["environment"], t["region"], t["area"]
	switch tier := keepwatch.Criticality(t["criticality"]); tier {
	case keepwatch.Transactional, keepwatch.Standard, keepwatch.Reporting:
		c.Criticality = tier
	default:
		b.wrong("criticality", "transactional, standard or reporting")
	}
	if u := t["runbook_url"]; u != "" && !strings.HasPrefix(u, "https://") && !strings.HasPrefix(u, "http://") {
		b.wrong("runbook_url", "an address that begins with https:// or http://")
	}
	c.RunbookURL = t["runbook_url"]
	c.SecretGenerated, c.Expires = b.date("secret_generated"), b.date("expires")
	c.LastUsed, c.DatesConfirmed = b.date("last_used"), b.date("dates_confirmed")
	c.Renewal = keepwatch.Renewal{
		Every: b.span("renewal_every"), Planned: b.date("renewal_planned"), Window: b.span("renewal_window"), By: t["renewal_by"], Ticket: t["renewal_ticket"] == checked,
	}
	c.Holders, c.Dependents = b.holders(), b.dependents(c.Dependents)
	return c
}

func (b *editBody) wrong(field, format string, args ...any) {
	if b.Problems[field] == "" {
		b.Problems[field] = fmt.Sprintf(format, args...)
	}
}

func (b *editBody) date(field string) keepwatch.Date {
	var d keepwatch.Date
	if err := d.UnmarshalText([]byte(b.Typed[field])); err != nil {
		b.wrong(field, "that is no date: write it like 2026-11-02")
	}
	return d
}

func (b *editBody) span(field string) time.Duration {
	if b.Typed[field] == "" {
		return 0
	}
	d, err := keepwatch.ParseDuration(b.Typed[field])
	if err != nil {
		b.wrong(field, "that is no length of time: write it like 150d or 12h")
	}
	return d
}

const mostLines = 200

// holders reads one a line: a name, and after a comma whom to ask.
func (b *editBody) holders() []keepwatch.Holder {
	var out []keepwatch.Holder
	for line := range lines(b.Typed["holders"]) {
		name, contact, _ := strings.Cut(line, ",")
		out = append(out, keepwatch.Holder{Name: strings.TrimSpace(name), Contact: strings.TrimSpace(contact)})
	}
	if len(out) > mostLines {
		b.wrong("holders", "at most %d", mostLines)
	}
	return out
}

// dependents reads one a line: what it is, and its key. What else the record says of one
// that stays is kept.
func (b *editBody) dependents(old []keepwatch.Dependent) []keepwatch.Dependent {
	var out []keepwatch.Dependent
	for line := range lines(b.Typed["dependents"]) {
		kind, key, ok := strings.Cut(line, " ")
		if key = strings.TrimSpace(key); !ok || !slices.Contains(keepwatch.SubjectKinds, keepwatch.SubjectKind(kind)) {
			b.wrong("dependents", "%q: write what it is and its key, like journey welcome-series; it is one of %s", shortened(line), kindNames())
			continue
		}
		d := keepwatch.Dependent{Kind: kind, Key: key}
		if i := slices.IndexFunc(old, func(o keepwatch.Dependent) bool { return o.Kind == kind && o.Key == key }); i >= 0 {
			d = old[i]
		}
		out = append(out, d)
	}
	return out
}

func kindNames() string {
	names := make([]string, len(keepwatch.SubjectKinds))
	for i, k := range keepwatch.SubjectKinds {
		names[i] = string(k)
	}
	return strings.Join(names, ", ")
}

func shortened(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// lines are those with something in them.
func lines(text string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for line := range strings.SplitSeq(text, "\n") {
			if line = strings.TrimSpace(line); line != "" && !yield(line) {
				return
			}
		}
	}
}
