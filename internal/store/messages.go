package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"keepwatch"
)

// DeliveryFilter chooses deliveries. Empty fields choose all.
type DeliveryFilter struct {
	Incident keepwatch.IncidentID
	Receiver string
	Status   keepwatch.DeliveryStatus
}

// deliveryStatuses are all there are.
var deliveryStatuses = []keepwatch.DeliveryStatus{keepwatch.DeliveryPending, keepwatch.DeliveryGathered, keepwatch.DeliverySent, keepwatch.DeliveryCollapsed, keepwatch.DeliveryDead}

func (f DeliveryFilter) where() (string, []any, error) {
	if f.Status != "" && !slices.Contains(deliveryStatuses, f.Status) {
		return "", nil, keepwatch.WithHint(fmt.Errorf("status %.40q of a message: %w", f.Status, keepwatch.ErrInvalid), "use pending, gathered, sent, collapsed or dead")
	}
	var conditions []string
	var args []any
	for _, c := range []struct{ column, value string }{{"incident", string(f.Incident)}, {"receiver", f.Receiver}, {"status", string(f.Status)}} {
		if c.value == "" {
			continue
		}
		args = append(args, c.value)
		conditions = append(conditions, "d."+c.column+" = $"+strconv.Itoa(len(args))+" AND ")
	}
	return strings.Join(conditions, ""), args, storable("filter", string(f.Incident), f.Receiver)
}

// DeliveryLog lists deliveries of all incidents and letters, the newest first, and the
// cursor of the next page, "" at the end.
func (db *DB) DeliveryLog(ctx context.Context, f DeliveryFilter, p Page) (list []keepwatch.Delivery, next string, err error) {
	from, err := p.start()
	if err != nil {
		return nil, "", err
	}
	where, args, err := f.where()
	if err != nil {
		return nil, "", err
	}
	n := len(args)
	text := fmt.Sprintf("SELECT "+deliveryColumns+", "+noticeColumns+" FROM deliveries d JOIN notices n ON n.id = d.notice WHERE %s(d.created_at < $%d OR (d.created_at = $%d AND d.id < $%d))"+
		" ORDER BY d.created_at DESC, d.id DESC LIMIT $%d", where, n+1, n+1, n+2, n+3)
	rows, err := db.reads.QueryContext(ctx, text, append(args, from.at, from.text, p.limit()+1)...)
	err = each(rows, err, func(r *sql.Rows) error {
		d, err := scanDelivery(r)
		list = append(list, d)
		return err
	})
	if err == nil {
		err = db.overlay(ctx, list)
	}
	if err != nil {
		return nil, "", fail("list messages", err)
	}
	if len(list) > p.limit() {
		list = list[:p.limit()]
		last := &list[len(list)-1]
		next = mark{at: millis(last.CreatedAt), text: string(last.ID)}.cursor()
	}
	return list, next, nil
}
