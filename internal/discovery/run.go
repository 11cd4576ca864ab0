package discovery

import (
	"context"
	"fmt"
	"log/slog"
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
	// runLimit is how long a look may take with everything slow.
	runLimit = 8 * time.Minute
	// auditReach is how far back the audit trail is read: what the basic trail keeps.
	auditReach = 30 * 24 * time.Hour
)

// Run looks at the account once. Its error says that nothing could be looked at;
// a report without an error may still lack parts, and names them.
func (d *Discoverer) Run(ctx context.Context, cred keepwatch.Credential, tenant keepwatch.Tenant, now time.Time) (Report, error) {
	ctx, cancel := context.WithTimeout(ctx, runLimit)
	defer cancel()
	l := look{d: d, cred: &cred, report: Report{Tenant: tenant.ID, Credential: cred.ID, At: now.UTC(), Registered: registered(tenant)}}
	if err := l.prepare(ctx, tenant); err != nil {
		return l.report, fmt.Errorf("discovery with credential %q: %w", cred.ID, err)
	}
	ctx = sfmc.Hiding(ctx, l.secret)
	if v := l.enter(ctx); !v.OK() {
		return l.report, fmt.Errorf("discovery with credential %q: %w", cred.ID, refused(v))
	}
	ctx = sfmc.Hiding(ctx, l.token.Access)
	l.units(ctx)
	l.users(ctx)
	l.grants(ctx)
	l.audit(ctx, now)
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
	endpoints sfmc.Endpoints
	secret    keepwatch.Secret
	token     sfmc.Token
	login     sfmc.Login
	report    Report
}

// prepare checks what has to be there before anything is asked.
func (l *look) prepare(ctx context.Context, tenant keepwatch.Tenant) (err error) {
	switch {
	case !l.cred.Discover:
		return keepwatch.WithHint(fmt.Errorf("it is not marked for discovery: %w", keepwatch.ErrForbidden),
			"set discover: true on a credential whose package may read accounts and users")
	case l.cred.Kind != keepwatch.ServerToServer:
		return keepwatch.WithHint(fmt.Errorf("kind %s cannot look at an account: %w", l.cred.Kind, keepwatch.ErrInvalid),
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

// enter gets a token for the enterprise, where the whole tree is to be seen. Which
// account that is stands in the claims of any token, so the first look may need
// two; when the enterprise refuses, the first one is used.
func (l *look) enter(ctx context.Context) sfmc.Verdict {
	known, remembered := l.d.enterprises.Load(l.cred.ID)
	unit := l.cred.BusinessUnit
	if remembered {
		unit, _ = known.(keepwatch.MID)
	}
	token, v := l.ask(ctx, unit)
	if !v.OK() && remembered && unit != l.cred.BusinessUnit && refusesUnit(v) {
		l.d.enterprises.Delete(l.cred.ID)
		token, v = l.ask(ctx, l.cred.BusinessUnit)
	}
	if !v.OK() {
		l.part(PartIdentity, PartFailed, 0, v, "no token: nothing could be read")
		return v
	}
	l.use(token)
	identity := l.identify(ctx)
	enterprise := keepwatch.MID(token.Claims.EID)
	if enterprise == 0 {
		enterprise = l.report.Enterprise
	}
	if l.report.Enterprise == 0 {
		l.report.Enterprise = enterprise
	}
	if enterprise != 0 && l.report.Unit != enterprise {
		l.rise(ctx, enterprise)
	}
	l.finish(identity)
	return v
}

// refusesUnit tells a refusal that may be about the account asked for from one that
// would only be repeated.
func refusesUnit(v sfmc.Verdict) bool {
	switch v.Outcome {
	case keepwatch.BusinessUnitRefused, keepwatch.GrantRefused, keepwatch.BadSecretOrPackage, keepwatch.BadRequest:
		return true
	}
	return false
}

func (l *look) ask(ctx context.Context, unit keepwatch.MID) (sfmc.Token, sfmc.Verdict) {
	l.report.Calls++
	return l.d.client.Token(ctx, l.endpoints, sfmc.TokenRequest{ClientID: l.cred.ClientID, Secret: l.secret, AccountID: unit, Scopes: l.cred.Scopes})
}

func (l *look) use(t sfmc.Token) {
	l.token, l.login = t, sfmc.Login{Token: t.Access}
	l.report.Scopes = slices.Sorted(slices.Values(t.Scopes))
	if t.Claims.Stack != "" {
		l.report.Stack = t.Claims.Stack
	}
}

// identify asks whose token it is.
func (l *look) identify(ctx context.Context) sfmc.Verdict {
	l.report.Calls++
	a, v := l.d.client.Account(sfmc.Hiding(ctx, l.token.Access), l.endpoints, l.token.Access)
	if !v.OK() {
		return v
	}
	l.report.Unit, l.report.User, l.report.Package, l.report.EnterpriseName = a.MID, a.UserSub, a.Package, a.Enterprise
	if a.EID != 0 {
		l.report.Enterprise = a.EID
	}
	if a.Stack != "" {
		l.report.Stack = a.Stack
	}
	return v
}

// rise asks for a token of the enterprise. A refusal leaves the view of one
// business unit, which units will say.
func (l *look) rise(ctx context.Context, enterprise keepwatch.MID) {
	token, v := l.ask(ctx, enterprise)
	if !v.OK() {
		return
	}
	l.use(token)
	l.report.Unit = enterprise
	l.d.enterprises.Store(l.cred.ID, enterprise)
}

// finish notes how identity went.
func (l *look) finish(v sfmc.Verdict) {
	if v.OK() {
		l.part(PartIdentity, PartComplete, 1, v, "")
		l.report.Links = map[keepwatch.CredentialID]string{}
		if l.report.User != "" {
			l.report.Links[l.cred.ID] = l.report.User
		}
		return
	}
	l.part(PartIdentity, failedState(v), 0, v, "whose token it is")
}
