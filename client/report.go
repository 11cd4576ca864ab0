package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// SubjectFigure is one figure of an incident, of one subject or of all together.
type SubjectFigure struct {
	Name    string `json:"name" doc:"contacts_delayed, hours_stale, …"`
	Subject string `json:"subject" doc:"kind and key of what it is about; empty sums up the incident"`
	Figure
}

// Action is one thing to do once the cause is gone.
type Action struct {
	Kind    string     `json:"kind" doc:"replay, refire, rerun, resume or reactivate"`
	Subject string     `json:"subject"`
	Text    string     `json:"text" doc:"a sentence that stands alone"`
	Until   *time.Time `json:"until" doc:"afterwards it is too late, such as for messages that wait; null when nothing runs out"`
	Done    bool       `json:"done" doc:"what it is about has recovered since"`
}

// IncidentReport is one incident as it is reported: what happened, what it cost,
// what is left to do.
type IncidentReport struct {
	SchemaVersion int       `json:"schema_version"`
	At            time.Time `json:"at" doc:"when this was true"`
	IncidentDetail
}

// MonthReport is what happened in one month, in UTC.
type MonthReport struct {
	SchemaVersion int       `json:"schema_version"`
	At            time.Time `json:"at" doc:"when this was true"`
	Month         string    `json:"month" doc:"2026-11"`
	From          time.Time `json:"from"`
	To            time.Time `json:"to" doc:"exclusive"`
	SoFar         bool      `json:"so_far" doc:"the month is not over, or an incident of it is not"`

	Incidents []MonthIncident       `json:"incidents" nullable:"false" doc:"detected in the month, oldest first; what was merged is in the one that took it in"`
	Times     map[string]TimesTaken `json:"times" nullable:"false" doc:"time_to_detect, time_to_acknowledge, time_to_restore, time_to_catch_up"`
	Totals    map[string]Figure     `json:"totals" nullable:"false" doc:"figures over all incidents"`
	Prevented []Prevented           `json:"prevented" nullable:"false" doc:"renewed in the month, after a warning and before the end"`
	Owners    []Share               `json:"owners" nullable:"false" doc:"whose incidents cost most"`
	Tenants   []Share               `json:"tenants" nullable:"false"`
}

// MonthIncident is one row of a month.
type MonthIncident struct {
	ID             string            `json:"id"`
	Title          string            `json:"title"`
	Scope          string            `json:"scope"`
	Outcome        string            `json:"outcome"`
	Severity       string            `json:"severity"`
	Status         string            `json:"status"`
	Owner          string            `json:"owner"`
	Tenant         string            `json:"tenant"`
	FirstFailedAt  *time.Time        `json:"first_failed_at"`
	DetectedAt     *time.Time        `json:"detected_at"`
	AcknowledgedAt *time.Time        `json:"acknowledged_at"`
	RestoredAt     *time.Time        `json:"restored_at"`
	ResolvedAt     *time.Time        `json:"resolved_at"`
	Effects        int               `json:"effects" doc:"things that stopped because of it"`
	Impact         map[string]Figure `json:"impact" nullable:"false"`
}

// TimesTaken sums up how long something took, in seconds.
type TimesTaken struct {
	Incidents int     `json:"incidents" doc:"that it is known of"`
	Median    float64 `json:"median"`
	Worst     float64 `json:"worst"`
	WorstOf   string  `json:"worst_of" doc:"the incident that took longest"`
}

// Prevented is an outage that did not happen, since somebody was warned.
type Prevented struct {
	Incident   string    `json:"incident" doc:"the warning"`
	Credential string    `json:"credential"`
	Owner      string    `json:"owner"`
	Tenant     string    `json:"tenant"`
	WarnedAt   time.Time `json:"warned_at"`
	RenewedAt  time.Time `json:"renewed_at"`
	End        time.Time `json:"end" doc:"when it would have ended"`
	NewEnd     time.Time `json:"new_end"`
	Dependents int       `json:"dependents" doc:"things that hang on it"`
	PerDay     Figure    `json:"per_day" doc:"what each day without it would have delayed"`
}

// Share is one owner's, or one tenant's, part in a month.
type Share struct {
	Name        string  `json:"name" doc:"empty: nobody's"`
	Incidents   int     `json:"incidents"`
	OutageHours float64 `json:"outage_hours"`
	Contacts    float64 `json:"contacts" doc:"delayed, lost among them"`
}

// MonthsCompared is a month beside another one.
type MonthsCompared struct {
	Month   MonthReport   `json:"month"`
	With    MonthReport   `json:"with" doc:"the one that it is compared with"`
	Changes []MonthChange `json:"changes" nullable:"false" doc:"figure by figure, as far as one of the two months has it"`
	Says    string        `json:"says" doc:"the month in a sentence"`
}

// MonthChange is one figure in both months. A null one is not known, which is not none.
type MonthChange struct {
	Name    string   `json:"name" doc:"incidents, prevented, outage_hours, contacts_delayed, …, time_to_detect, …; of times the median, of hours_stale the worst"`
	Figure  *Figure  `json:"figure"`
	With    *Figure  `json:"with"`
	Ratio   *float64 `json:"ratio" doc:"the middle of this month's by that of the other; null where one is not known or the other is 0"`
	Verdict string   `json:"verdict" enum:"better,worse,same,unknown" doc:"less is better, of what was prevented more"`
}

// MonthsCompared reads a month beside another one; an empty other one is the month before.
func (c *Client) MonthsCompared(ctx context.Context, month, with string) (MonthsCompared, error) {
	v := url.Values{}
	set(v, "with", with)
	return call[MonthsCompared](ctx, c, http.MethodGet, "/api/v1/reports/"+url.PathEscape(month)+"/compared", v, nil)
}

// Report reads what an incident cost as a document: md, html, csv or json.
func (c *Client) Report(ctx context.Context, incident, format string) ([]byte, error) {
	return c.document(ctx, incidentPath(incident)+"/report", format)
}

// MonthReport reads what a month, such as "2026-11", cost as a document.
func (c *Client) MonthReport(ctx context.Context, month, format string) ([]byte, error) {
	return c.document(ctx, "/api/v1/reports/"+url.PathEscape(month), format)
}

func (c *Client) document(ctx context.Context, path, format string) ([]byte, error) {
	status, body, err := c.exchange(ctx, http.MethodGet, path, url.Values{"format": {format}}, nil)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, failure(status, body)
	}
	return body, nil
}
