package keepwatch

import "time"

// AuditFilter narrows the log. Zero fields do not.
type AuditFilter struct {
	Who    string    // an account or a token
	Action string    // part of the method or the path, in any case
	From   time.Time // inclusive
	To     time.Time // exclusive
}

// AuditEntry is one thing that somebody did, or tried to do. It is written before the
// thing happens; when the entry cannot be written, nothing happens.
type AuditEntry struct {
	Seq    int64     `json:"-"`  // without gaps; set by the store
	At     time.Time `json:"at"` // to the second
	Who    string    `json:"who"`
	Via    string    `json:"via"`            // token, session, open
	From   string    `json:"from,omitempty"` // address of the caller
	Action string    `json:"action"`         // "POST /api/v1/credentials/crm-sync/check"
	// Refused is set by a second entry about the same action, which says that it came to
	// nothing: an HTTP status.
	Refused int   `json:"refused,omitempty"`
	Of      int64 `json:"of,omitempty"` // the entry that it is about
}
