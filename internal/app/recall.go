package app

import (
	"context"
	"fmt"
	"time"

	"keepwatch"
)

// Recall records observations of the past, oldest first, as if they had come in
// at their time: the demo's history. It runs before Start. Messages about what is
// long over are marked as said, for nobody wants to hear of them now.
func (a *App) Recall(ctx context.Context, past []keepwatch.Observation) error {
	for len(past) > 0 {
		n := togetherWith(past)
		now := past[n-1].Slot.Add(time.Second)
		if err := a.record(ctx, past[:n], now); err != nil {
			return fmt.Errorf("history: %w", err)
		}
		past = past[n:]
	}
	if err := a.settlePast(ctx); err != nil {
		return err
	}
	if err := a.db.Fold(ctx, time.Now()); err != nil {
		return err
	}
	return (&fitter{app: a}).all(ctx, time.Now()) // what was counted is a baseline at once
}

// togetherWith is how many observations may share a transaction: an hour of good
// ones, a single slot of others, so that incidents get their true times.
func togetherWith(past []keepwatch.Observation) int {
	first := past[0]
	for i, o := range past {
		if o.Outcome != keepwatch.OK || o.Slot.Sub(first.Slot) > time.Hour {
			if i > 0 {
				return i
			}
			return 1
		}
	}
	return len(past)
}

// settlePast empties the outbox of the history's notices.
func (a *App) settlePast(ctx context.Context) error {
	for {
		notices, err := a.db.Unrouted(ctx, 100)
		if err != nil || len(notices) == 0 {
			return err
		}
		for _, n := range notices {
			d := keepwatch.Delivery{
				ID: keepwatch.DeliveryIDOf(n.ID, "history"), Notice: n, Receiver: "history", Status: keepwatch.DeliveryPending,
				CreatedAt: n.At, NextAttemptAt: n.At,
			}
			if err := a.db.Route(ctx, n.ID, []keepwatch.Delivery{d}, n.At); err != nil {
				return err
			}
			d.Status, d.Attempts, d.SentAt, d.Receipt = keepwatch.DeliverySent, 1, n.At, "part of the demo's history"
			if err := a.db.Settle(ctx, d, n.At); err != nil {
				return err
			}
		}
	}
}
