package probe_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/egress"
	"keepwatch/internal/probe"
	"keepwatch/internal/sfmc"
	"keepwatch/internal/sfmc/sim"
)

type secrets string

func (s secrets) Resolve(context.Context, string) (keepwatch.Secret, error) {
	return keepwatch.NewSecret([]byte(s)), nil
}

// Every fault that the simulator can produce is named as the catalogue says: the
// two were written apart, so this is where they meet.
func TestEveryFaultOfTheSimulatorIsNamed(t *testing.T) {
	for _, c := range sfmc.Catalogue {
		switch c.Fault {
		case "", "hang", "drip": // time runs out; see the tests in virtual time
			continue
		}
		t.Run(strings.TrimSuffix(c.Fault+"/"+c.Variant, "/"), func(t *testing.T) {
			t.Parallel()
			for _, on := range hostsOf(c) {
				o := provoke(t, c, on)
				if o.Outcome != c.Outcome {
					t.Errorf("on %q: %s at %s (%s), want %s\n%s", on, o.Outcome, o.Step, o.Evidence, c.Outcome, o.Transcript)
				}
				if o.Hint == "" || o.Message == "" {
					t.Errorf("on %q: no words", on)
				}
			}
		})
	}
}

// hostsOf lists where a fault is tried: a fault of the wire on each host.
func hostsOf(c sfmc.Cause) []string {
	if c.Match.On == 0 && c.LooksLike != "bad_secret" && c.LooksLike != "ip_blocked" && c.LooksLike != "token_rejected" {
		return []string{"auth", "rest", "soap"}
	}
	return []string{""}
}

func provoke(t *testing.T, c sfmc.Cause, on string) keepwatch.Observation {
	t.Helper()
	const mid = keepwatch.MID(510000123)
	cred := keepwatch.Credential{ID: "c", Kind: keepwatch.ServerToServer, BusinessUnit: mid, ClientID: "id-of-the-client-00000001", SecretRef: "env:X",
		Tests: []string{"identity", "rest:/messaging/v1/email/definitions?$pageSize=1", "soap:GetSystemStatus", "soap:DataFolder"}}
	switch {
	case c.Fault == "secret_expired":
		cred.Deadline = keepwatch.Deadline{At: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), Source: keepwatch.DateDerived}
	case c.Fault == "legacy_unauthorized":
		cred.Kind, cred.Tests = keepwatch.LegacyPackage, nil
	case c.Match.On&sfmc.OnLogin != 0 && c.Match.On&sfmc.OnSOAP == 0:
		cred.Kind, cred.Username, cred.Tests = keepwatch.APIUser, "bob", nil
	}
	spec := sim.ClientSpec{ClientID: cred.ClientID, Secret: "secret-of-the-client-001", MID: mid, Kind: cred.Kind}
	if cred.Kind == keepwatch.APIUser {
		spec.ClientID = cred.Username
	}
	s := sim.New(sim.Options{Clients: []sim.ClientSpec{spec}})
	server := httptest.NewServer(s.Handler())
	t.Cleanup(func() { server.Close(); _ = s.Close() })
	tenant := keepwatch.Tenant{ID: "t", AuthURL: server.URL, RESTURL: server.URL, SOAPURL: server.URL + "/Service.asmx"}
	p := probe.New(probe.Options{Secrets: secrets(spec.Secret), Egress: egress.New(egress.Policy{})})
	slot := keepwatch.Slot{Check: keepwatch.Check{ID: "c"}, At: time.Now()}
	if o := p.Run(t.Context(), cred, tenant, slot); o.Outcome != keepwatch.OK {
		t.Fatalf("before the fault: %s\n%s", o.Outcome, o.Transcript)
	}
	if _, err := s.Inject(sim.Fault{Name: c.Fault, Variant: c.Variant, On: on}); err != nil {
		t.Fatal(err)
	}
	return p.Run(t.Context(), cred, tenant, slot)
}
