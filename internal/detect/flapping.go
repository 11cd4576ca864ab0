package detect

import "time"

const (
	// FlapWindow is how far back changes between working and failing count.
	FlapWindow = time.Hour
	// FlapCount changes within the window are flapping: two separate failures.
	FlapCount = 4
	// FlapProofs in a row end an incident of a series that flaps.
	FlapProofs = 3
)

// Flapping reports whether the changes that lie within the window are too many.
func Flapping(flips []time.Time, now time.Time) bool {
	n := 0
	for _, t := range flips {
		if now.Sub(t) < FlapWindow {
			n++
		}
	}
	return n >= FlapCount
}

// ProofsNeeded is how many proofs in a row end a failure.
func ProofsNeeded(flapping bool) int {
	if flapping {
		return FlapProofs
	}
	return 1
}
