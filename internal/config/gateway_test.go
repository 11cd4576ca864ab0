package config

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"keepwatch/internal/gateway"
	"keepwatch/internal/sfmc"
)

// What the section means, field by field.
func TestGateway(t *testing.T) {
	g := mustLoad(t, good("gateway.yaml")).Gateway
	if g.BaseURL.String() != "https://sfmc-gateway.example.com" || g.KeepInstanceURLs || g.HolderHeader != "X-Holder" {
		t.Errorf("%+v", g)
	}
	if want := (gateway.Limits{Connections: 2000, PerAddress: 500, Body: 64 << 20}); g.Limits != want {
		t.Errorf("%+v", g.Limits)
	}
	var trusted []string
	for _, p := range g.Trusted {
		trusted = append(trusted, p.String())
	}
	if diff := cmp.Diff([]string{"10.0.0.5/32", "192.168.0.0/16", "2001:db8::/32"}, trusted); diff != "" {
		t.Error(diff)
	}
	plain, shop := g.Listeners[0], g.Listeners[1]
	if plain.Name != "127.0.0.1:8486" || plain.TLS != nil || plain.Holder != "" {
		t.Errorf("%+v", plain)
	}
	if *shop.TLS != (gateway.TLS{Certificate: "env:POINT_CERT", Key: "env:POINT_KEY", ClientCA: "env:POINT_ROOTS"}) || shop.BaseURL.Path != "/sfmc" || shop.Holder != "Shop backend" {
		t.Errorf("%+v", shop)
	}
	if diff := cmp.Diff(gateway.HostName{Name: "auth.gw.example.com", Tenant: "emea", Host: sfmc.HostAuth}, shop.Hosts[0]); diff != "" || len(shop.Hosts) != 3 {
		t.Error(diff)
	}
	if none := mustLoad(t, good("minimal.yaml")).Gateway; len(none.Listeners) != 0 {
		t.Errorf("%+v", none)
	}
}

// Plain HTTP on an open address is allowed and unwise; so is a holder that cannot be named.
func TestGatewayWarnings(t *testing.T) {
	const estate = `version: 1
tenants: [{id: emea, subdomain: mc563885gzs27c5t9-63k636ttgm}]
credentials: [{id: a, tenant: emea, client_id: x, secret: env:CRM, holders: [{name: Rest}]}]
gateway: {`
	for text, want := range map[string]string{
		`listeners: [{listen: "0.0.0.0:8486"}]}`:                            "in clear",
		`listeners: [{listen: "127.0.0.1:8486"}]}`:                          `called "Rest"`,
		`trusted_peers: [10.0.0.1], listeners: [{listen: "0.0.0.0:8486"}]}`: "",
		`listeners: []}`: "",
	} {
		path := filepath.Join(t.TempDir(), "keepwatch.yaml")
		writeFile(t, path, estate+text+"\n")
		c, err := Load(path, goodEnv(t))
		if err != nil {
			t.Fatal(err)
		}
		var all strings.Builder
		for _, w := range c.Warnings {
			all.WriteString(w.String() + "\n")
		}
		if clear := strings.Contains(all.String(), "in clear"); !strings.Contains(all.String(), want) || clear != (want == "in clear") {
			t.Errorf("%s:\n%s", text, all.String())
		}
	}
}
