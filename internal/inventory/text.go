package inventory

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"keepwatch"
)

// readText reads CSV and pasted tables.
func readText(format Format, data []byte, name string, o ReadOptions) (Sheet, error) {
	text, note := decodeText(data)
	sheet := Sheet{Format: format, Name: name}
	if note != "" {
		sheet.Notes = append(sheet.Notes, note)
	}
	text, sep := separator(format, strings.TrimPrefix(text, "\ufeff"))
	rows := cutRows(text, sep)
	t := table{sheet: &sheet, o: o, blanks: format == CSV, defused: format == CSV, dates: readDate}
	rows, err := t.head(rows, format == Paste)
	if err != nil {
		return Sheet{}, err
	}
	t.read(rows)
	return sheet, nil
}

// separator finds what stands between cells: what Excel says in a first line
// "sep=;", else what makes the best heading of the first lines.
func separator(format Format, text string) (string, byte) {
	first, _, _ := strings.Cut(text, "\n")
	if first = strings.TrimSpace(first); len(first) == 5 && strings.EqualFold(first[:4], "sep=") {
		// The line stays as an empty one, so that line numbers are the file's.
		return text[strings.IndexByte(text, first[4])+1:], first[4]
	}
	candidates := []byte{',', ';', '\t', '|'}
	if format == Paste {
		candidates = []byte{'\t', ';', ',', '|'}
	}
	best, most := candidates[0], 0
	for _, sep := range candidates {
		if n := headingScore(text, sep); n > most {
			best, most = sep, n
		}
	}
	return text, best
}

