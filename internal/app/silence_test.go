package app_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"keepwatch/client"
	"keepwatch/internal/store/storetest"
)

// A silence made over the API holds back what would be told, the incident is there all
// the same, a restart changes nothing, and its end lets the message go.
func TestSilenceOnARunningDaemon(t *testing.T) {
	t.Parallel()
	r := newRig(t, "sqlite:"+filepath.Join(storetest.Dir(t), "keepwatch.db"))
	crm := early("crm")
	r.configure(crm)
	n := r.start()
	n.state(crm, "healthy")
	s, err := n.CreateSilence(t.Context(), client.NewSilence{Match: client.Match{Credential: []string{crm}}, Reason: "known to us", Until: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	r.kill(crm)
	opened := n.incident(crm, "open")
	held := func() string {
		d, err := n.Incident(t.Context(), opened.ID)
		if err != nil {
			return err.Error()
		}
		for _, m := range d.Deliveries {
			if strings.Contains(m.LastError, "held back: silenced by local: known to us") {
				return ""
			}
		}
		return "no row says so"
	}
	r.wait("a message that is held back", held)
	x, err := n.Explain(t.Context(), crm, "", time.Time{})
	if err != nil || len(x.Told) != 1 || !x.Told[0].At.Equal(s.Until) {
		t.Errorf("%+v %v", x, err)
	}
	n.stop()
	n = r.start()
	n.state(crm, "failing")
	if told := r.hook.of(opened.ID, "firing"); len(told) != 0 {
		t.Fatalf("told in a silence: %+v", told)
	}
	if _, err := n.EndSilence(t.Context(), s.ID); err != nil {
		t.Fatal(err)
	}
	r.message(opened.ID, "firing")
	result, err := n.TestReceiver(t.Context(), "ops")
	if err != nil || result.Receipt != "accepted: 200 OK" {
		t.Errorf("%+v %v", result, err)
	}
	if list, err := n.Receivers(t.Context()); err != nil || len(list) != 1 || list[0].LastSuccessAt == nil {
		t.Errorf("%+v %v", list, err)
	}
}
