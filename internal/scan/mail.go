package scan

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/miekg/dns"
	"golang.org/x/net/publicsuffix"

	"keepwatch"
	"keepwatch/internal/sfmc"
)

// mailChecks are made of a domain's DNS.
var mailChecks = []string{"spf", "dkim", "dmarc", "mx", "dnssec", "stack"}

// each runs something for 0 to n-1 side by side and waits for all.
func (r *run) each(n int, do func(int)) {
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { do(i) })
	}
	group.Wait()
}

// domain looks at a domain that mail is sent from: its DNS, and the hosts that SFMC
// serves under it.
func (r *run) domain(ctx context.Context, domain string) {
	if !r.first("domain " + domain) {
		return
	}
	top, err := r.dns.ask(ctx, domain, dns.TypeTXT)
	switch {
	case err != nil:
		r.unknown(domain, err, mailChecks...)
	case top.missing && r.nothing(ctx, domain):
		r.add(Finding{Check: "mx", Subject: domain, Severity: Critical, Message: "The domain does not exist.", Hint: "Look at the spelling; if it is right, at whether the domain was renewed.",
			Evidence: map[string]any{"servers": []string{}}})
		return
	}
	var group sync.WaitGroup
	group.Go(func() { r.branded(ctx, domain) })
	if err == nil {
		group.Go(func() { r.dmarc(ctx, domain) })
		group.Go(func() { r.dnssec(ctx, domain, top) })
		group.Go(func() { r.senders(ctx, domain) })
	}
	group.Wait()
}

// nothing makes sure that no name at all stands under a domain that does not exist
// itself: some name servers say so of names with others beneath.
func (r *run) nothing(ctx context.Context, domain string) bool {
	a, err := r.dns.ask(ctx, domain, dns.TypeSOA)
	return err == nil && a.missing
}

// senders looks at what belongs together: who may send, and whether that is SFMC.
func (r *run) senders(ctx context.Context, domain string) {
	var keys []string
	var elsewhere string
	var group sync.WaitGroup
	group.Go(func() { keys = r.dkim(ctx, domain) })
	group.Go(func() { r.mx(ctx, domain, true) })
	for _, label := range sfmc.MailLabels {
		group.Go(func() { r.mx(ctx, label+"."+domain, false) })
	}
	group.Go(func() { r.nameServers(ctx, domain) })
	group.Go(func() { elsewhere = r.envelope(ctx, "bounce."+domain) })
	group.Wait()
	stacks := r.stack(domain)
	signs := stacks || len(keys) > 0
	included := r.spf(ctx, domain, signs, elsewhere)
	if len(keys) == 0 {
		r.noKey(domain, signs || included)
	}
}

// envelope reports the name that bounces go to when its SPF lets SFMC send: then the
// domain's own need not.
func (r *run) envelope(ctx context.Context, name string) string {
	records, _, err := r.spfOf(ctx, name)
	if err != nil || len(records) != 1 {
		return ""
	}
	w := &spfWalk{run: r}
	w.follow(ctx, name, records[0], nil, true)
	if w.broken == "" && w.lookups <= maxLookups && w.includesSFMC() {
		return name
	}
	return ""
}

func (r *run) noKey(domain string, signs bool) {
	f := Finding{Check: "dkim", Subject: domain, Evidence: map[string]any{"selectors": sfmc.DKIMSelectors}}
	if signs {
		f.Severity, f.Message = Warning, "SFMC sends for this domain, and none of the selectors that it is known to use has a key."
		f.Hint = "Send yourself a mail and look at s= in its DKIM-Signature; then look at that selector's record."
	} else {
		f.Severity, f.Message = Info, "None of the selectors that SFMC is known to use has a key; selectors cannot be listed, so another may."
	}
	r.mu.Lock()
	_, told := r.index[f.key()]
	r.mu.Unlock()
	if !told { // it may be unknown
		r.add(f)
	}
}

// mx looks at where mail to a name goes.
func (r *run) mx(ctx context.Context, name string, needed bool) {
	a, err := r.dns.ask(ctx, name, dns.TypeMX)
	if err != nil {
		if needed {
			r.unknown(name, err, "mx")
		}
		return
	}
	servers, gone, literal, null := []string{}, []string{}, []string{}, false
	for _, rr := range a.records[:min(len(a.records), maxAddresses)] {
		mx, ok := rr.(*dns.MX)
		if !ok {
			continue
		}
		host := bare(strings.ToLower(mx.Mx))
		if host == "." || host == "" {
			null = true
			continue
		}
		servers = append(servers, host)
		if stack, ok := sfmc.StackOf(host); ok {
			r.showsStack(stack, name)
		}
		if _, err := netip.ParseAddr(host); err == nil {
			literal = append(literal, host)
		} else if _, err := r.client.Lookup(ctx, host); err != nil && blame(err) == Critical {
			gone = append(gone, host)
		}
	}
	slices.Sort(servers)
	if !needed && len(servers) == 0 {
		return
	}
	f := Finding{Check: "mx", Subject: name, Severity: OK, Evidence: map[string]any{"servers": servers}}
	switch {
	case len(gone) > 0:
		f.Severity, f.Message = Critical, "Mail to it cannot be delivered: "+strings.Join(gone, " and ")+" does not exist."
		f.Hint = "Correct the MX record; replies, unsubscribes and bounces are lost until then."
	case len(literal) > 0:
		f.Severity, f.Message, f.Hint = Warning, "An MX record names an address and not a host; many senders refuse that.", "Name a host."
	case null && len(servers) == 0:
		f.Severity, f.Message, f.Hint = Info, "It takes no mail, and says so (null MX): replies to it come back.", "Fine when a reply address of another domain is used."
	case len(servers) == 0:
		r.noMX(ctx, &f)
	default:
		f.Message = "Mail to it goes to " + strings.Join(servers[:min(3, len(servers))], ", ") + "."
	}
	r.add(f)
}

