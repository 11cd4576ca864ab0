package store

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/incident"
)

// load builds the view of the observations that were inserted. It locks what it
// reads, on PostgreSQL by row and in the order of keys, neighbourhoods first: they
// are what two nodes that look at one tenant have in common.
func (a *application) load(ctx context.Context, t *tx) error {
	a.view = incident.View{Observations: make([]keepwatch.Observation, len(a.inserted))}
	tenants := map[keepwatch.TenantID]bool{}
	failure, effect := false, false
	for i := range a.inserted {
		o := &a.inserted[i].Observation
		a.view.Observations[i] = *o
		tenants[o.Tenant] = true
		failure = failure || failed(o.Outcome)
		effect = effect || (o.Watch != nil && failed(o.Outcome))
	}
	if err := a.loadNeighbourhoods(ctx, t); err != nil {
		return err
	}
	if err := a.loadSeries(ctx, t); err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(tenants))
	var err error
	if a.view.Open, err = a.db.openIncidents(ctx, t, a.db.forUpdate, names); err != nil || !failure {
		return err
	}
	if effect {
		if err := a.loadRecent(ctx, t, names); err != nil {
			return err
		}
	}
	return a.loadPeers(ctx, t, names)
}

// recentWithin is how long ago an incident may have been detected that ended lately, and
// mostRecent how many are looked at.
const (
	recentWithin = 30 * 24 * time.Hour
	mostRecent   = 200
)

// loadRecent reads the incidents that ended lately: an effect may be the trace of one.
func (a *application) loadRecent(ctx context.Context, t *tx, tenants []keepwatch.TenantID) error {
	list, args := placeholders(append([]keepwatch.TenantID{""}, tenants...), millis(a.now.Add(-recentWithin)))
	rows, err := t.query(ctx, "SELECT doc FROM incidents WHERE detected_at >= $1 AND status <> 'open' AND scope <> 'effect' AND scope <> 'monitor' AND tenant IN ("+list+
		") ORDER BY detected_at DESC, id LIMIT "+strconv.Itoa(mostRecent), args...)
	return each(rows, err, func(r *sql.Rows) error {
		in, err := scanIncident(r)
		if err == nil && in.MergedInto == "" && a.now.Sub(in.ResolvedAt) < incident.Memory {
			a.view.Recent = append(a.view.Recent, in)
		}
		return err
	})
}

// placeholders names tenants as arguments after those that are there.
func placeholders(tenants []keepwatch.TenantID, args ...any) (string, []any) {
	list := make([]string, len(tenants))
	for i, tenant := range tenants {
		args = append(args, string(tenant))
		list[i] = "$" + strconv.Itoa(len(args))
	}
	return strings.Join(list, ","), args
}

func (a *application) loadNeighbourhoods(ctx context.Context, t *tx) error {
	a.view.Neighbourhoods = map[incident.NeighbourhoodKey]incident.Neighbourhood{}
	a.hoods = map[incident.NeighbourhoodKey][]byte{}
	for i := range a.inserted {
		key := incident.NeighbourhoodKey{Tenant: a.inserted[i].Tenant, Place: a.inserted[i].Place}
		a.view.Neighbourhoods[key] = incident.Neighbourhood{Key: key}
	}
	keys := slices.SortedFunc(maps.Keys(a.view.Neighbourhoods), byTenantAndPlace)
	for _, key := range keys {
		doc, err := a.lockNeighbourhood(ctx, t, key)
		if err != nil {
			return err
		}
		n := incident.Neighbourhood{Key: key}
		if len(doc) > 0 {
			if err := decodeNeighbourhood(doc, &n); err != nil {
				return err
			}
		}
		a.view.Neighbourhoods[key], a.hoods[key] = n, doc
	}
	return nil
}

func byTenantAndPlace(x, y incident.NeighbourhoodKey) int {
	if c := strings.Compare(string(x.Tenant), string(y.Tenant)); c != 0 {
		return c
	}
	return strings.Compare(string(x.Place), string(y.Place))
}

// lockNeighbourhood reads one row; on PostgreSQL it makes a missing one first, since
// a row that is not there cannot be locked.
func (a *application) lockNeighbourhood(ctx context.Context, t *tx, key incident.NeighbourhoodKey) ([]byte, error) {
	var doc string
	read := func() (bool, error) {
		rows, err := t.query(ctx, "SELECT doc FROM neighbourhoods WHERE tenant = $1 AND place = $2"+a.db.forUpdate, string(key.Tenant), string(key.Place))
		return one(rows, err, &doc)
	}
	found, err := read()
	if err != nil || found || a.db.forUpdate == "" {
		return []byte(doc), err
	}
	_, err = t.exec(ctx, "INSERT INTO neighbourhoods (tenant, place, doc) VALUES ($1, $2, '{}') ON CONFLICT DO NOTHING", string(key.Tenant), string(key.Place))
	if err != nil {
		return nil, err
	}
	_, err = read()
	return []byte(doc), err
}

const seriesColumns = "pos, id, check_id, credential, tenant, place, last_slot, doc"

func scanSeries(rows *sql.Rows) (s keepwatch.Series, pos int64, err error) {
	var slot int64
	var doc sql.RawBytes
	if err = rows.Scan(&pos, &s.ID, &s.Check, &s.Credential, &s.Tenant, &s.Place, &slot, &doc); err != nil {
		return s, 0, err
	}
	s.LastSlot = instant(slot)
	return s, pos, decodeSeries(doc, &s)
}

