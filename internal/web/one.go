package web

import (
	"html/template"
	"net/url"
	"time"

	"keepwatch/client"
	"keepwatch/internal/impact"
	"keepwatch/internal/view"
)

// oneFunctions are those of the pages of one credential and one incident.
func oneFunctions() template.FuncMap {
	return template.FuncMap{
		"effectpage": func(series string) string { return "/effect?series=" + url.QueryEscape(series) },
		"dayof":      func(t time.Time) string { return t.UTC().Format("Mon 2 Jan") },
		"sumtitle":   impact.Title,
		"least":      func(a, b int) int { return min(a, b) },
		"stepword":   stepWord,
		"silenceof":  silenceAddress,
		"channel":    channelWord,
		"clockword":  func(t time.Time) string { return t.UTC().Format("15:04") },
		"ratio":      func(v *float64) string { return view.Percent(v) },
		"granted":    func(h client.TrafficHour) *float64 { return part(h.Granted, h.Requests) },
	}
}

// stepWord is what happened to an incident, in words of somebody who was not there.
func stepWord(kind string) string {
	if w, ok := map[string]string{
		"opened": "found", "changed": "took another form", "joined": "another one joined", "left": "one of them works again", "merged_into": "became part of a wider incident",
		"affected": "something else stopped", "relieved": "something caught up", "restored": "works again", "resolved": "over", "noted": "note", "warning": "warned again", "acknowledged": "taken",
	}[kind]; ok {
		return w
	}
	return view.Words(kind)
}

// silenceAddress is the form of a silence of what an incident is about, filled in.
func silenceAddress(i client.Incident) string {
	v := url.Values{}
	switch {
	case i.Credential != nil:
		v.Set("credential", *i.Credential)
	case i.Tenant != "":
		v.Set("tenant", i.Tenant)
	}
	v.Set("outcome", i.Outcome)
	return "/alerts/silences?" + v.Encode() + "#new"
}

// channelWord is a channel as people call it.
func channelWord(c string) string {
	if w, ok := map[string]string{
		"email": "e-mail", "slack": "Slack", "teams": "Microsoft Teams", "pagerduty": "PagerDuty", "jsm": "Jira Service Management", "alertmanager": "Alertmanager",
	}[c]; ok {
		return w
	}
	return c
}
