package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"keepwatch"
	"keepwatch/internal/notify"
)

var errDead = errors.New("this process is dead")

// mortal is a process's way to the outbox. Once it is dead, nothing that it still does is
// written: that is what kill -9 looks like from the rows.
type mortal struct {
	notify.Outbox
	dead atomic.Bool
}

func (m *mortal) write(do func() error) error {
	if m.dead.Load() {
		return errDead
	}
	return do()
}

func (m *mortal) Route(ctx context.Context, n keepwatch.NoticeID, ds []keepwatch.Delivery, now time.Time) error {
	return m.write(func() error { return m.Outbox.Route(ctx, n, ds, now) })
}

func (m *mortal) RouteAll(ctx context.Context, list []keepwatch.Routing, now time.Time) error {
	return m.write(func() error { return m.Outbox.RouteAll(ctx, list, now) })
}

func (m *mortal) Gather(ctx context.Context, list []keepwatch.Gathering, now time.Time) error {
	return m.write(func() error { return m.Outbox.Gather(ctx, list, now) })
}

func (m *mortal) Settle(ctx context.Context, d keepwatch.Delivery, now time.Time) error {
	return m.write(func() error { return m.Outbox.Settle(ctx, d, now) })
}

func (m *mortal) Remind(ctx context.Context, d keepwatch.Delivery, now time.Time) error {
	return m.write(func() error { return m.Outbox.Remind(ctx, d, now) })
}

func (m *mortal) Release(ctx context.Context, member, later keepwatch.Delivery, reason string, now time.Time) error {
	return m.write(func() error { return m.Outbox.Release(ctx, member, later, reason, now) })
}

func (m *mortal) CloseBundle(ctx context.Context, id keepwatch.IncidentID, seq int, into keepwatch.Bundle, now time.Time) error {
	return m.write(func() error { return m.Outbox.CloseBundle(ctx, id, seq, into, now) })
}

func (m *mortal) Take(ctx context.Context, id keepwatch.IncidentID, seq int, now time.Time) (s keepwatch.BundleState, err error) {
	err = m.write(func() error { s, err = m.Outbox.Take(ctx, id, seq, now); return err })
	return s, err
}

func (m *mortal) ClaimDeliveries(ctx context.Context, now time.Time, lease time.Duration, limit int) (list []keepwatch.Delivery, err error) {
	err = m.write(func() error { list, err = m.Outbox.ClaimDeliveries(ctx, now, lease, limit); return err })
	return list, err
}
