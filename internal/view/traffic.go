package view

import (
	"cmp"
	"context"
	"slices"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/detect"
	"keepwatch/internal/store"
)

// TrafficSource reads what real clients did, by hour.
type TrafficSource interface {
	Calls(ctx context.Context, credential keepwatch.CredentialID, from, to time.Time) ([]store.CallRow, error)
}

// trafficFor is how long a holder's trouble counts for its credential's state after its
// newest call.
const trafficFor = 24 * time.Hour

// Traffic reads what the real clients of a credential live through.
func (r *Reader) Traffic(ctx context.Context, now time.Time, id keepwatch.CredentialID) (client.Traffic, error) {
	if err := r.Exists(id); err != nil {
		return client.Traffic{}, err
	}
	out := client.Traffic{Credential: string(id), Objective: r.objective(id), Holders: []client.TrafficHolder{}, Calls: []client.TrafficCalls{}, Hours: []client.TrafficHour{}, HoursFrom: firstSlot(now), Guideline: detect.Guideline}
	if err := r.index.follow(ctx, r.from.Series); err != nil {
		return out, reading("states", err)
	}
	known := (&estate{index: r.index}).line(id)
	if p := known.own.ProvenBy; p != nil {
		out.ProvenBy = &client.TrafficProof{At: p.At.UTC(), Via: string(p.Via), Holder: p.Holder}
	}
	for _, s := range known.lived {
		out.Holders = append(out.Holders, holderTraffic(s, now))
	}
	slices.SortStableFunc(out.Holders, func(a, b client.TrafficHolder) int {
		return cmp.Or(atOf(b.LastSeen).Compare(atOf(a.LastSeen)), cmp.Compare(a.Name, b.Name))
	})
	if r.from.Traffic == nil {
		return out, nil
	}
	rows, err := r.from.Traffic.Calls(ctx, id, firstSlot(now), now.Add(time.Hour))
	if err != nil {
		return out, reading("calls", err)
	}
	out.Hours = hoursOf(rows)
	out.Calls = callsOf(slices.DeleteFunc(rows, func(c store.CallRow) bool { return c.Start.Before(now.Add(-24 * time.Hour)) }))
	return out, nil
}

// hoursOf adds the calls of each holder up by hour.
func hoursOf(rows []store.CallRow) []client.TrafficHour {
	type key struct {
		start  time.Time
		holder string
	}
	at := map[key]int{}
	out := []client.TrafficHour{}
	for _, c := range rows {
		k := key{c.Start, c.Holder}
		i, known := at[k]
		if !known {
			i, at[k] = len(out), len(out)
			out = append(out, client.TrafficHour{Start: c.Start.UTC(), Holder: c.Holder})
		}
		h := &out[i]
		switch {
		case c.Kind == keepwatch.CallToken:
			h.Requests += c.Count
			if c.Outcome == keepwatch.OK {
				h.Granted += c.Count
			}
		default:
			h.Calls += c.Count
			if c.Outcome != keepwatch.OK {
				h.CallsFailed += c.Count
			}
		}
	}
	for i := range out {
		if h := &out[i]; h.Granted > 0 {
			h.AttemptsPerOK = new(float64(h.Requests) / float64(h.Granted))
		}
	}
	return out
}

func (r *Reader) objective(id keepwatch.CredentialID) float64 {
	if f := r.inventory().Objective; f != nil {
		if v := f(id); v > 0 {
			return v
		}
	}
	return detect.Objective
}

