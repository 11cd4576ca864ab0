package impact

import (
	"slices"
	"strings"
	"testing"
	"time"

	"keepwatch"
)

func watch(aspect keepwatch.Aspect, at time.Time, r keepwatch.Reading) keepwatch.Watch {
	r.At = at
	return keepwatch.Watch{Aspect: aspect, Reading: r}
}

func TestActions(t *testing.T) {
	oldest := 10 * time.Hour
	send := Subject{
		Subject: keepwatch.Subject{Kind: keepwatch.SubjectTriggeredSend, Key: "reset", Unit: 7}, Watched: true,
		Readings: []keepwatch.Watch{watch(keepwatch.AspectQueue, at(4), keepwatch.Reading{Send: &keepwatch.SendReading{Status: "Inactive", Oldest: &oldest}})},
	}
	paused := journey("loyalty", 0)
	paused.Readings = []keepwatch.Watch{watch(keepwatch.AspectEntry, at(3), keepwatch.Reading{Journey: &keepwatch.JourneyReading{Status: "Paused", ChangedBy: "anna", ChangedAt: at(1)}})}
	nightly := Subject{
		Subject:  keepwatch.Subject{Kind: keepwatch.SubjectAutomation, Key: "nightly-orders", Unit: 7},
		Readings: []keepwatch.Watch{watch(keepwatch.AspectRuns, at(3), keepwatch.Reading{Automation: &keepwatch.AutomationReading{Status: "PausedSchedule", PausedBy: "ben", PausedAt: at(2)}})},
	}
	welcome := journey("welcome", 10000)
	welcome.Expect.OnOutage = "late"
	c := outage(4)
	c.Now, c.Incident.Status, c.Incident.ResolvedAt = at(5), keepwatch.IncidentOpen, time.Time{}
	c.Subjects = []Subject{welcome, paused, nightly, orders(), send}
	effect := func(s Subject, a keepwatch.Aspect, o keepwatch.Outcome, end time.Time) {
		c.Incident.Effects = append(c.Incident.Effects, keepwatch.Effect{Subject: s.Subject, Aspect: a, Outcome: o, Since: noon, NoticedAt: at(1), EndedAt: end})
	}
	effect(paused, keepwatch.AspectEntry, keepwatch.JourneyStalled, time.Time{})
	effect(paused, keepwatch.AspectActivities, keepwatch.JourneyActivityFailing, at(4))
	effect(nightly, keepwatch.AspectRuns, keepwatch.AutomationMissed, time.Time{})
	effect(orders(), keepwatch.AspectRows, keepwatch.DataStale, at(4.5))
	effect(send, keepwatch.AspectQueue, keepwatch.QueueBackingUp, time.Time{})
	var got []string
	for _, a := range Actions(c) {
		line := a.Kind + " " + a.Subject
		if a.Done {
			line += ", done"
		}
		if !a.Until.IsZero() {
			line += ", until " + stamp(a.Until)
		}
		got = append(got, line)
	}
	want := []string{
		"reactivate triggered_send/reset, until 2026-11-26 06:00 UTC",
		"resume automation/nightly-orders", "resume journey/loyalty", "rerun automation/nightly-orders",
		"replay journey/welcome", "refire journey/loyalty", "rerun data_extension/Orders, done",
	}
	if !slices.Equal(got, want) {
		t.Errorf("to do:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, a := range Actions(c) {
		if a.Subject == "triggered_send/reset" && !strings.Contains(a.Text, "waits since 2026-11-23 06:00 UTC, and SFMC drops what waited for 72 h: 61 h 00 m are left.") {
			t.Error(a.Text)
		}
		if a.Kind == DoResume && !strings.Contains(a.Text, "anna") && !strings.Contains(a.Text, "ben") {
			t.Error(a.Text)
		}
		if a.Kind == DoReplay && a.Text != "Replay the events of journey welcome from 2026-11-23 12:00 UTC to 2026-11-23 16:00 UTC: about 1,667 did not come. The caller keeps them; see that it has sent them all." {
			t.Error(a.Text)
		}
	}
	c.Now = at(80)
	if a := Actions(c)[0]; !strings.HasSuffix(a.Text, "The oldest are lost already; send them again.") {
		t.Errorf("%+v", a)
	}
	// A queue whose age nobody tells: at the earliest what waits since the effect began.
	send.Readings, c.Now = nil, at(5)
	c.Subjects = []Subject{send}
	if a := Actions(c)[0]; !a.Until.Equal(at(72)) || !strings.Contains(a.Text, "at least 67 h 00 m are left") {
		t.Errorf("%+v", a)
	}
}

// renewal is a warning of a date that ended like this.
func renewal(outcome keepwatch.Outcome, resolved time.Time, reason, detail string) Warned {
	end := at(24 * 7)
	s := journey("welcome", 2400)
	return Warned{
		Subjects: []Subject{s, orders()},
		Incident: keepwatch.Incident{
			ID: "w", Scope: keepwatch.ScopeCredential, Outcome: outcome, Status: keepwatch.IncidentResolved, Credential: "crm", DetectedAt: noon, ResolvedAt: resolved,
			Evidence: "rung 7d; ends " + end.Format(time.RFC3339) + "; derived: generated 2026-06-01 + 180 days (x; y)",
		},
		Transitions: []keepwatch.Transition{
			{Seq: 1, Kind: keepwatch.Opened, At: noon, Reason: "rung_reached"}, {Seq: 2, Kind: keepwatch.Resolved, At: resolved, Reason: reason, Detail: detail},
		},
	}
}

func movedBy(d time.Duration) string {
	return "The date has moved to " + at(24*7).Add(d).Format(time.RFC3339) + "."
}

func TestPrevented(t *testing.T) {
	const half = 180 * 24 * time.Hour
	p, ok := Prevented(renewal(keepwatch.Expiring, at(24*5), "renewed", movedBy(half)))
	if !ok || p.Credential != "crm" || !p.End.Equal(at(24*7)) || !p.NewEnd.Equal(at(24*7).Add(half)) || p.Dependents != 2 || !p.RenewedAt.Equal(at(24*5)) {
		t.Errorf("%v %+v", ok, p)
	}
	if p.PerDay.Mid != 2400 || p.PerDay.Formula != "24 h 00 m × 2,400 / 24 h = 2,400, on the first day after 2026-11-30 12:00 UTC" {
		t.Errorf("%+v", p.PerDay)
	}
	open := renewal(keepwatch.Expiring, at(24*5), "renewed", movedBy(half))
	open.Incident.Status = keepwatch.IncidentOpen
	for name, w := range map[string]Warned{
		"after the end":      renewal(keepwatch.Expiring, at(24*7), "renewed", movedBy(half)),
		"expired meanwhile":  renewal(keepwatch.Expired, at(24*8), "renewed", movedBy(half)),
		"the date removed":   renewal(keepwatch.Expiring, at(24*5), "renewed", "There is no such date any more."),
		"moved nearer":       renewal(keepwatch.Expiring, at(24*5), "renewed", movedBy(-time.Hour)),
		"for another reason": renewal(keepwatch.Expiring, at(24*5), "removed", movedBy(half)),
		"still open":         open,
	} {
		if p, ok := Prevented(w); ok {
			t.Errorf("%s prevented %+v", name, p)
		}
	}
	nothing := renewal(keepwatch.Expiring, at(24*5), "renewed", movedBy(half))
	nothing.Subjects = nil
	if p, ok := Prevented(nothing); !ok || p.PerDay.Mid != 0 || p.PerDay.Unit != "contacts" {
		t.Errorf("%v %+v", ok, p)
	}
}

func TestHeadline(t *testing.T) {
	c := outage(4)
	s := journey("welcome", 10000)
	s.Expect.OnOutage = "lost"
	c.Subjects = []Subject{s}
	if got := Headline(Of(c)); got != "about 1,667 contacts lost (1,615 to 1,719)" {
		t.Error(got)
	}
	c.Incident.Status = keepwatch.IncidentOpen
	if got := Headline(Of(c)); !strings.HasSuffix(got, ", so far") {
		t.Error(got)
	}
	if got := Headline(keepwatch.Impact{}); got != "" {
		t.Error(got)
	}
}
