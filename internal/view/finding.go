package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"keepwatch"
	"keepwatch/client"
)

// FindingFilter narrows a list of findings. Zero fields do not.
type FindingFilter struct {
	Status     string // open, accepted, all
	Kind       string
	Severity   string
	Tenant     string
	Credential string
	Owner      string
}

// Findings lists one page of findings, the loudest first.
func (r *Reader) Findings(all []keepwatch.Finding, f FindingFilter, page Page) (client.Page[client.Finding], error) {
	out := client.Page[client.Finding]{Items: []client.Finding{}}
	after, err := openCursor(page.Cursor)
	if err != nil {
		return out, err
	}
	if err := r.sensible(f); err != nil {
		return out, err
	}
	for _, item := range r.FindingsOf(all) {
		if findingKey(item) <= after || !f.matches(item) {
			continue
		}
		if len(out.Items) == page.Limit {
			next := sealCursor(findingKey(out.Items[len(out.Items)-1]))
			out.Next = &next
			break
		}
		out.Items = append(out.Items, item)
	}
	return out, nil
}

// sensible reports a filter that can let nothing through: no finding is an all-clear,
// and a misspelt name must not give one.
func (r *Reader) sensible(f FindingFilter) error {
	if f.Kind != "" && !slices.Contains(keepwatch.FindingKinds, keepwatch.FindingKind(f.Kind)) {
		names := make([]string, len(keepwatch.FindingKinds))
		for i, k := range keepwatch.FindingKinds {
			names[i] = string(k)
		}
		return keepwatch.WithHint(fmt.Errorf("%q is not a kind of finding: %w", f.Kind, keepwatch.ErrInvalid), "one of: "+strings.Join(names, ", "))
	}
	if f.Tenant != "" {
		if err := r.TenantExists(keepwatch.TenantID(f.Tenant)); err != nil {
			return err
		}
	}
	if f.Owner != "" {
		return r.OwnerExists(f.Owner)
	}
	return nil
}

// FindingsOf are findings as they are shown, in the order of the list.
func (r *Reader) FindingsOf(all []keepwatch.Finding) []client.Finding {
	owners := r.owners()
	out := make([]client.Finding, len(all))
	for i, f := range all {
		out[i] = client.Finding{
			ID: f.ID, Kind: string(f.Kind), Severity: string(f.Severity), Tenant: string(f.Tenant), Owner: owners[f.Credential],
			Subject: f.Subject, Message: f.Message, Reason: f.Reason, Hint: f.Hint,
		}
		if f.Credential != "" {
			id := string(f.Credential)
			out[i].Credential = &id
		}
		if a := f.Accepted; a != nil {
			out[i].Accepted = &client.Acceptance{By: a.By, Reason: a.Reason, At: a.At.UTC(), Until: a.Until.UTC()}
		}
	}
	slices.SortStableFunc(out, func(a, b client.Finding) int { return cmp.Compare(findingKey(a), findingKey(b)) })
	return out
}

// findingKey puts the loudest first, then what is alike together.
func findingKey(f client.Finding) string {
	return strings.Join([]string{string(rune('9' - severityRank(f.Severity))), f.Kind, f.Tenant, f.Subject, f.ID}, "\x00")
}

func (f FindingFilter) matches(item client.Finding) bool {
	credential := ""
	if item.Credential != nil {
		credential = *item.Credential
	}
	for _, pair := range [][2]string{
		{f.Kind, item.Kind}, {f.Severity, item.Severity}, {f.Tenant, item.Tenant}, {f.Credential, credential},
	} {
		if pair[0] != "" && pair[0] != pair[1] {
			return false
		}
	}
	if f.Owner != "" && !strings.EqualFold(f.Owner, item.Owner) {
		return false
	}
	switch f.Status {
	case "accepted":
		return item.Accepted != nil
	case "all":
		return true
	}
	return item.Accepted == nil
}

// FeedsOf are calendar feeds as they are shown, without their addresses.
func FeedsOf(feeds []keepwatch.Feed) []client.Feed {
	out := make([]client.Feed, len(feeds))
	for i, f := range feeds {
		out[i] = client.Feed{ID: f.ID, Owner: f.Owner, CreatedAt: timeOf(f.CreatedAt), CreatedBy: f.CreatedBy, RevokedAt: timeOf(f.RevokedAt)}
	}
	return out
}
