package view

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/client"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func at(d time.Duration) *time.Time {
	t := noon.Add(d)
	return &t
}

func TestWordsOfTime(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Ago(nil, noon), "never"},
		{Ago(at(0), noon), "just now"},
		{Ago(at(time.Hour), noon), "just now"}, // a clock that was set back
		{Ago(at(-42*time.Second), noon), "42 s ago"},
		{Ago(at(-59*time.Minute-59*time.Second), noon), "59 min ago"},
		{Ago(at(-time.Hour), noon), "1 h ago"},
		{Ago(at(-2*time.Hour-5*time.Minute), noon), "2 h 05 min ago"},
		{Ago(at(-24*time.Hour), noon), "1 day ago"},
		{Ago(at(-50*time.Hour), noon), "2 days ago"},
		{Until(nil, noon), "not planned"},
		{Until(at(-time.Minute), noon), "due now"},
		{Until(at(7*time.Minute), noon), "in 7 min"},
		{Countdown(nil), "date unknown"},
		{Countdown(days(0)), "today"},
		{Countdown(days(-3)), "ended 3 days ago"},
		{Countdown(days(1)), "in 1 day"},
		{Countdown(days(124)), "in 124 days"},
		{Words("bad_secret_or_package"), "bad secret or package"},
		{Words("ip_blocked"), "IP blocked"},
		{Words("tls_failure"), "TLS failure"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

// What ended today is not told as what ends today.
func TestTheDayOfAnEnd(t *testing.T) {
	zero, one := 0, 1
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		at   *time.Time
		left *int
		want string
	}{
		{new(now.Add(time.Hour)), &zero, "today"}, {new(now), &zero, "ended today"}, {new(now.Add(-time.Hour)), &zero, "ended today"},
		{new(now.Add(26 * time.Hour)), &one, "in 1 day"}, {nil, nil, "date unknown"},
	} {
		if got := Ends(c.at, c.left, now); got != c.want {
			t.Errorf("%v reads %q, want %q", c.at, got, c.want)
		}
	}
}

func TestPercentNeverRoundsUpToAll(t *testing.T) {
	for rate, want := range map[float64]string{1: "100 %", 0.99999: "99.99 %", 0.995: "99.50 %", 0.957: "95.7 %", 0: "0.0 %"} {
		if got := Percent(&rate); got != want {
			t.Errorf("%v: %q, want %q", rate, got, want)
		}
	}
	if got := Percent(nil); got != "–" {
		t.Errorf("without evidence: %q", got)
	}
}

func TestVerdictSaysHowItStands(t *testing.T) {
	base := client.Credential{Outcome: "ok", LastProvenAt: at(-3 * time.Minute), NextProofAt: at(7 * time.Minute), Since: at(-34 * time.Minute)}
	for _, c := range []struct {
		state, outcome string
		change         func(*client.Credential)
		want           string
	}{
		{"healthy", "ok", nil, "Proven 3 min ago, next proof in 7 min."},
		{"degraded", "slow", nil, "Works, but: slow; last proven 3 min ago."},
		{"failing", "bad_secret_or_package", nil, "Secret wrong, or package deleted, disabled or not installed, for 34 min; next try in 7 min."},
		{"failing", "login_failed", func(c *client.Credential) { c.NextProofAt = nil }, "API user: name or password refused, for 34 min; no further try is planned."},
		{"expired", "secret_expired", nil, "Probably: refused like a wrong secret, and the known date has passed, for 34 min; next try in 7 min."},
		{"unknown", "", nil, "Not proven yet: the first run comes within a minute."},
		{"unknown", "monitor_fault", func(c *client.Credential) { c.LastProvenAt = nil }, "Not known: it has never been proven."},
		{"unknown", "ok", nil, "Not known: no fresh proof, the last one was 3 min ago."},
		{"paused", "ok", nil, "Paused: nothing is proven."},
	} {
		cred := base
		cred.State, cred.Outcome = c.state, c.outcome
		if c.change != nil {
			c.change(&cred)
		}
		if got := verdict(cred, noon); got != c.want {
			t.Errorf("%s %s: %q, want %q", c.state, c.outcome, got, c.want)
		}
	}
}

