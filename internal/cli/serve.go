package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"keepwatch/internal/app"
	"keepwatch/internal/config"
)

type serveCmd struct{}

func (serveCmd) Run(e *env) error {
	if _, err := e.configPath(); err != nil {
		return err
	}
	daemon, err := app.New(e.ctx, app.Options{
		Load:      func() (*config.Config, error) { return config.Load(e.Config, os.LookupEnv) },
		LookupEnv: os.LookupEnv, Version: Version(), Logger: e.log,
		Announce: func(line string) { fmt.Fprintln(e.stderr, line) },
	})
	if err != nil {
		return err
	}
	stop := e.reloadOnHangup(daemon)
	defer stop()
	return daemon.Run(e.ctx)
}

// reloadOnHangup reads the configuration again at each SIGHUP. The daemon logs
// how it went.
func (e *env) reloadOnHangup(daemon *app.App) (stop func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	ctx, cancel := context.WithCancel(e.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangups:
				_, _ = daemon.Reload(ctx)
			}
		}
	}()
	return func() {
		signal.Stop(hangups)
		cancel()
		<-done
	}
}
