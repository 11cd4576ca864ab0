package scan

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"keepwatch/internal/egress"
)

// within scans with a deadline, and fails when the scan does not keep to it.
func (w *world) within(limit time.Duration, texts ...string) Report {
	w.t.Helper()
	o := w.options()
	o.Limit = limit
	began := time.Now()
	report := Run(w.t.Context(), o, Request{Targets: w.targets(texts...)})
	if took := time.Since(began); took > limit+2*time.Second {
		w.t.Errorf("the scan took %s with a limit of %s", took, limit)
	}
	return report
}

// TestFortyHostsOfWhichTenHang: the deadline holds, the ten are unknown, and the
// others are not kept from being looked at.
func TestFortyHostsOfWhichTenHang(t *testing.T) {
	w := newWorld(t)
	var targets, hanging []string
	for i := range 40 {
		h := fmt.Sprintf("click.h%02d.test", i)
		targets = append(targets, h)
		if i%4 == 0 {
			w.raw(h, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }) // takes everything, says nothing
			hanging = append(hanging, h)
			continue
		}
		w.site(h, w.chain(h), nil)
	}
	limit := 2 * time.Second
	began := time.Now()
	report := w.within(limit, targets...)
	t.Logf("40 hosts, 10 hanging, limit %s: done in %s", limit, time.Since(began).Round(time.Millisecond))
	if !report.Partial {
		t.Error("the report does not say that it is partial")
	}
	unknown := 0
	for _, h := range targets {
		f, ok := report.about("host", h)
		switch {
		case !ok:
			t.Errorf("%s is not in the report", h)
		case f.Severity == Unknown:
			unknown++
		case f.Severity != OK:
			t.Errorf("%s is %s: %s", h, f.Severity, f.Message)
		}
	}
	for _, h := range hanging {
		if f, _ := report.about("host", h); f.Severity != Unknown {
			t.Errorf("%s hangs and is %s", h, f.Severity)
		}
	}
	if unknown != len(hanging) {
		t.Errorf("%d are unknown, want %d", unknown, len(hanging))
	}
}

// TestTypicalTarget measures a tenant, its sending domain with five hosts and a page,
// over a network where each connection and each question takes 40 ms.
func TestTypicalTarget(t *testing.T) {
	w := newWorld(t)
	sub := "mc563885gzs27c5t9-63k636ttgm"
	gateway(w, sub, nil)
	domain := w.sender("news.example")
	for _, label := range []string{"click", "view", "image", "pages"} {
		w.site(label+"."+domain, w.chain(label+"."+domain), nil)
	}
	w.site("cloud."+domain, w.chain("cloud."+domain), body("<p>offer"))
	w.site("status.test", w.chain("status.test"), body(`{"status":"OK"}`))
	o := w.options()
	o.Network = far{w}
	w.lag.Store(int64(40 * time.Millisecond))
	began := time.Now()
	report := Run(t.Context(), o, Request{Targets: w.targets(sub, domain, "https://cloud."+domain+"/offer")})
	took := time.Since(began)
	t.Logf("typical target: %d findings in %s", len(report.Findings), took.Round(time.Millisecond))
	if took > 5*time.Second || report.Partial {
		t.Errorf("a typical target took %s", took)
	}
	if worst := report.Worst(); worst != Info {
		t.Errorf("the clean target is %s: %+v", worst, report.Findings[0])
	}
}

// far is the world with a long way to it.
type far struct{ *world }

func (f far) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	select {
	case <-time.After(40 * time.Millisecond):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return f.world.Dial(ctx, network, address)
}

// TestPrivateAddressesAreRefused: without the flag nothing of a world on loopback is
// connected to, whatever names, redirects and scripts say.
func TestPrivateAddressesAreRefused(t *testing.T) {
	w := newWorld(t)
	_, targets := build(w)
	o := w.options()
	o.AllowPrivate = false
	report := Run(t.Context(), o, Request{Targets: w.targets(append(targets, "https://127.0.0.1/", "https://169.254.169.254/latest/meta-data/", "https://[::1]/")...)})
	if dials := w.dials(); len(dials) > 0 || w.requests.Load() > 0 {
		t.Errorf("connected to %v, %d requests", dials, w.requests.Load())
	}
	for subject, check := range map[string]string{"click.soon.test": "host", "cloud.inline.test": "host", "169.254.169.254": "host", "::1": "host"} {
		if f, ok := report.about(check, subject); !ok || f.Severity != Unknown || !strings.Contains(f.Message, "not a public one") || !strings.Contains(f.Hint, "--allow-private") {
			t.Errorf("%s: %+v", subject, f)
		}
	}
}

