package config

import (
	"slices"

	"keepwatch"
)

// testHTTPS begins the name of a test that asks an integration point.
const testHTTPS = "https:"

type pointDraft struct {
	name, url, cert, key at[string]
	roots                string
	expect               []int
}

func pointKind() kind[pointDraft] {
	type draft = pointDraft
	return object(
		key("name", "what tests call it: https:NAME", located(identifier[string]("a name")), func(p *draft) *at[string] { return &p.name }).must(),
		key("url", "the address that is asked with GET", located(pointURL()), func(p *draft) *at[string] { return &p.url }).must(),
		key("client_certificate", "reference to the certificate to show, in PEM, with its chain", located(secretRef()), func(p *draft) *at[string] { return &p.cert }),
		key("client_key", "reference to the key of that certificate", located(secretRef()), func(p *draft) *at[string] { return &p.key }),
		key("roots", "reference to the roots to trust in place of the system's, in PEM", secretRef(), func(p *draft) *string { return &p.roots }),
		key("expect", "the statuses that prove it; the default is any of 200 to 299", list(integer("an HTTP status", 100, 599), 50), func(p *draft) *[]int { return &p.expect }),
	)
}

// pointURL reads an address of a third party. It may hold a token in its path or
// query, so a faulty one is not repeated.
func pointURL() kind[string] {
	const allowed = "https://HOST/PATH, without user name and fragment"
	sch := orEnv(schema{"type": "string", "pattern": "^https://"})
	return kind[string]{sch, func(s spot) (string, bool) {
		w, ok := s.read(allowed)
		if !ok {
			return "", false
		}
		u, ok := parseWeb(w.value)
		if !ok || u.Scheme != "https" {
			s.fault(allowed, "this is not the address of an integration point")
			return "", false
		}
		return w.value, true
	}}
}

func (m *merger) points(c *Config) {
	seen := names{}
	for _, d := range m.all.points {
		if d.v.cert.at.set() != d.v.key.at.set() && !(d.at.has("client_certificate") && d.at.has("client_key")) {
			d.at.fault("both of client_certificate and client_key, or none", "names one half of a key pair")
		}
		if !d.v.name.at.set() || !seen.first(d.v.name.v, d.v.name.at, "integration point") {
			continue
		}
		c.Points = append(c.Points, keepwatch.IntegrationPoint{
			Name: d.v.name.v, URL: d.v.url.v, ClientCert: d.v.cert.v, ClientKey: d.v.key.v, Roots: d.v.roots, Expect: d.v.expect,
		})
	}
}

func pointNames(c *Config) []string {
	out := make([]string, len(c.Points))
	for i, p := range c.Points {
		out[i] = p.Name
	}
	return out
}

// warnOfPoints finds integration points that no test asks.
func (m *merger) warnOfPoints(c *Config) {
	for _, d := range m.all.points {
		if !slices.ContainsFunc(c.Credentials, func(cred keepwatch.Credential) bool { return slices.Contains(cred.Tests, testHTTPS+d.v.name.v) }) {
			c.warn(d.at.where(), "no test asks this integration point")
		}
	}
}
