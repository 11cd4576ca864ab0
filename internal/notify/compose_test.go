package notify

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"keepwatch"
)

var update = flag.Bool("update", false, "write the golden files anew")

// hostile is what a person, or an attacker who may name things, could write.
const hostile = "<!channel> \"x\" & <b>bold</b>\r\nBcc: evil@example.com\x00\u202egnp.exe\u2028*_~`|{{.}}${env:HOME}%s'); --"

func delivery(n keepwatch.Notice) keepwatch.Delivery {
	return keepwatch.Delivery{ID: keepwatch.DeliveryIDOf(n.ID, "ops"), Notice: n, Receiver: "ops"}
}

// acting makes links of a fixed look for the messages that have some.
var acting = &Setup{Receivers: []Receiver{{Name: "ops", Acts: true}}, Acts: func(context.Context, Receiver, Message, keepwatch.Incident) []Act {
	var out []Act
	for _, action := range keepwatch.LinkActions {
		name := strings.ToUpper(string(action[:1])) + string(action[1:])
		out = append(out, Act{action, name, "https://keepwatch.example.com/act/" + strings.Repeat("A", 120) + "-" + string(action)})
	}
	return out
}}

// messages are the stories that the goldens tell; the channels render the same ones.
func messages(t *testing.T) map[string]Message {
	dir := estate()
	tell := func(d keepwatch.Delivery, change func(*Facts)) Message {
		f := FactsOf(d.Notice.Incident, dir, "https://keepwatch.example.com/")
		f.Now = t0.Add(90 * time.Minute)
		if change != nil {
			change(&f)
		}
		m := Compose(d, f)
		m.Acts = acting.acts(t.Context(), m, f.Incident)
		return m
	}
	untold := func(f *Facts) { f.Untold = true }
	costing := func(final bool) func(*Facts) {
		return func(f *Facts) {
			if len(f.Incident.Effects) == 0 {
				f.Incident.Effects = []keepwatch.Effect{{Outcome: keepwatch.JourneyStalled}, {Outcome: keepwatch.DataStale}}
			}
			f.Impact = keepwatch.Impact{Final: final, Figures: []keepwatch.Figure{
				{Name: "contacts_delayed", Low: 450, Mid: 500, High: 550, Unit: "contacts"},
				{Name: "contacts_lost", Low: 450, Mid: 500, High: 550, Unit: "contacts"},
				{Name: "contacts_lost", Subject: "journey/welcome-series", Low: 1, Mid: 1, High: 1, Unit: "contacts"},
			}}
		}
	}
	s := newTale("7k2mq4c5vd3xhn6a", t0)
	opened := delivery(s.next(keepwatch.Opened, t0))
	acked := delivery(s.next(keepwatch.Acknowledged, t0.Add(10*time.Minute)))
	resolved := delivery(s.next(keepwatch.Resolved, t0.Add(72*time.Minute)))

	outage := newTale("platformoutage00", t0)
	outage.inc.Scope, outage.inc.Key, outage.inc.Credential, outage.inc.Tenant = keepwatch.ScopePlatform, "platform", "", ""
	outage.inc.Outcome, outage.inc.Category = keepwatch.PlatformError, keepwatch.CategoryPlatform
	outage.inc.Message, outage.inc.Evidence = "SFMC answers 503.", "503 from rest"
	outage.inc.Hint = "Wait, and look at trust.salesforce.com."
	outage.inc.Members = []keepwatch.Member{{Credential: "weekly-report"}, {Credential: "us-shop"}}

	evil := newTale("hostile", t0)
	evil.inc.Credential, evil.inc.Message, evil.inc.Hint, evil.inc.Evidence = hostile, hostile, hostile, strings.Repeat(hostile, 30)
	dir[hostile] = keepwatch.Credential{ID: hostile, Tenant: "emea", BusinessUnit: 510000123, Owner: keepwatch.Owner{Team: hostile, Contact: hostile},
		RunbookURL: "javascript:alert(1)", Dependents: []keepwatch.Dependent{{Kind: "journey", Key: hostile}}}
	evil.inc.Members = []keepwatch.Member{{Credential: hostile}}

	quiet := newTale("quietjourney0000", t0)
	quiet.inc.Scope, quiet.inc.Key, quiet.inc.Credential, quiet.inc.Members = keepwatch.ScopeEffect, "effect:emea:journey/welcome-series", "", nil
	quiet.inc.Outcome, quiet.inc.Category, quiet.inc.Message = keepwatch.JourneyStalled, keepwatch.CategoryNone, "No contact entered for 53 min; 21 were to be expected by now."
	quiet.inc.Hint, quiet.inc.Evidence = "Ask the holder of crm-sync whether it calls.", ""
	quiet.inc.Effects = []keepwatch.Effect{{Subject: keepwatch.Subject{Kind: keepwatch.SubjectJourney, Key: "welcome-series", Unit: 510000123}, Outcome: keepwatch.JourneyStalled, Credential: "crm-sync"}}
	back := newTale("7k2mq4c5vd3xhn6a", t0)
	back.inc.RestoredAt, back.inc.Severity = t0.Add(time.Hour), keepwatch.SeverityWarning
	back.inc.Effects = []keepwatch.Effect{{Subject: quiet.inc.Effects[0].Subject}, {Subject: keepwatch.Subject{Kind: keepwatch.SubjectDataExtension, Key: "Orders"}}}

	many := func(kind keepwatch.BundleKind, d keepwatch.Delivery, open, over int) Message {
		b := keepwatch.Bundle{ID: keepwatch.IncidentID(kind) + "-abcdefgh", Kind: kind, Receiver: "ops", Key: "k", Labels: map[string]string{"tenant": "emea"}, OpenedAt: t0}
		if kind == keepwatch.BundleStorm {
			b.Labels = nil
		}
		d.Notice.Bundle, d.Notice.Incident = &b, keepwatch.Incident{ID: b.ID, Key: "bundle", Scope: keepwatch.ScopeMonitor, DetectedAt: t0}
		d.ID = keepwatch.DeliveryIDOf(keepwatch.NoticeIDOf(b.ID, d.Notice.Seq), "ops")
		f := Facts{Incident: d.Notice.Incident, BaseURL: "https://keepwatch.example.com", Now: t0.Add(90 * time.Minute), Untold: d.Notice.Seq == 1}
		f.Together = &Together{BundleState: keepwatch.BundleState{Bundle: b, Seq: d.Notice.Seq}, Members: keepwatch.Membership{
			Total: open + over, Open: open, New: open, Unacknowledged: open, Causes: []keepwatch.BundleCause{{Outcome: keepwatch.BadSecretOrPackage, Count: open + over, Open: open}},
		}}
		for i := range min(open+over, mostListed) {
			member := taleOf(fmt.Sprintf("7k2mq4c5vd3x%04d", i), []keepwatch.CredentialID{"crm-sync", "weekly-report", "us-shop", hostile}[i%4], t0)
			if i >= open {
				member.next(keepwatch.Resolved, t0.Add(time.Hour))
			}
			f.Together.Facts = append(f.Together.Facts, FactsOf(member.inc, dir, f.BaseURL))
		}
		return Compose(d, f)
	}
	first := keepwatch.Delivery{Receiver: "ops", Notice: keepwatch.Notice{Kind: keepwatch.Opened, Seq: 1, At: t0}}
	third := keepwatch.Delivery{Receiver: "ops", Notice: keepwatch.Notice{Kind: keepwatch.Changed, Seq: 3, At: t0.Add(time.Hour)}}
	test := keepwatch.Notice{ID: "test-1", Kind: KindTest, At: t0, Incident: keepwatch.Incident{ID: "test", Key: "test:ops", Scope: keepwatch.ScopeMonitor, Hint: "Nothing to do.", DetectedAt: t0}}
	return map[string]Message{
		"firing":   tell(opened, untold),
		"acked":    tell(acked, nil),
		"resolved": tell(resolved, costing(true)),
		"missed":   tell(resolved, untold),
		"reminder": tell(reminderAfter(opened, 30*time.Minute, t0), costing(false)),
		"platform": tell(delivery(outage.next(keepwatch.Opened, t0)), untold),
		"hostile":  tell(delivery(evil.next(keepwatch.Opened, t0)), untold),
		"effect":   tell(delivery(quiet.next(keepwatch.Opened, t0)), untold),
		"restored": tell(delivery(back.next(keepwatch.Restored, t0.Add(time.Hour))), costing(false)),
		"test":     tell(delivery(test), nil),
		"storm":    many(keepwatch.BundleStorm, first, 31_000, 0),
		"group":    many(keepwatch.BundleGroup, third, 2, 1),
		"ended":    many(keepwatch.BundleGroup, third, 0, 4),
		"digest":   many(keepwatch.BundleDigest, first, 5, 7),
	}
}

