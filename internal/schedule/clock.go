package schedule

import (
	"sync"
	"time"
)

const (
	// clockWatch is how long a change of the wall clock may go unseen.
	clockWatch = 30 * time.Second
	// clockJump is what counts as one: smaller steps are what time daemons do.
	clockJump = 2 * time.Second
)

// clock is the wall clock, but it never runs backwards: when the wall clock is set
// back, it goes on from where it was, by elapsed time. Otherwise everything in the
// due-table would lie in the future and nothing would be tested until the wall
// clock has caught up; and slots that were already used would be used again, whose
// results the store drops as repetitions. A wall clock that is set forward is
// followed, and first uses up what was held back.
type clock struct {
	wall func() time.Time

	mu   sync.Mutex
	mark time.Time     // of the last reading, for the elapsed time
	last time.Time     // the wall at the last reading
	held time.Duration // how far the wall clock was set back
}

// newClock reads the given wall, or the system's. Only tests give one.
func newClock(wall func() time.Time) *clock {
	if wall == nil {
		wall = time.Now
	}
	return &clock{wall: wall, mark: time.Now(), last: wall().Round(0)}
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	mark, wall := time.Now(), c.wall().Round(0) // Round drops the monotonic reading
	jump := wall.Sub(c.last) - mark.Sub(c.mark)
	c.mark, c.last = mark, wall
	if jump <= -clockJump || jump >= clockJump {
		c.held = max(0, c.held-jump)
	}
	return wall.Add(c.held).UTC()
}

// setBack is how far the wall clock was set back and has not caught up since.
func (c *clock) setBack() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held
}
