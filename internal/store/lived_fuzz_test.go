package store

import (
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/detect"
)

// FuzzSeriesDocument: whatever stands in a series' document, it is refused or can be
// worked with and written again; what was written reads the same.
func FuzzSeriesDocument(f *testing.F) {
	f.Add(`{"s":"healthy","tf":{"holder":"shop","fine":[{"s":29000000,"r":3,"f":1}],"masking":{"sum":9.2,"masked":1},"uses":[{"secret":"ab","at":"2026-11-23T12:00:00Z","count":3,"ok":true}]}}`)
	f.Add(`{"tf":{"fine":[{"s":-9223372036854775808,"r":-1}],"refused":{"count":-5},"denied":[{}]},"pb":{"at":"2026-11-23T12:00:00Z","via":"span"},"as":[1,2]}`)
	f.Add(`{"tf":null}`)
	now := time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, doc string) {
		var s keepwatch.Series
		if err := decodeSeries([]byte(doc), &s); err != nil {
			return
		}
		tally := keepwatch.Tally{From: now, To: now, Tokens: keepwatch.Refreshes{Requests: 1, OK: 1, Cycles: 1, Attempts: 1, LastOK: now}}
		m := detect.Live(s.Traffic, &tally, "", time.Time{}, now)
		detect.Burn(&m, detect.Objective, now)
		s.Traffic = &m
		out, err := encodeSeries(&s)
		if err != nil {
			return // a time beyond what JSON can say
		}
		var again keepwatch.Series
		if err := decodeSeries(out, &again); err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		twice, err := encodeSeries(&again)
		if err != nil || string(twice) != string(out) {
			t.Errorf("it reads otherwise: %v\n%s\n%s", err, out, twice)
		}
	})
}
