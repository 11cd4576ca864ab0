package scan

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"keepwatch/internal/sfmc"
)

// Limits of RFC 7208 §4.6.4, and our own on the way there.
const (
	maxLookups  = 10
	countUpTo   = 40 // lookups that are followed to say how many it takes
	maxSPFDepth = 15
)

// term is one mechanism or modifier of an SPF record.
type term struct {
	qualifier byte // + - ~ ?
	name      string
	value     string
}

// parseSPF reads a record. The error is what a receiver would call a permanent one.
func parseSPF(text string) ([]term, error) {
	fields := strings.Fields(text)
	if len(fields) == 0 || !strings.EqualFold(fields[0], "v=spf1") {
		return nil, errors.New("it does not begin with v=spf1")
	}
	var list []term
	for _, field := range fields[1:] {
		t, err := parseTerm(field)
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, nil
}

func parseTerm(field string) (term, error) {
	name, value, modifier := strings.Cut(field, "=")
	if modifier && goodModifier(name) {
		t := term{name: strings.ToLower(name), value: value}
		if (t.name == "redirect" || t.name == "exp") && value == "" {
			return t, fmt.Errorf("%s names no domain", t.name)
		}
		return t, nil
	}
	t := term{qualifier: '+'}
	rest := field
	if strings.IndexByte("+-~?", rest[0]) >= 0 {
		t.qualifier, rest = rest[0], rest[1:]
	}
	end := strings.IndexAny(rest, ":/")
	if end < 0 {
		end = len(rest)
	}
	t.name, t.value = strings.ToLower(rest[:end]), strings.TrimPrefix(rest[end:], ":")
	return t, t.check(field)
}

func goodModifier(name string) bool {
	for i, c := range name {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '-' && c != '_' && c != '.') {
			return false
		}
	}
	return name != ""
}

func (t term) check(field string) error {
	switch t.name {
	case "all":
		if t.value != "" {
			return fmt.Errorf("%q has a value", clean(field, 60))
		}
	case "include", "exists":
		if t.value == "" || strings.HasPrefix(t.value, "/") {
			return fmt.Errorf("%q names no domain", clean(field, 60))
		}
	case "a", "mx":
	case "ptr":
	case "ip4", "ip6":
		if !goodAddress(t.value, t.name == "ip4") {
			return fmt.Errorf("%q is no address", clean(field, 60))
		}
	default:
		return fmt.Errorf("%q is no mechanism of SPF", clean(field, 60))
	}
	return nil
}

func goodAddress(value string, four bool) bool {
	host, bits, prefixed := strings.Cut(value, "/")
	addr, err := netip.ParseAddr(host)
	if err != nil || addr.Is4() != four || addr.Zone() != "" {
		return false
	}
	n, err := strconv.Atoi(bits)
	return !prefixed || err == nil && n >= 0 && n <= addr.BitLen()
}

// looksUp reports whether a term costs a receiver a question.
func (t term) looksUp() bool {
	switch t.name {
	case "include", "a", "mx", "ptr", "exists", "redirect":
		return true
	}
	return false
}

// spfWalk follows a record through its includes.
type spfWalk struct {
	run     *run
	lookups int
	depth   int
	domains []string // included
	broken  string   // why a receiver gives up
	hint    string
	macros  bool
	all     byte // qualifier of the top record's all; 0: none
	unsure  error
}

// spfOf finds the SPF record of a domain among its texts.
func (r *run) spfOf(ctx context.Context, domain string) (records []string, missing bool, err error) {
	a, err := r.dns.ask(ctx, domain, dns.TypeTXT)
	if err != nil {
		return nil, false, err
	}
	for _, text := range textsOf(a) {
		if first, _, _ := strings.Cut(text, " "); strings.EqualFold(first, "v=spf1") {
			records = append(records, text)
		}
	}
	return records, a.missing, nil
}

// textsOf are the TXT records, each put together from its pieces.
func textsOf(a answer) (list []string) {
	for _, rr := range a.records {
		if txt, ok := rr.(*dns.TXT); ok {
			list = append(list, strings.Join(txt.Txt, ""))
		}
	}
	return list
}

// follow reads a record and those that it leads to. top: its all is that of the domain.
func (w *spfWalk) follow(ctx context.Context, domain, record string, path []string, top bool) {
	terms, err := parseSPF(record)
	if err != nil {
		w.stop("The SPF record of "+domain+" cannot be read: "+err.Error()+".", "Correct the record; receivers treat it as if every sender were wrong, or as if there were none.")
		return
	}
	w.depth = max(w.depth, len(path))
	all := slices.ContainsFunc(terms, func(t term) bool { return t.name == "all" })
	for _, t := range terms {
		if t.name == "redirect" && all {
			continue // never reached
		}
		if t.looksUp() {
			w.lookups++
		}
		if top && t.name == "all" {
			w.all = t.qualifier
		}
		if t.name == "include" || t.name == "redirect" {
			w.into(ctx, domain, t, path, top && t.name == "redirect")
		}
		if t.name == "all" || w.lookups > countUpTo {
			return
		}
	}
}

