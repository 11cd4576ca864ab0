package notify

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
	"keepwatch/internal/calendar"
)

func silenceOf(change func(*keepwatch.Silence)) Mute {
	s := keepwatch.Silence{ID: "s", Kind: keepwatch.Silenced, Match: Match{Credential: []string{"crm-sync"}}, Owner: "ada", Reason: "known", From: t0, Until: t0.Add(2 * time.Hour)}
	change(&s)
	m, err := MuteOf(s)
	if err != nil {
		panic(err)
	}
	return m
}

func TestMutes(t *testing.T) {
	crm := factsOf(newTale("inc", t0).inc)
	sunday := time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC) // clocks go back in Berlin at 01:00 UTC
	night := func(s *keepwatch.Silence) {
		s.Kind, s.Timezone, s.Hours = keepwatch.Maintained, "Europe/Berlin", "sun 01:30-03:30"
		s.From, s.Until = sunday.AddDate(0, 0, -30), sunday.AddDate(0, 0, 30)
	}
	same := func(*keepwatch.Silence) {}
	for name, tt := range map[string]struct {
		change func(*keepwatch.Silence)
		at     time.Time
		until  time.Time // zero: not muted
	}{
		"within":                  {same, t0.Add(time.Minute), t0.Add(2 * time.Hour)},
		"at its first moment":     {same, t0, t0.Add(2 * time.Hour)},
		"before it":               {same, t0.Add(-time.Second), time.Time{}},
		"at its end":              {same, t0.Add(2 * time.Hour), time.Time{}},
		"ended early":             {func(s *keepwatch.Silence) { s.EndedAt = t0.Add(time.Hour) }, t0.Add(90 * time.Minute), time.Time{}},
		"will have ended early":   {func(s *keepwatch.Silence) { s.EndedAt = t0.Add(time.Hour) }, t0.Add(30 * time.Minute), t0.Add(time.Hour)},
		"of another credential":   {func(s *keepwatch.Silence) { s.Match.Credential = []string{"us-shop"} }, t0, time.Time{}},
		"of the incident":         {func(s *keepwatch.Silence) { s.Match, s.Incident = Match{}, "inc" }, t0, t0.Add(2 * time.Hour)},
		"of another incident":     {func(s *keepwatch.Silence) { s.Match, s.Incident = Match{}, "other" }, t0, time.Time{}},
		"maintenance in winter":   {night, sunday.AddDate(0, 0, 7).Add(time.Hour), sunday.AddDate(0, 0, 7).Add(2*time.Hour + 30*time.Minute)},
		"maintenance in summer":   {night, sunday.AddDate(0, 0, -7), sunday.AddDate(0, 0, -7).Add(time.Hour + 30*time.Minute)},
		"not yet in summer":       {night, sunday.AddDate(0, 0, -7).Add(-31 * time.Minute), time.Time{}},
		"the hour that is twice":  {night, sunday.Add(90 * time.Minute), sunday.Add(2*time.Hour + 30*time.Minute)},
		"the day after":           {night, sunday.Add(25 * time.Hour), time.Time{}},
		"after the last of them":  {night, sunday.AddDate(0, 0, 35), time.Time{}},
		"without an end, not one": {func(s *keepwatch.Silence) { s.Until = time.Time{} }, t0, time.Time{}},
	} {
		until, ok := silenceOf(tt.change).until(crm, tt.at)
		if ok != !tt.until.IsZero() || !until.Equal(tt.until) {
			t.Errorf("%s: %v until %s, want %s", name, ok, until, tt.until)
		}
	}
	if got := MutesOf([]keepwatch.Silence{{Hours: "never"}, {Hours: "mon-fri 08:00-18:00", Timezone: "Mars/Olympus"}}, func(keepwatch.Silence, error) {}); len(got) != 0 {
		t.Errorf("%d of two that cannot be read", len(got))
	}
}

