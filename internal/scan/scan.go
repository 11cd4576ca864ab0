package scan

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"keepwatch"
	"keepwatch/internal/certs"
	"keepwatch/internal/egress"
	"keepwatch/internal/sfmc"
)

// DefaultLimit is how long a scan may take: the promise is a minute.
const DefaultLimit = 55 * time.Second

// Options are how a scan goes out.
type Options struct {
	// Network is name resolution and dialling; nil is the system's.
	Network egress.Network
	// AllowPrivate lets the scan connect to addresses that are not public. It is for
	// people who scan their own network by hand.
	AllowPrivate bool
	// Resolver is the host:port of the name server; "" takes the system's.
	Resolver string
	// Roots replace the system's; nil does not.
	Roots *x509.CertPool
	// Limit is how long a scan may take; 0 is DefaultLimit. What is not done by then is
	// unknown.
	Limit time.Duration
	// TrustBase is where Salesforce publishes the status of stacks; "" is the real one.
	TrustBase string
}

// Request is one scan.
type Request struct {
	Targets []Target
	// Generated is the day on which somebody clicked Generate; zero: not told.
	Generated keepwatch.Date
	// Tell hears of each finding as it comes, one at a time; nil hears nothing.
	Tell func(Finding)
}

// Run makes one scan. It never fails: what cannot be looked at is a finding.
func Run(ctx context.Context, o Options, q Request) Report {
	began := time.Now()
	limit := o.Limit
	if limit <= 0 {
		limit = DefaultLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r := newRun(o, q, began)
	defer r.client.CloseIdle()
	if a, err := r.dns.ask(ctx, landmark, dns.TypeNS); err == nil && len(a.records) == 0 {
		r.tell = nil // what would be told may have to be taken back
	}
	for _, t := range q.Targets {
		r.group.Go(func() { r.target(ctx, t) })
	}
	r.group.Wait()
	if !r.connected(ctx) {
		r.disown()
	}
	r.trust(ctx)
	r.calendar()
	r.ourAddress()
	report := Report{
		SchemaVersion: 1, At: began.UTC().Truncate(time.Second), TookMS: float64(time.Since(began).Microseconds()) / 1000,
		Partial: ctx.Err() != nil, Findings: r.findings, Cannot: cannot,
	}
	for _, t := range q.Targets {
		report.Targets = append(report.Targets, t.Name)
	}
	report.Target = strings.Join(report.Targets, ", ")
	report.Order()
	return report
}

// landmark is a name that every name server of the internet knows.
const landmark = "com."

// connected reports whether the name servers know any name at all. Where there is no
// way out, some say of every name that it does not exist: then nothing of that is true
// of the target.
func (r *run) connected(ctx context.Context) bool {
	if r.dns.names.Load() || r.local.IsValid() {
		return true
	}
	a, err := r.dns.ask(ctx, landmark, dns.TypeNS)
	return err != nil || len(a.records) > 0 // an error has made everything unknown already
}

// disown takes back what was said of names. What was refused because of its address
// stays so.
func (r *run) disown() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.findings {
		f := &r.findings[i]
		if f.Severity == Unknown && f.Hint != "" {
			continue
		}
		*f = Finding{Check: f.Check, Subject: f.Subject, Severity: Unknown, Evidence: map[string]any{},
			Message: unlooked + "the name server of this machine knows no name of the internet."}
	}
}

// run is one scan under way.
type run struct {
	now       time.Time
	trustBase string
	generated keepwatch.Date
	dns       *resolver
	client    *egress.Client
	certs     *certs.Reader
	polite    *polite
	group     sync.WaitGroup

	telling sync.Mutex
	tell    func(Finding)

	mu       sync.Mutex
	findings []Finding
	index    map[string]int
	begun    map[string]bool     // hosts and pages that are looked at already
	stacks   map[string][]string // stack -> the names that show it
	local    netip.Addr          // that the scan left from
}

func newRun(o Options, q Request, now time.Time) *run {
	r := &run{
		now: now, generated: q.Generated, dns: newResolver(o.Resolver), polite: newPolite(), tell: q.Tell, trustBase: o.TrustBase,
		index: map[string]int{}, begun: map[string]bool{}, stacks: map[string][]string{},
	}
	if r.trustBase == "" {
		r.trustBase = sfmc.TrustBase
	}
	under := o.Network
	if under == nil {
		under = egress.System{}
	}
	through := network{under: under, names: &r.dns.names, noted: r.noted}
	if o.Resolver != "" {
		through.own = r.dns
	}
	policy := egress.Policy{Network: through, DenyPrivate: !o.AllowPrivate, MaxIdlePerHost: 1}
	if o.Roots != nil {
		policy.TLS = &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12}
	}
	r.client = egress.New(policy)
	r.certs = certs.New(certs.Options{Egress: r.client, Resolver: o.Resolver})
	return r
}

