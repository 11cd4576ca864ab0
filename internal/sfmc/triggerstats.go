package sfmc

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"keepwatch"
)

// TriggerStats counts what became of the entry events of the last 30 days.
type TriggerStats struct {
	Attempted *int64 // contacts that came
	Met       *int64 // and met the criteria
	Failed    *int64
	Waiting   *int64
}

// TriggerStats reads them. Undocumented: clients of the journey interface use it.
func (c *Client) TriggerStats(ctx context.Context, e Endpoints, access keepwatch.Secret, eventID string) (TriggerStats, Verdict) {
	var s TriggerStats
	v := c.read(ctx, e, access, Reply{Promise: []string{"statuses", "Statuses"}}, nil, func(r Reply) (v Verdict) {
		s, v = parseTriggerStats(r)
		return v
	}, "interaction/v1/triggerstats/%s", eventID)
	return s, v
}

func parseTriggerStats(r Reply) (TriggerStats, Verdict) {
	v := classifyREST(r)
	if !v.OK() {
		return TriggerStats{}, v
	}
	var body struct {
		Statuses []struct {
			Type  string          `json:"eventType"`
			Count json.RawMessage `json:"count"`
		} `json:"statuses"`
	}
	fill(r.trimmed(), &body)
	var s TriggerStats
	for _, row := range body.Statuses {
		switch strings.ToLower(row.Type) {
		case "contactattempted":
			s.Attempted = count(row.Count)
		case "metcriteria":
			s.Met = count(row.Count)
		case "failed":
			s.Failed = count(row.Count)
		case "contactswaiting":
			s.Waiting = count(row.Count)
		}
	}
	return s, v
}

// ErroredEvents counts the events of an entry source that came by the asynchronous
// route since an instant and failed. Nobody's contact is read: one entry a page, and
// only the count is kept. Source: Salesforce, "GET /interaction/v1/async/events/status".
func (c *Client) ErroredEvents(ctx context.Context, e Endpoints, access keepwatch.Secret, eventKey string, since, until time.Time) (*int64, Verdict) {
	query := paging(1, 1)
	query.Set("type", "errored")
	query.Set("eventDefinitionKey", eventKey)
	query.Set("startDate", since.UTC().Format(time.RFC3339))
	query.Set("endDate", until.UTC().Format(time.RFC3339))
	return c.total(ctx, e, access, query, "interaction/v1/async/events/status")
}

// total reads how many entries a list has: its count, where that is not just of the page.
func (c *Client) total(ctx context.Context, e Endpoints, access keepwatch.Secret, query url.Values, path string) (*int64, Verdict) {
	var n *int64
	promise := []string{"count", "Count", "totalCount", "items", "Items"}
	v := c.read(ctx, e, access, Reply{Promise: promise}, query, func(r Reply) Verdict {
		v := classifyREST(r)
		for key, value := range members(r.trimmed()) {
			if v.OK() && (strings.EqualFold(key, "count") || strings.EqualFold(key, "totalCount")) {
				n = count(value)
			}
		}
		return v
	}, path)
	return n, v
}
