package secrets

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"keepwatch"
)

const canary = "q7-Canary-Zx81"

func env(values map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := values[name]
		return v, ok
	}
}

func TestParse(t *testing.T) {
	tests := []struct {
		ref  string
		fact string // of the error; "" when the reference is good
	}{
		{"env:SFMC_CRM", ""},
		{"env:_x9", ""},
		{"file:/run/secrets/crm", ""},
		{"file:crm.secret", ""},
		{"", "the secret reference is empty"},
		{"env:", "the name after env: is not the name of an environment variable (letters, digits and _)"},
		{"env:9LIVES", "the name after env: is not the name of an environment variable (letters, digits and _)"},
		{"env:" + canary, "the name after env: is not the name of an environment variable (letters, digits and _)"},
		{"env:A B", "the name after env: is not the name of an environment variable (letters, digits and _)"},
		{"file:", "there is no path after file:"},
		{"file:/a\nb", "there is no path after file:"},
		{"vault:secret/crm", `references of the scheme "vault:" are known but not available in this build yet`},
		{"awssm:x", `references of the scheme "awssm:" are known but not available in this build yet`},
		{"azurekv:x", `references of the scheme "azurekv:" are known but not available in this build yet`},
		{"gcpsm:x", `references of the scheme "gcpsm:" are known but not available in this build yet`},
		{"k8s:x", `references of the scheme "k8s:" are known but not available in this build yet`},
		{"sealed:crm-sync", ""},
		{"sealed:crm.sync_2+staged", ""},
		{"sealed:", "the name after sealed: is not the id of a credential"},
		{"sealed:" + canary + " x", "the name after sealed: is not the id of a credential"},
		{"sealed:crm+Staged", "the name after sealed: is not the id of a credential"},
		{"sealed:../crm", "the name after sealed: is not the id of a credential"},
		{canary, "this is a literal value, not a reference to a secret"},
		{canary + ":tail", "this is a literal value, not a reference to a secret"},
		{"ENV:NAME", "this is a literal value, not a reference to a secret"},
	}
	for _, tt := range tests {
		t.Run(tt.ref, func(t *testing.T) {
			ref, err := Parse(tt.ref)
			if tt.fact == "" {
				if err != nil || ref.String() != tt.ref {
					t.Fatalf("Parse = %v, %v", ref, err)
				}
				return
			}
			if err == nil || err.Error() != tt.fact+": invalid" {
				t.Fatalf("Parse error = %v, want %q", err, tt.fact)
			}
			if !errors.Is(err, keepwatch.ErrInvalid) || !strings.Contains(keepwatch.HintOf(err), "env:NAME") {
				t.Errorf("error %v is not ErrInvalid with a hint", err)
			}
			if strings.Contains(err.Error()+keepwatch.HintOf(err), canary) {
				t.Error("the error repeats the text")
			}
		})
	}
}

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return "file:" + path
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "plain"), link); err != nil {
		t.Fatal(err)
	}
	r := New(Options{LookupEnv: env(map[string]string{"SET": canary, "EMPTY": "", "BIG": strings.Repeat("x", MaxSize+1)})})
	tests := []struct{ name, ref, want, fact string }{
		{"variable", "env:SET", canary, ""},
		{"variable unset", "env:UNSET", "", "is not set"},
		{"variable empty", "env:EMPTY", "", "is empty"},
		{"variable too large", "env:BIG", "", "is larger than 64 KiB"},
		{"file", write("plain", canary), canary, ""},
		{"link", "file:" + link, canary, ""},
		{"newline", write("newline", canary+"\n"), canary, ""},
		{"windows newline", write("crlf", canary+"\r\n"), canary, ""},
		{"only one newline", write("two", canary+"\n\n"), canary + "\n", ""},
		{"space stays", write("space", canary+" "), canary + " ", ""},
		{"at the cap", write("cap", strings.Repeat("y", MaxSize)+"\n"), strings.Repeat("y", MaxSize), ""},
		{"over the cap", write("over", strings.Repeat("y", MaxSize+1)), "", "is larger than 64 KiB"},
		{"far over the cap", write("far", strings.Repeat(canary, MaxSize)), "", "is larger than 64 KiB"},
		{"empty file", write("empty", "\n"), "", "is empty"},
		{"missing", "file:" + filepath.Join(dir, "absent"), "", "does not exist"},
		{"folder", "file:" + dir, "", "is not a regular file"},
		{"device", "file:/dev/zero", "", "is not a regular file"},
		{"relative", "file:plain", "", "is not an absolute path"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := r.Resolve(t.Context(), tt.ref)
			if tt.fact == "" {
				if err != nil || string(s.Reveal()) != tt.want {
					t.Fatalf("Resolve = %d bytes, %v", len(s.Reveal()), err)
				}
				return
			}
			if err == nil || err.Error() != "secret "+tt.ref+" "+tt.fact+": unavailable" {
				t.Fatalf("error = %v, want fact %q", err, tt.fact)
			}
			if !errors.Is(err, keepwatch.ErrUnavailable) || keepwatch.HintOf(err) == "" {
				t.Errorf("error %v is not ErrUnavailable with a hint", err)
			}
		})
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Resolve(ended, "env:SET"); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context gave %v", err)
	}
}

