package sfmc

import (
	"context"
	"encoding/json"
	"time"

	"keepwatch"
)

// EventDefinition is an entry source of journeys.
type EventDefinition struct {
	ID, Key, Name  string
	Type           string // APIEvent, EmailAudience, AutomationAudience, SalesforceObjectTriggerV2 …
	Category       string // Event streams, Audience comes in batches
	Extension      string // id of the data extension that it reads or logs to
	ExtensionName  string
	Automation     string // id of the automation that injects the audience
	Flow           string // runOnce, automation
	Recurrence     *Recurrence
	Published      *int64 // journeys that run with it; 0: events go nowhere
	LoggingIsOff   bool   // events leave no rows in the data extension
	ScheduleIsLive bool
}

// Batch reports that contacts come in batches, not one by one.
func (d EventDefinition) Batch() bool { return d.Category == "Audience" }

// EventPage is how many definitions are asked for on a page.
const EventPage = 50

// EventDefinitions lists entry sources. Source: Salesforce, "GET
// /interaction/v1/eventDefinitions"; fields: mcdev test/resources.
func (c *Client) EventDefinitions(ctx context.Context, e Endpoints, access keepwatch.Secret, page int) (Paged[EventDefinition], Verdict) {
	names := veilOf(ctx, access)
	var p Paged[EventDefinition]
	v := c.read(ctx, e, access, Reply{}, paging(page, EventPage), func(r Reply) (v Verdict) {
		p, v = pageOf(r, EventPage, func(entry []byte) (EventDefinition, bool) { return eventOf(entry, names) }, "items")
		return v
	}, "interaction/v1/eventDefinitions")
	return p, v
}

// EventDefinition reads one.
func (c *Client) EventDefinition(ctx context.Context, e Endpoints, access keepwatch.Secret, key string) (EventDefinition, Verdict) {
	names := veilOf(ctx, access)
	var d EventDefinition
	v := c.read(ctx, e, access, Reply{Promise: []string{"id", "eventDefinitionKey"}}, nil, func(r Reply) Verdict {
		v := classifyREST(r)
		if !v.OK() {
			return v
		}
		var ok bool
		if d, ok = eventOf(r.trimmed(), names); !ok {
			return r.wire("missing_fields", "id, eventDefinitionKey")
		}
		return v
	}, "interaction/v1/eventDefinitions/key:%s", key)
	return d, v
}

type eventItem struct {
	ID            string          `json:"id"`
	Key           string          `json:"eventDefinitionKey"`
	Name          string          `json:"name"`
	Type          string          `json:"type"`
	Category      string          `json:"category"`
	Extension     string          `json:"dataExtensionId"`
	ExtensionName string          `json:"dataExtensionName"`
	Automation    string          `json:"automationId"`
	Published     json.RawMessage `json:"publishedInteractionCount"`
	LoggingIsOff  truth           `json:"disableDEDataLogging"`
	Arguments     struct {
		Automation string `json:"automationId"`
	} `json:"arguments"`
	MetaData struct {
		Flow  string `json:"scheduleFlowMode"`
		State string `json:"scheduleState"`
	} `json:"metaData"`
	Schedule *struct {
		Start       string          `json:"startDateTime"`
		End         string          `json:"endDateTime"`
		Zone        string          `json:"timeZone"`
		Occurrences json.RawMessage `json:"occurrences"`
		EndType     string          `json:"endType"`
		Frequency   string          `json:"frequency"`
		Interval    json.RawMessage `json:"interval"`
	} `json:"schedule"`
}

func eventOf(entry []byte, names veil) (EventDefinition, bool) {
	var item eventItem
	fill(entry, &item)
	d := EventDefinition{
		ID: names.key(item.ID), Key: names.key(item.Key), Name: names.name(item.Name), Type: names.name(item.Type), Category: names.name(item.Category),
		Extension: guidOf(names.key(item.Extension)), ExtensionName: names.name(item.ExtensionName),
		Automation: guidOf(names.key(item.Automation)), Flow: names.name(item.MetaData.Flow), Published: count(item.Published), LoggingIsOff: bool(item.LoggingIsOff),
		ScheduleIsLive: item.MetaData.State == "" || item.MetaData.State == "Active",
	}
	if d.Automation == "" {
		d.Automation = guidOf(names.key(item.Arguments.Automation))
	}
	if s := item.Schedule; s != nil {
		d.Recurrence = eventSchedule(s.Frequency, s.Start, s.End, s.Zone, s.EndType, number(s.Interval), number(s.Occurrences))
	}
	return d, d.ID != "" && d.Key != ""
}

// eventSchedule is the schedule of a batch source; nil where its words are not known.
func eventSchedule(frequency, start, end, zone, endType string, interval, occurrences int64) *Recurrence {
	rule := map[string]string{"Minutely": "MINUTELY", "Hourly": "HOURLY", "Daily": "DAILY", "Weekly": "WEEKLY", "Monthly": "MONTHLY", "Yearly": "YEARLY"}[frequency]
	loc, known := WindowsZone(zone)
	if rule == "" || !known {
		return nil
	}
	r, err := ParseRecurrence("FREQ="+rule, civil(start, loc))
	if err != nil {
		return nil
	}
	r.interval = max(1, int(min(interval, 1000)))
	if endType == "Occurrences" && occurrences > 0 {
		r.count = int(min(occurrences, maxOccurrences))
	}
	if until := civil(end, loc); endType == "EndDate" && !until.IsZero() {
		r.until = until
	}
	return r
}

// civil reads a time that has no offset as one of a zone.
func civil(s string, loc *time.Location) time.Time {
	for _, layout := range []string{"2006-01-02T15:04:05.999999999", "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(layout, s, loc); err == nil && t.Year() > 1998 && t.Year() < 2200 {
			return t
		}
	}
	return time.Time{}
}

// guidOf drops the GUID that stands for none.
func guidOf(s string) string {
	if s == "00000000-0000-0000-0000-000000000000" {
		return ""
	}
	return s
}
