package inventory

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"keepwatch"
)

// table is a sheet on its way from cells to records.
type table struct {
	sheet   *Sheet
	o       ReadOptions
	columns []column
	// blanks says whether an empty cell clears a field. A spreadsheet says all of
	// a record; a page that was pasted only what it shows.
	blanks   bool
	letters  bool // columns are named with their letter as well
	defused  bool // an apostrophe before a formula is not part of the text
	dates    func(cell string) (reading, bool)
	order    map[int]DateOrder // of each column
	anyOrder DateOrder         // of the sheet's other columns
}

// read takes the rows below the heading.
func (t *table) read(rows []record) {
	t.decideDates(rows)
	for i := range rows {
		t.row(&rows[i])
	}
}

// decideDates finds out for each column whether the month stands first.
func (t *table) decideDates(rows []record) {
	t.order = map[int]DateOrder{}
	var all orders
	for i, c := range t.columns {
		if c.field < 0 && c.field != columnIgnored || c.field >= 0 && fields[c.field].sort != dated {
			continue
		}
		var own orders
		for _, r := range rows {
			if i < len(r.cells) && r.fault == "" {
				if d, ok := t.dates(tidy(r.cells[i])); ok {
					own.count(d)
					all.count(d)
				}
			}
		}
		t.order[i] = own.decided()
	}
	t.anyOrder = all.decided()
}

func (t *table) orderOf(column int) DateOrder {
	switch {
	case t.order[column] != DecideByColumn:
		return t.order[column]
	case t.o.Dates != DecideByColumn:
		return t.o.Dates
	}
	return t.anyOrder
}

// troubles collects what is wrong with the cells of one row into its one fault.
type troubles struct {
	column, hint string
	messages     []string
}

func (p *troubles) add(column string, err error) {
	hint := ""
	if f := (fact{}); errors.As(err, &f) {
		hint = f.hint
	}
	if len(p.messages) == 0 {
		p.column, p.hint = column, hint
		p.messages = append(p.messages, err.Error())
		return
	}
	if column != "" {
		column += ": "
	}
	p.messages = append(p.messages, column+err.Error())
}

func (p *troubles) any() bool { return len(p.messages) > 0 }

func (p *troubles) fault(file string, line int, id keepwatch.CredentialID) Fault {
	return Fault{File: file, Line: line, Column: p.column, Credential: id, Message: strings.Join(p.messages, "; "), Hint: p.hint}
}

func (t *table) row(r *record) {
	var p troubles
	row := Row{Line: r.line}
	if err := t.shape(r); err != nil {
		p.add("", err)
	} else {
		t.cells(&row, r.cells, &p)
	}
	finish(t.sheet, row, t.o, &p)
}

// shape finds a row whose cells do not stand under their headings.
func (t *table) shape(r *record) error {
	if r.fault != "" {
		return wrong(r.hint, "%s", r.fault)
	}
	filled := 0
	for _, c := range r.cells[min(len(t.columns), len(r.cells)):] {
		if tidy(c) != "" {
			filled++
		}
	}
	if filled > 0 {
		return wrong("a separator inside a text shifts the cells after it: put the text in quotation marks", "has %d cells, the heading has %d", len(r.cells), len(t.columns))
	}
	if len(r.cells) == 1 && len(t.columns) > 2 {
		return wrong("a line break inside a text cuts the row: put the text in quotation marks", "has 1 cell, the heading has %d", len(t.columns))
	}
	return nil
}

// keeps are fields that an empty cell leaves alone: they have no empty value, or
// to lose it silently would stop the tests.
var keeps = setOf("id", "tenant", "kind", "criticality", "secret")

func (t *table) cells(row *Row, cells []string, p *troubles) {
	lists := map[int][]string{}
	for i, col := range t.columns {
		if i >= len(cells) || col.field == columnIgnored || col.field == columnUnknown {
			continue
		}
		cell := t.clean(cells[i])
		switch {
		case len(cell) > maxCell:
			p.add(t.name(i), wrong("", "is longer than %d characters", maxCell))
		case col.field == columnSecret:
			t.secret(row, cell)
		case cell == "" && (!t.blanks || keeps.has(col.field)):
		case fields[col.field].sort == listed:
			lists[col.field] = append(lists[col.field], cell)
			t.set(row, i, strings.Join(lists[col.field], "; "), p)
		default:
			t.set(row, i, cell, p)
		}
	}
}

