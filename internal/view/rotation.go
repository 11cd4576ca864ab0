package view

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/rotation"
)

// RotationSource reads rotations, newest first.
type RotationSource interface {
	Rotations(ctx context.Context, openOnly bool) ([]keepwatch.Rotation, error)
}

// RotationFilter narrows a list of rotations. Zero fields do not.
type RotationFilter struct {
	Credential string
}

// MayRotate is a rotation as it was read, for somebody who needs a role over its
// credential. One that they may not see answers as one that does not exist.
func (r *Reader) MayRotate(who auth.Principal, needs auth.Role, id keepwatch.RotationID, found keepwatch.Rotation, err error) (keepwatch.Rotation, error) {
	missing := errors.Is(err, keepwatch.ErrNotFound) || err == nil && r.May(who, auth.Viewer, found.Credential) != nil
	switch {
	case missing:
		return keepwatch.Rotation{}, fmt.Errorf("rotation %.80q: %w", id, keepwatch.ErrNotFound)
	case err != nil:
		return found, err
	}
	return found, r.May(who, needs, found.Credential)
}

// Rotatable are the credentials that somebody may begin a rotation of, by name.
func (r *Reader) Rotatable(who auth.Principal) []string {
	ids := []string{}
	for _, c := range r.For(who).inventory().Credentials {
		if c.Kind == keepwatch.ServerToServer && who.May(auth.Operator, c.Tenant, c.Owner.Team) {
			ids = append(ids, string(c.ID))
		}
	}
	slices.Sort(ids)
	return ids
}

// Rotations lists one page of rotations in the order they come.
func Rotations(all []keepwatch.Rotation, f RotationFilter, page Page) (client.Page[client.Rotation], error) {
	out := client.Page[client.Rotation]{Items: []client.Rotation{}}
	after, err := openCursor(page.Cursor)
	if err != nil {
		return out, err
	}
	if after != "" {
		// One that was removed since is not found; the list then begins anew.
		all = all[1+slices.IndexFunc(all, func(r keepwatch.Rotation) bool { return string(r.ID) == after }):]
	}
	for _, r := range all {
		if f.Credential != "" && string(r.Credential) != f.Credential {
			continue
		}
		if len(out.Items) == page.Limit {
			next := sealCursor(out.Items[len(out.Items)-1].ID)
			out.Next = &next
			break
		}
		out.Items = append(out.Items, RotationOf(r))
	}
	return out, nil
}

// RotationOf is one rotation as it is shown. The hash of a holder's link is not.
func RotationOf(r keepwatch.Rotation) client.Rotation {
	out := client.Rotation{
		ID: string(r.ID), Credential: string(r.Credential), Tenant: string(r.Tenant), State: string(r.State),
		Open: rotation.Open(r), Waiting: rotation.Waiting(r), Trouble: rotation.Trouble(r), CutOff: rotation.CutOff(r),
		OldRef: r.OldRef, NewRef: r.NewRef, Generated: r.Generated.String(),
		StagedAt: timeOf(r.StagedAt), OldEndsAt: timeOf(r.OldEndsAt), StartedAt: timeOf(r.StartedAt), StartedBy: r.StartedBy,
		EndedAt: timeOf(r.EndedAt), NextAt: plannedOf(r.NextAt),
		Next: nextOf(r), Steps: stepsOf(r), Can: canOf(r),
		Holders: []client.RotationHolder{}, Evidence: []client.RotationEvidence{},
	}
	for _, h := range r.Holders {
		out.Holders = append(out.Holders, client.RotationHolder{
			Name: h.Name, Contact: h.Contact, NotifiedAt: timeOf(h.NotifiedAt), SwitchedAt: timeOf(h.SwitchedAt), SwitchedBy: h.SwitchedBy,
			SeenNewAt: timeOf(h.SeenNewAt), SeenOldAt: timeOf(h.SeenOldAt),
		})
	}
	for _, e := range r.Evidence {
		out.Evidence = append(out.Evidence, client.RotationEvidence{At: e.At.UTC(), Step: e.Step, By: e.By, Outcome: string(e.Outcome), Detail: e.Detail})
	}
	return out
}

// The states of a step.
const (
	stepDone    = "done"
	stepNow     = "now"
	stepTrouble = "trouble"
	stepAhead   = "ahead"
	stepLeft    = "left" // the rotation ended before it
)

// stepsOf is the way from the staged secret to the record. The first step that is not
// done is where the rotation stands.
func stepsOf(r keepwatch.Rotation) []client.RotationStep {
	out := []client.RotationStep{
		stepOf(r, rotation.StepStaged),
		stepOf(r, rotation.StepStagedProven, rotation.StepStagedRefused, rotation.StepStagedUnanswered),
		holdersStep(r),
		stepOf(r, rotation.StepOldRefused, rotation.StepOldWorks, rotation.StepOldUnanswered, rotation.StepOldUnaskable, rotation.StepActivated),
		stepOf(r, rotation.StepNewProven, rotation.StepNewRefused, rotation.StepNewUnanswered),
		stepOf(r, rotation.StepRecorded, rotation.StepRecordWaits),
	}
	if !rotation.DiedAt(r).IsZero() {
		out[3].State = stepDone
	}
	rest := stepNow
	if !rotation.Open(r) {
		rest = stepLeft
	}
	for i := range out {
		switch {
		case out[i].State == stepDone:
		case rest == stepNow && inTrouble(r, out[i].Name):
			out[i].State, rest = stepTrouble, stepAhead
		default:
			out[i].State = rest
			if rest == stepNow {
				rest = stepAhead
			}
		}
	}
	return out
}

