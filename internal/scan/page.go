package scan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"keepwatch/internal/sfmc"
)

const (
	maxRedirects = 5
	goodHSTS     = 30 * 24 * time.Hour
)

// page looks at one web page: its host, the way there, what it loads, and what its
// scripts hold.
func (r *run) page(ctx context.Context, t Target) {
	if !r.first("page " + t.URL.String()) {
		return
	}
	var group sync.WaitGroup
	defer group.Wait()
	if t.URL.Scheme == "https" && !r.host(ctx, t.Host, t.URL.Port()) {
		r.unknown(t.Name, errors.New("the page's host cannot be asked"), "public_token_call")
		return
	}
	if t.URL.Scheme == "https" && t.URL.Port() == "" {
		group.Go(func() { r.inTheOpen(ctx, t.URL) })
	}
	answer, way, ok := r.travel(ctx, t)
	if !ok {
		return
	}
	r.served(t.Name, answer, way)
	if end := answer.url.Hostname(); answer.url.Scheme == "https" && end != t.Host {
		group.Go(func() { r.host(ctx, end, answer.url.Port()) })
	}
	if answer.status >= 400 {
		return
	}
	r.hsts(t.Name, answer)
	if isHTML(answer) {
		d := readHTML(answer.body, answer.url)
		r.mixed(t.Name, answer, d.insecure)
		r.scripts(ctx, t.Name, answer, d)
	}
}

func isHTML(a reply) bool {
	kind := strings.ToLower(a.header.Get("Content-Type"))
	return kind == "" || strings.Contains(kind, "html")
}

// travel follows redirects by hand, so that each step is looked at before it is made.
func (r *run) travel(ctx context.Context, t Target) (answer reply, way []string, ok bool) {
	u := t.URL
	seen := map[string]bool{}
	f := Finding{Check: "redirect", Subject: t.Name}
	for {
		way = append(way, shown(u))
		f.Evidence = map[string]any{"way": way}
		if seen[u.String()] {
			f.Severity, f.Message, f.Hint = Critical, "The page redirects in a circle: nobody ever sees it.", "Look at the redirects of each address on the way."
			r.add(f)
			return reply{}, way, false
		}
		if seen[u.String()] = true; len(way) > maxRedirects+1 {
			f.Severity, f.Message, f.Hint = Warning, fmt.Sprintf("The page is more than %d redirects away.", maxRedirects), "Point the address at where it ends."
			r.add(f)
			return reply{}, way, false
		}
		var err error
		if answer, err = r.get(ctx, u, maxBody); err != nil {
			r.unseen(t.Name, u, err)
			return reply{}, way, false
		}
		next, redirected := target(answer)
		if !redirected {
			break
		}
		if u.Scheme == "https" && next.Scheme == "http" {
			f.Severity, f.Message = Critical, "The page sends visitors from https to http: "+shown(next)+"."
			f.Hint, f.Evidence = "Let the redirect name https.", map[string]any{"way": append(way, shown(next))}
			r.add(f)
			return reply{}, way, false
		}
		u = next
	}
	switch {
	case len(way) == 1 && u.Scheme == "http":
		f.Severity, f.Message, f.Hint = Warning, "The page is served without TLS: anybody on the way reads and changes it.", "Serve it over https, and redirect http there."
	case len(way) == 1:
		f.Severity, f.Message = OK, "It is served where it was asked for."
	case hostOf(way[0]) != hostOf(way[len(way)-1]):
		f.Severity, f.Message = Info, "Visitors end on another host: "+hostOf(way[len(way)-1])+"."
	default:
		f.Severity, f.Message = OK, "It is "+plural(len(way)-1, "redirect")+" away."
	}
	r.add(f)
	return answer, way, true
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// target is where a redirect leads; only addresses of the web count.
func target(a reply) (*url.URL, bool) {
	switch a.status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil, false
	}
	full := resolved(a.url, a.header.Get("Location"))
	if full == "" {
		return nil, false
	}
	u, err := url.Parse(full)
	return u, err == nil
}

// unseen says of a page that it could not be read.
func (r *run) unseen(subject string, at *url.URL, err error) {
	f := Finding{Check: "page", Subject: subject, Severity: blame(err), Message: "It could not be read: " + words(err) + ".", Hint: hintOf(err), Evidence: map[string]any{"asked": shown(at)}}
	r.add(f)
	r.unknown(subject, err, "public_token_call")
}

