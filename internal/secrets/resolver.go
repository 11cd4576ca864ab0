package secrets

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"keepwatch"
)

// MaxSize caps what a reference may point at. A client secret has 24 characters;
// the cap leaves room for keys and certificates and stops a wrong path from
// being read into memory.
const MaxSize = 64 << 10

// Options of a Resolver.
type Options struct {
	// LookupEnv reads one environment variable. Only the program's edge knows the
	// environment; nil means that no variable is set.
	LookupEnv func(string) (string, bool)
	// Sealed opens the sealed secret with this id. Its error is shown, so it must
	// not show content. nil: nothing is sealed here.
	Sealed func(ctx context.Context, id string) (keepwatch.Secret, error)
	// Keep is how long the bytes behind a reference may be used again without
	// reading anew. Zero, the default, reads at each use: a rotated secret counts
	// at once and nothing stays in memory.
	Keep time.Duration
}

// Resolver reads secrets by reference. It is safe for concurrent use.
type Resolver struct {
	lookup func(string) (string, bool)
	sealed func(context.Context, string) (keepwatch.Secret, error)
	keep   time.Duration
	key    []byte // of Fingerprint; new in each process

	mu   sync.Mutex
	kept map[Reference][]byte
}

// New makes a Resolver.
func New(o Options) *Resolver {
	if o.LookupEnv == nil {
		o.LookupEnv = func(string) (string, bool) { return "", false }
	}
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails: crypto/rand ends the process instead
	return &Resolver{lookup: o.LookupEnv, sealed: o.Sealed, keep: o.Keep, key: key, kept: map[Reference][]byte{}}
}

// Resolve reads the secret behind ref now. Its errors name the reference and the
// reason, never the content; they wrap keepwatch.ErrInvalid when the text is no
// reference and keepwatch.ErrUnavailable when it could not be read.
func (r *Resolver) Resolve(ctx context.Context, ref string) (keepwatch.Secret, error) {
	b, err := r.read(ctx, ref)
	if err != nil {
		return keepwatch.Secret{}, err
	}
	return keepwatch.NewSecret(b), nil
}

// Fingerprint tells whether the content behind ref changed since the last call,
// without keeping it: equal content gives an equal text within one process. The
// key is random and dies with the process, so a fingerprint that reaches a log
// cannot be used to try out guesses.
func (r *Resolver) Fingerprint(ctx context.Context, ref string) (string, error) {
	b, err := r.read(ctx, ref)
	if err != nil {
		return "", err
	}
	defer clear(b)
	mac := hmac.New(sha256.New, r.key)
	mac.Write([]byte(ref))
	mac.Write([]byte{0})
	mac.Write(b)
	return hex.EncodeToString(mac.Sum(nil)[:16]), nil
}

// read returns bytes that belong to the caller alone.
func (r *Resolver) read(ctx context.Context, text string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ref, err := Parse(text)
	if err != nil {
		return nil, err
	}
	if b := r.recall(ref); b != nil {
		return b, nil
	}
	b, err := r.fetch(ctx, ref)
	if err != nil {
		return nil, err
	}
	r.remember(ref, b)
	return b, nil
}

func (r *Resolver) fetch(ctx context.Context, ref Reference) ([]byte, error) {
	b, err := r.content(ctx, ref)
	if err != nil {
		return nil, err
	}
	switch {
	case len(b) == 0:
		return nil, unreadable(ref, "is empty")
	case len(b) > MaxSize:
		clear(b)
		return nil, unreadable(ref, fmt.Sprintf("is larger than %d KiB", MaxSize>>10))
	}
	return b, nil
}

func (r *Resolver) content(ctx context.Context, ref Reference) ([]byte, error) {
	switch ref.Scheme {
	case schemeEnv:
		value, set := r.lookup(ref.Name)
		if !set {
			return nil, unreadable(ref, "is not set")
		}
		return []byte(value), nil
	case schemeSealed:
		return r.unseal(ctx, ref)
	}
	return readFile(ref)
}

