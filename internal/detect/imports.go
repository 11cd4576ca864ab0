package detect

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"keepwatch"
)

const (
	alarmImport   = "import"
	importsKept   = 5   // of one automation; the rest are judged without a memory
	importSizes   = 8   // of one import: a week of nights, and one more
	importUsual   = 3   // sizes that make a usual one
	importFar     = 0.2 // of the usual is far below it
	importErrors  = 10  // rows with errors that are worth a word …
	importShare   = 0.1 // … as a share …
	importPaging  = 0.5 // … and that wake somebody
	zeroesAsUsual = 2   // of the kept sizes: an empty file is ordinary here
)

// What can be wrong with a result.
const (
	faultFailed  = "failed"
	faultEmptied = "emptied"
	faultEmpty   = "empty"
	faultErrors  = "errors"
	faultFar     = "far"
)

// imports judges what the imports of an automation brought. "Completed" says
// nothing of it: an empty file can be a success.
func (j *judge) imports() {
	r := j.w.Reading.Automation
	if r == nil || len(r.Imports) == 0 {
		j.w.Verdict = held(j.was, "SFMC shows no results of imports.")
		return
	}
	m := j.mem
	var worst keepwatch.Past
	var at keepwatch.ImportReading
	bad, known := 0, false
	for _, i := range r.Imports {
		past, seen := j.past(i)
		known = known || seen
		if past.Fault == "" {
			continue
		}
		bad++
		if worst.Fault == "" || past.Good.Before(worst.Good) {
			worst, at = past, i
		}
	}
	v := &j.w.Verdict
	switch {
	case worst.Fault != "":
		j.mem.LastSign, j.mem.Span = worst.Good, 0
		j.raise(alarmImport, keepwatch.ImportEmpty)
		v.Since = sinceGood(worst.Good, m.Since, at.At)
		v.Confidence, v.Page = 0.95, importPages(at)
		v.Evidence, v.Hint = faultEvidence(worst, at), importHint(at)
		if !at.At.Equal(worst.At) && j.was.Outcome == v.Outcome {
			v.Evidence, v.Hint, v.Page = j.was.Evidence, j.was.Hint, j.was.Page // the next one is on its way
		}
		if bad > 1 {
			v.Evidence += fmt.Sprintf(" %d imports of this automation are like that.", bad)
		}
		if n := usual(worst.Sizes); n > 0 {
			v.Expected = n
		}
	case !known:
		m.Alarm = ""
		v.Learning = "Learning: no result of its imports has been seen yet."
	default:
		m.Alarm = ""
		m.LastSign, m.Span = newestImport(r.Imports), 0
		v.Outcome, v.Evidence = keepwatch.OK, calmImport(r.Imports)
	}
}

// past is what is remembered of an import, with its newest result judged and added.
// Where there is no room to remember it, only what needs no memory is judged.
func (j *judge) past(i keepwatch.ImportReading) (keepwatch.Past, bool) {
	name := hash(i.Key)
	k := slices.IndexFunc(j.mem.Imports, func(p keepwatch.Past) bool { return p.Name == name })
	if k < 0 {
		if len(j.mem.Imports) >= importsKept {
			return keepwatch.Past{At: i.At, Fault: fault(keepwatch.Past{}, i)}, ended(i)
		}
		j.mem.Imports = append(j.mem.Imports, keepwatch.Past{Name: name})
		k = len(j.mem.Imports) - 1
	}
	p := &j.mem.Imports[k]
	if i.At.After(p.At) && !i.At.After(j.now) && ended(i) {
		low, before := is(p.Fault, faultEmpty, faultFar), p.Last
		p.At, p.Fault = i.At, fault(*p, i)
		p.Last = max(i.Imported, 0)
		if p.Fault == "" {
			// A result that was far too small is part of what is usual once a good one has
			// come after it: a feed that stays empty must not become ordinary.
			if low {
				p.Sizes = keep(p.Sizes, before, importSizes)
			}
			p.Sizes, p.Good = keep(p.Sizes, p.Last, importSizes), i.At
		}
	}
	return *p, !p.At.IsZero()
}

func ended(i keepwatch.ImportReading) bool {
	return !is(i.Status, "new", "processing", "iowork", "queued")
}

