package intake

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"keepwatch"
)

// Limits of what is stored of one observation, in bytes.
const (
	maxName       = 200 // keys, ids, names of steps and scopes
	maxMessage    = 500
	maxEvidence   = 300
	maxTranscript = 4096
	maxSteps      = 32
	maxScopes     = 200
	maxFindings   = 16
)

const (
	// MaxAhead is how far a time may lie in the future: clocks of two machines
	// differ, but a run that has not happened proves nothing.
	MaxAhead = 5 * time.Minute
	// MaxAge is how old an observation may be: as long as raw results are kept
	// with their daily rollups. The demo's history of 30 days enters here too.
	MaxAge = 400 * 24 * time.Hour
	// maxSpan bounds durations that a caller may claim.
	maxSpan = 366 * 24 * time.Hour
)

// Clean returns the observation as it may be stored, or says why it may not be.
// Texts are repaired, since a strange byte in an answer of SFMC is no reason to
// lose the verdict; names, outcomes and times are judged, since a wrong one would
// be recorded as something that did not happen.
func Clean(o keepwatch.Observation, now time.Time) (keepwatch.Observation, error) {
	if err := checkNames(&o); err != nil {
		return o, err
	}
	if err := checkOutcome(&o); err != nil {
		return o, err
	}
	if err := checkTimes(&o, now); err != nil {
		return o, err
	}
	if err := checkAmounts(&o); err != nil {
		return o, err
	}
	if err := checkDates(&o); err != nil {
		return o, err
	}
	if err := checkWatch(&o, now); err != nil {
		return o, err
	}
	if err := checkTraffic(&o, now); err != nil {
		return o, err
	}
	o.Step = Text(o.Step, maxName)
	o.Message, o.Hint = Text(o.Message, maxMessage), Text(o.Hint, maxMessage)
	o.Evidence = Text(o.Evidence, maxEvidence)
	o.Transcript = Text(o.Transcript, maxTranscript)
	o.Stack = Text(o.Stack, maxName)
	o.Steps, o.Scopes = steps(o.Steps), scopes(o.Scopes)
	return o, nil
}

func invalid(hint, format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, keepwatch.WithHint(keepwatch.ErrInvalid, hint))...)
}

// checkNames refuses ids that are missing or damaged. Repairing an id would make
// two different things one.
func checkNames(o *keepwatch.Observation) error {
	for _, n := range []struct {
		what, value string
		needed      bool
	}{
		{"key", o.Key, true}, {"series", string(o.Series), true}, {"place", string(o.Place), true},
		{"check", string(o.Check), o.Source == keepwatch.SourceTest},
		{"credential", string(o.Credential), o.Outcome.Info().Scope == keepwatch.ScopeCredential && !o.Check.OfScan()},
		{"tenant", string(o.Tenant), o.Source != keepwatch.SourceMonitor && !o.Check.OfScan()},
	} {
		switch {
		case n.value == "" && n.needed:
			return invalid("name the "+n.what, "the %s is empty", n.what)
		case len(n.value) > maxName && (o.Watch == nil || len(n.value) > maxSubject):
			return invalid("use at most "+strconv.Itoa(maxName)+" bytes", "the %s is %d bytes long", n.what, len(n.value))
		case !utf8.ValidString(n.value) || strings.ContainsRune(n.value, 0):
			return invalid("use valid UTF-8 without NUL", "the %s is not valid text", n.what)
		}
	}
	return checkSource(o)
}

func checkSource(o *keepwatch.Observation) error {
	switch o.Source {
	case keepwatch.SourceTest, keepwatch.SourceTraffic, keepwatch.SourceEvent, keepwatch.SourceMonitor:
	default:
		return invalid("use test, traffic, event or monitor", "source %s is unknown", quote(string(o.Source)))
	}
	switch o.Reason {
	case "", keepwatch.ReasonScheduled, keepwatch.ReasonConfirm, keepwatch.ReasonRetry, keepwatch.ReasonDemand, keepwatch.ReasonChanged:
	default:
		return invalid("use scheduled, confirm, retry, demand or changed", "reason %s is unknown", quote(string(o.Reason)))
	}
	switch o.Connectivity {
	case keepwatch.ConnectivityProven, keepwatch.ConnectivityUnproven:
	case "":
		o.Connectivity = keepwatch.ConnectivityUnproven
	default:
		return invalid("use proven or unproven", "connectivity %s is unknown", quote(string(o.Connectivity)))
	}
	return nil
}

