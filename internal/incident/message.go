package incident

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"keepwatch"
)

// namedMembers is how many credentials a sentence names before it counts.
const namedMembers = 3

// sentence says in one sentence what is wrong. A single credential's own message
// is the most precise there is; of a crowd only the cause holds for everybody.
func sentence(in *keepwatch.Incident, own string) string {
	who := names(in)
	what := in.Outcome.Info().Meaning
	if len(activeCredentials(in)) <= 1 && own != "" {
		return clip(join(who, own), maxSentence)
	}
	if in.Outcome.Info().Assumed {
		what = "probably " + what
	}
	return clip(join(who, what), maxSentence)
}

// withToll adds to a sentence what stopped because of it, within the limit.
func withToll(base string, in *keepwatch.Incident) string {
	clause := tollOf(in)
	if clause != "" {
		base = strings.TrimSuffix(base, ".")
	}
	return clip(base, maxSentence-len(clause)) + clause
}

// tollOf is the clause about the effects of a cause, "" where there are none.
func tollOf(in *keepwatch.Incident) string {
	text := ""
	switch {
	case in.Scope == keepwatch.ScopeEffect:
	case in.Status == keepwatch.IncidentResolved:
		text = toll(in.Effects, all, "had stopped", "had stopped")
	case !in.RestoredAt.IsZero():
		text = toll(in.Effects, lasts, "has not caught up", "have not caught up")
	default:
		text = toll(in.Effects, lasts, "stopped", "stopped")
	}
	if text != "" {
		text = "; " + text
	}
	return text
}

// say gives an incident its sentence.
func (e *entry) say(text string) {
	e.text = text
	e.tell()
}

// tell renews what the sentence says about effects.
func (e *entry) tell() {
	if e.Scope == keepwatch.ScopeEffect {
		e.Message = effectSentence(&e.Incident)
		return
	}
	e.Message = withToll(e.text, &e.Incident)
}

// lasts reports an effect that has not ended.
func lasts(ef *keepwatch.Effect) bool { return ef.EndedAt.IsZero() }

func all(*keepwatch.Effect) bool { return true }

// nouns are the kinds of subjects as a sentence counts them.
var nouns = []struct {
	noun  string
	kinds []keepwatch.SubjectKind
}{
	{"journey", []keepwatch.SubjectKind{keepwatch.SubjectJourney}},
	{"automation", []keepwatch.SubjectKind{keepwatch.SubjectAutomation}},
	{"data extension", []keepwatch.SubjectKind{keepwatch.SubjectDataExtension}},
	{"send", []keepwatch.SubjectKind{keepwatch.SubjectTriggeredSend, keepwatch.SubjectTransactionalEmail, keepwatch.SubjectTransactionalSMS}},
}

// toll counts things, each once however many of its aspects are hit: "journey welcome
// stopped", "12 journeys stopped", "23 things stopped: 12 journeys, 8 data extensions,
// 3 sends".
func toll(effects []keepwatch.Effect, keep func(*keepwatch.Effect) bool, one, many string) string {
	seen := map[string]bool{}
	byKind := map[keepwatch.SubjectKind]int{}
	var only keepwatch.Subject
	for i := range effects {
		ef := &effects[i]
		if id := subjectKey(ef.Subject); keep(ef) && !seen[id] {
			seen[id] = true
			byKind[ef.Subject.Kind]++
			only = ef.Subject
		}
	}
	var parts []string
	for _, n := range nouns {
		sum := 0
		for _, kind := range n.kinds {
			sum += byKind[kind]
		}
		if sum > 0 {
			parts = append(parts, count(sum, n.noun))
		}
	}
	switch {
	case len(seen) == 0:
		return ""
	case len(seen) == 1:
		return clip(only.String(), maxSubject) + " " + one
	case len(parts) == 1:
		return parts[0] + " " + many
	}
	return count(len(seen), "thing") + " " + many + ": " + strings.Join(parts, ", ")
}

// maxSubject keeps the name of one thing from filling a sentence.
const maxSubject = 120

// effectSentence says what stopped where no incident of a cause holds it, and why as far
// as that is known.
func effectSentence(in *keepwatch.Incident) string {
	if len(in.Effects) == 0 {
		return in.Outcome.Info().Meaning
	}
	ef := rootEffect(in)
	text := ef.Evidence
	if text == "" {
		text = ef.Outcome.Info().Meaning
	}
	if !strings.Contains(text, ef.Subject.Key) && (ef.Subject.Name == "" || !strings.Contains(text, ef.Subject.Name)) {
		text = clip(ef.Subject.String(), maxSubject) + ": " + text
	}
	tail := ""
	keep, verb := lasts, "stopped"
	if in.Status == keepwatch.IncidentResolved {
		keep, verb = all, "had stopped"
	}
	if n := toll(in.Effects, keep, "", verb); !strings.HasSuffix(n, " ") && n != "" {
		tail = "; " + n
	}
	if len(in.Causes) > 0 && in.Causes[0].Kind != keepwatch.CauseUnknown {
		tail += ". " + likelihood(in.Causes[0].Confidence) + ": " + strings.TrimSuffix(clip(in.Causes[0].Evidence, maxCause), ".")
	}
	if tail == "" {
		return clip(text, maxSentence)
	}
	return clip(strings.TrimSuffix(text, "."), maxSentence-len(tail)) + tail
}

const maxCause = 200

// likelihood introduces a cause in words; above 0.9 two kinds of evidence agree.
func likelihood(confidence float64) string {
	switch {
	case confidence > confirmedAbove:
		return "Cause"
	case confidence >= 0.5:
		return "Likely cause"
	}
	return "Perhaps"
}

// rootEffect is the one that an incident is named after, else the first that lasts.
func rootEffect(in *keepwatch.Incident) *keepwatch.Effect {
	first := &in.Effects[0]
	for i := range in.Effects {
		ef := &in.Effects[i]
		if strings.HasSuffix(in.Key, ":"+subjectKey(ef.Subject)) {
			return ef
		}
		if !lasts(first) && lasts(ef) {
			first = ef
		}
	}
	return first
}

// maxSentence keeps an incident's message within what intake allows for one.
const maxSentence = 500

func join(who, what string) string {
	if who == "" {
		return what
	}
	return who + ": " + what
}

// names lists the members that still fail, or counts them.
func names(in *keepwatch.Incident) string {
	ids := activeCredentials(in)
	switch {
	case len(ids) == 0:
		return string(in.Credential)
	case len(ids) <= namedMembers:
		return strings.Join(ids, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(ids[:namedMembers], ", "), len(ids)-namedMembers)
}

func activeCredentials(in *keepwatch.Incident) []string {
	seen := make(map[keepwatch.CredentialID]bool, len(in.Members))
	var ids []string
	for _, m := range in.Members {
		if m.EndedAt.IsZero() && m.Credential != "" && !seen[m.Credential] {
			seen[m.Credential] = true
			ids = append(ids, string(m.Credential))
		}
	}
	sort.Strings(ids)
	return ids
}

// clip cuts at a rune's border, so that a long message stays valid text.
func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit-len("…")], "") + "…"
}

// span renders a distance for a sentence, in whole seconds.
func span(from, to time.Time) string {
	if from.IsZero() || to.Before(from) {
		return "0s"
	}
	return keepwatch.FormatDuration(to.Sub(from).Truncate(time.Second))
}
