package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/impact"
)

// Compose words one delivery. It is pure: the same delivery and facts make the
// same message, so a repeat under one key says the same thing.
func Compose(d keepwatch.Delivery, f Facts) Message {
	if d.Notice.Letter != nil {
		return composeLetter(d, f, "")
	}
	if f.Together != nil {
		return composeBundle(d, f)
	}
	kind := kindOf(d)
	if f.Untold && (kind == keepwatch.Changed || kind == keepwatch.Warning) {
		kind = keepwatch.Opened // what changed was never told: to this receiver it begins now
	}
	inc := f.Incident
	m := Message{
		Key: d.ID, Receiver: d.Receiver, Kind: kind, Status: Firing, Reason: reasons[kind],
		Incident: inc.ID, GroupKey: hash(inc.Key), Fingerprint: hash(string(inc.ID))[:16],
		Severity: inc.Severity, StartsAt: startOf(inc), At: d.Notice.At, Now: f.Now,
		ExternalURL: f.BaseURL, Thread: f.Thread,
	}
	if ends(kind) {
		m.Status, m.EndsAt = Over, endOf(d)
	}
	if f.BaseURL != "" && kind != KindTest {
		m.URL = f.BaseURL + "/incidents/" + url.PathEscape(string(inc.ID))
	}
	m.RunbookURL = runbook(f)
	m.Title = "[" + firstWord(inc, kind) + "] " + subject(f, kind) + ": " + headline(inc, kind)
	m.Labels = labels(f, kind)
	m.Lines = story(f, m)
	m.Annotations = annotations(f, m)
	return m
}

// hash is a stable name of text that may be long, in hex as Alertmanager's are.
func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// startOf prefers the first failure to the detection: that is when it hurt.
func startOf(inc keepwatch.Incident) time.Time {
	if !inc.FirstFailedAt.IsZero() {
		return inc.FirstFailedAt.UTC()
	}
	return inc.DetectedAt.UTC()
}

func endOf(d keepwatch.Delivery) time.Time {
	if at := d.Notice.Incident.ResolvedAt; !at.IsZero() {
		return at.UTC()
	}
	return d.Notice.At.UTC()
}

// subject says what it is about: the credential and where it lives, or the place.
func subject(f Facts, kind keepwatch.TransitionKind) string {
	if kind == KindTest {
		return "Keepwatch"
	}
	inc, tenant := f.Incident, clean(string(f.Tenant.ID), 100)
	if point := pointOf(inc); point != "" {
		return "integration point " + point + " seen from " + clean(string(inc.Place), 100)
	}
	switch inc.Scope {
	case keepwatch.ScopePlatform:
		return "SFMC platform" + inParentheses(plural(len(f.Credentials), "credential"))
	case keepwatch.ScopeTenant:
		return "tenant " + tenant
	case keepwatch.ScopePlace:
		return "tenant " + tenant + " seen from " + clean(string(inc.Place), 100)
	case keepwatch.ScopeEffect:
		if len(inc.Effects) > 0 {
			return stopped(inc) + inParentheses(tenant)
		}
	case keepwatch.ScopeMonitor:
		if id := f.credential(); id != "" {
			return "Keepwatch's test of " + clean(id, 200)
		}
		return "Keepwatch itself"
	}
	return clean(string(inc.Credential), 200) + inParentheses(where(f))
}

// stopped names what an incident's effects are about, those that still last first.
func stopped(inc keepwatch.Incident) string {
	var lasting, over []string
	for _, e := range inc.Effects {
		name := clean(e.Subject.String(), 200)
		if e.EndedAt.IsZero() {
			lasting = append(lasting, name)
		} else {
			over = append(over, name)
		}
	}
	names := lasting
	if len(names) == 0 {
		names = over
	}
	slices.Sort(names)
	switch names = slices.Compact(names); len(names) {
	case 0:
		return "something in SFMC"
	case 1:
		return names[0]
	}
	return names[0] + " and " + plural(len(names)-1, "other")
}

