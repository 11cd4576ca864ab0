package scan

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// aSecret has the form of a client secret. No output may hold it.
const aSecret = "Zq8w3Rt6Yp1Kd9Lm4Xv7Bn2C"

const day = 24 * time.Hour

// planted is a fault that is built into the world, or its clean twin.
type planted struct {
	name     string
	check    string
	subject  string
	severity Severity
	evidence string // a key that tells what was seen
}

// build puts 40 faults and as many clean twins into a world, and tells what to scan.
func build(w *world) (faults []planted, targets []string) {
	add := func(name, check, subject string, severity Severity, evidence, target string) {
		faults = append(faults, planted{name, check, subject, severity, evidence})
		targets = append(targets, target)
	}
	twin := func(target string) { targets = append(targets, target) }
	host := func(name, check string, severity Severity, evidence string, chain []*issued) {
		h := "click." + name + ".test"
		w.site(h, chain, nil)
		add(name, check, h, severity, evidence, h)
		good := "click." + name + "-twin.test"
		w.site(good, w.chain(good), nil)
		twin(good)
	}
	certificates(w, host)
	add("refused", "host", "click.refused.test", Critical, "port", "click.refused.test")
	w.place("click.refused.test")
	w.raw("click.no-tls.test", func(c net.Conn) { _, _ = io.WriteString(c, "220 mail.test ESMTP\r\n"); _ = c.Close() })
	add("no TLS", "host", "click.no-tls.test", Critical, "port", "click.no-tls.test")
	senders(w, add, twin)
	pages(w, add, twin)
	tenants(w, add, twin)
	return faults, targets
}

func certificates(w *world, host func(name, check string, severity Severity, evidence string, chain []*issued)) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		w.t.Fatal(err)
	}
	stranger := w.issue("Unknown Root", nil, authority)
	host("ended", "tls_expiry", Critical, "not_after", w.chain("click.ended.test", lasting(-90*day, -day)))
	host("soon", "tls_expiry", Warning, "days_left", w.chain("click.soon.test", lasting(-180*day, 20*day)))
	host("tomorrow", "tls_expiry", Critical, "days_left", w.chain("click.tomorrow.test", lasting(-180*day, 36*time.Hour)))
	host("early", "tls_expiry", Critical, "not_before", w.chain("click.early.test", lasting(2*day, 90*day)))
	host("named", "tls_name", Critical, "names", w.chain("click.named.test", named("click.other.test")))
	host("lonely", "tls_chain", Critical, "problem", w.chain("click.lonely.test")[:1])
	host("selfmade", "tls_chain", Critical, "problem", []*issued{w.issue("click.selfmade.test", nil)})
	host("foreign", "tls_chain", Critical, "problem", []*issued{w.issue("click.foreign.test", stranger), stranger})
	host("weak", "tls_strength", Warning, "key", []*issued{w.issueWith(weak, "click.weak.test", w.inter), w.inter})
	w.record("forbids.test. CAA 0 issue \"letsencrypt.org\"", "forbids-twin.test. CAA 0 issue \"digicert.com\"")
	host("forbids", "caa", Warning, "allowed", w.chain("click.forbids.test"))
}

