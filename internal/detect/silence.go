package detect

import (
	"math"
	"time"

	"keepwatch"
)

const (
	backAfter = 2   // events end an alarm
	wellAfter = 4.0 // evidence that a thin flow is back: exp(4) to 1
)

// The ways in which a flow can be wrong, as a memory keeps them.
const (
	alarmSilent = "silent"
	alarmThin   = "thin"
	alarmSmall  = "small"
)

// flow moves the score of the silence on to now: events end it, watched time
// without them adds what should have come.
func (j *judge) flow() {
	if j.delta > 0 {
		j.sign(j.delta)
	}
	if j.prev == nil {
		return
	}
	window := j.w.Reading.Window
	switch {
	case j.delta > 0 && window > 0:
		due := j.expected(j.prev.At, j.now)
		j.smoothness(window, due)
		j.thin(window, due)
	case j.delta > 0:
	case window <= 0 || j.w.Reading.Maintenance:
		j.pass(j.prev.At)
	default:
		j.silent(window)
	}
}

func (j *judge) silent(window time.Duration) {
	j.mem.Quiet += window
	if j.model == nil {
		return
	}
	due := j.expected(j.prev.At, j.now)
	j.smoothness(window, due)
	j.mem.Due += due
	for at := j.prev.At; at.Before(j.now); {
		end := at.Truncate(time.Hour).Add(time.Hour)
		if end.After(j.now) {
			end = j.now
		}
		j.wait(at, end)
		at = end
	}
	j.thin(window, due)
}

// sign remembers events, and forgets the silence before them.
func (j *judge) sign(n int64) {
	m := j.mem
	m.Events = min(max(m.Events, 0)+n, math.MaxInt64/4)
	m.Back = min(max(m.Back, 0)+n, math.MaxInt64/4)
	m.LastSign, m.Span = j.now, j.w.Reading.Window
	j.afresh()
}

// afresh begins the silence anew.
func (j *judge) afresh() {
	m := j.mem
	m.Quiet, m.Due, m.Score, m.Day, m.Hour = 0, 0, 0, 0, 0
}

// expected is what the baseline holds for a watched stretch of at most two hours.
func (j *judge) expected(from, to time.Time) float64 {
	if j.model == nil || j.w.Reading.Maintenance {
		return 0
	}
	return sumOver(j.model, j.zone, from, to) * j.dayShare()
}

func sumOver(m *keepwatch.Model, zone *time.Location, from, to time.Time) float64 {
	sum := 0.0
	for from.Before(to) {
		end := from.Truncate(time.Hour).Add(time.Hour)
		if end.After(to) {
			end = to
		}
		sum += m.Cells[cellOf(from, zone)] * end.Sub(from).Hours()
		from = end
	}
	return sum
}

// dayShare is what is left of the usual on a day like this.
func (j *judge) dayShare() float64 {
	switch {
	case !j.w.Reading.Holiday:
		return 1
	case j.model.Holiday > 0:
		return min(j.model.Holiday, 1)
	}
	return holidayPrior
}

const (
	shortLook    = 35 * time.Minute
	severalDue   = 4    // events in a short look
	smoothLooks  = 100  // that make a habit
	smoothEmpty  = 0.03 // of them
	smoothFirst  = time.Hour
	smoothMemory = 2000
)

// smoothness counts whether short looks that should see several events see some. A
// stop itself adds no more than its first hour.
func (j *judge) smoothness(window time.Duration, due float64) {
	m := j.mem
	if window > shortLook || due < severalDue || m.Quiet > smoothFirst {
		return
	}
	if m.Looks >= smoothMemory {
		m.Looks, m.Empty = m.Looks/2, m.Empty/2
	}
	m.Looks++
	if j.delta == 0 {
		m.Empty++
	}
}

// smooth reports whether the flow is even within an hour, too, so that parts of an
// hour can be judged. The baseline does not know: a load at five past each hour must
// not look like a silence of 55 minutes, nor a counter that SFMC renews every 20
// minutes like one of 15.
func (j *judge) smooth() bool {
	m := j.mem
	return j.model.Batch == nil && m.Looks >= smoothLooks && float64(m.Empty) <= smoothEmpty*float64(m.Looks)
}

