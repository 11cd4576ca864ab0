package cli

import (
	"os"

	"keepwatch/internal/app"
	"keepwatch/internal/config"
	"keepwatch/internal/secrets"
	"keepwatch/internal/store"
)

type backupCmd struct {
	File string `arg:"" help:"File to write; it must not exist."`
}

// Run copies through a connection of its own, beside a daemon that writes.
func (c backupCmd) Run(e *env) error {
	cfg, err := e.load()
	if err != nil {
		return err
	}
	url, err := e.storeURL(cfg)
	if err != nil {
		return err
	}
	if err := store.BackupOf(e.ctx, url, c.File); err != nil {
		return err
	}
	e.progress("wrote %s", c.File)
	return nil
}

type restoreCmd struct {
	File string `arg:"" type:"existingfile" help:"A backup."`
}

func (c restoreCmd) Run(e *env) error {
	cfg, err := e.load()
	if err != nil {
		return err
	}
	url, err := e.storeURL(cfg)
	if err != nil {
		return err
	}
	if err := store.Restore(e.ctx, c.File, url); err != nil {
		return err
	}
	e.progress("restored from %s; what stood there is kept beside it under .before-restore", c.File)
	return nil
}

func (e *env) storeURL(cfg *config.Config) (string, error) {
	return app.StoreURL(e.ctx, cfg, secrets.New(secrets.Options{LookupEnv: os.LookupEnv}))
}
