package app_test

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"keepwatch"
	"keepwatch/client"
)

// nameServer is an authoritative server on loopback whose records can be changed.
type nameServer struct {
	addr string
	mu   sync.Mutex
	txt  map[string][]string
}

func newNameServer(t *testing.T) *nameServer {
	t.Helper()
	n := &nameServer{txt: map[string][]string{}}
	packet, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n.addr = packet.LocalAddr().String()
	s := &dns.Server{PacketConn: packet, Handler: dns.HandlerFunc(n.answer)}
	ready := make(chan struct{})
	s.NotifyStartedFunc = func() { close(ready) }
	go func() { _ = s.ActivateAndServe() }()
	<-ready
	t.Cleanup(func() { _ = s.Shutdown() })
	return n
}

func (n *nameServer) set(name string, texts ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.txt[name+"."] = texts
}

func (n *nameServer) answer(rw dns.ResponseWriter, q *dns.Msg) {
	n.mu.Lock()
	defer n.mu.Unlock()
	reply := new(dns.Msg).SetReply(q)
	name := strings.ToLower(q.Question[0].Name)
	for _, text := range n.txt[name] {
		if rr, err := dns.NewRR(fmt.Sprintf("%s 1 IN TXT %q", name, text)); err == nil && q.Question[0].Qtype == dns.TypeTXT {
			reply.Answer = append(reply.Answer, rr)
		}
	}
	if _, known := n.txt[name]; !known {
		reply.Rcode = dns.RcodeNameError
	}
	_ = rw.WriteMsg(reply)
}

// earlyDomain is a domain whose first scan comes within a second.
func earlyDomain(tenant keepwatch.TenantID, prefix string) string {
	for i := 0; ; i++ {
		domain := fmt.Sprintf("%s%d.example", prefix, i)
		if keepwatch.PhaseOf(tenant, keepwatch.ScanCheck(domain)) < 65536/60 {
			return domain
		}
	}
}

// openScans are the open incidents, by title, with their severity.
func (n *node) openScans() map[string]client.Incident {
	n.r.t.Helper()
	out := map[string]client.Incident{}
	for inc, err := range n.Incidents(n.r.t.Context(), client.IncidentFilter{Status: "open"}) {
		if err != nil {
			n.r.t.Fatal(err)
		}
		out[inc.Title] = inc
	}
	return out
}

