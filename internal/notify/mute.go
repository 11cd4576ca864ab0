package notify

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/calendar"
)

// Mute is a silence that is ready to be asked.
type Mute struct {
	keepwatch.Silence
	hours *calendar.Calendar // of maintenance that comes back; nil: all the time
}

// MuteOf prepares a silence. Its hours are those of its own time zone, right across
// changes of the clocks.
func MuteOf(s keepwatch.Silence) (Mute, error) {
	if s.Hours == "" {
		return Mute{Silence: s}, nil
	}
	hours, err := calendar.Parse(calendar.Spec{Name: s.ID, Timezone: s.Timezone, Hours: s.Hours})
	if err != nil {
		return Mute{}, err
	}
	return Mute{s, hours}, nil
}

// MutesOf prepares silences. One whose hours cannot be read mutes nothing: a message
// too many is better than one too few.
func MutesOf(list []keepwatch.Silence, bad func(keepwatch.Silence, error)) []Mute {
	var out []Mute
	for _, s := range list {
		m, err := MuteOf(s)
		if err != nil {
			bad(s, err)
			continue
		}
		out = append(out, m)
	}
	return out
}

// until reports whether it mutes an incident at a moment, and till when.
func (m Mute) until(f Facts, now time.Time) (time.Time, bool) {
	end := m.Until
	if !m.EndedAt.IsZero() && (end.IsZero() || m.EndedAt.Before(end)) {
		end = m.EndedAt
	}
	if now.Before(m.From) || !end.IsZero() && !now.Before(end) {
		return time.Time{}, false
	}
	if m.Incident != "" && m.Incident != f.Incident.ID || m.Incident == "" && mismatch(m.Match, f) != "" {
		return time.Time{}, false
	}
	if m.hours != nil {
		if !m.hours.Open(now) {
			return time.Time{}, false
		}
		if shut := m.hours.NextChange(now); end.IsZero() || !shut.IsZero() && shut.Before(end) {
			end = shut
		}
	}
	return end, !end.IsZero() // without an end it would be for ever
}

// why says who holds a message back.
func (m Mute) why() string {
	what := map[keepwatch.SilenceKind]string{
		keepwatch.Silenced: "silenced by ", keepwatch.Maintained: "maintenance of ", keepwatch.Snoozed: "snoozed by ",
	}[m.Kind]
	return what + clean(m.Owner, 100) + ": " + clean(m.Reason, 200)
}

// muted finds what holds an incident back longest at a moment.
func muted(mutes []Mute, f Facts, now time.Time) (until time.Time, by *Mute) {
	for i := range mutes {
		if end, ok := mutes[i].until(f, now); ok && (by == nil || end.After(until)) {
			until, by = end, &mutes[i]
		}
	}
	return until, by
}

// held is why a message must not be told yet.
type held struct {
	until time.Time
	why   string
	hours bool // of the receiver, and nobody's wish for quiet
}

// hold says whether a message waits at a moment: somebody wants quiet, or it is
// outside the hours of its receiver. It is the one place that decides so, for messages
// and for explanations.
func hold(t Target, mutes []Mute, f Facts, now time.Time) (held, bool) {
	if end, by := muted(mutes, f, now); by != nil {
		return held{until: end, why: by.why() + ", until " + stamp(end)}, true
	}
	if t.OnlyIn != nil && !t.OnlyIn.Open(now) {
		if opens := t.OnlyIn.NextChange(now); opens.After(now) {
			return held{until: opens, why: fmt.Sprintf("outside the hours %s, which begin at %s", t.OnlyIn.Name(), stamp(opens)), hours: true}, true
		}
	}
	return held{}, false
}

// Mute puts other silences in force, beside those of the files.
func (p *Pipeline) Mute(list []Mute) { p.muted.Store(&list) }

// mutes are all silences in force.
func (p *Pipeline) mutes() []Mute {
	out := p.setup.Load().Mutes
	if more := p.muted.Load(); more != nil && len(*more) > 0 {
		out = append(slices.Clone(out), *more...)
	}
	return out
}

// mutesEvery is how old the silences may be that decide: another node may have made
// one, or ended one.
const mutesEvery = time.Second

// readMutes reads the silences anew when they are not fresh. Those that cannot be read
// stay as they were.
func (p *Pipeline) readMutes(ctx context.Context, now time.Time) {
	if p.opts.Silences == nil || now.UnixMilli()-p.read.Load() < mutesEvery.Milliseconds() {
		return
	}
	list, err := p.opts.Silences(ctx, now)
	if err != nil {
		p.log.Error("cannot read silences; the old ones hold", "error", err)
		return
	}
	p.read.Store(now.UnixMilli())
	p.Mute(MutesOf(list, func(s keepwatch.Silence, err error) {
		p.log.Error("a silence whose hours cannot be read mutes nothing", "silence", s.ID, "error", err)
	}))
}

// SilencesChanged reads them at once: one was made or ended here.
func (p *Pipeline) SilencesChanged(ctx context.Context) {
	p.read.Store(0)
	p.readMutes(ctx, time.Now())
	p.nudge(time.Time{})
}

// Covers reports whether a silence of these would be for an incident. It is asked the
// way it is decided.
func (p *Pipeline) Covers(m Match, inc keepwatch.Incident) bool {
	s := p.setup.Load()
	return mismatch(m, FactsOf(inc, s.Directory, s.BaseURL)) == ""
}

// Rules are the routes in force, and what each is for, in words.
func (p *Pipeline) Rules() (Routes, []string) {
	routes := p.setup.Load().Routes
	words := make([]string, len(routes))
	for i, r := range routes {
		words[i] = strings.TrimPrefix(r.asks(), "it is for ")
	}
	return routes, words
}

// Explain says who would be told of an incident that begins at a moment.
func (p *Pipeline) Explain(inc keepwatch.Incident, at time.Time) Explanation {
	s := *p.setup.Load()
	s.Mutes = p.mutes()
	return Explain(s, nil, inc, at)
}
