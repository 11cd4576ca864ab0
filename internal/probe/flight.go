package probe

import (
	"context"
	"sync"
	"time"
)

// flights lets one caller work while the others wait for the result, and keeps
// it for a while. It waits on channels, not on a lock: a run may be stopped while
// it waits.
type flights[T any] struct {
	mu   sync.Mutex
	by   map[string]*flight[T]
	keep func(T) time.Duration
}

type flight[T any] struct {
	done  chan struct{}
	until time.Time // set before done is closed
	value T
	void  bool // the worker was stopped; somebody else has to do it
}

func newFlights[T any](keep func(T) time.Duration) *flights[T] {
	return &flights[T]{by: map[string]*flight[T]{}, keep: keep}
}

// get returns the value for key, worked out at most once at a time. ok is false
// when ctx ended first.
func (f *flights[T]) get(ctx context.Context, key string, work func(context.Context) T) (value T, ok bool) {
	for ctx.Err() == nil {
		current, mine := f.join(key)
		if mine {
			return f.lead(ctx, key, current, work)
		}
		select {
		case <-ctx.Done():
			return value, false
		case <-current.done:
		}
		if !current.void {
			return current.value, true
		}
	}
	return value, false
}

func (f *flights[T]) join(key string) (*flight[T], bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	current := f.by[key]
	if current != nil {
		select {
		case <-current.done:
			if !current.void && time.Now().Before(current.until) {
				return current, false
			}
		default:
			return current, false
		}
	}
	current = &flight[T]{done: make(chan struct{})}
	f.by[key] = current
	return current, true
}

func (f *flights[T]) lead(ctx context.Context, key string, own *flight[T], work func(context.Context) T) (value T, ok bool) {
	own.void = true
	defer func() { // also when work panics: nobody may wait for ever
		if own.void {
			f.mu.Lock()
			if f.by[key] == own {
				delete(f.by, key)
			}
			f.mu.Unlock()
		}
		close(own.done)
	}()
	own.value = work(ctx)
	if ctx.Err() != nil {
		return value, false // stopped half-way: what it saw is no proof
	}
	own.until, own.void = time.Now().Add(f.keep(own.value)), false
	return own.value, true
}
