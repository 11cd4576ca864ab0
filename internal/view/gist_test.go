package view

import (
	"strings"
	"testing"
	"time"

	"keepwatch/client"
)

// Each row is an incident as somebody meets it: the three sentences stand alone, and no
// sentence is empty.
func TestAnIncidentInThreeSentences(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	at := func(ago time.Duration) *time.Time { return new(now.Add(-ago)) }
	crm := "crm-sync"
	base := func(change func(*client.IncidentDetail)) client.IncidentDetail {
		d := client.IncidentDetail{Incident: client.Incident{
			Scope: "credential", Credential: &crm, Members: []string{crm}, Owner: "crm", Outcome: "bad_secret_or_package", Status: "open", Hint: "Open Setup.", FirstFailedAt: at(50 * time.Minute),
		}}
		change(&d)
		return d
	}
	for name, tc := range map[string]struct {
		d                 client.IncidentDetail
		purpose           string
		hanging           []string
		what, hit, doWhat string
	}{
		"open, nobody on it, nothing known to have stopped": {
			d: base(func(*client.IncidentDetail) {}), purpose: "orders.", hanging: []string{"journey welcome"},
			what:   "The connection crm-sync (orders) has not worked since Mon 23 Nov 11:10 UTC, 50 min ago: secret wrong, or package deleted, disabled or not installed.",
			hit:    "It belongs to crm. Nothing is known to have stopped yet; journey welcome hangs on it.",
			doWhat: "Open Setup. Nobody has taken it yet.",
		},
		"taken, with effects and a figure": {
			d: base(func(d *client.IncidentDetail) {
				d.AcknowledgedAt, d.AcknowledgedBy, d.Cost = at(time.Minute), "anna", "about 12 contacts late"
				for _, n := range []string{"A", "B", "C", "D", "E"} {
					d.Effects = append(d.Effects, client.Effect{Kind: "journey", Name: n, Outcome: "journey_stalled"})
				}
			}),
			what:   "The connection crm-sync has not worked since",
			hit:    "It belongs to crm. Journey A, journey B, journey C and 2 others are not running as they should: about 12 contacts late.",
			doWhat: "Open Setup. Anna is on it.",
		},
		"no owner, no dependents": {
			d:    base(func(d *client.IncidentDetail) { d.Owner, d.Hint = "", "" }),
			what: "has not worked", hit: "Nobody is written down as its owner. Nobody wrote down what hangs on it", doWhat: "Find whoever looks after it",
		},
		"works again, and something runs out": {
			d: base(func(d *client.IncidentDetail) {
				d.RestoredAt = at(5 * time.Minute)
				d.Effects = []client.Effect{{Kind: "journey", Name: "A", Outcome: "journey_stalled", EndedAt: at(time.Minute)}}
				d.Actions = []client.Action{{Text: "Done already.", Done: true}, {Text: "Let the queue run empty: many wait.", Until: new(now.Add(40 * time.Hour))}, {Text: "Replay."}}
			}),
			what:   "The connection crm-sync has worked again since Mon 23 Nov 11:55 UTC, 5 min ago; it had not worked for 45 min. What hangs on it is still catching up.",
			hit:    "Journey A stood still and has caught up.",
			doWhat: "Let the queue run empty, before Wed 25 Nov 04:00 UTC, in 40 h 00 min; then 1 more thing below.",
		},
		"too late": {
			d: base(func(d *client.IncidentDetail) {
				d.RestoredAt, d.Actions = at(90*time.Hour), []client.Action{{Text: "Let the queue run empty", Until: at(time.Hour)}}
			}),
			what: "has worked again", hit: "It belongs to crm", doWhat: "Let the queue run empty, which is too late since Mon 23 Nov 11:00 UTC.",
		},
		"over": {
			d: base(func(d *client.IncidentDetail) {
				d.Status, d.RestoredAt, d.ResolvedAt = "resolved", at(20*time.Minute), at(10*time.Minute)
			}),
			what: "The connection crm-sync has worked again since Mon 23 Nov 11:50 UTC, 10 min ago; it had not worked for 30 min.",
			hit:  "Nothing that hangs on it is known to have stopped.", doWhat: "Nothing is left to do.",
		},
		"a date": {
			d: base(func(d *client.IncidentDetail) {
				d.Outcome, d.Message = "expiring", "crm-sync: the secret ends on 2026-12-05, in 12 days."
			}),
			what: "The connection crm-sync: the secret ends on 2026-12-05, in 12 days.", hit: "It belongs to crm", doWhat: "Open Setup.",
		},
		"the platform": {
			d:    base(func(d *client.IncidentDetail) { d.Scope, d.Credential, d.Outcome = "platform", nil, "platform_error" }),
			what: "Salesforce Marketing Cloud has not worked since", hit: "It belongs to crm", doWhat: "Open Setup.",
		},
		"an effect with its cause": {
			d: base(func(d *client.IncidentDetail) {
				d.Scope, d.Credential, d.Outcome = "effect", nil, "data_stale"
				d.Effects = []client.Effect{{Kind: "data_extension", Name: "Orders", Outcome: "data_stale"}, {Kind: "journey", Name: "A", Outcome: "journey_stalled"}}
				d.Cause = map[string]any{"kind": "automation_late"}
			}),
			what: "The data extension Orders and one more have not worked since", hit: "Data extension Orders and journey A are not running", doWhat: "Open Setup.",
		},
		"a throttle": {
			d: base(func(d *client.IncidentDetail) {
				d.Scope, d.Credential, d.Tenant, d.Outcome = "tenant", nil, "emea", "rate_limited"
			}),
			what: "The account emea has worked badly since", hit: "It belongs to crm", doWhat: "Open Setup.",
		},
		"merged": {
			d:    base(func(d *client.IncidentDetail) { d.MergedInto = new("x") }),
			what: "has not worked", hit: "It belongs to crm", doWhat: "This became part of a wider incident",
		},
		"nothing known at all": {d: client.IncidentDetail{}, what: "Something that Keepwatch looks after", hit: "Nobody is written down", doWhat: "Find whoever"},
	} {
		t.Run(name, func(t *testing.T) {
			g := gistOf(tc.d, tc.purpose, tc.hanging, now)
			for _, s := range [][2]string{{g.What, tc.what}, {g.Hit, tc.hit}, {g.Do, tc.doWhat}} {
				if !strings.Contains(s[0], s[1]) {
					t.Errorf("%q\n lacks %q", s[0], s[1])
				}
				if strings.Contains(s[0], "..") || !strings.HasSuffix(s[0], ".") || strings.Contains(s[0], "_") {
					t.Errorf("no sentence: %q", s[0])
				}
			}
		})
	}
}