func TestResolveReadsAtEachUse(t *testing.T) {
	values := map[string]string{"A": "one"}
	r := New(Options{LookupEnv: env(values)})
	first, _ := r.Resolve(t.Context(), "env:A")
	values["A"] = "two"
	second, _ := r.Resolve(t.Context(), "env:A")
	if string(first.Reveal()) != "one" || string(second.Reveal()) != "two" {
		t.Errorf("got %q then %q", first.Reveal(), second.Reveal())
	}
	if len(r.kept) != 0 {
		t.Error("bytes were kept though nothing was asked for")
	}
}

func TestKeepEndsAndWipes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		values := map[string]string{"A": "one"}
		r := New(Options{LookupEnv: env(values), Keep: 2 * time.Second})
		resolve := func() string {
			s, err := r.Resolve(t.Context(), "env:A")
			if err != nil {
				t.Fatal(err)
			}
			return string(s.Reveal())
		}
		first, _ := r.Resolve(t.Context(), "env:A")
		kept := r.kept[Reference{"env", "A"}]
		values["A"] = "two"
		if got := resolve(); got != "one" {
			t.Errorf("within the time: %q", got)
		}
		time.Sleep(2*time.Second + time.Millisecond)
		synctest.Wait()
		if len(r.kept) != 0 || string(kept) != "\x00\x00\x00" {
			t.Errorf("after the time: %d kept, bytes %q", len(r.kept), kept)
		}
		if string(first.Reveal()) != "one" {
			t.Error("wiping the kept copy changed a secret that was handed out")
		}
		if got := resolve(); got != "two" {
			t.Errorf("after the time: %q", got)
		}
	})
}

func TestFingerprintFollowsContentOnly(t *testing.T) {
	values := map[string]string{"A": "one", "B": "one"}
	r := New(Options{LookupEnv: env(values)})
	fingerprint := func(r *Resolver, ref string) string {
		f, err := r.Fingerprint(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	before := fingerprint(r, "env:A")
	if before != fingerprint(r, "env:A") {
		t.Error("the same content gave two fingerprints")
	}
	if before == fingerprint(r, "env:B") {
		t.Error("equal secrets of two references can be told from their fingerprints")
	}
	if before == fingerprint(New(Options{LookupEnv: env(values)}), "env:A") {
		t.Error("another process gives the same fingerprint")
	}
	values["A"] = "two"
	if before == fingerprint(r, "env:A") {
		t.Error("changed content went unnoticed")
	}
	if values["A"] != "two" || values["B"] != "one" {
		t.Error("fingerprinting changed the content")
	}
	if _, err := r.Fingerprint(t.Context(), "env:NONE"); !errors.Is(err, keepwatch.ErrUnavailable) {
		t.Errorf("an unset variable gave %v", err)
	}
}

func TestWarningAboutPermissions(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("file modes mean nothing here")
	}
	path := filepath.Join(t.TempDir(), "s")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, warns := range map[os.FileMode]bool{0o400: false, 0o600: false, 0o640: false, 0o644: true, 0o604: true, 0o660: true, 0o666: true} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if got := Warning("file:" + path); (got != "") != warns {
			t.Errorf("mode %04o: %q", mode, got)
		}
	}
	if Warning("env:A")+Warning("file:/absent/x")+Warning(canary) != "" {
		t.Error("a warning where there is nothing to warn of")
	}
}

func TestAbsolute(t *testing.T) {
	for in, want := range map[string]string{
		"file:crm.secret":      "file:/etc/keepwatch/crm.secret",
		"file:../run/crm":      "file:/etc/run/crm",
		"file:/run/crm.secret": "file:/run/crm.secret",
		"file:":                "file:",
		"env:NAME":             "env:NAME",
	} {
		if got := Absolute(in, "/etc/keepwatch"); got != want {
			t.Errorf("Absolute(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestIsReference(t *testing.T) {
	for in, want := range map[string]bool{"env:A": true, "file:x": true, "vault:x": true, "https://x": false, "plain": false, "": false} {
		if got := IsReference(in); got != want {
			t.Errorf("IsReference(%q) = %v", in, got)
		}
	}
}

// FuzzParse: whatever is not a reference is never repeated in the error.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"env:A", "file:/x", "vault:y", "literal", ":", "env:é", "file:\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text += canary
		ref, err := Parse(text)
		if err == nil && ref.String() != text {
			t.Fatalf("%q became %q", text, ref)
		}
		if err != nil && strings.Contains(err.Error(), canary) {
			t.Fatalf("the error repeats %q", text)
		}
	})
}
