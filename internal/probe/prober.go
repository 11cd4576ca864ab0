package probe

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"sync"
	"time"

	"keepwatch"
	"keepwatch/internal/egress"
	"keepwatch/internal/sfmc"
)

// Secrets reads what a credential's reference points to.
type Secrets interface {
	Resolve(ctx context.Context, ref string) (keepwatch.Secret, error)
}

// Options are what a Prober needs.
type Options struct {
	Secrets Secrets
	Egress  *egress.Client
	Place   keepwatch.Place // "" means keepwatch.Local
	// HostInterval is how long the proof of a host is shared; 0 means a minute.
	HostInterval time.Duration
	// References are host:port pairs outside SFMC that are asked whether our own
	// network works, when nothing else tells.
	References []string
	// IntegrationPoint finds what a test https:NAME names; nil knows none.
	IntegrationPoint func(name string) (keepwatch.IntegrationPoint, bool)
	// Certificates reads what a credential's certificate source names; nil reads none.
	Certificates Certificates
	// Guarded reads them for records of the interface. Its policy should deny
	// private addresses; nil reads none.
	Guarded Certificates
	Logger  *slog.Logger
}

// Prober runs checks. It is safe for many at a time.
type Prober struct {
	secrets Secrets
	client  *sfmc.Client
	egress  *egress.Client
	place   keepwatch.Place
	log     *slog.Logger
	hosts   *hosts
	points  *flights[pointProof]
	pointBy func(name string) (keepwatch.IntegrationPoint, bool)
	reach   *reach
	plans   sync.Map // keepwatch.CredentialID -> *plan

	certificates Certificates
	guarded      Certificates
	readings     sync.Map // keepwatch.CredentialID -> reading
}

