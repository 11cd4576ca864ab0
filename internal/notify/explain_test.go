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

func (c chance) hour(t *testing.T) *Hour {
	t.Helper()
	zone, err := time.LoadLocation(pick(c, zones...))
	if err != nil {
		t.Fatal(err)
	}
	return &Hour{Day: c.IntN(8), At: time.Duration(c.IntN(24*60)) * time.Minute, Zone: zone}
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
		if c.IntN(6) == 0 {
			r.Digest = c.hour(t)
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

// story are the begins of incidents: one, a few in an hour, or a flood that swells.
func (c chance) story(at time.Time) []keepwatch.Notice {
	n, gap := 1, 0
	switch c.IntN(5) {
	case 0:
		n, gap = 2+c.IntN(6), 3600
	case 1:
		n, gap = 8+c.IntN(25), 1+c.IntN(120)
	}
	var out []keepwatch.Notice
	for i := range n {
		inc := c.incident(at)
		inc.ID, inc.DetectedAt, inc.Revision = keepwatch.IncidentID(fmt.Sprintf("inc-%02d", i)), at, 1
		if i == 0 {
			inc.ID = "inc" // that silences name
		}
		out = append(out, keepwatch.Notice{ID: keepwatch.NoticeIDOf(inc.ID, 1), Incident: inc, Kind: keepwatch.Opened, Seq: 1, At: at})
		if gap > 0 && c.IntN(3) > 0 {
			at = at.Add(time.Duration(c.IntN(gap)) * time.Second)
		}
	}
	return out
}

// telling is how one receiver heard of one incident.
type telling struct {
	at     time.Time
	bundle keepwatch.BundleKind // "" by itself
}

// tellings finds how receivers heard of an incident, and makes sure that each heard of
// it once: one row told it, and every other says why it did not.
func tellings(t *testing.T, box *memory, id keepwatch.IncidentID) map[string]telling {
	t.Helper()
	rows, err := box.Deliveries(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]telling{}
	for _, d := range rows {
		_, again := out[d.Receiver]
		switch {
		case d.Receiver == NoReceiver:
		case d.Status == keepwatch.DeliverySent && again:
			t.Errorf("%s: told twice", d.ID)
		case d.Status == keepwatch.DeliverySent:
			out[d.Receiver] = telling{d.SentAt.UTC().Truncate(time.Second), box.kindOf(d.Bundle)}
		case d.Status != keepwatch.DeliveryCollapsed || d.LastError == "":
			t.Errorf("%s is %s: %q", d.ID, d.Status, d.LastError)
		}
	}
	return out
}

func (m *memory) kindOf(bundle keepwatch.IncidentID) keepwatch.BundleKind {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b := m.bundles[bundle]; b != nil {
		return b.Kind
	}
	return ""
}

// disagrees compares what is explained of a receiver with how it heard. By itself and in
// a digest it is told at that moment, unless an earlier digest still waits for the hours; one that begins right after another message may wait a
// beat. A group that gathers already tells it sooner, and a storm when its turn comes: the
// explanation says of either that it may.
func disagrees(x Told, got telling, alone bool) string {
	want := x.At.UTC().Truncate(time.Second)
	late := got.at.Sub(want)
	switch got.bundle {
	case "":
		if late == 0 || !alone && late > 0 && late <= beat && strings.Contains(x.Why, "waits up to") {
			return ""
		}
		// A silence that takes an escalation out of a group gives it back alone.
		if !alone && late < 0 && strings.Contains(x.Why, "escalation") && strings.Contains(x.Why, "sooner") {
			return ""
		}
	case keepwatch.BundleDigest:
		if strings.Contains(x.Why, "digest") && (late == 0 || !alone && late < 0 && strings.Contains(x.Why, "sooner")) {
			return ""
		}
	case keepwatch.BundleGroup:
		silenced := strings.Contains(x.Why, ", until ") // it joins what gathers when the silence ends
		if (late == 0 || !alone && (late < 0 || silenced && late <= 2*time.Hour)) && strings.Contains(x.Why, "in one message with") {
			return ""
		}
	case keepwatch.BundleStorm:
		if !alone && strings.Contains(x.Why, "become one") {
			return ""
		}
	}
	return fmt.Sprintf("%s: explained %s (%s), told %s in a %q", x.Receiver, want, x.Why, got.at, got.bundle)
}

// coincide reports that an incident began in the very instant in which an earlier one was
// told of. Which of the two the pipeline sees first is open then, and a storm may begin one
// message sooner or later.
func coincide(story []keepwatch.Notice, in map[string]*inbox) bool {
	begins := map[keepwatch.IncidentID]time.Time{}
	for _, n := range story {
		begins[n.Incident.ID] = n.At
	}
	for _, box := range in {
		for _, m := range box.messages() {
			for id, at := range begins {
				if at.Equal(m.Now) && (len(m.Members) > 0 || !begins[m.Incident].Equal(at)) && id != m.Incident && at.After(story[0].At) {
					return true
				}
			}
		}
	}
	return false
}

func without(list, others []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(others, s) })
}

