package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"keepwatch"
	"keepwatch/internal/config"
)

type initCmd struct {
	File string `arg:"" optional:"" default:"keepwatch.yaml" help:"File to write; - writes to stdout."`
}

func (c initCmd) Run(e *env) error {
	if c.File == "-" {
		_, err := fmt.Fprint(e.stdout, config.Example())
		return err
	}
	// O_EXCL: an existing configuration is worth more than a sample.
	f, err := os.OpenFile(c.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return keepwatch.WithHint(fmt.Errorf("%s exists already and is left alone: %w", c.File, keepwatch.ErrConflict), "name another file: keepwatch init other.yaml")
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(config.Example())
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	e.progress("wrote %s; edit it, then: keepwatch validate -c %s", c.File, c.File)
	return nil
}
