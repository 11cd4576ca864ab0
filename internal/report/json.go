package report

import (
	"encoding/json"
	"io"
)

func document(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v) // with < and > escaped: it may end up in a page
}
