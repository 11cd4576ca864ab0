package web

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/impact"
	"keepwatch/internal/report"
)

const monthsBack = 24 // that the page offers

type impactBody struct {
	client.MonthsCompared
	Months  []monthChoice
	Cards   []client.MonthChange // what a lead asks for first
	Rest    []client.MonthChange // of the table
	Chart   monthChart
	Owners  []shareRow
	Tenants []shareRow
}

type monthChoice struct{ Value, Text string }

// shareRow is an owner's or a tenant's part, with a bar.
type shareRow struct {
	client.Share
	Width float64 // of 100
}

// cardNames are the figures that stand large.
var cardNames = []string{report.Incidents, impact.OutageHours, impact.ContactsLost, impact.ContactsLate, impact.ContactsDelayed, impact.Value, report.PreventedOnes}

const mostCards = 6

func (s *site) impact(_ http.ResponseWriter, r *http.Request) (*page, error) {
	q, now := r.URL.Query(), time.Now().UTC()
	month := cmp.Or(q.Get("month"), now.Format("2006-01"))
	c, err := s.read(r).MonthsCompared(r.Context(), now, month, q.Get("with"))
	if err != nil {
		return nil, err
	}
	b := impactBody{MonthsCompared: c, Months: monthChoices(now, c.Month.Month, c.With.Month), Chart: chartOfMonth(c.Month, now), Owners: shareRows(c.Month.Owners), Tenants: shareRows(c.Month.Tenants)}
	b.split()
	return &page{Template: "impact", Title: "Impact in " + monthName(c.Month.Month), Section: "impact", Now: now, Body: b}, nil
}

// split puts the figures that are there in large before the table of all.
func (b *impactBody) split() {
	for _, name := range cardNames {
		i := slices.IndexFunc(b.Changes, func(c client.MonthChange) bool { return c.Name == name && c.Figure != nil })
		if i >= 0 && len(b.Cards) < mostCards {
			b.Cards = append(b.Cards, b.Changes[i])
		}
	}
	for _, c := range b.Changes {
		if c.Name != report.Incidents && c.Name != report.PreventedOnes {
			b.Rest = append(b.Rest, c)
		}
	}
}

func monthName(month string) string {
	if t, err := time.Parse("2006-01", month); err == nil {
		return t.Format("January 2006")
	}
	return month
}

// monthChoices are the newest months, and those that were asked for.
func monthChoices(now time.Time, asked ...string) []monthChoice {
	first := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	var values []string
	for i := range monthsBack {
		values = append(values, first.AddDate(0, -i, 0).Format("2006-01"))
	}
	values = append(values, asked...)
	slices.Sort(values)
	slices.Reverse(values)
	out := []monthChoice{}
	for _, v := range slices.Compact(values) {
		out = append(out, monthChoice{v, monthName(v)})
	}
	return out
}

func shareRows(list []client.Share) []shareRow {
	most := 0.0
	measure := func(s client.Share) float64 { return s.Contacts }
	if !slices.ContainsFunc(list, func(s client.Share) bool { return s.Contacts > 0 }) {
		measure = func(s client.Share) float64 { return s.OutageHours }
	}
	for _, s := range list {
		most = max(most, measure(s))
	}
	out := make([]shareRow, len(list))
	for i, s := range list {
		out[i] = shareRow{Share: s, Width: barWidth(measure(s), most)}
	}
	return out
}

// The picture of a month: above, what was delayed by the incidents that were detected on
// each day; below, how long each of them lasted. A critical one is a thick bar, another a
// thin one, and one that lasts has no end.
const (
	dayWidth     = 30
	dayBar       = 22
	monthColumns = 84 // height of the upper part
	monthLane    = 14
	laneTop      = 112
	mostLanes    = 14
	leastLength  = 3
)

type monthChart struct {
	Width, Height, Top int
	Unit               string // of the columns
	Most               string // what the tallest stands for
	Days               []chartDay
	Columns            []monthColumn
	Spans              []monthSpan
	Hidden             int // incidents that have no lane
	Label              string
	Now                int // where the present is; 0: not in this month
}

type monthColumn struct {
	X, Y, Height float64
	Text         string
}

type monthSpan struct {
	ID                  string
	X, Y, Width, Height float64
	Class               string
	Open                bool
	Text                string
}

func chartOfMonth(m client.MonthReport, now time.Time) monthChart {
	days := int(m.To.Sub(m.From).Hours() / 24)
	c := monthChart{Width: days * dayWidth, Top: monthColumns}
	for d := range days {
		c.Days = append(c.Days, chartDay{d * dayWidth, strconv.Itoa(d + 1)})
	}
	if !now.Before(m.From) && now.Before(m.To) {
		c.Now = int(c.x(m, now))
	}
	c.columns(m, days)
	lanes := c.spans(m, now)
	c.Height = laneTop + max(lanes, 1)*monthLane + 4
	c.Label = fmt.Sprintf("%s: %s; %s", monthName(m.Month), plural(len(m.Incidents), "incident"), c.tallest())
	return c
}

func (c *monthChart) tallest() string {
	if c.Most == "" {
		return "no figure is known"
	}
	return "at most " + c.Most + " " + c.Unit + " on a day"
}

// x is where an instant is.
func (c *monthChart) x(m client.MonthReport, t time.Time) float64 {
	part := t.Sub(m.From).Hours() / m.To.Sub(m.From).Hours()
	return min(1, max(0, part)) * float64(c.Width)
}

