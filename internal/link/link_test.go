package link_test

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/auth"
	"keepwatch/internal/incident"
	"keepwatch/internal/link"
	"keepwatch/internal/notify"
	"keepwatch/internal/store"
	"keepwatch/internal/store/storetest"
)

var (
	noon  = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	there = netip.MustParseAddr("192.0.2.7")
)

// office is a desk over a real store with one open incident.
type office struct {
	*link.Desk
	t     *testing.T
	db    *store.DB
	key   string
	ends  time.Time
	quiet int
}

func newOffice(t *testing.T) *office {
	o := &office{t: t, db: storetest.New(t), key: link.NewKey()}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	o.Desk = &link.Desk{
		Store: o.db, Key: func(context.Context) (link.Key, error) { return link.ParseKey(o.key) }, Limiter: auth.NewLimiter(), Logger: slog.New(slog.DiscardHandler),
		Zone: func(keepwatch.Incident) *time.Location { return berlin }, Ends: func(context.Context, keepwatch.Incident) time.Time { return o.ends }, Quiet: func(context.Context) { o.quiet++ },
	}
	return o
}

// open opens an incident of a credential with an outcome.
func (o *office) open(credential string, outcome keepwatch.Outcome) keepwatch.Incident {
	o.t.Helper()
	id := keepwatch.CredentialID(credential)
	obs := keepwatch.Observation{
		Key: credential + "@1", Series: keepwatch.SeriesID("s-" + credential), Check: keepwatch.CheckID(credential), Credential: id, Tenant: "emea", Place: keepwatch.Local,
		Source: keepwatch.SourceTest, Slot: noon, At: noon, Outcome: outcome,
	}
	inc := keepwatch.Incident{
		ID: keepwatch.IncidentID(credential + "-incident"), Key: "credential:" + credential, Scope: keepwatch.ScopeCredential, Credential: id, Tenant: "emea", Outcome: outcome,
		Category: outcome.Info().Category, Severity: keepwatch.SeverityCritical, Status: keepwatch.IncidentOpen, DetectedAt: noon, FirstFailedAt: noon, Revision: 1,
		Members: []keepwatch.Member{{Series: keepwatch.SeriesID(credential), Credential: id, Since: noon}},
	}
	if credential == "" {
		inc.ID, inc.Key, inc.Scope, inc.Tenant = "platform-incident", incident.PlatformKey, keepwatch.ScopePlatform, ""
	}
	o.write(obs, inc, keepwatch.Opened, noon)
	return inc
}

func (o *office) write(obs keepwatch.Observation, inc keepwatch.Incident, kind keepwatch.TransitionKind, at time.Time) {
	o.t.Helper()
	_, err := o.db.Apply(o.t.Context(), []keepwatch.Observation{obs}, at, func(incident.View) (incident.Changes, error) {
		return incident.Changes{Incidents: []keepwatch.Incident{inc}, Transitions: []keepwatch.Transition{{Incident: inc.ID, Seq: inc.Revision, Kind: kind, At: at}}}, nil
	})
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) resolve(inc keepwatch.Incident, at time.Time) {
	o.t.Helper()
	now, err := o.db.Incident(o.t.Context(), inc.ID)
	if err != nil {
		o.t.Fatal(err)
	}
	now.Status, now.ResolvedAt = keepwatch.IncidentResolved, at
	now.Revision++
	o.write(keepwatch.Observation{Key: "end", Series: "end", Tenant: inc.Tenant, Place: keepwatch.Local, Source: keepwatch.SourceTest, Slot: at, At: at, Outcome: keepwatch.OK}, now, keepwatch.Resolved, at)
}

// sent are the tokens of a message to crm, by what they do.
func (o *office) sent(inc keepwatch.Incident, key keepwatch.DeliveryID, at time.Time) map[keepwatch.LinkAction]string {
	o.t.Helper()
	out := map[keepwatch.LinkAction]string{}
	for _, a := range o.Acts(o.t.Context(), "https://keepwatch.example.com/", "email", notify.Message{Key: key, Receiver: "crm", Now: at}, inc) {
		token, ok := strings.CutPrefix(a.URL, "https://keepwatch.example.com/act/")
		if !ok || a.Name == "" {
			o.t.Errorf("%+v", a)
		}
		out[a.Action] = token
	}
	return out
}

func (o *office) silences() []keepwatch.Silence {
	o.t.Helper()
	list, err := o.db.Silences(o.t.Context(), noon)
	if err != nil {
		o.t.Fatal(err)
	}
	return list
}

