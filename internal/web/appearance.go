package web

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/auth"
	"keepwatch/internal/view"
)

// The cookies that keep a reader's choices. They are the browser's own: nothing of the
// estate follows from them, and an account has as many browsers as it likes.
const (
	themeCookie = "keepwatch_theme"
	zoneCookie  = "keepwatch_zone"
	choiceLasts = 365 * 24 * time.Hour
)

// appearance is how one reader wants the pages.
type appearance struct {
	Theme    string // light, dark; "" follows the system
	Zone     string // in which clock times are written; "" is UTC, or the browser's with scripts
	location *time.Location
}

// Scheme is the value of color-scheme.
func (a appearance) Scheme() string {
	if a.Theme == "" {
		return "light dark"
	}
	return a.Theme
}

// appearanceOf reads the choices of a request. A stranger gets no zone: each zone costs
// a set of templates.
func appearanceOf(r *http.Request) appearance {
	a := appearance{location: time.UTC}
	if c, err := r.Cookie(themeCookie); err == nil && (c.Value == "light" || c.Value == "dark") {
		a.Theme = c.Value
	}
	if c, err := r.Cookie(zoneCookie); err == nil && view.PrincipalOf(r.Context()).Known() {
		if zone, err := zoneOf(c.Value); err == nil {
			a.Zone, a.location = c.Value, zone
		}
	}
	return a
}

// zones are suggestions; every name of the IANA database is taken.
var zones = []string{
	"UTC", "Europe/London", "Europe/Berlin", "Europe/Paris", "Europe/Madrid", "Europe/Warsaw", "Europe/Athens", "Europe/Istanbul", "Africa/Johannesburg",
	"Asia/Dubai", "Asia/Kolkata", "Asia/Singapore", "Asia/Shanghai", "Asia/Tokyo", "Australia/Sydney", "Pacific/Auckland",
	"America/Sao_Paulo", "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles",
}

func zoneOf(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil, keepwatch.WithHint(fmt.Errorf("%.64q is no time zone: %w", name, keepwatch.ErrInvalid), "use a name like Europe/Berlin, UTC, or nothing for the zone of the browser")
	}
	return zone, nil
}

// setAppearance keeps a choice of theme or zone. It is no change of anything that is
// kept here, so that a viewer may do it and the audit log does not have it.
func (s *site) setAppearance(w http.ResponseWriter, r *http.Request) (*page, error) {
	if err := auth.Require(view.PrincipalOf(r.Context()), auth.Viewer); err != nil {
		return nil, err
	}
	if err := parsed(r); err != nil {
		return nil, err
	}
	if r.PostForm.Has("theme") {
		switch theme := r.PostForm.Get("theme"); theme {
		case "light", "dark":
			s.choose(w, themeCookie, theme)
		case "system":
			s.choose(w, themeCookie, "")
		default:
			return nil, keepwatch.WithHint(fmt.Errorf("%.40q is no theme: %w", theme, keepwatch.ErrInvalid), "light, dark or system")
		}
	}
	if r.PostForm.Has("zone") {
		name := strings.TrimSpace(r.PostForm.Get("zone"))
		if _, err := zoneOf(name); err != nil && name != "" {
			p := s.accountWith(r, accountBody{ZoneProblem: err.Error(), TypedZone: name})
			p.Status = http.StatusBadRequest
			return p, nil
		}
		s.choose(w, zoneCookie, name)
	}
	http.Redirect(w, r, view.LocalPath(r.PostForm.Get("next")), http.StatusSeeOther)
	return nil, nil
}

// choose keeps a choice in the browser; "" forgets it.
func (s *site) choose(w http.ResponseWriter, name, value string) {
	c := &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: int(choiceLasts.Seconds()), HttpOnly: true, Secure: s.Secure, SameSite: http.SameSiteLaxMode}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// here is where a reader comes back to after a choice. What a form led to cannot be
// asked for again.
func here(r *http.Request) string {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return "/"
	}
	return r.URL.RequestURI()
}

// section is one entry of the navigation, in the order in which people look.
type section struct {
	Name, Path, Title string
	Key               string // after g
	Here              bool
}

var allSections = []section{
	{Name: "overview", Path: "/", Title: "Overview", Key: "o"},
	{Name: "expiring", Path: "/expiring", Title: "Dates", Key: "d"},
	{Name: "incidents", Path: "/incidents", Title: "Incidents", Key: "i"},
	{Name: "effects", Path: "/effects", Title: "Effects", Key: "e"},
	{Name: "inventory", Path: "/inventory", Title: "Inventory", Key: "v"},
	{Name: "rotations", Path: "/rotations", Title: "Rotations", Key: "r"},
	{Name: "impact", Path: "/impact", Title: "Impact", Key: "m"},
	{Name: "alerts", Path: "/alerts", Title: "Alerts", Key: "a"},
	{Name: "scan", Path: "/scan", Title: "Scan", Key: "s"},
}

// sections are those that a reader may open.
func (s *site) sections(r *http.Request, p *page) []section {
	var out []section
	for _, one := range allSections {
		if !s.mux.serves(one.Path) {
			continue
		}
		one.Here = p.Section == one.Name || p.Section == "" && one.Path != "/" && strings.HasPrefix(r.URL.Path+"/", one.Path+"/")
		out = append(out, one)
	}
	return out
}
