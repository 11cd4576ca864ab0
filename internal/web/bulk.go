package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/view"
)

// mostSelected are those that are changed at once.
const mostSelected = 1000

// bulkBody is a change of many records before it is made.
type bulkBody struct {
	Tab      string
	Preview  client.Bulk
	Records  []client.SeenRecord // what is sent back to be changed, in the versions that are shown
	Selected int
	Fields   []bulkField
	Asked    bool // something is to be set: there is a preview
	Problem  string
	Hint     string
	Back     string
	back     address
	Owners   []string
}

// Carried are the values of the table that the visitor came from.
func (b bulkBody) Carried() []field { return b.back.Carried() }

// bulkField is one field that many records may share, with what was typed for it.
type bulkField struct {
	Name, Label, Hint string
	Value             string
	On, Clear         bool
	Choices           []string
}

// bulkLabels are the fields that the form has; the API takes all that may be shared.
var bulkLabels = []bulkField{
	{Name: "owner.team", Label: "Owner: team"},
	{Name: "owner.contact", Label: "Owner: contact", Hint: "an address that reaches people"},
	{Name: "criticality", Label: "Tier", Hint: "decides how often it is proven and how early it warns", Choices: []string{"transactional", "standard", "reporting"}},
	{Name: "environment", Label: "Environment"},
	{Name: "region", Label: "Region"},
	{Name: "area", Label: "Area"},
	{Name: "renewal.every", Label: "Renew every", Hint: "such as 150d"},
	{Name: "renewal.planned", Label: "Renewal planned on", Hint: "such as 2027-03-10"},
	{Name: "renewal.by", Label: "Renewal by"},
	{Name: "expiry_ladder", Label: "Warn before the end", Hint: "such as 30d; 14d; 7d"},
	{Name: "tests", Label: "Tests", Hint: "such as identity; soap:GetSystemStatus"},
	{Name: "runbook_url", Label: "Runbook", Hint: "an address"},
}

// bulk shows what a change of many records would do, or makes it.
func (s *site) bulk(w http.ResponseWriter, r *http.Request) (*page, error) {
	who := view.PrincipalOf(r.Context())
	if err := auth.Require(who, auth.Operator); err != nil {
		return nil, err
	}
	if s.Records == nil {
		return nil, keepwatch.ErrNotFound
	}
	if err := r.ParseForm(); err != nil {
		return nil, keepwatch.WithHint(keepwatch.ErrInvalid, "the form cannot be read, or is too large")
	}
	records, err := s.selected(r)
	if err != nil {
		return nil, err
	}
	b := bulkBody{Tab: "records", Selected: len(records), Records: records, back: address{"/inventory", onlyKnown(r.PostForm)}, Owners: s.read(r).Teams()}
	b.Back = b.back.With()
	set := b.readFields(r.PostForm)
	switch r.PostForm.Get("do") {
	case "apply":
		return s.applyBulk(w, r, b, set)
	case "preview":
		return s.previewBulk(r, b, set)
	}
	return bulkPage(b, http.StatusOK), nil
}

func bulkPage(b bulkBody, status int) *page {
	return &page{Template: "bulk", Title: "Change " + plural(b.Selected, "record"), Section: "inventory", Status: status, Body: b}
}

// selected are the records that were ticked, or all that the filter of the table lets
// through.
func (s *site) selected(r *http.Request) ([]client.SeenRecord, error) {
	var out []client.SeenRecord
	if r.PostForm.Get("all") != "" {
		f := view.InventoryFilter{CredentialFilter: filterOf(r.PostForm), Source: r.PostForm.Get("source")}
		list, err := s.read(r).Inventory(r.Context(), time.Now(), f, view.Page{Limit: mostSelected + 1})
		if err != nil {
			return nil, err
		}
		for _, item := range list.Items {
			out = append(out, client.SeenRecord{ID: item.ID})
		}
	}
	for _, text := range r.PostForm["record"] {
		rec := client.SeenRecord{ID: text}
		if id, version, ok := cutLast(text, "@v"); ok {
			if n, err := strconv.Atoi(version); err == nil && n > 0 {
				rec = client.SeenRecord{ID: id, Version: n}
			}
		}
		if !slices.ContainsFunc(out, func(have client.SeenRecord) bool { return have.ID == rec.ID }) {
			out = append(out, rec)
		}
	}
	switch {
	case len(out) == 0:
		return nil, keepwatch.WithHint(fmt.Errorf("no record is selected: %w", keepwatch.ErrInvalid), "go back and tick the records that are to change")
	case len(out) > mostSelected:
		return nil, keepwatch.WithHint(fmt.Errorf("%d records are too many at once: %w", len(out), keepwatch.ErrInvalid), fmt.Sprintf("narrow the filter: up to %d are changed in one step", mostSelected))
	}
	return out, nil
}

