package client

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// Event is one thing that somebody else saw and pushes.
type Event struct {
	Key        string `json:"key" minLength:"1" maxLength:"200" doc:"the sender's own: the same key counts once"`
	Kind       string `json:"kind" enum:"call,token,queue,verdict"`
	Credential string `json:"credential" maxLength:"200"`
	Holder     string `json:"holder,omitempty" maxLength:"200" doc:"who makes the calls or holds the queue"`
	At         string `json:"at" doc:"RFC 3339"`
	Count      int    `json:"count,omitempty" doc:"how many like events it stands for; 1 when left out"`

	// Of a call; token is the call that asks for one.
	API        string `json:"api,omitempty" enum:"rest,soap,token" doc:"of a call; rest when left out"`
	Family     string `json:"family,omitempty" maxLength:"200" doc:"first part of a REST path, or the SOAP method"`
	HTTPStatus int    `json:"http_status,omitempty"`
	Error      string `json:"error,omitempty" maxLength:"2000" doc:"what was answered or what broke, for classification; never kept"`
	TookMS     int64  `json:"took_ms,omitempty"`

	// Outcome is a name of docs/outcomes.md: needed of a verdict; of a call it wins over
	// status and error.
	Outcome string `json:"outcome,omitempty"`

	// Of a queue.
	Dependent *EventDependent `json:"dependent,omitempty"`
	Depth     *int64          `json:"depth,omitempty"`
	OldestAge string          `json:"oldest_age,omitempty" doc:"such as 26m; left out where nothing waits or nobody knows"`

	// Of a verdict.
	Place        string      `json:"place,omitempty" maxLength:"100" doc:"where the test ran"`
	Connectivity string      `json:"connectivity,omitempty" enum:"proven,unproven" doc:"whether the network of that place was seen to work"`
	Step         string      `json:"step,omitempty" maxLength:"200" doc:"the step that decided"`
	Steps        []EventStep `json:"steps,omitempty"`
}

// EventDependent names what hangs on a credential, as the inventory does.
type EventDependent struct {
	Kind string `json:"kind"`
	Key  string `json:"key"`
}

// EventStep is one step of a test that ran elsewhere.
type EventStep struct {
	Name       string  `json:"name"`
	Outcome    string  `json:"outcome"`
	HTTPStatus int     `json:"http_status,omitempty"`
	DurationMS float64 `json:"duration_ms,omitempty"`
	Evidence   string  `json:"evidence,omitempty"`
}

// EventResult is what became of one event.
type EventResult struct {
	Index   int    `json:"index"`
	Key     string `json:"key,omitempty"`
	Status  string `json:"status" enum:"accepted,repeated,refused"`
	Field   string `json:"field,omitempty"`
	Message string `json:"message,omitempty"`
	Hint    string `json:"hint,omitempty"`
}

// EventsTaken is the answer to pushed events, one result for each in their order.
type EventsTaken struct {
	Accepted int           `json:"accepted"`
	Repeated int           `json:"repeated"`
	Refused  int           `json:"refused"`
	Results  []EventResult `json:"results"`
}

// LinesTaken is the answer to pushed log lines. Lines that say nothing of SFMC are
// dropped: that is no fault.
type LinesTaken struct {
	Accepted int `json:"accepted"`
	Repeated int `json:"repeated"`
	Dropped  int `json:"dropped"`
}

// PushEvents pushes events. Where all of them were refused, the results come with the
// error of the answer.
func (c *Client) PushEvents(ctx context.Context, events ...Event) (EventsTaken, error) {
	var out EventsTaken
	status, body, err := c.exchange(ctx, http.MethodPost, "/api/v1/events", nil, events)
	if err != nil {
		return out, err
	}
	if status == http.StatusBadRequest && json.Unmarshal(body, &out) == nil && len(out.Results) > 0 {
		r := out.Results[0]
		return out, &Error{Status: status, ErrorDetail: ErrorDetail{Code: "invalid", Message: "every event was refused: " + r.Field + ": " + r.Message, Hint: r.Hint}}
	}
	return out, read(status, body, http.MethodPost, "/api/v1/events", &out)
}

// EventTime writes an instant as events have it.
func EventTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
