package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Every file in the pages about what is pushed loads, with what it promises.
func TestPagesAboutPushesLoad(t *testing.T) {
	for page, check := range map[string]func(*Config) bool{
		"otlp.md": func(c *Config) bool {
			rules := c.Rules()
			return c.OTLP.GRPC == "127.0.0.1:4317" && len(rules) == 2 && rules[0].Tenant == "emea" && rules[0].Match["service.name"] == "crm-*" && rules[0].Holder == "${service.namespace}/${service.name}"
		},
		"log-push.md": func(c *Config) bool {
			s, ok := c.LogSource("orders")
			return ok && s.Holder == "order-service" && s.Tenant == "emea" && len(c.Logs) == 2
		},
		"events.md": func(c *Config) bool { return c.Credentials[0].Pushed == time.Hour && !c.Tested("ci") },
	} {
		all := blocks(t, filepath.Join("..", "..", "docs", page))
		if len(all) != 1 {
			t.Errorf("%s has %d files", page, len(all))
		}
		for _, text := range all {
			if c := loadText(t, text); !check(c) {
				t.Errorf("%s: %+v", page, c.OTLP)
			}
		}
	}
}

func loadText(t *testing.T, text string) *Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keepwatch.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path, func(string) (string, bool) { return "x", true })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestFaultsOfWhatIsPushed(t *testing.T) {
	const head = "version: 1\ntenants: [{id: emea, subdomain: mc563885gzs27c5t9-63k636ttgm}]\ncredentials: [{id: crm, tenant: emea, client_id: abc, pushed_every: 1h}]\n"
	for text, want := range map[string]string{
		"otlp: {map: [{match: {service.name: x}, credential: crn}]}":                               `did you mean crm?`,
		"otlp: {map: [{match: {}, credential: crm}]}":                                              "would take every call",
		"otlp: {map: [{match: {http.request.header.authorization: x}, credential: crm}]}":          "may hold a secret",
		"otlp: {map: [{match: {service.name: x}, credential: crm, holder: '${url.query}'}]}":       "may hold a secret",
		"otlp: {map: [{match: {service.name: 'a*b'}, credential: crm}]}":                           "at the end only",
		"otlp: {grpc: {listen: '127.0.0.1:4317', key: k.pem}}":                                     "needs both",
		"server: {auth: none}\notlp: {grpc: {listen: ':4317', certificate: c.pem, key: k.pem}}":    "sign-in is off",
		"logs: [{name: a, credential: crm}]":                                                       "either a format or a template",
		"logs: [{name: a, credential: crm, format: mcdev}, {name: a, credential: crm, format: x}]": "mcdev",
		"logs: [{name: a, credential: crm, template: '%{time}'}]":                                  "nobody can tell",
		"logs: [{name: a, credential: no, format: mcdev}]":                                         "there is no credential",
	} {
		path := filepath.Join(t.TempDir(), "keepwatch.yaml")
		if err := os.WriteFile(path, []byte(head+text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path, os.LookupEnv); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
