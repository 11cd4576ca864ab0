package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Match says which incidents something is for. An empty field matches everything, one
// with values any of them; all fields must match.
type Match struct {
	Criticality  []string `json:"criticality,omitempty"`
	Tenant       []string `json:"tenant,omitempty"`
	BusinessUnit []string `json:"business_unit,omitempty"`
	Owner        []string `json:"owner,omitempty"`
	Kind         []string `json:"kind,omitempty"`
	Category     []string `json:"category,omitempty"`
	Outcome      []string `json:"outcome,omitempty"`
	Scope        []string `json:"scope,omitempty"`
	Severity     []string `json:"severity,omitempty"`
	Credential   []string `json:"credential,omitempty"`
}

// NewSilence asks that nobody is told of some incidents for a while.
type NewSilence struct {
	Kind     string     `json:"kind,omitempty" enum:"silence,maintenance" doc:"the default is silence"`
	Match    Match      `json:"match"`
	Owner    string     `json:"owner,omitempty" maxLength:"200" doc:"team or person that answers for it; the default is who asks"`
	Reason   string     `json:"reason" minLength:"1" maxLength:"500"`
	From     *time.Time `json:"from,omitempty" doc:"the default is now"`
	Until    time.Time  `json:"until"`
	Hours    string     `json:"hours,omitempty" maxLength:"500" doc:"of maintenance: the hours of each week, like sun 02:00-04:00"`
	Timezone string     `json:"timezone,omitempty" maxLength:"64"`
}

// Silence is a time in which nobody is told of some incidents.
type Silence struct {
	ID        string     `json:"id"`
	Kind      string     `json:"kind"` // silence, maintenance, snooze
	Match     Match      `json:"match"`
	Incident  string     `json:"incident,omitempty"`
	Owner     string     `json:"owner"`
	Reason    string     `json:"reason"`
	From      time.Time  `json:"from"`
	Until     time.Time  `json:"until"`
	Hours     string     `json:"hours,omitempty"`
	Timezone  string     `json:"timezone,omitempty"`
	Status    string     `json:"status"` // ahead, in force, recurring, over
	CreatedBy string     `json:"created_by,omitempty"`
	EndedAt   *time.Time `json:"ended_at,omitempty"`
	EndedBy   string     `json:"ended_by,omitempty"`
	File      string     `json:"file,omitempty"` // that it stands in, and is changed in
	// Next are the next times in which it holds, the one in force among them.
	Next []Occurrence `json:"next" nullable:"false" doc:"the next times in which it holds, at most six"`
}

// Occurrence is one time in which a silence holds.
type Occurrence struct {
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
}

// Snooze quiets one incident until a date.
type Snooze struct {
	Until  time.Time `json:"until"`
	Reason string    `json:"reason" minLength:"1" maxLength:"500"`
}

// Explanation says who would be told of a failure, and why the others would not.
type Explanation struct {
	Credential string    `json:"credential"`
	Outcome    string    `json:"outcome"`
	Severity   string    `json:"severity"`
	At         time.Time `json:"at"`
	Told       []Told    `json:"told"`
	Others     []Untold  `json:"others"`
	Nobody     string    `json:"nobody,omitempty"` // why nobody is told
}

// Told is a receiver that would be told.
type Told struct {
	Receiver    string    `json:"receiver"`
	Channel     string    `json:"channel"`
	At          time.Time `json:"at"`
	Rule        string    `json:"rule"`
	Why         string    `json:"why"`
	Unless      string    `json:"unless,omitempty"`
	RepeatEvery string    `json:"repeat_every,omitempty"`
}

// Untold is a route or a receiver that would not tell or be told.
type Untold struct {
	Name string `json:"name"`
	Why  string `json:"why"`
}

// Receiver is somebody who can be told.
type Receiver struct {
	Name          string     `json:"name"`
	Channel       string     `json:"channel"`
	LastSuccessAt *time.Time `json:"last_success_at"`
	LastErrorAt   *time.Time `json:"last_error_at"`
	LastError     string     `json:"last_error,omitempty"`
	FailingSince  *time.Time `json:"failing_since"`
	NextTryAt     *time.Time `json:"next_try_at"`
	Waiting       int        `json:"waiting"`
}

// TestResult is what came of a test message.
type TestResult struct {
	Receiver string `json:"receiver"`
	Receipt  string `json:"receipt"`
}

// Explain asks who would be told. A zero time is now, an empty outcome a refused secret.
func (c *Client) Explain(ctx context.Context, credential, outcome string, at time.Time) (Explanation, error) {
	v := url.Values{}
	set(v, "credential", credential)
	set(v, "outcome", outcome)
	if !at.IsZero() {
		v.Set("at", at.UTC().Format(time.RFC3339))
	}
	return call[Explanation](ctx, c, http.MethodGet, "/api/v1/explain", v, nil)
}

