package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"keepwatch"
	"keepwatch/internal/inventory"
)

type exportCmd struct {
	Inventory
	Format string `arg:"" enum:"paste,csv,xlsx,mcdev,yaml" help:"csv, xlsx, yaml, paste or mcdev."`
	File   string `arg:"" optional:"" default:"-" help:"Where to; - is stdout. A file that exists is left alone."`
}

func (c exportCmd) Run(e *env) error {
	if c.File == "-" && c.Format == string(inventory.XLSX) && isTerminal(e.stdout) {
		return misused("name a file: keepwatch export xlsx credentials.xlsx", "an XLSX file is no text for a terminal")
	}
	sheet, err := c.sheet(e)
	if err != nil {
		return err
	}
	if c.File == "-" {
		_, err := e.stdout.Write(sheet)
		return err
	}
	// The names of people and of secrets' places stand in it: for its owner alone.
	f, err := os.OpenFile(c.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return keepwatch.WithHint(fmt.Errorf("write the export: %w", err), "name a file that does not exist yet")
	}
	_, err = f.Write(sheet)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write the export: %w", err)
	}
	e.progress("written to %s", c.File)
	return nil
}

func (c exportCmd) sheet(e *env) ([]byte, error) {
	daemon, end, err := c.open(e)
	if errors.Is(err, errNoStore) {
		return c.ofFiles(e)
	}
	if err != nil {
		return nil, err
	}
	defer end()
	sheet, err := daemon.Export(e.ctx, c.Format)
	return sheet, explained(err)
}

// ofFiles is the inventory before there is a store: what the files define.
func (c exportCmd) ofFiles(e *env) ([]byte, error) {
	cfg, err := e.load()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = inventory.Write(inventory.Format(c.Format), &out, cfg.Credentials, inventory.WriteOptions{Tenants: cfg.Tenants})
	return out.Bytes(), err
}
