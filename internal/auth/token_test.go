package auth

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"keepwatch"
)

func TestNewTokenPassesItsOwnCheck(t *testing.T) {
	seen := map[string]bool{}
	for range 200 {
		token, hash := NewToken()
		text := string(token.Reveal())
		if len(text) != 41 || !strings.HasPrefix(text, "kw_") || strings.Trim(text[3:], base62) != "" {
			t.Fatalf("token has the wrong form (length %d)", len(text))
		}
		got, err := CheckToken(text)
		if err != nil || got != hash || len(hash) != 64 {
			t.Fatalf("CheckToken = %q, %v; want the hash of NewToken", got, err)
		}
		if seen[text] || strings.Contains(fmt.Sprintf("%v %+v %#v %s", token, token, token, token), text) {
			t.Fatal("a token twice, or one that prints itself")
		}
		seen[text] = true
	}
}

// The test vector pins the checksum: tokens that are in use must stay good.
func TestCheckTokenVector(t *testing.T) {
	const body = "kw_0123456789ABCDEFGHIJKLMNOPQRSTUV"
	hash, err := CheckToken(body + checksum(body))
	if err != nil || hash != HashToken(body+checksum(body)) {
		t.Fatalf("CheckToken = %q, %v", hash, err)
	}
	if sum := checksum(body); sum != "2jnASr" {
		t.Errorf("checksum = %q", sum)
	}
}

func TestCheckTokenTellsTypingErrors(t *testing.T) {
	token, _ := NewToken()
	good := string(token.Reveal())
	for i := 3; i < len(good); i++ {
		other := byte('a')
		if good[i] == 'a' {
			other = 'b'
		}
		wrong := good[:i] + string(other) + good[i+1:]
		_, err := CheckToken(wrong)
		if err == nil || !strings.Contains(err.Error(), "typing error") {
			t.Fatalf("character %d changed: %v", i, err)
		}
	}
	for name, text := range map[string]string{
		"is not a Keepwatch token": "ghp_" + good[3:],
		"incomplete":               good[:30],
		"too long":                 good + "x",
	} {
		_, err := CheckToken(text)
		if err == nil || !strings.Contains(err.Error(), name) || !errors.Is(err, keepwatch.ErrUnauthorized) || keepwatch.HintOf(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), good[3:30]) {
			t.Errorf("%s: the error repeats the token", name)
		}
	}
}

func TestBearerToken(t *testing.T) {
	for header, want := range map[string]string{
		"Bearer kw_x": "kw_x", "bearer  kw_x ": "kw_x", "Bearer": "", "Bearer ": "", "Basic kw_x": "", "": "",
	} {
		got, ok := BearerToken(header)
		if ok != (want != "") || ok && got != want {
			t.Errorf("BearerToken(%q) = %q, %v", header, got, ok)
		}
	}
}

func TestRandomTextUsesTheWholeAlphabetEvenly(t *testing.T) {
	const n = 62 * 2000
	counts := map[rune]int{}
	for _, r := range randomText(base62, n) {
		counts[r]++
	}
	for _, r := range base62 {
		// 2000 expected, standard deviation 44: seven of them either way.
		if counts[r] < 1690 || counts[r] > 2310 {
			t.Errorf("%q came %d times of %d", r, counts[r], n)
		}
	}
}

func FuzzCheckToken(f *testing.F) {
	token, _ := NewToken()
	f.Add(string(token.Reveal()))
	f.Add("kw_")
	f.Fuzz(func(t *testing.T, text string) {
		if hash, err := CheckToken(text); err == nil && (len(text) != 41 || hash != HashToken(text)) {
			t.Fatalf("%q passed", text)
		}
	})
}