func TestSilenceNeedsOwnerReasonAndEnd(t *testing.T) {
	good := silenceOf(func(*keepwatch.Silence) {}).Silence
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*keepwatch.Silence){
		"owner": func(s *keepwatch.Silence) { s.Owner = "" }, "reason": func(s *keepwatch.Silence) { s.Reason = "" }, "end": func(s *keepwatch.Silence) { s.Until = time.Time{} },
		"order": func(s *keepwatch.Silence) { s.Until = s.From }, "a year": func(s *keepwatch.Silence) { s.Until = s.From.AddDate(2, 0, 0) }, "everything": func(s *keepwatch.Silence) { s.Match = Match{} },
		"kind": func(s *keepwatch.Silence) { s.Kind = "mute" }, "snooze": func(s *keepwatch.Silence) { s.Kind = keepwatch.Snoozed }, "hours": func(s *keepwatch.Silence) { s.Hours = "sun 02:00-04:00" },
	} {
		s := good
		change(&s)
		if err := s.Check(); err == nil || keepwatch.HintOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// quiet runs a pipeline under silences.
func quiet(t *testing.T, routes Routes, mutes []Mute, names ...string) *bench {
	b := start(t, routes, names...)
	b.pipe.Mute(mutes)
	return b
}

func forHours(n int) Mute {
	now := time.Now()
	return silenceOf(func(s *keepwatch.Silence) {
		s.From, s.Until = now.Add(-time.Minute), now.Add(time.Duration(n)*time.Hour)
	})
}

// What still lasts at the end of a silence is told then; what came and went is not,
// and its rows say why.
func TestSilenceHoldsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := quiet(t, toOps, []Mute{forHours(2)}, "ops")
		lasting, over := newTale("lasting", time.Now()), newTale("over", time.Now())
		b.box.add(lasting.next(keepwatch.Opened, time.Now()), over.next(keepwatch.Opened, time.Now()))
		b.after(time.Hour)
		b.box.add(lasting.next(keepwatch.Changed, time.Now()), over.next(keepwatch.Resolved, time.Now()))
		b.after(59 * time.Minute)
		b.wantKinds("ops")
		if d := b.box.row("lasting.1:ops"); d.Status != keepwatch.DeliveryCollapsed || !strings.HasPrefix(d.LastError, "held back: silenced by ada: known, until ") {
			t.Errorf("%+v", d)
		}
		b.after(2 * time.Minute)
		b.wantKinds("ops", keepwatch.Opened) // the change was never told apart from the begin
		for _, id := range []keepwatch.DeliveryID{"over.1:ops~1", "over.2:ops~1"} {
			if d := b.box.row(id); d.Status != keepwatch.DeliveryCollapsed {
				t.Errorf("%s: %+v", id, d)
			}
		}
	})
}

// Who was told that it began is told that it ended, whatever was silenced since: a
// pager that rings has to be able to stop. A change is held back.
func TestEndPassesASilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := quiet(t, Routes{{To: []string{"ops"}, RepeatEvery: time.Hour}}, nil, "ops")
		s := newTale("inc", time.Now())
		b.box.add(s.next(keepwatch.Opened, time.Now()))
		b.after(time.Minute)
		b.pipe.Mute([]Mute{forHours(10)})
		b.box.add(s.next(keepwatch.Changed, time.Now()))
		b.after(3 * time.Hour)
		b.wantKinds("ops", keepwatch.Opened)
		b.box.add(s.next(keepwatch.Resolved, time.Now()))
		b.after(time.Minute)
		b.wantKinds("ops", keepwatch.Opened, keepwatch.Resolved)
		b.after(20 * time.Hour)
		b.wantKinds("ops", keepwatch.Opened, keepwatch.Resolved)
	})
}

// A silence that is ended early lets go at once what it held.
func TestSilenceEndedEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := quiet(t, toOps, []Mute{forHours(24)}, "ops")
		b.box.add(newTale("inc", time.Now()).next(keepwatch.Opened, time.Now()))
		b.after(time.Hour)
		b.pipe.Mute(nil)
		b.box.hasten(time.Now())
		b.after(time.Second)
		b.wantKinds("ops", keepwatch.Opened)
	})
}

// Outside the hours of a receiver a message waits, and what came and went is told in
// one message in the morning; somebody else is told at once where the route says so.
func TestHours(t *testing.T) {
	office, err := calendar.Parse(calendar.Spec{Name: "office", Timezone: "UTC", Hours: "daily 08:00-18:00"})
	if err != nil {
		t.Fatal(err)
	}
	reports := Match{Credential: []string{"weekly-report"}}
	synctest.Test(t, func(t *testing.T) { // begins at midnight
		b := quiet(t, Routes{
			{Match: reports, To: []string{"team"}, OnlyIn: office, Continue: true},
			{Match: reports, To: []string{"desk"}, OnlyIn: office, Otherwise: []string{"duty"}},
			{To: []string{"any"}, OnlyIn: office},
		}, nil, "team", "desk", "duty", "any")
		quietly := func(id string) *tale {
			s := newTale(id, time.Now())
			s.inc.Credential, s.inc.Members = "weekly-report", nil
			return s
		}
		night, brief := quietly("night"), quietly("brief")
		urgent := newTale("urgent", time.Now())
		b.box.add(night.next(keepwatch.Opened, time.Now()), brief.next(keepwatch.Opened, time.Now()), urgent.next(keepwatch.Opened, time.Now()))
		b.after(time.Hour)
		b.box.add(brief.next(keepwatch.Resolved, time.Now()))
		b.after(time.Minute)
		b.wantKinds("team")
		b.wantKinds("desk")
		b.wantKinds("duty", keepwatch.Opened, keepwatch.Opened, keepwatch.Resolved)
		b.wantKinds("any", keepwatch.Opened) // transactional: at any hour
		b.after(7 * time.Hour)
		if got := slices.Sorted(slices.Values(b.in["team"].kinds())); !slices.Equal(got, []keepwatch.TransitionKind{keepwatch.Opened, keepwatch.Resolved}) {
			t.Errorf("in the morning %v", got)
		}
		b.wantKinds("desk")
	})
}