// Silences lists those that lie ahead, or those that are over.
func (c *Client) Silences(ctx context.Context, past bool) ([]Silence, error) {
	v := url.Values{}
	if past {
		v.Set("status", "past")
	}
	page, err := call[Page[Silence]](ctx, c, http.MethodGet, "/api/v1/silences", v, nil)
	return page.Items, err
}

// CreateSilence tells nobody of some incidents for a while.
func (c *Client) CreateSilence(ctx context.Context, s NewSilence) (Silence, error) {
	return call[Silence](ctx, c, http.MethodPost, "/api/v1/silences", nil, s)
}

// EndSilence ends one before its time.
func (c *Client) EndSilence(ctx context.Context, id string) (Silence, error) {
	return call[Silence](ctx, c, http.MethodDelete, "/api/v1/silences/"+url.PathEscape(id), nil, nil)
}

// SnoozeIncident quiets one incident until a date.
func (c *Client) SnoozeIncident(ctx context.Context, id string, s Snooze) (Silence, error) {
	return call[Silence](ctx, c, http.MethodPost, "/api/v1/incidents/"+url.PathEscape(id)+"/snooze", nil, s)
}

// Receivers lists who can be told.
func (c *Client) Receivers(ctx context.Context) ([]Receiver, error) {
	page, err := call[Page[Receiver]](ctx, c, http.MethodGet, "/api/v1/receivers", nil, nil)
	return page.Items, err
}

// TestReceiver sends a test message.
func (c *Client) TestReceiver(ctx context.Context, name string) (TestResult, error) {
	return call[TestResult](ctx, c, http.MethodPost, "/api/v1/receivers/"+url.PathEscape(name)+"/test", nil, nil)
}

// Route says who is told of the incidents that match it.
type Route struct {
	Name        string       `json:"name"`
	Match       Match        `json:"match"`
	For         string       `json:"for"` // the same in words
	To          []string     `json:"to"`
	Wait        string       `json:"wait,omitempty"`
	RepeatEvery string       `json:"repeat_every,omitempty"`
	OnlyIn      string       `json:"only_in,omitempty"` // a calendar
	Otherwise   []string     `json:"otherwise,omitempty"`
	Escalate    []Escalation `json:"escalate,omitempty"`
	Continue    bool         `json:"continue"`
}

// Escalation is who else is told when nobody has acknowledged by then.
type Escalation struct {
	After string   `json:"after"`
	To    []string `json:"to"`
}

// SilencePreview asks which open incidents a silence would be for.
type SilencePreview struct {
	Match Match `json:"match"`
}

// LoggedDelivery is a message to a receiver, with what it is about.
type LoggedDelivery struct {
	Delivery
	Incident string `json:"incident,omitempty"` // "" of a letter
	Title    string `json:"title"`
}

// Routes lists the routes in force.
func (c *Client) Routes(ctx context.Context) ([]Route, error) {
	page, err := call[Page[Route]](ctx, c, http.MethodGet, "/api/v1/routes", nil, nil)
	return page.Items, err
}

// PreviewSilence lists the open incidents that a silence would be for.
func (c *Client) PreviewSilence(ctx context.Context, m Match) ([]Incident, error) {
	page, err := call[Page[Incident]](ctx, c, http.MethodPost, "/api/v1/silences/preview", nil, SilencePreview{m})
	return page.Items, err
}

// Deliveries lists messages, newest first. Empty filters choose all.
func (c *Client) Deliveries(ctx context.Context, incident, receiver, status, cursor string) (Page[LoggedDelivery], error) {
	v := url.Values{}
	set(v, "incident", incident)
	set(v, "receiver", receiver)
	set(v, "status", status)
	set(v, "cursor", cursor)
	return call[Page[LoggedDelivery]](ctx, c, http.MethodGet, "/api/v1/deliveries", v, nil)
}

// MessageLink is what a link in a message does, or did.
type MessageLink struct {
	Action    string     `json:"action"` // acknowledge, snooze, silence
	Incident  string     `json:"incident"`
	Title     string     `json:"title"`
	Actor     string     `json:"actor"` // who is recorded
	Says      string     `json:"says"`
	Open      bool       `json:"open"` // a POST does something
	ExpiresAt time.Time  `json:"expires_at"`
	UsedAt    *time.Time `json:"used_at,omitempty"`
	UsedBy    string     `json:"used_by,omitempty"`
	Until     *time.Time `json:"until,omitempty"` // of the quiet that it made
}

// EndLinks ends every link that was sent in a message.
func (c *Client) EndLinks(ctx context.Context) error {
	return c.do(ctx, http.MethodPost, "/api/v1/links/end", nil, nil, nil)
}
