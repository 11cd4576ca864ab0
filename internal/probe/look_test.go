package probe

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"keepwatch"
	"keepwatch/internal/certs"
	"keepwatch/internal/egress"
	"keepwatch/internal/intake"
)

// cupboard is where the tests keep certificates.
type cupboard struct {
	found []certs.Found
	err   error
	panic bool
}

func (c *cupboard) Read(context.Context, keepwatch.CertificateSource) ([]certs.Found, error) {
	if c.panic {
		panic("canary")
	}
	return c.found, c.err
}

func looker(c *cupboard) *Prober {
	return New(Options{Egress: egress.New(egress.Policy{}), Certificates: c, Guarded: c})
}

func lookSlot(at time.Time) keepwatch.Slot {
	check := keepwatch.CheckOf(keepwatch.CheckExpiry, "crm")
	return keepwatch.Slot{
		Check: keepwatch.Check{ID: check, Kind: keepwatch.CheckExpiry, Credential: "crm", Tenant: "emea"},
		At:    at, Gap: 24 * time.Hour, Reason: keepwatch.ReasonScheduled,
	}
}

var certificate = keepwatch.Credential{ID: "crm", Tenant: "emea", Kind: keepwatch.Certificate, Certificate: keepwatch.CertificateSource{File: "crm.pem"}, File: "keepwatch.yaml:3"}

func leaf(ends time.Time) certs.Found {
	return certs.Found{Clock: certs.ClockLeaf, NotBefore: ends.AddDate(0, 0, -90), NotAfter: ends, Basis: "crm.pem", Facts: []keepwatch.Fact{{Name: certs.FactIssuer, Value: "CN=R3"}}}
}

// acceptable checks that everything a look finds comes through the one door.
func acceptable(t *testing.T, found []keepwatch.Observation, now time.Time) {
	t.Helper()
	keys := map[string]bool{}
	for _, o := range found {
		if _, err := intake.Clean(o, now); err != nil {
			t.Errorf("%s is refused: %v", o.Key, err)
		}
		if keys[o.Key] {
			t.Errorf("the key %s comes twice", o.Key)
		}
		keys[o.Key] = true
	}
}

func TestLook(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	c := keepwatch.Credential{ID: "crm", Tenant: "emea", Kind: keepwatch.ServerToServer, SecretGenerated: keepwatch.DayOf(now, zone).AddDays(-170), LastUsed: keepwatch.DayOf(now, zone)}
	found := looker(untouched()).Look(t.Context(), c, zone, []time.Duration{30 * 24 * time.Hour, 14 * 24 * time.Hour}, lookSlot(now))
	acceptable(t, found, now)
	if len(found) != 3 {
		t.Fatalf("%d observations", len(found))
	}
	own, secret, idle := found[0], found[1], found[2]
	switch {
	case own.Key != keepwatch.SlotKey("expiry:crm", now) || own.Series != "expiry:crm" || own.Outcome != keepwatch.OK || len(own.Steps) != 2 || own.Steps[0].Name != "secret":
		t.Errorf("the look itself: %+v", own)
	case secret.Key != own.Key+"#secret" || secret.Series != "expiry:crm#secret" || secret.Outcome != keepwatch.Expiring || secret.Gap != 24*time.Hour || strings.Join(secret.Due.Passed, " ") != "30d 14d":
		t.Errorf("the secret: %+v", secret)
	case !strings.HasPrefix(secret.Message, "The secret ends on ") || !strings.Contains(secret.Message, "in 10 days. The date is derived: generated ") || secret.Hint == "":
		t.Errorf("message %q", secret.Message)
	case idle.Series != "expiry:crm#package" || idle.Outcome != keepwatch.OK:
		t.Errorf("the package: %+v", idle)
	}
}

// untouched is a reader that must not be asked.
func untouched() *cupboard { return &cupboard{panic: true} }

func TestLookOutcomes(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	today := keepwatch.DayOf(now, time.UTC)
	ladder := []time.Duration{30 * 24 * time.Hour}
	for name, tt := range map[string]struct {
		c    keepwatch.Credential
		want keepwatch.Outcome
	}{
		"far":     {keepwatch.Credential{Expires: today.AddDays(60)}, keepwatch.OK},
		"near":    {keepwatch.Credential{Expires: today.AddDays(20)}, keepwatch.Expiring},
		"passed":  {keepwatch.Credential{Expires: today.AddDays(-1)}, keepwatch.Expired},
		"planned": {keepwatch.Credential{Expires: today.AddDays(20), Renewal: keepwatch.Renewal{Planned: today.AddDays(3)}}, keepwatch.OK},
	} {
		tt.c.ID, tt.c.Tenant, tt.c.Kind = "crm", "emea", keepwatch.SFTPPassword
		found := looker(untouched()).Look(t.Context(), tt.c, nil, ladder, lookSlot(now))
		acceptable(t, found, now)
		if len(found) != 2 || found[1].Outcome != tt.want {
			t.Errorf("%s: %+v", name, found)
		}
	}
	found := looker(untouched()).Look(t.Context(), keepwatch.Credential{ID: "crm", Tenant: "emea", Kind: keepwatch.SFTPPassword}, nil, ladder, lookSlot(now))
	if len(found) != 1 || found[0].Outcome != keepwatch.OK || found[0].Message != "Nobody knows when it ends: password." {
		t.Errorf("an unknown date: %+v", found)
	}
}

