package cli

import (
	"errors"
	"testing"

	"keepwatch"
)

func TestReachable(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:8484": "127.0.0.1:8484", "0.0.0.0:8484": "127.0.0.1:8484", ":8484": "127.0.0.1:8484", "[::]:8484": "127.0.0.1:8484",
		"[::1]:8484": "[::1]:8484", "localhost:1": "localhost:1", "192.0.2.7:80": "192.0.2.7:80",
	} {
		if got := reachable(listen); got != want {
			t.Errorf("reachable(%q) = %q, want %q", listen, got, want)
		}
	}
}

// The worst of several: failing before not looked at before degraded.
func TestWorst(t *testing.T) {
	for _, c := range []struct {
		outcomes []keepwatch.Outcome
		code     int
		nagios   int
	}{
		{[]keepwatch.Outcome{keepwatch.OK}, 0, 0},
		{[]keepwatch.Outcome{keepwatch.OK, keepwatch.RateLimited}, 10, 1},
		{[]keepwatch.Outcome{keepwatch.RateLimited, keepwatch.MonitorFault, keepwatch.OK}, 1, 3},
		{[]keepwatch.Outcome{keepwatch.MonitorFault, keepwatch.SecretExpired, keepwatch.RateLimited}, 20, 2},
	} {
		var results []checkedCredential
		for _, o := range c.outcomes {
			results = append(results, checkedCredential{Outcome: o})
		}
		code := 0
		var exit exitError
		if errors.As(worst(results), &exit) {
			code = int(exit)
		}
		if code != c.code || mapExit("nagios", code) != c.nagios || mapExit("default", code) != c.code {
			t.Errorf("%v: exit %d, nagios %d; want %d, %d", c.outcomes, code, mapExit("nagios", code), c.code, c.nagios)
		}
	}
	if got := mapExit("nagios", keepwatch.ExitUsage); got != 3 {
		t.Errorf("wrong usage is %d for Nagios, want 3", got)
	}
}
