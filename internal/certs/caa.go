package certs

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"keepwatch"
)

// CAA tells whether the next certificate may be issued (RFC 8659).
type CAA struct {
	Domain    string   // where records were found; "" when nobody is kept out
	Allowed   []string // domains of the authorities that may issue; none forbids all
	Issuer    string   // the authority of the present certificate
	Forbidden bool     // it may not issue the next one
}

const (
	caaLimit = 3 * time.Second
	// maxClimb is how many names are asked on the way to the root.
	maxClimb = 10
	off      = "off"
	// resolvConf names the system's name servers where there is such a file.
	resolvConf = "/etc/resolv.conf"
)

// authorities are the domains by which those that SFMC and its customers buy from
// are called in CAA records, by a word of the issuer's organization. From the
// authorities' own practice statements (CCADB, "CAA identifiers").
var authorities = []struct {
	word    string
	domains []string
}{
	{"digicert", []string{"digicert.com", "www.digicert.com", "digicert.ne.jp", "symantec.com", "thawte.com", "geotrust.com", "rapidssl.com", "volusion.digitalcertvalidation.com"}},
	{"geotrust", []string{"digicert.com", "geotrust.com"}},
	{"thawte", []string{"digicert.com", "thawte.com"}},
	{"let's encrypt", []string{"letsencrypt.org"}},
	{"internet security research group", []string{"letsencrypt.org"}},
	{"sectigo", []string{"sectigo.com", "comodo.com", "comodoca.com", "usertrust.com", "trust-provider.com"}},
	{"comodo", []string{"sectigo.com", "comodo.com", "comodoca.com", "usertrust.com"}},
	{"zerossl", []string{"sectigo.com", "zerossl.com"}},
	{"globalsign", []string{"globalsign.com"}},
	{"google trust services", []string{"pki.goog"}},
	{"amazon", []string{"amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com", "aws.amazon.com"}},
	{"entrust", []string{"entrust.net", "affirmtrust.com"}},
	{"godaddy", []string{"godaddy.com", "starfieldtech.com"}},
	{"starfield", []string{"starfieldtech.com", "godaddy.com"}},
	{"microsoft", []string{"microsoft.com"}},
	{"ssl corp", []string{"ssl.com"}},
	{"identrust", []string{"identrust.com"}},
	{"quovadis", []string{"quovadisglobal.com", "digicert.com"}},
	{"swisssign", []string{"swisssign.com"}},
	{"d-trust", []string{"d-trust.net", "dtrust.de"}},
	{"telekom", []string{"telesec.de"}},
	{"actalis", []string{"actalis.it"}},
	{"certum", []string{"certum.pl"}},
	{"unizeto", []string{"certum.pl"}},
	{"asseco", []string{"certum.pl"}},
	{"buypass", []string{"buypass.com", "buypass.no"}},
	{"harica", []string{"harica.gr"}},
}

// authorityOf finds who issued a certificate; ok is false for one that is not
// known, of which nothing can be said.
func authorityOf(c *x509.Certificate) (name string, domains []string, ok bool) {
	organization := first(c.Issuer.Organization)
	lower := strings.ToLower(organization)
	for _, a := range authorities {
		if strings.Contains(lower, a.word) {
			return clean(organization, maxName), a.domains, true
		}
	}
	return "", nil, false
}

// CAA asks the name servers whether the authority that issued c may issue the
// next one for name. ok is false when nothing can be said: the authority is not
// known, the name is an address, or nobody is to be asked.
func (r *Reader) CAA(ctx context.Context, c *x509.Certificate, name string) (answer CAA, ok bool, err error) {
	issuer, domains, known := authorityOf(c)
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	if _, ip := netip.ParseAddr(name); ip == nil || !known || r.resolver == off || !strings.Contains(name, ".") {
		return CAA{}, false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, caaLimit)
	defer cancel()
	wild, name := wildcard(c, name)
	labels := strings.Split(name, ".")
	for i := range min(len(labels), maxClimb) {
		domain := strings.Join(labels[i:], ".")
		records, err := r.records(ctx, domain)
		if err != nil {
			return CAA{}, false, err
		}
		if len(records) > 0 {
			return judgeCAA(CAA{Domain: domain, Issuer: issuer}, records, wild, domains), true, nil
		}
	}
	return CAA{Issuer: issuer}, true, nil
}

// wildcard tells whether the certificate is for name by a star, and where the
// climb begins then.
func wildcard(c *x509.Certificate, name string) (bool, string) {
	if slices.ContainsFunc(c.DNSNames, func(n string) bool { return strings.EqualFold(n, name) }) {
		return false, name
	}
	_, parent, _ := strings.Cut(name, ".")
	if slices.ContainsFunc(c.DNSNames, func(n string) bool { return strings.EqualFold(n, "*."+parent) }) {
		return true, parent
	}
	return false, name
}

