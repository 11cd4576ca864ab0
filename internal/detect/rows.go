package detect

import (
	"fmt"
	"time"

	"keepwatch"
)

const (
	alarmEmptied = "emptied"
	alarmStale   = "stale"
	emptiedFrom  = 10 // rows that are missed when they are gone
	confirmLooks = 2  // in a row, of what a load on its way looks like, too
)

// rows judges whether a data extension still gets what it is to get.
func (j *judge) rows() {
	r := j.w.Reading.Extension
	if r == nil || r.Rows == nil && r.Newest.IsZero() && r.FedAt.IsZero() {
		j.w.Verdict = held(j.was, "SFMC shows neither a count nor a time for this data extension.")
		return
	}
	if j.prev != nil && j.prev.Extension != nil {
		j.came(j.prev.Extension, r)
	}
	j.vague = r.Retention // what comes and what is deleted make one number
	j.flow()
	if newest := r.Newest; !newest.IsZero() && !newest.After(j.now) && newest.After(j.mem.LastSign.Add(-j.mem.Span)) && j.mem.Quiet == 0 {
		j.mem.LastSign, j.mem.Span = newest, 0
	}
	switch {
	case j.emptied(r):
	case j.w.Expect.RowsEvery > 0:
		j.promised(r)
	case blind(r):
		j.w.Verdict = held(j.was, "It is overwritten, and neither a time inside nor its last load is known: equal counts say nothing.")
	default:
		j.flowing(keepwatch.DataStale)
	}
	if v := &j.w.Verdict; v.Outcome == keepwatch.DataStale {
		v.Hint = rowsHint(j.w.Expect, r)
	}
}

// blind: nothing that is known of it moves when it is loaded again.
func blind(r *keepwatch.ExtensionReading) bool {
	return r.Overwritten && r.Newest.IsZero() && r.FedAt.IsZero()
}

// came finds the signs of new rows between two looks. A count that fell is no sign:
// retention deletes every day by design; with it, and without a time inside, such a
// look says nothing at all. What is overwritten is as new as its last load, whether
// its size changed or not.
func (j *judge) came(before, now *keepwatch.ExtensionReading) {
	grown := int64(0)
	both := before.Rows != nil && now.Rows != nil
	if both {
		grown = bounded(*now.Rows) - bounded(*before.Rows)
	}
	newer := !before.Newest.IsZero() && now.Newest.After(before.Newest)
	loaded := now.Overwritten && (grown != 0 || !before.FedAt.IsZero() && now.FedAt.After(before.FedAt))
	if j.hollow(now) {
		loaded, newer = false, false
	}
	switch {
	case loaded && now.Rows != nil && *now.Rows > 0:
		j.delta = bounded(*now.Rows)
	case loaded, newer && grown <= 0:
		j.delta = 1
	case grown > 0:
		j.delta = grown
	case blind(now), now.Retention && grown < 0 && now.Newest.IsZero(), !both && now.Newest.IsZero():
		return
	}
	if gap := j.now.Sub(j.prev.At); gap <= Longest {
		j.w.Reading.Amount, j.w.Reading.Window = j.delta, gap
	}
}

// emptied judges a table that lost all its rows, which a blank file with the policy
// "process" does to an overwritten one. Two looks: a load on its way looks the same.
func (j *judge) emptied(r *keepwatch.ExtensionReading) bool {
	m := j.mem
	if r.Rows == nil || r.Retention && !r.Overwritten {
		return false
	}
	if *r.Rows > 0 {
		m.Bad, m.RunSum = 0, bounded(*r.Rows)
		return false
	}
	if !j.hollow(r) {
		return false
	}
	m.Bad++
	if m.Bad < confirmLooks {
		j.w.Verdict = keepwatch.Verdict{Outcome: keepwatch.OK, Evidence: "It has no rows at this moment; the next look tells whether a load is on its way."}
		if j.was.Outcome != "" {
			j.w.Verdict = j.was
		}
		return true
	}
	j.raise(alarmEmptied, keepwatch.DataStale)
	v := &j.w.Verdict
	v.Page, v.Confidence = true, 0.95
	v.Evidence = fmt.Sprintf("It held %s rows and holds none; the last came by %s.", figure(float64(m.RunSum)), stamp(v.Since))
	return true
}

// hollow: it has no rows, and had some. The load that took them away brought nothing, and
// neither does one after it that leaves it so.
func (j *judge) hollow(r *keepwatch.ExtensionReading) bool {
	return r.Rows != nil && *r.Rows == 0 && j.mem.RunSum >= emptiedFrom
}

// promised judges by the rhythm that the configuration names.
func (j *judge) promised(r *keepwatch.ExtensionReading) {
	m, every := j.mem, j.w.Expect.RowsEvery
	if blind(r) {
		j.w.Verdict = held(j.was, "It is overwritten, and neither a time inside nor its last load is known: equal counts say nothing.")
		return
	}
	limit := every + max(10*time.Minute, every/2)
	age := j.now.Sub(j.shown())
	v := &j.w.Verdict
	switch {
	case age > limit && (!j.w.Reading.Maintenance || m.Alarm == alarmStale):
		j.raise(alarmStale, keepwatch.DataStale)
		v.Page = j.was.Page && j.was.Outcome == keepwatch.DataStale || !j.w.Reading.Holiday
		v.Confidence = 0.9
		v.Expected = 0
		v.Evidence = fmt.Sprintf("No new row for %s; one was to come every %s.", spoken(age), spoken(every))
	case m.LastSign.IsZero():
		m.Alarm = ""
		v.Learning = fmt.Sprintf("No new row was seen in the %s since the first look; one is to come every %s.", spoken(age), spoken(every))
	default:
		m.Alarm = ""
		v.Outcome = keepwatch.OK
		v.Evidence = fmt.Sprintf("The newest rows came %s ago; some are to come every %s.", spoken(age), spoken(every))
	}
	if v.Outcome == keepwatch.DataStale && !r.Newest.IsZero() {
		v.Evidence += fmt.Sprintf(" The newest value of its time field is %s.", stamp(r.Newest))
	}
}

func rowsHint(e keepwatch.Expectation, r *keepwatch.ExtensionReading) string {
	if e.FedBy != "" {
		return fmt.Sprintf("Look at the automation %s that fills it: its last run, and how many rows its import brought. A green run can bring none.", e.FedBy)
	}
	if !r.FedAt.IsZero() {
		return fmt.Sprintf("What fills it last succeeded at %s: look how many rows that brought.", stamp(r.FedAt))
	}
	return "Look at what writes its rows: its credential, its log, its last call. A writer that calls the API leaves no trace in SFMC when it stops."
}