// New builds a prober. It opens nothing.
func New(o Options) *Prober {
	if o.Place == "" {
		o.Place = keepwatch.Local
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Prober{
		secrets: o.Secrets, client: sfmc.New(o.Egress.HTTP()), egress: o.Egress, place: o.Place,
		log:   o.Logger.With("component", "probe"),
		hosts: newHosts(o.Egress, o.HostInterval), reach: newReach(o.Egress, o.References),
		certificates: o.Certificates, guarded: o.Guarded,
		points: newFlights(keepPoint(o.HostInterval)), pointBy: o.IntegrationPoint,
	}
}

// plan is what follows from a credential's definition, worked out once.
type plan struct {
	tenant    keepwatch.Tenant
	kind      keepwatch.Kind
	texts     []string
	endpoints sfmc.Endpoints
	proof     keepwatch.Proof
	tests     []sfmc.Test
	points    []string // integration points, asked after everything else
	targets   []target
}

// proves reports whether the credential itself is proven, by token or login.
// Otherwise the run asks integration points alone.
func (pl *plan) proves() bool {
	return pl.proof == keepwatch.ProofToken || pl.proof == keepwatch.ProofSOAP
}

func (pl *plan) stillFits(c keepwatch.Credential, t keepwatch.Tenant) bool {
	return pl.kind == c.Kind && pl.tenant.Subdomain == t.Subdomain && pl.tenant.AuthURL == t.AuthURL &&
		pl.tenant.RESTURL == t.RESTURL && pl.tenant.SOAPURL == t.SOAPURL && slices.Equal(pl.texts, c.Tests)
}

func (p *Prober) planOf(c keepwatch.Credential, t keepwatch.Tenant) (*plan, error) {
	if known, ok := p.plans.Load(c.ID); ok {
		if pl, _ := known.(*plan); pl != nil && pl.stillFits(c, t) {
			return pl, nil
		}
	}
	pl, err := newPlan(c, t)
	if err != nil {
		return nil, err
	}
	pl.targets = slices.DeleteFunc(pl.targets, func(t target) bool { return p.egress.Proxied(t.url) })
	p.plans.Store(c.ID, pl)
	return pl, nil
}

func newPlan(c keepwatch.Credential, t keepwatch.Tenant) (*plan, error) {
	if !slices.Contains(keepwatch.Kinds, c.Kind) {
		return nil, keepwatch.WithHint(fmt.Errorf("kind %q: %w", c.Kind, keepwatch.ErrInvalid), "choose one of the kinds in the reference of the configuration")
	}
	pl := &plan{tenant: t, kind: c.Kind, proof: c.Kind.Proof(), texts: slices.Clone(c.Tests)}
	e, err := sfmc.EndpointsOf(t)
	if err != nil && pl.proves() {
		return nil, err
	}
	pl.endpoints = e // of a tenant without hosts: none, and none is asked
	rest, soap := c.Kind == keepwatch.LegacyPackage, c.Kind == keepwatch.APIUser
	for _, s := range c.Tests {
		test, err := pl.add(s)
		if err != nil {
			return nil, err
		}
		rest, soap = rest || test.REST(), soap || test.SOAP()
	}
	switch {
	case pl.proves():
		pl.targets = targetsOf(e, c.Kind != keepwatch.APIUser, rest, soap)
	case len(pl.points) == 0:
		return nil, keepwatch.WithHint(fmt.Errorf("kind %q cannot be proven from here, and no test names an integration point: %w", c.Kind, keepwatch.ErrInvalid),
			"give it an https:NAME test, or none; its dates are watched all the same")
	}
	return pl, nil
}

// add takes one configured test into the plan.
func (pl *plan) add(s string) (sfmc.Test, error) {
	if name, ok := pointName(s); ok {
		pl.points = append(pl.points, name)
		return sfmc.Test{}, nil
	}
	test, err := sfmc.ParseTest(s)
	switch {
	case err != nil:
		return test, err
	case test.Identity:
		return test, nil // always run where the kind can be proven, whether listed or not
	case !pl.proves():
		return test, keepwatch.WithHint(fmt.Errorf("test %q: %w", s, keepwatch.ErrInvalid), "this kind has no token and no login; give it https: tests only")
	case test.REST() && pl.kind == keepwatch.APIUser:
		return test, keepwatch.WithHint(fmt.Errorf("test %q: %w", s, keepwatch.ErrInvalid), "an API user has no token; give it soap: tests only")
	}
	pl.tests = append(pl.tests, test)
	return test, nil
}

// Run proves one credential now. It never fails: what could not be done is an
// observation too.
func (p *Prober) Run(ctx context.Context, c keepwatch.Credential, t keepwatch.Tenant, s keepwatch.Slot) (o keepwatch.Observation) {
	r := run{p: p, ctx: ctx, cred: &c, at: time.Now()}
	defer func() {
		if cause := recover(); cause != nil {
			// The value may hold anything, a secret included: its type is enough.
			p.log.Error("a test panicked", "credential", c.ID, "type", fmt.Sprintf("%T", cause))
			r.fail("token", ours("A test broke inside Keepwatch.", fmt.Sprintf("panic of type %T", cause), "Report this with the version of Keepwatch; SFMC was not asked or its answer not judged."))
			o = r.observation(s)
		}
	}()
	pl, err := p.planOf(c, t)
	if err != nil {
		r.fail("token", unreadable("The definition of the credential cannot be used.", err, "Correct the credential's or the tenant's definition."))
		return r.observation(s)
	}
	r.plan = pl
	r.climb()
	return r.observation(s)
}

// ours is a verdict about Keepwatch itself.
func ours(message, evidence, hint string) sfmc.Verdict {
	return sfmc.Verdict{Outcome: keepwatch.MonitorFault, Cause: "monitor_fault", Message: message, Evidence: evidence, Hint: hint}
}

func unreadable(message string, err error, hint string) sfmc.Verdict {
	if h := keepwatch.HintOf(err); h != "" {
		hint = h
	}
	return ours(message, sfmc.Evidence(egress.Redact(err).Error()), hint)
}

// target is a host that a run needs.
type target struct {
	name string // auth, rest, soap
	url  *url.URL
	addr string // host:port
	tls  bool
}

func targetsOf(e sfmc.Endpoints, auth, rest, soap bool) []target {
	var list []target
	for _, want := range []struct {
		name string
		url  *url.URL
		on   bool
	}{{"auth", e.Auth, auth}, {"rest", e.REST, rest}, {"soap", e.SOAP, soap}} {
		if want.on && want.url != nil {
			list = append(list, newTarget(want.name, want.url))
		}
	}
	return list
}

func newTarget(name string, u *url.URL) target {
	t := target{name: name, url: u, tls: u.Scheme == "https", addr: u.Host}
	if u.Port() == "" {
		port := ":80"
		if t.tls {
			port = ":443"
		}
		t.addr = u.Host + port
	}
	return t
}
