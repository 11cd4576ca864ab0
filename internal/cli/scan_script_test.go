package cli

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/rogpeppe/go-internal/testscript"
)

// Every command line of the page is one that the program takes.
func TestExamplesOfTheScanPage(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "scan.md"))
	if err != nil {
		t.Fatal(err)
	}
	lines := examples(string(text))
	if len(lines) < 3 {
		t.Errorf("only %d command lines", len(lines))
	}
	for _, line := range lines {
		line, _, _ = strings.Cut(line, " >")
		if _, err := parserOf(t).Parse(strings.Fields(line)[1:]); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// outsideSecret has the form of a client secret; no output of a scan may hold it.
const outsideSecret = "Zq8w3Rt6Yp1Kd9Lm4Xv7Bn2C"

// outside: a small internet on loopback. RESOLVER is its name server, SSL_CERT_FILE the
// authority that it trusts, GOOD and LEAKY are pages, SOON is a host whose certificate ends
// in ten days, NOBODY a name server that does not answer.
func outside(ts *testscript.TestScript, _ bool, _ []string) {
	root := mint(ts, nil, "Script Root", 3650*24*time.Hour)
	ts.Check(os.WriteFile(ts.MkAbs("root.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate[0]}), 0o600))
	good := serveOutside(ts, root, "cloud.good.test", 180*24*time.Hour, "<p>An offer")
	leaky := serveOutside(ts, root, "cloud.leaky.test", 180*24*time.Hour,
		`<script>fetch("https://x.auth.marketingcloudapis.com/v2/token",{method:"POST",body:JSON.stringify({client_secret:"`+outsideSecret+`"})})</script>`)
	soon := serveOutside(ts, root, "click.soon.test", 10*24*time.Hour, "")
	for name, value := range map[string]string{
		"RESOLVER": nameServer(ts), "SSL_CERT_FILE": ts.MkAbs("root.pem"), "SSL_CERT_DIR": ts.MkAbs("nowhere"),
		"GOOD": "https://cloud.good.test:" + good + "/offer?token=hidden", "LEAKY": "https://cloud.leaky.test:" + leaky + "/form", "SOON": "click.soon.test:" + soon, "NOBODY": "127.0.0.1:1",
	} {
		ts.Setenv(name, value)
	}
}

func mint(ts *testscript.TestScript, by *tls.Certificate, name string, life time.Duration) *tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name, Organization: []string{"Script"}}, NotBefore: time.Now().Add(-170 * 24 * time.Hour),
		NotAfter: time.Now().Add(life), BasicConstraintsValid: true, DNSNames: []string{name}, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	parent, signer := template, any(key)
	if by == nil {
		template.IsCA, template.KeyUsage, template.DNSNames = true, x509.KeyUsageCertSign, nil
	} else {
		parent, signer = by.Leaf, by.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	ts.Check(err)
	leaf, err := x509.ParseCertificate(der)
	ts.Check(err)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func serveOutside(ts *testscript.TestScript, root *tls.Certificate, host string, life time.Duration, page string) (port string) {
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{*mint(ts, root, host, life)}})
	ts.Check(err)
	server := &http.Server{ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		_, _ = io.WriteString(w, page)
	})}
	go func() { _ = server.Serve(l) }()
	ts.Defer(func() { _ = server.Close() })
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port
}

// nameServer knows the domain news.test, with and without DMARC, and leads every host
// of the test to loopback.
func nameServer(ts *testscript.TestScript) string {
	packet, err := net.ListenPacket("udp", "127.0.0.1:0")
	ts.Check(err)
	texts := map[string]string{"news.test.": "v=spf1 ip4:192.0.2.1 -all", "strict.test.": "v=spf1 ip4:192.0.2.1 -all", "_dmarc.strict.test.": "v=DMARC1; p=reject; rua=mailto:a@strict.test"}
	s := &dns.Server{PacketConn: packet, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		reply := new(dns.Msg).SetReply(q)
		name, kind := strings.ToLower(q.Question[0].Name), q.Question[0].Qtype
		text, known := texts[name]
		_, port := strings.CutPrefix(name, "cloud.")
		line := ""
		switch {
		case known && kind == dns.TypeTXT:
			line = fmt.Sprintf("%s 60 IN TXT %q", name, text)
		case known && kind == dns.TypeMX:
			line = name + " 60 IN MX 10 mx.soon.test."
		case (port && name != "cloud.news.test." && name != "cloud.strict.test.") || strings.HasSuffix(name, ".soon.test."):
			if known = true; kind == dns.TypeA {
				line = name + " 60 IN A 127.0.0.1"
			}
		case name == "com." && kind == dns.TypeNS:
			line = "com. 60 IN NS a.gtld-servers.net."
		}
		if rr, err := dns.NewRR(line); err == nil && line != "" {
			reply.Answer = append(reply.Answer, rr)
		} else if !known {
			reply.Rcode = dns.RcodeNameError
		}
		_ = w.WriteMsg(reply)
	})}
	ready := make(chan struct{})
	s.NotifyStartedFunc = func() { close(ready) }
	go func() { _ = s.ActivateAndServe() }()
	<-ready
	ts.Defer(func() { _ = s.Shutdown() })
	return packet.LocalAddr().String()
}
