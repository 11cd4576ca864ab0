package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/rotate"
	"keepwatch/internal/secrets"
	"keepwatch/internal/view"
)

// Rotations is the cockpit. rotate.Cockpit is one.
type Rotations interface {
	List(ctx context.Context, openOnly bool) ([]keepwatch.Rotation, error)
	Get(ctx context.Context, id keepwatch.RotationID) (keepwatch.Rotation, error)
	Start(ctx context.Context, in rotate.StartRequest) (keepwatch.Rotation, error)
	Resume(ctx context.Context, in rotate.ResumeRequest) (keepwatch.Rotation, error)
	Activated(ctx context.Context, id keepwatch.RotationID, by string) (keepwatch.Rotation, error)
	Abort(ctx context.Context, id keepwatch.RotationID, by, why string) (keepwatch.Rotation, error)
	TickHolder(ctx context.Context, id keepwatch.RotationID, holder, by string) (keepwatch.Rotation, error)
	Ask(ctx context.Context, id keepwatch.RotationID) (keepwatch.Rotation, error)
	Write(ctx context.Context, id keepwatch.RotationID, holder string) (keepwatch.Rotation, error)
}

var _ Rotations = (*rotate.Cockpit)(nil)

const endedRotations = 50 // of the list; the API has them all

func (s *site) rotationPages() {
	if s.Rotations == nil {
		return
	}
	s.mux.HandleFunc("GET /rotations", s.page(s.rotations))
	s.mux.HandleFunc("POST /rotations", s.page(s.startRotation))
	s.mux.HandleFunc("GET /rotations/{id}", s.page(s.rotation))
	s.mux.HandleFunc("POST /rotations/{id}/{do}", s.page(s.actOnRotation))
}

func rotationPath(id string) string { return "/rotations/" + url.PathEscape(id) }

// stepTitle is what a step is called.
func stepTitle(name string) string {
	switch name {
	case "staged":
		return "Staged secret named"
	case "staged_proven":
		return "Staged secret proven"
	case "switched":
		return "Holders switched"
	case "old_refused":
		return "Activated: the old secret is refused"
	case "new_proven":
		return "New secret proven after it"
	}
	return "Record names the new secret"
}

// stepCount is how many steps are done.
func stepCount(steps []client.RotationStep) int {
	n := 0
	for _, s := range steps {
		if s.State == "done" {
			n++
		}
	}
	return n
}

// pip is one step as a small mark: a list shows the way at a glance.
type pip struct {
	X     int
	State string
}

func pipsOf(steps []client.RotationStep) []pip {
	out := make([]pip, len(steps))
	for i, s := range steps {
		out[i] = pip{X: 7 + i*20, State: s.State}
	}
	return out
}

type rotationsBody struct {
	Open, Ended []client.Rotation
	Choices     []string // that the visitor may rotate
	Credential  string   // that the form is about
	Ref, Day    string
	refused
}

// State is that of the page: the worst of the open ones.
func (b rotationsBody) State() string {
	switch {
	case slices.ContainsFunc(b.Open, func(r client.Rotation) bool { return r.CutOff }):
		return "failing"
	case slices.ContainsFunc(b.Open, func(r client.Rotation) bool { return r.Trouble != "" }):
		return "degraded"
	case len(b.Open) > 0:
		return "maintenance"
	}
	return "healthy"
}

func (s *site) rotations(_ http.ResponseWriter, r *http.Request) (*page, error) {
	return s.rotationsWith(r, rotationsBody{Credential: r.URL.Query().Get("credential")})
}

func (s *site) rotationsWith(r *http.Request, b rotationsBody) (*page, error) {
	who := view.PrincipalOf(r.Context())
	all, err := s.Rotations.List(r.Context(), false)
	if err != nil {
		return nil, err
	}
	for _, x := range all {
		if s.Reader.May(who, auth.Viewer, x.Credential) != nil {
			continue
		}
		if shown := view.RotationOf(x); shown.Open {
			b.Open = append(b.Open, shown)
		} else if len(b.Ended) < endedRotations {
			b.Ended = append(b.Ended, shown)
		}
	}
	b.Choices = s.Reader.Rotatable(who)
	p := &page{Template: "rotations", Title: "Rotations", Section: "rotations", Now: time.Now(), Body: b}
	if b.Credential == "" && b.Problem == "" {
		p.Refresh = refreshEvery
	}
	return p, nil
}

