package store

import (
	"context"
	"database/sql"
	"fmt"

	"keepwatch"
)

// Acceptances lists every acceptance, also those that have ended, by finding.
func (db *DB) Acceptances(ctx context.Context) ([]keepwatch.Acceptance, error) {
	var list []keepwatch.Acceptance
	rows, err := db.reads.QueryContext(ctx, "SELECT finding, person, reason, at, until FROM acceptances ORDER BY finding")
	err = each(rows, err, func(r *sql.Rows) error {
		var a keepwatch.Acceptance
		var at, until int64
		err := r.Scan(&a.Finding, &a.By, &a.Reason, &at, &until)
		a.At, a.Until = instant(at), instant(until)
		list = append(list, a)
		return err
	})
	if err != nil {
		return nil, fail("acceptances", err)
	}
	return list, nil
}

// Accept notes the decision to live with a finding; a newer decision takes the
// place of the old one. It needs a name, a reason and an end.
func (db *DB) Accept(ctx context.Context, a keepwatch.Acceptance) error {
	switch {
	case a.Finding == "" || a.By == "" || a.Reason == "":
		return keepwatch.WithHint(fmt.Errorf("acceptance without a finding, a name or a reason: %w", keepwatch.ErrInvalid), "say in a sentence why it may stay")
	case !a.Until.After(a.At):
		return keepwatch.WithHint(fmt.Errorf("acceptance without an end that lies ahead: %w", keepwatch.ErrInvalid), "name a date until which it may stay; then it is shown again")
	}
	if err := storable("acceptance", a.Finding, a.By, a.Reason); err != nil {
		return err
	}
	return db.write(ctx, "accept", func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, "INSERT INTO acceptances (finding, person, reason, at, until) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (finding) DO UPDATE SET"+
			" person = excluded.person, reason = excluded.reason, at = excluded.at, until = excluded.until",
			a.Finding, a.By, a.Reason, millis(a.At), millis(a.Until))
		return err
	})
}

// Withdraw takes an acceptance back; one that is not there is no error.
func (db *DB) Withdraw(ctx context.Context, finding string) error {
	if err := storable("finding", finding); err != nil {
		return err
	}
	return db.write(ctx, "withdraw", func(ctx context.Context, t *tx) error {
		_, err := t.exec(ctx, "DELETE FROM acceptances WHERE finding = $1", finding)
		return err
	})
}