func TestHeadlineNeverCallsNotKnowingProven(t *testing.T) {
	incident := func(severity string, acknowledged *time.Time) client.Incident {
		return client.Incident{Severity: severity, AcknowledgedAt: acknowledged}
	}
	for _, c := range []struct {
		counts    map[string]int
		incidents []client.Incident
		state     string
		text      string
	}{
		{map[string]int{"healthy": 4}, nil, "healthy", "Every credential is proven"},
		{map[string]int{"healthy": 3, "paused": 1}, nil, "healthy", "Every credential that is watched is proven"},
		{map[string]int{"healthy": 3, "unknown": 1}, nil, "unknown", "1 credential is not proven"},
		{map[string]int{"healthy": 3, "degraded": 2}, nil, "degraded", "2 credentials are degraded"},
		{map[string]int{"unknown": 3, "failing": 1}, nil, "failing", "1 credential is failing"},
		{map[string]int{}, nil, "unknown", "No credential is registered yet"},
		{map[string]int{"healthy": 4}, []client.Incident{incident("warning", nil)}, "degraded", "1 incident needs you"},
		{map[string]int{"failing": 4}, []client.Incident{incident("critical", nil), incident("critical", at(0)), incident("warning", nil)}, "failing", "2 incidents need you"},
		{map[string]int{"failing": 1}, []client.Incident{incident("critical", at(0))}, "failing", "1 incident open, somebody is on it"},
	} {
		o := client.Overview{Counts: c.counts, Incidents: c.incidents}
		for _, n := range c.counts {
			o.Total += n
		}
		if h := headline(o); h.State != c.state || h.Text != c.text {
			t.Errorf("%v: %s %q, want %s %q", c.counts, h.State, h.Text, c.state, c.text)
		}
	}
}

func TestHistoryHasASlotForEachHourAndNoMore(t *testing.T) {
	now := noon.Add(30 * time.Minute)
	h := history([]keepwatch.Rollup{
		{Start: noon.Add(-48 * time.Hour), Runs: 9, OK: 9}, // too old
		{Start: noon.Add(-47 * time.Hour), Runs: 4, OK: 4},
		{Start: noon, Runs: 2, OK: 1, Failed: 1, Worst: keepwatch.Timeout},
		{Start: noon.Add(time.Hour), Runs: 9, OK: 9}, // the future
	}, now)
	if len(h.Slots) != 48 || h.Slots[0].OK != 4 || h.Slots[47].Failed != 1 || h.Slots[47].Worst != "timeout" || h.Slots[1].Runs != 0 {
		t.Errorf("%+v", h)
	}
	if !h.From.Equal(noon.Add(-47 * time.Hour)) {
		t.Errorf("from %v", h.From)
	}
}

func TestFaultsOfTheMonitorDoNotCountAgainstTheCredential(t *testing.T) {
	var none, some tally
	none.add([]keepwatch.Rollup{{Start: noon, Runs: 5}}, noon)
	some.add([]keepwatch.Rollup{{Start: noon, Runs: 9, OK: 3, Failed: 1}, {Start: noon.Add(-time.Hour), OK: 100}}, noon)
	if none.rate() != nil || some.rate() == nil || *some.rate() != 0.75 {
		t.Errorf("%v %v", none.rate(), some.rate())
	}
}