func TestALinkShowsFirstAndActsOnce(t *testing.T) {
	o := newOffice(t)
	inc := o.open("crm-sync", keepwatch.BadSecretOrPackage)
	tokens := o.sent(inc, "n.1:crm", noon)
	at := noon.Add(10 * time.Minute)
	for range 3 { // scanners, previews, prefetching
		v, err := o.Look(t.Context(), tokens[keepwatch.LinkAcknowledge], there, at)
		if err != nil || !v.Open || v.Used != nil || v.Actor != "link sent to crm via e-mail" || v.Says == "" || v.Button != "Acknowledge" {
			t.Fatalf("%+v %v", v, err)
		}
	}
	if now, _ := o.db.Incident(t.Context(), inc.ID); !now.AcknowledgedAt.IsZero() {
		t.Fatal("a look acknowledged it")
	}
	v, err := o.Do(t.Context(), tokens[keepwatch.LinkAcknowledge], link.Wish{}, there, at)
	if err != nil || v.Open || v.Used == nil {
		t.Fatalf("%+v %v", v, err)
	}
	again, err := o.Do(t.Context(), tokens[keepwatch.LinkAcknowledge], link.Wish{}, there, at.Add(time.Hour))
	if err != nil || again.Used == nil || !again.Used.At.Equal(at) || !strings.Contains(again.Says, "It was done on Mon 23 Nov 2026 12:10 UTC by the link sent to crm via e-mail") {
		t.Errorf("%+v %v", again, err)
	}
	timeline, err := o.db.Transitions(t.Context(), inc.ID)
	if err != nil || len(timeline) != 2 || timeline[1].By != "link sent to crm via e-mail" {
		t.Errorf("%+v %v", timeline, err)
	}
	// The link of another message says who was faster; a message after that has none.
	v, err = o.Do(t.Context(), o.sent(inc, "n.1:crm#1", noon)[keepwatch.LinkAcknowledge], link.Wish{}, there, at)
	if err != nil || v.Open || !strings.Contains(v.Says, "already, by link sent to crm via e-mail") {
		t.Errorf("%+v %v", v, err)
	}
	now, err := o.db.Incident(t.Context(), inc.ID)
	if err != nil {
		t.Fatal(err)
	}
	if more := o.sent(now, "n.2:crm", noon); len(more) != 2 || more[keepwatch.LinkAcknowledge] != "" {
		t.Errorf("%v", more)
	}
}

