package view

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
)

// gistOf says an incident in three sentences to somebody who knows neither OAuth nor
// the words of this program. What the table of outcomes knows stays its job: there is
// no second table of meanings here.
func gistOf(d client.IncidentDetail, purpose string, hanging []string, now time.Time) client.Gist {
	return client.Gist{What: whatOf(d, purpose, now), Hit: hitOf(d, hanging), Do: doOf(d, now)}
}

// whatOf names the thing, what it does for people, and since when it does not.
func whatOf(d client.IncidentDetail, purpose string, now time.Time) string {
	subject := subjectOf(d)
	if purpose != "" {
		subject += " (" + strings.TrimRight(purpose, ". ") + ")"
	}
	if about := outcomeOf(d.Incident); about.Confirm == keepwatch.ConfirmDate {
		return datedWhat(d, subject, now)
	}
	word := "has"
	if keepwatch.Scope(d.Scope) == keepwatch.ScopeEffect && len(d.Effects) > 1 {
		word = "have"
	}
	switch {
	case d.ResolvedAt != nil:
		return subject + " " + word + " worked again" + sinceStamp(d.ResolvedAt, now) + lastedFor(d.FirstFailedAt, cmp.Or(d.RestoredAt, d.ResolvedAt)) + "."
	case d.RestoredAt != nil:
		return subject + " " + word + " worked again" + sinceStamp(d.RestoredAt, now) + lastedFor(d.FirstFailedAt, d.RestoredAt) + ". What hangs on it is still catching up."
	}
	if outcomeOf(d.Incident).State == keepwatch.StateDegraded {
		word += " worked badly"
	} else {
		word += " not worked"
	}
	return subject + " " + word + sinceStamp(d.FirstFailedAt, now) + ": " + strings.TrimRight(plainMeaning(d.Incident), ".") + "."
}

// datedWhat is about a date or a changed fact: nothing has failed, or it failed since
// its time was over.
func datedWhat(d client.IncidentDetail, subject string, now time.Time) string {
	if d.ResolvedAt != nil {
		return subject + " was warned of; that is settled" + sinceStamp(d.ResolvedAt, now) + "."
	}
	message := d.Message
	if d.Credential != nil {
		message = strings.TrimPrefix(message, *d.Credential+": ")
	}
	if message == "" {
		message = Capital(outcomeOf(d.Incident).Meaning)
	}
	return subject + ": " + strings.TrimRight(message, ".") + "."
}

func outcomeOf(i client.Incident) keepwatch.OutcomeInfo { return keepwatch.Outcome(i.Outcome).Info() }

func subjectOf(d client.IncidentDetail) string {
	switch keepwatch.Scope(d.Scope) {
	case keepwatch.ScopeCredential:
		if d.Credential != nil {
			return "The connection " + *d.Credential
		}
	case keepwatch.ScopeEffect:
		if len(d.Effects) > 0 {
			e := d.Effects[0]
			return "The " + Words(e.Kind) + " " + e.Name + more(len(d.Effects)-1)
		}
	case keepwatch.ScopePlatform:
		return "Salesforce Marketing Cloud"
	case keepwatch.ScopeTenant:
		return "The account " + d.Tenant
	case keepwatch.ScopePlace:
		return "The way to Salesforce from " + placeName(keepwatch.Place(d.Place))
	case keepwatch.ScopeMonitor:
		return "Keepwatch itself"
	}
	return "Something that Keepwatch looks after"
}

func more(n int) string {
	switch {
	case n <= 0:
		return ""
	case n == 1:
		return " and one more"
	}
	return " and " + count(n, "other") // "and 3 others"
}

// plainMeaning is why, as far as one line holds it. Of an effect the evidence says more
// than the name of its kind.
func plainMeaning(i client.Incident) string {
	if keepwatch.Scope(i.Scope) == keepwatch.ScopeEffect {
		if kind, _ := i.Cause["kind"].(string); kind != "" && kind != string(keepwatch.CauseUnknown) {
			return outcomeOf(i).Meaning + "; the likely cause: " + Words(kind)
		}
	}
	return outcomeOf(i).Meaning
}

