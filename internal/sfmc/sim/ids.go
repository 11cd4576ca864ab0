package sim

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"

	"keepwatch/internal/sfmc/sim/world"
)

// guidOf is a stable GUID for a thing that has none of its own.
func guidOf(kind, id string) string { return world.GUID(kind, id) }

// userID is the number of the hidden user that every package owns.
func userID(c *client) int64 {
	b := sha256.Sum256([]byte("user\x00" + c.spec.ClientID))
	return int64(700_000_000 + binary.BigEndian.Uint32(b[:])%90_000_000)
}

func userIDText(c *client) string { return strconv.FormatInt(userID(c), 10) }
