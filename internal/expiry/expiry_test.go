package expiry_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/expiry"
)

const day = 24 * time.Hour

func date(s string) keepwatch.Date {
	d, err := keepwatch.ParseDate(s)
	if err != nil {
		panic(err)
	}
	return d
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// TestSecretsOf2026: what Salesforce's two dates mean for a record.
func TestSecretsOf2026(t *testing.T) {
	for generated, want := range map[string]string{"2026-06-01": "2026-11-28", "2026-09-30": "2027-03-29"} {
		for _, name := range zones {
			z := zone(t, name)
			for _, kind := range []keepwatch.Kind{keepwatch.ServerToServer, keepwatch.WebApp} {
				got := expiry.Clocks(keepwatch.Credential{Kind: kind, SecretGenerated: date(generated)}, z, nil)
				if len(got) != 1 || got[0].Name != "secret" || got[0].Source != keepwatch.DateDerived || keepwatch.DayOf(got[0].At, z).String() != want || !got[0].At.Equal(date(want).In(z)) {
					t.Errorf("%s in %s: %+v, want %s, derived", generated, name, got, want)
				}
			}
		}
	}
}

// render is a clock in a line: name, kind, day in UTC, source.
func render(k keepwatch.Clock) string {
	at := "-"
	if k.Known() {
		at = k.At.UTC().Format(time.DateOnly)
	}
	return k.Name + " " + string(k.Kind) + " " + at + " " + string(k.Source)
}

func TestClocks(t *testing.T) {
	made, used := date("2026-01-01"), date("2026-05-01")
	tests := map[string]struct {
		c    keepwatch.Credential
		read []keepwatch.Clock
		want string // clocks, "; " between
	}{
		"a secret nobody dated":         {keepwatch.Credential{Kind: keepwatch.ServerToServer}, nil, "secret hard_date - unknown"},
		"typed beats derived":           {keepwatch.Credential{Kind: keepwatch.ServerToServer, SecretGenerated: made, Expires: date("2026-03-01")}, nil, "secret hard_date 2026-03-01 typed"},
		"an idle package":               {keepwatch.Credential{Kind: keepwatch.PublicApp, LastUsed: used}, nil, "package idle 2026-10-28 assumed"},
		"a public app":                  {keepwatch.Credential{Kind: keepwatch.PublicApp}, nil, ""},
		"the secret before the package": {keepwatch.Credential{Kind: keepwatch.WebApp, SecretGenerated: made, LastUsed: used}, nil, "secret hard_date 2026-06-30 derived; package idle 2026-10-28 assumed"},
		"a refresh token":               {keepwatch.Credential{Kind: keepwatch.RefreshToken, LastUsed: used}, nil, "refresh_token idle 2026-05-31 derived"},
		"a token that was just issued":  {keepwatch.Credential{Kind: keepwatch.RefreshToken, SecretGenerated: used, LastUsed: made}, nil, "refresh_token idle 2026-05-31 derived"},
		"a token never seen":            {keepwatch.Credential{Kind: keepwatch.RefreshToken}, nil, "refresh_token idle - unknown"},
		"an API user without a policy":  {keepwatch.Credential{Kind: keepwatch.APIUser, SecretGenerated: made}, nil, "password hard_date - unknown; login idle - unknown"},
		"an API user with policies":     {keepwatch.Credential{Kind: keepwatch.APIUser, SecretGenerated: made, ValidFor: 90 * day, LastUsed: used, IdleFor: 60 * day}, nil, "password hard_date 2026-04-01 derived; login idle 2026-06-30 derived"},
		"the idle limit by default":     {keepwatch.Credential{Kind: keepwatch.APIUser, Expires: made, LastUsed: used}, nil, "password hard_date 2026-01-01 typed; login idle 2026-07-30 assumed"},
		"a login that was read":         {keepwatch.Credential{Kind: keepwatch.APIUser, Expires: made, LastUsed: made, IdleFor: 90 * day}, []keepwatch.Clock{{Name: "login", Since: used}}, "password hard_date 2026-01-01 typed; login idle 2026-07-30 read"},
		"an older reading":              {keepwatch.Credential{Kind: keepwatch.APIUser, Expires: made, LastUsed: used, IdleFor: 90 * day}, []keepwatch.Clock{{Name: "login", Since: made}}, "password hard_date 2026-01-01 typed; login idle 2026-07-30 derived"},
		"read beats typed":              {keepwatch.Credential{Kind: keepwatch.Certificate, Expires: made}, []keepwatch.Clock{{Name: "certificate", At: used.In(time.UTC)}}, "certificate hard_date 2026-05-01 read"},
		"a chain": {keepwatch.Credential{Kind: keepwatch.Certificate}, []keepwatch.Clock{{Name: "certificate", At: used.In(time.UTC)}, {Name: "chain:CN=R3", At: made.In(time.UTC)}, {Name: "chain:broken"}},
			"certificate hard_date 2026-05-01 read; chain:CN=R3 hard_date 2026-01-01 read"},
		"a certificate nobody read": {keepwatch.Credential{Kind: keepwatch.ConnectedApp}, nil, "certificate hard_date - unknown"},
		"single sign-on":            {keepwatch.Credential{Kind: keepwatch.SSOCertificate}, nil, "certificate hard_date 2026-12-20 assumed"},
		"single sign-on, typed":     {keepwatch.Credential{Kind: keepwatch.SSOCertificate, Expires: used}, nil, "certificate hard_date 2026-05-01 typed"},
		"a push certificate":        {keepwatch.Credential{Kind: keepwatch.PushCertificate, SecretGenerated: made}, nil, "certificate hard_date 2027-01-01 assumed"},
		"a personal token":          {keepwatch.Credential{Kind: keepwatch.PersonalAccessToken, SecretGenerated: made}, nil, "token hard_date 2026-01-31 assumed"},
		"a personal token of a week": {keepwatch.Credential{Kind: keepwatch.PersonalAccessToken, SecretGenerated: made, ValidFor: 7 * day}, nil,
			"token hard_date 2026-01-08 derived"},
		"a key has no end":          {keepwatch.Credential{Kind: keepwatch.SFTPKey, SecretGenerated: made}, nil, ""},
		"a key with a policy":       {keepwatch.Credential{Kind: keepwatch.EncryptionKey, SecretGenerated: made, Renewal: keepwatch.Renewal{Every: 365 * day}}, nil, "key hard_date 2027-01-01 assumed"},
		"a key with a typed end":    {keepwatch.Credential{Kind: keepwatch.JWTSecret, Expires: used}, nil, "secret hard_date 2026-05-01 typed"},
		"an SFTP password":          {keepwatch.Credential{Kind: keepwatch.SFTPPassword}, nil, "password hard_date - unknown"},
		"a contract":                {keepwatch.Credential{Kind: keepwatch.Contract, Expires: used}, nil, "contract hard_date 2026-05-01 typed; access hard_date 2026-07-30 derived"},
		"a contract without a date": {keepwatch.Credential{Kind: keepwatch.Contract}, nil, "contract hard_date - unknown"},
		"a kind nobody knows":       {keepwatch.Credential{Kind: "rumour", Expires: used}, nil, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, k := range expiry.Clocks(tt.c, nil, tt.read) {
				got = append(got, render(k))
				if k.Basis == "" && k.Source != keepwatch.DateRead {
					t.Errorf("%s has no basis", k.Name)
				}
			}
			if s := strings.Join(got, "; "); s != tt.want {
				t.Errorf("got  %s\nwant %s", s, tt.want)
			}
		})
	}
}

