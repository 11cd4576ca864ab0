package cli

import (
	"fmt"

	"keepwatch/internal/config"
	"keepwatch/internal/otlp"
	"keepwatch/internal/sfmc"
)

// lookAtSpans says which rules for spans match nothing, and where their order decides.
func lookAtSpans(cfg *config.Config) []finding {
	rules := otlp.Rules{Hosts: sfmc.TenantHostsOf(cfg.Tenants), Rules: cfg.Rules()}
	if len(rules.Rules) == 0 {
		return nil
	}
	var findings []finding
	for _, d := range rules.Review() {
		findings = append(findings, finding{Check: fmt.Sprintf("otlp.map: rule %d", d.Rule), OK: !d.Fault, Message: d.Text, Hint: d.Hint})
	}
	if len(findings) == 0 {
		findings = append(findings, finding{Check: "otlp.map", OK: true, Message: counted(len(rules.Rules), "rule") + ", each for spans of its own"})
	}
	return findings
}
