package scan

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"time"

	"keepwatch"
)

// What of a change.
const (
	New     = "new"     // it was not there before, and it is no all-clear
	Worse   = "worse"   // it needs somebody more than before
	Better  = "better"  // it needs somebody less
	Gone    = "gone"    // it is no longer there
	Changed = "changed" // as loud as before, and not the same thing
)

// Change is a difference between two scans.
type Change struct {
	Check   string   `json:"check"`
	Subject string   `json:"subject"`
	What    string   `json:"what"`
	Before  Severity `json:"before,omitempty"`
	After   Severity `json:"after,omitempty"`
	Message string   `json:"message"`
}

// Bad reports whether a change is for the worse.
func (c Change) Bad() bool { return c.What == New || c.What == Worse || c.What == Changed }

// facts are the parts of the evidence that should not change by themselves. A key
// that changes with a later end is a renewal.
var facts = map[string][]string{
	"tls_issuer": {"issuer_organization"},
	"tls_name":   {"names"},
	"tls_chain":  {"chain"},
	"tls_expiry": {"key"},
	"spf":        {"record"},
	"dkim":       {"key"},
	"dmarc":      {"record"},
	"mx":         {"servers"},
	"stack":      {"stacks"},
	"caa":        {"allowed"},
}

// Compare says what changed since an earlier scan. What is unknown now, or was
// unknown then, is not compared: not having looked is no change.
func Compare(before, now Report) []Change {
	old := map[string]Finding{}
	for _, f := range before.Findings {
		old[f.key()] = f
	}
	var list []Change
	there := map[string]bool{}
	blurred := map[string]bool{} // subjects of which something is not known now
	for _, f := range now.Findings {
		there[f.key()] = true
		if f.Check == "host" && f.Severity.Rank() >= Unknown.Rank() {
			blurred[f.Subject] = true // what stands behind it was not looked at
		}
		if f.Severity == Unknown {
			blurred[f.Subject] = true
			continue
		}
		was, known := old[f.key()]
		if c, ok := change(was, f, known); ok {
			list = append(list, c)
		}
	}
	for _, f := range before.Findings {
		if there[f.key()] || f.Severity == Unknown || blurred[f.Subject] || now.Partial {
			continue
		}
		list = append(list, Change{f.Check, f.Subject, Gone, f.Severity, "", "It is no longer found. Before: " + f.Message})
	}
	slices.SortStableFunc(list, func(a, b Change) int { return cmp.Compare(rankOf(b), rankOf(a)) })
	return list
}

func rankOf(c Change) int {
	if c.Bad() {
		return 10 + c.After.Rank()
	}
	return c.Before.Rank()
}

func change(was, f Finding, known bool) (Change, bool) {
	c := Change{Check: f.Check, Subject: f.Subject, Before: was.Severity, After: f.Severity, Message: f.Message}
	switch {
	case !known:
		c.What = New
		return c, f.Severity.Rank() >= Warning.Rank()
	case was.Severity == Unknown:
		return c, false
	case f.Severity.Rank() > was.Severity.Rank():
		c.What = Worse
		return c, true
	case f.Severity.Rank() < was.Severity.Rank():
		c.What = Better
		return c, true
	}
	if what := differs(was, f); what != "" {
		c.What, c.Message = Changed, what
		return c, true
	}
	return c, false
}

// differs names a fact that changed.
func differs(was, f Finding) string {
	for _, name := range facts[f.Check] {
		before, now := fact(was.Evidence[name]), fact(f.Evidence[name])
		if before == nil || now == nil || reflect.DeepEqual(before, now) {
			continue
		}
		if f.Check == "tls_expiry" && renewed(was, f) {
			continue
		}
		return clean(fmt.Sprintf("%s changed: %v -> %v", name, before, now), maxText)
	}
	return ""
}

// fact brings a value of the evidence into one form, whether it was just found or
// read from a file.
func fact(v any) any {
	switch v := v.(type) {
	case []string:
		list := make([]any, len(v))
		for i, s := range v {
			list[i] = s
		}
		return list
	case string:
		return v
	case []any:
		return v
	}
	return nil
}

func renewed(was, f Finding) bool {
	before, _ := was.Evidence["not_after"].(string)
	now, _ := f.Evidence["not_after"].(string)
	return now > before // both RFC 3339 in UTC
}

const (
	maxReport   = 16 << 20
	maxFindings = 20_000
)

// ReadReport reads a report that an earlier scan printed.
func ReadReport(r io.Reader) (Report, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxReport+1))
	if err != nil {
		return Report{}, fmt.Errorf("the earlier scan cannot be read: %w", err)
	}
	var report Report
	if len(raw) > maxReport || json.Unmarshal(raw, &report) != nil {
		return Report{}, noReport(errors.New("the file is not the JSON of a scan"))
	}
	switch {
	case report.SchemaVersion != 1:
		return Report{}, noReport(fmt.Errorf("the file has schema_version %d, and this version reads 1", report.SchemaVersion))
	case report.Target == "" || report.Findings == nil || len(report.Findings) > maxFindings:
		return Report{}, noReport(errors.New("the file is not the JSON of a scan"))
	}
	for i, f := range report.Findings {
		if !f.Severity.Known() || f.Check == "" {
			return Report{}, noReport(fmt.Errorf("finding %d of the file is none of a scan", i+1))
		}
		report.Findings[i] = f.tidy()
	}
	if report.At.Year() < 1 || report.At.Year() > 9999 {
		report.At = time.Time{}
	}
	return report, nil
}

func noReport(err error) error {
	return keepwatch.WithHint(fmt.Errorf("%w: %w", err, keepwatch.ErrInvalid), "write one with keepwatch scan … --output json >FILE")
}
