package web

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"time"

	"keepwatch"
	"keepwatch/client"
)

// windowDays is how far ahead the picture of windows reaches.
const windowDays = 14

// The picture of windows: a column for each day, a row for each window.
const (
	windowDay  = 84
	windowLane = 18
	windowHead = 24
)

type windowsBody struct {
	Tab     string
	May     bool
	Windows []windowRow
	Past    []silenceRow
	Open    int // that hold now
	Zone    string
	Zones   []string
	Problem string
	Days    []chartDay
	Now     float64
}

// windowRow is one window with its next times in the zone of the reader.
type windowRow struct {
	silenceRow
	Now   bool // it holds at this moment
	Times []windowTime
	Bars  []windowBar
}

type windowTime struct {
	client.Occurrence
	Text string
	Now  bool
}

// windowBar is one time in the picture.
type windowBar struct {
	X, Width float64
	Text     string
}

// windows are the times of announced work: once, or at the same hours of each week.
func (s *site) windows(_ http.ResponseWriter, r *http.Request) (*page, error) {
	now := time.Now().UTC()
	ahead, err := s.quiet(r, false, now)
	if err != nil {
		return nil, err
	}
	past, err := s.quiet(r, true, now)
	if err != nil {
		return nil, err
	}
	only := func(list []silenceRow) []silenceRow {
		return slices.DeleteFunc(list, func(x silenceRow) bool { return x.Kind != string(keepwatch.Maintained) })
	}
	b := windowsBody{Tab: "windows", May: mayOperate(r), Past: only(past), Zone: cmp.Or(r.URL.Query().Get("zone"), "UTC"), Zones: []string{"UTC"}}
	b.Past = b.Past[:min(len(b.Past), pastRows)]
	zone, status := time.UTC, 0
	if z, err := windowZone(b.Zone); err == nil {
		zone = z
	} else {
		b.Problem, status = fmt.Sprintf("%.60q is no time zone, such as Europe/Berlin. The times are in UTC.", b.Zone), http.StatusBadRequest
	}
	b.draw(only(ahead), zone, now)
	return &page{Template: "windows", Title: "Maintenance windows", Section: "alerts", Status: status, Now: now, Refresh: 60, Body: b}, nil
}

func windowZone(name string) (*time.Location, error) {
	if name == "Local" { // the daemon's own is nobody's question
		return nil, keepwatch.ErrInvalid
	}
	return time.LoadLocation(name)
}

// draw makes the rows: what holds now first, then what comes next.
func (b *windowsBody) draw(list []silenceRow, zone *time.Location, now time.Time) {
	from := time.Date(now.In(zone).Year(), now.In(zone).Month(), now.In(zone).Day(), 0, 0, 0, 0, zone)
	to := from.AddDate(0, 0, windowDays)
	x := func(t time.Time) float64 {
		return min(1, max(0, t.Sub(from).Hours()/to.Sub(from).Hours())) * windowDays * windowDay
	}
	for d := range windowDays {
		day := from.AddDate(0, 0, d)
		b.Days = append(b.Days, chartDay{int(x(day)), day.Format("Mon 2")})
	}
	b.Now = x(now)
	for _, s := range list {
		row := windowRow{silenceRow: s}
		for _, o := range s.Next {
			holds := !now.Before(o.From) && now.Before(o.Until)
			text := occasion(o, zone)
			row.Now = row.Now || holds
			row.Times = append(row.Times, windowTime{o, text, holds})
			if a, z := x(o.From), x(o.Until); z > a {
				row.Bars = append(row.Bars, windowBar{a, max(4, z-a), text})
			}
		}
		if row.Now {
			b.Open++
		}
		if s.Timezone != "" {
			b.Zones = append(b.Zones, s.Timezone)
		}
		b.Windows = append(b.Windows, row)
	}
	slices.SortStableFunc(b.Windows, func(a, c windowRow) int { return startOf(a).Compare(startOf(c)) })
	slices.Sort(b.Zones)
	b.Zones = slices.Compact(b.Zones)
}

func startOf(w windowRow) time.Time {
	if len(w.Next) == 0 {
		return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return w.Next[0].From
}

// occasion is one time in a zone: "Sun 6 Dec 02:00 to 04:00 CET".
func occasion(o client.Occurrence, zone *time.Location) string {
	from, to := o.From.In(zone), o.Until.In(zone)
	if o.From.Year() < 2001 { // of a file that names no begin
		return "until " + to.Format("2 Jan 2006 15:04 MST")
	}
	if from.YearDay() == to.YearDay() && from.Year() == to.Year() {
		return from.Format("Mon 2 Jan 15:04") + " to " + to.Format("15:04 MST")
	}
	format := "Mon 2 Jan 15:04"
	if to.Year() != from.Year() {
		format = "2 Jan 2006 15:04"
	}
	return from.Format(format) + " to " + to.Format(format+" MST")
}
