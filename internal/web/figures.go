package web

import (
	"fmt"
	"time"

	"keepwatch/client"
	"keepwatch/internal/impact"
	"keepwatch/internal/view"
)

// figureView is what an incident cost, with what comes late and what is lost apart: the
// one needs patience, the other work.
type figureView struct {
	Fates  []fate            // delayed, late, lost
	Others []rangeView       // other figures of the whole incident
	Parts  []partView        // of single subjects
	Reach  string            // what the end of a range's scale is
	All    map[string]string // text by name
}

// fate is what became of contacts.
type fate struct {
	Name, Title, Means string
	rangeView
}

// rangeView is a figure with its range on a scale from nothing to the highest that is
// compared.
type rangeView struct {
	client.Figure
	Name           string
	Text           string // "about 1,667 contacts (1,615 to 1,719)"
	From, To, Mark float64
	Exact          bool
}

// partView is one figure of one subject.
type partView struct {
	Subject string
	rangeView
}

const scaleWidth = 200.0

var fates = []struct{ name, title, means string }{
	{impact.ContactsLost, "Lost", "They do not come by themselves: somebody has to send them again."},
	{impact.ContactsLate, "Late", "They come by themselves once it works again."},
	{impact.ContactsDelayed, "Delayed", "Late and lost together: nobody said which of the two they are."},
}

// figuresOf sorts figures out. Late and lost are parts of what is delayed and take its
// place; where nobody said what an outage does, the sum stands alone.
func figuresOf(list []client.SubjectFigure) figureView {
	sums := map[string]client.Figure{}
	for _, f := range list {
		if f.Subject == "" {
			sums[f.Name] = f.Figure
		}
	}
	var v figureView
	scale := 0.0
	for _, k := range fates {
		scale = max(scale, sums[k.name].High)
	}
	split := false
	shown := map[string]bool{}
	for _, k := range fates {
		f, ok := sums[k.name]
		shown[k.name] = true
		if !ok || f.High <= 0 || k.name == impact.ContactsDelayed && split {
			continue
		}
		split = split || k.name != impact.ContactsDelayed
		v.Fates = append(v.Fates, fate{Name: k.name, Title: k.title, Means: k.means, rangeView: rangeOf(k.name, f, scale)})
	}
	if scale > 0 && len(v.Fates) > 0 {
		v.Reach = view.Say(client.Figure{Low: scale, Mid: scale, High: scale, Unit: v.Fates[0].Unit})
	}
	for _, f := range list {
		switch {
		case f.Subject != "":
			v.Parts = append(v.Parts, partView{Subject: f.Subject, rangeView: rangeOf(f.Name, f.Figure, f.High)})
		case !shown[f.Name]:
			v.Others = append(v.Others, rangeOf(f.Name, f.Figure, f.High))
		}
	}
	return v
}

func rangeOf(name string, f client.Figure, scale float64) rangeView {
	r := rangeView{Figure: f, Name: name, Text: view.Say(f), Exact: f.Low == f.High}
	if scale > 0 {
		r.From, r.To, r.Mark = f.Low/scale*scaleWidth, f.High/scale*scaleWidth, f.Mid/scale*scaleWidth
	}
	return r
}

// deadlineBar is one thing to do, and how much of its time is left.
type deadlineBar struct {
	client.Action
	Counts bool
	Left   float64 // of a bar of 100 units
	Words  string  // "in 40 h", or "too late since …"
	Late   bool
}

// waits is how long SFMC keeps what waits to be sent; the time to act runs out with it.
const waits = 72 * time.Hour

func deadlinesOf(actions []client.Action, now time.Time) []deadlineBar {
	out := make([]deadlineBar, len(actions))
	for i, a := range actions {
		out[i] = deadlineBar{Action: a}
		if a.Until == nil || a.Done {
			continue
		}
		d := &out[i]
		left := a.Until.Sub(now)
		d.Counts, d.Late = true, left <= 0
		d.Left = max(0, min(100, float64(left)/float64(waits)*100))
		d.Words = "in " + hoursLeft(left)
		if d.Late {
			d.Words = fmt.Sprintf("too late since %s", view.Span(-left))
		}
	}
	return out
}

// hoursLeft counts three days in hours: "in 2 days" is too coarse for something that
// runs out.
func hoursLeft(d time.Duration) string {
	if d < time.Hour {
		return view.Span(d)
	}
	return fmt.Sprintf("%d h %02d min", int(d/time.Hour), int(d%time.Hour/time.Minute))
}

// todoShown is how many things to do are in sight; the others are folded.
const todoShown = 6

// todoList is what to do, what runs out first at the top.
type todoList struct{ First, Rest []deadlineBar }

func todoOf(actions []client.Action, now time.Time) todoList {
	all := deadlinesOf(actions, now)
	n := min(len(all), todoShown)
	for n < len(all) && all[n].Counts { // what runs out is never folded
		n++
	}
	if len(all)-n <= 2 {
		n = len(all)
	}
	return todoList{all[:n], all[n:]}
}