func TestComposeGolden(t *testing.T) {
	for name, m := range messages(t) {
		got, err := json.MarshalIndent(m, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, '\n')
		path := filepath.Join("testdata", name+".json")
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%s differs; look at it and run with -update:\n%s", name, got)
		}
	}
}

// Every message says what, since when, whose, why and what to do next.
func TestEveryMessageIsWhole(t *testing.T) {
	for name, m := range messages(t) {
		if got := slices.Sorted(maps.Keys(m.Labels)); !slices.Equal(got, slices.Sorted(slices.Values(LabelNames))) {
			t.Errorf("%s: labels %v", name, got)
		}
		if got := slices.Sorted(maps.Keys(m.Annotations)); !slices.Equal(got, slices.Sorted(slices.Values(AnnotationNames))) {
			t.Errorf("%s: annotations %v", name, got)
		}
		if m.Annotations["hint"] == "" || m.Annotations["summary"] == "" {
			t.Errorf("%s says nothing: %v", name, m.Annotations)
		}
		if name == "test" {
			continue
		}
		var asked []string
		for _, l := range m.Lines {
			asked = append(asked, l.Name)
		}
		questions := []string{"What", "Since", "Owner", "Why", "Next"}
		if len(m.Members) > 0 {
			questions = []string{"What", "Since", "By cause", "Next"}
		}
		for _, q := range questions {
			if !slices.Contains(asked, q) {
				t.Errorf("%s does not say %s", name, q)
			}
		}
		if m.StartsAt.IsZero() || (m.Status == Over) != !m.EndsAt.IsZero() {
			t.Errorf("%s: from %s to %s, %s", name, m.StartsAt, m.EndsAt, m.Status)
		}
	}
}