// public is a network on which some public addresses lead to the world's listeners.
type public struct {
	*world
	addresses map[string]string // public address -> that of the world
}

// from shows the address that was dialled as the other end's.
type from struct {
	net.Conn
	remote netip.AddrPort
}

func (f from) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(f.remote) }

func (p public) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	conn, err := p.world.Dial(ctx, network, net.JoinHostPort(p.addresses[host], port))
	if err != nil {
		return nil, err
	}
	return from{conn, netip.MustParseAddrPort(address)}, nil
}

// TestRebinding: a name that is public when it is first asked for, and an address of
// this machine ever after; a page on a public host that leads inwards.
func TestRebinding(t *testing.T) {
	w := newWorld(t)
	inside := w.site("inside.test", w.chain("inside.test"), body("the crown jewels"))
	w.open(inside, body("the crown jewels"))
	outside := w.site("cloud.shop.test", w.chain("cloud.shop.test"), http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/meta":
			http.Redirect(rw, r, "https://169.254.169.254/latest/meta-data/", http.StatusFound)
		case "/named":
			http.Redirect(rw, r, "https://inside.test/", http.StatusFound)
		default:
			body(`<script src="https://inside.test/a.js"></script><script src="https://10.0.0.7/b.js"></script><script src="https://[::ffff:127.0.0.1]/c.js"></script>`).ServeHTTP(rw, r)
		}
	}))
	const address = "93.184.216.34"
	w.forget("cloud.shop.test", dns.TypeA)
	w.record("cloud.shop.test. A " + address)
	var turn atomic.Int32
	w.handle("cloud.turn.test", func(rw dns.ResponseWriter, q *dns.Msg) {
		reply := new(dns.Msg).SetReply(q)
		if q.Question[0].Qtype == dns.TypeA {
			to := inside
			if turn.Add(1) == 1 {
				to = address
			}
			rr, _ := dns.NewRR("cloud.turn.test. 0 IN A " + to)
			reply.Answer = append(reply.Answer, rr)
		}
		_ = rw.WriteMsg(reply)
	})
	o := w.options()
	o.AllowPrivate, o.Network = false, public{w, map[string]string{address: outside}}
	report := Run(t.Context(), o, Request{Targets: w.targets("https://cloud.shop.test/meta", "https://cloud.shop.test/named", "https://cloud.shop.test/", "https://cloud.turn.test/")})
	for _, d := range w.dials() {
		if !strings.HasPrefix(d, outside+":") {
			t.Errorf("connected to %s", d)
		}
	}
	if turn.Load() < 2 {
		t.Errorf("the name was asked for %d times: nothing was rebound", turn.Load())
	}
	for _, path := range []string{"/meta", "/named"} {
		if f, ok := report.about("page", "https://cloud.shop.test"+path); !ok || f.Severity != Unknown || !strings.Contains(f.Message, "not a public one") {
			t.Errorf("%s: %+v", path, f)
		}
	}
	if f, ok := report.about("page", "https://cloud.shop.test/"); !ok || f.Severity != OK {
		t.Errorf("the public page: %+v", f)
	}
	if f, ok := report.about("public_token_call", "https://cloud.shop.test/"); !ok || f.Severity != Unknown {
		t.Errorf("scripts that were refused: %+v", f)
	}
}

// endless writes for ever, and counts.
func endless(sent *atomic.Int64, header string) http.Handler {
	block := []byte(strings.Repeat("x y;\n", 4096))
	return http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", header)
		for {
			n, err := rw.Write(block)
			sent.Add(int64(n))
			if err != nil || sent.Load() > 1<<30 {
				return
			}
		}
	})
}

