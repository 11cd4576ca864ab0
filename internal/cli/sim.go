package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"keepwatch"
	"keepwatch/internal/sfmc/sim"
)

type simCmd struct {
	Listen string `default:"127.0.0.1:8485" help:"Address to listen on; port 0 takes a free one."`
	Strict bool   `help:"Refuse token requests that the documentation does not show: form bodies, Basic authentication, a missing account_id."`
}

func (c simCmd) Run(e *env) error {
	listener, err := (&net.ListenConfig{}).Listen(e.ctx, "tcp", c.Listen)
	if err != nil {
		return keepwatch.WithHint(fmt.Errorf("listen on %s: %w", c.Listen, err), "choose another address with --listen")
	}
	s := sim.New(sim.Options{Settings: sim.Settings{Strict: c.Strict}, Clients: sim.Sample()})
	server := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return e.ctx }}
	face := s.Announce("http://" + listener.Addr().String() + "/")
	line, err := json.Marshal(face)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(e.stdout, string(line)); err != nil {
		return err
	}
	e.progress("the simulator answers on %s; faults go to %sfaults", face.AuthURL, face.ControlURL)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case <-e.ctx.Done():
	case err := <-failed:
		return err
	}
	_ = s.Close() // lets hanging answers go before the server waits for them
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}