// columns sums up by day what the incidents cost: contacts where some are known, else
// hours of outage.
func (c *monthChart) columns(m client.MonthReport, days int) {
	name, unit := impact.ContactsDelayed, "contacts delayed"
	if !slices.ContainsFunc(m.Incidents, func(i client.MonthIncident) bool { return i.Impact[name].Mid > 0 }) {
		name, unit = impact.OutageHours, "hours of outage"
	}
	sums, most := make([]float64, days), 0.0
	for _, i := range m.Incidents {
		if i.DetectedAt == nil {
			continue
		}
		d := min(days-1, max(0, int(i.DetectedAt.Sub(m.From).Hours()/24)))
		sums[d] += i.Impact[name].Mid
		most = max(most, sums[d])
	}
	if most <= 0 {
		return
	}
	c.Unit, c.Most = unit, roundly(most)
	for d, v := range sums {
		if v <= 0 {
			continue
		}
		h := max(2, v/most*(monthColumns-12))
		c.Columns = append(c.Columns, monthColumn{float64(d*dayWidth) + (dayWidth-dayBar)/2, monthColumns - h, h, fmt.Sprintf("%s: %s %s", m.From.AddDate(0, 0, d).Format("2 Jan"), roundly(v), unit)})
	}
}

func roundly(v float64) string {
	if v < 10 {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return thousands(int64(v + 0.5))
}

// spans lays the incidents into lanes, so that none covers another.
func (c *monthChart) spans(m client.MonthReport, now time.Time) int {
	var ends []float64
	for _, i := range m.Incidents {
		from, to, open := lasting(i, now)
		x, end := c.x(m, from), c.x(m, to)
		end = max(end, x+leastLength)
		lane := slices.IndexFunc(ends, func(e float64) bool { return e+4 <= x })
		if lane < 0 {
			if len(ends) == mostLanes {
				c.Hidden++
				continue
			}
			ends, lane = append(ends, 0), len(ends)
		}
		ends[lane] = end
		s := monthSpan{ID: i.ID, X: x, Y: float64(laneTop + lane*monthLane), Width: end - x, Height: 9, Class: i.Severity, Open: open, Text: i.Title + ", " + i.Severity + ", " + timesOf(from, to, open)}
		if i.Severity != string(keepwatch.SeverityCritical) {
			s.Y, s.Height = s.Y+2.5, 4
		}
		c.Spans = append(c.Spans, s)
	}
	return len(ends)
}

// lasting is from when to when an incident lasted, as far as it is known.
func lasting(i client.MonthIncident, now time.Time) (from, to time.Time, open bool) {
	for _, t := range []*time.Time{i.FirstFailedAt, i.DetectedAt} {
		if t != nil && (from.IsZero() || t.Before(from)) {
			from = *t
		}
	}
	for _, t := range []*time.Time{i.RestoredAt, i.ResolvedAt} {
		if t != nil {
			return from, *t, false
		}
	}
	return from, now, true
}

func timesOf(from, to time.Time, open bool) string {
	text := from.UTC().Format("2 Jan 15:04") + " to "
	if open {
		return text + "now"
	}
	return text + to.UTC().Format("2 Jan 15:04") + " UTC"
}

// comparison is what became of a figure, in words.
func comparison(c client.MonthChange, with string) string {
	with = strings.Fields(monthName(with))[0]
	switch {
	case c.With == nil:
		return "not known in " + with
	case c.Figure == nil:
		return "not known, " + amountOf(*c.With) + " in " + with
	case c.Figure.Unit != c.With.Unit:
		return amountOf(*c.With) + " in " + with
	case c.Verdict == "same":
		return "as in " + with
	case c.Ratio == nil:
		return "none in " + with
	case *c.Ratio >= 3:
		return fmt.Sprintf("%s times %s (%s)", strconv.FormatFloat(*c.Ratio, 'f', 1, 64), with, amountOf(*c.With))
	case *c.Ratio > 1:
		return fmt.Sprintf("%.0f %% more than in %s (%s)", (*c.Ratio-1)*100, with, amountOf(*c.With))
	}
	return fmt.Sprintf("%.0f %% less than in %s (%s)", (1-*c.Ratio)*100, with, amountOf(*c.With))
}

// amountOf is the middle of a figure, with its unit where that says more than the name.
func amountOf(f client.Figure) string {
	switch f.Unit {
	case "hours", "seconds":
		return impact.Say(keepwatch.Figure{Low: f.Mid, Mid: f.Mid, High: f.Mid, Unit: f.Unit})
	case "contacts", "messages", "incidents", "outages", "rows":
		return whole(f.Mid)
	}
	return whole(f.Mid) + " " + f.Unit
}

// whole is a number without what nobody asks for.
func whole(v float64) string {
	if v == float64(int64(v)) || v >= 100 {
		return thousands(int64(v + 0.5))
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

// figureTitle is what a figure of a month is called.
func figureTitle(name string) string {
	switch name {
	case report.PreventedOnes:
		return "Outages prevented"
	case impact.Value:
		return "Value at stake"
	case impact.OutageHours:
		return "Outage"
	case impact.HoursStale:
		return "Data stale, at worst"
	}
	return impact.Title(name)
}

// ranged is a figure's range; "" where it is exact.
func ranged(f client.Figure) string {
	if f.Low == f.High {
		return ""
	}
	low, high := f, f
	low.Mid, high.Mid = f.Low, f.High
	return amountOf(low) + " to " + amountOf(high)
}
