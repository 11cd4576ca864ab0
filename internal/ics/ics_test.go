package ics

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	ical "github.com/arran4/golang-ical"
	"github.com/google/go-cmp/cmp"

	"flag"

	"keepwatch"
)

var update = flag.Bool("update", false, "write the golden files anew")

var now = time.Date(2026, 11, 24, 10, 0, 0, 500, time.UTC)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func crm() keepwatch.Credential {
	return keepwatch.Credential{
		ID: "crm-sync", Tenant: "emea", Kind: keepwatch.ServerToServer, ClientID: "hidden-client", SecretRef: "env:HIDDEN",
		SecretGenerated: keepwatch.Day(2026, 6, 1), DatesConfirmed: keepwatch.Day(2026, 10, 1),
		Owner: keepwatch.Owner{Team: "crm", Contact: "crm@example.com"}, Purpose: "orders; returns, \"all\" \\ of them",
		Holders:    []keepwatch.Holder{{Name: "mulesoft", Contact: "hidden@example.com"}, {Name: "shop-backend"}},
		Renewal:    keepwatch.Renewal{Planned: keepwatch.Day(2026, 11, 26), Window: 36 * time.Hour, By: "Anna"},
		RunbookURL: "https://wiki.example.com/crm",
	}
}

func estateOf(z *time.Location, list ...keepwatch.Credential) Estate {
	return Estate{Credentials: list, Zone: func(keepwatch.CredentialID) *time.Location { return z }}
}

// memory plays the store: what an event said last, and only a higher sequence counts.
type memory map[string]keepwatch.FeedEvent

func (m memory) save(t testing.TB, events []keepwatch.FeedEvent) {
	t.Helper()
	for _, e := range events {
		if last, ok := m[e.UID]; ok && last.Sequence >= e.Sequence {
			t.Errorf("%s is said to change, but its sequence stays %d", e.UID, e.Sequence)
		}
		m[e.UID] = e
	}
}

func (m memory) render(t testing.TB, f Feed, e Estate, at time.Time) map[string]*ical.VEvent {
	t.Helper()
	file, changed := Render(f, e, m, at)
	m.save(t, changed)
	again, none := Render(f, e, m, at.Add(time.Hour))
	if len(none) != 0 || !bytes.Equal(file, again) {
		t.Errorf("an hour later, with nothing changed, the file is another one: %d changes", len(none))
	}
	return parse(t, file)
}

func parse(t testing.TB, file []byte) map[string]*ical.VEvent {
	t.Helper()
	if err := validate(file); err != nil {
		t.Fatalf("%v\n%s", err, file)
	}
	cal, err := ical.ParseCalendar(bytes.NewReader(file))
	if err != nil {
		t.Fatalf("%v\n%s", err, file)
	}
	out := map[string]*ical.VEvent{}
	for _, e := range cal.Events() {
		out[e.Id()] = e
	}
	return out
}

func value(e *ical.VEvent, p ical.ComponentProperty) string {
	if e == nil || e.GetProperty(p) == nil {
		return ""
	}
	return e.GetProperty(p).Value
}

var feed = Feed{BaseURL: "https://keepwatch.example.com"}