// Others are told of what nobody has acknowledged by then, once; and of its end.
func TestEscalation(t *testing.T) {
	routes := Routes{{To: []string{"ops"}, Escalate: []Escalation{{After: 15 * time.Minute, To: []string{"boss"}}, {After: time.Hour, To: []string{"chief", "ops"}}}}}
	synctest.Test(t, func(t *testing.T) {
		b := quiet(t, routes, nil, "ops", "boss", "chief")
		taken, over, left := newTale("taken", time.Now()), newTale("over", time.Now()), newTale("left", time.Now())
		b.box.add(taken.next(keepwatch.Opened, time.Now()), over.next(keepwatch.Opened, time.Now()), left.next(keepwatch.Opened, time.Now()))
		b.after(10 * time.Minute)
		b.box.add(taken.next(keepwatch.Acknowledged, time.Now()), over.next(keepwatch.Resolved, time.Now()))
		b.after(4 * time.Minute)
		b.wantKinds("boss")
		b.after(2 * time.Minute)
		b.wantKinds("boss", KindEscalation)
		b.after(time.Hour)
		b.wantKinds("chief", KindEscalation)
		b.box.add(left.next(keepwatch.Resolved, time.Now()))
		b.after(time.Minute)
		b.wantKinds("boss", KindEscalation, keepwatch.Resolved)
		b.wantKinds("chief", KindEscalation, keepwatch.Resolved)
		if got := b.in["boss"].messages()[0]; got.Incident != "left" || !strings.HasPrefix(got.Title, "[ESCALATED]") || got.Thread != "" {
			t.Errorf("%+v", got)
		}
		for id, reason := range map[keepwatch.DeliveryID]string{"taken.1:boss^1": "not needed: acknowledged", "over.1:boss^1": "not needed: resolved"} {
			if d := b.box.row(id); d.LastError != reason {
				t.Errorf("%s: %q", id, d.LastError)
			}
		}
	})
}

func TestMarks(t *testing.T) {
	d := keepwatch.Delivery{Notice: keepwatch.Notice{ID: "inc.1"}, Receiver: "ops"}
	for _, m := range []marks{{}, {1, 0, 0, 0}, {0, 2, 0, 0}, {0, 0, 3, 0}, {0, 0, 0, 4}, {1, 2, 3, 4}} {
		d.ID = m.id(d)
		if got := marksOf(d); got != m {
			t.Errorf("%s is read as %+v, want %+v", d.ID, got, m)
		}
	}
	for _, id := range []string{"inc.1:ops#", "inc.1:ops#x", "inc.1:ops2", "inc.1:ops~1#1"} {
		d.ID = keepwatch.DeliveryID(id)
		if got := marksOf(d); got != (marks{}) {
			t.Errorf("%s is read as %+v", id, got)
		}
	}
	if !slices.Equal([]bool{isMessage(d)}, []bool{true}) {
		t.Error("a strange id is no message")
	}
}

// What a receiver cannot be told is told its fallback: after a while, when it does not
// answer; at once, when it refuses for good. It hears of it all the same when it is
// back, and a fallback that fails as well goes round in no circle.
func TestFallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, toOps, "ops", "spare")
		setup := b.setup(toOps)
		for i := range setup.Receivers {
			setup.Receivers[i].Fallback = map[string]string{"ops": "spare", "spare": "ops"}[setup.Receivers[i].Name]
		}
		b.pipe.Use(setup)
		b.in["ops"].set(down)
		lasting := newTale("lasting", time.Now())
		b.box.add(lasting.next(keepwatch.Opened, time.Now()))
		b.after(4 * time.Minute)
		b.wantKinds("spare")
		b.after(6 * time.Minute)
		b.wantKinds("spare", keepwatch.Opened)
		b.box.add(lasting.next(keepwatch.Resolved, time.Now()))
		b.after(10 * time.Minute)
		b.wantKinds("spare", keepwatch.Opened, keepwatch.Resolved)
		b.in["ops"].set(nil)
		b.after(6 * time.Minute)
		b.wantKinds("ops", keepwatch.Resolved)

		b.in["ops"].set(func(Message) error { return Permanent(errors.New("no such channel")) })
		refused := newTale("refused", time.Now())
		b.box.add(refused.next(keepwatch.Opened, time.Now()))
		b.after(time.Minute)
		b.wantKinds("spare", keepwatch.Opened, keepwatch.Resolved, keepwatch.Opened)

		b.in["spare"].set(func(Message) error { return Permanent(errors.New("no such channel")) })
		both := newTale("both", time.Now())
		b.box.add(both.next(keepwatch.Opened, time.Now()))
		b.after(24 * time.Hour)
		if n := len(b.box.of("both")); n != 2 {
			t.Errorf("%d rows of one message", n)
		}
	})
}
