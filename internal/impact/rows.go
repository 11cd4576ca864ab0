package impact

import (
	"fmt"
	"math"
	"time"

	"keepwatch"
)

// rows are those that imports of an automation should have brought and did not: for each
// result that is far too small, the usual size less what came.
func (w *work) rows(s Subject) {
	e, ok := w.effect(s, keepwatch.ImportEmpty)
	if !ok {
		return
	}
	usual, came, results := 0.0, int64(0), 0
	seen := map[time.Time]bool{}
	for _, r := range s.Readings {
		v := &r.Verdict
		if r.Aspect != e.Aspect || v.Outcome != keepwatch.ImportEmpty || v.Expected <= 0 || r.Reading.Automation == nil {
			continue
		}
		for _, i := range r.Reading.Automation.Imports {
			if i.At.IsZero() || seen[i.At] || i.At.Before(e.Since) || float64(i.Imported) >= v.Expected {
				continue
			}
			seen[i.At] = true
			usual, came, results = usual+v.Expected, came+max(i.Imported, 0), results+1
		}
	}
	if results == 0 {
		return
	}
	mid := math.Round(usual - float64(came))
	w.found = append(w.found, part{
		name: RowsNotImported, subject: s.ID(), unit: unitRows, e: estimate{mid: mid}, source: Measured, so: e.EndedAt.IsZero(),
		formula: fmt.Sprintf("%d × %s usual, less %s that came = %s", results, number(math.Round(usual/float64(results))), number(float64(came)), number(mid)),
	})
}
