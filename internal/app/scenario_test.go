package app

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"keepwatch"
	"keepwatch/internal/scenario"
	"keepwatch/internal/sfmc/sim"
	"keepwatch/internal/store"
)

var update = flag.Bool("update", false, "rewrite the golden files of the stories")

// TestStories plays the table with the whole program, and compares what was said
// with what should have been said, exactly.
func TestStories(t *testing.T) {
	seen := &gathered{edges: map[string]bool{}, outcomes: map[keepwatch.Outcome]bool{}}
	t.Run("story", func(t *testing.T) {
		for _, story := range scenario.Stories() {
			t.Run(story.Slug(), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s := newStage(t, story)
					defer s.close()
					s.play()
					s.judge(seen)
				})
			})
		}
	})
	if flagged("run") == "" || !strings.Contains(flagged("run"), "/") {
		seen.complete(t)
	}
}

func flagged(name string) string { return flag.Lookup("test." + name).Value.String() }

// judge compares the end of a story with what it promised.
func (s *stage) judge(seen *gathered) {
	all := s.incidents()
	s.t.Helper()
	s.record.mu.Lock() // the daemon has stopped; this orders its last notes before our reading
	defer s.record.mu.Unlock()
	if d := cmp.Diff(none(s.story.Incidents), lines(all)); d != "" {
		s.t.Errorf("incidents (-wanted +got):\n%s", d)
	}
	if d := cmp.Diff(none(s.story.Messages), s.messages(all)); d != "" {
		s.t.Errorf("messages (-wanted +got):\n%s", d)
	}
	s.judgeTimes(all)
	s.judgeBlame(all)
	s.judgeLogins(all)
	s.judgeProofs(all)
	s.judgeGolden(all)
	seen.add(s.record)
}

// incidents are all of them in the order they opened.
func (s *stage) incidents() []keepwatch.Incident {
	all, _, err := s.db.Incidents(s.t.Context(), store.IncidentFilter{}, store.Page{Limit: 1000})
	s.must(err)
	slices.SortFunc(all, func(a, b keepwatch.Incident) int {
		if c := a.DetectedAt.Compare(b.DetectedAt); c != 0 {
			return c
		}
		return strings.Compare(a.Key, b.Key)
	})
	return all
}

func lines(all []keepwatch.Incident) []string {
	out := []string{}
	for _, in := range all {
		out = append(out, fmt.Sprintf("%s %s %s %s %d", in.Key, in.Outcome, in.Severity, in.Status, len(in.Members)))
	}
	return out
}

func none(list []string) []string { return append([]string{}, list...) }

// told are the messages with the keys of their incidents, in order.
func (s *stage) told(all []keepwatch.Incident) []timed {
	keys := map[string]string{}
	for _, in := range all {
		sum := sha256.Sum256([]byte(in.Key))
		keys[hex.EncodeToString(sum[:])] = in.Key
	}
	s.hook.mu.Lock()
	defer s.hook.mu.Unlock()
	var out []timed
	once := map[string]bool{}
	for _, m := range s.hook.told {
		if once[m.delivery] {
			s.t.Errorf("told twice: %s %s", m.status, keys[m.groupKey])
		}
		once[m.delivery] = true
		out = append(out, timed{m.at, fmt.Sprintf("%s %s %s", m.status, m.outcome, keys[m.groupKey])})
	}
	sortTimed(out)
	return out
}

func (s *stage) messages(all []keepwatch.Incident) []string {
	out := []string{}
	for _, m := range s.told(all) {
		out = append(out, m.text)
	}
	return out
}

// judgeTimes holds the first incident against the story's bounds.
func (s *stage) judgeTimes(all []keepwatch.Incident) {
	if len(all) == 0 || len(s.story.Events) == 0 {
		return
	}
	first := all[0]
	if took := first.DetectedAt.Sub(s.start.Add(s.story.Events[0].At)); s.story.Detect > 0 && took > s.story.Detect {
		s.t.Errorf("detected %s after the first event, at most %s allowed", took, s.story.Detect)
	}
	if took := first.DetectedAt.Sub(first.FirstFailedAt); s.story.Confirm > 0 && took > s.story.Confirm {
		s.t.Errorf("detected %s after the first failed test, at most %s allowed", took, s.story.Confirm)
	}
}

// judgeBlame: only what happened to a credential itself may open an incident of
// it. Throttles, outages and our own network never do.
func (s *stage) judgeBlame(all []keepwatch.Incident) {
	for _, in := range all {
		if in.Scope == keepwatch.ScopeCredential && !s.harmed(in.Credential) {
			s.t.Errorf("nothing happened to %s, and it got an incident: %s", in.Credential, in.Outcome)
		}
	}
}

