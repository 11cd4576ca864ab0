package expiry_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
	"keepwatch/internal/calendar"
	"keepwatch/internal/egress"
	"keepwatch/internal/incident"
	"keepwatch/internal/intake"
	"keepwatch/internal/notify"
	"keepwatch/internal/probe"
	"keepwatch/internal/schedule"
	"keepwatch/internal/store"
)

// The years run the machinery that runs in production (schedule, look, intake,
// store, outbox, pipeline) over simulated years, and compare every rung with an
// oracle that counts days on its own: see years_oracle_test.go.

var zones = []string{
	"UTC", "Europe/Berlin", "Europe/London", "America/New_York", "America/Los_Angeles", "America/Sao_Paulo", "America/St_Johns",
	"America/Havana", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Tokyo", "Asia/Tehran", "Australia/Sydney", "Australia/Lord_Howe",
	"Pacific/Auckland", "Pacific/Apia", "Pacific/Chatham", "Africa/Cairo", "Asia/Beirut", "Pacific/Kiritimati",
}

var ladders = [][]int{{60, 30, 14, 7, 3, 1}, {30, 14, 7, 1}, {30, 14, 3}}

// yearSize is small in every run and whole in a campaign.
func yearSize() (credentials, days, restarts int) {
	if os.Getenv("KEEPWATCH_CAMPAIGN") == "1" {
		return 200, 3652, 60
	}
	return 20, 550, 12
}

func TestYears(t *testing.T) {
	credentials, days, restarts := yearSize()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, time.January, 15, 12, 0, 0, 0, time.UTC)))
		w := newYears(t, credentials, days, restarts)
		w.open()
		w.live()
		w.close()
		w.judge()
	})
}

// years is the world of the simulated years.
type years struct {
	t     *testing.T
	begin time.Time
	end   time.Time
	lives []*life
	downs []span // when no process runs
	path  string

	mu      sync.Mutex
	records map[keepwatch.CredentialID]record
	said    []saying
	notices map[keepwatch.NoticeID]keepwatch.Notice
	chance  *rand.Rand
	sends   map[keepwatch.DeliveryID][]bool // tries of each message, and whether they were taken
	slowest time.Duration                   // from a transition to the first try at its message

	db         *store.DB
	dispatcher *schedule.Dispatcher
	pipeline   *notify.Pipeline
}

type span struct{ from, to time.Time }

// saying is one rung that the engine recorded.
type saying struct {
	credential keepwatch.CredentialID
	date       time.Time
	rung       string
	at         time.Time
}

func newYears(t *testing.T, credentials, days, restarts int) *years {
	w := &years{
		t: t, begin: time.Now().UTC(), records: map[keepwatch.CredentialID]record{}, notices: map[keepwatch.NoticeID]keepwatch.Notice{},
		chance: rand.New(rand.NewPCG(7, 3)), sends: map[keepwatch.DeliveryID][]bool{},
	}
	w.end = w.begin.AddDate(0, 0, days)
	dir, err := os.MkdirTemp("/dev/shm", "years")
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	w.path = "sqlite:" + filepath.Join(dir, "keepwatch.db")
	r := rand.New(rand.NewPCG(2026, 11))
	for i := range restarts {
		from := w.begin.Add(w.end.Sub(w.begin) / time.Duration(restarts+1) * time.Duration(i+1)).Truncate(time.Minute).Add(30 * time.Second)
		long := []time.Duration{0, 5 * time.Minute, 8 * time.Hour, 10 * 24 * time.Hour}[r.IntN(4)]
		w.downs = append(w.downs, span{from, from.Add(long + time.Second)})
	}
	for i := range credentials {
		zone, err := time.LoadLocation(zones[i%len(zones)])
		if err != nil {
			t.Fatal(err)
		}
		w.lives = append(w.lives, newLife(r, i, zone, ladders[r.IntN(3)], w))
	}
	return w
}

