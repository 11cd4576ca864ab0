package inventory

import (
	"slices"
	"strings"
	"time"

	"keepwatch"
)

// field is one value of a record: its column, its YAML key (a dot leads into a
// mapping), its name in the history, and how it is written as text and read.
// set("") clears.
type field struct {
	name string
	sort fieldSort
	get  func(*keepwatch.Credential) string
	set  func(*keepwatch.Credential, string) error
}

// fieldSort says what a reader has to know of a field's text beyond set.
type fieldSort int

const (
	plain     fieldSort = iota
	dated               // a date: sheets write it in many ways
	listed              // elements with a semicolon between them; may go over several columns
	reference           // names a secret: what stands there is never repeated in a message
	number              // an integer, which a spreadsheet may write as 5.1E+08
	truth               // true or false
)

// fieldSet is a set of rows of the table.
type fieldSet uint64

func (s fieldSet) has(i int) bool { return s&(1<<i) != 0 }
func (s *fieldSet) add(i int)     { *s |= 1 << i }

const day = 24 * time.Hour

// fields is the table, in the order of columns.
var fields = []field{
	text("id", identifierOf("an id"), func(c *keepwatch.Credential) *keepwatch.CredentialID { return &c.ID }),
	text("tenant", identifierOf("the id of a tenant"), func(c *keepwatch.Credential) *keepwatch.TenantID { return &c.Tenant }),
	{"business_unit", number, func(c *keepwatch.Credential) string { return c.BusinessUnit.String() }, setMID},
	text("kind", choice("a kind of credential", keepwatch.Kinds...), func(c *keepwatch.Credential) *keepwatch.Kind { return &c.Kind }),
	text("package", free(200), func(c *keepwatch.Credential) *string { return &c.Package }),
	text("client_id", free(200), func(c *keepwatch.Credential) *string { return &c.ClientID }),
	text("username", free(200), func(c *keepwatch.Credential) *string { return &c.Username }),
	secret("secret", func(c *keepwatch.Credential) *string { return &c.SecretRef }),
	date("secret_generated", func(c *keepwatch.Credential) *keepwatch.Date { return &c.SecretGenerated }),
	date("expires", func(c *keepwatch.Credential) *keepwatch.Date { return &c.Expires }),
	date("last_used", func(c *keepwatch.Credential) *keepwatch.Date { return &c.LastUsed }),
	span("valid_for", day, 3650*day, func(c *keepwatch.Credential) *time.Duration { return &c.ValidFor }),
	span("idle_for", day, 3650*day, func(c *keepwatch.Credential) *time.Duration { return &c.IdleFor }),
	date("dates_confirmed", func(c *keepwatch.Credential) *keepwatch.Date { return &c.DatesConfirmed }),
	text("criticality", choice("a criticality", keepwatch.Criticalities...), func(c *keepwatch.Credential) *keepwatch.Criticality { return &c.Criticality }),
	text("owner.team", free(200), func(c *keepwatch.Credential) *string { return &c.Owner.Team }),
	text("owner.contact", free(200), func(c *keepwatch.Credential) *string { return &c.Owner.Contact }),
	text("purpose", free(500), func(c *keepwatch.Credential) *string { return &c.Purpose }),
	text("environment", free(64), func(c *keepwatch.Credential) *string { return &c.Environment }),
	text("region", free(64), func(c *keepwatch.Credential) *string { return &c.Region }),
	text("area", free(64), func(c *keepwatch.Credential) *string { return &c.Area }),
	{"holders", listed, getHolders, setHolders},
	{"dependents", listed, getDependents, setDependents},
	span("renewal.every", day, 3650*day, func(c *keepwatch.Credential) *time.Duration { return &c.Renewal.Every }),
	date("renewal.planned", func(c *keepwatch.Credential) *keepwatch.Date { return &c.Renewal.Planned }),
	span("renewal.window", time.Minute, 90*day, func(c *keepwatch.Credential) *time.Duration { return &c.Renewal.Window }),
	text("renewal.by", free(200), func(c *keepwatch.Credential) *string { return &c.Renewal.By }),
	flag("renewal.ticket", func(c *keepwatch.Credential) *bool { return &c.Renewal.Ticket }),
	{"expiry_ladder", listed, getLadder, setLadder},
	text("runbook_url", webURL, func(c *keepwatch.Credential) *string { return &c.RunbookURL }),
	span("pushed_every", time.Minute, 31*day, func(c *keepwatch.Credential) *time.Duration { return &c.Pushed }),
	flag("discover", func(c *keepwatch.Credential) *bool { return &c.Discover }),
	{"tests", listed, getTests, setTests},
	{"scopes", listed, getScopes, setScopes},
	text("certificate.file", free(1024), func(c *keepwatch.Credential) *string { return &c.Certificate.File }),
	text("certificate.endpoint", hostPort, func(c *keepwatch.Credential) *string { return &c.Certificate.Endpoint }),
	text("certificate.server_name", hostName, func(c *keepwatch.Credential) *string { return &c.Certificate.ServerName }),
	secret("certificate.password", func(c *keepwatch.Credential) *string { return &c.Certificate.Password }),
	text("certificate.alias", free(200), func(c *keepwatch.Credential) *string { return &c.Certificate.Alias }),
}

