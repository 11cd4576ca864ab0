// Package powercut proves that the store loses nothing when the power fails. It
// records every write, truncation, sync and deletion that SQLite makes, through a
// copy of the driver's own unix VFS with those calls wrapped, and rebuilds what a
// disk may hold after a cut at any point: writes that were not synced are lost, kept,
// torn at 512 bytes or reordered.
//
// It is for tests alone, the only place of Keepwatch with package unsafe, and knows the layout of
// the driver's translation of SQLite.
package powercut

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"unsafe"

	"modernc.org/libc"
	sqlite "modernc.org/sqlite/lib"
)

// Kind is what was done to a file.
type Kind int

// What a recording holds. A mark is the caller's: something was acknowledged here.
const (
	Write Kind = iota
	Truncate
	Sync
	Delete
	Mark
)

// Op is one recorded operation.
type Op struct {
	Kind   Kind
	File   string // base name
	Offset int64  // of a write; the new size of a truncation
	Data   []byte
	Synced bool   // a deletion that was made durable at once
	Note   string // of a mark
}

// Recorder is a registered VFS and what went through it.
type Recorder struct {
	Name string // for ?vfs=

	mu    sync.Mutex
	ops   []Op
	files map[uintptr]open

	base    *sqlite.Tsqlite3_vfs
	methods map[uintptr]uintptr // SQLite's table of a file's methods -> ours
	keep    []any               // closures that otherwise only C memory points to

	// FailSync makes a sync of the named file report an I/O error when it returns
	// true. Set before use.
	FailSync func(file string) bool
}

// open is a file that SQLite has open.
type open struct {
	name    string
	methods *sqlite.Tsqlite3_io_methods
}

// recorders keeps every recorder alive: SQLite keeps what is registered for as long
// as the process lives, in memory that the garbage collector does not look into.
var recorders struct {
	sync.Mutex
	list []*Recorder
}

func register(r *Recorder) {
	recorders.Lock()
	defer recorders.Unlock()
	recorders.list = append(recorders.list, r)
	r.Name = fmt.Sprintf("record-%d", len(recorders.list))
}

// Record registers a recording VFS under a new name.
func Record(t testing.TB) *Recorder {
	t.Helper()
	tls := libc.NewTLS()
	defer tls.Close()
	r := &Recorder{files: map[uintptr]open{}, methods: map[uintptr]uintptr{}}
	register(r)
	unix := sqlite.Xsqlite3_vfs_find(tls, cString(t, "unix"))
	if unix == 0 {
		t.Skip("this system has no unix VFS to record")
	}
	r.base = (*sqlite.Tsqlite3_vfs)(pointer(unix))
	mine := libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(sqlite.Tsqlite3_vfs{})))
	vfs := (*sqlite.Tsqlite3_vfs)(pointer(mine))
	*vfs = *r.base
	vfs.FzName, vfs.FpNext = cString(t, r.Name), 0
	vfs.FxOpen = r.function(r.xOpen)
	vfs.FxDelete = r.function(r.xDelete)
	if rc := sqlite.Xsqlite3_vfs_register(tls, mine, 0); rc != sqlite.SQLITE_OK {
		t.Fatalf("register VFS: code %d", rc)
	}
	return r
}

// Mark notes that something was acknowledged.
func (r *Recorder) Mark(note string) { r.add(Op{Kind: Mark, Note: note}) }

// Ops is what was recorded until now.
func (r *Recorder) Ops() []Op {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ops[:len(r.ops):len(r.ops)]
}

func (r *Recorder) add(op Op) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops = append(r.ops, op)
}

// function is a Go function as the translated code calls it: the address of its
// closure.
func (r *Recorder) function(f any) uintptr {
	r.keep = append(r.keep, f)
	return (*[2]uintptr)(unsafe.Pointer(&f))[1]
}

func pointer(p uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&p)) }

