package inventory

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"keepwatch"
)

// Format is a way to write records down.
type Format string

// The formats that are read and written.
const (
	Paste Format = "paste" // the table of Setup > Installed Packages, tab-separated
	CSV   Format = "csv"
	XLSX  Format = "xlsx"
	Mcdev Format = "mcdev" // .mcdev-auth.json
	YAML  Format = "yaml"  // the credentials of a configuration file
)

// Formats lists them in the order that users see.
var Formats = []Format{Paste, CSV, XLSX, Mcdev, YAML}

// ParseFormat names a format.
func ParseFormat(s string) (Format, error) {
	for _, f := range Formats {
		if string(f) == s {
			return f, nil
		}
	}
	return "", keepwatch.WithHint(fmt.Errorf("%q is not a format: %w", clip(s), keepwatch.ErrInvalid), "one of paste, csv, xlsx, mcdev, yaml")
}

// DateOrder is how 03/04/2026 is read.
type DateOrder string

const (
	// DecideByColumn reads it by the other rows of the column, then by the other
	// date columns of the sheet; where these say nothing it is a fault.
	DecideByColumn DateOrder = ""
	MonthFirst     DateOrder = "mdy"
	DayFirst       DateOrder = "dmy"
)

// Caps on what is read. What is larger is refused as a whole.
const (
	MaxBytes   = 32 << 20
	MaxRows    = 100_000
	maxColumns = 200
	maxCell    = 1 << 20 // bytes of one cell
)

// ReadOptions is what a sheet cannot say itself.
type ReadOptions struct {
	Tenants []keepwatch.Tenant // that exist: mcdev names a host, not a tenant
	Tenant  keepwatch.TenantID // of rows that name none; "" takes the only one there is
	Dates   DateOrder
	Now     time.Time // tells the column of an end from that of a past in a table without a header
	// KeepSecrets keeps the secrets that stand in a sheet, to seal them. Without
	// it they are dropped while reading, and a note says so.
	KeepSecrets bool
}

// Sheet is what was read: rows that can be taken, and the faults of the others.
type Sheet struct {
	Format  Format
	Name    string // of the file, for faults
	Columns []string
	Ignored []string // headings that mean nothing here
	Rows    []Row
	Faults  []Fault // one of each row that is not in Rows
	Notes   []string
}

// Row is one record as a sheet says it.
type Row struct {
	Line       int
	Credential keepwatch.Credential
	Secret     keepwatch.Secret // only with KeepSecrets

	says  fieldSet // what the row speaks about; the rest stays as it is
	named string   // what the format calls it: a new record is named after it
}

// Count is how many rows went in: those that can be taken and those at fault.
func (s Sheet) Count() int { return len(s.Rows) + len(s.Faults) }

// Fault is why one row cannot be taken. Where several cells are wrong, Column is
// the first of them and Message names all.
type Fault struct {
	File       string
	Line       int
	Column     string // as the sheet calls it; "" when it is the row as a whole
	Credential keepwatch.CredentialID
	Message    string
	Hint       string
}

// String is one line: place, fact and what to do.
func (f Fault) String() string {
	var b strings.Builder
	if f.File != "" {
		b.WriteString(f.File + ":")
	}
	fmt.Fprintf(&b, "%d: ", f.Line)
	if f.Column != "" {
		b.WriteString(f.Column + ": ")
	}
	b.WriteString(f.Message)
	if f.Hint != "" {
		b.WriteString("; " + f.Hint)
	}
	return b.String()
}

// Read reads a sheet. A row's fault is in the sheet; an error means that nothing
// could be read. name is the file's, for messages.
func Read(format Format, r io.Reader, name string, o ReadOptions) (Sheet, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return Sheet{}, fmt.Errorf("%s: %w", name, err)
	}
	if len(data) > MaxBytes {
		return Sheet{}, keepwatch.WithHint(fmt.Errorf("%s is larger than %d MiB: %w", name, MaxBytes>>20, keepwatch.ErrInvalid), "import it in parts")
	}
	switch format {
	case Paste, CSV:
		return readText(format, data, name, o)
	case XLSX:
		return readXLSX(data, name, o)
	case Mcdev:
		return readMcdev(data, name, o)
	case YAML:
		return readYAML(data, name, o)
	}
	_, err = ParseFormat(string(format))
	return Sheet{}, err
}

// WriteOptions is what a format needs beyond the records.
type WriteOptions struct {
	Tenants []keepwatch.Tenant // for the hosts in mcdev's file
}

// Write writes records in a format that Read reads back without a difference.
// Paste and mcdev hold only what these formats know; a secret is in none.
func Write(format Format, w io.Writer, credentials []keepwatch.Credential, o WriteOptions) error {
	switch format {
	case Paste:
		return writePaste(w, credentials)
	case CSV:
		return writeCSV(w, credentials)
	case XLSX:
		return writeXLSX(w, credentials)
	case Mcdev:
		return writeMcdev(w, credentials, o.Tenants)
	case YAML:
		return writeYAML(w, credentials)
	}
	_, err := ParseFormat(string(format))
	return err
}

// clip shows foreign text in a message: short, and on one line.
func clip(s string) string {
	const limit = 60
	n := 0
	for i := range s {
		if n++; n > limit {
			return s[:i] + "…"
		}
	}
	return s
}

// shown is a cell in a message that says what is wrong with it: in quotation marks
// when it can only be a word, a number or a date. Anything else may be a secret that
// was put into the wrong column, and line and column say well enough which cell it is.
func shown(s string) string {
	if suspect(s) {
		return "what stands here"
	}
	return strconv.Quote(s)
}

// shownKey is a key of a mapping in the place of a column. A secret between braces
// reads as a key: {SECRET}.
func shownKey(key string) string {
	if !suspect(key) {
		return key
	}
	if parent, _, nested := strings.Cut(key, "."); nested && !suspect(parent) {
		return parent
	}
	return ""
}

func suspect(s string) bool {
	return len(s) > 40 || len(s) > 7 && slices.ContainsFunc(strings.FieldsFunc(s, isSeparator), mixed)
}

func isSeparator(r rune) bool { return strings.ContainsRune(" .,:;/_-", r) }

var plainWord = regexp.MustCompile(`^([0-9]{1,12}|\pL?\p{Ll}{0,13}|\p{Lu}{1,13})$`)

// mixed reports whether a piece between two separators is neither a word nor a number.
func mixed(piece string) bool { return !plainWord.MatchString(piece) }
