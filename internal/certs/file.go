package certs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"keepwatch"
)

const (
	// maxFile is far above Java's own store of every public root (200 KiB).
	maxFile = 1 << 20
	// maxCerts is what one source may hold; that store has 150.
	maxCerts = 256
)

func (r *Reader) readFile(ctx context.Context, s keepwatch.CertificateSource) ([]Found, error) {
	raw, err := slurp(s.File)
	if err != nil {
		return nil, err
	}
	password, err := r.password(ctx, s.Password)
	if err != nil {
		return nil, err
	}
	b := parse(raw, password, s.Alias)
	b.basis = fmt.Sprintf("read from the file %s (%s)", s.File, b.basis)
	return b.judge(judgement{host: s.ServerName, now: time.Now()}), nil
}

func (r *Reader) password(ctx context.Context, ref string) (keepwatch.Secret, error) {
	if ref == "" {
		return keepwatch.Secret{}, nil
	}
	if r.secrets == nil {
		return keepwatch.Secret{}, fmt.Errorf("the keystore's password: no secrets can be read: %w", keepwatch.ErrUnavailable)
	}
	return r.secrets.Resolve(ctx, ref)
}

// slurp accepts regular files only: a pipe or a device would block or never end.
// Links are followed, Kubernetes mounts files that way. Its errors name the path
// and the reason, never the content.
func slurp(path string) ([]byte, error) {
	if !filepath.IsAbs(path) {
		return nil, unreadable(path, "is not an absolute path", keepwatch.ErrInvalid)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, notRead(path, err)
	}
	if !info.Mode().IsRegular() {
		return nil, unreadable(path, "is not a regular file", keepwatch.ErrInvalid)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, notRead(path, err)
	}
	defer func() { _ = f.Close() }()
	raw, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, notRead(path, err)
	}
	return raw, nil
}

func notRead(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return unreadable(path, "does not exist", keepwatch.ErrNotFound)
	case errors.Is(err, fs.ErrPermission):
		return unreadable(path, "may not be read by this process", keepwatch.ErrUnavailable)
	}
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return unreadable(path, "cannot be read: "+err.Error(), keepwatch.ErrUnavailable)
}

func unreadable(path, fact string, kind error) error {
	return keepwatch.WithHint(fmt.Errorf("the certificate file %s %s: %w", path, fact, kind), "check the path and that this process may read the file")
}