// TestLookNeverComesEarly: the schedule's clock may be ahead of the wall's by a
// correction; the rung it was woken for has come all the same.
func TestLookNeverComesEarly(t *testing.T) {
	ahead := time.Now().Add(time.Minute).Truncate(time.Second)
	c := keepwatch.Credential{ID: "crm", Tenant: "emea", Kind: keepwatch.SFTPPassword, Expires: keepwatch.Exactly(ahead)}
	if found := looker(untouched()).Look(t.Context(), c, nil, nil, lookSlot(ahead)); found[1].Outcome != keepwatch.Expired {
		t.Errorf("%+v", found[1])
	}
}

func TestLookReadsCertificates(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	ends := now.AddDate(0, 0, 20)
	shelf := &cupboard{found: []certs.Found{leaf(ends), {Clock: "chain:CN=R3 \x00\u202e" + strings.Repeat("é", 300), NotBefore: ends.AddDate(-5, 0, 0), NotAfter: ends.AddDate(1, 0, 0)}}}
	shelf.found[0].Problems = []certs.Problem{{Name: certs.WrongHost, Message: "It is for another name."}, {Name: certs.CAAForbids, Message: "CAA forbids.", Notice: true}, {Name: certs.Expired}}
	p := looker(shelf)
	found := p.Look(t.Context(), certificate, nil, []time.Duration{30 * 24 * time.Hour}, lookSlot(now))
	acceptable(t, found, now)
	if len(found) != 3 {
		t.Fatalf("%d observations", len(found))
	}
	o := found[1]
	if o.Outcome != keepwatch.Expiring || !o.Due.Clock.At.Equal(ends) || o.Due.Clock.Source != keepwatch.DateRead || !strings.Contains(o.Message, "It is for another name.") || strings.Contains(o.Message, "CAA") {
		t.Errorf("the leaf: %+v", o)
	}
	if len(o.Seen) != 2 || o.Seen[1] != (keepwatch.Fact{Name: "problems", Value: "caa_forbids, wrong_host"}) {
		t.Errorf("seen %+v", o.Seen)
	}
	if name := found[2].Due.Clock.Name; len(name) > maxSubject || !utf8.ValidString(name) || strings.ContainsAny(name, "\x00\u202e") {
		t.Errorf("the name of a stranger's certificate: %q", name)
	}

	// A source that is away for a while has not changed its date.
	shelf.found, shelf.err = nil, errors.New("no such file")
	found = p.Look(t.Context(), certificate, nil, []time.Duration{30 * 24 * time.Hour}, lookSlot(now))
	acceptable(t, found, now)
	if len(found) != 3 || found[0].Outcome != keepwatch.MonitorFault || found[1].Outcome != keepwatch.Expiring || len(found[1].Seen) != 0 {
		t.Errorf("away: %+v", found)
	}
	moved := certificate
	moved.Certificate.File = "other.pem"
	if found = p.Look(t.Context(), moved, nil, nil, lookSlot(now)); len(found) != 1 {
		t.Errorf("another source has the dates of the last one: %+v", found)
	}
}

func TestLookAtBrokenCertificates(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	broken := certs.Found{Clock: certs.ClockLeaf, Problems: []certs.Problem{{Name: certs.Broken, Message: "The file holds no certificate.", Hint: "Look at the file."}}}
	found := looker(&cupboard{found: []certs.Found{broken}}).Look(t.Context(), certificate, nil, nil, lookSlot(now))
	acceptable(t, found, now)
	if len(found) != 1 || found[0].Outcome != keepwatch.MonitorFault || found[0].Message != "The file holds no certificate." || found[0].Hint != "Look at the file." {
		t.Errorf("%+v", found)
	}
	found = looker(&cupboard{panic: true}).Look(t.Context(), certificate, nil, nil, lookSlot(now))
	acceptable(t, found, now)
	if len(found) != 1 || found[0].Outcome != keepwatch.MonitorFault || strings.Contains(found[0].Evidence+found[0].Message, "canary") {
		t.Errorf("a panic: %+v", found)
	}
}

// shelves remembers what it was asked for.
type shelves struct{ asked []keepwatch.CertificateSource }

func (s *shelves) Read(_ context.Context, source keepwatch.CertificateSource) ([]certs.Found, error) {
	s.asked = append(s.asked, source)
	return nil, nil
}

// A record of the interface reads no file of this machine, and goes through the
// reader that refuses private addresses.
func TestLookGuardsWhatPeopleType(t *testing.T) {
	own, guarded := &shelves{}, &shelves{}
	p := New(Options{Egress: egress.New(egress.Policy{}), Certificates: own, Guarded: guarded})
	now := time.Now()
	for _, file := range []string{"", "keepwatch.yaml:9"} {
		for _, source := range []keepwatch.CertificateSource{{File: "/etc/shadow"}, {Endpoint: "169.254.169.254:443"}} {
			c := certificate
			c.File, c.Certificate = file, source
			p.Look(t.Context(), c, nil, nil, lookSlot(now))
		}
	}
	if len(own.asked) != 2 || len(guarded.asked) != 1 || guarded.asked[0].File != "" {
		t.Errorf("the file's own reader: %v, the guarded one: %v", own.asked, guarded.asked)
	}
}
