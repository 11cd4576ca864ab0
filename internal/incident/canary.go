package incident

import "keepwatch"

// canaryOf is what follows from a run of the canary: a notice, whatever it found, and
// nothing else. It has no state and opens no incident, for a proof that stays away
// cannot be told by the one who does not make it: whoever waits outside has to notice.
func canaryOf(o *keepwatch.Observation) keepwatch.Canary {
	c := keepwatch.Canary{Check: o.Check, Slot: slotOf(o)}
	if o.Outcome != keepwatch.OK {
		c.Fault = o.Message
	}
	return c
}