// target looks at one thing in all the ways that fit it.
func (r *run) target(ctx context.Context, t Target) {
	switch t.Kind {
	case KindTenant:
		r.tenant(ctx, t)
	case KindDomain:
		r.domain(ctx, t.Host)
	case KindHost:
		r.host(ctx, t.Host, t.Port)
	case KindPage:
		r.page(ctx, t)
	}
}

// first reports whether something is looked at for the first time in this scan.
func (r *run) first(what string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.begun[what] {
		return false
	}
	r.begun[what] = true
	return true
}

// add keeps a finding; of two about the same thing the one that needs somebody more.
func (r *run) add(f Finding) {
	f = f.tidy()
	r.mu.Lock()
	at, twice := r.index[f.key()]
	switch {
	case !twice && len(r.findings) >= maxFindings:
		r.mu.Unlock()
		return
	case !twice:
		r.index[f.key()] = len(r.findings)
		r.findings = append(r.findings, f)
	case f.Severity.Rank() <= r.findings[at].Severity.Rank():
		r.mu.Unlock()
		return
	default:
		r.findings[at] = f
	}
	r.mu.Unlock()
	if r.tell != nil {
		r.telling.Lock()
		defer r.telling.Unlock()
		r.tell(f)
	}
}

// unknown says of several checks that they could not be made.
func (r *run) unknown(subject string, why error, checks ...string) {
	for _, check := range checks {
		r.add(Finding{Check: check, Subject: subject, Severity: Unknown, Message: unlooked + words(why) + ".", Hint: hintOf(why)})
	}
}

func hintOf(err error) string {
	switch {
	case keepwatch.HintOf(err) != "":
		return keepwatch.HintOf(err)
	case errors.Is(err, egress.ErrDenied):
		return "Addresses that are not public are left alone. If this is your own network, scan it from the command line with --allow-private."
	}
	return ""
}

// words says in a few words why something could not be looked at, without what a
// server wrote.
func words(err error) string {
	err = egress.Redact(err)
	var dns *net.DNSError
	switch {
	case errors.Is(err, egress.ErrDenied):
		return "its address is not a public one"
	case errors.Is(err, errTooMany), errors.Is(err, errHosts), errors.Is(err, errVolume), errors.Is(err, errQuestions):
		return err.Error()
	case errors.As(err, &dns) && dns.IsNotFound:
		return "the name does not exist"
	case errors.As(err, &dns):
		return dns.Err
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return "no answer in time"
	case keepwatch.HintOf(err) != "":
		return err.Error()
	}
	switch egress.Diagnose(err) {
	case keepwatch.DNSFailure:
		return "the name cannot be resolved"
	case keepwatch.ConnectFailure:
		if refused(err) {
			return "the connection is refused"
		}
		return "no connection"
	case keepwatch.Timeout:
		return "no answer in time"
	case keepwatch.ConnectionReset:
		return "the connection broke"
	case keepwatch.TLSFailure, keepwatch.CertificateExpired:
		return "the TLS handshake failed"
	}
	return "the answer is not what it should be"
}

// blame tells what a target did from what may as well be this machine's network.
func blame(err error) Severity {
	var dns *net.DNSError
	switch {
	case errors.Is(err, egress.ErrDenied), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return Unknown
	case errors.As(err, &dns):
		if dns.IsNotFound {
			return Critical
		}
		return Unknown
	}
	switch egress.Diagnose(err) {
	case keepwatch.TLSFailure, keepwatch.CertificateExpired, keepwatch.ConnectionReset:
		return Critical
	case keepwatch.ConnectFailure:
		if refused(err) {
			return Critical
		}
	}
	return Unknown
}

// noted remembers the address that the scan leaves from.
func (r *run) noted(local net.Addr) {
	tcp, ok := local.(*net.TCPAddr)
	if !ok {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.local = tcp.AddrPort().Addr().Unmap()
}

// showsStack remembers that a name shows a stack.
func (r *run) showsStack(stack, by string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.stacks[stack], by) {
		r.stacks[stack] = append(r.stacks[stack], by)
	}
}

// plural is a number with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