func (s *stage) harmed(id keepwatch.CredentialID) bool {
	for _, c := range s.story.Estate.Credentials {
		if c.ID == id && c.Deadline.Passed(s.start.Add(s.story.For)) {
			return true
		}
	}
	return slices.ContainsFunc(s.story.Events, func(e scenario.Event) bool {
		if e.Credential != id && (e.Tenant == "" || e.Tenant != s.tenantOf(id)) {
			return false
		}
		switch e.Do {
		case scenario.Expire, scenario.Disable, scenario.Lock:
			return true
		case scenario.Inject:
			return scenario.Refusal(e.Fault)
		}
		return false
	})
}

func (s *stage) tenantOf(id keepwatch.CredentialID) keepwatch.TenantID {
	for _, c := range s.story.Estate.Credentials {
		if c.ID == id {
			return c.Tenant
		}
	}
	return ""
}

// judgeLogins: SFMC locks a user after a few bad logins, so one refusal is all
// that the simulator may ever have given.
func (s *stage) judgeLogins(all []keepwatch.Incident) {
	for _, in := range all {
		if in.Outcome.Info().Confirm != keepwatch.ConfirmAtOnce {
			continue
		}
		for _, r := range s.requests(in.Credential) {
			if r.Refused != 1 {
				s.t.Errorf("%s was refused %d times", r.ClientID, r.Refused)
			}
			if in.Status == keepwatch.IncidentOpen && r.Last.After(in.DetectedAt) {
				s.t.Errorf("%s was asked again at %s", r.ClientID, s.clock(r.Last))
			}
		}
	}
}

// requests are the counters of a credential that were asked for something.
func (s *stage) requests(id keepwatch.CredentialID) []sim.Recorded {
	return slices.DeleteFunc(s.sim.Requests(), func(r sim.Recorded) bool { return r.ClientID != s.clientOf(id) })
}

// judgeProofs: at the end everybody is looked at regularly, unless a person has to
// act first.
func (s *stage) judgeProofs(all []keepwatch.Incident) {
	series, err := s.db.Series(s.t.Context())
	s.must(err)
	for _, x := range series {
		waits := slices.ContainsFunc(all, func(in keepwatch.Incident) bool {
			return in.Status == keepwatch.IncidentOpen && in.Credential == x.Credential && in.Outcome.Info().Confirm == keepwatch.ConfirmAtOnce
		})
		if x.Credential == "" || x.Check != keepwatch.CheckOf(keepwatch.CheckCredential, x.Credential) || waits {
			continue // dates are looked at once a day; their own tests judge that
		}
		if age := time.Since(x.LastAt); age > 4*time.Hour+time.Minute || (x.State == keepwatch.StateHealthy && age > x.PlannedGap+time.Minute) {
			s.t.Errorf("%s was last looked at %s before the end", x.ID, age)
		}
	}
}

// timed is a line of the golden file.
type timed struct {
	at   time.Time
	text string
}

func sortTimed(list []timed) {
	sort.SliceStable(list, func(i, j int) bool {
		if a, b := list[i].at.Truncate(time.Second), list[j].at.Truncate(time.Second); !a.Equal(b) {
			return a.Before(b)
		}
		return list[i].text < list[j].text
	})
}

// judgeGolden compares the story's exact course: every change of a state, every
// transition and every message, with the second in which it happened.
func (s *stage) judgeGolden(all []keepwatch.Incident) {
	var course []timed
	keys := map[keepwatch.IncidentID]string{}
	for _, in := range all {
		keys[in.ID] = in.Key
		timeline, err := s.db.Transitions(s.t.Context(), in.ID)
		s.must(err)
		for _, tr := range timeline {
			course = append(course, timed{tr.At, strings.TrimRight(fmt.Sprintf("incident %s %s %s", keys[in.ID], tr.Kind, tr.Reason), " ")})
		}
	}
	for _, m := range s.told(all) {
		course = append(course, timed{m.at, "message " + m.text})
	}
	if !s.story.Random() {
		for _, m := range s.record.moves {
			course = append(course, timed{m.at, fmt.Sprintf("state %s %s -> %s (%s)", m.series, m.from, m.to, m.outcome)})
		}
	}
	sortTimed(course)
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n", s.story.Name)
	for _, c := range course {
		fmt.Fprintf(&b, "%s %s\n", s.clock(c.at), c.text)
	}
	golden(s.t, filepath.Join("testdata", "stories", s.story.Slug()+".golden"), b.String())
}

