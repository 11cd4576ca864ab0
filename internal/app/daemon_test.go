package app_test

import (
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"keepwatch/client"
	"keepwatch/internal/sfmc/sim"
	"keepwatch/internal/store/storetest"
)

// Goroutines are counted for the whole process, so this test is alone: tests that
// run beside others wait until it is over.
func TestStopLeavesNoGoroutine(t *testing.T) {
	r := newRig(t, "sqlite:"+filepath.Join(storetest.Dir(t), "keepwatch.db"))
	id := early("crm")
	r.configure(id)
	before := runtime.NumGoroutine()
	n := r.start()
	n.state(id, "healthy")
	n.stop()
	r.wait("the goroutines to end", func() string {
		// The simulator's ends of connections see the end a moment later.
		if now := runtime.NumGoroutine(); now > before {
			stacks := make([]byte, 1<<16)
			return string(stacks[:runtime.Stack(stacks, true)])
		}
		return ""
	})
}

// TestDaemon lives through the whole program with nothing replaced: loopback
// sockets, real time, and both databases.
func TestDaemon(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		liveThrough(t, "sqlite:"+filepath.Join(storetest.Dir(t), "keepwatch.db"))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		liveThrough(t, storetest.PostgresURL(t))
	})
}

func liveThrough(t *testing.T, store string) {
	r := newRig(t, store)
	crm, loyalty := early("crm"), early("loyalty")
	r.configure(crm, loyalty)
	n := r.start()
	n.state(crm, "healthy")
	n.state(loyalty, "healthy")
	r.ready(n)
	for name, value := range map[string]string{
		`keepwatch_credential_up{business_unit="510000123",credential="` + crm:   "1",
		`keepwatch_credential_success_ratio{credential="` + crm + `",window="1h`: "1",
		`keepwatch_build_info{`: "1", "keepwatch_config_last_reload_successful": "1", "keepwatch_outbox_oldest_age_seconds": "0",
	} {
		n.metric(name, value)
	}
	if strings.Contains(n.metrics(), "\nkeepwatch_incidents_open{") {
		t.Error("an incident is open although all is well")
	}

	revive := r.kill(crm)
	opened := n.incident(crm, "open")
	if opened.Outcome != "bad_secret_or_package" || opened.Hint == "" || opened.Owner != "team-of-"+crm || opened.Scope != "credential" {
		t.Errorf("incident %+v", opened)
	}
	firing := r.message(opened.ID, "firing").Alerts[0]
	if l := firing.Labels; l["credential"] != crm || l["outcome"] != opened.Outcome || l["owner"] != opened.Owner || firing.Annotations["hint"] != opened.Hint {
		t.Errorf("firing message %+v", firing)
	}

	n = r.restartInTrouble(n, crm, opened)
	n.metric(`keepwatch_credential_up{business_unit="510000123",credential="`+crm, "0")
	n.metric(`keepwatch_incidents_open{category="credential"`, "1")

	revive()
	resolved := n.incident(crm, "resolved")
	end := r.message(opened.ID, "resolved").Alerts[0]
	if end.EndsAt.Before(firing.StartsAt) {
		t.Errorf("ended at %v, before its start at %v", end.EndsAt, firing.StartsAt)
	}
	inOrder(t, resolved)
	n.state(crm, "healthy")
	n.metric(`keepwatch_credential_up{business_unit="510000123",credential="`+crm, "1")
	if firing := r.hook.of(opened.ID, "firing"); len(firing) != 1 {
		t.Errorf("%d firing messages about one incident, want one", len(firing))
	}

	n = r.badFile(n, crm, loyalty)
	r.removed(n, crm, loyalty)
}

func (r *rig) ready(n *node) {
	r.t.Helper()
	h, err := n.Ready(r.t.Context())
	if err != nil || h.Status != "ok" || len(h.Checks) != 3 {
		r.t.Errorf("ready: %+v, %v", h, err)
	}
	for _, c := range h.Checks {
		if !c.OK {
			r.t.Errorf("not ready: %+v", c)
		}
	}
}

// restartInTrouble stops and starts again while a secret is dead: what is known
// stays known, and nobody is told twice.
func (r *rig) restartInTrouble(n *node, id string, open client.Incident) *node {
	r.t.Helper()
	n.stop()
	before := r.sim.TokenRequests(clientOf(id))
	n = r.start()
	r.wait("two more tries after the restart", func() string {
		if r.sim.TokenRequests(clientOf(id)) < before+2 {
			return "not yet"
		}
		return ""
	})
	if now := n.incident(id, "open"); now.ID != open.ID || !now.FirstFailedAt.Equal(*open.FirstFailedAt) {
		r.t.Errorf("after the restart the incident is %+v, before %+v", now, open)
	}
	r.message(open.ID, "firing")
	return n
}

