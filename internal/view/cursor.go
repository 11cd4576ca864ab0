package view

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"keepwatch"
)

// Cursors of lists that come from the inventory hold the last id shown. They are
// encoded so that nobody builds one by hand and then depends on its form.
const cursorMark = "c1:"

func sealCursor(id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(cursorMark + id))
}

func openCursor(cursor string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	id, ok := strings.CutPrefix(string(raw), cursorMark)
	if err != nil || !ok {
		return "", fmt.Errorf("the cursor is %w",
			keepwatch.WithHint(keepwatch.ErrInvalid, "use the value of next as it came, with the same filters"))
	}
	return id, nil
}

func notFound(what, id string) error {
	return keepwatch.WithHint(fmt.Errorf("%s %q: %w", what, id, keepwatch.ErrNotFound),
		"list them to see which there are; a removed one is not shown any more")
}

// reading names what was being read when something failed. Facts meant for the
// caller (there is no such thing, the cursor is bad) pass as they are.
func reading(what string, err error) error {
	if err == nil || errors.Is(err, keepwatch.ErrNotFound) || errors.Is(err, keepwatch.ErrInvalid) {
		return err
	}
	return fmt.Errorf("reading %s: %w", what, err)
}
