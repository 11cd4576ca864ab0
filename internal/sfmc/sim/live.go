package sim

import "keepwatch/internal/sfmc/sim/world"

// Truth is what really happened in the world up to now. Without a world it is empty.
func (s *Sim) Truth() world.Truth { return world.Truth{} }

// Do does what people do: stop a journey, pause an automation, empty a file,
// silence a caller. Its effect begins now.
func (s *Sim) Do(d world.Deed) error { return nil }

// AddWorld lets more live. What has a key that is taken is refused.
func (s *Sim) AddWorld(spec world.Spec) error { return nil }
