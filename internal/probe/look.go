package probe

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"keepwatch"
	"keepwatch/internal/certs"
	"keepwatch/internal/expiry"
)

// Certificates reads a certificate where it is kept.
type Certificates interface {
	Read(ctx context.Context, source keepwatch.CertificateSource) ([]certs.Found, error)
}

// factProblems is compared with the last time like issuer and key: a certificate
// that begins to be refused has drifted, though its date has not.
const factProblems = "problems"

// reading is what was read of a credential's certificate the last time that it
// could be. A source that is away for a day has not changed its date.
type reading struct {
	source keepwatch.CertificateSource
	clocks []keepwatch.Clock
}

// look is one look at the clocks of one credential.
type look struct {
	p    *Prober
	cred keepwatch.Credential
	zone *time.Location
	slot keepwatch.Slot
	at   time.Time

	clocks []keepwatch.Clock
	seen   map[string][]keepwatch.Fact // by clock; only of what was read now
	wrong  map[string]string           // by clock: what is wrong with it, in words
	fault  *keepwatch.Observation      // why the certificate could not be read
}

// Look looks at every clock of a credential. The first observation is the look
// itself: whether it could be made, with a step for each clock that has a date. Each
// of those has an observation of its own after it. It never fails.
func (p *Prober) Look(ctx context.Context, c keepwatch.Credential, zone *time.Location, ladder []time.Duration, s keepwatch.Slot) (found []keepwatch.Observation) {
	l := &look{p: p, cred: c, zone: zone, slot: s, at: time.Now(), seen: map[string][]keepwatch.Fact{}, wrong: map[string]string{}}
	if l.zone == nil {
		l.zone = time.UTC
	}
	now := l.at
	if now.Before(s.At) {
		now = s.At // the schedule's clock never runs backwards; a rung must not wait for the wall's
	}
	defer func() {
		if cause := recover(); cause != nil {
			p.log.Error("a look at dates panicked", "credential", c.ID, "type", fmt.Sprintf("%T", cause))
			o := l.begin("")
			blame(&o, "A look at the dates broke inside Keepwatch.", "Report this with the version of Keepwatch.", fmt.Sprintf("panic of type %T", cause))
			found = []keepwatch.Observation{o}
		}
	}()
	l.clocks = expiry.Clocks(c, l.zone, l.read(ctx, now))
	for i := range l.clocks {
		l.clocks[i].Name = subject(l.clocks[i].Name)
	}
	dues := expiry.Look(c, l.clocks, ladder, l.zone, now)
	found = make([]keepwatch.Observation, 1, len(dues)+1)
	for i := range dues {
		found = append(found, l.clock(&dues[i], now))
	}
	found[0] = l.summary(found[1:])
	return found
}

// read reads the certificate, if the credential has one. What was read before stands
// in for what cannot be read now.
func (l *look) read(ctx context.Context, now time.Time) []keepwatch.Clock {
	source := l.cred.Certificate
	reader := l.p.certificates
	if l.cred.File == "" {
		// A record of the interface was written by somebody who may edit records, not
		// by who runs this machine: no files of it, no addresses behind its firewall.
		reader, source.File = l.p.guarded, ""
	}
	if source.IsZero() || reader == nil {
		return nil
	}
	list, err := reader.Read(ctx, source)
	if err != nil {
		v := unreadable("The certificate cannot be read.", err, "Look whether the file or the endpoint is there and this process may reach it.")
		l.failed(v.Message, v.Hint, v.Evidence)
	}
	var clocks []keepwatch.Clock
	for _, f := range list {
		clocks = append(clocks, l.certificate(f, now)...)
	}
	if l.fault == nil {
		l.p.readings.Store(l.cred.ID, reading{source, clocks})
		return clocks
	}
	if known, ok := l.p.readings.Load(l.cred.ID); ok {
		if r, _ := known.(reading); r.source == source {
			return r.clocks
		}
	}
	return clocks
}

