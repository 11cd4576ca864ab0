package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keepwatch"
)

func share(id string, in keepwatch.Incident, at time.Time) keepwatch.ShareLink {
	return keepwatch.ShareLink{ID: id, Incident: in.ID, Grants: "viewer@emea/Größe", CreatedAt: at, CreatedBy: "ada", ExpiresAt: at.Add(24 * time.Hour)}
}

var shareTests = []test{
	{"a link to an incident is kept, seen and ended once", func(t *testing.T, f *fixture) {
		in := f.open(1, f.now)
		want := share("a", in, f.now)
		f.must(f.SaveShare(t.Context(), want))
		f.must(f.SaveShare(t.Context(), share("b", in, f.now.Add(time.Hour))))
		f.must(f.SeeShare(t.Context(), want, f.now.Add(time.Minute)))
		want.SeenAt = f.now.Add(time.Minute)
		f.must(f.SeeShare(t.Context(), want, f.now.Add(time.Minute+59*time.Second))) // within a minute: not written
		got, err := f.Share(t.Context(), "a")
		f.must(err)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		f.must(f.EndShare(t.Context(), in.ID, "a", "ben", f.now.Add(2*time.Hour)))
		f.must(f.EndShare(t.Context(), in.ID, "a", "cai", f.now.Add(3*time.Hour)))
		list, err := f.Shares(t.Context(), in.ID)
		f.must(err)
		if len(list) != 2 || list[0].ID != "b" || list[1].EndedBy != "ben" || !list[1].EndedAt.Equal(f.now.Add(2*time.Hour)) || !list[1].Over(f.now) || list[0].Over(f.now) {
			t.Errorf("%+v", list)
		}
	}},
	{"a link without an incident, an end or room is refused", func(t *testing.T, f *fixture) {
		in := f.open(1, f.now)
		f.wants(keepwatch.ErrNotFound, f.SaveShare(t.Context(), share("a", keepwatch.Incident{ID: "none"}, f.now)))
		timeless := share("a", in, f.now)
		timeless.ExpiresAt = f.now
		f.wants(keepwatch.ErrInvalid, f.SaveShare(t.Context(), timeless))
		f.wants(keepwatch.ErrNotFound, f.EndShare(t.Context(), in.ID, "a", "ada", f.now))
		_, err := f.Share(t.Context(), "a")
		f.wants(keepwatch.ErrNotFound, err)
		for i := range 20 {
			f.must(f.SaveShare(t.Context(), share(fmt.Sprint("s", i), in, f.now)))
		}
		f.wants(keepwatch.ErrConflict, f.SaveShare(t.Context(), share("one-more", in, f.now)))
		f.wants(keepwatch.ErrNotFound, f.EndShare(t.Context(), f.open(2, f.now).ID, "s0", "ada", f.now)) // of another incident
		f.must(f.EndShare(t.Context(), in.ID, "s0", "ada", f.now))
		f.must(f.SaveShare(t.Context(), share("one-more", in, f.now)))
	}},
	{"links that are over for long are forgotten", func(t *testing.T, f *fixture) {
		in := f.open(1, f.now)
		f.must(f.SaveShare(t.Context(), share("a", in, f.now)))
		f.must(f.Retain(t.Context(), f.now.Add(90*24*time.Hour)))
		if list, err := f.Shares(t.Context(), in.ID); err != nil || len(list) != 1 {
			t.Errorf("%+v %v", list, err)
		}
		f.must(f.Retain(t.Context(), f.now.Add(92*24*time.Hour)))
		if list, err := f.Shares(t.Context(), in.ID); err != nil || len(list) != 0 {
			t.Errorf("%+v %v", list, err)
		}
	}},
	{"a note stands in the timeline, and nobody is told", func(t *testing.T, f *fixture) {
		in := f.open(1, f.now)
		f.must(f.Note(t.Context(), in.ID, "ada", "The vendor says 14:00.", f.now.Add(time.Minute)))
		f.must(f.Note(t.Context(), in.ID, "ada", "The vendor says 14:00.", f.now.Add(2*time.Minute))) // sent twice
		f.must(f.Note(t.Context(), in.ID, "ben", "The vendor says 14:00.", f.now.Add(3*time.Minute)))
		f.resolve(in, f.now.Add(time.Hour))
		f.must(f.Note(t.Context(), in.ID, "ada", "It was the old copy.", f.now.Add(2*time.Hour)))
		timeline, err := f.Transitions(t.Context(), in.ID)
		f.must(err)
		var got []string
		for i, x := range timeline {
			if x.Seq != i+1 {
				t.Errorf("transition %d has the number %d", i, x.Seq)
			}
			if x.Kind == keepwatch.Noted {
				got = append(got, x.By+": "+x.Detail)
			}
		}
		if d := cmp.Diff([]string{"ada: The vendor says 14:00.", "ben: The vendor says 14:00.", "ada: It was the old copy."}, got); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
		if notices, _ := f.Unrouted(t.Context(), 10); len(notices) != 2 {
			t.Errorf("%d notices, want that of the opening and that of the end", len(notices))
		}
		f.wants(keepwatch.ErrInvalid, f.Note(t.Context(), in.ID, "ada", "", f.now))
		f.wants(keepwatch.ErrInvalid, f.Note(t.Context(), in.ID, "ada", strings.Repeat("ä", 2001), f.now))
		f.must(f.Note(t.Context(), in.ID, "ada", strings.Repeat("ä", 2000), f.now))
		f.wants(keepwatch.ErrNotFound, f.Note(t.Context(), "none", "ada", "x", f.now))
	}},
}
