// Command gateway measures what the gateway adds to a request: the real daemon with a
// gateway before a plain server on loopback, beside nginx and Caddy as plain proxies
// before the same server, in turn, in one run. Figures are ratios to nginx, because
// the machine's speed is not ours.
//
//	go run ./bench/gateway [-rate 500] [-for 5s] [-rounds 6]
//	go run ./bench/gateway -exchanges 1000000 [-seed N]
//
// nginx and caddy are left out where they are not installed. With -exchanges it
// compares that many random exchanges through the gateway with direct ones instead.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

var (
	rate      = flag.Int("rate", 500, "requests a second")
	window    = flag.Duration("for", 5*time.Second, "of one target in one round")
	rounds    = flag.Int("rounds", 6, "rounds over all targets")
	workers   = flag.Int("connections", 16, "connections to each target")
	exchanges = flag.Int("exchanges", 0, "compare this many random exchanges instead")
	seed      = flag.Int64("seed", 0, "of the random exchanges; 0 takes the time")
	upstream  = flag.Bool("upstream", false, "internal: be the server behind")
)

func main() {
	flag.Parse()
	var err error
	switch {
	case *upstream:
		err = serveUpstream()
	case *exchanges > 0:
		err = compare()
	default:
		err = measure()
	}
	if err != nil {
		log.Fatal(err)
	}
}

// compare runs the property test of the package over the number that was asked for.
func compare() error {
	cmd := exec.Command("go", "test", "./internal/gateway", "-run", "^TestRandomExchanges$", "-count", "1", "-v", "-timeout", "12h")
	cmd.Env = append(os.Environ(), fmt.Sprintf("KEEPWATCH_EXCHANGES=%d", *exchanges), fmt.Sprintf("KEEPWATCH_SEED=%d", *seed))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Run()
}

// serveUpstream answers every request with a kilobyte of JSON.
func serveUpstream() error {
	body := []byte(`{"items":["` + strings.Repeat("x", 1000) + `"]}`)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		_, _ = w.Write(body)
	}))
}

// target is something that is asked.
type target struct {
	name, address, path string
	took                []time.Duration
	failed              int
}

