package keepwatch

import (
	"fmt"
	"io"
	"log/slog"
)

// redacted is what every formatting of a Secret shows.
const redacted = "[secret]"

// Secret holds bytes that must never be shown. The bytes live in a closure:
// a string or []byte type with redaction methods still prints in clear as an
// unexported struct field, with %d and as a JSON map key; a func does not.
type Secret struct{ reveal func() []byte }

// NewSecret takes ownership of b.
func NewSecret(b []byte) Secret {
	return Secret{reveal: func() []byte { return b }}
}

// Reveal returns the bytes. The caller must not keep, log or change them.
func (s Secret) Reveal() []byte {
	if s.reveal == nil {
		return nil
	}
	return s.reveal()
}

// Empty reports whether there is nothing to hide.
func (s Secret) Empty() bool { return len(s.Reveal()) == 0 }

func (s Secret) String() string               { return redacted }
func (s Secret) GoString() string             { return redacted }
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
func (s Secret) LogValue() slog.Value         { return slog.StringValue(redacted) }

// Format answers every verb, %d and %x included.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }
