package detect

import (
	"fmt"
	"math"
	"strings"
	"time"

	"keepwatch"
)

// noun is what an aspect counts.
func (j *judge) noun(n float64) string {
	word := "enrolment"
	switch j.w.Aspect {
	case keepwatch.AspectRows:
		word = "new row"
	case keepwatch.AspectVolume:
		word = "message"
	}
	if n == 1 {
		return word
	}
	return word + "s"
}

// silenceEvidence explains why a silence is no chance.
func (j *judge) silenceEvidence(s float64) string {
	since := j.mem.LastSign
	if since.IsZero() {
		since = j.mem.Since
	}
	low, mid, high := j.dueRange(since)
	text := fmt.Sprintf("No %s for %s. At this time of the week we expected %s (%s–%s). In %s of history the longest normal silence was worth %s expected %s. %s",
		j.noun(1), spoken(j.now.Sub(since)), figure(mid), figure(low), figure(high), weeks(j.model.Weeks), figure(j.model.Longest), j.noun(j.model.Longest), j.chance(s))
	if j.model.Batch != nil {
		text = fmt.Sprintf("No %s for %s. They come in batches; %s expected %s stayed away. %s", j.noun(1), spoken(j.now.Sub(since)), figure(j.mem.Due), j.noun(j.mem.Due), j.chance(s))
	}
	if j.mem.Back > 0 {
		text = fmt.Sprintf("%d %s came since the alarm; one more ends it.", j.mem.Back, j.noun(float64(j.mem.Back)))
	}
	return text
}

// dueRange is what should have come in the watched part of a silence.
func (j *judge) dueRange(since time.Time) (low, mid, high float64) {
	from := since
	if j.now.Sub(from) > 5*week {
		from = j.now.Add(-5 * week)
	}
	mean, variance := moments(j.model, j.zone, from, j.now)
	if mean <= 0 {
		return j.mem.Due, j.mem.Due, j.mem.Due
	}
	scale := j.mem.Due / mean
	mean, variance = mean*scale, variance*scale*max(scale, 1)
	return quantile(0.1, mean, variance), j.mem.Due, quantile(0.9, mean, variance)
}

// chance says how often the model would show such a silence though all is well.
func (j *judge) chance(s float64) string {
	a := j.byChance(s)
	switch {
	case a >= 1:
		return fmt.Sprintf("Silences like this came by chance about %s in a month.", times(a))
	case a > 1./36:
		return fmt.Sprintf("A silence like this happens by chance less than once in %s months.", figure(math.Floor(1/a)))
	}
	return fmt.Sprintf("A silence like this happens by chance less than once in %s years.", figure(min(math.Floor(1/a/12), 100)))
}

func times(a float64) string {
	if a < 1.5 {
		return "once"
	}
	return figure(math.Round(a)) + " times"
}

// byChance is how many silences of this score a month brings by chance.
func (j *judge) byChance(s float64) float64 {
	return max(j.model.Starts, 1) * math.Exp(-(s+j.model.Spare)/tailOf(j.model))
}

func (j *judge) confidence(s float64) float64 {
	return min(max(1-j.byChance(s), 0.5), 0.99)
}

func (j *judge) thinEvidence(d keepwatch.Drop) string {
	text := fmt.Sprintf("Since %s far fewer %s come than at this time of the week", stamp(j.w.Verdict.Since), j.noun(2))
	if d.Mean < 1 {
		return text + "."
	}
	return text + fmt.Sprintf(": %d where %s were expected, counted from the begin of the day or of the drop.", d.N, figure(d.Mean))
}

func (j *judge) configuredEvidence(due float64) string {
	return fmt.Sprintf("No %s for %s. There is no baseline yet; by the configured %s a day, %s were to be expected in the %s that were watched.",
		j.noun(1), spoken(j.now.Sub(j.mem.LastSign)), figure(j.w.Expect.ContactsPerDay), figure(due), spoken(j.mem.Quiet))
}

// calmEvidence says how things stand, and how long a stop would take to be sure.
func (j *judge) calmEvidence() (evidence, learning string) {
	m := j.model
	if j.mem.LastSign.IsZero() {
		evidence = fmt.Sprintf("No %s seen yet; %s were expected.", j.noun(1), figure(j.mem.Due))
	} else {
		evidence = fmt.Sprintf("The last %s was seen %s ago; %s were expected since.", j.noun(1), spoken(j.now.Sub(j.mem.LastSign)), figure(j.mem.Due))
	}
	if m.Needs <= 0 || m.Wait <= 0 {
		return evidence, ""
	}
	say := fmt.Sprintf("A stop can be judged after about %s expected %s = about %s.", figure(math.Ceil(m.Needs)), j.noun(2), days(m.Wait))
	if m.Wait > slowToJudge {
		learning = say
	}
	return evidence + " " + say, learning
}

// slowToJudge is how many days a verdict may take before it is no monitoring any more.
const slowToJudge = 7

// learning says what is missing for a baseline.
func (j *judge) learning() string {
	m := j.mem
	watched := j.now.Sub(m.Since)
	text := fmt.Sprintf("Learning: %d %s in %s; a weekly pattern needs 3 weeks and 20 %s.", m.Events, j.noun(float64(m.Events)), spoken(watched), j.noun(2))
	rate := j.w.Expect.ContactsPerDay
	if rate <= 0 && watched >= day {
		rate = float64(m.Events) / (watched.Hours() / 24)
	}
	if rate <= 0 {
		return text
	}
	n := math.Ceil(math.Log(min(rate*30, hoursAMonth) / Budget))
	n = max(n, 3)
	return text + fmt.Sprintf(" Then a stop can be judged after about %s expected %s = about %s.", figure(n), j.noun(2), days(n/rate))
}

func perDay(m *keepwatch.Model) (sum float64) {
	for _, c := range m.Cells {
		sum += c
	}
	return sum / 7
}

func tailOf(m *keepwatch.Model) float64 {
	return min(max(m.Tail, 1), tailMost)
}

// figure is a number as one says it: two digits where it is small, whole where it
// is not, with separators.
func figure(x float64) string {
	switch {
	case math.IsNaN(x) || x < 0:
		return "0"
	case x < 9.95 && x != math.Trunc(x):
		return strings.TrimSuffix(fmt.Sprintf("%.1f", x), ".0")
	case x < 1000:
		return fmt.Sprintf("%.0f", x)
	}
	text := fmt.Sprintf("%.0f", min(x, 1e15))
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// spoken is a duration in its two largest units: "7 h 20 m".
func spoken(d time.Duration) string {
	d = d.Round(time.Minute)
	switch {
	case d < time.Minute:
		return "under a minute"
	case d < time.Hour:
		return fmt.Sprintf("%d m", d/time.Minute)
	case d < 2*day:
		return strings.TrimSuffix(fmt.Sprintf("%d h %d m", d/time.Hour, d%time.Hour/time.Minute), " 0 m")
	}
	return strings.TrimSuffix(fmt.Sprintf("%d d %d h", d/day, d%day/time.Hour), " 0 h")
}

func days(d float64) string {
	switch {
	case d < 2:
		return fmt.Sprintf("%.0f hours", math.Ceil(d*24))
	case d > 3650:
		return "years"
	}
	return fmt.Sprintf("%.0f days", math.Ceil(d))
}

func weeks(w float64) string {
	if w < 1.5 {
		return "a week"
	}
	return fmt.Sprintf("%.0f weeks", w)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
