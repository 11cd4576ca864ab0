package gateway

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"keepwatch"
	"keepwatch/internal/egress"
	"keepwatch/internal/sfmc/sim"
)

// campaign is whether the long runs are made.
func campaign() bool { return os.Getenv("CI") == "true" || os.Getenv("KEEPWATCH_CAMPAIGN") != "" }

const subdomain = "mc563885gzs27c5t9-63k636ttgm"

// calls is a witness that remembers.
type calls struct {
	mu   sync.Mutex
	all  []keepwatch.Call
	came chan struct{}
}

func newCalls() *calls { return &calls{came: make(chan struct{}, 1)} }

func (c *calls) Saw(call keepwatch.Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, call)
	select {
	case c.came <- struct{}{}:
	default:
	}
}

// wait returns the calls once there are n.
func (c *calls) wait(t *testing.T, n int) []keepwatch.Call {
	t.Helper()
	limit := time.After(10 * time.Second)
	for {
		c.mu.Lock()
		all := append([]keepwatch.Call(nil), c.all...)
		c.mu.Unlock()
		if len(all) >= n {
			return all
		}
		select {
		case <-c.came:
		case <-limit:
			t.Fatalf("%d calls were seen, not %d", len(all), n)
		}
	}
}

// tenantAt is a tenant whose hosts are all at one address.
func tenantAt(address string) keepwatch.Tenant {
	return keepwatch.Tenant{ID: "emea", AuthURL: address, RESTURL: address, SOAPURL: address + "Service.asmx"}
}

func listenOn(name string) Listener { return Listener{Name: name, Listen: "127.0.0.1:0"} }

// mustStart runs a gateway until the test ends and returns it with the address of
// its first listener, without a slash at the end.
func mustStart(t testing.TB, s Setup, o Options) (*Gateway, string) {
	t.Helper()
	if o.Egress == nil {
		o.Egress = egress.New(egress.Policy{})
	}
	if o.Witness == nil {
		o.Witness = newCalls()
	}
	if len(s.Listeners) == 0 {
		s.Listeners = []Listener{listenOn("one")}
	}
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, g, s)
	g.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := g.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
	scheme := "http://"
	if s.Listeners[0].TLS != nil {
		scheme = "https://"
	}
	return g, scheme + g.Addresses()[s.Listeners[0].Name]
}

func apply(t testing.TB, g *Gateway, s Setup) {
	t.Helper()
	change, err := g.Prepare(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	change.Apply()
}

// mustSim serves a simulator and returns its address with a slash at the end.
func mustSim(t testing.TB, clients ...sim.ClientSpec) (*sim.Sim, string) {
	t.Helper()
	s := sim.New(sim.Options{Clients: clients})
	server := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		_ = s.Close()
		server.CloseClientConnections()
		server.Close()
	})
	return s, server.URL + "/"
}

func mustDial(t testing.TB, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(address, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// handlerAt serves a handler and returns its address with a slash at the end.
func handlerAt(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL + "/"
}
