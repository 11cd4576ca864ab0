package inventory

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// column is what one column of a sheet means.
type column struct {
	name  string // as the sheet writes it
	field int    // index in fields, or one of the below
}

const (
	columnIgnored = -1 // known, and not a field: status, created, modified
	columnSecret  = -2 // the secret itself
	columnUnknown = -3
)

// aliases are the headings of the tables that people have: the page of Installed
// Packages, other tools, spreadsheets. The field's own name always counts.
var aliases = map[string][]string{
	"id":                   {"credential", "credential id"},
	"tenant":               {"tenant id", "account"},
	"business_unit":        {"mid", "bu", "business unit id", "business unit mid", "member id"},
	"kind":                 {"credential kind", "credential type"},
	"package":              {"name", "package name", "installed package", "installed package name"},
	"client_id":            {"clientid", "oauth client id"},
	"username":             {"user name", "user", "api user"},
	"secret":               {"secret reference", "secret ref"},
	"secret_generated":     {"generated", "generated on", "secret generated on", "secret generation date", "secret created", "secret created date", "last rotated", "rotated", "rotated on", "password changed", "password changed on"},
	"expires":              {"expiry", "expiration", "expires on", "expiry date", "expiration date", "secret expires", "secret expires on", "secret expiry", "secret expiry date", "secret expiration", "secret expiration date", "client secret expires", "client secret expiration", "client secret expiration date", "client secret expiry", "client secret expiry date", "password expiration date", "valid until", "end date"},
	"last_used":            {"last use", "last used on", "last login"},
	"dates_confirmed":      {"confirmed", "confirmed on", "dates confirmed on"},
	"owner.team":           {"owner", "team", "owning team"},
	"owner.contact":        {"contact", "owner email", "owner e mail", "email", "e mail"},
	"purpose":              {"description", "package description", "comment"},
	"environment":          {"env", "stage"},
	"area":                 {"functional area"},
	"holders":              {"holder", "held by", "used by"},
	"dependents":           {"dependent"},
	"renewal.planned":      {"planned renewal", "renewal date", "next renewal"},
	"expiry_ladder":        {"ladder", "warnings"},
	"runbook_url":          {"runbook", "runbook link"},
	"certificate.file":     {"certificate"},
	"certificate.endpoint": {"endpoint"},
}

// ignored are headings of the page of Installed Packages and its like that say
// nothing a record holds.
var ignoredHeadings = []string{
	"status", "state", "active", "created", "created date", "created on", "date created", "created by", "modified", "modified date", "modified on", "date modified",
	"modified by", "last modified", "last modified date", "last modified by", "last modified on", "source", "type", "package type", "component type", "components", "install date", "installed", "installed on", "installed by",
	"version", "license", "licenses", "access", "actions", "action", "jwt signing secret", "#", "no",
}

// secretHeadings head the secret itself.
var secretHeadings = []string{"client secret", "clientsecret", "secret value", "secret key", "password", "staged secret", "staged client secret"}

// headings maps every normal form of a heading to its meaning.
var headings = func() map[string]int {
	out := map[string]int{}
	for _, h := range ignoredHeadings {
		out[normal(h)] = columnIgnored
	}
	for _, h := range secretHeadings {
		out[normal(h)] = columnSecret
	}
	for i, f := range fields {
		out[normal(f.name)] = i
		for _, a := range aliases[f.name] {
			out[normal(a)] = i
		}
	}
	return out
}()

// longestHeading is that of the normal forms, with room for the number of a list's part.
var longestHeading = func() int {
	most := 0
	for h := range headings {
		most = max(most, len(h))
	}
	return most + len(" 65535")
}()

// normal is a heading in lower case with one space between words, whatever stood
// there: "Owner.Team", "owner_team" and "Owner team ▲" are the same.
func normal(s string) string {
	b, _ := appendNormal(make([]byte, 0, len(s)), s, math.MaxInt)
	return string(b)
}

// appendNormal gives up where the normal form is longer than most.
func appendNormal(b []byte, s string, most int) ([]byte, bool) {
	gap := false
	for _, r := range s {
		r = unicode.ToLower(r)
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '#' {
			gap = len(b) > 0
			continue
		}
		if gap {
			b, gap = append(b, ' '), false
		}
		if b = utf8.AppendRune(b, r); len(b) > most {
			return b, false
		}
	}
	return b, true
}

// meaning is what a heading stands for. A list may go on in "dependents.2". Whole sheets
// are asked for their headings, cut at this and that: what no heading can be costs little.
func meaning(heading string) int {
	var room [64]byte
	n, ok := appendNormal(room[:0], heading, longestHeading)
	if !ok {
		return columnUnknown
	}
	if i, ok := headings[string(n)]; ok {
		return i
	}
	if at := bytes.LastIndexByte(n, ' '); at > 0 {
		i, ok := headings[string(n[:at])]
		if !ok || i < 0 || fields[i].sort != listed {
			return columnUnknown
		}
		if _, err := strconv.ParseUint(string(n[at+1:]), 10, 16); err == nil {
			return i
		}
	}
	return columnUnknown
}

// isHeading reports whether a row names columns: two of its cells do, or the only
// one. A row with a date or a client id in it is no heading, even where its words
// ("Active", "E-mail") could head columns.
func isHeading(cells []string) bool {
	known, filled := 0, 0
	for _, c := range cells {
		if c = tidy(c); c == "" {
			continue
		}
		if isValue(c) {
			return false
		}
		filled++
		if meaning(c) != columnUnknown {
			known++
		}
	}
	return known >= 2 && known*2 >= filled || known == 1 && filled == 1
}

// isValue reports whether a cell can only be a row's.
func isValue(cell string) bool {
	d, ok := readDate(cell)
	return ok && (!d.monthFirst.IsZero() || !d.dayFirst.IsZero()) || clientIDPattern.MatchString(cell) && strings.ContainsAny(cell, "0123456789") || numberPattern.MatchString(cell)
}

// columnsOf gives the cells of a heading their meaning. Where two mean the same
// field, the one that bears its very name is taken, else the first.
func columnsOf(cells []string) (out []column, notes []string) {
	taken := map[int]int{}
	for i, c := range cells {
		col := column{tidy(c), meaning(c)}
		if before, twice := taken[col.field]; twice && col.field >= 0 && fields[col.field].sort != listed {
			loser := i
			if normal(c) == normal(fields[col.field].name) {
				loser = before
				taken[col.field] = i
			}
			out = append(out, col)
			notes = append(notes, "two columns mean "+fields[col.field].name+": "+strconv.Quote(clip(out[loser].name))+" is not read")
			out[loser].field = columnIgnored
			continue
		}
		taken[col.field] = i
		out = append(out, col)
	}
	return out, notes
}

func unknownHeadings(columns []column) []string {
	var out []string
	for _, c := range columns {
		if c.field == columnUnknown && c.name != "" && !slices.Contains(out, clip(c.name)) {
			out = append(out, clip(c.name))
		}
	}
	return out
}