func TestALinkMakesQuiet(t *testing.T) {
	for name, tt := range map[string]struct {
		credential string
		outcome    keepwatch.Outcome
		action     keepwatch.LinkAction
		wish       link.Wish
		ends       time.Time
		until      time.Time // zero: refused
		match      keepwatch.Match
	}{
		"snooze":            {"crm-sync", keepwatch.BadSecretOrPackage, keepwatch.LinkSnooze, link.Wish{}, time.Time{}, noon.Add(4 * time.Hour), keepwatch.Match{}},
		"snooze for a day":  {"crm-sync", keepwatch.BadSecretOrPackage, keepwatch.LinkSnooze, link.Wish{For: "24h"}, time.Time{}, noon.Add(24 * time.Hour), keepwatch.Match{}},
		"snooze for a year": {"crm-sync", keepwatch.BadSecretOrPackage, keepwatch.LinkSnooze, link.Wish{For: "8760h"}, time.Time{}, time.Time{}, keepwatch.Match{}},
		"a date":            {"crm-sync", keepwatch.Expiring, keepwatch.LinkSnooze, link.Wish{}, time.Time{}, time.Date(2026, 11, 30, 7, 0, 0, 0, time.UTC), keepwatch.Match{}},
		"a date in summer":  {"crm-sync", keepwatch.Expiring, keepwatch.LinkSnooze, link.Wish{Until: "2026-12-31"}, time.Time{}, time.Date(2026, 12, 31, 7, 0, 0, 0, time.UTC), keepwatch.Match{}},
		"today":             {"crm-sync", keepwatch.Expiring, keepwatch.LinkSnooze, link.Wish{Until: "2026-11-23"}, time.Time{}, time.Time{}, keepwatch.Match{}},
		"no date":           {"crm-sync", keepwatch.Expiring, keepwatch.LinkSnooze, link.Wish{Until: "soon"}, time.Time{}, time.Time{}, keepwatch.Match{}},
		"an hour of a date": {"crm-sync", keepwatch.Expiring, keepwatch.LinkSnooze, link.Wish{Until: "2026-12-01T10:00:00Z"}, time.Time{}, time.Time{}, keepwatch.Match{}},
		"beyond the end":    {"crm-sync", keepwatch.Expiring, keepwatch.LinkSnooze, link.Wish{Until: "2026-12-05"}, noon.AddDate(0, 0, 12), time.Time{}, keepwatch.Match{}},
		"before the end":    {"crm-sync", keepwatch.Expiring, keepwatch.LinkSnooze, link.Wish{}, noon.AddDate(0, 0, 4), time.Date(2026, 11, 26, 7, 0, 0, 0, time.UTC), keepwatch.Match{}},
		"it ends tomorrow":  {"crm-sync", keepwatch.Expiring, keepwatch.LinkSnooze, link.Wish{}, noon.AddDate(0, 0, 1), noon.Add(4 * time.Hour), keepwatch.Match{}},
		"silence":           {"crm-sync", keepwatch.BadSecretOrPackage, keepwatch.LinkSilence, link.Wish{}, time.Time{}, noon.Add(24 * time.Hour), keepwatch.Match{Credential: []string{"crm-sync"}}},
		"a platform":        {"", keepwatch.PlatformError, keepwatch.LinkSilence, link.Wish{For: "4h"}, time.Time{}, noon.Add(4 * time.Hour), keepwatch.Match{Scope: []string{"platform"}, Outcome: []string{"platform_error"}}},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			o.ends = tt.ends
			inc := o.open(tt.credential, tt.outcome)
			token := o.sent(inc, "n.1:crm", noon)[tt.action]
			v, err := o.Do(t.Context(), token, tt.wish, there, noon)
			list := o.silences()
			if tt.until.IsZero() {
				if !errors.Is(err, keepwatch.ErrInvalid) || keepwatch.HintOf(err) == "" || len(list) != 0 || o.quiet != 0 {
					t.Errorf("%v, %+v", err, list)
				}
				if v, err := o.Look(t.Context(), token, there, noon); err != nil || !v.Open {
					t.Errorf("what was refused used the link up: %+v %v", v, err)
				}
				return
			}
			if err != nil || v.Used == nil || !v.Used.Until.Equal(tt.until) || len(list) != 1 || o.quiet != 1 {
				t.Fatalf("%+v %v %+v", v, err, list)
			}
			s := list[0]
			if !s.Until.Equal(tt.until) || s.CreatedBy != "link sent to crm via e-mail" || s.Owner == "" || s.Reason == "" || !slices.Equal(s.Match.Credential, tt.match.Credential) || !slices.Equal(s.Match.Scope, tt.match.Scope) ||
				!slices.Equal(s.Match.Outcome, tt.match.Outcome) || (s.Incident == inc.ID) != (tt.action == keepwatch.LinkSnooze) {
				t.Errorf("%+v", s)
			}
			if _, err := o.Do(t.Context(), token, tt.wish, there, noon.Add(time.Hour)); err != nil || len(o.silences()) != 1 {
				t.Errorf("a second one: %v", err)
			}
		})
	}
}

func TestALinkEnds(t *testing.T) {
	o := newOffice(t)
	inc := o.open("crm-sync", keepwatch.BadSecretOrPackage)
	tokens := o.sent(inc, "n.1:crm", noon)
	v, err := o.Do(t.Context(), tokens[keepwatch.LinkSnooze], link.Wish{}, there, noon.Add(link.Life+time.Hour))
	if err != nil || v.Open || !strings.Contains(v.Says, "This link ended on Mon 30 Nov 2026 12:00 UTC") {
		t.Errorf("%+v %v", v, err)
	}
	o.resolve(inc, noon.Add(time.Hour))
	for _, token := range tokens {
		v, err := o.Do(t.Context(), token, link.Wish{}, there, noon.Add(2*time.Hour))
		if err != nil || v.Open || !strings.Contains(v.Says, "over since Mon 23 Nov 2026 13:00 UTC") {
			t.Errorf("%+v %v", v, err)
		}
	}
	if len(o.silences()) != 0 {
		t.Error("a link that has ended did something")
	}
	o.key = link.NewKey()
	if _, err := o.Look(t.Context(), tokens[keepwatch.LinkSnooze], there, noon); !errors.Is(err, keepwatch.ErrNotFound) || keepwatch.HintOf(err) == "" {
		t.Errorf("another key: %v", err)
	}
	if acts := o.Acts(t.Context(), "", "email", notify.Message{Key: "k", Receiver: "crm", Now: noon}, inc); acts != nil {
		t.Errorf("links without an address: %v", acts)
	}
	if acts := o.Acts(t.Context(), "https://keepwatch.example.com", "email", notify.Message{Key: "k", Receiver: "crm", Now: noon}, keepwatch.Incident{}); acts != nil {
		t.Errorf("links of no incident: %v", acts)
	}
}

