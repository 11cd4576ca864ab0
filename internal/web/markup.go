package web

import (
	"fmt"
	"html/template"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/scan"
	"keepwatch/internal/view"
)

// parseTemplates gives each page its own set: the layout, the shared parts, and
// the page. Clock times are shown in a zone.
func parseTemplates(a *assets, zone *time.Location) map[string]*template.Template {
	shared := template.New("").Funcs(joinedFunctions(functions(a), oneFunctions(), dutyFunctions(), times(zone)))
	shared = template.Must(shared.ParseFS(templateFiles, "templates/layout.html", "templates/parts*.html"))
	files, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		panic(err) // of a pattern that is wrong
	}
	set := map[string]*template.Template{}
	for _, file := range files {
		name := strings.TrimSuffix(path.Base(file), ".html")
		if name != "layout" && !strings.HasPrefix(name, "parts") {
			set[name] = template.Must(template.Must(shared.Clone()).ParseFS(templateFiles, file))
		}
	}
	return set
}

// joinedFunctions has each name once: of two with one name the later one would serve
// both pages, and one of them would fail only when somebody looks at it.
func joinedFunctions(all ...template.FuncMap) template.FuncMap {
	out := template.FuncMap{}
	for _, some := range all {
		for name, f := range some {
			if out[name] != nil {
				panic("two functions of templates are named " + name)
			}
			out[name] = f
		}
	}
	return out
}

func functions(a *assets) template.FuncMap {
	return template.FuncMap{
		"asset": a.path, "words": view.Words, "percent": view.Percent, "plural": plural,
		"chart": chartOf, "number": func(f float64) *float64 { return &f },
		"amount": func(f *float64) string { return strconv.FormatFloat(*f, 'f', -1, 64) },
		"brief":  brief,
		"ago":    view.Ago, "until": view.Until, "ends": view.Ends, "sign": sign, "dated": dated,
		"span": func(from, to *time.Time) string {
			if from == nil || to == nil {
				return "–"
			}
			return view.Span(to.Sub(*from))
		},
		"seconds": func(s float64) string { return keepwatch.FormatDuration(time.Duration(s * float64(time.Second))) },
		"at":      func(t time.Time) *time.Time { return &t },
		"rfc":     func(t *time.Time) string { return t.UTC().Format(time.RFC3339) },
		"day":     func(t *time.Time) string { return t.UTC().Format("2 Jan 2006") },
		"endtone": endingTone,
		"urgent":  urgent, "strip": compactStrip, "tone": tone, "bar": barWidth, "ms": ms,
		"mid":        func(m *int64) string { return fmt.Sprint(*m) },
		"credential": func(id string) string { return "/credentials/" + url.PathEscape(id) },
		"incident":   func(id string) string { return "/incidents/" + url.PathEscape(id) },
		"web":        func(u string) bool { return strings.HasPrefix(u, "https://") || strings.HasPrefix(u, "http://") },
		"pair":       func(a, b any) [2]any { return [2]any{a, b} },
		// The title names the credential already; a message for elsewhere names it again.
		"without": func(message string, id *string) string { return strings.TrimPrefix(message, *id+": ") },
		"triple":  func(a, b, c any) [3]any { return [3]any{a, b, c} },
		// A figure with one decimal; nil says nothing.
		"tenths": func(v *float64) string {
			if v == nil {
				return "–"
			}
			return strconv.FormatFloat(*v, 'f', 1, 64)
		},
		"thousands": thousands, "calls": calls,
		"scantone": scanTone, "scantitle": scan.Title, "scanevidence": scan.EvidenceLines,
		"matched": view.MatchWords, "delivered": delivered,
		"statebar": stateBar, "groupname": groupName, "ownerkey": ownerKey, "seentitle": seenTitle, "adopts": adopts,
		"sum":      func(a, b int) int { return a + b },
		"dayvalue": dayValue, "momentvalue": momentValue,
		"unitkey":      unitKey,
		"secondsof":    func(s float64) string { return view.Span(time.Duration(s * float64(time.Second))) },
		"credentialof": func(id *string) string { return "/credentials/" + url.PathEscape(*id) },
		"say":          view.Say, "capital": view.Capital,
		"sure": func(confidence any) string {
			v, _ := confidence.(float64)
			return fmt.Sprintf("%.0f %% sure", v*100)
		},
		"report": func(id, format string) string {
			return "/api/v1/incidents/" + url.PathEscape(id) + "/report?format=" + format
		},
		"several": func(figures []client.SubjectFigure) bool {
			return slices.ContainsFunc(figures, func(f client.SubjectFigure) bool { return f.Subject != "" })
		},
	}
}

// delivered is what became of a message, in words.
func delivered(status string) string {
	switch keepwatch.DeliveryStatus(status) {
	case keepwatch.DeliveryCollapsed:
		return "not sent by itself"
	case keepwatch.DeliveryDead:
		return "refused"
	case keepwatch.DeliveryGathered:
		return "waits for others"
	}
	return status
}

