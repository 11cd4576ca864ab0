package certs

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"keepwatch"
)

// held is what every reading of any bytes has to hold: something is said, under
// names that differ, and what is broken has no date.
func held(t *testing.T, b bundle) {
	t.Helper()
	found := b.judge(judgement{now: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC), host: host})
	if len(found) == 0 || len(found) > maxCerts || found[0].Clock != ClockLeaf {
		t.Fatalf("%d certificates found", len(found))
	}
	names := map[string]bool{}
	for _, f := range found {
		if f.Clock == "" || names[f.Clock] || f.Subject == "" {
			t.Fatalf("clock %q of %q", f.Clock, f.Subject)
		}
		names[f.Clock] = true
		if len(f.Facts) == 0 && len(f.Problems) == 0 {
			t.Fatalf("nothing is said of %s", f.Clock)
		}
		for _, p := range f.Problems {
			if p.Name == "" || p.Message == "" || p.Hint == "" || len(p.Message) > 600 {
				t.Fatalf("problem %+v", p)
			}
		}
		for _, fact := range f.Facts {
			if len(fact.Value) > 2*maxFact {
				t.Fatalf("fact %s of %d bytes", fact.Name, len(fact.Value))
			}
		}
	}
}

func seeds(f *testing.F) (all [][]byte) {
	paths, _ := filepath.Glob("testdata/*.*")
	for _, p := range paths {
		if raw, err := os.ReadFile(p); err == nil {
			all = append(all, raw)
		}
	}
	root, middle, leaf := line(f)
	return append(all, pemOf(leaf, middle, root), leaf.Raw, jks(f, "hunter2", map[string][]*issued{"sync": {leaf, middle}}),
		[]byte("<a><X509Certificate>MIIB</X509Certificate></a>"))
}

// FuzzFile reads any bytes as a file.
func FuzzFile(f *testing.F) {
	for _, raw := range seeds(f) {
		f.Add(raw, "hunter2", "")
		f.Add(raw, "", "sync")
	}
	f.Fuzz(func(t *testing.T, raw []byte, password, alias string) {
		held(t, parse(raw, keepwatch.NewSecret([]byte(password)), alias))
	})
}

// FuzzKeystore goes past the first bytes that tell the formats apart.
func FuzzKeystore(f *testing.F) {
	for _, raw := range seeds(f) {
		f.Add(raw, true)
		f.Add(raw, false)
	}
	f.Fuzz(func(t *testing.T, raw []byte, java bool) {
		password := keepwatch.NewSecret([]byte("hunter2"))
		if java {
			held(t, parseJKS(append([]byte{0xfe, 0xed, 0xfe, 0xed}, raw...), password, ""))
			return
		}
		held(t, parsePKCS12(raw, password, ""))
	})
}

// TestEveryCut ends every file early, and changes a bit of it, at every eleventh byte.
func TestEveryCut(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.*")
	if err != nil {
		t.Fatal(err)
	}
	slowest, readings := time.Duration(0), 0
	for _, p := range paths {
		raw, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(raw); at += 11 {
			changed := append([]byte(nil), raw...)
			changed[at] ^= byte(1 << (at % 8))
			for _, b := range [][]byte{raw[:at], changed} {
				began := time.Now()
				held(t, parse(b, keepwatch.NewSecret([]byte("hunter2")), ""))
				slowest = max(slowest, time.Since(began))
				readings++
			}
		}
	}
	t.Logf("%d readings, the slowest took %v", readings, slowest)
}