// The whole file, held against one that was looked at by eye.
func TestGolden(t *testing.T) {
	assumed := keepwatch.Credential{ID: "token", Tenant: "emea", Kind: keepwatch.PersonalAccessToken, SecretGenerated: keepwatch.Day(2026, 11, 10)}
	file, _ := Render(feed, estateOf(zone(t, "Europe/Berlin"), crm(), assumed), nil, now)
	if err := validate(file); err != nil {
		t.Error(err)
	}
	golden := filepath.Join("testdata", "feed.ics")
	if *update {
		if err := os.WriteFile(golden, file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(file)); diff != "" {
		t.Errorf("feed (-want +got):\n%s", diff)
	}
	for _, hidden := range []string{"hidden-client", "env:HIDDEN", "hidden@example.com", "crm@example.com"} {
		if bytes.Contains(file, []byte(hidden)) {
			t.Errorf("whoever has the address reads %s", hidden)
		}
	}
}

// Secrets of 2026-06-01 end on 2026-11-28, those of 2026-09-30 on 2027-03-29, on
// that civil day wherever the credential's calendar is.
func TestEndsOnItsCivilDay(t *testing.T) {
	for _, name := range []string{"UTC", "Europe/Berlin", "America/Los_Angeles", "Pacific/Kiritimati", "Pacific/Apia", "Asia/Kathmandu"} {
		for made, want := range map[keepwatch.Date]string{keepwatch.Day(2026, 6, 1): "20261128", keepwatch.Day(2026, 9, 30): "20270329"} {
			c := crm()
			c.SecretGenerated = made
			e := memory{}.render(t, feed, estateOf(zone(t, name), c), now)[uidOf("end", "crm-sync", "secret")]
			start, end := e.GetProperty(ical.ComponentPropertyDtStart), value(e, ical.ComponentPropertyDtEnd)
			first, _ := time.Parse("20060102", want)
			if start.Value != want || start.ICalParameters["VALUE"][0] != "DATE" || end != first.AddDate(0, 0, 1).Format("20060102") {
				t.Errorf("%s: generated %s ends on %s, not over before %s", name, made, start.Value, end)
			}
			if !strings.Contains(value(e, ical.ComponentPropertyDescription), "Date: derived, generated "+made.String()) {
				t.Errorf("the date does not say where it comes from: %s", value(e, ical.ComponentPropertyDescription))
			}
		}
	}
}

// An exact end is shown on its day in the zone, with the time in words.
func TestExactEnd(t *testing.T) {
	c := keepwatch.Credential{ID: "tls", Kind: keepwatch.Certificate}
	estate := estateOf(zone(t, "Asia/Tokyo"), c)
	check := keepwatch.CheckOf(keepwatch.CheckExpiry, "tls")
	estate.Series = []keepwatch.Series{
		{Check: check, Credential: "tls", Last: keepwatch.Observation{Due: &keepwatch.Due{Clock: keepwatch.Clock{
			Name: "certificate", Kind: keepwatch.ClockHard, At: time.Date(2027, 1, 31, 20, 0, 0, 0, time.UTC), Source: keepwatch.DateRead, Basis: "read from tls.example.com:443",
		}}}},
		{Check: "other", Credential: "tls", Last: keepwatch.Observation{Due: &keepwatch.Due{Clock: keepwatch.Clock{Name: "rotation", Kind: keepwatch.ClockHard, At: now, Source: keepwatch.DateRead}}}},
	}
	events := memory{}.render(t, feed, estate, now)
	e := events[uidOf("end", "tls", "certificate")]
	if len(events) != 1 || value(e, ical.ComponentPropertyDtStart) != "20270201" || !strings.Contains(value(e, ical.ComponentPropertyDescription), "ends on 2027-02-01 05:00 (Asia/Tokyo)") {
		t.Errorf("%v", events)
	}
}

// A moved date updates the same event: same UID, higher SEQUENCE, later stamp.
func TestMovedDate(t *testing.T) {
	m, c, berlin := memory{}, crm(), zone(t, "Europe/Berlin")
	uid := uidOf("end", "crm-sync", "secret")
	before := m.render(t, feed, estateOf(berlin, c), now)
	c.SecretGenerated, c.Renewal = keepwatch.Day(2026, 11, 24), keepwatch.Renewal{}
	after := m.render(t, feed, estateOf(berlin, c), now.Add(2*time.Hour))
	if len(before) != 2 || value(before[uid], ical.ComponentPropertySequence) != "0" || value(after[uid], ical.ComponentPropertySequence) != "1" {
		t.Fatalf("sequences %q, %q", value(before[uid], ical.ComponentPropertySequence), value(after[uid], ical.ComponentPropertySequence))
	}
	if value(after[uid], ical.ComponentPropertyDtStart) != "20270523" || value(after[uid], ical.ComponentPropertyDtstamp) != "20261124T120000Z" {
		t.Errorf("%s", value(after[uid], ical.ComponentPropertyDtStart))
	}
	// The renewal is done: its event is cancelled, on its day, for a while.
	renewal := uidOf("renewal", "crm-sync")
	if e := after[renewal]; value(e, ical.ComponentPropertyStatus) != "CANCELLED" || value(e, ical.ComponentPropertySequence) != "1" || value(e, ical.ComponentPropertyDtStart) != "20261126" {
		t.Errorf("the renewal is %v", e)
	}
	if later := m.render(t, feed, estateOf(berlin, c), now.Add(29*day)); len(later) != 2 {
		t.Error("the cancelled event is gone too soon")
	}
	if later := m.render(t, feed, estateOf(berlin, c), now.Add(31*day)); len(later) != 1 {
		t.Error("the cancelled event stays for ever")
	}
	// It is planned anew: the same event comes back, newer than its cancellation.
	c.Renewal.Planned = keepwatch.Day(2027, 5, 1)
	again := m.render(t, feed, estateOf(berlin, c), now.Add(40*day))[renewal]
	if value(again, ical.ComponentPropertyStatus) != "CONFIRMED" || value(again, ical.ComponentPropertySequence) != "2" {
		t.Errorf("planned anew: %v", again)
	}
}

func TestRemovedCredential(t *testing.T) {
	m, all := memory{}, estateOf(time.UTC, crm())
	m.render(t, feed, all, now)
	events := m.render(t, feed, estateOf(time.UTC), now.Add(time.Hour))
	for uid, e := range events {
		if value(e, ical.ComponentPropertyStatus) != "CANCELLED" || strings.Contains(e.Serialize(serialized()), "crm-sync") {
			t.Errorf("%s: %s", uid, e.Serialize(serialized()))
		}
	}
	if len(events) != 2 {
		t.Errorf("%d events", len(events))
	}
	// What was over before it was removed is not told again.
	old := memory{}
	c := crm()
	c.SecretGenerated, c.Renewal = keepwatch.Day(2026, 1, 1), keepwatch.Renewal{}
	old.render(t, feed, estateOf(time.UTC, c), now)
	if events := old.render(t, feed, estateOf(time.UTC), now.Add(time.Hour)); len(events) != 0 {
		t.Errorf("history is rewritten: %v", events)
	}
}

func serialized() *ical.SerializationConfiguration {
	return &ical.SerializationConfiguration{MaxLength: 75, NewLine: "\r\n", PropertyMaxLength: 75}
}

// Each owner's feed has the owner's events and remembers them by itself.
func TestOwners(t *testing.T) {
	m, a, b := memory{}, crm(), crm()
	b.ID, b.Owner = "shop", keepwatch.Owner{Team: "shop"}
	estate := estateOf(time.UTC, a, b)
	crmFeed, shopFeed := Feed{Owner: "CRM"}, Feed{Owner: "shop"}
	if n := len(m.render(t, feed, estate, now)); n != 4 {
		t.Errorf("everybody's feed has %d events", n)
	}
	if n := len(m.render(t, crmFeed, estate, now)); n != 2 {
		t.Errorf("the team's feed has %d events", n)
	}
	if n := len(m.render(t, Feed{Owner: "crm@example.com"}, estate, now)); n != 2 {
		t.Errorf("the contact's feed has %d events", n)
	}
	if n := len(m.render(t, shopFeed, estate, now)); n != 2 {
		t.Errorf("the other team's feed has %d events", n)
	}
	// It changes hands.
	a.Owner.Team, a.Owner.Contact = "shop", ""
	estate = estateOf(time.UTC, a, b)
	uid := uidOf("end", "crm-sync", "secret")
	for f, want := range map[Feed]string{crmFeed: "CANCELLED", shopFeed: "CONFIRMED", feed: "CONFIRMED"} {
		if got := value(m.render(t, f, estate, now.Add(time.Hour))[uid], ical.ComponentPropertyStatus); got != want {
			t.Errorf("feed %+v says %q", f, got)
		}
	}
}

func TestRenewalWindow(t *testing.T) {
	for window, want := range map[time.Duration]string{0: "20261127", time.Hour: "20261127", day: "20261127", 36 * time.Hour: "20261128", 14 * day: "20261210"} {
		c := crm()
		c.Renewal.Window = window
		e := memory{}.render(t, feed, estateOf(zone(t, "Europe/Berlin"), c), now)[uidOf("renewal", "crm-sync")]
		if got := value(e, ical.ComponentPropertyDtEnd); got != want || value(e, ical.ComponentPropertyDtStart) != "20261126" {
			t.Errorf("window %s ends before %s, want %s", window, got, want)
		}
	}
}

func TestAlarms(t *testing.T) {
	events := memory{}.render(t, feed, estateOf(time.UTC, crm()), now)
	var triggers []string
	for _, a := range events[uidOf("end", "crm-sync", "secret")].Alarms() {
		triggers = append(triggers, a.GetProperty(ical.ComponentPropertyTrigger).Value)
	}
	if !slices.Equal(triggers, []string{"-P13DT15H", "-P6DT15H"}) { // nine o'clock, 14 and 7 days before
		t.Errorf("alarms %v", triggers)
	}
}

// Whatever stands in a record, the file stays a calendar and nothing in it becomes
// a line of its own.
func TestHostileTexts(t *testing.T) {
	for _, text := range []string{
		"a\r\nBEGIN:VEVENT\r\nUID:x\r\nEND:VEVENT", "a\nATTACH:http://evil.example.com", "\x00\x07\x1b[31m", "\xff\xfe broken", "; , \\ \" : '", "",
		strings.Repeat("x", 5000), strings.Repeat("Ünïcödé 漢字 🔑 ", 300), strings.Repeat("語", 74), strings.Repeat("<a>", 100), "\u2028\u2029\u0085", strings.Repeat(" ", 500),
	} {
		c := crm()
		c.Purpose, c.Owner.Team, c.Renewal.By, c.RunbookURL, c.Holders = text, text, text, text, []keepwatch.Holder{{Name: text}}
		if events := (memory{}).render(t, Feed{Owner: text, BaseURL: feed.BaseURL}, estateOf(time.UTC, c), now); len(events) != 2 {
			t.Errorf("%q: %d events", text, len(events))
		}
	}
}

func TestTextsComeBack(t *testing.T) {
	c := crm()
	c.Purpose = strings.Repeat("Bestellungen; Größe, 漢字 \\ 🔑 \"x\" ", 20)
	e := memory{}.render(t, feed, estateOf(time.UTC, c), now)[uidOf("end", "crm-sync", "secret")]
	if got := value(e, ical.ComponentPropertyDescription); !strings.Contains(got, "Purpose: "+strings.TrimRight(c.Purpose, "\n")) {
		t.Errorf("the text came back as %q", got)
	}
}

func TestNothingToShow(t *testing.T) {
	c := crm()
	c.SecretGenerated, c.Renewal = keepwatch.Date{}, keepwatch.Renewal{}
	if events := (memory{}).render(t, feed, estateOf(time.UTC, c), now); len(events) != 0 {
		t.Errorf("an unknown date is shown: %v", events)
	}
	idle := keepwatch.Credential{ID: "token", Kind: keepwatch.RefreshToken, LastUsed: keepwatch.Day(2026, 11, 20)}
	if events := (memory{}).render(t, feed, Estate{Credentials: []keepwatch.Credential{idle}}, now); len(events) != 0 {
		t.Errorf("an idle clock is shown as a date: %v", events)
	}
}

func TestLargeEstate(t *testing.T) {
	list := make([]keepwatch.Credential, 12_000)
	for i := range list {
		list[i] = crm()
		list[i].ID, list[i].Renewal = keepwatch.CredentialID(fmt.Sprintf("crm-%05d", i)), keepwatch.Renewal{}
	}
	begin := time.Now()
	file, changed := Render(feed, estateOf(time.UTC, list...), nil, now)
	t.Logf("%d events, %d KiB, %s", bytes.Count(file, []byte("BEGIN:VEVENT")), len(file)>>10, time.Since(begin))
	if len(changed) != len(list) || bytes.Count(file, []byte("BEGIN:VEVENT")) != maxEvents {
		t.Errorf("%d changes", len(changed))
	}
}

func FuzzRender(f *testing.F) {
	f.Add("crm", "purpose", "2026-06-01", int64(36), "20261128/x")
	f.Add("a;b,c\r\n", "BEGIN:VALARM", "2026-06-01T10:00:00Z", int64(-5), "2026-01-02/2026-01-01 cancelled")
	f.Fuzz(func(t *testing.T, id, text, made string, window int64, said string) {
		c := crm()
		c.ID, c.Purpose, c.Renewal.Window = keepwatch.CredentialID(id), text, time.Duration(window)
		c.SecretGenerated, _ = keepwatch.ParseDate(made)
		known := map[string]keepwatch.FeedEvent{feed.Key("gone@keepwatch"): {UID: feed.Key("gone@keepwatch"), Digest: said, ChangedAt: now}}
		file, _ := Render(feed, estateOf(time.UTC, c), known, now)
		if err := validate(file); err != nil {
			t.Fatalf("%v\n%s", err, file)
		}
	})
}
