package notify

import (
	"testing"
	"time"

	"keepwatch"
)

var t0 = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// row is one sibling in a table of decisions.
type row struct {
	seq      int
	kind     keepwatch.TransitionKind
	status   keepwatch.DeliveryStatus
	at       time.Duration // of the transition and the row, from t0
	next     time.Duration // of the next attempt
	attempts int
	reminder int
}

func (r row) delivery() keepwatch.Delivery {
	n := keepwatch.Notice{ID: keepwatch.NoticeIDOf("inc", r.seq), Kind: r.kind, Seq: r.seq, At: t0.Add(r.at)}
	d := keepwatch.Delivery{
		ID: keepwatch.DeliveryIDOf(n.ID, "ops"), Notice: n, Receiver: "ops", Status: r.status,
		Attempts: r.attempts, CreatedAt: t0.Add(r.at), NextAttemptAt: t0.Add(r.next),
	}
	for range r.reminder {
		d = reminderAfter(d, 0, d.NextAttemptAt)
		d.Status = r.status
	}
	return d
}

func TestDecide(t *testing.T) {
	const (
		pending   = keepwatch.DeliveryPending
		sent      = keepwatch.DeliverySent
		collapsed = keepwatch.DeliveryCollapsed
		dead      = keepwatch.DeliveryDead
	)
	opened := func(s keepwatch.DeliveryStatus) row { return row{seq: 1, kind: keepwatch.Opened, status: s} }
	acked := keepwatch.Incident{Status: keepwatch.IncidentOpen, AcknowledgedAt: t0}
	over := keepwatch.Incident{Status: keepwatch.IncidentResolved}
	m := time.Minute
	for name, tt := range map[string]struct {
		rows   []row
		about  int // index of the row to decide on
		inc    keepwatch.Incident
		wait   time.Duration
		now    time.Duration
		want   action
		untold bool
		next   keepwatch.DeliveryID
		also   int
		until  time.Duration
	}{
		"the first message":                          {rows: []row{opened(pending)}, want: actSend, untold: true},
		"a row that somebody else settled meanwhile": {rows: []row{opened(sent)}, want: actDrop},
		"an end after its begin was sent":            {rows: []row{opened(sent), {seq: 2, kind: keepwatch.Resolved, status: pending}}, about: 1, want: actSend},
		"an end waits for a begin that is on its way": {rows: []row{{seq: 1, kind: keepwatch.Opened, status: pending, next: 3 * m, attempts: 4}, {seq: 2, kind: keepwatch.Resolved, status: pending}},
			about: 1, want: actDefer, until: 3 * m},
		"a begin that is due just now is given a second": {rows: []row{opened(pending), {seq: 2, kind: keepwatch.Resolved, status: pending}}, about: 1, now: m, want: actDefer, until: m + time.Second},
		"nobody waits longer than the longest back-off": {rows: []row{{seq: 1, kind: keepwatch.Opened, status: pending, next: 60 * m}, {seq: 2, kind: keepwatch.Changed, status: pending}},
			about: 1, want: actDefer, until: 5 * m},
		"a begin gives way to its end":                   {rows: []row{opened(pending), {seq: 2, kind: keepwatch.Resolved, status: pending}}, want: actCollapse, next: "inc.2:ops"},
		"a begin gives way to the newest of several":     {rows: []row{opened(pending), {seq: 2, kind: keepwatch.Changed, status: pending}, {seq: 3, kind: keepwatch.Resolved, status: pending}}, want: actCollapse, next: "inc.3:ops"},
		"an end whose begin collapsed tells of both":     {rows: []row{opened(collapsed), {seq: 2, kind: keepwatch.Resolved, status: pending}}, about: 1, want: actSend, untold: true},
		"an end whose begin was refused tells of both":   {rows: []row{opened(dead), {seq: 2, kind: keepwatch.Resolved, status: pending}}, about: 1, want: actSend, untold: true},
		"within the wait, both go":                       {rows: []row{{seq: 1, kind: keepwatch.Opened, status: pending, next: 2 * m}, {seq: 2, kind: keepwatch.Resolved, status: pending, at: m}}, about: 1, wait: 2 * m, now: m, want: actCollapse, also: 1},
		"within the wait, the begin already went":        {rows: []row{opened(collapsed), {seq: 2, kind: keepwatch.Resolved, status: pending, at: m}}, about: 1, wait: 2 * m, now: 2 * m, want: actCollapse},
		"within the wait, with a change between":         {rows: []row{opened(pending), {seq: 2, kind: keepwatch.Changed, status: pending, at: m / 2}, {seq: 3, kind: keepwatch.Merged, status: pending, at: m}}, about: 2, wait: 2 * m, now: m, want: actCollapse, also: 2},
		"exactly at the end of the wait is too late":     {rows: []row{opened(collapsed), {seq: 2, kind: keepwatch.Resolved, status: pending, at: 2 * m}}, about: 1, wait: 2 * m, now: 2 * m, want: actSend, untold: true},
		"what was tried may have arrived":                {rows: []row{{seq: 1, kind: keepwatch.Opened, status: collapsed, attempts: 1}, {seq: 2, kind: keepwatch.Resolved, status: pending, at: m}}, about: 1, wait: 2 * m, now: 2 * m, want: actSend, untold: true},
		"what was told is not swallowed":                 {rows: []row{opened(sent), {seq: 2, kind: keepwatch.Resolved, status: pending, at: m}}, about: 1, wait: 2 * m, now: 2 * m, want: actSend},
		"a reminder while it lasts":                      {rows: []row{opened(sent), {seq: 1, kind: keepwatch.Opened, status: pending, reminder: 1}}, about: 1, want: actSend},
		"a reminder of what is acknowledged":             {rows: []row{opened(sent), {seq: 1, kind: keepwatch.Opened, status: pending, reminder: 1}}, about: 1, inc: acked, want: actCollapse},
		"a reminder of what is over":                     {rows: []row{opened(sent), {seq: 1, kind: keepwatch.Opened, status: pending, reminder: 1}}, about: 1, inc: over, want: actCollapse},
		"a reminder of what has changed since":           {rows: []row{opened(sent), {seq: 1, kind: keepwatch.Opened, status: pending, reminder: 1}, {seq: 2, kind: keepwatch.Changed, status: sent}}, about: 1, want: actCollapse},
		"a reminder beside a change that never got out":  {rows: []row{opened(sent), {seq: 1, kind: keepwatch.Opened, status: pending, reminder: 1}, {seq: 2, kind: keepwatch.Changed, status: dead}}, about: 1, want: actSend},
		"a reminder in the future keeps nobody waiting":  {rows: []row{opened(sent), {seq: 1, kind: keepwatch.Opened, status: pending, reminder: 1}, {seq: 2, kind: keepwatch.Resolved, status: pending}}, about: 2, want: actSend},
		"an acknowledgement takes the place of a begin":  {rows: []row{opened(pending), {seq: 2, kind: keepwatch.Acknowledged, status: pending}}, want: actCollapse, next: "inc.2:ops"},
		"an acknowledgement waits for the end of a wait": {rows: []row{{seq: 1, kind: keepwatch.Opened, status: pending, next: 2 * m}, {seq: 2, kind: keepwatch.Acknowledged, status: pending, at: m}}, about: 1, wait: 2 * m, now: m, want: actDefer, until: 2 * m},
	} {
		t.Run(name, func(t *testing.T) {
			q := question{incident: tt.inc, wait: tt.wait, now: t0.Add(tt.now)}
			for _, r := range tt.rows {
				q.siblings = append(q.siblings, r.delivery())
			}
			q.d = q.siblings[tt.about]
			v := decide(q)
			if v.act != tt.want || v.untold != tt.untold || len(v.also) != tt.also {
				t.Errorf("%s untold=%v also=%d (%s), want %s untold=%v also=%d", v.act, v.untold, len(v.also), v.reason, tt.want, tt.untold, tt.also)
			}
			if got := idOf(v.next); got != tt.next {
				t.Errorf("hands on to %q, want %q", got, tt.next)
			}
			if tt.want == actDefer && !v.until.Equal(t0.Add(tt.until)) {
				t.Errorf("until %s, want %s", v.until.Sub(t0), tt.until)
			}
			if v.act != actSend && v.reason == "" {
				t.Error("no reason")
			}
		})
	}
}

func idOf(d *keepwatch.Delivery) keepwatch.DeliveryID {
	if d == nil {
		return ""
	}
	return d.ID
}

func TestReminderNumber(t *testing.T) {
	d := row{seq: 1, kind: keepwatch.Opened}.delivery()
	for want := range 12 {
		if got := reminderNumber(d); got != want {
			t.Fatalf("%s is number %d, want %d", d.ID, got, want)
		}
		d = reminderAfter(d, time.Minute, t0)
	}
	d.ID = "inc.1:ops#x"
	if reminderNumber(d) != 0 {
		t.Error("a strange id is not a reminder")
	}
}

func TestBackoff(t *testing.T) {
	for n := 1; n < 100; n++ {
		low, high := backoff(n, 0.999999), backoff(n, 0)
		if high > backoffCap || low < high/2 || low <= 0 {
			t.Errorf("failure %d waits %s to %s", n, low, high)
		}
	}
	if backoff(1, 0) != 5*time.Second || backoff(2, 0) != 10*time.Second || backoff(50, 0) != 5*time.Minute {
		t.Error("not exponential")
	}
}
