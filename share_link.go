package keepwatch

import "time"

// ShareLink is a link under which one incident can be read without an account, by whoever
// has it, until it ends.
type ShareLink struct {
	ID       string // stands in the link; without the link's signature it opens nothing
	Incident IncidentID
	// Grants are what its maker might see. The link shows no more, whatever the incident
	// gathers later.
	Grants    string
	CreatedAt time.Time
	CreatedBy string
	ExpiresAt time.Time
	EndedAt   time.Time // before its time; zero when nobody ended it
	EndedBy   string
	SeenAt    time.Time // the newest look through it, to the minute
}

// Over reports whether a link opens nothing any more.
func (s ShareLink) Over(now time.Time) bool { return !s.EndedAt.IsZero() || !now.Before(s.ExpiresAt) }
