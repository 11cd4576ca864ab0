package rotation

import (
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"keepwatch"
)

// legal are the states that may follow each other.
var legal = map[keepwatch.RotationState][]keepwatch.RotationState{
	keepwatch.RotationStaged:    {keepwatch.RotationProven, keepwatch.RotationSwitched, keepwatch.RotationAborted},
	keepwatch.RotationProven:    {keepwatch.RotationSwitched, keepwatch.RotationActivated, keepwatch.RotationAborted, keepwatch.RotationStaged},
	keepwatch.RotationSwitched:  {keepwatch.RotationActivated, keepwatch.RotationAborted, keepwatch.RotationStaged},
	keepwatch.RotationActivated: {keepwatch.RotationDone},
	keepwatch.RotationAborted:   {keepwatch.RotationStaged},
	keepwatch.RotationDone:      {},
}

// play is one rotation, the SFMC behind it and the people around it, in an order that
// chance decides.
type play struct {
	t   *testing.T
	rng *rand.Rand
	r   keepwatch.Rotation
	now time.Time
	log []string

	right     bool // the staged secret that is named is the one in Setup
	activated bool // in Setup
	named     time.Time
	died      time.Time // when the old secret was known to be dead
	wrong     int       // how often a secret that does not work was sent since people last spoke
}

func (p *play) fail(format string, args ...any) {
	p.t.Helper()
	p.t.Fatalf("%s\n%s\n%s", fmt.Sprintf(format, args...), strings.Join(p.log, "\n"), steps(p.r))
}

// set takes a decision over: it must be a legal step, and must leave what it was made
// of as it was.
func (p *play) set(what string, decide func(keepwatch.Rotation) keepwatch.Rotation) {
	p.t.Helper()
	before := p.r
	before.Holders, before.Evidence = slices.Clone(p.r.Holders), slices.Clone(p.r.Evidence)
	next := decide(p.r)
	if !reflect.DeepEqual(before, p.r) {
		p.fail("%s changed its argument", what)
	}
	p.log = append(p.log, fmt.Sprintf("%s %s: %s -> %s", p.now.Format("02 15:04:05"), what, p.r.State, next.State))
	if next.State != p.r.State && !slices.Contains(legal[p.r.State], next.State) {
		p.fail("%s: %s follows %s", what, next.State, p.r.State)
	}
	for _, e := range p.r.Evidence {
		keeps := slices.ContainsFunc(next.Evidence, func(n keepwatch.Evidence) bool { return n == e })
		if fleeting := strings.HasPrefix(e.Step, "asked") || e.Step == StepOldWorks || e.Step == StepOldUnanswered; !keeps && !fleeting {
			p.fail("%s lost the evidence %s", what, e.Step)
		}
	}
	p.r = next
	if p.r.State == keepwatch.RotationDone {
		p.done()
	}
}

func (p *play) done() {
	p.t.Helper()
	rows := p.r.Evidence
	for i, e := range p.r.Evidence {
		if e.Step == StepStaged {
			rows = p.r.Evidence[i:]
		}
	}
	for _, step := range []string{StepStagedProven, StepOldRefused, StepNewProven, StepRecorded, StepFinished} {
		if n := count(rows, step); n != 1 {
			p.fail("done with %d times %s", n, step)
		}
	}
	if !p.activated || !p.right || len(Pending(p.r)) > 0 {
		p.fail("done, and activated %v, right %v, to switch %v", p.activated, p.right, Pending(p.r))
	}
}

// works is what SFMC would say.
func (p *play) works(do Do) bool {
	if do == AskOld {
		return !p.activated
	}
	return p.right
}

// ask sends a question; chance loses the answer or makes it say nothing.
func (p *play) ask(do Do, luck bool) {
	p.t.Helper()
	var row keepwatch.Evidence
	p.set("ask "+string(do), func(r keepwatch.Rotation) keepwatch.Rotation {
		r, row = Ask(r, do, fmt.Sprint(p.rng.Uint32()), p.now)
		return r
	})
	a, chance := yes, p.rng.IntN(10)
	if !p.works(do) {
		a = no
	}
	if !luck && chance == 1 {
		a = maybe // a throttle, the network: SFMC did not look at the secret
	}
	if a == no {
		p.sentWrong(do)
	}
	if !luck && chance == 0 {
		p.log = append(p.log, "  the answer was lost")
		return
	}
	p.set("answer "+string(a.Verdict), func(r keepwatch.Rotation) keepwatch.Rotation { return Answered(r, do, row, a, p.now) })
	if do == AskOld && a.Verdict == Refusal {
		p.died = p.now
	}
}

func (p *play) sentWrong(do Do) {
	p.t.Helper()
	if do == AskOld {
		if !p.died.IsZero() {
			p.fail("the old secret was sent after it had been refused")
		}
		return
	}
	if p.wrong++; p.wrong > MaxRefusals {
		p.fail("a wrong secret was sent %d times", p.wrong)
	}
}

