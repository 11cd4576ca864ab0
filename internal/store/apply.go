package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/incident"
)

// lateAfter is how old a slot must be before Apply looks for its key in the folded
// results too. The fold leaves slots alone for twice as long, so that two nodes whose clocks differ a
// little still agree.
const lateAfter = 5 * time.Minute

// Apply records observations and what follows from them, in one transaction: the
// observations by their key, the states, neighbourhoods, incidents, transitions,
// notices and plans that step makes of them. All of it or nothing.
//
// Only observations whose key is new reach step; when none is, step does not run
// and the changes are empty. So Apply may be repeated, and is: after a conflict
// with another node, and when a COMMIT failed that may have become durable. step must be
// pure, since it may run more than once for one call.
//
// The view holds the series that the observations touch, their neighbourhoods
// (locked, in key order), the open incidents that may concern them and, only
// when a failure is among the observations, the peers: the other series of the
// same tenants. Rules that compare credentials run on failures; to read a
// thousand documents for every group of proofs would cost more than all the rest.
//
// When the disk is full, Apply sheds history: it writes states, incidents and
// notices, but no rows of observations. Then an observation counts as new when its slot is newer
// than the series' last one.
func (db *DB) Apply(ctx context.Context, observations []keepwatch.Observation, now time.Time, step func(incident.View) (incident.Changes, error)) (incident.Changes, error) {
	now = normal(now)
	a, err := db.newApplication(observations, now, step)
	if err != nil {
		return incident.Changes{}, fail("apply", err)
	}
	if len(a.incoming) == 0 {
		return incident.Changes{}, nil
	}
	if err := a.run(ctx); err != nil {
		return incident.Changes{}, fail("apply", err)
	}
	db.afterApply(ctx, a)
	return a.changes, nil
}

// application is one call of Apply. What stands below the line is made anew by
// each attempt.
type application struct {
	db       *DB
	now      time.Time
	incoming []incoming
	step     func(incident.View) (incident.Changes, error)
	shedding bool

	inserted []incoming
	view     incident.View
	known    map[keepwatch.SeriesID]int64         // position of the series that were there
	hoods    map[incident.NeighbourhoodKey][]byte // documents as they were read
	changes  incident.Changes
}

// incoming is an observation with its row.
type incoming struct {
	keepwatch.Observation
	doc []byte
}

// newApplication normalises, encodes and orders the observations, oldest slot
// first. A key that comes twice in one call counts once.
func (db *DB) newApplication(observations []keepwatch.Observation, now time.Time, step func(incident.View) (incident.Changes, error)) (*application, error) {
	a := &application{db: db, now: now, step: step, incoming: make([]incoming, 0, len(observations))}
	seen := make(map[string]bool, len(observations))
	for i := range observations {
		o := &observations[i]
		if seen[o.Key] {
			continue
		}
		seen[o.Key] = true
		in, err := newIncoming(o)
		if err != nil {
			return nil, err
		}
		a.incoming = append(a.incoming, in)
	}
	slices.SortFunc(a.incoming, func(x, y incoming) int {
		if d := x.Slot.Compare(y.Slot); d != 0 {
			return d
		}
		return strings.Compare(x.Key, y.Key)
	})
	return a, nil
}

func newIncoming(o *keepwatch.Observation) (incoming, error) {
	if o.Key == "" || o.Series == "" {
		return incoming{}, fmt.Errorf("observation without key or series: %w", keepwatch.ErrInvalid)
	}
	if err := storableObservation(o); err != nil {
		return incoming{}, err
	}
	in := incoming{Observation: *o}
	in.Slot, in.At, in.ChangedAt, in.Due = normal(o.Slot), normal(o.At), normal(o.ChangedAt), normalDue(o.Due)
	if in.Slot.IsZero() {
		in.Slot = in.At // traffic has no plan, only a time
	}
	doc := observationDocOf(&in.Observation)
	var err error
	in.doc, err = marshal(&doc)
	return in, err
}

