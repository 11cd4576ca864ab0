package notify

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"keepwatch"
)

// Together is what a message of a bundle is made of.
type Together struct {
	keepwatch.BundleState
	Members keepwatch.Membership
	Facts   []Facts // of its worst members, in their order
}

// Member is one incident of a message that tells of several.
type Member struct {
	Status      Status
	Title       string // what it is about, and what is wrong
	Labels      map[string]string
	Annotations map[string]string
	URL         string
	Fingerprint string
	Message     Message // as it would be told alone
}

// mostListed is how many members a message names.
const mostListed = 10

// composeBundle words a message that tells of several incidents.
func composeBundle(d keepwatch.Delivery, f Facts) Message {
	t := f.Together
	kind := kindOf(d)
	over := t.Members.Open == 0
	switch {
	case isMessage(d) && over && d.Notice.Seq > 1 && t.Kind != keepwatch.BundleDigest:
		kind = keepwatch.Resolved
	case isMessage(d) && f.Untold:
		kind = keepwatch.Opened
	}
	m := Message{
		Key: d.ID, Receiver: d.Receiver, Kind: kind, Status: Firing, Reason: reasons[kind],
		Incident: t.ID, GroupKey: hash(t.Receiver + "\x00" + t.Key), Fingerprint: hash(string(t.ID))[:16], GroupLabels: maps.Clone(t.Labels),
		Severity: keepwatch.SeverityInfo, StartsAt: t.OpenedAt.UTC(), At: d.Notice.At, Now: f.Now, ExternalURL: f.BaseURL, Thread: f.Thread,
		Labels: labelsOf(t.Bundle), More: max(0, t.Members.Total-len(t.Facts)),
	}
	for _, of := range t.Facts {
		member := memberOf(of, d, f)
		if member.Status == Firing && louder(of.Incident.Severity, m.Severity) {
			m.Severity = of.Incident.Severity
		}
		if start := member.Message.StartsAt; !start.IsZero() && start.Before(m.StartsAt) {
			m.StartsAt = start
		}
		m.Members = append(m.Members, member)
	}
	if over {
		m.Status, m.EndsAt = Over, t.ClosedAt.UTC()
		if m.EndsAt.IsZero() {
			m.EndsAt = f.Now.UTC()
		}
	}
	if f.BaseURL != "" {
		m.URL, m.Button = f.BaseURL+"/incidents?status=all&told_in="+url.QueryEscape(string(t.ID)), "Open the list"
	}
	m.Title = "[" + bundleWord(*t, kind, over) + "] " + bundleTitle(*t)
	m.Lines = bundleStory(*t, m)
	m.Annotations = map[string]string{
		"summary": m.Title[strings.Index(m.Title, "] ")+2:], "description": join(m.Lines), "hint": bundleHint(over), "since": since(m.StartsAt), "impact": "",
	}
	return m
}

// memberOf is one member as it stands now.
func memberOf(of Facts, d keepwatch.Delivery, f Facts) Member {
	kind := keepwatch.Opened
	if of.Incident.Status == keepwatch.IncidentResolved {
		kind = keepwatch.Resolved
		if of.Incident.MergedInto != "" {
			kind = keepwatch.Merged
		}
	}
	n := keepwatch.Notice{ID: d.Notice.ID, Incident: of.Incident, Kind: kind, Seq: of.Incident.Revision, At: d.Notice.At}
	of.BaseURL, of.Now = f.BaseURL, f.Now
	alone := Compose(keepwatch.Delivery{ID: d.ID, Notice: n, Receiver: d.Receiver}, of)
	return Member{
		Status: alone.Status, Title: memberTitle(of, kind), Labels: alone.Labels, Annotations: alone.Annotations,
		URL: alone.URL, Fingerprint: alone.Fingerprint, Message: alone,
	}
}

