package backtest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/client"
	"keepwatch/internal/notify"
)

// Rules are what a configuration decides about alerts.
type Rules struct {
	notify.Setup // silences and maintenance, of the files and of people, are its mutes
	Credentials  []keepwatch.Credential
	FailAfter    func(keepwatch.CredentialID) int
	Gap          func(keepwatch.CredentialID, time.Time) time.Duration // between two proofs
	Ladder       func(keepwatch.CredentialID) []time.Duration
	Zone         func(keepwatch.CredentialID) *time.Location
	Expect       func(keepwatch.TenantID, keepwatch.Subject) keepwatch.Expectation
}

// Past is what is stored of a span of time.
type Past struct {
	From, To time.Time
	// RunsSince is how far back single runs are kept.
	RunsSince time.Time
	Incidents []Episode
	// Runs are those of credentials that failed softly, oldest first.
	Runs map[keepwatch.CredentialID][]keepwatch.Observation
}

// Episode is one incident with what was to be told of it.
type Episode struct {
	Incident keepwatch.Incident
	Opened   keepwatch.Transition
	Notices  []keepwatch.Notice // oldest first
	// Readings are those of its effects, by series, oldest first.
	Readings map[keepwatch.SeriesID][]keepwatch.Watch
}

// The ids of what no store knows.
const (
	rungPrefix     = "rung "
	inventedPrefix = "backtest."
)

// mostMessages is how many changed messages are listed.
const mostMessages = 500

// run is one comparison.
type run struct {
	Past
	old, new  Rules
	parts     map[string]*client.BacktestPart
	incidents []client.BacktestIncident
}

// Compare tries two configurations on the same past.
func Compare(old, next Rules, past Past, now time.Time) client.Backtest {
	r := &run{Past: past, old: old, new: next, parts: map[string]*client.BacktestPart{}}
	r.describe()
	var was, is []keepwatch.Notice
	for _, e := range past.Incidents {
		was = append(was, e.Notices...)
		is = append(is, r.reshaped(e)...)
	}
	is = append(is, r.unopened()...)
	lost, won := r.ladders()
	before, after := r.foresee(append(was, lost...), old), r.foresee(append(is, won...), next)
	out := client.Backtest{
		SchemaVersion: 1, At: now.UTC(), From: past.From.UTC(), To: past.To.UTC(),
		Parts: []client.BacktestPart{}, Incidents: append([]client.BacktestIncident{}, r.incidents...),
	}
	for _, name := range partNames {
		out.Parts = append(out.Parts, *r.parts[name])
	}
	slices.SortStableFunc(out.Incidents, func(a, b client.BacktestIncident) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Title, b.Title))
	})
	r.differences(&out, before, after)
	return out
}

// message names one message under both configurations.
type message struct {
	receiver, incident, credential string
	kind                           keepwatch.TransitionKind
	seq                            int
	// bundle is what a message about several incidents gathers, and since when. Not its
	// id: that follows from the place of the route in the file.
	bundle string
}

// told is when it goes out, of how many incidents, and how often it is repeated.
type told struct {
	at                   time.Time
	incidents, reminders int
}

// foresee is what rules would have sent about notices within the span. All of them at
// once: what comes together is told together.
func (r *run) foresee(notices []keepwatch.Notice, rules Rules) map[message]told {
	out := map[message]told{}
	for _, m := range notify.Foresee(notices, rules.Setup, r.To) {
		if m.At.Before(r.From) || m.At.After(r.To) {
			continue
		}
		key := message{receiver: m.Receiver, incident: string(m.Notice.Incident.ID), credential: string(m.Notice.Incident.Credential), kind: m.Kind}
		if m.Kind != keepwatch.Opened {
			key.seq = m.Notice.Seq
		}
		if b := m.Notice.Bundle; b != nil {
			key = message{receiver: m.Receiver, kind: keepwatch.TransitionKind(b.Kind), seq: m.Notice.Seq, bundle: fmt.Sprint(b.Labels, b.OpenedAt.UnixMilli())}
		}
		out[key] = told{m.At, m.Incidents, len(m.Reminders)}
	}
	return out
}

// differences lists what is in one world and not in the other, or at another time.
func (r *run) differences(out *client.Backtest, before, after map[message]told) {
	sums := map[string]*client.BacktestReceiver{}
	of := func(receiver string) *client.BacktestReceiver {
		if sums[receiver] == nil {
			sums[receiver] = &client.BacktestReceiver{Receiver: receiver}
		}
		return sums[receiver]
	}
	for key, was := range before {
		s := of(key.receiver)
		s.Before, s.RemindersBefore = s.Before+1, s.RemindersBefore+was.reminders
		if is, ok := after[key]; !ok {
			s.Removed++
			out.Messages = append(out.Messages, changed(key, was, "removed", 0))
		} else if d := is.at.Sub(was.at); d > 0 {
			s.Later++
			out.Messages = append(out.Messages, changed(key, is, "later", d))
		} else if d < 0 {
			s.Sooner++
			out.Messages = append(out.Messages, changed(key, is, "sooner", -d))
		}
	}
	for key, is := range after {
		s := of(key.receiver)
		s.After, s.RemindersAfter = s.After+1, s.RemindersAfter+is.reminders
		if _, ok := before[key]; !ok {
			s.Added++
			out.Messages = append(out.Messages, changed(key, is, "added", 0))
		}
	}
	slices.SortFunc(out.Messages, func(a, b client.BacktestMessage) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Receiver, b.Receiver), cmp.Compare(a.Incident, b.Incident), cmp.Compare(a.Credential, b.Credential), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Change, b.Change))
	})
	if out.More = max(0, len(out.Messages)-mostMessages); out.More > 0 {
		out.Messages = out.Messages[:mostMessages]
	}
	if out.Messages == nil {
		out.Messages = []client.BacktestMessage{}
	}
	out.Receivers = []client.BacktestReceiver{}
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		out.Receivers = append(out.Receivers, *sums[name])
	}
}

// changed is a message as it is shown. What no store knows has no incident: a rung
// is named in its place, and an incident that would have been opened has none.
func changed(m message, t told, change string, by time.Duration) client.BacktestMessage {
	kind := string(m.kind)
	switch {
	case strings.HasPrefix(m.incident, rungPrefix):
		m.incident, kind = "", strings.TrimSuffix(m.incident, ofCredential(m.credential))
	case strings.HasPrefix(m.incident, inventedPrefix):
		m.incident = ""
	}
	return client.BacktestMessage{
		Receiver: m.receiver, Incident: m.incident, Credential: m.credential, Kind: kind, Incidents: t.incidents, At: t.at.UTC(), Change: change, BySeconds: by.Seconds(),
	}
}

// ofCredential tells the rungs of one credential from those of another.
func ofCredential(id string) string { return " of " + id }