// For any configuration, clock and number of incidents: each receiver hears of an
// incident exactly once or not at all, by itself or together with others, and it is as the
// explanation says: who, when, and by which rule. And what is foreseen is what is sent,
// message by message. Times include both changes of the clocks in six zones.
func TestExplanationsAgreeWithWhatIsSent(t *testing.T) {
	n := 400
	if os.Getenv("KEEPWATCH_CAMPAIGN") == "1" {
		n = 10_000
	}
	receivers := []string{"a", "b", "c", "d", "e"}
	count := map[string]int{}
	for seed := range n {
		synctest.Test(t, func(t *testing.T) {
			c := chance{rand.New(rand.NewPCG(uint64(seed), 19))}
			at := c.at()
			time.Sleep(time.Until(at))
			in, box := map[string]*inbox{}, newMemory()
			setup := Setup{Routes: c.routes(t, receivers), Directory: estate()}
			for _, r := range receivers {
				in[r] = &inbox{}
				setup.Receivers = append(setup.Receivers, Receiver{Name: r, Channel: "webhook", Sender: in[r], Pace: pick(c, DefaultPace, DefaultPace, Pace{}, Pace{Count: 1 + c.IntN(40), Within: time.Duration(1+c.IntN(30)) * time.Minute})})
			}
			setup.Mutes = c.mutes(t, at)
			story := c.story(at)
			p := New(Options{Outbox: box, Woken: box.woken, Poll: 90 * 24 * time.Hour}, setup)
			p.Start()
			for rest := story; len(rest) > 0; {
				time.Sleep(time.Until(rest[0].At))
				k := 1
				for k < len(rest) && rest[k].At.Equal(rest[0].At) {
					k++
				}
				box.add(rest[:k]...)
				rest = rest[k:]
				synctest.Wait()
			}
			time.Sleep(60 * 24 * time.Hour)
			synctest.Wait()
			if err := p.Stop(t.Context()); err != nil {
				t.Error(err)
			}
			for _, notice := range story {
				said := Explain(setup, nil, notice.Incident, notice.At)
				heard := tellings(t, box, notice.Incident.ID)
				for _, x := range said.Told {
					got, ok := heard[x.Receiver]
					if !ok {
						t.Errorf("seed %d: %s was not told of %s: %+v", seed, x.Receiver, notice.Incident.ID, x)
						continue
					}
					if why := disagrees(x, got, len(story) == 1); why != "" {
						t.Errorf("seed %d at %s, %s: %s\n%+v", seed, at, notice.Incident.ID, why, setup)
					}
					delete(heard, x.Receiver)
					count["told"]++
					count[string(got.bundle)]++
					if strings.Contains(x.Why, "until ") {
						count["held"]++
					}
				}
				if len(heard) > 0 {
					t.Errorf("seed %d: told of %s, and nothing explains it: %v", seed, notice.Incident.ID, heard)
				}
				for _, r := range receivers {
					explained := slices.ContainsFunc(said.Told, func(x Told) bool { return x.Receiver == r }) || slices.ContainsFunc(said.Others, func(o Other) bool { return o.Name == r && o.Why != "" })
					if !explained {
						t.Errorf("seed %d: nothing is said of %s", seed, r)
					}
				}
				if dead := box.row(keepwatch.DeliveryIDOf(notice.ID, NoReceiver)).Status == keepwatch.DeliveryDead; (said.Nobody != "") != (len(said.Told) == 0) || dead != (said.Nobody != "") {
					t.Errorf("seed %d: %q, told %v", seed, said.Nobody, said.Told)
				}
				if said.Nobody != "" {
					count["nobody"]++
				}
			}
			if coincide(story, in) {
				return
			}
			count["compared"]++
			var want, got []string
			for _, f := range Foresee(story, setup, time.Now()) {
				want = append(want, fmt.Sprint(f.Receiver, " ", f.At.UTC().Format(time.RFC3339), " ", f.Kind, " ", f.Incidents))
			}
			for _, r := range receivers {
				for _, m := range in[r].messages() {
					got = append(got, fmt.Sprint(r, " ", m.Now.UTC().Format(time.RFC3339), " ", m.Kind, " ", max(1, len(m.Members)+m.More)))
				}
			}
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(want, got) {
				t.Errorf("seed %d: foreseen only\n%s\nsent only\n%s\n%+v", seed, strings.Join(without(want, got), "\n"), strings.Join(without(got, want), "\n"), setup)
			}
		})
		if t.Failed() {
			return
		}
	}
	t.Logf("%d configurations: %v", n, count)
	for kind, least := range map[string]int{"told": 3 * n, "held": n / 10, "nobody": n / 10, "": n, "group": n / 10, "storm": n / 10, "digest": n / 10, "compared": n / 2} {
		if count[kind] < least {
			t.Errorf("too little happens: %q %d times, want %d at least", kind, count[kind], least)
		}
	}
}
