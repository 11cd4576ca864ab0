package scan

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestParseTarget(t *testing.T) {
	const sub = "mc563885gzs27c5t9-63k636ttgm"
	for text, want := range map[string]string{
		sub: "tenant " + sub, strings.ToUpper(sub): "tenant " + sub, sub + ".auth.marketingcloudapis.com": "tenant " + sub,
		"https://" + sub + ".rest.marketingcloudapis.com/": "tenant " + sub,
		"mcngbdhb7xy---qf--74j71213j1":                     "tenant mcngbdhb7xy---qf--74j71213j1",
		"news.example.com":                                 "domain news.example.com", "News.Example.COM.": "domain news.example.com", "shop@news.example.com": "domain news.example.com",
		"bücher.example":         "domain xn--bcher-kva.example",
		"click.news.example.com": "host click.news.example.com", "x.example.com:8443": "host x.example.com:8443", "brand.pub.sfmc-content.com": "host brand.pub.sfmc-content.com",
		"https://cloud.example.com":        "page https://cloud.example.com/",
		"https://cloud.example.com/a?qs=1": "page https://cloud.example.com/a",
		"http://example.com:8080/x#y":      "page http://example.com:8080/x",
		"https://[2001:db8::1]/":           "page https://[2001:db8::1]/",
	} {
		got, err := ParseTarget(text)
		if err != nil || string(got.Kind)+" "+got.Name != want {
			t.Errorf("%s: %s %s, %v", text, got.Kind, got.Name, err)
		}
	}
	for _, text := range []string{
		"", "localhost", "127.0.0.1", "::1", "[::1]:443", "ftp://example.com/", "https://user:pass@example.com/", "https:///x", "example..com", "-a.example.com",
		"a b.example.com", "https://exa mple.com", "example.com:0", "example.com:99999", "https://example.com:x/", "javascript://x", strings.Repeat("a", 64) + ".com", strings.Repeat("a.", 200) + "com",
	} {
		if got, err := ParseTarget(text); err == nil {
			t.Errorf("%q is taken as %s %s", text, got.Kind, got.Name)
		} else if strings.Contains(err.Error(), "pass") {
			t.Errorf("%q: the error repeats a password: %v", text, err)
		}
	}
	if list, err := ParseTargets([]string{sub, sub, "a.example"}); err != nil || len(list) != 2 {
		t.Errorf("%v %v", list, err)
	}
	if _, err := ParseTargets(slices.Repeat([]string{"a.example"}, 3)); err != nil {
		t.Error(err)
	}
	var many []string
	for i := range MaxTargets + 1 {
		many = append(many, fmt.Sprintf("h%d.example", i))
	}
	if _, err := ParseTargets(many); err == nil {
		t.Error("too many targets are taken")
	}
	texts, err := ReadTargets(strings.NewReader("\ufeff# ours\nnews.example.com # the letters\n\n  " + sub + "\n"))
	if err != nil || !slices.Equal(texts, []string{"news.example.com", sub}) {
		t.Errorf("%q %v", texts, err)
	}
	if _, err := ReadTargets(strings.NewReader("news.example.com\nnot a target\n")); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("%v", err)
	}
}

func TestParseResolver(t *testing.T) {
	for text, want := range map[string]string{"": "", "9.9.9.9": "9.9.9.9:53", "127.0.0.1:5353": "127.0.0.1:5353", "2620:fe::fe": "[2620:fe::fe]:53", "[2620:fe::fe]:53": "[2620:fe::fe]:53"} {
		if got, err := ParseResolver(text); err != nil || got != want {
			t.Errorf("%q: %q %v", text, got, err)
		}
	}
	for _, text := range []string{"dns.example.com", "9.9.9.9:x", "off", "9.9.9"} {
		if got, err := ParseResolver(text); err == nil {
			t.Errorf("%q is taken as %q", text, got)
		}
	}
}