func (r *run) noMX(ctx context.Context, f *Finding) {
	if _, err := r.client.Lookup(ctx, f.Subject); err == nil {
		f.Severity, f.Message, f.Hint = Info, "It has no MX record, so mail goes to the web server's address.", "Publish an MX record, or a null MX when it takes no mail."
		return
	}
	f.Severity, f.Message = Warning, "It has no mail server: replies cannot be delivered, and some receivers distrust mail from it."
	f.Hint = "Publish an MX record."
}

// nameServers notes whether the zone is kept by SFMC.
func (r *run) nameServers(ctx context.Context, domain string) {
	a, err := r.dns.ask(ctx, domain, dns.TypeNS)
	if err != nil {
		return
	}
	for _, rr := range a.records {
		if ns, ok := rr.(*dns.NS); ok && sfmc.Delegated(ns.Ns) {
			r.showsStack("", domain)
		}
	}
}

// stack tells on which stack a domain's mail ends, and reports whether SFMC is seen.
func (r *run) stack(domain string) bool {
	of := map[string][]string{}
	stacks := []string{}
	delegated := false
	r.mu.Lock()
	for stack, names := range r.stacks {
		for _, name := range names {
			if name != domain && !strings.HasSuffix(name, "."+domain) {
				continue
			}
			if stack == "" {
				delegated = true
				continue
			}
			if of[stack] = append(of[stack], name); len(of[stack]) == 1 {
				stacks = append(stacks, stack)
			}
		}
	}
	r.mu.Unlock()
	slices.Sort(stacks)
	f := Finding{Check: "stack", Subject: domain, Severity: OK, Evidence: map[string]any{"stacks": stacks, "zone_kept_by_sfmc": delegated}}
	for stack, names := range of {
		slices.Sort(names)
		f.Evidence[strings.ToLower(stack)] = names
	}
	switch {
	case len(stacks) > 1:
		f.Severity, f.Message = Warning, "Its names point to different stacks: "+strings.Join(stacks, ", ")+"."
		f.Hint = "After a move to another stack, records of the old one lose replies and bounces: compare them with Setup."
	case len(stacks) == 1:
		f.Message = "Its mail ends on the stack " + stacks[0] + "."
	case delegated:
		f.Message = "SFMC keeps its zone; no record shows the stack."
	default:
		f.Severity, f.Message = Info, "No record shows an SFMC stack."
	}
	r.add(f)
	return len(stacks) > 0 || delegated
}

// dnssec says what the name server says.
func (r *run) dnssec(ctx context.Context, domain string, top answer) {
	f := Finding{Check: "dnssec", Subject: domain, Severity: Info}
	signed, err := r.signed(ctx, domain)
	state := "not_signed"
	switch {
	case top.bogus:
		state, f.Severity = "bogus", Critical
		f.Message = "The domain's signatures do not hold: name servers that check them do not answer for it."
		f.Hint = "Look at the DS record at the registrar and at when the signatures end."
	case top.validated:
		state, f.Severity, f.Message = "validated", OK, "Signed, and the name server that was asked says that it has checked."
	case signed:
		state, f.Message = "signed", "Signed; the name server that was asked does not say that it checks."
	case err != nil:
		state, f.Message = "untold", "The name server does not tell whether it is signed."
	default:
		f.Message = "Not signed."
	}
	f.Evidence = map[string]any{"state": state}
	r.add(f)
}

// signed looks for a DS record at the domain and above, up to where it was registered.
func (r *run) signed(ctx context.Context, domain string) (bool, error) {
	top, _ := publicsuffix.EffectiveTLDPlusOne(domain)
	for name := domain; ; {
		a, err := r.dns.ask(ctx, name, dns.TypeDS)
		if err != nil || len(a.records) > 0 {
			return len(a.records) > 0, err
		}
		_, parent, more := strings.Cut(name, ".")
		if name == top || top == "" || !more {
			return false, nil
		}
		name = parent
	}
}

// branded looks at the hosts that SFMC serves under a domain, those that exist. Where
// every name resolves to the same place, that a host exists says nothing.
func (r *run) branded(ctx context.Context, domain string) {
	everywhere, wildcard := r.client.Lookup(ctx, "keepwatch-"+keepwatch.Digest(domain)+"."+domain)
	if wildcard == nil {
		r.add(Finding{Check: "host", Subject: "*." + domain, Severity: Info, Message: "Every name under it resolves, so only hosts that go elsewhere are looked at.",
			Hint: "Name a host itself to have it looked at, like click." + domain + ".", Evidence: map[string]any{"addresses": len(everywhere)}})
	}
	r.each(len(sfmc.BrandedLabels), func(i int) {
		host := sfmc.BrandedLabels[i] + "." + domain
		addresses, err := r.client.Lookup(ctx, host)
		switch {
		case err == nil && wildcard == nil && within(addresses, everywhere):
		case err == nil:
			r.host(ctx, host, "")
		case missing(err):
		default:
			r.unknown(host, err, "host")
		}
	})
}

// missing reports whether a name does not exist, which is different from no answer.
func missing(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && dns.IsNotFound
}

func within(list, all []netip.Addr) bool {
	return !slices.ContainsFunc(list, func(a netip.Addr) bool { return !slices.Contains(all, a) })
}
