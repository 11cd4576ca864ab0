package detect_test

import (
	"reflect"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/detect"
)

var zero = time.Date(2026, time.November, 2, 9, 0, 0, 0, time.UTC)

func at(minutes float64) time.Time { return zero.Add(time.Duration(minutes * float64(time.Minute))) }

const (
	hard, window, propagation = 30 * time.Second, 10 * time.Minute, 5 * time.Minute
)

func TestConfirmationWait(t *testing.T) {
	tests := map[string]struct {
		changed time.Time
		gap     time.Duration
		want    time.Duration
	}{
		"half a minute":                   {time.Time{}, 14 * time.Minute, hard},
		"the gap where that is shorter":   {time.Time{}, 10 * time.Second, 10 * time.Second},
		"no gap known":                    {time.Time{}, 0, hard},
		"propagation soon after a change": {at(-9), 14 * time.Minute, propagation},
		"not long after it":               {at(-11), 14 * time.Minute, hard},
		"not for a change to come":        {at(1), 14 * time.Minute, hard},
	}
	for name, tt := range tests {
		if got := detect.ConfirmationWait(at(0), tt.changed, tt.gap, hard, window, propagation); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

func TestRefusalConfirmed(t *testing.T) {
	fail := func(m float64, o keepwatch.Outcome) keepwatch.Failure {
		return keepwatch.Failure{At: at(m), Outcome: o}
	}
	tests := map[string]struct {
		earlier []keepwatch.Failure
		changed time.Time
		want    bool
	}{
		"nothing before":                  {nil, time.Time{}, false},
		"the same before":                 {[]keepwatch.Failure{fail(-.5, keepwatch.BadClientID)}, time.Time{}, true},
		"a soft failure before":           {[]keepwatch.Failure{fail(-.5, keepwatch.Timeout)}, time.Time{}, false},
		"however long ago":                {[]keepwatch.Failure{fail(-60, keepwatch.BadClientID)}, time.Time{}, true},
		"a change between":                {[]keepwatch.Failure{fail(-2, keepwatch.BadClientID)}, at(-1), false},
		"propagation not yet over":        {[]keepwatch.Failure{fail(-4, keepwatch.BadClientID)}, at(-6), false},
		"propagation over":                {[]keepwatch.Failure{fail(-5, keepwatch.BadClientID)}, at(-6), true},
		"a change too long ago to matter": {[]keepwatch.Failure{fail(-.5, keepwatch.BadClientID)}, at(-20), true},
	}
	for name, tt := range tests {
		if got := detect.RefusalConfirmed(tt.earlier, at(0), tt.changed, window, propagation, keepwatch.Outcome.Hard); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestRefusalWaitAndCap(t *testing.T) {
	waits := []time.Duration{10 * time.Minute, 30 * time.Minute, time.Hour}
	for tries, want := range []time.Duration{10 * time.Minute, 30 * time.Minute, time.Hour, time.Hour} {
		if got := detect.RefusalWait(waits, tries); got != want {
			t.Errorf("after %d tries: %s, want %s", tries, got, want)
		}
	}
	if got := detect.RefusalWait(nil, 3); got != time.Hour {
		t.Errorf("without waits: %s", got)
	}
	tries := []time.Time{at(0), at(10), at(20)}
	if got := detect.UnderDailyCap(at(30), tries, 3); !got.Equal(at(24 * 60)) {
		t.Errorf("a fourth try of three a day at %s", got)
	}
	if got := detect.UnderDailyCap(at(30), tries, 4); !got.Equal(at(30)) {
		t.Errorf("under the cap moved to %s", got)
	}
	if got := detect.Within(tries, at(25), 10*time.Minute, at(25)); !reflect.DeepEqual(got, []time.Time{at(20), at(25)}) {
		t.Errorf("within 10 minutes: %v", got)
	}
}

func TestThrottled(t *testing.T) {
	tests := []struct {
		outcome keepwatch.Outcome
		asked   time.Duration
		want    time.Duration
	}{
		{keepwatch.RateLimited, 5 * time.Second, 5 * time.Second},
		{keepwatch.RateLimited, 0, 0},
		{keepwatch.RateLimited, 1 << 62, 24 * time.Hour},
		{keepwatch.RateLimited, -1, 0},
		{keepwatch.TemporarilyBlocked, 0, 15 * time.Minute},
		{keepwatch.PlatformError, time.Minute, time.Minute},
	}
	for _, tt := range tests {
		if got := detect.Throttled(tt.outcome, tt.asked, 15*time.Minute); got != tt.want {
			t.Errorf("%s asking %s: %s, want %s", tt.outcome, tt.asked, got, tt.want)
		}
	}
}

func TestBurstOf(t *testing.T) {
	f := func(m float64, o keepwatch.Outcome, c keepwatch.Connectivity, r keepwatch.Reason) keepwatch.Failure {
		return keepwatch.Failure{At: at(m), Outcome: o, Connectivity: c, Reason: r}
	}
	p, u, s, k := keepwatch.ConnectivityProven, keepwatch.ConnectivityUnproven, keepwatch.ReasonScheduled, keepwatch.ReasonConfirm
	tests := map[string]struct {
		failures []keepwatch.Failure
		want     detect.Burst
	}{
		"two are not enough": {[]keepwatch.Failure{f(0, keepwatch.Timeout, p, s), f(3, keepwatch.Timeout, p, k)},
			detect.Burst{Planned: true, Outcome: keepwatch.Timeout}},
		"three within a minute are not": {[]keepwatch.Failure{f(0, keepwatch.Timeout, p, s), f(.5, keepwatch.Timeout, p, k), f(1, keepwatch.Timeout, p, k)},
			detect.Burst{Planned: true, Outcome: keepwatch.Timeout}},
		"three over two minutes are": {[]keepwatch.Failure{f(0, keepwatch.Timeout, p, s), f(1, keepwatch.Timeout, p, k), f(2, keepwatch.Timeout, p, k)},
			detect.Burst{Enough: true, Proven: true, Planned: true, Outcome: keepwatch.Timeout}},
		"without connectivity nothing is proven": {[]keepwatch.Failure{f(0, keepwatch.Timeout, u, s), f(1, keepwatch.Timeout, p, k), f(2, keepwatch.Timeout, p, k)},
			detect.Burst{Enough: true, Planned: true, Outcome: keepwatch.Timeout}},
		"an answer of the host proves it": {[]keepwatch.Failure{f(0, keepwatch.PlatformError, u, s), f(1, keepwatch.RateLimited, u, k), f(2, keepwatch.PlatformError, u, k)},
			detect.Burst{Enough: true, Proven: true, Planned: true, Outcome: keepwatch.PlatformError}},
		"runs on demand are no run of the schedule": {[]keepwatch.Failure{f(0, keepwatch.Timeout, p, keepwatch.ReasonDemand), f(1, keepwatch.Timeout, p, keepwatch.ReasonDemand), f(2, keepwatch.Timeout, p, "")},
			detect.Burst{Enough: true, Proven: true, Outcome: keepwatch.Timeout}},
		"on a tie the newest outcome tells": {[]keepwatch.Failure{f(0, keepwatch.Timeout, p, s), f(1, keepwatch.DNSFailure, p, k), f(2, keepwatch.Timeout, p, k), f(3, keepwatch.DNSFailure, p, k)},
			detect.Burst{Enough: true, Proven: true, Planned: true, Outcome: keepwatch.DNSFailure}},
		"refusals among them do not count": {[]keepwatch.Failure{f(0, keepwatch.Timeout, p, s), f(1, keepwatch.BadClientID, p, k), f(2, keepwatch.Timeout, p, k)},
			detect.Burst{Planned: true, Outcome: keepwatch.Timeout}},
		"failures before the burst do not count": {[]keepwatch.Failure{f(-9, keepwatch.Timeout, p, s), f(0, keepwatch.Timeout, p, k), f(2, keepwatch.Timeout, p, k)},
			detect.Burst{Outcome: keepwatch.Timeout}},
	}
	for name, tt := range tests {
		if got := detect.BurstOf(tt.failures, at(0), 2*time.Minute); got != tt.want {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
}

func TestBurstOfFullMemoryIsMeasuredFromItsStart(t *testing.T) {
	var newest []keepwatch.Failure
	for i := range 16 { // a failure a second: the first minutes are forgotten
		newest = append(newest, keepwatch.Failure{At: at(3).Add(time.Duration(i) * time.Second), Outcome: keepwatch.Timeout, Connectivity: keepwatch.ConnectivityProven})
	}
	if b := detect.BurstOf(newest, at(0), 2*time.Minute); !b.Enough || !b.Proven {
		t.Errorf("%+v", b)
	}
}

func TestRunsNeeded(t *testing.T) {
	tests := []struct {
		confirm      keepwatch.Confirmation
		failAfter    int
		contradicted bool
		want         int
	}{
		{keepwatch.ConfirmBurst, 3, false, 1}, {keepwatch.ConfirmBurst, 1, true, 2}, {keepwatch.ConfirmBurst, 3, true, 3},
		{keepwatch.ConfirmRuns, 1, false, 1}, {keepwatch.ConfirmRuns, 3, false, 3}, {keepwatch.ConfirmRuns, 1, true, 2}, {keepwatch.ConfirmRuns, 0, false, 1},
	}
	for _, tt := range tests {
		if got := detect.RunsNeeded(tt.confirm, tt.failAfter, tt.contradicted); got != tt.want {
			t.Errorf("%+v: %d", tt, got)
		}
	}
}

func TestContradictedAndCrowd(t *testing.T) {
	proofs := map[keepwatch.CredentialID]time.Time{"a": at(5), "b": at(1)}
	if detect.Contradicted(proofs, "a", at(2)) || !detect.Contradicted(proofs, "c", at(2)) || !detect.Contradicted(proofs, "a", at(1)) {
		t.Error("own proofs contradict, or a neighbour's do not")
	}
	failing := []detect.Failing{{Credential: "x", First: at(0), Last: at(0)}, {Credential: "y", First: at(1), Last: at(1)}, {Credential: "z", First: at(2), Last: at(2)}}
	c := detect.CrowdOf(failing, proofs)
	if c.Failing != 3 || c.Seen != 5 || !c.Burst(2*time.Minute) || c.Burst(3*time.Minute) {
		t.Errorf("%+v", c)
	}
	if detect.CrowdOf(failing[:2], proofs).Burst(0) {
		t.Error("two credentials are no crowd")
	}
	many := map[keepwatch.CredentialID]time.Time{}
	for _, id := range []keepwatch.CredentialID{"a", "b", "c", "d", "e", "f", "g", "h"} {
		many[id] = at(1)
	}
	if c := detect.CrowdOf(failing, many); c.Burst(2 * time.Minute) {
		t.Errorf("3 of %d are everybody", c.Seen)
	}
}

func TestSameEverywhere(t *testing.T) {
	r := func(m float64, o keepwatch.Outcome) detect.Refused {
		return detect.Refused{Outcome: o, FirstFailedAt: at(m), Gap: 14 * time.Minute}
	}
	secret, expired := keepwatch.BadSecretOrPackage, keepwatch.SecretExpired
	tests := map[string]struct {
		all  []detect.Refused
		want bool
	}{
		"three at once":      {[]detect.Refused{r(0, secret), r(5, secret), r(28, secret)}, true},
		"too far apart":      {[]detect.Refused{r(0, secret), r(5, secret), r(29, secret)}, false},
		"two":                {[]detect.Refused{r(0, secret), r(5, secret)}, false},
		"one works":          {[]detect.Refused{r(0, secret), r(5, secret), r(6, secret), r(6, keepwatch.OK)}, false},
		"different refusals": {[]detect.Refused{r(0, secret), r(5, secret), r(6, keepwatch.BadClientID)}, false},
		"expired secrets":    {[]detect.Refused{r(0, expired), r(5, expired), r(6, expired)}, false},
		"all work":           {[]detect.Refused{r(0, keepwatch.OK), r(5, keepwatch.OK), r(6, keepwatch.OK)}, false},
	}
	for name, tt := range tests {
		if got := detect.SameEverywhere(tt.all); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestBaseline(t *testing.T) {
	var window []time.Duration
	for i := range 40 {
		before := window
		window = detect.Push(window, time.Duration(i)*time.Millisecond)
		if len(before) > 0 && &before[0] == &window[0] {
			t.Fatal("the window of the caller was changed")
		}
	}
	if len(window) != detect.BaselineSize || window[0] != 10*time.Millisecond || window[29] != 39*time.Millisecond {
		t.Errorf("window %v", window)
	}
	if got := detect.Median([]time.Duration{3, 1, 2}); got != 2 {
		t.Errorf("median %d", got)
	}
	if detect.Median(nil) != 0 {
		t.Error("median of nothing")
	}
	half := make([]time.Duration, 10)
	for i := range half {
		half[i] = 500 * time.Millisecond
	}
	for took, want := range map[time.Duration]bool{1499 * time.Millisecond: false, 1500 * time.Millisecond: true, time.Hour: true} {
		if detect.IsSlow(took, half) != want {
			t.Errorf("%s after 500 ms: %v", took, !want)
		}
	}
	if detect.IsSlow(time.Hour, half[:9]) {
		t.Error("nine runs are no baseline")
	}
	if detect.IsSlow(999*time.Millisecond, make([]time.Duration, 30)) {
		t.Error("under a second is slow")
	}
}

func TestFlapping(t *testing.T) {
	flips := []time.Time{at(-61), at(-50), at(-40), at(-30)}
	if detect.Flapping(flips, at(0)) {
		t.Error("three changes in the hour flap")
	}
	if !detect.Flapping(append(flips, at(0)), at(0)) {
		t.Error("four changes in the hour do not flap")
	}
	if detect.ProofsNeeded(true) != 3 || detect.ProofsNeeded(false) != 1 {
		t.Error("proofs needed")
	}
}
