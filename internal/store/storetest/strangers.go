package storetest

import (
	"fmt"
	"testing"
	"time"

	"keepwatch/internal/store"
)

var strangerTests = []test{
	{"a stranger is what each run counted, written twice or once", func(t *testing.T, f *fixture) {
		day := 24 * time.Hour
		s := store.Stranger{Tenant: "emea", ClientID: "4xq", Run: "one", Holder: "shop", Via: "gateway", FirstSeen: f.now.Add(-time.Hour), LastSeen: f.now, Requests: 7, Granted: 3}
		f.must(f.SaveStrangers(t.Context(), []store.Stranger{s}, f.now))
		f.must(f.SaveStrangers(t.Context(), []store.Stranger{s}, f.now))
		older, other := s, s
		older.Requests, older.Holder = 5, "late"
		other.Run, other.Requests = "two", 2
		f.must(f.SaveStrangers(t.Context(), []store.Stranger{older, other}, f.now))
		list, err := f.Strangers(t.Context(), f.now.Add(-day))
		f.must(err)
		if len(list) != 2 || list[0] != s || list[1] != other {
			t.Errorf("%+v", list)
		}
		s.Requests, s.LastSeen, s.Granted = 9, f.now.Add(time.Minute), 4
		f.must(f.SaveStrangers(t.Context(), []store.Stranger{s}, f.now))
		if list, err = f.Strangers(t.Context(), f.now.Add(time.Second)); err != nil || len(list) != 1 || list[0] != s {
			t.Errorf("%+v %v", list, err)
		}
		f.must(f.SaveStrangers(t.Context(), nil, f.now.Add(8*day)))
		if list, err = f.Strangers(t.Context(), f.now.Add(-30*day)); err != nil || len(list) != 0 {
			t.Errorf("after a week: %+v %v", list, err)
		}
	}},
	{"of too many strangers the newest stay", func(t *testing.T, f *fixture) {
		var all []store.Stranger
		for i := range 1100 {
			at := f.now.Add(time.Duration(i) * time.Second)
			all = append(all, store.Stranger{Tenant: "emea", ClientID: fmt.Sprintf("id%04d", i), Run: "one", FirstSeen: at, LastSeen: at, Requests: 1})
		}
		f.must(f.SaveStrangers(t.Context(), all, f.now.Add(time.Hour)))
		list, err := f.Strangers(t.Context(), f.now.Add(-time.Hour))
		f.must(err)
		if len(list) != 1000 || list[0].ClientID != "id0100" {
			t.Errorf("%d, the oldest %+v", len(list), list[0])
		}
	}},
}