// checks is the due-table as the records want it. Two phases keep a day's looks in
// two groups, and one of them waits for nearly the whole minute that a changed check
// may take: the arithmetic does not care, and ten years take minutes.
func (w *years) checks() []keepwatch.Check {
	out := make([]keepwatch.Check, len(w.lives))
	for i, l := range w.lives {
		r := w.records[l.id]
		out[i] = keepwatch.Check{
			ID: keepwatch.CheckOf(keepwatch.CheckExpiry, l.id), Kind: keepwatch.CheckExpiry, Credential: l.id, Tenant: "emea",
			Phase: uint16(i%2) * 0xff00, Fingerprint: fmt.Sprint(r.from.Unix()),
		}
	}
	return out
}

type dueTable struct{ *store.DB }

func (d dueTable) ClaimDue(ctx context.Context, now time.Time, limit int, next func(keepwatch.Check, time.Time) time.Time,
	hand func(context.Context, []keepwatch.Group) error,
) (int, error) {
	return d.DB.ClaimDue(ctx, now, limit, next, store.Local(hand))
}

// tap is the store with somebody who writes down what is written.
type tap struct {
	*store.DB
	w *years
}

func (s tap) Apply(ctx context.Context, obs []keepwatch.Observation, now time.Time, step func(incident.View) (incident.Changes, error)) (incident.Changes, error) {
	c, err := s.DB.Apply(ctx, obs, now, step)
	if err == nil {
		s.w.heard(c)
	}
	return c, err
}

// heard notes the rungs that transitions speak of.
func (w *years) heard(c incident.Changes) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range c.Notices {
		w.notices[n.ID] = n
	}
	for _, tr := range c.Transitions {
		if tr.Reason != incident.ReasonRung && tr.Reason != incident.ReasonDateMoved {
			continue
		}
		i := slices.IndexFunc(c.Incidents, func(in keepwatch.Incident) bool { return in.ID == tr.Incident })
		newest, rest, _ := strings.Cut(strings.TrimPrefix(tr.Detail, "The rung "), " of the date ")
		date, rest, _ := strings.Cut(rest, " is reached.")
		ends, err := time.Parse(time.RFC3339, date)
		if err != nil {
			w.t.Errorf("transition %q: %v", tr.Detail, err)
		}
		names := []string{newest}
		if _, late, some := strings.Cut(rest, "without a look: "); some {
			late, _, _ = strings.Cut(late, ".")
			names = append(strings.Split(late, ", "), newest)
		}
		for _, name := range names {
			w.said = append(w.said, saying{c.Incidents[i].Credential, ends, name, tr.At})
		}
	}
}

