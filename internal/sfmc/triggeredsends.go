package sfmc

import (
	"context"
)

// TriggeredSend is the definition of a triggered send.
type TriggeredSend struct {
	Key, Name string
	Status    string // New, Inactive (it queues), Active, Canceled, Deleted, Moved
	Type      string // Continuous, Batched, Scheduled
}

const (
	sendBatch = 500
	sendPages = 10
)

// TriggeredSends lists the definitions that are not deleted. Source: WSDL; mcdev
// filters in the same way.
func (c *Client) TriggeredSends(ctx context.Context, e Endpoints, l Login) ([]TriggeredSend, Listing, Verdict) {
	rows, done, v := c.list(ctx, e, l, Retrieve{
		Object: "TriggeredSendDefinition", Properties: []string{"CustomerKey", "Name", "TriggeredSendStatus", "TriggeredSendType"}, BatchSize: sendBatch, MaxPages: sendPages,
		Filter: anyOf("TriggeredSendStatus", []string{"New", "Active", "Inactive", "Moved", "Canceled"}),
	})
	names := l.veil(ctx)
	out := make([]TriggeredSend, 0, len(rows))
	for _, row := range rows {
		s := TriggeredSend{Key: names.key(row["CustomerKey"]), Name: names.name(row["Name"]), Status: names.name(row["TriggeredSendStatus"]), Type: names.name(row["TriggeredSendType"])}
		if s.Key == "" || s.Status == "" {
			done.Unread++
			continue
		}
		out = append(out, s)
	}
	return out, done, v
}

// SendSummary counts what a triggered send did. All but Queued only grow.
type SendSummary struct {
	Key           string
	Sent          *int64
	Errors        *int64 // not sent for an error
	OptOut        *int64 // not sent for reasons of the contact
	Undeliverable *int64
	Bounces       *int64
	Queued        *int64
}

// SendSummaries reads the counters of all triggered sends. Source: WSDL; mcdev
// test/resources/…/triggeredSendSummary.
func (c *Client) SendSummaries(ctx context.Context, e Endpoints, l Login) ([]SendSummary, Listing, Verdict) {
	rows, done, v := c.list(ctx, e, l, Retrieve{
		Object: "TriggeredSendSummary", BatchSize: sendBatch, MaxPages: sendPages,
		Properties: []string{"CustomerKey", "Sent", "NotSentDueToError", "NotSentDueToOptOut", "NotSentDueToUndeliverable", "Bounces", "Queued"},
	})
	names := l.veil(ctx)
	out := make([]SendSummary, 0, len(rows))
	for _, row := range rows {
		if s, ok := summaryOf(row, names); ok {
			out = append(out, s)
		} else {
			done.Unread++
		}
	}
	return out, done, v
}

func summaryOf(row map[string]string, names veil) (SendSummary, bool) {
	s := SendSummary{
		Key: names.key(row["CustomerKey"]), Sent: countText(row["Sent"]), Errors: countText(row["NotSentDueToError"]), OptOut: countText(row["NotSentDueToOptOut"]),
		Undeliverable: countText(row["NotSentDueToUndeliverable"]), Bounces: countText(row["Bounces"]), Queued: countText(row["Queued"]),
	}
	return s, s.Key != ""
}
