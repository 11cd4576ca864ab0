package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/auth"
	"keepwatch/internal/ics"
	"keepwatch/internal/view"
)

// endingRows are those of one page of dates.
const endingRows = 150

// Feeds keeps the calendar feeds.
type Feeds interface {
	Feeds(ctx context.Context) ([]keepwatch.Feed, error)
	SaveFeed(ctx context.Context, f keepwatch.Feed) error
	RevokeFeed(ctx context.Context, id string, now time.Time) error
}

func (s *site) expiringPages() {
	s.mux.HandleFunc("GET /expiring", s.page(s.expiring))
	if s.Feeds != nil {
		s.mux.HandleFunc("POST /expiring/feeds", s.whole(auth.Operator, s.addFeed))
		s.mux.HandleFunc("POST /expiring/feeds/{id}/revoke", s.whole(auth.Operator, s.revokeFeed))
	}
}

// withins are the spans that the page of dates offers.
var withins = []string{"30d", "90d", "180d", "365d"}

type expiringBody struct {
	client.Expiring
	address
	Filter   view.ExpiringFilter
	Filtered bool
	View     string // owner or date
	Withins  []string
	Owners   []string // to choose from, whatever the filter shows
	Tenants  []string
	Tiers    []keepwatch.Criticality
	Months   []monthView
	Groups   []endGroup
	Idle     []client.Ending
	Text     string
	State    string
	More     string // address of the next page
	Feeds    []client.Feed
	HasFeeds bool // who may see feeds sees the section
	MayFeed  bool
}

// endGroup is what one team answers for, or what one month brings.
type endGroup struct {
	Key     string
	Title   string
	Contact string
	Items   []client.Ending
}

func (s *site) expiring(_ http.ResponseWriter, r *http.Request) (*page, error) {
	q, now := r.URL.Query(), time.Now()
	within, err := keepwatch.ParseDuration(cmp.Or(q.Get("within"), keepwatch.FormatDuration(view.ExpiringWithin)))
	if err != nil {
		return nil, fmt.Errorf("within: %w", err)
	}
	f := view.ExpiringFilter{Within: within, Owner: q.Get("owner"), Tenant: q.Get("tenant"), Tier: q.Get("tier"), Query: q.Get("q"), On: q.Get("on")}
	reader := s.read(r)
	hard, err := reader.Expiring(r.Context(), now, f, view.Page{Limit: endingRows, Cursor: q.Get("cursor")})
	if err != nil {
		return nil, err
	}
	b := expiringBody{
		Expiring: hard, address: addressOf(r), Filter: f, View: cmp.Or(q.Get("view"), "owner"), Withins: withins, Owners: reader.Teams(), Tenants: reader.TenantIDs(),
		Tiers: keepwatch.Criticalities, Text: endingText(hard), State: endingState(hard),
	}
	b.Filtered = f.Owner+f.Tenant+f.Tier+f.Query+f.On != ""
	if hard.Next != nil {
		b.More = b.With("cursor", *hard.Next)
	}
	if b.Groups = byOwner(hard.Items); b.View == "date" || f.On != "" {
		b.Groups = byMonth(hard.Items)
	}
	if !slices.Contains(b.Withins, hard.Within) {
		b.Withins = append(slices.Clone(b.Withins), hard.Within)
	}
	if err := s.expiringAround(r, &b, now); err != nil {
		return nil, err
	}
	return &page{Template: "expiring", Title: "What ends", Section: "expiring", Refresh: refreshEvery, Now: now, Body: b}, nil
}

// expiringAround adds what stands around the list: the calendar, which a chosen day does not narrow,
// the clocks of another kind, and the feeds.
func (s *site) expiringAround(r *http.Request, b *expiringBody, now time.Time) error {
	days := b.Days
	if b.Filter.On != "" {
		f := b.Filter
		f.On = ""
		all, err := s.read(r).Expiring(r.Context(), now, f, view.Page{Limit: 1})
		if err != nil {
			return err
		}
		days = all.Days
	}
	b.Months = calendar(days, now, b.Filter.Within)
	if b.Filter.On == "" && r.URL.Query().Get("cursor") == "" {
		f := b.Filter
		f.Clock = keepwatch.ClockIdle
		idle, err := s.read(r).Expiring(r.Context(), now, f, view.Page{Limit: endingRows})
		if err != nil {
			return err
		}
		b.Idle = idle.Items
	}
	who := view.PrincipalOf(r.Context())
	b.HasFeeds, b.MayFeed = s.Feeds != nil && who.Everywhere(auth.Viewer), s.Feeds != nil && who.Everywhere(auth.Operator)
	if !b.HasFeeds {
		return nil
	}
	feeds, err := s.Feeds.Feeds(r.Context())
	if err != nil {
		return err
	}
	for _, f := range view.FeedsOf(feeds) {
		if f.RevokedAt == nil {
			b.Feeds = append(b.Feeds, f)
		}
	}
	return nil
}

