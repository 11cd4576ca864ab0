package detect

import (
	"time"

	"keepwatch"
)

// The test for masking asks of every token request: is it one of a holder whose
// requests fail now and then (noise), or of one that only gets through by trying again
// (half of its requests fail)? The sum of the logarithms of that ratio never falls below
// nothing, so a good past hides no change. It passes maskAlarm by chance once in
// e^20 requests: at 0.5 % noise, less than once in a million credential-months.
const (
	maskFailed = 4.605  // ln(0.5/0.005): a request that failed
	maskOK     = -0.688 // ln(0.5/0.995): one that was granted
	maskAlarm  = 20.0
	maskMost   = 30.0 // what evidence is kept for
	maskPerRun = 2    // failures of one cycle that count: a single outage is one cycle, not ten
	maskLeast  = 3    // cycles that must have been masked
	// MaskClean cycles in a row, all at the first try, end an alarm: two hours at the
	// usual pace.
	MaskClean = 6
)

// Mask adds refreshes to the evidence that retries hide failures. A token that was
// refused on a call before its time and was replaced counts like a cycle that needed a
// second try: the holder lives on, and its log says nothing.
//
// Only cycles that ended in a token count. What never got one is a refusal, not masked.
func Mask(m keepwatch.Masking, r *keepwatch.Refreshes, at time.Time) keepwatch.Masking {
	bad := r.Masked + r.Early
	if r.Cycles <= 0 && bad <= 0 {
		return m
	}
	if bad == 0 {
		m.Clean = min(m.Clean+r.Cycles, countMost)
	} else {
		m.Clean = 0
	}
	if m.Alarm && m.Clean >= MaskClean {
		return keepwatch.Masking{Clean: m.Clean}
	}
	if m.Sum <= 0 && !m.Alarm {
		if bad == 0 {
			return m
		}
		m = keepwatch.Masking{From: at}
	}
	failed := min(max(r.Attempts-r.Cycles, 0), maskPerRun*r.Masked) + r.Early
	m.Sum += float64(failed)*maskFailed + float64(r.Cycles)*maskOK
	m.Cycles, m.Attempts = min(m.Cycles+r.Cycles, countMost), min(m.Attempts+r.Attempts, countMost)
	m.Masked, m.Early = min(m.Masked+r.Masked, countMost), min(m.Early+r.Early, countMost)
	m.Sum = min(max(m.Sum, 0), maskMost)
	if !m.Alarm && m.Sum == 0 {
		return keepwatch.Masking{Clean: m.Clean}
	}
	m.Alarm = m.Alarm || m.Sum >= maskAlarm && m.Masked+m.Early >= maskLeast
	return m
}
