package keepwatch

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strconv"
	"strings"
	"time"
)

// Distinct types for things that are all strings or numbers, so that the
// compiler catches two that were swapped.
type (
	// TenantID names one SFMC tenant (an enterprise account and its subdomain).
	TenantID string
	// CredentialID names one credential; unique over all tenants.
	CredentialID string
	// CheckID names one row of the schedule.
	CheckID string
	// SeriesID names one line of observations: a check and the subject it looked at.
	SeriesID string
	// IncidentID is derived from the incident's key and the instant it opened.
	IncidentID string
	// NoticeID is derived from the incident and its transition.
	NoticeID string
	// DeliveryID is derived from the notice and the receiver: the key under
	// which a receiver may see the same message twice.
	DeliveryID string
	// MID is the number of an SFMC business unit; 0 means the one that owns the package.
	MID int64
	// Place is where a test ran from: "local" for this process, else an agent's name.
	Place string
)

// Local is the place of the daemon itself.
const Local Place = "local"

// String renders the MID as SFMC shows it; the zero MID is empty.
func (m MID) String() string {
	if m == 0 {
		return ""
	}
	return strconv.FormatInt(int64(m), 10)
}

// SeriesOf names the series of a check that looks at one subject. A credential's
// own test has the empty subject.
func SeriesOf(check CheckID, subject string) SeriesID {
	if subject == "" {
		return SeriesID(check)
	}
	return SeriesID(string(check) + "#" + subject)
}

// Digest makes a short stable identifier (16 characters, lower case, letters and
// digits) of its parts. Parts are separated, so ("ab","c") and ("a","bc") differ.
func Digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:10]))
}

// NewIncidentID makes the id of an incident: a time, and a digest of its parts (20
// characters together). Rows of incidents that begin together so stand together: with a
// digest alone a flood wrote a page of its own for almost every row and index entry. The
// time is that of the observation's slot, so that the id follows from what was seen.
func NewIncidentID(begin time.Time, parts ...string) IncidentID {
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(begin.UnixMilli())<<19) // 45 bits: nine characters, until the year 3084
	return IncidentID(sorted.EncodeToString(ms[:])[:9] + Digest(parts...)[:11])
}

// sorted spells bytes in letters and digits that sort as the bytes do.
var sorted = base32.NewEncoding("234567abcdefghijklmnopqrstuvwxyz")