// cutLast cuts around the last place of a separator: an id may hold it, too.
func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// onlyKnown is the table that the visitor came from: an address of ours and nothing else.
func onlyKnown(form url.Values) url.Values {
	out := url.Values{}
	for _, name := range known {
		if v := form.Get("back." + name); v != "" {
			out.Set(name, v)
		}
	}
	return out
}

// readFields takes the fields that are filled in or to be cleared; the others stay.
func (b *bulkBody) readFields(form url.Values) map[string]string {
	set := map[string]string{}
	for _, f := range bulkLabels {
		f.Value, f.Clear = strings.TrimSpace(form.Get("set."+f.Name)), form.Get("clear."+f.Name) != ""
		if f.On = f.Value != "" || f.Clear; f.On {
			set[f.Name] = f.Value
			if f.Clear {
				set[f.Name] = ""
			}
		}
		b.Fields = append(b.Fields, f)
	}
	return set
}

func (s *site) previewBulk(r *http.Request, b bulkBody, set map[string]string) (*page, error) {
	out, err := s.runBulk(r, b.Records, set, false)
	if err != nil {
		return b.refused(err)
	}
	b.Preview, b.Asked = out, true
	b.Records = nil
	for _, row := range out.Changed {
		b.Records = append(b.Records, client.SeenRecord{ID: row.Credential, Version: row.Version})
	}
	return bulkPage(b, http.StatusOK), nil
}

func (s *site) applyBulk(w http.ResponseWriter, r *http.Request, b bulkBody, set map[string]string) (*page, error) {
	_, err := s.runBulk(r, b.Records, set, true)
	if errors.Is(err, keepwatch.ErrConflict) { // somebody was quicker: what would change now
		f := view.FailureOf(err)
		for i := range b.Records {
			b.Records[i].Version = 0
		}
		p, err := s.previewBulk(r, b, set)
		if body, ok := pageBody[bulkBody](p); ok && err == nil {
			body.Problem, body.Hint = f.Message, "Nothing was written. This is what would change now."
			p.Body, p.Status = body, http.StatusConflict
		}
		return p, err
	}
	if err != nil {
		return b.refused(err)
	}
	http.Redirect(w, r, b.back.With("done", "bulk"), http.StatusSeeOther)
	return nil, nil
}

func pageBody[T any](p *page) (body T, ok bool) {
	if p == nil {
		return body, false
	}
	body, ok = p.Body.(T)
	return body, ok
}

// refused shows the form again with what is wrong about it.
func (b bulkBody) refused(err error) (*page, error) {
	f := view.FailureOf(err)
	if f.Status >= http.StatusInternalServerError {
		return nil, err
	}
	b.Problem, b.Hint = f.Message, f.Hint
	return bulkPage(b, f.Status), nil
}

func (s *site) runBulk(r *http.Request, records []client.SeenRecord, set map[string]string, apply bool) (client.Bulk, error) {
	bulk, refused, err := s.Reader.Selection(view.PrincipalOf(r.Context()), records, set)
	if err != nil {
		return client.Bulk{}, err
	}
	if len(bulk.Records) == 0 {
		return client.Bulk{Refused: refused}, nil
	}
	bulk.Apply = apply
	out, err := s.Records.Bulk(r.Context(), bulk, authorOf(r), time.Now())
	out.Refused = append(out.Refused, refused...)
	return out, err
}