// cockpit does what Next says.
func (p *play) cockpit(luck bool) {
	p.t.Helper()
	for range 12 {
		do := Next(p.r, p.now)
		switch do {
		case Nothing:
			return
		case Notify:
			p.set("notify", func(r keepwatch.Rotation) keepwatch.Rotation {
				r.Holders = slices.Clone(r.Holders)
				for _, i := range ToNotify(r, p.now) {
					r.Holders[i].TickMadeAt = p.now
				}
				return Notified(r, p.now)
			})
		case WriteRecord:
			p.set("record", func(r keepwatch.Rotation) keepwatch.Rotation {
				if !luck && p.rng.IntN(2) == 0 {
					return RecordWaits(r, "change it", p.now)
				}
				return Recorded(r, "it says so", p.now)
			})
		default:
			if do == AskStaged && p.now.Before(p.named.Add(Propagation)) || do == AskNew && p.now.Before(p.died.Add(Propagation)) {
				p.fail("%s before SFMC can know it", do)
			}
			p.ask(do, luck)
		}
	}
	p.fail("there is always something to do")
}

// try is an act of a person, which may be refused.
func (p *play) try(what string, act func(keepwatch.Rotation) (keepwatch.Rotation, error)) bool {
	p.t.Helper()
	if _, err := act(p.r); err != nil {
		return false
	}
	p.set(what, func(r keepwatch.Rotation) keepwatch.Rotation { r, _ = act(r); return r })
	return true
}

func (p *play) tick() {
	p.try("switched", func(r keepwatch.Rotation) (keepwatch.Rotation, error) {
		return Switched(r, p.rng.IntN(len(r.Holders)), "somebody", p.now)
	})
}

func (p *play) say() {
	p.try("activated", func(r keepwatch.Rotation) (keepwatch.Rotation, error) { return Activated(r, "ada", p.now) })
}

// setup activates in Setup what is proven, as people should.
func (p *play) setup() {
	if p.r.State == keepwatch.RotationProven || p.r.State == keepwatch.RotationSwitched {
		p.activated = true
		p.log = append(p.log, "  activated in Setup")
	}
}

// back asks the old secret first where the tests have left it, as the cockpit does.
func (p *play) back() bool {
	left := p.r.State == keepwatch.RotationProven || p.r.State == keepwatch.RotationSwitched
	if left && !Asking(p.r, p.now) && !JustActivated(p.r, p.now) {
		p.ask(AskOld, false)
	}
	return MayGoBack(p.r, p.now)
}

func (p *play) abort() {
	if !p.back() {
		return
	}
	if p.try("abort", func(r keepwatch.Rotation) (keepwatch.Rotation, error) { return Abort(r, "ada", "", p.now) }) && p.activated {
		p.fail("went back to a secret that is dead")
	}
}

func (p *play) resume(right bool) {
	s := Staging{Ref: p.r.NewRef, Generated: p.r.Generated, By: "ada", Holders: []keepwatch.Holder{{Name: "A"}, {Name: "B"}}}
	if right != p.right { // another one is named
		s.Ref = fmt.Sprintf("env:NEW_%d", len(p.r.Evidence))
		if !p.back() {
			return
		}
	}
	before := p.r.State
	if p.try("resume", func(r keepwatch.Rotation) (keepwatch.Rotation, error) { return Resume(r, s, p.now) }) {
		if p.wrong = 0; before != keepwatch.RotationActivated {
			p.right, p.named = right, p.now
		}
	}
}

// wander does something.
func (p *play) wander() {
	switch p.rng.IntN(14) {
	case 0, 1, 2:
		p.now = p.now.Add(time.Duration(p.rng.IntN(300)) * time.Second)
	case 3:
		p.now = p.now.Add(time.Duration(p.rng.IntN(90)) * time.Minute)
	case 4, 5:
		p.tick()
	case 6:
		p.say() // true or not
	case 7:
		p.setup()
	case 8:
		p.abort()
	case 9:
		p.resume(p.rng.IntN(4) > 0)
	default:
		p.cockpit(false)
	}
}

// finish is people who do what is asked of them, and a world without faults.
func (p *play) finish() {
	for range 400 {
		p.now = p.now.Add(time.Minute)
		p.cockpit(true)
		switch {
		case p.r.State == keepwatch.RotationDone:
			return
		case p.r.State == keepwatch.RotationAborted, Refused(p.r), !p.right:
			p.resume(true)
		case p.r.State == keepwatch.RotationSwitched && !p.activated:
			p.setup()
		case p.r.State != keepwatch.RotationStaged:
			p.tick()
		}
	}
	p.fail("%s, and it never ends", p.r.State)
}

// In any order of events, and however many answers are lost, no wrong secret is sent
// more than twice, a dead one is never sent again once that is known, nothing is
// asked before SFMC can know it, no evidence is lost, nobody goes back to a dead
// secret, and when everybody does their part it ends.
func TestAnyOrderOfEvents(t *testing.T) {
	plays := 2000
	if os.Getenv("KEEPWATCH_CAMPAIGN") != "" {
		plays = 200_000
	}
	ended := map[keepwatch.RotationState]int{}
	for seed := range plays {
		p := &play{t: t, rng: rand.New(rand.NewPCG(uint64(seed), 1)), r: begun("A", "B"), now: start, named: start}
		p.r.OldEndsAt = start.AddDate(1, 0, 0)
		p.right = p.rng.IntN(4) > 0
		for range 80 {
			p.wander()
		}
		ended[p.r.State]++
		p.finish()
	}
	for state := range legal {
		if ended[state] < plays/200 {
			t.Errorf("only %d of %d plays came to %s", ended[state], plays, state)
		}
	}
	t.Log(ended)
}
