package config

import (
	"path/filepath"
	"slices"
	"strings"

	"keepwatch"
	"keepwatch/internal/expiry"
)

// What a key means depends on the kind: a client id says nothing of a contract.
// A key without a meaning is a fault and not ignored, because it mostly says that
// the kind is the wrong one.
var (
	clientKinds = []keepwatch.Kind{keepwatch.ServerToServer, keepwatch.WebApp, keepwatch.PublicApp, keepwatch.RefreshToken,
		keepwatch.LegacyPackage, keepwatch.ConnectedApp}
	userKinds = []keepwatch.Kind{keepwatch.APIUser, keepwatch.RefreshToken, keepwatch.SFTPPassword, keepwatch.SFTPKey, keepwatch.PersonalAccessToken}
	// Nothing secret belongs to these.
	openKinds = []keepwatch.Kind{keepwatch.PublicApp, keepwatch.Contract}
)

// kindOf is a credential's kind; it is false where what stands there is none,
// which is a fault already.
func (d credentialDraft) kindOf(at spot) (keepwatch.Kind, bool) {
	if at.has("kind") && !d.kind.at.set() {
		return "", false
	}
	if d.kind.v == "" {
		return keepwatch.ServerToServer, true
	}
	return d.kind.v, true
}

// signIn checks that a credential has what its kind signs in with, and nothing
// that has no meaning for it.
func (m *merger) signIn(d *at[credentialDraft]) {
	kind, ok := d.v.kindOf(d.at)
	if !ok {
		return
	}
	const without = "another kind, or without this key"
	needed, instead := "client_id", "client_id"
	switch {
	case !asked(kind):
		needed, instead = "", without
	case kind == keepwatch.APIUser:
		needed, instead = "username", "username"
	}
	if needed != "" && !d.at.has(needed) {
		d.at.missing(needed, "what a credential of the kind "+string(kind)+" signs in with")
	}
	// A record of the interface may wait for its secret: its dates are watched.
	// Of one whose verdicts are pushed, the secret stays where they come from.
	if asked(kind) && !m.record && !d.at.has("secret") && !d.at.has("pushed_every") {
		d.at.missing("secret", secretDoc)
	}
	useless := func(at spot, meant bool, allowed string) {
		if at.set() && !meant {
			at.fault(allowed, "has no meaning for the kind %s", kind)
		}
	}
	useless(d.v.clientID.at, slices.Contains(clientKinds, kind), instead)
	useless(d.v.pkg.at, slices.Contains(clientKinds, kind), without)
	useless(d.v.username.at, slices.Contains(userKinds, kind), instead)
	useless(d.v.secret.at, !slices.Contains(openKinds, kind), without)
	useless(d.v.certificate.at, kind.Proof() == keepwatch.ProofCertificate, without)
	for _, t := range d.v.tests.v {
		useless(t.at, asked(kind) || strings.HasPrefix(t.v, testHTTPS), "https:NAME of an integration point: SFMC is not asked with a credential of this kind")
	}
	useless(d.v.pushed.at, asked(kind), "a kind that can sign in by itself: server_to_server, legacy_package, api_user")
	useless(d.v.discover.at, asked(kind) || !d.v.discover.v, "a kind that can sign in by itself: server_to_server, legacy_package, api_user")
	if len(d.v.scopes.v) > 0 && kind.Proof() != keepwatch.ProofToken {
		d.at.fault("no scopes", "scopes have no meaning for the kind %s", kind)
	}
}

// testsOf checks what only the kind and the other parts of the file tell of a test.
func (m *merger) testsOf(c *Config, d *at[credentialDraft]) {
	for _, t := range d.v.tests.v {
		if d.v.kind.v == keepwatch.APIUser && strings.HasPrefix(t.v, "rest:") {
			t.at.fault("identity, soap:GetSystemStatus, soap:OBJECT", "an API user has no access to REST")
		}
		if name, found := strings.CutPrefix(t.v, testHTTPS); found {
			if _, known := c.IntegrationPoint(name); !known {
				unknown(t.at, "integration point", name, pointNames(c))
			}
		}
	}
}

// datesOf finds dates that cannot both be right.
func (m *merger) datesOf(d *at[credentialDraft]) {
	made, end := d.v.generated, d.v.expires
	if made.at.set() && end.at.set() && !made.v.Before(end.v) {
		end.at.fault("a day after "+made.v.String(), "ends on %s, but was made on %s", end.v, made.v)
	}
}

// limitsOf notes what no clock of the kind looks at. It is no fault: the record is
// as right without it, and a test is worth more than a tidy record.
func (m *merger) limitsOf(d *at[credentialDraft]) {
	kind, ok := d.v.kindOf(d.at)
	if !ok {
		return
	}
	takes := func(clock keepwatch.ClockKind, policy bool) bool {
		return slices.ContainsFunc(expiry.Rules[kind], func(r expiry.Rule) bool { return r.Kind == clock && (!policy || r.Policy != "") })
	}
	for _, setting := range []struct {
		at    spot
		taken bool
	}{
		{d.v.expires.at, takes(keepwatch.ClockHard, false)},
		{d.v.validFor.at, takes(keepwatch.ClockHard, true)},
		{d.v.idleFor.at, takes(keepwatch.ClockIdle, true)},
	} {
		if setting.at.set() && !setting.taken {
			note := setting.at.where()
			note.Message = "is not used: no clock of the kind " + string(kind) + " depends on it"
			m.notes = append(m.notes, note)
		}
	}
}

// certificateOf checks that one source is named, and nothing that belongs to the other.
func (m *merger) certificateOf(d *at[credentialDraft]) {
	source, at := d.v.certificate.v, d.v.certificate.at
	if !at.set() {
		return
	}
	file, endpoint := at.has("file"), at.has("endpoint")
	if file == endpoint {
		at.fault("one of file and endpoint", "names %s", map[bool]string{true: "two sources", false: "no source"}[file])
		return
	}
	if source.serverName.at.set() && file {
		source.serverName.at.fault("only with endpoint", "has no meaning for a file")
	}
	for _, s := range []spot{source.password.at, source.alias.at} {
		if s.set() && endpoint {
			s.fault("only with file", "has no meaning for an endpoint")
		}
	}
}

// path is the certificate's file as it is found from anywhere.
func (d certificateDraft) path() string {
	if d.file.v == "" || filepath.IsAbs(d.file.v) {
		return d.file.v
	}
	return filepath.Join(d.file.at.w.dir, d.file.v)
}
