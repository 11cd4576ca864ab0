package discovery

import (
	"context"
	"fmt"
	"log/slog"
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

// Options are what a Discoverer needs.
type Options struct {
	Secrets Secrets
	Egress  *egress.Client
	Logger  *slog.Logger
}

// Discoverer looks at accounts. It is safe for many at a time.
type Discoverer struct {
	secrets Secrets
	client  *sfmc.Client
	log     *slog.Logger

	// enterprises remembers which account is the enterprise, so that the next look
	// asks for the one token that it needs.
	enterprises sync.Map // keepwatch.CredentialID -> keepwatch.MID
}

// New builds a Discoverer. It opens nothing.
func New(o Options) *Discoverer {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Discoverer{secrets: o.Secrets, client: sfmc.New(o.Egress.HTTP()), log: o.Logger.With("component", "discovery")}
}

const (
	// MaxCalls is the most requests that one look makes; usual is half a dozen.
	MaxCalls = 40
	// runLimit is how long a look may take with everything slow.
	runLimit = 8 * time.Minute
	// auditReach is how far back the audit trail is read: what the basic trail keeps.
	auditReach = 30 * 24 * time.Hour
)

// Run looks at the account once. Its error says that nothing could be looked at,
// and the report is then not worth keeping; one without an error may still lack
// parts, and names them.
func (d *Discoverer) Run(ctx context.Context, cred keepwatch.Credential, tenant keepwatch.Tenant, now time.Time) (Report, error) {
	ctx, cancel := context.WithTimeout(ctx, runLimit)
	defer cancel()
	l := look{d: d, cred: &cred, report: Report{Tenant: tenant.ID, Credential: cred.ID, At: now.UTC(), Registered: registered(tenant)}}
	if err := l.prepare(ctx, tenant); err != nil {
		return l.report, fmt.Errorf("discovery with credential %q: %w", cred.ID, err)
	}
	l.ctx = sfmc.Hiding(ctx, l.secret)
	if v := l.enter(); !v.OK() {
		return l.report, fmt.Errorf("discovery with credential %q: %w", cred.ID, refused(v))
	}
	l.units()
	if v := l.refusal; v != nil {
		return l.report, fmt.Errorf("discovery with credential %q: %w", cred.ID, refused(*v))
	}
	l.users()
	l.grants()
	l.audit(now)
	d.log.Info("looked at the account", "tenant", tenant.ID, "calls", l.report.Calls, "units", len(l.report.Units),
		"packages", len(l.report.Packages), "api_users", len(l.report.APIUsers))
	return l.report, nil
}

// refused is a verdict as an error.
func refused(v sfmc.Verdict) error {
	message := v.Message
	if v.Evidence != "" {
		message += " (" + v.Evidence + ")"
	}
	return keepwatch.WithHint(fmt.Errorf("%s: %s: %w", v.Outcome, message, keepwatch.ErrUnavailable), v.Hint)
}

func registered(t keepwatch.Tenant) []Unit {
	var out []Unit
	for _, u := range t.BusinessUnits {
		out = append(out, Unit{MID: u.MID, Name: u.Name, Active: true})
	}
	return out
}

// look is one run.
type look struct {
	d         *Discoverer
	cred      *keepwatch.Credential
	ctx       context.Context // under it no verdict shows a secret or token of this run
	endpoints sfmc.Endpoints
	secret    keepwatch.Secret
	login     sfmc.Login
	access    keepwatch.Secret // for REST; empty for an API user
	proven    bool             // identity accepted the token
	report    Report
	stopped   *sfmc.Verdict // SFMC asked for rest, or does not answer: the rest is not asked
	refusal   *sfmc.Verdict // of an API user's login, which only the first read shows
}

// prepare checks what has to be there before anything is asked.
func (l *look) prepare(ctx context.Context, tenant keepwatch.Tenant) (err error) {
	proof := l.cred.Kind.Proof()
	switch {
	case !l.cred.Discover:
		return keepwatch.WithHint(fmt.Errorf("it is not marked for discovery: %w", keepwatch.ErrForbidden),
			"set discover: true on a credential whose package may read accounts and users")
	case proof != keepwatch.ProofToken && proof != keepwatch.ProofSOAP:
		return keepwatch.WithHint(fmt.Errorf("a %s cannot sign in by itself: %w", l.cred.Kind, keepwatch.ErrInvalid),
			"mark a credential of kind server_to_server")
	case l.cred.SecretRef == "":
		return keepwatch.WithHint(fmt.Errorf("it has no secret: %w", keepwatch.ErrInvalid), "give the credential a reference to its secret")
	}
	if l.endpoints, err = sfmc.EndpointsOf(tenant); err != nil {
		return err
	}
	if l.secret, err = l.d.secrets.Resolve(ctx, l.cred.SecretRef); err != nil {
		return egress.Redact(err)
	}
	if l.secret.Empty() {
		return keepwatch.WithHint(fmt.Errorf("its secret is empty: %w", keepwatch.ErrInvalid), "put the secret where the reference points to")
	}
	return nil
}
