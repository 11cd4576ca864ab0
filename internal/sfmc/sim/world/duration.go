package world

import (
	"encoding/json"
	"time"

	"keepwatch"
)

// Duration is a time.Duration that reads and writes JSON the way the rest of the
// product does ("90s", "10m", "2d").
type Duration time.Duration

func (d Duration) MarshalJSON() ([]byte, error) {
	return json.Marshal(keepwatch.FormatDuration(time.Duration(d)))
}

func (d *Duration) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	v, err := keepwatch.ParseDuration(text)
	*d = Duration(v)
	return err
}
