package config

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"keepwatch"
	"keepwatch/internal/logs"
	"keepwatch/internal/otlp"
)

// OTLP is how spans are taken in. Over HTTP they always are, by the daemon's own listener.
type OTLP struct {
	GRPC    string // address of the listener for gRPC; "" is none
	TLSCert string // files; "" is plain text
	TLSKey  string
	mapped  []otlp.Rule
}

// Listener names what is bound at the start.
func (o OTLP) Listener() string { return strings.Join([]string{o.GRPC, o.TLSCert, o.TLSKey}, " ") }

// Rules say whose calls spans are, with the tenants of the credentials in force.
func (c *Config) Rules() []otlp.Rule {
	out := slices.Clone(c.OTLP.mapped)
	for i := range out {
		cred, _ := c.Credential(out[i].Credential)
		out[i].Tenant = cred.Tenant
	}
	return out
}

type otlpDraft struct {
	grpc at[grpcDraft]
	maps []at[ruleDraft]
}

type grpcDraft struct{ listen, certificate, key at[string] }

type ruleDraft struct {
	match      []entry[at[string]]
	credential at[string]
	holder     at[string]
}

func otlpKind() kind[otlpDraft] {
	grpc := object(
		key("listen", "address and port for OTLP over gRPC, like 127.0.0.1:4317", located(hostPort(true)), func(d *grpcDraft) *at[string] { return &d.listen }).must(),
		key("certificate", "file with the certificate chain in PEM; without it the listener is plain text", located(free(1024)), func(d *grpcDraft) *at[string] { return &d.certificate }),
		key("key", "file with the certificate's key in PEM", located(free(1024)), func(d *grpcDraft) *at[string] { return &d.key }),
	)
	rule := object(
		key("match", "values by name of an attribute of the span or its resource, or host; all have to match, and one may end with *", mapping(located(free(200))), func(d *ruleDraft) *[]entry[at[string]] { return &d.match }).must(),
		key("credential", "id of the credential that the calls are made with", located(identifier[string]("the id of a credential")), func(d *ruleDraft) *at[string] { return &d.credential }).must(),
		key("holder", "who makes them; may hold ${NAME} of attributes, and the default is ${service.name}", located(free(200)), func(d *ruleDraft) *at[string] { return &d.holder }),
	)
	return object(
		key("grpc", "a listener of its own for OTLP over gRPC", located(grpc), func(d *otlpDraft) *at[grpcDraft] { return &d.grpc }),
		key("map", "whose calls spans are: the first rule that matches", list(located(rule), 1000), func(d *otlpDraft) *[]at[ruleDraft] { return &d.maps }),
	)
}

type logDraft struct {
	name, credential, holder, format, template at[string]
}

func logKind() kind[logDraft] {
	return object(
		key("name", "what the sender names in ?source=", located(identifier[string]("a name")), func(d *logDraft) *at[string] { return &d.name }).must(),
		key("credential", "id of the credential that its calls are made with", located(identifier[string]("the id of a credential")), func(d *logDraft) *at[string] { return &d.credential }).must(),
		key("holder", "who makes the calls; the default is the name", located(free(200)), func(d *logDraft) *at[string] { return &d.holder }),
		key("format", "a client library whose error texts are known", located(choice("a known format", logs.Formats()...)), func(d *logDraft) *at[string] { return &d.format }),
		key("template", "the form of a line, with %{time}, %{level}, %{status}, %{code}, %{message}, %{method}, %{url}, %{duration}, %{client_id} and %{skip}", located(free(500)), func(d *logDraft) *at[string] { return &d.template }),
	)
}

// ingest checks the rules for what is pushed in. They name credentials of the files: one
// of the interface may be gone tomorrow, and a file must not become wrong by that.
func (m *merger) ingest(c *Config) {
	m.grpc(c)
	for _, d := range m.all.otlp.v.maps {
		if rule, ok := m.rule(c, d); ok {
			c.OTLP.mapped = append(c.OTLP.mapped, rule)
		}
	}
	seen := names{}
	for _, d := range m.all.logs {
		if !d.v.name.at.set() || !seen.first(d.v.name.v, d.v.name.at, "source of logs") {
			continue
		}
		if s, ok := m.logSource(c, d); ok {
			c.Logs = append(c.Logs, s)
		}
	}
}