// fault names what is wrong with a result; "" where nothing is.
func fault(p keepwatch.Past, i keepwatch.ImportReading) string {
	most := usual(p.Sizes)
	switch {
	case is(i.Status, "error", "failed"):
		return faultFailed
	case i.Total == 0 && i.Overwrite && is(i.BlankFile, "process"):
		return faultEmptied
	case i.Total == 0 && most > 0:
		return faultEmpty
	case i.Errors >= importErrors && float64(i.Errors) >= importShare*float64(max(i.Total, 1)):
		return faultErrors
	case most > 0 && float64(i.Imported) < importFar*most && i.Imported < slices.Min(p.Sizes):
		return faultFar
	}
	return ""
}

// faultEvidence says it in a sentence.
func faultEvidence(p keepwatch.Past, i keepwatch.ImportReading) string {
	name, most := "The import "+i.Key, figure(usual(p.Sizes))
	switch p.Fault {
	case faultFailed:
		return fmt.Sprintf("%s failed at %s.", name, stamp(i.At))
	case faultEmptied:
		return fmt.Sprintf("%s ran at %s with an empty file and the policy \"process\": its target%s was emptied.", name, stamp(i.At), target(i))
	case faultEmpty:
		return fmt.Sprintf("%s succeeded at %s and brought no rows%s; usual are %s.", name, stamp(i.At), policy(i), most)
	case faultErrors:
		return fmt.Sprintf("%s turned away %s of %s rows at %s%s.", name, figure(float64(i.Errors)), figure(float64(i.Total)), stamp(i.At), allowed(i))
	}
	return fmt.Sprintf("%s brought %s rows at %s; usual are %s.", name, figure(float64(i.Imported)), stamp(i.At), most)
}

// usual is the median size, 0 while too few are known or none is a usual size, too.
func usual(sizes []int64) float64 {
	zeroes := 0
	for _, s := range sizes {
		if s == 0 {
			zeroes++
		}
	}
	if len(sizes) < importUsual || zeroes >= zeroesAsUsual {
		return 0
	}
	return middle(sizes)
}

func importPages(i keepwatch.ImportReading) bool {
	if i.Total == 0 || is(i.Status, "error", "failed") {
		return true
	}
	return float64(i.Errors) >= importPaging*float64(i.Total) || i.Imported == 0
}

func policy(i keepwatch.ImportReading) string {
	if i.BlankFile == "" {
		return ""
	}
	return fmt.Sprintf(" (its policy for blank files is %q)", i.BlankFile)
}

func target(i keepwatch.ImportReading) string {
	if i.Target == "" {
		return ""
	}
	return " " + i.Target
}

func allowed(i keepwatch.ImportReading) string {
	if !i.AllowErrors {
		return ""
	}
	return "; it is told to go on with errors, so the run counts as a success"
}

func importHint(i keepwatch.ImportReading) string {
	switch {
	case i.Total == 0 && is(i.BlankFile, "skip"):
		return "Look at who writes the file. With the policy \"skip\" an empty file is a success; \"fail\" would stop the automation."
	case i.Total == 0 && is(i.BlankFile, "process") && i.Overwrite:
		return "Load the last good file again. With the policy \"process\" an empty file empties the target; \"fail\" would have kept it."
	case i.Errors >= importErrors:
		return "Read the import's error file: the columns or their types have changed."
	}
	return "Look at who writes the file: whether it is whole, and whether it is the new one."
}

func calmImport(all []keepwatch.ImportReading) string {
	newest := slices.MaxFunc(all, func(a, b keepwatch.ImportReading) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Key, b.Key)) })
	return fmt.Sprintf("The import %s brought %s rows at %s.", newest.Key, figure(float64(newest.Imported)), stamp(newest.At))
}

func newestImport(all []keepwatch.ImportReading) (at time.Time) {
	for _, i := range all {
		at = laterOf(at, i.At)
	}
	return at
}

func sinceGood(good, since, at time.Time) time.Time {
	switch {
	case !good.IsZero():
		return good
	case at.Before(since):
		return at
	}
	return since
}

func hash(name string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(name))
	return h.Sum32()
}
