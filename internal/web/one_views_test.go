package web

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"keepwatch/client"
)

func dependent(kind, key, state string) client.Dependent {
	return client.Dependent{Kind: kind, Key: key, State: state, Watched: state != "", Via: []string{}}
}

// Trouble is never folded, what runs well is when it is much, and nothing gets lost.
func TestFlowKeepsTroubleInSight(t *testing.T) {
	d := client.CredentialDetail{Credential: client.Credential{State: "failing"}}
	for i := range 30 {
		d.Dependents = append(d.Dependents, dependent("journey", fmt.Sprintf("well-%02d", i), "healthy"), dependent("journey", fmt.Sprintf("bad-%02d", i), "failing"))
	}
	d.Dependents = append(d.Dependents, dependent("campaign", "odd kind", "unknown"), dependent("transactional_sms", "text", "degraded"), dependent("triggered_send", "mail", "healthy"))
	f := flowOf(d, client.Traffic{})
	if !f.Cut || f.Total != 63 || f.Trouble != 31 || len(f.Groups) != 3 {
		t.Fatalf("cut %v, %d things, %d in trouble, %d groups", f.Cut, f.Total, f.Trouble, len(f.Groups))
	}
	n := 0
	for _, g := range f.Groups {
		n += len(g.Shown) + len(g.Rest)
		for _, e := range g.Rest {
			if inTrouble(e.Dependent) {
				t.Errorf("%s is folded away", e.Title)
			}
		}
	}
	if n != 63 {
		t.Errorf("%d of 63 are drawn", n)
	}
	if g := f.Groups[0]; g.Name != "Journeys" || g.State != "failing" || len(g.Shown) != 30 || g.Shown[0].Title != "bad-00" {
		t.Errorf("%s, %s, %d shown", g.Name, g.State, len(g.Shown))
	}
	if g := f.Groups[1]; g.Name != "Sends" || len(g.Shown) != 2 || g.Shown[0].Title != "text" || g.Shown[0].Says != "" && g.Shown[0].Says == "healthy" {
		t.Errorf("%+v", g)
	}
	if f.Groups[2].Name != "Other things" {
		t.Errorf("%+v", f.Groups[2])
	}
	if empty := flowOf(client.CredentialDetail{}, client.Traffic{}); empty.Cut || len(empty.Groups) != 0 || len(empty.Holders) != 0 {
		t.Errorf("of nothing: %+v", empty)
	}
}

func TestHoldersThatNobodyWroteDownAreShown(t *testing.T) {
	d := client.CredentialDetail{Holders: []client.Holder{{Name: "shop"}, {Name: "crm"}}}
	got := holdersOf(d, client.Traffic{Holders: []client.TrafficHolder{
		{Name: "shop", State: "healthy"}, {Name: "cron", State: "degraded", Outcome: "retry_masked"}, {Name: "", State: "unknown"},
	}})
	var all []string
	for _, h := range got {
		all = append(all, h.Name+"|"+h.State+"|"+h.Says)
	}
	want := "shop|healthy|; crm||its calls are not watched; cron|degraded|calls with it, and is not written down; somebody unknown|unknown|calls with it, and is not written down"
	if s := strings.Join(all, "; "); s != want {
		t.Errorf("%s\nwant %s", s, want)
	}
}

// The charts stay in their box, whatever the figures are, and an hour without a token is
// no division by nothing.
func TestHourlyChartsStayInTheirBox(t *testing.T) {
	from := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	traffic := client.Traffic{Objective: 0.995, Guideline: 3, HoursFrom: from, Holders: []client.TrafficHolder{{Name: "shop"}, {Name: "silent"}}}
	for i, h := range []client.TrafficHour{{Requests: 3, Granted: 3}, {Requests: 50, Granted: 1}, {Requests: 7}, {Calls: 9}, {Requests: 1_000_000, Granted: 999_999}} {
		h.Start, h.Holder = from.Add(time.Duration(i*10)*time.Hour), "shop"
		traffic.Hours = append(traffic.Hours, h)
	}
	charts := chartsOf(traffic, from)
	if len(charts) != 1 || len(charts[0].Hours) != 4 {
		t.Fatalf("%d charts", len(charts))
	}
	for _, c := range []barChart{charts[0].Rate, charts[0].Attempts, charts[0].Pace} {
		if c.Rule < 0 || c.Rule > hourlyHeight || c.Label == "" {
			t.Errorf("%+v", c)
		}
		for bar := range strings.SplitSeq(strings.TrimSuffix(c.Good+c.Bad, "z"), "z") {
			var x int
			var foot, height float64
			if _, err := fmt.Sscanf(bar, "M%d %fh4v-%f", &x, &foot, &height); err != nil || x < 0 || x > hourlyWidth-barThick || foot > hourlyHeight+0.05 || foot-height < -0.05 {
				t.Errorf("a bar outside of its box: %s (%v)", bar, err)
			}
		}
	}
	if !strings.Contains(charts[0].Rate.Label, "lowest 0.0 % in the hour of 23 Nov 20:00 UTC") {
		t.Errorf("%s", charts[0].Rate.Label)
	}
}

