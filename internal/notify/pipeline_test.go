package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
)

// bench is a running pipeline in a bubble.
type bench struct {
	t       *testing.T
	box     *memory
	in      map[string]*inbox
	pipe    *Pipeline
	mu      sync.Mutex
	trouble []Trouble
	results []string
}

func start(t *testing.T, routes Routes, names ...string) *bench {
	t.Helper()
	b := &bench{t: t, box: newMemory(), in: map[string]*inbox{}}
	for _, n := range names {
		b.in[n] = &inbox{}
	}
	b.pipe = b.another(routes)
	b.pipe.Start()
	t.Cleanup(b.stop)
	return b
}

// another makes a second node over the same outbox and receivers.
func (b *bench) another(routes Routes) *Pipeline {
	return New(Options{
		Outbox: b.box, Woken: b.box.woken, Random: func() float64 { return 0.5 },
		Trouble: func(_ context.Context, t Trouble) { b.mu.Lock(); b.trouble = append(b.trouble, t); b.mu.Unlock() },
		Observe: func(r, result string) { b.mu.Lock(); b.results = append(b.results, r+":"+result); b.mu.Unlock() },
	}, b.setup(routes))
}

func (b *bench) setup(routes Routes) Setup {
	s := Setup{Routes: routes, Directory: estate(), BaseURL: "https://keepwatch.example.com/"}
	for n, in := range b.in {
		s.Receivers = append(s.Receivers, Receiver{Name: n, Channel: "webhook", Sender: in})
	}
	slices.SortFunc(s.Receivers, func(x, y Receiver) int { return strings.Compare(x.Name, y.Name) })
	return s
}

func (b *bench) stop() {
	if err := b.pipe.Stop(context.Background()); err != nil {
		b.t.Errorf("stop: %v", err)
	}
}

func (b *bench) after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (b *bench) wantKinds(receiver string, want ...keepwatch.TransitionKind) {
	b.t.Helper()
	if got := b.in[receiver].kinds(); !slices.Equal(got, want) {
		b.t.Errorf("%s got %v, want %v", receiver, got, want)
	}
}

func (b *bench) troubles() []Trouble {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.trouble)
}

var toOps = Routes{{To: []string{"ops"}}}

func down(Message) error { return Retryable(errors.New("connection refused")) }

func TestFiringThenResolved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, toOps, "ops")
		s := newTale("inc", time.Now())
		b.box.add(s.next(keepwatch.Opened, time.Now()))
		b.after(time.Millisecond)
		b.wantKinds("ops", keepwatch.Opened)
		b.after(time.Hour)
		b.box.add(s.next(keepwatch.Resolved, time.Now()))
		b.after(time.Millisecond)
		b.wantKinds("ops", keepwatch.Opened, keepwatch.Resolved)
		d := b.box.row("inc.1:ops")
		if d.Status != keepwatch.DeliverySent || d.Receipt != "accepted" || d.Attempts != 1 || d.SentAt.IsZero() {
			t.Errorf("row after sending: %+v", d)
		}
	})
}

// The promise of reliability: a receiver is down for six hours; nothing is lost,
// what was missed is said in one message, five minutes after it is back at most.
func TestReceiverDownForSixHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, toOps, "ops")
		b.in["ops"].set(down)
		lasting, over := newTale("lasting", time.Now()), newTale("over", time.Now())
		b.box.add(lasting.next(keepwatch.Opened, time.Now()), over.next(keepwatch.Opened, time.Now()))
		b.after(time.Hour)
		b.box.add(lasting.next(keepwatch.Changed, time.Now()), over.next(keepwatch.Resolved, time.Now()))
		b.after(5 * time.Hour)
		if n := len(b.in["ops"].messages()); n != 0 {
			t.Fatalf("%d messages arrived at a receiver that is down", n)
		}
		b.in["ops"].set(nil)
		b.after(5*time.Minute + time.Second)

		got := map[keepwatch.IncidentID]Message{}
		for _, m := range b.in["ops"].messages() {
			if _, twice := got[m.Incident]; twice {
				t.Errorf("two messages about %s", m.Incident)
			}
			got[m.Incident] = m
		}
		if m := got["lasting"]; m.Status != Firing || m.Key != "lasting.2:ops" || m.Kind != keepwatch.Opened {
			t.Errorf("lasting: %s %s %s, want one firing message under the newest key", m.Status, m.Kind, m.Key)
		}
		if m := got["over"]; m.Status != Over || !strings.Contains(m.Annotations["description"], "the one message about both") {
			t.Errorf("over: %s, want one message about begin and end:\n%s", m.Status, m.Annotations["description"])
		}
		if n := b.box.count(keepwatch.DeliveryPending); n != 0 {
			t.Errorf("%d deliveries are still pending", n)
		}
		if n := b.box.count(keepwatch.DeliveryCollapsed); n != 2 {
			t.Errorf("%d collapsed, want 2", n)
		}
		// One try per back-off, whatever waits: 6 h at 3.75 min (jitter 0.5) is about 100.
		if n := b.in["ops"].attempts(); n < 70 || n > 130 {
			t.Errorf("%d tries in six hours", n)
		}
		if tr := b.troubles(); len(tr) != 1 || tr[0].Kind != TroubleUnreachable {
			t.Errorf("trouble: %+v, want one that says unreachable", tr)
		}
	})
}

