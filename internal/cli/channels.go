package cli

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/config"
	"keepwatch/internal/egress"
	"keepwatch/internal/secrets"
)

// lookAtChannels connects to the host of each receiver and sends nothing: a
// message that somebody is told of belongs to an incident, not to a look around.
func lookAtChannels(ctx context.Context, client *egress.Client, cfg *config.Config) []finding {
	resolver := secrets.New(secrets.Options{LookupEnv: os.LookupEnv})
	var findings []finding
	for _, r := range cfg.Receivers {
		check := "channel " + r.Name
		if r.Config.Where() == "" {
			findings = append(findings, verdict(check, nil, "its settings do not say where it is; not tried"))
			continue
		}
		addr, err := channelAddress(ctx, resolver, r.Name, r.Config.Where())
		if err != nil {
			findings = append(findings, verdict(check, err, ""))
			continue
		}
		findings = append(findings, verdict(check, dialled(ctx, client, addr), addr+" takes connections; no message was sent"))
	}
	return findings
}

// lookAtWatchdog connects to the host of each dead-man address and sends no beat: only a
// proof is one.
func lookAtWatchdog(ctx context.Context, client *egress.Client, cfg *config.Config) []finding {
	resolver := secrets.New(secrets.Options{LookupEnv: os.LookupEnv})
	var findings []finding
	for _, a := range cfg.Watchdog.Addresses {
		addr, err := channelAddress(ctx, resolver, a.Name, a.URL)
		if err == nil {
			err = dialled(ctx, client, addr)
		}
		findings = append(findings, verdict("watchdog "+a.Name, err, addr+" takes connections; no beat was sent"))
	}
	return findings
}

// testChannels sends a test message to each receiver, through the daemon where one
// runs.
func (c doctorCmd) testChannels(ctx context.Context, e *env) []finding {
	daemon, end, err := c.openToTry(e)
	if err != nil {
		return []finding{verdict("test messages", err, "")}
	}
	defer end()
	receivers, err := daemon.Receivers(ctx)
	if err != nil {
		return []finding{verdict("test messages", explained(err), "")}
	}
	var findings []finding
	for _, r := range receivers {
		result, err := daemon.TestReceiver(ctx, r.Name)
		findings = append(findings, verdict("test of "+r.Name, explained(err), result.Receipt))
	}
	return findings
}

func dialled(ctx context.Context, client *egress.Client, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := client.Dial(ctx, "tcp", addr)
	if err != nil {
		return keepwatch.WithHint(fmt.Errorf("%s cannot be reached: %w", addr, err), "look at the receiver's address, name resolution and firewall")
	}
	return conn.Close()
}

// channelAddress is the host and port behind a receiver, and nothing more: the
// rest of a webhook's address is often a secret.
func channelAddress(ctx context.Context, resolver *secrets.Resolver, name, where string) (string, error) {
	if _, _, err := net.SplitHostPort(where); err == nil && !strings.Contains(where, "//") {
		return where, nil
	}
	if !strings.HasPrefix(where, "http://") && !strings.HasPrefix(where, "https://") {
		secret, err := resolver.Resolve(ctx, where)
		if err != nil {
			return "", err
		}
		where = string(secret.Reveal())
	}
	u, err := url.Parse(strings.TrimSpace(where))
	if err != nil || u.Hostname() == "" {
		return "", misused("it must be like https://HOST/PATH", "the address of receiver %q is no web address", name)
	}
	port := u.Port()
	if port == "" {
		if port = "443"; u.Scheme == "http" {
			port = "80"
		}
	}
	return net.JoinHostPort(u.Hostname(), port), nil
}