// feedBody is the page that shows a feed's address, this once.
type feedBody struct {
	Owner   string
	Address string
}

// addFeed makes a calendar feed. Its address is in this answer and in no other.
func (s *site) addFeed(_ http.ResponseWriter, r *http.Request) (*page, error) {
	owner := strings.TrimSpace(r.PostFormValue("owner"))
	if owner != "" { // an empty calendar reads as an all-clear
		if err := s.read(r).OwnerExists(owner); err != nil {
			return nil, err
		}
	}
	feed, path := ics.NewFeed(owner, view.PrincipalOf(r.Context()).Name, time.Now())
	if err := s.Feeds.SaveFeed(r.Context(), feed); err != nil {
		return nil, err
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	address := cmp.Or(strings.TrimRight(s.BaseURL, "/"), scheme+"://"+r.Host) + path
	return &page{Template: "feed", Title: "Calendar feed", Section: "expiring", Body: feedBody{owner, address}}, nil
}

func (s *site) revokeFeed(w http.ResponseWriter, r *http.Request) (*page, error) {
	err := s.Feeds.RevokeFeed(r.Context(), r.PathValue("id"), time.Now())
	if errors.Is(err, keepwatch.ErrNotFound) { // not repeated: it may be the address's token
		return nil, keepwatch.WithHint(fmt.Errorf("there is no feed with this id: %w", keepwatch.ErrNotFound), "look at the list of feeds again")
	}
	if err != nil {
		return nil, err
	}
	http.Redirect(w, r, "/expiring#feeds", http.StatusSeeOther)
	return nil, nil
}

// byOwner groups by team. The most urgent group comes first: the items are in the
// order of their dates already. What nobody owns comes before all.
func byOwner(items []client.Ending) []endGroup {
	var groups []endGroup
	at := map[string]int{}
	for _, item := range items {
		i, ok := at[item.Owner]
		if !ok {
			i = len(groups)
			at[item.Owner] = i
			groups = append(groups, endGroup{Key: item.Owner, Title: item.Owner, Contact: item.OwnerContact})
		}
		groups[i].Items = append(groups[i].Items, item)
	}
	slices.SortStableFunc(groups, func(a, b endGroup) int {
		return cmp.Compare(min(1, len(a.Key)), min(1, len(b.Key)))
	})
	return groups
}

// byMonth groups by the month of the end; what nobody knows comes last, as it does in the
// list.
func byMonth(items []client.Ending) []endGroup {
	var groups []endGroup
	for _, item := range items {
		title := "Date unknown"
		if item.Clock.EndsOn != "" {
			title = dayOf(item.Clock.EndsOn).Format("January 2006")
		}
		if n := len(groups); n == 0 || groups[n-1].Title != title {
			groups = append(groups, endGroup{Key: title, Title: title})
		}
		last := &groups[len(groups)-1]
		last.Items = append(last.Items, item)
	}
	return groups
}

// endingText is the sentence that a glance should catch.
func endingText(e client.Expiring) string {
	var parts []string
	if e.Ended > 0 {
		parts = append(parts, plural(e.Ended, "date")+" passed")
	}
	if e.Soon > 0 {
		parts = append(parts, plural(e.Soon, "date")+" within "+e.Within)
	}
	if e.Undated > 0 {
		parts = append(parts, fmt.Sprintf("%d unknown", e.Undated))
	}
	if len(parts) == 0 {
		return "Nothing ends within " + e.Within
	}
	return strings.Join(parts, ", ")
}

func endingState(e client.Expiring) string {
	switch {
	case e.Ended > 0:
		return string(keepwatch.StateExpired)
	case e.Soon > 0:
		return string(keepwatch.StateDegraded)
	case e.Undated > 0:
		return string(keepwatch.StateUnknown)
	}
	return string(keepwatch.StateHealthy)
}
