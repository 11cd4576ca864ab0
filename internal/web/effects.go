package web

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/view"
)

const effectRows = 60 // each with a picture of its hours

type effectsBody struct {
	Filter      view.WatchFilter
	Filtered    bool
	TenantNames []string
	Kinds       []keepwatch.SubjectKind
	States      []string
	Troubled    []client.Watch
	Groups      []effectGroup // of the others
	Shown       int
	Next        string
	Tally       effectTally
	Sparks      map[string][]client.WatchHour
}

// effectGroup is what is watched of one kind in one business unit.
type effectGroup struct {
	Kind, Tenant, Unit string
	Items              []client.Watch
}

// effectTally counts what is shown by how it stands.
type effectTally struct{ Failing, Degraded, Unknown, Healthy int }

// State is the worst of them. As on the overview, nothing but all of them makes it healthy.
func (t effectTally) State() string {
	switch {
	case t.Failing > 0:
		return "failing"
	case t.Degraded > 0:
		return "degraded"
	case t.Unknown > 0 || t.Healthy == 0:
		return "unknown"
	}
	return "healthy"
}

// Text says it in words.
func (t effectTally) Text() string {
	var parts []string
	for _, p := range []struct {
		n    int
		word string
	}{{t.Failing, "stopped"}, {t.Degraded, "to look at"}, {t.Unknown, "unknown"}, {t.Healthy, "as usual"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.word))
		}
	}
	if len(parts) == 0 {
		return "Nothing is watched"
	}
	return strings.Join(parts, " · ")
}

func (t *effectTally) add(state string) {
	switch state {
	case "failing":
		t.Failing++
	case "degraded":
		t.Degraded++
	case "unknown":
		t.Unknown++
	default:
		t.Healthy++
	}
}

func (s *site) effects(_ http.ResponseWriter, r *http.Request) (*page, error) {
	q := r.URL.Query()
	f := view.WatchFilter{Tenant: q.Get("tenant"), Credential: q.Get("credential"), Kind: q.Get("kind"), State: q.Get("state"), Query: q.Get("q")}
	reader := s.read(r)
	list, err := reader.Effects(r.Context(), time.Now(), f, view.Page{Limit: effectRows, Cursor: q.Get("cursor")})
	if err != nil {
		return nil, err
	}
	b := effectsBody{
		Filter: f, Filtered: f != view.WatchFilter{}, TenantNames: reader.TenantIDs(), Kinds: keepwatch.SubjectKinds,
		States: []string{"failing", "degraded", "unknown", "healthy", "maintenance"}, Shown: len(list.Items),
	}
	if b.Sparks, err = reader.Sparks(r.Context(), time.Now(), list.Items); err != nil {
		return nil, err
	}
	for _, w := range list.Items {
		b.Tally.add(w.State)
		if w.State == "failing" || w.State == "degraded" {
			b.Troubled = append(b.Troubled, w)
			continue
		}
		b.put(w)
	}
	slices.SortStableFunc(b.Troubled, func(x, y client.Watch) int { return cmp.Compare(y.State, x.State) }) // failing first
	if list.Next != nil {
		q.Set("cursor", *list.Next)
		b.Next = "/effects?" + q.Encode()
	}
	return &page{Template: "effects", Title: "Effects", Section: "effects", Refresh: refreshEvery, Body: b}, nil
}

// put adds to the last group or begins one: the list is in their order.
func (b *effectsBody) put(w client.Watch) {
	if n := len(b.Groups); n == 0 || b.Groups[n-1].Kind != w.Kind || b.Groups[n-1].Tenant != w.Tenant || b.Groups[n-1].Unit != w.UnitName {
		b.Groups = append(b.Groups, effectGroup{Kind: w.Kind, Tenant: w.Tenant, Unit: w.UnitName})
	}
	g := &b.Groups[len(b.Groups)-1]
	g.Items = append(g.Items, w)
}

func (s *site) effect(_ http.ResponseWriter, r *http.Request) (*page, error) {
	d, err := s.read(r).Effect(r.Context(), time.Now(), keepwatch.SeriesID(r.URL.Query().Get("series")))
	if err != nil {
		return nil, err
	}
	return &page{Template: "effect", Title: d.Name, Section: "effects", Refresh: refreshEvery, Body: d}, nil
}

