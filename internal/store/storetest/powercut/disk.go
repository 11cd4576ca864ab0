package powercut

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// sector is what a disk writes whole.
const sector = 512

// Disk is what a disk certainly holds after some operations, and what it may.
type Disk struct {
	files map[string]*content
}

type content struct {
	synced  []byte // certain
	pending []Op   // written since the last sync
	gone    bool   // deleted, but the folder was not synced
	fresh   bool   // made and never synced since
}

// NewDisk is empty.
func NewDisk() *Disk { return &Disk{files: map[string]*content{}} }

// Do moves the disk on by one operation.
func (d *Disk) Do(op Op) {
	f := d.files[op.File]
	switch op.Kind {
	case Mark:
		return
	case Delete:
		if f != nil {
			f.gone = true
		}
		if op.Synced {
			delete(d.files, op.File)
		}
		return
	}
	if f == nil || f.gone {
		f = &content{fresh: true}
		d.files[op.File] = f
	}
	if op.Kind != Sync {
		f.pending = append(f.pending, op)
		return
	}
	for _, p := range f.pending {
		f.synced = perform(f.synced, p, nil)
	}
	f.pending = f.pending[:0]
	if f.fresh {
		// SQLite syncs the folder with the first sync of a log or journal that it
		// made, and deletions of before are certain with it.
		maps.DeleteFunc(d.files, func(_ string, other *content) bool { return other.gone })
		f.fresh = false
	}
}

// perform does a write or truncation to b, for a write only the sectors that keep
// chooses (all of them when it is nil).
func perform(b []byte, op Op, keep func() bool) []byte {
	if op.Kind == Truncate {
		if int(op.Offset) < len(b) {
			return b[:op.Offset]
		}
		return grow(b, int(op.Offset))
	}
	for from := 0; from < len(op.Data); {
		at := int(op.Offset) + from
		to := min(len(op.Data), from+sector-at%sector)
		if keep == nil || keep() {
			b = grow(b, int(op.Offset)+to)
			copy(b[at:], op.Data[from:to])
		}
		from = to
	}
	return b
}

func grow(b []byte, size int) []byte {
	if size <= len(b) {
		return b
	}
	n := len(b)
	b = slices.Grow(b, size-n)[:size]
	clear(b[n:])
	return b
}

// Cut writes into a folder what the disk may hold when the power fails now. How it
// went is drawn from rng.
func (d *Disk) Cut(folder string, rng *rand.Rand) error {
	fate := fates[rng.IntN(len(fates))]
	for name, f := range d.files {
		if f.gone && rng.IntN(2) == 0 {
			continue
		}
		if err := os.WriteFile(filepath.Join(folder, name), fate(bytes.Clone(f.synced), f.pending, rng), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// fates are what may become of the writes that were not synced.
var fates = []func(b []byte, pending []Op, rng *rand.Rand) []byte{
	lost, kept, reordered, torn, ended,
}

func lost(b []byte, _ []Op, _ *rand.Rand) []byte { return b }

func kept(b []byte, pending []Op, _ *rand.Rand) []byte {
	for _, op := range pending {
		b = perform(b, op, nil)
	}
	return b
}

// reordered keeps any of them: the disk had written those first.
func reordered(b []byte, pending []Op, rng *rand.Rand) []byte {
	for _, op := range pending {
		if rng.IntN(2) == 0 {
			b = perform(b, op, nil)
		}
	}
	return b
}

// torn keeps any sectors of them.
func torn(b []byte, pending []Op, rng *rand.Rand) []byte {
	for _, op := range pending {
		if op.Kind == Truncate && rng.IntN(2) == 0 {
			continue
		}
		b = perform(b, op, func() bool { return rng.IntN(2) == 0 })
	}
	return b
}

// ended keeps them in order up to some point, the last one torn.
func ended(b []byte, pending []Op, rng *rand.Rand) []byte {
	if len(pending) == 0 {
		return b
	}
	n := rng.IntN(len(pending))
	b = kept(b, pending[:n], rng)
	return torn(b, pending[n:n+1], rng)
}