func measure() error {
	dir, err := os.MkdirTemp("", "keepwatch-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	behind, err := startUpstream(ctx, &running)
	if err != nil {
		return err
	}
	targets := []*target{{name: "direct", address: behind, path: "/hub/v1/x"}}
	for _, start := range []func(context.Context, *sync.WaitGroup, string, string) ([]*target, error){startNginx, startCaddy, startGateway} {
		more, err := start(ctx, &running, dir, behind)
		if err != nil {
			return err
		}
		targets = append(targets, more...)
	}
	for _, t := range targets {
		if err := t.ready(); err != nil {
			return err
		}
		t.run(500 * time.Millisecond) // warm
		t.took, t.failed = nil, 0
	}
	for range *rounds {
		for _, t := range targets {
			t.run(*window)
		}
	}
	report(targets)
	return nil
}

func report(targets []*target) {
	at := func(t *target, share float64) time.Duration {
		return t.took[min(len(t.took)-1, int(share*float64(len(t.took))))]
	}
	for _, t := range targets {
		slices.Sort(t.took)
	}
	direct := targets[0]
	fmt.Printf("%-22s %9s %8s %10s %10s %10s %10s\n", "", "requests", "failed", "p50", "p99", "added p50", "added p99")
	for _, t := range targets {
		fmt.Printf("%-22s %9d %8d %10s %10s %10s %10s\n", t.name, len(t.took), t.failed, micro(at(t, .5)), micro(at(t, .99)), micro(at(t, .5)-at(direct, .5)), micro(at(t, .99)-at(direct, .99)))
	}
	gateway := targets[len(targets)-1]
	for _, t := range targets[1 : len(targets)-1] {
		ratio := func(share float64) float64 {
			return float64(at(gateway, share)-at(direct, share)) / float64(at(t, share)-at(direct, share))
		}
		fmt.Printf("gateway / %-12s added p50 %.2f, added p99 %.2f; whole p50 %.2f, whole p99 %.2f\n", t.name, ratio(.5), ratio(.99),
			float64(at(gateway, .5))/float64(at(t, .5)), float64(at(gateway, .99))/float64(at(t, .99)))
	}
	load, _ := os.ReadFile("/proc/loadavg")
	fmt.Printf("load: %s", load)
}

func micro(d time.Duration) string { return fmt.Sprintf("%d µs", d.Microseconds()) }

func (t *target) ready() error {
	for range 200 {
		res, err := http.Get("http://" + t.address + t.path)
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	return errors.New(t.name + " does not answer")
}

// run asks at the rate, over kept connections, whoever is free.
func (t *target) run(d time.Duration) {
	free := make(chan struct{}, 10_000)
	var mu sync.Mutex
	var all sync.WaitGroup
	for range *workers {
		all.Go(func() {
			conn, err := net.Dial("tcp", t.address)
			if err != nil {
				return
			}
			defer func() { _ = conn.Close() }()
			r := bufio.NewReader(conn)
			ask := []byte("GET " + t.path + " HTTP/1.1\r\nHost: " + t.address + "\r\nAuthorization: Bearer " + strings.Repeat("t", 512) + "\r\nAccept: */*\r\n\r\n")
			for range free {
				began := time.Now()
				err := exchange(conn, r, ask)
				took := time.Since(began)
				mu.Lock()
				if err != nil {
					t.failed++
				} else {
					t.took = append(t.took, took)
				}
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	begin := time.Now()
	for i := range int(d.Seconds() * float64(*rate)) {
		time.Sleep(time.Until(begin.Add(time.Duration(i) * time.Second / time.Duration(*rate))))
		free <- struct{}{}
	}
	close(free)
	all.Wait()
}

func exchange(conn net.Conn, r *bufio.Reader, ask []byte) error {
	if _, err := conn.Write(ask); err != nil {
		return err
	}
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	if err == nil && res.StatusCode != http.StatusOK {
		err = errors.New(res.Status)
	}
	return err
}

func startUpstream(ctx context.Context, running *sync.WaitGroup) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, self, "-upstream")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return "", err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	running.Go(func() { _ = cmd.Wait() })
	return strings.TrimSpace(line), err
}

func port() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}

func start(ctx context.Context, running *sync.WaitGroup, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	logs, err := os.Create(filepath.Join(dir, filepath.Base(name)+".log"))
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = logs, logs
	if err := cmd.Start(); err != nil {
		return err
	}
	running.Go(func() { _ = cmd.Wait(); _ = logs.Close() })
	return nil
}

// startNginx makes one nginx with two plain proxies: as proxy_pass does it by itself,
// with a new connection for each request, and with kept connections.
func startNginx(ctx context.Context, running *sync.WaitGroup, dir, behind string) ([]*target, error) {
	path, _ := exec.LookPath("nginx")
	if path == "" {
		return nil, nil // not installed: left out
	}
	plain, err := port()
	if err != nil {
		return nil, err
	}
	kept, err := port()
	if err != nil {
		return nil, err
	}
	conf := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(`daemon off; worker_processes auto; pid %[1]s/nginx.pid; error_log %[1]s/error.log;
events { worker_connections 1024; }
http {
  access_log off; client_body_temp_path %[1]s/a; proxy_temp_path %[1]s/b; fastcgi_temp_path %[1]s/c; uwsgi_temp_path %[1]s/d; scgi_temp_path %[1]s/e;
  upstream kept { server %[2]s; keepalive 64; }
  server { listen %[3]s; keepalive_requests 1000000; location / { proxy_pass http://%[2]s; } }
  server { listen %[4]s; keepalive_requests 1000000; location / { proxy_pass http://kept; proxy_http_version 1.1; proxy_set_header Connection ""; } }
}
`, dir, behind, plain, kept)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, err
	}
	if err := start(ctx, running, dir, path, "-c", conf); err != nil {
		return nil, err
	}
	return []*target{{name: "nginx", address: plain, path: "/hub/v1/x"}, {name: "nginx, kept", address: kept, path: "/hub/v1/x"}}, nil
}

func startCaddy(ctx context.Context, running *sync.WaitGroup, dir, behind string) ([]*target, error) {
	path, _ := exec.LookPath("caddy")
	if path == "" {
		return nil, nil
	}
	at, err := port()
	if err != nil {
		return nil, err
	}
	conf := filepath.Join(dir, "Caddyfile")
	text := fmt.Sprintf("{\n\tadmin off\n\tauto_https off\n}\nhttp://%s {\n\treverse_proxy %s\n}\n", at, behind)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, err
	}
	if err := start(ctx, running, dir, path, "run", "--config", conf, "--adapter", "caddyfile"); err != nil {
		return nil, err
	}
	return []*target{{name: "caddy", address: at, path: "/hub/v1/x"}}, nil
}

// startGateway builds and runs the real daemon, with its store and its duties.
func startGateway(ctx context.Context, running *sync.WaitGroup, dir, behind string) ([]*target, error) {
	binary := filepath.Join(dir, "keepwatch")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, "./cmd/keepwatch")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build: %w\n%s", err, out)
	}
	web, err := port()
	if err != nil {
		return nil, err
	}
	at, err := port()
	if err != nil {
		return nil, err
	}
	conf := filepath.Join(dir, "keepwatch.yaml")
	text := fmt.Sprintf("version: 1\nserver: {listen: %q, auth: none}\nstore: {url: \"sqlite:%s/keepwatch.db\"}\ntenants:\n  - {id: emea, endpoints: {auth: \"http://%s/\", rest: \"http://%s/\", soap: \"http://%s/Service.asmx\"}}\ngateway: {listeners: [{name: bench, listen: %q}]}\n",
		web, dir, behind, behind, behind, at)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, err
	}
	if err := start(ctx, running, dir, binary, "serve", "-c", conf); err != nil {
		return nil, err
	}
	return []*target{{name: "keepwatch gateway", address: at, path: "/emea/rest/hub/v1/x"}}, nil
}
