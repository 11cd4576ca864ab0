package sfmc

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"time"

	"keepwatch"
)

// Channel is a channel of transactional messaging.
type Channel string

// The channels that have a queue route.
const (
	Email Channel = "email"
	SMS   Channel = "sms"
)

// Definition is a transactional send definition.
type Definition struct{ Key, Name, Status string }

// DefinitionPage is the usual size of a page.
const DefinitionPage = 50

// Definitions lists send definitions. The count of this route is that of the page, not
// of all. Source: Salesforce, "GET /messaging/v1/email/definitions"; SFMC-SDK.
func (c *Client) Definitions(ctx context.Context, e Endpoints, access keepwatch.Secret, ch Channel, page int) (Paged[Definition], Verdict) {
	names := veilOf(ctx, access)
	var p Paged[Definition]
	v := c.read(ctx, e, access, Reply{}, paging(page, DefinitionPage), func(r Reply) (v Verdict) {
		p, v = pageOf(r, DefinitionPage, func(entry []byte) (Definition, bool) { return definitionOf(entry, names) }, "definitions")
		p.Total = 0
		return v
	}, "messaging/v1/%s/definitions", string(ch))
	return p, v
}

func definitionOf(entry []byte, names veil) (Definition, bool) {
	var item struct {
		Key    string `json:"definitionKey"`
		Name   string `json:"name"`
		Status string `json:"status"`
	}
	fill(entry, &item)
	d := Definition{Key: names.key(item.Key), Name: names.name(item.Name), Status: names.name(item.Status)}
	return d, d.Key != "" && d.Status != ""
}

// Queue is what a definition accepted and has not processed.
type Queue struct {
	Count  int64
	Oldest time.Duration
}

// Queue reads it. Source: Salesforce, "GET …/definitions/{definitionKey}/queue".
func (c *Client) Queue(ctx context.Context, e Endpoints, access keepwatch.Secret, ch Channel, key string) (Queue, Verdict) {
	var q Queue
	v := c.read(ctx, e, access, Reply{Promise: []string{"count"}}, nil, func(r Reply) Verdict {
		v := classifyREST(r)
		if !v.OK() {
			return v
		}
		var body struct {
			Count json.RawMessage `json:"count"`
			Age   json.RawMessage `json:"ageSeconds"`
		}
		fill(r.trimmed(), &body)
		n := count(body.Count)
		if n == nil {
			return r.wire("missing_fields", "count")
		}
		q = Queue{Count: *n, Oldest: time.Duration(min(number(body.Age), 400*24*3600)) * time.Second}
		return v
	}, "messaging/v1/%s/definitions/%s/queue", string(ch), key)
	return q, v
}

// NotSent is one message that was not sent. Who should have got it is not kept.
type NotSent struct {
	ID         int64
	At         time.Time
	Definition string
	Code       int
	Reason     string
}

// Fault groups the reasons for which a message is not sent. Source: Salesforce,
// "Transactional send subscriber error codes".
type Fault string

// The groups. Only the contact's faults are nobody's business here.
const (
	FaultContact       Fault = "contact"
	FaultContent       Fault = "content"
	FaultPlatform      Fault = "platform"
	FaultConfiguration Fault = "configuration"
	FaultOther         Fault = "other"
)

// FaultOf groups a code.
func FaultOf(code int) Fault {
	switch {
	case code >= 1 && code <= 14:
		return FaultContact
	case code == 26:
		return FaultContent
	case code == 43 || code == 126 || code == 138 || code == 139:
		return FaultPlatform
	case code == 140:
		return FaultConfiguration
	}
	return FaultOther
}

// NotSentPage is how many entries one read of the feed asks for.
const NotSentPage = 200

// NotSent reads what was not sent after an event, the oldest first; 0 begins with what
// SFMC still has. next is where to go on. Source: Salesforce, "GET
// /messaging/v1/email/messages/?type=notSent"; times are Central without daylight saving.
func (c *Client) NotSent(ctx context.Context, e Endpoints, access keepwatch.Secret, ch Channel, after int64) (events []NotSent, next int64, v Verdict) {
	query := url.Values{"type": {"notSent"}, "$pagesize": {strconv.Itoa(NotSentPage)}}
	if after > 0 {
		query.Set("lastEventId", strconv.FormatInt(after, 10))
	}
	names := veilOf(ctx, access)
	v = c.read(ctx, e, access, Reply{Promise: []string{"lastEventID", "lastEventId"}}, query, func(r Reply) (v Verdict) {
		events, next, v = parseNotSent(r, after, names)
		return v
	}, "messaging/v1/%s/messages/", string(ch))
	return events, next, v
}

func parseNotSent(r Reply, after int64, names veil) ([]NotSent, int64, Verdict) {
	p, v := pageOf(r, NotSentPage, func(entry []byte) (NotSent, bool) { return notSentOf(entry, names) }, "messages")
	if !v.OK() {
		return nil, after, v
	}
	var head struct {
		Last json.RawMessage `json:"lastEventID"`
	}
	fill(r.trimmed(), &head)
	next := max(after, number(head.Last)) // a cursor that goes back would count twice
	for _, n := range p.Items {
		next = max(next, n.ID)
	}
	return p.Items, next, v
}

func notSentOf(entry []byte, names veil) (NotSent, bool) {
	var item struct {
		ID         json.RawMessage `json:"eventID"`
		At         string          `json:"timestamp"`
		Definition string          `json:"definitionKey"`
		Code       json.RawMessage `json:"statusCode"`
		Reason     string          `json:"statusMessage"`
		Info       struct {
			Code   json.RawMessage `json:"statusCode"`
			Reason string          `json:"statusMessage"`
		} `json:"info"`
	}
	fill(entry, &item)
	n := NotSent{ID: number(item.ID), At: instant(item.At), Definition: names.key(item.Definition), Code: int(min(number(item.Code), 1e9)), Reason: names.name(item.Reason)}
	if n.Code == 0 {
		n.Code, n.Reason = int(min(number(item.Info.Code), 1e9)), names.name(item.Info.Reason)
	}
	return n, n.Definition != "" && n.ID > 0
}
