package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"keepwatch"
)

// Fault is something that goes wrong on purpose. The zero scope hits everybody;
// each field that is set narrows it.
type Fault struct {
	ID          string        `json:"id,omitempty"`
	Name        string        `json:"fault"`
	Variant     string        `json:"variant,omitempty"`
	ClientID    string        `json:"client_id,omitempty"`
	MID         keepwatch.MID `json:"mid,omitempty"`
	EID         keepwatch.MID `json:"eid,omitempty"`
	On          string        `json:"on,omitempty"`   // auth, rest or soap; or a route's name, like userinfo
	From        string        `json:"from,omitempty"` // the caller's address or prefix
	Times       int           `json:"times,omitempty"`
	For         Duration      `json:"for,omitempty"`
	Probability float64       `json:"probability,omitempty"` // 0 means always
	Seed        uint64        `json:"seed,omitempty"`
	Hits        int           `json:"hits,omitempty"`
}

// maxFaults bounds what the control API can pile up.
const maxFaults = 10_000

// faultKind says where a fault bites and which variants it has; the first is
// the default.
type faultKind struct {
	hosts    []string // its natural hosts, when Fault.On is empty
	routes   []string // its natural routes, when Fault.On is empty; nil: all of the host
	resource bool     // spares the identity routes: the cause is about one resource
	variants []string
	answer   func(*call, string) answer // nil for wire faults
}

var (
	onToken = []string{routeToken}
	onAuth  = []string{hostAuth}
	onREST  = []string{hostREST}
	onSOAP  = []string{hostSOAP}
	onAll   = []string{hostAuth, hostREST, hostSOAP}
)

func tokenFault(a func() answer) faultKind {
	return faultKind{hosts: onAuth, routes: onToken, answer: func(*call, string) answer { return a() }}
}

func restFault(a func() answer) faultKind {
	return faultKind{hosts: onREST, answer: func(*call, string) answer { return a() }}
}

func simpleSOAP(f soapFaultKind) faultKind {
	return faultKind{hosts: onSOAP, routes: []string{routeSOAP}, answer: func(c *call, _ string) answer { return soapFault(c, f) }}
}

func wireFault(variants ...string) faultKind { return faultKind{hosts: onAll, variants: variants} }

