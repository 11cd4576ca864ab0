package view

import (
	"crypto/rand"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
)

// SilencesOf are silences as clients see them at a moment.
func SilencesOf(list []keepwatch.Silence, now time.Time) []client.Silence {
	out := make([]client.Silence, len(list))
	for i, s := range list {
		out[i] = client.Silence{
			ID: s.ID, Kind: string(s.Kind), Match: client.Match(s.Match), Incident: string(s.Incident), Owner: s.Owner, Reason: s.Reason,
			From: s.From.UTC(), Until: s.Until.UTC(), Hours: s.Hours, Timezone: s.Timezone, Status: statusOf(s, now), CreatedBy: s.CreatedBy, EndedBy: s.EndedBy, File: s.File,
		}
		if !s.EndedAt.IsZero() {
			out[i].EndedAt = new(s.EndedAt.UTC())
		}
	}
	return out
}

func statusOf(s keepwatch.Silence, now time.Time) string {
	switch {
	case s.Over(now):
		return "over"
	case now.Before(s.From):
		return "ahead"
	case s.Hours != "":
		return "recurring"
	}
	return "in force"
}

// SilenceOf is a silence as somebody asks for it at a moment.
func SilenceOf(n client.NewSilence, by string, now time.Time) keepwatch.Silence {
	now = now.UTC().Truncate(time.Second)
	s := keepwatch.Silence{
		ID: strings.ToLower(rand.Text()[:16]), From: now, CreatedAt: now, CreatedBy: by,
		Kind: keepwatch.SilenceKind(n.Kind), Match: keepwatch.Match(n.Match), Owner: n.Owner, Reason: n.Reason, Until: n.Until.UTC(), Hours: n.Hours, Timezone: n.Timezone,
	}
	if s.Kind == "" {
		s.Kind = keepwatch.Silenced
	}
	if s.Owner == "" {
		s.Owner = by
	}
	if n.From != nil {
		s.From = n.From.UTC()
	}
	return s
}
