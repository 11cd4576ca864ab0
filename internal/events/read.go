package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"keepwatch"
	"keepwatch/client"
)

// MaxEvents is how many events one request may bring.
const MaxEvents = 10_000

// item is one event as it was sent, or why it could not be read.
type item struct {
	event client.Event
	err   *fault
}

// fault is what is wrong with one event. It never repeats a value.
type fault struct{ field, message, hint string }

// read takes a body apart: one event, a list of them, or one on each line. What is wrong
// with one costs no other; a list that breaks off costs what comes after.
func read(body []byte) ([]item, error) {
	body = bytes.TrimSpace(body)
	switch {
	case len(body) == 0:
		return nil, keepwatch.WithHint(errors.Join(errors.New("there is no event in the body"), keepwatch.ErrInvalid), "send one event, a list of events, or one on each line")
	case body[0] == '[':
		return list(body)
	case body[0] == '{' && json.Valid(body):
		return []item{one(body)}, nil
	}
	var out []item
	for line := range bytes.Lines(body) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			out = append(out, one(line))
		}
		if len(out) > MaxEvents {
			return nil, errTooMany
		}
	}
	return out, nil
}

var errTooMany = keepwatch.WithHint(errors.Join(errors.New("there are too many events in the body"), keepwatch.ErrInvalid), "send at most 10000 at a time")

func list(body []byte) ([]item, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	_, _ = d.Token() // the bracket that was seen
	var out []item
	for d.More() {
		var raw json.RawMessage
		if d.Decode(&raw) != nil {
			return append(out, item{err: &fault{"", "from here on the body is not JSON", "send a list of events"}}), nil //nolint:nilerr // said of the item, beside those that were read
		}
		if out = append(out, one(raw)); len(out) > MaxEvents {
			return nil, errTooMany
		}
	}
	if end, _ := d.Token(); end != json.Delim(']') {
		return append(out, item{err: &fault{"", "the list does not end", "send a list of events"}}), nil
	}
	return out, nil
}

func one(raw []byte) item {
	var e client.Event
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	err := d.Decode(&e)
	var kind *json.UnmarshalTypeError
	switch {
	case err == nil:
		return item{event: e}
	case errors.As(err, &kind):
		return item{event: client.Event{Key: e.Key}, err: &fault{kind.Field, "is of another type", "a " + kind.Type.String() + "; see docs/events.md"}}
	case strings.Contains(err.Error(), "unknown field"):
		return item{event: client.Event{Key: e.Key}, err: &fault{"", "has a field that events do not have", "the fields stand in docs/events.md"}}
	}
	return item{err: &fault{"", "is not JSON", "send one event as a JSON object"}}
}