func TestParseSPF(t *testing.T) {
	for text, good := range map[string]bool{
		"v=spf1 -all": true, "V=SPF1 a mx a:b.example/24 ip4:192.0.2.0/24 ip6:2001:db8::/32 include:x.example ?all": true,
		"v=spf1 exists:%{i}.x.example redirect=y.example": true, "v=spf1 exp=e.example unknown=thing -all": true, "v=spf1 ptr ~all": true,
		"v=spf2 -all": false, "v=spf1 ipv4:1.2.3.4 -all": false, "v=spf1 ip4:1.2.3 -all": false, "v=spf1 ip4:2001:db8::1": false, "v=spf1 ip4:1.2.3.4/33": false,
		"v=spf1 include: -all": false, "v=spf1 redirect=": false, "v=spf1 all:x": false, "v=spf1 -": false, "": false,
	} {
		if _, err := parseSPF(text); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestParseDKIM(t *testing.T) {
	for text, want := range map[string]string{
		dkimOnce(): "rsa 2048", dkimRecord(1024): "rsa 1024", strings.ReplaceAll(dkimOnce(), "; ", " ;\t"): "rsa 2048",
		"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=": "ed25519 256",
		"k=rsa; p=": "revoked", "v=DKIM1; p=AAAA": "bad", "v=DKIM1; p=@@": "bad", "v=DKIM1": "bad", "v=DKIM2; p=": "bad", "p=a; p=b": "bad", "k=dsa; p=AAAA": "bad", "nonsense": "bad",
	} {
		k, err := parseDKIM(text)
		got := fmt.Sprintf("%s %d", k.kind, k.bits)
		switch {
		case err != nil:
			got = "bad"
		case k.revoked:
			got = "revoked"
		}
		if got != want {
			t.Errorf("%.60q: %s, want %s (%v)", text, got, want, err)
		}
	}
}

func TestParseDMARC(t *testing.T) {
	for text, want := range map[string]string{
		"v=DMARC1; p=reject; rua=mailto:a@b.example": "reject 100", "v=DMARC1;p=none": "none 100", "v=DMARC1; p=Quarantine; pct=20": "quarantine 20",
		"p=reject; v=DMARC1": "bad", "v=DMARC1": "bad", "v=DMARC1; p=": "bad", "v=DMARC1; p=rejekt": "bad", "v=DMARC1; p=none; pct=x": "bad", "v=DMARC1; p=none; pct=101": "bad",
		"v=DMARC1; p=none; sp=no": "bad", "v=DMARC1; p": "bad", "v=DMARC10; p=none": "bad",
	} {
		d := parseDMARC(text)
		got := fmt.Sprintf("%s %d", d.policy, d.percent)
		if d.problem != "" {
			got = "bad"
		}
		if got != want {
			t.Errorf("%q: %s (%s), want %s", text, got, d.problem, want)
		}
	}
}

func TestReadHTML(t *testing.T) {
	base, err := url.Parse("https://cloud.example.com/dir/page")
	if err != nil {
		t.Fatal(err)
	}
	d := readHTML([]byte(`<!doctype html>
<base href="/other/">
<script src="a.js"></script><SCRIPT SRC='//cdn.example/b.js?x=1#y'></SCRIPT>
<script>
var one = "</scr" + "ipt>";
</script>
<!-- <script src="commented.js"></script> -->
<img src="http://img.example/p.gif">
<iframe src="http://frame.example/"></iframe><link rel="stylesheet" href="http://css.example/a.css"><link rel=canonical href="http://no.example/">
<script src="javascript:alert(1)"></script><script src="data:text/javascript,1"></script><script src="https://user:pw@evil.example/x.js"></script>
`), base)
	var got []string
	for _, s := range d.scripts {
		got = append(got, fmt.Sprintf("%s@%d", s.src, s.line))
	}
	if !slices.Equal(got, []string{"https://cloud.example.com/other/a.js@3", "https://cdn.example/b.js?x=1@3", "@4"}) || !strings.Contains(d.scripts[2].text, "ipt>") {
		t.Errorf("%q", got)
	}
	if !slices.Equal(d.active, []string{"http://frame.example/", "http://css.example/a.css"}) || !slices.Equal(d.passive, []string{"http://img.example/p.gif"}) {
		t.Errorf("%q %q", d.active, d.passive)
	}
}

// TestLookForToken: each way in which a page asks for a token, and what only looks
// like one.
func TestLookForToken(t *testing.T) {
	const host = `mc563885gzs27c5t9-63k636ttgm.auth.marketingcloudapis.com`
	for text, want := range map[string]string{
		`fetch("https://` + host + `/v2/token",{body:{client_secret:"` + aSecret + `"}})`:           "endpoint literal call",
		`x.open("POST","https:\/\/` + host + `\/v2\/token");x.send("client_secret="+s)`:             "endpoint call",
		`$.ajax({url:"https://auth.exacttargetapis.com/v1/requestToken",data:{clientSecret:s}})`:    "endpoint call",
		"// client_secret: \"" + aSecret + "\" for " + host:                                         "literal",
		"\n\n  a = {'client_secret' : '" + aSecret + "'}":                                           "literal",
		`{\"client_secret\":\"` + aSecret + `\"}`:                                                   "literal",
		`"client_id=1&client_secret=` + aSecret + `&grant_type=x"`:                                  "literal",
		`form.append("client_secret", "` + aSecret + `")`:                                           "literal",
		`client_secret: "YOUR_CLIENT_SECRET_123456"`:                                                "",
		`client_secret: "aaaaaaaaaaaaaaaaaaaaaaaa"`:                                                 "",
		`client_secret: configurationOfTheServerNow`:                                                "",
		`client_secret: process.env.CLIENT_SECRET`:                                                  "",
		`/* fetch("https://` + host + `/v2/token", client_secret) */ var r = /[/"]\/*/; go("x//y")`: "",
		`// see https://` + host + `/v2/token` + "\n" + `fetch("/relay")`:                           "",
		`location = "https://` + host + `/v2/authorize"`:                                            "",
	} {
		c := lookForToken([]byte(text))
		var got []string
		for _, x := range []struct {
			is   bool
			name string
		}{{c.endpoint, "endpoint"}, {c.literal.there(), "literal"}, {c.call.there(), "call"}} {
			if x.is {
				got = append(got, x.name)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", text, strings.Join(got, " "), want)
		}
	}
	c := lookForToken([]byte("\n\n  a = {'client_secret' : '" + aSecret + "'}"))
	if c.literal != (place{3, 27}) {
		t.Errorf("%+v", c.literal)
	}
}

func TestHSTS(t *testing.T) {
	for header, want := range map[string]float64{"max-age=86400": 24, `max-age="86400"; includeSubDomains`: 24, "includeSubDomains; Max-Age = 3600": 1, "max-age=99999999999999": 876000, "max-age=x": -1, "": -1, "max-age=-1": -1} {
		age, ok := hstsAge(header)
		if got := age.Hours(); (!ok && want >= 0) || (ok && got != want) {
			t.Errorf("%q: %v %v", header, got, ok)
		}
	}
}