func senders(w *world, add func(name, check, subject string, severity Severity, evidence, target string), twin func(string)) {
	domain := func(name, check, at string, severity Severity, evidence string, change func(d string)) {
		d := name + ".test"
		w.sender(d)
		change(d)
		add(name, check, at+d, severity, evidence, d)
		twin(w.sender(name + "-twin.test"))
	}
	spf := func(text ...string) func(string) {
		return func(d string) {
			w.forget(d, dns.TypeTXT)
			for _, t := range text {
				w.record(txt(d, t))
			}
		}
	}
	domain("spf-missing", "spf", "", Warning, "records", spf("some other text"))
	domain("spf-twice", "spf", "", Critical, "records", spf(goodSPF, "v=spf1 mx -all"))
	domain("spf-everybody", "spf", "", Critical, "record", spf("v=spf1 include:cust-spf.exacttarget.com +all"))
	domain("spf-typo", "spf", "", Critical, "record", spf("v=spf1 ipv4:192.0.2.1 -all"))
	domain("spf-without-sfmc", "spf", "", Warning, "sfmc", spf("v=spf1 mx -all"))
	domain("spf-misspelt", "spf", "", Critical, "includes", spf("v=spf1 include:custo-spf.exacttarget.com -all"))
	domain("spf-loop", "spf", "", Critical, "includes", spf("v=spf1 include:loop.spf-loop.test -all"))
	w.record(txt("loop.spf-loop.test", "v=spf1 include:spf-loop.test -all"))
	var many strings.Builder
	for i := range 11 {
		fmt.Fprintf(&many, " include:i%d.spf-deep.test", i)
		w.record(txt(fmt.Sprintf("i%d.spf-deep.test", i), "v=spf1 ip4:192.0.2.1 -all"))
	}
	domain("spf-deep", "spf", "", Critical, "lookups", spf("v=spf1"+many.String()+" -all"))

	key := func(record string) func(string) {
		return func(d string) {
			w.forget("10dkim1._domainkey."+d, dns.TypeTXT)
			if record != "" {
				w.record(txt("10dkim1._domainkey."+d, record))
			}
		}
	}
	domain("dkim-damaged", "dkim", "10dkim1._domainkey.", Critical, "kind", key(dkimOnce()[:120]))
	domain("dkim-revoked", "dkim", "10dkim1._domainkey.", Warning, "kind", key("v=DKIM1; k=rsa; p="))
	domain("dkim-test", "dkim", "10dkim1._domainkey.", Warning, "bits", key(dkimOnce()+"; t=y"))
	domain("dkim-none", "dkim", "", Warning, "selectors", key(""))
	domain("dkim-dangling", "dkim", "10dkim1._domainkey.", Critical, "aliases", func(d string) {
		key("")(d)
		w.record("10dkim1._domainkey." + d + ". CNAME gone.example.")
	})

	policy := func(texts ...string) func(string) {
		return func(d string) {
			w.forget("_dmarc."+d, dns.TypeTXT)
			for _, t := range texts {
				w.record(txt("_dmarc."+d, t))
			}
		}
	}
	domain("dmarc-missing", "dmarc", "", Warning, "found_at", policy())
	domain("dmarc-twice", "dmarc", "", Critical, "records", policy("v=DMARC1; p=none", "v=DMARC1; p=reject"))
	domain("dmarc-typo", "dmarc", "", Warning, "record", policy("v=DMARC1; p=rejekt; rua=mailto:a@example.com"))
	domain("mx-gone", "mx", "", Critical, "servers", func(d string) {
		w.forget(d, dns.TypeMX)
		w.record(d + ". MX 10 mx.gone.example.")
	})
	domain("mx-none", "mx", "", Warning, "servers", func(d string) { w.forget(d, dns.TypeMX) })
	domain("moved", "stack", "", Warning, "stacks", func(d string) {
		w.forget("reply."+d, dns.TypeMX)
		w.record("reply." + d + ". MX 10 reply.s10.exacttarget.com.")
	})
	domain("bogus", "dnssec", "", Critical, "state", func(d string) {
		w.handle(d, func(rw dns.ResponseWriter, q *dns.Msg) {
			reply := new(dns.Msg).SetReply(q)
			if q.CheckingDisabled {
				w.fill(reply, dns.CanonicalName(q.Question[0].Name), q.Question[0].Qtype)
			} else {
				reply.Rcode = dns.RcodeServerFailure
			}
			_ = rw.WriteMsg(reply)
		})
	})
	add("no such domain", "mx", "nowhere.example", Critical, "servers", "nowhere.example")
}

