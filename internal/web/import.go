package web

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/inventory"
	"keepwatch/internal/view"
)

// maxForm is what of a form stays in memory, which is all that a request may bring: a
// sheet may hold secrets, and nothing of it is put into a file.
const maxForm = 32 << 20

// mostEchoed bounds what is put back into the text field.
const mostEchoed = 256 << 10

// importBody is a sheet on its way in.
type importBody struct {
	Tab      string
	Formats  []formatChoice
	Tenants  []string
	Format   string
	Tenant   string
	Dates    string
	Text     string // as it was pasted; of a table that can hold no secret
	Name     string // of the file
	Held     string // names the sheet while it waits to be applied
	Plan     *client.Import
	Digest   string // of the plan: another one is shown again before it is applied
	Moved    bool   // the plan is another one than that which was seen
	Problem  string
	Hint     string
	Rows     int
	Sections []importSection
}

type formatChoice struct{ Name, Label string }

var formatChoices = []formatChoice{
	{"paste", "Installed Packages table, copied from Setup"},
	{"csv", "CSV with a heading"},
	{"xlsx", "Excel workbook (XLSX)"},
	{"yaml", "credentials of a configuration file (YAML)"},
	{"mcdev", ".mcdev-auth.json"},
}

// importSection is one part of a preview, cut to what a page holds.
type importSection struct {
	Title string
	State string
	Rows  []client.ImportRow
	More  int
}

// mostPreviewed bounds the rows of each part of a preview; the counts are those of all.
const mostPreviewed = 200

func (s *site) importForm(_ http.ResponseWriter, r *http.Request) (*page, error) {
	if s.Sheets == nil {
		return nil, keepwatch.ErrNotFound
	}
	return s.importPage(importBody{Format: cmp.Or(r.URL.Query().Get("format"), "paste")}, http.StatusOK), nil
}

func (s *site) importPage(b importBody, status int) *page {
	b.Tab, b.Formats, b.Tenants = "import", formatChoices, s.Reader.TenantIDs()
	title := "Bring credentials in"
	if b.Plan != nil {
		title = "Preview"
	}
	return &page{Template: "inventory-import", Title: title, Section: "inventory", Status: status, Body: b}
}

// importSheet shows what a sheet would do, or does it.
func (s *site) importSheet(w http.ResponseWriter, r *http.Request) (*page, error) {
	if s.Sheets == nil {
		return nil, keepwatch.ErrNotFound
	}
	if err := r.ParseMultipartForm(maxForm); err != nil && !errors.Is(err, http.ErrNotMultipart) { //nolint:gosec // the guard bounds every body
		return s.importPage(importBody{Format: "paste", Problem: "The upload cannot be read, or is larger than 16 MiB.", Hint: "keepwatch import takes sheets of up to 32 MiB."}, http.StatusBadRequest), nil
	}
	b := importBody{Format: cmp.Or(r.PostFormValue("format"), "paste"), Tenant: r.PostFormValue("tenant"), Dates: r.PostFormValue("dates")}
	who := view.PrincipalOf(r.Context())
	sheet, err := s.sheetOf(r, &b)
	if err != nil {
		return s.importRefused(b, err)
	}
	u := inventory.Upload{Format: b.Format, Name: sheet.name, Tenant: keepwatch.TenantID(b.Tenant), Dates: b.Dates}
	plan, err := s.runImport(r, u, sheet.data, false)
	if err != nil {
		if b.Held == "" {
			b.Held = s.held.put(who.Name, sheet)
		}
		return s.importRefused(b, err)
	}
	b.Digest = digestOf(plan)
	if r.PostFormValue("do") == "apply" {
		if b.Moved = b.Digest != r.PostFormValue("digest"); !b.Moved {
			return s.applyImport(w, r, b, u, sheet)
		}
	}
	b.preview(plan)
	b.Held = s.held.put(who.Name, sheet)
	if b.Format == "paste" && len(sheet.data) <= mostEchoed && !holdsSecrets(plan) {
		b.Text = string(sheet.data)
	}
	status := http.StatusOK
	if b.Moved {
		status = http.StatusConflict
	}
	return s.importPage(b, status), nil
}

func (s *site) applyImport(w http.ResponseWriter, r *http.Request, b importBody, u inventory.Upload, sheet heldSheet) (*page, error) {
	if _, err := s.runImport(r, u, sheet.data, true); err != nil {
		return s.importRefused(b, err)
	}
	s.held.drop(r.PostFormValue("held"))
	http.Redirect(w, r, "/inventory?done=import", http.StatusSeeOther)
	return nil, nil
}

func (s *site) runImport(r *http.Request, u inventory.Upload, data []byte, apply bool) (client.Import, error) {
	if u.Tenant != "" {
		if err := s.Reader.TenantExists(u.Tenant); err != nil {
			return client.Import{}, err
		}
	}
	u.Body, u.Apply = bytes.NewReader(data), apply
	by := authorOf(r)
	by.Via = "import"
	return s.Sheets.Import(r.Context(), u, by, time.Now())
}

