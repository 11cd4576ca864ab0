package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"keepwatch"
)

// Fault is one thing that is wrong in a configuration, and where.
type Fault struct {
	File    string
	Line    int    // 0 when the file itself is at fault
	Key     string // dotted path; list items by their id or name, else by position
	Message string
	Allowed string // what would be right; "" where the message says it
}

func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d", f.Line)
	}
	b.WriteString(": ")
	if f.Key != "" {
		b.WriteString(f.Key + ": ")
	}
	b.WriteString(f.Message)
	if f.Allowed != "" {
		b.WriteString("; allowed: " + f.Allowed)
	}
	return b.String()
}

// maxFaults bounds the report: a wrong file of megabytes has as many faults as
// lines, and nobody reads the second thousand.
const maxFaults = 1000

// Faults is everything that is wrong, in the order of files and lines. It is the
// error of Load and of CheckReferences.
type Faults struct {
	List []Fault
	More int // how many are not in List
}

// Error has a line for each fault.
func (f *Faults) Error() string {
	lines := make([]string, 0, len(f.List)+1)
	for _, fault := range f.List {
		lines = append(lines, fault.String())
	}
	if f.More > 0 {
		lines = append(lines, fmt.Sprintf("and %d faults more", f.More))
	}
	return strings.Join(lines, "\n")
}

// Unwrap makes every configuration fault an invalid input.
func (f *Faults) Unwrap() error { return keepwatch.ErrInvalid }

func (f *Faults) add(fault Fault) {
	if len(f.List) >= maxFaults {
		f.More++
		return
	}
	f.List = append(f.List, fault)
}

func (f *Faults) count() int { return len(f.List) + f.More }

// err is nil when there is no fault: a nil *Faults in an error would not be nil.
func (f *Faults) err() error {
	if len(f.List) == 0 {
		return nil
	}
	slices.SortStableFunc(f.List, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Key, b.Key), cmp.Compare(a.Message, b.Message))
	})
	return f
}

// nearest finds the known name that a typing error most likely meant, or "".
func nearest(name string, known []string) string {
	best, found := max(2, len(name)/3)+1, ""
	if len(name) > 64 {
		return ""
	}
	for _, k := range known {
		if d := distance(strings.ToLower(name), k); d < best {
			best, found = d, k
		}
	}
	if found != "" {
		return found
	}
	for _, k := range known { // client_secret meant secret
		if len(k) > 3 && (strings.HasSuffix(name, "_"+k) || strings.HasPrefix(name, k+"_") || strings.HasPrefix(k, name+"_")) {
			return k
		}
	}
	return ""
}

// distance is Levenshtein's, in bytes; keys are ASCII.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
