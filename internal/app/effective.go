package app

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/config"
	"keepwatch/internal/store"
)

// closedAhead is how many closed days of a calendar are told.
const closedAhead = 8

// Effective is the configuration in force, with the place of each setting.
func (a *App) Effective(ctx context.Context) (client.Configuration, error) {
	cfg, now := a.config.Load(), time.Now().UTC()
	out := client.Configuration{Files: append([]string{}, cfg.Files...), Sections: []client.ConfigSection{}, Warnings: []client.ConfigWarning{}, Retention: retention()}
	s, err := a.db.SeriesByID(ctx, configSeries)
	if err != nil && !errors.Is(err, keepwatch.ErrNotFound) {
		return out, err
	}
	if err == nil && s.Last.Outcome == keepwatch.MonitorFault {
		out.Problem = "The files were changed and could not be read, so the older ones stay in force. The open incident of Keepwatch itself says what is wrong."
	}
	for _, section := range cfg.Effective() {
		shown := client.ConfigSection{Name: section.Name, Doc: section.Doc, Values: []client.ConfigValue{}}
		for _, v := range section.Values {
			shown.Values = append(shown.Values, client.ConfigValue{Key: v.Key, Value: v.Text, File: v.File, Line: v.Line, Default: v.Default, Hidden: v.Hidden})
		}
		out.Sections = append(out.Sections, shown)
	}
	for _, w := range cfg.Warnings {
		out.Warnings = append(out.Warnings, client.ConfigWarning{File: w.File, Line: w.Line, Key: w.Key, Message: w.Message})
	}
	out.Credentials, out.Calendars = filesOf(cfg), calendarsOf(cfg, now)
	return out, nil
}

// filesOf counts the credentials by the file that defines them.
func filesOf(cfg *config.Config) []client.ConfigSource {
	n := map[string]int{}
	for _, c := range cfg.Credentials {
		file := c.File
		if i := strings.LastIndexByte(file, ':'); i > 0 {
			file = file[:i]
		}
		n[file]++
	}
	out := []client.ConfigSource{}
	for _, file := range slices.Sorted(maps.Keys(n)) {
		out = append(out, client.ConfigSource{File: file, Credentials: n[file]})
	}
	return out
}

func calendarsOf(cfg *config.Config, now time.Time) []client.Calendar {
	out := []client.Calendar{}
	for _, name := range slices.Sorted(maps.Keys(cfg.Calendars)) {
		c := cfg.Calendars[name]
		shown := client.Calendar{
			Name: name, Timezone: c.Location().String(), Hours: c.Hours().String(), Words: c.Hours().Words(), Holidays: cfg.HolidaysOf(name), Open: c.Open(now),
			Closed: []client.ClosedDay{}, UsedBy: cfg.Used(name),
		}
		if at := c.NextChange(now); !at.IsZero() {
			shown.ChangesAt = new(at.UTC())
		}
		for _, d := range c.ClosedAhead(now, closedAhead) {
			shown.Closed = append(shown.Closed, client.ClosedDay(d))
		}
		out = append(out, shown)
	}
	slices.SortStableFunc(out, func(x, y client.Calendar) int { return cmp.Compare(min(1, len(y.UsedBy)), min(1, len(x.UsedBy))) })
	return out
}

// retention is how long what is kept. It is no setting: the store's limits are part of
// what its figures promise.
func retention() []client.Retention {
	out := []client.Retention{}
	for _, k := range store.Kept() {
		kept := "for good"
		if k.For > 0 {
			kept = keepwatch.FormatDuration(k.For)
		}
		out = append(out, client.Retention{What: k.What, Kept: kept, Notes: k.Notes})
	}
	return out
}
