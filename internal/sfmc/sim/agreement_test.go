package sim

import (
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc"
)

// agreement asks the simulator through the product's own client.
type agreement struct {
	t         *testing.T
	caller    *sfmc.Client
	endpoints sfmc.Endpoints
	request   sfmc.TokenRequest
	token     keepwatch.Secret
}

func newAgreement(t *testing.T, r *rig) agreement {
	t.Helper()
	endpoints, err := sfmc.EndpointsOf(keepwatch.Tenant{AuthURL: r.base, RESTURL: r.base, SOAPURL: r.base + "Service.asmx"})
	if err != nil {
		t.Fatal(err)
	}
	return agreement{
		t: t, caller: sfmc.New(r.http), endpoints: endpoints,
		request: sfmc.TokenRequest{ClientID: r.id, Secret: keepwatch.NewSecret([]byte(r.open)), AccountID: germany},
		token:   keepwatch.NewSecret([]byte(r.token())),
	}
}

// ask makes the request at which a fault shows.
func (a agreement) ask(host, fault string) (v sfmc.Verdict) {
	ctx, bearer := a.t.Context(), sfmc.Login{Token: a.token}
	switch {
	case fault == "legacy_unauthorized":
		_, v = a.caller.LegacyToken(ctx, a.endpoints, a.request)
	case fault == "soap_login_failed", fault == "soap_account_locked", fault == "soap_password_change":
		v = a.caller.SystemStatus(ctx, a.endpoints, sfmc.Login{Username: "user", Password: keepwatch.NewSecret([]byte("x"))})
	case fault == "soap_status_maintenance", fault == "soap_status_outage":
		v = a.caller.SystemStatus(ctx, a.endpoints, bearer)
	case host == hostSOAP:
		_, v = a.caller.Retrieve(ctx, a.endpoints, bearer, sfmc.Retrieve{Object: "DataFolder", Properties: []string{"ID"}})
	case host == hostREST, fault == "token_rejected":
		v = a.caller.Get(ctx, a.endpoints, a.token, "/asset/v1/content/categories?$pageSize=1", []string{"items", "count"})
	default:
		_, v = a.caller.Token(ctx, a.endpoints, a.request)
	}
	return v
}

// Every cause of the catalogue that names a fault is named as that outcome when
// the simulator acts it out: the two cannot drift apart. In a bubble, so that
// answers that hang take no time.
func TestCatalogueAgrees(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := newPipeRig(t, Options{TokenLife: 1000 * time.Hour})
		r.sim.AddClient(ClientSpec{ClientID: "user", Secret: "x", Kind: keepwatch.APIUser, MID: germany, EID: eid})
		a := newAgreement(t, r)
		for _, cause := range sfmc.Catalogue {
			if cause.Fault == "" {
				continue
			}
			kind, ok := faultKinds[cause.Fault]
			if !ok {
				t.Errorf("cause %s names the fault %q, which the simulator does not have", cause.Name, cause.Fault)
				continue
			}
			hosts := kind.hosts
			if kind.answer != nil {
				hosts = hosts[:1]
			}
			want := cause
			if cause.LooksLike != "" {
				want, _ = sfmc.CauseByName(cause.LooksLike)
			}
			for _, host := range hosts {
				id, err := r.sim.Inject(Fault{Name: cause.Fault, Variant: cause.Variant})
				if err != nil {
					t.Fatal(err)
				}
				if got := a.ask(host, cause.Fault); got.Outcome != want.Outcome {
					t.Errorf("%s on %s is named %s (%s), want %s; evidence %q", cause.Name, host, got.Cause, got.Outcome, want.Outcome, got.Evidence)
				}
				r.sim.Clear(id)
			}
		}
		for _, host := range []string{hostAuth, hostREST, hostSOAP} {
			if v := a.ask(host, ""); !v.OK() {
				t.Errorf("%s without a fault: %s, %s", host, v.Cause, v.Evidence)
			}
		}
	})
}

// The recipe's tests all pass against the simulator.
func TestRecipesPass(t *testing.T) {
	a := newAgreement(t, newRig(t, Options{}))
	for _, f := range sfmc.Families {
		test, err := sfmc.ParseTest(f.Test)
		if err != nil {
			t.Fatal(err)
		}
		if v := a.caller.Run(t.Context(), a.endpoints, a.token, sfmc.Login{Token: a.token}, test); !v.OK() {
			t.Errorf("%s: %s %d %s", f.Test, v.Outcome, v.HTTPStatus, v.Evidence)
		}
	}
}
