package web

import (
	"fmt"
	"html/template"
	"sync"
	"time"
)

// maxZones bounds how many sets of templates are kept: a set costs a megabyte, and there
// are some 600 zones.
const maxZones = 32

// templates keeps one set of templates for each zone that readers chose. Functions of a
// template are bound when it is parsed; a zone handed to each of them would have to be
// written in every place of every page, and one would be forgotten.
type templates struct {
	assets *assets
	mu     sync.Mutex
	by     map[string]pages
}

type pages map[string]*template.Template

func (t *templates) in(zone *time.Location) pages {
	t.mu.Lock()
	defer t.mu.Unlock()
	if set, ok := t.by[zone.String()]; ok {
		return set
	}
	if t.by == nil || len(t.by) >= maxZones {
		t.by = map[string]pages{}
	}
	set := parseTemplates(t.assets, zone)
	t.by[zone.String()] = set
	return set
}

// The forms in which a clock time is written. Static scripts know them by name, to write
// them again in the reader's own zone.
const (
	clockForm = "2 Jan 15:04:05"
	tillForm  = "2 Jan 2006 15:04"
	fullForm  = "Mon 2 Jan 2006 15:04:05"
	timeForm  = "15:04:05"
)

// times are the functions that write a clock time, always with its zone. In an attribute
// html/template takes their tags away, so that they serve there as well.
func times(zone *time.Location) template.FuncMap {
	write := func(name, form string) func(*time.Time) template.HTML {
		return func(t *time.Time) template.HTML { return clockTime(name, form, *t, zone) }
	}
	return template.FuncMap{
		"clock": write("clock", clockForm),
		"full":  write("full", fullForm),
		"till":  func(t time.Time) template.HTML { return clockTime("till", tillForm, t, zone) },
		"stamp": func(t time.Time) template.HTML { return clockTime("time", timeForm, t, zone) },
	}
}

// clockTime has nothing in it that somebody else wrote.
func clockTime(name, form string, t time.Time, zone *time.Location) template.HTML {
	utc := t.UTC()
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s UTC" data-form="%s">%s</time>`, //nolint:gosec // digits, and names of days and zones
		utc.Format(time.RFC3339), utc.Format(fullForm), name, t.In(zone).Format(form+" MST")))
}
