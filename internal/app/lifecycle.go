package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// stopBudget bounds the whole shutdown. A step that hangs is named in the log
// and left behind; the store's step comes last and always gets its turn.
const stopBudget = 10 * time.Second

// cleanup is the undo of one step of New or Start, registered beside the do.
type cleanup struct {
	name string
	stop func(context.Context) error
}

// lifecycle runs cleanups once, last in first out. A program that failed half-way
// through New uses the same stack as one that stops after a month.
type lifecycle struct {
	mu    sync.Mutex
	stack []cleanup
}

func (l *lifecycle) onStop(name string, stop func(context.Context) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stack = append(l.stack, cleanup{name, stop})
}

func (l *lifecycle) stop(log *slog.Logger) error {
	l.mu.Lock()
	stack := l.stack
	l.stack = nil
	l.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.Background(), stopBudget)
	defer cancel()
	var errs []error
	for i := len(stack) - 1; i >= 0; i-- {
		c := stack[i]
		if err := c.stop(ctx); err != nil && !errors.Is(err, context.Canceled) {
			log.Error("stop", "step", c.name, "error", err)
			errs = append(errs, fmt.Errorf("stop %s: %w", c.name, err))
		}
	}
	return errors.Join(errs...)
}
