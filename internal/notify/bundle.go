package notify

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"keepwatch"
)

// GroupFacts are the facts that a route may group by.
var GroupFacts = []string{"tenant", "business_unit", "owner", "category", "outcome", "credential", "criticality", "kind"}

// fact is what incidents of one group have alike. An incident that gathers several
// credentials has several values, and is alike only to one that has the same.
func (f Facts) fact(name string) string {
	switch name {
	case "tenant":
		return strings.Join(f.tenants(), ", ")
	case "business_unit":
		return strings.Join(f.collect(businessUnit), ", ")
	case "owner":
		return strings.Join(f.collect(team), ", ")
	case "category":
		return string(f.Incident.Category)
	case "outcome":
		return string(f.Incident.Outcome)
	case "credential":
		return strings.Join(f.ids(), ", ")
	case "criticality":
		return string(f.criticality())
	case "kind":
		return strings.Join(f.collect(kindOfCredential), ", ")
	}
	return ""
}

// bundled reports whether a target is told of an incident together with others.
func (t Target) bundled() bool { return len(t.GroupBy) > 0 || t.Digest != nil }

// bundle is what a target's incident is told in; the second value is when its message
// is due.
func (t Target) bundle(rule string, f Facts, at time.Time) (keepwatch.Bundle, time.Time) {
	b := keepwatch.Bundle{Kind: keepwatch.BundleGroup, Receiver: t.Receiver, Labels: map[string]string{}, Wait: t.Wait}
	due := at.Add(t.Wait)
	switch {
	case t.Digest != nil:
		b.Kind, b.Wait, due = keepwatch.BundleDigest, 0, t.Digest.Next(at)
	case t.After > 0:
		b.Wait, due = t.After, at.Add(t.After)
	}
	parts := []string{string(b.Kind), rule}
	if t.After > 0 {
		parts = append(parts, "after "+t.After.String())
	}
	if t.OnlyIn != nil { // what is told at any hour must not join what waits for the hours
		parts = append(parts, "in hours")
	}
	for _, name := range t.GroupBy {
		value := f.fact(name)
		b.Labels[name] = clean(value, 200)
		parts = append(parts, name+"="+value)
	}
	b.Key = strings.Join(parts, "\x1f")
	if len(b.Key) > 200 {
		b.Key = hash(b.Key)
	}
	b.Key = strings.ReplaceAll(clean(b.Key, 300), "\x1f", " ")
	return b, due
}

// stormKey is the key of a receiver's storm.
const stormKey = "storm"

func stormOf(receiver string) keepwatch.Bundle {
	return keepwatch.Bundle{Kind: keepwatch.BundleStorm, Receiver: receiver, Key: stormKey}
}

// rank orders the members of a bundle: what is transactional first, then what is loud.
func rank(f Facts) int {
	critical := slices.Index(keepwatch.Criticalities, f.criticality())
	if critical < 0 {
		critical = len(keepwatch.Criticalities)
	}
	return critical*10 + slices.Index([]keepwatch.Severity{keepwatch.SeverityCritical, keepwatch.SeverityWarning, keepwatch.SeverityInfo}, f.Incident.Severity) + 1
}

// Hour is when a digest is told: each day, or each week.
type Hour struct {
	Day  int // 1 Monday … 7 Sunday; 0: each day
	At   time.Duration
	Zone *time.Location // nil is UTC
}

// Next is the first of its instants that is not before another one. A time that the
// clocks leave out is told when they have passed it.
func (h Hour) Next(at time.Time) time.Time {
	zone := h.Zone
	if zone == nil {
		zone = time.UTC
	}
	local := at.In(zone)
	for day := range 9 {
		next := time.Date(local.Year(), local.Month(), local.Day()+day, 0, int(h.At/time.Minute), 0, 0, zone)
		noon := time.Date(local.Year(), local.Month(), local.Day()+day, 12, 0, 0, 0, zone) // of that day, whatever the clocks do
		weekday := int(noon.Weekday()+6)%7 + 1
		if !next.Before(at) && (h.Day == 0 || h.Day == weekday) {
			return next
		}
	}
	return at // no week has no such day
}

func (h Hour) String() string {
	day := "daily"
	if h.Day > 0 {
		day = strings.ToLower(time.Weekday(h.Day % 7).String())
	}
	zone := "UTC"
	if h.Zone != nil {
		zone = h.Zone.String()
	}
	return fmt.Sprintf("%s %02d:%02d %s", day, int(h.At.Hours()), int(h.At.Minutes())%60, zone)
}

// Pace is how many messages a receiver is sent one by one; beyond it, what arrives is
// one storm. The zero Pace is no limit.
type Pace struct {
	Count  int
	Within time.Duration
}

// burst is how many of them may be sent within half a minute: a quarter. Without it the
// begin of a flood would use up all that may be sent.
func (p Pace) burst() int { return max(1, p.Count/4) }

// DefaultPace holds for a receiver that has none of its own.
var DefaultPace = Pace{Count: 20, Within: 10 * time.Minute}

// Inside a storm: what follows on its first message soon, to tell how large it has
// become, and then a message each stormGap, so that three are sent within ten minutes.
const (
	stormSoon = 35 * time.Second
	stormGap  = 5 * time.Minute
)

// stormDue is when a storm's next message may be sent. told are its own messages so
// far and sent all of the receiver's, the newest first.
func stormDue(told, sent []time.Time) time.Time {
	if len(sent) == 0 {
		return time.Time{} // a quiet receiver hears of it at once
	}
	slices.SortFunc(told, func(a, b time.Time) int { return b.Compare(a) })
	switch len(told) {
	case 0:
		return sent[0].Add(stormSoon)
	case 1:
		if !slices.ContainsFunc(sent, func(at time.Time) bool { return at.Before(told[0]) && told[0].Sub(at) <= stormGap }) {
			return told[0].Add(stormSoon)
		}
	}
	return told[0].Add(stormGap)
}

// labelsOf are the labels of a bundle's message: what its members have alike.
func labelsOf(b keepwatch.Bundle) map[string]string {
	out := map[string]string{}
	for _, name := range LabelNames {
		out[name] = ""
	}
	maps.Copy(out, b.Labels)
	delete(out, "kind")
	out["alertname"] = map[keepwatch.BundleKind]string{
		keepwatch.BundleGroup: "KeepwatchGroup", keepwatch.BundleStorm: "KeepwatchStorm", keepwatch.BundleDigest: "KeepwatchDigest",
	}[b.Kind]
	return out
}