func (r *Resolver) unseal(ctx context.Context, ref Reference) ([]byte, error) {
	if r.sealed == nil {
		return nil, unreadable(ref, "cannot be opened: no key for sealed secrets is configured")
	}
	s, err := r.sealed(ctx, ref.Name)
	if err != nil {
		return nil, keepwatch.WithHint(fmt.Errorf("secret %s: %w: %w", ref, keepwatch.ErrUnavailable, err), keepwatch.HintOf(err))
	}
	return bytes.Clone(s.Reveal()), nil // the caller may wipe what it gets
}

// readFile accepts regular files only: a pipe or a device would block or never
// end. Kubernetes mounts secrets as links, so links are followed.
func readFile(ref Reference) ([]byte, error) {
	if !filepath.IsAbs(ref.Name) {
		return nil, unreadable(ref, "is not an absolute path")
	}
	info, err := os.Stat(ref.Name)
	if err != nil {
		return nil, unreadable(ref, reason(err))
	}
	if !info.Mode().IsRegular() {
		return nil, unreadable(ref, "is not a regular file")
	}
	f, err := os.Open(ref.Name)
	if err != nil {
		return nil, unreadable(ref, reason(err))
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, MaxSize+3)) // the cap and a line ending beyond it
	if err != nil {
		return nil, unreadable(ref, reason(err))
	}
	return trimNewline(b), nil
}

// trimNewline takes one line ending off: editors and `echo` add it, no secret
// of SFMC ends with it.
func trimNewline(b []byte) []byte {
	if trimmed, found := bytes.CutSuffix(b, []byte("\n")); found {
		return bytes.TrimSuffix(trimmed, []byte("\r"))
	}
	return b
}

// Warning says what is unwise about a reference that can be read, or "". It is
// for validate and the start; a warning never stops a test.
func Warning(text string) string {
	ref, err := Parse(text)
	if err != nil || ref.Scheme != schemeFile || runtime.GOOS == "windows" {
		return ""
	}
	info, err := os.Stat(ref.Name)
	if err != nil {
		return ""
	}
	// Group read is common and meant (Kubernetes' fsGroup), others' is not.
	if info.Mode().Perm()&0o007 == 0 && info.Mode().Perm()&0o020 == 0 {
		return ""
	}
	return fmt.Sprintf("%s has mode %04o: others than its owner may read or change it; chmod 600 is enough", ref, info.Mode().Perm())
}

func reason(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "does not exist"
	case errors.Is(err, fs.ErrPermission):
		return "may not be read by this process"
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return "cannot be read: " + err.Error()
}

func unreadable(ref Reference, fact string) error {
	hint := "set the variable in the environment of this process"
	switch ref.Scheme {
	case schemeFile:
		hint = "check the path and that this process may read the file"
	case schemeSealed:
		hint = "set server.seal_key to the key that it was sealed with, or enter the secret again"
	}
	return keepwatch.WithHint(fmt.Errorf("secret %s %s: %w", ref, fact, keepwatch.ErrUnavailable), hint)
}

func (r *Resolver) recall(ref Reference) []byte {
	if r.keep <= 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(r.kept[ref])
}

// remember keeps a copy for the configured time and wipes it then, also when
// nobody asks again: an entry that only expires on its next use would stay for ever.
func (r *Resolver) remember(ref Reference, b []byte) {
	if r.keep <= 0 {
		return
	}
	copied := bytes.Clone(b)
	r.mu.Lock()
	r.kept[ref] = copied
	r.mu.Unlock()
	time.AfterFunc(r.keep, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		clear(copied)
		if same(r.kept[ref], copied) {
			delete(r.kept, ref)
		}
	})
}

// same reports whether both are one and the same array.
func same(a, b []byte) bool { return len(a) > 0 && len(b) > 0 && &a[0] == &b[0] }