func storableObservation(o *keepwatch.Observation) error {
	what := "observation " + fmt.Sprintf("%.80q", o.Key)
	err := storable(what, o.Key, string(o.Series), string(o.Check), string(o.Credential), string(o.Tenant), string(o.Place),
		string(o.Source), string(o.Reason), string(o.Outcome), o.Step, o.Message, o.Hint, o.Evidence, string(o.Connectivity), o.Stack, o.Transcript)
	if err == nil {
		err = storable(what, o.Scopes...)
	}
	for i := range o.Steps {
		if err != nil {
			break
		}
		err = storable(what, o.Steps[i].Name, string(o.Steps[i].Outcome), o.Steps[i].Evidence)
	}
	for _, f := range o.Seen {
		if err != nil {
			break
		}
		err = storable(what, f.Name, f.Value)
	}
	if err == nil {
		err = storableDue(what, o.Due)
	}
	if err == nil {
		err = storableWatch(what, o.Watch)
	}
	if err == nil && o.Traffic != nil {
		err = storableTally(what, o.Traffic)
	}
	return err
}

// run tries until it is known whether the changes are durable.
func (a *application) run(ctx context.Context) error {
	db := a.db
	a.shedding = db.shed.active(a.now)
	var err error
	for i := range attempts {
		if err = db.once(ctx, a.once); err == nil || ctx.Err() != nil {
			return err
		}
		var unknown *commitError
		switch {
		case db.full(err) && !a.shedding:
			db.shed.begin(db.log, a.now)
			a.shedding = true
			continue
		case errors.As(err, &unknown):
			if a.durable(ctx) {
				return nil
			}
		case db.again(err) || db.duplicate(err):
			// A duplicate is an incident's key or a series that another node wrote
			// first: the next attempt sees it.
		default:
			return err
		}
		if !pause(ctx, i) {
			return err
		}
	}
	if db.duplicate(err) {
		return fmt.Errorf("%w: %w", keepwatch.ErrConflict, err)
	}
	return err
}

// once is the transaction.
func (a *application) once(ctx context.Context, t *tx) error {
	if err := a.record(ctx, t); err != nil {
		return err
	}
	a.changes = incident.Changes{}
	if len(a.inserted) == 0 {
		return nil
	}
	if err := a.load(ctx, t); err != nil {
		return err
	}
	changes, err := a.step(a.view)
	if err != nil {
		return &callersError{fmt.Errorf("step: %w", err)}
	}
	a.changes = changes
	return a.write(ctx, t)
}

// durable looks, after a COMMIT that reported an error, whether it took effect.
// Keys tell: had the rows come from somebody else, they would mean the same.
func (a *application) durable(ctx context.Context) (yes bool) {
	if len(a.inserted) == 0 {
		return true
	}
	first := &a.inserted[0]
	_ = a.db.write(ctx, "look for an observation", func(ctx context.Context, t *tx) error {
		var n int64
		text, args := "SELECT count(*) FROM hot WHERE slot = $1 AND key = $2", []any{millis(first.Slot), first.Key}
		if a.shedding {
			text, args = "SELECT count(*) FROM series WHERE id = $1 AND last_slot >= $2", []any{string(first.Series), millis(first.Slot)}
		}
		rows, err := t.query(ctx, text, args...)
		_, err = one(rows, err, &n)
		yes = n > 0
		return err
	})
	return yes
}

// afterApply is what a durable commit sets going.
func (db *DB) afterApply(ctx context.Context, a *application) {
	if db.ring.add(a.inserted); db.ring.full() {
		if err := db.persistTranscripts(ctx); err != nil { // a loss of comfort, not of an observation
			db.log.Warn("transcripts of good runs are not kept", "error", err)
		}
	}
	if len(a.changes.Plans) > 0 {
		wake(db.due)
	}
	if len(a.changes.Notices) > 0 {
		wake(db.outbox)
	}
}

// hotWidth is the number of columns of insertHot.
const hotWidth = 12

var insertHot = &shape{
	head: "INSERT INTO hot (slot, key, series, outcome, runs, took, requests, recorded_at, doc, read_at, amount, watched) VALUES ",
	row:  "(?,?,?,?,?,?,?,?,?,?,?,?)",
	tail: " ON CONFLICT DO NOTHING RETURNING slot, key",
}

