package notify

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
)

// of makes a tale of another credential.
func taleOf(id string, credential keepwatch.CredentialID, at time.Time) *tale {
	s := newTale(id, at)
	s.inc.Key, s.inc.Credential = "credential:"+string(credential)+"/"+id, credential
	s.inc.Members[0].Credential = credential
	if credential == "us-shop" {
		s.inc.Tenant = "us"
	}
	return s
}

func (b *bench) tell(s *tale, kind keepwatch.TransitionKind) { b.box.add(s.next(kind, time.Now())) }

// tellAll is one transaction of many.
func (b *bench) tellAll(kind keepwatch.TransitionKind, all ...*tale) {
	notices := make([]keepwatch.Notice, len(all))
	for i, s := range all {
		notices[i] = s.next(kind, time.Now())
	}
	b.box.add(notices...)
}

// members are the incidents' credentials of a message with their status.
func membersOf(m Message) string {
	var out []string
	for _, x := range m.Members {
		out = append(out, x.Labels["credential"]+" "+string(x.Status))
	}
	return strings.Join(out, ", ")
}

func TestGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Routes{{To: []string{"ops"}, GroupBy: []string{"tenant"}, Wait: time.Minute, RepeatEvery: time.Hour}}, "ops")
		report, crm, shop := taleOf("r", "weekly-report", time.Now()), taleOf("c", "crm-sync", time.Now()), taleOf("s", "us-shop", time.Now())
		brief := taleOf("b", "weekly-report", time.Now())
		b.tell(report, keepwatch.Opened)
		b.tell(brief, keepwatch.Opened)
		b.after(10 * time.Second)
		b.tell(crm, keepwatch.Opened)
		b.tell(shop, keepwatch.Opened)
		b.tell(brief, keepwatch.Resolved)
		b.after(2 * time.Minute)
		got := b.in["ops"].messages()
		if len(got) != 2 {
			t.Fatalf("%d messages, want one for each tenant: %q", len(got), titles(got))
		}
		first := got[0]
		if s := membersOf(first); s != "crm-sync firing, weekly-report firing" || first.Labels["tenant"] != "emea" || first.Labels["alertname"] != "KeepwatchGroup" || first.Status != Firing {
			t.Errorf("the worst first, and not what came and went: %s, %v", s, first.Labels)
		}
		if !strings.Contains(first.Title, "2 incidents (tenant emea)") || first.GroupLabels["tenant"] != "emea" {
			t.Errorf("title %q", first.Title)
		}
		b.tell(crm, keepwatch.Resolved)
		b.after(2 * time.Minute)
		b.tell(report, keepwatch.Resolved)
		b.after(3 * time.Hour)
		got = b.in["ops"].messages()
		var of []Message
		for _, m := range got {
			if m.Labels["tenant"] == "emea" {
				of = append(of, m)
			}
		}
		if len(of) != 3 || membersOf(of[1]) != "weekly-report firing, crm-sync resolved" || of[1].Status != Firing || of[2].Status != Over || of[2].Kind != keepwatch.Resolved {
			t.Fatalf("partly over, then over: %q", titles(of))
		}
		if of[1].Incident != first.Incident || of[1].GroupKey != first.GroupKey || of[1].Thread == "" || of[1].Fingerprint != first.Fingerprint || of[1].Key == first.Key {
			t.Errorf("an update of the same message: %+v", of[1])
		}
		reminders := 0
		for _, m := range got {
			if m.Kind == KindReminder {
				if reminders++; m.Labels["tenant"] != "us" {
					t.Errorf("reminds of %v", m.Labels)
				}
			}
		}
		if reminders != 3 {
			t.Errorf("%d reminders of the group that lasts in three hours: %q", reminders, titles(got))
		}
		for _, d := range b.box.of("b") {
			if d.Status != keepwatch.DeliveryCollapsed || d.LastError != "began and ended within 1m" {
				t.Errorf("row %s is %s: %s", d.ID, d.Status, d.LastError)
			}
		}
	})
}