func TestAlertIdentityIsStable(t *testing.T) {
	ms := messages(t)
	for _, name := range []string{"acked", "resolved", "missed", "reminder"} {
		if ms[name].Fingerprint != ms["firing"].Fingerprint || ms[name].GroupKey != ms["firing"].GroupKey {
			t.Errorf("%s is another alert than the firing one", name)
		}
		if !maps.Equal(ms[name].Labels, ms["firing"].Labels) {
			t.Errorf("%s has other labels: %v", name, ms[name].Labels)
		}
	}
	again := newTale("another-time", t0.Add(time.Hour))
	m := Compose(delivery(again.next(keepwatch.Opened, t0)), FactsOf(again.inc, estate(), ""))
	if m.GroupKey != ms["firing"].GroupKey || m.Fingerprint == ms["firing"].Fingerprint {
		t.Error("the next incident of one cause is of the same group and another alert")
	}
	if m.URL != "" || m.ExternalURL != "" {
		t.Error("a link without base_url")
	}
}

func TestScopesAreWorded(t *testing.T) {
	names := map[string]bool{}
	for scope, want := range map[keepwatch.Scope]string{
		keepwatch.ScopeCredential: "crm-sync (emea, Germany 510000123)",
		keepwatch.ScopePlace:      "tenant emea seen from local",
		keepwatch.ScopeTenant:     "tenant emea",
		keepwatch.ScopePlatform:   "SFMC platform (1 credential)",
		keepwatch.ScopeMonitor:    "Keepwatch's test of crm-sync",
		keepwatch.ScopeEffect:     "crm-sync (emea, Germany 510000123)",
	} {
		s := newTale("inc", t0)
		s.inc.Scope = scope
		n := s.next(keepwatch.Opened, t0)
		m := Compose(delivery(n), FactsOf(n.Incident, estate(), ""))
		if !strings.HasPrefix(m.Title, "[FIRING] "+want+": ") {
			t.Errorf("%s: %s", scope, m.Title)
		}
		if name := m.Labels["alertname"]; names[name] || !strings.HasPrefix(name, "Keepwatch") {
			t.Errorf("%s: alertname %q", scope, name)
		}
		names[m.Labels["alertname"]] = true
	}
	s := newTale("inc", t0)
	s.inc.MergedInto = "bigger"
	n := s.next(keepwatch.Merged, t0)
	if m := Compose(delivery(n), FactsOf(n.Incident, estate(), "")); m.Status != Over || !strings.Contains(m.Title, "now part of incident bigger") {
		t.Errorf("merged: %s", m.Title)
	}
}

