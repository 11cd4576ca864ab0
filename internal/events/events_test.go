package events_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/events"
	"keepwatch/internal/intake"
)

var now = time.Date(2026, 11, 30, 9, 15, 0, 0, time.UTC)

// estate has a credential that is tested here and one whose verdicts are pushed.
type estate struct{}

func (estate) Credential(id keepwatch.CredentialID) (keepwatch.TenantID, time.Duration, bool) {
	switch id {
	case "shop":
		return "emea", 0, true
	case "ci":
		return "emea", time.Hour, true
	}
	return "", 0, false
}

func (estate) Dependent(id keepwatch.CredentialID, kind keepwatch.SubjectKind, key string) (keepwatch.Watch, bool) {
	s := keepwatch.Subject{Kind: kind, Key: key, Unit: 7}
	return keepwatch.Watch{Subject: s, Upstream: []keepwatch.Upstream{{Credential: id}}}, key == "welcome"
}

// records keeps what passes the intake's own rules.
type records struct {
	calls []keepwatch.Call
	obs   []keepwatch.Observation
	last  map[keepwatch.CheckID]map[keepwatch.SeriesID]keepwatch.Watch
	fail  error
}

func (r *records) Saw(c keepwatch.Call) { r.calls = append(r.calls, c) }

func (r *records) Record(_ context.Context, obs []keepwatch.Observation, now time.Time) error {
	if r.fail != nil {
		return r.fail
	}
	for _, o := range obs {
		o, err := intake.Clean(o, now)
		if err != nil {
			return err
		}
		r.obs = append(r.obs, o)
		if o.Watch != nil {
			r.last[o.Check] = map[keepwatch.SeriesID]keepwatch.Watch{o.Series: *o.Watch}
		}
	}
	return nil
}

func (r *records) Watches(_ context.Context, check keepwatch.CheckID) (map[keepwatch.SeriesID]keepwatch.Watch, error) {
	return r.last[check], nil
}

func open() (*events.Events, *records) {
	r := &records{last: map[keepwatch.CheckID]map[keepwatch.SeriesID]keepwatch.Watch{}}
	return events.New(events.Options{Estate: func() events.Estate { return estate{} }, Calls: r, Record: r}), r
}

const at = `"at":"2026-11-30T09:14:00Z"`

func TestFormsOfABody(t *testing.T) {
	one := func(key string) string {
		return `{"key":"` + key + `","kind":"token","credential":"shop","holder":"web",` + at + `,"http_status":200}`
	}
	for name, tt := range map[string]struct {
		body                        string
		accepted, repeated, refused int
	}{
		"one":                 {one("a"), 1, 0, 0},
		"one on many lines":   {strings.ReplaceAll(one("a"), ",", ",\n"), 1, 0, 0},
		"a list":              {"[" + one("a") + "," + one("b") + "," + one("a") + "]", 2, 1, 0},
		"lines":               {one("a") + "\n\n" + one("b") + "\r\n", 2, 0, 0},
		"lines with a fault":  {one("a") + "\n{broken\n" + one("b"), 2, 0, 1},
		"a list that ends":    {"[" + one("a") + "," + one("b"), 2, 0, 1},
		"a list with rubbish": {"[" + one("a") + ",nope", 1, 0, 1},
		"deep":                {strings.Repeat("[", 100_000), 0, 0, 1},
		"no object":           {"3", 0, 0, 1},
	} {
		e, _ := open()
		out, err := e.Take(t.Context(), []byte(tt.body), now)
		if err != nil || out.Accepted != tt.accepted || out.Repeated != tt.repeated || out.Refused != tt.refused {
			t.Errorf("%s: %+v %v", name, out, err)
		}
	}
	e, _ := open()
	if _, err := e.Take(t.Context(), []byte(" \n"), now); err == nil || keepwatch.HintOf(err) == "" {
		t.Errorf("nothing: %v", err)
	}
	if _, err := e.Take(t.Context(), []byte(strings.Repeat("{}\n", events.MaxEvents+1)), now); err == nil {
		t.Error("too many events are taken")
	}
}

