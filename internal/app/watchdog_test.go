package app

import (
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
	"keepwatch/internal/scenario"
	"keepwatch/internal/store"
)

const deadmanHost = "deadman"

// deadman is a service that waits for beats.
type deadman struct {
	mu    sync.Mutex
	beats []time.Time
	fails []time.Time
	texts []string
}

func (d *deadman) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	d.mu.Lock()
	defer d.mu.Unlock()
	if strings.HasSuffix(r.URL.Path, "/fail") {
		d.fails, d.texts = append(d.fails, time.Now()), append(d.texts, string(body))
	} else {
		d.beats = append(d.beats, time.Now())
	}
	_, _ = io.WriteString(w, "OK")
}

// last is the last beat and the last trouble.
func (d *deadman) last() (beat, fail time.Time, beats int, text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := len(d.beats); n > 0 {
		beat = d.beats[n-1]
	}
	if n := len(d.fails); n > 0 {
		fail, text = d.fails[n-1], d.texts[n-1]
	}
	return beat, fail, len(d.beats), text
}

// A day without trouble is a beat a minute, with no gap and no trouble told, while
// credentials are proven; nothing of it shows as an incident or grows the store.
func TestAVirtualDayOfBeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		story := scenario.Stories()[0]
		story.Events = nil
		time.Sleep(time.Until(story.Start))
		s := newSet(t, story)
		s.deadman = &deadman{}
		dir := memoryDir(t)
		s.build(dir, filepath.Join(dir, "keepwatch.db"))
		s.must(s.app.Start(t.Context()))
		defer s.close()
		time.Sleep(24*time.Hour + time.Second)
		if n := len(s.deadman.fails); n > 0 {
			t.Errorf("%d times trouble was told, first: %s", n, s.deadman.texts[0])
		}
		if n := len(s.deadman.beats); n < 1440 || n > 1442 {
			t.Errorf("%d beats in a day", n)
		}
		for i := 1; i < len(s.deadman.beats); i++ {
			if gap := s.deadman.beats[i].Sub(s.deadman.beats[i-1]); gap > 63*time.Second {
				t.Errorf("%s without a beat at %s", gap, s.deadman.beats[i])
			}
		}
		incidents, _, err := s.db.Incidents(t.Context(), store.IncidentFilter{}, store.Page{})
		s.must(err)
		if len(incidents) > 0 {
			t.Errorf("incidents: %+v", incidents)
		}
		rows, err := s.db.Deliveries(t.Context(), keepwatch.IncidentID(keepwatch.CanaryCheck(store.DefaultNode)))
		s.must(err)
		if len(rows) != 1 || rows[0].Status != keepwatch.DeliverySent {
			t.Errorf("rows of the canary: %+v", rows)
		}
		for _, series := range must(s.db.PlainSeries(t.Context())) {
			if series.Check.OfCanary() {
				t.Errorf("the canary has a state: %+v", series)
			}
		}
		if h := s.app.health(t.Context()); h.Status != "ok" {
			t.Errorf("health %+v", h)
		}
	})
}

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

// An outage of SFMC is no reason to stop the beat; a network that is gone is silence,
// and the beat is back by itself.
func TestWhatTheBeatDependsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		story := scenario.Stories()[0]
		story.Events = nil
		time.Sleep(time.Until(story.Start))
		s := newSet(t, story)
		s.deadman = &deadman{}
		dir := memoryDir(t)
		s.build(dir, filepath.Join(dir, "keepwatch.db"))
		s.must(s.app.Start(t.Context()))
		defer s.close()
		time.Sleep(10 * time.Minute)
		var sfmc []string
		for _, tenant := range story.Estate.Tenants {
			sfmc = append(sfmc, "auth-"+string(tenant.ID), "rest-"+string(tenant.ID), "soap-"+string(tenant.ID))
		}
		s.pipe.Break(io.ErrUnexpectedEOF, sfmc...)
		s.app.egress.CloseIdle()
		time.Sleep(4 * time.Minute)
		if beat, fail, _, text := s.deadman.last(); time.Since(beat) > 65*time.Second || !fail.IsZero() {
			t.Errorf("in an outage of SFMC: last beat %s ago, trouble %q", time.Since(beat), text)
		}
		s.network(io.ErrUnexpectedEOF) // all of it
		s.app.egress.CloseIdle()
		time.Sleep(6 * time.Minute)
		beat, _, _, _ := s.deadman.last()
		if time.Since(beat) < 6*time.Minute-2*time.Second {
			t.Errorf("a beat got out %s ago without a network", time.Since(beat))
		}
		s.network(nil)
		time.Sleep(62 * time.Second)
		if beat, _, _, _ := s.deadman.last(); time.Since(beat) > 62*time.Second {
			t.Errorf("the network is back, and the last beat was %s ago", time.Since(beat))
		}
	})
}