// checkOutcome refuses names that are not in the table, and those that a single
// run cannot find: whether a series is slow or flaps is judged here, not reported.
func checkOutcome(o *keepwatch.Observation) error {
	if !o.Outcome.Known() {
		return invalid("use a name of docs/outcomes.md", "outcome %s is unknown", quote(string(o.Outcome)))
	}
	switch o.Outcome {
	case keepwatch.Slow, keepwatch.Flapping, keepwatch.DateContradicted:
		return invalid("report what the run found, and this as a finding", "outcome %s is a finding of a history, not of a run", quote(string(o.Outcome)))
	case keepwatch.MonitoringBlind:
		if o.Source != keepwatch.SourceMonitor {
			return invalid("leave it to the watchdog", "outcome %s belongs to the source monitor", quote(string(o.Outcome)))
		}
	}
	if len(o.Findings) > maxFindings {
		return invalid("report at most "+strconv.Itoa(maxFindings), "there are %d findings", len(o.Findings))
	}
	for _, f := range o.Findings {
		if !f.Known() {
			return invalid("use a name of docs/outcomes.md", "finding %s is unknown", quote(string(f)))
		}
	}
	return nil
}

// checkTimes refuses what cannot have happened when it says, and drops what is
// finer than the store keeps, so that what is judged is what is stored.
func checkTimes(o *keepwatch.Observation, now time.Time) error {
	if o.At.IsZero() {
		return invalid("send the time at which the run began", "the time is missing")
	}
	if o.Slot.IsZero() {
		o.Slot = o.At
	}
	for _, x := range []struct {
		what string
		at   *time.Time
	}{{"time", &o.At}, {"slot", &o.Slot}} {
		switch {
		case x.at.After(now.Add(MaxAhead)):
			return invalid("set the clock of the machine that sent it", "the %s %s lies %s in the future", x.what, stamp(*x.at), rough(x.at.Sub(now)))
		case x.at.Before(now.Add(-MaxAge)):
			return invalid("send what is at most "+keepwatch.FormatDuration(MaxAge)+" old", "the %s %s is too long ago", x.what, stamp(*x.at))
		}
		*x.at = x.at.UTC().Truncate(time.Millisecond)
	}
	if o.ChangedAt.After(now.Add(MaxAhead)) {
		o.ChangedAt = time.Time{} // a change to come cannot explain a refusal
	}
	o.ChangedAt = o.ChangedAt.UTC().Truncate(time.Millisecond)
	return nil
}

// checkAmounts refuses numbers that no run can have.
func checkAmounts(o *keepwatch.Observation) error {
	for _, d := range []struct {
		what  string
		value time.Duration
	}{{"duration", o.Took}, {"planned gap", o.Gap}, {"window", o.Window}} {
		if d.value < 0 || d.value > maxSpan {
			return invalid("send 0 or more, at most a year", "the %s of %s makes no sense", d.what, d.value)
		}
	}
	if o.Count < 0 {
		return invalid("send how many events it stands for", "the count is %d", o.Count)
	}
	// SFMC's own answer, however wild, must not cost the verdict: it is clamped
	// where it is obeyed.
	o.RetryAfter = max(o.RetryAfter, 0)
	return nil
}

func steps(in []keepwatch.Step) []keepwatch.Step {
	in = in[:min(len(in), maxSteps)]
	if len(in) == 0 {
		return nil
	}
	out := slices.Clone(in)
	for i := range out {
		s := &out[i]
		s.Name, s.Evidence = Text(s.Name, maxName), Text(s.Evidence, maxEvidence)
		if !s.Outcome.Known() && s.Outcome != keepwatch.Skipped {
			s.Outcome = keepwatch.UnexpectedResponse
		}
		s.Took = max(s.Took, 0)
	}
	return out
}

func scopes(in []string) []string {
	in = in[:min(len(in), maxScopes)]
	if len(in) == 0 {
		return nil
	}
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = Text(s, maxName)
	}
	return out
}

// Text makes any bytes fit for both databases and for a page: valid UTF-8 without
// NUL (PostgreSQL refuses both), cut at a rune's border to at most limit bytes.
func Text(s string, limit int) string {
	if len(s) > 4*limit {
		s = s[:4*limit] // bounds the work on a huge body before it is repaired
	}
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	}
	if len(s) <= limit {
		return s
	}
	cut := limit - len("…")
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

func quote(s string) string { return strconv.Quote(Text(s, maxName)) }

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func rough(d time.Duration) string { return keepwatch.FormatDuration(d.Round(time.Second)) }