// headingScore is how many headings the best of the first lines has, cut at sep.
func headingScore(text string, sep byte) int {
	most := 0
	for i, line := range strings.SplitN(text, "\n", 11) {
		if i == 10 {
			break
		}
		n := 0
		for _, c := range plainCells(strings.TrimRight(line, "\r"), sep) {
			if meaning(c) != columnUnknown {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// maxAbove is how many lines may stand above the heading.
const maxAbove = 10

// head finds the heading and gives the columns their meaning. It answers the rows
// below; what stands above is a title, or a row at fault when it looks like a row.
func (t *table) head(rows []record, guess bool) ([]record, error) {
	if len(rows) == 0 {
		return nil, noRows(t.sheet.Name)
	}
	for i := range rows[:min(len(rows), maxAbove)] {
		if rows[i].fault == "" && isHeading(rows[i].cells) {
			return t.below(rows, i)
		}
	}
	if !guess {
		return nil, keepwatch.WithHint(fmt.Errorf("%s has no heading: %w", t.sheet.Name, keepwatch.ErrInvalid),
			"name the columns in the first line, such as id, tenant, client_id, expires; an export shows all of them")
	}
	t.guess(rows)
	return rows, nil
}

func (t *table) below(rows []record, at int) ([]record, error) {
	heading := rows[at].cells
	if len(heading) > maxColumns {
		return nil, keepwatch.WithHint(fmt.Errorf("%s has %d columns: %w", t.sheet.Name, len(heading), keepwatch.ErrInvalid), fmt.Sprintf("at most %d are read", maxColumns))
	}
	columns, notes := columnsOf(heading)
	t.columns = columns
	t.sheet.Notes = append(t.sheet.Notes, notes...)
	t.sheet.Ignored = unknownHeadings(columns)
	for _, c := range columns {
		if c.field >= 0 {
			t.sheet.Columns = append(t.sheet.Columns, fields[c.field].name)
		}
	}
	for _, r := range rows[:at] {
		t.above(r, len(heading))
	}
	rest := rows[at+1:]
	again := func(r record) bool {
		return slices.EqualFunc(r.cells, heading, func(a, b string) bool { return normal(a) == normal(b) })
	}
	if slices.ContainsFunc(rest, again) { // pages that were pasted one below the other
		rest = slices.DeleteFunc(rest, again)
		t.sheet.Notes = append(t.sheet.Notes, "the heading stands more than once")
	}
	return rest, nil
}

// above judges a line over the heading: a title has few cells.
func (t *table) above(r record, width int) {
	filled := 0
	for _, c := range r.cells {
		if tidy(c) != "" {
			filled++
		}
	}
	if filled > 1 && filled*2 > width || r.fault != "" {
		t.sheet.Faults = append(t.sheet.Faults, Fault{File: t.sheet.Name, Line: r.line, Message: "stands above the heading", Hint: "move the heading to the top"})
		return
	}
	t.sheet.Notes = append(t.sheet.Notes, fmt.Sprintf("line %d stands above the heading and was passed over", r.line))
}

// writeCSV writes every field. All cells are quoted: a reader that cuts at
// another character finds no cell that begins inside a text.
func writeCSV(w io.Writer, credentials []keepwatch.Credential) error {
	b := bufio.NewWriter(w)
	columns := exportColumns(credentials)
	line := make([]string, len(columns))
	for i, c := range columns {
		line[i] = c.name
	}
	writeLine(b, line)
	for i := range credentials {
		exportCells(&credentials[i], columns, line)
		writeLine(b, line)
	}
	return b.Flush()
}

func writeLine(b *bufio.Writer, cells []string) {
	for i, c := range cells {
		if i > 0 {
			_ = b.WriteByte(',') // a bufio.Writer keeps its first error for Flush
		}
		_, _ = b.WriteString(`"` + strings.ReplaceAll(c, `"`, `""`) + `"`)
	}
	_, _ = b.WriteString("\r\n")
}

// A spreadsheet runs a cell that begins like this as a formula, in some also after
// the apostrophe was typed by a person; wide forms count in East Asian versions.
const formulaStarts = "=+-@\t\r\n＝＋－＠'"

// defuse puts an apostrophe before a cell that a spreadsheet would run, and before
// one that begins with an apostrophe, so that undefuse gives every cell back.
func defuse(s string) string {
	if first, _ := utf8.DecodeRuneInString(s); s != "" && strings.ContainsRune(formulaStarts, first) {
		return "'" + s
	}
	return s
}

func undefuse(s string) string {
	if rest, ok := strings.CutPrefix(s, "'"); ok && rest != "" && defuse(rest) != rest {
		return rest
	}
	return s
}

// part is one column of an export: a field, or a further part of a long list.
type part struct {
	name  string
	field int
	index int
}

// maxPart is how many characters of a list one cell takes. Excel holds 32,767 and
// cuts the rest off in silence; a list that is longer goes on in the next column.
const maxPart = 30_000

func exportColumns(credentials []keepwatch.Credential) []part {
	var out []part
	for i, f := range fields {
		out = append(out, part{f.name, i, 0})
		if f.sort != listed {
			continue
		}
		most := 1
		for c := range credentials {
			if s := f.get(&credentials[c]); len(s) > maxPart {
				most = max(most, len(parts(s)))
			}
		}
		for n := 1; n < most; n++ {
			out = append(out, part{fmt.Sprintf("%s.%d", f.name, n+1), i, n})
		}
	}
	return out
}

// parts cuts a list between its elements.
func parts(s string) []string {
	var out []string
	var b strings.Builder
	for _, e := range elements(s) {
		if b.Len() > 0 && b.Len()+len(e)+2 > maxPart {
			out = append(out, b.String())
			b.Reset()
		}
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		b.WriteString(e)
	}
	return append(out, b.String())
}

// exportCells fills a line with a record's cells, defused.
func exportCells(c *keepwatch.Credential, columns []part, line []string) {
	for i, col := range columns {
		s := fields[col.field].get(c)
		if len(s) > maxPart && fields[col.field].sort == listed {
			cut := parts(s)
			s = ""
			if col.index < len(cut) {
				s = cut[col.index]
			}
		} else if col.index > 0 {
			s = ""
		}
		line[i] = defuse(s)
	}
}