// faultKinds is the table of all faults; docs/simulator.md lists the same names.
var faultKinds = map[string]faultKind{
	"bad_client_id":         tokenFault(badClientID),
	"bad_secret":            tokenFault(badSecret),
	"secret_expired":        tokenFault(badSecret),
	"package_deleted":       tokenFault(badSecret),
	"grant_refused":         tokenFault(invalidGrant),
	"unauthorized_client":   tokenFault(unauthorizedClient),
	"invalid_scope":         tokenFault(invalidScope),
	"business_unit_refused": tokenFault(businessUnitRefused),
	"ip_blocked": {hosts: onAuth, routes: onToken, variants: []string{"400", "401", "403"}, answer: func(_ *call, v string) answer {
		status, _ := strconv.Atoi(v)
		return ipBlocked(status)
	}},
	"token_rate_limited": tokenFault(func() answer { return rateLimited(5 * time.Second) }),
	"token_blocked":      tokenFault(temporarilyBlocked),
	"token_server_error": tokenFault(serverError),
	"token_unavailable":  tokenFault(unavailable),
	"token_bad_request": {
		hosts: onAuth, routes: onToken, variants: []string{"invalid_request", "unsupported_grant_type", "validation"},
		answer: func(_ *call, v string) answer { return tokenBadRequest(v) },
	},
	"token_rejected":      {hosts: onAll, routes: bearerRoutes, answer: func(c *call, _ string) answer { return c.rejected() }},
	"legacy_unauthorized": {hosts: onAuth, routes: []string{routeLegacyToken}, answer: func(*call, string) answer { return legacyUnauthorized() }},

	"scope_missing": {hosts: onREST, resource: true, variants: []string{"403", "401", "messaging"}, answer: func(c *call, v string) answer {
		return c.scopeMissing(v)
	}},
	"business_rule": {hosts: onREST, resource: true, answer: func(*call, string) answer {
		return restError(403, 20001, "Business rule does not allow this action.")
	}},
	"wrong_stack":       restFault(func() answer { return restError(403, 40002, "Access token sent to the wrong stack endpoint") }),
	"rest_rate_limited": restFault(func() answer { return rateLimited(5 * time.Second) }),
	"rest_blocked":      restFault(temporarilyBlocked),
	"rest_server_error": restFault(serverError),
	"rest_unavailable":  restFault(unavailable),
	"rest_not_found":    {hosts: onREST, resource: true, answer: func(c *call, _ string) answer { return c.notFound() }},
	"rest_unknown_service": {hosts: onREST, resource: true, answer: func(*call, string) answer {
		return answer{status: 596, kind: "text/xml", body: []byte("<h1>596 Service Not Found</h1>")}
	}},
	"rest_bad_request": {hosts: onREST, resource: true, variants: []string{"10000", "10001", "10002", "10003", "10004", "10005", "10006", "30000", "30001"}, answer: func(_ *call, v string) answer {
		code, _ := strconv.Atoi(v)
		return restError(400, code, "The request is not valid.")
	}},
	"token_in_url": restFault(func() answer {
		return restError(401, 40004, "Authorization token invalid on URL or request body")
	}),

	"soap_token_expired":      simpleSOAP(faultTokenExpired),
	"soap_login_failed":       simpleSOAP(faultLoginFailed),
	"soap_account_locked":     simpleSOAP(faultAccountLocked),
	"soap_password_change":    simpleSOAP(faultPasswordChange),
	"soap_rate_limited":       simpleSOAP(faultRateLimited),
	"soap_outage":             simpleSOAP(faultOutage),
	"soap_in_maintenance":     simpleSOAP(faultInMaintenance),
	"soap_authorization":      simpleSOAP(faultAuthorization),
	"soap_unknown_action":     simpleSOAP(faultUnknownAction),
	"soap_server_fault":       simpleSOAP(faultServer),
	"soap_bad_request":        {hosts: onSOAP, routes: []string{routeSOAP}, answer: func(*call, string) answer { return soapBadRequest() }},
	"soap_status_maintenance": systemStatusFault("InMaintenance"),
	"soap_status_outage":      systemStatusFault("UnplannedOutage"),
	"soap_permission":         overallFault(func(string) string { return "Error: API Permission Failed. Operation: Retrieve" }),
	"soap_bad_property": overallFault(func(object string) string {
		return "Error: The Request Property(s) Sample do not match with the fields of " + object + " retrieve"
	}),
	"soap_unknown_object": overallFault(func(object string) string {
		return "Error: Unable to find a handler for object type: " + object + ". Object types are case-sensitive, check spelling."
	}),

	"maintenance": wireFault(), "html": wireFault(), "redirect": wireFault(), "malformed": wireFault(), "empty_body": wireFault(),
	"wrong_type": wireFault(), "huge": wireFault(), "gzip_bomb": wireFault(), "drip": wireFault(), "reset": wireFault(),
	"hang": wireFault(), "truncated": wireFault(), "slow": wireFault(),
}

func isWire(name string) bool { k, ok := faultKinds[name]; return ok && k.answer == nil }

