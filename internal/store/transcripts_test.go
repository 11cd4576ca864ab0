package store

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/incident"
)

func TestFullRingIsWrittenBeforeItsTime(t *testing.T) {
	db, err := Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "keepwatch.db"), Options{Synchronous: "OFF"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	nothing := func(incident.View) (incident.Changes, error) { return incident.Changes{}, nil }
	var last keepwatch.Observation
	for i := range 40 {
		id := fmt.Sprintf("check-%d", i)
		last = keepwatch.Observation{
			Series: keepwatch.SeriesID(id), Check: keepwatch.CheckID(id), Key: keepwatch.SlotKey(keepwatch.CheckID(id), at),
			Slot: at, Outcome: keepwatch.OK, Transcript: strings.Repeat("x", ringBytes/32),
		}
		if _, err := db.Apply(t.Context(), []keepwatch.Observation{last}, at, nothing); err != nil {
			t.Fatal(err)
		}
	}
	if n := db.ring.len(); n >= 32 {
		t.Errorf("%d transcripts are in memory", n)
	}
	for i := range 40 {
		id := keepwatch.CheckID(fmt.Sprintf("check-%d", i))
		got, err := db.Result(t.Context(), id, keepwatch.SlotKey(id, at))
		if err != nil || got.Transcript != last.Transcript {
			t.Errorf("%s: transcript of %d bytes, %v", id, len(got.Transcript), err)
		}
	}
}

func TestRingKeepsTheNewestThreeAndCountsItsBytes(t *testing.T) {
	var r ring
	for i := range 5 {
		r.add([]incoming{{Observation: keepwatch.Observation{Series: "s", Key: fmt.Sprint(i), Outcome: keepwatch.OK, Transcript: "12345", Slot: time.UnixMilli(int64(i + 1))}}})
	}
	if r.transcript("s", "1") != "" || r.transcript("s", "2") != "12345" || r.bytes != 15 {
		t.Errorf("%d bytes, %+v", r.bytes, r.series)
	}
	written := r.some(10)
	r.add([]incoming{{Observation: keepwatch.Observation{Series: "s", Key: "late", Outcome: keepwatch.OK, Transcript: "123"}}})
	r.taken(written)
	if r.transcript("s", "late") != "123" || r.bytes != 3 || r.len() != 1 {
		t.Errorf("%d bytes, %+v", r.bytes, r.series)
	}
}
