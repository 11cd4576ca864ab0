package rotation_test

import (
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/rotation"
)

func TestAHolderIsTickedOffByWhatItsCallsShow(t *testing.T) {
	now := time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC)
	staged := now.Add(-2 * time.Hour)
	for _, tc := range []struct {
		name         string
		state        keepwatch.RotationState
		newAt, oldAt time.Time
		switched     bool
	}{
		{"the new secret alone", keepwatch.RotationProven, now, now.Add(-time.Hour), true},
		{"never another one", keepwatch.RotationProven, now, time.Time{}, true},
		{"one of its machines shows the old one", keepwatch.RotationProven, now, now.Add(-10 * time.Minute), false},
		{"it went back", keepwatch.RotationProven, now.Add(-2 * time.Hour), now.Add(-time.Hour), false},
		{"the old one alone", keepwatch.RotationProven, time.Time{}, now, false},
		{"not proven yet", keepwatch.RotationStaged, now, time.Time{}, false},
		{"the new one was seen before it was staged", keepwatch.RotationProven, staged.Add(-time.Hour), time.Time{}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := keepwatch.Rotation{ID: "r", Credential: "crm", State: tc.state, StagedAt: staged,
				Holders: []keepwatch.RotationHolder{{Holder: keepwatch.Holder{Name: "shop"}}, {Holder: keepwatch.Holder{Name: "mulesoft"}}}}
			got := rotation.Seen(r, 0, tc.newAt, tc.oldAt, now)
			h := got.Holders[0]
			if h.SwitchedAt.IsZero() == tc.switched || !h.SeenNewAt.Equal(tc.newAt) || !h.SeenOldAt.Equal(tc.oldAt) {
				t.Fatalf("%+v", h)
			}
			if !r.Holders[0].SeenNewAt.IsZero() || !r.Holders[0].SwitchedAt.IsZero() {
				t.Error("the rotation that was given has changed")
			}
			if !tc.switched {
				return
			}
			last := got.Evidence[len(got.Evidence)-1]
			if h.SwitchedBy != rotation.ByTraffic || last.Step != rotation.StepSwitched || !strings.Contains(last.Detail, "Seen in its calls") || !strings.Contains(last.Detail, "mulesoft") {
				t.Errorf("%+v", last)
			}
			if again := rotation.Seen(got, 0, tc.newAt.Add(time.Minute), tc.oldAt, now.Add(time.Minute)); len(again.Evidence) != len(got.Evidence) || !again.Holders[0].SeenNewAt.Equal(tc.newAt) {
				t.Error("what was seen a minute later is written")
			}
		})
	}
}