// served judges the status of the page where it ends.
func (r *run) served(subject string, a reply, way []string) {
	f := Finding{Check: "page", Subject: subject, Severity: OK, Message: "It is served.", Evidence: map[string]any{
		"http_status": a.status, "took_ms": ms(a.took), "bytes": len(a.body), "whole": !a.cut && !a.slow, "at": way[len(way)-1],
	}}
	switch {
	case a.status >= 500:
		f.Severity, f.Message, f.Hint = Critical, "The page fails: HTTP "+strconv.Itoa(a.status)+".", "Open it in a browser; if it fails there, too, look at the page's own code and at its host."
	case a.status >= 400:
		f.Severity, f.Message, f.Hint = Warning, "The page is not served: HTTP "+strconv.Itoa(a.status)+".", "Look at whether it was taken down, and at what still links to it."
	case a.status >= 300:
		f.Severity, f.Message = Warning, "The page redirects to nowhere that can be followed: HTTP "+strconv.Itoa(a.status)+"."
	}
	r.add(f)
	if sfmc.DefaultPageHost(a.url.Hostname()) {
		r.add(Finding{Check: "default_host", Subject: subject, Severity: Info, Message: "The page stands on the host that SFMC gives every account.",
			Hint: "Visitors trust a name of your own more, and links survive a move.", Evidence: map[string]any{"host": a.url.Hostname()}})
	} else {
		r.add(Finding{Check: "default_host", Subject: subject, Severity: OK, Message: "The page stands on a name of its own.", Evidence: map[string]any{"host": a.url.Hostname()}})
	}
}

// inTheOpen asks for the same page without TLS: it should lead to https, or nobody
// should be there.
func (r *run) inTheOpen(ctx context.Context, u *url.URL) {
	open := *u
	open.Scheme = "http"
	f := Finding{Check: "redirect", Subject: shown(&open), Severity: OK, Evidence: map[string]any{"way": []string{shown(&open)}}}
	a, err := r.get(ctx, &open, maxAnswer)
	if err != nil {
		if blame(err) != Critical { // refused is fine: nothing is served in the open
			return
		}
		f.Message = "Nothing is served without TLS."
		r.add(f)
		return
	}
	next, redirected := target(a)
	switch {
	case redirected && next.Scheme == "https":
		f.Message, f.Evidence = "Visitors without TLS are led to https.", map[string]any{"way": []string{shown(&open), shown(next)}}
	case redirected:
		f.Severity, f.Message = Info, "Visitors without TLS are led on without it."
	case a.status < 300:
		f.Severity, f.Message, f.Hint = Warning, "The page is served without TLS, too.", "Redirect http to https."
	default:
		f.Message = "It is not served without TLS (HTTP " + strconv.Itoa(a.status) + ")."
	}
	r.add(f)
}

func (r *run) hsts(subject string, a reply) {
	if a.url.Scheme != "https" {
		return
	}
	header := a.header.Get("Strict-Transport-Security")
	age, ok := hstsAge(header)
	f := Finding{Check: "hsts", Subject: subject, Severity: OK, Evidence: map[string]any{"header": header}}
	switch {
	case header == "":
		f.Severity, f.Message, f.Hint = Info, "Browsers are not told to keep to https (HSTS is missing).", "Ask whoever serves the page to send Strict-Transport-Security: max-age=31536000."
	case !ok:
		f.Severity, f.Message, f.Hint = Info, "The HSTS header cannot be read, so browsers ignore it.", "Write it like max-age=31536000."
	case age < goodHSTS:
		f.Severity, f.Message, f.Hint = Info, "Browsers keep to https for a short time only (HSTS under 30 days).", "Raise max-age to a year."
	default:
		f.Message = fmt.Sprintf("Browsers keep to https for %s.", plural(int(age/(24*time.Hour)), "day"))
	}
	r.add(f)
}

// hstsAge reads max-age; an absurd one is as good as a century.
func hstsAge(header string) (time.Duration, bool) {
	for part := range strings.SplitSeq(header, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if !strings.EqualFold(strings.TrimSpace(name), "max-age") {
			continue
		}
		n, err := strconv.ParseInt(strings.Trim(strings.TrimSpace(value), `"`), 10, 64)
		if err != nil || n < 0 {
			return 0, false
		}
		return time.Duration(min(n, 100*365*24*3600)) * time.Second, true
	}
	return 0, false
}

