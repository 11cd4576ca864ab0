package view

import (
	"context"
	"slices"

	"keepwatch"
	"keepwatch/client"
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
		Holders: []client.RotationHolder{}, Evidence: []client.RotationEvidence{},
	}
	for _, h := range r.Holders {
		out.Holders = append(out.Holders, client.RotationHolder{Name: h.Name, Contact: h.Contact, SwitchedAt: timeOf(h.SwitchedAt), SwitchedBy: h.SwitchedBy, SeenNewAt: timeOf(h.SeenNewAt), SeenOldAt: timeOf(h.SeenOldAt)})
	}
	for _, e := range r.Evidence {
		out.Evidence = append(out.Evidence, client.RotationEvidence{At: e.At.UTC(), Step: e.Step, By: e.By, Outcome: string(e.Outcome), Detail: e.Detail})
	}
	return out
}
