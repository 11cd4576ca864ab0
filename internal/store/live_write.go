package store

import (
	"time"

	"keepwatch"
)

// mostChanges bounds the list of what changed. Whoever has not looked for so long reads
// everything anew.
const mostChanges = 100_000

// keepCells bounds the hours of one series that are kept: what pages show, and as much
// again.
const keepCells = 100

// note brings a commit into memory, and once more into what somebody reads at this
// moment: that may be from before it.
func (l *live) note(kind noteKind, fn func(*live)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.noting == kind {
		l.noted = append(l.noted, fn)
	}
	if kind == ofSeries && l.series != nil || kind == ofHours && l.hours != nil {
		fn(l)
	}
}

// forget empties it: after a commit whose outcome is unknown.
func (l *live) forget() {
	empty := func(l *live) { l.begin(nil, nil); l.hours, l.hot = nil, nil }
	l.mu.Lock()
	defer l.mu.Unlock()
	empty(l)
	if l.noting != ofNothing {
		l.noted = append(l.noted, empty)
	}
}

// begin starts a new list of changes: nobody's revision is in it.
func (l *live) begin(series map[keepwatch.SeriesID]*keepwatch.Series, row map[keepwatch.SeriesID]string) {
	l.base += int64(len(l.changes)) + 1
	l.changes, l.series, l.row = nil, series, row
}

func (l *live) changed(id keepwatch.SeriesID) {
	if len(l.changes) >= mostChanges {
		half := len(l.changes) / 2
		l.base += int64(half)
		l.changes = append(l.changes[:0:0], l.changes[half:]...)
	}
	l.changes = append(l.changes, id)
}

// replace takes in all there is.
func (l *live) replace(list []keepwatch.Series, row map[keepwatch.SeriesID]string) {
	series := make(map[keepwatch.SeriesID]*keepwatch.Series, len(list))
	for _, s := range list {
		series[s.ID] = &s
	}
	l.begin(series, row)
	l.looked = time.Now()
}

// follow takes in what other nodes wrote.
func (l *live) follow(list []keepwatch.Series, row map[keepwatch.SeriesID]string) {
	for _, s := range list {
		l.series[s.ID] = &s
		l.changed(s.ID)
	}
	for id := range l.series {
		if _, there := row[id]; !there {
			l.drop(id)
		}
	}
	l.row, l.looked = row, time.Now()
}

// put takes in series as a commit wrote them. Two commits on PostgreSQL may be told of
// in the wrong order: the newer slot stays.
func (l *live) put(list []keepwatch.Series) {
	if l.series == nil {
		return
	}
	for i := range list {
		s := &list[i]
		if have, ok := l.series[s.ID]; !isPlain(s) || ok && have.LastSlot.After(s.LastSlot) {
			continue
		}
		own := *s // a pointer into the list would keep all of it
		l.series[s.ID] = &own
		l.changed(s.ID)
	}
}

func (l *live) drop(ids ...keepwatch.SeriesID) {
	for _, id := range ids {
		if _, ok := l.series[id]; ok {
			delete(l.series, id)
			l.changed(id)
		}
		delete(l.hours, id)
	}
}

// count adds observations that were inserted to their hours.
func (l *live) count(inserted []incoming) {
	if l.hours == nil {
		return
	}
	for i := range inserted {
		o := &inserted[i].Observation
		if l.hot != nil && !o.Check.OfCanary() { // of which no history is kept
			l.hot.add(o.Series, hotKey{millis(o.Slot), o.Key})
		}
		start := floor(millis(o.Slot), hourMS)
		if !proves(o.Check, o.Credential) || start < l.since {
			continue
		}
		c := hourCell{hour: hourOf(start), runs: int32(weight(o)), worst: outcomeNumbers[o.Outcome]}
		switch {
		case o.Outcome == keepwatch.OK:
			c.ok = c.runs
		case failed(o.Outcome):
			c.failed = c.runs
		}
		cells := addCell(l.hours[o.Series], c)
		if len(cells) > keepCells {
			cells = append(cells[:0:0], cells[len(cells)-keepCells/2:]...)
		}
		l.hours[o.Series] = cells
		if s, ok := l.series[o.Series]; ok && s.LastSlot.After(o.Slot) { // a late run moves hours alone
			l.changed(o.Series)
		}
	}
}