// inOrder holds the timestamps of a resolved incident against each other.
func inOrder(t *testing.T, i client.Incident) {
	t.Helper()
	var last time.Time
	for _, at := range []struct {
		name string
		at   *time.Time
	}{
		{"last_proven_at", i.LastProvenAt},
		{"first_failed_at", i.FirstFailedAt},
		{"detected_at", i.DetectedAt},
		{"notified_at", i.NotifiedAt},
		{"resolved_at", i.ResolvedAt},
	} {
		if at.at == nil {
			t.Errorf("%s is missing", at.name)
			continue
		}
		if at.at.Before(last) {
			t.Errorf("%s is %v, before what came before it at %v", at.name, at.at, last)
		}
		last = *at.at
	}
}

// badFile reloads a file with a fault, restarts with a good one, and does it once
// more without a restart.
func (r *rig) badFile(n *node, ids ...string) *node {
	r.t.Helper()
	good := func() { r.configure(ids...) }
	for _, restart := range []bool{true, false} {
		r.write("version: 1\nbogus: 1\n")
		if _, err := n.Reload(r.t.Context()); err == nil || !strings.Contains(err.Error(), "bogus") {
			r.t.Errorf("reload of a bad file: %v", err)
		}
		n.metric("keepwatch_config_last_reload_successful", "0")
		open := r.monitorIncident(n, "open")
		if open.Outcome != "monitor_fault" || open.Hint == "" || !strings.Contains(open.Evidence, "bogus") {
			r.t.Errorf("incident of the bad file: %+v", open)
		}
		before := r.sim.TokenRequests(clientOf(ids[0]))
		r.wait("a test by the old configuration", func() string {
			if r.sim.TokenRequests(clientOf(ids[0])) <= before {
				return "none yet"
			}
			return ""
		})
		good()
		if restart {
			n.stop()
			n = r.start()
		} else if got, err := n.Reload(r.t.Context()); err != nil || got.Credentials != len(ids) {
			r.t.Errorf("reload of a good file: %+v, %v", got, err)
		}
		if closed := r.monitorIncident(n, "resolved"); closed.ID != open.ID {
			r.t.Errorf("%s ended, %s was open", closed.ID, open.ID)
		}
		n.metric("keepwatch_config_last_reload_successful", "1")
	}
	return n
}

// monitorIncident waits until the newest incident about the configuration has a status.
func (r *rig) monitorIncident(n *node, status string) (found client.Incident) {
	r.t.Helper()
	r.wait("an incident about the configuration that is "+status, func() string {
		all := n.incidents("")
		if len(all) == 0 || all[0].Status != status {
			return "there is none"
		}
		found = all[0]
		return ""
	})
	return found
}

// removed takes a credential in trouble out of the file.
func (r *rig) removed(n *node, keep, remove string) {
	r.t.Helper()
	r.kill(remove)
	open := n.incident(remove, "open")
	r.message(open.ID, "firing")
	r.configure(keep)
	if _, err := n.Reload(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	if now := n.incident(remove, "resolved"); now.ID != open.ID {
		r.t.Errorf("%s ended, %s was open", now.ID, open.ID)
	}
	// A run that was on its way ends before this; then it must be still.
	n.state(keep, "healthy")
	if strings.Contains(n.metrics(), `credential="`+remove+`",criticality`) && !n.forgets(remove) {
		r.t.Error("the metrics still show a credential that was removed")
	}
}

// forgets waits for the next snapshot of the gauges.
func (n *node) forgets(id string) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if !strings.Contains(n.metrics(), `credential="`+id+`",criticality`) {
			return true
		}
	}
	return false
}

// Two nodes on one database share the work: each slot is tested by one of them,
// and what is wrong is said once.
func TestTwoNodesShareOneDatabase(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.PostgresURL(t))
	r.sim.Configure(func(s *sim.Settings) { s.Latency = sim.Duration(150 * time.Millisecond) })
	crm, loyalty := early("crm"), early("loyalty")
	r.configure(crm, loyalty)
	one := r.start()
	one.state(crm, "healthy")
	two := r.start() // while the first is at work
	ids := []string{crm, loyalty}
	for _, id := range ids {
		two.state(id, "healthy")
	}
	revive := r.kill(crm)
	open := two.incident(crm, "open")
	r.message(open.ID, "firing")
	revive()
	one.incident(crm, "resolved")
	r.message(open.ID, "resolved")
	one.stop()
	two.stop()
	if n := len(r.hook.of(open.ID, "firing")); n != 1 {
		t.Errorf("%d firing messages from two nodes, want one", n)
	}

	n := r.start()
	for _, id := range ids {
		asked := int(r.sim.TokenRequests(clientOf(id)))
		keys, slots := map[string]bool{}, map[time.Time]bool{}
		for run, err := range n.Results(t.Context(), id) {
			if err != nil {
				t.Fatal(err)
			}
			if keys[run.Key] || slots[*run.Slot] {
				t.Errorf("slot %v of %s is recorded twice", run.Slot, id)
			}
			keys[run.Key], slots[*run.Slot] = true, true
		}
		// A run may be cut off by a stop, and the third node goes on meanwhile.
		if len(keys) < 3 || asked < len(keys)-2 || asked > len(keys)+4 {
			t.Errorf("%s: %d token requests for %d recorded slots", id, asked, len(keys))
		}
	}
}
