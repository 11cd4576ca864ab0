package cli

import (
	"strings"
	"testing"

	"keepwatch"
	"keepwatch/internal/config"
)

func TestDoctorSaysWhatReadersMayRead(t *testing.T) {
	effects := config.Effects{Readers: []keepwatch.CredentialID{"all", "some", "none", "new"}}
	granted := map[keepwatch.CredentialID][]string{
		"all": {"journeys_read", "list_and_subscribers_read"}, "some": {"journeys_read"}, "none": {"email_read"},
	}
	want := []string{"may read all of it", "may read it; without list_and_subscribers_read it is not known", "may not read it: its last token has no journeys_read", "not known before its first test"}
	for i, f := range readersOf(effects, granted, keepwatch.FamilyJourneys) {
		if !strings.Contains(f.Message, want[i]) || !f.OK || f.Check != "reader "+string(effects.Readers[i])+": journeys" {
			t.Errorf("%+v, want %q", f, want[i])
		}
	}
	effects.Readers = []keepwatch.CredentialID{"none"}
	if f := readersOf(effects, granted, keepwatch.FamilyJourneys)[0]; f.OK || !strings.Contains(f.Hint, "add the permission") {
		t.Errorf("%+v", f)
	}
	effects.Off = []string{"triggered_sends", "send_summary"}
	if f := readersOf(effects, granted, keepwatch.FamilySends)[0]; f.OK || !strings.Contains(f.Message, "switched off") {
		t.Errorf("%+v", f)
	}
}
