package detect

import (
	"fmt"
	"math/bits"
	"time"

	"keepwatch"
)

const (
	alarmQueue   = "queue"
	queueAge     = 5 * time.Minute // what a message may wait where nothing else is known
	queueTimes   = 5               // the usual worst wait
	queueLooks   = 50              // that make a usual wait
	queueDepth   = 50              // messages from which a rising depth counts
	queueRise    = 3               // times within two looks
	queueKept    = 72 * time.Hour  // what waits longer is dropped
	ageBuckets   = 18              // binary logarithms of seconds: up to three days
	agesMost     = 4000            // looks that a habit remembers
	queueDrained = time.Minute     // a queue with no message older than this moves
)

// queue judges whether what waits to be sent is sent, and whether what a caller holds
// back gets through: either is told by the age of the oldest.
func (j *judge) queue() {
	r := j.w.Reading.Send
	if r == nil || r.Queued == nil {
		j.w.Verdict = held(j.was, "SFMC shows no queue for this definition.")
		return
	}
	m := j.mem
	waiting := max(*r.Queued, 0)
	moved := j.prev != nil && j.prev.Send != nil && j.prev.Send.Sent != nil && r.Sent != nil && *r.Sent > *j.prev.Send.Sent
	if waiting == 0 || moved && r.Oldest == nil || m.LastSign.IsZero() {
		m.LastSign, m.Span = j.now, 0
	}
	age := j.age(r, waiting)
	limit := j.ageLimit()
	m.Depths = keep(m.Depths, waiting, 3)
	rising := rises(m.Depths) && (r.Oldest == nil || age > queueDrained)
	if old := age > limit; old || rising {
		m.Bad++
	} else {
		m.Bad = 0
		j.learnAge(age)
	}
	if r.Oldest != nil {
		m.LastSign, m.Span = laterOf(m.LastSign, j.now.Add(-age)), 0
	}
	j.waitingVerdict(r, waiting, age, limit, rising)
}

// age is how long the oldest message waits. Where SFMC does not say, it is as long
// as messages wait and none has been sent.
func (j *judge) age(r *keepwatch.SendReading, waiting int64) time.Duration {
	switch {
	case waiting == 0:
		return 0
	case r.Oldest != nil:
		return min(max(*r.Oldest, 0), 365*day)
	}
	return max(j.now.Sub(j.mem.LastSign), 0)
}

func (j *judge) waitingVerdict(r *keepwatch.SendReading, waiting int64, age, limit time.Duration, rising bool) {
	m, v := j.mem, &j.w.Verdict
	inactive := r.Status != "" && !is(r.Status, "active", "running")
	open := m.Alarm == alarmQueue
	if open && m.Bad == 0 {
		m.Back++
	} else if open {
		m.Back = 0
	}
	switch {
	case open && m.Back < confirmLooks, m.Bad >= confirmLooks && !open && !j.w.Reading.Maintenance:
		j.raise(alarmQueue, keepwatch.QueueBackingUp)
		v.Page, v.Confidence = true, 0.95
		v.Since, v.Expected = j.now.Add(-age), float64(waiting)
		if j.was.Outcome == v.Outcome {
			v.Since = j.was.Since
		}
		v.Evidence = queueEvidence(r.Holder, waiting, age, limit, rising, m.Depths)
		v.Hint = "Look at the definition and its from-address first; then at SFMC's status page."
		if r.Holder != "" {
			v.Hint = "Look at what its calls are answered, and whether it still makes them; then let it work off what it holds back."
			break
		}
		if inactive {
			v.Evidence += fmt.Sprintf(" The definition is %s: SFMC accepts messages for it and keeps them.", r.Status)
			v.Hint = fmt.Sprintf("Make the definition active again before %s: what has waited for 72 h is dropped. If the pause was meant, let the senders know that they are still accepted.", stamp(j.now.Add(max(queueKept-age, 0))))
		}
		if age >= queueKept {
			v.Evidence += " Messages that waited for more than 72 h are dropped, not sent."
		}
	default:
		m.Alarm = ""
		v.Outcome = keepwatch.OK
		v.Evidence = waitingText(r.Holder, waiting, age) + "."
		if waiting == 0 {
			v.Evidence = "Nothing waits."
		}
		if inactive {
			v.Evidence += fmt.Sprintf(" The definition is %s: what is sent to it from now on will wait.", r.Status)
		}
	}
}

func waitingText(holder string, waiting int64, age time.Duration) string {
	what := "messages wait"
	if holder != "" {
		what = "events wait at " + holder
	}
	return fmt.Sprintf("%s %s, the oldest for %s", figure(float64(waiting)), what, spoken(age))
}

func queueEvidence(holder string, waiting int64, age, limit time.Duration, rising bool, depths []int64) string {
	text := fmt.Sprintf("%s; up to %s would be usual.", waitingText(holder, waiting, age), spoken(limit))
	if rising {
		text += fmt.Sprintf(" The queue grew from %s to %s within two looks.", figure(float64(depths[0])), figure(float64(waiting)))
	}
	return text
}

// rises: the depth grew in each of the two newest looks, to three times in all.
func rises(depths []int64) bool {
	if len(depths) < 3 {
		return false
	}
	a, b, c := depths[0], depths[1], depths[2]
	return a < b && b < c && c >= queueDepth && c/queueRise >= a
}

// ageLimit is what a message may wait: what the configuration says, or five
// minutes, or five times the worst that was usual.
func (j *judge) ageLimit() time.Duration {
	limit := j.w.Expect.MaxQueueAge
	if limit <= 0 {
		limit = queueAge
	}
	looks := 0
	for _, n := range j.mem.Ages {
		looks += n
	}
	if looks < queueLooks {
		return limit
	}
	seen := 0
	for b, n := range j.mem.Ages {
		if seen += n; 100*seen >= 99*looks {
			return max(limit, queueTimes*time.Duration(int64(1)<<b-1)*time.Second)
		}
	}
	return limit
}

// learnAge counts a wait into its bucket: 0, 1, 2–3, 4–7 … seconds.
func (j *judge) learnAge(age time.Duration) {
	m := j.mem
	if len(m.Ages) != ageBuckets {
		m.Ages = make([]int, ageBuckets)
	}
	total := 0
	for _, n := range m.Ages {
		total += n
	}
	if total >= agesMost {
		for b := range m.Ages {
			m.Ages[b] /= 2
		}
	}
	m.Ages[min(bits.Len64(uint64(age/time.Second)), ageBuckets-1)]++
}
