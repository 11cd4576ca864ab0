package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"keepwatch"
	"keepwatch/internal/config"
	"keepwatch/internal/egress"
	"keepwatch/internal/gateway"
	"keepwatch/internal/secrets"
)

// lookAtGateway asks each listener under the address that holders use, looks at the
// dates of its certificate, and says whose address SFMC sees.
func lookAtGateway(ctx context.Context, client *egress.Client, cfg *config.Config) []finding {
	var findings []finding
	asked := map[string]bool{}
	for _, l := range cfg.Gateway.Listeners {
		if base := baseOf(cfg, l); base != nil && !asked[base.String()] {
			asked[base.String()] = true
			findings = append(findings, askGateway(ctx, client, l, base))
		}
		if l.TLS != nil {
			findings = append(findings, certificateOf(ctx, l, time.Now()))
		}
	}
	if len(cfg.Gateway.Listeners) > 0 {
		findings = append(findings, finding{Check: "gateway: allowlist", OK: true, Message: "SFMC sees the gateway's address for every holder, and not the holder's: allowlists need the egress address below"})
	}
	return findings
}

func baseOf(cfg *config.Config, l gateway.Listener) *url.URL {
	if l.BaseURL != nil {
		return l.BaseURL
	}
	return cfg.Gateway.BaseURL
}

// askGateway wants the refusal of an address without a tenant, which only a gateway
// gives.
func askGateway(ctx context.Context, client *egress.Client, l gateway.Listener, base *url.URL) finding {
	check := "gateway " + l.Name
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(base.String(), "/")+"/", nil)
	if err != nil {
		return verdict(check, err, "")
	}
	if l.TLS != nil && l.TLS.ClientCA != "" {
		return finding{Check: check, OK: true, Message: "is not asked: it wants a holder's certificate"}
	}
	res, err := client.HTTP().Do(req)
	if err != nil {
		return verdict(check, keepwatch.WithHint(egress.Redact(err), "holders reach it at "+base.Host+": look at the name, the firewall, the proxy before it, and whether the daemon runs"), "")
	}
	defer func() { _ = res.Body.Close() }()
	if res.Header.Get(gateway.OwnHeader) == "" {
		return verdict(check, keepwatch.WithHint(fmt.Errorf("%s answers %d, and is no gateway", base.Host, res.StatusCode), "gateway.base_url, or the proxy before it, leads elsewhere"), "")
	}
	return verdict(check, nil, base.Host+" is a gateway")
}

// certificateOf reads what a listener shows.
func certificateOf(ctx context.Context, l gateway.Listener, now time.Time) finding {
	check := "gateway " + l.Name + ": certificate"
	resolver := secrets.New(secrets.Options{LookupEnv: os.LookupEnv})
	cert, err := resolver.Resolve(ctx, l.TLS.Certificate)
	if err != nil {
		return verdict(check, err, "")
	}
	key, err := resolver.Resolve(ctx, l.TLS.Key)
	if err != nil {
		return verdict(check, err, "")
	}
	pair, err := tls.X509KeyPair(cert.Reveal(), key.Reveal())
	if err != nil {
		return verdict(check, errors.New("certificate and key are no pair in PEM"), "")
	}
	end := pair.Leaf.NotAfter
	switch left := end.Sub(now); {
	case left <= 0:
		err = keepwatch.WithHint(errors.New("ended on "+end.Format(time.DateOnly)), "renew it; holders can make no connection")
	case left < 14*24*time.Hour:
		err = keepwatch.WithHint(errors.New("ends on "+end.Format(time.DateOnly)), "renew it; it is read again by itself")
	}
	return verdict(check, err, "ends on "+end.Format(time.DateOnly)+"; as a record of the inventory it is warned of")
}
