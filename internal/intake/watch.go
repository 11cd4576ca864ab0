package intake

import (
	"cmp"
	"math"
	"reflect"
	"slices"
	"strconv"
	"time"

	"keepwatch"
)

// Limits of a reading of SFMC's counters.
const (
	maxSubject  = 600 // bytes of a key or series that names a subject: SFMC's own keys are long
	maxUpstream = 64
	maxVia      = 16
	maxParts    = 100 // activities of a journey, imports of an automation, extensions it reads
)

// checkWatch refuses what no look at a counter can find, and cleans the rest. A test
// finds no effects, and a look finds nothing else: either would end, or begin, what
// only the other may.
func checkWatch(o *keepwatch.Observation, now time.Time) error {
	effect := o.Outcome.Info().Confirm == keepwatch.ConfirmJudged
	if o.Watch == nil {
		if effect {
			return invalid("send the reading that it was judged by", "outcome %s comes without a reading", quote(string(o.Outcome)))
		}
		return nil
	}
	if !effect && o.Outcome != keepwatch.OK {
		return invalid("report what could not be read under the check itself", "a reading has outcome %s", quote(string(o.Outcome)))
	}
	w, finite := tidy(*o.Watch)
	o.Watch = &w
	if !finite {
		return invalid("send finite numbers", "a number of the reading is not one")
	}
	if err := checkSubject(o, &w); err != nil {
		return err
	}
	return checkReading(o, &w, now)
}

func checkSubject(o *keepwatch.Observation, w *keepwatch.Watch) error {
	s := w.Subject
	switch {
	case !slices.Contains(keepwatch.SubjectKinds, s.Kind):
		return invalid("use a kind of the table of subjects", "a subject of kind %s is unknown", quote(string(s.Kind)))
	case s.Key == "":
		return invalid("name the subject as SFMC does", "the %s has no key", string(s.Kind))
	case !slices.Contains(aspects, w.Aspect):
		return invalid("use a name of the table of aspects", "aspect %s is unknown", quote(string(w.Aspect)))
	case o.Series != keepwatch.SeriesOf(o.Check, keepwatch.SubjectSeries(s, w.Aspect)):
		return invalid("name the series after check, subject and aspect", "series %s is not the one of %s", quote(string(o.Series)), quote(s.String()))
	case len(w.Upstream) > maxUpstream:
		return invalid("send at most "+strconv.Itoa(maxUpstream), "%d credentials stand above %s", len(w.Upstream), quote(s.String()))
	}
	for _, u := range w.Upstream {
		if u.Credential == "" || len(u.Via) > maxVia {
			return invalid("name the credential, and at most "+strconv.Itoa(maxVia)+" subjects on the way", "a credential above %s has no name, or is too far away", quote(s.String()))
		}
	}
	return nil
}

var aspects = []keepwatch.Aspect{
	keepwatch.AspectEntry, keepwatch.AspectActivities, keepwatch.AspectRows, keepwatch.AspectRuns,
	keepwatch.AspectImports, keepwatch.AspectQueue, keepwatch.AspectVolume, keepwatch.AspectBacklog,
}

func checkReading(o *keepwatch.Observation, w *keepwatch.Watch, now time.Time) error {
	r, v := &w.Reading, &w.Verdict
	if r.At.IsZero() {
		r.At = o.At
	}
	switch {
	case r.At.After(now.Add(MaxAhead)):
		return invalid("set the clock of the machine that sent it", "the reading of %s lies in the future", stamp(r.At))
	case r.Window < 0 || r.Window > maxSpan || r.Amount < 0:
		return invalid("send 0 or more, at most a year", "an amount of %d in %s makes no sense", r.Amount, r.Window)
	case cmp.Or(v.Outcome, keepwatch.OK) != o.Outcome:
		return invalid("record the verdict's own outcome", "the verdict says %s, the observation %s", quote(string(v.Outcome)), quote(string(o.Outcome)))
	}
	v.Confidence = min(max(v.Confidence, 0), 1)
	v.Since, v.Noticed = notAfter(v.Since, r.At), notAfter(v.Noticed, r.At)
	v.Evidence, v.Hint = Text(v.Evidence, maxMessage), Text(v.Hint, maxMessage)
	if j := r.Journey; j != nil {
		j.Activities = j.Activities[:min(len(j.Activities), maxParts)]
	}
	if a := r.Automation; a != nil {
		a.Imports = a.Imports[:min(len(a.Imports), maxParts)]
	}
	w.Expect.Reads = w.Expect.Reads[:min(len(w.Expect.Reads), maxParts)]
	return nil
}

// notAfter keeps what was noticed from lying after the reading that showed it.
func notAfter(t, limit time.Time) time.Time {
	if t.After(limit) {
		return limit
	}
	return t
}

// tidy is a copy with texts, times and numbers as they may be stored: what is judged
// must be what is stored. It walks over all fields, because a reading has dozens and the
// judges add to what they remember; finite is false where a number is none.
func tidy(w keepwatch.Watch) (_ keepwatch.Watch, finite bool) {
	finite = true
	walk(reflect.ValueOf(&w).Elem(), &finite)
	return w, finite
}

var timeType = reflect.TypeFor[time.Time]()

func walk(v reflect.Value, finite *bool) {
	switch v.Kind() {
	case reflect.String:
		if s := v.String(); s != "" {
			v.SetString(Text(s, maxMessage))
		}
	case reflect.Float64:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			*finite = false
		}
	case reflect.Struct:
		if v.Type() == timeType {
			walkTime(v)
			return
		}
		for i := range v.NumField() {
			walk(v.Field(i), finite)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			c := reflect.New(v.Type().Elem())
			c.Elem().Set(v.Elem())
			v.Set(c)
			walk(c.Elem(), finite)
		}
	case reflect.Slice:
		if v.Len() > 0 {
			c := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
			reflect.Copy(c, v)
			v.Set(c)
		}
		walkItems(v, finite)
	case reflect.Array:
		walkItems(v, finite)
	}
}

func walkItems(v reflect.Value, finite *bool) {
	for i := range v.Len() {
		walk(v.Index(i), finite)
	}
}

// walkTime drops what is finer than the store keeps. SFMC has dates of year 1 and of
// no year at all for "never"; a year that JSON cannot write is one of them.
func walkTime(v reflect.Value) {
	t, ok := v.Interface().(time.Time)
	if !ok || t.IsZero() {
		return
	}
	if t = t.UTC().Truncate(time.Millisecond); t.Year() < 1 || t.Year() > 9999 {
		t = time.Time{}
	}
	v.Set(reflect.ValueOf(t))
}
