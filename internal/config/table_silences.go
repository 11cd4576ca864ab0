package config

import (
	"slices"
	"time"

	"keepwatch"
	"keepwatch/internal/calendar"
	"keepwatch/internal/notify"
)

// silenceDraft is a silence or a time of maintenance as it was read.
type silenceDraft struct {
	name            at[string]
	match           at[matchDraft]
	owner, reason   string
	from, until     at[keepwatch.Date]
	hours, timezone at[string]
	maintenance     bool
}

func silenceFields() []field[silenceDraft] {
	type draft = silenceDraft
	return []field[silenceDraft]{
		key("name", "short name", located(identifier[string]("a name")), func(s *draft) *at[string] { return &s.name }).must(),
		key("match", "which incidents nobody is told of", located(matchKind()), func(s *draft) *at[matchDraft] { return &s.match }).must(),
		key("owner", "team or person that answers for it", free(200), func(s *draft) *string { return &s.owner }).must(),
		key("reason", "why nobody is told", free(500), func(s *draft) *string { return &s.reason }).must(),
		key("from", "when it begins: 2026-12-01, or an instant; the default is always", located(date()), func(s *draft) *at[keepwatch.Date] { return &s.from }),
		key("until", "when it ends; what still lasts then is told", located(date()), func(s *draft) *at[keepwatch.Date] { return &s.until }).must(),
		key("timezone", "IANA name of the time zone that days and hours are of; the default is UTC", located(free(64)), func(s *draft) *at[string] { return &s.timezone }),
	}
}

func silenceKind() kind[silenceDraft] { return object(silenceFields()...) }

func maintenanceKind() kind[silenceDraft] {
	type draft = silenceDraft
	k := object(append(silenceFields(),
		key("hours", "the hours of each week in which there is work, like sun 02:00-04:00; without it, all the time from the begin to the end", located(free(500)), func(s *draft) *at[string] { return &s.hours }),
	)...)
	return kind[silenceDraft]{k.schema, func(s spot) (silenceDraft, bool) {
		d, ok := k.decode(s)
		d.maintenance = true
		return d, ok
	}}
}

// earliest stands for a silence that has no begin.
var earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// silences makes those of the files. They may be as long as one likes: they stand
// where everybody can read them.
func (m *merger) silences(c *Config) {
	seen := names{}
	for _, d := range append(slices.Clone(m.all.silences), m.all.maintenance...) {
		m.matchExists(c, d.v.match.v)
		if !d.v.name.at.set() || !seen.first(d.v.name.v, d.v.name.at, "silence") || !d.v.until.at.set() {
			continue
		}
		s := keepwatch.Silence{
			ID: d.v.name.v, Kind: keepwatch.Silenced, Match: d.v.match.v.match(), Owner: d.v.owner, Reason: d.v.reason, From: earliest,
			Hours: d.v.hours.v, Timezone: d.v.timezone.v, File: d.at.place(),
		}
		zone, err := time.LoadLocation(s.Timezone)
		if err != nil {
			zone = time.UTC // a fault, below
		}
		s.Until = d.v.until.v.In(zone)
		if d.v.maintenance {
			s.Kind = keepwatch.Maintained
		}
		if d.v.from.at.set() {
			s.From = d.v.from.v.In(zone)
		}
		if s.Match.Everything() {
			d.v.match.at.fault("a field like tenant or credential", "a silence of everything would hide what nobody has thought of")
		}
		if !s.Until.After(s.From) {
			d.v.until.at.fault("a date after the begin", "it ends before it begins")
		}
		good := s.Timezone == "" || part(d.v.timezone, calendar.Spec{Timezone: s.Timezone})
		good = (s.Hours == "" || part(d.v.hours, calendar.Spec{Hours: s.Hours})) && good
		if mute, err := notify.MuteOf(s); good && err == nil {
			c.Mutes = append(c.Mutes, mute)
		}
	}
}
