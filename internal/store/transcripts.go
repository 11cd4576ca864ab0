package store

import (
	"context"
	"maps"
	"slices"
	"sync"

	"keepwatch"
)

const (
	// keepGood is how many transcripts of good runs a series keeps.
	keepGood = 3
	// ringBytes bounds what the ring holds in memory; when it is full, its content
	// is written before its time.
	ringBytes = 16 << 20
)

// ring keeps the transcripts of the newest good runs in memory. Nearly all of them
// are replaced before anybody looks, so they are written at the fold and at Close
// only: a transcript row for every good run costs more than the rest of the run. A
// crash loses up to three transcripts of good runs a series, never a failure's.
type ring struct {
	mu     sync.Mutex
	series map[keepwatch.SeriesID][]transcript // oldest first
	bytes  int
}

type transcript struct {
	slot int64
	key  string
	body string
}

// add takes in the good runs among observations that are durable.
func (r *ring) add(observations []incoming) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range observations {
		o := &observations[i]
		if o.Outcome != keepwatch.OK || o.Transcript == "" {
			continue
		}
		if r.series == nil {
			r.series = map[keepwatch.SeriesID][]transcript{}
		}
		list := append(r.series[o.Series], transcript{slot: millis(o.Slot), key: o.Key, body: o.Transcript})
		r.bytes += len(o.Transcript)
		if len(list) > keepGood {
			r.bytes -= len(list[0].body)
			copy(list, list[1:])
			list[keepGood] = transcript{}
			list = list[:keepGood]
		}
		r.series[o.Series] = list
	}
}

func (r *ring) transcript(series keepwatch.SeriesID, key string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.series[series] {
		if t.key == key {
			return t.body
		}
	}
	return ""
}

func (r *ring) len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.series)
}

func (r *ring) full() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bytes > ringBytes
}

// some returns up to n series' transcripts without taking them out.
func (r *ring) some(n int) map[keepwatch.SeriesID][]transcript {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[keepwatch.SeriesID][]transcript, n)
	for id, list := range r.series {
		if len(out) == n {
			break
		}
		out[id] = slices.Clone(list)
	}
	return out
}

// taken removes what some returned and has been written since, but not what has
// come in meanwhile.
func (r *ring) taken(written map[keepwatch.SeriesID][]transcript) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, list := range written {
		left := slices.DeleteFunc(r.series[id], func(t transcript) bool {
			gone := slices.Contains(list, t)
			if gone {
				r.bytes -= len(t.body)
			}
			return gone
		})
		if len(left) == 0 {
			delete(r.series, id)
		} else {
			r.series[id] = left
		}
	}
}

var insertTranscript = &shape{
	head: "INSERT INTO transcripts (series, slot, key, good, body) VALUES ",
	row:  "(?,?,?,?,?)",
	tail: " ON CONFLICT DO NOTHING",
}

// keepFailures writes the transcripts of the runs that were not good.
func (a *application) keepFailures(ctx context.Context, t *tx) error {
	var args []any
	n := 0
	for i := range a.inserted {
		if o := &a.inserted[i]; o.Outcome != keepwatch.OK && o.Transcript != "" {
			args = append(args, string(o.Series), millis(o.Slot), o.Key, int64(0), o.Transcript)
			n++
		}
	}
	_, err := a.db.insert(ctx, t, insertTranscript, n, args)
	return err
}

// persistTranscripts writes the ring, a slice of the series at a time.
func (db *DB) persistTranscripts(ctx context.Context) error {
	for {
		part := db.ring.some(sliceSeries)
		if len(part) == 0 {
			return nil
		}
		err := db.write(ctx, "keep transcripts", func(ctx context.Context, t *tx) error {
			for _, id := range slices.Sorted(maps.Keys(part)) {
				if err := db.writeTranscripts(ctx, t, id, part[id]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		db.ring.taken(part)
	}
}

// writeTranscripts adds a series' newest ones and deletes the good ones beyond the
// newest three.
func (db *DB) writeTranscripts(ctx context.Context, t *tx, series keepwatch.SeriesID, list []transcript) error {
	args := make([]any, 0, len(list)*5)
	for _, tr := range list {
		args = append(args, string(series), tr.slot, tr.key, int64(1), tr.body)
	}
	if _, err := db.insert(ctx, t, insertTranscript, len(list), args); err != nil {
		return err
	}
	_, err := t.exec(ctx, "DELETE FROM transcripts WHERE series = $1 AND good = 1 AND slot <"+
		" (SELECT min(slot) FROM (SELECT slot FROM transcripts WHERE series = $1 AND good = 1 ORDER BY slot DESC LIMIT $2) AS newest)",
		string(series), keepGood)
	return err
}