// The chart of a count: a bar for each hour, before the band that the baseline expects.
// An hour that nobody saw has no bar and a mark at its foot, since nothing is not zero.
const (
	hourWidth    = 6
	hourThick    = 5
	chartHeight  = 120
	dayNameWidth = 40 // of "Wed 28"
)

// chartView is the chart as four paths.
type chartView struct {
	Width, Height           int
	Bars, Band, Mid, Unseen string
	Top                     int64 // what the height stands for
	Days                    []chartDay
	Label                   string
}

// chartDay is where a day begins.
type chartDay struct {
	X    int
	Name string
}

func chartOf(d client.WatchDetail) chartView {
	v := chartView{Width: len(d.Hours) * hourWidth, Height: chartHeight}
	top, total, seen := 1.0, int64(0), 0
	for _, h := range d.Hours {
		top = math.Max(top, float64(h.Amount))
		if h.High != nil {
			top = math.Max(top, *h.High)
		}
		total += h.Amount
	}
	zone, err := time.LoadLocation(d.Zone)
	if err != nil {
		zone = time.UTC
	}
	y := func(amount float64) float64 { return chartHeight - amount/top*chartHeight }
	var barsPath, unseen, mid strings.Builder
	for i, h := range d.Hours {
		x := i * hourWidth
		if local := h.Start.In(zone); local.Hour() == 0 {
			day := chartDay{X: x}
			if x+dayNameWidth <= v.Width {
				day.Name = local.Format("Mon 2")
			}
			v.Days = append(v.Days, day)
		}
		if h.ObservedSeconds <= 0 {
			fmt.Fprintf(&unseen, "M%d %dh%dv2h-%dz", x, chartHeight-2, hourThick, hourThick)
		} else {
			seen++
			fmt.Fprintf(&barsPath, "M%d %.1fh%dV%dh-%dz", x, y(float64(h.Amount)), hourThick, chartHeight, hourThick)
		}
		if h.Mid != nil {
			step(&mid, x, y(*h.Mid))
		}
	}
	v.Band = band(d.Hours, y)
	v.Bars, v.Unseen, v.Mid, v.Top = barsPath.String(), unseen.String(), mid.String(), int64(math.Ceil(top))
	v.Label = fmt.Sprintf("last seven days: %d events in %d hours that were seen; at most %d an hour on this scale", total, seen, v.Top)
	return v
}

// sparkOf is the same picture, small: the last two days of a subject in a row of a list.
func sparkOf(hours []client.WatchHour) *chartView {
	if len(hours) == 0 {
		return nil
	}
	v := chartOf(client.WatchDetail{Hours: hours})
	seen, total, usual := 0, int64(0), 0.0
	for _, h := range hours {
		if h.ObservedSeconds > 0 {
			seen++
		}
		total += h.Amount
		if h.Mid != nil {
			usual += *h.Mid
		}
	}
	v.Label = fmt.Sprintf("last two days: %d events in %d hours that were seen", total, seen)
	if usual > 0 {
		v.Label += fmt.Sprintf("; about %.0f are usual", usual)
	}
	return &v
}

// step continues a line of steps, or begins one.
func step(b *strings.Builder, x int, y float64) {
	if b.Len() == 0 {
		fmt.Fprintf(b, "M%d %.1fh%d", x, y, hourWidth)
		return
	}
	fmt.Fprintf(b, "V%.1fH%d", y, x+hourWidth)
}

// band is the area between the quantiles: forth along the upper one and back along the
// lower one.
func band(hours []client.WatchHour, y func(float64) float64) string {
	var forth, back strings.Builder
	last := -1
	for i, h := range hours {
		if h.Low == nil || h.High == nil {
			continue
		}
		step(&forth, i*hourWidth, y(*h.High))
		last = i
	}
	if last < 0 {
		return ""
	}
	for i := last; i >= 0; i-- {
		if h := hours[i]; h.Low != nil && h.High != nil {
			fmt.Fprintf(&back, "V%.1fH%d", y(*h.Low), i*hourWidth)
		}
	}
	return forth.String() + back.String() + "z"
}
