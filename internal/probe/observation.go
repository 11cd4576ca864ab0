package probe

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"keepwatch"
)

var errEmpty = errors.New("the reference points to nothing")

const (
	maxTranscript = 4096
	provenMessage = "A fresh token was granted, and every test passed."
	loginMessage  = "The login was accepted, and every test passed."
	pointsMessage = "Every integration point answered as expected; the credential itself cannot be proven from here."
)

// observation closes the run.
func (r *run) observation(s keepwatch.Slot) keepwatch.Observation {
	key := keepwatch.SlotKey(s.Check.ID, s.At)
	if s.Reason == keepwatch.ReasonDemand {
		key = keepwatch.DemandKey(s.Check.ID, s.At)
	}
	o := keepwatch.Observation{
		Key: key, Series: keepwatch.SeriesOf(s.Check.ID, ""), Check: s.Check.ID, Credential: r.cred.ID, Tenant: r.cred.Tenant,
		Place: r.p.place, Source: keepwatch.SourceTest, Reason: s.Reason,
		Slot: s.At, At: r.at, Gap: s.Gap, ChangedAt: s.Check.ChangedAt,
		Outcome: keepwatch.OK, Message: provenMessage, Steps: r.steps, Scopes: r.token.Scopes, Stack: r.token.Claims.Stack,
	}
	if r.cred.Kind == keepwatch.APIUser {
		o.Message = loginMessage
	}
	if r.plan != nil && !r.plan.proves() {
		o.Message = pointsMessage
	}
	if r.failed {
		o.Outcome, o.Step, o.Message, o.Hint = r.verdict.Outcome, r.step, r.verdict.Message, r.verdict.Hint
		o.Evidence, o.RetryAfter = r.verdict.Evidence, r.verdict.RetryAfter
	}
	if o.Stack == "" {
		o.Stack = r.id.Stack
	}
	if r.proven && r.cred.Deadline.Passed(r.at) {
		o.Findings = []keepwatch.Outcome{keepwatch.DateContradicted}
	}
	o.Connectivity = r.connectivity()
	o.Took = time.Since(r.at)
	o.Transcript = transcript(&o)
	return o
}

// connectivity says whether our own network works, which only matters when
// nothing answered in this run.
func (r *run) connectivity() keepwatch.Connectivity {
	if r.answered {
		r.p.reach.answered()
		return keepwatch.ConnectivityProven
	}
	if r.pointAnswered && r.failed && strings.HasPrefix(r.step, pointPrefix) {
		return keepwatch.ConnectivityProven
	}
	if r.plan == nil || !r.failed || !r.verdict.Outcome.Soft() {
		return r.p.reach.known()
	}
	return r.p.reach.ask(r.ctx, r.plan, r.step)
}

// transcript is one line a step, cheap enough to be made for every run.
func transcript(o *keepwatch.Observation) string {
	b := make([]byte, 0, 64*len(o.Steps)+128)
	b = o.At.UTC().AppendFormat(b, time.RFC3339)
	b = append(b, ' ')
	b = append(b, o.Reason...)
	b = append(b, '\n')
	for i := range o.Steps {
		line := len(b)
		b = appendStep(b, &o.Steps[i])
		if len(b) > maxTranscript-len("…\n") {
			return string(append(b[:line], "…\n"...))
		}
	}
	return string(b)
}

func appendStep(b []byte, s *keepwatch.Step) []byte {
	b = append(b, s.Name...)
	b = append(b, ' ')
	b = append(b, s.Outcome...)
	if s.HTTPStatus != 0 {
		b = append(b, " HTTP "...)
		b = strconv.AppendInt(b, int64(s.HTTPStatus), 10)
	}
	if s.Outcome != keepwatch.Skipped {
		b = append(b, ' ')
		b = strconv.AppendFloat(b, float64(s.Took.Microseconds())/1000, 'f', 1, 64)
		b = append(b, "ms"...)
	}
	if s.Shared {
		b = append(b, " shared"...)
	}
	if s.Evidence != "" {
		b = append(b, " | "...)
		b = append(b, s.Evidence...)
	}
	return append(b, '\n')
}
