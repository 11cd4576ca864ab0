package web

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"keepwatch/client"
)

// The picture of what is ahead: days along, a lane for each group. Places along are
// percentages and everything else is pixels, so that it takes any width and its letters
// keep their size. Nothing in it is stretched.
const (
	laneHeight = 44
	laneLine   = 28 // of the marks, below the lane's name
	axisHeight = 30
	chartLeft  = 1.0
	chartWide  = 98.0
)

// Marks that would touch become one with a count. How near that is depends on the width
// of the picture: there are two layers, and the width of the screen chooses.
const (
	nearOnDesk  = 2.4 // percent
	nearOnPhone = 8.0
)

type aheadChart struct {
	Height int
	Lanes  []laneView
	Weeks  []tickView
	Months []tickView
	Today  string // along
	Soon   string // how wide the last two weeks are
	Foot   int    // of the lanes
	Days   []dayView
	Label  string
}

// Low is so many pixels below the lanes.
func (c *aheadChart) Low(pixels int) int { return c.Foot + pixels }

type laneView struct {
	Name   string
	Total  int
	Top    int
	Line   int
	Fine   []markView
	Coarse []markView
}

type tickView struct {
	X    string
	Text string
	Late bool // the text has no room on a phone
}

// markView is one end, or several that stand close together.
type markView struct {
	X                 string
	Tone, Tier        string
	Count             int
	R                 float64
	Title, Href, Name string
	at                float64
}

// dayView is one day of the list that says the same in words.
type dayView struct {
	On    string
	Text  string
	Count int
	Tone  string
	IDs   []string
	More  int
}

func chartAhead(a client.Ahead, by string) *aheadChart {
	if a.Total == 0 {
		return nil
	}
	from, to, today := dayOf(a.From), dayOf(a.To), dayOf(a.Today)
	span := to.Sub(from).Hours() / 24
	along := func(day time.Time) float64 { return chartLeft + day.Sub(from).Hours()/24/span*chartWide }
	c := &aheadChart{
		Height: len(a.Lanes)*laneHeight + axisHeight, Foot: len(a.Lanes) * laneHeight, Today: place(along(today)),
		Soon: place(along(today.AddDate(0, 0, 14)) - along(today)), Label: aheadLabel(a), Days: daysAhead(a),
	}
	for day := from; !day.After(to); day = day.AddDate(0, 0, 1) {
		switch {
		case day.Day() == 1:
			c.Months = append(c.Months, monthTick(day, along(day)))
		case day.Weekday() == time.Monday && day.Day() > 8 && day.Day() < 28: // clear of the names of months
			c.Weeks = append(c.Weeks, tickView{X: place(along(day)), Text: day.Format("2")})
		case day.Weekday() == time.Monday:
			c.Weeks = append(c.Weeks, tickView{X: place(along(day))})
		}
	}
	for i, lane := range a.Lanes {
		v := laneView{Name: groupName(by, lane.Key), Total: lane.Total, Top: i * laneHeight, Line: i*laneHeight + laneLine}
		v.Fine = marks(lane.Ends, along, nearOnDesk)
		v.Coarse = marks(lane.Ends, along, nearOnPhone)
		nameMarks(v.Fine)
		c.Lanes = append(c.Lanes, v)
	}
	return c
}

// monthTick names a month that begins, where its name ends before the picture does.
func monthTick(day time.Time, at float64) tickView {
	const (
		widest = 74.0 // pixels of September
		paper  = 6.8  // of a percent, on the narrowest sheet
		phone  = 3.2
	)
	tick := tickView{X: place(at)}
	if room := 100 - at; room*paper > widest {
		tick.Text, tick.Late = day.Format("January"), room*phone < widest
	}
	return tick
}

func dayOf(s string) time.Time {
	day, _ := time.Parse(time.DateOnly, s) // made by the view
	return day
}

func place(x float64) string { return fmt.Sprintf("%.2f%%", x) }

