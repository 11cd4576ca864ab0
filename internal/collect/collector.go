package collect

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc"
)

// Collector looks at counters. It is safe for many looks at a time.
type Collector struct {
	secrets Secrets
	client  *sfmc.Client
	judge   Judge
	log     *slog.Logger

	units      sync.Map // unitKey -> *unit
	turns      sync.Map // keepwatch.CheckID -> *sync.Mutex: one look at a time
	allowances allowances
}

// New builds a Collector. It opens nothing.
func New(o Options) *Collector {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Judge == nil {
		o.Judge = func(_ *keepwatch.Watch, _ *keepwatch.Model, next keepwatch.Watch) keepwatch.Watch { return next }
	}
	return &Collector{secrets: o.Secrets, client: sfmc.New(o.Egress.HTTP()), judge: o.Judge, log: o.Logger.With("component", "collect")}
}

// lookLimit is how long a look may take with everything slow.
const lookLimit = 10 * time.Minute

// Look makes one look. It always finds something: at least how the look itself went.
func (c *Collector) Look(ctx context.Context, job Job) (found []keepwatch.Observation, calls int) {
	turn, _ := c.turns.LoadOrStore(job.Check, &sync.Mutex{})
	if mine, ok := turn.(*sync.Mutex); ok {
		mine.Lock()
		defer mine.Unlock()
	}
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	if job.At.IsZero() {
		job.At = time.Now()
	}
	l := &look{c: c, job: &job, unit: c.unit(job.Tenant.ID, job.Unit), ctx: ctx, every: job.every(), off: map[string]bool{}}
	for _, name := range job.Off {
		l.off[name] = true
	}
	began := time.Now()
	l.run()
	c.allowances.note(&job, l.every, l.calls-l.swept, l.swept)
	summary := l.summary(time.Since(began))
	c.log.Info("looked at counters", "check", job.Check, "calls", l.calls, "series", len(l.found), "outcome", summary.Outcome)
	return append(l.found, summary), l.calls
}

func (j *Job) every() time.Duration {
	if j.Gap > 0 {
		return j.Gap
	}
	if every := DefaultEvery[j.Family]; every > 0 {
		return every
	}
	return time.Hour
}

// look is one run.
type look struct {
	c         *Collector
	job       *Job
	unit      *unit
	ctx       context.Context
	every     time.Duration
	off       map[string]bool
	endpoints sfmc.Endpoints

	sessions []*session // one for each reader
	calls    int
	swept    int // of them, pages of lists of everything
	routes   []routeLog
	stopped  *sfmc.Verdict
	faults   int      // answers that say SFMC itself fails
	losses   []string // what could not be read that should have been
	hint     string   // of the first loss
	found    []keepwatch.Observation
}

func (l *look) run() {
	var err error
	if l.endpoints, err = sfmc.EndpointsOf(l.job.Tenant); err != nil {
		l.lose("nothing could be read: "+err.Error(), keepwatch.HintOf(err))
		return
	}
	if !l.enter() {
		return
	}
	switch l.job.Family {
	case keepwatch.FamilyJourneys:
		l.journeys()
	case keepwatch.FamilyDataExtensions:
		l.extensions()
	case keepwatch.FamilyAutomations:
		l.automations()
	case keepwatch.FamilyQueues:
		l.queues()
	case keepwatch.FamilySends:
		l.sends()
	default:
		l.lose(fmt.Sprintf("the family %q is not known", l.job.Family), "this is a fault of Keepwatch")
	}
}

// lose notes that something was not read that should have been.
func (l *look) lose(what, hint string) {
	l.losses = append(l.losses, what)
	if l.hint == "" {
		l.hint = hint
	}
}

// wanted are the subjects of the given kinds that somebody asked for, by key.
func (l *look) wanted(kinds ...keepwatch.SubjectKind) map[string]Wanted {
	out := map[string]Wanted{}
	for _, w := range l.job.Wanted {
		if slices.Contains(kinds, w.Subject.Kind) {
			out[w.Subject.Key] = w
		}
	}
	return out
}

