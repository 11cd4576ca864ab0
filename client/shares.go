package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Gist is an incident in three sentences, for somebody who sees it for the first time.
type Gist struct {
	What string `json:"what" doc:"what is broken, and since when"`
	Hit  string `json:"hit" doc:"whose it is, and what it hits"`
	Do   string `json:"do" doc:"what to do now"`
}

// NextTold is a message that is still to come while an incident lasts.
type NextTold struct {
	Receiver string    `json:"receiver"`
	Channel  string    `json:"channel"`
	At       time.Time `json:"at"`
	Kind     string    `json:"kind" enum:"first,escalation,reminder"`
	Why      string    `json:"why"`
}

// NewNote is something that is written down in an incident's timeline.
type NewNote struct {
	Text string `json:"text" minLength:"1" maxLength:"2000"`
}

// NewShareLink asks for a link under which one incident can be read.
type NewShareLink struct {
	For string `json:"for,omitempty" maxLength:"40" doc:"how long it holds, from 1h to 30d; 7d when left out"`
}

// ShareLink is a link under which one incident can be read without an account.
type ShareLink struct {
	ID        string     `json:"id" doc:"not the link: nothing opens with it"`
	Incident  string     `json:"incident"`
	CreatedAt time.Time  `json:"created_at"`
	CreatedBy string     `json:"created_by"`
	ExpiresAt time.Time  `json:"expires_at"`
	EndedAt   *time.Time `json:"ended_at" doc:"before its time"`
	EndedBy   string     `json:"ended_by"`
	SeenAt    *time.Time `json:"seen_at" doc:"when somebody last looked through it, to the minute"`
	Status    string     `json:"status" enum:"holds,ended,expired"`
}

// CreatedShareLink is a new one with its address, which no other answer has.
type CreatedShareLink struct {
	ShareLink
	Path    string `json:"path"`
	Address string `json:"address" doc:"empty where nobody set server.base_url"`
}

// SharedIncident is what a link shows: one incident without the names of people, the
// notes and the messages about it.
type SharedIncident struct {
	SchemaVersion int       `json:"schema_version"`
	At            time.Time `json:"at" doc:"when this was true"`
	ExpiresAt     time.Time `json:"expires_at" doc:"of the link"`

	Title         string     `json:"title"`
	Status        string     `json:"status" enum:"open,resolved"`
	Severity      string     `json:"severity"`
	Outcome       string     `json:"outcome"`
	Gist          Gist       `json:"gist"`
	Message       string     `json:"message"`
	Hint          string     `json:"hint"`
	LastProvenAt  *time.Time `json:"last_proven_at"`
	FirstFailedAt *time.Time `json:"first_failed_at"`
	DetectedAt    *time.Time `json:"detected_at"`
	Acknowledged  bool       `json:"acknowledged" doc:"somebody is on it"`
	RestoredAt    *time.Time `json:"restored_at"`
	ResolvedAt    *time.Time `json:"resolved_at"`

	CauseKind   string             `json:"cause_kind"`
	Confidence  float64            `json:"confidence" doc:"of the cause, 0 to 1"`
	Evidence    string             `json:"evidence" doc:"for the cause"`
	Credentials []SharedCredential `json:"credentials" nullable:"false"`
	Effects     []SharedEffect     `json:"effects" nullable:"false"`
	Cost        string             `json:"cost"`
	Figures     []SubjectFigure    `json:"figures" nullable:"false" doc:"of the incident as a whole"`
	FiguresStay bool               `json:"figures_stay"`
	Actions     []Action           `json:"actions" nullable:"false"`
	Timeline    []SharedStep       `json:"timeline" nullable:"false"`
}

// SharedCredential is one credential of a shared incident.
type SharedCredential struct {
	ID      string     `json:"id"`
	Owner   string     `json:"owner"`
	Outcome string     `json:"outcome"`
	Since   *time.Time `json:"since"`
	EndedAt *time.Time `json:"ended_at"`
}

// SharedEffect is one effect of a shared incident.
type SharedEffect struct {
	Kind     string     `json:"kind"`
	Name     string     `json:"name"`
	Outcome  string     `json:"outcome"`
	Since    *time.Time `json:"since"`
	EndedAt  *time.Time `json:"ended_at"`
	Evidence string     `json:"evidence"`
	OnOutage string     `json:"on_outage"`
}

// SharedStep is one row of a shared timeline.
type SharedStep struct {
	Kind   string    `json:"kind"`
	At     time.Time `json:"at"`
	Detail string    `json:"detail"`
}

// AddNote writes something down in an incident's timeline.
func (c *Client) AddNote(ctx context.Context, incident string, n NewNote) (IncidentDetail, error) {
	return call[IncidentDetail](ctx, c, http.MethodPost, incidentPath(incident)+"/notes", nil, n)
}

// ShareLinks lists the links to an incident, newest first, with those that are over.
func (c *Client) ShareLinks(ctx context.Context, incident string) ([]ShareLink, error) {
	page, err := call[Page[ShareLink]](ctx, c, http.MethodGet, incidentPath(incident)+"/shares", nil, nil)
	return page.Items, err
}

// CreateShareLink makes a link to an incident. The address is in this answer alone.
func (c *Client) CreateShareLink(ctx context.Context, incident string, n NewShareLink) (CreatedShareLink, error) {
	return call[CreatedShareLink](ctx, c, http.MethodPost, incidentPath(incident)+"/shares", nil, n)
}

// EndShareLink ends a link at once.
func (c *Client) EndShareLink(ctx context.Context, incident, id string) error {
	return c.do(ctx, http.MethodDelete, incidentPath(incident)+"/shares/"+url.PathEscape(id), nil, nil, nil)
}