// marks draws the ends of a lane, those together that stand nearer than near.
func marks(ends []client.AheadEnd, along func(time.Time) float64, near float64) []markView {
	var out []markView
	for i := 0; i < len(ends); {
		first := along(dayOf(ends[i].On))
		group := client.AheadEnd{On: ends[i].On}
		last := ends[i].On
		var names []string
		for ; i < len(ends) && along(dayOf(ends[i].On))-first < near; i++ {
			join(&group, ends[i])
			names, last = append(names, ends[i].Credentials...), ends[i].On
		}
		at := (first + along(dayOf(last))) / 2
		m := markView{X: place(at), at: at, Tone: group.Severity, Tier: group.Criticality, Count: group.Count, R: radius(group.Count)}
		m.Title = endTitle(group, last, names)
		m.Href = "/expiring?view=date"
		if last == group.On {
			m.Href = "/expiring?on=" + group.On
		}
		if group.Count == 1 && len(names) == 1 {
			m.Href, m.Name = "/credentials/"+url.PathEscape(names[0]), names[0]
		}
		out = append(out, m)
	}
	return out
}

func join(group *client.AheadEnd, end client.AheadEnd) {
	group.Count += end.Count
	if toneRank[end.Severity] > toneRank[group.Severity] {
		group.Severity = end.Severity
	}
	if tierRank[end.Criticality] > tierRank[group.Criticality] {
		group.Criticality = end.Criticality
	}
}

var (
	toneRank = map[string]int{"info": 1, "warning": 2, "critical": 3}
	tierRank = map[string]int{"reporting": 1, "standard": 2, "transactional": 3}
)

func radius(count int) float64 {
	switch {
	case count == 1:
		return 5
	case count < 10:
		return 8.5
	case count < 100:
		return 10.5
	}
	return 13
}

// Diamond is the outline of a mark of several, of which one is of the highest tier.
func (m markView) Diamond() string {
	r := m.R * 1.25
	return fmt.Sprintf("M0 %.1fL%.1f 0 0 %.1f %.1f 0z", -r, r, r, -r)
}

// nameMarks writes the name beside a mark where there is room until the next one, on a
// picture of the narrowest desk.
func nameMarks(list []markView) {
	const pixels, letter, gap = 9.4, 6.7, 24.0 // pixels of a percent
	for i := range list {
		end := chartLeft + chartWide
		if i+1 < len(list) {
			end = list[i+1].at
		}
		room := int(((end-list[i].at)*pixels - gap) / letter)
		name := []rune(list[i].Name)
		switch {
		case len(name) <= room:
		case room > 8:
			list[i].Name = string(name[:room-1]) + "…"
		default:
			list[i].Name = ""
		}
	}
}

func endTitle(e client.AheadEnd, last string, names []string) string {
	when := dayOf(e.On).Format("2 January")
	if last != e.On {
		when += " to " + dayOf(last).Format("2 January")
	}
	return fmt.Sprintf("%s: %s %s", when, plural(e.Count, "end"), listed(names, e.Count))
}

// listed names the first few of several.
func listed(names []string, count int) string {
	const most = 5
	shown := names[:min(len(names), most)]
	text := "(" + strings.Join(shown, ", ")
	if count > len(shown) {
		text += fmt.Sprintf(" and %d more", count-len(shown))
	}
	return text + ")"
}

func aheadLabel(a client.Ahead) string {
	text := plural(a.Total-a.Ended, "date") + " in the next 90 days"
	if a.Ended > 0 {
		text += fmt.Sprintf(", %d in the last week", a.Ended)
	}
	return text
}

// daysAhead is the picture in words: the days, over all lanes.
func daysAhead(a client.Ahead) []dayView {
	byDay := map[string]*dayView{}
	var order []string
	for _, lane := range a.Lanes {
		for _, end := range lane.Ends {
			d := byDay[end.On]
			if d == nil {
				d = &dayView{On: end.On, Text: dayOf(end.On).Format("Mon 2 Jan")}
				byDay[end.On] = d
				order = append(order, end.On)
			}
			d.Count += end.Count
			d.IDs = append(d.IDs, end.Credentials...)
			if toneRank[end.Severity] > toneRank[d.Tone] {
				d.Tone = end.Severity
			}
		}
	}
	return sortedDays(order, byDay)
}
