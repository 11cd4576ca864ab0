package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pavlo-v-chernykh/keystore-go/v4"
	"software.sslmate.com/src/go-pkcs12"

	"keepwatch"
)

// limit is what a reading of the corpus may take. The best of three counts: the
// machine has other work.
const limit = 200 * time.Millisecond

type exhibit struct {
	name     string
	file     []byte
	show     []*issued // shown by an endpoint instead
	config   *tls.Config
	source   keepwatch.CertificateSource
	problems []string
	clocks   []string // nil: the leaf alone
}

const hour = time.Hour

func corpus(t *testing.T) (*Reader, []exhibit) {
	root, middle, leaf := line(t)
	nobody, goBetweenbetween, stranger := line(t)
	expired := issue(t, host, middle, forHosts(host), between(-48*hour, -24*hour))
	early := issue(t, host, middle, forHosts(host), between(24*hour, 48*hour))
	alone := issue(t, host, nil, forHosts(host))
	weak := issueWith(t, rsaKey(t, 1024), host, middle, forHosts(host))
	oldMiddle := issue(t, "Old Intermediate", root, authority, between(-48*hour, -24*hour))
	underOld := issue(t, host, oldMiddle, forHosts(host), between(-36*hour, 24*hour))
	client := issue(t, host, middle, func(c *x509.Certificate) {
		c.DNSNames, c.ExtKeyUsage = []string{host}, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	})
	up := issue(t, "Up 0", root, authority)
	ten, tenNames := []*issued{up}, []string{"chain:Up 0"}
	for _, name := range []string{"Up 1", "Up 2", "Up 3", "Up 4", "Up 5", "Up 6", "Up 7", "Up 8"} {
		up = issue(t, name, up, authority)
		ten, tenNames = append([]*issued{up}, ten...), append([]string{"chain:" + name}, tenNames...)
	}
	ten = append([]*issued{issue(t, host, up, forHosts(host))}, ten...)
	tenNames = append([]string{ClockLeaf}, tenNames...)

	p12 := func(e *pkcs12.Encoder, password string) []byte {
		b, err := e.Encode(leaf.key, leaf.Certificate, []*x509.Certificate{middle.Certificate, root.Certificate}, password)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	modern := p12(pkcs12.Modern2023, "hunter2")
	store := jks(t, "hunter2", map[string][]*issued{"sync": {leaf, middle, root}, "other": {alone}})
	named := keepwatch.CertificateSource{ServerName: host}
	open := keepwatch.CertificateSource{Password: "hunter2"}
	line3 := []string{ClockLeaf, "chain:Test Intermediate", "chain:Test Root"}
	metadata := `<?xml version="1.0"?><md:EntityDescriptor xmlns:md="m" xmlns:ds="d"><ds:X509Certificate>` + "\n" +
		base64.StdEncoding.EncodeToString(alone.Raw) + "\n</ds:X509Certificate></md:EntityDescriptor>"
	list := []exhibit{
		// shown by an endpoint
		{name: "good", show: []*issued{leaf, middle}, clocks: line3[:2]},
		{name: "good with its root", show: []*issued{leaf, middle, root}, clocks: line3},
		{name: "expired", show: []*issued{expired, middle}, problems: []string{Expired}, clocks: line3[:2]},
		{name: "not yet valid", show: []*issued{early, middle}, problems: []string{NotYetValid}, clocks: line3[:2]},
		{name: "self-signed", show: []*issued{alone}, problems: []string{SelfSigned}},
		{name: "wrong host", show: []*issued{leaf, middle}, source: keepwatch.CertificateSource{ServerName: "other.example.com"},
			problems: []string{WrongHost}, clocks: line3[:2]},
		{name: "weak key", show: []*issued{weak, middle}, problems: []string{WeakKey}, clocks: line3[:2]},
		{name: "chain cut short", show: []*issued{leaf}, problems: []string{ChainIncomplete}},
		{name: "another's intermediate", show: []*issued{stranger, middle}, problems: []string{ChainIncomplete}, clocks: line3[:2]},
		{name: "root nobody trusts", show: []*issued{stranger, goBetweenbetween, nobody}, problems: []string{Untrusted}, clocks: line3},
		{name: "for clients only", show: []*issued{client, middle}, problems: []string{Untrusted}, clocks: line3[:2]},
		{name: "intermediate ended", show: []*issued{underOld, oldMiddle}, clocks: []string{ClockLeaf, "chain:Old Intermediate"}},
		{name: "ten certificates", show: ten, clocks: tenNames},
		{name: "wants a client certificate", show: []*issued{leaf, middle}, config: &tls.Config{ClientAuth: tls.RequireAnyClientCert}, clocks: line3[:2]},
		{name: "wants one, TLS 1.2", show: []*issued{leaf, middle}, config: &tls.Config{ClientAuth: tls.RequireAnyClientCert, MaxVersion: tls.VersionTLS12}, clocks: line3[:2]},

		// files
		{name: "PEM", file: pemOf(leaf, middle, root), clocks: line3},
		{name: "PEM upside down", file: pemOf(root, middle, leaf), clocks: line3},
		{name: "PEM twice the same", file: pemOf(leaf, leaf, middle), clocks: line3[:2]},
		{name: "PEM with prose and key", file: slices.Concat([]byte("Bag Attributes\r\n"), pemOf(leaf), []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"))},
		{name: "PEM expired", file: pemOf(expired), problems: []string{Expired}},
		{name: "PEM not yet valid", file: pemOf(early), problems: []string{NotYetValid}},
		{name: "PEM self-signed", file: pemOf(alone), problems: []string{SelfSigned}},
		{name: "PEM weak key", file: pemOf(weak), problems: []string{WeakKey}},
		{name: "PEM wrong host", file: pemOf(leaf), source: keepwatch.CertificateSource{ServerName: "other.example.com"}, problems: []string{WrongHost}},
		{name: "PEM right host", file: pemOf(leaf), source: named},
		{name: "PEM another's chain", file: pemOf(stranger, middle, root), problems: []string{ChainIncomplete}, clocks: line3},
		{name: "PEM one broken", file: append(pemOf(leaf), []byte("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")...), problems: []string{Broken}},
		{name: "PEM cut short", file: pemOf(leaf)[:300], problems: []string{Broken}},
		{name: "PEM without certificate", file: []byte("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), problems: []string{Broken}},
		{name: "DER", file: leaf.Raw},
		{name: "DER cut short", file: leaf.Raw[:200], problems: []string{Broken}},
		{name: "DER changed", file: bytes.Replace(leaf.Raw, []byte{0x06, 0x03, 0x55}, []byte{0x06, 0x83, 0x55}, 1), problems: []string{Broken}},
		{name: "base64 alone", file: []byte(base64.StdEncoding.EncodeToString(leaf.Raw) + "\n")},
		{name: "SAML metadata", file: []byte(metadata), problems: []string{SelfSigned}},
		{name: "PKCS#12 modern", file: modern, source: open, clocks: line3},
		{name: "PKCS#12 of 2026", file: p12(pkcs12.Modern2026, "hunter2"), source: open, clocks: line3},
		{name: "PKCS#12 3DES", file: p12(pkcs12.LegacyDES, "hunter2"), source: open, clocks: line3},
		{name: "PKCS#12 RC2", file: p12(pkcs12.LegacyRC2, "hunter2"), source: open, clocks: line3},
		{name: "PKCS#12 empty password", file: p12(pkcs12.LegacyDES, ""), clocks: line3},
		{name: "PKCS#12 no password", file: p12(pkcs12.Passwordless, ""), clocks: line3},
		{name: "PKCS#12 non-ASCII password", file: p12(pkcs12.Modern2023, "Schlüssel"), source: keepwatch.CertificateSource{Password: "Schlüssel"}, clocks: line3},
		{name: "PKCS#12 wrong password", file: modern, source: keepwatch.CertificateSource{Password: "hunter3"}, problems: []string{WrongPassword}},
		{name: "PKCS#12 without the password", file: modern, problems: []string{WrongPassword}},
		{name: "PKCS#12 cut short", file: modern[:len(modern)/2], source: open, problems: []string{Broken}},
		{name: "PKCS#12 that costs too much", file: costly(t, modern), source: open, problems: []string{Broken}},
		{name: "PKCS#12 many rounds", file: p12(pkcs12.Modern2023.WithIterations(50_000), "hunter2"), source: open, clocks: line3},
		{name: "JKS one entry", file: store, source: keepwatch.CertificateSource{Password: "hunter2", Alias: "sync"}, clocks: line3},
		{name: "JKS without password", file: store, source: keepwatch.CertificateSource{Alias: "SYNC"}, clocks: line3},
		{name: "JKS every entry", file: store, source: open, problems: []string{SelfSigned}, clocks: append([]string{ClockLeaf, "certificate:sync"}, line3[1:]...)},
		{name: "JKS wrong password", file: store, source: keepwatch.CertificateSource{Password: "nope", Alias: "sync"}, problems: []string{WrongPassword}, clocks: line3},
		{name: "JKS without that entry", file: store, source: keepwatch.CertificateSource{Alias: "gone"}, problems: []string{Broken}},
		{name: "JKS cut short", file: store[:len(store)-30], source: keepwatch.CertificateSource{Alias: "sync"}, problems: []string{Broken}, clocks: line3[:2]},
		{name: "JKS without its seal", file: store[:len(store)-5], source: open, problems: []string{Broken, SelfSigned}, clocks: append([]string{ClockLeaf, "certificate:sync"}, line3[1:]...)},
		{name: "JKS that lies", file: []byte("\xfe\xed\xfe\xed\x00\x00\x00\x02\xff\xff\xff\xff\x00\x00\x00\x01\x00\x01a\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff"), problems: []string{Broken}},
		{name: "PKCS#7", file: []byte{0x30, 0x0b, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02}, problems: []string{Broken}},
		{name: "BER", file: []byte{0x30, 0x80, 0x02, 0x01, 0x03, 0, 0}, problems: []string{Broken}},
		{name: "empty", file: []byte{}, problems: []string{Broken}},
		{name: "noise", file: []byte("hunter2 is no certificate"), problems: []string{Broken}},
		{name: "too large", file: bytes.Repeat([]byte("-----BEGIN CERTIFICATE-----\n"), 50_000), problems: []string{Broken}},
		{name: "hopeful", file: bytes.Repeat([]byte("-----BEGIN CERTIFICATE-----\n"), 37_000), problems: []string{Broken}},
	}
	return trusting(root), list
}

// TestCorpus names each exhibit, none panics, each is read in time.
func TestCorpus(t *testing.T) {
	reader, list := corpus(t)
	slowest, which := time.Duration(0), ""
	for _, e := range list {
		t.Run(e.name, func(t *testing.T) {
			source := e.source
			if e.show != nil {
				source.Endpoint = serve(t, e.config, e.show...)
				if source.ServerName == "" {
					source.ServerName = host
				}
			} else {
				source.File = file(t, "exhibit", e.file)
			}
			found, took := readTimed(t, reader, source)
			if took > slowest {
				slowest, which = took, e.name
			}
			if took > limit {
				t.Errorf("took %v", took)
			}
			if got := problemNames(found[0]); !slices.Equal(got, e.problems) {
				t.Errorf("problems %v, want %v: %+v", got, e.problems, found[0].Problems)
			}
			want := e.clocks
			if want == nil {
				want = []string{ClockLeaf}
			}
			if got := clocksOf(found); !slices.Equal(got, want) {
				t.Errorf("clocks %q, want %q", got, want)
			}
			for _, p := range found[0].Problems {
				if p.Message == "" || p.Hint == "" || strings.Contains(p.Message, "hunter2") {
					t.Errorf("words of %s: %q %q", p.Name, p.Message, p.Hint)
				}
			}
		})
	}
	t.Logf("%d exhibits, the slowest (%s) took %v", len(list), which, slowest)
}

func readTimed(t *testing.T, r *Reader, s keepwatch.CertificateSource) (found []Found, best time.Duration) {
	t.Helper()
	for range 3 {
		began := time.Now()
		list, err := r.Read(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); best == 0 || took < best {
			best = took
		}
		found = list
	}
	return found, best
}

// jks writes a keystore with a library that shares nothing with the reader.
func jks(t testing.TB, password string, entries map[string][]*issued) []byte {
	t.Helper()
	store := keystore.New(keystore.WithOrderedAliases())
	for alias, chain := range entries {
		e := keystore.PrivateKeyEntry{CreationTime: time.Now(), PrivateKey: []byte("key of no use")}
		for _, c := range chain {
			e.CertificateChain = append(e.CertificateChain, keystore.Certificate{Type: "X.509", Content: c.Raw})
		}
		if err := store.SetPrivateKeyEntry(alias, e, []byte(password)); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := store.Store(&b, []byte(password)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// costly makes a file ask for 2,130,706,433 rounds instead of its 2,048.
func costly(t testing.TB, p12 []byte) []byte {
	t.Helper()
	at := bytes.LastIndex(p12, []byte{0x02, 0x02, 0x08, 0x00})
	if at < 0 || at != len(p12)-4 {
		t.Fatal("the rounds of the seal are not where they were")
	}
	out := append(bytes.Clone(p12[:at]), 0x02, 0x04, 0x7f, 0x00, 0x00, 0x01)
	// Two more bytes in the seal and in the file.
	for _, sequence := range []int{0, len(p12) - macLength(p12)} {
		switch {
		case out[sequence+1] == 0x82:
			size := int(out[sequence+2])<<8 | int(out[sequence+3])
			size += 2
			out[sequence+2], out[sequence+3] = byte(size>>8), byte(size)
		case out[sequence+1] < 0x7e:
			out[sequence+1] += 2
		default:
			t.Fatal("the file is built in another way")
		}
	}
	return out
}

// macLength finds the seal: the last element of the file.
func macLength(p12 []byte) int {
	for n := 2; n < 128; n++ {
		if at := len(p12) - n; p12[at] == 0x30 && int(p12[at+1]) == n-2 {
			if n > 40 {
				return n
			}
		}
	}
	return 0
}

func TestTrustStores(t *testing.T) {
	root, middle, _ := line(t)
	other := issue(t, "Other Root", nil, authority)
	raw, err := pkcs12.Modern2023.EncodeTrustStore([]*x509.Certificate{root.Certificate, other.Certificate}, "hunter2")
	if err != nil {
		t.Fatal(err)
	}
	found, err := trusting().Read(t.Context(), keepwatch.CertificateSource{File: file(t, "trust.p12", raw), Password: "hunter2"})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 2 || found[0].Clock != ClockLeaf || !strings.HasPrefix(found[1].Clock, "certificate:") {
		t.Errorf("clocks %q", clocksOf(found))
	}
	for _, f := range found {
		if len(f.Problems) != 0 {
			t.Errorf("%s: %v", f.Clock, f.Problems)
		}
	}
	found, err = trusting().Read(t.Context(), keepwatch.CertificateSource{File: file(t, "ca.pem", pemOf(middle, root))})
	if err != nil || !slices.Equal(clocksOf(found), []string{ClockLeaf, "chain:Test Root"}) {
		t.Errorf("%q %v", clocksOf(found), err)
	}
}
