package calendar

import "time"

const daySeconds = 24 * 60 * 60

// civilDay counts days of the civil calendar from 1970-01-01, without a zone.
type civilDay int64

func dayOf(year int, month time.Month, day int) civilDay {
	return civilDay(floorDiv(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix(), daySeconds))
}

func (d civilDay) date() (int, time.Month, int) {
	return time.Unix(int64(d)*daySeconds, 0).UTC().Date()
}

func (d civilDay) weekday() time.Weekday {
	return time.Weekday(((int64(d)+4)%7 + 7) % 7) // 1970-01-01 was a Thursday
}

func (d civilDay) String() string {
	return time.Unix(int64(d)*daySeconds, 0).UTC().Format(time.DateOnly)
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

// zone maps civil time to instants. time.Date is not enough: for a time that the
// clocks skip or show twice it promises nothing about which instant it gives.
// A civil time is counted in seconds from 1970-01-01 00:00 on the wall.
type zone struct {
	loc  *time.Location
	last span // where the last answer came from; days are asked for in order
}

// span is a stretch of time with one offset.
type span struct {
	start, end int64 // instants
	offset     int64
}

// margin is more than the largest offset plus the largest jump (a zone that
// crosses the date line jumps 24 hours).
const margin = 42 * 60 * 60

func (z *zone) spanAt(unix int64) span {
	if z.last.start <= unix && unix < z.last.end {
		return z.last
	}
	t := time.Unix(unix, 0).In(z.loc)
	start, end := t.ZoneBounds()
	_, offset := t.Zone()
	s := span{start: unix - margin, end: unix + 2*margin, offset: int64(offset)}
	if !start.IsZero() {
		s.start = start.Unix()
	}
	if !end.IsZero() {
		s.end = end.Unix()
	}
	z.last = s
	return s
}

// first is the first instant whose wall clock shows civil or later: the first of
// two where it is shown twice, the end of the gap where it is skipped.
func (z *zone) first(civil int64) int64 {
	for at := civil - margin; ; {
		s := z.spanAt(at)
		if civil < s.start+s.offset {
			return s.start
		}
		if civil < s.end+s.offset {
			return civil - s.offset
		}
		at = s.end
	}
}

// final is the last instant whose wall clock shows civil, or the end of the gap
// where it is skipped.
func (z *zone) final(civil int64) int64 {
	answer := z.first(civil)
	for at := answer; at < civil+margin; {
		s := z.spanAt(at)
		if s.start+s.offset <= civil && civil < s.end+s.offset {
			answer = civil - s.offset
		}
		at = s.end
	}
	return answer
}

// opening maps one window of one day to instants. It opens when its time is
// shown first and closes when its end is shown last, so a repeated hour belongs
// to the window once, as a whole. A window that lies wholly in a skipped hour is
// moved behind it: a day that exists has all its windows. A day that does not
// exist (a zone that crossed the date line) has none.
func (z *zone) opening(day civilDay, w window) (from, to int64, ok bool) {
	midnight := int64(day) * daySeconds
	if z.first(midnight) >= z.first(midnight+daySeconds) {
		return 0, 0, false
	}
	from = z.first(midnight + int64(w.from)*60)
	to = z.final(midnight + int64(w.to)*60)
	if to <= from {
		to = from + int64(w.to-w.from)*60
	}
	return from, to, true
}
