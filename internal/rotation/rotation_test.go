package rotation

import (
	"slices"
	"strings"
	"testing"
	"time"

	"keepwatch"
)

// Every answer in every state: where it leads, when the cockpit acts next, and which
// row it leaves.
func TestAnswers(t *testing.T) {
	const five, quarter = 5 * time.Minute, 15 * time.Minute
	at := after(time.Hour)
	said := activated(t, proven("A"), at.Add(-10*time.Minute))
	saidNow := activated(t, proven("A"), at)
	early := activated(t, begun("A"), at.Add(-time.Minute))
	twice := asks(begun("A"), AskStaged, no, after(five))
	throttled := asks(begun("A"), AskStaged, maybe, after(five))
	gone := dead(time.Hour-five, "A")
	goneTwice := asks(gone, AskNew, no, at.Add(-time.Minute))
	aged := proven("A")
	aged.OldEndsAt = at.Add(-time.Minute)
	for name, tt := range map[string]struct {
		from  keepwatch.Rotation
		do    Do
		a     Answer
		state keepwatch.RotationState
		next  time.Duration // after the answer; -1: it waits for a person
		row   string        // the steps since the last question, at the end
	}{
		"the staged one works":                           {begun("A"), AskStaged, yes, keepwatch.RotationProven, quarter, StepStagedProven},
		"it works and nobody holds a copy":               {begun(), AskStaged, yes, keepwatch.RotationSwitched, quarter, StepStagedProven + " " + StepSwitched},
		"it works after somebody said activated":         {early, AskStaged, yes, keepwatch.RotationProven, 4 * time.Minute, StepStagedProven},
		"it is refused":                                  {begun("A"), AskStaged, no, keepwatch.RotationStaged, five, StepStagedRefused},
		"it is refused again":                            {twice, AskStaged, no, keepwatch.RotationStaged, -1, StepStagedRefused},
		"nothing is learned of it":                       {begun("A"), AskStaged, maybe, keepwatch.RotationStaged, five, StepStagedUnanswered},
		"nothing again":                                  {throttled, AskStaged, maybe, keepwatch.RotationStaged, 2 * five, StepStagedUnanswered + " " + StepStagedUnanswered},
		"SFMC names a time":                              {begun("A"), AskStaged, Answer{Verdict: Unknown, RetryAfter: 40 * time.Minute}, keepwatch.RotationStaged, 40 * time.Minute, StepStagedUnanswered},
		"the old one works":                              {proven("A"), AskOld, yes, keepwatch.RotationProven, quarter, StepOldWorks},
		"the old one works long after it was activated":  {said, AskOld, yes, keepwatch.RotationProven, quarter, StepOldWorks},
		"the old one works right after it was activated": {saidNow, AskOld, yes, keepwatch.RotationProven, five, StepOldWorks},
		"nothing is learned of the old one":              {proven("A"), AskOld, maybe, keepwatch.RotationProven, quarter, StepOldUnanswered},
		"the old one is dead":                            {proven("A"), AskOld, no, keepwatch.RotationActivated, five, StepOldRefused},
		"the old one is dead of age":                     {aged, AskOld, no, keepwatch.RotationActivated, -1, StepOldRefused},
		"the new one works":                              {gone, AskNew, yes, keepwatch.RotationActivated, 0, StepNewProven},
		"the new one is refused":                         {gone, AskNew, no, keepwatch.RotationActivated, five, StepNewRefused},
		"the new one is refused again":                   {goneTwice, AskNew, no, keepwatch.RotationActivated, -1, StepNewRefused},
		"nothing is learned of the new one":              {gone, AskNew, maybe, keepwatch.RotationActivated, five, StepNewUnanswered},
		"aborted while the staged one is asked":          {aborted(t, begun("A"), at), AskStaged, yes, keepwatch.RotationAborted, Lease, StepAborted},
		"aborted while the old one is asked":             {aborted(t, proven("A"), at), AskOld, no, keepwatch.RotationAborted, Lease, StepAborted},
		"the new one's answer comes after the end":       {done(t), AskNew, no, keepwatch.RotationDone, Lease, StepFinished},
	} {
		t.Run(name, func(t *testing.T) {
			r := asks(tt.from, tt.do, tt.a, at)
			if r.State != tt.state {
				t.Errorf("state %s, want %s", r.State, tt.state)
			}
			switch {
			case tt.next < 0 && !r.NextAt.IsZero(), tt.next >= 0 && !r.NextAt.Equal(at.Add(tt.next)):
				t.Errorf("next at %s, want %s after %s", r.NextAt, tt.next, at)
			case !strings.HasSuffix(steps(r), tt.row):
				t.Errorf("rows %s, want %s at the end", steps(r), tt.row)
			case strings.Contains(steps(r), "asked"):
				t.Errorf("a question stayed: %s", steps(r))
			}
		})
	}
}

