package view

import (
	"cmp"
	"context"
	"slices"
	"time"

	"keepwatch"
	"keepwatch/client"
)

// SilenceSource reads the silences that lie ahead or are in force.
type SilenceSource interface {
	Silences(ctx context.Context, now time.Time) ([]keepwatch.Silence, error)
}

// Forecast is one message that an incident causes while it lasts and nobody takes it.
type Forecast struct {
	Receiver, Channel, Why string
	At                     time.Time
	Escalation             bool
	RepeatEvery            time.Duration // afterwards; 0: once
}

// nextTold are the messages that are still to come: what was not sent yet, who is called
// when nobody takes it, and reminders.
func nextTold(plan []Forecast, inc keepwatch.Incident, sent []keepwatch.Delivery, now time.Time) []client.NextTold {
	out := []client.NextTold{}
	if inc.Status != keepwatch.IncidentOpen || !inc.RestoredAt.IsZero() {
		return out
	}
	last := map[string]time.Time{}
	for _, d := range sent {
		if d.SentAt.After(last[d.Receiver]) {
			last[d.Receiver] = d.SentAt
		}
	}
	acknowledged := !inc.AcknowledgedAt.IsZero()
	for _, f := range plan {
		next := client.NextTold{Receiver: f.Receiver, Channel: f.Channel, At: f.At.UTC(), Kind: "first", Why: f.Why}
		told, was := last[f.Receiver]
		switch {
		case acknowledged && (f.Escalation || was):
			continue
		case was && f.RepeatEvery > 0:
			next.Kind, next.At = "reminder", told.Add(f.RepeatEvery).UTC()
		case was:
			continue
		case f.Escalation:
			next.Kind = "escalation"
		}
		if next.At.After(now) {
			out = append(out, next)
		}
	}
	slices.SortStableFunc(out, func(a, b client.NextTold) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Receiver, b.Receiver)) })
	return out
}

// addTold fills in who hears of it next, and of what nobody hears for a while.
func (r *Reader) addTold(ctx context.Context, d *client.IncidentDetail, inc keepwatch.Incident, sent []keepwatch.Delivery, now time.Time) error {
	d.NextTold, d.Snoozes = []client.NextTold{}, []client.Silence{}
	snap := r.inventory()
	if snap.Forecast != nil {
		plan := snap.Forecast(inc)
		d.NextTold = nextTold(plan, inc, sent, now)
	}
	if snap.Channel != nil {
		for i := range d.Deliveries {
			d.Deliveries[i].Channel = snap.Channel(d.Deliveries[i].Receiver)
		}
	}
	if r.from.Silences == nil || inc.Status != keepwatch.IncidentOpen {
		return nil
	}
	all, err := r.from.Silences.Silences(ctx, now)
	if err != nil {
		return reading("silences", err)
	}
	all = slices.DeleteFunc(slices.Clone(all), func(s keepwatch.Silence) bool { return s.Incident != inc.ID || s.Over(now) })
	d.Snoozes = SilencesOf(all, now)
	return nil
}

// gist is an incident in three sentences, with what the inventory knows of it.
func (r *Reader) gist(d client.IncidentDetail, now time.Time) client.Gist {
	purpose := ""
	var hanging []string
	snap := r.inventory()
	for _, c := range snap.Credentials {
		if !slices.Contains(d.Members, string(c.ID)) {
			continue
		}
		if d.Credential != nil && string(c.ID) == *d.Credential {
			purpose = c.Purpose
		}
		for _, dep := range c.Dependents {
			if name := Words(dep.Kind) + " " + dep.Key; !slices.Contains(hanging, name) {
				hanging = append(hanging, name)
			}
		}
	}
	return gistOf(d, purpose, hanging, now)
}
