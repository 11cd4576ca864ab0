// Package secrets turns references into secret bytes at the moment of use. The
// configuration, the database and every message hold the reference alone
// ("env:NAME", "file:/path"); nothing here keeps what a reference points at.
//
// It is called by whoever is about to send a secret (probe, notify) and by
// config and doctor, which only ask whether a reference could be read. It does
// not know what the secret is for.
package secrets

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"keepwatch"
)

const (
	schemeEnv  = "env"
	schemeFile = "file"
)

// announced are the schemes of the published format that this build cannot read.
// They are told apart from typing errors, because the answer is another one.
var announced = []string{"vault", "awssm", "azurekv", "gcpsm", "k8s", "sealed"}

// Allowed says in one line what a reference may look like.
const Allowed = "env:NAME, file:/path"

// Reference is a parsed secret reference. It is safe to show.
type Reference struct {
	Scheme string // "env" or "file"
	Name   string // the variable's name or the file's path
}

func (r Reference) String() string { return r.Scheme + ":" + r.Name }

// Parse reads a reference. Its errors never repeat the text: what is no
// reference is likely to be the secret itself.
func Parse(ref string) (Reference, error) {
	scheme, name, found := strings.Cut(ref, ":")
	switch {
	case ref == "":
		return Reference{}, invalid("the secret reference is empty")
	case found && scheme == schemeEnv:
		if !isVariable(name) {
			return Reference{}, invalid("the name after env: is not the name of an environment variable (letters, digits and _)")
		}
	case found && scheme == schemeFile:
		if name == "" || strings.ContainsFunc(name, isControl) {
			return Reference{}, invalid("there is no path after file:")
		}
	case found && slices.Contains(announced, scheme):
		return Reference{}, invalid(fmt.Sprintf("references of the scheme %q are known but not available in this build yet", scheme+":"))
	default:
		return Reference{}, invalid("this is a literal value, not a reference to a secret")
	}
	return Reference{Scheme: scheme, Name: name}, nil
}

// Validate reports whether ref is a reference that this build can read. It looks
// at the text alone; whether the thing exists is asked by Resolve.
func Validate(ref string) error {
	_, err := Parse(ref)
	return err
}

// IsReference reports whether ref begins like a reference of the published
// format, whether this build can read it or not.
func IsReference(ref string) bool {
	scheme, _, found := strings.Cut(ref, ":")
	return found && (scheme == schemeEnv || scheme == schemeFile || slices.Contains(announced, scheme))
}

// Absolute completes the path of a file: reference from the folder of the file
// that names it, so that a reference means the same wherever the program is
// started. Anything else is returned as it is.
func Absolute(ref, dir string) string {
	path, found := strings.CutPrefix(ref, schemeFile+":")
	if !found || path == "" || filepath.IsAbs(path) {
		return ref
	}
	return schemeFile + ":" + filepath.Join(dir, path)
}

func invalid(fact string) error {
	return keepwatch.WithHint(fmt.Errorf("%s: %w", fact, keepwatch.ErrInvalid), "allowed: "+Allowed)
}

// isVariable is stricter than the operating system, which takes anything without
// "=": a literal secret that happens to begin with "env:" should not pass.
func isVariable(name string) bool {
	for i, c := range []byte(name) {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }
