package app

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"keepwatch"
	"keepwatch/internal/impact"
	"keepwatch/internal/scenario"
	"keepwatch/internal/sfmc/sim/world"
)

const (
	// watchedFor is how long the account of the effect stories was watched before them.
	watchedFor = 6 * 7 * 24 * time.Hour
	// livedFor is the last part of it, which the whole program lives through: what
	// judges learn by looking cannot be written down for them.
	livedFor = 4 * 24 * time.Hour
)

// shortly are the stories that are played without a campaign, too.
var shortly = []string{"four-hours-without-the-shops-secret", "a-pause-that-keeps-arrivals"}

// TestEffectStories plays the table of silent failures with the whole program and a
// simulated account in which contacts, files and messages flow, and holds what was
// said against what really happened.
func TestEffectStories(t *testing.T) {
	shop := scenario.Shop()
	stories, lived := scenario.EffectStories(), livedFor
	if os.Getenv("KEEPWATCH_CAMPAIGN") == "" {
		// A day is enough for what has its baseline from the weeks before.
		lived = 24 * time.Hour
		stories = slices.DeleteFunc(stories, func(s scenario.EffectStory) bool { return !slices.Contains(shortly, s.Slug()) })
	}
	start := scenario.Stories()[0].Start // the same Monday
	past := filepath.Join(memoryDir(t), "past.db")
	synctest.Test(t, func(t *testing.T) { live(t, shop, start, lived, past) })
	t.Run("story", func(t *testing.T) {
		for _, story := range stories {
			t.Run(story.Slug(), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { playEffects(t, shop, story, start, past) })
			})
		}
	})
}

// inhabited is a stage on which an account lives. A database that is not there yet gets
// the past that the account had before from.
func inhabited(t *testing.T, shop scenario.Living, from, start time.Time, db string) *stage {
	time.Sleep(time.Until(from))
	s := newSet(t, scenario.Story{Estate: shop.Estate})
	s.readers = shop.Readers
	spec := shop.World
	spec.Since = start.Add(-watchedFor)
	s.must(s.sim.AddWorld(spec))
	_, err := os.Stat(db)
	s.build(filepath.Dir(db), db)
	if errors.Is(err, fs.ErrNotExist) {
		s.must(s.app.Recall(t.Context(), scenario.Readings(s.sim.Truth(), lookedAt(s.app.config.Load()), spec.Since, from)))
	}
	s.must(s.app.Start(t.Context()))
	return s
}

// live is the past of all stories: the counters of weeks, and then days of looks.
func live(t *testing.T, shop scenario.Living, start time.Time, lived time.Duration, db string) {
	s := inhabited(t, shop, start.Add(-lived), start, db)
	defer s.close()
	time.Sleep(time.Until(start.Add(-time.Minute)))
	for _, in := range s.incidents() {
		t.Errorf("before the stories: %s %s %s", in.Key, in.Outcome, in.Message)
	}
}

func playEffects(t *testing.T, shop scenario.Living, story scenario.EffectStory, start time.Time, past string) {
	db := filepath.Join(memoryDir(t), "keepwatch.db")
	copyFile(t, past, db)
	s := inhabited(t, shop, start, start, db)
	defer s.close()
	for _, turn := range story.Turns {
		s.until(turn.At + afterSecond)
		if turn.Do.Do != "" {
			s.do(turn.Do)
		}
		if turn.Deed.Verb != "" {
			s.must(s.sim.Do(turn.Deed))
		}
	}
	s.until(story.For)
	synctest.Wait()
	s.judgeEffects(story)
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
}

func (s *stage) judgeEffects(story scenario.EffectStory) {
	s.t.Helper()
	s.truth = s.sim.Truth()
	all := s.incidents()
	if story.Blind {
		all = slices.DeleteFunc(all, func(in keepwatch.Incident) bool { return in.Scope == keepwatch.ScopeMonitor })
	}
	got := []string{}
	for _, in := range all {
		got = append(got, effectLine(in))
	}
	if d := cmp.Diff(none(story.Incidents), got); d != "" {
		s.t.Errorf("incidents (-wanted +got):\n%s", d)
	}
	if d := cmp.Diff(none(story.Messages), s.messages(all)); d != "" && !story.Blind {
		s.t.Errorf("messages (-wanted +got):\n%s", d)
	}
	if testing.Verbose() {
		s.tell(all)
	}
	if story.Calm {
		s.judgeCalm(story)
	}
	if len(all) == 0 {
		return
	}
	if took := all[0].DetectedAt.Sub(s.start.Add(story.Turns[0].At)); story.Notice > 0 && took > story.Notice {
		s.t.Errorf("the first incident was noticed after %s, at most %s", took, story.Notice)
	}
	s.judgeAmounts(story, all)
}