// What is done next, in every state, before, at and after its time.
func TestNext(t *testing.T) {
	told := Notified(func() keepwatch.Rotation {
		r := proven("A")
		r.Holders[0].TickMadeAt = after(Propagation)
		return r
	}(), after(Propagation))
	gone := dead(time.Hour)
	known := asks(gone, AskNew, yes, after(2*time.Hour))
	recorded := Recorded(func() keepwatch.Rotation {
		r := asks(dead(time.Hour, "A"), AskNew, yes, after(2*time.Hour))
		r.Holders[0].TickMadeAt, r.Holders[0].NotifiedAt = after(2*time.Hour), after(2*time.Hour)
		return r
	}(), "recorded", after(2*time.Hour))
	refused := asks(asks(begun(), AskStaged, no, after(Propagation)), AskStaged, no, after(2*Propagation))
	lost, _ := Ask(begun(), AskStaged, "q", after(Propagation))
	lostTwice, _ := Ask(lost, AskStaged, "p", after(3*Propagation))
	aged := proven()
	aged.OldEndsAt = after(time.Minute)
	aged = asks(aged, AskOld, no, after(time.Hour))
	for name, tt := range map[string]struct {
		r    keepwatch.Rotation
		at   time.Duration
		want Do
	}{
		"before SFMC knows it":                {begun(), Propagation - time.Millisecond, Nothing},
		"when SFMC knows it":                  {begun(), Propagation, AskStaged},
		"refused twice":                       {refused, 100 * time.Hour, Nothing},
		"while it is asked":                   {lost, Propagation + Lease - time.Second, Nothing},
		"an answer was lost":                  {lost, Propagation + Lease, AskStaged},
		"two answers were lost":               {lostTwice, 100 * time.Hour, Nothing},
		"letters come before all":             {proven("A"), 100 * time.Hour, Notify},
		"old one is not due":                  {told, Propagation + PollEvery - time.Second, Nothing},
		"old one is due":                      {told, Propagation + PollEvery, AskOld},
		"switched":                            {proven(), time.Hour, AskOld},
		"new one is not due":                  {gone, time.Hour + Propagation - time.Second, Nothing},
		"new one is due":                      {gone, time.Hour + Propagation, AskNew},
		"record":                              {known, 2 * time.Hour, WriteRecord},
		"a file is waited for":                {RecordWaits(known, "change it", after(2*time.Hour)), 2*time.Hour + time.Second, Nothing},
		"a file is looked at again":           {RecordWaits(known, "change it", after(2*time.Hour)), 2*time.Hour + RecordEvery, WriteRecord},
		"only holders are missing":            {recorded, 100 * time.Hour, Nothing},
		"nobody knows what it died of":        {aged, 100 * time.Hour, Nothing},
		"somebody says what it died of":       {activated(t, aged, after(2*time.Hour)), 2*time.Hour + Propagation, AskNew},
		"done":                                {done(t), 100 * time.Hour, Nothing},
		"aborted before anybody was told":     {aborted(t, begun("A"), after(0)), 100 * time.Hour, Nothing},
		"aborted, and one has to go back":     {aborted(t, switched(t, proven("A"), 0, after(time.Hour)), after(time.Hour)), 100 * time.Hour, Notify},
		"the state of a newer version":        {keepwatch.Rotation{State: "else", NextAt: start}, time.Hour, Nothing},
		"a token whose letter did not follow": {func() keepwatch.Rotation { r := proven("A"); r.Holders[0].TickMadeAt = after(time.Hour); return r }(), time.Hour + Lease, Notify},
	} {
		if got := Next(tt.r, after(tt.at)); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

func TestJudge(t *testing.T) {
	token := func(o keepwatch.Outcome) []keepwatch.Step {
		return []keepwatch.Step{{Name: "dns", Outcome: keepwatch.OK}, {Name: "token", Outcome: o}}
	}
	for name, tt := range map[string]struct {
		o    keepwatch.Observation
		want Verdict
	}{
		"granted":                      {keepwatch.Observation{Outcome: keepwatch.OK, Steps: token(keepwatch.OK)}, Granted},
		"granted, and a test failed":   {keepwatch.Observation{Outcome: keepwatch.ScopeMissing, Steps: token(keepwatch.OK)}, Granted},
		"refused":                      {keepwatch.Observation{Outcome: keepwatch.BadSecretOrPackage, Steps: token(keepwatch.BadSecretOrPackage)}, Refusal},
		"refused, its day is over":     {keepwatch.Observation{Outcome: keepwatch.SecretExpired, Steps: token(keepwatch.SecretExpired)}, Refusal},
		"throttled":                    {keepwatch.Observation{Outcome: keepwatch.RateLimited, Steps: token(keepwatch.RateLimited)}, Unknown},
		"blocked address":              {keepwatch.Observation{Outcome: keepwatch.IPBlocked, Steps: token(keepwatch.IPBlocked)}, Unknown},
		"never got that far":           {keepwatch.Observation{Outcome: keepwatch.BadSecretOrPackage}, Unknown},
		"the secret could not be read": {keepwatch.Observation{Outcome: keepwatch.MonitorFault}, Unknown},
		"skipped":                      {keepwatch.Observation{Outcome: keepwatch.OK, Steps: token(keepwatch.Skipped)}, Unknown},
	} {
		if got := Judge(tt.o).Verdict; got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

// A lost answer counts as a refusal, an answered question does not stay, and an
// answer that comes twice counts once.
func TestQuestions(t *testing.T) {
	lost, row := Ask(begun(), AskStaged, "q", after(Propagation))
	if !Asking(lost, after(Propagation+time.Minute)) || Asking(lost, after(Propagation+Lease)) {
		t.Error("a question is on its way for as long as its lease")
	}
	r := asks(lost, AskStaged, no, after(3*Propagation))
	if !Refused(r) || !r.NextAt.IsZero() {
		t.Errorf("a lost and a given refusal: %s", steps(r))
	}
	ok := Answered(lost, AskStaged, row, yes, after(Propagation))
	if again := Answered(ok, AskStaged, row, no, after(2*Propagation)); again.State != keepwatch.RotationSwitched || steps(again) != steps(ok) {
		t.Errorf("an answer counted twice: %s", steps(again))
	}
	if busy, _ := Ask(proven("A"), AskOld, "q", after(time.Hour)); MayGoBack(busy, after(time.Hour)) {
		t.Error("nobody may go back while it is asked")
	}
}

// A run of the same answer is one row, and pauses grow to an hour.
func TestRunsAndPauses(t *testing.T) {
	r, now := proven("A"), after(time.Hour)
	for range 50 {
		r, now = asks(r, AskOld, yes, now), now.Add(PollEvery)
	}
	if strings.Count(steps(r), StepOldWorks) != 1 {
		t.Errorf("rows: %s", steps(r))
	}
	r, now = begun(), after(Propagation)
	var pauses []time.Duration
	for range 6 {
		r = asks(r, AskStaged, maybe, now)
		pauses = append(pauses, r.NextAt.Sub(now))
		now = r.NextAt
	}
	want := []time.Duration{5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 40 * time.Minute, time.Hour, time.Hour}
	if !slices.Equal(pauses, want) {
		t.Errorf("pauses %v, want %v", pauses, want)
	}
}