func (r *run) mixed(subject string, a reply, found insecure) {
	if a.url.Scheme != "https" {
		return
	}
	f := Finding{Check: "mixed_content", Subject: subject, Severity: OK, Message: "It loads nothing over http.",
		Evidence: map[string]any{"blocked": unique(found.active), "pictures": unique(found.passive)}}
	switch {
	case len(found.active) > 0:
		f.Severity, f.Message = Warning, "Over http it loads what browsers block then (scripts, styles, frames): "+strings.Join(unique(found.active)[:min(2, len(unique(found.active)))], ", ")+"."
		f.Hint = "Load it over https."
	case len(found.passive) > 0:
		f.Severity, f.Message, f.Hint = Info, "It loads "+plural(len(unique(found.passive)), "picture")+" over http.", "Load it over https."
	}
	r.add(f)
}

func unique(list []string) []string {
	out := slices.Clone(list)
	slices.Sort(out)
	return slices.Compact(append([]string{}, out...))
}

// found is one script with what it holds.
type found struct {
	where string
	first int // line of the page on which an own script begins; 0 for a file
	clue
}

// at is where in the file or page a place is.
func (s found) at(p place) place {
	if s.first > 0 {
		return place{s.first + p.line - 1, p.column}
	}
	return p
}

// scripts reads what the page runs, own scripts first, and judges them together: an
// address in one and a secret in another make a leak.
func (r *run) scripts(ctx context.Context, subject string, a reply, d document) {
	files := 0
	list := make([]found, len(d.scripts))
	errs := make([]error, len(d.scripts))
	cut := make([]bool, len(d.scripts))
	for i, s := range d.scripts {
		if s.src == "" {
			list[i] = found{shown(a.url), s.line, lookForToken([]byte(s.text))}
			continue
		}
		files++
	}
	r.each(len(d.scripts), func(i int) {
		src := d.scripts[i].src
		if src == "" {
			return
		}
		u, err := url.Parse(src)
		if err == nil && u.Scheme == "http" && a.url.Scheme == "https" {
			return // browsers do not run it
		}
		if err == nil {
			var answer reply
			if answer, err = r.get(ctx, u, maxBody); err == nil {
				cut[i] = answer.cut || answer.slow
				list[i] = found{where: shown(u)}
				if answer.status < 300 {
					list[i].clue = lookForToken(answer.body)
				}
			}
		}
		errs[i] = err
	})
	unread := 0
	for i := range errs {
		if errs[i] != nil || cut[i] {
			unread++
		}
	}
	r.add(leak(subject, list, len(d.scripts)-files, files, unread+d.left))
}

// leak judges all scripts of a page.
func leak(subject string, list []found, own, files, unread int) Finding {
	f := Finding{Check: "public_token_call", Subject: subject, Evidence: map[string]any{"own_scripts": own, "files": files, "not_read_whole": unread}}
	endpoint := slices.IndexFunc(list, func(s found) bool { return s.endpoint })
	host := slices.IndexFunc(list, func(s found) bool { return s.host })
	literal := slices.IndexFunc(list, func(s found) bool { return s.literal.there() })
	call := slices.IndexFunc(list, func(s found) bool { return s.call.there() })
	locate := func(s found, p place) {
		p = s.at(p)
		f.Evidence["script"], f.Evidence["line"], f.Evidence["column"] = s.where, p.line, p.column
		f.Evidence["tenant"] = cmp.Or(s.tenant, list[max(host, 0)].tenant)
	}
	where := func() string {
		return fmt.Sprintf("%v, line %v, column %v", f.Evidence["script"], f.Evidence["line"], f.Evidence["column"])
	}
	switch {
	case literal >= 0 && host >= 0:
		f.Severity = Critical
		locate(list[literal], list[literal].literal)
		f.Message = "A client secret stands in a public script: " + where() + "."
		f.Hint = "Take it for stolen: generate a new secret in Setup > Apps > Installed Packages and activate it, then move the call to a server. Taking the script down does not help, copies are kept."
	case call >= 0:
		f.Severity = Critical
		locate(list[call], list[call].call)
		f.Message = "The browser asks for a token with a client secret: " + where() + "."
		f.Hint = "Whoever opens the page can read the secret as it is sent: generate a new one, and move the call to a server."
	case endpoint >= 0:
		f.Severity = Warning
		locate(list[endpoint], list[endpoint].token)
		f.Message = "The browser asks for a token; no secret was seen beside it: " + where() + "."
		f.Hint = "Fine for a public app that signs visitors in; anything else belongs on a server."
	case unread > 0:
		f.Severity = Unknown
		f.Message = plural(unread, "script") + " could not be read whole; the others ask for no token."
	default:
		f.Severity, f.Message = OK, "No script asks for a token or holds a client secret."
	}
	return f
}
