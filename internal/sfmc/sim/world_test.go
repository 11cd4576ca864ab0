package sim

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc/sim/world"
)

var monday = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// alive is a rig whose time is set by hand, with a world around one client.
type alive struct {
	*rig
	now time.Time
}

const shopID = "shopclient00000000000000"

func newAlive(t *testing.T, spec world.Spec) *alive {
	t.Helper()
	a := &alive{now: monday}
	a.rig = newRig(t, Options{
		Now: func() time.Time { return a.now }, TokenLife: 1000 * time.Hour,
		Clients: []ClientSpec{{ClientID: shopID, Secret: "open", MID: germany, EID: eid, BusinessUnits: []keepwatch.MID{france}}},
		World:   &spec,
	})
	return a
}

func (a *alive) pass(d time.Duration) { a.now = a.now.Add(d) }

func (a *alive) do2(subject, verb string, more ...func(*world.Deed)) {
	a.t.Helper()
	d := world.Deed{Subject: subject, Verb: verb, By: "jane"}
	for _, m := range more {
		m(&d)
	}
	if err := a.sim.Do(d); err != nil {
		a.t.Fatal(err)
	}
}

// shop is the smallest estate with everything on one credential.
func shop(callers ...func(*world.Caller)) world.Spec {
	c := world.Caller{Name: "shop", ClientID: shopID}
	for _, change := range callers {
		change(&c)
	}
	even := func(perDay float64) world.Volume { return world.Volume{PerDay: perDay, Noise: world.NoiseNone} }
	return world.Spec{
		Seed: 1, Callers: []world.Caller{c},
		Extensions: []world.Extension{{Key: "Orders", Writer: "shop", Volume: even(14_400), Rows: 1000, Timestamp: "ModifiedDate"}},
		Sends: []world.Send{
			{Kind: keepwatch.SubjectTransactionalEmail, Key: "receipt", Caller: "shop", Volume: even(7200), PerMinute: 20},
			{Kind: keepwatch.SubjectTransactionalSMS, Key: "parcel", Caller: "shop", Volume: even(1440)},
			{Kind: keepwatch.SubjectTriggeredSend, Key: "reset", Caller: "shop", Volume: even(1440)},
		},
		Journeys: []world.Journey{{
			Key: "welcome", Entry: world.Entry{Caller: "shop", Volume: even(10_000)},
			Steps: []world.Step{{Name: "wait", Dwell: world.Duration(2 * time.Hour)}, {Name: "crm", Kind: "rest"}, {Name: "mail", Kind: "emailv2", Send: "reset"}},
		}},
	}
}

// Ten thousand contacts a day and a credential that is dead for four hours: 1,667
// contacts are late or lost, as the holder does it.
func TestFourHoursDead(t *testing.T) {
	for _, c := range []struct {
		onFailure     string
		delayed, lost int
	}{{"late", 1667, 0}, {"lost", 0, 1667}} {
		t.Run(c.onFailure, func(t *testing.T) {
			a := newAlive(t, shop(func(s *world.Caller) { s.OnFailure, s.ReplayPerMinute = c.onFailure, 60 }))
			a.pass(10 * time.Hour)
			died := a.now
			a.sim.Expire(shopID)
			a.pass(4 * time.Hour)
			mid := a.sim.Truth()
			back := a.now
			a.sim.SetSecret(shopID, "open")
			a.pass(3 * time.Hour)

			truth := a.sim.Truth()
			near := func(what string, got, want int) {
				t.Helper()
				if got < want-1 || got > want+1 {
					t.Errorf("%s = %d, want %d", what, got, want)
				}
			}
			near("delayed", truth.Delayed("journey/welcome", died, back), c.delayed)
			near("lost", truth.LostIn("journey/welcome", died, back), c.lost)
			near("cause", truth.ByCause("journey/welcome", died, back)[keepwatch.CauseCredential], 1667)
			near("before", truth.Count("journey/welcome", monday, died, world.OnTime), 4166)
			near("after", truth.Count("journey/welcome", back, truth.At), 1250)
			near("waiting at the end of it", mid.Count("journey/welcome", died, back, world.Waiting), c.delayed)
			equal(t, "stale", truth.HoursStale("data_extension/Orders", died, back), 4)
			n := 0
			for contact := range truth.Contacts("journey/welcome") {
				if n++; contact.Number != n || contact.Count != 1 {
					t.Fatalf("contact %+v", contact)
				}
				if contact.Fate == world.Late && (!contact.Done.After(contact.Due) || contact.Why.By != "shop" || !strings.Contains(contact.Why.Detail, "authentication failed")) {
					t.Fatalf("late contact %+v", contact)
				}
			}
			near("contacts", n, truth.Count("journey/welcome", monday, truth.At))
		})
	}
}