func atOf(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func holderTraffic(s *keepwatch.Series, now time.Time) client.TrafficHolder {
	m := s.Traffic
	h := client.TrafficHolder{
		Name: m.Holder, Via: []string{}, State: string(trafficState(s, now)), Outcome: string(s.Outcome),
		FirstSeen: timeOf(m.FirstAt), LastSeen: timeOf(m.LastAt), LastToken: timeOf(m.LastOK), LastRefused: timeOf(m.LastFailed),
		LastRefusal: string(m.LastWhy), Evidence: m.Evidence, TokensPerHour: detect.TokensPerHour(m, now),
		Windows: []client.TrafficWindow{}, Secrets: []client.TrafficSecret{}, Scopes: orEmpty(m.Scopes), Lost: m.Lost,
	}
	h.Hasty = h.TokensPerHour > detect.Hasty
	for _, via := range m.Via {
		h.Via = append(h.Via, string(via))
	}
	for _, w := range detect.Windows {
		h.Windows = append(h.Windows, windowOf(detect.Over(m, w, now), keepwatch.FormatDuration(w)))
	}
	for _, u := range m.Uses {
		h.Secrets = append(h.Secrets, client.TrafficSecret{
			Fingerprint: short(string(u.Secret)), Configured: u.Ours, LastUsed: timeOf(u.At), LastAccepted: timeOf(u.Accept), Requests: u.Count,
		})
	}
	return h
}

// trafficState is how a holder stands: what it did long ago says nothing of now.
func trafficState(s *keepwatch.Series, now time.Time) keepwatch.State {
	if now.Sub(s.Traffic.LastAt) > trafficFor {
		return keepwatch.StateUnknown
	}
	return s.StateAt(now)
}

// short is enough of a fingerprint to tell it from the others of a list.
func short(fingerprint string) string { return fingerprint[:min(len(fingerprint), 12)] }

func windowOf(s keepwatch.Span, name string) client.TrafficWindow {
	w := client.TrafficWindow{
		Window: name, Requests: s.Requests, Failed: s.Failed, Masked: s.Masked, GivenUp: s.GivenUp, Healed: s.Healed,
		Calls: s.Calls, CallsFailed: s.CallsBad,
	}
	w.SuccessRate = share(s.Requests-s.Failed, s.Requests)
	if s.Cycles > 0 {
		per := float64(s.Attempts) / float64(s.Cycles)
		w.AttemptsPerToken = &per
	}
	return w
}

func share(part, of int) *float64 {
	if of <= 0 {
		return nil
	}
	rate := float64(part) / float64(of)
	return &rate
}

// callsOf adds hours up.
func callsOf(rows []store.CallRow) []client.TrafficCalls {
	type key struct{ holder, kind, family, class, outcome string }
	sums := map[key]*client.TrafficCalls{}
	took := map[key]time.Duration{}
	out := []client.TrafficCalls{}
	for _, c := range rows {
		k := key{c.Holder, string(c.Kind), c.Family, c.Class, string(c.Outcome)}
		sum := sums[k]
		if sum == nil {
			sum = &client.TrafficCalls{Holder: k.holder, Kind: k.kind, Family: k.family, Class: k.class, Outcome: k.outcome}
			sums[k] = sum
		}
		took[k] += c.Took
		sum.Calls += c.Count
		sum.SlowestSeconds = max(sum.SlowestSeconds, c.Slowest.Seconds())
	}
	for k, sum := range sums {
		sum.AverageSeconds = took[k].Seconds() / float64(max(sum.Calls, 1))
		out = append(out, *sum)
	}
	slices.SortFunc(out, func(a, b client.TrafficCalls) int {
		return cmp.Or(cmp.Compare(a.Holder, b.Holder), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Family, b.Family), cmp.Compare(a.Class, b.Class), cmp.Compare(a.Outcome, b.Outcome))
	})
	return out
}

// TrafficAccounts sums up the last 24 hours by tenant and business unit.
func (r *Reader) TrafficAccounts(ctx context.Context, now time.Time) (client.TrafficAccounts, error) {
	out := client.TrafficAccounts{Accounts: []client.TrafficAccount{}}
	if r.from.Traffic == nil {
		return out, nil
	}
	rows, err := r.from.Traffic.Calls(ctx, "", now.Add(-24*time.Hour), now.Add(time.Hour))
	if err != nil {
		return out, reading("calls", err)
	}
	units := map[keepwatch.CredentialID]unitKey{}
	for _, c := range r.inventory().Credentials {
		units[c.ID] = unitKey{c.Tenant, c.BusinessUnit}
	}
	type sum struct {
		seen                         map[keepwatch.CredentialID]bool
		tokens, granted, calls, went int
	}
	sums := map[unitKey]*sum{}
	for _, c := range rows {
		key, known := units[c.Credential]
		if !known {
			key = unitKey{tenant: c.Tenant}
		}
		s := sums[key]
		if s == nil {
			s = &sum{seen: map[keepwatch.CredentialID]bool{}}
			sums[key] = s
		}
		s.seen[c.Credential] = true
		ok := 0
		if c.Outcome == keepwatch.OK {
			ok = c.Count
		}
		if c.Kind == keepwatch.CallToken {
			s.tokens, s.granted = s.tokens+c.Count, s.granted+ok
		} else {
			s.calls, s.went = s.calls+c.Count, s.went+ok
		}
	}
	for key, s := range sums {
		out.Accounts = append(out.Accounts, client.TrafficAccount{
			Tenant: string(key.tenant), BusinessUnit: midOf(key.mid), Credentials: len(s.seen),
			Tokens: s.tokens, TokenRate: share(s.granted, s.tokens), Calls: s.calls, CallRate: share(s.went, s.calls),
		})
	}
	number := func(n *int64) int64 {
		if n == nil {
			return 0
		}
		return *n
	}
	slices.SortFunc(out.Accounts, func(a, b client.TrafficAccount) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(number(a.BusinessUnit), number(b.BusinessUnit)))
	})
	return out, nil
}

// lived is the holder's line that says how a credential stands where it works by itself and
// a holder of it does not: it works, but badly. Nil where none does.
func lived(own *keepwatch.Series, holders []*keepwatch.Series, now time.Time) (worst *keepwatch.Series) {
	if own.StateAt(now) != keepwatch.StateHealthy {
		return nil
	}
	for _, s := range holders {
		state := trafficState(s, now)
		if state != keepwatch.StateDegraded && state != keepwatch.StateFailing || s.Outcome.Info().Confirm != keepwatch.ConfirmJudged && state != keepwatch.StateFailing {
			continue
		}
		if worst == nil || state == keepwatch.StateFailing && worst.State != keepwatch.StateFailing {
			worst = s
		}
	}
	return worst
}
