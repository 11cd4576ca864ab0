package app

import (
	"context"
	"fmt"
	"slices"
	"time"

	"keepwatch"
	"keepwatch/internal/store"
	"keepwatch/internal/traffic"
)

// strangersEvery is how often client ids that stand in no record are written down.
const strangersEvery = time.Minute

// strangersFor is how old a sighting may be and still be a finding.
const strangersFor = 7 * 24 * time.Hour

// keepStrangers writes down which unknown client ids asked for tokens, so that they are
// findings after a restart, too, and on every node.
func (a *App) keepStrangers(ctx context.Context, now time.Time) error {
	var list []store.Stranger
	for _, st := range a.traffic.Strays(now) {
		list = append(list, strangerOf(st, a.traffic.Run()))
	}
	if len(list) == 0 {
		return nil
	}
	return a.db.SaveStrangers(ctx, list, now)
}

func strangerOf(st traffic.Stray, run string) store.Stranger {
	return store.Stranger{
		Tenant: st.Tenant, ClientID: st.ClientID, Run: run, Holder: st.Holder, Via: st.Via, FirstSeen: st.FirstSeen, LastSeen: st.LastSeen,
		Requests: st.Count, Granted: st.OK,
	}
}

// strangers are the unknown client ids that were seen lately, by this run and all others,
// without those that have a record by now.
func (a *App) strangers(ctx context.Context, now time.Time) ([]store.Stranger, error) {
	kept, err := a.db.Strangers(ctx, now.Add(-strangersFor))
	if err != nil {
		return nil, err
	}
	kept = slices.DeleteFunc(kept, func(s store.Stranger) bool { return s.Run == a.traffic.Run() }) // ours are newer
	for _, st := range a.traffic.Strays(now) {
		kept = append(kept, strangerOf(st, a.traffic.Run()))
	}
	type login struct {
		tenant keepwatch.TenantID
		id     string
	}
	known := map[login]bool{}
	for _, c := range a.config.Load().Credentials {
		known[login{c.Tenant, loginOf(c)}] = true
	}
	index := map[login]int{}
	var all []store.Stranger
	for _, s := range kept {
		key := login{s.Tenant, s.ClientID}
		i, again := index[key]
		switch {
		case known[key]:
		case again:
			all[i] = together(all[i], s)
		default:
			index[key] = len(all)
			all = append(all, s)
		}
	}
	return all, nil
}

// together adds two runs' counts of one stranger up.
func together(a, b store.Stranger) store.Stranger {
	newest := a
	if b.LastSeen.After(a.LastSeen) {
		newest = b
	}
	newest.Requests, newest.Granted = a.Requests+b.Requests, a.Granted+b.Granted
	newest.FirstSeen = a.FirstSeen
	if b.FirstSeen.Before(a.FirstSeen) {
		newest.FirstSeen = b.FirstSeen
	}
	return newest
}

// strangerFindings says of each who asks, since when and how often.
func (a *App) strangerFindings(ctx context.Context, now time.Time) ([]keepwatch.Finding, error) {
	all, err := a.strangers(ctx, now)
	if err != nil {
		return nil, err
	}
	var found []keepwatch.Finding
	for _, s := range all {
		who := ""
		if s.Holder != "" {
			who = " by " + s.Holder
		}
		found = append(found, keepwatch.Finding{
			ID:   keepwatch.Digest(string(keepwatch.FindingUnknownClient), string(s.Tenant), s.ClientID),
			Kind: keepwatch.FindingUnknownClient, Severity: keepwatch.SeverityWarning, Tenant: s.Tenant, Subject: s.ClientID,
			Message: fmt.Sprintf("The client id %s asks for tokens%s (seen by %s) and is not registered: %d requests since %s, %d granted, the newest at %s.",
				s.ClientID, who, s.Via, s.Requests, s.FirstSeen.UTC().Format(time.RFC3339), s.Granted, s.LastSeen.UTC().Format(time.RFC3339)),
			Reason: "Somebody works with a package that nobody watches: when its secret ends, nobody is warned.",
			Hint:   "Find out whose it is, and register its credential.",
		})
	}
	return found, nil
}
