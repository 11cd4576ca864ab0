package app

import (
	"context"
	"time"

	"keepwatch"
)

// WriteDigests writes the letters of a week now, as the duty does on its day.
func (a *App) WriteDigests(ctx context.Context, week keepwatch.Date, now time.Time) error {
	return a.writeDigests(ctx, week, now)
}

// CloseStore takes the store away from under a running daemon.
func CloseStore(a *App) error { return a.db.Close() }
