package incident_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/incident"
)

// classes are the kinds of outcome that the machine tells apart, each with an
// outcome that stands for it.
var classes = []struct {
	name    string
	outcome keepwatch.Outcome
	change  []func(*keepwatch.Observation)
}{
	{"ok", keepwatch.OK, nil},
	{"at_once", keepwatch.AccountLocked, nil},
	{"twice", keepwatch.BadSecretOrPackage, nil},
	{"expired", keepwatch.SecretExpired, nil},
	{"place", keepwatch.IPBlocked, nil},
	{"platform", keepwatch.PlatformError, nil},
	{"throttle", keepwatch.RateLimited, nil},
	{"maintenance", keepwatch.Maintenance, nil},
	{"network", keepwatch.Timeout, nil},
	{"offline", keepwatch.Timeout, []func(*keepwatch.Observation){blind}},
	{"request", keepwatch.BadRequest, nil},
	{"protocol", keepwatch.UnexpectedResponse, nil},
	{"fault", keepwatch.MonitorFault, nil},
	{"blind", keepwatch.MonitoringBlind, nil},
}

// edges is where each state goes when a class is seen until nothing moves any
// more, and the key that is then open for it ("-": none). It is the whole
// machine; docs/incident-states.md draws it.
const edges = `
          ok        at_once              twice                expired              place                       platform           throttle                      maintenance            network                      offline    request                      protocol                     fault               blind
new       healthy:- failing:credential:a failing:credential:a expired:credential:a failing:place:l:e:allowlist failing:platform   degraded:tenant:e:throttle    maintenance:platform   failing:place:l:e:network    unknown:-  degraded:monitor:a:request   failing:place:l:e:network    unknown:monitor:a   unknown:monitor:blind
healthy   healthy:- failing:credential:a failing:credential:a expired:credential:a failing:place:l:e:allowlist failing:platform   degraded:tenant:e:throttle    maintenance:platform   failing:place:l:e:network    unknown:-  degraded:monitor:a:request   failing:place:l:e:network    unknown:monitor:a   unknown:monitor:blind
degraded  healthy:- failing:credential:a failing:credential:a expired:credential:a failing:place:l:e:allowlist failing:platform   degraded:tenant:e:throttle    maintenance:platform   failing:place:l:e:network    unknown:-  degraded:monitor:a:request   failing:place:l:e:network    unknown:monitor:a   unknown:monitor:blind
unknown   healthy:- failing:credential:a failing:credential:a expired:credential:a failing:place:l:e:allowlist failing:platform   degraded:tenant:e:throttle    maintenance:platform   failing:place:l:e:network    unknown:-  degraded:monitor:a:request   failing:place:l:e:network    unknown:monitor:a   unknown:monitor:blind
maintenance healthy:- failing:credential:a failing:credential:a expired:credential:a failing:place:l:e:allowlist failing:platform degraded:tenant:e:throttle    maintenance:platform   failing:place:l:e:network    unknown:platform degraded:monitor:a:request failing:place:l:e:network unknown:monitor:a+platform unknown:monitor:blind+platform
failing   healthy:- failing:credential:a failing:credential:a expired:credential:a failing:place:l:e:allowlist failing:credential:a failing:credential:a         failing:credential:a   failing:credential:a         failing:credential:a failing:credential:a   failing:credential:a         failing:credential:a+monitor:a failing:credential:a+monitor:blind
expired   healthy:- failing:credential:a failing:credential:a expired:credential:a failing:place:l:e:allowlist expired:credential:a expired:credential:a         expired:credential:a   expired:credential:a         expired:credential:a expired:credential:a   expired:credential:a         expired:credential:a+monitor:a expired:credential:a+monitor:blind
`

// sustain shows a class to a series until it settles: five slots of the grid,
// each with its confirmations, an hour of story.
func sustain(w *world, from int, outcome keepwatch.Outcome, change ...func(*keepwatch.Observation)) {
	for slot := range 5 {
		m := from + 14*slot
		w.tell2(seen("a", at(m, 0), outcome, change...), confirm("a", at(m+1, 0), outcome, change...), confirm("a", at(m+2, 0), outcome, change...))
	}
}

