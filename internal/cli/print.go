package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
)

// printJSON writes one document: indented as json, on one line as ndjson.
func (e *env) printJSON(v any) error {
	enc := json.NewEncoder(e.stdout)
	enc.SetEscapeHTML(false)
	if e.Output == "json" {
		enc.SetIndent("", "  ")
	}
	return enc.Encode(v)
}

// printItems writes a list: one document as json, one item a line as ndjson.
func printItems[T any](e *env, items []T) error {
	if e.Output == "json" {
		return e.printJSON(struct {
			SchemaVersion int `json:"schema_version"`
			Items         []T `json:"items"`
		}{1, append([]T{}, items...)})
	}
	for _, item := range items {
		if err := e.printJSON(item); err != nil {
			return err
		}
	}
	return nil
}

// counted is a number with its noun.
func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// printTable writes rows under a header, columns aligned.
func (e *env) printTable(header []string, rows [][]string) error {
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(header, "\t"))
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	return w.Flush()
}

// colour wraps a word for a terminal; elsewhere the word stands alone. In a table
// the whole column is wrapped, its header in the default colour 39: the writer
// counts the codes as width.
func (e *env) colour(code, word string) string {
	if e.NoColor || !isTerminal(e.stdout) {
		return word
	}
	return "\x1b[" + code + "m" + word + "\x1b[0m"
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
