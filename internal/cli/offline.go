package cli

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"keepwatch/client"
	"keepwatch/internal/app"
	"keepwatch/internal/auth"
	"keepwatch/internal/config"
	"keepwatch/internal/gateway"
	"keepwatch/internal/store"
	"keepwatch/internal/view"
)

// Inventory says where the inventory is kept: with the daemon, else in the store,
// which is then opened under its lock by the program itself, as a daemon that runs
// nothing. So a command has one way to what it asks for, and never two writers.
type Inventory struct {
	Remote
	By string `env:"USER" default:"command line" help:"Who does it, when the store is opened without a daemon."`
}

// open returns a client of the daemon or of this process, and what closes it.
func (in Inventory) open(e *env) (*client.Client, func(), error) {
	daemon, err := in.daemon(e)
	if err != nil || daemon != nil {
		return daemon, func() {}, err
	}
	url, err := e.configuredStore()
	if err != nil {
		return nil, nil, err
	}
	if path := missingStore(url); path != "" {
		return nil, nil, noStore(path)
	}
	return in.inProcess(e, nil)
}

// openToWrite makes the store when there is none yet: the inventory may come in
// before the first start.
func (in Inventory) openToWrite(e *env) (*client.Client, func(), error) {
	daemon, err := in.daemon(e)
	if err != nil || daemon != nil {
		return daemon, func() {}, err
	}
	return in.inProcess(e, nil)
}

// openToTry is for a question that may come before the store: it is asked of an
// empty one that is thrown away, so that asking writes nothing.
func (in Inventory) openToTry(e *env) (*client.Client, func(), error) {
	c, end, err := in.open(e)
	if !errors.Is(err, errNoStore) {
		return c, end, err
	}
	dir, err := os.MkdirTemp("", "keepwatch-preview-")
	if err != nil {
		return nil, nil, err
	}
	drop := func() { _ = os.RemoveAll(dir) }
	db, err := store.Open(e.ctx, "sqlite:"+filepath.Join(dir, "empty.db"), store.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		drop()
		return nil, nil, err
	}
	c, end, err = in.inProcess(e, db)
	if err != nil {
		_ = db.Close()
		drop()
		return nil, nil, err
	}
	return c, func() { end(); _ = db.Close(); drop() }, nil
}

func (in Inventory) inProcess(e *env, db *store.DB) (*client.Client, func(), error) {
	a, err := app.New(e.ctx, app.Options{
		Load: func() (*config.Config, error) {
			cfg, err := e.load()
			if err == nil {
				cfg.Server.Auth = config.AuthNone // nobody but this process asks
				cfg.Gateway = gateway.Config{}    // and nothing goes through it
			}
			return cfg, err
		},
		LookupEnv: os.LookupEnv, Version: Version(), Logger: e.errorsOnly(), Listener: deaf{}, Store: db,
	})
	if err != nil {
		return nil, nil, err
	}
	who := auth.Principal{Name: strings.TrimSpace(in.By), Role: auth.Admin, Via: auth.ViaOpen}
	c, err := client.New("http://127.0.0.1", "", client.WithHTTPClient(&http.Client{Transport: direct{a.Handler(), who}}))
	if err != nil {
		return nil, nil, errors.Join(err, a.Stop())
	}
	return c, func() { _ = a.Stop() }, nil
}

// errorsOnly is the log of a daemon that runs nothing: what it warns of when it starts
// is news to whoever runs it, and noise beside the answer to a question.
func (e *env) errorsOnly() *slog.Logger {
	if e.Verbose {
		return e.log
	}
	return slog.New(slog.NewTextHandler(e.stderr, &slog.HandlerOptions{Level: slog.LevelError}))
}

// deaf is a listener that nobody reaches.
type deaf struct{}

func (deaf) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (deaf) Close() error              { return nil }
func (deaf) Addr() net.Addr            { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// direct carries requests to a handler of this process.
type direct struct {
	handler http.Handler
	who     auth.Principal
}

func (d direct) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(view.WithPrincipal(req.Context(), d.who))
	if req.Body == nil {
		req.Body = http.NoBody
	}
	req.RequestURI, req.Host, req.RemoteAddr = req.URL.RequestURI(), req.URL.Host, "127.0.0.1:0"
	w := &answer{header: http.Header{}, status: http.StatusOK}
	d.handler.ServeHTTP(w, req)
	return &http.Response{
		StatusCode: w.status, Status: http.StatusText(w.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: req,
	}, nil
}

// answer keeps what a handler writes.
type answer struct {
	header http.Header
	status int
	wrote  bool
	body   bytes.Buffer
}

func (w *answer) Header() http.Header { return w.header }

func (w *answer) WriteHeader(status int) {
	if !w.wrote {
		w.status, w.wrote = status, true
	}
}

func (w *answer) Write(b []byte) (int, error) {
	w.wrote = true
	return w.body.Write(b)
}