// fieldAt is the row of a name.
var fieldAt = func() map[string]int {
	out := make(map[string]int, len(fields))
	for i, f := range fields {
		out[f.name] = i
	}
	return out
}()

// setOf is the set of the named fields.
func setOf(names ...string) fieldSet {
	var s fieldSet
	for _, n := range names {
		s.add(fieldAt[n])
	}
	return s
}

// allFields is what a record that stands for itself speaks about.
var allFields fieldSet = 1<<len(fields) - 1

// Fields lists the names of all fields, in the order of columns.
func Fields() []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.name
	}
	return out
}

// text is a field that parse checks; what parse answers is kept.
func text[S ~string](name string, parse func(string) (string, error), to func(*keepwatch.Credential) *S) field {
	return field{name, plain,
		func(c *keepwatch.Credential) string { return string(*to(c)) },
		func(c *keepwatch.Credential, s string) error {
			if s == "" {
				*to(c) = ""
				return nil
			}
			v, err := parse(s)
			if err == nil {
				*to(c) = S(v)
			}
			return err
		}}
}

func secret(name string, to func(*keepwatch.Credential) *string) field {
	f := text(name, secretReference, to)
	f.sort = reference
	return f
}

func date(name string, to func(*keepwatch.Credential) *keepwatch.Date) field {
	return field{name, dated,
		func(c *keepwatch.Credential) string { return to(c).String() },
		func(c *keepwatch.Credential, s string) error {
			if s == "" {
				*to(c) = keepwatch.Date{}
				return nil
			}
			d, err := keepwatch.ParseDate(s)
			if err != nil || !plausible(d) {
				return wrong("write it like 2026-09-28, from 2000 to 2099", "%s is not a date", shown(s))
			}
			*to(c) = d
			return nil
		}}
}

// plausible holds off typing errors such as the year 202 or 20226.
func plausible(d keepwatch.Date) bool {
	return !d.Before(keepwatch.Day(2000, 1, 1)) && d.Before(keepwatch.Day(2100, 1, 1))
}

func span(name string, least, most time.Duration, to func(*keepwatch.Credential) *time.Duration) field {
	return field{name, plain,
		func(c *keepwatch.Credential) string { return spanText(*to(c)) },
		func(c *keepwatch.Credential, s string) error {
			d, err := parseSpan(s, least, most)
			if err == nil {
				*to(c) = d
			}
			return err
		}}
}

func flag(name string, to func(*keepwatch.Credential) *bool) field {
	return field{name, truth,
		func(c *keepwatch.Credential) string {
			if *to(c) {
				return "true"
			}
			return ""
		},
		func(c *keepwatch.Credential, s string) error {
			v, ok := truths[strings.ToLower(s)]
			if !ok {
				return wrong("true or false", "%s is neither true nor false", shown(s))
			}
			*to(c) = v
			return nil
		}}
}

var truths = map[string]bool{
	"": false, "false": false, "no": false, "0": false, "n": false, "nein": false,
	"true": true, "yes": true, "1": true, "y": true, "x": true, "ja": true,
}

// complete puts in what a record has when nobody says it, as the configuration
// does, so that a record compares equal wherever it comes from.
func complete(c keepwatch.Credential) keepwatch.Credential {
	if c.Kind == "" {
		c.Kind = keepwatch.ServerToServer
	}
	if c.Criticality == "" {
		c.Criticality = keepwatch.Standard
	}
	if asked(c.Kind) {
		c.Tests = identityFirst(c.Tests)
	}
	c.Clocks, c.Deadline = nil, keepwatch.Deadline{} // follow from the dates; never stored
	return c
}

// asked reports whether something is asked with a credential of the kind.
func asked(k keepwatch.Kind) bool {
	return k.Proof() == keepwatch.ProofToken || k.Proof() == keepwatch.ProofSOAP
}

func identityFirst(tests []string) []string {
	out := []string{"identity"}
	for _, t := range tests {
		if !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

// diff is what differs between two records in the fields of a set, as text.
func diff(old, new *keepwatch.Credential, in fieldSet) []keepwatch.FieldChange {
	var out []keepwatch.FieldChange
	for i, f := range fields {
		if !in.has(i) {
			continue
		}
		// White space around a text is not read from sheets and makes no difference.
		if a, b := f.get(old), f.get(new); a != b && tidy(a) != tidy(b) {
			out = append(out, keepwatch.FieldChange{Field: f.name, Old: a, New: b})
		}
	}
	return out
}

// overlay is a record with the fields of a set taken from another.
func overlay(base keepwatch.Credential, from *keepwatch.Credential, in fieldSet) (keepwatch.Credential, error) {
	out := base
	for i, f := range fields {
		if !in.has(i) {
			continue
		}
		if err := f.set(&out, f.get(from)); err != nil {
			return out, fieldError{f.name, err}
		}
	}
	return complete(out), nil
}