// effectLine is an incident as the table has it.
func effectLine(in keepwatch.Incident) string {
	var effects []string
	for _, e := range in.Effects {
		effects = append(effects, e.Subject.ID()+" "+string(e.Outcome))
	}
	slices.Sort(effects)
	line := fmt.Sprintf("%s %s %s %s: %s", in.Key, in.Outcome, in.Severity, in.Status, strings.Join(slices.Compact(effects), ", "))
	if len(in.Causes) > 0 {
		c := in.Causes[0]
		line += "; " + strings.TrimSpace(string(c.Kind)+" "+string(c.Credential)+c.Subject+" "+c.By)
	}
	return line
}

// tell writes down what happened, for who writes the table.
func (s *stage) tell(all []keepwatch.Incident) {
	for _, in := range all {
		s.t.Logf("%s opened %s, restored %s, resolved %s: %s", in.Key, in.DetectedAt.Sub(s.start), in.RestoredAt.Sub(s.start), in.ResolvedAt.Sub(s.start), in.Message)
		transitions, err := s.db.Transitions(s.t.Context(), in.ID)
		s.must(err)
		for _, tr := range transitions {
			s.t.Logf("    %s %s %s: %s", tr.At.Sub(s.start), tr.Kind, tr.Reason, tr.Detail)
		}
		for _, e := range in.Effects {
			s.t.Logf("    effect %s %s since %s until %s (%.2f): %s", e.Subject.ID(), e.Outcome, e.Since.Sub(s.start), e.EndedAt.Sub(s.start), e.Confidence, e.Evidence)
		}
		for _, c := range in.Causes {
			s.t.Logf("    cause %s %s%s %s (%.2f): %s", c.Kind, c.Credential, c.Subject, c.By, c.Confidence, c.Evidence)
		}
		impacts, err := s.db.Impacts(s.t.Context(), in.ID)
		s.must(err)
		for _, f := range impacts[in.ID].Figures {
			s.t.Logf("    %s %s %.1f (%.1f to %.1f) %s: %s", f.Name, f.Subject, f.Mid, f.Low, f.High, f.Unit, f.Formula)
		}
	}
}

// judgeAmounts holds the figures of an incident against the simulator's log.
func (s *stage) judgeAmounts(story scenario.EffectStory, all []keepwatch.Incident) {
	for _, a := range story.Amounts {
		f, ok := s.figure(all, a)
		if !ok {
			s.t.Errorf("no figure %s of %s", a.Name, a.Subject)
			continue
		}
		really := s.really(story, a)
		s.t.Logf("%s of %s: %.1f (%.1f to %.1f), really %.1f: %s", a.Name, a.Subject, f.Mid, f.Low, f.High, really, f.Formula)
		if really == 0 || math.Abs(f.Mid-really) > really/10 {
			s.t.Errorf("%s of %s is %.1f, and really %.1f", a.Name, a.Subject, f.Mid, really)
		}
	}
	for _, share := range story.Shares {
		own := slices.DeleteFunc(slices.Clone(all), func(in keepwatch.Incident) bool { return in.Key != share.Incident })
		f, _ := s.figure(own, share.Amount)
		really := float64(s.truth.ByCause(share.Subject, s.start, s.start.Add(story.For))[share.Cause])
		s.t.Logf("%s of %s in %s: %.1f (%.1f to %.1f), really %.1f by %s", share.Name, share.Subject, share.Incident, f.Mid, f.Low, f.High, really, share.Cause)
		if really == 0 || math.Abs(f.Mid-really) > really/10 {
			s.t.Errorf("%s of %s in %s is %.1f, and really %.1f", share.Name, share.Subject, share.Incident, f.Mid, really)
		}
	}
	for _, a := range story.Absent {
		f, ok := s.figure(all, a)
		if really := s.really(story, a); ok || really != 0 {
			s.t.Errorf("%s of %s is %.1f (%s), and really %.1f", a.Name, a.Subject, f.Mid, f.Formula, really)
		}
	}
	s.judgeMonth(story, all)
}

// judgeCalm: by the log nothing was late or lost, and the month's report counts nothing.
func (s *stage) judgeCalm(story scenario.EffectStory) {
	truth, end := s.truth, s.start.Add(story.For)
	for _, subject := range truth.Subjects() {
		if n := truth.Delayed(subject, s.start, end) + truth.LostIn(subject, s.start, end); n > 0 {
			s.t.Errorf("%d of %s were late or lost", n, subject)
		}
	}
	month, err := s.app.reader.MonthReport(s.t.Context(), time.Now(), s.start.Format("2006-01"))
	s.must(err)
	for name, f := range month.Totals {
		if f.Unit != "hours" { // of an outage that stopped nothing
			s.t.Errorf("%s of the month is %.1f", name, f.Mid)
		}
	}
}