// A link is for its action, incident, receiver and message, and no changed byte of it
// holds.
func TestALinkIsBound(t *testing.T) {
	o := newOffice(t)
	a, b := o.open("crm-sync", keepwatch.BadSecretOrPackage), o.open("us-shop", keepwatch.BadSecretOrPackage)
	seen := map[string]bool{}
	for _, tokens := range []map[keepwatch.LinkAction]string{o.sent(a, "n.1:crm", noon), o.sent(b, "m.1:crm", noon), o.sent(a, "n.1:crm#1", noon)} {
		for _, token := range tokens {
			seen[token] = true
		}
	}
	if len(seen) != 9 {
		t.Errorf("%d links, want 9", len(seen))
	}
	first, again := o.sent(a, "n.1:crm", noon), o.sent(a, "n.1:crm", noon.Add(time.Minute))
	if first[keepwatch.LinkSnooze] != again[keepwatch.LinkSnooze] {
		t.Error("a repeat of a message has another link")
	}
	key, err := link.ParseKey(o.key)
	if err != nil {
		t.Fatal(err)
	}
	token := first[keepwatch.LinkSnooze]
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		for bit := range 8 {
			other := slices.Clone(raw)
			other[i] ^= 1 << bit
			if _, _, ok := key.Read(base64.RawURLEncoding.EncodeToString(other)); ok {
				t.Fatalf("bit %d of byte %d may be another", bit, i)
			}
		}
	}
	for _, bad := range []string{"", token[:len(token)-1], token + "A", token + "=", " " + token, strings.Repeat("A", 100_000), token + "\n"} {
		if _, _, ok := key.Read(bad); ok {
			t.Errorf("%.40q holds", bad)
		}
	}
}

func TestGuessingIsBraked(t *testing.T) {
	o := newOffice(t)
	token := o.sent(o.open("crm-sync", keepwatch.BadSecretOrPackage), "n.1:crm", noon)[keepwatch.LinkSnooze]
	braked := 0
	for i := range 200 {
		_, err := o.Look(t.Context(), strings.Repeat("A", 100+i%50), there, noon)
		switch {
		case errors.Is(err, keepwatch.ErrForbidden) && strings.Contains(keepwatch.HintOf(err), "wait "):
			braked++
		case !errors.Is(err, keepwatch.ErrNotFound):
			t.Fatal(err)
		}
	}
	if braked < 175 {
		t.Errorf("%d of 200 guesses were braked", braked)
	}
	if v, err := o.Look(t.Context(), token, there, noon); err != nil || !v.Open {
		t.Errorf("a link that holds does not hold from there: %v", err)
	}
}

// Of many that press at the same moment one counts, and all are told the same.
func TestManyPressAtOnce(t *testing.T) {
	o := newOffice(t)
	token := o.sent(o.open("crm-sync", keepwatch.BadSecretOrPackage), "n.1:crm", noon)[keepwatch.LinkSilence]
	o.Quiet = func(context.Context) {}
	var wg sync.WaitGroup
	said := make([]string, 12)
	for i := range said {
		wg.Go(func() {
			v, err := o.Do(t.Context(), token, link.Wish{For: []string{"4h", "24h"}[i%2]}, there, noon.Add(time.Duration(i)*time.Minute))
			if err != nil {
				t.Error(err)
			}
			said[i] = v.Says
		})
	}
	wg.Wait()
	if slices.Sort(said); said[0] != said[len(said)-1] || said[0] == "" || len(o.silences()) != 1 {
		t.Errorf("%q, %d silences", said, len(o.silences()))
	}
}

// A claim that was signed is read as it was; nothing else is read, and nothing panics.
func FuzzRead(f *testing.F) {
	key, err := link.ParseKey(link.NewKey())
	if err != nil {
		f.Fatal(err)
	}
	f.Add("AQEAAAAA", "inc", "crm", "email", uint8(1), int64(1795440600))
	f.Add(strings.Repeat("A", 200), "", "\xff", "", uint8(9), int64(-1))
	f.Fuzz(func(t *testing.T, text, inc, receiver, channel string, action uint8, expires int64) {
		if _, _, ok := key.Read(text); ok {
			t.Fatalf("%q was never signed", text)
		}
		c := link.Claim{Action: keepwatch.LinkActions[int(action)%3], Incident: keepwatch.IncidentID(inc), Receiver: receiver, Channel: channel, Message: "m", Expires: time.Unix(expires%1e12, 0).UTC()}
		token, err := key.Sign(c)
		if err != nil {
			return
		}
		got, id, ok := key.Read(token)
		if c.Message = ""; !ok || got != c || len(id) != 64 {
			t.Errorf("%+v became %+v", c, got)
		}
	})
}