// prepare brings a series into a state.
func prepare(w *world, state string) {
	switch state {
	case "new":
		return
	case "degraded":
		w.tell2(seen("a", at(-28, 0), keepwatch.OK), seen("a", at(-14, 0), keepwatch.Timeout))
		return
	}
	sustain(w, -100, map[string]keepwatch.Outcome{
		"healthy": keepwatch.OK, "unknown": keepwatch.MonitoringBlind, "maintenance": keepwatch.Maintenance,
		"failing": keepwatch.BadSecretOrPackage, "expired": keepwatch.SecretExpired,
	}[state])
	if state == "unknown" { // known to nobody, yet nothing is open for it
		w.write(incident.Forget(w.open, []keepwatch.SeriesID{"a"}, at(-1, 0)))
	}
}

func TestEveryEdge(t *testing.T) {
	rows := strings.Split(strings.TrimSpace(edges), "\n")
	table := map[string][]string{}
	for _, row := range rows[1:] {
		cells := strings.Fields(row)
		table[cells[0]] = cells[1:]
	}
	names := strings.Fields(rows[0])
	for i, c := range classes {
		if i >= len(names) || names[i] != c.name {
			t.Fatalf("class %q is not covered", c.name)
		}
	}
	for _, state := range append(stateNames(t), "new") {
		if state == string(keepwatch.StatePaused) {
			continue // a person's decision; no observation leads to it or away from it
		}
		for i, c := range classes {
			if len(table[state]) <= i {
				t.Errorf("the edge from %s by %s is not covered", state, c.name)
				continue
			}
			t.Run(state+" by "+c.name, func(t *testing.T) { checkEdge(t, state, i, table[state][i]) })
		}
	}
}

func checkEdge(t *testing.T, state string, class int, want string) {
	w := newWorld(t, incident.Policy{})
	prepare(w, state)
	if s := w.series["a"]; state != "new" && string(s.State) != state {
		t.Fatalf("prepared %s, want %s", s.State, state)
	}
	c := classes[class]
	sustain(w, 0, c.outcome, c.change...)
	var keys []string
	for _, in := range w.open {
		keys = append(keys, strings.NewReplacer("place:local:emea", "place:l:e", "tenant:emea", "tenant:e").Replace(in.Key))
	}
	open := "-"
	if len(keys) > 0 {
		slices.Sort(keys)
		open = strings.Join(keys, "+")
	}
	if got := string(w.series["a"].State) + ":" + open; got != want {
		t.Errorf("ends as %s, want %s\n%s", got, want, w.tell())
	}
	for i, in := range w.opened {
		for _, other := range w.opened[i+1:] {
			if other.Key == in.Key && other.DetectedAt.Sub(in.DetectedAt) < time.Hour {
				t.Errorf("%s opened twice:\n%s", in.Key, w.tell())
			}
		}
	}
}

// stateNames reads the states from the vocabulary itself, so that a new state
// without its edges fails the test.
func stateNames(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../outcome.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := spec.Type.(*ast.Ident); ok && id.Name == "State" {
			names = append(names, strings.Trim(spec.Values[0].(*ast.BasicLit).Value, `"`))
		}
		return true
	})
	if len(names) < 7 {
		t.Fatalf("found only %v", names)
	}
	return names
}

// TestEveryOutcomeIsHandled shows each outcome of the table, sustained, and checks
// state and scope against the table itself.
func TestEveryOutcomeIsHandled(t *testing.T) {
	for _, info := range keepwatch.Outcomes {
		switch info.Outcome {
		case keepwatch.OK, keepwatch.Slow, keepwatch.Flapping, keepwatch.DateContradicted:
			continue // proofs and findings
		}
		if info.Confirm == keepwatch.ConfirmJudged {
			continue // comes with a reading: see TestEveryEffectIsHandled
		}
		t.Run(string(info.Outcome), func(t *testing.T) {
			w := story(t, seen("a", at(-14, 0), keepwatch.OK))
			sustain(w, 0, info.Outcome)
			if len(w.open) != 1 {
				t.Fatalf("%d incidents are open:\n%s", len(w.open), w.tell())
			}
			in := w.open[0]
			if in.Scope != info.Scope || in.Severity != info.Severity || in.Category != info.Category || in.Outcome != info.Outcome {
				t.Errorf("opened %s %s %s %s", in.Scope, in.Severity, in.Category, in.Outcome)
			}
			if got := w.series["a"].State; got != info.State {
				t.Errorf("state %s, want %s", got, info.State)
			}
			if (in.Credential != "") != (info.Scope == keepwatch.ScopeCredential) {
				t.Errorf("scope %s names credential %q", in.Scope, in.Credential)
			}
		})
	}
}
