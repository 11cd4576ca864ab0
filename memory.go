package keepwatch

import "time"

// Memory is what the judges of effects carry from one reading to the next. It is
// kept in the series' document; which fields an aspect uses, package detect says.
type Memory struct {
	Since    time.Time `json:"since,omitzero"`     // first reading
	Events   int64     `json:"events,omitzero"`    // counted since, learning included
	LastSign time.Time `json:"last_sign,omitzero"` // newest instant at which an event is known
}

// Model is the weekly baseline of one count, fitted once a day from its hours.
type Model struct {
	Series   SeriesID  `json:"-"`
	FittedAt time.Time `json:"fitted"`
}
