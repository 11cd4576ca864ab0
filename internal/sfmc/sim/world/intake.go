package world

import (
	"slices"
	"strconv"
	"time"

	"keepwatch"
)

// intake is what one step of an automation reads: files, or a data extension.
type intake struct {
	owner  *automation
	step   int
	target *extension
	source *stream    // of a file
	drops  *timetable // nil: just in time
	dropAt minute

	outside []lot // in the source, in no file yet
	inside  []lot // in the file, or read by the query and not written yet
	landed  bool  // there is a file
	rows    int   // in it
	part    bool  // it was truncated
	former  int   // in the one before
	full    int64 // rows of a whole overwrite
	spoil   string
	spoils  int // files still to spoil; -1: until mended
	keep    float64
	rejects float64
	results []Import
}

// Import is the result of one import.
type Import struct {
	TaskID     int
	Definition string
	Target     string
	Started    time.Time
	Ended      time.Time
	Status     string
	Total      int
	Successful int
	Errors     int
}

// landing is when the first file lands at or behind an instant.
func (in *intake) landing(m minute) minute {
	if in.drops != nil {
		return in.drops.after(m - 1)
	}
	if in.owner.plan != nil {
		return in.owner.plan.after(m - 1)
	}
	return m
}

// due is when a row that arrives in the source would be written.
func (in *intake) due(m minute) minute {
	file := in.landing(m + 1)
	offset := in.owner.offset(in.step)
	if in.owner.plan == nil {
		return file + offset
	}
	return in.owner.plan.after(file-1) + offset
}

// The source's rows gather outside until a file takes them.
func (in *intake) offer(_ *World, l lot, m minute) (uint16, bool) {
	if l.due == m {
		l.due = in.due(m)
	}
	in.outside = append(in.outside, l)
	return 0, true
}

func (in *intake) lose(w *World, l lot, why uint16) {
	if in.target != nil {
		in.target.lose(w, l, why)
	}
}

// A query's rows are those that its source got.
func (in *intake) receive(_ *World, l lot, _ minute) {
	l.due = in.dueFor(l.due)
	in.outside = append(in.outside, l)
}

func (in *intake) dueFor(due minute) minute { return in.owner.dueAfter(due, in.step) }

func (in *intake) waiting() []lot {
	out := append(append([]lot(nil), in.inside...), in.outside...)
	if s := in.owner.activity(in.step).Source; s != "" && in.source == nil {
		if e := in.upstream(); e != nil {
			return append(out, e.upstream(in)...)
		}
	}
	return out
}

func (in *intake) upstream() *extension {
	for _, e := range in.owner.sources {
		if slices.Contains(e.sinks, sink(in)) {
			return e
		}
	}
	return nil
}

// drop lands a file, as it is or spoilt.
func (in *intake) drop(w *World, m minute) bool {
	mode := in.spoiling()
	if c := in.fileCaller(w); c != nil && mode != "withhold" {
		if why, ok := w.permitted(c, NeedToken, m); !ok {
			hold(in.outside, m+in.owner.length(), why)
			in.discard(w, why)
			return false
		}
	}
	in.part = mode == "truncate"
	switch mode {
	case "withhold":
		why := w.reason(Reason{Kind: keepwatch.CauseHolderSilent, By: in.owner.id, Detail: "the file did not come"})
		hold(in.outside, m+in.owner.length(), why)
		in.discard(w, why)
		return false
	case "empty":
		in.hollow(w, 0, m)
	case "truncate":
		in.hollow(w, int(float64(total(in.outside))*in.keep), m)
	default:
		in.inside, in.outside = append(in.inside, in.outside...), nil
	}
	in.landed, in.rows = true, total(in.inside)
	return true
}

func (in *intake) spoiling() string {
	mode := in.spoil
	if in.spoils > 0 {
		if in.spoils--; in.spoils == 0 {
			in.spoil = ""
		}
	}
	return mode
}

func (in *intake) fileCaller(w *World) *caller {
	return w.callers[in.owner.activity(in.step).File.Caller]
}

