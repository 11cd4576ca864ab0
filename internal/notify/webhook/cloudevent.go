package webhook

import (
	"time"

	"keepwatch"
	"keepwatch/internal/notify"
)

// event is a CloudEvent, version 1.0, in its JSON form. Its data is one alert of the
// Alertmanager form.
type event struct {
	SpecVersion     string `json:"specversion"`
	ID              string `json:"id"` // with source, what a repeat is known by
	Source          string `json:"source"`
	Type            string `json:"type"`
	Subject         string `json:"subject,omitempty"`
	Time            string `json:"time,omitempty"`
	DataContentType string `json:"datacontenttype"`
	Data            data   `json:"data"`
}

type data struct {
	alert
	Incident keepwatch.IncidentID `json:"incident"`
	Severity keepwatch.Severity   `json:"severity"`
	Reason   string               `json:"reason"`
	GroupKey string               `json:"groupKey"`
	// Of a message that tells of several incidents.
	Members []alert `json:"members,omitempty"`
	More    int     `json:"more,omitempty"`
}

func cloudEvent(m notify.Message) ([]byte, error) {
	e := event{
		SpecVersion: "1.0", ID: string(m.Key), Source: m.ExternalURL, Type: "keepwatch.incident." + string(m.Kind), Subject: string(m.Incident),
		DataContentType: "application/json",
		Data:            data{alert: alertOf(m), Incident: m.Incident, Severity: m.Severity, Reason: m.Reason, GroupKey: m.GroupKey, More: m.More},
	}
	for _, member := range m.Members {
		e.Data.Members = append(e.Data.Members, alertOf(member.Message))
	}
	if e.Source == "" {
		e.Source = "keepwatch"
	}
	if m.Kind == keepwatch.Posted {
		e.Type = "keepwatch.letter"
	}
	if !m.At.IsZero() {
		e.Time = m.At.UTC().Format(time.RFC3339Nano)
	}
	return notify.JSON(e)
}
