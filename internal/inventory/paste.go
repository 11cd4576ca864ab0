package inventory

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"keepwatch"
)

// pasteColumns are what the page of Installed Packages shows of what a record
// holds, under headings that a paste is read by.
var pasteColumns = []struct{ heading, field string }{
	{"Name", "package"}, {"Description", "purpose"}, {"Client Id", "client_id"}, {"Secret Expiration Date", "expires"},
}

// writePaste writes the table of Installed Packages as it would be pasted.
func writePaste(w io.Writer, credentials []keepwatch.Credential) error {
	b := bufio.NewWriter(w)
	cells := make([]string, len(pasteColumns))
	for i, c := range pasteColumns {
		cells[i] = c.heading
	}
	_, _ = b.WriteString(strings.Join(cells, "\t") + "\n")
	for i := range credentials {
		for n, c := range pasteColumns {
			cells[n] = fields[fieldAt[c.field]].get(&credentials[i])
		}
		if cells[0] == "" && cells[2] == "" {
			continue // no installed package
		}
		_, _ = b.WriteString(strings.Join(cells, "\t") + "\n")
	}
	return b.Flush()
}

// trend is what the cells of a column without a heading look like.
type trend struct {
	filled, dates, clientIDs, statuses, numbers int
	days                                        []reading
}

var (
	clientIDPattern = regexp.MustCompile(`^[a-z0-9]{24}$`)
	numberPattern   = regexp.MustCompile(`^\d{5,12}$`)
)

var statuses = map[string]bool{"active": true, "inactive": true, "installed": true, "not installed": true, "enabled": true, "disabled": true, "available": true, "deprecated": true}

func (t *trend) see(cell string) {
	if cell == "" {
		return
	}
	t.filled++
	switch d, ok := readDate(cell); {
	case ok:
		t.dates++
		t.days = append(t.days, d)
	case clientIDPattern.MatchString(cell) && strings.ContainsAny(cell, "0123456789"):
		t.clientIDs++
	case numberPattern.MatchString(cell):
		t.numbers++
	case statuses[strings.ToLower(cell)]:
		t.statuses++
	}
}

// mostly reports whether a count stands for the column. A wrong cell or two must
// not change what the column is: they are the rows' faults.
func (t *trend) mostly(n int) bool { return n > 0 && n*10 >= t.filled*8 }

// ahead reports whether the column has a day in the future, however it is read.
func (t *trend) ahead(now time.Time) bool {
	var o orders
	for _, d := range t.days {
		o.count(d)
	}
	today := keepwatch.DayOf(now, time.UTC)
	for _, d := range t.days {
		day, known := d.pick(o.decided())
		if known && today.Before(day) || !known && today.Before(d.monthFirst) && today.Before(d.dayFirst) {
			return true
		}
	}
	return false
}

// guess gives the columns of a table without a heading their meaning, from what
// stands in them, and says so: a date that is the end lies ahead in some row.
func (t *table) guess(rows []record) {
	trends := make([]trend, usualWidth(rows))
	for _, r := range rows {
		for i, c := range r.cells[:min(len(r.cells), len(trends))] {
			trends[i].see(tidy(c))
		}
	}
	t.columns = make([]column, len(trends))
	used := map[string]bool{}
	var said []string
	take := func(i int, field string) {
		if used[field] {
			return
		}
		used[field] = true
		t.columns[i].field = fieldAt[field]
		t.sheet.Columns = append(t.sheet.Columns, field)
		said = append(said, fmt.Sprintf("column %d is %s", i+1, field))
	}
	for i := range trends {
		t.columns[i] = column{fmt.Sprintf("column %d", i+1), columnIgnored}
		switch tr := &trends[i]; {
		case tr.filled == 0 || tr.mostly(tr.statuses):
		case tr.mostly(tr.dates):
			if tr.ahead(t.o.Now) {
				take(i, "expires")
			}
		case tr.mostly(tr.clientIDs):
			take(i, "client_id")
		case tr.mostly(tr.numbers):
			take(i, "business_unit")
		case !used["package"]:
			take(i, "package")
		default:
			take(i, "purpose")
		}
	}
	t.sheet.Notes = append(t.sheet.Notes, "there is no heading; assumed: "+strings.Join(said, ", "))
	if !used["expires"] {
		t.sheet.Notes = append(t.sheet.Notes, "no column has a date ahead: paste the heading as well, so that the end of the secrets is known")
	}
}

// usualWidth is the number of cells that most rows have.
func usualWidth(rows []record) int {
	count := map[int]int{}
	best := 0
	for _, r := range rows {
		if r.fault != "" || len(r.cells) > maxColumns {
			continue
		}
		n := len(r.cells)
		if count[n]++; count[n] > count[best] || count[n] == count[best] && n > best {
			best = n
		}
	}
	return best
}
