package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"keepwatch"
	"keepwatch/internal/config"
	"keepwatch/internal/egress"
	"keepwatch/internal/probe"
	"keepwatch/internal/secrets"
)

// checkParallel bounds how many credentials are proven at a time: enough to be
// quick, too few to look like an attack on a tenant.
const checkParallel = 8

type checkCmd struct {
	Remote
	IDs   []string `arg:"" optional:"" name:"id" help:"Credentials to prove; all when none is named."`
	Push  bool     `help:"Push the verdicts to the daemon, never a secret; for credentials that it knows with pushed_every."`
	Place string   `default:"ci" help:"With --push: the name of where this runs."`
}

// checkedStep and checkedCredential are the shape that interface promises.
type checkedStep struct {
	Name       string            `json:"name"`
	Outcome    keepwatch.Outcome `json:"outcome"`
	HTTPStatus int               `json:"http_status,omitempty"`
	DurationMS float64           `json:"duration_ms"`
	Evidence   string            `json:"evidence,omitempty"`
	Shared     bool              `json:"shared,omitempty"`
}

type checkedCredential struct {
	ID           keepwatch.CredentialID `json:"id"`
	Tenant       keepwatch.TenantID     `json:"tenant"`
	BusinessUnit keepwatch.MID          `json:"business_unit"`
	State        keepwatch.State        `json:"state"`
	Outcome      keepwatch.Outcome      `json:"outcome"`
	Category     keepwatch.Category     `json:"category"`
	Message      string                 `json:"message"`
	Hint         string                 `json:"hint"`
	CheckedAt    time.Time              `json:"checked_at"`
	Findings     []keepwatch.Outcome    `json:"findings,omitempty"`
	Steps        []checkedStep          `json:"steps"`

	connectivity keepwatch.Connectivity
	took         time.Duration
	step         string
}

func (c checkCmd) Run(e *env) error {
	cfg, err := e.load()
	if err != nil {
		return err
	}
	chosen, err := choose(cfg, c.IDs)
	if err != nil {
		return err
	}
	push, err := c.pusher(e)
	if err != nil {
		return err
	}
	results := e.prove(cfg, chosen)
	if err := e.ctx.Err(); err != nil {
		return fmt.Errorf("stopped before every credential was proven: %w", context.Cause(e.ctx))
	}
	if err := e.printChecked(results); err != nil {
		return err
	}
	if len(results) == 0 {
		// Not fine: whoever reads only the exit code would trust an empty file.
		return keepwatch.WithHint(errors.New("nothing was proven: the configuration has no credential"), "add one under credentials, or name another file with -c")
	}
	if push != nil {
		if err := push.push(cfg, results); err != nil {
			return err
		}
	}
	return worst(results)
}

func choose(cfg *config.Config, ids []string) ([]keepwatch.Credential, error) {
	if len(ids) == 0 {
		return cfg.Credentials, nil
	}
	var chosen []keepwatch.Credential
	for _, id := range ids {
		c, ok := cfg.Credential(keepwatch.CredentialID(id))
		if !ok {
			return nil, misused("known: "+known(cfg), "credential %q is not in the configuration", id)
		}
		// Named twice is proven once: each try of a bad login brings a lock nearer.
		if !slices.ContainsFunc(chosen, func(have keepwatch.Credential) bool { return have.ID == c.ID }) {
			chosen = append(chosen, c)
		}
	}
	return chosen, nil
}

// known lists the first few ids; an estate of thousands is not a hint.
func known(cfg *config.Config) string {
	var ids []string
	for _, c := range cfg.Credentials {
		if len(ids) == 12 {
			ids = append(ids, "…")
			break
		}
		ids = append(ids, string(c.ID))
	}
	return strings.Join(ids, ", ")
}

// prove runs the ladder of each credential once, without daemon or database.
func (e *env) prove(cfg *config.Config, chosen []keepwatch.Credential) []checkedCredential {
	client := egress.New(egress.Policy{Proxy: http.ProxyFromEnvironment})
	defer client.CloseIdle()
	prober := probe.New(probe.Options{
		Secrets: secrets.New(secrets.Options{LookupEnv: os.LookupEnv}), Egress: client,
		References: cfg.Server.Connectivity, Logger: e.log,
	})
	return e.proveWith(prober, cfg, chosen)
}