// open starts a process over the same file.
func (w *years) open() {
	ctx := w.t.Context()
	var err error
	if w.db, err = store.Open(ctx, w.path, store.Options{Synchronous: "NORMAL"}); err != nil {
		w.t.Fatal(err)
	}
	due, woken := w.db.Woken()
	in := intake.New(tap{w.db, w}, func() incident.Policy { return incident.Policy{} })
	prober := probe.New(probe.Options{Egress: egress.New(egress.Policy{})})
	cadence := calendar.Cadence{Business: 24 * time.Hour}
	w.dispatcher = schedule.New(schedule.Options{
		Source: dueTable{w.db}, Wake: due,
		Next: func(c keepwatch.Check, now time.Time) time.Time { return cadence.Next(now, c.Phase) },
		Run: func(ctx context.Context, s keepwatch.Slot) []keepwatch.Observation {
			l := w.lifeOf(s.Check.Credential)
			w.mu.Lock()
			r := w.records[l.id]
			w.mu.Unlock()
			return prober.Look(ctx, l.credential(r), l.zone, l.durations(), s)
		},
		Record: func(ctx context.Context, found []keepwatch.Observation, now time.Time) error {
			_, err := in.Record(ctx, found, now)
			return err
		},
	})
	w.pipeline = notify.New(
		notify.Options{Outbox: w.db, Woken: woken, Poll: 30 * 24 * time.Hour, Random: func() float64 { return 0.5 }},
		notify.Setup{Routes: notify.Routes{{To: []string{"ops"}}}, Receivers: []notify.Receiver{{Name: "ops", Channel: "test", Sender: receiver{w}}}, Directory: nobody{}},
	)
	w.sync()
	unfinished, err := w.db.Unfinished(ctx, time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.dispatcher.Recover(ctx, unfinished); err != nil {
		w.t.Fatal(err)
	}
	w.pipeline.Start()
	w.dispatcher.Start()
}

func (w *years) sync() {
	w.mu.Lock()
	checks := w.checks()
	w.mu.Unlock()
	if err := w.db.SyncChecks(w.t.Context(), time.Now(), checks); err != nil {
		w.t.Fatal(err)
	}
}

func (w *years) close() {
	ctx := context.Background()
	if err := cmp.Or(w.dispatcher.Stop(ctx), w.pipeline.Stop(ctx), w.db.Close()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *years) lifeOf(id keepwatch.CredentialID) *life {
	for _, l := range w.lives {
		if l.id == id {
			return l
		}
	}
	return nil
}

// live walks through the years: records change, processes end and start.
func (w *years) live() {
	type event struct {
		at   time.Time
		down *span
		id   keepwatch.CredentialID
		to   record
	}
	var events []event
	for i := range w.downs {
		events = append(events, event{at: w.downs[i].from, down: &w.downs[i]})
	}
	for _, l := range w.lives {
		w.records[l.id] = l.records[0]
		for _, r := range l.records[1:] {
			events = append(events, event{at: r.from, id: l.id, to: r})
		}
	}
	w.sync()
	slices.SortStableFunc(events, func(a, b event) int { return a.at.Compare(b.at) })
	for i := 0; i < len(events); i++ {
		e := events[i]
		time.Sleep(time.Until(e.at))
		if e.down == nil {
			w.change(e.id, e.to)
			w.sync()
			continue
		}
		w.close()
		for ; i+1 < len(events) && events[i+1].at.Before(e.down.to); i++ {
			w.change(events[i+1].id, events[i+1].to) // a file that is edited meanwhile
		}
		time.Sleep(time.Until(e.down.to))
		w.open()
	}
	time.Sleep(time.Until(w.end) + 10*time.Minute)
}

func (w *years) change(id keepwatch.CredentialID, to record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.records[id] = to
}

// receiver takes messages, and refuses one in ten for the moment.
type receiver struct{ w *years }

func (r receiver) Send(_ context.Context, m notify.Message) (notify.Receipt, error) {
	w := r.w
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := w.chance.IntN(10) > 0
	if len(w.sends[m.Key]) == 0 {
		w.firstTry(m)
	}
	w.sends[m.Key] = append(w.sends[m.Key], taken)
	if !taken {
		return "", fmt.Errorf("busy: %w", keepwatch.ErrUnavailable)
	}
	return "taken", nil
}

// firstTry measures from the transition to the first try at its message. A restart in
// between takes its own time: what the process before it had claimed stays leased.
func (w *years) firstTry(m notify.Message) {
	took, now := time.Since(m.At), time.Now()
	if slices.ContainsFunc(w.downs, func(d span) bool { return !d.from.Before(m.At) && d.from.Before(now) }) {
		return
	}
	w.slowest = max(w.slowest, took)
	if took > time.Minute {
		w.t.Errorf("message %s of %s was first tried %s later", m.Key, m.At, took)
	}
}

type nobody struct{}

func (nobody) Credential(keepwatch.CredentialID) (keepwatch.Credential, bool) {
	return keepwatch.Credential{}, false
}
func (nobody) Tenant(keepwatch.TenantID) (keepwatch.Tenant, bool) { return keepwatch.Tenant{}, false }
