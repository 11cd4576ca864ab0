package scenario

import (
	"cmp"
	"slices"
	"time"

	"keepwatch"
	"keepwatch/internal/detect"
	"keepwatch/internal/sfmc/sim/world"
)

// Looked is a subject that an effects check looks at.
type Looked struct {
	Check    keepwatch.CheckID
	Tenant   keepwatch.TenantID
	Subject  keepwatch.Subject
	Upstream []keepwatch.Upstream
	Expect   keepwatch.Expectation
}

// countedBy is the aspect of a kind that has a baseline, "" where none has.
func countedBy(kind keepwatch.SubjectKind) keepwatch.Aspect {
	switch kind {
	case keepwatch.SubjectJourney:
		return keepwatch.AspectEntry
	case keepwatch.SubjectDataExtension:
		return keepwatch.AspectRows
	case keepwatch.SubjectTriggeredSend:
		return keepwatch.AspectVolume
	}
	return ""
}

// closely is how long before the present looks were as close as they are now: how events
// lie within an hour, only close looks can tell.
const closely = 5 * day

// Readings is what looks at a living world would have found in the past, oldest first:
// from them baselines can be learnt at once.
func Readings(truth world.Truth, subjects []Looked, from, now time.Time) []keepwatch.Observation {
	var all []keepwatch.Observation
	for _, s := range subjects {
		if record := truth.Of(s.Subject.ID()); record != nil && countedBy(s.Subject.Kind) != "" {
			all = append(all, s.readings(record, from, now)...)
		}
	}
	slices.SortStableFunc(all, func(a, b keepwatch.Observation) int {
		return cmp.Or(a.Slot.Compare(b.Slot), cmp.Compare(a.Key, b.Key))
	})
	return all
}

// readings are those of one subject. They are judged like any other: first without a
// baseline, then by the one that could be learnt by then.
func (s Looked) readings(record *world.Record, from, now time.Time) []keepwatch.Observation {
	aspect := countedBy(s.Subject.Kind)
	part := keepwatch.SubjectSeries(s.Subject, aspect)
	counted := counterOf(s.Subject.Kind, record)
	series := keepwatch.SeriesOf(s.Check, part)
	var all []keepwatch.Observation
	var hours []keepwatch.Hour
	var previous *keepwatch.Watch
	var model *keepwatch.Model
	for at, step := from.Truncate(time.Hour), time.Hour; ; at = at.Add(step) {
		if at.After(now) {
			at = now
		}
		if step == time.Hour && now.Sub(at) <= closely {
			step = 15 * time.Minute
			if m, ok := detect.Fit(series, hours, nil, at, nil, nil); ok {
				model = &m
			}
		}
		next := keepwatch.Watch{Subject: s.Subject, Aspect: aspect, Upstream: s.Upstream, Expect: s.Expect, Reading: counted(at)}
		next.Reading.At = at
		next = detect.Judge(previous, model, next)
		previous = &next
		if step == time.Hour {
			hours = append(hours, keepwatch.Hour{Start: at.Add(-time.Hour), Amount: next.Reading.Amount, Observed: next.Reading.Window})
		}
		all = append(all, keepwatch.Observation{
			Key: keepwatch.SlotKey(s.Check, at) + "#" + part, Series: series, Check: s.Check, Tenant: s.Tenant,
			Place: keepwatch.Local, Source: keepwatch.SourceTest, Reason: keepwatch.ReasonScheduled, Slot: at, At: at, Gap: step,
			Outcome: cmp.Or(next.Verdict.Outcome, keepwatch.OK), Message: next.Verdict.Evidence, Watch: &next,
		})
		if !at.Before(now) {
			return all
		}
	}
}

// counterOf tells what a subject's counter stood at, asked in the order of time.
func counterOf(kind keepwatch.SubjectKind, record *world.Record) func(time.Time) keepwatch.Reading {
	if kind == keepwatch.SubjectDataExtension {
		return rowsOf(record.Syncs)
	}
	lots := slices.DeleteFunc(slices.Clone(record.Lots), func(l world.Lot) bool { return l.Done.IsZero() || l.Fate == world.Rejected })
	slices.SortFunc(lots, func(a, b world.Lot) int { return a.Done.Compare(b.Done) })
	sum := int64(0)
	return func(at time.Time) keepwatch.Reading {
		for len(lots) > 0 && !lots[0].Done.After(at) {
			sum += int64(lots[0].Count)
			lots = lots[1:]
		}
		if kind == keepwatch.SubjectJourney {
			return keepwatch.Reading{Journey: &keepwatch.JourneyReading{Status: "Published", Version: 1, Versions: 1, Entered: new(sum)}}
		}
		return keepwatch.Reading{Send: &keepwatch.SendReading{Status: "Active", Sent: new(sum)}}
	}
}

func rowsOf(syncs []world.Sync) func(time.Time) keepwatch.Reading {
	total := int64(0)
	if len(syncs) > 0 {
		total = syncs[0].Total - int64(syncs[0].Rows)
	}
	var newest time.Time
	return func(at time.Time) keepwatch.Reading {
		for len(syncs) > 0 && !syncs[0].At.After(at) {
			total, newest = syncs[0].Total, syncs[0].At
			syncs = syncs[1:]
		}
		return keepwatch.Reading{Extension: &keepwatch.ExtensionReading{Rows: new(total), Newest: newest}}
	}
}