// A silenced member is not listed, and is told of when the silence is over.
func TestGroupAndSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Routes{{To: []string{"ops"}, GroupBy: []string{"owner"}, Wait: time.Minute}}, "ops")
		quiet := taleOf("q", "crm-sync", time.Now())
		loud := taleOf("l", "crm-sync", time.Now())
		later := taleOf("z", "crm-sync", time.Now())
		until := time.Now().Add(time.Hour)
		one := func(id keepwatch.IncidentID) Mute {
			return Mute{Silence: keepwatch.Silence{ID: string(id), Kind: keepwatch.Silenced, Incident: id, Owner: "ada", Reason: "known", From: time.Now().Add(-time.Hour), Until: until}}
		}
		b.pipe.Mute([]Mute{one("q")})
		b.tell(quiet, keepwatch.Opened)
		b.tell(loud, keepwatch.Opened)
		b.tell(later, keepwatch.Opened)
		b.after(30 * time.Second)
		b.pipe.Mute([]Mute{one("q"), one("z")}) // made while the group gathers
		b.after(10 * time.Minute)
		got := b.in["ops"].messages()
		if len(got) != 1 || membersOf(got[0]) != "crm-sync firing" || got[0].Members[0].Message.Incident != "l" {
			t.Fatalf("got %q with %s", titles(got), membersOf(got[0]))
		}
		b.after(2 * time.Hour)
		got = b.in["ops"].messages()
		if last := got[len(got)-1]; last.Incident != got[0].Incident || len(last.Members) != 3 {
			t.Errorf("after the silence: %q", titles(got))
		}
	})
}

// Nobody of the group has acknowledged: the lead hears of it once.
func TestGroupEscalates(t *testing.T) {
	routes := Routes{{To: []string{"ops"}, GroupBy: []string{"tenant"}, Escalate: []Escalation{{After: 15 * time.Minute, To: []string{"lead"}}}}}
	for name, taken := range map[string]bool{"nobody took it": false, "all are taken": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := start(t, routes, "ops", "lead")
				one, two := taleOf("1", "crm-sync", time.Now()), taleOf("2", "weekly-report", time.Now())
				b.tell(one, keepwatch.Opened)
				b.tell(two, keepwatch.Opened)
				b.after(5 * time.Minute)
				b.tell(one, keepwatch.Acknowledged)
				if taken {
					b.tell(two, keepwatch.Acknowledged)
				}
				b.after(time.Hour)
				got := b.in["lead"].messages()
				if taken != (len(got) == 0) || len(got) > 1 {
					t.Errorf("the lead got %q", titles(got))
				}
			})
		})
	}
}

func titles(ms []Message) []string {
	var out []string
	for _, m := range ms {
		out = append(out, m.Now.Format("15:04:05 ")+m.Title)
	}
	return out
}

// withPace is a bench whose receivers have a limit.
func withPace(t *testing.T, routes Routes, pace Pace, names ...string) *bench {
	b := start(t, routes, names...)
	s := b.setup(routes)
	for i := range s.Receivers {
		s.Receivers[i].Pace = pace
	}
	b.pipe.Use(s)
	return b
}

func TestStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := withPace(t, toOps, Pace{20, 10 * time.Minute}, "ops")
		begin := time.Now()
		var all []*tale
		for i := range 200 {
			s := taleOf(fmt.Sprintf("inc-%03d", i), []keepwatch.CredentialID{"us-shop", "weekly-report"}[i%2], time.Now())
			all = append(all, s)
		}
		urgent := taleOf("urgent", "crm-sync", time.Now())
		b.tellAll(keepwatch.Opened, all[:100]...)
		b.after(2 * time.Second)
		got := b.in["ops"].messages()
		if len(got) != 1 || got[0].Now.Sub(begin) > time.Second || !strings.Contains(got[0].Title, "100 incidents at once") {
			t.Fatalf("a quiet receiver hears of it at once: %q", titles(got))
		}
		b.tellAll(keepwatch.Opened, append(slices.Clone(all[100:]), urgent)...)
		b.after(25 * time.Second)
		b.wantCount("ops", 1)
		b.after(15 * time.Second)
		got = b.in["ops"].messages()
		if len(got) != 2 || !strings.Contains(got[1].Title, "201 incidents at once") || got[1].Members[0].Labels["credential"] != "crm-sync" || got[1].More != 191 || len(got[1].Members) != 10 {
			t.Fatalf("soon after, how large it is, transactional first: %q", titles(got))
		}
		b.after(10 * time.Minute)
		got = b.in["ops"].messages()
		if len(got) != 3 || !strings.Contains(got[2].Title, "no more are coming") || got[2].Status != Firing || got[2].Incident != got[0].Incident {
			t.Fatalf("it says that it is calm: %q", titles(got))
		}
		single := taleOf("single", "us-shop", time.Now())
		b.tell(single, keepwatch.Opened)
		b.after(time.Second)
		if got = b.in["ops"].messages(); len(got) != 4 || len(got[3].Members) != 0 {
			t.Fatalf("after the storm one is told by itself: %q", titles(got))
		}
		b.tellAll(keepwatch.Resolved, append(all, urgent)...)
		b.after(time.Hour)
		got = b.in["ops"].messages()
		if last := got[len(got)-1]; len(got) > 6 || last.Status != Over || last.Incident != got[0].Incident || last.Kind != keepwatch.Resolved {
			t.Errorf("what the storm told is over in it: %q", titles(got))
		}
		for _, s := range all {
			for _, d := range b.mustRows(s.inc.ID) {
				if d.Status != keepwatch.DeliverySent {
					t.Errorf("%s is %s", d.ID, d.Status)
				}
			}
		}
	})
}