// judgeCAA reads the records of one name. Records without an issue tag (iodef
// alone) keep nobody out; issuewild goes before issue for a star.
func judgeCAA(a CAA, records []*dns.CAA, wild bool, domains []string) CAA {
	tag := "issue"
	if wild && slices.ContainsFunc(records, func(r *dns.CAA) bool { return strings.EqualFold(r.Tag, "issuewild") }) {
		tag = "issuewild"
	}
	restricted := false
	for _, record := range records {
		known := slices.Contains([]string{"issue", "issuewild", "iodef", "issuemail", "issuevmc", "contactemail", "contactphone"}, strings.ToLower(record.Tag))
		if !known && record.Flag&0x80 != 0 {
			restricted = true // an authority that does not know a critical tag must not issue
			a.Allowed = nil
			break
		}
		if !strings.EqualFold(record.Tag, tag) {
			continue
		}
		restricted = true
		domain, _, _ := strings.Cut(record.Value, ";")
		if domain = clean(strings.ToLower(strings.TrimSpace(domain)), maxName); domain != "" && len(a.Allowed) < maxCAA {
			a.Allowed = append(a.Allowed, domain)
		}
	}
	slices.Sort(a.Allowed)
	a.Allowed = slices.Compact(a.Allowed)
	a.Forbidden = restricted && !slices.ContainsFunc(a.Allowed, func(d string) bool { return slices.Contains(domains, d) })
	return a
}

const maxCAA = 32

// records asks for the CAA records of one name; the name server follows aliases.
func (r *Reader) records(ctx context.Context, domain string) ([]*dns.CAA, error) {
	server, err := r.nameServer()
	if err != nil {
		return nil, err
	}
	question := new(dns.Msg).SetQuestion(dns.Fqdn(domain), dns.TypeCAA)
	question.SetEdns0(1232, false)
	var reply *dns.Msg
	for _, network := range []string{"udp", "tcp"} { // again over TCP when the answer was cut
		client := &dns.Client{Net: network, Timeout: caaLimit}
		if reply, _, err = client.ExchangeContext(ctx, question, server); err == nil && !reply.Truncated {
			break
		}
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("CAA records of %s: %w", domain, err)
	case reply.Rcode == dns.RcodeNameError:
		return nil, nil
	case reply.Rcode != dns.RcodeSuccess:
		return nil, fmt.Errorf("CAA records of %s: the name server answered %s: %w", domain, dns.RcodeToString[reply.Rcode], keepwatch.ErrUnavailable)
	}
	var list []*dns.CAA
	for _, rr := range reply.Answer {
		if caa, is := rr.(*dns.CAA); is {
			list = append(list, caa)
		}
	}
	return list, nil
}

func (r *Reader) nameServer() (string, error) {
	if r.resolver != "" {
		return r.resolver, nil
	}
	config, err := dns.ClientConfigFromFile(resolvConf)
	if err != nil || len(config.Servers) == 0 {
		return "", keepwatch.WithHint(errors.Join(errors.New("no name server is known"), keepwatch.ErrUnavailable), "name one as the resolver")
	}
	return net.JoinHostPort(config.Servers[0], config.Port), nil
}

// lookAtCAA adds what the name servers say of the next certificate, and the problem
// when it would not be issued. Only a certificate that callers trust has a public
// authority behind it. When the name servers do not answer, what they said last still
// holds: a problem that came and went with them would be drift.
func (r *Reader) lookAtCAA(ctx context.Context, f *Found, c *x509.Certificate, name string) {
	answer, ok, err := r.CAA(ctx, c, name)
	if err != nil {
		f.CAAUnasked = true
		if kept, found := r.answers.Load(name); found {
			answer, ok = kept.(CAA)
		}
	} else if ok {
		r.answers.Store(name, answer)
	}
	if !ok {
		return
	}
	f.CAA = &answer
	if !answer.Forbidden {
		return
	}
	allowed := "nobody"
	if len(answer.Allowed) > 0 {
		allowed = clean(strings.Join(answer.Allowed, ", "), 160)
	}
	f.Problems = append(f.Problems, Problem{
		Name:    CAAForbids,
		Message: fmt.Sprintf("The CAA records of %s let only %s issue certificates, so %s cannot renew this one.", answer.Domain, allowed, answer.Issuer),
		Hint:    "Add a CAA record for " + answer.Issuer + " before the certificate ends; SFMC renews its own with DigiCert (digicert.com).",
	})
}