func (m *merger) grpc(c *Config) {
	d := m.all.otlp.v.grpc
	if !d.at.set() {
		return
	}
	if d.v.certificate.at.set() != d.v.key.at.set() {
		d.at.fault("certificate and key, or neither", "TLS needs both a certificate and its key")
	}
	file := func(p at[string]) string {
		if !p.at.set() || filepath.IsAbs(p.v) {
			return p.v
		}
		return filepath.Join(p.at.w.dir, p.v)
	}
	c.OTLP.GRPC, c.OTLP.TLSCert, c.OTLP.TLSKey = d.v.listen.v, file(d.v.certificate), file(d.v.key)
	if listen := d.v.listen; listen.at.set() && !d.v.certificate.at.set() && !loopback(listen.v) {
		m.notes = append(m.notes, noted(listen.at, "tokens travel in plain text on a listener that is not of this machine; add certificate and key"))
	}
	if c.Server.Auth == AuthNone && d.v.listen.at.set() && !loopback(d.v.listen.v) {
		d.v.listen.at.fault("127.0.0.1:PORT, or server.auth local", "sign-in is off, so that everybody on the network could push")
	}
}

func noted(at spot, message string) Fault {
	f := at.where()
	f.Message = message
	return f
}

func (m *merger) rule(c *Config, d at[ruleDraft]) (otlp.Rule, bool) {
	rule := otlp.Rule{Match: map[string]string{}, Credential: keepwatch.CredentialID(d.v.credential.v), Holder: d.v.holder.v}
	good := d.v.credential.at.set() && m.knownCredential(c, d.v.credential)
	if len(d.v.match) == 0 {
		d.at.fault("at least service.name", "a rule without match would take every call")
		good = false
	}
	for _, e := range d.v.match {
		if otlp.Secretive(e.name) {
			e.at.fault("attributes that name a program, such as service.name", "an attribute of this name may hold a secret and is never read")
			good = false
		}
		if stem, _ := strings.CutSuffix(e.v.v, "*"); strings.Contains(stem, "*") || e.v.v == "" {
			e.v.at.fault("a value, or its beginning and *", "a * may stand at the end only, and a value must not be empty")
			good = false
		}
		rule.Match[e.name] = e.v.v
	}
	for _, name := range otlp.HolderNames(rule.Holder) {
		if otlp.Secretive(name) {
			d.v.holder.at.fault("attributes that name a program, such as ${service.name}", "an attribute of this name may hold a secret and is never read")
			good = false
		}
	}
	return rule, good
}

func (m *merger) knownCredential(c *Config, name at[string]) bool {
	if _, known := c.credentials[keepwatch.CredentialID(name.v)]; known {
		return true
	}
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(c.credentials)) {
		ids = append(ids, string(id))
	}
	unknown(name.at, "credential", name.v, ids)
	return false
}

func (m *merger) logSource(c *Config, d at[logDraft]) (logs.Source, bool) {
	s := logs.Source{Name: d.v.name.v, Credential: keepwatch.CredentialID(d.v.credential.v), Holder: d.v.holder.v}
	if !d.v.credential.at.set() || !m.knownCredential(c, d.v.credential) {
		return s, false
	}
	cred, _ := c.Credential(s.Credential)
	s.Tenant = cred.Tenant
	format, template := d.v.format.at.set(), d.v.template.at.set()
	if format == template {
		d.at.fault("format: NAME, or template: '…'", "a source has either a format or a template")
		return s, false
	}
	if format {
		s.Format, _ = logs.FormatOf(d.v.format.v)
		return s, true
	}
	var err error
	if s.Format, err = logs.ParseTemplate(d.v.template.v); err != nil {
		d.v.template.at.fault(keepwatch.HintOf(err), "%s", fact(err))
	}
	return s, err == nil
}

// LogSource finds a source of log lines.
func (c *Config) LogSource(name string) (logs.Source, bool) {
	i := slices.IndexFunc(c.Logs, func(s logs.Source) bool { return s.Name == name })
	if i < 0 {
		return logs.Source{}, false
	}
	return c.Logs[i], true
}