// FaultNames lists all faults.
func FaultNames() []string {
	names := make([]string, 0, len(faultKinds))
	for name := range faultKinds {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// faults are the faults in force, in the order they were injected: the first
// that fits a request and draws its lot wins.
type faults struct {
	list []*activeFault
	next int
}

type activeFault struct {
	Fault
	kind   faultKind
	until  time.Time
	from   access
	random *rand.Rand
}

// Inject puts a fault in force and returns its id.
func (s *Sim) Inject(f Fault) (string, error) {
	kind, ok := faultKinds[f.Name]
	if !ok {
		return "", keepwatch.WithHint(fmt.Errorf("fault %q: %w", f.Name, keepwatch.ErrInvalid), "docs/simulator.md lists the faults")
	}
	if err := f.check(kind); err != nil {
		return "", fmt.Errorf("fault %q: %w", f.Name, err)
	}
	now := s.lock()
	defer s.mu.Unlock()
	s.faults.sweep(now)
	if len(s.faults.list) >= maxFaults {
		return "", fmt.Errorf("%d faults are in force: %w", maxFaults, keepwatch.ErrConflict)
	}
	s.faults.next++
	f.ID, f.Hits = "f"+strconv.Itoa(s.faults.next), 0
	a := &activeFault{Fault: f, kind: kind, random: rand.New(rand.NewPCG(f.Seed, uint64(s.faults.next)))}
	if f.From != "" {
		a.from.allowlist = prefixes([]string{f.From})
	}
	if f.For > 0 {
		a.until = now.Add(time.Duration(f.For))
	}
	s.faults.list = append(s.faults.list, a)
	return f.ID, nil
}

func (f *Fault) check(kind faultKind) error {
	switch {
	case f.Variant != "" && f.Name != "slow" && f.Name != "redirect" && !slices.Contains(kind.variants, f.Variant):
		return keepwatch.WithHint(fmt.Errorf("variant %q: %w", f.Variant, keepwatch.ErrInvalid), fmt.Sprintf("variants are %q", kind.variants))
	case f.Probability < 0 || f.Probability > 1 || f.Probability != f.Probability:
		return fmt.Errorf("probability %v: %w", f.Probability, keepwatch.ErrInvalid)
	case f.Times < 0 || f.For < 0:
		return fmt.Errorf("times or for is negative: %w", keepwatch.ErrInvalid)
	}
	return nil
}

// Clear lifts one fault.
func (s *Sim) Clear(id string) error {
	s.lock()
	defer s.mu.Unlock()
	before := len(s.faults.list)
	s.faults.list = slices.DeleteFunc(s.faults.list, func(a *activeFault) bool { return a.ID == id })
	if len(s.faults.list) == before {
		return fmt.Errorf("fault %q: %w", id, keepwatch.ErrNotFound)
	}
	return nil
}

// ClearAll lifts all faults.
func (s *Sim) ClearAll() {
	s.lock()
	defer s.mu.Unlock()
	s.faults.list = nil
}

// Faults returns what is in force.
func (s *Sim) Faults() []Fault {
	now := s.lock()
	defer s.mu.Unlock()
	s.faults.sweep(now)
	out := make([]Fault, 0, len(s.faults.list))
	for _, a := range s.faults.list {
		out = append(out, a.Fault)
	}
	return out
}

// sweep drops what has run out.
func (f *faults) sweep(now time.Time) {
	f.list = slices.DeleteFunc(f.list, func(a *activeFault) bool {
		return (!a.until.IsZero() && !now.Before(a.until)) || (a.Times > 0 && a.Hits >= a.Times)
	})
}

// pick returns the fault that hits this call, or nil.
func (f *faults) pick(c *call) *Fault {
	if len(f.list) == 0 {
		return nil
	}
	f.sweep(c.now)
	for _, a := range f.list {
		if !a.fits(c) {
			continue
		}
		if a.Probability > 0 && a.random.Float64() >= a.Probability {
			continue
		}
		a.Hits++
		hit := a.Fault
		return &hit
	}
	return nil
}

// fits reports whether the fault's scope covers the call.
func (a *activeFault) fits(c *call) bool {
	switch {
	case a.ClientID != "" && a.ClientID != c.clientID,
		a.MID != 0 && a.MID != c.mid,
		a.EID != 0 && (c.client == nil || c.client.spec.EID != a.EID),
		a.From != "" && !a.from.admits(c.r.RemoteAddr):
		return false
	}
	if a.kind.resource && c.route.identity() && a.On != c.route.name {
		return false
	}
	if a.On != "" {
		return a.On == c.route.host || a.On == c.route.name
	}
	return slices.Contains(a.kind.hosts, c.route.host) &&
		(a.kind.routes == nil || slices.Contains(a.kind.routes, c.route.name) || c.route.family != nil && slices.Contains(a.kind.routes, anyREST))
}

// anyREST stands for all reads of REST families in a list of routes.
const anyREST = "rest"

var bearerRoutes = []string{routeUserinfo, routeDiscovery, routeTokenContext, routeEndpoints, routeSOAP, routeUnknown, anyREST}

// faulty is the answer of a fault that is not about the wire.
func (c *call) faulty(f *Fault) answer {
	kind := faultKinds[f.Name]
	variant := f.Variant
	if variant == "" && len(kind.variants) > 0 {
		variant = kind.variants[0]
	}
	return kind.answer(c, variant)
}

func tokenBadRequest(variant string) answer {
	switch variant {
	case "unsupported_grant_type":
		return unsupportedGrant()
	case "validation":
		return restError(400, 10000, "The request is not valid.")
	default:
		return invalidRequest("The request is missing a required parameter.")
	}
}

// rejected refuses a good token on whatever surface it was shown.
func (c *call) rejected() answer {
	if c.route.host == hostSOAP {
		return soapFault(c, faultTokenExpired)
	}
	return c.unauthorized()
}

// scopeMissing has the two answers that are known, and one route family's own words.
func (c *call) scopeMissing(variant string) answer {
	switch variant {
	case "401":
		return notAuthorized()
	case "messaging":
		return jsonAnswer(403, object{"message": "Failed to pass authorization"})
	default:
		return insufficientPrivileges()
	}
}
