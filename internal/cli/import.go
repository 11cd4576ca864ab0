package cli

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"keepwatch"
	"keepwatch/client"
)

type importCmd struct {
	Inventory
	Format string `arg:"" enum:"paste,csv,xlsx,mcdev,yaml" help:"paste (the Installed Packages table of Setup), csv, xlsx, mcdev or yaml."`
	File   string `arg:"" help:"The file; - reads stdin."`
	Yes    bool   `help:"Write it. Without this, the command says what it would do and writes nothing."`
	Tenant string `help:"Tenant of rows that name none; with one tenant in the configuration it is that one."`
	Dates  string `enum:"auto,mdy,dmy" default:"auto" help:"How 03/04/2026 is read: mdy, dmy, or auto: by the other rows."`
	Seal   bool   `help:"Seal the secrets that stand in the file; else they are dropped."`
}

// maxSheet is what a daemon takes.
const maxSheet = 16 << 20

// importMemory is where garbage is collected more often: a large spreadsheet is
// mostly garbage while it is read, and small machines have little room.
const importMemory = 180 << 20

// Run shows what the sheet would change, and changes it with --yes.
func (c importCmd) Run(e *env) error {
	if _, set := os.LookupEnv("GOMEMLIMIT"); !set {
		debug.SetMemoryLimit(importMemory)
	}
	sheet, name, err := c.read()
	if err != nil {
		return err
	}
	open := c.openToTry
	if c.Yes {
		open = c.openToWrite
	}
	daemon, end, err := open(e)
	if err != nil {
		return err
	}
	defer end()
	options := client.ImportOptions{Format: c.Format, Name: name, Tenant: c.Tenant, Seal: c.Seal, Apply: c.Yes}
	if c.Dates != "auto" {
		options.Dates = c.Dates
	}
	done, err := daemon.Import(e.ctx, bytes.NewReader(sheet), options)
	if err != nil {
		return explained(err)
	}
	if err := printImport(e, done); err != nil {
		return err
	}
	if len(done.Wrong) > 0 {
		return exitError(keepwatch.ExitWarning) // the rest is in, or would be
	}
	return nil
}

func (c importCmd) read() ([]byte, string, error) {
	var from io.Reader = os.Stdin
	name := "stdin"
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return nil, "", keepwatch.WithHint(fmt.Errorf("read the sheet: %w", err), "name the file that holds it, or - for stdin")
		}
		defer func() { _ = f.Close() }()
		from, name = f, filepath.Base(c.File)
	}
	sheet, err := io.ReadAll(io.LimitReader(from, maxSheet+1))
	if err != nil {
		return nil, "", fmt.Errorf("read the sheet: %w", err)
	}
	if len(sheet) > maxSheet {
		return nil, "", misused("import it in parts", "%s is larger than %d MiB", name, maxSheet>>20)
	}
	return sheet, name, nil
}

func printImport(e *env, done client.Import) error {
	if e.Output != "table" {
		return e.printJSON(struct {
			SchemaVersion int `json:"schema_version"`
			client.Import
		}{1, done})
	}
	var rows [][]string
	for _, r := range done.New {
		rows = append(rows, []string{"new", r.Credential, fmt.Sprint(r.Line), fieldNames(r.Fields)})
	}
	for _, r := range done.Changed {
		rows = append(rows, []string{"changed", r.Credential, fmt.Sprint(r.Line), differences(r.Fields)})
	}
	for _, w := range done.Wrong {
		rows = append(rows, []string{"wrong", cmp.Or(w.Credential, "-"), fmt.Sprint(w.Line), faultText(w)})
	}
	if len(rows) > 0 {
		if err := e.printTable([]string{"ROW IS", "CREDENTIAL", "LINE", "WHAT"}, rows); err != nil {
			return err
		}
	}
	for _, n := range done.Notes {
		e.progress("note: %s", n)
	}
	if len(done.Ignored) > 0 {
		e.progress("note: these columns mean nothing here: %s", strings.Join(done.Ignored, ", "))
	}
	_, err := fmt.Fprintf(e.stdout, "%s: %d new, %d changed, %d unchanged, %d wrong\n",
		counted(done.Rows, "row"), len(done.New), len(done.Changed), len(done.Unchanged), len(done.Wrong))
	switch {
	case len(done.New)+len(done.Changed) == 0:
		e.progress("there is nothing to write")
	case done.Applied:
		e.progress("written")
	default:
		e.progress("nothing is written; the same command with --yes writes it")
	}
	return err
}

func fieldNames(fields []client.FieldChange) string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Field
	}
	return strings.Join(names, ", ")
}

func differences(fields []client.FieldChange) string {
	parts := make([]string, len(fields))
	for i, f := range fields {
		parts[i] = fmt.Sprintf("%s: %q → %q", f.Field, f.Old, f.New)
	}
	return strings.Join(parts, ", ")
}

func faultText(w client.ImportFault) string {
	text := w.Message
	if w.Column != "" {
		text = w.Column + ": " + text
	}
	if w.Hint != "" {
		text += "; " + w.Hint
	}
	return text
}