func pages(w *world, add func(name, check, subject string, severity Severity, evidence, target string), twin func(string)) {
	page := func(name, check string, severity Severity, evidence string, bad, good http.Handler) string {
		address := ""
		for i, handler := range []http.Handler{bad, good} {
			h := "cloud." + name + []string{"", "-twin"}[i] + ".test"
			at := w.site(h, w.chain(h), handler)
			target := "https://" + h + "/offer"
			if i == 1 {
				twin(target)
				continue
			}
			address = at
			subject := target
			if check == "redirect-open" {
				check, subject = "redirect", "http://"+h+"/offer"
			}
			add(name, check, subject, severity, evidence, target)
		}
		return address
	}
	files := func(html string, scripts map[string]string) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if text, ok := scripts[r.URL.Path]; ok {
				rw.Header().Set("Content-Type", "text/javascript")
				_, _ = io.WriteString(rw, text)
				return
			}
			body(html).ServeHTTP(rw, r)
		})
	}
	const sub = "mc563885gzs27c5t9-63k636ttgm"
	page("inline", "public_token_call", Critical, "line",
		body("<html>\n<script>\nfetch('https://"+sub+".auth.marketingcloudapis.com/v2/token', {method: 'POST', body: JSON.stringify({grant_type: 'client_credentials', client_id: 'abc', client_secret: '"+aSecret+"'})})\n</script>"),
		body("<html><script>fetch('/api/subscribe', {method: 'POST'})</script><pre>POST https://"+sub+".auth.marketingcloudapis.com/v2/token with client_secret: '"+aSecret+"'</pre>"))
	page("bundle", "public_token_call", Critical, "script",
		files(`<script src="/app.js?v=3"></script>`, map[string]string{"/app.js": "var a=1;/* x */var h=\"https:\\/\\/\"+s+\".auth.marketingcloudapis.com\";axios.post(h+\"\\/v2\\/token\",{client_id:i,client_secret:\"" + aSecret + "\"})"}),
		files(`<script src="/app.js"></script>`, map[string]string{"/app.js": "// client_secret: \"YOUR_CLIENT_SECRET_HERE_12\" belongs on the server, see auth.marketingcloudapis.com\nvar a = 1 / 2;"}))
	page("pieces", "public_token_call", Critical, "line",
		files(`<script>var cfg = {client_secret: "`+aSecret+`"}</script><script src="/sdk.js"></script>`, map[string]string{"/sdk.js": `const host = cfg.sub + ".auth.marketingcloudapis.com"; send(host + "/v2/token")`}),
		files(`<script>var cfg = {clientSecretIsOnTheServer: true}</script><script src="/sdk.js"></script>`, map[string]string{"/sdk.js": `send("/relay/token")`}))
	page("indirect", "public_token_call", Critical, "line",
		body(`<script>fetch("https://`+sub+`.auth.marketingcloudapis.com/v2/token", {method: "POST", body: JSON.stringify({client_id: a, client_secret: b})})</script>`),
		body(`<script>/* fetch("https://`+sub+`.auth.marketingcloudapis.com/v2/token", {client_secret: b}) moved to the server */ go()</script>`))
	page("public-app", "public_token_call", Warning, "tenant",
		body(`<script>fetch("https://`+sub+`.auth.marketingcloudapis.com/v2/token", {method: "POST", body: JSON.stringify({grant_type: "authorization_code", code: c})})</script>`),
		body(`<script>location = "https://`+sub+`.auth.marketingcloudapis.com/v2/authorize?response_type=code"</script>`))
	circle := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, map[string]string{"/offer": "/b", "/b": "/offer"}[r.URL.Path], http.StatusFound)
	})
	once := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/offer" {
			http.Redirect(rw, r, "/final", http.StatusMovedPermanently)
			return
		}
		body("<p>here").ServeHTTP(rw, r)
	})
	page("circle", "redirect", Critical, "way", circle, once)
	page("downgrade", "redirect", Critical, "way", http.RedirectHandler("http://cloud.downgrade.test/offer", http.StatusFound), once)
	address := page("open", "redirect-open", Warning, "way", body("<p>x"), body("<p>x"))
	w.open(address, body("<p>in the open"))
	page("mixed", "mixed_content", Warning, "blocked", body(`<link rel="stylesheet" href="http://cdn.test/a.css"><script src="http://cdn.test/a.js"></script>`), body(`<a href="http://elsewhere.test/">x</a><link rel="canonical" href="http://elsewhere.test/">`))
	page("broken", "page", Critical, "http_status", http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) }), body("<p>fine"))
	page("gone", "page", Warning, "http_status", http.NotFoundHandler(), body("<p>fine"))
	page("hsts", "hsts", Info, "header", body("<p>x", "Strict-Transport-Security", ""), body("<p>x"))
	h := "brand.pub.sfmc-content.com"
	w.site(h, w.chain(h), body("<p>x"))
	add("default host", "default_host", "https://"+h+"/page", Info, "host", "https://"+h+"/page")
}

