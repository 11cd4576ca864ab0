package sfmc

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"keepwatch"
)

// HistoryQuery narrows the history of journeys; nil lists do not.
type HistoryQuery struct {
	Start, End    time.Time
	Definitions   []string // ids of versions
	ActivityTypes []string
}

func (q HistoryQuery) body() []byte {
	body := struct {
		Start         string   `json:"start"`
		End           string   `json:"end"`
		Definitions   []string `json:"definitionIds,omitempty"`
		ActivityTypes []string `json:"activityTypes,omitempty"`
	}{q.Start.UTC().Format(time.RFC3339), q.End.UTC().Format(time.RFC3339), q.Definitions, q.ActivityTypes}
	b, _ := json.Marshal(body) // of strings: cannot fail
	return b
}

// HistoryLag asks how far the history of journeys lies behind. Source: Salesforce, "GET
// …/journeyhistory/freshness"; the name of its one field is not in the text that was
// found, so any single number of seconds is taken.
func (c *Client) HistoryLag(ctx context.Context, e Endpoints, access keepwatch.Secret) (time.Duration, Verdict) {
	var lag time.Duration
	v := c.read(ctx, e, access, Reply{}, nil, func(r Reply) (v Verdict) {
		var n *int64
		if n, v = numberIn(r, "fresh", "second", "lag", "latency"); v.OK() {
			lag = time.Duration(min(*n, 40*24*3600)) * time.Second
		}
		return v
	}, "interaction/v1/interactions/journeyhistory/freshness")
	return lag, v
}

// HistoryEstimate asks how many rows of history a query has: the cheap count of what
// happened, without a contact's name. Source: Salesforce, "POST …/journeyhistory/estimate".
func (c *Client) HistoryEstimate(ctx context.Context, e Endpoints, access keepwatch.Secret, q HistoryQuery) (int64, Verdict) {
	var rows int64
	v := c.send(ctx, e, access, Reply{}, nil, q.body(), func(r Reply) (v Verdict) {
		var n *int64
		if n, v = numberIn(r, "row", "count"); v.OK() {
			rows = *n
		}
		return v
	}, "interaction/v1/interactions/journeyhistory/estimate")
	return rows, v
}

// numberIn finds the one number of an answer whose field's name is not certain: bare,
// the only one of an object, or one whose name has one of the words.
func numberIn(r Reply, words ...string) (*int64, Verdict) {
	if v := classifyNumber(r); !v.OK() {
		return nil, v
	}
	body := r.trimmed()
	if n := count(body); n != nil {
		return n, r.ok()
	}
	var found []*int64
	for key, value := range members(body) {
		n := count(value)
		if n == nil {
			continue
		}
		for _, word := range words {
			if strings.Contains(strings.ToLower(key), word) {
				return n, r.ok()
			}
		}
		found = append(found, n)
	}
	if len(found) != 1 {
		return nil, r.wire("missing_fields", strings.Join(words, ", "))
	}
	return found[0], r.ok()
}

// classifyNumber is classifyREST, which knows no answer that is a bare number.
func classifyNumber(r Reply) Verdict {
	if body := r.trimmed(); r.badShape() == "" && !r.badType() && count(body) != nil {
		return r.ok()
	}
	return classifyREST(r)
}

// HistoryPage is how many rows of history one search reads.
const HistoryPage = 500

// Moved counts what one activity of a journey did: rows of history by their status.
type Moved struct {
	Name, Type   string
	Done, Failed int64
}

// History reads one page of what happened inside journeys, the newest first, summed
// up by activity. Contacts' names are not kept. Undocumented: clients use it.
func (c *Client) History(ctx context.Context, e Endpoints, access keepwatch.Secret, q HistoryQuery) ([]Moved, Paged[struct{}], Verdict) {
	query := paging(1, HistoryPage)
	query.Set("$orderBy", "TransactionTime desc")
	names := veilOf(ctx, access)
	var p Paged[struct{}]
	sums := map[[2]string]*Moved{}
	var order []*Moved
	v := c.send(ctx, e, access, Reply{}, query, q.body(), func(r Reply) (v Verdict) {
		p, v = pageOf(r, HistoryPage, func(entry []byte) (struct{}, bool) {
			var row struct {
				Name   string `json:"activityName"`
				Type   string `json:"activityType"`
				Status string `json:"status"`
			}
			fill(entry, &row)
			id := [2]string{names.name(row.Name), names.name(strings.ToLower(row.Type))}
			if id[1] == "" || row.Status == "" {
				return struct{}{}, false
			}
			m := sums[id]
			if m == nil && len(order) < maxParts {
				m = &Moved{Name: id[0], Type: id[1]}
				sums[id], order = m, append(order, m)
			}
			if m != nil && Failing(row.Status) {
				m.Failed++
			} else if m != nil {
				m.Done++
			}
			return struct{}{}, true
		}, "items")
		return v
	}, "interaction/v1/interactions/journeyhistory/search")
	out := make([]Moved, len(order))
	for i, m := range order {
		out[i] = *m
	}
	return out, p, v
}

// Failing tells a status of history that is a fault from one that says what a contact
// is: rejected by criteria, already inside. The list is that of clients; no official
// one was found.
func Failing(status string) bool {
	s := strings.ToLower(status)
	return s == "failed" || s == "unknown" || strings.HasPrefix(s, "error") || strings.HasPrefix(s, "could") || strings.HasPrefix(s, "invalid")
}

// JourneyChange is an entry of a journey's audit log.
type JourneyChange struct {
	Action  string // Create, Modify, Publish, Stop, Unpublish, Delete
	By      string
	At      time.Time
	Version int
	State   string // of a Publish: PublishCompleted, Error
}

// JourneyAudit reads who did what to a journey, the newest page. Source: Salesforce,
// "GET …/interactions/{id}/audit/{action}"; entries: mcdev test/resources.
func (c *Client) JourneyAudit(ctx context.Context, e Endpoints, access keepwatch.Secret, id string, version int) ([]JourneyChange, Verdict) {
	query := url.Values{}
	if version > 0 {
		query.Set("versionNumber", keepwatch.MID(version).String())
	}
	names := veilOf(ctx, access)
	var p Paged[JourneyChange]
	v := c.read(ctx, e, access, Reply{}, query, func(r Reply) (v Verdict) {
		p, v = pageOf(r, JourneyPage, func(entry []byte) (JourneyChange, bool) { return changeOf(entry, names) }, "items")
		return v
	}, "interaction/v1/interactions/%s/audit/all", id)
	return p.Items, v
}

func changeOf(entry []byte, names veil) (JourneyChange, bool) {
	var item struct {
		Action string `json:"action"`
		User   struct {
			Name string `json:"name"`
		} `json:"user"`
		At      string          `json:"timeStamp"`
		Version json.RawMessage `json:"versionNumber"`
		State   string          `json:"publishStatus"`
	}
	fill(entry, &item)
	c := JourneyChange{Action: names.name(item.Action), By: names.name(item.User.Name), At: instant(item.At), Version: int(min(number(item.Version), 1e6)), State: names.name(item.State)}
	return c, c.Action != "" && !c.At.IsZero()
}
