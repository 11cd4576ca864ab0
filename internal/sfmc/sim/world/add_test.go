package world

import (
	"errors"
	"testing"

	"keepwatch"
)

// What makes no sense is refused, and then nothing of the spec is added.
func TestSpecsAreChecked(t *testing.T) {
	journey := func(j Journey) Spec { return Spec{Journeys: []Journey{j}} }
	automation := func(a Automation) Spec { return Spec{Automations: []Automation{a}} }
	send := func(s Send) Spec { return Spec{Sends: []Send{s}} }
	for name, spec := range map[string]Spec{
		"no key":              journey(Journey{}),
		"slash":               journey(Journey{Key: "a/b"}),
		"period in an event":  journey(Journey{Key: "a", Entry: Entry{Event: "a.b"}}),
		"status":              journey(Journey{Key: "a", Status: "Running"}),
		"unknown caller":      journey(Journey{Key: "a", Entry: Entry{Caller: "nobody"}}),
		"unknown extension":   journey(Journey{Key: "a", Entry: Entry{Extension: "none"}}),
		"no extension":        journey(Journey{Key: "a", Entry: Entry{Schedule: Schedule{At: "01:00"}}}),
		"share":               journey(Journey{Key: "a", Entry: Entry{Meets: 2}}),
		"step":                journey(Journey{Key: "a", Steps: []Step{{Dwell: -1}}}),
		"unknown send":        journey(Journey{Key: "a", Steps: []Step{{Send: "none"}}}),
		"volume":              journey(Journey{Key: "a", Entry: Entry{Volume: Volume{PerDay: -1}}}),
		"shape":               journey(Journey{Key: "a", Entry: Entry{Volume: Volume{PerDay: 1, Shape: "round"}}}),
		"week":                journey(Journey{Key: "a", Entry: Entry{Volume: Volume{PerDay: 1, Week: []float64{1}}}}),
		"dates":               journey(Journey{Key: "a", Entry: Entry{Volume: Volume{PerDay: 1, Dates: map[string]float64{"soon": 1}}}}),
		"noise":               journey(Journey{Key: "a", Entry: Entry{Volume: Volume{PerDay: 1, Noise: "pink"}}}),
		"no steps":            automation(Automation{Key: "a"}),
		"nothing starts it":   automation(Automation{Key: "a", Steps: []Activity{{Kind: "script"}}}),
		"kind":                automation(Automation{Key: "a", Schedule: Schedule{At: "01:00"}, Steps: []Activity{{Kind: "magic"}}}),
		"no target":           automation(Automation{Key: "a", Schedule: Schedule{At: "01:00"}, Steps: []Activity{{Kind: "import"}}}),
		"blank":               automation(Automation{Key: "a", Schedule: Schedule{At: "01:00"}, Steps: []Activity{{Kind: "script", Blank: "maybe"}}}),
		"mode":                automation(Automation{Key: "a", Schedule: Schedule{At: "01:00"}, Steps: []Activity{{Kind: "script", Mode: "maybe"}}}),
		"schedule":            automation(Automation{Key: "a", Schedule: Schedule{Rule: "FREQ=SECONDLY"}, Steps: []Activity{{Kind: "script"}}}),
		"kind of a send":      send(Send{Kind: "letter", Key: "a"}),
		"status of a send":    send(Send{Kind: keepwatch.SubjectTriggeredSend, Key: "a", Status: "Paused"}),
		"pace":                send(Send{Kind: keepwatch.SubjectTriggeredSend, Key: "a", PerMinute: -1}),
		"rows":                {Extensions: []Extension{{Key: "a", Rows: -1}}},
		"updates":             {Extensions: []Extension{{Key: "a", Updates: 1.5}}},
		"no client":           {Callers: []Caller{{Name: "a"}}},
		"habit":               {Callers: []Caller{{Name: "a", ClientID: "x", OnFailure: "sometimes"}}},
		"twice":               {Extensions: []Extension{{Key: "a"}, {Key: "a"}}},
		"good and bad":        {Extensions: []Extension{{Key: "good"}, {Key: ""}}},
		"zone":                {Zone: "Mars/Base"},
		"a volume's own zone": journey(Journey{Key: "a", Entry: Entry{Volume: Volume{PerDay: 1, Zone: "Mars/Base"}}}),
		"too long ago":        {Since: monday.AddDate(-3, 0, 0)},
	} {
		w, err := New(spec, monday, nil)
		if err == nil {
			t.Errorf("%s: accepted", name)
		} else if !errors.Is(err, keepwatch.ErrInvalid) && !errors.Is(err, keepwatch.ErrConflict) {
			t.Errorf("%s: %v", name, err)
		}
		if w != nil {
			t.Errorf("%s: there is a world", name)
		}
	}
	w, err := New(Spec{Extensions: []Extension{{Key: "a"}}}, monday, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Add(Spec{Extensions: []Extension{{Key: "b"}, {Key: ""}}}); err == nil || len(w.Extensions(0)) != 1 {
		t.Errorf("half of it was added: %v", err)
	}
	if err := w.Add(Spec{Extensions: []Extension{{Key: "a"}}}); !errors.Is(err, keepwatch.ErrConflict) {
		t.Errorf("added twice: %v", err)
	}
	if err := w.Add(Spec{Extensions: make([]Extension, maxSubjects)}); !errors.Is(err, keepwatch.ErrInvalid) {
		t.Errorf("too many: %v", err)
	}
}

func TestDeedsAreChecked(t *testing.T) {
	spec := nightly(nil)
	more := posts(nil)
	spec.Callers, spec.Journeys = more.Callers, append(spec.Journeys, more.Journeys...)
	spec.Sends = mails(nil).Sends
	s := open(t, spec)
	for _, c := range []struct {
		d    Deed
		want error
	}{
		{Deed{Subject: "journey/nobody", Verb: "stop"}, keepwatch.ErrNotFound},
		{Deed{Subject: "planet/earth", Verb: "stop"}, keepwatch.ErrNotFound},
		{Deed{Subject: "", Verb: "stop"}, keepwatch.ErrNotFound},
		{Deed{Subject: "journey/welcome", Verb: "dance"}, keepwatch.ErrInvalid},
		{Deed{Subject: "automation/nightly", Verb: "dance"}, keepwatch.ErrInvalid},
		{Deed{Subject: "data_extension/Fresh", Verb: "dance"}, keepwatch.ErrInvalid},
		{Deed{Subject: "transactional_email/receipt", Verb: "dance"}, keepwatch.ErrInvalid},
		{Deed{Subject: "caller/shop", Verb: "dance"}, keepwatch.ErrInvalid},
		{Deed{Subject: "journey/welcome", Verb: "resume"}, keepwatch.ErrConflict},
		{Deed{Subject: "journey/welcome", Verb: "pause", Then: "Explode"}, keepwatch.ErrConflict},
		{Deed{Subject: "journey/welcome", Verb: "break", Step: 3, Mode: "refused"}, keepwatch.ErrInvalid},
		{Deed{Subject: "journey/welcome", Verb: "break", Step: 1, Mode: "payload"}, keepwatch.ErrInvalid},
		{Deed{Subject: "journey/welcome", Verb: "break", Share: 2}, keepwatch.ErrInvalid},
		{Deed{Subject: "automation/nightly", Verb: "resume"}, keepwatch.ErrConflict},
		{Deed{Subject: "automation/nightly", Verb: "stop"}, keepwatch.ErrConflict},
		{Deed{Subject: "automation/nightly", Verb: "break", Step: 9}, keepwatch.ErrInvalid},
		{Deed{Subject: "automation/nightly", Verb: "empty", Step: 2}, keepwatch.ErrInvalid},
		{Deed{Subject: "data_extension/Fresh", Verb: "purge", Rows: -1}, keepwatch.ErrInvalid},
	} {
		if err := s.w.Do(c.d); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c.d, err)
		}
	}
	for _, id := range s.truth().Subjects() {
		equal(t, id, len(s.truth().Of(id).Deeds), 0)
	}
}
