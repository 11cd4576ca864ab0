package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"keepwatch"
	"keepwatch/internal/config"
	"keepwatch/internal/egress"
	"keepwatch/internal/secrets"
	"keepwatch/internal/sfmc"
	"keepwatch/internal/store"
)

type doctorCmd struct {
	Inventory
	SendTest bool `help:"Send a test message to every receiver, the way of real ones, and show the receipts."`
}

// finding is one thing that was looked at.
type finding struct {
	Check   string `json:"check"`
	OK      bool   `json:"ok"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// Run looks at everything that a proof needs and names what is missing. It sends
// no credential anywhere.
func (c doctorCmd) Run(e *env) error {
	cfg, err := e.load()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(e.ctx, time.Minute)
	defer cancel()
	client := egress.New(egress.Policy{Proxy: http.ProxyFromEnvironment})
	defer client.CloseIdle()

	findings := []finding{{Check: "configuration", OK: true, Message: counted(len(cfg.Credentials), "credential") + " in " + counted(len(cfg.Files), "file")}}
	findings = append(findings, c.lookAtStore(ctx, e, cfg))
	findings = append(findings, lookAtHosts(ctx, client, cfg)...)
	findings = append(findings, lookAtSecrets(ctx, cfg)...)
	findings = append(findings, lookAtChannels(ctx, client, cfg)...)
	findings = append(findings, lookAtWatchdog(ctx, client, cfg)...)
	findings = append(findings, c.lookAtReaders(ctx, e, cfg)...)
	if c.SendTest {
		findings = append(findings, c.testChannels(ctx, e)...)
	}
	findings = append(findings, lookAtGateway(ctx, client, cfg)...)
	findings = append(findings, lookAtSpans(cfg)...)
	findings = append(findings, lookAtProxy(), lookAtEgress(ctx, client, cfg))
	return e.printFindings(findings)
}

func verdict(check string, err error, good string) finding {
	if err != nil {
		return finding{Check: check, Message: egress.Redact(err).Error(), Hint: keepwatch.HintOf(err)}
	}
	return finding{Check: check, OK: true, Message: good}
}

// lookAtStore asks the running daemon, which holds the store's lock, or opens the
// store where none runs.
func (c doctorCmd) lookAtStore(ctx context.Context, e *env, cfg *config.Config) finding {
	if daemon, err := c.daemon(e); err == nil && daemon != nil {
		health, err := daemon.Ready(ctx)
		if err == nil && health.Status != "ok" {
			err = errors.New("the running daemon is not ready")
			for _, h := range health.Checks {
				if !h.OK {
					err = fmt.Errorf("the running daemon is not ready: %s: %s", h.Name, h.Message)
				}
			}
		}
		return verdict("store", err, "the running daemon is ready")
	}
	url, err := e.storeURL(cfg)
	if err != nil {
		return verdict("store", err, "")
	}
	if path := missingStore(url); path != "" {
		return verdict("store", nil, "none yet; keepwatch serve makes it at "+path)
	}
	db, err := store.Open(ctx, url, store.Options{Logger: e.log})
	if err != nil {
		return verdict("store", err, "")
	}
	defer func() { _ = db.Close() }()
	return verdict("store", db.Ping(ctx), db.Driver()+" opens and answers")
}

// maxClockSkew is how far our clock may be from SFMC's before tests, signatures and
// dates go wrong.
const maxClockSkew = 2 * time.Minute

// lookAtHosts asks the REST host of each tenant for a route without a token: any
// HTTP answer proves the way there, and its Date header tells our clock.
func lookAtHosts(ctx context.Context, client *egress.Client, cfg *config.Config) []finding {
	var findings []finding
	for _, t := range cfg.Tenants {
		endpoints, err := sfmc.EndpointsOf(t)
		if err != nil {
			findings = append(findings, verdict("host "+string(t.ID), err, ""))
			continue
		}
		findings = append(findings, lookAtHost(ctx, client, t, endpoints)...)
	}
	return findings
}

func lookAtHost(ctx context.Context, client *egress.Client, t keepwatch.Tenant, e sfmc.Endpoints) []finding {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.REST.String(), nil)
	if err != nil {
		return []finding{verdict("host "+string(t.ID), err, "")}
	}
	began := time.Now()
	res, err := client.HTTP().Do(req)
	if err != nil {
		err = keepwatch.WithHint(egress.Redact(err), "look at name resolution, firewall and proxy; the host is "+e.REST.Host)
		return []finding{verdict("host "+string(t.ID), err, "")}
	}
	defer func() { _ = res.Body.Close() }()
	now := time.Now()
	found := []finding{verdict("host "+string(t.ID), nil, fmt.Sprintf("%s answers in %d ms", e.REST.Host, now.Sub(began).Milliseconds()))}
	if theirs, err := http.ParseTime(res.Header.Get("Date")); err == nil {
		found = append(found, clockOf(t, now.Sub(theirs)))
	}
	return found
}

func clockOf(t keepwatch.Tenant, skew time.Duration) finding {
	f := finding{Check: "clock against " + string(t.ID), OK: skew.Abs() <= maxClockSkew, Message: fmt.Sprintf("our clock differs by %s", skew.Round(time.Second))}
	if !f.OK {
		f.Hint = "set the clock by NTP; dates and signatures depend on it"
	}
	return f
}

func lookAtSecrets(ctx context.Context, cfg *config.Config) []finding {
	resolver := secrets.New(secrets.Options{LookupEnv: os.LookupEnv})
	var findings []finding
	for _, ref := range cfg.References() {
		if _, err := resolver.Resolve(ctx, ref); err != nil {
			findings = append(findings, verdict("secret "+ref, err, ""))
		}
	}
	if len(findings) == 0 {
		findings = append(findings, finding{Check: "secrets", OK: true, Message: "of " + counted(len(cfg.References()), "reference") + " all can be read"})
	}
	return findings
}

func lookAtProxy() finding {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy"} {
		if os.Getenv(name) != "" {
			// The value may hold a password: only the name is shown.
			return finding{Check: "proxy", OK: true, Message: name + " is set; SFMC sees the proxy's address"}
		}
	}
	return finding{Check: "proxy", OK: true, Message: "none"}
}

// lookAtEgress names the local address that packets to SFMC leave from. Behind
// NAT the allowlist needs the address on the far side, which only the network's
// owner knows.
func lookAtEgress(ctx context.Context, client *egress.Client, cfg *config.Config) finding {
	for _, t := range cfg.Tenants {
		endpoints, err := sfmc.EndpointsOf(t)
		if err != nil {
			continue
		}
		port := endpoints.Auth.Port()
		if port == "" {
			port = "443"
		}
		conn, err := client.Dial(ctx, "tcp", net.JoinHostPort(endpoints.Auth.Hostname(), port))
		if err != nil {
			continue
		}
		address := conn.LocalAddr().String()
		_ = conn.Close()
		host, _, _ := net.SplitHostPort(address)
		return finding{Check: "egress address", OK: true, Message: host + " on this machine; behind NAT, SFMC's allowlist needs the public address"}
	}
	return finding{Check: "egress address", Message: "no host of a tenant could be reached", Hint: "see the hosts above"}
}

func (e *env) printFindings(findings []finding) error {
	bad := false
	rows := make([][]string, len(findings))
	for i, f := range findings {
		word := e.colour("32", "ok")
		if !f.OK {
			bad, word = true, e.colour("31", "fault")
		}
		text := f.Message
		if f.Hint != "" {
			text += " (" + f.Hint + ")"
		}
		rows[i] = []string{word, f.Check, text}
	}
	var err error
	if e.Output == "table" {
		err = e.printTable([]string{e.colour("39", ""), "CHECK", "FOUND"}, rows)
	} else {
		err = e.printJSON(struct {
			SchemaVersion int       `json:"schema_version"`
			Findings      []finding `json:"findings"`
		}{1, findings})
	}
	if err == nil && bad {
		return exitError(keepwatch.ExitCannot)
	}
	return err
}
