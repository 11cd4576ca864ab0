// Package digest writes the weekly letter to each owner: what has ended, what ends
// soon, which renewals are planned or overdue, what lies unused, which dates nobody
// knows, and what somebody should decide.
//
// It is called by app, which lists the estate as the web interface shows it and
// posts the letters. It is pure: it says when a digest is due and what it says, and
// knows no store and no channel.
package digest

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strings"

	"keepwatch"
	"keepwatch/client"
)

// Within is how many days a digest looks ahead.
const Within = 90

// maxOwner is how long an owner's name may be and still stand in a link.
const maxOwner = 200

// Report is what one owner's digest is made of.
type Report struct {
	Owner    string // the team, else the contact; "" is what nobody owns
	Contact  string // how to reach them; "" leaves it to the routes
	Endings  []client.Ending
	Findings []client.Finding
}

// Reports sorts what there is by owner. Endings are all there are, of any date, with
// hard dates and idle clocks together, in the order in which they are to be read;
// findings that somebody accepted are left out. A finding about nothing that is
// registered belongs to what nobody owns.
func Reports(endings []client.Ending, findings []client.Finding) []Report {
	s := sorter{reports: map[string]*Report{}, contacts: map[string]map[string]map[string]bool{}, owners: map[string]string{}}
	for _, e := range endings {
		s.ending(e)
	}
	for _, f := range findings {
		if f.Accepted == nil {
			r := s.of(s.ownerOf(f))
			r.Findings = append(r.Findings, f)
		}
	}
	out := make([]Report, 0, len(s.reports))
	for _, key := range slices.Sorted(maps.Keys(s.reports)) {
		r := s.reports[key]
		r.Contact = most(s.contacts[key])
		out = append(out, *r)
	}
	return out
}

// sorter gathers reports. Its keys are owners in small letters: Setup, sheets and
// people do not agree on them.
type sorter struct {
	reports  map[string]*Report
	contacts map[string]map[string]map[string]bool // of an owner: which credentials name which contact
	owners   map[string]string                     // by credential
}

func (s *sorter) of(owner string) *Report {
	key := strings.ToLower(owner)
	if s.reports[key] == nil {
		s.reports[key], s.contacts[key] = &Report{Owner: owner}, map[string]map[string]bool{}
	}
	return s.reports[key]
}

func (s *sorter) ending(e client.Ending) {
	owner := cmp.Or(e.Owner, e.OwnerContact)
	s.owners[e.Credential] = owner
	r := s.of(owner)
	r.Endings = append(r.Endings, e)
	if e.OwnerContact == "" {
		return
	}
	named := s.contacts[strings.ToLower(owner)]
	if named[e.OwnerContact] == nil {
		named[e.OwnerContact] = map[string]bool{}
	}
	named[e.OwnerContact][e.Credential] = true
}

// ownerOf is whose finding it is. A finding knows the team only, and an owner may be
// a contact without one.
func (s *sorter) ownerOf(f client.Finding) string {
	if f.Owner == "" && f.Credential != nil {
		return s.owners[*f.Credential]
	}
	return f.Owner
}

// most is the contact that most of an owner's credentials name: a team is written
// to once, and not once for each contact.
func most(named map[string]map[string]bool) string {
	best := ""
	for _, contact := range slices.Sorted(maps.Keys(named)) {
		if best == "" || len(named[contact]) > len(named[best]) {
			best = contact
		}
	}
	return best
}

// Letters are the digests of a week, one for each owner that there is something to
// tell. A week is named by its Monday; the same week makes the same letters by id,
// whoever writes them and whatever they say by then.
func Letters(endings []client.Ending, findings []client.Finding, baseURL string, week keepwatch.Date) []keepwatch.Letter {
	var out []keepwatch.Letter
	for _, r := range Reports(endings, findings) {
		if letter, ok := Compose(r, baseURL, week); ok {
			out = append(out, letter)
		}
	}
	return out
}

// Compose writes one owner's digest. It is false when there is nothing to tell.
func Compose(r Report, baseURL string, week keepwatch.Date) (keepwatch.Letter, bool) {
	t := topicsOf(r)
	if t.empty() {
		return keepwatch.Letter{}, false
	}
	letter := keepwatch.Letter{
		ID:   keepwatch.NoticeID("digest." + keepwatch.Digest(strings.ToLower(r.Owner), week.String())),
		Kind: keepwatch.LetterDigest, To: r.Contact, Owner: r.Owner, Severity: t.severity(),
		Subject: t.subject(r.Owner), Text: t.text(r.Owner, week), Button: "Open the list",
	}
	if baseURL != "" {
		letter.Link = baseURL + "/expiring"
		if r.Owner != "" && len(r.Owner) <= maxOwner {
			letter.Link += "?owner=" + url.QueryEscape(r.Owner)
		}
	}
	return letter, true
}
