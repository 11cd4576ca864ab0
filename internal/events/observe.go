package events

import (
	"cmp"
	"context"
	"regexp"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/detect"
	"keepwatch/internal/sfmc"
)

// maxDepth is far above any queue.
const maxDepth = 1e12

// queue judges what a caller holds back, by what it said before. The reading is a look
// at one subject like any other, so that it folds into the incident of the credential.
func (e *Events) queue(ctx context.Context, estate Estate, ev *client.Event, w whose, now time.Time) (*fault, error) {
	switch {
	case ev.Holder == "":
		return &fault{"holder", "is missing", "name the system that holds the queue"}, nil
	case ev.Dependent == nil:
		return &fault{"dependent", "is missing", "name what the queue is for: kind and key, as under the credential's dependents"}, nil
	case ev.Depth == nil || *ev.Depth < 0 || *ev.Depth > maxDepth:
		return &fault{"depth", "is missing or makes no sense", "send how many wait, 0 or more"}, nil
	}
	watch, ok := estate.Dependent(w.credential, keepwatch.SubjectKind(ev.Dependent.Kind), ev.Dependent.Key)
	if !ok {
		return &fault{"dependent", "is none of this credential", "name it under the credential's dependents first"}, nil
	}
	reading := keepwatch.SendReading{Queued: ev.Depth, Holder: ev.Holder}
	if ev.OldestAge != "" {
		age, err := keepwatch.ParseDuration(ev.OldestAge)
		if err != nil || age < 0 || age > 365*24*time.Hour {
			return &fault{"oldest_age", "is no duration", "write it like 90s, 26m or 4h"}, nil
		}
		reading.Oldest = &age
	}
	watch.Aspect, watch.Reading = keepwatch.AspectBacklog, keepwatch.Reading{At: w.at, Send: &reading}
	check := keepwatch.BacklogCheck(w.credential, ev.Holder)
	series := keepwatch.SeriesOf(check, keepwatch.SubjectSeries(watch.Subject, watch.Aspect))

	e.judging.Lock()
	defer e.judging.Unlock()
	before, err := e.Record.Watches(ctx, check)
	if err != nil {
		return invalid(err)
	}
	var prev *keepwatch.Watch
	if p, known := before[series]; known {
		if !w.at.After(p.Reading.At) {
			return &fault{"at", "is older than what was pushed before", "push readings in their order"}, nil
		}
		prev = &p
	}
	watch = detect.Judge(prev, nil, watch)
	o := keepwatch.Observation{
		Key: keyOf("queue", w.credential, ev.Key), Series: series, Check: check, Tenant: w.tenant, Place: keepwatch.Local, Source: keepwatch.SourceEvent,
		Slot: w.at, At: w.at, Outcome: cmp.Or(watch.Verdict.Outcome, keepwatch.OK), Message: watch.Verdict.Evidence, Hint: watch.Verdict.Hint, Watch: &watch,
	}
	return invalid(e.Record.Record(ctx, []keepwatch.Observation{o}, now))
}

// verdict records a test that ran elsewhere as if it had run here. What it is called and
// what is to be done comes from the table here, and not from the sender.
func (e *Events) verdict(ctx context.Context, ev *client.Event, w whose, now time.Time) (*fault, error) {
	switch {
	case w.pushed <= 0:
		return &fault{"credential", "is tested by Keepwatch itself", "set pushed_every of the credential, so that there is one judge of it"}, nil
	case ev.Place == "":
		return &fault{"place", "is missing", "name where the test ran, like ci or agent-eu"}, nil
	case len(ev.Steps) > maxSteps:
		return &fault{"steps", "are too many", "send at most 32"}, nil
	}
	outcome := keepwatch.Outcome(ev.Outcome)
	if bad := runOutcome("outcome", outcome); bad != nil {
		return bad, nil
	}
	o := keepwatch.Observation{
		Key: keyOf("verdict", w.credential, ev.Key), Series: keepwatch.SeriesID(w.credential), Check: keepwatch.CheckID(w.credential), Credential: w.credential,
		Tenant: w.tenant, Place: keepwatch.Place(ev.Place), Source: keepwatch.SourceTest, Reason: keepwatch.ReasonScheduled,
		Slot: w.at, At: w.at, Took: time.Duration(ev.TookMS) * time.Millisecond, Gap: w.pushed, Outcome: outcome, Step: word(ev.Step),
		Message: message(outcome), Count: ev.Count, Connectivity: keepwatch.ConnectivityUnproven,
	}
	if ev.Connectivity == string(keepwatch.ConnectivityProven) {
		o.Connectivity = keepwatch.ConnectivityProven
	}
	if outcome != keepwatch.OK {
		o.Hint = "The test ran at " + ev.Place + "; its own output says more."
	}
	for _, s := range ev.Steps {
		step := keepwatch.Step{Name: word(s.Name), Outcome: keepwatch.Outcome(s.Outcome), HTTPStatus: s.HTTPStatus}
		if step.Name == "" || !step.Outcome.Known() && step.Outcome != keepwatch.Skipped {
			return &fault{"steps", "have a name or an outcome that is none", "send them as keepwatch check does"}, nil
		}
		if s.DurationMS >= 0 && s.DurationMS < 1e9 {
			step.Took = time.Duration(s.DurationMS * float64(time.Millisecond))
		}
		if s.Evidence != "" {
			step.Evidence = sfmc.Said{Kind: kindOf(step.Name), Status: s.HTTPStatus, Text: s.Evidence}.Verdict().Evidence
		}
		if step.Name == o.Step {
			o.Evidence = step.Evidence
		}
		o.Steps = append(o.Steps, step)
	}
	return invalid(e.Record.Record(ctx, []keepwatch.Observation{o}, now))
}

// message is what an outcome means, as one sentence.
func message(o keepwatch.Outcome) string {
	if o == keepwatch.OK {
		return "All steps passed."
	}
	return "The test found: " + o.Info().Meaning + "."
}

func kindOf(step string) keepwatch.CallKind {
	switch {
	case step == "token":
		return keepwatch.CallToken
	case len(step) > 5 && step[:5] == "soap:":
		return keepwatch.CallSOAP
	}
	return keepwatch.CallREST
}

var stepWord = regexp.MustCompile(`^[a-z]{1,20}(:[A-Za-z0-9/._$=?&%-]{1,150})?$`)

// word lets the name of a step through, and no text that could be more.
func word(s string) string {
	s, _, _ = strings.Cut(s, "?") // a query is nobody's business
	if stepWord.MatchString(s) {
		return s
	}
	return ""
}

// keyOf is the key of an observation: a sender's own keys may be long, and belong to it.
func keyOf(kind string, c keepwatch.CredentialID, key string) string {
	return "push:" + kind + ":" + keepwatch.Digest(string(c), key)
}
