package collect

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc"
)

// maxRowsets is how many data extensions are asked for singly in one look.
const maxRowsets = 200

// extensions looks at data extensions. Their list tells the rows of all; singly are
// read only those of which more is wanted than the list says.
func (l *look) extensions() {
	wanted := l.wanted(keepwatch.SubjectDataExtension)
	if len(wanted) == 0 && !l.job.All {
		return
	}
	listed, gap, swept := map[string]sfmc.Extension{}, l.every, false
	if l.job.All || !l.fewer(len(wanted), l.unit.known().Extensions, extensionPage) {
		listed, gap, swept = l.extensionList()
	}
	l.retentions(wanted)
	for i, key := range sortedKeys(wanted) {
		w := wanted[key]
		if x, ok := listed[key]; ok && w.TimestampField == "" && w.Expect.RowsEvery == 0 && x.Rows != nil {
			l.rowsSeen(w, x, time.Time{}, gap)
			continue
		}
		if i >= maxRowsets {
			l.lose(fmt.Sprintf("%d data extensions are more than one look asks for singly", len(wanted)), "name fewer of them, or set watch: all")
			break
		}
		if !l.rowset(w, listed[key]) {
			break
		}
	}
	if !l.job.All || !swept {
		return
	}
	for _, key := range sortedKeys(listed) {
		if _, named := wanted[key]; named || listed[key].Rows == nil {
			continue
		}
		s := keepwatch.Subject{Kind: keepwatch.SubjectDataExtension, Key: key, Unit: l.job.Unit}
		l.rowsSeen(Wanted{Subject: s}, listed[key], time.Time{}, gap)
	}
}

// extensionPage is the size at which one tenant is known to cap the list.
const extensionPage = 25

// anything is what is searched for where a list without a search is refused.
const anything = "%"

// extensionList reads the list of all data extensions.
func (l *look) extensionList() (found map[string]sfmc.Extension, gap time.Duration, read bool) {
	found = map[string]sfmc.Extension{}
	turn, gap := l.due(RouteExtensionList)
	if !turn {
		return found, gap, false
	}
	search := ""
	if _, needed := l.unit.tries.get("search", l.job.At); needed {
		search = anything
	}
	ok := pages(l, request{route: RouteExtensionList, sweep: true}, "the list of data extensions", func(s *session, page int) (sfmc.Paged[sfmc.Extension], sfmc.Verdict) {
		p, v := l.c.client.Extensions(s.ctx, l.endpoints, s.access, search, page)
		if v.Outcome == keepwatch.BadRequest && search == "" && page == 1 {
			if again, ok := l.spend(); !ok {
				return p, again
			}
			search = anything
			if p, v = l.c.client.Extensions(s.ctx, l.endpoints, s.access, search, page); v.OK() {
				l.unit.tries.put("search", true, l.job.At.Add(offeredAgain))
			}
		}
		return p, v
	}, func(x sfmc.Extension) {
		found[x.Key] = x
		l.unit.keys.put(strings.ToLower(x.ID), x.Key, l.job.At.Add(2*day))
	})
	if !ok {
		l.again(RouteExtensionList)
		return found, gap, false
	}
	l.unit.learn(func(s *Sizes) { s.Extensions = len(found) })
	return found, gap, true
}

// rowset reads one data extension: its rows, and the newest of them where a column says
// when they came. It reports whether the next one is worth asking for.
func (l *look) rowset(w Wanted, listed sfmc.Extension) bool {
	set, newest, v := l.newest(w)
	if set.Count == nil {
		v = l.ask(request{route: RouteRows, thing: w.Subject.Key}, one(func(s *session) (v sfmc.Verdict) {
			set, v = l.c.client.Rows(s.ctx, l.endpoints, s.access, w.Subject.Key)
			return v
		}))
	}
	if v.Outcome == keepwatch.NotFound {
		l.lose("there is no data extension with the key "+w.Subject.Key, "compare the key with the data extension's properties (External Key); a name is not a key")
		return true
	}
	if !v.OK() && newest.IsZero() {
		l.failed("the data extension "+w.Subject.Key, v)
		return l.stopped == nil && v.Outcome != keepwatch.Skipped
	}
	x := sfmc.Extension{ID: cmp.Or(set.ID, listed.ID), Key: w.Subject.Key, Name: listed.Name, Rows: set.Count}
	if x.ID != "" {
		l.unit.keys.put(strings.ToLower(x.ID), x.Key, l.job.At.Add(2*day))
	}
	l.rowsSeen(w, x, newest, l.every)
	return true
}

