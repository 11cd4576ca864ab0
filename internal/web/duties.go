package web

import (
	"html/template"
	"net/http"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/impact"
	"keepwatch/internal/view"
)

// dutyFunctions are those of the pages of what somebody does rather than sees:
// rotations, the month, windows, the configuration.
func dutyFunctions() template.FuncMap {
	return template.FuncMap{
		"rotation": rotationPath, "steptitle": stepTitle, "stepcount": stepCount, "pips": pipsOf, "monthname": monthName, "comparison": comparison, "amountof": amountOf, "figuretitle": figureTitle, "ranged": ranged, "took": tookOf, "hoursof": lengthOf,
		"figureof": func(figures map[string]client.Figure, name string) *client.Figure {
			if f, ok := figures[name]; ok {
				return &f
			}
			return nil
		},
		"windowsheight": func(list []windowRow) int { return windowHead + len(list)*windowLane + 4 }, "windowtop": func(i int) int { return windowHead + i*windowLane },
		"dateof": dateOf, "plural64": func(n int64, one, many string) string {
			if n == 1 {
				return "1 " + one
			}
			return thousands(n) + " " + many
		},
		"spark":  sparkOf,
		"perday": func(f client.Figure) string { return amountOf(f) },
		"times": func() []string {
			return []string{impact.TimeToDetect, impact.TimeToAcknowledge, impact.TimeToRestore, impact.TimeToCatchUp}
		},
		"formats": func() []fileFormat { return fileFormats },
	}
}

// refused is a refusal as a form shows it. A fault of ours is no fault of the form.
type refused struct{ Problem, Hint string }

func refusalOf(err error) (r refused, status int, fault error) {
	f := view.FailureOf(err)
	if f.Status >= http.StatusInternalServerError && f.Status != http.StatusServiceUnavailable {
		return r, f.Status, err
	}
	return refused{f.Message, f.Hint}, f.Status, nil
}

// form reads what was typed.
func form(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return keepwatch.WithHint(keepwatch.ErrInvalid, "send the form once more")
	}
	return nil
}

// fileFormat is one of those that a document can be taken away in.
type fileFormat struct{ Name, Title string }

var fileFormats = []fileFormat{{"md", "Markdown"}, {"html", "HTML"}, {"csv", "CSV"}, {"json", "JSON"}}

// tookOf is how long something took, and lengthOf how long something lasted.
func tookOf(seconds float64) string {
	return impact.Say(keepwatch.Figure{Low: seconds, Mid: seconds, High: seconds, Unit: "seconds"})
}

func lengthOf(hours float64) string { return tookOf(hours * 3600) }

// dateOf is a day in words: "Fri 25 Dec 2026".
func dateOf(day string) string {
	if t, err := time.Parse(time.DateOnly, day); err == nil {
		return t.Format("Mon 2 Jan 2006")
	}
	return day
}
