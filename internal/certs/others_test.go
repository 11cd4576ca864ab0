package certs

import (
	"crypto/x509"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keepwatch"
)

// TestWhatOtherProgramsWrite reads what OpenSSL and keytool wrote.
func TestWhatOtherProgramsWrite(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.*")
	if err != nil || len(paths) < 14 {
		t.Fatalf("%d files, %v", len(paths), err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, ".md") {
			continue
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			found, err := trusting().Read(t.Context(), keepwatch.CertificateSource{File: file(t, "other", raw), Password: "hunter2"})
			if err != nil {
				t.Fatal(err)
			}
			clocks, problems := []string{ClockLeaf}, []string{SelfSigned}
			switch name := filepath.Base(path); {
			case strings.HasPrefix(name, "keytool."):
				clocks = []string{ClockLeaf, "certificate:sync"} // second comes first
			case name == "openssl.p7b":
				problems = []string{Broken}
			}
			if got := clocksOf(found); !slices.Equal(got, clocks) {
				t.Errorf("clocks %q, want %q", got, clocks)
			}
			if got := problemNames(found[0]); !slices.Equal(got, problems) {
				t.Errorf("problems %v: %+v", got, found[0].Problems)
			}
			if problems[0] == SelfSigned && (found[0].Subject != "sync.example.com" || found[0].NotAfter.Year() != 2126) {
				t.Errorf("read %s until %s", found[0].Subject, found[0].NotAfter)
			}
		})
	}
}

// TestAliasOfPKCS12 takes one entry by its name; Java does not mind its case.
func TestAliasOfPKCS12(t *testing.T) {
	raw, err := os.ReadFile("testdata/keytool.pkcs12")
	if err != nil {
		t.Fatal(err)
	}
	path := file(t, "a.p12", raw)
	for alias, want := range map[string][]string{"sync": {SelfSigned}, "Sync": {SelfSigned}, "gone": {Broken}} {
		found, err := trusting().Read(t.Context(), keepwatch.CertificateSource{File: path, Password: "hunter2", Alias: alias})
		if err != nil || len(found) != 1 || !slices.Equal(problemNames(found[0]), want) {
			t.Errorf("%s: %+v %v", alias, found, err)
		}
	}
}

// TestEveryPublicRoot reads the largest store that people have.
func TestEveryPublicRoot(t *testing.T) {
	raw, err := os.ReadFile("/etc/ssl/certs/ca-certificates.crt")
	if err != nil {
		raw = nil
		for range 120 {
			raw = append(raw, pemOf(issue(t, "A Root", nil, authority))...)
		}
	}
	found, took := readTimed(t, trusting(), keepwatch.CertificateSource{File: file(t, "roots.pem", raw)})
	if len(found) < 100 || took > limit {
		t.Errorf("%d certificates in %v", len(found), took)
	}
	names := clocksOf(found)
	slices.Sort(names)
	if len(slices.Compact(names)) != len(found) {
		t.Error("two clocks have one name")
	}
	t.Logf("%d certificates in %v", len(found), took)
}

// TestRC2 has the vectors of RFC 2268, section 5, with a full effective length.
func TestRC2(t *testing.T) {
	for _, v := range [][3]string{
		{"ffffffffffffffff", "ffffffffffffffff", "278b27e42e2f0d49"},
		{"3000000000000000", "1000000000000001", "30649edf9be7d2c2"},
		{"88bca90e90875a7f0f79c384627bafb2", "0000000000000000", "2269552ab0f85ca6"},
	} {
		key, _ := hex.DecodeString(v[0])
		sealed, _ := hex.DecodeString(v[2])
		k, out := newRC2(key), make([]byte, 8)
		k.Decrypt(out, sealed)
		if hex.EncodeToString(out) != v[1] {
			t.Errorf("%s deciphers to %x, want %s", v[2], out, v[1])
		}
		if k.Encrypt(out, out); hex.EncodeToString(out) != v[2] {
			t.Errorf("and back to %x", out)
		}
	}
}

func TestDriftFacts(t *testing.T) {
	root, middle, leaf := line(t)
	facts := func(list ...*issued) map[string]string {
		b := bundle{}
		for _, c := range list {
			b.take(c.Raw, "")
		}
		m := map[string]string{}
		for _, f := range b.judge(judgement{now: leaf.NotBefore})[0].Facts {
			m[f.Name] = f.Value
		}
		return m
	}
	changed := func(a, b map[string]string) (names []string) {
		for name := range a {
			if a[name] != b[name] {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return names
	}
	base := facts(leaf, middle, root)
	if len(base) != 4 {
		t.Fatalf("facts %v", base)
	}
	second := issue(t, "Second Intermediate", root, authority)
	for name, c := range map[string]struct {
		now  []*issued
		want []string
	}{
		"renewed with its key": {[]*issued{issueWith(t, leaf.key, host, middle, forHosts(host)), middle, root}, nil},
		"another key":          {[]*issued{issue(t, host, middle, forHosts(host)), middle, root}, []string{FactKey}},
		"another issuer":       {[]*issued{issueWith(t, leaf.key, host, second, forHosts(host)), second, root}, []string{FactChain, FactIssuer}},
		"a name gone":          {[]*issued{issueWith(t, leaf.key, host, middle, forHosts("x.example.com")), middle, root}, []string{FactNames}},
		"a chain cut short":    {[]*issued{leaf, middle}, []string{FactChain}},
		"the same, shuffled":   {[]*issued{root, middle, leaf}, nil},
	} {
		if got := changed(base, facts(c.now...)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v changed, want %v", name, got, c.want)
		}
	}
	many := issue(t, host, middle, func(c *x509.Certificate) {
		for i := range 400 {
			c.DNSNames = append(c.DNSNames, strings.Repeat("a", i%60+1)+"."+host)
		}
	})
	if v := facts(many)[FactNames]; len(v) > 2*maxFact {
		t.Errorf("a fact of %d bytes", len(v))
	}
}
