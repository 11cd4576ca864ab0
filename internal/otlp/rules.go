package otlp

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"

	"keepwatch"
	"keepwatch/internal/sfmc"
)

// Host is the name under which a rule matches the host that was called.
const Host = "host"

// Rule says whose calls those spans are that match.
type Rule struct {
	// Match are values by name of an attribute of the span or its resource, or Host.
	// A value may end with *. All have to match.
	Match      map[string]string
	Tenant     keepwatch.TenantID // of the credential: calls of other tenants never match
	Credential keepwatch.CredentialID
	// Holder may hold ${NAME} of attributes. "" is the service's name.
	Holder string
}

// Rules are what a Receiver goes by. They are never changed.
type Rules struct {
	Hosts sfmc.TenantHosts
	Rules []Rule
}

const defaultHolder = "${service.name}"

// whose finds the first rule that matches.
func (r *Rules) whose(tenant keepwatch.TenantID, host string, resource, span []*commonpb.KeyValue) (keepwatch.CredentialID, string, bool) {
	look := func(name string) string {
		if name == Host {
			bare, _, _ := strings.Cut(strings.ToLower(host), ":")
			return bare
		}
		if v := find(span, name); v != "" {
			return v
		}
		return find(resource, name)
	}
	for i := range r.Rules {
		if rule := &r.Rules[i]; rule.Tenant == tenant && rule.matches(look) {
			return rule.Credential, rule.holder(look), true
		}
	}
	return "", "", false
}

func (r *Rule) matches(look func(string) string) bool {
	for name, want := range r.Match {
		got := look(name)
		if stem, open := strings.CutSuffix(want, "*"); open {
			if !strings.HasPrefix(got, stem) || got == "" {
				return false
			}
		} else if got != want {
			return false
		}
	}
	return true
}

var holderPart = regexp.MustCompile(`\$\{([A-Za-z0-9._-]{1,64})\}`)

// HolderNames are the attributes that a template of a holder reads.
func HolderNames(template string) []string {
	var out []string
	for _, m := range holderPart.FindAllStringSubmatch(template, -1) {
		out = append(out, m[1])
	}
	return out
}

func (r *Rule) holder(look func(string) string) string {
	template := r.Holder
	if template == "" {
		template = defaultHolder
	}
	if !strings.Contains(template, "${") {
		return template
	}
	return name(holderPart.ReplaceAllStringFunc(template, func(part string) string { return look(part[2 : len(part)-1]) }))
}

// name makes a foreign text fit to be a holder's name.
func name(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	for len(s) > maxName || !utf8.ValidString(s) {
		s = s[:min(len(s)-1, maxName)]
	}
	return strings.TrimSpace(s)
}

func find(list []*commonpb.KeyValue, name string) string {
	for _, kv := range list[:min(len(list), maxAttributes)] {
		if kv.GetKey() == name {
			return text(kv)
		}
	}
	return ""
}

// Secretive reports whether an attribute's name says that its value is a secret or a
// person's: a rule must not read it.
func Secretive(attribute string) bool {
	lower := strings.ToLower(attribute)
	for _, word := range []string{"secret", "password", "passwd", "token", "authorization", "cookie", "api_key", "apikey", "credential", "url", "query", "body", "header", "enduser", "user."} {
		if strings.Contains(lower, word) {
			return true
		}
	}
	return false
}
