package view

import (
	"fmt"
	"time"

	"keepwatch"
)

// AuditFilterOf reads which entries of the audit log are asked for: days are whole, in
// UTC, and the last one is among them.
func AuditFilterOf(who, action, from, to string) (keepwatch.AuditFilter, error) {
	f := keepwatch.AuditFilter{Who: who, Action: action}
	var err error
	if f.From, err = auditDay("from", from); err != nil {
		return f, err
	}
	if f.To, err = auditDay("to", to); err != nil {
		return f, err
	}
	if !f.To.IsZero() {
		f.To = f.To.AddDate(0, 0, 1)
	}
	if !f.From.IsZero() && !f.To.IsZero() && !f.From.Before(f.To) {
		return f, keepwatch.WithHint(fmt.Errorf("the last day lies before the first: %w", keepwatch.ErrInvalid), "name the earlier one first")
	}
	return f, nil
}

func auditDay(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return t, keepwatch.WithHint(fmt.Errorf("%s %.40q is no day: %w", name, text, keepwatch.ErrInvalid), "write it like 2026-11-30")
	}
	return t, nil
}
