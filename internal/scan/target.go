package scan

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/idna"

	"keepwatch"
	"keepwatch/internal/sfmc"
)

// Kind of a target.
type Kind string

// The kinds.
const (
	KindTenant Kind = "tenant" // a tenant's subdomain
	KindDomain Kind = "domain" // a domain that mail is sent from
	KindHost   Kind = "host"   // one host of a branded domain
	KindPage   Kind = "page"   // a web page
)

// Target is one thing to be looked at.
type Target struct {
	Kind Kind
	Name string   // as it is shown: never with a query, which may hold what is nobody's business
	Host string   // of a host: its name; else that of the page or the domain; for a tenant its subdomain
	Port string   // of a host; "" is 443
	URL  *url.URL // of a page
}

// MaxTargets is how many targets one scan takes.
const MaxTargets = 200

// ParseTarget reads a subdomain, a domain, a host or the address of a page.
func ParseTarget(text string) (Target, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "" || len(text) > 2000:
		return Target{}, noTarget(text)
	case strings.Contains(text, "://"):
		return parsePage(text)
	case sfmc.ValidSubdomain(text) == nil:
		return tenantOf(text), nil
	}
	if at := strings.LastIndexByte(text, '@'); at > 0 { // a sender's address
		text = text[at+1:]
	}
	host, port := text, ""
	if h, p, err := net.SplitHostPort(text); err == nil {
		host, port = h, p
	}
	name, err := hostName(host)
	if err != nil || !goodPort(port) {
		return Target{}, noTarget(text)
	}
	if sub, ok := sfmc.SubdomainOf(name); ok && port == "" {
		return tenantOf(sub), nil
	}
	if port != "" {
		return Target{Kind: KindHost, Name: net.JoinHostPort(name, port), Host: name, Port: port}, nil
	}
	if first, _, _ := strings.Cut(name, "."); slices.Contains(sfmc.BrandedLabels, first) || sfmc.DefaultPageHost(name) {
		return Target{Kind: KindHost, Name: name, Host: name}, nil
	}
	return Target{Kind: KindDomain, Name: name, Host: name}, nil
}

func tenantOf(sub string) Target {
	sub = strings.ToLower(sub)
	return Target{Kind: KindTenant, Name: sub, Host: sub}
}

func parsePage(text string) (Target, error) {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" || !goodPort(u.Port()) {
		return Target{}, noTarget(text)
	}
	if u.User != nil {
		return Target{}, keepwatch.WithHint(fmt.Errorf("the address of a page has a user name in it: %w", keepwatch.ErrInvalid), "a scan sends no credential: leave it out")
	}
	host := u.Hostname()
	if _, err := netip.ParseAddr(host); err != nil {
		if host, err = hostName(host); err != nil {
			return Target{}, noTarget(text)
		}
	}
	if sub, ok := sfmc.SubdomainOf(host); ok && u.Port() == "" {
		return tenantOf(sub), nil
	}
	if u.Port() != "" {
		u.Host = net.JoinHostPort(host, u.Port())
	} else {
		u.Host = bracketed(host)
	}
	u.Fragment, u.RawFragment = "", ""
	if u.Path == "" {
		u.Path = "/"
	}
	return Target{Kind: KindPage, Name: shown(u), Host: host, URL: u}, nil
}

func bracketed(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// shown is an address without its query.
func shown(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

func noTarget(text string) error {
	if at := strings.IndexAny(text, "?#"); at >= 0 {
		text = text[:at]
	}
	return keepwatch.WithHint(fmt.Errorf("%q is nothing to scan: %w", clean(text, 80), keepwatch.ErrInvalid),
		"name a tenant's subdomain (28 characters), a domain like news.example.com, a host like click.news.example.com:443, or a page like https://cloud.news.example.com/offer")
}

func goodPort(port string) bool {
	n, err := strconv.Atoi(port)
	return port == "" || err == nil && n > 0 && n < 65536
}

// hostName makes a name into the form in which DNS knows it.
func hostName(name string) (string, error) {
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	ascii, err := idna.Lookup.ToASCII(name)
	if err != nil {
		// Underscores are no host names, but stand in names all the same.
		if ascii = name; strings.ContainsFunc(name, func(r rune) bool { return r > 'z' }) {
			return "", err
		}
	}
	if len(ascii) > 253 || !strings.Contains(ascii, ".") {
		return "", keepwatch.ErrInvalid
	}
	for label := range strings.SplitSeq(ascii, ".") {
		if !goodLabel(label) {
			return "", keepwatch.ErrInvalid
		}
	}
	if _, err := netip.ParseAddr(ascii); err == nil {
		return "", keepwatch.ErrInvalid // a certificate and mail want a name
	}
	return ascii, nil
}

func goodLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	return !strings.ContainsFunc(label, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
	})
}

// ParseTargets reads several, each once.
func ParseTargets(texts []string) ([]Target, error) {
	var list []Target
	for _, text := range texts {
		t, err := ParseTarget(text)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(list, func(have Target) bool { return have.Kind == t.Kind && have.Name == t.Name }) {
			list = append(list, t)
		}
	}
	switch {
	case len(list) == 0:
		return nil, noTarget("")
	case len(list) > MaxTargets:
		return nil, keepwatch.WithHint(fmt.Errorf("there are %d targets: %w", len(list), keepwatch.ErrInvalid), fmt.Sprintf("scan at most %d at a time", MaxTargets))
	}
	return list, nil
}

// ReadTargets reads a file with one target a line; # begins a comment.
func ReadTargets(r io.Reader) ([]string, error) {
	var list []string
	lines := bufio.NewScanner(io.LimitReader(r, 1<<20))
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		if text = strings.TrimSpace(strings.TrimPrefix(text, "\ufeff")); text == "" {
			continue
		}
		if _, err := ParseTarget(text); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		list = append(list, text)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("the list of targets cannot be read: %w", err)
	}
	return list, nil
}