// seen makes an observation of one aspect of a subject.
func (l *look) seen(w Wanted, aspect keepwatch.Aspect, r keepwatch.Reading, gap time.Duration) {
	r.At, r.Holiday, r.Maintenance = l.job.At, l.job.Holiday, l.job.Maintenance
	next := keepwatch.Watch{Subject: w.Subject, Aspect: aspect, Upstream: w.Upstream, Expect: w.Expect, Reading: r}
	if next.Expect.Zone == "" && l.job.Zone != nil {
		next.Expect.Zone = l.job.Zone.String()
	}
	part := keepwatch.SubjectSeries(w.Subject, aspect)
	series := keepwatch.SeriesOf(l.job.Check, part)
	var model *keepwatch.Model
	if m, ok := l.job.Models[series]; ok {
		model = &m
	}
	next = l.c.judge(l.previous(w.Subject, aspect), model, next)
	o := l.observation(series, "#"+part)
	o.Gap, o.Watch, o.Outcome = gap, &next, keepwatch.OK
	if v := next.Verdict; v.Outcome != "" {
		o.Outcome = v.Outcome
	}
	o.Message, o.Hint = next.Verdict.Evidence, next.Verdict.Hint
	l.found = append(l.found, o)
}

// previous is what the store knows of one aspect; nil: nothing yet.
func (l *look) previous(s keepwatch.Subject, a keepwatch.Aspect) *keepwatch.Watch {
	if w, ok := l.job.Previous[keepwatch.SeriesOf(l.job.Check, keepwatch.SubjectSeries(s, a))]; ok {
		return &w
	}
	return nil
}

func (l *look) observation(series keepwatch.SeriesID, part string) keepwatch.Observation {
	key := keepwatch.SlotKey(l.job.Check, l.job.Slot)
	if l.job.Reason == keepwatch.ReasonDemand {
		key = keepwatch.DemandKey(l.job.Check, l.job.Slot)
	}
	return keepwatch.Observation{
		Key: key + part, Series: series, Check: l.job.Check, Tenant: l.job.Tenant.ID, Place: keepwatch.Local, Source: keepwatch.SourceTest,
		Reason: l.job.Reason, Slot: l.job.Slot, At: l.job.At, Gap: l.every, ChangedAt: l.job.ChangedAt,
	}
}

// maxLosses is how many losses a message names.
const maxLosses = 3

// summary is the observation of the look itself.
func (l *look) summary(took time.Duration) keepwatch.Observation {
	o := l.observation(keepwatch.SeriesOf(l.job.Check, ""), "")
	o.Took, o.Outcome, o.Steps = took, keepwatch.OK, l.steps()
	if len(l.losses) == 0 {
		o.Message = fmt.Sprintf("%d calls, %d series.", l.calls, len(l.found))
		return o
	}
	said := l.losses[:min(len(l.losses), maxLosses)]
	o.Outcome, o.Hint = keepwatch.MonitorFault, l.hint
	o.Message = sfmc.Evidence(sentence(strings.Join(said, "; ")))
	if more := len(l.losses) - len(said); more > 0 {
		o.Message = sfmc.Evidence(fmt.Sprintf("%s And %d more.", sentence(strings.Join(said, "; ")), more))
	}
	if i := slices.IndexFunc(o.Steps, func(s keepwatch.Step) bool {
		return s.Outcome == keepwatch.MonitorFault || s.Outcome.Hard() || s.Outcome.Soft()
	}); i >= 0 {
		o.Step, o.Evidence = o.Steps[i].Name, o.Steps[i].Evidence
	}
	return o
}

// sentence begins with a capital and ends with a stop.
func sentence(s string) string {
	if s == "" {
		return s
	}
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