// TestHostileAnswers: endless pages and scripts, bombs, drips, redirects without end.
func TestHostileAnswers(t *testing.T) {
	w := newWorld(t)
	var sent, hops atomic.Int64
	serve := func(name string, handler http.Handler) string {
		h := "cloud." + name + ".test"
		w.site(h, w.chain(h), handler)
		return "https://" + h + "/"
	}
	scripts := func(html string, script http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/s") {
				script.ServeHTTP(rw, r)
				return
			}
			body(html).ServeHTTP(rw, r)
		})
	}
	huge := http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { // 100 MiB, made as it goes
		rw.Header().Set("Content-Type", "text/javascript")
		block := []byte(strings.Repeat("var a='b';\n", 6000))
		for left := 100 << 20; left > 0; left -= len(block) {
			n, err := rw.Write(block)
			if sent.Add(int64(n)); err != nil {
				return
			}
		}
	})
	bomb := http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Encoding", "gzip")
		rw.Header().Set("Content-Type", "text/html")
		z := gzip.NewWriter(rw)
		block := make([]byte, 1<<20)
		for range 200 {
			if _, err := z.Write(block); err != nil {
				return
			}
		}
		_ = z.Close()
	})
	drip := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		for {
			if _, err := io.WriteString(rw, "<p>"); err != nil {
				return
			}
			_ = http.NewResponseController(rw).Flush()
			select {
			case <-r.Context().Done():
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
	onward := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, fmt.Sprintf("/?n=%d", hops.Add(1)), http.StatusFound)
	})
	heads := http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		for i := range 5000 {
			rw.Header().Add(fmt.Sprintf("X-H%d", i), strings.Repeat("y", 100))
		}
		_, _ = io.WriteString(rw, "<p>")
	})
	targets := []string{
		serve("endless", endless(&sent, "text/html")),
		serve("huge", scripts(`<script src="/s1"></script>`, huge)),
		serve("many", scripts(strings.Repeat(`<script src="/s"></script>`, 10_000), body("x"))),
		serve("nested", body(strings.Repeat("<div>", 300_000))),
		serve("bomb", bomb),
		serve("onward", onward),
		serve("heads", heads),
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	report := w.within(15*time.Second, targets...)
	runtime.ReadMemStats(&after)
	t.Logf("%d requests, %d MiB were sent by the servers, %d MiB allocated in all, %d hops", w.requests.Load(), sent.Load()>>20, (after.TotalAlloc-before.TotalAlloc)>>20, hops.Load())
	if report.Partial {
		t.Error("hostile answers took the whole time")
	}
	if sent.Load() > 40<<20 { // what was read, and what stood in buffers
		t.Errorf("%d MiB were taken", sent.Load()>>20)
	}
	if hops.Load() > maxRedirects+2 {
		t.Errorf("%d redirects were followed", hops.Load())
	}
	if n := w.requests.Load(); n > int64(len(targets)+1+maxScripts+maxRedirects+2) {
		t.Errorf("%d requests", n)
	}
	if f, _ := report.about("public_token_call", "https://cloud.huge.test/"); f.Severity != Unknown {
		t.Errorf("a script that was not read whole: %+v", f)
	}
	for _, want := range []struct {
		check, subject string
		severity       Severity
	}{{"redirect", "onward", Warning}, {"page", "heads", Unknown}, {"page", "nested", OK}} {
		if f, ok := report.about(want.check, "https://cloud."+want.subject+".test/"); !ok || f.Severity != want.severity {
			t.Errorf("%s: %+v", want.subject, f)
		}
	}
	// A body that drips holds its own host only, and no longer than the deadline.
	if report := w.within(time.Second, serve("drip", drip)); !report.Partial {
		t.Error("the drip ended by itself")
	}
}