func (e *env) proveWith(prober *probe.Prober, cfg *config.Config, chosen []keepwatch.Credential) []checkedCredential {
	results := make([]checkedCredential, len(chosen))
	slots := make(chan struct{}, checkParallel)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for i, c := range chosen {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			results[i] = proveOne(e.ctx, prober, cfg, c)
			mu.Lock()
			defer mu.Unlock()
			e.progress("%s %s: %s", mark(results[i].Outcome), c.ID, results[i].Message)
		})
	}
	wg.Wait()
	return results
}

func proveOne(ctx context.Context, prober *probe.Prober, cfg *config.Config, c keepwatch.Credential) checkedCredential {
	tenant, _ := cfg.Tenant(c.Tenant)
	now := time.Now().UTC()
	o := prober.Run(ctx, c, tenant, keepwatch.Slot{
		Check: keepwatch.Check{ID: keepwatch.CheckID(c.ID), Credential: c.ID, Tenant: c.Tenant}, At: now, Reason: keepwatch.ReasonDemand,
	})
	info := o.Outcome.Info()
	out := checkedCredential{
		ID: c.ID, Tenant: c.Tenant, BusinessUnit: c.BusinessUnit, State: info.State, Outcome: o.Outcome, Category: info.Category,
		Message: o.Message, Hint: o.Hint, CheckedAt: o.At.UTC().Truncate(time.Millisecond), Findings: o.Findings, Steps: []checkedStep{},
		connectivity: o.Connectivity, took: o.Took, step: o.Step,
	}
	for _, s := range o.Steps {
		out.Steps = append(out.Steps, checkedStep{s.Name, s.Outcome, s.HTTPStatus, float64(s.Took.Microseconds()) / 1000, s.Evidence, s.Shared})
	}
	return out
}

func mark(o keepwatch.Outcome) string {
	switch o.Info().Exit {
	case keepwatch.ExitOK:
		return "✓"
	case keepwatch.ExitWarning:
		return "!"
	default:
		return "✗"
	}
}

func (e *env) printChecked(results []checkedCredential) error {
	switch e.Output {
	case "json":
		return e.printJSON(struct {
			SchemaVersion int                 `json:"schema_version"`
			Credentials   []checkedCredential `json:"credentials"`
		}{1, results})
	case "ndjson":
		for _, r := range results {
			if err := e.printJSON(r); err != nil {
				return err
			}
		}
		return nil
	}
	rows := make([][]string, len(results))
	for i, r := range results {
		rows[i] = []string{string(r.ID), string(r.Tenant), r.BusinessUnit.String(), e.stateWord(r.State), string(r.Outcome), r.Message}
	}
	if err := e.printTable([]string{"CREDENTIAL", "TENANT", "BUSINESS UNIT", e.colour("39", "STATE"), "OUTCOME", "MESSAGE"}, rows); err != nil {
		return err
	}
	for _, r := range results {
		if r.Outcome != keepwatch.OK {
			fmt.Fprintf(e.stdout, "\n%s: %s\n  next: %s\n", r.ID, r.Message, r.Hint)
		}
	}
	return nil
}

func (e *env) stateWord(s keepwatch.State) string {
	switch s {
	case keepwatch.StateHealthy:
		return e.colour("32", string(s))
	case keepwatch.StateFailing, keepwatch.StateExpired:
		return e.colour("31", string(s))
	default:
		return e.colour("33", string(s))
	}
}

// worst turns the results into the exit code. A credential that could not be
// looked at counts less than one that fails, and more than one that is degraded.
func worst(results []checkedCredential) error {
	rank := []int{keepwatch.ExitOK, keepwatch.ExitWarning, keepwatch.ExitCannot, keepwatch.ExitCritical}
	code := keepwatch.ExitOK
	for _, r := range results {
		if exit := r.Outcome.Info().Exit; slices.Index(rank, exit) > slices.Index(rank, code) {
			code = exit
		}
	}
	if cmp.Compare(code, keepwatch.ExitOK) == 0 {
		return nil
	}
	return exitError(code)
}