// importRefused shows the form again with what is wrong. The sheet is kept, so that
// another format or tenant can be tried without it.
func (s *site) importRefused(b importBody, err error) (*page, error) {
	f := view.FailureOf(err)
	if f.Status >= http.StatusInternalServerError {
		return nil, err
	}
	b.Problem, b.Hint = view.Capital(f.Message)+".", f.Hint
	return s.importPage(b, f.Status), nil
}

// sheetOf is the sheet of a form: a file, what was pasted, or one that is held since its
// preview.
func (s *site) sheetOf(r *http.Request, b *importBody) (heldSheet, error) {
	if file, header, err := r.FormFile("file"); err == nil {
		defer func() { _ = file.Close() }()
		data, err := io.ReadAll(file)
		if err != nil {
			return heldSheet{}, fmt.Errorf("the file cannot be read: %w", keepwatch.ErrInvalid)
		}
		b.Name = path.Base(strings.ReplaceAll(header.Filename, `\`, "/"))
		b.Format = formatOf(b.Name, b.Format)
		return heldSheet{name: b.Name, data: data}, nil
	}
	if text := r.PostFormValue("text"); strings.TrimSpace(text) != "" {
		return heldSheet{name: "pasted", data: []byte(text)}, nil
	}
	if held := r.PostFormValue("held"); held != "" {
		sheet, ok := s.held.get(view.PrincipalOf(r.Context()).Name, held)
		if !ok {
			return heldSheet{}, keepwatch.WithHint(fmt.Errorf("the sheet is not held any more: %w", keepwatch.ErrInvalid), "a sheet waits half an hour for its preview to be applied; paste it again")
		}
		b.Held, b.Name = held, sheet.name
		return sheet, nil
	}
	return heldSheet{}, keepwatch.WithHint(fmt.Errorf("there is nothing to read: %w", keepwatch.ErrInvalid), "paste the table, or choose a file")
}

// formatOf goes by the file's name where that is clear: the choice may be a leftover.
func formatOf(name, choice string) string {
	lower := strings.ToLower(name)
	for suffix, format := range map[string]string{".xlsx": "xlsx", ".csv": "csv", ".yaml": "yaml", ".yml": "yaml", ".json": "mcdev", ".tsv": "paste"} {
		if strings.HasSuffix(lower, suffix) && (suffix != ".csv" || choice != "paste") {
			return format
		}
	}
	return choice
}

// holdsSecrets reports whether a reader found secrets in a sheet. It is then not sent back.
func holdsSecrets(plan client.Import) bool {
	for _, note := range plan.Notes {
		if strings.Contains(note, "secret") {
			return true
		}
	}
	for _, fault := range plan.Wrong {
		if strings.Contains(fault.Column, "secret") || strings.Contains(fault.Message, "secret") {
			return true
		}
	}
	return false
}

func (b *importBody) preview(plan client.Import) {
	b.Plan, b.Rows = &plan, len(plan.New)+len(plan.Changed)
	for _, part := range []importSection{
		{Title: "New", State: "healthy", Rows: plan.New}, {Title: "Changed", State: "degraded", Rows: plan.Changed},
	} {
		if part.More = len(part.Rows) - mostPreviewed; part.More > 0 {
			part.Rows = part.Rows[:mostPreviewed]
		}
		b.Sections = append(b.Sections, part)
	}
}

// digestOf tells one plan from another: somebody may have changed records between the preview
// and its button.
func digestOf(plan client.Import) string {
	text, _ := json.Marshal([]any{plan.New, plan.Changed, plan.Wrong}) // of our own types
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:12])
}

// holding keeps sheets between their preview and its button, in memory: a sheet may hold
// secrets, so it is neither sent back nor written anywhere.
type holding struct {
	mu     sync.Mutex
	sheets map[string]heldSheet
}

type heldSheet struct {
	who  string
	name string
	data []byte
	at   time.Time
}

const (
	holdFor   = 30 * time.Minute
	mostHeld  = 16
	mostBytes = 64 << 20
)

func newHolding() *holding {
	return &holding{sheets: map[string]heldSheet{}}
}

// put keeps a sheet and lets the oldest go where there are too many.
func (h *holding) put(who string, s heldSheet) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := make([]byte, 18)
	_, _ = rand.Read(b) // never fails
	token := base64.RawURLEncoding.EncodeToString(b)
	s.who, s.at = who, time.Now()
	h.sheets[token] = s
	for h.tooMuch() {
		oldest := ""
		for t, have := range h.sheets {
			if oldest == "" || have.at.Before(h.sheets[oldest].at) {
				oldest = t
			}
		}
		delete(h.sheets, oldest)
	}
	return token
}

func (h *holding) tooMuch() bool {
	bytes := 0
	for t, s := range h.sheets {
		if time.Since(s.at) > holdFor {
			delete(h.sheets, t)
			continue
		}
		bytes += len(s.data)
	}
	return len(h.sheets) > 1 && (len(h.sheets) > mostHeld || bytes > mostBytes)
}

// get answers only whoever brought the sheet.
func (h *holding) get(who, token string) (heldSheet, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s, ok := h.sheets[token]
	return s, ok && s.who == who && time.Since(s.at) <= holdFor
}

func (h *holding) drop(token string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.sheets, token)
}

// importing is who may bring sheets in: they are about the whole estate.
func (s *site) importing(h handler) http.HandlerFunc { return s.whole(auth.Operator, h) }
