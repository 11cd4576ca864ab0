package app

import (
	"context"
	"fmt"

	"keepwatch"
	"keepwatch/internal/config"
	"keepwatch/internal/gateway"
)

// newGateway makes the gateway and binds what its listeners name. Its fingerprints of
// secrets compare over restarts only under server.seal_key: without one, their key is
// made up anew.
func (a *App) newGateway(ctx context.Context, cfg *config.Config) error {
	var key keepwatch.Secret
	if cfg.Server.SealKey != "" {
		var err error
		if key, err = a.secrets.Resolve(ctx, cfg.Server.SealKey); err != nil {
			return fmt.Errorf("server.seal_key: %w", err)
		}
	}
	printer, err := gateway.NewPrinter(key)
	if err != nil {
		return err
	}
	a.print = printer.Secret
	a.gateway, err = gateway.New(gateway.Options{
		Egress: a.egress, Witness: witnesses{a}, Printer: printer, Secrets: a.secrets, Metrics: a.metrics, Logger: a.opts.Logger, Listen: a.opts.Listen,
	})
	if err != nil {
		return err
	}
	change, err := a.gateway.Prepare(ctx, gatewaySetup(cfg))
	if err != nil {
		return err
	}
	change.Apply()
	a.lifecycle.onStop("gateway", a.gateway.Stop)
	return nil
}

// witnesses are told of the calls that go by: the ledger, and whoever watches besides.
type witnesses struct{ app *App }

func (w witnesses) Saw(c keepwatch.Call) {
	w.app.traffic.Saw(c)
	if w.app.opts.Witness != nil {
		w.app.opts.Witness.Saw(c)
	}
}

// gatewaySetup is what the gateway serves under a configuration.
func gatewaySetup(cfg *config.Config) gateway.Setup {
	return gateway.Setup{Config: cfg.Gateway, Tenants: cfg.Tenants, Credentials: cfg.Credentials}
}

// Gateway is where the gateway listens, by listener.
func (a *App) Gateway() map[string]string { return a.gateway.Addresses() }
