package storetest

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keepwatch"
	"keepwatch/internal/store"
)

func use(id string, in keepwatch.Incident, action keepwatch.LinkAction, at time.Time) keepwatch.LinkUse {
	u := keepwatch.LinkUse{ID: id, Incident: in.ID, Action: action, By: "link sent to Größe via e-mail", At: at}
	if action != keepwatch.LinkAcknowledge {
		u.Until = at.Add(4 * time.Hour)
	}
	return u
}

func snooze(id string, in keepwatch.Incident, at time.Time) *keepwatch.Silence {
	s := silence(id, at)
	s.Kind, s.Match, s.Incident = keepwatch.Snoozed, keepwatch.Match{}, in.ID
	return &s
}

var linkTests = []test{
	{"a link acknowledges once, with its transition", func(t *testing.T, f *fixture) {
		in := f.open(1, f.now)
		at := f.now.Add(time.Minute)
		_, err := f.LinkUse(t.Context(), "a")
		f.wants(keepwatch.ErrNotFound, err)
		done, err := f.UseLink(t.Context(), use("a", in, keepwatch.LinkAcknowledge, at), nil)
		f.must(err)
		again, err := f.UseLink(t.Context(), use("a", in, keepwatch.LinkAcknowledge, at.Add(time.Hour)), nil)
		f.must(err)
		known, err := f.LinkUse(t.Context(), "a")
		f.must(err)
		for _, got := range []keepwatch.LinkUse{done, again, known} {
			if d := cmp.Diff(use("a", in, keepwatch.LinkAcknowledge, at), got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		}
		_, err = f.UseLink(t.Context(), use("b", in, keepwatch.LinkAcknowledge, at.Add(time.Hour)), nil)
		f.wants(keepwatch.ErrConflict, err) // another link: somebody was faster
		timeline, err := f.Transitions(t.Context(), in.ID)
		f.must(err)
		if last := timeline[len(timeline)-1]; last.Kind != keepwatch.Acknowledged || last.By != done.By || len(timeline) != 2 {
			t.Errorf("%+v", timeline)
		}
		if notices, _ := f.Unrouted(t.Context(), 10); len(notices) != 2 {
			t.Errorf("%d notices", len(notices))
		}
	}},
	{"a link makes a quiet time once", func(t *testing.T, f *fixture) {
		in := f.open(1, f.now)
		for range 2 {
			if _, err := f.UseLink(t.Context(), use("s", in, keepwatch.LinkSnooze, f.now), snooze("first", in, f.now)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := f.UseLink(t.Context(), use("s", in, keepwatch.LinkSnooze, f.now), snooze("second", in, f.now)); err != nil {
			t.Fatal(err)
		}
		list, err := f.Silences(t.Context(), f.now)
		f.must(err)
		if d := cmp.Diff([]keepwatch.Silence{*snooze("first", in, f.now)}, list); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}},
	{"of many that press at once, one counts", func(t *testing.T, f *fixture) {
		in := f.open(1, f.now)
		var wg sync.WaitGroup
		var mu sync.Mutex
		counted := map[time.Time]int{}
		for i := range 8 {
			wg.Go(func() {
				got, err := f.UseLink(t.Context(), use("s", in, keepwatch.LinkSilence, f.now.Add(time.Duration(i)*time.Second)), snooze(string(rune('a'+i)), in, f.now))
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				counted[got.At]++
			})
		}
		wg.Wait()
		list, err := f.Silences(t.Context(), f.now)
		f.must(err)
		if len(counted) != 1 || len(list) != 1 {
			t.Errorf("%v counted, %d silences", counted, len(list))
		}
	}},
	{"a link of what is over, or of nothing, does nothing", func(t *testing.T, f *fixture) {
		in := f.open(1, f.now)
		f.resolve(in, f.now.Add(time.Minute))
		_, err := f.UseLink(t.Context(), use("a", in, keepwatch.LinkAcknowledge, f.now), nil)
		f.wants(keepwatch.ErrConflict, err)
		_, err = f.UseLink(t.Context(), use("s", in, keepwatch.LinkSnooze, f.now), snooze("s", in, f.now))
		f.wants(keepwatch.ErrConflict, err)
		_, err = f.UseLink(t.Context(), use("s", keepwatch.Incident{ID: "nobody"}, keepwatch.LinkSnooze, f.now), snooze("s", in, f.now))
		f.wants(keepwatch.ErrNotFound, err)
		for _, u := range []keepwatch.LinkUse{use("", in, keepwatch.LinkAcknowledge, f.now), use("s", in, keepwatch.LinkSnooze, f.now)} {
			_, err = f.UseLink(t.Context(), u, nil)
			f.wants(keepwatch.ErrInvalid, err)
		}
		_, err = f.LinkUse(t.Context(), "s")
		f.wants(keepwatch.ErrNotFound, err)
		if list, _ := f.Silences(t.Context(), f.now); len(list) != 0 {
			t.Errorf("%+v", list)
		}
	}},
	{"uses are forgotten when no link holds any more", func(t *testing.T, f *fixture) {
		in := f.open(1, f.now)
		_, err := f.UseLink(t.Context(), use("a", in, keepwatch.LinkAcknowledge, f.now), nil)
		f.must(err)
		f.must(f.Retain(t.Context(), f.now.Add(29*24*time.Hour)))
		_, err = f.LinkUse(t.Context(), "a")
		f.must(err)
		f.must(f.Retain(t.Context(), f.now.Add(31*24*time.Hour)))
		_, err = f.LinkUse(t.Context(), "a")
		f.wants(keepwatch.ErrNotFound, err)
	}},
	{"the log of messages is newest first, filtered and in pages", func(t *testing.T, f *fixture) {
		a, _ := f.routed(1, "ops", "crm")
		b, n := f.routed(2, "ops", "mail")
		later := f.now.Add(time.Hour)
		f.must(f.Remind(t.Context(), keepwatch.Delivery{ID: keepwatch.DeliveryIDOf(n.ID, "ops") + "#1", Notice: n, Receiver: "ops", CreatedAt: later, NextAttemptAt: later}, f.now))
		sent := deliveriesTo(n, f.now, "mail")[0]
		sent.Status, sent.SentAt, sent.Receipt = keepwatch.DeliverySent, f.now, "accepted"
		f.must(f.Settle(t.Context(), sent, f.now))
		for _, tc := range []struct {
			name   string
			filter store.DeliveryFilter
			want   int
		}{
			{"all", store.DeliveryFilter{}, 5}, {"incident", store.DeliveryFilter{Incident: a.ID}, 2}, {"receiver", store.DeliveryFilter{Receiver: "ops"}, 3},
			{"status", store.DeliveryFilter{Status: keepwatch.DeliverySent}, 1}, {"both", store.DeliveryFilter{Incident: b.ID, Receiver: "ops"}, 2},
			{"nobody", store.DeliveryFilter{Receiver: "nobody"}, 0},
		} {
			var got []string
			for p := page(2); ; {
				list, more, err := f.DeliveryLog(t.Context(), tc.filter, p)
				f.must(err)
				got = append(got, ids(list)...)
				if more == "" {
					break
				}
				p = next(more, 2)
			}
			seen := map[string]bool{}
			for _, id := range got {
				seen[id] = true
			}
			if len(got) != tc.want || len(seen) != tc.want {
				t.Errorf("%s: %v", tc.name, got)
			}
		}
		first, _, err := f.DeliveryLog(t.Context(), store.DeliveryFilter{}, page(1))
		f.must(err)
		if len(first) != 1 || first[0].ID != keepwatch.DeliveryIDOf(n.ID, "ops")+"#1" || first[0].Notice.Incident.ID != b.ID {
			t.Errorf("first is %v", ids(first))
		}
		_, _, err = f.DeliveryLog(t.Context(), store.DeliveryFilter{Status: "lost"}, page(1))
		f.wants(keepwatch.ErrInvalid, err)
	}},
}