func TestCrashBetweenSendAndMark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, toOps, "ops")
		crashed := true
		b.box.refuse = func(d keepwatch.Delivery) bool { return crashed && d.Status == keepwatch.DeliverySent }
		b.box.add(newTale("inc", time.Now()).next(keepwatch.Opened, time.Now()))
		b.after(time.Millisecond)
		b.wantKinds("ops", keepwatch.Opened)
		b.stop() // nothing was marked
		crashed = false

		b.pipe = b.another(toOps)
		b.pipe.Start()
		b.after(3 * time.Minute) // the lease has to end
		got := b.in["ops"].messages()
		if len(got) != 2 || got[0].Key != got[1].Key {
			t.Fatalf("got %d messages, want the same key twice", len(got))
		}
		if got[0].Title != got[1].Title || got[0].Fingerprint != got[1].Fingerprint {
			t.Error("the repeat says something else")
		}
		if b.box.row("inc.1:ops").Status != keepwatch.DeliverySent {
			t.Error("not marked in the end")
		}
	})
}

// A mark that fails for a moment is no reason to say it twice.
func TestMarkIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, toOps, "ops")
		left := 3
		b.box.refuse = func(d keepwatch.Delivery) bool { left--; return left >= 0 }
		b.box.add(newTale("inc", time.Now()).next(keepwatch.Opened, time.Now()))
		b.after(10 * time.Minute)
		b.wantKinds("ops", keepwatch.Opened)
	})
}

func TestDeadReceiverDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Routes{{To: []string{"hangs", "ops"}}}, "hangs", "ops")
		b.in["hangs"].hang(time.Hour) // until the timeout
		for i := range 300 {
			b.box.add(newTale(fmt.Sprintf("inc-%03d", i), time.Now()).next(keepwatch.Opened, time.Now()))
		}
		b.after(3 * time.Second)
		if n := len(b.in["ops"].messages()); n != 300 {
			t.Errorf("%d of 300 arrived within three seconds", n)
		}
		b.after(20 * time.Minute)
		if n := b.in["hangs"].attempts(); n > 12 {
			t.Errorf("a receiver that hangs was tried %d times in 20 minutes", n)
		}
		b.in["hangs"].hang(0)
		b.after(6 * time.Minute)
		if n := len(b.in["hangs"].messages()); n != 300 {
			t.Errorf("%d of 300 arrived after the receiver was back", n)
		}
		if b.in["hangs"].atMost > 1 || b.in["ops"].atMost > 1 {
			t.Error("two messages at once at one receiver")
		}
	})
}

func TestPermanentRefusalIsPutAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, toOps, "ops")
		b.in["ops"].set(func(Message) error { return Permanent(errors.New("the receiver answered 404 Not Found")) })
		for _, id := range []string{"a", "b", "c"} {
			b.box.add(newTale(id, time.Now()).next(keepwatch.Opened, time.Now()))
		}
		b.after(time.Hour)
		if n := b.in["ops"].attempts(); n != 3 {
			t.Errorf("%d tries for three messages", n)
		}
		if d := b.box.row("a.1:ops"); d.Status != keepwatch.DeliveryDead || !strings.Contains(d.LastError, "404") {
			t.Errorf("row: %s %q", d.Status, d.LastError)
		}
		if tr := b.troubles(); len(tr) != 1 || tr[0].Kind != TroubleDead || tr[0].Receiver != "ops" || !strings.Contains(tr[0].Reason, "404") {
			t.Errorf("meta notices: %+v, want one", tr)
		}
		// It works again, and fails again: that is news.
		b.in["ops"].set(nil)
		b.box.add(newTale("d", time.Now()).next(keepwatch.Opened, time.Now()))
		b.after(time.Minute)
		b.in["ops"].set(func(Message) error { return Permanent(errors.New("gone")) })
		b.box.add(newTale("e", time.Now()).next(keepwatch.Opened, time.Now()))
		b.after(time.Minute)
		if tr := b.troubles(); len(tr) != 2 {
			t.Errorf("%d meta notices, want 2", len(tr))
		}
	})
}

