package config

import (
	"path/filepath"
	"testing"

	"keepwatch"
)

// A credential of middleware has nothing to sign in to SFMC with, and an integration
// point to ask: it is tested by that alone, without an identity.
func TestMiddlewareIsTestedByItsPoint(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keepwatch.yaml")
	writeFile(t, path, `version: 1
tenants:
  - {id: emea, subdomain: mc563885gzs27c5t9-63k636ttgm}
integration_points:
  - {name: mule, url: "https://mule.example.com/health"}
credentials:
  - {id: mule-cert, tenant: emea, kind: certificate, certificate: {endpoint: "mule.example.com:443"}, tests: ["https:mule"]}
  - {id: no-tests, tenant: emea, kind: certificate, certificate: {endpoint: "mule.example.com:443"}}
`)
	c, err := Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	cred, _ := c.Credential("mule-cert")
	if len(cred.Tests) != 1 || cred.Tests[0] != "https:mule" || !c.Tested("mule-cert") || c.Tested("no-tests") {
		t.Errorf("tests %v, tested %v and %v", cred.Tests, c.Tested("mule-cert"), c.Tested("no-tests"))
	}
	kinds := map[keepwatch.CheckKind]int{}
	for _, check := range c.Checks() {
		kinds[check.Kind]++
	}
	if kinds[keepwatch.CheckCredential] != 1 || kinds[keepwatch.CheckExpiry] != 2 {
		t.Errorf("checks: %v", kinds)
	}
}
