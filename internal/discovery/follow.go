package discovery

import (
	"maps"
	"slices"
	"time"

	"keepwatch"
)

const (
	// goneKept is how long a package that vanished is told of, when no record of the
	// inventory is known to stand for it.
	goneKept = 30 * 24 * time.Hour
	// changeKept is how long changed scopes are told of.
	changeKept = 7 * 24 * time.Hour
)

// Follow joins a report to the one before it, so that it alone tells what changed
// since. Doing it twice changes nothing. What an incomplete look did not see is
// carried as unseen: it may still be there.
func Follow(report Report, previous *Report) Report {
	if previous == nil || previous.Tenant != report.Tenant || !previous.At.Before(report.At) {
		return report
	}
	report.Links = linked(previous.Links, report.Links)
	report.followPackages(previous)
	report.followScopes(previous)
	return report
}

// linked adds the newer links to the older ones.
func linked(older, newer map[keepwatch.CredentialID]string) map[keepwatch.CredentialID]string {
	out := maps.Clone(older)
	if out == nil {
		return newer
	}
	maps.Copy(out, newer)
	return out
}

func (r *Report) followPackages(previous *Report) {
	here := map[string]bool{}
	for _, p := range r.Packages {
		here[p.User] = true
	}
	var unseen []Package
	for _, p := range slices.Concat(previous.Packages, previous.Unseen) {
		if !here[p.User] {
			here[p.User] = true
			unseen = append(unseen, p)
		}
	}
	known := map[string]bool{}
	for _, user := range r.Links {
		known[user] = true
	}
	gone := slices.DeleteFunc(slices.Clone(previous.Gone), func(g GonePackage) bool {
		return here[g.User] || (r.At.Sub(g.Since) > goneKept && !known[g.User])
	})
	if !r.Complete(PartUsers) {
		r.Unseen, r.Gone = unseen, gone
		return
	}
	r.Unseen = nil
	for _, p := range unseen {
		gone = append(gone, GonePackage{Package: p, Since: r.At})
	}
	r.Gone = gone
}

// followScopes compares with the last look of the same credential that asked for
// the same: another credential, or another request, has other scopes by itself.
func (r *Report) followScopes(previous *Report) {
	if previous.Credential != r.Credential || !slices.Equal(previous.Asked, r.Asked) {
		return
	}
	change := ScopeChange{At: r.At, Added: without(r.Scopes, previous.Scopes), Removed: without(previous.Scopes, r.Scopes)}
	switch {
	case len(change.Added)+len(change.Removed) > 0:
		r.ScopeChange = &change
	case previous.ScopeChange != nil && r.At.Sub(previous.ScopeChange.At) < changeKept:
		r.ScopeChange = previous.ScopeChange
	}
}

// without returns what is in a and not in b.
func without(a, b []string) []string {
	var out []string
	for _, s := range a {
		if !slices.Contains(b, s) {
			out = append(out, s)
		}
	}
	return out
}