// The end of an incident whose begin was refused for good still tells of both.
func TestResolvedAfterDeadFiring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, toOps, "ops")
		b.in["ops"].set(func(Message) error { return Permanent(errors.New("no")) })
		s := newTale("inc", time.Now())
		b.box.add(s.next(keepwatch.Opened, time.Now()))
		b.after(time.Minute)
		b.in["ops"].set(nil)
		b.box.add(s.next(keepwatch.Resolved, time.Now()))
		b.after(time.Minute)
		got := b.in["ops"].messages()
		if len(got) != 1 || !strings.Contains(got[0].Annotations["description"], "the one message about both") {
			t.Errorf("got %+v", got)
		}
	})
}

func TestRateLimitIsObeyed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, toOps, "ops")
		refused := 0
		b.in["ops"].set(func(Message) error {
			if refused++; refused == 1 {
				return RateLimited(errors.New("429"), 90*time.Second)
			}
			return nil
		})
		begin := time.Now()
		b.box.add(newTale("a", begin).next(keepwatch.Opened, begin), newTale("b", begin).next(keepwatch.Opened, begin))
		b.after(89 * time.Second)
		if b.in["ops"].attempts() != 1 {
			t.Errorf("%d tries before the time is up", b.in["ops"].attempts())
		}
		b.after(2 * time.Second)
		b.wantKinds("ops", keepwatch.Opened, keepwatch.Opened)
	})
}

func TestWait(t *testing.T) {
	routes := Routes{{To: []string{"ops"}, Wait: 2 * time.Minute}}
	t.Run("the first message comes after it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, routes, "ops")
			b.box.add(newTale("inc", time.Now()).next(keepwatch.Opened, time.Now()))
			b.after(2*time.Minute - time.Second)
			b.wantKinds("ops")
			b.after(2 * time.Second)
			b.wantKinds("ops", keepwatch.Opened)
		})
	})
	t.Run("what comes and goes within it is not told", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, routes, "ops")
			s := newTale("inc", time.Now())
			b.box.add(s.next(keepwatch.Opened, time.Now()))
			b.after(time.Minute)
			b.box.add(s.next(keepwatch.Resolved, time.Now()))
			b.after(time.Hour)
			b.wantKinds("ops")
			if n := b.box.count(keepwatch.DeliveryCollapsed); n != 2 {
				t.Errorf("%d rows say collapsed, want 2", n)
			}
			if d := b.box.row("inc.1:ops"); !strings.Contains(d.LastError, "within 2m") {
				t.Errorf("the row does not say why: %q", d.LastError)
			}
		})
	})
	t.Run("an end just after it is told with the begin", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, routes, "ops")
			b.in["ops"].set(down)
			s := newTale("inc", time.Now())
			b.box.add(s.next(keepwatch.Opened, time.Now()))
			b.after(121 * time.Second)
			b.box.add(s.next(keepwatch.Resolved, time.Now()))
			b.after(time.Minute)
			b.in["ops"].set(nil)
			b.after(6 * time.Minute)
			b.wantKinds("ops", keepwatch.Resolved)
		})
	})
	t.Run("a change within it is said at its end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, routes, "ops")
			s := newTale("inc", time.Now())
			b.box.add(s.next(keepwatch.Opened, time.Now()))
			b.after(30 * time.Second)
			b.box.add(s.next(keepwatch.Changed, time.Now()))
			b.after(time.Minute)
			b.wantKinds("ops")
			b.after(time.Minute)
			b.wantKinds("ops", keepwatch.Opened)
			if m := b.in["ops"].messages()[0]; m.Key != "inc.2:ops" {
				t.Errorf("key %s, want that of the newest", m.Key)
			}
		})
	})
}

