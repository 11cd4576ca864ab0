package view

import (
	"fmt"
	"math"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
)

// Words turns a fixed name into the words that a page shows: "bad secret or
// package". There is no second table of texts to keep in step with the first.
func Words(name string) string {
	w := strings.ReplaceAll(name, "_", " ")
	for _, abbreviation := range []string{"ip", "dns", "tls"} {
		if rest, ok := strings.CutPrefix(w, abbreviation+" "); ok {
			return strings.ToUpper(abbreviation) + " " + rest
		}
	}
	return w
}

// Span renders a duration in at most two units, rounded down: "42 s", "7 min",
// "2 h 05 min", "3 days".
func Span(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d/time.Second))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d/time.Minute))
	case d < 24*time.Hour:
		h, m := int(d/time.Hour), int(d%time.Hour/time.Minute)
		if m == 0 {
			return fmt.Sprintf("%d h", h)
		}
		return fmt.Sprintf("%d h %02d min", h, m)
	default:
		return count(int(d/(24*time.Hour)), "day")
	}
}

// Hours counts days in hours too: where something runs out, "2 days" is too coarse.
func Hours(d time.Duration) string {
	if d < 24*time.Hour {
		return Span(d)
	}
	return fmt.Sprintf("%d h %02d min", int(d/time.Hour), int(d%time.Hour/time.Minute))
}

// Ago says how long ago something was; "never" when it is not known.
func Ago(t *time.Time, now time.Time) string {
	if t == nil {
		return "never"
	}
	d := now.Sub(*t)
	if d < 2*time.Second {
		return "just now"
	}
	return Span(d) + " ago"
}

// Until says how soon something is due. A planned instant that has passed is
// "due now": the run is on its way.
func Until(t *time.Time, now time.Time) string {
	if t == nil {
		return "not planned"
	}
	d := t.Sub(now)
	if d < time.Second {
		return "due now"
	}
	return "in " + Span(d)
}

// Countdown says when a hard date is, in the days of its zone.
func Countdown(left *int) string {
	switch {
	case left == nil:
		return "date unknown"
	case *left < 0:
		return "ended " + count(-*left, "day") + " ago"
	case *left == 0:
		return "today"
	}
	return "in " + count(*left, "day")
}

// Ends is the countdown to an instant, which may have passed today.
func Ends(at *time.Time, left *int, now time.Time) string {
	if at != nil && left != nil && *left == 0 && !at.After(now) {
		return "ended today"
	}
	return Countdown(left)
}

// Percent renders a rate so that a single failure never rounds up to 100 %.
func Percent(rate *float64) string {
	if rate == nil {
		return "–"
	}
	p := *rate * 100
	switch {
	case p == 100:
		return "100 %"
	case p >= 99:
		return fmt.Sprintf("%.2f %%", math.Floor(p*100)/100)
	default:
		return fmt.Sprintf("%.1f %%", math.Floor(p*10)/10)
	}
}

// count renders a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// be is the verb for n things.
func be(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// verdict is how a credential stands in one sentence, for a person in a hurry.
func verdict(c client.Credential, now time.Time) string {
	switch keepwatch.State(c.State) {
	case keepwatch.StateHealthy:
		return "Proven " + Ago(c.LastProvenAt, now) + nextProof(c, now) + "."
	case keepwatch.StateDegraded:
		return "Works, but: " + Words(c.Outcome) + "; last proven " + Ago(c.LastProvenAt, now) + "."
	case keepwatch.StateFailing, keepwatch.StateExpired:
		return Capital(reasonOf(c)) + sinceWhen(c, now) + nextProof(c, now) + "."
	case keepwatch.StateMaintenance:
		return "Salesforce announces maintenance" + sinceWhen(c, now) + "."
	case keepwatch.StatePaused:
		return "Paused: nothing is proven."
	}
	if c.Outcome == "" {
		return "Not proven yet: the first run comes within a minute."
	}
	if c.LastProvenAt == nil {
		return "Not known: it has never been proven."
	}
	return "Not known: no fresh proof, the last one was " + Ago(c.LastProvenAt, now) + "."
}

// reasonOf is the outcome's meaning from the one table of outcomes.
func reasonOf(c client.Credential) string {
	info := keepwatch.Outcome(c.Outcome).Info()
	if info.Assumed {
		return "probably: " + info.Meaning
	}
	return info.Meaning
}

func sinceWhen(c client.Credential, now time.Time) string {
	if c.Since == nil {
		return ""
	}
	return ", for " + Span(now.Sub(*c.Since))
}

func nextProof(c client.Credential, now time.Time) string {
	if c.NextProofAt == nil {
		return "; no further try is planned"
	}
	if c.State == string(keepwatch.StateHealthy) {
		return ", next proof " + Until(c.NextProofAt, now)
	}
	return "; next try " + Until(c.NextProofAt, now)
}

// Capital begins a sentence.
func Capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
