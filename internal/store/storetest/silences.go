package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keepwatch"
)

func silence(id string, at time.Time) keepwatch.Silence {
	return keepwatch.Silence{
		ID: id, Kind: keepwatch.Silenced, Match: keepwatch.Match{Tenant: []string{"emea"}}, Owner: "Größe 漢字 🙂", Reason: "known",
		From: at, Until: at.Add(2 * time.Hour), CreatedAt: at, CreatedBy: "ada",
	}
}

var silenceTests = []test{
	{"a silence is kept until it is over", func(t *testing.T, f *fixture) {
		f.must(f.SaveSilence(t.Context(), silence("b", f.now)))
		f.must(f.SaveSilence(t.Context(), silence("a", f.now)))
		again := silence("a", f.now)
		again.Reason = "another"
		f.must(f.SaveSilence(t.Context(), again))
		list, err := f.Silences(t.Context(), f.now)
		f.must(err)
		if d := cmp.Diff([]keepwatch.Silence{silence("a", f.now), silence("b", f.now)}, list); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if list, _ := f.Silences(t.Context(), f.now.Add(2*time.Hour)); len(list) != 0 {
			t.Errorf("%d lie ahead at their end", len(list))
		}
		if list, _ := f.PastSilences(t.Context(), f.now.Add(2*time.Hour), 1); len(list) != 1 {
			t.Errorf("%d are past", len(list))
		}
	}},
	{"a silence ends early, once", func(t *testing.T, f *fixture) {
		f.must(f.SaveSilence(t.Context(), silence("a", f.now)))
		s, err := f.EndSilence(t.Context(), "a", "bob", f.now.Add(time.Minute))
		f.must(err)
		again, err := f.EndSilence(t.Context(), "a", "eve", f.now.Add(time.Hour))
		f.must(err)
		if s.EndedBy != "bob" || again.EndedBy != "bob" || !again.EndedAt.Equal(f.now.Add(time.Minute)) {
			t.Errorf("%+v, then %+v", s, again)
		}
		if list, _ := f.Silences(t.Context(), f.now.Add(time.Minute)); len(list) != 0 {
			t.Errorf("%+v", list)
		}
		_, err = f.EndSilence(t.Context(), "nobody", "ada", f.now)
		f.wants(keepwatch.ErrNotFound, err)
	}},
	{"a silence without owner, reason or end is refused", func(t *testing.T, f *fixture) {
		for _, change := range []func(*keepwatch.Silence){
			func(s *keepwatch.Silence) { s.Owner = "" }, func(s *keepwatch.Silence) { s.Until = time.Time{} }, func(s *keepwatch.Silence) { s.ID = "" }, func(s *keepwatch.Silence) { s.File = "x" },
		} {
			s := silence("a", f.now)
			change(&s)
			f.wants(keepwatch.ErrInvalid, f.SaveSilence(t.Context(), s))
		}
	}},
	{"what was held back can be made due", func(t *testing.T, f *fixture) {
		_, n := f.routed(1, "ops")
		later := f.now.Add(24 * time.Hour)
		for _, mark := range []string{"~1", "+1", "#1", "^1"} {
			f.must(f.Remind(t.Context(), keepwatch.Delivery{ID: keepwatch.DeliveryIDOf(n.ID, "ops") + keepwatch.DeliveryID(mark), Notice: n, Receiver: "ops", CreatedAt: later, NextAttemptAt: later}, f.now))
		}
		f.must(f.Hasten(t.Context(), f.now.Add(time.Minute)))
		due, err := f.ClaimDeliveries(t.Context(), f.now.Add(time.Minute), time.Minute, 10)
		f.must(err)
		if len(due) != 3 { // the message itself, and the two that were held back
			t.Errorf("due are %v", ids(due))
		}
	}},
}
