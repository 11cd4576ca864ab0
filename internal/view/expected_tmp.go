package view

import (
	"time"

	"keepwatch"
)

func expected(*keepwatch.Model, *time.Location, time.Time, time.Time) (low, mid, high float64) {
	return 0, 0, 0
}