// hollow lands so many rows; the others wait for the next file, or are lost.
func (in *intake) hollow(w *World, n int, m minute) {
	why := w.reason(Reason{Kind: keepwatch.CauseEmptyImport, By: in.owner.id, Detail: "the file held " + strconv.Itoa(n) + " of " + strconv.Itoa(total(in.outside)) + " rows"})
	front, rest := take(in.outside, n)
	in.inside = append(in.inside, front...)
	in.outside = append([]lot(nil), rest...)
	hold(in.outside, m+in.owner.length(), why)
	in.discard(w, why)
}

// discard loses what waits outside, where the source does not repeat it.
func (in *intake) discard(w *World, why uint16) {
	if !in.owner.activity(in.step).File.Lost {
		return
	}
	for _, l := range in.outside {
		in.lose(w, l, why)
	}
	in.outside = nil
}

// load imports the file that is there.
func (in *intake) load(w *World, r *run, begun, m minute) (Reason, bool) {
	spec := in.owner.activity(in.step)
	result := Import{TaskID: w.nextTask, Definition: spec.Key, Target: spec.Target, Started: begun.time(), Ended: m.time(), Status: "Completed"}
	w.nextTask++
	why := Reason{Kind: keepwatch.CauseAutomation, By: in.owner.id}
	defer func() { in.results = append(in.results, result) }()
	switch {
	case !in.landed && spec.OldFiles && in.former > 0:
		result.Total, result.Successful = in.former, in.former
		in.target.synced(in.former, m)
		return why, true
	case !in.landed:
		result.Status, why.Detail = "Error", "there was no file"
		return why, false
	case in.rows == 0 && oneOf(spec.Blank, "", "fail"):
		in.landed, result.Status = false, "Error"
		why.Kind, why.Detail = keepwatch.CauseEmptyImport, "the file was empty"
		return why, false
	case in.rows == 0:
		in.landed = false
		if spec.Blank == "process" && spec.Mode == "overwrite" {
			in.target.replace(0, m)
		}
		return why, true
	}
	rejects := spec.Rejects
	if in.rejects > 0 {
		rejects = in.rejects
	}
	bad := share(in.owner.random, in.rows, rejects)
	result.Total, result.Errors, result.Successful = in.rows, bad, in.rows-bad
	if bad > 0 && !spec.AllowErrors {
		result.Status, result.Successful = "Error", 0
		why.Detail = strconv.Itoa(bad) + " rows could not be read"
		in.landed = false // the file is spent; its rows come with the next one
		in.outside, in.inside = append(in.inside, in.outside...), nil
		return why, false
	}
	in.former, in.landed = in.rows, false
	r.Imported += int64(in.rows - bad)
	in.write(w, bad, m)
	return why, true
}

// write puts what was read into the target, without the rows that were bad.
func (in *intake) write(w *World, bad int, m minute) {
	spec := in.owner.activity(in.step)
	lots := in.inside
	in.inside = nil
	if bad > 0 {
		why := w.reason(Reason{Kind: keepwatch.CauseEmptyImport, By: in.owner.id, Detail: "rows were rejected and the import allowed that"})
		var front []lot
		front, lots = take(lots, bad)
		for _, l := range front {
			in.lose(w, l, why)
		}
	}
	if in.target == nil {
		return
	}
	if spec.Mode != "overwrite" {
		in.pour(w, lots, m, spec.Mode == "update")
		return
	}
	if in.full += int64(total(lots)); spec.SameSize && in.target.rows > 0 {
		in.full = in.target.rows
	}
	rows := in.full
	if in.part { // it overwrites with what it holds
		rows = int64(float64(rows) * in.keep)
	}
	in.pour(w, lots, m, true)
	in.target.replace(rows, m)
}

func (in *intake) pour(w *World, lots []lot, m minute, sameRows bool) {
	updates := in.target.spec.Updates
	if sameRows {
		in.target.spec.Updates = 1
	}
	for _, l := range lots {
		in.target.write(w, l, m)
	}
	in.target.spec.Updates = updates
}

// query writes the source's new rows into the target. It succeeds with none, too,
// and an overwrite then empties the target.
func (in *intake) query(w *World, r *run, m minute) {
	spec := in.owner.activity(in.step)
	lots := in.outside
	in.outside = nil
	r.Imported += int64(total(lots))
	if in.target == nil {
		return
	}
	in.pour(w, lots, m, oneOf(spec.Mode, "update", "overwrite"))
	if spec.Mode == "overwrite" {
		in.target.replace(int64(total(lots)), m)
	}
}