// judgeMonth holds the month's report against the log: no contact may count in two
// incidents of it.
func (s *stage) judgeMonth(story scenario.EffectStory, all []keepwatch.Incident) {
	month, err := s.app.reader.MonthReport(s.t.Context(), time.Now(), s.start.Format("2006-01"))
	s.must(err)
	for _, name := range []string{impact.ContactsDelayed, impact.ContactsLate, impact.ContactsLost} {
		really, held := 0.0, false
		for _, subject := range s.having(all, name) {
			really += s.really(story, scenario.Amount{Name: name, Subject: subject, Truth: scenario.Missed})
			held = held || slices.ContainsFunc(story.Amounts, func(a scenario.Amount) bool { return a.Name == name })
		}
		if got := month.Totals[name].Mid; held && math.Abs(got-really) > really/10 {
			s.t.Errorf("%s of the month is %.1f, and really %.1f", name, got, really)
		}
	}
}

// having are the subjects of which incidents have a figure, each once.
func (s *stage) having(all []keepwatch.Incident, name string) []string {
	var subjects []string
	for _, in := range all {
		impacts, err := s.db.Impacts(s.t.Context(), in.ID)
		s.must(err)
		for _, f := range impacts[in.ID].Figures {
			if f.Name == name && f.Subject != "" && !slices.Contains(subjects, f.Subject) {
				subjects = append(subjects, f.Subject)
			}
		}
	}
	return subjects
}

// figure is that of the newest incident which has it; what was missed is added up over
// all that have it. Times are the incident's and no subject's.
func (s *stage) figure(all []keepwatch.Incident, a scenario.Amount) (sum keepwatch.Figure, found bool) {
	subject := a.Subject
	if a.Name == impact.OutageHours {
		subject = ""
	}
	for _, in := range slices.Backward(all) {
		impacts, err := s.db.Impacts(s.t.Context(), in.ID)
		s.must(err)
		f, ok := impact.Part(impacts[in.ID], a.Name, subject)
		if !ok || in.MergedInto != "" {
			continue
		}
		if !found {
			sum, found = f, true
		} else {
			sum.Low, sum.Mid, sum.High, sum.Formula = sum.Low+f.Low, sum.Mid+f.Mid, sum.High+f.High, f.Formula+" + "+sum.Formula
		}
		if a.Truth != scenario.Missed {
			break
		}
	}
	return sum, found
}

// really asks the simulator's log.
func (s *stage) really(story scenario.EffectStory, a scenario.Amount) float64 {
	truth := s.truth
	from, to := s.start.Add(story.Turns[0].At), s.start.Add(story.For)
	switch a.Truth {
	case scenario.Missed:
		return float64(truth.Delayed(a.Subject, from, to) + truth.LostIn(a.Subject, from, to))
	case scenario.Unsynced:
		return world.Hours(truth.Unwritten(a.Subject, from, s.usual(a.Subject)))
	case scenario.Refused:
		last := story.Turns[len(story.Turns)-1]
		return last.At.Hours() - story.Turns[0].At.Hours()
	case scenario.Failing:
		failed := slices.DeleteFunc(slices.Clone(truth.Of(a.Subject).Steps), func(w world.Work) bool { return w.Failed+w.Hollow == 0 || w.At.Before(from) })
		if len(failed) == 0 {
			return 0
		}
		return failed[len(failed)-1].At.Sub(failed[0].At).Hours()
	case scenario.Still:
		return world.Hours(truth.Still(a.Subject, from, s.usual(a.Subject)))
	case scenario.Outdated:
		var behind []world.Span
		for _, key := range s.dependent(a.Subject).Reads {
			behind = append(behind, truth.Stale("data_extension/"+key)...)
		}
		return float64(truth.TakenIn(a.Subject, behind))
	case scenario.Short:
		rows := 0
		for _, at := range scenario.Fed(a.Subject) {
			rows += truth.Delayed(at, from, to) + truth.LostIn(at, from, to)
		}
		return float64(rows)
	case scenario.Deepest:
		n, _ := truth.MaxQueue(a.Subject, from, to)
		return float64(n)
	}
	s.t.Fatalf("no measure %q", a.Truth)
	return 0
}

func (s *stage) dependent(subject string) keepwatch.Dependent {
	for _, c := range s.story.Estate.Credentials {
		for _, d := range c.Dependents {
			if d.Kind+"/"+d.Key == subject {
				return d
			}
		}
	}
	s.t.Fatalf("nothing hangs on a credential that is called %q", subject)
	return keepwatch.Dependent{}
}

// usual is how far signs of life lie apart on a good day, with half as much again. Where
// nothing is configured, an automation of these stories runs every six hours at least, and
// rows stream in.
func (s *stage) usual(subject string) time.Duration {
	d := s.dependent(subject)
	switch {
	case d.ExpectRowsEvery > 0:
		return d.ExpectRowsEvery * 3 / 2
	case subject == "automation/drop-prices":
		return 9 * time.Hour
	}
	return 90 * time.Minute
}
