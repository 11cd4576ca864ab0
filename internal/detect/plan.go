package detect

import (
	"fmt"
	"math"
	"slices"
	"time"

	"keepwatch"
)

const (
	planGrace  = time.Hour     // what a batch may be late, before its own habit is known
	delayMost  = 3 * time.Hour // of a habit that is learned
	planLeast  = 3             // runs that came before one that did not is an effect …
	planPaging = 5             // … and one that wakes somebody
	sizesKept  = 8
	sizesLeast = 5 // sizes that make a usual one
)

// planned judges a batch-fed count by its schedule: a deadline for each run, and a
// lower bound for what it brings. A weekly baseline says little of one hour a day.
func (j *judge) planned(due time.Time, stopped keepwatch.Outcome) {
	m := j.mem
	if due.After(m.RunAt) && !due.After(j.now) {
		if m.RunSum > 0 {
			m.Runs++
			m.Sizes = keep(m.Sizes, m.RunSum, sizesKept)
		}
		m.RunAt, m.RunSum = due, 0
	}
	if j.delta > 0 {
		if m.RunSum == 0 && m.RunAt.Before(j.now) && j.now.Sub(m.RunAt) < day {
			m.Delay = max(m.Delay, min(j.now.Sub(m.RunAt), delayMost))
		}
		m.RunSum = min(m.RunSum+j.delta, math.MaxInt64/4)
	}
	late := j.now.Sub(m.RunAt)
	grace := max(planGrace, m.Delay+m.Delay/2)
	quiet := j.w.Reading.Maintenance
	v := &j.w.Verdict
	switch {
	case m.RunSum == 0 && m.RunAt.Before(m.Since):
		v.Outcome, v.Evidence = keepwatch.OK, "Its next planned batch is awaited."
	case m.RunSum == 0 && m.Runs < planLeast && m.Alarm == "":
		v.Learning = fmt.Sprintf("Learning: %d planned batches seen to bring contacts; three are needed.", m.Runs)
	case m.Alarm == alarmSilent && m.RunSum < backAfter, m.RunSum == 0 && late > grace && !quiet:
		j.raise(alarmSilent, stopped)
		v.Page = j.was.Page && j.was.Outcome == stopped || m.Runs >= planPaging && !j.w.Reading.Holiday && !quiet
		v.Confidence, v.Expected = 0.9, middle(m.Sizes)
		v.Evidence = fmt.Sprintf("The batch planned for %s brought no %s in %s; %d runs before it brought %s each.",
			stamp(m.RunAt), j.noun(1), spoken(late), m.Runs, figure(middle(m.Sizes)))
	case late > 2*grace && len(m.Sizes) >= sizesLeast && float64(m.RunSum) < leastOf(m.Sizes) && !quiet:
		j.raise(alarmSmall, keepwatch.VolumeDropped)
		v.Since, v.Confidence, v.Expected = m.RunAt, 0.8, middle(m.Sizes)
		v.Evidence = fmt.Sprintf("The batch planned for %s brought %s %s; usual are %s, and the least to be expected was %s.",
			stamp(m.RunAt), figure(float64(m.RunSum)), j.noun(float64(m.RunSum)), figure(middle(m.Sizes)), figure(leastOf(m.Sizes)))
	case m.Alarm == alarmSmall && late <= 2*grace:
		*v = j.was // the next run decides
	default:
		m.Alarm = ""
		v.Outcome = keepwatch.OK
		v.Evidence = fmt.Sprintf("The batch planned for %s brought %s %s.", stamp(m.RunAt), figure(float64(m.RunSum)), j.noun(float64(m.RunSum)))
		if m.RunSum == 0 {
			v.Evidence = fmt.Sprintf("The batch planned for %s has until %s.", stamp(m.RunAt), stamp(m.RunAt.Add(grace)))
		}
	}
}

// smallBatch judges what a day with batches has brought by its deadline, where the
// rhythm was learned.
func (j *judge) smallBatch() bool {
	m, b := j.mem, j.model.Batch
	if b == nil {
		return false
	}
	local := j.now.In(j.zone)
	y, mo, d := local.Date()
	if begin := time.Date(y, mo, d, 0, 0, 0, 0, j.zone); !m.RunAt.Equal(begin) {
		m.RunAt, m.RunSum = begin, 0
	}
	m.RunSum = min(m.RunSum+j.delta, math.MaxInt64/4)
	due := b.Deadline[local.Weekday()]
	small := due > 0 && local.Hour() > due && m.RunSum > 0 && float64(m.RunSum) < b.Least
	if m.Alarm == alarmSmall && m.RunSum == 0 {
		j.w.Verdict = j.was // the next batch decides
		return true
	}
	if !small || j.w.Reading.Maintenance || j.w.Reading.Holiday {
		return false
	}
	j.raise(alarmSmall, keepwatch.VolumeDropped)
	v := &j.w.Verdict
	v.Since, v.Confidence = m.RunAt, 0.8
	v.Expected = perDay(j.model)
	v.Evidence = fmt.Sprintf("Today's batch brought %s %s; usual are %s a day, and the least to be expected was %s.",
		figure(float64(m.RunSum)), j.noun(float64(m.RunSum)), figure(v.Expected), figure(b.Least))
	return true
}

// keep appends a size, and forgets the oldest beyond n.
func keep(sizes []int64, size int64, n int) []int64 {
	sizes = append(sizes, size)
	return sizes[max(0, len(sizes)-n):]
}

// middle is the median size.
func middle(sizes []int64) float64 {
	if len(sizes) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(sizes))
	return float64(sorted[len(sorted)/2])
}

// leastOf is the lower bound of a size: four standard deviations of the logarithm
// below the mean, and never closer than a third. Sizes vary by factors, not by steps.
func leastOf(sizes []int64) float64 {
	logs := make([]float64, 0, len(sizes))
	for _, s := range sizes {
		logs = append(logs, math.Log(float64(max(s, 1))))
	}
	return leastOfLogs(logs)
}

func leastOfLogs(logs []float64) float64 {
	if len(logs) < sizesLeast {
		return 0
	}
	mean, square := 0.0, 0.0
	for _, l := range logs {
		mean += l / float64(len(logs))
	}
	for _, l := range logs {
		square += (l - mean) * (l - mean)
	}
	return math.Exp(mean - 4*max(math.Sqrt(square/float64(len(logs)-1)), 0.1))
}
