package backtest

import (
	"reflect"
	"slices"

	"keepwatch"
	"keepwatch/client"
)

// What a configuration decides.
const (
	partRoutes     = "routes"
	partFailAfter  = "fail_after"
	partInterval   = "interval"
	partLadder     = "expiry_ladder"
	partThresholds = "thresholds"
)

var partNames = []string{partRoutes, partFailAfter, partInterval, partLadder, partThresholds}

// unknowns are what the stored rows cannot tell, by part.
var unknowns = map[string]string{
	partRoutes:     "Every receiver is taken to have answered at once; what really was sent stands at each incident. Owners and criticalities are those of today.",
	partFailAfter:  "Single runs are kept for 7 days. Before that, the number of failed runs follows from how long it failed and how far apart the looks are, and failures that opened no incident are not known.",
	partInterval:   "When a look would have met a failure is a matter of chance: the change is the one to be expected. Failures that no look met are not known.",
	partLadder:     "Dates are those of today: what was renewed meanwhile had others. Dates that are read from a certificate are left out.",
	partThresholds: "Good readings are only kept as hours: what a lower threshold would have found earlier, or in addition, is not known.",
}

// describe says of each part whether the configurations differ in it.
func (r *run) describe() {
	for _, name := range partNames {
		r.parts[name] = &client.BacktestPart{Name: name, NotKnown: unknowns[name]}
	}
	r.parts[partRoutes].Differs = !reflect.DeepEqual(r.old.Routes, r.new.Routes) || !reflect.DeepEqual(r.old.Receivers, r.new.Receivers)
	for _, c := range r.new.Credentials {
		if !r.known(c.ID) {
			continue
		}
		p := r.parts
		p[partFailAfter].Differs = p[partFailAfter].Differs || r.old.FailAfter(c.ID) != r.new.FailAfter(c.ID)
		p[partLadder].Differs = p[partLadder].Differs || !slices.Equal(r.old.Ladder(c.ID), r.new.Ladder(c.ID))
		// An hour of work and one of the night stand for the calendar.
		for h := r.To.AddDate(0, 0, -7); h.Before(r.To) && !p[partInterval].Differs; h = h.Add(5 * hour) {
			p[partInterval].Differs = r.old.Gap(c.ID, h) != r.new.Gap(c.ID, h)
		}
	}
}

// known reports whether both configurations have a credential.
func (r *run) known(id keepwatch.CredentialID) bool {
	_, ok := r.old.Directory.Credential(id)
	return ok
}
