package schedule

import (
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/calendar"
)

func TestStepsOf(t *testing.T) {
	for name, c := range map[string]struct {
		credential keepwatch.Credential
		want       Budget
	}{
		"no tests named: the identity":        {keepwatch.Credential{Kind: keepwatch.ServerToServer}, Budget{1, 1}},
		"identity, REST and SOAP":             {keepwatch.Credential{Kind: keepwatch.ServerToServer, Tests: []string{"identity", "rest:/a", "soap:GetSystemStatus"}}, Budget{1, 3}},
		"a test that SFMC does not answer":    {keepwatch.Credential{Kind: keepwatch.LegacyPackage, Tests: []string{"identity", "https:middleware"}}, Budget{1, 1}},
		"an API user signs in with each call": {keepwatch.Credential{Kind: keepwatch.APIUser, Tests: []string{"soap:GetSystemStatus"}}, Budget{0, 1}},
	} {
		if got := StepsOf(c.credential); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestBudgetOf(t *testing.T) {
	cal, err := calendar.Parse(calendar.Spec{Hours: "mon-fri 08:00-18:00"})
	if err != nil {
		t.Fatal(err)
	}
	sunday := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	run := Budget{TokenRequests: 1, APICalls: 2}
	even := BudgetOf(calendar.Cadence{Calendar: cal, Business: 10 * time.Minute, Off: 10 * time.Minute}, run, sunday)
	if want := (Spending{Budget{144, 288}, Budget{52560, 105120}}); even != want {
		t.Errorf("every ten minutes: %+v, want %+v", even, want)
	}
	two := BudgetOf(calendar.Cadence{Calendar: cal, Business: 10 * time.Minute, Off: time.Hour}, run, sunday)
	// A weekday: 60 in ten business hours, 14 outside.
	if two.PerDay != (Budget{74, 148}) {
		t.Errorf("a weekday: %+v, want 74 runs", two.PerDay)
	}
	// 260 weekdays and 105 days of the weekend in these 365 days.
	if want := 260*74 + 105*24; two.PerYear.TokenRequests != want || two.PerYear.APICalls != 2*want {
		t.Errorf("a year: %+v, want %d runs", two.PerYear, want)
	}
	if sum := even.Plus(two); sum.PerDay.TokenRequests != 144+74 || sum.PerYear.APICalls != even.PerYear.APICalls+two.PerYear.APICalls {
		t.Errorf("sum %+v", sum)
	}
}

func TestWorstDetect(t *testing.T) {
	cal, err := calendar.Parse(calendar.Spec{})
	if err != nil {
		t.Fatal(err)
	}
	c := calendar.Cadence{Calendar: cal, Business: 14 * time.Minute, Off: time.Hour}
	for name, k := range map[string]struct {
		cadence calendar.Cadence
		class   keepwatch.Confirmation
		options DetectOptions
		want    Detection
		ok      bool
	}{
		"a refusal in the standard tier: a quarter of an hour": {c, keepwatch.ConfirmTwice, DetectOptions{}, Detection{15 * time.Minute, 61 * time.Minute}, true},
		"with a shorter confirmation and a route that waits":   {c, keepwatch.ConfirmTwice, DetectOptions{HardConfirm: 30 * time.Second, Wait: 2 * time.Minute}, Detection{16*time.Minute + 30*time.Second, 62*time.Minute + 30*time.Second}, true},
		"confirmed no later than the next slot":                {calendar.Cadence{Business: 10 * time.Second, Off: time.Hour}, keepwatch.ConfirmTwice, DetectOptions{}, Detection{20 * time.Second, 20 * time.Second}, true},
		"a login is not asked twice":                           {c, keepwatch.ConfirmAtOnce, DetectOptions{}, Detection{14 * time.Minute, time.Hour}, true},
		"an outage":                                            {c, keepwatch.ConfirmBurst, DetectOptions{}, Detection{17 * time.Minute, 63 * time.Minute}, true},
		"the network, two runs":                                {c, keepwatch.ConfirmRuns, DetectOptions{FailAfter: 2}, Detection{31 * time.Minute, 123 * time.Minute}, true},
		"the network, fail_after unset":                        {c, keepwatch.ConfirmRuns, DetectOptions{}, Detection{17 * time.Minute, 63 * time.Minute}, true},
		"what opens nothing":                                   {c, keepwatch.ConfirmNever, DetectOptions{}, Detection{}, false},
	} {
		if got, ok := WorstDetect(k.cadence, k.class, k.options); got != k.want || ok != k.ok {
			t.Errorf("%s: %+v %v, want %+v %v", name, got, ok, k.want, k.ok)
		}
	}
}
