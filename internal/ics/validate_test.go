package ics

import (
	"strings"
	"testing"
	"time"

	"keepwatch/conformance/rfc5545"
)

func validate(file []byte) error { return rfc5545.Validate(file) }

// The validator finds what it is there for.
func TestValidatorFindsFaults(t *testing.T) {
	good, _ := Render(feed, estateOf(time.UTC, crm()), nil, now)
	if err := validate(good); err != nil {
		t.Fatal(err)
	}
	for old, broken := range map[string]string{
		"\r\nEND:VCALENDAR": "\nEND:VCALENDAR", "\r\nBEGIN:VALARM": "\r\n\r\nBEGIN:VALARM", "METHOD:PUBLISH": "METHOD:REQUEST", "DTSTART;VALUE=DATE": "DTSTART",
		"SEQUENCE:0\r\n": "", "TRIGGER:-P13DT15H": "TRIGGER:-P13D15H", "STATUS:CONFIRMED": "STATUS:SURE", "UID:": "UID:a,b", "SUMMARY:": "SUMMARY:" + strings.Repeat("x", 80),
		"END:VALARM\r\n": "", "SUMMARY:Planned": "SUMMARY:a;b Planned", "TRANSP:TRANSPARENT": "TRANSP:TRANSPARENT\r\nTRANSP:TRANSPARENT", "DTEND;VALUE=DATE:20261129": "DTEND;VALUE=DATE:20261128",
		"\r\nURL:": "\r\nX Y:1\r\nURL:", "CALSCALE": "FANCY", "PRODID:-//Keepwatch": "PRODID:\xff",
	} {
		bad := strings.Replace(string(good), old, broken, 1)
		if bad == string(good) {
			t.Errorf("%q is not in the file", old)
		} else if validate([]byte(bad)) == nil {
			t.Errorf("%q in place of %q went unnoticed", broken, old)
		}
	}
}
