package gateway

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"keepwatch"
	"keepwatch/internal/metrics"
)

func quietServer(t testing.TB) string {
	return handlerAt(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"items":[]}`)
	})
}

// A thousand reloads, each with another setup, while holders send: nothing fails.
func TestReloadsUnderLoad(t *testing.T) {
	reloads := 200
	if campaign() {
		reloads = 1000
	}
	setup := estate(quietServer(t))
	setup.Listeners = []Listener{listenOn("stays")}
	setup.Listeners[0].Listen = freeAddress(t)
	g, base := mustStart(t, setup, Options{})
	var asked, failed atomic.Int64
	done := make(chan struct{})
	var senders sync.WaitGroup
	for range 4 {
		client := &http.Client{Transport: &http.Transport{}}
		senders.Go(func() {
			defer client.CloseIdleConnections()
			for n := 0; ; n++ {
				select {
				case <-done:
					return
				default:
				}
				res, err := client.Post(base+"/emea/rest/hub/v1/x", "application/json", strings.NewReader(`{"a":1}`))
				asked.Add(1)
				if err != nil || res.StatusCode != 200 {
					failed.Add(1)
					t.Logf("%v %v", res, err)
				}
				if err == nil {
					_, _ = io.Copy(io.Discard, res.Body)
					res.Body.Close()
				}
				if n%20 == 19 {
					client.CloseIdleConnections() // new connections, too
				}
			}
		})
	}
	for i := range reloads {
		next := setup
		next.Listeners = slices.Clone(setup.Listeners)
		next.Listeners[0].Holder = fmt.Sprintf("holder %d", i)
		next.KeepInstanceURLs = i%2 == 0
		if i%3 == 0 {
			next.Listeners = append(next.Listeners, Listener{Name: "comes and goes", Listen: "127.0.0.1:0"})
		}
		apply(t, g, next)
		for before := asked.Load(); asked.Load() < before+3 && failed.Load() == 0; { // under load, not before it
			time.Sleep(50 * time.Microsecond)
		}
	}
	close(done)
	senders.Wait()
	if failed.Load() > 0 || asked.Load() < 50 {
		t.Errorf("%d of %d requests failed", failed.Load(), asked.Load())
	}
	t.Logf("%d reloads, %d requests, %d failed", reloads, asked.Load(), failed.Load())
}

func freeAddress(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// A setup that cannot be had changes nothing and leaves no socket behind.
func TestAReloadThatFails(t *testing.T) {
	setup := estate(quietServer(t))
	setup.Listeners = []Listener{{Name: "stays", Listen: freeAddress(t)}}
	g, base := mustStart(t, setup, Options{})
	free := freeAddress(t)
	next := setup
	next.Listeners = []Listener{{Name: "new", Listen: free}, {Name: "taken", Listen: strings.TrimPrefix(base, "http://"), Hosts: []HostName{{Name: "x", Tenant: "nobody"}}}}
	if _, err := g.Prepare(t.Context(), next); !errors.Is(err, keepwatch.ErrInvalid) {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", free)
	if err != nil {
		t.Fatalf("the socket of a dropped change is still bound: %v", err)
	}
	next.Listeners = []Listener{{Name: "taken", Listen: free}}
	if _, err := g.Prepare(t.Context(), next); err == nil || keepwatch.HintOf(err) == "" {
		t.Error(err)
	}
	l.Close()
	if res, err := http.Get(base + "/emea/rest/x"); err != nil || res.StatusCode != 200 {
		t.Errorf("%v %v", res, err)
	}
	apply(t, g, Setup{}) // no listeners: the socket goes
	if conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://")); err == nil {
		conn.Close()
		t.Error("a listener that is gone takes connections")
	}
}

// Thousands of connections that send a byte now and then do not disturb others.
func TestSlowConnections(t *testing.T) {
	count := 500
	if campaign() {
		count = 5000
	}
	seen := newCalls()
	setup := estate(quietServer(t))
	_, base := mustStart(t, setup, Options{Witness: seen})
	address := strings.TrimPrefix(base, "http://")
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	ask := func() time.Duration {
		began := time.Now()
		res, err := client.Get(base + "/emea/rest/hub/v1/x")
		if err != nil || res.StatusCode != 200 {
			t.Fatalf("%v %v", res, err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		return time.Since(began)
	}
	sample := func() (p50, p99 time.Duration) {
		all := make([]time.Duration, 200)
		for i := range all {
			all[i] = ask()
		}
		slices.Sort(all)
		return all[100], all[197]
	}
	before50, before99 := sample()
	memory := resident(t)

	var conns []net.Conn
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	for i := range count { // from several addresses, as an attack would
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+i%10))}, Timeout: 10 * time.Second}
		c, err := d.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
		begin := []string{"G", "GET /emea/rest/x HTTP/1.1\r\nX-A: ", "POST /emea/rest/x HTTP/1.1\r\nHost: gw\r\nContent-Length: 1000\r\n\r\nab", "POST /emea/rest/x HTTP/1.1\r\nHost: gw\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"}[i%4]
		if _, err := io.WriteString(c, begin); err != nil {
			t.Fatal(err)
		}
	}
	during50, during99 := sample()
	grown := resident(t) - memory
	t.Logf("%d slow connections: p50 %v before, %v during; p99 %v before, %v during; %d MiB more (both ends are in this process)", count, before50, during50, before99, during99, grown>>20)
	if grown > 256<<20 {
		t.Errorf("they take %d MiB", grown>>20)
	}

	// A head has five seconds. Those that never end one are told so, and closed.
	slow := conns[1]
	if err := slow.SetDeadline(time.Now().Add(headTime + 10*time.Second)); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(slow), nil)
	if err != nil || res.StatusCode != http.StatusRequestTimeout || res.Header.Get(OwnHeader) != string(refuseSlow) {
		t.Errorf("%v %v", res, err)
	}
}

// resident is the memory of this process.
func resident(t testing.TB) int64 {
	content, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("needs /proc")
	}
	pages, err := strconv.ParseInt(strings.Fields(string(content))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// One address has so many connections and no more, and all together so many.
func TestCrowds(t *testing.T) {
	setup := estate(quietServer(t))
	setup.Limits = Limits{Connections: 5, PerAddress: 3}
	_, base := mustStart(t, setup, Options{})
	open := func(last byte) (net.Conn, bool) {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, last)}}
		c, err := d.Dial("tcp", strings.TrimPrefix(base, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, "GET /emea/rest/x HTTP/1.1\r\nHost: gw\r\n\r\n"); err != nil {
			return c, false
		}
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		return c, err == nil && res.StatusCode == 200
	}
	var conns []net.Conn
	for i, want := range []struct {
		from byte
		good bool
	}{{1, true}, {1, true}, {1, true}, {1, false}, {2, true}, {2, true}, {3, false}} {
		c, good := open(want.from)
		if conns = append(conns, c); good != want.good {
			t.Errorf("connection %d from %d: %v", i, want.from, good)
		}
	}
	for _, c := range conns {
		c.Close()
	}
	limit := time.Now().Add(5 * time.Second)
	for {
		c, good := open(3)
		c.Close()
		if good {
			break
		}
		if time.Now().After(limit) {
			t.Fatal("places are not given back")
		}
	}
}

// A witness that panics, or does not come back, loses observations and no request.
func TestObservingFailsOpen(t *testing.T) {
	for name, witness := range map[string]Witness{"panics": panicking{}, "hangs": hanging{make(chan struct{})}} {
		t.Run(name, func(t *testing.T) {
			registry := prometheus.NewRegistry()
			g, base := mustStart(t, estate(quietServer(t)), Options{Witness: witness, Metrics: metrics.New(registry)})
			g.watcher.pending.Store(maxPending - 5000) // nearly full
			for range 50 {
				res, err := http.Get(base + "/emea/rest/hub/v1/x")
				if err != nil || res.StatusCode != 200 {
					t.Fatalf("%v %v", res, err)
				}
				res.Body.Close()
			}
			if h, ok := witness.(hanging); ok {
				close(h.until)
			}
			limit := time.Now().Add(5 * time.Second)
			for counted(t, registry, "keepwatch_gateway_observations_lost_total") < 20 {
				if time.Now().After(limit) {
					t.Fatal("what was lost is not counted")
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
}

// counted is the sum of a counter over its labels.
func counted(t testing.TB, registry *prometheus.Registry, name string) (sum float64) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

type panicking struct{}

func (panicking) Saw(keepwatch.Call) { panic("a fault of the witness") }

type hanging struct{ until chan struct{} }

func (h hanging) Saw(keepwatch.Call) { <-h.until }