// TestEveryKindHasARule: a kind that is added to the table of kinds needs a row here.
func TestEveryKindHasARule(t *testing.T) {
	for _, kind := range keepwatch.Kinds {
		rules := expiry.Rules[kind]
		if len(rules) == 0 {
			t.Errorf("%s has no clock", kind)
		}
		for i, r := range rules {
			if r.Clock == "" || r.Why == "" || (r.Kind != keepwatch.ClockHard && r.Kind != keepwatch.ClockIdle) {
				t.Errorf("%s: rule %d is not whole: %+v", kind, i, r)
			}
			if i > 0 && rules[i-1].Kind == keepwatch.ClockIdle && r.Kind == keepwatch.ClockHard {
				t.Errorf("%s: an idle clock stands before a hard one", kind)
			}
		}
	}
}

func TestConfirmed(t *testing.T) {
	c := keepwatch.Credential{Kind: keepwatch.ServerToServer, SecretGenerated: date("2026-01-01"), DatesConfirmed: date("2026-02-03")}
	if k := expiry.Clocks(c, nil, nil)[0]; k.ConfirmedAt != c.DatesConfirmed || k.Basis != "generated 2026-01-01 + 180 days (a client secret ends 180 days after it was generated, whenever it was activated)" {
		t.Errorf("clock %+v", k)
	}
	c.SecretGenerated = keepwatch.Date{}
	if k := expiry.Clocks(c, nil, nil)[0]; !k.ConfirmedAt.IsZero() {
		t.Error("an unknown date is confirmed")
	}
}

