package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// Watch is one aspect of one thing in SFMC that is watched, and how it stands.
type Watch struct {
	Series       string `json:"series" doc:"names it; empty while nobody has looked yet"`
	Tenant       string `json:"tenant"`
	BusinessUnit *int64 `json:"business_unit" doc:"MID; null means the business unit that owns the reader's package"`
	UnitName     string `json:"business_unit_name"`
	Kind         string `json:"kind" enum:"journey,automation,data_extension,triggered_send,transactional_email,transactional_sms"`
	Key          string `json:"key" doc:"its key in SFMC"`
	Name         string `json:"name" doc:"as SFMC shows it; the key until that is known"`
	Aspect       string `json:"aspect" doc:"what of it is judged: entry, activities, rows, runs, imports, queue, volume"`

	State      string     `json:"state" enum:"healthy,degraded,failing,unknown,maintenance"`
	Outcome    string     `json:"outcome" doc:"what the newest look said; empty before it"`
	Since      *time.Time `json:"since" doc:"in this state since; of an effect, the last sign of life"`
	NoticedAt  *time.Time `json:"noticed_at" doc:"when chance was ruled out; null without an effect"`
	CheckedAt  *time.Time `json:"checked_at"`
	NextCheck  *time.Time `json:"next_check_at"`
	Evidence   string     `json:"evidence" doc:"what speaks for it, with numbers"`
	Hint       string     `json:"hint"`
	Confidence float64    `json:"confidence" doc:"0 to 1"`
	Learning   string     `json:"learning" doc:"why nothing can be said yet; empty when something can"`
	Expected   float64    `json:"expected" doc:"how many events should have come since; 0 without a baseline"`

	Credentials []string `json:"credentials" nullable:"false" doc:"that it hangs on"`
	Incident    *string  `json:"incident" doc:"the open incident that it belongs to"`
	Reading     *Reading `json:"reading" doc:"the newest; null before the first look"`
}

// Reading is what SFMC's own counters said at one instant.
type Reading struct {
	At            time.Time       `json:"at"`
	WindowSeconds float64         `json:"window_seconds" doc:"how far back the amount reaches; 0 when nothing is known of the time before"`
	Amount        int64           `json:"amount" doc:"events in the window"`
	Holiday       bool            `json:"holiday"`
	Maintenance   bool            `json:"maintenance"`
	Figures       []ReadingFigure `json:"figures" nullable:"false"`
}

// ReadingFigure is one counter, word or instant of a reading.
type ReadingFigure struct {
	Name  string     `json:"name"`
	Value *float64   `json:"value,omitempty" doc:"of a counter"`
	Unit  string     `json:"unit,omitempty"`
	Text  string     `json:"text,omitempty" doc:"of a word"`
	Time  *time.Time `json:"time,omitempty" doc:"of an instant"`
}

// WatchDetail is one watched aspect with its history.
type WatchDetail struct {
	Watch
	Upstream []Upstream  `json:"upstream" nullable:"false"`
	Zone     string      `json:"zone" doc:"in whose hours its week is counted"`
	Model    *time.Time  `json:"baseline_fitted_at" doc:"null while there is no baseline"`
	Hours    []WatchHour `json:"hours" nullable:"false" doc:"the last seven days, oldest first"`
}

// Upstream is a credential that something hangs on, and what lies between.
type Upstream struct {
	Credential string   `json:"credential"`
	Via        []string `json:"via" nullable:"false" doc:"nearest to the credential first; empty: directly"`
}

// WatchHour is one hour of a count and what the baseline expects of it.
type WatchHour struct {
	Start           time.Time `json:"start"`
	Amount          int64     `json:"amount"`
	ObservedSeconds float64   `json:"observed_seconds" doc:"how much of the hour was seen"`
	Low             *float64  `json:"low" doc:"10 % quantile; null without a baseline"`
	Mid             *float64  `json:"mid"`
	High            *float64  `json:"high" doc:"90 % quantile"`
}

// WatchFilter narrows the list of what is watched. Zero fields do not.
type WatchFilter struct {
	Tenant     string
	Credential string
	Kind       string
	State      string
	Query      string // part of the key or the name
	Limit      int    // of one page
}

func (f WatchFilter) values() url.Values {
	v := url.Values{}
	set(v, "tenant", f.Tenant)
	set(v, "credential", f.Credential)
	set(v, "kind", f.Kind)
	set(v, "state", f.State)
	set(v, "q", f.Query)
	setLimit(v, f.Limit)
	return v
}

// Effects walks over what is watched in SFMC, page by page.
func (c *Client) Effects(ctx context.Context, f WatchFilter) iter.Seq2[Watch, error] {
	return pages[Watch](ctx, c, "/api/v1/effects", f.values())
}

// Effect reads one watched aspect with its hours.
func (c *Client) Effect(ctx context.Context, series string) (WatchDetail, error) {
	return call[WatchDetail](ctx, c, http.MethodGet, "/api/v1/effects/"+url.PathEscape(series), nil, nil)
}
