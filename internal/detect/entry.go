package detect

import (
	"fmt"
	"time"

	"keepwatch"
)

// entry judges whether contacts still enter a journey.
func (j *judge) entry() {
	r := j.w.Reading.Journey
	if r == nil || r.Entered == nil {
		j.w.Verdict.Learning = "SFMC shows no count of entries for this journey."
		return
	}
	if j.prev != nil && j.prev.Journey != nil {
		j.count(j.prev.Journey.Entered, r.Entered)
	}
	j.flow()
	j.flowing(keepwatch.JourneyStalled)
}

// flowing gives the verdict on a count that should flow.
func (j *judge) flowing(stopped keepwatch.Outcome) {
	if j.model == nil {
		j.w.Verdict.Learning = "Learning."
		return
	}
	s, least := j.score(), threshold(j.model)
	v := &j.w.Verdict
	v.Outcome = keepwatch.OK
	if s < least {
		return
	}
	*v = keepwatch.Verdict{
		Outcome: stopped, Since: j.mem.LastSign.Add(-j.mem.Span), Noticed: j.now, Expected: j.mem.Due,
		Page:     s >= least*factor([]float64{j.model.Tail}, 0),
		Evidence: fmt.Sprintf("Nothing for %s.", j.mem.Quiet.Round(time.Minute)),
	}
}