// newest asks for the newest row. By $orderBy it costs one call and brings the count,
// too; where a tenant does not take that, SOAP is asked for rows since the last one.
func (l *look) newest(w Wanted) (set sfmc.Rowset, newest time.Time, v sfmc.Verdict) {
	if w.TimestampField == "" {
		return set, newest, v
	}
	before := l.newestBefore(w)
	if l.offered(RouteNewestRow) {
		v = l.ask(request{route: RouteNewestRow, thing: w.Subject.Key}, one(func(s *session) (v sfmc.Verdict) {
			set, v = l.c.client.NewestRow(s.ctx, l.endpoints, s.access, w.Subject.Key, w.TimestampField)
			return v
		}))
		switch {
		case v.OK() && set.Found && !set.First.Before(before):
			return set, set.First, v
		case v.OK() && set.Count != nil && *set.Count == 0:
			return set, before, v
		case v.Outcome == keepwatch.NotFound || l.stopped != nil:
			return set, newest, v
		case v.OK() || v.Outcome == keepwatch.BadRequest:
			// An order that is refused, ignored, or by a column that the answer lacks.
			v = sfmc.Verdict{Outcome: keepwatch.NotFound, Message: "$orderBy is not taken for " + w.TimestampField}
			l.unit.refused.put(RouteNewestRow, v, l.job.At.Add(offeredAgain))
		}
	}
	since := before
	if since.IsZero() || l.job.At.Sub(since) > 7*day {
		since = l.job.At.Add(-max(2*w.Expect.RowsEvery, day))
	}
	v = l.ask(request{route: RouteNewestBySOAP, thing: w.Subject.Key}, one(func(s *session) (v sfmc.Verdict) {
		newest, v = l.c.client.NewestBySOAP(s.ctx, l.endpoints, s.login, w.Subject.Key, w.TimestampField, since)
		return v
	}))
	if newest.Before(before) {
		newest = before
	}
	return set, newest, v
}

func (l *look) newestBefore(w Wanted) time.Time {
	if prev := l.previous(w.Subject, keepwatch.AspectRows); prev != nil && prev.Reading.Extension != nil {
		return prev.Reading.Extension.Newest
	}
	return time.Time{}
}

// retentions reads once a day which of the wanted data extensions delete rows by age.
func (l *look) retentions(wanted map[string]Wanted) {
	var unknown []string
	for _, key := range sortedKeys(wanted) {
		if _, known := l.unit.retention.get(key, l.job.At); !known {
			unknown = append(unknown, key)
		}
	}
	if len(unknown) == 0 || !l.oncePer(RouteRetention+strings.Join(unknown, "\x00"), 6*time.Hour) {
		return
	}
	var found []sfmc.ExtensionDefinition
	v := l.ask(request{route: RouteRetention}, rows(func(s *session) (list sfmc.Listing, v sfmc.Verdict) {
		found, list, v = l.c.client.ExtensionDefinitions(s.ctx, l.endpoints, s.login, unknown)
		return list, v
	}))
	if v.OK() {
		for _, key := range unknown {
			l.unit.retention.put(key, false, l.job.At.Add(detailKept))
		}
	}
	for _, d := range found {
		l.unit.retention.put(d.Key, d.Retention, l.job.At.Add(detailKept))
		if d.ID != "" {
			l.unit.keys.put(strings.ToLower(d.ID), d.Key, l.job.At.Add(2*day))
		}
	}
}

// rowsSeen makes the observation, with what the automations' looks know of it.
func (l *look) rowsSeen(w Wanted, x sfmc.Extension, newest time.Time, gap time.Duration) {
	w.Subject.Name = cmp.Or(w.Subject.Name, x.Name)
	r := keepwatch.ExtensionReading{Rows: x.Rows, Newest: newest}
	r.Retention, _ = l.unit.retention.get(w.Subject.Key, l.job.At)
	for _, id := range []string{strings.ToLower(x.ID), w.Subject.Key} {
		if id == "" {
			continue
		}
		if replaced, ok := l.unit.replaced.get(id, l.job.At); ok && replaced {
			r.Overwritten = true
		}
		if at, ok := l.unit.fed.get(id, l.job.At); ok && at.After(r.FedAt) {
			r.FedAt = at
		}
	}
	if prev := l.previous(w.Subject, keepwatch.AspectRows); prev != nil && prev.Reading.Extension != nil {
		// After a restart the automations may not have been looked at yet.
		before := prev.Reading.Extension
		if before.FedAt.After(r.FedAt) {
			r.FedAt = before.FedAt
		}
		_, known := l.unit.replaced.get(w.Subject.Key, l.job.At)
		r.Overwritten = r.Overwritten || (before.Overwritten && !known)
	}
	l.seen(w, keepwatch.AspectRows, keepwatch.Reading{Extension: &r}, gap)
}