// inTrouble reports whether it is this step that a person has to look at.
func inTrouble(r keepwatch.Rotation, step string) bool {
	switch step {
	case rotation.StepStagedProven:
		return r.State == keepwatch.RotationStaged && rotation.Refused(r)
	case rotation.StepSwitched:
		return r.State == keepwatch.RotationActivated && len(rotation.Pending(r)) > 0
	case rotation.StepNewProven:
		return r.State == keepwatch.RotationActivated && (rotation.Refused(r) || !rotation.ActivationKnown(r))
	}
	return false
}

// stepOf is a step that is done by a row of the evidence; the others say how it was
// tried. Rows before the staged secret that was named last are about another one.
func stepOf(r keepwatch.Rotation, done string, tries ...string) client.RotationStep {
	out := client.RotationStep{Name: done}
	for _, e := range slices.Backward(r.Evidence) {
		if e.Step == done {
			return client.RotationStep{Name: done, State: stepDone, At: timeOf(e.At), By: e.By, Detail: e.Detail}
		}
		if out.At == nil && slices.Contains(tries, e.Step) {
			out.At, out.By, out.Detail = timeOf(e.At), e.By, e.Detail
		}
		if e.Step == rotation.StepStaged {
			break
		}
	}
	return out
}

func holdersStep(r keepwatch.Rotation) client.RotationStep {
	out := client.RotationStep{Name: rotation.StepSwitched}
	left := rotation.Pending(r)
	switch {
	case len(r.Holders) == 0:
		out.Detail = "No holder is named in the record: nobody is known to keep a copy."
	case len(left) == 0:
		out.Detail = "Every holder has switched."
	default:
		out.Detail = fmt.Sprintf("%d of %d have switched. Still to switch: %s.", len(r.Holders)-len(left), len(r.Holders), strings.Join(left, ", "))
	}
	for _, h := range r.Holders {
		if at := timeOf(h.SwitchedAt); at != nil && (out.At == nil || at.After(*out.At)) {
			out.At, out.By = at, h.SwitchedBy
		}
	}
	proven := r.State != keepwatch.RotationStaged && r.State != keepwatch.RotationAborted
	if proven && len(left) == 0 || r.State == keepwatch.RotationDone {
		out.State = stepDone
	}
	return out
}

// nextOf is what a person does now.
func nextOf(r keepwatch.Rotation) string {
	left := strings.Join(rotation.Pending(r), ", ")
	switch {
	case r.State == keepwatch.RotationDone:
		return "Nothing is left to do."
	case r.State == keepwatch.RotationAborted:
		return "Whoever had switched goes back to the secret in use. Resume it, or begin another one, when it is time."
	case r.State == keepwatch.RotationStaged && rotation.Refused(r):
		return "Compare what " + r.NewRef + " holds with the staged secret in Setup. Put the right one there and resume, or abort. The secret in use is not touched."
	case r.State == keepwatch.RotationStaged:
		return "Wait for the proof. Tell no holder before it: nothing shows yet that the staged secret works."
	case saidActivated(r):
		return "Wait: the old secret is asked five minutes after you said so, and its refusal is the proof."
	case r.State == keepwatch.RotationProven:
		return "See that " + left + " put the new secret in place, and tick off whoever says so. Do not activate before the list is complete."
	case r.State == keepwatch.RotationSwitched:
		return "In Setup, Installed Packages, open the package and activate the staged secret. Then say so here."
	case rotation.Refused(r):
		return "Look at the package in Setup: the old and the new secret are both refused. Then resume."
	case !rotation.ActivationKnown(r):
		return "Look in Setup whether the staged secret was activated, and say so here: the old one has ended by its age."
	case left != "":
		return "Bring the new secret to " + left + " at once: the old one is dead, and they cannot get a token."
	case stepOf(r, rotation.StepNewProven).State != stepDone:
		return "Wait for the last proof of the new secret."
	case stepOf(r, rotation.StepRecordWaits).State == stepDone:
		return "Change the record in its file as it says below, and reload."
	}
	return "Nothing: the record is written next."
}

// saidActivated reports whether a person said that it was activated, and the old secret
// was not asked since.
func saidActivated(r keepwatch.Rotation) bool {
	if r.State != keepwatch.RotationProven && r.State != keepwatch.RotationSwitched {
		return false
	}
	said, works := stepOf(r, rotation.StepActivated), stepOf(r, rotation.StepOldWorks)
	return said.State == stepDone && !(works.State == stepDone && works.At.After(*said.At))
}

// canOf are the things that may be asked of it now.
func canOf(r keepwatch.Rotation) []string {
	can := []string{}
	add := func(what string, may bool) {
		if may {
			can = append(can, what)
		}
	}
	open, refused := rotation.Open(r), rotation.Refused(r)
	dead := r.State == keepwatch.RotationActivated
	pending := len(rotation.Pending(r)) > 0
	add("ask", open && !refused && !r.NextAt.IsZero() && (!dead || rotation.ActivationKnown(r)))
	add("activated", open && !saidActivated(r) && r.State != keepwatch.RotationStaged && (!dead || !rotation.ActivationKnown(r)))
	add("switched", open && r.State != keepwatch.RotationStaged && pending)
	add("letter", open && r.State != keepwatch.RotationStaged && pending)
	add("abort", open && !dead)
	add("resume", r.State == keepwatch.RotationAborted || open && (refused || !dead))
	return can
}
