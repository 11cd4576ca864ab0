package store

import (
	"errors"
	"fmt"
	"os"
)

// scarce is how much room beside the reserve is so little that the next busy hour may
// fill the disk.
const scarce = 2 * reserveSize

// Ground looks at what the database stands on, without writing: nil when nothing is
// wrong there as far as this machine can see. The errors name no path; of a PostgreSQL
// server nothing is known here.
func (db *DB) Ground() error {
	if db.opened == nil {
		return nil
	}
	if db.Shedding() {
		return errors.New("the disk of the database is full; history is being given up")
	}
	info, err := os.Stat(db.file.path)
	switch {
	case err != nil:
		return errors.New("the file of the database is gone from its place")
	case !os.SameFile(info, db.opened):
		return errors.New("the file of the database was replaced by another one") // what is written goes to the old one
	}
	if free, known := freeSpace(db.file.path); known && free < scarce {
		return fmt.Errorf("the disk of the database has %d MiB left", free>>20)
	}
	return nil
}
