package keepwatch

import "errors"

// The kinds of error that cross a package border. One table in httpapi maps
// them to status and code, one in cli to exit codes. Wrap them with the fact:
// fmt.Errorf("credential %q: %w", id, keepwatch.ErrNotFound).
var (
	ErrNotFound     = errors.New("not found")
	ErrInvalid      = errors.New("invalid")
	ErrConflict     = errors.New("conflict")
	ErrUnauthorized = errors.New("unauthorized")
	ErrForbidden    = errors.New("forbidden")
	ErrUnavailable  = errors.New("unavailable")
)

// HintedError is an error that also says what to do next.
type HintedError struct {
	Err  error
	Hint string
}

func (e *HintedError) Error() string { return e.Err.Error() }
func (e *HintedError) Unwrap() error { return e.Err }

// WithHint attaches the next thing to do to an error that states the fact.
func WithHint(err error, hint string) error {
	if err == nil {
		return nil
	}
	return &HintedError{Err: err, Hint: hint}
}

// HintOf returns the hint of the outermost hinted error, or "".
func HintOf(err error) string {
	var h *HintedError
	if errors.As(err, &h) {
		return h.Hint
	}
	return ""
}
