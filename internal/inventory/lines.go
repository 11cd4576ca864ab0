package inventory

import (
	"strings"
	"unicode"
)

// record is one row as it stands in a sheet.
type record struct {
	line  int
	cells []string
	fault string // why its cells mean nothing; "" when they do
	hint  string
}

// cutRows cuts a text into rows and cells. encoding/csv is not used: one stray
// quote makes it swallow all rows up to the next one in silence, and here every
// line ends in a row or in a fault.
func cutRows(text string, sep byte) []record {
	lines := cutLines(text)
	var out []record
	width := 0 // of the heading
	for i := 0; i < len(lines); {
		if strings.Trim(lines[i], " \t\v\f\u00a0") == "" {
			i++
			continue
		}
		rec, used := cutRow(lines[i:], sep, width)
		rec.line = i + 1
		if width == 0 {
			width = len(rec.cells)
		}
		out = append(out, rec)
		i += used
	}
	return out
}

// cutLines ends lines at LF, CRLF and CR.
func cutLines(text string) []string {
	if strings.ContainsRune(text, '\r') {
		text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	}
	return strings.Split(text, "\n")
}

// maxQuoted is how many lines one quoted cell may go over.
const maxQuoted = 50

// cutRow reads one row from the first of the lines and says how many it took.
func cutRow(lines []string, sep byte, width int) (record, int) {
	var cells []string
	line, used, rest := lines[0], 1, lines[0]
	for {
		cell, after, closed := cutCell(rest, sep)
		for n := 1; !closed; n++ {
			// The cell goes on in the next line. A line that is a whole row by
			// itself says that the quote was a stray one.
			if used >= len(lines) || n > maxQuoted || wholeRow(line, lines[used], sep, width) {
				return strayQuote(line), 1
			}
			rest += "\n" + lines[used]
			used++
			cell, after, closed = cutCell(rest, sep)
		}
		if after == broken {
			if used > 1 {
				return strayQuote(line), 1
			}
			// One line with a quote in the middle of a text: quotes mean themselves.
			return record{cells: plainCells(line, sep)}, 1
		}
		cells = append(cells, cell)
		if after == ended {
			return record{cells: cells}, used
		}
		rest = rest[after:]
	}
}

// wholeRow reports whether next, which a quoted cell of line would swallow, is a
// row by itself: it has as many cells as the heading, and its own quotes are
// paired or line has as many cells, too.
func wholeRow(line, next string, sep byte, width int) bool {
	if width < 2 || strings.Count(next, string(sep))+1 != width {
		return false
	}
	return strings.Count(next, `"`)%2 == 0 || strings.Count(line, string(sep))+1 == width
}

func strayQuote(line string) record {
	return record{cells: []string{line}, fault: "has a quotation mark that does not end", hint: `close it, or write "" for one that is meant`}
}

// The answers of cutCell that are no place to go on at.
const (
	ended  = -1 // the row ends here
	broken = -2 // text stands behind the closing quote
)

// cutCell reads the first cell of s. after is where the next one begins. closed
// is false when a quoted cell does not end in s.
func cutCell(s string, sep byte) (cell string, after int, closed bool) {
	if body := strings.TrimLeft(s, " "); strings.HasPrefix(body, `"`) {
		return cutQuoted(body[1:], sep, len(s)-len(body)+1)
	}
	i := strings.IndexByte(s, sep)
	if i < 0 {
		return s, ended, true
	}
	return s[:i], i + 1, true
}

func cutQuoted(body string, sep byte, from int) (cell string, after int, closed bool) {
	var b strings.Builder
	for i := 0; i < len(body); i++ {
		switch {
		case body[i] != '"':
			b.WriteByte(body[i])
		case i+1 < len(body) && body[i+1] == '"':
			b.WriteByte('"')
			i++
		default:
			rest := body[i+1:]
			next := strings.TrimLeft(rest, " ")
			switch {
			case next == "":
				return b.String(), ended, true
			case next[0] == sep:
				return b.String(), from + i + 1 + len(rest) - len(next) + 1, true
			}
			return "", broken, true
		}
	}
	return "", ended, false
}

// plainCells cuts a line without a meaning for quotes, but for those around a
// whole cell.
func plainCells(line string, sep byte) []string {
	cells := strings.Split(line, string(sep))
	for i, c := range cells {
		c = strings.TrimSpace(c)
		if len(c) >= 2 && c[0] == '"' && c[len(c)-1] == '"' {
			cells[i] = strings.ReplaceAll(c[1:len(c)-1], `""`, `"`)
		}
	}
	return cells
}

// tidy is a cell without the white space around it, which pages and spreadsheets
// leave behind: no-break and zero-width spaces among it.
func tidy(s string) string {
	return strings.TrimFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || r == '\u200b' || r == '\ufeff' || r == '\u200e' || r == '\u200f'
	})
}