func memberTitle(of Facts, kind keepwatch.TransitionKind) string {
	title := CutRunes(subject(of, kind), 120) + ": " + CutRunes(headline(of.Incident, kind), 120)
	if level := of.criticality(); level != "" {
		title += ", " + string(level)
	}
	if of.Incident.AcknowledgedBy != "" && kind == keepwatch.Opened {
		title += ", acknowledged by " + clean(of.Incident.AcknowledgedBy, 60)
	}
	return title
}

func louder(a, b keepwatch.Severity) bool {
	order := []keepwatch.Severity{keepwatch.SeverityInfo, keepwatch.SeverityWarning, keepwatch.SeverityCritical}
	return slices.Index(order, a) > slices.Index(order, b)
}

func bundleWord(t Together, kind keepwatch.TransitionKind, over bool) string {
	switch {
	case t.Kind == keepwatch.BundleDigest:
		return "DIGEST"
	case over:
		return headlines[keepwatch.Resolved]
	case kind == keepwatch.Changed:
		return headlines[keepwatch.Opened] // what still fails, fails
	}
	return headlines[kind]
}

func bundleTitle(t Together) string {
	s := plural(t.Members.Total, "incident")
	switch {
	case t.Kind == keepwatch.BundleStorm && t.Calm:
		s += ", no more are coming"
	case t.Kind == keepwatch.BundleStorm:
		s += " at once"
	}
	var alike []string
	for _, name := range slices.Sorted(maps.Keys(t.Labels)) {
		if t.Labels[name] != "" {
			alike = append(alike, strings.ReplaceAll(name, "_", " ")+" "+t.Labels[name])
		}
	}
	return CutRunes(s+inParentheses(strings.Join(alike, ", "))+": "+standing(t.Members), 300)
}

func standing(m keepwatch.Membership) string {
	switch {
	case m.Open == 0:
		return "all over"
	case m.Open == m.Total:
		return causes(m, 3)
	}
	return fmt.Sprintf("%d still open", m.Open)
}

// causes counts members by outcome.
func causes(m keepwatch.Membership, most int) string {
	var parts []string
	for i, c := range m.Causes {
		if i == most {
			parts = append(parts, fmt.Sprintf("and %d more causes", len(m.Causes)-most))
			break
		}
		name := string(c.Outcome)
		if name == "" {
			name = "no outcome"
		}
		text := fmt.Sprintf("%d %s", c.Count, name)
		if c.Open < c.Count {
			text += fmt.Sprintf(" (%d open)", c.Open)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// bundleStory says how many, since when, by cause, who is worst, and what to do next.
func bundleStory(t Together, m Message) []Line {
	out := []Line{{"What", bundleWhat(t)}, {"Since", "the first " + stamp(m.StartsAt)}}
	if m.Status == Over {
		out = append(out, Line{"Until", stamp(m.EndsAt)})
	}
	out = append(out, Line{"By cause", causes(t.Members, listed)})
	for _, member := range m.Members {
		name := "Open"
		if member.Status == Over {
			name = "Over"
		}
		out = append(out, Line{name, member.Title})
	}
	if m.More > 0 {
		out = append(out, Line{"And", fmt.Sprintf("%d more", m.More)})
	}
	return append(out, Line{"Next", bundleHint(m.Status == Over)})
}

func bundleWhat(t Together) string {
	m := t.Members
	counts := fmt.Sprintf("%s: %d open, %d over, %d not told before.", plural(m.Total, "incident"), m.Open, m.Total-m.Open, m.New)
	switch {
	case t.Kind == keepwatch.BundleDigest:
		return counts + " Gathered for this hour."
	case t.Kind == keepwatch.BundleStorm && t.Calm:
		return counts + " Nothing new came for a while: incidents are told one by one again."
	case t.Kind == keepwatch.BundleStorm:
		return counts + " More come than are told one by one."
	}
	return counts
}

func bundleHint(over bool) string {
	if over {
		return "Nothing is left to repair. Check that what depends on them has caught up."
	}
	return "Look for what they have in common: a cause by itself rarely comes often. Open the list in Keepwatch."
}