// startRotation begins one and leads to its page. A staged secret is named and never
// typed: what is no reference may be the secret itself, and is not shown again.
func (s *site) startRotation(w http.ResponseWriter, r *http.Request) (*page, error) {
	who := view.PrincipalOf(r.Context())
	if err := auth.Require(who, auth.Operator); err != nil {
		return nil, err
	}
	if err := form(r); err != nil {
		return nil, err
	}
	b := rotationsBody{Credential: strings.TrimSpace(r.PostForm.Get("credential")), Ref: strings.TrimSpace(r.PostForm.Get("staged")), Day: strings.TrimSpace(r.PostForm.Get("generated"))}
	id := keepwatch.CredentialID(b.Credential)
	err := s.read(r).Exists(id)
	if err == nil {
		err = s.Reader.May(who, auth.Operator, id)
	}
	var day keepwatch.Date
	if err == nil {
		day, err = stagedForm(&b.Ref, &b.Day)
	}
	var begun keepwatch.Rotation
	if err == nil {
		begun, err = s.Rotations.Start(r.Context(), rotate.StartRequest{Credential: id, StagedRef: b.Ref, Generated: day, By: who.Name})
	}
	if err != nil {
		return s.rotationsAgain(r, b, err)
	}
	http.Redirect(w, r, rotationPath(string(begun.ID)), http.StatusSeeOther)
	return nil, nil
}

func (s *site) rotationsAgain(r *http.Request, b rotationsBody, err error) (*page, error) {
	said, status, err := refusalOf(err)
	if err != nil {
		return nil, err
	}
	b.refused = said
	p, err := s.rotationsWith(r, b)
	if p != nil {
		p.Status = status
	}
	return p, err
}

// stagedForm reads where a staged secret is and when it was generated.
func stagedForm(ref, day *string) (keepwatch.Date, error) {
	if !secrets.IsReference(*ref) {
		*ref = ""
		return keepwatch.Date{}, keepwatch.WithHint(fmt.Errorf("that is no reference to a secret: %w", keepwatch.ErrInvalid),
			"put the secret where the daemon can read it and name the place, as env:NAME or file:/path. It is never typed here; if it just was, generate another one")
	}
	if *day == "" {
		return keepwatch.Date{}, keepwatch.WithHint(fmt.Errorf("there is no date: %w", keepwatch.ErrInvalid), "the day on which it was generated in Setup; its 180 days count from then")
	}
	d, err := keepwatch.ParseDate(*day)
	if err != nil {
		*day = "" // not shown again: it stands beside a secret, and somebody may have swapped the two
		return d, keepwatch.WithHint(fmt.Errorf("that is no date: %w", keepwatch.ErrInvalid), "write it like 2026-11-24")
	}
	return d, nil
}

type rotationBody struct {
	client.Rotation
	May     bool // act on it
	Rows    []holderRow
	Said    string // which form was refused
	Strange []client.TrafficHolder
	refused
}

// holderRow is one holder with what is seen of its secrets.
type holderRow struct {
	client.RotationHolder
	Seen    *client.TrafficHolder // nil: nobody watches its calls
	Current bool                  // the newest of its secrets is the one that Keepwatch tests with
	May     bool
	Proven  bool // holders are asked to switch by now
	Dead    bool // the old secret is
}

// Offers reports whether something may be done with the rotation now, by this visitor.
func (b rotationBody) Offers(what string) bool { return b.May && slices.Contains(b.Rotation.Can, what) }

// Tone is the state whose colour the page takes.
func (b rotationBody) Tone() string { return rotationTone(b.Rotation) }

func rotationTone(r client.Rotation) string {
	switch {
	case r.CutOff:
		return "failing"
	case r.Trouble != "":
		return "degraded"
	case r.State == "done":
		return "healthy"
	case r.State == "aborted":
		return "paused"
	}
	return "maintenance"
}

func (s *site) rotation(_ http.ResponseWriter, r *http.Request) (*page, error) {
	rot, err := s.rotationOf(r, auth.Viewer)
	if err != nil {
		return nil, err
	}
	return s.rotationPage(r, rot, rotationBody{})
}

// rotationOf reads the one of the address, for a visitor who needs a role over it.
func (s *site) rotationOf(r *http.Request, needs auth.Role) (keepwatch.Rotation, error) {
	id := keepwatch.RotationID(r.PathValue("id"))
	rot, err := s.Rotations.Get(r.Context(), id)
	return s.Reader.MayRotate(view.PrincipalOf(r.Context()), needs, id, rot, err)
}