// wait adds a watched piece of one hour in which nothing came. Unless the flow is
// smooth, the hour that held the last events adds nothing.
func (j *judge) wait(from, to time.Time) {
	m, hour := j.mem, from.Truncate(time.Hour)
	if j.smooth() || !m.LastSign.After(hour) {
		c := cellOf(from, j.zone)
		per := j.model.Cells[c]
		if j.model.Batch != nil {
			per = j.model.Batch.Empty[c]
		}
		m.Hour += per * to.Sub(from).Hours() * j.dayShare()
	}
	if to.Equal(hour.Add(time.Hour)) {
		j.closeHour(hour)
		if dayOf(to, j.zone) != dayOf(hour, j.zone) {
			j.closeDay()
		}
	}
}

// closeHour puts the hour's evidence to that of its day.
func (j *judge) closeHour(hour time.Time) {
	m, b := j.mem, j.model.Batch
	if b == nil {
		m.Day += j.hour()
		m.Hour = 0
		return
	}
	m.Day += m.Hour
	m.Hour = 0
	local := hour.In(j.zone)
	if due := b.Deadline[local.Weekday()]; due > 0 && local.Hour() >= due && !j.w.Reading.Holiday && dayOf(m.LastSign, j.zone) < dayOf(hour, j.zone) {
		m.Day = max(m.Day, b.Miss)
	}
}

func (j *judge) closeDay() {
	j.mem.Score += mixed(j.mem.Day, j.slow())
	j.mem.Day = 0
}

func (j *judge) slow() float64 {
	if j.model.Batch != nil {
		return 0
	}
	return j.model.Slow
}

// pass closes what is open of the time before a stretch that was not watched.
func (j *judge) pass(from time.Time) {
	if j.model == nil {
		return
	}
	if hour := from.Truncate(time.Hour); j.now.Sub(hour) >= time.Hour {
		j.closeHour(hour)
		if dayOf(j.now, j.zone) != dayOf(hour, j.zone) {
			j.closeDay()
		}
	}
}

// score is the evidence of the silence so far.
func (j *judge) score() float64 {
	today := j.mem.Day
	if j.smooth() {
		today += j.hour()
	}
	return silence(j.mem.Score+mixed(today, j.slow()), j.model)
}

// hour is the evidence of the hour that is open.
func (j *judge) hour() float64 {
	if j.smooth() {
		return mixed(j.mem.Hour, j.model.Clump)
	}
	return hourly(j.mem.Hour, j.model)
}

// bars are the evidence from which a silence is worth a ticket, and a page. Where
// parts of hours count, silences begin as often as there are looks.
func (j *judge) bars() (ticket, page float64) {
	more := 0.0
	if j.smooth() {
		more = math.Log(float64(time.Hour) / float64(min(max(j.w.Reading.Window, time.Minute), time.Hour)))
	}
	return noticeable(j.model) + more, pages(j.model) + more*tailOf(j.model)
}

// thin keeps the evidence that the flow has become a fraction of itself, in blocks
// of about a watched hour.
func (j *judge) thin(window time.Duration, due float64) {
	m := j.mem
	if j.model == nil || j.model.Batch != nil || j.w.Reading.Maintenance {
		m.Counted, m.Awaited, m.Watched = 0, 0, 0
		return
	}
	m.Counted, m.Awaited, m.Watched = m.Counted+j.delta, m.Awaited+due, m.Watched+window
	if m.Watched < 55*time.Minute {
		return
	}
	newDay := dayOf(j.now.Add(-1), j.zone) != dayOf(j.now.Add(-1-m.Watched), j.zone)
	if len(m.Drops) != len(Fractions) {
		m.Drops = make([]keepwatch.Drop, len(Fractions))
	}
	for i := range Fractions {
		m.Drops[i] = step(m.Drops[i], j.model, i, m.Counted, m.Awaited, j.now.Add(-m.Watched), newDay)
	}
	m.Counted, m.Awaited, m.Watched = 0, 0, 0
}

// thinned is the fraction that the flow has fallen to, as an index; -1 where it has
// not. Of two that are sure it is the better one.
func (j *judge) thinned() int {
	best, most := -1, 0.0
	for i, d := range j.mem.Drops {
		if i >= len(Fractions) {
			break
		}
		if c := sum(d, j.model, Fractions[i]); c >= max(thinThreshold(j.model, i), most) {
			best, most = i, c
		}
	}
	return best
}

// well reports whether a thin flow has come back.
func (j *judge) well() bool {
	for i, d := range j.mem.Drops {
		if i < len(Fractions) && d.Well < wellAfter && sum(d, j.model, Fractions[i]) > 0 {
			return false
		}
	}
	return true
}