// tone maps an outcome to the state whose colour it takes.
func tone(outcome string) string {
	switch keepwatch.Outcome(outcome) {
	case keepwatch.Expiring: // the thing works; that it ends is no all-clear
		return string(keepwatch.StateDegraded)
	case "":
		return string(keepwatch.StateUnknown)
	case keepwatch.Skipped:
		return "skipped"
	}
	return string(keepwatch.Outcome(outcome).Info().State)
}

// sign maps an outcome to the state whose icon it takes: that of dates is an
// hourglass, whether they have passed or come near.
func sign(outcome string) string {
	if keepwatch.Outcome(outcome) == keepwatch.Expiring {
		return string(keepwatch.StateExpired)
	}
	return tone(outcome)
}

// dated reports whether an incident is about a date or a changed fact: then nothing
// fails, and nothing was proven before.
func dated(outcome string) bool {
	switch keepwatch.Outcome(outcome) {
	case keepwatch.Expiring, keepwatch.Expired, keepwatch.Drifted:
		return true
	}
	return false
}

// urgent says how near a date is: past, soon (two weeks), near (a month) or far.
func urgent(t *time.Time, now time.Time) string {
	const day = 24 * time.Hour
	switch d := t.Sub(now); {
	case d < 0:
		return "past"
	case d < 14*day:
		return "soon"
	case d < 30*day:
		return "near"
	}
	return "far"
}

// brief leaves out the reason in brackets, which the page of the thing itself gives: in a
// list it would stand on every row.
func brief(text string) string {
	short, _, _ := strings.Cut(text, " (")
	return short
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func ms(v float64) string {
	if v >= 1000 {
		return fmt.Sprintf("%.2f s", v/1000)
	}
	if v >= 10 {
		return fmt.Sprintf("%.0f ms", v)
	}
	return fmt.Sprintf("%.1f ms", v)
}

// calls says what watching a tenant costs, against what its edition allows.
func calls(c client.Calls) string {
	all := c.Tests + c.Effects
	if c.Allowance == nil || *c.Allowance <= 0 {
		return "about " + thousands(all) + " calls a year"
	}
	return fmt.Sprintf("about %s calls a year, %.1f %% of %s", thousands(all), 100*float64(all)/float64(*c.Allowance), thousands(*c.Allowance))
}

func thousands(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

// barWidth scales a step's time to a bar of 100 units; what took any time shows.
func barWidth(v, slowest float64) float64 {
	if slowest <= 0 || v <= 0 {
		return 0
	}
	return max(1, v/slowest*100)
}

// A history strip says with shape what it says with colour: an hour that passed
// is a bar, one with failures is a taller bar with a coloured head, one that
// failed altogether is tall and full, one without a run is a stub at the foot.
const (
	slotWidth   = 5
	barThick    = 4
	stripHeight = 20
	okTop       = 5
	stubTop     = 17
)

// stripView is a strip as four paths: one for each kind of mark, so that forty
// strips on a page stay light.
type stripView struct {
	Width, Height            int
	OK, Head, Failed, Absent string
	Label                    string
}

func compactStrip(h *client.History) stripView {
	v := stripView{Height: stripHeight}
	if h == nil {
		return v
	}
	v.Width = len(h.Slots) * slotWidth
	var ok, head, failed, absent strings.Builder
	var runs, passed int
	var bad []string
	for i, s := range h.Slots {
		x := i * slotWidth
		passed += s.OK
		runs += s.OK + s.Failed
		switch kindOf(s) {
		case "absent":
			mark(&absent, x, stubTop, stripHeight)
		case "ok":
			mark(&ok, x, okTop, stripHeight)
		case "part":
			mark(&ok, x, okTop+5, stripHeight)
			mark(&head, x, 0, okTop+4)
		default:
			mark(&failed, x, 0, stripHeight)
		}
		if s.Failed > 0 {
			bad = append(bad, slotStart(h, i).Format("2 Jan 15:04"))
		}
	}
	v.OK, v.Head, v.Failed, v.Absent = ok.String(), head.String(), failed.String(), absent.String()
	v.Label = label(len(h.Slots), passed, runs, bad)
	return v
}

func label(hours, passed, runs int, bad []string) string {
	if runs == 0 {
		return fmt.Sprintf("last %d hours: no run", hours)
	}
	text := fmt.Sprintf("last %d hours: %d of %d runs passed", hours, passed, runs)
	if len(bad) == 0 {
		return text
	}
	return text + fmt.Sprintf("; failures in %s, last in the hour of %s UTC", plural(len(bad), "hour"), bad[len(bad)-1])
}

func mark(b *strings.Builder, x, top, bottom int) {
	fmt.Fprintf(b, "M%d %dh%dv%dh-%dz", x, top, barThick, bottom-top, barThick)
}

func kindOf(s client.Slot) string {
	switch {
	case s.OK+s.Failed == 0:
		return "absent"
	case s.Failed == 0:
		return "ok"
	case s.OK > 0:
		return "part"
	}
	return "failed"
}

func slotStart(h *client.History, i int) time.Time {
	return h.From.Add(time.Duration(i*h.SlotSeconds) * time.Second).UTC()
}
