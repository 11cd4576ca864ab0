package view

import (
	"context"
	"fmt"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
)

// Self is what Keepwatch knows of its own work.
type Self struct {
	Lag      time.Duration // how long the oldest due check has waited
	Fault    string        // why it cannot be told; "" where it can
	Watchdog *client.WatchdogStatus
	Late     time.Duration // no proof of itself came through for so long; 0: it does
}

// late is how long a due check may wait before that is worth a word: the dispatcher works
// on whole seconds, and a start has all checks due at once.
const late = time.Minute

// Watch tells the reader where to ask how Keepwatch itself does.
func (r *Reader) Watch(self func(ctx context.Context, now time.Time) Self) { r.self = self }

// Status says whether Keepwatch itself works.
func (r *Reader) Status(ctx context.Context, now time.Time) (client.Status, error) {
	e, err := r.load(ctx, now)
	if err != nil {
		return client.Status{}, err
	}
	var newest *time.Time
	for _, g := range e.glances(CredentialFilter{}) {
		newest = later(newest, timeOf(g.proven))
	}
	return r.status(ctx, now, newest), nil
}

// status is the same with the newest proof at hand. What a part of the estate may hear is
// that it works, and not whom it tells.
func (r *Reader) status(ctx context.Context, now time.Time, newest *time.Time) client.Status {
	s := client.Status{At: now.UTC(), State: string(keepwatch.StateUnknown), LastProvenAt: newest, Text: "Nobody watches Keepwatch itself."}
	if r.self == nil {
		return s
	}
	self := r.self(ctx, now)
	s.LagSeconds = self.Lag.Seconds()
	s.State, s.Text = judge(self, len(r.inventory().Credentials) > 0, newest, now)
	if !r.part {
		s.Watchdog = self.Watchdog
	}
	return s
}

// judge puts what is wrong into words, the worst first.
func judge(self Self, some bool, newest *time.Time, now time.Time) (state, text string) {
	failing, degraded, healthy := string(keepwatch.StateFailing), string(keepwatch.StateDegraded), string(keepwatch.StateHealthy)
	w := self.Watchdog
	switch {
	case self.Fault != "":
		return failing, "Keepwatch cannot read its own schedule: " + self.Fault + "."
	case self.Late > 0:
		return failing, "No proof of Keepwatch itself came through for " + Span(self.Late) + "."
	case self.Lag > late:
		return failing, "Checks wait: the oldest that is due has waited for " + Span(self.Lag) + "."
	case w != nil && len(w.Troubles) > 0:
		return degraded, "Keepwatch has trouble: " + strings.Join(w.Troubles, "; ") + "."
	case some && newest == nil:
		return string(keepwatch.StateUnknown), "Nothing has been proven yet."
	}
	if w == nil {
		return healthy, "Checks run on time. Nobody outside waits for its heartbeat."
	}
	deaf := 0
	for _, a := range w.Addresses {
		if a.FailingSince != nil {
			deaf++
		}
	}
	if deaf > 0 {
		return degraded, fmt.Sprintf("Checks run on time, but %s of %d addresses outside %s not take the heartbeat.", count0(deaf), len(w.Addresses), does(deaf))
	}
	return healthy, "Checks run on time; its heartbeat reached the outside " + Ago(lastBeat(w), now) + "."
}

func does(n int) string {
	if n == 1 {
		return "does"
	}
	return "do"
}

func lastBeat(w *client.WatchdogStatus) *time.Time {
	var newest *time.Time
	for _, a := range w.Addresses {
		newest = later(newest, a.LastBeatAt)
	}
	return newest
}