func hard(at string) keepwatch.Clock {
	return keepwatch.Clock{Name: "secret", Kind: keepwatch.ClockHard, At: date(at).In(time.UTC), Source: keepwatch.DateTyped}
}

func TestLook(t *testing.T) {
	standard := []time.Duration{30 * day, 14 * day, 7 * day, day}
	clock := hard("2026-11-28")
	since := clock
	since.Since = date("2026-06-01")
	idle := keepwatch.Clock{Name: "login", Kind: keepwatch.ClockIdle, Since: date("2026-08-30"), At: date("2026-11-28").In(time.UTC)}
	short := keepwatch.Clock{Name: "x", Kind: keepwatch.ClockIdle, Since: keepwatch.Exactly(clock.At.Add(-6 * time.Hour)), At: clock.At}
	plan := func(planned string, window time.Duration) keepwatch.Renewal {
		return keepwatch.Renewal{Planned: date(planned), Window: window, By: "ops"}
	}
	tests := map[string]struct {
		clock     keepwatch.Clock
		ladder    []time.Duration
		renewal   keepwatch.Renewal
		now       string
		passed    string
		next      string
		quiet     bool
		attention string
	}{
		"before all":                  {clock: clock, ladder: standard, now: "2026-10-29T08:59:59Z", next: "2026-10-29T09:00:00Z"},
		"the widest, to the second":   {clock: clock, ladder: standard, now: "2026-10-29T09:00:00Z", passed: "30d", next: "2026-11-14T09:00:00Z"},
		"the last day":                {clock: clock, ladder: standard, now: "2026-11-27T12:00:00Z", passed: "30d 14d 7d 1d", next: "2026-11-28T00:00:00Z"},
		"the end, to the second":      {clock: clock, ladder: standard, now: "2026-11-28T00:00:00Z", passed: "30d 14d 7d 1d expired"},
		"no ladder":                   {clock: clock, now: "2026-11-28T00:00:00Z", passed: "expired"},
		"a ladder in disorder, twice": {clock: clock, ladder: []time.Duration{day, 30 * day, day, -day, 0}, now: "2026-11-27T12:00:00Z", passed: "30d 1d", next: "2026-11-28T00:00:00Z"},
		"hours":                       {clock: clock, ladder: []time.Duration{36 * time.Hour}, now: "2026-11-26T12:00:00Z", passed: "1d12h", next: "2026-11-28T00:00:00Z"},
		"idle at two thirds":          {clock: idle, ladder: standard, now: "2026-10-29T09:00:00Z", passed: "30d", next: "2026-11-28T00:00:00Z"},
		"idle for hours":              {clock: short, now: "2026-11-27T22:00:00Z", passed: "2h", next: "2026-11-28T00:00:00Z"},
		"quiet":                       {clock: since, ladder: standard, renewal: plan("2026-11-20", 0), now: "2026-11-15T00:00:00Z", passed: "30d 14d", quiet: true, next: "2026-11-21T00:00:00Z"},
		"quiet for a window":          {clock: since, ladder: standard, renewal: plan("2026-11-20", 3*day), now: "2026-11-22T23:59:59Z", passed: "30d 14d 7d", quiet: true, next: "2026-11-23T00:00:00Z"},
		"the plan was missed": {clock: since, ladder: standard, renewal: plan("2026-11-20", 0), now: "2026-11-21T00:00:00Z", passed: "30d 14d renewal 2026-11-20", next: "2026-11-21T09:00:00Z",
			attention: "The renewal planned for 2026-11-20 by ops has passed, and the date has not moved."},
		"missed before any rung": {clock: since, ladder: standard, renewal: plan("2026-10-01", 0), now: "2026-10-29T09:00:00Z", passed: "30d", next: "2026-11-14T09:00:00Z",
			attention: "The renewal planned for 2026-10-01 by ops has passed, and the date has not moved."},
		"a plan of the last date":       {clock: since, ladder: standard, renewal: plan("2026-06-02", 0), now: "2026-10-29T09:00:00Z", passed: "30d", next: "2026-11-14T09:00:00Z"},
		"a plan of the last typed date": {clock: clock, ladder: standard, renewal: plan("2026-06-02", 0), now: "2026-10-29T09:00:00Z", passed: "30d", next: "2026-11-14T09:00:00Z"},
		"a plan that comes too late": {clock: since, ladder: standard, renewal: plan("2026-11-28", 0), now: "2026-11-15T00:00:00Z", passed: "30d 14d", next: "2026-11-21T09:00:00Z",
			attention: "The renewal planned for 2026-11-28 by ops would come too late."},
		"a plan ends with the date": {clock: since, ladder: standard, renewal: plan("2026-11-27", 0), now: "2026-11-28T00:00:00Z", passed: "30d 14d 7d 1d renewal 2026-11-27 expired",
			attention: "The renewal planned for 2026-11-27 by ops has passed, and the date has not moved."},
		"idle clocks are not renewed": {clock: idle, ladder: standard, renewal: plan("2026-11-20", 0), now: "2026-10-29T09:00:00Z", passed: "30d", next: "2026-11-28T00:00:00Z"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			now, err := time.Parse(time.RFC3339, tt.now)
			if err != nil {
				t.Fatal(err)
			}
			got := expiry.Look(keepwatch.Credential{Renewal: tt.renewal}, []keepwatch.Clock{tt.clock}, tt.ladder, nil, now)
			if len(got) != 1 {
				t.Fatalf("%d looks", len(got))
			}
			d := got[0]
			next := ""
			if !d.Next.IsZero() {
				next = d.Next.Format(time.RFC3339)
			}
			if s := strings.Join(d.Passed, " "); s != tt.passed || next != tt.next || d.Quiet != tt.quiet || d.Attention != tt.attention {
				t.Errorf("passed %q, next %q, quiet %t, attention %q", s, next, d.Quiet, d.Attention)
			}
		})
	}
}