// TestScheduledScanTellsWhatGotWorse: a base, a record that breaks, one that goes, and
// both mended; a domain that is broken from the start; messages reach a receiver.
func TestScheduledScanTellsWhatGotWorse(t *testing.T) {
	zone := newNameServer(t)
	news, old := earlyDomain("emea", "news"), earlyDomain("", "old")
	zone.set(news, "v=spf1 ip4:192.0.2.1 -all")
	zone.set("_dmarc."+news, "v=DMARC1; p=reject; rua=mailto:a@news.example")
	zone.set(old, "v=spf1 -all", "v=spf1 +all")
	r := newRig(t, "sqlite::memory:")
	r.configure()
	r.write(fmt.Sprintf(`version: 1
server: {listen: "127.0.0.1:8484", auth: none, base_url: "http://keepwatch.example.com", resolver: %q}
store: {url: "sqlite:%s/k.db"}
tenants: [{id: emea, subdomain: mc563885gzs27c5t9-63k636ttgm}]
receivers: [{name: ops, webhook: {url: %q, secret: "env:HOOK_KEY"}}]
routes: [{to: [ops]}]
scans:
  - {target: %q, every: 1s, tenant: emea}
  - {target: %q, every: 1s}
`, zone.addr, t.TempDir(), r.hook.url, news, old))
	n := r.start()

	broken := old + " (spf): drifted"
	r.wait("what is critical at the first scan", func() string {
		if inc, ok := n.openScans()[broken]; !ok || inc.Severity != "critical" || inc.Scope != "place" || inc.Credential != nil {
			return fmt.Sprintf("%+v", n.openScans())
		}
		return ""
	})
	if open := n.openScans(); len(open) != 1 {
		t.Errorf("the base opens incidents: %+v", open)
	}
	zone.set(news, "v=spf1 nonsense -all")
	zone.set("_dmarc." + news)
	r.wait("what became worse", func() string {
		open := n.openScans()
		spf, dmarc := open[news+" (spf): drifted"], open[news+" (dmarc): drifted"]
		if spf.Severity != "critical" || dmarc.Severity != "warning" || spf.Scope != "tenant" || spf.Tenant != "emea" || spf.Hint == "" || !strings.Contains(spf.Evidence, "-> critical") {
			return fmt.Sprintf("%+v", open)
		}
		return ""
	})
	zone.set(news, "v=spf1 ip4:192.0.2.1 -all")
	zone.set("_dmarc."+news, "v=DMARC1; p=reject; rua=mailto:a@news.example")
	r.wait("that it is well again", func() string {
		if open := n.openScans(); len(open) != 1 {
			return fmt.Sprintf("%+v", open)
		}
		return ""
	})
	// As well as before, and another one: somebody should hear of that, too.
	zone.set(news, "v=spf1 ip4:192.0.2.77 -all")
	r.wait("what is another one", func() string {
		if inc, ok := n.openScans()[news+" (spf): drifted"]; !ok || inc.Severity != "warning" || !strings.Contains(inc.Evidence, "192.0.2.1") || !strings.Contains(inc.Evidence, "192.0.2.77") {
			return fmt.Sprintf("%+v", n.openScans())
		}
		return ""
	})
	list, err := n.Scans(t.Context())
	if err != nil || len(list.Items) != 2 {
		t.Fatalf("%+v %v", list, err)
	}
	for _, brief := range list.Items {
		got, err := n.Scan(t.Context(), brief.ID)
		if err != nil || got.Status != "done" || got.By != "" || got.Report.Since == nil || len(got.Report.Findings) < 5 {
			t.Errorf("%+v %v", got, err)
		}
	}
	m := r.message(n.openScans()[broken].ID, "firing")
	if a := m.Alerts[0]; !strings.Contains(a.Annotations["summary"]+a.Annotations["description"], old) || a.Labels["outcome"] != "drifted" {
		t.Errorf("%+v", a)
	}
}

// TestScanOnDemand: it is begun, read while it runs and after; and it never connects to
// an address that is not public, this daemon's own above all.
func TestScanOnDemand(t *testing.T) {
	zone := newNameServer(t)
	zone.set("news.example", "v=spf1 -all")
	r := newRig(t, "sqlite::memory:")
	r.configure()
	r.write(fmt.Sprintf("version: 1\nserver: {listen: \"127.0.0.1:8484\", auth: none, resolver: %q}\nstore: {url: \"sqlite:%s/k.db\"}\n", zone.addr, t.TempDir()))
	n := r.start()
	scan, err := n.StartScan(t.Context(), client.NewScan{Targets: []string{"news.example", n.app.URL() + "/healthz", "https://127.0.0.1/"}, Generated: "2026-09-28"})
	if err != nil || scan.ID == "" || scan.Status != "running" || scan.By == "" {
		t.Fatalf("%+v %v", scan, err)
	}
	r.wait("the scan", func() string {
		if scan, err = n.Scan(t.Context(), scan.ID); err != nil || scan.Status != "done" {
			return fmt.Sprintf("%s %v", scan.Status, err)
		}
		return ""
	})
	refused := 0
	for _, f := range scan.Report.Findings {
		if strings.Contains(f.Message, "not a public one") {
			refused++
		}
		if f.Check == "secret_rule" && !strings.Contains(f.Message, "2027-03-27") {
			t.Errorf("%+v", f)
		}
	}
	if refused < 2 {
		t.Errorf("only %d refusals: %+v", refused, scan.Report.Findings)
	}
	for _, bad := range []client.NewScan{{Targets: []string{"not a target"}}, {Targets: []string{"news.example"}, Generated: "yesterday"}} {
		if _, err := n.StartScan(t.Context(), bad); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	if _, err := n.Scan(t.Context(), "nobody"); err == nil {
		t.Error("a scan that is not there was read")
	}
	began := time.Now()
	if _, err := n.StartScan(t.Context(), client.NewScan{Targets: []string{"news.example"}}); err != nil {
		t.Error(err)
	}
	n.stop() // with a scan under way
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the stop waited for the scan: %s", took)
	}
}