// clock is a time of the story: day, hour, minute and second since its start.
func (s *stage) clock(at time.Time) string {
	d := at.Sub(s.start).Truncate(time.Second)
	return fmt.Sprintf("%dd %02d:%02d:%02d", d/(24*time.Hour), d/time.Hour%24, d/time.Minute%60, d/time.Second%60)
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Error(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Errorf("%v; run the test with -update and read what it wrote", err)
		return
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); d != "" {
		t.Errorf("%s (-file +now), rewrite with -update:\n%s", path, d)
	}
}

// gathered is what all stories together have reached.
type gathered struct {
	mu       sync.Mutex
	edges    map[string]bool
	outcomes map[keepwatch.Outcome]bool
}

func (g *gathered) add(r *recorder) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range r.moves {
		g.edges[string(m.from)+" -> "+string(m.to)] = true
	}
	for o := range r.outcomes {
		g.outcomes[o] = true
	}
}

// complete asks for every edge of docs/incident-states.md and every category.
func (g *gathered) complete(t *testing.T) {
	got := []string{}
	for e := range g.edges {
		got = append(got, e)
	}
	slices.Sort(got)
	if d := cmp.Diff(storyEdges, got); d != "" {
		t.Errorf("edges between states (-wanted +got):\n%s", d)
	}
	categories := map[keepwatch.Category]bool{}
	for o := range g.outcomes {
		categories[o.Info().Category] = true
	}
	for _, info := range keepwatch.Outcomes {
		if !categories[info.Category] {
			t.Errorf("no story meets the category %q", info.Category)
		}
	}
}

// storyEdges are the moves between states that observations cause. paused is a
// person's; the decay of old evidence is worked out when it is read.
var storyEdges = []string{
	"degraded -> expired",
	"degraded -> failing",
	"degraded -> healthy",
	"degraded -> maintenance",
	"degraded -> unknown",
	"expired -> healthy",
	"failing -> degraded",
	"failing -> expired",
	"failing -> healthy",
	"healthy -> degraded",
	"healthy -> expired", // a date that passes, not a test
	"healthy -> failing",
	"healthy -> unknown",
	"maintenance -> degraded",
	"maintenance -> failing",
	"maintenance -> healthy",
	"maintenance -> unknown",
	"unknown -> degraded",
	"unknown -> expired",
	"unknown -> failing",
	"unknown -> healthy",
	"unknown -> maintenance",
}

// A killed secret is an incident within one interval and a minute, in every tier,
// inside the office hours and outside, wherever in the interval it dies.
func TestAKilledSecretIsFoundWithinAnInterval(t *testing.T) {
	estate := scenario.Stories()[0].Estate.Credentials
	for name, tt := range map[string]struct {
		id     keepwatch.CredentialID
		within time.Duration
		hour   time.Duration
	}{
		"transactional at noon":  {"orders", 10 * time.Minute, 11 * time.Hour},
		"transactional at night": {"orders", 10 * time.Minute, 20 * time.Hour},
		"standard at noon":       {"loyalty", 14 * time.Minute, 11 * time.Hour},
		"standard at night":      {"loyalty", time.Hour, 20 * time.Hour},
		"reporting at noon":      {"tracking", time.Hour, 11 * time.Hour},
		"reporting at night":     {"tracking", 4 * time.Hour, 19 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				story := scenario.Stories()[0]
				i := slices.IndexFunc(estate, func(c keepwatch.Credential) bool { return c.ID == tt.id })
				story.Estate.Tenants, story.Estate.Credentials = story.Estate.Tenants[:1], estate[i:i+1]
				s := newStage(t, story)
				defer s.close()
				for day := range 5 { // Monday to Friday
					s.killed(tt.id, time.Duration(day)*24*time.Hour+tt.hour+time.Duration(day)*tt.within/5, tt.within+time.Minute)
				}
			})
		})
	}
}

// killed disables a package, looks whether that is found in time, and repairs it.
func (s *stage) killed(id keepwatch.CredentialID, at, within time.Duration) {
	s.t.Helper()
	s.doAt(at, scenario.Event{Do: scenario.Disable, Credential: id})
	s.until(at + within + afterSecond)
	all := s.incidents()
	if n := len(all); n == 0 || all[n-1].Status != keepwatch.IncidentOpen || all[n-1].Outcome != keepwatch.BadSecretOrPackage {
		s.t.Errorf("killed at %s: nothing is open %s later", s.clock(s.start.Add(at)), within)
	}
	s.doAt(at+within+time.Minute, scenario.Event{Do: scenario.Enable, Credential: id})
	s.doAt(at+within+2*time.Minute, scenario.Event{Do: scenario.CheckNow, Credential: id})
}

// doAt does an event at an instant.
func (s *stage) doAt(at time.Duration, e scenario.Event) {
	s.until(at + afterSecond)
	s.do(e)
}
