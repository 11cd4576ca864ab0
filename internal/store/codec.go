package store

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strings"
	"time"
	"unicode/utf8"

	"keepwatch"
	"keepwatch/internal/incident"
)

// Documents are compact JSON: short names, times in milliseconds, durations in
// microseconds, empty fields left out. A reader of the database can still read
// them, and a field that a newer version adds is ignored by an older one.

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func instant(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func flag(v bool) int64 {
	if v {
		return 1
	}
	return 0
}

func micros(d time.Duration) int64 { return int64(d / time.Microsecond) }
func span(us int64) time.Duration  { return time.Duration(us) * time.Microsecond }

// normal is a time as the store keeps it. Whatever decides sees only such times,
// so that a rule gives the same answer before and after a round trip.
func normal(t time.Time) time.Time { return instant(millis(t)) }

func millisOf(ts []time.Time) []int64 {
	if len(ts) == 0 {
		return nil
	}
	out := make([]int64, len(ts))
	for i, t := range ts {
		out[i] = millis(t)
	}
	return out
}

func instants(ms []int64) []time.Time {
	if len(ms) == 0 {
		return nil
	}
	out := make([]time.Time, len(ms))
	for i, m := range ms {
		out[i] = instant(m)
	}
	return out
}

type stepDoc struct {
	Name     string            `json:"n"`
	Outcome  keepwatch.Outcome `json:"o,omitempty"` // empty: ok
	HTTP     int               `json:"h,omitempty"`
	Took     int64             `json:"t,omitempty"`
	Evidence string            `json:"e,omitempty"`
	Shared   bool              `json:"s,omitempty"`
}

// observationDoc is an observation without its transcript. A field that nearly
// always follows from another one is a pointer, nil when it does: the key from check
// and slot, check and credential from the series, and what a run of the schedule
// from here is.
type observationDoc struct {
	Key        *string                 `json:"k,omitempty"`
	Series     keepwatch.SeriesID      `json:"se"`
	Check      *keepwatch.CheckID      `json:"ck,omitempty"`
	Credential *keepwatch.CredentialID `json:"cr,omitempty"`
	Tenant     keepwatch.TenantID      `json:"tn,omitempty"`
	Place      *keepwatch.Place        `json:"pl,omitempty"`
	Source     *keepwatch.Source       `json:"so,omitempty"`
	Reason     *keepwatch.Reason       `json:"r,omitempty"`
	Slot       int64                   `json:"sl,omitempty"`
	At         int64                   `json:"a,omitempty"`
	Took       int64                   `json:"t,omitempty"`
	Gap        int64                   `json:"g,omitempty"`

	Outcome      keepwatch.Outcome      `json:"o"`
	Step         string                 `json:"st,omitempty"`
	Message      string                 `json:"m,omitempty"`
	Hint         string                 `json:"hi,omitempty"`
	Evidence     string                 `json:"e,omitempty"`
	Steps        []stepDoc              `json:"ss,omitempty"`
	Connectivity keepwatch.Connectivity `json:"cn,omitempty"`
	RetryAfter   int64                  `json:"ra,omitempty"`
	ChangedAt    int64                  `json:"ch,omitempty"`
	Stack        string                 `json:"sk,omitempty"`
	Scopes       []string               `json:"sc,omitempty"`
	Findings     []keepwatch.Outcome    `json:"f,omitempty"`
	Count        int                    `json:"c,omitempty"`
	Window       int64                  `json:"w,omitempty"`
	Due          *dueDoc                `json:"du,omitempty"`
	Seen         []factDoc              `json:"sn,omitempty"`
	Watch        *keepwatch.Watch       `json:"wa,omitempty"`
	Severity     keepwatch.Severity     `json:"sv,omitempty"`
	Traffic      *keepwatch.Tally       `json:"tr,omitempty"`
}

func observationDocOf(o *keepwatch.Observation) observationDoc {
	return observationDoc{
		Key: unless(o.Key, keepwatch.SlotKey(o.Check, o.Slot)), Series: o.Series,
		Check: unless(o.Check, keepwatch.CheckID(o.Series)), Credential: unless(o.Credential, keepwatch.CredentialID(o.Series)),
		Tenant: o.Tenant, Place: unless(o.Place, keepwatch.Local),
		Source: unless(o.Source, keepwatch.SourceTest), Reason: unless(o.Reason, keepwatch.ReasonScheduled), Slot: millis(o.Slot), At: millis(o.At), Took: micros(o.Took), Gap: micros(o.Gap),
		Outcome: o.Outcome, Step: o.Step, Message: o.Message, Hint: o.Hint, Evidence: o.Evidence, Steps: stepDocs(o.Steps),
		Connectivity: o.Connectivity, RetryAfter: micros(o.RetryAfter), ChangedAt: millis(o.ChangedAt),
		Stack: o.Stack, Scopes: o.Scopes, Findings: o.Findings, Count: o.Count, Window: micros(o.Window),
		Due: dueDocOf(o.Due), Seen: convert(o.Seen, factDocOf), Watch: o.Watch, Severity: o.Severity, Traffic: o.Traffic,
	}
}

// unless is v, or nil where it is what is expected.
func unless[T comparable](v, expected T) *T {
	if v == expected {
		return nil
	}
	return &v
}

// or is what p points at, or else what is expected.
func or[T any](p *T, expected T) T {
	if p == nil {
		return expected
	}
	return *p
}

func stepDocs(steps []keepwatch.Step) []stepDoc {
	if len(steps) == 0 {
		return nil
	}
	out := make([]stepDoc, len(steps))
	for i, s := range steps {
		out[i] = stepDoc{Name: s.Name, Outcome: s.Outcome, HTTP: s.HTTPStatus, Took: micros(s.Took), Evidence: s.Evidence, Shared: s.Shared}
		if s.Outcome == keepwatch.OK {
			out[i].Outcome = ""
		}
	}
	return out
}

func (d *observationDoc) observation() keepwatch.Observation {
	o := keepwatch.Observation{
		Series: d.Series, Check: or(d.Check, keepwatch.CheckID(d.Series)), Credential: or(d.Credential, keepwatch.CredentialID(d.Series)),
		Tenant: d.Tenant, Place: or(d.Place, keepwatch.Local),
		Source: or(d.Source, keepwatch.SourceTest), Reason: or(d.Reason, keepwatch.ReasonScheduled), Slot: instant(d.Slot), At: instant(d.At), Took: span(d.Took), Gap: span(d.Gap),
		Outcome: d.Outcome, Step: d.Step, Message: d.Message, Hint: d.Hint, Evidence: d.Evidence,
		Connectivity: d.Connectivity, RetryAfter: span(d.RetryAfter), ChangedAt: instant(d.ChangedAt),
		Stack: d.Stack, Scopes: d.Scopes, Findings: d.Findings, Count: d.Count, Window: span(d.Window),
		Due: d.Due.due(), Seen: convert(d.Seen, factDoc.fact), Watch: d.Watch, Severity: d.Severity, Traffic: d.Traffic,
	}
	if o.Key = or(d.Key, ""); d.Key == nil {
		o.Key = keepwatch.SlotKey(o.Check, o.Slot)
	}
	if len(d.Steps) > 0 {
		o.Steps = make([]keepwatch.Step, len(d.Steps))
	}
	for i, s := range d.Steps {
		o.Steps[i] = keepwatch.Step{Name: s.Name, Outcome: s.Outcome, HTTPStatus: s.HTTP, Took: span(s.Took), Evidence: s.Evidence, Shared: s.Shared}
		if s.Outcome == "" {
			o.Steps[i].Outcome = keepwatch.OK
		}
	}
	return o
}

func decodeObservation(doc []byte) (keepwatch.Observation, error) {
	var d observationDoc
	if err := json.Unmarshal(doc, &d); err != nil {
		return keepwatch.Observation{}, err
	}
	return d.observation(), nil
}

type failureDoc struct {
	At           int64                  `json:"a"`
	Outcome      keepwatch.Outcome      `json:"o"`
	Connectivity keepwatch.Connectivity `json:"c,omitempty"`
	Reason       keepwatch.Reason       `json:"r,omitempty"`
}

// seriesDoc is a series' state. A test fills every field of keepwatch.Series and
// reads it back: a field that is added there and forgotten here fails it.
type seriesDoc struct {
	Phase     uint16            `json:"ph,omitempty"`
	State     keepwatch.State   `json:"s,omitempty"`
	Outcome   keepwatch.Outcome `json:"o,omitempty"`
	Since     int64             `json:"si,omitempty"`
	LastAt    int64             `json:"la,omitempty"`
	ProvenAt  int64             `json:"lp,omitempty"`
	FailedAt  int64             `json:"ff,omitempty"`
	Gap       int64             `json:"g,omitempty"`
	NextProof int64             `json:"np,omitempty"`

	Last         *observationDoc         `json:"l,omitempty"`
	SoftRuns     int                     `json:"sr,omitempty"`
	Confirming   keepwatch.Outcome       `json:"cf,omitempty"`
	BurstSince   int64                   `json:"bs,omitempty"`
	Failures     []failureDoc            `json:"f,omitempty"`
	Refusals     int                     `json:"r,omitempty"`
	RefusalTries []int64                 `json:"rt,omitempty"`
	Flips        []int64                 `json:"fl,omitempty"`
	OKStreak     int                     `json:"ok,omitempty"`
	Latencies    []int64                 `json:"lt,omitempty"`
	SlowStreak   int                     `json:"ss,omitempty"`
	Findings     []keepwatch.Outcome     `json:"fi,omitempty"`
	Stack        string                  `json:"sk,omitempty"`
	Scopes       []string                `json:"sc,omitempty"`
	Warned       *warnedDoc              `json:"w,omitempty"`
	Seen         []factDoc               `json:"sn,omitempty"`
	Watch        *keepwatch.Watch        `json:"wa,omitempty"`
	Traffic      *keepwatch.Lived        `json:"tf,omitempty"`
	ProvenBy     *keepwatch.TrafficProof `json:"pb,omitempty"`
	Asked        []int64                 `json:"as,omitempty"`
}

func encodeSeries(s *keepwatch.Series) ([]byte, error) {
	d := seriesDoc{
		Phase: s.Phase, State: s.State, Outcome: s.Outcome, Since: millis(s.Since), LastAt: millis(s.LastAt),
		ProvenAt: millis(s.LastProvenAt), FailedAt: millis(s.FirstFailedAt), Gap: micros(s.PlannedGap), NextProof: millis(s.NextProofAt),
		SoftRuns: s.SoftRuns, Confirming: s.Confirming, BurstSince: millis(s.BurstSince), Refusals: s.Refusals,
		RefusalTries: millisOf(s.RefusalTries), Flips: millisOf(s.Flips), OKStreak: s.OKStreak, SlowStreak: s.SlowStreak,
		Findings: s.Findings, Stack: s.Stack, Scopes: s.Scopes, Warned: warnedDocOf(s.Warned), Seen: convert(s.Seen, factDocOf), Watch: s.Watch,
		Traffic: s.Traffic, ProvenBy: s.ProvenBy, Asked: millisOf(s.Asked),
	}
	if s.Last.Key != "" || s.Last.Outcome != "" {
		last := observationDocOf(&s.Last)
		d.Last = &last
	}
	for _, f := range s.Failures {
		d.Failures = append(d.Failures, failureDoc{At: millis(f.At), Outcome: f.Outcome, Connectivity: f.Connectivity, Reason: f.Reason})
	}
	if len(s.Latencies) > 0 {
		d.Latencies = make([]int64, len(s.Latencies))
	}
	for i, l := range s.Latencies {
		d.Latencies[i] = micros(l)
	}
	return json.Marshal(&d)
}

// decodeSeries fills in everything but the identity, which stands in columns.
func decodeSeries(doc []byte, s *keepwatch.Series) error {
	var d seriesDoc
	if err := json.Unmarshal(doc, &d); err != nil {
		return fmt.Errorf("series %q: document: %w", s.ID, err)
	}
	s.Phase, s.State, s.Outcome, s.Since, s.LastAt = d.Phase, d.State, d.Outcome, instant(d.Since), instant(d.LastAt)
	s.LastProvenAt, s.FirstFailedAt, s.PlannedGap, s.NextProofAt = instant(d.ProvenAt), instant(d.FailedAt), span(d.Gap), instant(d.NextProof)
	s.SoftRuns, s.Confirming, s.BurstSince, s.Refusals = d.SoftRuns, d.Confirming, instant(d.BurstSince), d.Refusals
	s.RefusalTries, s.Flips, s.OKStreak, s.SlowStreak = instants(d.RefusalTries), instants(d.Flips), d.OKStreak, d.SlowStreak
	s.Findings, s.Stack, s.Scopes = d.Findings, d.Stack, d.Scopes
	s.Warned, s.Seen, s.Watch = d.Warned.warned(), convert(d.Seen, factDoc.fact), d.Watch
	s.Traffic, s.ProvenBy, s.Asked = d.Traffic, d.ProvenBy, instants(d.Asked)
	if d.Last != nil {
		s.Last = d.Last.observation()
	}
	for _, f := range d.Failures {
		s.Failures = append(s.Failures, keepwatch.Failure{At: instant(f.At), Outcome: f.Outcome, Connectivity: f.Connectivity, Reason: f.Reason})
	}
	if len(d.Latencies) > 0 {
		s.Latencies = make([]time.Duration, len(d.Latencies))
	}
	for i, l := range d.Latencies {
		s.Latencies[i] = span(l)
	}
	return nil
}

type neighbourhoodDoc struct {
	LastOK   map[keepwatch.CredentialID]int64 `json:"ok,omitempty"`
	Failures []neighbourFailureDoc            `json:"f,omitempty"`
}

type neighbourFailureDoc struct {
	Credential keepwatch.CredentialID `json:"cr"`
	Outcome    keepwatch.Outcome      `json:"o"`
	At         int64                  `json:"a"`
}

func encodeNeighbourhood(n *incident.Neighbourhood) ([]byte, error) {
	d := neighbourhoodDoc{}
	if len(n.LastOK) > 0 {
		d.LastOK = make(map[keepwatch.CredentialID]int64, len(n.LastOK))
	}
	for id, at := range n.LastOK {
		d.LastOK[id] = millis(at)
	}
	for _, f := range n.Failures {
		d.Failures = append(d.Failures, neighbourFailureDoc{Credential: f.Credential, Outcome: f.Outcome, At: millis(f.At)})
	}
	return json.Marshal(&d)
}

func decodeNeighbourhood(doc []byte, n *incident.Neighbourhood) error {
	var d neighbourhoodDoc
	if err := json.Unmarshal(doc, &d); err != nil {
		return fmt.Errorf("neighbourhood %v: document: %w", n.Key, err)
	}
	if len(d.LastOK) > 0 {
		n.LastOK = make(map[keepwatch.CredentialID]time.Time, len(d.LastOK))
	}
	for id, at := range d.LastOK {
		n.LastOK[id] = instant(at)
	}
	for _, f := range d.Failures {
		n.Failures = append(n.Failures, incident.NeighbourFailure{Credential: f.Credential, Outcome: f.Outcome, At: instant(f.At)})
	}
	return nil
}

// position packs phase and id into the number that orders series.
func position(phase uint16, id keepwatch.SeriesID) int64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id))
	return int64(phase)<<46 | int64(h.Sum64()&(1<<46-1))
}

// storable refuses text that PostgreSQL would refuse, on both databases alike, so
// that what works on one works on the other. Intake has cleaned it long before.
func storable(what string, texts ...string) error {
	for _, s := range texts {
		if strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s) {
			return fmt.Errorf("%s contains a NUL byte or invalid UTF-8: %w", what, keepwatch.ErrInvalid)
		}
	}
	return nil
}
