package incident

import (
	"fmt"
	"slices"
	"strings"

	"keepwatch"
)

// selfMade reports that SFMC says itself what stopped a subject: a person, or the platform.
// That is no consequence of whatever else fails at the time.
func selfMade(s *keepwatch.Series) bool {
	return slices.ContainsFunc(ownCauses(s, nil), func(c candidate) bool { return c.Confidence >= confirmedAbove })
}

// ownCauses are those that the subject's own reading names.
func ownCauses(s *keepwatch.Series, before *keepwatch.Watch) []candidate {
	w := s.Watch
	var found []candidate
	add := func(c candidate, ok bool) {
		if ok {
			if c.Subject == "" {
				c.Subject = w.Subject.ID()
			}
			found = append(found, c)
		}
	}
	r := &w.Reading
	switch {
	case r.Journey != nil && s.Outcome == keepwatch.JourneyActivityFailing:
		add(activityFails(r.Journey))
	case r.Journey != nil:
		add(journeyStopped(r))
		add(eventsRefused(r.Journey, before))
	case r.Automation != nil:
		if c, ok := automationStopped(r); ok {
			add(c, ok)
		} else {
			add(automationItself(s))
		}
	case r.Send != nil:
		add(definitionInactive(r.Send))
	}
	return found
}

// journeyStopped: its status says that it does not run, and the audit log perhaps who
// did that.
func journeyStopped(r *keepwatch.Reading) (candidate, bool) {
	j := r.Journey
	if j.Status == "" || strings.EqualFold(j.Status, "Published") {
		return candidate{}, false
	}
	c := candidate{by: byJourneys, Cause: keepwatch.Cause{
		Kind: keepwatch.CauseStopped, Confidence: 0.6, At: j.ChangedAt, Evidence: fmt.Sprintf("Its status is %s, and who did that is not known.", j.Status),
	}}
	if j.ChangedBy != "" && stops(j.Change) {
		c.By, c.Confidence, c.by = j.ChangedBy, 0.95, byJourneys|byAudit
		c.Evidence = fmt.Sprintf("The audit log says: %s by %s%s; its status is %s.", j.Change, j.ChangedBy, atTime(j.ChangedAt), j.Status)
	}
	return c, true
}

func stops(change string) bool {
	change = strings.ToLower(change)
	return slices.ContainsFunc([]string{"stop", "pause", "unpublish", "delete", "cancel"}, func(word string) bool { return strings.Contains(change, word) })
}

// eventsRefused: somebody calls, and what he sends is turned away.
func eventsRefused(j *keepwatch.JourneyReading, before *keepwatch.Watch) (candidate, bool) {
	c := candidate{by: byJourneys, Cause: keepwatch.Cause{Kind: keepwatch.CauseBadEvents}}
	if j.Errored != nil && *j.Errored > 0 {
		c.Confidence, c.Evidence = 0.85, fmt.Sprintf("%s came in and failed while they were processed.", events(*j.Errored))
		return c, true
	}
	if before == nil || before.Reading.Journey == nil {
		return c, false
	}
	old := before.Reading.Journey
	attempted, met, failed := grown(old.Attempted, j.Attempted), grown(old.Met, j.Met), grown(old.Failed, j.Failed)
	switch {
	case failed > 0:
		c.Confidence, c.Evidence = 0.8, fmt.Sprintf("%s failed since the reading before.", events(failed))
	case attempted > 0 && met == 0 && old.Met != nil && j.Met != nil:
		c.Confidence, c.Evidence = 0.75, fmt.Sprintf("%s came since the reading before, and none met the criteria of entry.", events(attempted))
	default:
		return c, false
	}
	return c, true
}

// grown is by how much a counter grew, 0 where that is not known.
func grown(old, now *int64) int64 {
	if old == nil || now == nil {
		return 0
	}
	return max(*now-*old, 0)
}

func events(n int64) string { return count(int(n), "event") }

func activityFails(j *keepwatch.JourneyReading) (candidate, bool) {
	var worst *keepwatch.ActivityReading
	for i := range j.Activities {
		if a := &j.Activities[i]; a.Failed > 0 && (worst == nil || a.Failed > worst.Failed || (a.Failed == worst.Failed && a.Name < worst.Name)) {
			worst = a
		}
	}
	if worst == nil {
		return candidate{}, false
	}
	return candidate{by: byJourneys, Cause: keepwatch.Cause{
		Kind: keepwatch.CauseActivity, Confidence: 0.85,
		Evidence: fmt.Sprintf("Its activity %s (%s) failed %d of %d times.", worst.Name, worst.Kind, worst.Failed, worst.Failed+worst.Done),
	}}, true
}

// automationStopped: a person paused it, or the platform switched it off after failures.
func automationStopped(r *keepwatch.Reading) (candidate, bool) {
	a := r.Automation
	switch status := strings.ToLower(a.Status); {
	case a.PausedBy != "" && idle(status):
		return candidate{by: byAutomations | byAudit, Cause: keepwatch.Cause{
			Kind: keepwatch.CauseStopped, By: a.PausedBy, At: a.PausedAt, Confidence: 0.93,
			Evidence: fmt.Sprintf("It was paused by %s%s; its status is %s.", a.PausedBy, atTime(a.PausedAt), a.Status),
		}}, true
	case strings.Contains(status, "deactivated") || (a.PausedBy == "" && idle(status) && strings.EqualFold(a.LastStatus, "Error")):
		return candidate{by: byAutomations, Cause: keepwatch.Cause{
			Kind: keepwatch.CauseDeactivated, Confidence: 0.9, At: a.LastRunAt,
			Evidence: fmt.Sprintf("SFMC switched it off (%s) after its runs had failed.", a.Status),
		}}, true
	}
	return candidate{}, false
}

// automationItself: where nothing above it explains more, its own run is the cause.
func automationItself(s *keepwatch.Series) (candidate, bool) {
	c := candidate{by: byAutomations, Cause: keepwatch.Cause{Kind: keepwatch.CauseAutomation, At: s.Watch.Verdict.Since, Confidence: 0.7, Evidence: s.Watch.Verdict.Evidence}}
	switch s.Outcome {
	case keepwatch.ImportEmpty:
		c.Kind = keepwatch.CauseEmptyImport
	case keepwatch.AutomationMissed, keepwatch.AutomationFailed:
	default:
		return c, false
	}
	return c, c.Evidence != ""
}

func idle(status string) bool {
	return strings.Contains(status, "pause") || strings.Contains(status, "stop") || strings.Contains(status, "inactive")
}

// definitionInactive: SFMC takes messages in and does not send them.
func definitionInactive(r *keepwatch.SendReading) (candidate, bool) {
	c := candidate{by: bySends, Cause: keepwatch.Cause{Kind: keepwatch.CauseInactive, Confidence: 0.9}}
	switch {
	case r.Status != "" && !strings.EqualFold(r.Status, "Active"):
		c.Evidence = fmt.Sprintf("The definition is %s: what comes in only queues.", r.Status)
	case r.TopError != "":
		c.Confidence, c.Evidence = 0.6, "It is active, and most messages are not sent because of: "+r.TopError+"."
	default:
		return c, false
	}
	return c, true
}