// gateway answers as SFMC's API hosts do.
func gateway(w *world, sub string, change map[string]http.Handler) {
	unauthorized := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" || r.Method != http.MethodGet || r.URL.Path != "/platform/v1/endpoints" {
			w.t.Errorf("the REST host was asked %s %s", r.Method, r.URL)
		}
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(rw, `{"documentation":"","errorcode":0,"message":"Not Authorized"}`)
	})
	wsdl := http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/xml")
		_, _ = io.WriteString(rw, `<?xml version="1.0"?><definitions xmlns="http://schemas.xmlsoap.org/wsdl/"></definitions>`)
	})
	for kind, handler := range map[string]http.Handler{"auth": http.NotFoundHandler(), "rest": unauthorized, "soap": wsdl} {
		h := sub + "." + kind + ".marketingcloudapis.com"
		if own, changed := change[kind]; changed {
			if handler = own; own == nil {
				continue
			}
		}
		w.site(h, w.chain(h), handler)
	}
}

func tenants(w *world, add func(name, check, subject string, severity Severity, evidence, target string), twin func(string)) {
	sub := func(n int) string { return fmt.Sprintf("mc%026d", n) }
	fails := http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusServiceUnavailable) })
	gateway(w, sub(1), map[string]http.Handler{"rest": fails})
	add("rest fails", "api_host", sub(1)+".rest.marketingcloudapis.com", Critical, "http_status", sub(1))
	gateway(w, sub(2), map[string]http.Handler{"rest": body("<html>blocked by the proxy")})
	add("a proxy answers", "api_host", sub(2)+".rest.marketingcloudapis.com", Warning, "latency_ms", sub(2))
	gateway(w, sub(3), map[string]http.Handler{"soap": body("<html>not the description")})
	add("no description", "wsdl", sub(3)+".soap.marketingcloudapis.com", Warning, "http_status", sub(3))
	gateway(w, sub(4), map[string]http.Handler{"soap": nil})
	add("a host is missing", "subdomain", sub(4), Critical, "missing", sub(4))
	add("no such tenant", "subdomain", sub(5), Critical, "missing", sub(5))
	gateway(w, sub(10), nil)
	twin(sub(10))
	w.site("status.test", w.chain("status.test"), http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		status := "OK"
		if strings.Contains(r.URL.Path, "/S10/") {
			status = "MAJOR_INCIDENT_CORE"
		}
		_, _ = fmt.Fprintf(rw, `{"key":"x","status":%q}`, status)
	}))
	add("major incident", "trust_status", "S10", Critical, "status", "moved.test")
}

// TestPlantedFaults finds every fault of the world with its evidence, and nothing else.
func TestPlantedFaults(t *testing.T) {
	w := newWorld(t)
	faults, targets := build(w)
	slices.Sort(targets)
	targets = slices.Compact(targets)
	began := time.Now()
	report := w.scan(targets...)
	t.Logf("%d targets, %d findings, %d requests, %d questions in %s", len(targets), len(report.Findings), w.requests.Load(), w.asked.Load(), time.Since(began).Round(time.Millisecond))
	if report.Partial {
		t.Error("the scan did not end in time")
	}
	found := 0
	expected := map[string]bool{}
	for _, p := range faults {
		expected[p.check+" "+p.subject] = true
		f, ok := report.about(p.check, p.subject)
		switch {
		case !ok:
			t.Errorf("%s: no finding %s of %s", p.name, p.check, p.subject)
		case f.Severity != p.severity:
			t.Errorf("%s: %s is %s, want %s: %s", p.name, p.check, f.Severity, p.severity, f.Message)
		case f.Evidence[p.evidence] == nil:
			t.Errorf("%s: without the evidence %s: %v", p.name, p.evidence, f.Evidence)
		case f.Severity != Info && f.Hint == "":
			t.Errorf("%s: nothing says what to do next: %s", p.name, f.Message)
		default:
			found++
		}
	}
	falses := 0
	for _, f := range report.Findings {
		bad := f.Severity.Rank() >= Unknown.Rank()
		if bad && !expected[f.Check+" "+f.Subject] {
			falses++
			t.Errorf("false: %s %s of %s: %s (%s) %v", f.Severity, f.Check, f.Subject, f.Message, f.Hint, f.Evidence)
		}
	}
	t.Logf("%d faults planted, %d found, %d false", len(faults), found, falses)
	if len(faults) < 30 {
		t.Errorf("only %d faults were planted", len(faults))
	}
	if text := fmt.Sprintf("%+v", report); strings.Contains(text, aSecret) {
		t.Error("the report holds the secret")
	}
}
