package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/incident"
)

// Page asks for a part of a list. Lists are ordered newest first; a cursor names
// the last item of the page before, so that rows which come in between neither
// repeat nor hide one.
type Page struct {
	Limit  int    // 0 means 50; at most 1,000
	Cursor string // as returned with the page before; "" begins
}

const (
	defaultLimit = 50
	maxLimit     = 1000
)

func (p Page) limit() int {
	switch {
	case p.Limit <= 0:
		return defaultLimit
	case p.Limit > maxLimit:
		return maxLimit
	}
	return p.Limit
}

// mark is where a page ended: a time and, among equal times, a text.
type mark struct {
	at   int64
	text string
}

func (m mark) cursor() string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(m.at, 36) + ":" + m.text))
}

// start is the mark after which the page begins; the beginning lies after all times.
func (p Page) start() (mark, error) {
	if p.Cursor == "" {
		return mark{at: 1<<63 - 1}, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(p.Cursor)
	at, text, ok := strings.Cut(string(b), ":")
	n, err2 := strconv.ParseInt(at, 36, 64)
	if err != nil || err2 != nil || !ok || storable("cursor", text) != nil {
		return mark{}, keepwatch.WithHint(fmt.Errorf("cursor %.80q: %w", p.Cursor, keepwatch.ErrInvalid), "use the cursor that came with the page before, or none")
	}
	return mark{at: n, text: text}, nil
}

// IncidentFilter chooses incidents. Empty fields choose all.
type IncidentFilter struct {
	Status     string // open, resolved, all; "" is all
	Credential keepwatch.CredentialID
	Tenant     keepwatch.TenantID
	ToldIn     keepwatch.IncidentID // a message about several: what it has told of so far
}

func (f IncidentFilter) where() (string, []any, error) {
	var conditions []string
	var args []any
	arg := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	switch f.Status {
	case "", "all":
	case string(keepwatch.IncidentOpen), string(keepwatch.IncidentResolved):
		// Not an argument: SQLite plans anew, at each use, where one may match the condition of a partial index.
		conditions = append(conditions, "i.status = '"+f.Status+"'")
	default:
		return "", nil, keepwatch.WithHint(fmt.Errorf("incident status %.40q: %w", f.Status, keepwatch.ErrInvalid), "use open, resolved or all")
	}
	if f.Credential != "" {
		conditions = append(conditions, "EXISTS (SELECT 1 FROM incident_credentials c WHERE c.incident = i.id AND c.credential = "+arg(string(f.Credential))+")")
	}
	if f.Tenant != "" { // its own, and those of the platform that gather one of its credentials
		t := arg(string(f.Tenant))
		conditions = append(conditions, "(i.tenant = "+t+" OR EXISTS (SELECT 1 FROM incident_credentials c JOIN series s ON s.credential = c.credential WHERE c.incident = i.id AND s.tenant = "+t+"))")
	}
	if f.ToldIn != "" {
		conditions = append(conditions, "EXISTS (SELECT 1 FROM deliveries d WHERE d.bundle = "+arg(string(f.ToldIn))+" AND d.bundle <> '' AND d.incident = i.id)")
	}
	if err := storable("filter", string(f.Credential), string(f.Tenant), string(f.ToldIn)); err != nil {
		return "", nil, err
	}
	return strings.Join(append(conditions, ""), " AND "), args, nil
}

func scanIncident(r *sql.Rows) (in keepwatch.Incident, err error) {
	var doc sql.RawBytes
	if err = r.Scan(&doc); err == nil {
		err = json.Unmarshal(doc, &in)
	}
	return in, err
}

// Incidents lists incidents, the newest detected first, and the cursor of the next
// page, "" at the end.
func (db *DB) Incidents(ctx context.Context, f IncidentFilter, p Page) (list []keepwatch.Incident, next string, err error) {
	from, err := p.start()
	if err != nil {
		return nil, "", err
	}
	where, args, err := f.where()
	if err != nil {
		return nil, "", err
	}
	n := len(args)
	text := fmt.Sprintf("SELECT doc FROM incidents i WHERE %s(i.detected_at < $%d OR (i.detected_at = $%d AND i.id < $%d)) ORDER BY i.detected_at DESC, i.id DESC LIMIT $%d",
		where, n+1, n+1, n+2, n+3)
	rows, err := db.reads.QueryContext(ctx, text, append(args, from.at, from.text, p.limit()+1)...)
	err = each(rows, err, func(r *sql.Rows) error {
		in, err := scanIncident(r)
		list = append(list, in)
		return err
	})
	if err != nil {
		return nil, "", fail("list incidents", err)
	}
	if len(list) > p.limit() {
		list = list[:p.limit()]
		next = IncidentCursor(list[len(list)-1])
	}
	return list, next, nil
}

// IncidentCursor is that of the page which begins after an incident: whoever chooses
// among what a page holds has its own ends of pages.
func IncidentCursor(in keepwatch.Incident) string {
	return mark{at: millis(in.DetectedAt), text: string(in.ID)}.cursor()
}

// Incident is one incident.
func (db *DB) Incident(ctx context.Context, id keepwatch.IncidentID) (in keepwatch.Incident, err error) {
	err = db.read(ctx, "incident", func(q querier) error {
		in, err = db.incident(ctx, q, id, "")
		return err
	})
	return in, err
}

func (db *DB) incident(ctx context.Context, q querier, id keepwatch.IncidentID, lock string) (in keepwatch.Incident, err error) {
	if err := storable("incident id", string(id)); err != nil {
		return in, err
	}
	found := false
	rows, err := q.query(ctx, "SELECT doc FROM incidents WHERE id = $1"+lock, string(id))
	err = each(rows, err, func(r *sql.Rows) error {
		found = true
		in, err = scanIncident(r)
		return err
	})
	if err == nil && !found {
		err = fmt.Errorf("incident %.80q: %w", id, keepwatch.ErrNotFound)
	}
	return in, err
}

// Transitions is an incident's timeline, oldest first.
func (db *DB) Transitions(ctx context.Context, id keepwatch.IncidentID) ([]keepwatch.Transition, error) {
	var list []keepwatch.Transition
	err := db.read(ctx, "transitions", func(q querier) (err error) {
		list, err = db.transitions(ctx, q, id)
		return err
	})
	return list, err
}

func (db *DB) transitions(ctx context.Context, q querier, id keepwatch.IncidentID) (list []keepwatch.Transition, err error) {
	rows, err := q.query(ctx, "SELECT incident, seq, kind, at, reason, detail, person FROM transitions WHERE incident = $1 ORDER BY seq", string(id))
	err = each(rows, err, func(r *sql.Rows) error {
		var t keepwatch.Transition
		var at int64
		err := r.Scan(&t.Incident, &t.Seq, &t.Kind, &at, &t.Reason, &t.Detail, &t.By)
		t.At = instant(at)
		list = append(list, t)
		return err
	})
	return list, err
}

// Acknowledge notes that somebody took an open incident on: a transition and its
// notice. A second acknowledgement changes nothing and is no error; a resolved
// incident is a conflict.
func (db *DB) Acknowledge(ctx context.Context, id keepwatch.IncidentID, by string, now time.Time) (in keepwatch.Incident, err error) {
	now = normal(now)
	if by == "" {
		return in, fmt.Errorf("acknowledgement without a name: %w", keepwatch.ErrInvalid)
	}
	if err := storable("name", by); err != nil {
		return in, err
	}
	err = db.write(ctx, "acknowledge", func(ctx context.Context, t *tx) error {
		var err error
		if in, err = db.incident(ctx, t, id, db.forUpdate); err != nil {
			return err
		}
		if in.Status != keepwatch.IncidentOpen {
			return fmt.Errorf("incident %s is resolved already: %w", id, keepwatch.ErrConflict)
		}
		if !in.AcknowledgedAt.IsZero() {
			return nil
		}
		return db.acknowledge(ctx, t, &in, by, now)
	})
	if err == nil {
		wake(db.outbox)
	}
	return in, err
}

func (db *DB) acknowledge(ctx context.Context, t *tx, in *keepwatch.Incident, by string, now time.Time) error {
	in.AcknowledgedAt, in.AcknowledgedBy = now, by
	in.Revision++
	return db.writeIncidents(ctx, t, &incident.Changes{
		Incidents:   []keepwatch.Incident{*in},
		Transitions: []keepwatch.Transition{{Incident: in.ID, Seq: in.Revision, Kind: keepwatch.Acknowledged, At: now, Reason: "acknowledged", By: by}},
		Notices:     []keepwatch.Notice{{ID: keepwatch.NoticeIDOf(in.ID, in.Revision), Incident: *in, Kind: keepwatch.Acknowledged, Seq: in.Revision, At: now}},
	})
}

// OpenCount is how many incidents of one category and severity are open.
type OpenCount struct {
	Category keepwatch.Category
	Severity keepwatch.Severity
	Count    int
}

// OpenCounts counts the open incidents, for metrics.
func (db *DB) OpenCounts(ctx context.Context) ([]OpenCount, error) {
	var list []OpenCount
	rows, err := db.reads.QueryContext(ctx, "SELECT category, severity, count(*) FROM incidents WHERE status = 'open' GROUP BY category, severity ORDER BY category, severity")
	err = each(rows, err, func(r *sql.Rows) error {
		var c OpenCount
		err := r.Scan(&c.Category, &c.Severity, &c.Count)
		list = append(list, c)
		return err
	})
	if err != nil {
		return nil, fail("count open incidents", err)
	}
	return list, nil
}
