package scan

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Severity of a finding.
type Severity string

// The severities, from fine to bad. Unknown stands beside them: it could not be
// looked at, which is neither.
const (
	OK       Severity = "ok"
	Info     Severity = "info"
	Unknown  Severity = "unknown"
	Warning  Severity = "warning"
	Critical Severity = "critical"
)

// Severities in the order in which people should read them.
var Severities = []Severity{Critical, Warning, Unknown, Info, OK}

// Rank orders severities by how much they need somebody; a name that is none is
// treated as unknown.
func (s Severity) Rank() int {
	if i := slices.Index(Severities, s); i >= 0 {
		return len(Severities) - i
	}
	return Unknown.Rank()
}

// Known reports whether the name is one of the five.
func (s Severity) Known() bool { return slices.Contains(Severities, s) }

// Finding is one thing that was looked at, and how it is.
type Finding struct {
	Check    string         `json:"check"`
	Subject  string         `json:"subject"`
	Severity Severity       `json:"severity"`
	Message  string         `json:"message"`
	Hint     string         `json:"hint,omitempty"`
	Evidence map[string]any `json:"evidence"`
}

func (f Finding) key() string { return f.Check + "\x00" + f.Subject }

// Summary counts findings.
type Summary struct {
	Critical int `json:"critical"`
	Warning  int `json:"warning"`
	Unknown  int `json:"unknown"`
	Info     int `json:"info"`
	OK       int `json:"ok"`
}

// Report is what one scan found. It is the document that `--output json` prints and
// that `--since` reads.
type Report struct {
	SchemaVersion int       `json:"schema_version"`
	Target        string    `json:"target"`
	Targets       []string  `json:"targets"`
	At            time.Time `json:"at"`
	TookMS        float64   `json:"took_ms"`
	// Partial: time was up before everything had been looked at.
	Partial  bool      `json:"partial"`
	Summary  Summary   `json:"summary"`
	Findings []Finding `json:"findings"`
	// Since is when the scan was made that Changes compare with; zero: with none.
	Since   *time.Time `json:"since,omitempty"`
	Changes []Change   `json:"changes,omitempty"`
	// Cannot is what nobody learns from outside.
	Cannot []string `json:"cannot"`
}

// cannot is said with every report, so that nobody reads silence as an all-clear.
var cannot = []string{
	"when a client secret ends", "which scopes a package has", "the business units", "packages and users",
	"whether journeys and data extensions work", "API usage", "the IP allowlist",
}

// Worst is the severity that needs somebody most. Nothing found is unknown.
func (r Report) Worst() Severity {
	if len(r.Findings) == 0 {
		return Unknown
	}
	return slices.MaxFunc(r.Findings, func(a, b Finding) int { return cmp.Compare(a.Severity.Rank(), b.Severity.Rank()) }).Severity
}

// unlooked begins the message of what is unknown.
const unlooked = "It could not be looked at: "

// Blind reports whether nothing of the target could be looked at, and an example of
// why: then it is likely that this machine has no network.
func (r Report) Blind() (why string, blind bool) {
	for _, f := range r.Findings {
		c, known := CheckNamed(f.Check)
		if !known || !c.Network {
			continue
		}
		if f.Severity != Unknown {
			return "", false
		}
		why = cmp.Or(why, strings.TrimPrefix(f.Message, unlooked))
	}
	return why, why != ""
}

// Order sorts and counts: the loudest first, then in the order of the checks.
func (r *Report) Order() {
	order := map[string]int{}
	for i, c := range Checks {
		order[c.Name] = i
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(b.Severity.Rank(), a.Severity.Rank()), cmp.Compare(order[a.Check], order[b.Check]), cmp.Compare(a.Subject, b.Subject))
	})
	r.Summary = Summary{}
	for i := range r.Findings {
		if r.Findings[i].Evidence == nil {
			r.Findings[i].Evidence = map[string]any{}
		}
		switch r.Findings[i].Severity {
		case Critical:
			r.Summary.Critical++
		case Warning:
			r.Summary.Warning++
		case Info:
			r.Summary.Info++
		case OK:
			r.Summary.OK++
		default:
			r.Summary.Unknown++
		}
	}
}

const (
	maxText = 300 // bytes of a message or of a text in the evidence
	maxList = 32  // entries of a list in the evidence
)

// clean makes a foreign text fit to be shown: printable, one line, short.
func clean(s string, limit int) string {
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s[:min(len(s), 4*limit)], "?"), func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
	if len(s) <= limit {
		return s
	}
	end := limit - len("…")
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

func cleanAll(list []string) []string {
	out := make([]string, 0, min(len(list), maxList))
	for _, s := range list[:min(len(list), maxList)] {
		out = append(out, clean(s, maxText))
	}
	return out
}

// tidy cleans every text of a finding: what a target says ends up in terminals,
// pages and messages.
func (f Finding) tidy() Finding {
	f.Subject, f.Message, f.Hint = clean(f.Subject, maxText), clean(f.Message, 2*maxText), clean(f.Hint, 2*maxText)
	evidence := maps.Clone(f.Evidence)
	if evidence == nil {
		evidence = map[string]any{}
	}
	for k, v := range evidence {
		switch v := v.(type) {
		case string:
			evidence[k] = clean(v, maxText)
		case []string:
			evidence[k] = cleanAll(v)
		}
	}
	f.Evidence = evidence
	return f
}