// Series are looked up by id, not by position: a check whose phase was changed keeps
// the place of its state. The second form is PostgreSQL's.
var (
	selectSeries = &shape{head: "SELECT " + seriesColumns + " FROM series WHERE id IN (", row: "?", tail: ")"}
	lockSeries   = &shape{head: selectSeries.head, row: "?", tail: ") ORDER BY id FOR UPDATE"}
)

func (a *application) loadSeries(ctx context.Context, t *tx) error {
	a.view.Series = make(map[keepwatch.SeriesID]keepwatch.Series, len(a.inserted))
	a.known = make(map[keepwatch.SeriesID]int64, len(a.inserted))
	var missing []any
	for i := range a.inserted {
		o := &a.inserted[i].Observation
		if _, there := a.view.Series[o.Series]; there {
			continue
		}
		if s, ok := a.db.mirror.get(o.Series); ok {
			a.view.Series[o.Series], a.known[o.Series] = s.Series, s.pos
			continue
		}
		a.view.Series[o.Series] = newSeries(o)
		missing = append(missing, string(o.Series))
	}
	missing = append(missing, a.proven(missing)...)
	shape := selectSeries
	if a.db.forUpdate != "" {
		shape = lockSeries
	}
	var loaded []mirrored // into the mirror before what is written, which is newer
	t.afterCommit(func() { a.db.mirror.put(loaded...) })
	return chunks(len(missing), func(from, to int) error {
		rows, err := t.query(ctx, a.db.text(shape, to-from), missing[from:to]...)
		return each(rows, err, func(r *sql.Rows) error {
			s, pos, err := scanSeries(r)
			a.view.Series[s.ID], a.known[s.ID] = s, pos
			loaded = append(loaded, mirrored{Series: s, pos: pos})
			return err
		})
	})
}

// proven names the series of the credentials' own tests that windows of traffic may
// prove, as far as they are not there.
func (a *application) proven(asked []any) (more []any) {
	for i := range a.inserted {
		o := &a.inserted[i].Observation
		if o.Traffic == nil {
			continue
		}
		id := keepwatch.SeriesOf(keepwatch.CheckOf(keepwatch.CheckCredential, o.Credential), "")
		if _, there := a.view.Series[id]; there || slices.Contains(asked, any(string(id))) || slices.Contains(more, any(string(id))) {
			continue
		}
		if s, ok := a.db.mirror.get(id); ok {
			a.view.Series[id], a.known[id] = s.Series, s.pos
			continue
		}
		more = append(more, string(id))
	}
	return more
}

// newSeries has its identity and nothing else.
func newSeries(o *keepwatch.Observation) keepwatch.Series {
	id := o.Check
	if id == "" {
		id = keepwatch.CheckID(o.Series)
	}
	return keepwatch.Series{
		ID: o.Series, Check: o.Check, Phase: keepwatch.PhaseOf(o.Tenant, id),
		Credential: o.Credential, Tenant: o.Tenant, Place: o.Place,
	}
}

// loadPeers reads the other series of the tenants, without the readings that say
// that all is well: a tenant may have thousands of them, and no rule looks at one.
func (a *application) loadPeers(ctx context.Context, t *tx, tenants []keepwatch.TenantID) error {
	touched := func(id keepwatch.SeriesID) bool { _, ok := a.view.Series[id]; return ok }
	a.view.Peers = a.db.mirror.room(tenants)
	for _, tenant := range tenants {
		var ok bool
		if a.view.Peers, ok = a.db.mirror.peers(a.view.Peers, tenant, touched); ok {
			continue
		}
		var all []mirrored
		rows, err := t.query(ctx, "SELECT "+seriesColumns+" FROM series WHERE tenant = $1 AND peer = 1 ORDER BY id", string(tenant))
		err = each(rows, err, func(r *sql.Rows) error {
			s, pos, err := scanSeries(r)
			all = append(all, mirrored{Series: s, pos: pos})
			if !touched(s.ID) {
				a.view.Peers = append(a.view.Peers, s)
			}
			return err
		})
		if err != nil {
			return err
		}
		t.afterCommit(func() { a.db.mirror.whole(tenant, a.unchanged(all)) })
	}
	return nil
}

// unchanged leaves out what this transaction writes, whose newer form the mirror
// has by then.
func (a *application) unchanged(all []mirrored) []mirrored {
	return slices.DeleteFunc(all, func(s mirrored) bool { _, ok := a.view.Series[s.ID]; return ok })
}

// openIncidents reads the open incidents of the tenants and of no tenant in
// particular (the platform's, the monitor's); all open ones when tenants is nil. In
// id order, which is also the order of the locks.
func (db *DB) openIncidents(ctx context.Context, q querier, lock string, tenants []keepwatch.TenantID) ([]keepwatch.Incident, error) {
	where, args := "", []any(nil)
	if tenants != nil {
		var list string
		list, args = placeholders(append([]keepwatch.TenantID{""}, tenants...))
		where = " AND tenant IN (" + list + ")"
	}
	var open []keepwatch.Incident
	rows, err := q.query(ctx, "SELECT doc FROM incidents WHERE status = 'open'"+where+" ORDER BY id"+lock, args...)
	err = each(rows, err, func(r *sql.Rows) error {
		var doc sql.RawBytes
		if err := r.Scan(&doc); err != nil {
			return err
		}
		in, err := db.large.decode(doc)
		open = append(open, in)
		return err
	})
	return open, err
}
