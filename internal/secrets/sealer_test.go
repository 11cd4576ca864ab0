package secrets

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"keepwatch"
)

// keyLine is a key as a file holds it; another seed makes another one.
func keyLine(seed byte) string {
	b := make([]byte, 32)
	for i := range b {
		b[i] = seed + byte(i)*7
	}
	return base64.StdEncoding.EncodeToString(b)
}

func sealer(t *testing.T, lines ...string) *Sealer {
	t.Helper()
	s, err := NewSealer(keepwatch.NewSecret([]byte(strings.Join(lines, "\n"))))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func seal(t *testing.T, s *Sealer, tenant keepwatch.TenantID, id, secret string) string {
	t.Helper()
	text, err := s.Seal(tenant, id, keepwatch.NewSecret([]byte(secret)))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestSealAndOpen(t *testing.T) {
	s := sealer(t, keyLine(1))
	for _, secret := range []string{"x", canary, strings.Repeat("ü", 1000), "\x00\xff\n", strings.Repeat("k", MaxSize)} {
		text := seal(t, s, "emea", "crm-sync", secret)
		got, err := s.Open("emea", "crm-sync", text)
		if err != nil || string(got.Reveal()) != secret {
			t.Errorf("%d bytes came back as %d, %v", len(secret), len(got.Reveal()), err)
		}
	}
	first, second := seal(t, s, "emea", "crm-sync", canary), seal(t, s, "emea", "crm-sync", canary)
	if first == second {
		t.Error("the same secret is sealed to the same text twice: equal secrets can be told from it")
	}
	if strings.Contains(first, canary) || !strings.HasPrefix(first, "kw1.") {
		t.Errorf("sealed text %q", first)
	}
}

func TestSealRefuses(t *testing.T) {
	s := sealer(t, keyLine(1))
	for name, tt := range map[string]struct {
		id     string
		secret string
	}{
		"no content":  {"crm", ""},
		"too large":   {"crm", strings.Repeat("x", MaxSize+1)},
		"no id":       {"", canary},
		"not an id":   {"crm sync", canary},
		"NUL in id":   {"crm\x00x", canary},
		"a long part": {"crm+" + strings.Repeat("x", 33), canary},
	} {
		_, err := s.Seal("emea", tt.id, keepwatch.NewSecret([]byte(tt.secret)))
		if !errors.Is(err, keepwatch.ErrInvalid) || strings.Contains(fmt.Sprint(err), canary) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestASealedTextOpensForItsRecordAlone(t *testing.T) {
	s := sealer(t, keyLine(1))
	text := seal(t, s, "emea", "crm-sync", canary)
	body := []byte(text)
	flip := func(i int) string {
		b := bytes.Clone(body)
		if b[i] = 'A'; body[i] == 'A' {
			b[i] = 'B'
		}
		return string(b)
	}
	version, rest, _ := strings.Cut(text, ".")
	id, _, _ := strings.Cut(rest, ".")
	tests := map[string]struct {
		tenant keepwatch.TenantID
		id     string
		text   string
	}{
		"another credential":   {"emea", "crm-sync2", text},
		"another part of it":   {"emea", "crm-sync+staged", text},
		"another tenant":       {"us", "crm-sync", text},
		"a border moved":       {"emea\x00crm", "sync", text},
		"nonce changed":        {"emea", "crm-sync", flip(len(version) + len(id) + 4)},
		"content changed":      {"emea", "crm-sync", flip(len(text) - 8)},
		"cut":                  {"emea", "crm-sync", text[:len(text)-4]},
		"cut within the nonce": {"emea", "crm-sync", text[:20]},
		"nothing":              {"emea", "crm-sync", ""},
		"not base64":           {"emea", "crm-sync", text + "!"},
		"a literal secret":     {"emea", "crm-sync", canary},
		"a newer form":         {"emea", "crm-sync", "kw2" + text[3:]},
		"an unknown key":       {"emea", "crm-sync", "kw1.00000000" + text[12:]},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := s.Open(tt.tenant, tt.id, tt.text)
			if err == nil || !got.Empty() {
				t.Fatalf("it opened, with %d bytes", len(got.Reveal()))
			}
			if !errors.Is(err, keepwatch.ErrUnavailable) || keepwatch.HintOf(err) == "" {
				t.Errorf("%v is not ErrUnavailable with a hint", err)
			}
			if all := err.Error() + keepwatch.HintOf(err); strings.Contains(all, canary) || strings.Contains(all, text[12:30]) {
				t.Errorf("the error shows content: %s", all)
			}
		})
	}
	if _, err := s.Open("emea", "crm-sync", text); err != nil {
		t.Errorf("the text itself: %v", err)
	}
}

func TestKeysRotate(t *testing.T) {
	old := sealer(t, keyLine(1))
	text := seal(t, old, "emea", "crm", canary)
	both := sealer(t, keyLine(2), keyLine(1))
	if !both.Old(text) || old.Old(text) {
		t.Errorf("old under both keys %v, under its own %v", both.Old(text), old.Old(text))
	}
	fresh, err := both.Reseal("emea", "crm", text)
	if err != nil {
		t.Fatal(err)
	}
	if both.Old(fresh) {
		t.Error("what was sealed anew is old")
	}
	if _, err := both.Reseal("emea", "other", text); err == nil {
		t.Error("resealing opened it for another record")
	}
	alone := sealer(t, keyLine(2))
	if got, err := alone.Open("emea", "crm", fresh); err != nil || string(got.Reveal()) != canary {
		t.Errorf("the new key alone: %v", err)
	}
	_, err = alone.Open("emea", "crm", text)
	if !errors.Is(err, keepwatch.ErrUnavailable) || !strings.Contains(keepwatch.HintOf(err), "server.seal_key") {
		t.Errorf("without the old key: %v (%s)", err, keepwatch.HintOf(err))
	}
}

func TestNewSealerRefusesBadKeys(t *testing.T) {
	many := make([]string, maxKeys+1)
	for i := range many {
		many[i] = keyLine(byte(i + 1))
	}
	for name, text := range map[string]string{
		"empty":        "",
		"blank":        " \n\n",
		"not base64":   canary,
		"hex":          strings.Repeat("ab", 32),
		"16 bytes":     base64.StdEncoding.EncodeToString([]byte(canary + canary)[:16]),
		"33 bytes":     base64.StdEncoding.EncodeToString([]byte(strings.Repeat(canary, 3))[:33]),
		"zeros":        base64.StdEncoding.EncodeToString(make([]byte, 32)),
		"twice":        keyLine(1) + "\n" + keyLine(1),
		"bad second":   keyLine(1) + "\n" + canary,
		"far too many": strings.Join(many, "\n"),
	} {
		_, err := NewSealer(keepwatch.NewSecret([]byte(text)))
		if !errors.Is(err, keepwatch.ErrInvalid) || keepwatch.HintOf(err) != MakeKey {
			t.Errorf("%s: %v (%s)", name, err, keepwatch.HintOf(err))
		}
		if text != "" && strings.Contains(fmt.Sprint(err), strings.Fields(text + " none")[0]) {
			t.Errorf("%s: the error repeats the text: %v", name, err)
		}
	}
	if _, err := NewSealer(keepwatch.NewSecret([]byte(keyLine(1) + "\r\n" + keyLine(2) + "\r\n"))); err != nil {
		t.Errorf("a file with Windows line ends: %v", err)
	}
}

func TestResolveSealed(t *testing.T) {
	s := sealer(t, keyLine(1))
	held := map[string]string{"crm": seal(t, s, "emea", "crm", canary), "moved": seal(t, s, "emea", "crm", canary)}
	source := func(_ context.Context, id string) (keepwatch.Secret, error) {
		text, ok := held[id]
		if !ok {
			return keepwatch.Secret{}, keepwatch.WithHint(fmt.Errorf("nothing is sealed for it: %w", keepwatch.ErrNotFound), "enter the secret")
		}
		return s.Open("emea", id, text)
	}
	r := New(Options{Sealed: source})
	got, err := r.Resolve(t.Context(), SealedRef("crm", ""))
	if err != nil || string(got.Reveal()) != canary {
		t.Fatalf("%d bytes, %v", len(got.Reveal()), err)
	}
	before, err := r.Fingerprint(t.Context(), "sealed:crm")
	if err != nil {
		t.Fatal(err)
	}
	held["crm"] = seal(t, s, "emea", "crm", canary)
	if same, _ := r.Fingerprint(t.Context(), "sealed:crm"); same != before {
		t.Error("sealing the same secret anew looks like a new secret")
	}
	held["crm"] = seal(t, s, "emea", "crm", "another")
	if other, _ := r.Fingerprint(t.Context(), "sealed:crm"); other == before {
		t.Error("a new secret went unnoticed")
	}
	for _, ref := range []string{"sealed:moved", "sealed:nobody"} {
		_, err := r.Resolve(t.Context(), ref)
		if !errors.Is(err, keepwatch.ErrUnavailable) || keepwatch.HintOf(err) == "" || !strings.Contains(err.Error(), ref) || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v (%s)", ref, err, keepwatch.HintOf(err))
		}
	}
	_, err = New(Options{}).Resolve(t.Context(), "sealed:crm")
	if !errors.Is(err, keepwatch.ErrUnavailable) || !strings.Contains(keepwatch.HintOf(err), "server.seal_key") {
		t.Errorf("without a key: %v (%s)", err, keepwatch.HintOf(err))
	}
}

func TestASealedSecretBelongsToOneCredential(t *testing.T) {
	if got := SealedRef("crm", "staged"); got != "sealed:crm+staged" || Validate(got) != nil {
		t.Errorf("reference %q, %v", got, Validate(got))
	}
	for ref, want := range map[string]bool{
		"sealed:crm": true, "sealed:crm+staged": true, "env:CRM": true, "file:/x": true, "": true,
		"sealed:crm2": false, "sealed:cr": false, "sealed:other+crm": false, "sealed:": false,
	} {
		if got := Owns("crm", ref); got != want {
			t.Errorf("Owns(crm, %q) = %v", ref, got)
		}
	}
}

// FuzzOpen: whatever stands in the database, opening it neither panics nor shows it.
func FuzzOpen(f *testing.F) {
	s, err := NewSealer(keepwatch.NewSecret([]byte(keyLine(1))))
	if err != nil {
		f.Fatal(err)
	}
	good, _ := s.Seal("emea", "crm", keepwatch.NewSecret([]byte(canary)))
	for _, seed := range []string{good, good[:30], "kw1..", "kw1." + s.keys[0].id + ".", "kw9.x.y", ".", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := s.Open("emea", "crm", text)
		if err == nil && string(got.Reveal()) != canary {
			t.Fatal("something opened that was never sealed")
		}
		if err != nil && len(text) > 30 && strings.Contains(err.Error(), text) {
			t.Fatalf("the error repeats the text: %v", err)
		}
	})
}