func TestReminders(t *testing.T) {
	routes := Routes{{To: []string{"ops"}, RepeatEvery: 30 * time.Minute}}
	t.Run("until somebody acknowledges", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, routes, "ops")
			s := newTale("inc", time.Now())
			b.box.add(s.next(keepwatch.Opened, time.Now()))
			b.after(95 * time.Minute)
			b.wantKinds("ops", keepwatch.Opened, KindReminder, KindReminder, KindReminder)
			keys := map[keepwatch.DeliveryID]bool{}
			for _, m := range b.in["ops"].messages() {
				keys[m.Key] = true
			}
			if len(keys) != 4 || !keys["inc.1:ops#3"] {
				t.Errorf("keys: %v", keys)
			}
			b.box.add(s.next(keepwatch.Acknowledged, time.Now()))
			b.after(24 * time.Hour)
			b.wantKinds("ops", keepwatch.Opened, KindReminder, KindReminder, KindReminder, keepwatch.Acknowledged)
		})
	})
	t.Run("until it ends", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, routes, "ops")
			s := newTale("inc", time.Now())
			b.box.add(s.next(keepwatch.Opened, time.Now()))
			b.after(40 * time.Minute)
			b.box.add(s.next(keepwatch.Resolved, time.Now()))
			b.after(24 * time.Hour)
			b.wantKinds("ops", keepwatch.Opened, KindReminder, keepwatch.Resolved)
		})
	})
	t.Run("one chain, not one for each change", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, routes, "ops")
			s := newTale("inc", time.Now())
			b.box.add(s.next(keepwatch.Opened, time.Now()))
			b.after(10 * time.Minute)
			b.box.add(s.next(keepwatch.Changed, time.Now()))
			b.after(65 * time.Minute) // reminders of the change after 40 and 70 minutes
			b.wantKinds("ops", keepwatch.Opened, keepwatch.Changed, KindReminder, KindReminder)
		})
	})
	t.Run("a crash before the mark loses and doubles none", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, routes, "ops")
			crashed := true
			b.box.refuse = func(d keepwatch.Delivery) bool { return crashed && d.Status == keepwatch.DeliverySent }
			b.box.add(newTale("inc", time.Now()).next(keepwatch.Opened, time.Now()))
			b.after(time.Millisecond)
			b.stop()
			crashed = false
			b.pipe = b.another(routes)
			b.pipe.Start()
			b.after(50 * time.Minute)
			b.wantKinds("ops", keepwatch.Opened, keepwatch.Opened, KindReminder)
		})
	})
}

func TestNobodyToTellIsVisible(t *testing.T) {
	for name, tt := range map[string]struct {
		routes    Routes
		receivers []string
		want      string
	}{
		"no route matches":        {Routes{{Match: Match{Tenant: []string{"us"}}, To: []string{"ops"}}}, []string{"ops"}, "no route matches this incident"},
		"no routes":               {nil, []string{"ops"}, "no routes are configured"},
		"nothing is configured":   {nil, nil, "no receivers are configured"},
		"a route without targets": {Routes{{}}, []string{"ops"}, "no route matches this incident"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, tt.routes, tt.receivers...)
				s := newTale("inc", time.Now())
				b.box.add(s.next(keepwatch.Opened, time.Now()), newTale("two", time.Now()).next(keepwatch.Opened, time.Now()))
				b.after(time.Minute)
				d := b.box.row(keepwatch.DeliveryIDOf("inc.1", NoReceiver))
				if d.Status != keepwatch.DeliveryDead || d.LastError != tt.want {
					t.Errorf("row: %s %q, want dead %q", d.Status, d.LastError, tt.want)
				}
				if tr := b.troubles(); len(tr) != 1 || tr[0].Kind != TroubleNoReceiver {
					t.Errorf("trouble: %+v", tr)
				}
			})
		})
	}
}

// A later message names the first one that its receiver took, also after a repeat
// and on another node: it comes from the rows.
func TestLaterMessagesNameTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Routes{{To: []string{"ops", "crm"}, RepeatEvery: time.Hour}}, "ops", "crm")
		b.in["crm"].set(down)
		s := newTale("inc", time.Now())
		b.box.add(s.next(keepwatch.Opened, time.Now()))
		b.after(90 * time.Minute)
		b.box.add(s.next(keepwatch.Changed, time.Now()))
		b.after(time.Minute)
		b.in["crm"].set(nil)
		b.after(6 * time.Minute)
		b.box.add(s.next(keepwatch.Resolved, time.Now()))
		b.after(time.Minute)
		for receiver, want := range map[string][]Receipt{"ops": {"", "accepted", "accepted", "accepted"}, "crm": {"", "accepted"}} {
			var got []Receipt
			for _, m := range b.in[receiver].messages() {
				got = append(got, m.Thread)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", receiver, got, want)
			}
		}
	})
}