// flowing gives the verdict on a count that should flow; stopped is the outcome of
// a full stop.
func (j *judge) flowing(stopped keepwatch.Outcome) {
	if j.model == nil {
		j.unlearned(stopped)
		return
	}
	m := j.mem
	quiet := j.w.Reading.Maintenance
	s := j.score()
	ticket, page := j.bars()
	switch {
	case m.Alarm == alarmSilent && m.Back < backAfter, s >= ticket && !quiet && m.Alarm != alarmSilent:
		j.raise(alarmSilent, stopped)
		j.w.Verdict.Page = (j.was.Page && j.was.Outcome == stopped) || s >= page && j.model.Weeks >= pagingWeeks && !quiet
		j.w.Verdict.Evidence, j.w.Verdict.Confidence = j.silenceEvidence(s), j.confidence(s)
		return
	case m.Alarm == alarmSilent:
		m.Drops = nil // they are full of the silence that is over
	}
	if j.vague {
		m.Drops = nil
	}
	switch {
	case m.Alarm == alarmThin && !j.well(), m.Alarm != alarmThin && !quiet && j.thinned() >= 0:
		j.raise(alarmThin, keepwatch.VolumeDropped)
		j.thinVerdict()
		return
	case m.Alarm == alarmThin:
		m.Drops = nil
	}
	if !j.vague && j.smallBatch() {
		return
	}
	m.Alarm = ""
	j.w.Verdict.Outcome = keepwatch.OK
	j.w.Verdict.Evidence, j.w.Verdict.Learning = j.calmEvidence()
}

// raise opens an alarm, or keeps the one that is open.
func (j *judge) raise(alarm string, outcome keepwatch.Outcome) {
	m := j.mem
	v := &j.w.Verdict
	v.Outcome, v.Since, v.Noticed, v.Expected = outcome, j.lastSign(), j.now, m.Due
	if m.Alarm != alarm {
		m.Alarm, m.Back = alarm, 0
		for i := range m.Drops {
			m.Drops[i].Well = 0
		}
	}
	if v.Since.After(j.now) {
		v.Since = j.now // a clock of SFMC's that goes before ours
	}
	if j.was.Outcome == outcome {
		v.Noticed = j.was.Noticed
		if v.Since.After(j.was.Since) {
			v.Since = j.was.Since
		}
	}
}

// lastSign is the latest instant before which nothing was wrong: the begin of the
// window in which the last events came.
func (j *judge) lastSign() time.Time {
	if j.mem.LastSign.IsZero() {
		return j.mem.Since
	}
	return j.mem.LastSign.Add(-j.mem.Span)
}

// thinVerdict says how far the flow has fallen, over the time that it was thin.
func (j *judge) thinVerdict() {
	i := max(j.thinned(), 0)
	if j.mem.Drops[i].From.IsZero() {
		i = len(Fractions) - 1
	}
	d := j.mem.Drops[i]
	from := d.From
	if from.IsZero() || j.now.Sub(from) > 5*week {
		from = j.now.Add(-day)
	}
	v := &j.w.Verdict
	if v.Since.After(from) || v.Since.IsZero() || j.was.Outcome != v.Outcome {
		v.Since = from
	}
	v.Expected, _ = moments(j.model, j.zone, v.Since, j.now)
	v.Confidence = 0.8
	v.Evidence = j.thinEvidence(d)
}

// unlearned keeps what was said, or says what is missing for a verdict. Where the
// configuration names how many contacts come in a day, three days without any
// are said without a baseline.
func (j *judge) unlearned(stopped keepwatch.Outcome) {
	m := j.mem
	if m.Alarm != "" && m.Back < backAfter && j.was.Outcome != "" {
		j.w.Verdict = j.was
		return
	}
	m.Alarm = ""
	due := j.w.Expect.ContactsPerDay * m.Quiet.Hours() / 24
	if due >= configuredEvents && m.Quiet >= configuredQuiet && m.Events > 0 && !j.w.Reading.Maintenance && !j.w.Reading.Holiday {
		j.raise(alarmSilent, stopped)
		j.w.Verdict.Expected, j.w.Verdict.Confidence = due, 0.7
		j.w.Verdict.Evidence = j.configuredEvidence(due)
		return
	}
	j.w.Verdict.Learning = j.learning()
}

const (
	configuredEvents = 10
	configuredQuiet  = 3 * day
)
