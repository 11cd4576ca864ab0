package notify

import (
	"regexp"
	"strings"
)

// Problem is one thing that is wrong in a channel's configuration. The package
// that reads the file adds file and line.
type Problem struct {
	Key     string // within the channel: "url"
	Message string
	Allowed string
}

func (p Problem) String() string {
	s := p.Key + ": " + p.Message
	if p.Allowed != "" {
		s += "; allowed: " + p.Allowed
	}
	return s
}

// Problems is the error of a Config's Validate.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Err is nil when there is no problem. It saves every Validate from returning a
// typed nil.
func (ps Problems) Err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}

// Add appends a problem.
func (ps *Problems) Add(key, message, allowed string) {
	*ps = append(*ps, Problem{key, message, allowed})
}

var reference = regexp.MustCompile(`^[a-z][a-z0-9]*:.`)

// IsReference tells a reference to a secret from a value. Which schemes exist is
// the knowledge of package secrets; here it only matters that it is no literal.
func IsReference(s string) bool {
	return reference.MatchString(s) && !strings.Contains(s, "://")
}

// AllowedReference is what Validate says where a secret must be a reference.
const AllowedReference = "a reference like env:NAME or file:/path; never the secret itself"
