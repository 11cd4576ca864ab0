package notify

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
)

// sayings is what one receiver got: kind and minute of each message.
func sayings(list []string) string { return strings.Join(list, "\n") }

// foretold is a bench's setup with silences.
func (b *bench) foretold(routes Routes, mutes []Mute) Setup {
	s := b.setup(routes)
	s.Mutes = mutes
	return s
}

// What is foreseen is what the pipeline sends when every receiver answers at once:
// random stories under random routes, told by the real one in a bubble.
func TestForeseenIsWhatIsSent(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for n := range 120 {
		routes := Routes{
			{To: []string{"crm", "ops"}, Wait: time.Duration(r.IntN(3)) * 7 * time.Minute, RepeatEvery: time.Duration(r.IntN(2)) * 25 * time.Minute, Continue: r.IntN(2) == 0},
			{To: []string{"ops", "log"}, Wait: time.Duration(r.IntN(2)) * 4 * time.Minute},
		}
		var kinds []keepwatch.TransitionKind
		var gaps []time.Duration
		kinds, gaps = append(kinds, keepwatch.Opened), append(gaps, time.Minute)
		for range r.IntN(4) {
			kinds = append(kinds, []keepwatch.TransitionKind{keepwatch.Changed, keepwatch.Acknowledged, keepwatch.Changed}[r.IntN(3)])
			gaps = append(gaps, time.Duration(1+r.IntN(40))*time.Minute+time.Duration(10+len(kinds))*time.Second)
		}
		if r.IntN(3) > 0 {
			kinds, gaps = append(kinds, keepwatch.Resolved), append(gaps, time.Duration(1+r.IntN(40))*time.Minute+time.Duration(10+len(kinds))*time.Second)
		}
		synctest.Test(t, func(t *testing.T) {
			b := start(t, routes, "crm", "ops", "log")
			s := newTale("inc", time.Now())
			var mutes []Mute
			if n%2 == 1 { // somebody wants quiet for a while
				from := time.Now().Add(time.Duration(r.IntN(60))*time.Minute + 10*time.Second)
				mutes = []Mute{{Silence: keepwatch.Silence{
					ID: "s", Kind: keepwatch.Silenced, Owner: "ada", Reason: "known", From: from, Until: from.Add(time.Duration(1+r.IntN(70)) * time.Minute),
				}}}
				b.pipe.Mute(mutes)
			}
			var notices []keepwatch.Notice
			for i, kind := range kinds {
				b.after(gaps[i])
				notices = append(notices, s.next(kind, time.Now()))
				b.box.add(notices[i])
			}
			b.after(3 * time.Hour)
			var want, got []string
			for name, in := range b.in {
				for _, m := range in.messages() {
					want = append(want, fmt.Sprintf("%s %s %s", name, m.Now.Format("15:04"), m.Kind))
				}
			}
			for _, f := range Foresee(notices, b.foretold(routes, mutes), time.Now()) {
				got = append(got, fmt.Sprintf("%s %s %s", f.Receiver, f.At.Format("15:04"), f.Kind))
				for _, at := range f.Reminders {
					got = append(got, fmt.Sprintf("%s %s %s", f.Receiver, at.Format("15:04"), KindReminder))
				}
			}
			slices.SortFunc(want, cmp.Compare[string])
			slices.SortFunc(got, cmp.Compare[string])
			if sayings(got) != sayings(want) {
				t.Errorf("story %d, %v under %+v:\nforeseen\n%s\nsent\n%s", n, kinds, routes, sayings(got), sayings(want))
			}
		})
	}
}
