package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// Rotation is one rotation of one credential's secret. No secret is in it.
type Rotation struct {
	ID         string     `json:"id"`
	Credential string     `json:"credential"`
	Tenant     string     `json:"tenant"`
	State      string     `json:"state" doc:"staged, proven, switched, activated, done or aborted"`
	Open       bool       `json:"open" doc:"neither done nor aborted"`
	Waiting    string     `json:"waiting" doc:"what it waits for, in a sentence"`
	Trouble    string     `json:"trouble" doc:"what is wrong and needs a person now; empty when nothing is"`
	CutOff     bool       `json:"cut_off" doc:"the old secret is dead, and somebody is without one that works"`
	OldRef     string     `json:"old_ref" doc:"reference to the secret that was in use when it began"`
	NewRef     string     `json:"new_ref" doc:"reference to the staged secret"`
	Generated  string     `json:"generated" doc:"when the staged secret was generated; its clock counts from here"`
	StagedAt   *time.Time `json:"staged_at"`
	OldEndsAt  *time.Time `json:"old_ends_at" doc:"when the secret in use ends; null when unknown"`
	StartedAt  *time.Time `json:"started_at"`
	StartedBy  string     `json:"started_by"`
	EndedAt    *time.Time `json:"ended_at"`
	NextAt     *time.Time `json:"next_at" doc:"when Keepwatch acts next; null when it waits for a person"`

	Next  string         `json:"next" doc:"what a person does now, in a sentence"`
	Steps []RotationStep `json:"steps" doc:"the way from the staged secret to the record, in its order"`
	Can   []string       `json:"can" doc:"what may be asked of it now: ask, activated, switched, letter, abort, resume"`

	Holders  []RotationHolder   `json:"holders"`
	Evidence []RotationEvidence `json:"evidence" doc:"what happened, oldest first"`
}

// RotationStep is one step of the way, and how far it is.
type RotationStep struct {
	Name   string     `json:"name" doc:"staged, staged_proven, switched, old_refused, new_proven, recorded"`
	State  string     `json:"state" doc:"done, now, trouble (a person has to look), ahead, or left (it ended before)"`
	At     *time.Time `json:"at" doc:"when it was done, or last tried"`
	By     string     `json:"by"`
	Detail string     `json:"detail" doc:"what was seen, in a sentence"`
}

// RotationHolder is one row of the tick-list.
type RotationHolder struct {
	Name       string     `json:"name"`
	Contact    string     `json:"contact"`
	NotifiedAt *time.Time `json:"notified_at" doc:"when the last letter with its link went out"`
	SwitchedAt *time.Time `json:"switched_at"`
	SwitchedBy string     `json:"switched_by"`
	SeenNewAt  *time.Time `json:"seen_new_at" doc:"when its own calls last showed the new secret, accepted; null where nobody watches them"`
	SeenOldAt  *time.Time `json:"seen_old_at" doc:"when they last showed another one"`
}

// RotationEvidence is one row of a rotation's transcript.
type RotationEvidence struct {
	At      time.Time `json:"at"`
	Step    string    `json:"step"`
	By      string    `json:"by"`
	Outcome string    `json:"outcome" doc:"what SFMC answered; empty where it was not asked"`
	Detail  string    `json:"detail"`
}

// NewRotation begins a rotation. The staged secret is named by a reference, or given
// itself: then it is sealed, and no answer ever carries it.
type NewRotation struct {
	Credential   string `json:"credential"`
	StagedRef    string `json:"staged_ref,omitempty" doc:"reference to the staged secret: env:NAME, file:/path"`
	StagedSecret string `json:"staged_secret,omitempty" maxLength:"8192" writeOnly:"true" doc:"in the place of staged_ref: the staged secret itself, which is sealed at once"`
	Generated    string `json:"generated" maxLength:"40" doc:"when it was generated: 2026-11-23, or with a time"`
}

// ResumeRotation goes on; with another staged secret when one is named or given, and
// with another date when that was wrong.
type ResumeRotation struct {
	StagedRef    string `json:"staged_ref,omitempty"`
	StagedSecret string `json:"staged_secret,omitempty" maxLength:"8192" writeOnly:"true"`
	Generated    string `json:"generated,omitempty" maxLength:"40"`
}

