package storetest

import (
	"fmt"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/store"
)

var scanTests = []test{
	{"a scan is the newest one under its id, and old ones go", func(t *testing.T, f *fixture) {
		save := func(id string, at time.Time, check keepwatch.CheckID, doc string) {
			t.Helper()
			f.must(f.SaveScan(t.Context(), store.Scan{ID: id, At: at, Scheduled: check, Doc: []byte(doc)}))
		}
		save("old", f.now.Add(-91*24*time.Hour), "", `{"old":true}`)
		save("weekly", f.now, "scan:news.example", `{"a":"ü"}`)
		save("weekly", f.now.Add(-time.Hour), "scan:news.example", `{"late":true}`)
		got, err := f.Scan(t.Context(), "weekly")
		f.must(err)
		if string(got.Doc) != `{"a":"ü"}` || !got.At.Equal(f.now) || got.Scheduled != "scan:news.example" {
			t.Errorf("%+v", got)
		}
		_, err = f.Scan(t.Context(), "old")
		f.wants(keepwatch.ErrNotFound, err)
		for i := range 205 {
			save(fmt.Sprintf("s%03d", i), f.now.Add(time.Duration(i)*time.Second), "", "{}")
		}
		list, err := f.Scans(t.Context())
		f.must(err)
		if len(list) != 100 || list[0].ID != "s204" || list[99].ID != "s105" {
			t.Errorf("%d scans, %s to %s", len(list), list[0].ID, list[len(list)-1].ID)
		}
		_, err = f.Scan(t.Context(), "s004")
		f.wants(keepwatch.ErrNotFound, err)
		_, err = f.Scan(t.Context(), "weekly") // a scheduled one is not crowded out
		f.must(err)
		f.wants(keepwatch.ErrInvalid, f.SaveScan(t.Context(), store.Scan{ID: "x", At: f.now}))
	}},
}
