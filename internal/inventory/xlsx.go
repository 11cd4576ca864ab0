package inventory

import (
	"bytes"
	"fmt"
	"io"
	"slices"

	"github.com/xuri/excelize/v2"

	"keepwatch"
)

// Caps on what an XLSX may unpack to. A file of kilobytes can unpack to gigabytes.
const maxUnpacked = 256 << 20

// readXLSX reads the first sheet that has a heading.
func readXLSX(data []byte, name string, o ReadOptions) (_ Sheet, err error) {
	// The library is handed bytes from outside. It has panicked on damaged files
	// before; that must cost one upload and not the daemon.
	defer func() {
		if r := recover(); r != nil {
			err = unreadableXLSX(name)
		}
	}()
	book, err := excelize.OpenReader(bytes.NewReader(data), excelize.Options{RawCellValue: true, UnzipSizeLimit: maxUnpacked, UnzipXMLSizeLimit: maxUnpacked})
	if err != nil {
		return Sheet{}, unreadableXLSX(name)
	}
	defer func() { _ = book.Close() }()
	properties, err := book.GetWorkbookProps()
	if err != nil {
		return Sheet{}, unreadableXLSX(name)
	}
	from1904 := properties.Date1904 != nil && *properties.Date1904
	var first error
	for _, tab := range book.GetSheetList() {
		sheet, err := readTab(book, tab, name, from1904, o)
		if err == nil {
			return sheet, nil
		}
		if first == nil {
			first = err
		}
	}
	if first == nil {
		first = noRows(name)
	}
	return Sheet{}, first
}

func unreadableXLSX(name string) error {
	return keepwatch.WithHint(fmt.Errorf("%s is not a readable XLSX file: %w", name, keepwatch.ErrInvalid), "save it as .xlsx again, or as CSV; a password must be taken off")
}

func readTab(book *excelize.File, tab, name string, from1904 bool, o ReadOptions) (Sheet, error) {
	rows, err := tabRows(book, tab)
	if err != nil {
		return Sheet{}, err
	}
	sheet := Sheet{Format: XLSX, Name: name}
	t := table{sheet: &sheet, o: o, blanks: true, letters: true, defused: true, dates: func(cell string) (reading, bool) {
		if d, ok := serial(cell, from1904); ok {
			return sure(d), true
		}
		return readDate(cell)
	}}
	rows, err = t.head(rows, false)
	if err != nil {
		return Sheet{}, err
	}
	t.read(rows)
	return sheet, nil
}

// tabRows reads the filled rows of a sheet. A merged cell stands for all cells
// that it covers: one owner over five rows owns the five.
func tabRows(book *excelize.File, tab string) ([]record, error) {
	rows, err := book.Rows(tab)
	if err != nil {
		return nil, unreadableXLSX(tab)
	}
	defer func() { _ = rows.Close() }()
	var out []record
	for line := 1; rows.Next(); line++ {
		cells, err := rows.Columns(excelize.Options{RawCellValue: true})
		if err != nil {
			return nil, unreadableXLSX(tab)
		}
		if !slices.ContainsFunc(cells, func(c string) bool { return tidy(c) != "" }) {
			continue
		}
		if len(out) > 2*MaxRows {
			return nil, keepwatch.WithHint(fmt.Errorf("%s has more than %d rows: %w", tab, 2*MaxRows, keepwatch.ErrInvalid), "import the sheet in parts")
		}
		out = append(out, record{line: line, cells: cells})
	}
	if rows.Error() != nil {
		return nil, unreadableXLSX(tab)
	}
	return out, spread(book, tab, out)
}

// spread gives merged cells their value in each row that they cover.
func spread(book *excelize.File, tab string, rows []record) error {
	merged, err := book.GetMergeCells(tab, true)
	if err != nil {
		return unreadableXLSX(tab)
	}
	at := make(map[int]int, len(rows))
	for i, r := range rows {
		at[r.line] = i
	}
	for _, m := range merged {
		left, top, err1 := excelize.CellNameToCoordinates(m.GetStartAxis())
		right, bottom, err2 := excelize.CellNameToCoordinates(m.GetEndAxis())
		from, known := at[top]
		if err1 != nil || err2 != nil || !known || left > len(rows[from].cells) || right != left {
			continue // over several columns it is a title
		}
		value := rows[from].cells[left-1]
		for line := top + 1; line <= min(bottom, rows[len(rows)-1].line); line++ {
			i, filled := at[line]
			if !filled {
				continue
			}
			for len(rows[i].cells) < left {
				rows[i].cells = append(rows[i].cells, "")
			}
			rows[i].cells[left-1] = value
		}
	}
	return nil
}

// writeXLSX writes every field as text, the heading frozen.
func writeXLSX(w io.Writer, credentials []keepwatch.Credential) error {
	book := excelize.NewFile()
	defer func() { _ = book.Close() }()
	const tab = "Credentials"
	if err := book.SetSheetName("Sheet1", tab); err != nil {
		return err
	}
	out, err := book.NewStreamWriter(tab)
	if err != nil {
		return err
	}
	if err := out.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}); err != nil {
		return err
	}
	columns := exportColumns(credentials)
	line, cells := make([]string, len(columns)), make([]any, len(columns))
	for i, c := range columns {
		cells[i] = c.name
	}
	if err := out.SetRow("A1", cells); err != nil {
		return err
	}
	for i := range credentials {
		exportCells(&credentials[i], columns, line)
		for n, s := range line {
			if cells[n] = s; s == "" {
				cells[n] = nil
			}
		}
		if err := out.SetRow(fmt.Sprintf("A%d", i+2), cells); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return book.Write(w)
}
