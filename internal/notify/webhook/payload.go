package webhook

import (
	"encoding/json"
	"maps"
	"time"

	"keepwatch/internal/notify"
)

// payload is Alertmanager's webhook JSON, version 4. One incident is one alert; a message
// that tells of several has the worst of them, and says how many it leaves out.
type payload struct {
	Version            string            `json:"version"`
	GroupKey           string            `json:"groupKey"`
	TruncatedAlerts    int               `json:"truncatedAlerts"`
	Status             notify.Status     `json:"status"`
	Receiver           string            `json:"receiver"`
	GroupLabels        map[string]string `json:"groupLabels"`
	CommonLabels       map[string]string `json:"commonLabels"`
	CommonAnnotations  map[string]string `json:"commonAnnotations"`
	ExternalURL        string            `json:"externalURL"`
	NotificationReason string            `json:"notification_reason"`
	Alerts             []alert           `json:"alerts"`
}

type alert struct {
	Status       notify.Status     `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"` // the zero time while it lasts, as Alertmanager has it
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

func render(m notify.Message) ([]byte, error) {
	p := payload{
		Version: "4", GroupKey: m.GroupKey, Status: m.Status, Receiver: m.Receiver,
		GroupLabels:  map[string]string{"alertname": m.Labels["alertname"]},
		CommonLabels: m.Labels, CommonAnnotations: annotations(m),
		ExternalURL: m.ExternalURL, NotificationReason: m.Reason,
		Alerts: []alert{alertOf(m)},
	}
	if len(m.Members) > 0 {
		p.GroupLabels, p.Alerts, p.TruncatedAlerts = m.GroupLabels, nil, m.More
		for _, member := range m.Members {
			p.Alerts = append(p.Alerts, alertOf(member.Message))
		}
		if p.GroupLabels == nil {
			p.GroupLabels = map[string]string{}
		}
	}
	return json.Marshal(p)
}

// annotations are those of the message, and its links where the receiver was to have
// some: acknowledge_url, snooze_url, silence_url.
func annotations(m notify.Message) map[string]string {
	if len(m.Acts) == 0 {
		return m.Annotations
	}
	out := maps.Clone(m.Annotations)
	for _, a := range m.Acts {
		out[string(a.Action)+"_url"] = a.URL
	}
	return out
}

func alertOf(m notify.Message) alert {
	return alert{
		Status: m.Status, Labels: m.Labels, Annotations: annotations(m),
		StartsAt: m.StartsAt, EndsAt: m.EndsAt, GeneratorURL: m.URL, Fingerprint: m.Fingerprint,
	}
}