func TestWhatIsNotKnownIsNotInvented(t *testing.T) {
	n := keepwatch.Notice{ID: "x.1", Kind: keepwatch.Opened, Seq: 1, At: t0, Incident: keepwatch.Incident{
		ID: "x", Scope: keepwatch.ScopeCredential, Credential: "stranger", Outcome: keepwatch.LoginFailed, Category: keepwatch.CategoryCredential, DetectedAt: t0}}
	m := Compose(delivery(n), FactsOf(n.Incident, directory{}, ""))
	text := m.Annotations["description"]
	for _, want := range []string{"nobody is registered as owner", "never proven before", "No dependents are registered", "API user: name or password refused"} {
		if !strings.Contains(text, want) {
			t.Errorf("does not say %q:\n%s", want, text)
		}
	}
	if m.Annotations["hint"] == "" {
		t.Error("no hint")
	}
}

func TestLongListsAreCut(t *testing.T) {
	dir, s := directory{}, newTale("big", t0)
	s.inc.Scope, s.inc.Credential, s.inc.Members = keepwatch.ScopePlatform, "", nil
	for i := range 5000 {
		id := keepwatch.CredentialID(keepwatch.Digest(string(rune('a'+i%26)), keepwatch.FormatDuration(time.Duration(i)*time.Second)))
		dir[id] = keepwatch.Credential{ID: id, Owner: keepwatch.Owner{Team: string(id)}}
		s.inc.Members = append(s.inc.Members, keepwatch.Member{Credential: id})
	}
	m := Compose(delivery(s.next(keepwatch.Opened, t0)), FactsOf(s.inc, dir, ""))
	if raw, _ := json.Marshal(m); len(raw) > 28_000 {
		t.Errorf("%d bytes for an outage of 5000", len(raw))
	}
	if !strings.Contains(m.Annotations["impact"], "and 4990 more") {
		t.Errorf("impact: %s", m.Annotations["impact"])
	}
}

func TestComposeIsPure(t *testing.T) {
	a, _ := json.Marshal(messages(t))
	b, _ := json.Marshal(messages(t))
	if string(a) != string(b) {
		t.Error("the same story is told in two ways")
	}
}

func FuzzClean(f *testing.F) {
	f.Add(hostile, 20)
	f.Add("a\xff\xfeb\u200fc", 3)
	f.Add("", 0)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		limit = max(limit%500, 1)
		got := clean(s, limit)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > limit {
			t.Errorf("clean(%q, %d) = %q", s, limit, got)
		}
		for _, r := range got {
			if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
				t.Errorf("clean(%q) keeps %U", s, r)
			}
		}
		if again := clean(got, limit); again != got {
			t.Errorf("not idempotent: %q becomes %q", got, again)
		}
	})
}