// TestHostileNameServer: answers as long as the protocol allows, records without end,
// includes that multiply, and a server that says nothing.
func TestHostileNameServer(t *testing.T) {
	w := newWorld(t)
	full := func(name, line string) { // 10,000 records, as many of them as a message holds
		reply := &dns.Msg{Compress: true}
		for i := range 10_000 {
			text := line
			if strings.Contains(text, "%d") {
				text = fmt.Sprintf(line, i/250%250, i%250)
			}
			rr, err := dns.NewRR(name + " 1 IN " + text)
			if err != nil {
				t.Fatal(err)
			}
			reply.Answer = append(reply.Answer, rr)
		}
		reply.SetQuestion(name, reply.Answer[0].Header().Rrtype)
		for size := reply.Len(); size > dns.MaxMsgSize; size = reply.Len() {
			reply.Answer = reply.Answer[:len(reply.Answer)*dns.MaxMsgSize/size-16]
		}
		w.handle(name, func(rw dns.ResponseWriter, q *dns.Msg) {
			answer := new(dns.Msg).SetReply(q)
			if q.Question[0].Qtype == reply.Question[0].Qtype {
				answer.Answer, answer.Compress = reply.Answer, true
			}
			if _, udp := rw.LocalAddr().(*net.UDPAddr); udp && len(answer.Answer) > 0 {
				answer.Truncated, answer.Answer = true, nil
			}
			_ = rw.WriteMsg(answer)
		})
		t.Logf("%s: %d records in %d bytes", name, len(reply.Answer), reply.Len())
	}
	full("click.crowd.test.", "A 127.77.%d.%d")
	w.sender("texts.test")
	full("texts.test.", `TXT "v=spf1 -all"`)
	w.sender("servers.test")
	full("servers.test.", "MX 10 mx.gone%d-%d.example.")
	// Each name includes two more.
	w.sender("doubling.test")
	w.forget("doubling.test", dns.TypeTXT)
	w.record(txt("doubling.test", "v=spf1 include:a.x.test include:b.x.test -all"))
	for depth, names := 0, []string{"a", "b"}; depth < 6; depth++ {
		var next []string
		for _, n := range names {
			w.record(txt(n+".x.test", "v=spf1 include:"+n+"a.x.test include:"+n+"b.x.test -all"))
			next = append(next, n+"a", n+"b")
		}
		names = next
	}
	asked := w.asked.Load()
	report := w.within(20*time.Second, "click.crowd.test", "texts.test", "servers.test", "doubling.test")
	t.Logf("%d questions, %d connections, %d findings", w.asked.Load()-asked, len(w.dials()), len(report.Findings))
	if n := len(w.dials()); n > 3*maxAddresses {
		t.Errorf("%d connections for one host", n)
	}
	if f, ok := report.about("spf", "texts.test"); !ok || f.Severity != Critical || !strings.Contains(f.Message, "64") {
		t.Errorf("%+v", f)
	}
	if f, ok := report.about("spf", "doubling.test"); !ok || f.Severity != Critical || !strings.Contains(f.Message, "more than 40") {
		t.Errorf("%+v", f)
	}
	if n := w.asked.Load() - asked; n > 500 {
		t.Errorf("%d questions", n)
	}

	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	o := w.options()
	o.Resolver, o.Limit = silent.LocalAddr().String(), time.Second
	began := time.Now()
	blind := Run(t.Context(), o, Request{Targets: w.targets("news.example", "https://cloud.news.example/")})
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("a name server that says nothing: %s", took)
	}
	if why, is := blind.Blind(); !is || why == "" {
		t.Errorf("not blind: %+v", blind.Findings)
	}
}

// TestOneRequestAtATimePerHost watches how many exchanges a host sees at once.
func TestOneRequestAtATimePerHost(t *testing.T) {
	w := newWorld(t)
	var now, most atomic.Int32
	h := "cloud.busy.test"
	w.site(h, w.chain(h), http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		most.Store(max(most.Load(), now.Add(1)))
		defer now.Add(-1)
		time.Sleep(2 * time.Millisecond)
		if r.Header.Get("Authorization") != "" || r.Header.Get("Cookie") != "" || r.Method != http.MethodGet {
			t.Errorf("%s %v", r.Method, r.Header)
		}
		body(strings.Repeat(`<script src="/a.js"></script>`, 20)).ServeHTTP(rw, r)
	}))
	w.scan("https://"+h+"/1", "https://"+h+"/2", "https://"+h+"/3", h)
	if most.Load() != 1 || w.requests.Load() < 40 {
		t.Errorf("%d at a time, %d requests", most.Load(), w.requests.Load())
	}
}

var _ egress.Network = public{}
