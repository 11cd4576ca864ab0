package calendar

import (
	"archive/zip"
	"hash/fnv"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// zones lists every zone, or a fixed share of them with the odd ones: those with
// half-hour changes, changes at midnight, two changes around Ramadan, and the
// largest offsets. KEEPWATCH_CAMPAIGN=1 takes all.
func zones(t testing.TB) []string {
	t.Helper()
	data, err := os.ReadFile("testdata/zones.txt")
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Fields(string(data))
	if os.Getenv("KEEPWATCH_CAMPAIGN") == "1" {
		return all
	}
	return slices.DeleteFunc(all, func(name string) bool {
		if slices.Contains(oddZones, name) {
			return false
		}
		h := fnv.New32a()
		_, _ = h.Write([]byte(name))
		return h.Sum32()%16 != 0
	})
}

var oddZones = []string{
	"Australia/Lord_Howe", "Africa/Casablanca", "Africa/El_Aaiun", "Pacific/Chatham", "Asia/Beirut", "Africa/Cairo", "America/Havana",
	"America/Santiago", "America/Scoresbysund", "America/Nuuk", "Atlantic/Azores", "Asia/Gaza", "Antarctica/Troll", "Europe/Dublin",
	"Asia/Kathmandu", "Pacific/Kiritimati", "Pacific/Pago_Pago", "America/St_Johns", "Europe/Berlin", "America/New_York", "UTC",
}

// The list of zones is that of the toolchain, which is also what is embedded.
func TestZoneListIsComplete(t *testing.T) {
	data, err := os.ReadFile("testdata/zones.txt")
	if err != nil {
		t.Fatal(err)
	}
	listed := strings.Fields(string(data))
	for _, name := range listed {
		if _, err := time.LoadLocation(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	r, err := zip.OpenReader(filepath.Join(runtime.GOROOT(), "lib", "time", "zoneinfo.zip")) //nolint:staticcheck // only a test that runs beside its toolchain
	if err != nil {
		t.Skipf("the toolchain's zone file is not here to compare with: %v", err)
	}
	defer r.Close()
	for _, f := range r.File {
		if f.Name != "Factory" && !strings.HasSuffix(f.Name, "/") && !slices.Contains(listed, f.Name) {
			t.Errorf("zone %s is not in testdata/zones.txt", f.Name)
		}
	}
}

var (
	zonesFrom = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	zonesTo   = time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC)
)

// wall is the civil time of an instant, in seconds.
func wall(unix int64, loc *time.Location) int64 {
	_, offset := time.Unix(unix, 0).In(loc).Zone()
	return unix + int64(offset)
}

// Every window opens exactly once on each civil day, whatever the clocks do, and
// away from a change of the clocks it is open exactly when the wall says so.
func TestWindowsOpenOnceADayInEveryZone(t *testing.T) {
	windows := []string{"02:15-02:45", "00:00-00:30", "23:30-24:00", "08:00-18:00", "22:00-06:00", "01:30-03:00"}
	for i, name := range zones(t) {
		// One short window around the usual hours of change in every zone, and
		// one of the others in turn.
		for _, hours := range []string{windows[0], windows[1+i%(len(windows)-1)]} {
			c := mustParse(t, Spec{Timezone: name, Hours: hours})
			checkOpenings(t, c, zonesFrom.Unix(), zonesTo.Unix())
		}
	}
}

func checkOpenings(t *testing.T, c *Calendar, from, to int64) {
	t.Helper()
	w := c.hours.windows[0]
	z := zone{loc: c.loc}
	first := civilDay(floorDiv(from, daySeconds)) + 2
	last := civilDay(floorDiv(to, daySeconds)) - 2
	day := first
	for s := c.segmentAt(z.first(int64(first)*daySeconds) - 1); day < last; {
		next := c.segmentAt(s.end)
		if !s.open && next.open {
			// A window is moved by at most the size of the change of the clocks.
			want := int64(day)*daySeconds + int64(w.from)*60
			if late := wall(next.start, c.loc) - want; late < 0 || late > 2*3600 {
				t.Fatalf("%s %s: opens %s, expected on %s", c.loc, c.hours, time.Unix(next.start, 0).In(c.loc), day)
			}
			day++
		}
		if s.open && next.open && s.end%chunkSeconds != 0 {
			t.Fatalf("%s %s: an edge without a change at %d", c.loc, c.hours, s.end)
		}
		if mid := (s.start + s.end) / 2; c.loc.String() != "" && quiet(mid, c.loc) {
			sec := floorMod(wall(mid, c.loc), daySeconds) / 60
			want := int64(w.from) <= sec && sec < int64(w.to) || sec+dayMinutes < int64(w.to)
			if s.open != want {
				t.Fatalf("%s %s: open %v at %s", c.loc, c.hours, s.open, time.Unix(mid, 0).In(c.loc))
			}
		}
		s = next
	}
}

// quiet reports that the clocks do not change within two days.
func quiet(unix int64, loc *time.Location) bool {
	a, b, c := wall(unix-2*daySeconds, loc), wall(unix, loc), wall(unix+2*daySeconds, loc)
	return b-a == 2*daySeconds && c-b == 2*daySeconds
}

// The clocks themselves, by hand.
func TestWindowsAtAChangeOfTheClocks(t *testing.T) {
	for _, c := range []struct{ name, zone, hours, day, open, close string }{
		{"a start that is skipped opens behind the gap", "Europe/Berlin", "02:30-04:00", "2026-03-29", "2026-03-29T03:00:00+02:00", "2026-03-29T04:00:00+02:00"},
		{"an end that is skipped closes at the gap", "Europe/Berlin", "01:00-02:30", "2026-03-29", "2026-03-29T01:00:00+01:00", "2026-03-29T03:00:00+02:00"},
		{"a window that is skipped whole is moved", "Europe/Berlin", "02:15-02:45", "2026-03-29", "2026-03-29T03:00:00+02:00", "2026-03-29T03:30:00+02:00"},
		{"a repeated hour counts once, whole", "Europe/Berlin", "02:00-03:00", "2026-10-25", "2026-10-25T02:00:00+02:00", "2026-10-25T03:00:00+01:00"},
		{"an end in the repeated hour is its second", "Europe/Berlin", "01:30-02:30", "2026-10-25", "2026-10-25T01:30:00+02:00", "2026-10-25T02:30:00+01:00"},
		{"half an hour", "Australia/Lord_Howe", "01:30-02:00", "2026-04-05", "2026-04-05T01:30:00+11:00", "2026-04-05T02:00:00+10:30"},
		{"forty-five minutes past", "Pacific/Chatham", "03:00-04:00", "2026-09-27", "2026-09-27T03:45:00+13:45", "2026-09-27T04:00:00+13:45"},
		{"the clocks go back into the day before", "America/Nuuk", "23:30-24:00", "2026-10-24", "2026-10-24T23:30:00-01:00", "2026-10-25T00:00:00-02:00"},
		{"midnight is skipped", "Asia/Beirut", "00:00-00:30", "2026-03-29", "2026-03-29T01:00:00+03:00", "2026-03-29T01:30:00+03:00"},
		{"the end of Ramadan's hour", "Africa/Casablanca", "02:00-03:00", "2026-03-22", "2026-03-22T03:00:00+01:00", "2026-03-22T04:00:00+01:00"},
		{"over midnight and the gap", "Europe/Berlin", "22:00-06:00", "2026-03-28", "2026-03-28T22:00:00+01:00", "2026-03-29T06:00:00+02:00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cal := mustParse(t, Spec{Timezone: c.zone, Hours: c.hours})
			d, err := time.Parse(time.DateOnly, c.day)
			if err != nil {
				t.Fatal(err)
			}
			w := cal.hours.windows[0]
			z := zone{loc: cal.loc}
			from, to, ok := z.opening(dayOf(d.Date()), w)
			if !ok || !time.Unix(from, 0).Equal(instant(t, c.open)) || !time.Unix(to, 0).Equal(instant(t, c.close)) {
				t.Errorf("open %s to %s (%v), want %s to %s", time.Unix(from, 0).In(cal.loc).Format(time.RFC3339),
					time.Unix(to, 0).In(cal.loc).Format(time.RFC3339), ok, c.open, c.close)
			}
		})
	}
}

// Zones that crossed the date line have one civil day fewer, and no window on it.
func TestADayThatDoesNotExistHasNoWindow(t *testing.T) {
	for _, c := range []struct {
		zone  string
		gone  civilDay
		hours string
	}{
		{"Pacific/Apia", dayOf(2011, 12, 30), "08:00-18:00"},
		{"Pacific/Fakaofo", dayOf(2011, 12, 30), "00:00-00:30"},
		{"Pacific/Kwajalein", dayOf(1993, 8, 21), "08:00-18:00"},
		{"Pacific/Kiritimati", dayOf(1994, 12, 31), "23:00-24:00"},
		{"Pacific/Enderbury", dayOf(1994, 12, 31), "12:00-13:00"},
	} {
		cal := mustParse(t, Spec{Timezone: c.zone, Hours: c.hours})
		var opened []civilDay
		for s := cal.segmentAt(int64(c.gone-5) * daySeconds); s.end < int64(c.gone+5)*daySeconds; s = cal.segmentAt(s.end) {
			if s.open {
				opened = append(opened, civilDay(floorDiv(wall(s.start, cal.loc), daySeconds)))
			}
		}
		if len(opened) < 6 {
			t.Fatalf("%s: only %d windows", c.zone, len(opened))
		}
		for i, d := range opened {
			if d == c.gone {
				t.Errorf("%s: a window on %s, a day that never was", c.zone, d)
			}
			if step := d - opened[max(i-1, 0)]; i > 0 && step != 1 && !(step == 2 && d-1 == c.gone) {
				t.Errorf("%s: %s follows %s", c.zone, d, opened[i-1])
			}
		}
	}
}