func cString(t testing.TB, s string) uintptr {
	t.Helper()
	p, err := libc.CString(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

type (
	openFunc     = func(*libc.TLS, uintptr, uintptr, uintptr, int32, uintptr) int32
	deleteFunc   = func(*libc.TLS, uintptr, uintptr, int32) int32
	writeFunc    = func(*libc.TLS, uintptr, uintptr, int32, int64) int32
	truncateFunc = func(*libc.TLS, uintptr, int64) int32
	syncFunc     = func(*libc.TLS, uintptr, int32) int32
	closeFunc    = func(*libc.TLS, uintptr) int32
)

// call turns the address of a translated function into one that can be called.
func call[F any](address uintptr) F { return *(*F)(unsafe.Pointer(&struct{ uintptr }{address})) }

func (r *Recorder) xOpen(tls *libc.TLS, vfs, name, file uintptr, flags int32, out uintptr) int32 {
	rc := call[openFunc](r.base.FxOpen)(tls, vfs, name, file, flags, out)
	if rc != sqlite.SQLITE_OK || name == 0 {
		return rc
	}
	f := (*sqlite.Tsqlite3_file)(pointer(file))
	r.mu.Lock()
	defer r.mu.Unlock()
	theirs := f.FpMethods
	r.files[file] = open{name: filepath.Base(libc.GoString(name)), methods: (*sqlite.Tsqlite3_io_methods)(pointer(theirs))}
	if r.methods[theirs] == 0 {
		r.methods[theirs] = r.wrap(tls, theirs)
	}
	f.FpMethods = r.methods[theirs]
	return rc
}

// wrap copies a table of methods with those that matter replaced.
func (r *Recorder) wrap(tls *libc.TLS, theirs uintptr) uintptr {
	mine := libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(sqlite.Tsqlite3_io_methods{})))
	m := (*sqlite.Tsqlite3_io_methods)(pointer(mine))
	*m = *(*sqlite.Tsqlite3_io_methods)(pointer(theirs))
	m.FxClose = r.function(r.xClose)
	m.FxWrite = r.function(r.xWrite)
	m.FxTruncate = r.function(r.xTruncate)
	m.FxSync = r.function(r.xSync)
	return mine
}

func (r *Recorder) file(p uintptr) open {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.files[p]
}

func (r *Recorder) xClose(tls *libc.TLS, file uintptr) int32 {
	f := r.file(file)
	r.mu.Lock()
	delete(r.files, file)
	r.mu.Unlock()
	return call[closeFunc](f.methods.FxClose)(tls, file)
}

// Operations are recorded before they are made: a cut after the record finds them
// as not synced, which is true while they are under way.
func (r *Recorder) xWrite(tls *libc.TLS, file, buf uintptr, n int32, offset int64) int32 {
	f := r.file(file)
	data := make([]byte, n)
	copy(data, unsafe.Slice((*byte)(pointer(buf)), n))
	r.add(Op{Kind: Write, File: f.name, Offset: offset, Data: data})
	return call[writeFunc](f.methods.FxWrite)(tls, file, buf, n, offset)
}

func (r *Recorder) xTruncate(tls *libc.TLS, file uintptr, size int64) int32 {
	f := r.file(file)
	r.add(Op{Kind: Truncate, File: f.name, Offset: size})
	return call[truncateFunc](f.methods.FxTruncate)(tls, file, size)
}

// A sync is recorded after it has returned: only then is anything durable.
func (r *Recorder) xSync(tls *libc.TLS, file uintptr, flags int32) int32 {
	f := r.file(file)
	if r.FailSync != nil && r.FailSync(f.name) {
		return sqlite.SQLITE_IOERR_FSYNC
	}
	rc := call[syncFunc](f.methods.FxSync)(tls, file, flags)
	if rc == sqlite.SQLITE_OK {
		r.add(Op{Kind: Sync, File: f.name})
	}
	return rc
}

func (r *Recorder) xDelete(tls *libc.TLS, vfs, name uintptr, syncFolder int32) int32 {
	rc := call[deleteFunc](r.base.FxDelete)(tls, vfs, name, syncFolder)
	if rc == sqlite.SQLITE_OK {
		r.add(Op{Kind: Delete, File: filepath.Base(libc.GoString(name)), Synced: syncFolder != 0})
	}
	return rc
}
