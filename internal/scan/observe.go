package scan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"keepwatch"
	"keepwatch/internal/expiry"
)

// maxSubject keeps the names of series within what is stored of one.
const maxSubject = 90

// Observe turns a scan of the schedule into what is recorded of it: the scan itself
// first, then each certificate's end, each thing that became worse or is well again,
// and each fact whose change somebody should hear of.
func Observe(s keepwatch.Slot, r Report, before Standing, ladder []time.Duration) (after Standing, found []keepwatch.Observation) {
	w := witness{slot: s, report: r, now: r.At}
	if w.now.Before(s.At) {
		w.now = s.At
	}
	if why, blind := r.Blind(); blind {
		o := w.begin("")
		o.Outcome, o.Message, o.Evidence = keepwatch.MonitorFault, "Nothing of "+r.Target+" could be looked at.", why
		o.Hint = "Look at this machine's name resolution and firewall; a scan connects directly and uses no proxy."
		return before, []keepwatch.Observation{o}
	}
	after, verdicts := Judge(before, r)
	sum := w.begin("")
	sum.Message = fmt.Sprintf("%s of %s looked at: %s.", plural(len(r.Findings), "thing"), r.Target, Headline(r))
	found = append(found, sum)
	for _, v := range verdicts {
		found = append(found, w.verdict(v))
	}
	for _, f := range r.Findings {
		if f.Check == "tls_expiry" {
			if o, ok := w.date(f, ladder); ok {
				found = append(found, o)
			}
		}
		// What is told of as worse is not told of as changed, too; as long as it is told of,
		// what was before stays what it is compared with.
		if seen := f.Facts(); len(seen) > 0 && !after[f.Name()].Told {
			found = append(found, w.facts(f, seen))
		}
	}
	return after, found
}

// witness is what all observations of one scan have in common.
type witness struct {
	slot   keepwatch.Slot
	report Report
	now    time.Time
}

func (w witness) begin(subject string) keepwatch.Observation {
	s, key := w.slot, keepwatch.SlotKey(w.slot.Check.ID, w.slot.At)
	if s.Reason == keepwatch.ReasonDemand {
		key = keepwatch.DemandKey(s.Check.ID, s.At)
	}
	if subject != "" {
		key += "#" + keepwatch.Digest(subject)
	}
	return keepwatch.Observation{
		Key: key, Series: keepwatch.SeriesOf(s.Check.ID, subject), Check: s.Check.ID, Tenant: s.Check.Tenant, Place: keepwatch.Local,
		Source: keepwatch.SourceTest, Reason: s.Reason, Slot: s.At, At: w.report.At, Gap: s.Gap,
		Took: time.Duration(w.report.TookMS * float64(time.Millisecond)), Outcome: keepwatch.OK, Connectivity: keepwatch.ConnectivityUnproven,
	}
}

// short keeps a name within the limit; a long one is told by its beginning and a digest.
func short(name string) string {
	if len(name) <= maxSubject {
		return name
	}
	return clean(name, maxSubject-20) + "~" + keepwatch.Digest(name)
}

func (w witness) verdict(v Verdict) keepwatch.Observation {
	o := w.begin(short(v.Name()))
	o.Message, o.Evidence = v.Subject+": "+v.Message, fmt.Sprintf("%s %s -> %s", v.Check, v.Was, v.Severity)
	if v.Worse {
		o.Outcome, o.Hint, o.Step = keepwatch.Drifted, v.Hint, v.Check
		o.Severity = keepwatch.SeverityWarning
		if v.Severity == Critical {
			o.Severity = keepwatch.SeverityCritical
		}
	}
	return o
}

// date is one look at the end of a certificate, on the ladder that all dates have.
func (w witness) date(f Finding, ladder []time.Duration) (keepwatch.Observation, bool) {
	text, _ := f.Evidence["not_after"].(string)
	end, err := time.Parse(time.RFC3339, text)
	if err != nil || f.Severity == Unknown {
		return keepwatch.Observation{}, false
	}
	name := short("certificate:" + f.Subject)
	dues := expiry.Look(keepwatch.Credential{}, []keepwatch.Clock{{
		Name: name, Kind: keepwatch.ClockHard, At: end, Source: keepwatch.DateRead, Basis: "shown by " + f.Subject,
	}}, ladder, time.UTC, w.now)
	if len(dues) == 0 {
		return keepwatch.Observation{}, false
	}
	d := dues[0]
	o := w.begin(short(f.Name()))
	o.Due = &d
	o.Message, _ = expiry.Words(d, time.UTC, w.now)
	o.Hint, o.Evidence = f.Hint, "ends "+text+", read"
	switch {
	case slices.Contains(d.Passed, keepwatch.RungExpired):
		o.Outcome, o.Step = keepwatch.Expired, name
	case len(d.Passed) > 0:
		o.Outcome, o.Step = keepwatch.Expiring, name
		o.Hint = cmp.Or(o.Hint, "Look at who renews it, and whether that is under way.")
	}
	return o, true
}

func (w witness) facts(f Finding, seen map[string]string) keepwatch.Observation {
	o := w.begin(short(f.Name()) + FactsOf)
	o.Message = f.Message
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		o.Seen = append(o.Seen, keepwatch.Fact{Name: name, Value: seen[name]})
	}
	return o
}
