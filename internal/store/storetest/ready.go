package storetest

import (
	"context"
	"os"
	"path/filepath"
	"sync"

	"keepwatch/internal/store"
)

// migrated is an empty store of the newest schema. To migrate one from nothing for every
// test would prove the same each time, and takes longer than most tests.
var migrated = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "keepwatch-migrated-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "keepwatch.db")
	db, err := store.Open(context.Background(), "sqlite:"+path, store.Options{Synchronous: "OFF"})
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil { // the last connection brings the log into the file
		return nil, err
	}
	return os.ReadFile(path)
})

// Ready puts an empty store of the newest schema at path, which store.Open then need not
// migrate. What is there already stays.
func Ready(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	file, err := migrated()
	if err != nil {
		return err
	}
	return os.WriteFile(path, file, 0o600)
}