// Whatever the simulator refuses, it refuses the caller: there is no second judgement.
func TestCallersAreJudgedAsRequestsAre(t *testing.T) {
	for name, c := range map[string]struct {
		harm func(*alive)
		mend func(*alive)
		kind keepwatch.CauseKind
	}{
		"disabled":     {func(a *alive) { a.sim.Disable(shopID) }, func(a *alive) { a.sim.Enable(shopID) }, keepwatch.CauseCredential},
		"deleted":      {func(a *alive) { a.sim.Delete(shopID) }, nil, keepwatch.CauseCredential},
		"rotated":      {func(a *alive) { a.sim.SetSecret(shopID, "new") }, func(a *alive) { a.do2("caller/shop", "learn") }, keepwatch.CauseCredential},
		"scope":        {func(a *alive) { a.sim.SetScopes(shopID, "email_send") }, func(a *alive) { a.sim.SetScopes(shopID, TypicalScopes()...) }, keepwatch.CauseCredential},
		"allowlist":    {func(a *alive) { a.sim.SetAllowlist(shopID, "192.0.2.1") }, func(a *alive) { a.sim.SetAllowlist(shopID, "203.0.113.0/24") }, keepwatch.CausePlace},
		"token fault":  {func(a *alive) { a.sim.Inject(Fault{Name: "bad_secret", ClientID: shopID}) }, func(a *alive) { a.sim.ClearAll() }, keepwatch.CauseCredential},
		"REST fault":   {func(a *alive) { a.sim.Inject(Fault{Name: "rest_unavailable"}) }, func(a *alive) { a.sim.ClearAll() }, keepwatch.CausePlatform},
		"route fault":  {func(a *alive) { a.sim.Inject(Fault{Name: "rest_server_error", On: "/interaction/v1/events"}) }, func(a *alive) { a.sim.ClearAll() }, keepwatch.CausePlatform},
		"wire fault":   {func(a *alive) { a.sim.Inject(Fault{Name: "hang", On: "token"}) }, func(a *alive) { a.sim.ClearAll() }, keepwatch.CausePlatform},
		"blocked":      {func(a *alive) { a.sim.Inject(Fault{Name: "ip_blocked", From: "203.0.113.10"}) }, func(a *alive) { a.sim.ClearAll() }, keepwatch.CausePlace},
		"maintenance":  {func(a *alive) { a.sim.Configure(func(s *Settings) { s.Maintenance = true }) }, func(a *alive) { a.sim.Configure(func(s *Settings) { s.Maintenance = false }) }, keepwatch.CausePlatform},
		"timed fault":  {func(a *alive) { a.sim.Inject(Fault{Name: "bad_secret", For: Duration(time.Hour)}) }, func(*alive) {}, keepwatch.CauseCredential},
		"silent":       {func(a *alive) { a.do2("caller/shop", "silence") }, func(a *alive) { a.do2("caller/shop", "resume") }, keepwatch.CauseHolderSilent},
		"old age":      {func(a *alive) { a.sim.SetGenerated(shopID, a.now.Add(-secretLife)) }, func(a *alive) { a.sim.SetGenerated(shopID, a.now) }, keepwatch.CauseCredential},
		"harmless":     {func(a *alive) { a.sim.Inject(Fault{Name: "slow"}) }, func(*alive) {}, ""},
		"someone else": {func(a *alive) { a.sim.Inject(Fault{Name: "bad_secret", ClientID: "other"}) }, func(*alive) {}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAlive(t, shop())
			a.pass(time.Hour)
			from := a.now
			c.harm(a)
			a.pass(time.Hour)
			to := a.now
			if c.mend != nil {
				c.mend(a)
				a.pass(time.Hour)
			}
			truth := a.sim.Truth()
			want := 417
			if c.kind == "" {
				want = 0
			}
			if got := truth.ByCause("journey/welcome", from, to)[c.kind]; got < want-1 || got > want+1 {
				t.Errorf("%d for %q, want %d; all: %v", got, c.kind, want, truth.ByCause("journey/welcome", monday, truth.At))
			}
			if late := truth.Count("journey/welcome", to, truth.At, world.Late, world.Waiting, world.Lost); late != 0 && c.mend != nil {
				t.Errorf("%d are late afterwards", late)
			}
		})
	}
}

