// Package secrets turns references into secret bytes at the moment of use. The
// configuration, the database and every message hold the reference alone
// ("env:NAME", "file:/path", "sealed:ID"); nothing here keeps what a reference
// points at.
//
// It is called by whoever is about to send a secret (probe, notify) and by
// config and doctor, which only ask whether a reference could be read. It does
// not know what the secret is for.
//
// A [Sealer] encrypts secrets that people give to the interface. It knows no
// database: what it makes is a text that somebody else keeps.
package secrets

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"keepwatch"
)

const (
	schemeEnv    = "env"
	schemeFile   = "file"
	schemeSealed = "sealed"
)

// announced are the schemes of the published format that this build cannot read.
// They are told apart from typing errors, because the answer is another one.
var announced = []string{"vault", "awssm", "azurekv", "gcpsm", "k8s"}

// Allowed says in one line what a person may write as a reference. Those of sealed
// secrets are made by the program.
const Allowed = "env:NAME, file:/path"

// Reference is a parsed secret reference. It is safe to show.
type Reference struct {
	Scheme string // "env", "file" or "sealed"
	Name   string // the variable's name, the file's path or the sealed secret's id
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
	case found && scheme == schemeSealed:
		if !sealedName.MatchString(name) {
			return Reference{}, invalid("the name after sealed: is not the id of a credential")
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
	return found && (scheme == schemeEnv || scheme == schemeFile || scheme == schemeSealed || slices.Contains(announced, scheme))
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

// sealedName is the id of a credential, and what secret of it this is when it is
// not the secret: "crm", "crm+staged". No id has a plus sign.
var sealedName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}(\+[a-z0-9]{1,32})?$`)

// SealedRef refers to the secret that is sealed for a credential; part is "" for
// the secret itself, or a short name in small letters for a further one.
func SealedRef(id keepwatch.CredentialID, part string) string {
	if part != "" {
		part = "+" + part
	}
	return schemeSealed + ":" + string(id) + part
}

// Owns reports whether a credential may use a reference: a sealed secret belongs to
// one credential, and no other may send it anywhere. Every other reference is free.
func Owns(id keepwatch.CredentialID, ref string) bool {
	name, found := strings.CutPrefix(ref, schemeSealed+":")
	if !found {
		return true
	}
	owner, _, _ := strings.Cut(name, "+")
	return owner == string(id)
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
