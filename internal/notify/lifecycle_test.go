package notify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
)

// Whoever heard of the begin hears of the end, whatever the routes say by then.
func TestReloadKeepsThePromiseAndRepeatsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, toOps, "ops", "crm")
		s := newTale("inc", time.Now())
		b.box.add(s.next(keepwatch.Opened, time.Now()))
		b.after(time.Minute)
		for range 100 {
			b.pipe.Use(b.setup(Routes{{To: []string{"crm"}}}))
		}
		b.after(time.Hour)
		b.wantKinds("ops", keepwatch.Opened)
		b.wantKinds("crm")
		b.box.add(s.next(keepwatch.Resolved, time.Now()))
		b.after(time.Minute)
		b.wantKinds("ops", keepwatch.Opened, keepwatch.Resolved)
		b.wantKinds("crm") // it never heard of it: its end is no news there
	})
}

func TestRemovedReceiverIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Routes{{To: []string{"ops"}, RepeatEvery: 10 * time.Minute}}, "ops")
		s := newTale("inc", time.Now())
		b.box.add(s.next(keepwatch.Opened, time.Now()))
		b.after(time.Minute)
		delete(b.in, "ops")
		b.pipe.Use(b.setup(nil))
		b.after(time.Hour)
		if d := b.box.row("inc.1:ops#1"); d.Status != keepwatch.DeliveryCollapsed {
			t.Errorf("reminder to a removed receiver: %s", d.Status)
		}
		b.box.add(s.next(keepwatch.Resolved, time.Now()))
		b.after(time.Minute)
		if d := b.box.row("inc.2:ops"); d.Status != keepwatch.DeliveryDead || !strings.Contains(d.LastError, "not configured any more") {
			t.Errorf("row: %s %q", d.Status, d.LastError)
		}
	})
}

// Two nodes over one outbox: every message once, in order, although both claim.
func TestTwoNodesSendOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, toOps, "ops")
		b.in["ops"].hang(200 * time.Millisecond)
		other := b.another(toOps)
		other.Start()
		for i := range 40 {
			s := newTale(fmt.Sprintf("inc-%02d", i), time.Now())
			b.box.add(s.next(keepwatch.Opened, time.Now()))
			b.box.add(s.next(keepwatch.Resolved, time.Now()))
		}
		b.after(10 * time.Minute)
		if err := other.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		last := map[keepwatch.IncidentID]Status{}
		keys := map[keepwatch.DeliveryID]int{}
		for _, m := range b.in["ops"].messages() {
			keys[m.Key]++
			if last[m.Incident] == Over {
				t.Errorf("%s: a message after the end", m.Incident)
			}
			last[m.Incident] = m.Status
		}
		for id, n := range keys {
			if n != 1 {
				t.Errorf("%s was sent %d times", id, n)
			}
		}
		for i := range 40 {
			if id := keepwatch.IncidentID(fmt.Sprintf("inc-%02d", i)); last[id] != Over {
				t.Errorf("%s: the end is missing", id)
			}
		}
	})
}

func TestBrokenOutboxHeals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, toOps, "ops")
		b.box.breakDown(true)
		b.box.add(newTale("inc", time.Now()).next(keepwatch.Opened, time.Now()))
		b.after(10 * time.Minute)
		b.box.breakDown(false)
		b.after(2 * time.Second)
		b.wantKinds("ops", keepwatch.Opened)
	})
}

func TestStop(t *testing.T) {
	t.Run("waits for the message that is being sent and gives back the rest", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, toOps, "ops")
			b.in["ops"].hang(3 * time.Second)
			b.box.add(newTale("a", time.Now()).next(keepwatch.Opened, time.Now()), newTale("b", time.Now()).next(keepwatch.Opened, time.Now()))
			b.after(time.Second)
			b.stop()
			if a := b.box.row("a.1:ops"); a.Status != keepwatch.DeliverySent {
				t.Errorf("a: %s", a.Status)
			}
			if r := b.box.row("b.1:ops"); r.Status != keepwatch.DeliveryPending || r.NextAttemptAt.After(time.Now()) || r.Attempts != 0 {
				t.Errorf("b: %s, due %s", r.Status, r.NextAttemptAt)
			}
		})
	})
	t.Run("cuts off what takes longer, and counts it as nobody's fault", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, toOps, "ops")
			b.in["ops"].hang(time.Hour)
			b.box.add(newTale("a", time.Now()).next(keepwatch.Opened, time.Now()))
			b.after(time.Second)
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			if err := b.pipe.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("stop: %v", err)
			}
			if a := b.box.row("a.1:ops"); a.Status != keepwatch.DeliveryPending || a.Attempts != 0 {
				t.Errorf("a: %s after %d attempts", a.Status, a.Attempts)
			}
			if h := b.pipe.Health(); h[0].LastError != "" {
				t.Errorf("blamed the receiver: %q", h[0].LastError)
			}
		})
	})
	t.Run("before Start", func(t *testing.T) {
		p := New(Options{Outbox: newMemory()}, Setup{Directory: estate()})
		if err := p.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		p.Start() // too late: it must not run
		if err := p.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

func TestHealthAndTest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, toOps, "ops")
		b.in["ops"].set(down)
		b.box.add(newTale("inc", time.Now()).next(keepwatch.Opened, time.Now()))
		b.after(time.Minute)
		h := b.pipe.Health()
		if len(h) != 1 || h[0].Name != "ops" || h[0].Channel != "webhook" || !strings.Contains(h[0].LastError, "refused") || h[0].FailingSince.IsZero() || !h[0].NextTryAt.After(time.Now()) {
			t.Errorf("health while it is down: %+v", h)
		}
		if _, err := b.pipe.Test(t.Context(), "ops"); err == nil {
			t.Error("the test of a dead receiver passed")
		}
		b.in["ops"].set(nil)
		receipt, err := b.pipe.Test(t.Context(), "ops")
		if err != nil || receipt != "accepted" {
			t.Errorf("test: %q, %v", receipt, err)
		}
		m := b.in["ops"].messages()[0]
		if m.Labels["alertname"] != "KeepwatchTest" || !strings.HasPrefix(m.Title, "[TEST]") || m.Annotations["hint"] == "" {
			t.Errorf("test message: %+v", m)
		}
		if h := b.pipe.Health()[0]; h.LastSuccessAt.IsZero() || !h.FailingSince.IsZero() {
			t.Errorf("health after the test: %+v", h)
		}
		if _, err := b.pipe.Test(t.Context(), "nobody"); !errors.Is(err, keepwatch.ErrNotFound) {
			t.Errorf("test of an unknown receiver: %v", err)
		}
		b.after(5 * time.Minute)
		b.wantKinds("ops", KindTest, keepwatch.Opened)
	})
}

// A row that is due and stays due must not spin the loop.
func TestIdleLoopIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, toOps, "ops")
		b.after(time.Hour)
		if b.box.claims > 130 {
			t.Errorf("%d claims in an idle hour", b.box.claims)
		}
	})
}
