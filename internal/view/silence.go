package view

import (
	"crypto/rand"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/calendar"
)

// SilencesOf are silences as clients see them at a moment.
func SilencesOf(list []keepwatch.Silence, now time.Time) []client.Silence {
	out := make([]client.Silence, len(list))
	for i, s := range list {
		out[i] = client.Silence{
			ID: s.ID, Kind: string(s.Kind), Match: client.Match(s.Match), Incident: string(s.Incident), Owner: s.Owner, Reason: s.Reason,
			From: s.From.UTC(), Until: s.Until.UTC(), Hours: s.Hours, Timezone: s.Timezone, Status: statusOf(s, now), CreatedBy: s.CreatedBy, EndedBy: s.EndedBy, File: s.File,
			Next: occurrences(s, now, mostNext),
		}
		if !s.EndedAt.IsZero() {
			out[i].EndedAt = new(s.EndedAt.UTC())
		}
	}
	return out
}

// mostNext is how many times of a silence are told ahead.
const mostNext = 6

// occurrences are the next times in which a silence holds, the one in force among them.
// Hours that cannot be read hold nothing back, so there is none.
func occurrences(s keepwatch.Silence, now time.Time, most int) []client.Occurrence {
	out := []client.Occurrence{}
	if s.Over(now) {
		return out
	}
	if s.Hours == "" {
		return append(out, client.Occurrence{From: s.From.UTC(), Until: s.Until.UTC()})
	}
	hours, err := calendar.Parse(calendar.Spec{Timezone: s.Timezone, Hours: s.Hours})
	if err != nil {
		return out
	}
	at := s.From
	if now.After(at) {
		at = began(hours, s.From, now)
	}
	for len(out) < most {
		if !hours.Open(at) {
			if at = hours.NextChange(at); at.IsZero() {
				break
			}
		}
		end := hours.NextChange(at)
		if end.IsZero() || end.After(s.Until) {
			end = s.Until
		}
		if !at.Before(end) {
			break
		}
		out = append(out, client.Occurrence{From: at.UTC(), Until: end.UTC()})
		at = end
	}
	return out
}

// began is when the window that is open now began, and now where none is. It looks back
// a week: no window is longer.
func began(hours *calendar.Calendar, first, now time.Time) time.Time {
	if !hours.Open(now) {
		return now
	}
	for back := time.Hour; back <= 8*24*time.Hour; back *= 2 {
		at := now.Add(-back)
		if !at.After(first) {
			return first
		}
		if hours.Open(at) {
			continue
		}
		for change := hours.NextChange(at); !change.IsZero() && !change.After(now); change = hours.NextChange(change) {
			at = change
		}
		return at
	}
	return first
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
