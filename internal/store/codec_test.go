package store

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"keepwatch"
	"keepwatch/internal/incident"
)

// fill sets every field of a value to something that is not zero, each to
// something else.
func fill(v reflect.Value, n *int) {
	*n++
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.UnixMilli(1_790_000_000_000 + int64(*n)).UTC()))
	case v.Type() == reflect.TypeFor[keepwatch.Date](): // a day and an instant in turn
		date := keepwatch.Day(2026, 1, *n)
		if *n%2 == 0 {
			date = keepwatch.Exactly(time.UnixMilli(1_790_000_000_123 + int64(*n)))
		}
		v.Set(reflect.ValueOf(date))
	case v.Type() == reflect.TypeFor[time.Duration]():
		v.SetInt(int64(*n) * int64(time.Microsecond))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case v.Kind() == reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, n)
		fill(value, n)
		v.SetMapIndex(key, value)
	case v.Kind() == reflect.String:
		v.SetString("text-" + string(rune('a'+*n%26)) + "-ü")
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.CanInt():
		v.SetInt(int64(*n))
	case v.CanUint():
		v.SetUint(uint64(*n))
	case v.CanFloat():
		v.SetFloat(float64(*n) + 0.25)
	default:
		panic("cannot fill " + v.Type().String())
	}
}

func TestSeriesDocumentKeepsEveryField(t *testing.T) {
	var want keepwatch.Series
	fill(reflect.ValueOf(&want).Elem(), new(int))
	want.Last.Transcript = "" // has a table of its own
	doc, err := encodeSeries(&want)
	if err != nil {
		t.Fatal(err)
	}
	// The identity stands in columns.
	got := keepwatch.Series{ID: want.ID, Check: want.Check, Credential: want.Credential, Tenant: want.Tenant, Place: want.Place, LastSlot: want.LastSlot}
	if err := decodeSeries(doc, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a field is lost between writing and reading (-want +got):\n%s", diff)
	}
}

func TestObservationDocumentKeepsEveryField(t *testing.T) {
	run := keepwatch.Observation{
		Series: "c", Check: "c", Credential: "c", Place: keepwatch.Local, Source: keepwatch.SourceTest, Reason: keepwatch.ReasonScheduled,
		Slot: time.UnixMilli(1_790_000_000_000).UTC(), Outcome: keepwatch.OK,
	}
	run.Key = keepwatch.SlotKey(run.Check, run.Slot)
	demand := run
	demand.Key, demand.Reason = keepwatch.DemandKey(run.Check, run.Slot), keepwatch.ReasonDemand
	var every keepwatch.Observation
	fill(reflect.ValueOf(&every).Elem(), new(int))
	every.Transcript = ""
	cases := map[string]keepwatch.Observation{
		"a run of the schedule leaves out what follows":  run,
		"a run on demand has its own key":                demand,
		"traffic has no check, credential or place":      {Key: "k", Series: "s", Source: keepwatch.SourceTraffic, Outcome: keepwatch.Timeout},
		"nothing but a key":                              {Key: "k", Series: "s"},
		"every field set to something of its own":        every,
		"an outcome of a step that is not ok is its own": {Key: "k", Series: "s", Steps: []keepwatch.Step{{Name: "token", Outcome: keepwatch.Skipped}, {Name: "x", Outcome: keepwatch.OK}}},
	}
	for name, want := range cases {
		t.Run(name, func(t *testing.T) {
			in, err := newIncoming(&want)
			if err != nil {
				t.Fatal(err)
			}
			doc, err := decodeObservation(in.doc)
			if err != nil {
				t.Fatal(err)
			}
			if want.Slot.IsZero() {
				want.Slot = want.At
			}
			if diff := cmp.Diff(want, doc); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestNeighbourhoodDocumentKeepsEveryField(t *testing.T) {
	var want incident.Neighbourhood
	fill(reflect.ValueOf(&want).Elem(), new(int))
	doc, err := encodeNeighbourhood(&want)
	if err != nil {
		t.Fatal(err)
	}
	got := incident.Neighbourhood{Key: want.Key}
	if err := decodeNeighbourhood(doc, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPositionOrdersByPhase(t *testing.T) {
	if a, b := position(1, "zzz"), position(2, "aaa"); a >= b {
		t.Errorf("position(1, …) = %d is not before position(2, …) = %d", a, b)
	}
	if p := position(65535, "x"); p < 0 {
		t.Errorf("the last phase has a negative position %d", p)
	}
}

func TestOlderThan(t *testing.T) {
	for _, c := range []struct {
		version string
		older   bool
	}{{"3.51.2", true}, {"3.51.3", false}, {"3.51.10", false}, {"3.9.99", true}, {"4.0.0", false}, {"3.52", false}, {"", true}} {
		if got := olderThan(c.version, minSQLite); got != c.older {
			t.Errorf("olderThan(%q, %q) = %v", c.version, minSQLite, got)
		}
	}
}

func TestChunksCoverEveryRowOnceInOrder(t *testing.T) {
	for n := range 260 {
		at := 0
		_ = chunks(n, func(from, to int) error {
			if from != at {
				t.Fatalf("%d rows: part begins at %d, not %d", n, from, at)
			}
			at = to
			return nil
		})
		if at != n {
			t.Fatalf("%d rows: %d covered", n, at)
		}
	}
}
