package ics

import (
	"bytes"
	"fmt"
	"strings"
	"time"
	"unicode"

	ical "github.com/arran4/golang-ical"
)

// maxText bounds one text, in characters: a description is read on a phone.
const maxText = 4000

// write makes the file. The library escapes and folds; it is given texts without
// control characters and broken UTF-8 only, which it would pass on or stumble over.
func (f Feed) write(events []event) []byte {
	cal := ical.NewCalendarFor("Keepwatch")
	cal.SetProductId("-//Keepwatch//Expiry//EN")
	cal.SetVersion("2.0")
	cal.SetCalscale("GREGORIAN")
	cal.SetMethod(ical.MethodPublish)
	name := "Keepwatch"
	if f.Owner != "" {
		name += ": " + clean(f.Owner)
	}
	cal.SetName(name) // X-WR-CALNAME as well, for clients from before RFC 7986
	cal.SetRefreshInterval(period(refresh))
	cal.SetXPublishedTTL(period(refresh)) // the same, for Outlook
	for _, e := range events {
		cal.AddVEvent(e.vevent())
	}
	var b bytes.Buffer
	if err := cal.SerializeTo(&b, ical.WithNewLineWindows); err != nil {
		panic("ics: a buffer refused to be written: " + err.Error())
	}
	return b.Bytes()
}

func period(d time.Duration) string { return fmt.Sprintf("PT%dM", int(d/time.Minute)) }

// vevent is the event as a component. DTSTAMP is when it last changed and not when
// it was asked for: the file stays the same until something changes.
func (e event) vevent() *ical.VEvent {
	v := ical.NewEvent(e.uid)
	v.SetDtStampTime(e.changedAt)
	v.SetModifiedAt(e.changedAt)
	v.SetSequence(e.sequence)
	v.SetAllDayStartAt(e.start.In(time.UTC))
	v.SetAllDayEndAt(e.end.In(time.UTC)) // not part of it, as the format wants
	v.SetSummary(clean(e.summary))
	// A date takes nobody's time: shown, but not as busy.
	v.SetTimeTransparency(ical.TransparencyTransparent)
	v.SetProperty("X-MICROSOFT-CDO-BUSYSTATUS", "FREE")
	v.SetStatus(e.status())
	if e.description != "" {
		v.SetDescription(clean(e.description))
	}
	if e.category != "" {
		v.SetProperty(ical.ComponentPropertyCategories, e.category)
	}
	if e.link != "" {
		v.SetURL(e.link)
	}
	for _, trigger := range e.alarms {
		a := v.AddAlarm()
		a.SetAction(ical.ActionDisplay)
		a.SetTrigger(trigger)
		a.SetDescription(clean(e.summary))
	}
	return v
}

func (e event) status() ical.ObjectStatus {
	switch {
	case e.cancelled:
		return ical.ObjectStatusCancelled
	case e.tentative:
		return ical.ObjectStatusTentative
	}
	return ical.ObjectStatusConfirmed
}

// clean is text that can stand in the file: valid, without control characters but
// for the ends of lines, and not without end.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case unicode.IsControl(r), r == '\u2028', r == '\u2029':
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if runes := []rune(s); len(runes) > maxText {
		s = string(runes[:maxText]) + "…"
	}
	return s
}
