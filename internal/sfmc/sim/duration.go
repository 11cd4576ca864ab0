package sim

import "keepwatch/internal/sfmc/sim/world"

// Duration is a time.Duration that reads and writes JSON the way the rest of the
// product does ("90s", "10m", "2d").
type Duration = world.Duration