// A grant for one business unit says nothing of another.
func TestCallersNeedTheirBusinessUnit(t *testing.T) {
	a := newAlive(t, shop(func(c *world.Caller) { c.Unit = france }))
	a.pass(time.Hour)
	a.sim.SetBusinessUnits(shopID)
	from := a.now
	a.pass(time.Hour)
	got := a.sim.Truth().ByCause("journey/welcome", from, a.now)
	if got[keepwatch.CauseCredential] < 416 {
		t.Errorf("causes %v", got)
	}
}

// API users go by SOAP, legacy packages by the old endpoint.
func TestCallersOfEveryKind(t *testing.T) {
	for kind, harm := range map[keepwatch.Kind]func(*Sim){
		keepwatch.APIUser:       func(s *Sim) { s.Lock("x") },
		keepwatch.LegacyPackage: func(s *Sim) { s.Disable("x") },
		keepwatch.WebApp:        func(s *Sim) { s.Expire("x") },
	} {
		t.Run(string(kind), func(t *testing.T) {
			now := monday
			s := New(Options{Now: func() time.Time { return now }, Clients: []ClientSpec{{ClientID: "x", Secret: "s", Kind: kind, MID: germany, EID: eid}}})
			spec := shop(func(c *world.Caller) { c.ClientID = "x" })
			if err := s.AddWorld(spec); err != nil {
				t.Fatal(err)
			}
			now = now.Add(time.Hour)
			if late := s.Truth().Count("journey/welcome", monday, now, world.Waiting, world.Late); late != 0 {
				t.Fatalf("%d wait on a good day: %v", late, s.Truth().ByCause("journey/welcome", monday, now))
			}
			harm(s)
			now = now.Add(time.Hour)
			if got := s.Truth().ByCause("journey/welcome", monday, now)[keepwatch.CauseCredential]; got < 416 {
				t.Errorf("%d wait for the credential", got)
			}
		})
	}
}

// The same seed and the same deeds give the same world, however often it is asked.
func TestTheWorldDoesNotDependOnWhenItIsAsked(t *testing.T) {
	spec := shop()
	spec.Journeys[0].Entry.Volume = world.Volume{PerDay: 10_000, Noise: world.NoiseNB, Shape: world.ShapeDay}
	tell := func(step time.Duration) string {
		a := newAlive(t, spec)
		for until := monday.Add(30 * time.Hour); a.now.Before(until); a.pass(step) {
			if a.now.Equal(monday.Add(10 * time.Hour)) {
				a.sim.Inject(Fault{Name: "bad_secret", For: Duration(150*time.Minute + 20*time.Second)})
			}
			a.sim.Faults()
		}
		return fmt.Sprint(a.sim.Truth().Of("journey/welcome").Lots)
	}
	if tell(5*time.Hour) != tell(30*time.Second) {
		t.Error("asking changed it")
	}
}

// The world lives by the clock of a bubble.
func TestTheWorldInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := shop()
		r, _ := newPipeRig(t, Options{Clients: []ClientSpec{{ClientID: shopID, Secret: "open", MID: germany, EID: eid}}, World: &spec})
		begin := time.Now()
		time.Sleep(24 * time.Hour)
		equal(t, "contacts", r.sim.Truth().Count("journey/welcome", begin, time.Now()), 10_000)
	})
}

func TestPace(t *testing.T) {
	a := newAlive(t, shop())
	if err := a.sim.Pace(60, time.Hour); err != nil {
		t.Fatal(err)
	}
	a.pass(time.Minute)
	equal(t, "time", a.sim.State().Now, monday.Add(2*time.Hour))
	equal(t, "lived", a.sim.Truth().At, monday.Add(2*time.Hour))
	if a.sim.Pace(0, 0) == nil || a.sim.Pace(1, -1) == nil {
		t.Error("time may not stand still or go back")
	}
}
