package sim

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
)

// guidOf is a stable GUID for a thing that has none of its own.
func guidOf(kind, id string) string {
	b := sha256.Sum256([]byte(kind + "\x00" + id))
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// userID is the number of the hidden user that every package owns.
func userID(c *client) int64 {
	b := sha256.Sum256([]byte("user\x00" + c.spec.ClientID))
	return int64(700_000_000 + binary.BigEndian.Uint32(b[:])%90_000_000)
}

func userIDText(c *client) string { return strconv.FormatInt(userID(c), 10) }