func TestFailureTable(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		code   string
		hidden bool
	}{
		{keepwatch.ErrInvalid, 400, "invalid", false},
		{keepwatch.ErrUnauthorized, 401, "unauthorized", false},
		{keepwatch.ErrForbidden, 403, "forbidden", false},
		{keepwatch.ErrNotFound, 404, "not_found", false},
		{keepwatch.ErrConflict, 409, "conflict", false},
		{keepwatch.ErrUnavailable, 503, "unavailable", true},
		{context.DeadlineExceeded, 504, "timeout", true},
		{errors.New("boom"), 500, "internal", true},
		{nil, 500, "internal", true},
	} {
		err := c.err
		if err != nil {
			err = keepwatch.WithHint(fmt.Errorf("at 10.0.0.1: %w", c.err), "the hint")
		}
		f := FailureOf(err)
		if f.Status != c.status || f.Code != c.code || (f.ID != "") != c.hidden || f.Hint == "" || f.Message == "" {
			t.Errorf("%v: %+v", c.err, f)
		}
		if c.hidden && strings.Contains(f.Message, "10.0.0.1") {
			t.Errorf("%v: says too much: %q", c.err, f.Message)
		}
	}
}

func TestCursorsAreOpaqueAndChecked(t *testing.T) {
	for _, id := range []string{"a", "ü/…", strings.Repeat("x", 300)} {
		if got, err := openCursor(sealCursor(id)); err != nil || got != id {
			t.Errorf("%q: %q %v", id, got, err)
		}
	}
	for _, bad := range []string{"a", "!!", "Y3Jt", sealCursor("x") + "="} {
		if _, err := openCursor(bad); !errors.Is(err, keepwatch.ErrInvalid) || keepwatch.HintOf(err) == "" {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestIncidentTitleNamesItsSubject(t *testing.T) {
	for _, c := range []struct {
		inc  keepwatch.Incident
		want string
	}{
		{keepwatch.Incident{Scope: keepwatch.ScopeCredential, Credential: "crm-sync", Outcome: keepwatch.ScopeMissing}, "crm-sync: scope missing"},
		{keepwatch.Incident{Scope: keepwatch.ScopePlatform, Outcome: keepwatch.PlatformError}, "Salesforce: platform error"},
		{keepwatch.Incident{Scope: keepwatch.ScopeTenant, Tenant: "emea", Outcome: keepwatch.RateLimited}, "Tenant emea: rate limited"},
		{keepwatch.Incident{Scope: keepwatch.ScopePlace, Tenant: "emea", Place: keepwatch.Local, Outcome: keepwatch.IPBlocked}, "From here to tenant emea: IP blocked"},
		{keepwatch.Incident{Scope: keepwatch.ScopeMonitor, Outcome: keepwatch.MonitoringBlind}, "Keepwatch itself: monitoring blind"},
	} {
		if got := title(c.inc); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestCredentialOfNobodyIsNotOnThePage(t *testing.T) {
	all := []*keepwatch.Series{
		{ID: "c", Check: "c", Credential: "c", Place: keepwatch.Local, State: keepwatch.StateHealthy},
		{ID: "c#journey", Check: "c", Credential: "c", Place: keepwatch.Local, State: keepwatch.StateFailing},
		{ID: "c2", Check: "c2", Credential: "c", Place: "berlin", State: keepwatch.StateFailing},
		{ID: "m", Check: "m"},
	}
	if own := ownSeries("c", all); own.State != keepwatch.StateHealthy {
		t.Errorf("%+v", own)
	}
	if own := ownSeries("nobody", all); own.ID != "" {
		t.Errorf("of nobody: %+v", own)
	}
}

func TestEveryOutcomeHasAVerdictAndATitle(t *testing.T) {
	for _, o := range keepwatch.Outcomes {
		c := client.Credential{State: string(o.State), Outcome: string(o.Outcome), LastProvenAt: at(-time.Minute), NextProofAt: at(time.Minute)}
		if v := verdict(c, noon); !strings.HasSuffix(v, ".") || strings.Contains(v, "_") {
			t.Errorf("%s: %q", o.Outcome, v)
		}
	}
}

func days(n int) *int { return &n }
