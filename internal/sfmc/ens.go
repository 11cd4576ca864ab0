package sfmc

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"keepwatch"
)

// Event is one notification of the Event Notification Service.
type Event struct {
	Type       string // SendEvents.AutomationInstanceErrored, TransactionalSendEvents.EmailNotSent …
	At         time.Time
	Unit       keepwatch.MID
	Definition string // of transactional sends
	Automation string // customer key
	Name       string // of the automation
	Status     string
	Code       int
	Reason     string
}

const (
	// ENSSignature is the header with the signature of a batch.
	ENSSignature = "X-Sfmc-Ens-Signature"
	// MaxENSBatch bounds the body of a batch: 1,000 events of about a kilobyte.
	MaxENSBatch = 4 << 20
	maxENS      = 1000
)

// SignedENS reports whether the signature is the body's under one of the keys. It takes
// the same time for every wrong signature. Source: Salesforce, "Event Notification
// Service", base64 of HMAC-SHA256 over the body as it came.
func SignedENS(signature string, body []byte, keys ...keepwatch.Secret) bool {
	given, err := base64.StdEncoding.DecodeString(signature)
	good := false
	for _, key := range keys {
		if key.Empty() {
			continue
		}
		sum := hmac.New(sha256.New, key.Reveal())
		sum.Write(body)
		good = hmac.Equal(given, sum.Sum(nil)) || good
	}
	return good && err == nil
}

// ParseENS reads a batch: an array of events. Of an event only what says which thing of
// the account it is about is kept, never whom it was for. ok is false for what is no batch.
func ParseENS(body []byte, hide ...keepwatch.Secret) (events []Event, unread int, ok bool) {
	body = trimBOM(bytes.TrimSpace(body))
	if len(body) == 0 || len(body) > MaxENSBatch || body[0] != '[' || !valid(body) {
		return nil, 0, false
	}
	var secrets [][]byte
	for _, s := range hide {
		secrets = append(secrets, s.Reveal())
	}
	names := newVeil(secrets)
	for entry := range elements(body) {
		if e, known := eventFrom(entry, names); known && len(events) < maxENS {
			events = append(events, e)
		} else {
			unread++
		}
	}
	return events, unread, true
}

func eventFrom(entry []byte, names veil) (Event, bool) {
	var item struct {
		Type       string          `json:"eventCategoryType"`
		At         json.RawMessage `json:"timestampUTC"`
		Unit       json.RawMessage `json:"mid"`
		Definition string          `json:"definitionKey"`
		Automation string          `json:"automationCustomerKey"`
		Name       string          `json:"automationName"`
		Status     string          `json:"automationInstanceStatus"`
		Info       struct {
			Code   json.RawMessage `json:"statusCode"`
			Reason string          `json:"statusMessage"`
		} `json:"info"`
	}
	fill(entry, &item)
	e := Event{
		Type: names.key(item.Type), Unit: keepwatch.MID(whole(item.Unit)), Definition: names.key(item.Definition), Automation: names.key(item.Automation),
		Name: names.name(item.Name), Status: names.name(item.Status), Code: int(min(number(item.Info.Code), 1e9)), Reason: names.name(item.Info.Reason),
	}
	if ms := number(item.At); ms > 0 {
		e.At = time.UnixMilli(ms).UTC()
	}
	if e.At.Year() < 1999 || e.At.Year() > 2199 {
		e.At = time.Time{}
	}
	return e, strings.Contains(e.Type, ".")
}

// Verification is what SFMC sends to a new callback.
type Verification struct {
	Callback string
	Key      keepwatch.Secret
}

// ParseVerification reads it; false: the body is no verification.
func ParseVerification(body []byte) (Verification, bool) {
	body = trimBOM(bytes.TrimSpace(body))
	want := []field{{key: "callbackId"}, {key: "verificationKey"}}
	if len(body) > 4096 || !valid(body) || pick(body, want) != nil {
		return Verification{}, false
	}
	id, key := text(want[0].value), tokenBytes(want[1].value)
	if !isGUIDLike(id) || key == nil {
		return Verification{}, false
	}
	return Verification{Callback: id, Key: keepwatch.NewSecret(key)}, true
}

// isGUIDLike takes what can be an id of a callback.
func isGUIDLike(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; (c < 'a' || c > 'z') && (s[i] < '0' || s[i] > '9') && s[i] != '-' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// VerifyENS answers a verification. It is the one call here that changes something in
// the account: the callback counts as verified afterwards. Source: Salesforce, "POST
// /platform/v1/ens-verify"; scope event_notification_callback_create.
func (c *Client) VerifyENS(ctx context.Context, e Endpoints, access keepwatch.Secret, verification Verification) Verdict {
	body := append([]byte(`{"callbackId":`), appendString(nil, []byte(verification.Callback))...)
	body = append(body, `,"verificationKey":`...)
	body = append(appendString(body, verification.Key.Reveal()), '}')
	return c.send(Hiding(ctx, verification.Key), e, access, Reply{}, nil, body, func(r Reply) Verdict {
		// What a good answer holds is not documented; an error envelope is an error.
		v := classifyREST(r)
		if v.Cause == "empty_body" || v.Cause == "missing_fields" {
			return r.ok()
		}
		return v
	}, "platform/v1/ens-verify")
}
