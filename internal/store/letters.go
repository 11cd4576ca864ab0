package store

import (
	"context"
	"database/sql"
	"fmt"

	"keepwatch"
)

// maxLetter caps a letter's document.
const maxLetter = 256 << 10

// Post puts letters into the outbox. A letter whose id is there already is not
// written again, whatever it says now: it may have been read.
func (db *DB) Post(ctx context.Context, notices []keepwatch.Notice) error {
	docs := make([][]byte, len(notices))
	for i := range notices {
		var err error
		if docs[i], err = letterDoc(&notices[i]); err != nil {
			return err
		}
	}
	if len(notices) == 0 {
		return nil
	}
	err := db.write(ctx, "post", func(ctx context.Context, t *tx) error {
		for i := range notices {
			n := &notices[i]
			_, err := t.exec(ctx, "INSERT INTO notices (id, incident, seq, kind, at, doc, letter) VALUES ($1, '', 0, $2, $3, '{}', $4) ON CONFLICT (id) DO NOTHING",
				string(n.ID), string(keepwatch.Posted), millis(n.At), string(docs[i]))
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		wake(db.outbox)
	}
	return err
}

func letterDoc(n *keepwatch.Notice) ([]byte, error) {
	if n.ID == "" || n.Letter == nil || n.Letter.ID != n.ID || n.At.IsZero() {
		return nil, fmt.Errorf("letter without id or time: %w", keepwatch.ErrInvalid)
	}
	if n.Letter.Subject == "" || n.Letter.Kind == "" {
		return nil, fmt.Errorf("letter %.80q without kind or subject: %w", n.ID, keepwatch.ErrInvalid)
	}
	if err := storable("letter", string(n.ID)); err != nil {
		return nil, err
	}
	doc, err := marshal(n.Letter)
	if err == nil && len(doc) > maxLetter {
		err = fmt.Errorf("letter %.80q is larger than %d KiB: %w", n.ID, maxLetter>>10, keepwatch.ErrInvalid)
	}
	return doc, err
}

// LetterDeliveries lists what became of a letter, by receiver. It is empty while
// the letter is not routed.
func (db *DB) LetterDeliveries(ctx context.Context, id keepwatch.NoticeID) ([]keepwatch.Delivery, error) {
	if err := storable("letter", string(id)); err != nil {
		return nil, err
	}
	var list []keepwatch.Delivery
	rows, err := db.reads.QueryContext(ctx, "SELECT "+deliveryColumns+", "+noticeColumns+" FROM deliveries d JOIN notices n ON n.id = d.notice WHERE d.notice = $1 AND d.incident = '' ORDER BY d.id", string(id))
	err = each(rows, err, func(r *sql.Rows) error {
		d, err := scanDelivery(r)
		list = append(list, d)
		return err
	})
	if err != nil {
		return nil, fail("deliveries of a letter", err)
	}
	return list, nil
}