func inParentheses(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

// where is tenant and business unit, by name where it has one.
func where(f Facts) string {
	parts := []string{clean(string(f.Tenant.ID), 100)}
	if mid := f.common(businessUnit); mid != "" {
		for _, bu := range f.Tenant.BusinessUnits {
			if bu.MID.String() == mid && bu.Name != "" {
				mid = clean(bu.Name, 100) + " " + mid
			}
		}
		parts = append(parts, mid)
	}
	return strings.Trim(strings.Join(parts, ", "), ", ")
}

func headline(inc keepwatch.Incident, kind keepwatch.TransitionKind) string {
	if s := dateHeadline(inc, kind); s != "" {
		return s
	}
	switch kind {
	case keepwatch.Resolved:
		return "works again" + lasted(inc)
	case keepwatch.Restored:
		return "works again, and what hung on it is catching up"
	case keepwatch.Merged:
		return "now part of incident " + clean(string(inc.MergedInto), 100)
	case KindTest:
		return "this receiver works"
	}
	return string(inc.Outcome)
}

func lasted(inc keepwatch.Incident) string {
	start := startOf(inc)
	if start.IsZero() || !inc.ResolvedAt.After(start) {
		return ""
	}
	return " after " + keepwatch.FormatDuration(inc.ResolvedAt.Sub(start).Round(time.Second))
}

// labels has every name, with an empty value where there is none: the set is as
// stable as the incident.
func labels(f Facts, kind keepwatch.TransitionKind) map[string]string {
	inc := f.Incident
	return map[string]string{
		"alertname":     alertname(inc, kind),
		"credential":    clean(f.credential(), 200),
		"tenant":        clean(only(f.tenants()), 200),
		"business_unit": f.common(businessUnit),
		"criticality":   string(f.criticality()),
		"category":      string(inc.Category),
		"outcome":       string(inc.Outcome),
		"owner":         clean(f.common(team), 200),
	}
}

func annotations(f Facts, m Message) map[string]string {
	return map[string]string{
		"summary":     m.Title[strings.Index(m.Title, "] ")+2:],
		"description": join(m.Lines),
		"hint":        hint(f, m.Kind),
		"since":       since(m.StartsAt),
		"impact":      cost(f),
	}
}

func since(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}

func join(lines []Line) string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = l.Name + ": " + l.Text
	}
	return strings.Join(out, "\n")
}

// story answers, in this order: what, since when, whose, why, what to do next.
func story(f Facts, m Message) []Line {
	var out []Line
	add := func(name, text string) {
		if text != "" {
			out = append(out, Line{name, text})
		}
	}
	inc := f.Incident
	add("What", what(f, m))
	add("Since", interval(inc))
	if m.Status == Over {
		add("Until", stamp(m.EndsAt))
	}
	add("Owner", whose(f))
	add("Why", why(inc))
	add("Evidence", clean(inc.Evidence, 500))
	add("Impact", cost(f))
	if inc.AcknowledgedBy != "" {
		add("Acknowledged", "by "+clean(inc.AcknowledgedBy, 100)+", "+stamp(inc.AcknowledgedAt))
	}
	add("Next", hint(f, m.Kind))
	return out
}

func what(f Facts, m Message) string {
	inc, about := f.Incident, subject(f, m.Kind)
	if s := dateStory(inc, m.Kind, about); s != "" {
		return s
	}
	switch m.Kind {
	case KindTest:
		return "A test message: nothing is wrong."
	case keepwatch.Resolved:
		s := about + " works again" + lasted(inc) + "."
		if f.Untold {
			s += " It failed and recovered before anything could be told here; this is the one message about both."
		}
		return s
	case keepwatch.Restored:
		return about + " works again. What hung on it has not caught up yet: " + stopped(inc) + "."
	case keepwatch.Merged:
		return about + " shares its cause with others and is now part of incident " + clean(string(inc.MergedInto), 100) + "."
	case keepwatch.Acknowledged:
		return about + " is still failing; " + clean(inc.AcknowledgedBy, 100) + " has acknowledged it."
	case KindReminder, KindEscalation:
		return about + " is still failing and nobody has acknowledged it."
	}
	return about + " is failing: " + sentence(meaning(inc))
}

// meaning is the incident's own sentence, else that of the table of outcomes.
func meaning(inc keepwatch.Incident) string {
	if s := clean(inc.Message, 500); s != "" {
		return s
	}
	return inc.Outcome.Info().Meaning
}

func sentence(s string) string {
	if s == "" || strings.HasSuffix(s, ".") {
		return s
	}
	return s + "."
}

