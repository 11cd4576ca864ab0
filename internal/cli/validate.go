package cli

import (
	"context"
	"fmt"
	"os"
	"time"

	"keepwatch"
	"keepwatch/internal/config"
	"keepwatch/internal/schedule"
)

type validateCmd struct {
	Schema bool `help:"Print the JSON Schema of the file, for editors."`
}

// tierReport is what a tier promises: the worst-case time from the start of a
// failure to its message.
type tierReport struct {
	Tier         keepwatch.Criticality `json:"tier"`
	Credentials  int                   `json:"credentials"`
	Business     string                `json:"every_business"`
	Off          string                `json:"every_off"`
	HardBusiness string                `json:"detect_refusal_business"`
	HardOff      string                `json:"detect_refusal_off"`
	SoftBusiness string                `json:"detect_soft_business"`
	SoftOff      string                `json:"detect_soft_off"`
}

// effectsReport is what looking at one tenant's counters costs, in calls; with
// the tests, and against what the account's edition allows.
type effectsReport struct {
	Tenant    string   `json:"tenant"`
	Subjects  int      `json:"subjects"`
	PerDay    int      `json:"calls_per_day"`
	PerYear   int      `json:"calls_per_year"`
	All       int      `json:"all_calls_per_year"`
	Allowance *int64   `json:"allowance"`
	Share     *float64 `json:"share"`
}

type validateReport struct {
	SchemaVersion int               `json:"schema_version"`
	Files         []string          `json:"files"`
	Tenants       int               `json:"tenants"`
	Credentials   int               `json:"credentials"`
	Receivers     int               `json:"receivers"`
	Tiers         []tierReport      `json:"tiers"`
	PerDay        budget            `json:"calls_per_day"`
	PerYear       budget            `json:"calls_per_year"`
	ByTenant      map[string]budget `json:"calls_per_year_by_tenant"`
	Effects       []effectsReport   `json:"effects"`
	Warnings      []string          `json:"warnings"`
	AsOf          time.Time         `json:"as_of"`
}

type budget struct {
	TokenRequests int `json:"token_requests"`
	APICalls      int `json:"api_calls"`
}

func (c validateCmd) Run(e *env) error {
	if c.Schema {
		_, err := e.stdout.Write(config.Schema())
		return err
	}
	ctx, cancel := context.WithTimeout(e.ctx, time.Minute)
	defer cancel()
	path, err := e.configPath()
	if err != nil {
		return err
	}
	cfg, err := config.Validate(ctx, path, os.LookupEnv)
	if err != nil {
		return err
	}
	report := reportOf(cfg, time.Now().UTC())
	if e.Output != "table" {
		return e.printJSON(report)
	}
	return e.printValidated(report)
}

func reportOf(cfg *config.Config, now time.Time) validateReport {
	r := validateReport{
		SchemaVersion: 1, Files: cfg.Files, Tenants: len(cfg.Tenants), Credentials: len(cfg.Credentials), Receivers: len(cfg.Receivers),
		ByTenant: map[string]budget{}, Effects: []effectsReport{}, Warnings: []string{}, AsOf: now,
	}
	members := map[keepwatch.Criticality]int{}
	var total schedule.Spending
	byTenant := map[keepwatch.TenantID]schedule.Budget{}
	for _, c := range cfg.Credentials {
		members[c.Criticality]++
		spent := schedule.BudgetOf(cfg.Cadence(c.ID), schedule.StepsOf(c), now)
		total = total.Plus(spent)
		byTenant[c.Tenant] = byTenant[c.Tenant].Plus(spent.PerYear)
	}
	r.PerDay, r.PerYear = budget(total.PerDay), budget(total.PerYear)
	for id, b := range byTenant {
		r.ByTenant[string(id)] = budget(b)
	}
	for _, t := range cfg.Tenants {
		if e, ok := cfg.Effects(t.ID); ok {
			r.Effects = append(r.Effects, effectsOf(cfg, e, t.ID, byTenant[t.ID]))
		}
	}
	for _, tier := range keepwatch.Criticalities {
		r.Tiers = append(r.Tiers, tierOf(cfg, tier, members[tier]))
	}
	for _, w := range cfg.Warnings {
		r.Warnings = append(r.Warnings, w.String())
	}
	return r
}

func effectsOf(cfg *config.Config, e config.Effects, id keepwatch.TenantID, tests schedule.Budget) effectsReport {
	cost := cfg.EffectsCost(id, nil)
	r := effectsReport{Tenant: string(id), Subjects: cost.Subjects, PerDay: cost.PerDay, PerYear: cost.PerYear, All: cost.PerYear + tests.TokenRequests + tests.APICalls}
	if e.Allowance > 0 {
		r.Allowance, r.Share = &e.Allowance, new(float64(r.All)/float64(e.Allowance))
	}
	return r
}

func tierOf(cfg *config.Config, tier keepwatch.Criticality, members int) tierReport {
	t := cfg.Tiers[tier]
	cadence := cfg.CadenceOf(t)
	options := schedule.DetectOptions{FailAfter: t.FailAfter}
	hard, _ := schedule.WorstDetect(cadence, keepwatch.ConfirmTwice, options)
	soft, _ := schedule.WorstDetect(cadence, keepwatch.ConfirmRuns, options)
	text := keepwatch.FormatDuration
	return tierReport{
		Tier: tier, Credentials: members, Business: text(t.Business), Off: text(t.Off),
		HardBusiness: text(hard.Business), HardOff: text(hard.Off), SoftBusiness: text(soft.Business), SoftOff: text(soft.Off),
	}
}

func (e *env) printValidated(r validateReport) error {
	fmt.Fprintf(e.stdout, "The configuration is valid: %s, %s, %s.\n\n",
		counted(r.Tenants, "tenant"), counted(r.Credentials, "credential"), counted(r.Receivers, "receiver"))
	rows := make([][]string, len(r.Tiers))
	for i, t := range r.Tiers {
		rows[i] = []string{string(t.Tier), fmt.Sprint(t.Credentials), t.Business + " / " + t.Off, t.HardBusiness + " / " + t.HardOff, t.SoftBusiness + " / " + t.SoftOff}
	}
	header := []string{"TIER", "CREDENTIALS", "EVERY (BUSINESS / OFF)", "WORST TIME TO DETECT: REFUSAL", "SOFT FAILURE"}
	if err := e.printTable(header, rows); err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "\nCalls of SFMC's interfaces: at most %d token requests and %d reads a day, %d and %d in the next 365 days.\n",
		r.PerDay.TokenRequests, r.PerDay.APICalls, r.PerYear.TokenRequests, r.PerYear.APICalls)
	fmt.Fprintln(e.stdout, "Salesforce's guideline is one token request per 20 minutes and client machine; the schedule above follows the time to detect.")
	for _, t := range r.Effects {
		fmt.Fprintln(e.stdout, t.sentence())
	}
	for _, w := range r.Warnings {
		fmt.Fprintln(e.stderr, "warning:", w)
	}
	return nil
}

func (r effectsReport) sentence() string {
	text := fmt.Sprintf("Effects in %s: %s, about %d calls a day; with the tests about %d calls a year", r.Tenant, counted(r.Subjects, "named subject"), r.PerDay, r.All)
	if r.Share != nil {
		text += fmt.Sprintf(", %.1f %% of the %d that its edition allows", 100**r.Share, *r.Allowance)
	}
	return text + "."
}
