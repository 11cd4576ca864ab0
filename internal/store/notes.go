package store

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"keepwatch"
	"keepwatch/internal/incident"
)

// maxNote is how long a note may be, in characters.
const maxNote = 2000

// Note writes something down in an incident's timeline, also after its end: what was
// learnt is often written then. Nobody is told. The same words by the same person right
// after each other are one note: a form may be sent twice.
func (db *DB) Note(ctx context.Context, id keepwatch.IncidentID, by, text string, now time.Time) error {
	now = normal(now)
	switch n := utf8.RuneCountInString(text); {
	case text == "" || by == "":
		return fmt.Errorf("a note without words or a name: %w", keepwatch.ErrInvalid)
	case n > maxNote:
		return keepwatch.WithHint(fmt.Errorf("a note of %d characters: %w", n, keepwatch.ErrInvalid), fmt.Sprintf("at most %d; what is longer stands better in a ticket, with its address here", maxNote))
	}
	if err := storable("note", by, text); err != nil {
		return err
	}
	return db.write(ctx, "note", func(ctx context.Context, t *tx) error {
		in, err := db.incident(ctx, t, id, db.forUpdate)
		if err != nil {
			return err
		}
		timeline, err := db.transitions(ctx, t, id)
		if err != nil {
			return err
		}
		if last := len(timeline) - 1; last >= 0 && timeline[last].Kind == keepwatch.Noted && timeline[last].By == by && timeline[last].Detail == text {
			return nil
		}
		in.Revision++
		return db.writeIncidents(ctx, t, &incident.Changes{
			Incidents:   []keepwatch.Incident{in},
			Transitions: []keepwatch.Transition{{Incident: in.ID, Seq: in.Revision, Kind: keepwatch.Noted, At: now, Detail: text, By: by}},
		})
	})
}
