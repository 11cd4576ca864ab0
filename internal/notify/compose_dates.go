package notify

import (
	"strings"

	"keepwatch"
)

// ofDates reports whether an incident is about a date: nothing has failed, or what
// ended has ended because its time was over.
func ofDates(inc keepwatch.Incident) bool {
	return inc.Outcome == keepwatch.Expiring || inc.Outcome == keepwatch.Expired
}

// pointOf is the integration point that an incident is about, "" for others.
func pointOf(inc keepwatch.Incident) string {
	name, ok := strings.CutPrefix(inc.Key, "point:")
	if !ok {
		return ""
	}
	return clean(name, 100)
}

// firstWord begins a title. The first rung of a date is a warning like the others.
func firstWord(inc keepwatch.Incident, kind keepwatch.TransitionKind) string {
	if kind == keepwatch.Opened && inc.Outcome == keepwatch.Expiring {
		return headlines[keepwatch.Warning]
	}
	return headlines[kind]
}

// dateHeadline ends a title where the words of a failure would be wrong: what the
// incident itself says, without the name that stands before it.
func dateHeadline(inc keepwatch.Incident, kind keepwatch.TransitionKind) string {
	dates := ofDates(inc)
	switch {
	case !dates && inc.Outcome != keepwatch.Drifted:
		return ""
	case kind == keepwatch.Resolved && dates:
		return "the date has moved"
	case kind == keepwatch.Resolved:
		return "the change is known"
	case kind == keepwatch.Merged:
		return ""
	}
	return firstSentence(own(inc))
}

// dateStory is what a message about a date says.
func dateStory(inc keepwatch.Incident, kind keepwatch.TransitionKind, about string) string {
	dates := ofDates(inc)
	switch {
	case !dates && inc.Outcome != keepwatch.Drifted, kind == keepwatch.Merged, kind == KindTest:
		return ""
	case kind == keepwatch.Resolved && dates:
		return about + ": the date that was warned of no longer stands."
	case kind == keepwatch.Resolved:
		return about + ": the change is known, or a week old; nothing has changed since."
	case kind == keepwatch.Acknowledged:
		return clean(inc.AcknowledgedBy, 100) + " has acknowledged this about " + about + ": " + sentence(own(inc))
	}
	return about + ": " + sentence(own(inc))
}

// own is the incident's sentence without the credential's name in front.
func own(inc keepwatch.Incident) string {
	return strings.TrimPrefix(meaning(inc), clean(string(inc.Credential), 200)+": ")
}

func firstSentence(s string) string {
	if i := strings.Index(s, ". "); i >= 0 {
		s = s[:i]
	}
	return strings.TrimSuffix(s, ".")
}
