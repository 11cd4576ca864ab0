package inventory

import (
	"slices"
	"strings"

	"keepwatch"
)

// What a field means depends on the kind; the configuration knows the same table.
// What is missing is no fault here: a record may wait for its client id and its
// secret, and Findings says so.
var (
	clientKinds = []keepwatch.Kind{keepwatch.ServerToServer, keepwatch.WebApp, keepwatch.PublicApp, keepwatch.RefreshToken, keepwatch.LegacyPackage, keepwatch.ConnectedApp}
	userKinds   = []keepwatch.Kind{keepwatch.APIUser, keepwatch.RefreshToken, keepwatch.SFTPPassword, keepwatch.SFTPKey, keepwatch.PersonalAccessToken}
	openKinds   = []keepwatch.Kind{keepwatch.PublicApp, keepwatch.Contract}
)

// check finds what is wrong with a record as a whole.
func check(c *keepwatch.Credential, tenants []keepwatch.Tenant) error {
	if c.ID == "" {
		return fieldError{"id", wrong("a short name", "is missing")}
	}
	if err := checkTenant(c, tenants); err != nil {
		return err
	}
	if err := checkKind(c); err != nil {
		return err
	}
	if !c.SecretGenerated.IsZero() && !c.Expires.IsZero() && !c.SecretGenerated.Before(c.Expires) {
		return fieldError{"expires", wrong("a later day, or leave it out", "it ends on %s, but was made on %s", c.Expires, c.SecretGenerated)}
	}
	if err := checkReferences(c); err != nil {
		return err
	}
	return checkCertificate(c)
}

// checkReferences keeps a sealed secret with the record it was sealed for: another
// record would send it with its own client id, to its own tenant.
func checkReferences(c *keepwatch.Credential) error {
	for _, r := range []struct{ field, ref string }{{"secret", c.SecretRef}, {"certificate.password", c.Certificate.Password}} {
		name, sealed := strings.CutPrefix(r.ref, "sealed:")
		if owner, _, _ := strings.Cut(name, "+"); sealed && owner != string(c.ID) {
			return fieldError{r.field, wrong("hand the secret over for this record, or name another reference", "is sealed for the record %s", shown(owner))}
		}
	}
	return nil
}

func checkTenant(c *keepwatch.Credential, tenants []keepwatch.Tenant) error {
	at := slices.IndexFunc(tenants, func(t keepwatch.Tenant) bool { return t.ID == c.Tenant })
	if at < 0 {
		return fieldError{"tenant", wrong("one of "+tenantNames(tenants), "there is no tenant %s", shown(string(c.Tenant)))}
	}
	units := tenants[at].BusinessUnits
	if c.BusinessUnit == 0 || len(units) == 0 || slices.ContainsFunc(units, func(u keepwatch.BusinessUnit) bool { return u.MID == c.BusinessUnit }) {
		return nil
	}
	return fieldError{"business_unit", wrong("one that the tenant lists, or none", "tenant %s has no business unit %s", c.Tenant, c.BusinessUnit)}
}

func tenantNames(tenants []keepwatch.Tenant) string {
	if len(tenants) == 0 {
		return "the configuration's tenants (none is defined)"
	}
	var names []string
	for _, t := range tenants[:min(len(tenants), 20)] {
		names = append(names, string(t.ID))
	}
	return strings.Join(names, ", ")
}

func checkKind(c *keepwatch.Credential) error {
	meaningless := func(field string, set bool, kinds []keepwatch.Kind) error {
		if !set || slices.Contains(kinds, c.Kind) {
			return nil
		}
		return fieldError{field, wrong("another kind, or an empty cell", "has no meaning for the kind %s", c.Kind)}
	}
	not := func(kinds []keepwatch.Kind) []keepwatch.Kind {
		return slices.DeleteFunc(slices.Clone(keepwatch.Kinds), func(k keepwatch.Kind) bool { return slices.Contains(kinds, k) })
	}
	var signIn, token, certificate []keepwatch.Kind
	for _, k := range keepwatch.Kinds {
		switch k.Proof() {
		case keepwatch.ProofToken:
			signIn, token = append(signIn, k), append(token, k)
		case keepwatch.ProofSOAP:
			signIn = append(signIn, k)
		case keepwatch.ProofCertificate:
			certificate = append(certificate, k)
		}
	}
	for _, err := range []error{
		meaningless("client_id", c.ClientID != "", clientKinds),
		meaningless("package", c.Package != "", clientKinds),
		meaningless("username", c.Username != "", userKinds),
		meaningless("secret", c.SecretRef != "", not(openKinds)),
		meaningless("certificate.file", !c.Certificate.IsZero(), certificate),
		meaningless("pushed_every", c.Pushed > 0, signIn),
		meaningless("discover", c.Discover, signIn),
		meaningless("tests", slices.ContainsFunc(c.Tests, asksSFMC), signIn),
		meaningless("scopes", len(c.Scopes) > 0, token),
	} {
		if err != nil {
			return err
		}
	}
	rest := func(t string) bool { return strings.HasPrefix(t, "rest:") }
	if c.Kind == keepwatch.APIUser && slices.ContainsFunc(c.Tests, rest) {
		return fieldError{"tests", wrong("identity, soap:GetSystemStatus, soap:OBJECT", "an API user has no access to REST")}
	}
	return nil
}

// asksSFMC reports whether a test needs a sign-in; an integration point does not.
func asksSFMC(test string) bool { return !strings.HasPrefix(test, "https:") }

func checkCertificate(c *keepwatch.Credential) error {
	s := c.Certificate
	switch {
	case s.IsZero():
		return nil
	case (s.File == "") == (s.Endpoint == ""):
		return fieldError{"certificate.file", wrong("an endpoint", "one source is needed, and only one")}
	case s.File != "":
		// Whoever may edit records could else have the daemon open any file of its machine.
		return fieldError{"certificate.file", wrong("define this record in a configuration file, or name an endpoint", "is a file of the daemon's machine, which a record of the interface may not name")}
	case s.Endpoint != "" && (s.Password != "" || s.Alias != ""):
		return fieldError{"certificate.password", wrong("empty cells", "password and alias have no meaning for an endpoint")}
	}
	return nil
}