// Late and lost stand apart and take the place of their sum; a range is on one scale.
func TestLateAndLostStandApart(t *testing.T) {
	figure := func(name, subject string, low, mid, high float64) client.SubjectFigure {
		return client.SubjectFigure{Name: name, Subject: subject, Figure: client.Figure{Low: low, Mid: mid, High: high, Unit: "contacts", Formula: "f"}}
	}
	v := figuresOf([]client.SubjectFigure{
		figure("contacts_delayed", "", 90, 150, 220), figure("contacts_late", "", 80, 100, 120), figure("contacts_lost", "", 10, 50, 200), figure("outage_hours", "", 1, 1, 1), figure("contacts_lost", "journey/a", 1, 2, 3),
	})
	if len(v.Fates) != 2 || v.Fates[0].Title != "Lost" || v.Fates[1].Title != "Late" || len(v.Others) != 1 || len(v.Parts) != 1 {
		t.Fatalf("%+v", v)
	}
	if lost, late := v.Fates[0], v.Fates[1]; lost.To <= late.To || lost.To > scaleWidth || lost.From >= lost.Mark || lost.Mark >= lost.To {
		t.Errorf("%+v %+v", lost.rangeView, late.rangeView)
	}
	if sum := figuresOf([]client.SubjectFigure{figure("contacts_delayed", "", 90, 150, 220), figure("contacts_lost", "", 0, 0, 0)}); len(sum.Fates) != 1 || sum.Fates[0].Title != "Delayed" {
		t.Errorf("where nobody said: %+v", sum.Fates)
	}
}

func TestWhatRunsOutIsNeverFolded(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	var actions []client.Action
	for i := range 9 {
		actions = append(actions, client.Action{Text: fmt.Sprint(i), Until: new(now.Add(time.Duration(i-1) * 10 * time.Hour))})
	}
	for range 5 {
		actions = append(actions, client.Action{Text: "calm"})
	}
	l := todoOf(actions, now)
	if len(l.First) != 9 || len(l.Rest) != 5 {
		t.Fatalf("%d and %d", len(l.First), len(l.Rest))
	}
	if first := l.First[0]; !first.Late || first.Left != 0 || first.Words != "too late since 10 h" {
		t.Errorf("%+v", first)
	}
	if last := l.First[8]; last.Late || last.Words != "in 70 h 00 min" || last.Left < 97 || last.Left > 98 {
		t.Errorf("%+v", last)
	}
	if few := todoOf(actions[6:], now); len(few.Rest) != 5 && len(few.First)+len(few.Rest) != 8 {
		t.Errorf("%d and %d", len(few.First), len(few.Rest))
	}
}

func TestDaysAsMarks(t *testing.T) {
	from := time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)
	h := &client.History{From: from, SlotSeconds: 86400, Slots: make([]client.Slot, 90)}
	h.Slots[3], h.Slots[4] = client.Slot{Runs: 4, OK: 3, Failed: 1, Worst: "timeout"}, client.Slot{Runs: 2, Failed: 2, Worst: "timeout"}
	h.Slots[5] = client.Slot{Runs: 2} // could not look: no proof and no failure
	s := daysOf(h, "2026-09-05")
	if s.Failed != 2 || s.Absent != 88 || !s.Present || s.First != "2026-09-01" || s.Last != "2026-11-29" || !strings.Contains(s.Label, "3 of 6 runs passed; failures on 2 days") {
		t.Errorf("%+v", s)
	}
	if m := s.Marks[4]; m.Kind != "failed" || !m.Open || !m.Tabs || m.Text != "Sat 5 Sep: 0 of 2 passed, timeout" {
		t.Errorf("%+v", m)
	}
	if m := s.Marks[5]; m.Kind != "absent" || m.Day != "" {
		t.Errorf("%+v", m)
	}
	if none := daysOf(nil, ""); len(none.Marks) != 0 {
		t.Errorf("%+v", none)
	}
}