func TestWhatIsRefusedNamesItsField(t *testing.T) {
	const canary = "c4n4ry8f3a2b1c9d7e"
	for body, field := range map[string]string{
		`{"kind":"call","credential":"shop",` + at + `}`:                                                                                                   "key",
		`{"key":"a","kind":"call","credential":"` + canary + `",` + at + `}`:                                                                               "credential",
		`{"key":"a","kind":"call","credential":"shop","at":"` + canary + `"}`:                                                                              "at",
		`{"key":"a","kind":"call","credential":"shop","at":"2026-11-30T09:30:00Z"}`:                                                                        "at",
		`{"key":"a","kind":"call","credential":"shop","at":"2026-11-28T09:30:00Z"}`:                                                                        "at",
		`{"key":"a","kind":"` + canary + `","credential":"shop",` + at + `}`:                                                                               "kind",
		`{"key":"a","kind":"call","credential":"shop",` + at + `}`:                                                                                         "outcome",
		`{"key":"a","kind":"call","credential":"shop",` + at + `,"outcome":"journey_stalled"}`:                                                             "outcome",
		`{"key":"a","kind":"call","credential":"shop",` + at + `,"outcome":"ok","count":-1}`:                                                               "count",
		`{"key":"a","kind":"call","credential":"shop",` + at + `,"http_status":9}`:                                                                         "http_status",
		`{"key":"a","kind":"call","credential":"shop",` + at + `,"outcome":"ok","family":"a b"}`:                                                           "family",
		`{"key":"a","kind":"queue","credential":"shop",` + at + `}`:                                                                                        "holder",
		`{"key":"a","kind":"queue","credential":"shop","holder":"x",` + at + `}`:                                                                           "dependent",
		`{"key":"a","kind":"queue","credential":"shop","holder":"x",` + at + `,"dependent":{"kind":"journey","key":"welcome"}}`:                            "depth",
		`{"key":"a","kind":"queue","credential":"shop","holder":"x",` + at + `,"dependent":{"kind":"journey","key":"no"},"depth":1}`:                       "dependent",
		`{"key":"a","kind":"queue","credential":"shop","holder":"x",` + at + `,"dependent":{"kind":"journey","key":"welcome"},"depth":1,"oldest_age":"x"}`: "oldest_age",
		`{"key":"a","kind":"verdict","credential":"shop","place":"ci","outcome":"ok",` + at + `}`:                                                          "credential",
		`{"key":"a","kind":"verdict","credential":"ci","outcome":"ok",` + at + `}`:                                                                         "place",
		`{"key":"a","kind":"verdict","credential":"ci","place":"ci","outcome":"slow",` + at + `}`:                                                          "outcome",
		`{"key":"a","kind":3}`: "kind",
	} {
		e, r := open()
		out, err := e.Take(t.Context(), []byte(body), now)
		if err != nil || out.Refused != 1 || out.Results[0].Field != field || out.Results[0].Message == "" || out.Results[0].Hint == "" {
			t.Errorf("%s: %+v %v", body, out, err)
		}
		if strings.Contains(fmt.Sprint(out), canary) || len(r.calls)+len(r.obs) != 0 {
			t.Errorf("%s: %+v", body, out)
		}
	}
}

func TestWhatAStoreCouldNotTakeMayComeAgain(t *testing.T) {
	e, r := open()
	body := []byte(`{"key":"a","kind":"verdict","credential":"ci","place":"ci","outcome":"ok",` + at + `}`)
	r.fail = context.DeadlineExceeded
	if _, err := e.Take(t.Context(), body, now); err == nil {
		t.Error("it was taken")
	}
	r.fail = nil
	if out, err := e.Take(t.Context(), body, now); err != nil || out.Accepted != 1 || len(r.obs) != 1 || r.obs[0].Place != "ci" || r.obs[0].Gap != time.Hour {
		t.Errorf("%+v %v %+v", out, err, r.obs)
	}
}

// TestAnEventCountsOnceInAnyBatching: the same events in random batches, some repeated.
func TestAnEventCountsOnceInAnyBatching(t *testing.T) {
	for seed := range uint64(50) {
		chance := rand.New(rand.NewPCG(seed, 1))
		e, r := open()
		var all []client.Event
		for i := range 60 {
			all = append(all, client.Event{Key: fmt.Sprint(i), Kind: "call", Credential: "shop", At: client.EventTime(now.Add(-time.Duration(i) * time.Second)), HTTPStatus: 200})
		}
		all = append(all, all[:30]...)
		chance.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for len(all) > 0 {
			n := 1 + chance.IntN(len(all))
			var body []byte
			if chance.IntN(2) == 0 {
				body, _ = json.Marshal(all[:n])
			} else {
				for _, ev := range all[:n] {
					line, _ := json.Marshal(ev)
					body = append(append(body, line...), '\n')
				}
			}
			for range 1 + chance.IntN(2) {
				if _, err := e.Take(t.Context(), body, now); err != nil {
					t.Fatal(err)
				}
			}
			all = all[n:]
		}
		keys := map[string]int{}
		for _, c := range r.calls {
			keys[c.Key]++
		}
		if len(r.calls) != 60 || len(keys) != 60 {
			t.Errorf("seed %d: %d calls of %d events", seed, len(r.calls), len(keys))
		}
	}
}

func FuzzEvents(f *testing.F) {
	f.Add([]byte(`[{"key":"a","kind":"token","credential":"shop",` + at + `,"http_status":401,"error":"invalid_client"}]`))
	f.Add([]byte(`{"key":"a","kind":"verdict","credential":"ci","place":"ci","outcome":"ok",` + at + `,"steps":[{"name":"token","outcome":"ok"}]}`))
	f.Add([]byte("{\"key\":\"q\",\"kind\":\"queue\",\"credential\":\"ci\",\"holder\":\"x\"," + at + ",\"dependent\":{\"kind\":\"journey\",\"key\":\"welcome\"},\"depth\":5}\n{"))
	f.Fuzz(func(t *testing.T, body []byte) {
		e, r := open()
		out, err := e.Take(t.Context(), body, now)
		if err != nil {
			return
		}
		if len(out.Results) != out.Accepted+out.Repeated+out.Refused || out.Accepted != len(r.calls)+len(r.obs) {
			t.Errorf("%+v: %d calls, %d observations", out, len(r.calls), len(r.obs))
		}
	})
}

// Every event in the page is taken as it stands.
func TestDocumentedEventsAreTaken(t *testing.T) {
	page, err := os.ReadFile("../../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for i, part := range strings.Split(string(page), "```") {
		body, ok := strings.CutPrefix(part, "json\n")
		if !ok || i%2 == 0 {
			continue
		}
		n++
		e, _ := open()
		if out, err := e.Take(t.Context(), []byte(body), now); err != nil || out.Accepted != 1 {
			t.Errorf("%s: %+v %v", body, out, err)
		}
	}
	if n != 4 {
		t.Errorf("%d events were found", n)
	}
}
