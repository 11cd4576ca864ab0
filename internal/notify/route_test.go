package notify

import (
	"slices"
	"testing"
	"time"

	"keepwatch"
)

func factsOf(inc keepwatch.Incident) Facts { return FactsOf(inc, estate(), "") }

func TestRoutes(t *testing.T) {
	crm := factsOf(newTale("inc", t0).inc)
	report := factsOf(keepwatch.Incident{Credential: "weekly-report", Tenant: "emea", Scope: keepwatch.ScopeCredential,
		Outcome: keepwatch.ScopeMissing, Category: keepwatch.CategoryPermission, Severity: keepwatch.SeverityCritical})
	outage := factsOf(keepwatch.Incident{Scope: keepwatch.ScopePlatform, Outcome: keepwatch.PlatformError, Category: keepwatch.CategoryPlatform,
		Members: []keepwatch.Member{{Credential: "weekly-report"}, {Credential: "crm-sync", EndedAt: t0}, {Credential: "us-shop"}}})
	gone := factsOf(keepwatch.Incident{Scope: keepwatch.ScopeCredential, Credential: "deleted", Tenant: "emea"})

	every := func(m Match) Routes { return Routes{{Match: m, To: []string{"x"}}} }
	for name, tt := range map[string]struct {
		routes Routes
		facts  Facts
		want   []string
	}{
		"the first that matches decides": {Routes{{Match: Match{Tenant: []string{"us"}}, To: []string{"us"}}, {Match: Match{Tenant: []string{"emea"}}, To: []string{"emea"}}, {To: []string{"rest"}}}, crm, []string{"emea"}},
		"the last catches all":           {Routes{{Match: Match{Tenant: []string{"us"}}, To: []string{"us"}}, {To: []string{"rest"}}}, crm, []string{"rest"}},
		"continue goes on":               {Routes{{To: []string{"log"}, Continue: true}, {To: []string{"ops"}}, {To: []string{"never"}}}, crm, []string{"log", "ops"}},
		"a receiver is told once":        {Routes{{To: []string{"ops"}, Continue: true}, {To: []string{"ops", "crm"}}}, crm, []string{"ops", "crm"}},
		"no route at all":                {nil, crm, nil},
		"nothing matches":                {every(Match{Owner: []string{"shop"}}), crm, nil},
		"criticality":                    {every(Match{Criticality: []string{"transactional"}}), crm, []string{"x"}},
		"criticality of another":         {every(Match{Criticality: []string{"transactional"}}), report, nil},
		"one of several values":          {every(Match{Criticality: []string{"reporting", "transactional"}}), report, []string{"x"}},
		"business unit":                  {every(Match{BusinessUnit: []string{"510000123"}}), crm, []string{"x"}},
		"owner":                          {every(Match{Owner: []string{"crm-platform"}}), crm, []string{"x"}},
		"category":                       {every(Match{Category: []string{"credential"}}), crm, []string{"x"}},
		"another category":               {every(Match{Category: []string{"credential"}}), report, nil},
		"outcome":                        {every(Match{Outcome: []string{"bad_secret_or_package"}}), crm, []string{"x"}},
		"scope":                          {every(Match{Scope: []string{"platform"}}), outage, []string{"x"}},
		"another scope":                  {every(Match{Scope: []string{"platform"}}), crm, nil},
		"severity":                       {every(Match{Severity: []string{"warning"}}), crm, nil},
		"credential":                     {every(Match{Credential: []string{"crm-sync"}}), crm, []string{"x"}},
		"all fields must match":          {every(Match{Tenant: []string{"emea"}, Owner: []string{"analytics"}}), crm, nil},
		"an outage is as urgent as its most urgent member, also when that one has recovered": {every(Match{Criticality: []string{"transactional"}}), outage, []string{"x"}},
		"an outage matches the owner of any member":                                          {every(Match{Owner: []string{"shop"}}), outage, []string{"x"}},
		"an outage matches the tenant of any member":                                         {every(Match{Tenant: []string{"us"}}), outage, []string{"x"}},
		"a credential that left the inventory is still routed":                               {every(Match{Credential: []string{"deleted"}, Tenant: []string{"emea"}}), gone, []string{"x"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, target := range tt.routes.For(tt.facts, t0) {
				got = append(got, target.Receiver)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
	t.Run("manners are those of the first route", func(t *testing.T) {
		rs := Routes{{To: []string{"ops"}, Wait: time.Minute, Continue: true}, {To: []string{"ops"}, RepeatEvery: time.Hour}}
		if got := rs.target(crm, "ops", t0); got.Wait != time.Minute || got.RepeatEvery != 0 {
			t.Errorf("%+v", got)
		}
		if got := rs.target(crm, "stranger", t0); got.Wait != 0 {
			t.Errorf("%+v", got)
		}
	})
}

func TestAddress(t *testing.T) {
	heard := func(seq int, receivers ...string) (out []keepwatch.Delivery) {
		for _, r := range receivers {
			out = append(out, keepwatch.Delivery{Receiver: r, Notice: keepwatch.Notice{Seq: seq}})
		}
		return out
	}
	for name, tt := range map[string]struct {
		kind    keepwatch.TransitionKind
		earlier []keepwatch.Delivery
		routed  []string
		want    []string
	}{
		"a begin goes where the routes say":                  {keepwatch.Opened, nil, []string{"ops", "crm"}, []string{"crm", "ops"}},
		"a change goes there and to who heard of it":         {keepwatch.Changed, heard(1, "old"), []string{"ops"}, []string{"old", "ops"}},
		"an end goes to who heard of it, and to nobody else": {keepwatch.Resolved, heard(1, "old"), []string{"ops"}, []string{"old"}},
		"an acknowledgement likewise":                        {keepwatch.Acknowledged, heard(1, "old"), []string{"ops"}, []string{"old"}},
		"an end of what nobody heard of":                     {keepwatch.Resolved, heard(1, NoReceiver), []string{"ops"}, []string{"ops"}},
		"nobody twice":                                       {keepwatch.Changed, heard(1, "ops", "ops"), []string{"ops"}, []string{"ops"}},
		"rows of the notice itself do not count":             {keepwatch.Resolved, heard(2, "ops"), []string{"crm"}, []string{"crm"}},
	} {
		t.Run(name, func(t *testing.T) {
			var routed []Target
			for _, r := range tt.routed {
				routed = append(routed, Target{Receiver: r})
			}
			var got []string
			for _, target := range address(keepwatch.Notice{Kind: tt.kind, Seq: 2}, tt.earlier, routed) {
				got = append(got, target.Receiver)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