// certificate notes one certificate. One without an end could not be understood.
func (l *look) certificate(f certs.Found, now time.Time) []keepwatch.Clock {
	name := subject(f.Clock)
	var names, words []string
	for _, problem := range f.Problems {
		if problem.Name == certs.Expired {
			continue // its own clock says so
		}
		if names = append(names, problem.Name); !problem.Notice {
			words = append(words, problem.Message)
		}
	}
	if f.NotAfter.IsZero() {
		message, hint := "The certificate cannot be read.", "Look at the file: it should hold a certificate."
		if len(f.Problems) > 0 {
			message, hint = f.Problems[0].Message, f.Problems[0].Hint
		}
		l.failed(message, hint, strings.Join(names, ", "))
		return nil
	}
	slices.Sort(names)
	l.seen[name] = append(slices.Clone(f.Facts), keepwatch.Fact{Name: factProblems, Value: strings.Join(slices.Compact(names), ", ")})
	l.wrong[name] = strings.Join(words, " ")
	return []keepwatch.Clock{{
		Name: name, Kind: keepwatch.ClockHard, At: f.NotAfter, Since: keepwatch.Exactly(f.NotBefore),
		Source: keepwatch.DateRead, ConfirmedAt: keepwatch.DayOf(now, l.zone), Basis: f.Basis,
	}}
}

func (l *look) failed(message, hint, evidence string) {
	if l.fault == nil {
		l.fault = &keepwatch.Observation{}
		blame(l.fault, message, hint, evidence)
	}
}

func blame(o *keepwatch.Observation, message, hint, evidence string) {
	o.Outcome, o.Message, o.Hint, o.Evidence = keepwatch.MonitorFault, message, hint, evidence
}

// begin is what the look and each of its clocks have in common.
func (l *look) begin(clock string) keepwatch.Observation {
	s, key := l.slot, keepwatch.SlotKey(l.slot.Check.ID, l.slot.At)
	if s.Reason == keepwatch.ReasonDemand {
		key = keepwatch.DemandKey(s.Check.ID, s.At)
	}
	if clock != "" {
		key += "#" + clock
	}
	return keepwatch.Observation{
		Key: key, Series: keepwatch.SeriesOf(s.Check.ID, clock), Check: s.Check.ID, Credential: l.cred.ID, Tenant: l.cred.Tenant,
		Place: l.p.place, Source: keepwatch.SourceTest, Reason: s.Reason, Slot: s.At, At: l.at, Gap: s.Gap,
		Took: time.Since(l.at), Outcome: keepwatch.OK, Connectivity: keepwatch.ConnectivityUnproven,
	}
}

// clock is the observation of one clock.
func (l *look) clock(d *keepwatch.Due, now time.Time) keepwatch.Observation {
	name := d.Clock.Name
	o := l.begin(name)
	o.Due, o.Seen = d, l.seen[name]
	o.Message, o.Hint = expiry.Words(*d, l.zone, now)
	if wrong := l.wrong[name]; wrong != "" {
		o.Message += " " + wrong
	}
	o.Evidence = "ends " + d.Clock.At.UTC().Format(time.RFC3339) + ", " + string(d.Clock.Source)
	switch {
	case slices.Contains(d.Passed, keepwatch.RungExpired):
		o.Outcome, o.Step = keepwatch.Expired, name
	case len(d.Passed) > 0 && !d.Quiet:
		o.Outcome, o.Step = keepwatch.Expiring, name
	}
	return o
}

// summary is the look itself.
func (l *look) summary(found []keepwatch.Observation) keepwatch.Observation {
	o := l.begin("")
	for i := range found {
		f := &found[i]
		o.Steps = append(o.Steps, keepwatch.Step{Name: f.Due.Clock.Name, Outcome: f.Outcome, Evidence: f.Evidence})
	}
	var unknown []string
	for _, k := range l.clocks {
		if !k.Known() {
			unknown = append(unknown, expiry.Title(k.Name))
		}
	}
	switch {
	case l.fault != nil:
		blame(&o, l.fault.Message, l.fault.Hint, l.fault.Evidence)
		return o
	case len(unknown) > 0:
		o.Message = "Nobody knows when it ends: " + strings.Join(unknown, ", ") + "."
		o.Hint = "Enter when it was made or when it ends, in the record or its file."
	case len(found) == 0:
		o.Message = "Nothing of it ends by a date that is known or documented."
	default:
		o.Message = "Every date was looked at."
	}
	o.Transcript = transcript(&o)
	return o
}

// maxSubject keeps a clock's name short enough for keys: it may come from a
// certificate that somebody else wrote.
const maxSubject = 80

func subject(name string) string {
	clean := strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(name, "_"))
	if len(clean) <= maxSubject && clean == name {
		return clean
	}
	sum := "~" + keepwatch.Digest(name)
	return strings.ToValidUTF8(clean[:min(len(clean), maxSubject-len(sum))], "") + sum
}
