package sfmc

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"time"

	"keepwatch"
)

// Journey is one version of a journey. Its counters are of this version alone.
type Journey struct {
	ID         string // the same for all versions
	Definition string // of this version
	Key        string
	Name       string
	Version    int
	Status     string // Draft, Published, Unpublished, Paused, Stopped, Deleted, ScheduledToPublish …
	Type       string // Multistep, Quicksend, Transactional
	EntryMode  string
	Published  time.Time
	Modified   time.Time
	Entered    *int64 // cumulative; nil where SFMC sends no stats, as for transactional ones
	Inside     *int64
	Triggers   []JourneyTrigger  // only of a detail
	Activities []JourneyActivity // only of a detail
}

// JourneyTrigger names the entry event of a journey.
type JourneyTrigger struct{ Type, EventID, EventKey string }

// JourneyActivity is one step of a journey.
type JourneyActivity struct{ ID, Key, Name, Type string }

// JourneyQuery narrows a list of journeys; zero fields do not.
type JourneyQuery struct {
	Status      string
	Key         string
	AllVersions bool // else the newest only, which may be a draft beside a version that runs
}

// JourneyPage is the documented most of journeys on a page.
const JourneyPage = 50

// Journeys lists journeys without their activities, which would make a page large.
// Source: Salesforce, "GET /interaction/v1/interactions"; scope journeys_read.
func (c *Client) Journeys(ctx context.Context, e Endpoints, access keepwatch.Secret, q JourneyQuery, page int) (Paged[Journey], Verdict) {
	query := paging(page, JourneyPage)
	query.Set("extras", "stats")
	query.Set("mostRecentVersionOnly", strconv.FormatBool(!q.AllVersions))
	if q.Status != "" {
		query.Set("status", q.Status)
	}
	if q.Key != "" {
		query.Set("key", q.Key)
	}
	names := veilOf(ctx, access)
	var p Paged[Journey]
	v := c.read(ctx, e, access, Reply{}, query, func(r Reply) (v Verdict) {
		p, v = pageOf(r, JourneyPage, func(entry []byte) (Journey, bool) { return journeyOf(entry, names) }, "items")
		return v
	}, "interaction/v1/interactions")
	return p, v
}

// Journey reads one version with its triggers and activities. Without a version the
// documentation promises version 1, so it is always named.
func (c *Client) Journey(ctx context.Context, e Endpoints, access keepwatch.Secret, id string, version int) (Journey, Verdict) {
	query := url.Values{"extras": {"activities"}, "versionNumber": {strconv.Itoa(max(version, 1))}}
	names := veilOf(ctx, access)
	var j Journey
	v := c.read(ctx, e, access, Reply{Promise: []string{"id", "key"}}, query, func(r Reply) Verdict {
		v := classifyREST(r)
		if !v.OK() {
			return v
		}
		var ok bool
		if j, ok = journeyOf(r.trimmed(), names); !ok {
			return r.wire("missing_fields", "key, status")
		}
		return v
	}, "interaction/v1/interactions/%s", id)
	return j, v
}

type journeyItem struct {
	ID         string          `json:"id"`
	Definition string          `json:"definitionId"`
	Key        string          `json:"key"`
	Name       string          `json:"name"`
	Version    json.RawMessage `json:"version"`
	Status     string          `json:"status"`
	Type       string          `json:"definitionType"`
	EntryMode  string          `json:"entryMode"`
	Published  string          `json:"lastPublishedDate"`
	Modified   string          `json:"modifiedDate"`
	Stats      struct {
		Inside  json.RawMessage `json:"currentPopulation"`
		Entered json.RawMessage `json:"cumulativePopulation"`
	} `json:"stats"`
	Triggers []struct {
		Type     string `json:"type"`
		MetaData struct {
			EventID  string `json:"eventDefinitionId"`
			EventKey string `json:"eventDefinitionKey"`
		} `json:"metaData"`
	} `json:"triggers"`
	Activities []struct {
		ID   string `json:"id"`
		Key  string `json:"key"`
		Name string `json:"name"`
		Type string `json:"type"`
	} `json:"activities"`
}

// maxParts is how many triggers, steps or activities of one thing are kept.
const maxParts = 500

func journeyOf(entry []byte, names veil) (Journey, bool) {
	var item journeyItem
	fill(entry, &item)
	j := Journey{
		ID: names.key(item.ID), Definition: names.key(item.Definition), Key: names.key(item.Key), Name: names.name(item.Name),
		Version: int(min(number(item.Version), 1e6)), Status: names.name(item.Status), Type: names.name(item.Type), EntryMode: names.name(item.EntryMode),
		Published: instant(item.Published), Modified: instant(item.Modified), Entered: count(item.Stats.Entered), Inside: count(item.Stats.Inside),
	}
	for _, t := range item.Triggers[:min(len(item.Triggers), maxParts)] {
		j.Triggers = append(j.Triggers, JourneyTrigger{names.name(t.Type), names.key(t.MetaData.EventID), names.key(t.MetaData.EventKey)})
	}
	for _, a := range item.Activities[:min(len(item.Activities), maxParts)] {
		j.Activities = append(j.Activities, JourneyActivity{names.key(a.ID), names.key(a.Key), names.name(a.Name), names.name(a.Type)})
	}
	return j, j.Key != "" && j.Status != ""
}
