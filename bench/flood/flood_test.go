package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
	"keepwatch/internal/notify"
	"keepwatch/internal/store"
)

func campaign() bool { return os.Getenv("CI") == "true" || os.Getenv("KEEPWATCH_CAMPAIGN") == "1" }

func open(t *testing.T) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), "sqlite:"+filepath.Join(t.TempDir(), "keepwatch.db"), store.Options{Synchronous: "OFF"})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// However many incidents are seen in ten seconds, a team is told of them once within
// half a minute and three times in ten minutes, of all of them, in messages that its
// channel takes; and all of them are in the store.
func TestFlood(t *testing.T) {
	n := 5_000
	if campaign() {
		n = 20_000 // all 100,000: go run ./bench/flood
	}
	synctest.Test(t, func(t *testing.T) {
		db := open(t)
		w, err := newWorld(db)
		if err != nil {
			t.Fatal(err)
		}
		w.pipeline().Start()
		begin := time.Now()
		if opened, err := w.flood(context.Background(), n, 10*time.Second); err != nil || opened != n {
			t.Fatalf("%d of %d opened: %v", opened, n, err)
		}
		time.Sleep(time.Until(begin.Add(10 * time.Minute)))
		synctest.Wait()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		t.Logf("%d incidents; %d MiB from the system", n, m.Sys>>20)
		if m.Sys > 512<<20 {
			t.Errorf("%d MiB of memory", m.Sys>>20)
		}
		for _, name := range w.names() {
			list, soon := w.in[name].took(), 0
			var said []string
			for _, m := range list {
				if m.at.Sub(begin) <= 30*time.Second {
					soon++
				}
				said = append(said, fmt.Sprintf("%.0fs: %d", m.at.Sub(begin).Seconds(), m.total))
			}
			t.Logf("%-13s %v", name, said)
			if soon != 1 || len(list) > 3 || list[0].at.Sub(begin) > 15*time.Second {
				t.Errorf("%s: %d messages within 30 s, %d within ten minutes", name, soon, len(list))
			}
			if told := list[len(list)-1].total; told < n/len(w.in) {
				t.Errorf("%s was told of %d", name, told)
			}
		}
		for host, size := range w.services.largest {
			if size > mostBytes {
				t.Errorf("%s got a message of %d bytes", host, size)
			}
		}
		if counts, err := db.OpenCounts(context.Background()); err != nil || counts[0].Count != n {
			t.Errorf("the store has %+v: %v", counts, err)
		}
		if listed, twice, err := w.asked(context.Background()); err != nil || listed != n || twice > 0 {
			t.Errorf("the API lists %d of %d, %d twice: %v", listed, n, twice, err)
		}
		if _, waits, err := db.OldestUndelivered(context.Background()); err != nil || waits {
			t.Errorf("something waits: %v, %v", waits, err)
		}
		stop(t, w)
	})
}

func stop(t *testing.T, w *world) {
	t.Helper()
	if err := errors.Join(w.pipe.Stop(context.Background()), w.db.Close()); err != nil {
		t.Error(err)
	}
}

