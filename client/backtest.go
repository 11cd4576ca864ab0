package client

import (
	"context"
	"net/http"
	"time"
)

// BacktestRequest asks what another configuration would have said.
type BacktestRequest struct {
	Days  int          `json:"days" minimum:"1" maximum:"90" default:"30"`
	Files []ConfigFile `json:"files" minItems:"1" maxItems:"1000" doc:"the configuration to try; nothing of it comes into force"`
	// Env is asked instead of the daemon's environment, which is not the caller's to read.
	Env map[string]string `json:"env,omitempty" doc:"what ${env:NAME} stands for in the files"`
}

// ConfigFile is one file of a configuration.
type ConfigFile struct {
	Name string `json:"name" maxLength:"500" doc:"for messages about faults"`
	Text string `json:"text"`
}

// Backtest is what another configuration would have said in the past, beside what
// the one in force says of the same time.
type Backtest struct {
	SchemaVersion int       `json:"schema_version"`
	At            time.Time `json:"at"`
	From          time.Time `json:"from"`
	To            time.Time `json:"to"`

	Parts     []BacktestPart     `json:"parts" nullable:"false" doc:"what was compared, and what cannot be known"`
	Receivers []BacktestReceiver `json:"receivers" nullable:"false"`
	Incidents []BacktestIncident `json:"incidents" nullable:"false" doc:"those that would have been others"`
	Messages  []BacktestMessage  `json:"messages" nullable:"false" doc:"those that would have been others, oldest first"`
	More      int                `json:"more" doc:"messages that are not listed"`
}

// BacktestPart is one thing that a configuration decides.
type BacktestPart struct {
	Name     string `json:"name" enum:"routes,fail_after,interval,expiry_ladder,thresholds"`
	Differs  bool   `json:"differs" doc:"whether the two configurations decide it differently"`
	Looked   int    `json:"looked" doc:"incidents, dates or effects that it was tried on"`
	NotKnown string `json:"not_known" doc:"what the stored rows cannot tell"`
}

// BacktestIncident is an incident that would have been another one.
type BacktestIncident struct {
	Incident  string    `json:"incident" doc:"empty where none was opened"`
	Title     string    `json:"title"`
	At        time.Time `json:"at" doc:"when it was detected, or would have been"`
	Change    string    `json:"change" enum:"added,removed,later,sooner,maybe_missed"`
	BySeconds float64   `json:"by_seconds" doc:"how much later or sooner"`
	Estimated bool      `json:"estimated" doc:"worked out and not replayed: the single runs are gone, or chance decides"`
	Why       string    `json:"why"`
}

// BacktestMessage is a message that would have been another one.
type BacktestMessage struct {
	Receiver   string    `json:"receiver"`
	Incident   string    `json:"incident"`
	Credential string    `json:"credential"`
	Kind       string    `json:"kind" doc:"of several incidents: group, storm or digest"`
	Incidents  int       `json:"incidents" doc:"that it tells of"`
	At         time.Time `json:"at"`
	Change     string    `json:"change" enum:"added,removed,later,sooner"`
	BySeconds  float64   `json:"by_seconds"`
}

// BacktestReceiver sums up what one receiver would have got.
type BacktestReceiver struct {
	Receiver        string `json:"receiver"`
	Before          int    `json:"before" doc:"messages under the configuration in force"`
	After           int    `json:"after" doc:"and under the one that is tried"`
	Added           int    `json:"added"`
	Removed         int    `json:"removed"`
	Later           int    `json:"later"`
	Sooner          int    `json:"sooner"`
	RemindersBefore int    `json:"reminders_before"`
	RemindersAfter  int    `json:"reminders_after"`
}

// Backtest asks what another configuration would have said.
func (c *Client) Backtest(ctx context.Context, r BacktestRequest) (Backtest, error) {
	return call[Backtest](ctx, c, http.MethodPost, "/api/v1/backtest", nil, r)
}