// record inserts the observations and leaves those whose key was new in
// a.inserted.
func (a *application) record(ctx context.Context, t *tx) error {
	fresh, err := a.unseen(ctx, t)
	if err != nil || len(fresh) == 0 || a.shedding {
		a.inserted = fresh
		return err
	}
	canaries, fresh := partCanaries(fresh)
	args := make([]any, 0, len(fresh)*hotWidth)
	for i := range fresh {
		o := &fresh[i]
		read, amount, watched := counted(&o.Observation)
		args = append(args, millis(o.Slot), o.Key, string(o.Series), string(o.Outcome), int64(weight(&o.Observation)),
			micros(o.Took), int64(requests(&o.Observation)), millis(a.now), string(o.doc), read, amount, watched)
	}
	if a.inserted, err = a.insertHot(ctx, t, fresh, args); err != nil {
		return err
	}
	err = a.keepFailures(ctx, t)
	a.inserted = append(a.inserted, canaries...) // of which no history is kept
	return err
}

// insertHot returns the observations that the database really took.
func (a *application) insertHot(ctx context.Context, t *tx, fresh []incoming, args []any) ([]incoming, error) {
	type rowKey struct {
		slot int64
		key  string
	}
	taken := make(map[rowKey]bool, len(fresh))
	err := chunks(len(fresh), func(from, to int) error {
		rows, err := t.query(ctx, a.db.text(insertHot, to-from), args[from*hotWidth:to*hotWidth]...)
		return each(rows, err, func(r *sql.Rows) error {
			var k rowKey
			err := r.Scan(&k.slot, &k.key)
			taken[k] = true
			return err
		})
	})
	if err != nil || len(taken) == len(fresh) {
		return fresh, err
	}
	return slices.DeleteFunc(fresh, func(o incoming) bool { return !taken[rowKey{millis(o.Slot), o.Key}] }), nil
}

// unseen drops what was recorded before under keys that the hot table cannot know:
// slots that are folded already, and keys that do not name their slot. While
// history is shed there are no rows at all, and the series' last slot decides.
func (a *application) unseen(ctx context.Context, t *tx) ([]incoming, error) {
	fresh := make([]incoming, 0, len(a.incoming))
	for i := range a.incoming {
		o := &a.incoming[i]
		known, err := a.seenBefore(ctx, t, o)
		if err != nil {
			return nil, err
		}
		if !known {
			fresh = append(fresh, *o)
		}
	}
	return fresh, nil
}

func (a *application) seenBefore(ctx context.Context, t *tx, o *incoming) (bool, error) {
	var n int64
	if a.shedding {
		rows, err := t.query(ctx, "SELECT count(*) FROM series WHERE id = $1 AND last_slot >= $2", string(o.Series), millis(o.Slot))
		_, err = one(rows, err, &n)
		return n > 0, err
	}
	if o.Watch != nil && namesSlot(&o.Observation) {
		return a.readBefore(ctx, t, o)
	}
	if !namesSlot(&o.Observation) {
		added, err := t.exec(ctx, "INSERT INTO seen (key, at) VALUES ($1, $2) ON CONFLICT DO NOTHING", o.Key, millis(o.Slot))
		if err != nil || added == 0 {
			return true, err
		}
	}
	if slot := millis(o.Slot); slot > a.db.folded.Load() && slot > millis(a.now.Add(-lateAfter)) {
		return false, nil
	}
	rows, err := t.query(ctx, "SELECT count(*) FROM results WHERE series = $1 AND slot = $2 AND key = $3", string(o.Series), millis(o.Slot), o.Key)
	_, err = one(rows, err, &n)
	return n > 0, err
}

// namesSlot reports whether the key follows from check and slot, so that the same
// key always comes with the same slot.
func namesSlot(o *keepwatch.Observation) bool {
	key := o.Key
	if o.Watch != nil {
		key = strings.TrimSuffix(key, "#"+subjectOf(o))
	}
	return o.Check != "" && (key == keepwatch.SlotKey(o.Check, o.Slot) || key == keepwatch.DemandKey(o.Check, o.Slot))
}

// weight is how many events an observation stands for.
func weight(o *keepwatch.Observation) int { return max(o.Count, 1) }

// requests counts the token requests that a run made.
func requests(o *keepwatch.Observation) int {
	n := 0
	for i := range o.Steps {
		if o.Steps[i].Name == "token" && o.Steps[i].Outcome != keepwatch.Skipped {
			n++
		}
	}
	return n
}

// failed reports an outcome that counts as the subject's failure.
func failed(o keepwatch.Outcome) bool { return o != keepwatch.OK && o != keepwatch.MonitorFault }