// Every channel is down for six hours, in which incidents begin and end and the node
// dies again and again. Nothing is lost: five minutes after the channels are back, every
// receiver has been told of every incident that lasts, and of the end of what it was
// told of; and a crash repeats at most one message, under its key.
func TestOutage(t *testing.T) {
	crashes := 12
	if campaign() {
		crashes = 60
	}
	synctest.Test(t, func(t *testing.T) {
		db := open(t)
		w, err := newWorld(db)
		if err != nil {
			t.Fatal(err)
		}
		for _, in := range w.in {
			in.thinks = 50 * time.Millisecond
		}
		w.outbox = &mortal{Outbox: db}
		w.pipeline().Start()
		random := rand.New(rand.NewPCG(6, 6))
		record := func(from, to int, outcome keepwatch.Outcome) {
			if _, err := w.intake.Record(context.Background(), failures(from, to, outcome), time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		teams := len(w.in)
		next := 0
		for range max(4, crashes/6) { // told before the outage; some are just being sent
			record(next, next+teams, keepwatch.LoginFailed)
			next += teams
			time.Sleep(time.Duration(random.Int64N(int64(80 * time.Millisecond))))
			w.crash(t)
			time.Sleep(3 * time.Minute)
		}
		w.services.setDown(true)
		begin := time.Now()
		for range crashes {
			record(next, next+teams, keepwatch.LoginFailed)
			if random.IntN(2) == 0 {
				record(next, next+teams/2, keepwatch.OK)
			}
			next += teams
			time.Sleep(time.Duration(random.Int64N(int64(2 * 6 * time.Hour / time.Duration(crashes)))))
			w.crash(t)
		}
		time.Sleep(time.Until(begin.Add(6 * time.Hour)))
		record(0, teams, keepwatch.OK) // what was told is over
		w.services.setDown(false)
		time.Sleep(time.Second)
		w.crash(t)
		back := time.Now()
		time.Sleep(5*time.Minute + 30*time.Second)
		if _, waits, err := db.OldestUndelivered(context.Background()); err != nil || waits {
			due, _, _ := db.NextDelivery(context.Background())
			if due.Before(time.Now()) {
				t.Errorf("something waits still: %v", err)
			}
		}
		w.checkTold(t, back)
		stop(t, w)
	})
}

// crash lets the pipeline go as a killed process does, without a goodbye, and begins
// another one over the same store.
func (w *world) crash(t *testing.T) {
	t.Helper()
	killed, kill := context.WithCancel(context.Background())
	kill()
	if m, ok := w.outbox.(*mortal); ok {
		m.dead.Store(true)
	}
	_ = w.pipe.Stop(killed)
	w.crashes = append(w.crashes, time.Now())
	w.outbox = &mortal{Outbox: w.db}
	w.pipeline().Start()
}

func (w *world) checkTold(t *testing.T, back time.Time) {
	t.Helper()
	list, _, err := w.db.Incidents(context.Background(), store.IncidentFilter{}, store.Page{Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	told, missed := 0, 0
	for _, inc := range list {
		rows, err := w.db.Deliveries(context.Background(), inc.ID)
		if err != nil {
			t.Fatal(err)
		}
		sent := false
		for _, d := range rows {
			if d.Status != keepwatch.DeliverySent && d.Status != keepwatch.DeliveryCollapsed && d.Status != keepwatch.DeliveryGathered {
				t.Errorf("%s: %s of %s is %s: %s", d.ID, d.Notice.Kind, inc.ID, d.Status, d.LastError)
			}
			sent = sent || d.Status == keepwatch.DeliverySent
		}
		if sent {
			told++
			continue
		}
		missed++
		t.Errorf("%s (%s) was told to nobody: %+v", inc.ID, inc.Status, rows)
	}
	late, repeats := 0, map[string]int{}
	for name, in := range w.in {
		last, caused := map[keepwatch.DeliveryID]time.Time{}, map[time.Time]bool{}
		for _, m := range in.took() {
			if m.at.After(back.Add(5 * time.Minute)) {
				late++
			}
			before, again := last[m.key]
			last[m.key] = m.at
			if !again {
				continue
			}
			repeats[name]++
			i := slices.IndexFunc(w.crashes, func(at time.Time) bool { return !at.Before(before) && !at.After(m.at) && !caused[at] })
			if i < 0 {
				t.Errorf("%s got %s again, and no crash of its own explains it", name, m.key)
				continue
			}
			caused[w.crashes[i]] = true
		}
	}
	t.Logf("%d incidents told, %d missed, %d messages after five minutes, %d crashes, repeats %v", told, missed, late, len(w.crashes), repeats)
	if len(repeats) == 0 {
		t.Error("no crash hit a message that was being sent")
	}
}

// A flood may begin slowly: the first incident is told at once, and what follows on it
// waits a beat, in which the flood is seen. So it is one message in half a minute then,
// too, and three in ten.
func TestRamp(t *testing.T) {
	for name, each := range map[string][]int{ // incidents of every team, second by second
		"one, two, five, fifty":         {1, 2, 5, 50, 100, 200, 200, 100, 50},
		"two at once, then more":        {2, 0, 3, 20, 40},
		"one a second":                  slices.Repeat([]int{1}, 120),
		"a pause after the first":       {1, 0, 0, 0, 1, 1, 2, 3, 5, 8, 13, 21},
		"begins while it is quiet here": {3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, err := newWorld(open(t))
				if err != nil {
					t.Fatal(err)
				}
				w.pipeline().Start()
				begin, next := time.Now(), 0
				for _, n := range each {
					if _, err := w.intake.Record(context.Background(), failures(next, next+n*len(w.in), keepwatch.LoginFailed), time.Now()); err != nil {
						t.Fatal(err)
					}
					next += n * len(w.in)
					time.Sleep(time.Second)
				}
				time.Sleep(time.Until(begin.Add(10 * time.Minute)))
				synctest.Wait()
				for _, name := range w.names() {
					soon, told, list := 0, 0, w.in[name].took()
					for _, m := range list {
						if m.at.Sub(begin) <= 30*time.Second {
							soon++
						}
						if m.total == 1 {
							told++
						}
					}
					if told += list[len(list)-1].total; soon != 1 || len(list) > 3 || told != next/len(w.in) {
						t.Errorf("%s: %d messages within 30 s, %d within ten minutes, of %d of %d incidents", name, soon, len(list), told, next/len(w.in))
					}
				}
				stop(t, w)
			})
		})
	}
}

// What ends together is told as ended together, although it ends bit by bit.
func TestEndOfAFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, err := newWorld(open(t))
		if err != nil {
			t.Fatal(err)
		}
		w.pipeline().Start()
		const n = 2_000
		if _, err := w.flood(context.Background(), n, 10*time.Second); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Minute)
		before := map[string]int{}
		for _, name := range w.names() {
			before[name] = len(w.in[name].took())
		}
		for i := range 10 {
			if _, err := w.intake.Record(context.Background(), failures(i*n/10, (i+1)*n/10, keepwatch.OK), time.Now()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		for _, name := range w.names() {
			if ends := w.in[name].took()[before[name]:]; len(ends) != 1 || ends[0].status != notify.Over {
				t.Errorf("%s was told of the end by %+v", name, ends)
			}
		}
		stop(t, w)
	})
}
