package web

import (
	"cmp"
	"slices"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/view"
)

// flow is what hangs on a credential as a picture: the credential, who holds it, and
// what stops with it. It is a nested list whose lines the style sheet draws: names of any
// length wrap, a screen reader reads it in its order, and it prints.
type flow struct {
	Cut     bool // the credential does not work: its lines are drawn as cut
	Holders []flowHolder
	Groups  []flowGroup
	Total   int
	Trouble int // dependents that do not run
	Blind   int // dependents that nobody looks at
}

// flowHolder is a system that keeps a copy of the secret.
type flowHolder struct {
	Name, Contact string
	State         string // of its own calls; "" where nobody watches them
	Says          string
}

// flowGroup are the dependents of one kind, those in trouble first.
type flowGroup struct {
	Name  string
	State string // the worst of them
	Shown []flowEnd
	Rest  []flowEnd // run well, and are many
}

// flowEnd is one thing that stops with the credential.
type flowEnd struct {
	client.Dependent
	Title string // as SFMC shows it, else its key
	Says  string // what is known of it, where it is no plain health
}

// calmShown is how many that run well a group shows; the others are folded.
const calmShown = 8

// groupsOf are the kinds as people know them, in the order in which they are drawn.
var groupsOf = []struct {
	name  string
	kinds []keepwatch.SubjectKind
}{
	{"Journeys", []keepwatch.SubjectKind{keepwatch.SubjectJourney}},
	{"Automations", []keepwatch.SubjectKind{keepwatch.SubjectAutomation}},
	{"Data extensions", []keepwatch.SubjectKind{keepwatch.SubjectDataExtension}},
	{"Sends", []keepwatch.SubjectKind{keepwatch.SubjectTriggeredSend, keepwatch.SubjectTransactionalEmail, keepwatch.SubjectTransactionalSMS}},
	{"Other things", nil}, // whatever else a record names
}

func flowOf(d client.CredentialDetail, t client.Traffic) flow {
	f := flow{Total: len(d.Dependents), Holders: holdersOf(d, t)}
	switch keepwatch.State(d.State) {
	case keepwatch.StateFailing, keepwatch.StateExpired:
		f.Cut = true
	}
	taken := make([]bool, len(d.Dependents))
	for _, g := range groupsOf {
		var ends []flowEnd
		for i, dep := range d.Dependents {
			if taken[i] || g.kinds != nil && !slices.Contains(g.kinds, keepwatch.SubjectKind(dep.Kind)) {
				continue
			}
			taken[i] = true
			ends = append(ends, endOf(dep))
		}
		if len(ends) > 0 {
			f.Groups = append(f.Groups, groupOf(g.name, ends))
		}
	}
	for _, dep := range d.Dependents {
		switch {
		case inTrouble(dep):
			f.Trouble++
		case !dep.Watched:
			f.Blind++
		}
	}
	return f
}

func inTrouble(d client.Dependent) bool {
	return d.State == string(keepwatch.StateFailing) || d.State == string(keepwatch.StateDegraded)
}

func endOf(dep client.Dependent) flowEnd {
	e := flowEnd{Dependent: dep, Title: cmp.Or(dep.Name, dep.Key)}
	switch {
	case inTrouble(dep):
		e.Says = cmp.Or(dep.Evidence, view.Words(dep.Outcome))
	case dep.State == string(keepwatch.StateHealthy):
	case !dep.Watched && dep.Series == "":
		e.Says = "nobody looks at it"
	default:
		e.Says = cmp.Or(dep.Evidence, "not seen yet")
	}
	return e
}

// gravity orders states for the picture: what stands first.
func gravity(state string) int {
	i := slices.Index([]string{"failing", "expired", "degraded", "unknown", "maintenance", "healthy"}, state)
	if i < 0 {
		return len("healthy")
	}
	return i
}

func groupOf(name string, ends []flowEnd) flowGroup {
	slices.SortStableFunc(ends, func(a, b flowEnd) int {
		return cmp.Or(cmp.Compare(gravity(a.State), gravity(b.State)), cmp.Compare(len(a.Via), len(b.Via)), cmp.Compare(a.Title, b.Title))
	})
	g := flowGroup{Name: name, State: ends[0].State}
	for _, e := range ends {
		if inTrouble(e.Dependent) || len(g.Shown) < calmShown {
			g.Shown = append(g.Shown, e)
		} else {
			g.Rest = append(g.Rest, e)
		}
	}
	if len(g.Rest) == 1 { // a fold for one is longer than the one
		g.Shown, g.Rest = append(g.Shown, g.Rest...), nil
	}
	return g
}

// holdersOf joins the holders of the record with those whose calls are seen. One that is
// seen and not written down stands among them: that is news to whoever rotates.
func holdersOf(d client.CredentialDetail, t client.Traffic) []flowHolder {
	seen := map[string]client.TrafficHolder{}
	for _, h := range t.Holders {
		seen[h.Name] = h
	}
	var out []flowHolder
	for _, h := range d.Holders {
		node := flowHolder{Name: h.Name, Contact: h.Contact, Says: "its calls are not watched"}
		if s, ok := seen[h.Name]; ok {
			node.State, node.Says = s.State, trafficSays(s)
			delete(seen, h.Name)
		}
		out = append(out, node)
	}
	for _, h := range t.Holders {
		if _, ok := seen[h.Name]; ok {
			out = append(out, flowHolder{Name: cmp.Or(h.Name, "somebody unknown"), State: h.State, Says: "calls with it, and is not written down"})
		}
	}
	return out
}

func trafficSays(h client.TrafficHolder) string {
	switch keepwatch.State(h.State) {
	case keepwatch.StateHealthy:
		return ""
	case keepwatch.StateUnknown:
		return "no call lately"
	}
	return cmp.Or(view.Words(h.Outcome), h.Evidence)
}
