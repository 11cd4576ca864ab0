package rotate

import (
	"context"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/rotation"
)

// Use is what one holder's calls show of a rotation's secrets.
type Use struct {
	Holder string
	NewAt  time.Time // when the new one was last accepted; zero: never
	OldAt  time.Time // when another one was last used; zero: never
}

// seen brings what real traffic shows into the tick-list. It never fails: what it cannot
// see, people tick off.
func (c *Cockpit) seen(ctx context.Context, r keepwatch.Rotation, now time.Time) keepwatch.Rotation {
	if c.Uses == nil || !rotation.Open(r) || len(r.Holders) == 0 {
		return r
	}
	uses, err := c.Uses(ctx, r)
	if err != nil {
		c.Logger.Error("which secret holders use is not known", "rotation", r.ID, "error", err)
		return r
	}
	changed, err := c.change(ctx, r.ID, func(r keepwatch.Rotation) (keepwatch.Rotation, error) {
		for _, u := range uses {
			if i := holderNamed(r, u.Holder); i >= 0 {
				r = rotation.Seen(r, i, u.NewAt, u.OldAt, now)
			}
		}
		return r, nil
	})
	if err != nil {
		c.Logger.Error("what holders use could not be noted", "rotation", r.ID, "error", err)
		return r
	}
	return changed
}

func holderNamed(r keepwatch.Rotation, name string) int {
	for i := range r.Holders {
		if strings.EqualFold(strings.TrimSpace(r.Holders[i].Name), strings.TrimSpace(name)) {
			return i
		}
	}
	return -1
}