func TestLookLeavesOutWhatHasNoDate(t *testing.T) {
	clocks := []keepwatch.Clock{{Name: "secret", Kind: keepwatch.ClockHard}, {Name: "token", Kind: keepwatch.ClockSession, At: time.Unix(1, 0)}}
	if got := expiry.Look(keepwatch.Credential{}, clocks, nil, nil, time.Unix(2, 0)); len(got) != 0 {
		t.Errorf("looks %+v", got)
	}
}

// TestRungsComeAtNine: in every zone a rung of whole days comes at nine of its own
// day, whatever the clocks there did in between.
func TestRungsComeAtNine(t *testing.T) {
	for _, name := range zones {
		z := zone(t, name)
		for month := time.January; month <= time.December; month++ {
			end := keepwatch.Day(2027, month, 15)
			k := keepwatch.Clock{Name: "secret", Kind: keepwatch.ClockHard, At: end.In(z)}
			for _, days := range []int{1, 14, 60} {
				at := time.Date(2027, month, 15-days, 9, 0, 0, 0, z)
				ladder := []time.Duration{time.Duration(days) * day}
				before := expiry.Look(keepwatch.Credential{}, []keepwatch.Clock{k}, ladder, z, at.Add(-time.Second))[0]
				then := expiry.Look(keepwatch.Credential{}, []keepwatch.Clock{k}, ladder, z, at)[0]
				if len(before.Passed) != 0 || !before.Next.Equal(at) || len(then.Passed) != 1 {
					t.Errorf("%s, %d days before %s: %+v, then %+v", name, days, end, before, then)
				}
			}
		}
	}
}

func TestWords(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	c := keepwatch.Credential{Kind: keepwatch.ServerToServer, SecretGenerated: date("2026-06-01"), DatesConfirmed: date("2026-06-02"), LastUsed: date("2026-05-01")}
	clocks := expiry.Clocks(c, berlin, nil)
	for now, want := range map[string][]string{
		"2026-10-29T08:00:00Z": {"The secret ends on 2026-11-28 00:00 CET, in 30 days. The date is derived: generated 2026-06-01 + 180 days (", "confirmed 2026-06-02.", "The package was last used on 2026-05-01 and has been idle for too long since 2026-10-28 00:00 CET."},
		"2026-11-27T08:00:00Z": {"tomorrow."},
		"2026-11-28T08:00:00Z": {"The secret ended on 2026-11-28 00:00 CET, today."},
		"2026-12-03T08:00:00Z": {"5 days ago."},
		"2026-10-01T08:00:00Z": {"and ends unused on 2026-10-28 00:00 CET, in 27 days. The date is assumed: "},
	} {
		at, _ := time.Parse(time.RFC3339, now)
		var all []string
		for _, d := range expiry.Look(c, clocks, nil, berlin, at) {
			message, hint := expiry.Words(d, berlin, at)
			all = append(all, message)
			if !strings.HasSuffix(hint, "Then enter the new date in the record.") {
				t.Errorf("hint %q", hint)
			}
		}
		for _, part := range want {
			if !slices.ContainsFunc(all, func(s string) bool { return strings.Contains(s, part) }) {
				t.Errorf("at %s nothing says %q: %q", now, part, all)
			}
		}
	}
	if got := expiry.Title("chain:CN=R3"); got != "certificate of the chain CN=R3" {
		t.Errorf("title %q", got)
	}
}