func (s *site) rotationPage(r *http.Request, rot keepwatch.Rotation, b rotationBody) (*page, error) {
	now := time.Now()
	b.Rotation = view.RotationOf(rot)
	b.May = s.Reader.May(view.PrincipalOf(r.Context()), auth.Operator, rot.Credential) == nil
	seen, err := s.Reader.Traffic(r.Context(), now, rot.Credential)
	if err != nil && view.FailureOf(err).Status != http.StatusNotFound { // the credential may be gone
		return nil, err
	}
	b.rows(seen.Holders)
	p := &page{Template: "rotation", Title: "Rotation of " + b.Credential, Section: "rotations", Now: now, Body: b}
	if b.Open && b.Problem == "" {
		p.Refresh = refreshEvery
	}
	return p, nil
}

// rows joins the tick-list with what real calls show. Callers whom nobody named are
// listed, too: they may be the ones that break.
func (b *rotationBody) rows(seen []client.TrafficHolder) {
	named := map[string]bool{}
	for _, h := range b.Holders {
		row := holderRow{RotationHolder: h, May: b.May, Proven: b.Open && b.State != "staged", Dead: b.CutOff}
		key := strings.ToLower(strings.TrimSpace(h.Name))
		named[key] = true
		i := slices.IndexFunc(seen, func(t client.TrafficHolder) bool { return strings.ToLower(strings.TrimSpace(t.Name)) == key })
		if i >= 0 {
			row.Seen = &seen[i]
			row.Current = len(seen[i].Secrets) > 0 && seen[i].Secrets[0].Configured
		}
		b.Rows = append(b.Rows, row)
	}
	for _, t := range seen {
		if !named[strings.ToLower(strings.TrimSpace(t.Name))] {
			b.Strange = append(b.Strange, t)
		}
	}
}

// actOnRotation does one thing with one rotation. What it is stands in the address, so
// that the audit log says it.
func (s *site) actOnRotation(w http.ResponseWriter, r *http.Request) (*page, error) {
	who := view.PrincipalOf(r.Context())
	if err := auth.Require(who, auth.Operator); err != nil {
		return nil, err
	}
	rot, err := s.rotationOf(r, auth.Operator)
	if err != nil {
		return nil, err
	}
	if err := form(r); err != nil {
		return nil, err
	}
	do := r.PathValue("do")
	if err := s.turn(r, rot.ID, do, who.Name); err != nil {
		if do == "" || view.FailureOf(err).Status == http.StatusNotFound {
			return nil, err
		}
		said, status, err := refusalOf(err)
		if err != nil {
			return nil, err
		}
		if fresh, err := s.Rotations.Get(r.Context(), rot.ID); err == nil {
			rot = fresh // what was tried may have changed it all the same
		}
		p, err := s.rotationPage(r, rot, rotationBody{Said: do, refused: said})
		if p != nil {
			p.Status = status
		}
		return p, err
	}
	http.Redirect(w, r, rotationPath(string(rot.ID)), http.StatusSeeOther)
	return nil, nil
}

func (s *site) turn(r *http.Request, id keepwatch.RotationID, do, by string) (err error) {
	ctx, get := r.Context(), func(name string) string { return strings.TrimSpace(r.PostForm.Get(name)) }
	switch do {
	case "ask":
		_, err = s.Rotations.Ask(ctx, id)
	case "activated":
		_, err = s.Rotations.Activated(ctx, id, by)
	case "switched":
		_, err = s.Rotations.TickHolder(ctx, id, r.PostForm.Get("holder"), by)
	case "letter":
		_, err = s.Rotations.Write(ctx, id, r.PostForm.Get("holder"))
	case "abort":
		if get("reason") == "" {
			return keepwatch.WithHint(fmt.Errorf("there is no reason: %w", keepwatch.ErrInvalid), "say in a sentence why it ends; it stands in the evidence")
		}
		_, err = s.Rotations.Abort(ctx, id, by, get("reason"))
	case "resume":
		in := rotate.ResumeRequest{ID: id, StagedRef: get("staged"), By: by}
		if in.StagedRef != "" || get("generated") != "" {
			ref, day := cmp.Or(in.StagedRef, "env:"), get("generated") // without one, only the date of the one that it has is another
			if in.Generated, err = stagedForm(&ref, &day); err != nil {
				return err
			}
		}
		_, err = s.Rotations.Resume(ctx, in)
	default:
		err = keepwatch.ErrNotFound
	}
	return err
}
