package incident

import (
	"strings"
	"time"

	"keepwatch"
)

// driftFor is how long an incident of drift stays open when nobody acknowledges it:
// the change is done, and what was seen last is the new base.
const driftFor = 7 * 24 * time.Hour

// drift compares what was seen of a thing that should not change by itself with the
// last time, and reports whether its incident is open.
func (st *step) drift(s *keepwatch.Series, o *keepwatch.Observation, g grievance) (open bool) {
	changed := ""
	if len(o.Seen) > 0 {
		changed = differences(s.Seen, o.Seen)
		s.Seen = o.Seen
	}
	if o.Outcome == keepwatch.Drifted && changed == "" {
		changed = o.Evidence
	}
	if changed == "" && o.Outcome != keepwatch.Drifted {
		return st.driftEnds(s, o)
	}
	told := *o
	told.Outcome, told.Due = keepwatch.Drifted, nil
	told.Evidence = changed
	if changed != o.Evidence || o.Message == "" {
		told.Message = "Changed since the last time: " + changed
		told.Hint = "If this was planned, acknowledge it. If not, find out who replaced it, and whether those who pin it know."
	}
	if told.Severity == "" {
		told.Severity = keepwatch.Drifted.Info().Severity
	}
	g.observation, g.outcome, g.since = &told, keepwatch.Drifted, o.At
	book, key := st.book(), KeyOf(&told)
	switch e := book.byKey[key]; {
	case e == nil:
		book.openAs(key, g, told.Severity, ReasonDrift, driftDetail(o))
	case changed != "" && changed != e.Evidence:
		e.touch()
		e.AcknowledgedAt, e.AcknowledgedBy = time.Time{}, "" // of another change
		book.change(e, g, "It has changed once more.")
		e.Severity = told.Severity
	}
	return true
}

func driftDetail(o *keepwatch.Observation) string {
	if o.Check.OfScan() {
		return "Seen from outside, it is not what it was."
	}
	return "Issuer, key, names or chain are not what they were."
}

// driftEnds closes the incident of an earlier change at the first look after
// somebody has acknowledged it, or after a week.
func (st *step) driftEnds(s *keepwatch.Series, o *keepwatch.Observation) (open bool) {
	if len(st.view.Open) == 0 && st.ledger == nil {
		return false
	}
	e := st.book().byKey[driftKey(o)]
	if e == nil || !e.holds(s.ID) {
		return false
	}
	switch {
	case o.Check.OfScan() && len(o.Seen) == 0:
		// It was judged by how it is, not by how it differs: that it is well again ends it.
		st.book().leave(e, s.ID, o.At, ReasonMended, "A scan finds it as it should be.")
	case !e.AcknowledgedAt.IsZero():
		st.book().leave(e, s.ID, o.At, ReasonDriftKnown, "The change was acknowledged; what was seen since is the new base.")
	case o.At.Sub(e.DetectedAt) >= driftFor:
		st.book().leave(e, s.ID, o.At, ReasonDriftAged, "It was said a week ago; what was seen since is the new base.")
	default:
		return true
	}
	return false
}

// differences names what changed, old and new. The first look has nothing to
// compare with, and a fact that only one of the two has says nothing: an older
// version did not read it.
func differences(old, seen []keepwatch.Fact) string {
	var out []string
	for _, f := range seen {
		for _, before := range old {
			if before.Name == f.Name && before.Value != f.Value {
				out = append(out, f.Name+": "+clip(before.Value, maxFact)+" -> "+clip(f.Value, maxFact))
			}
		}
	}
	return strings.Join(out, "; ")
}

// maxFact keeps old and new of two facts within the evidence of an incident.
const maxFact = 70
