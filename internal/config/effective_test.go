package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keepwatch/internal/config"
)

// Every setting says where it stands, or that it is a default, and none shows what may be
// a secret.
func TestEffectiveNamesTheLineOfEverySetting(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keepwatch.yaml")
	text := `version: 1
server:
  base_url: https://keepwatch.example.com
store: {url: "postgres://keepwatch:${env:PGPW}@db/keepwatch"}
calendars:
  office: {timezone: Europe/Berlin, holidays: DE}
tiers:
  standard: {every: {business: 5m}, calendar: office}
tenants:
  - {id: emea, subdomain: mc563885gzs27c5t9-63k636ttgm}
credentials:
  - {id: crm, tenant: emea, client_id: x, secret: env:CRM}
receivers:
  - {name: ops, webhook: {url: "https://hooks.example.com/T000/verysecret", secret: env:HOOK}}
  - {name: chat, slack: {webhook_url: env:SLACK}}
routes:
  - {to: [ops, chat], only_in: office}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file, func(name string) (string, bool) { return "pw-of-the-store", name == "PGPW" })
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]config.Value{}
	var shown strings.Builder
	for _, s := range c.Effective() {
		if s.Doc == "" {
			t.Errorf("%s says nothing of itself", s.Name)
		}
		for _, v := range s.Values {
			all[v.Key] = v
			shown.WriteString(v.Key + "=" + v.Text + "\n")
		}
	}
	for _, secret := range []string{"verysecret", "pw-of-the-store", "client_id"} {
		if strings.Contains(shown.String(), secret) {
			t.Errorf("%s is shown:\n%s", secret, shown.String())
		}
	}
	for key, want := range map[string]config.Value{
		"server.base_url":                  {Text: "https://keepwatch.example.com", File: file, Line: 3},
		"server.listen":                    {Text: "127.0.0.1:8484", Default: true},
		"store.url":                        {Text: "postgres://…@db/keepwatch", File: file, Line: 4},
		"tiers.standard.every.business":    {Text: "5m", File: file, Line: 8},
		"tiers.standard.every.off":         {Text: "1h", Default: true},
		"tiers.reporting.expiry_ladder":    {Text: "30d, 14d, 3d", Default: true},
		"calendars.office.hours":           {Text: "mon-fri 08:00-18:00", Default: true},
		"receivers.ops.webhook.url":        {Hidden: true, File: file, Line: 14},
		"receivers.ops.webhook.secret":     {Text: "env:HOOK", File: file, Line: 14},
		"receivers.chat.slack.webhook_url": {Text: "env:SLACK", File: file, Line: 15},
		"routes[0].to":                     {Text: "ops, chat", File: file, Line: 17},
	} {
		want.Key = key
		if got := all[key]; got != want {
			t.Errorf("%s is %+v, want %+v", key, got, want)
		}
	}
	if used := c.Used("office"); strings.Join(used, ", ") != "tier standard, route 1" {
		t.Errorf("the calendar is used by %v", used)
	}
}
