// Package rfc5545 holds a calendar file against RFC 5545, without the library that
// wrote it. It is for tests: of the feed as it is made, and of the feed as a running
// daemon serves it.
package rfc5545

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// Validate holds a file against RFC 5545 as far as this feed uses it, from the
// octets up and without the library that wrote it: lines, folding, escapes, the
// properties that must and may stand where, and values. Calendar programs refuse a
// file as a whole for one broken line.
func Validate(file []byte) error {
	lines, err := unfold(file)
	if err != nil {
		return err
	}
	v := &validator{uids: map[string]bool{}}
	for i, line := range lines {
		if err := v.line(line); err != nil {
			return fmt.Errorf("content line %d, %.80q: %w", i+1, line, err)
		}
	}
	if len(v.open) > 0 || !v.done {
		return fmt.Errorf("%v is left open", v.open)
	}
	return nil
}

// unfold checks the octets: CRLF, at most 75 octets a line, valid UTF-8 in each.
func unfold(file []byte) ([]string, error) {
	var out []string
	for n, raw := range bytes.SplitAfter(file, []byte("\r\n")) {
		if len(raw) == 0 {
			continue
		}
		line, whole := bytes.CutSuffix(raw, []byte("\r\n"))
		switch {
		case !whole, bytes.ContainsAny(line, "\r\n"):
			return nil, fmt.Errorf("line %d does not end with CRLF", n+1)
		case len(line) == 0:
			return nil, fmt.Errorf("line %d is empty", n+1)
		case len(line) > 75:
			return nil, fmt.Errorf("line %d has %d octets", n+1, len(line))
		case !utf8.Valid(line):
			return nil, fmt.Errorf("line %d is cut within a character", n+1)
		}
		for _, r := range string(line) {
			if r < 0x20 && r != '\t' || r == 0x7f {
				return nil, fmt.Errorf("line %d has a control character", n+1)
			}
		}
		if line[0] == ' ' || line[0] == '\t' {
			if len(out) == 0 {
				return nil, fmt.Errorf("line %d continues nothing", n+1)
			}
			out[len(out)-1] += string(line[1:])
			continue
		}
		out = append(out, string(line))
	}
	return out, nil
}

type component struct {
	name   string
	values map[string]string
}

type validator struct {
	open []component
	uids map[string]bool
	done bool
}

// required and allowed properties of each component, each at most once.
var (
	required = map[string][]string{
		"VCALENDAR": {"VERSION", "PRODID"},
		"VEVENT":    {"UID", "DTSTAMP", "DTSTART", "DTEND", "SEQUENCE", "SUMMARY", "STATUS"},
		"VALARM":    {"ACTION", "TRIGGER", "DESCRIPTION"},
	}
	allowed = map[string][]string{
		"VCALENDAR": {"VERSION", "PRODID", "CALSCALE", "METHOD", "NAME", "REFRESH-INTERVAL"},
		"VEVENT":    {"UID", "DTSTAMP", "DTSTART", "DTEND", "SEQUENCE", "SUMMARY", "STATUS", "DESCRIPTION", "URL", "CATEGORIES", "LAST-MODIFIED", "TRANSP"},
		"VALARM":    {"ACTION", "TRIGGER", "DESCRIPTION"},
	}
	inside = map[string]string{"VCALENDAR": "", "VEVENT": "VCALENDAR", "VALARM": "VEVENT"}

	contentLine = regexp.MustCompile(`^([A-Z][A-Z0-9-]*)((?:;[A-Z-]+=(?:[^";:,]*|"[^"]*"))*):(.*)$`)
	utcTime     = regexp.MustCompile(`^\d{8}T\d{6}Z$`)
	text        = regexp.MustCompile(`^(?:[^\\;,]|\\[\\;,nN])*$`)
	duration    = regexp.MustCompile(`^[+-]?P(?:\d+W|(?:\d+D)?(?:T(?:\d+H)?(?:\d+M)?(?:\d+S)?)?)$`)
)

func (v *validator) line(line string) error {
	m := contentLine.FindStringSubmatch(line)
	if m == nil {
		return fmt.Errorf("is no content line")
	}
	name, params, value := m[1], m[2], m[3]
	switch name {
	case "BEGIN":
		parent := ""
		if n := len(v.open); n > 0 {
			parent = v.open[n-1].name
		}
		if want, known := inside[value]; !known || want != parent || v.done {
			return fmt.Errorf("does not belong inside %q", parent)
		}
		v.open = append(v.open, component{value, map[string]string{}})
		return nil
	case "END":
		return v.end(value)
	}
	if len(v.open) == 0 {
		return fmt.Errorf("stands outside of everything")
	}
	c := v.open[len(v.open)-1]
	if _, twice := c.values[name]; twice {
		return fmt.Errorf("stands twice")
	}
	known := strings.HasPrefix(name, "X-")
	for _, a := range allowed[c.name] {
		known = known || a == name
	}
	if !known {
		return fmt.Errorf("is not allowed in %s", c.name)
	}
	c.values[name] = value
	return checkValue(name, params, value)
}

func checkValue(name, params, value string) error {
	ok := true
	switch name {
	case "DTSTART", "DTEND":
		_, err := time.Parse("20060102", value)
		ok = err == nil && params == ";VALUE=DATE"
	case "DTSTAMP", "LAST-MODIFIED":
		_, err := time.Parse("20060102T150405Z", value)
		ok = err == nil && utcTime.MatchString(value) && params == ""
	case "SUMMARY", "DESCRIPTION", "NAME", "CATEGORIES", "X-WR-CALNAME", "UID", "PRODID":
		ok = text.MatchString(value) && params == ""
	case "TRIGGER":
		ok = duration.MatchString(value) && !strings.HasSuffix(value, "T") && value != "P"
	case "REFRESH-INTERVAL":
		ok = duration.MatchString(value) && params == ";VALUE=DURATION"
	case "X-PUBLISHED-TTL":
		ok = duration.MatchString(value)
	case "STATUS":
		ok = value == "CONFIRMED" || value == "TENTATIVE" || value == "CANCELLED"
	case "TRANSP":
		ok = value == "TRANSPARENT"
	case "ACTION":
		ok = value == "DISPLAY"
	case "VERSION":
		ok = value == "2.0"
	case "METHOD":
		ok = value == "PUBLISH"
	case "CALSCALE":
		ok = value == "GREGORIAN"
	case "SEQUENCE":
		ok = regexp.MustCompile(`^\d{1,9}$`).MatchString(value)
	case "URL":
		ok = regexp.MustCompile(`^https?://[!-~]+$`).MatchString(value)
	}
	if !ok {
		return fmt.Errorf("has no valid value")
	}
	return nil
}

func (v *validator) end(name string) error {
	n := len(v.open)
	if n == 0 || v.open[n-1].name != name {
		return fmt.Errorf("ends what is not open")
	}
	c := v.open[n-1]
	v.open = v.open[:n-1]
	v.done = n == 1
	for _, r := range required[name] {
		if c.values[r] == "" {
			return fmt.Errorf("%s lacks %s", name, r)
		}
	}
	if name == "VEVENT" {
		if v.uids[c.values["UID"]] {
			return fmt.Errorf("the UID %s stands twice", c.values["UID"])
		}
		v.uids[c.values["UID"]] = true
		if c.values["DTEND"] <= c.values["DTSTART"] {
			return fmt.Errorf("ends before it begins")
		}
	}
	return nil
}
