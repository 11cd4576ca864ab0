package notify

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
	"keepwatch/internal/calendar"
)

// chance makes configurations, clocks and incidents.
type chance struct{ *rand.Rand }

func pick[T any](c chance, list ...T) T { return list[c.IntN(len(list))] }

func (c chance) some(names []string, most int) []string {
	var out []string
	for range 1 + c.IntN(most) {
		if n := pick(c, names...); !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

var zones = []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Chatham", "UTC"}

func (c chance) hours(t *testing.T) *calendar.Calendar {
	t.Helper()
	s := calendar.Spec{Name: "h", Timezone: pick(c, zones...), Hours: pick(c, "mon-fri 08:00-18:00", "daily 01:30-02:30", "sun 00:00-24:00", "daily 22:00-06:00", "mon-fri 08:00-12:00; sat 02:00-03:00")}
	cal, err := calendar.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return cal
}

func (c chance) match() Match {
	var m Match
	for _, set := range []func(){
		func() { m.Criticality = c.some([]string{"transactional", "standard", "reporting"}, 2) },
		func() { m.Tenant = c.some([]string{"emea", "us"}, 1) },
		func() { m.Owner = c.some([]string{"crm-platform", "analytics", "shop"}, 2) },
		func() { m.Severity = c.some([]string{"critical", "warning"}, 1) },
		func() { m.Credential = c.some([]string{"crm-sync", "weekly-report", "us-shop"}, 2) },
		func() { m.Outcome = c.some([]string{"bad_secret_or_package", "scope_missing"}, 2) },
	} {
		if c.IntN(5) == 0 {
			set()
		}
	}
	return m
}

func (c chance) routes(t *testing.T, receivers []string) Routes {
	t.Helper()
	out := make(Routes, c.IntN(5))
	for i := range out {
		r := Route{Match: c.match(), To: c.some(receivers, 3), Continue: c.IntN(2) == 0}
		if c.IntN(2) == 0 {
			r.Wait = time.Duration(c.IntN(7200)) * time.Second
		}
		if c.IntN(2) == 0 {
			r.OnlyIn = c.hours(t)
			if c.IntN(2) == 0 {
				r.Otherwise = c.some(receivers, 2)
			}
		}
		if c.IntN(3) == 0 {
			r.GroupBy = c.some(GroupFacts, 3)
		}
		for range c.IntN(3) {
			r.Escalate = append(r.Escalate, Escalation{After: time.Duration(1+c.IntN(36000)) * time.Second, To: c.some(receivers, 2)})
		}
		out[i] = r
	}
	return out
}

// at is a moment of two years, half of the time within a day of a change of clocks.
func (c chance) at() time.Time {
	if c.IntN(2) == 0 {
		change := pick(c, "2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z", "2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z", "2026-04-04T15:00:00Z", "2026-10-03T15:30:00Z")
		t, _ := time.Parse(time.RFC3339, change)
		return t.Add(time.Duration(c.IntN(2*86400)-86400) * time.Second)
	}
	return time.Date(2026, 1, 1, 0, 0, c.IntN(2*365*86400), 0, time.UTC)
}

func (c chance) mutes(t *testing.T, at time.Time) []Mute {
	t.Helper()
	var list []keepwatch.Silence
	for i := range c.IntN(4) {
		from := at.Add(time.Duration(c.IntN(48)-36) * time.Hour)
		s := keepwatch.Silence{ID: fmt.Sprint("s", i), Kind: keepwatch.Silenced, Match: c.match(), Owner: "ada", Reason: "test", From: from, Until: from.Add(time.Duration(1+c.IntN(60)) * time.Hour)}
		switch c.IntN(4) {
		case 0:
			s.Kind, s.Timezone, s.Hours = keepwatch.Maintained, pick(c, zones...), pick(c, "daily 02:00-03:00", "sun 00:30-04:00", "daily 00:00-24:00")
			s.Until = from.Add(240 * time.Hour)
		case 1:
			s.Kind, s.Incident, s.Match = keepwatch.Snoozed, pick[keepwatch.IncidentID](c, "inc", "other"), Match{}
		case 2:
			s.EndedAt = from.Add(time.Duration(c.IntN(30)) * time.Hour)
		}
		list = append(list, s)
	}
	return MutesOf(list, func(s keepwatch.Silence, err error) { t.Fatalf("%+v: %v", s, err) })
}

func (c chance) incident(at time.Time) keepwatch.Incident {
	inc := newTale("inc", at).inc
	inc.Credential = pick[keepwatch.CredentialID](c, "crm-sync", "weekly-report", "us-shop", "nobody-knows-it")
	if cred, ok := estate()[inc.Credential]; ok {
		inc.Tenant = cred.Tenant
	}
	inc.Outcome, inc.Severity = pick(c, keepwatch.BadSecretOrPackage, keepwatch.ScopeMissing), pick(c, keepwatch.SeverityCritical, keepwatch.SeverityWarning)
	inc.Members = []keepwatch.Member{{Credential: inc.Credential}}
	return inc
}

// For any configuration and clock: each receiver hears of an incident exactly once or
// not at all, and it is as the explanation says: who, when, and by which rule. Times
// include both changes of the clocks in six zones.
func TestExplanationsAgreeWithWhatIsSent(t *testing.T) {
	n := 400
	if os.Getenv("KEEPWATCH_CAMPAIGN") == "1" {
		n = 10_000
	}
	receivers := []string{"a", "b", "c", "d", "e"}
	told, held, nobody := 0, 0, 0
	for seed := range n {
		synctest.Test(t, func(t *testing.T) {
			c := chance{rand.New(rand.NewPCG(uint64(seed), 19))}
			at := c.at()
			time.Sleep(time.Until(at))
			in, box := map[string]*inbox{}, newMemory()
			setup := Setup{Routes: c.routes(t, receivers), Directory: estate()}
			for _, r := range receivers {
				in[r] = &inbox{}
				setup.Receivers = append(setup.Receivers, Receiver{Name: r, Channel: "webhook", Sender: in[r], Pace: DefaultPace})
			}
			mutes := c.mutes(t, at)
			inc := c.incident(at)
			said := Explain(setup, mutes, inc, at)
			p := New(Options{Outbox: box, Woken: box.woken, Poll: 90 * 24 * time.Hour}, setup)
			p.Mute(mutes)
			p.Start()
			box.add(keepwatch.Notice{ID: "inc.1", Incident: inc, Kind: keepwatch.Opened, Seq: 1, At: at})
			time.Sleep(60 * 24 * time.Hour)
			synctest.Wait()
			if err := p.Stop(t.Context()); err != nil {
				t.Error(err)
			}
			var want, got []string
			for _, x := range said.Told {
				want = append(want, x.Receiver+" "+x.At.UTC().Format(time.RFC3339))
				if strings.Contains(x.Why, "until ") {
					held++
				}
				told++
			}
			for _, r := range receivers {
				for _, m := range in[r].messages() {
					got = append(got, r+" "+m.Now.UTC().Truncate(time.Second).Format(time.RFC3339))
				}
				explained := slices.ContainsFunc(said.Told, func(x Told) bool { return x.Receiver == r }) || slices.ContainsFunc(said.Others, func(o Other) bool { return o.Name == r && o.Why != "" })
				if !explained {
					t.Errorf("seed %d: nothing is said of %s", seed, r)
				}
			}
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(want, got) {
				t.Errorf("seed %d at %s: explained %v, sent %v\n%+v\nroutes %+v\nmutes %+v", seed, at, want, got, said, setup.Routes, mutes)
			}
			if (said.Nobody != "") != (len(want) == 0) || said.Nobody != "" && box.row(keepwatch.DeliveryIDOf("inc.1", NoReceiver)).Status != keepwatch.DeliveryDead {
				t.Errorf("seed %d: %q, told %v", seed, said.Nobody, want)
			}
			if said.Nobody != "" {
				nobody++
			}
		})
		if t.Failed() {
			return
		}
	}
	t.Logf("%d configurations: %d messages, %d of them held back, %d times nobody", n, told, held, nobody)
	if told < n || held < n/20 || nobody < n/20 {
		t.Errorf("too little happens: %d messages, %d held back, %d times nobody", told, held, nobody)
	}
}
