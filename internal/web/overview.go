package web

import (
	"cmp"
	"net/http"
	"strconv"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/view"
)

// shownIncidents are the cards of the front page. The others are a click away.
const shownIncidents = 8

type overviewBody struct {
	client.Overview
	address
	Filter      view.OverviewFilter
	Filtered    bool
	TenantNames []string // to choose from, whatever the filter shows
	Owners      []string
	Tiers       []keepwatch.Criticality
	States      []string
	Groupings   []string
	Hidden      int // incidents that have no card
	Chart       *aheadChart
	First       bool // nothing is registered: say how to begin
	MayImport   bool
}

// states are in the order of what hurts.
var states = []string{"failing", "expired", "unknown", "degraded", "maintenance", "paused", "healthy"}

func (s *site) overview(_ http.ResponseWriter, r *http.Request) (*page, error) {
	q, now := r.URL.Query(), time.Now()
	f := view.OverviewFilter{CredentialFilter: filterOf(q), GroupBy: cmp.Or(q.Get("group"), view.Groupings[0]), Page: pageOf(q)}
	o, err := s.read(r).Overview(r.Context(), now, f)
	if err != nil {
		return nil, err
	}
	b := overviewBody{
		Overview: o, address: addressOf(r), Filter: f, Filtered: f.CredentialFilter != view.CredentialFilter{},
		TenantNames: s.read(r).TenantIDs(), Owners: s.read(r).Teams(), Tiers: keepwatch.Criticalities, States: states, Groupings: view.Groupings,
		Chart: chartAhead(o.Ahead, o.GroupBy), First: o.Total == 0, MayImport: s.mayImport(r),
	}
	if len(b.Incidents) > shownIncidents {
		b.Hidden, b.Incidents = len(b.Incidents)-shownIncidents, b.Incidents[:shownIncidents]
	}
	b.Hidden += b.MoreIncidents
	return &page{Template: "overview", Title: o.Headline.Text, Section: "overview", Refresh: refreshEvery, Now: now, Body: b}, nil
}

// mayImport reports whether somebody may bring sheets in, which are about the whole
// estate.
func (s *site) mayImport(r *http.Request) bool {
	return s.Sheets != nil && view.PrincipalOf(r.Context()).Everywhere(auth.Operator)
}

// barPart is one state's share of a bar.
type barPart struct {
	State string
	X, W  float64
}

// stateBar divides a bar of 100 units. What is there at all is seen, however small its
// share.
func stateBar(counts map[string]int) []barPart {
	const least = 1.5
	total, width := 0, 100.0
	for _, n := range counts {
		total += n
	}
	small := 0
	for _, n := range counts {
		if n > 0 && float64(n)/float64(total)*100 < least {
			width -= least
			small += n
		}
	}
	var out []barPart
	x := 0.0
	for _, state := range states {
		n := counts[state]
		if n == 0 {
			continue
		}
		w := float64(n) / float64(total) * 100
		if w < least {
			w = least
		} else {
			w = float64(n) / float64(total-small) * width
		}
		out = append(out, barPart{state, x, w})
		x += w
	}
	return out
}

// groupName is what a group is called.
func groupName(by, key string) string {
	switch {
	case key == "" && by == "owner":
		return "no owner"
	case key == "":
		return "none"
	case key == view.AheadOthers:
		return "others"
	}
	return key
}

// ownerKey is an owner as a filter names it.
func ownerKey(key string) string { return cmp.Or(key, view.NoOwner) }

// unitKey is a business unit as a filter names it.
func unitKey(mid *int64) string {
	if mid == nil {
		return "0"
	}
	return strconv.FormatInt(*mid, 10)
}