// AbortedRotation says why one is ended.
type AbortedRotation struct {
	Reason string `json:"reason,omitempty" maxLength:"500" doc:"it stands in the evidence"`
}

// SwitchedHolder names a holder that has switched to the new secret, or that a letter goes to.
type SwitchedHolder struct {
	Holder string `json:"holder"`
}

// RotationTick is what a holder's link will do, or did.
type RotationTick struct {
	Credential string     `json:"credential"`
	Holder     string     `json:"holder"`
	State      string     `json:"state" doc:"of the rotation"`
	OldEndsAt  *time.Time `json:"old_ends_at"`
	SwitchedAt *time.Time `json:"switched_at"`
	SwitchedBy string     `json:"switched_by"`
	Open       bool       `json:"open" doc:"pressing the button would change something"`
	Says       string     `json:"says" doc:"what pressing it does, or why there is nothing to press"`
}

// RotationFilter narrows the list of rotations. Zero fields do not.
type RotationFilter struct {
	Status     string // open (the server's default), all
	Credential string
	Limit      int
}

func (f RotationFilter) values() url.Values {
	v := url.Values{}
	set(v, "status", f.Status)
	set(v, "credential", f.Credential)
	setLimit(v, f.Limit)
	return v
}

// Rotations walks over rotations, newest first.
func (c *Client) Rotations(ctx context.Context, f RotationFilter) iter.Seq2[Rotation, error] {
	return pages[Rotation](ctx, c, "/api/v1/rotations", f.values())
}

// Rotation reads one rotation.
func (c *Client) Rotation(ctx context.Context, id string) (Rotation, error) {
	return call[Rotation](ctx, c, http.MethodGet, rotationPath(id), nil, nil)
}

// StartRotation begins one. Asked again with the same staged secret, it answers
// with the one that is open.
func (c *Client) StartRotation(ctx context.Context, in NewRotation) (Rotation, error) {
	return call[Rotation](ctx, c, http.MethodPost, "/api/v1/rotations", nil, in)
}

// ActivatedRotation says that the staged secret was activated in Setup.
func (c *Client) ActivatedRotation(ctx context.Context, id string) (Rotation, error) {
	return call[Rotation](ctx, c, http.MethodPost, rotationPath(id)+"/activated", nil, nil)
}

// AbortRotation ends one; the secret in use stays in use. The reason may be empty.
func (c *Client) AbortRotation(ctx context.Context, id, reason string) (Rotation, error) {
	return call[Rotation](ctx, c, http.MethodPost, rotationPath(id)+"/abort", nil, AbortedRotation{Reason: reason})
}

// AskRotation has asked at once what would be asked later anyway.
func (c *Client) AskRotation(ctx context.Context, id string) (Rotation, error) {
	return call[Rotation](ctx, c, http.MethodPost, rotationPath(id)+"/ask", nil, nil)
}

// WriteHolder sends a holder another letter with a link.
func (c *Client) WriteHolder(ctx context.Context, id, holder string) (Rotation, error) {
	return call[Rotation](ctx, c, http.MethodPost, rotationPath(id)+"/letter", nil, SwitchedHolder{Holder: holder})
}

// RotationEvidence reads what happened as a document: md, html, csv or json.
func (c *Client) RotationEvidence(ctx context.Context, id, format string) ([]byte, error) {
	return c.document(ctx, rotationPath(id)+"/evidence", format)
}

// ResumeRotation goes on with one that waits for a person or was aborted.
func (c *Client) ResumeRotation(ctx context.Context, id string, in ResumeRotation) (Rotation, error) {
	return call[Rotation](ctx, c, http.MethodPost, rotationPath(id)+"/resume", nil, in)
}

// TickHolder says that a holder has switched to the new secret.
func (c *Client) TickHolder(ctx context.Context, id, holder string) (Rotation, error) {
	return call[Rotation](ctx, c, http.MethodPost, rotationPath(id)+"/switched", nil, SwitchedHolder{Holder: holder})
}

func rotationPath(id string) string { return "/api/v1/rotations/" + url.PathEscape(id) }