func (b *bench) mustRows(id keepwatch.IncidentID) []keepwatch.Delivery {
	b.t.Helper()
	rows, err := b.box.Deliveries(b.t.Context(), id)
	if err != nil || len(rows) == 0 {
		b.t.Fatalf("rows of %s: %d, %v", id, len(rows), err)
	}
	return rows
}

func (b *bench) wantCount(receiver string, n int) {
	b.t.Helper()
	if got := b.in[receiver].messages(); len(got) != n {
		b.t.Errorf("%s got %q, want %d", receiver, titles(got), n)
	}
}

// What waited while the receiver was down is one message when it is back.
func TestStormAfterAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := withPace(t, toOps, Pace{20, 10 * time.Minute}, "ops")
		b.in["ops"].set(func(Message) error { return Retryable(errors.New("down")) })
		for i := range 30 {
			b.tell(taleOf(fmt.Sprintf("inc-%03d", i), "us-shop", time.Now()), keepwatch.Opened)
			b.after(2 * time.Minute)
		}
		b.in["ops"].set(nil)
		b.after(5 * time.Minute)
		got := b.in["ops"].messages()
		if len(got) == 0 || len(got) > 6 {
			t.Fatalf("got %d: %q", len(got), titles(got))
		}
		for i := range 30 {
			for _, d := range b.mustRows(keepwatch.IncidentID(fmt.Sprintf("inc-%03d", i))) {
				if d.Status != keepwatch.DeliverySent && d.Status != keepwatch.DeliveryCollapsed {
					t.Errorf("%s is %s", d.ID, d.Status)
				}
			}
		}
	})
}

func TestDigest(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		b := start(t, Routes{{To: []string{"ops"}, Digest: &Hour{At: 8 * time.Hour, Zone: berlin}}}, "ops")
		open, over, urgent := taleOf("o", "weekly-report", time.Now()), taleOf("v", "us-shop", time.Now()), taleOf("u", "crm-sync", time.Now())
		b.after(time.Hour)
		b.tell(open, keepwatch.Opened)
		b.tell(over, keepwatch.Opened)
		b.after(time.Minute)
		b.tell(over, keepwatch.Resolved)
		b.tell(urgent, keepwatch.Opened)
		b.after(time.Minute)
		got := b.in["ops"].messages()
		if len(got) != 1 || got[0].Incident != "u" {
			t.Fatalf("what is transactional and fails does not wait: %q", titles(got))
		}
		b.after(24 * time.Hour)
		got = b.in["ops"].messages()
		if len(got) != 2 || membersOf(got[1]) != "weekly-report firing, us-shop resolved" || !strings.HasPrefix(got[1].Title, "[DIGEST] 2 incidents") || got[1].Now.In(berlin).Format("15:04") != "08:00" {
			t.Fatalf("at the hour, the open ones and those that are over: %q", titles(got))
		}
		b.tell(open, keepwatch.Resolved)
		b.after(48 * time.Hour)
		got = b.in["ops"].messages()
		if len(got) != 3 || membersOf(got[2]) != "weekly-report resolved" || got[2].Now.In(berlin).Format("15:04") != "08:00" {
			t.Errorf("the next digest tells the end: %q", titles(got))
		}
	})
}

func TestHour(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		hour     Hour
		at, want string
	}{
		{Hour{At: 8 * time.Hour, Zone: berlin}, "2026-11-30T06:59:00Z", "2026-11-30T07:00:00Z"},
		{Hour{At: 8 * time.Hour, Zone: berlin}, "2026-11-30T07:00:00Z", "2026-11-30T07:00:00Z"},
		{Hour{At: 8 * time.Hour, Zone: berlin}, "2026-11-30T07:00:01Z", "2026-12-01T07:00:00Z"},
		{Hour{At: 8 * time.Hour, Zone: berlin}, "2026-03-28T12:00:00Z", "2026-03-29T06:00:00Z"}, // the clocks went forward
		{Hour{At: 8 * time.Hour, Zone: berlin}, "2026-10-24T12:00:00Z", "2026-10-25T07:00:00Z"}, // and back
		{Hour{Day: 1, At: 8 * time.Hour}, "2026-11-30T08:00:01Z", "2026-12-07T08:00:00Z"},
		{Hour{Day: 7}, "2026-11-30T00:00:00Z", "2026-12-06T00:00:00Z"},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.hour.Next(at).UTC().Format(time.RFC3339); got != c.want {
			t.Errorf("%s after %s: %s, want %s", c.hour, c.at, got, c.want)
		}
	}
}