// clean is a cell as it was before it was written.
func (t *table) clean(cell string) string {
	cell = tidy(cell)
	if t.defused {
		cell = undefuse(cell)
	}
	return cell
}

// name is a column as its reader finds it.
func (t *table) name(i int) string {
	if t.letters {
		return columnLetter(i) + " (" + clip(t.columns[i].name) + ")"
	}
	return clip(t.columns[i].name)
}

// columnLetter is A for 0, Z for 25, AA for 26.
func columnLetter(i int) string {
	if i < 26 {
		return string(rune('A' + i))
	}
	return columnLetter(i/26-1) + string(rune('A'+i%26))
}

// secret keeps or drops the secret itself, and never says what it was.
func (t *table) secret(row *Row, cell string) {
	if cell == "" || strings.Trim(cell, "*•●.…") == "" {
		return
	}
	keepSecret(t.sheet, row, cell, t.o)
}

const droppedNote = "secrets stand in this sheet: they were dropped, not stored; seal them on import or name a reference"

func keepSecret(sheet *Sheet, row *Row, value string, o ReadOptions) {
	if o.KeepSecrets {
		row.Secret = keepwatch.NewSecret([]byte(value))
		return
	}
	if !slices.Contains(sheet.Notes, droppedNote) {
		sheet.Notes = append(sheet.Notes, droppedNote)
	}
}

func (t *table) set(row *Row, i int, cell string, p *troubles) {
	f := fields[t.columns[i].field]
	value, err := t.value(f, i, cell)
	if err == nil {
		err = f.set(&row.Credential, value)
	}
	if err != nil {
		p.add(t.name(i), err)
		return
	}
	row.says.add(t.columns[i].field)
}

// value is a cell in the form that its field reads.
func (t *table) value(f field, column int, cell string) (string, error) {
	switch f.sort {
	case dated:
		return t.date(column, cell)
	case number:
		return integer(cell), nil
	case plain:
		if f.name == "purpose" || f.name == "package" { // free text, often with line breaks
			return strings.Join(strings.FieldsFunc(cell, isControl), " "), nil
		}
	}
	return cell, nil
}

func (t *table) date(column int, cell string) (string, error) {
	r, ok := t.dates(cell)
	if !ok {
		return "", wrong("write it like 2026-09-28", "%s is not a date", shown(cell))
	}
	d, known := r.pick(t.orderOf(column))
	if !known {
		return "", wrong("write it like 2026-04-03, or say which order the dates are in (mdy or dmy)",
			"%q is %s or %s, and no other row of the column says which", clip(cell), r.monthFirst, r.dayFirst)
	}
	return d.String(), nil
}

// integer undoes what spreadsheets make of a long number: 5.1E+08, 510000123.0.
func integer(cell string) string {
	if !strings.ContainsAny(cell, ".eE") {
		return cell
	}
	f, err := strconv.ParseFloat(cell, 64)
	if err != nil || f != float64(int64(f)) || f < 0 || f > 1e15 {
		return cell
	}
	return strconv.FormatInt(int64(f), 10)
}

// finish is the same for every format: the tenant that the row does not name, and
// what can be said without the estate. The row goes in or is a fault.
func finish(sheet *Sheet, row Row, o ReadOptions, p *troubles) {
	c := &row.Credential
	if c.Tenant == "" {
		c.Tenant = o.Tenant
		if c.Tenant == "" && len(o.Tenants) == 1 {
			c.Tenant = o.Tenants[0].ID
		}
	}
	if !p.any() && c.ID == "" && c.Package == "" && c.ClientID == "" && c.Username == "" {
		p.add("", wrong("name its id, package, client id or user", "says of no credential what it is about"))
	}
	if len(sheet.Rows)+len(sheet.Faults) >= MaxRows && !p.any() {
		p.add("", wrong("import the sheet in parts", "stands behind row %d", MaxRows))
	}
	if p.any() {
		sheet.Faults = append(sheet.Faults, p.fault(sheet.Name, row.Line, c.ID))
		return
	}
	sheet.Rows = append(sheet.Rows, row)
}

// noRows is the error of a sheet in which nothing stands.
func noRows(name string) error {
	return keepwatch.WithHint(fmt.Errorf("%s has no rows: %w", name, keepwatch.ErrInvalid), "check that the file holds what you mean to import")
}