// lastedFor is how long it did not work.
func lastedFor(from, to *time.Time) string {
	if from == nil || to == nil || !to.After(*from) {
		return ""
	}
	return "; it had not worked for " + Span(to.Sub(*from))
}

// sinceStamp says since when, as an instant and as a length: the one for a ticket, the
// other for a person.
func sinceStamp(t *time.Time, now time.Time) string {
	if t == nil {
		return ""
	}
	return " since " + t.UTC().Format("Mon 2 Jan 15:04") + " UTC, " + strings.TrimSuffix(Ago(t, now), ".")
}

// hitOf says who answers for it and what has stopped.
func hitOf(d client.IncidentDetail, hanging []string) string {
	owner := "Nobody is written down as its owner"
	if d.Owner != "" {
		owner = "It belongs to " + d.Owner
	}
	var still, back []string
	for _, e := range d.Effects {
		name := Words(e.Kind) + " " + e.Name
		if e.EndedAt == nil {
			still = append(still, name)
		} else {
			back = append(back, name)
		}
	}
	var parts []string
	switch {
	case len(still) > 0:
		parts = append(parts, Capital(listed(still, 3))+" "+standStill(len(still)))
	case len(back) > 0:
		parts = append(parts, Capital(listed(back, 3))+" stood still and has caught up")
	case d.Status == string(keepwatch.IncidentResolved):
		parts = append(parts, "Nothing that hangs on it is known to have stopped")
	case len(hanging) > 0:
		parts = append(parts, "Nothing is known to have stopped yet; "+listed(hanging, 3)+" "+hang(len(hanging))+" on it")
	default:
		parts = append(parts, "Nobody wrote down what hangs on it, so what it hits is not known")
	}
	if d.Cost != "" {
		parts[0] += ": " + d.Cost
	}
	return owner + ". " + strings.Join(parts, ". ") + "."
}

func standStill(n int) string {
	if n == 1 {
		return "is not running as it should"
	}
	return "are not running as they should"
}

func hang(n int) string {
	if n == 1 {
		return "hangs"
	}
	return "hang"
}

// listed names the first few of many.
func listed(names []string, most int) string {
	n := len(names)
	switch {
	case n == 1:
		return names[0]
	case n <= most:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return strings.Join(names[:most], ", ") + " and " + count(n-most, "other")
}

// doOf is the next step: first what brings it back, then what makes up for it.
func doOf(d client.IncidentDetail, now time.Time) string {
	if d.MergedInto != nil {
		return "This became part of a wider incident with the same cause; go on there."
	}
	todo := slices.DeleteFunc(slices.Clone(d.Actions), func(a client.Action) bool { return a.Done })
	over := d.RestoredAt != nil || d.ResolvedAt != nil
	switch {
	case over && len(todo) > 0:
		first := todo[0]
		text, _, _ := strings.Cut(strings.TrimRight(first.Text, "."), ": ") // how many, and why, stands below
		if first.Until != nil {
			text += ", " + deadline(*first.Until, now)
		}
		if len(todo) > 1 {
			text += "; then " + count(len(todo)-1, "more thing") + " below"
		}
		return text + "."
	case over:
		return "Nothing is left to do."
	case d.Hint != "":
		return strings.TrimRight(d.Hint, ".") + "." + taken(d)
	}
	return "Find whoever looks after it, and look at the evidence below." + taken(d)
}

func deadline(t, now time.Time) string {
	if !t.After(now) {
		return "which is too late since " + t.UTC().Format("Mon 2 Jan 15:04") + " UTC"
	}
	return "before " + t.UTC().Format("Mon 2 Jan 15:04") + " UTC, in " + Hours(t.Sub(now))
}

func taken(d client.IncidentDetail) string {
	if d.AcknowledgedAt == nil {
		return " Nobody has taken it yet."
	}
	return " " + Capital(d.AcknowledgedBy) + " is on it."
}