func (w *spfWalk) into(ctx context.Context, domain string, t term, path []string, top bool) {
	if strings.Contains(t.value, "%") {
		w.macros = true // depends on each mail
		return
	}
	next := bare(strings.ToLower(t.value))
	w.domains = append(w.domains, next)
	switch {
	case next == domain || slices.Contains(path, next):
		w.stop("SPF goes round in a circle: "+domain+" includes "+next+", which leads back to it.", "Take one of the includes out.")
		return
	case len(path) >= maxSPFDepth || w.lookups > countUpTo:
		return
	}
	if _, ok := dns.IsDomainName(next); !ok {
		w.stop(fmt.Sprintf("The SPF record of %s includes %q, which is no domain.", domain, clean(next, 80)), "Correct the name.")
		return
	}
	records, _, err := w.run.spfOf(ctx, next)
	switch {
	case err != nil:
		w.unsure = err
	case len(records) == 0:
		w.stop("The SPF record of "+domain+" includes "+clean(next, 80)+", which has none.", missingInclude(next))
	case len(records) > 1:
		w.stop(clean(next, 80)+", which the SPF record of "+domain+" includes, has "+plural(len(records), "SPF record")+".", "Whoever keeps it has to leave one.")
	default:
		w.follow(ctx, next, records[0], append(slices.Clone(path), domain), top)
	}
}

func missingInclude(name string) string {
	if strings.HasSuffix(name, ".exacttarget.com") && name != sfmc.SPFInclude {
		return "SFMC's name is " + sfmc.SPFInclude + "; one published sample misspells it."
	}
	return "Take it out, or correct the name."
}

func (w *spfWalk) stop(why, hint string) {
	if w.broken == "" {
		w.broken, w.hint = why, hint
	}
}

// includesSFMC reports whether SFMC's senders are let in.
func (w *spfWalk) includesSFMC() bool {
	return slices.ContainsFunc(w.domains, func(d string) bool { return d == sfmc.SPFInclude || strings.HasSuffix(d, ".exacttarget.com") })
}

// spf judges the record of a domain. signs tells whether the domain is one that SFMC
// sends for; elsewhere says that the envelope's own name lets SFMC in already.
func (r *run) spf(ctx context.Context, domain string, signs bool, elsewhere string) (included bool) {
	f := Finding{Check: "spf", Subject: domain, Severity: OK}
	records, _, err := r.spfOf(ctx, domain)
	switch {
	case err != nil:
		r.unknown(domain, err, "spf")
		return false
	case len(records) == 0:
		f.Severity, f.Message = Warning, "There is no SPF record: anybody may send in this domain's name."
		f.Hint = "Publish one that ends with ~all or -all; for SFMC it has include:" + sfmc.SPFInclude + "."
		f.Evidence = map[string]any{"records": 0}
		r.add(f)
		return false
	case len(records) > 1:
		f.Severity, f.Message = Critical, "There are "+plural(len(records), "SPF record")+", so receivers use none."
		f.Hint, f.Evidence = "Join them into one.", map[string]any{"records": len(records), "record": records}
		r.add(f)
		return false
	}
	w := &spfWalk{run: r}
	w.follow(ctx, domain, records[0], nil, true)
	f.Evidence = map[string]any{"record": records[0], "lookups": w.lookups, "depth": w.depth, "includes": w.domains, "sfmc": w.includesSFMC()}
	w.judge(&f, signs, elsewhere)
	r.add(f)
	return w.includesSFMC()
}

func (w *spfWalk) judge(f *Finding, signs bool, elsewhere string) {
	switch {
	case w.lookups > maxLookups:
		f.Severity, f.Message = Critical, fmt.Sprintf("SPF takes %s DNS lookups, and receivers make at most %d: it cannot be evaluated.", atLeast(w.lookups), maxLookups)
		f.Hint = "Take includes out that nobody needs any more, or move a sender to a subdomain of its own."
	case w.broken != "":
		f.Severity, f.Message, f.Hint = Critical, w.broken, w.hint
	case w.all == '+':
		f.Severity, f.Message = Critical, "SPF ends with +all: it lets everybody send in this domain's name."
		f.Hint = "End it with ~all or -all."
	case w.unsure != nil:
		f.Severity, f.Message = Unknown, "SPF could not be followed to its end: "+words(w.unsure)+"."
	case signs && !w.includesSFMC() && elsewhere == "" && !w.macros:
		f.Severity, f.Message = Warning, "SFMC sends for this domain, and SPF does not let it."
		f.Hint = "Add include:" + sfmc.SPFInclude + ", unless the envelope sender is always another domain."
	case w.all == 0 || w.all == '?':
		f.Severity, f.Message = Info, "SPF says nothing of senders that it does not name."
		f.Hint = "End it with ~all or -all."
	default:
		f.Message = fmt.Sprintf("SPF can be evaluated with %d of %d DNS lookups", w.lookups, maxLookups)
		switch {
		case w.includesSFMC():
			f.Message += ", and lets SFMC send"
		case elsewhere != "":
			f.Message += "; " + elsewhere + " lets SFMC send"
		}
		f.Message += "."
	}
}

func atLeast(n int) string {
	if n > countUpTo {
		return fmt.Sprintf("more than %d", countUpTo)
	}
	return strconv.Itoa(n)
}