func why(inc keepwatch.Incident) string {
	if inc.Outcome == "" {
		return ""
	}
	s := string(inc.Outcome)
	if inc.Category != "" {
		s += " (" + string(inc.Category) + ")"
	}
	return s + ": " + sentence(meaning(inc))
}

// interval says between which two instants it began.
func interval(inc keepwatch.Incident) string {
	if ofDates(inc) || inc.Outcome == keepwatch.Drifted {
		return "first said " + stamp(inc.DetectedAt) // nothing broke then
	}
	switch start := startOf(inc); {
	case start.IsZero():
		return ""
	case inc.LastProvenAt.IsZero():
		return "first seen failing " + stamp(start) + "; never proven before"
	default:
		return "between " + stamp(inc.LastProvenAt) + " (last proven) and " + stamp(start) + " (first failed)"
	}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func whose(f Facts) string {
	if len(f.Credentials) != 1 {
		return clean(strings.Join(firstOf(f.collect(team)), ", "), 500)
	}
	o := f.Credentials[0].Owner
	team, contact := clean(o.Team, 200), clean(o.Contact, 200)
	switch {
	case team == "" && contact == "":
		return "nobody is registered as owner"
	case team == "" || contact == "":
		return team + contact
	}
	return team + ", " + contact
}

// hint is never empty: a message that says what is wrong and not what to do is half
// a message. After the end there is nothing to repair, but something to look at.
func hint(f Facts, kind keepwatch.TransitionKind) string {
	switch kind {
	case keepwatch.Resolved:
		if ofDates(f.Incident) || f.Incident.Outcome == keepwatch.Drifted {
			return "Nothing is left to do."
		}
		return "Nothing is left to repair. Check that what depends on it has caught up."
	case keepwatch.Restored:
		return "Open the incident for what is to be replayed, rerun or resumed, and until when."
	case keepwatch.Merged:
		return "Follow incident " + clean(string(f.Incident.MergedInto), 100) + " instead."
	}
	if s := clean(f.Incident.Hint, 1000); s != "" {
		return s
	}
	return "Open the incident in Keepwatch and read the transcript of the last test."
}

// cost is what it costs, in one line with the number of effects; then what hangs on
// the credentials.
func cost(f Facts) string {
	var parts []string
	if text := impact.Headline(f.Impact); text != "" {
		parts = append(parts, strings.ToUpper(text[:1])+text[1:])
	}
	if n := len(f.Incident.Effects); n > 0 {
		parts = append(parts, plural(n, "effect"))
	}
	text := dependents(f)
	if len(parts) == 0 {
		return text
	}
	return strings.TrimSpace(clean(strings.Join(parts, "; "), 500) + ". " + text)
}

// dependents names what hangs on the credentials.
func dependents(f Facts) string {
	var parts []string
	for _, c := range f.Credentials {
		for _, d := range c.Dependents {
			s := clean(strings.ReplaceAll(d.Kind, "_", " ")+" "+d.Key, 200)
			if d.ContactsPerDay > 0 {
				s += fmt.Sprintf(" (%.0f contacts a day)", d.ContactsPerDay)
			}
			parts = append(parts, s)
		}
	}
	slices.Sort(parts)
	if parts = slices.Compact(parts); len(parts) > 0 {
		return "Depending on it: " + strings.Join(firstOf(parts), ", ") + "."
	}
	switch len(f.Credentials) {
	case 0:
		return ""
	case 1:
		return "No dependents are registered."
	}
	return plural(len(f.Credentials), "credential") + ": " + clean(strings.Join(firstOf(f.ids()), ", "), 1000) + "."
}

const listed = 10

// firstOf keeps a list readable; a platform outage may have thousands.
func firstOf(list []string) []string {
	if len(list) <= listed {
		return list
	}
	return append(slices.Clone(list[:listed]), fmt.Sprintf("and %d more", len(list)-listed))
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// runbook is the one link of the credentials, if it is a web address. Anything
// else (javascript:, a path) is not made into a link.
func runbook(f Facts) string {
	var links []string
	for _, c := range f.Credentials {
		links = append(links, c.RunbookURL)
	}
	slices.Sort(links)
	u, err := url.Parse(only(slices.Compact(links)))
	if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "https" && u.Scheme != "http") {
		return ""
	}
	return u.String()
}
