package notify

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
)

// forgetful is a receiver that has to be told again.
type forgetful struct {
	inbox
	keeping sync.Mutex
	kept    [][]keepwatch.IncidentID
	broken  atomic.Bool
}

func (f *forgetful) KeepEvery() time.Duration { return time.Minute }

func (f *forgetful) Keep(_ context.Context, open []Message) error {
	f.keeping.Lock()
	defer f.keeping.Unlock()
	var ids []keepwatch.IncidentID
	for _, m := range open {
		if m.Status != Firing {
			return errors.New("what is over was told again")
		}
		ids = append(ids, m.Incident)
	}
	f.kept = append(f.kept, ids)
	if f.broken.Load() {
		return errors.New("gone")
	}
	return nil
}

func (f *forgetful) last() (int, []keepwatch.IncidentID) {
	f.keeping.Lock()
	defer f.keeping.Unlock()
	if len(f.kept) == 0 {
		return 0, nil
	}
	return len(f.kept), f.kept[len(f.kept)-1]
}

// Standing is what the store lists.
func (m *memory) Standing(_ context.Context, receiver string) ([]keepwatch.Delivery, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	last := map[keepwatch.IncidentID]keepwatch.Delivery{}
	for _, d := range m.rows {
		id := d.Notice.Incident.ID
		if d.Receiver == receiver && d.Status == keepwatch.DeliverySent && m.incidents[id].Status == keepwatch.IncidentOpen && d.Notice.Seq >= last[id].Notice.Seq {
			last[id] = d
		}
	}
	var out []keepwatch.Delivery
	for _, d := range last {
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b keepwatch.Delivery) int {
		return a.Notice.Incident.DetectedAt.Compare(b.Notice.Incident.DetectedAt)
	})
	return out, nil
}

// What is open is told every minute, also when nobody has to be reminded, by a
// process that was started later, and after a repeat failed; what is over is not.
func TestWhatIsOpenIsToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		box, am := newMemory(), &forgetful{}
		begin := func() *Pipeline {
			p := New(Options{Outbox: box, Woken: box.woken, Standing: box.Standing}, Setup{
				Routes: Routes{{To: []string{"am"}}}, Receivers: []Receiver{{Name: "am", Channel: "alertmanager", Sender: am}}, Directory: estate(),
			})
			p.Start()
			return p
		}
		p := begin()
		a, b := newTale("a", time.Now()), newTale("b", time.Now().Add(time.Second))
		box.add(a.next(keepwatch.Opened, time.Now()), b.next(keepwatch.Opened, time.Now()))
		time.Sleep(10*time.Minute + time.Second)
		synctest.Wait()
		n, ids := am.last()
		if n < 9 || n > 11 || !slices.Equal(ids, []keepwatch.IncidentID{"a", "b"}) {
			t.Errorf("in ten minutes %d repeats, the last of %v", n, ids)
		}
		if sent := len(am.messages()); sent != 2 {
			t.Errorf("%d messages besides", sent)
		}
		box.add(a.next(keepwatch.Resolved, time.Now()))
		am.broken.Store(true)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		am.broken.Store(false)
		if err := p.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		was, _ := am.last()
		p = begin()
		synctest.Wait()
		if n, ids := am.last(); n != was+1 || !slices.Equal(ids, []keepwatch.IncidentID{"b"}) {
			t.Errorf("after a start %d repeats more, the last of %v", n-was, ids)
		}
		if err := p.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}
